"""Time each fast function beside its slow reference.

    python -m pytest benchmarks --benchmark-group-by=group

The tests compare the results of both; they do not judge speed.
"""

import cv2
import numpy as np
import pytest

from benchmarks import plain
from retinaface.checks.intervals import paired_ap_intervals
from retinaface.detection.boxes import decode_boxes, decode_landmarks, nms, overlap_matrix
from retinaface.detection.detections import check_outputs, postprocess
from retinaface.detection.pipelines import PIPELINES, preprocess
from retinaface.network.config import MOBILENET_025, NMS_OVERLAP_LIMIT
from retinaface.network.priors import prior_boxes
from retinaface.network.scenes import scene
from retinaface.suite.properties.references import nms_slow, prior_boxes_slow
from retinaface.widerface.average_precision import (
    Counts,
    ScoreRange,
    add_counts,
    average_precision,
    count_image,
)
from retinaface.widerface.predictions import official_form
from tests.support.references import nms_numpy

VARIANCES = MOBILENET_025.variances
N_FULL_SET = 3226


def crowd(n, seed=0):
    """Make boxes and scores that lie as detections do: about eight around each face."""
    rng = np.random.default_rng(seed)
    n_faces = n // 8 + 1
    which = rng.integers(0, n_faces, n)
    sides = (rng.uniform(10, 80, n_faces)[which] * rng.uniform(0.8, 1.2, n))[:, None]
    centres = rng.uniform(0, 1000, (n_faces, 2))[which] + rng.normal(0, 0.15, (n, 2)) * sides
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
    return boxes.astype(np.float32), rng.uniform(0.02, 1, n).astype(np.float32)


def outputs(n_candidates, seed=0):
    """Make raw outputs of one image with `n_candidates` priors above the score limit."""
    rng = np.random.default_rng(seed)
    face = np.full(4200, 0.001, np.float32)
    face[rng.choice(4200, n_candidates, replace=False)] = rng.uniform(0.03, 1, n_candidates)
    loc, landmarks = (rng.normal(0, 1, (4200, k)).astype(np.float32) for k in (4, 10))
    return loc, np.stack([1 - face, face], axis=1), landmarks


@pytest.mark.parametrize("way", ["fast", "plain"])
@pytest.mark.benchmark(group="priors of one size, once made")
def test_priors(benchmark, way):
    run = {"fast": lambda: prior_boxes(320, 320), "plain": plain.priors}[way]
    strides, sizes = MOBILENET_025.strides_px, MOBILENET_025.prior_sizes_px
    np.testing.assert_array_equal(benchmark(run), prior_boxes_slow(320, 320, strides, sizes))


@pytest.mark.parametrize("n", [130, 1000, 4200])
@pytest.mark.benchmark(group="decode boxes and landmarks")
def test_decode(benchmark, n):
    loc, _, landmarks = outputs(1)
    priors = prior_boxes(320, 320)

    def run():
        boxes = decode_boxes(loc[:n], priors[:n], VARIANCES)
        return boxes, decode_landmarks(landmarks[:n], priors[:n], VARIANCES)

    assert len(benchmark(run)[0]) == n


@pytest.mark.parametrize("way", ["fast", "plain"])
@pytest.mark.benchmark(group="outputs of an image with 130 candidates to detections")
def test_postprocess(benchmark, way):
    raw = outputs(130)
    image = scene(480, 640, 1)
    _, geometry = preprocess(image, PIPELINES["igie"])

    def fast():
        check_outputs(*raw)
        return postprocess(*raw, geometry)

    def slow():
        return plain.postprocess(
            *raw, image.shape[:2], plain.letterbox(image)[1], plain.Stopwatch()
        )

    found = benchmark({"fast": fast, "plain": slow}[way])
    n = len(found.scores) if way == "fast" else len(found)
    assert n == len(fast().scores)


@pytest.mark.parametrize(
    ("way", "n"),
    [
        *((way, n) for n in (10, 130, 1000, 10_000) for way in ("fast", "numpy")),
        *(("python", n) for n in (10, 130)),
    ],
)
def test_nms(benchmark, way, n):
    benchmark.group = f"nms of {n} boxes"
    boxes, scores = crowd(n)
    run = {"fast": nms, "numpy": nms_numpy, "python": nms_slow}[way]
    kept = benchmark(run, boxes, scores, NMS_OVERLAP_LIMIT)
    np.testing.assert_array_equal(kept, nms_numpy(boxes, scores, NMS_OVERLAP_LIMIT))


