"""Two engines run over each image once, and shards are cut in the order of the images."""

import threading

import pytest

from retinaface.checks.agreement.shards import compare_shards
from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import EngineFault, ImageError
from tests.support.given.agreeing_engines import N_FACES, Broken, Dropping, Faces, Nothing, picture

IGIE = PIPELINES["igie"]
NAMES = [f"{i:02}.png" for i in range(20)]
FILES = {name: picture(i) for i, name in enumerate(NAMES)}


class Reads:
    """Gives files and remembers which."""

    def __init__(self, files):
        self.files, self.names, self.lock = files, [], threading.Lock()

    def __call__(self, name):
        with self.lock:
            self.names.append(name)
        return self.files[name]


def shards(old, new, *, files=FILES, size=8, **settings):
    return list(
        compare_shards(
            old, new, IGIE, list(files), Reads(files), shard_size=size, batch_size=4, **settings
        )
    )


def test_each_image_is_read_once_and_each_shard_has_its_own():
    reads = Reads(FILES)
    found = list(compare_shards(Faces(), Faces(), IGIE, NAMES, reads, shard_size=8, batch_size=4))
    assert sorted(reads.names) == NAMES
    assert [(one.first, one.last, one.sums.n_images) for one in found] == [
        ("00.png", "07.png", 8),
        ("08.png", "15.png", 8),
        ("16.png", "19.png", 4),
    ]
    assert {one.sums.unmatched.all for one in found[:2]} == {2 * N_FACES * 8}
    assert sum(one.sums.unmatched.hit for one in found) == 0


def test_one_shard_alone_is_the_same_as_in_a_run():
    whole = shards(Faces(), Dropping())
    files = {name: FILES[name] for name in NAMES[8:16]}
    (alone,) = shards(Faces(), Dropping(), files=files)
    assert whole[1].sums.unmatched == alone.sums.unmatched
    assert whole[1].sums.worst == alone.sums.worst


def test_detections_of_one_side_alone_have_no_counterpart():
    (one,) = shards(Faces(), Nothing(), size=99)
    assert one.sums.unmatched.hit == one.sums.unmatched.all == N_FACES * 20
    assert one.sums.n_broken == 20


def test_a_bad_image_stops_the_run_or_is_counted():
    files = FILES | {"05.png": b"no image"}
    with pytest.raises(ImageError, match=r"05\.png"):
        shards(Faces(), Faces(), files=files)
    first, *_ = shards(Faces(), Faces(), files=files, skip_bad_images=True)
    assert (first.sums.n_images, first.sums.n_bad) == (7, 1)
    assert "05.png" in first.sums.bad_images["05.png"]


@pytest.mark.parametrize("is_new", [False, True])
def test_an_engine_that_raises_stops_the_run(is_new):
    sides = (Faces(), Broken()) if is_new else (Broken(), Faces())
    with pytest.raises(EngineFault, match="the second call went wrong"):
        shards(*sides)
