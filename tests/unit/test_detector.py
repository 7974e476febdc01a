import threading

import numpy as np
import pytest

from retinaface.detector import Detections, detect, map_in_order, postprocess
from retinaface.engines import EngineSpec, RawOutputs
from retinaface.errors import EngineFault, ImageError
from retinaface.pipelines import PIPELINES, Geometry, preprocess
from retinaface.priors import prior_boxes
from tests.support.widerface_copy import jpeg
from tests.unit.engines.test_base import Counting

IDENTITY = Geometry(320, 320, 320, 320, (0.0, 0.0), 1.0, clip=False)


def raw(n_priors=4200):
    scores = np.zeros((n_priors, 2), np.float32)
    scores[:, 0] = 1
    return np.zeros((n_priors, 4), np.float32), scores, np.zeros((n_priors, 10), np.float32)


def put(raw_outputs, prior, score):
    raw_outputs[1][prior] = [1 - score, score]


def test_postprocess_takes_scores_strictly_above_the_limit():
    outputs = raw()
    put(outputs, 100, np.float32(0.02))
    put(outputs, 3000, np.nextafter(np.float32(0.02), np.float32(1)))
    found = postprocess(*outputs, IDENTITY)
    assert len(found.scores) == 1
    prior = prior_boxes(320, 320)[3000] * 320
    centre = (found.boxes_xyxy[0, :2] + found.boxes_xyxy[0, 2:]) / 2
    np.testing.assert_allclose(centre, prior[:2], atol=1e-3)


def test_postprocess_gives_the_best_first_and_drops_what_overlaps():
    outputs = raw()
    put(outputs, 4198, 0.6)  # 128 px at the last cell
    put(outputs, 4199, 0.5)  # 256 px there: overlap 0.25, kept
    put(outputs, 4196, 0.9)  # 128 px one cell to the left: overlap 0.6 with the first, wins
    found = postprocess(*outputs, IDENTITY)
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])


def test_landmarks_stay_with_their_box():
    outputs = raw()
    for prior, score in ((0, 0.3), (100, 0.9), (3300, 0.5)):
        put(outputs, prior, score)
        outputs[2][prior] = prior / 1000
    found = postprocess(*outputs, IDENTITY)
    priors = prior_boxes(320, 320)
    for k, prior in enumerate((100, 3300, 0)):
        expected = (priors[prior, :2] + prior / 1000 * 0.1 * priors[prior, 2:]) * 320
        np.testing.assert_allclose(found.landmarks_xy[k], np.tile(expected, (5, 1)), atol=1e-3)


def test_nothing_found_is_empty_arrays():
    found = postprocess(*raw(), IDENTITY)
    assert found.boxes_xyxy.shape == (0, 4)
    assert found.landmarks_xy.shape == (0, 5, 2)


class Recorder(Counting):
    """An engine that finds nothing and remembers the shapes of its batches."""

    def __init__(self, spec=None, **changes):
        defaults = {"name": "recorder", "precision": "fp32", "device": "cpu"}
        super().__init__(spec or EngineSpec(**(defaults | changes)))

    def _run(self, images):
        self.batches.append(images.copy())
        n, _, height, width = images.shape
        p = len(prior_boxes(height, width))
        return RawOutputs(*(np.zeros((n, p, k), np.float32) for k in (4, 2, 10)))


def files(n, **options):
    return {f"image-{i}": jpeg(i, **options) for i in range(n)}


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("n", "batch"), [(1, 4), (4, 4), (9, 4), (5, 1)])
def test_detect_keeps_the_order_and_fills_batches(n, batch, workers):
    images, engine = files(n), Recorder()
    stream = detect(
        engine, PIPELINES["igie"], images, images.__getitem__, batch_size=batch, workers=workers
    )
    assert [name for name, _ in stream] == list(images)
    sizes = [len(b) for b in engine.batches]
    assert sizes == [batch] * (n // batch) + ([n % batch] if n % batch else [])
    for i, tensor in enumerate(np.concatenate(engine.batches)):
        from retinaface.images import decode_image

        expected, _ = preprocess(decode_image(images[f"image-{i}"], ""), PIPELINES["igie"])
        np.testing.assert_array_equal(tensor, expected)


def test_detect_batches_only_neighbours_of_equal_size():
    engine = Recorder(height_px=None, width_px=None)
    images = {"a": jpeg(0, 100, 200), "b": jpeg(1, 100, 200), "c": jpeg(2, 200, 100)}
    list(detect(engine, PIPELINES["upstream-320"], images, images.__getitem__, batch_size=8))
    assert [b.shape for b in engine.batches] == [(2, 3, 160, 320), (1, 3, 320, 160)]


def test_a_bad_image_stops_the_run_and_is_named():
    images = files(3) | {"image-1": jpeg(1)[:-100]}
    with pytest.raises(ImageError, match="image-1: the file is damaged or cut short"):
        list(detect(Recorder(), PIPELINES["igie"], images, images.__getitem__))


def test_a_bad_image_can_be_passed_over_in_its_place():
    images = files(4) | {"image-1": b"", "image-2": jpeg(0, 1, 5000)}
    stream = detect(Recorder(), PIPELINES["igie"], images, images.__getitem__, skip_bad_images=True)
    kinds = [(name, type(found)) for name, found in stream]
    assert kinds == [
        ("image-0", Detections),
        ("image-1", ImageError),
        ("image-2", ImageError),
        ("image-3", Detections),
    ]


def test_an_output_that_is_not_finite_is_a_fault_that_names_the_image():
    class Broken(Recorder):
        def _run(self, images):
            outputs = super()._run(images)
            outputs.landmarks[1, 5, 5] = np.inf
            return outputs

    images = files(3)
    with pytest.raises(EngineFault, match="1 of 42000 values of landmarks .* image image-1"):
        list(detect(Broken(), PIPELINES["igie"], images, images.__getitem__))


@pytest.mark.parametrize(
    ("output", "value", "message"),
    [
        ("loc", 1000.0, "image image-0: a box decodes to more than 1000 times the input size"),
        ("landmarks", 1e6, "image image-0: a landmark decodes to more than 1000 times"),
        ("scores", 7.0, r"scores of image image-0 lie outside \[0, 1\]"),
    ],
)
def test_finite_but_absurd_outputs_are_a_fault(output, value, message):
    class Absurd(Recorder):
        def _run(self, images):
            outputs = super()._run(images)
            outputs.scores[:, 5, 1] = 0.9
            getattr(outputs, output)[:, 5] = value
            return outputs

    images = files(2)
    with pytest.raises(EngineFault, match=message):
        list(detect(Absurd(), PIPELINES["igie"], images, images.__getitem__))


def test_leaving_early_stops_the_workers():
    images = files(50)
    before = threading.active_count()
    stream = detect(Recorder(), PIPELINES["igie"], images, images.__getitem__, batch_size=2)
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_map_in_order_holds_a_bounded_number_of_results():
    from concurrent.futures import ThreadPoolExecutor

    started, taken, most = 0, 0, 0
    lock = threading.Lock()

    def work(i):
        nonlocal started, most
        with lock:
            started += 1
            most = max(most, started - taken)
        return i

    with ThreadPoolExecutor(4) as pool:
        for i, result in enumerate(map_in_order(pool, work, range(200), ahead=8)):
            assert result == i
            with lock:
                taken += 1
    assert started == 200
    assert most <= 9