@pytest.mark.parametrize("name", list(PIPELINES))
@pytest.mark.benchmark(group="preprocess an image of 1024 x 683")
def test_preprocess(benchmark, name):
    image = cv2.resize(scene(341, 512, 3), (1024, 683))
    pipeline = PIPELINES[name]
    out = None
    if pipeline.input_size_px is not None:
        out = np.empty((3, *pipeline.input_size_px), np.float32)
    tensor, _ = benchmark(preprocess, image, pipeline, out)
    assert tensor.dtype == np.float32


@pytest.mark.benchmark(group="preprocess an image of 1024 x 683")
def test_preprocess_plain(benchmark):
    image = cv2.resize(scene(341, 512, 3), (1024, 683))
    tensor, _ = benchmark(plain.letterbox, image)
    np.testing.assert_array_equal(tensor, preprocess(image, PIPELINES["igie"])[0])


def picture(n_detections, n_faces, seed):
    """Make one image's detections and faces, and tell which faces count."""
    boxes, scores = crowd(n_detections, seed)
    form = official_form(boxes, scores)
    rng = np.random.default_rng(seed)
    own = form.boxes_xywh[rng.choice(n_detections, n_faces // 2, replace=n_faces > n_detections)]
    others = rng.uniform(5, 500, (n_faces - len(own), 4))
    medium = rng.random(n_faces) < 0.6
    counted = np.stack([medium & (rng.random(n_faces) < 0.5), medium, rng.random(n_faces) < 2], 1)
    return form, np.concatenate([own, others]), counted


SIZES = [(130, 10), (1000, 500)]


@pytest.mark.parametrize(("n", "n_faces"), SIZES, ids=["130x10", "1000x500"])
@pytest.mark.parametrize("way", ["fast", "plain"])
def test_counts(benchmark, way, n, n_faces):
    benchmark.group = f"counts of an image, {n} detections, {n_faces} faces, three difficulties"
    form, faces, counted = picture(n, n_faces, 0)

    def fast():
        return count_image(form.boxes_xywh, form.scores, faces, counted, ScoreRange(0.0, 1.0))

    def slow():
        order = np.argsort(-form.scores, kind="stable")
        return [
            plain.count(
                form.scores[order], *plain.match(form.boxes_xywh[order], faces, counted[:, split])
            )
            for split in range(3)
        ]

    found = benchmark({"fast": fast, "plain": slow}[way])
    expected = [curve[-1] for curve in slow()]
    if way == "fast":
        found = np.stack([found.is_proposal.sum(axis=0), found.is_hit.sum(axis=0)], axis=1)
    else:
        found = [curve[-1] for curve in found]
    np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module")
def full_set() -> tuple[Counts, Counts]:
    """Make two sets of counts, each as large as the whole validation set."""
    pictures = [picture(92, 12, seed) for seed in range(40)]
    whole = []
    for limit in (0.0, 0.05):
        counts = [
            count_image(
                form.boxes_xywh[form.scores > limit],
                form.scores[form.scores > limit],
                faces,
                counted,
                ScoreRange(0.0, 1.0),
            )
            for form, faces, counted in pictures
        ]
        whole.append(add_counts([counts[i % len(counts)] for i in range(N_FULL_SET)]))
    return whole[0], whole[1]


@pytest.mark.benchmark(group="AP of 3226 images from counts")
def test_average_precision(benchmark, full_set):
    ap = benchmark(average_precision, full_set[0])
    assert 0 < ap["hard"] < 1


@pytest.mark.benchmark(group="1000 paired resamples of 3226 images, three difficulties")
def test_bootstrap(benchmark, full_set):
    intervals = benchmark.pedantic(paired_ap_intervals, args=full_set, rounds=5, warmup_rounds=1)
    for interval in intervals.values():
        assert interval.low <= interval.estimate <= interval.high


@pytest.mark.benchmark(group="overlaps of 300 x 300 boxes")
def test_overlap_matrix(benchmark):
    boxes, _ = crowd(300)
    matrix = benchmark(overlap_matrix, boxes, boxes, extra_px=1.0)
    assert (np.diag(matrix) == 1).all()
