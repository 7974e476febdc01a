"""Images and detections of all images are compared, whatever a few traced ones show."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_fields

from retinaface.comparison.export_steps import Stage
from retinaface.comparison.image_steps import detections_stage, images_stage, list_difference
from retinaface.comparison.pairs import Pair
from retinaface.records.read import Run
from tests.support.made.records import IMAGES, RESULT
from tests.support.made.traced_records import make_traced_run


def pair_of(old, new):
    return Pair((old, new), (RESULT, RESULT))


def of_release_before(run, sha256):
    """Give a run as a release kept it that knew all images by one hash alone."""
    (result,) = run.record.results
    known = replace_fields(result, image_files_sha256=sha256, n_images=len(IMAGES))
    bare = Run(run.folder, run.name, replace_fields(run.record, results=[known]))
    object.__setattr__(bare, "image_sha256", lambda _: {})
    return bare


@pytest.mark.parametrize(("sha256", "state"), [("a", "same"), ("b", "MOVED")])
def test_one_hash_of_all_images_tells_where_there_is_none_of_each(tmp_path, sha256, state):
    old, new = (make_traced_run(tmp_path / name) for name in "ab")
    stage = images_stage(
        pair_of(of_release_before(old, "a" * 64), of_release_before(new, sha256 * 64))
    )
    assert stage.state == state
    assert stage.text.startswith("all 60 images by one hash: ")


def test_without_any_hash_the_lists_are_compared_and_the_bytes_are_unknown(tmp_path):
    old, new, part = (
        of_release_before(make_traced_run(tmp_path / name, images=images), "")
        for name, images in (("a", IMAGES), ("b", IMAGES), ("c", IMAGES[:-1]))
    )
    assert images_stage(pair_of(old, new)).state == "unknown"
    stage = images_stage(pair_of(old, part))
    assert (stage.state, stage.text[:35]) == ("MOVED", "another image list, 60 -> 59 images")


def test_detections_follow_what_moved_before_them(tmp_path):
    pair = pair_of(
        make_traced_run(tmp_path / "a"), make_traced_run(tmp_path / "b", other_detections=IMAGES)
    )
    before = Stage("inputs", "MOVED", "")
    assert detections_stage(pair, [before]).state == "follows"
    assert detections_stage(pair, [replace(before, state="unknown")]).state == "MOVED"


def test_lists_differ_by_what_each_has_alone_and_not_by_order():
    assert list_difference(["a", "b"], ["b", "a"]) == ""
    assert list_difference(["a", "b"], ["b", "c", "d"]) == (
        "another image list, 2 -> 3 images: 1 only in the old run, first a; 2 only in the new "
        "run, first c"
    )
