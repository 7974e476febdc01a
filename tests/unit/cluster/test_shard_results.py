from dataclasses import replace

import numpy as np
import pytest

from retinaface.cluster.shard_results import (
    check_result,
    detect_shard,
    pack_flags,
    tally,
    unpack_flags,
)
from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import ClusterError, EngineFault
from retinaface.widerface.evaluation import evaluate
from tests.support.widerface import Finder


@pytest.mark.parametrize("n_splits", [1, 3])
def test_flags_come_back_as_they_were(n_splits):
    rng = np.random.default_rng(0)
    masks = [rng.random((50, n_splits)) < 0.5 for _ in range(2)]
    packed = pack_flags(*masks)
    assert (packed.dtype, packed.shape) == (np.uint8, (50,))
    for one, other in zip(unpack_flags(packed, n_splits), masks, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_shard_gives_what_an_evaluation_of_its_images_does(embedded):
    truth = embedded.select(limit=9)
    arguments = Finder(), PIPELINES["igie"]
    expected = evaluate(*arguments, embedded, truth, batch_size=4)
    found = detect_shard(*arguments, 4, embedded, truth.part(0, 9), skip_bad_images=False)
    assert [name for name, _ in found.results] == list(expected.detections)
    assert found.image_sha256 == expected.image_sha256
    summed = tally(found, truth)
    assert summed.n_faces.tolist() == expected.counts.n_faces.sum(axis=0).tolist()
    assert (summed.n_images, summed.n_used, summed.n_detections) == (9, 9, len(summed.scores))


def test_images_may_repeat(embedded):
    truth = embedded.select(limit=2)
    twice = truth.select([*truth.images, *truth.images])
    found = detect_shard(Finder(), PIPELINES["igie"], 4, embedded, twice, skip_bad_images=False)
    assert tally(found, twice).n_images == 4


def test_a_fault_of_the_engine_is_raised(embedded):
    class Broken(Finder):
        def _run(self, images):
            raise RuntimeError("no more memory")

    with pytest.raises(EngineFault, match="no more memory"):
        detect_shard(
            Broken(), PIPELINES["igie"], 4, embedded, embedded.select(), skip_bad_images=False
        )


def test_what_is_no_result_of_the_shard_is_refused(embedded):
    truth = embedded.select(limit=2)
    found = detect_shard(Finder(), PIPELINES["igie"], 2, embedded, truth, skip_bad_images=False)
    summed = tally(found, truth)
    check_result(found, truth.images, keeps_detections=True)
    check_result(summed, truth.images, keeps_detections=False)
    for value, match in (
        (None, "a NoneType, expected a ShardDetections"),
        (summed, "a ShardTally, expected a ShardDetections"),
        (replace(found, seconds=float("nan")), "a time of nan s"),
        (replace(found, seconds=-1.0), "a time of -1.0 s"),
        (replace(found, seconds="1"), "a time of '1' s"),
        (replace(found, results=found.results[::-1]), "results of 2 images"),
        (replace(found, results=[]), "results of 0 images"),
    ):
        with pytest.raises(ClusterError, match=f"answered with {match}.*; start all workers"):
            check_result(value, truth.images, keeps_detections=True)
    for value, match in (
        (found, "a ShardDetections, expected a ShardTally"),
        (replace(summed, n_images=3), "a tally of 3 images"),
        (replace(summed, n_used=-1), "-1 used"),
        (replace(summed, scores=summed.scores[1:]), "expected as many float64 and uint8"),
        (replace(summed, scores=summed.scores * np.inf), "not finite"),
    ):
        with pytest.raises(ClusterError, match=match):
            check_result(value, truth.images, keeps_detections=False)
