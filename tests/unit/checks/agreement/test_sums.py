"""Sums of images keep what a verdict needs, and the worst images by name."""

from functools import reduce
from operator import add

import numpy as np

from retinaface.checks.agreement.sums import N_WORST, sum_up
from retinaface.checks.detection_changes import differences
from retinaface.checks.detections import summarise
from tests.support.made.detections import found, row

PRECISIONS = ("fp32", "fp32")


def pictures(n=60):
    """Two sets of detections: of every third image a box is gone, of every tenth it moved."""
    rows = [row(left, 0.9 - left / 2000) for left in (0, 200, 400, 600)]
    old = {f"{i:03}": found(*rows) for i in range(n)}
    new = {
        name: found(*(rows[1:] if i % 3 == 0 else rows), *([row(0, 0.4)] if i % 30 == 0 else []))
        for i, name in enumerate(old)
    }
    return differences(old, new)


def test_the_sums_are_those_of_the_differences():
    changes = pictures()
    sums, expected = sum_up(changes, {}, PRECISIONS), summarise(changes)
    assert sums.n_images == 60
    assert sums.unmatched.hit == expected["n_unmatched"]
    assert sums.unmatched.all == expected["n_compared"]
    assert sums.unexplained.hit == expected["n_unexplained"] > 0
    assert dict(sums.causes) == expected["causes"]
    assert sums.changed_images.hit == 20
    assert sums.offsets.pairs[0] == sums.landmarks.all
    assert sums.n_confident == 18 + 2 * 0.5  # two moved: their old sides have a high score


def test_shards_add_up_to_the_whole_and_keep_the_worst():
    changes = pictures()
    bad = {f"bad {i}": "cannot decode" for i in range(30)}
    parts = [
        sum_up(changes[:20], dict(list(bad.items())[:15]), PRECISIONS),
        sum_up(changes[20:50], {}, PRECISIONS),
        sum_up(changes[50:], dict(list(bad.items())[15:]), PRECISIONS),
    ]
    whole = sum_up(changes, bad, PRECISIONS)
    for one in (reduce(add, parts), reduce(add, reversed(parts))):
        assert (one.n_images, one.n_bad, len(one.bad_images)) == (60, 30, 20)
        assert (one.unmatched, one.unexplained) == (whole.unmatched, whole.unexplained)
        assert (one.worst, one.bad_images) == (whole.worst, whole.bad_images)
        assert (one.causes, one.n_broken) == (whole.causes, whole.n_broken)
        np.testing.assert_allclose(one.offsets.values, whole.offsets.values)
    assert len(whole.worst) == N_WORST
    ranks = [one.rank for one in whole.worst]
    assert ranks == sorted(ranks, reverse=True)
    assert whole.worst[0].first.startswith(f"{whole.worst[0].image}: ")
