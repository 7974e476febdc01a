import numpy as np
import pytest
from hypothesis import given

from retinaface.cluster import tally as tallies
from retinaface.cluster.shard_results import ShardTally, pack_flags
from retinaface.cluster.tally import Tally
from retinaface.errors import DatasetError, OutputError
from retinaface.widerface.average_precision import (
    add_counts,
    average_precision,
    score_range,
)
from retinaface.widerface.counting.matching import match_image
from tests.support.widerface import fixed_range_counts, images


def shard_of(item):
    found = match_image(item["boxes"], item["scores"], item["faces"], item["counted"])
    return ShardTally(
        n_faces=found.n_faces,
        scores=found.scores,
        flags=pack_flags(found.is_proposal, found.is_hit),
        scores_range=score_range([item["scores"]]),
        n_images=1,
        n_used=1,
        n_detections=len(item["scores"]),
        bad_images={},
        seconds=0.0,
    )


@given(images())
def test_ap_of_shards_is_that_of_their_images_to_the_last_bit(items):
    whole = score_range(item["scores"] for item in items)
    expected = average_precision(add_counts(fixed_range_counts(items, whole)))
    with pytest.MonkeyPatch.context() as patch, Tally() as tally:
        patch.setattr(tallies, "_BLOCK", 3)
        for item in items:
            tally.add(shard_of(item))
        figures = tally.conclude(1.0)
    assert figures.ap == expected
    assert figures.n_images == len(items)


def test_bad_images_alone_are_an_error():
    nothing = np.zeros((0, 3), bool)
    flags = pack_flags(nothing, nothing)
    whole = score_range([])
    bad = ShardTally(np.ones(3, int), np.zeros(0), flags, whole, 2, 0, 0, {"a": "b"}, 0.0)
    with Tally() as tally:
        tally.add(bad)
        with pytest.raises(DatasetError, match="none of 2 images could be used"):
            tally.conclude(1.0)


def test_a_full_temporary_folder_is_named(monkeypatch):
    def full(_data):
        raise OSError(28, "No space left on device")

    with Tally() as tally:
        monkeypatch.setattr(tally, "_scores", type("File", (), {"write": staticmethod(full)}))
        empty = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "faces": np.zeros((0, 4))}
        with pytest.raises(OutputError, match="No space left on device; free about 2 kB an image"):
            tally.add(shard_of(empty | {"counted": np.zeros((0, 3), bool)}))
