"""Changed images survive a record, and older records lack them."""

import msgspec

from retinaface.records.changed_images import ChangedBox, ChangedImage, Differences

BOX = ChangedBox(kind="lost", score=0.5, box_xyxy=(1.0, 2.0, 3.0, 4.0))


def test_changed_images_are_read_as_they_were_written():
    kept = Differences(n=1, n_all=9, share=1 / 9, allowed=0.1)
    kept.images = [ChangedImage(image="e/0", n_compared=9, boxes=[BOX])]
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Differences) == kept


def test_a_record_of_before_has_none():
    old = {"n": 1, "n_all": 9, "share": 1 / 9, "allowed": 0.1, "causes": {"lost: tie": 1}}
    assert msgspec.convert(old, Differences).images == []
