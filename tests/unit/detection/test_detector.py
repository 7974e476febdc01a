import threading
import time

import numpy as np
import pytest

from retinaface.detection.detections import Detections
from retinaface.detection.detector import detect, detect_in_pixels
from retinaface.detection.images import decode_image
from retinaface.detection.pipelines import PIPELINES, preprocess
from retinaface.errors import EngineFault, ImageError
from tests.support.made.widerface_copy import jpeg
from tests.support.widerface import Recorder


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


def test_a_skipped_bad_image_keeps_its_place():
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
    with pytest.raises(EngineFault, match="image image-1: 1 of 42000 values of landmarks"):
        list(detect(Broken(), PIPELINES["igie"], images, images.__getitem__))


@pytest.mark.parametrize(
    ("output", "value", "message"),
    [
        ("loc", 1000.0, "image image-0: a box decodes to more than 1000 times the input size"),
        ("landmarks", 1e6, "image image-0: a landmark decodes to more than 1000 times"),
        ("scores", 7.0, r"image image-0: scores lie outside \[0, 1\]"),
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


class Eye(Recorder):
    """An engine with outputs that depend on every pixel of their own image only."""

    def _run(self, images):
        outputs = super()._run(images)
        mean = images.mean(axis=(1, 2, 3))
        for i in range(len(images)):
            prior = int(abs(mean[i]) * 1000) % (outputs.scores.shape[1] - 200)
            outputs.scores[i, prior, 1] = 0.1 + abs(mean[i]) % 0.8
        return outputs


@pytest.mark.parametrize("batch", [1, 3, 8, 64])
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_detections_depend_on_neither_batch_nor_workers(batch, workers):
    images = files(21) | {"image-4": b"", "image-9": jpeg(9, 1, 5000), "image-20": b"no"}
    options = {"skip_bad_images": True}
    one_by_one = [
        next(iter(detect(Eye(), PIPELINES["igie"], [n], images.__getitem__, **options)))
        for n in images
    ]
    found = list(
        detect(
            Eye(max_batch=64),
            PIPELINES["igie"],
            images,
            images.__getitem__,
            batch_size=batch,
            workers=workers,
            **options,
        )
    )
    assert [name for name, _ in found] == list(images)
    for (name, expected), (_, actual) in zip(one_by_one, found, strict=True):
        if isinstance(expected, ImageError):
            assert str(actual) == str(expected), name
        else:
            np.testing.assert_array_equal(actual.boxes_xyxy, expected.boxes_xyxy)
            np.testing.assert_array_equal(actual.scores, expected.scores)
            assert len(actual.scores) == 1


class Parallel(Eye):
    """Takes several calls at a time; later ones end first."""

    parallel_calls = 3

    def __init__(self, spec=None, **changes):
        super().__init__(spec, **changes)
        self.lock, self.n_running, self.most = threading.Lock(), 0, 0

    def _run(self, images):
        with self.lock:
            self.n_running += 1
            self.most = max(self.most, self.n_running)
            delay = 0.03 / self.n_running
        time.sleep(delay)
        outputs = super()._run(images)
        with self.lock:
            self.n_running -= 1
        return outputs


@pytest.mark.parametrize("pipeline", ["igie", "upstream-320"])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_parallel_calls_keep_the_order(pipeline, batch):
    images = files(23) | {"image-8": b""}
    free = {"height_px": None, "width_px": None}

    def found(engine):
        recipe, load = PIPELINES[pipeline], images.__getitem__
        options = {"batch_size": batch, "workers": 2, "skip_bad_images": True}
        return list(detect(engine, recipe, images, load, **options))

    engine = Parallel(**free)
    actual, expected = found(engine), found(Eye(**free))
    assert [name for name, _ in actual] == list(images)
    for (name, ours), (_, theirs) in zip(actual, expected, strict=True):
        assert type(ours) is type(theirs), name
        if isinstance(ours, Detections):
            np.testing.assert_array_equal(ours.boxes_xyxy, theirs.boxes_xyxy)
    assert 1 < engine.most <= Parallel.parallel_calls


def test_an_error_of_one_of_many_calls_ends_the_run():
    class Breaking(Parallel):
        def _run(self, images):
            if len(self.batches) >= 4:
                raise RuntimeError("out of memory")
            return super()._run(images)

    images, before = files(40), threading.active_count()
    engine = Breaking()
    with pytest.raises(EngineFault, match="out of memory"):
        list(detect(engine, PIPELINES["igie"], images, images.__getitem__, batch_size=2))
    assert threading.active_count() == before
    assert engine.n_running == 0


@pytest.mark.parametrize(("pipeline", "batch"), [("igie", 4), ("upstream-320", 1)])
def test_few_images_are_ahead_of_the_reader(pipeline, batch):
    images, loaded = files(60), []

    def load(name):
        loaded.append(name)
        return images[name]

    engine = Recorder(height_px=None, width_px=None)
    stream = detect(engine, PIPELINES[pipeline], images, load, batch_size=batch, workers=2)
    most = 0
    for i, _ in enumerate(stream):
        most = max(most, len(loaded) - i)
    assert len(loaded) == 60
    assert most <= 4 * max(batch, 2)  # what is ahead, and what is finished but not yet taken


def test_all_images_of_a_run_can_be_bad():
    images = dict.fromkeys(["a", "b", "c"], b"")
    for pipeline in ("igie", "upstream-320"):
        engine = Recorder(height_px=None, width_px=None)
        stream = detect(
            engine, PIPELINES[pipeline], images, images.__getitem__, skip_bad_images=True
        )
        assert [type(found) for _, found in stream] == [ImageError] * 3
        assert engine.batches == []


def test_no_images_are_no_detections():
    assert list(detect(Recorder(), PIPELINES["igie"], [], {}.__getitem__)) == []


def test_the_first_error_of_many_workers_is_that_of_the_first_image():
    images = files(40) | dict.fromkeys(["image-5", "image-6", "image-30"], b"")
    before = threading.active_count()
    with pytest.raises(ImageError, match="image-5: "):
        list(detect(Recorder(), PIPELINES["igie"], images, images.__getitem__, workers=7))
    assert threading.active_count() == before


def test_opencv_has_one_thread_during_a_run_and_its_own_afterwards():
    import cv2

    images, before = files(4), cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        one = detect(Recorder(), PIPELINES["igie"], images, images.__getitem__)
        other = detect(Recorder(), PIPELINES["igie"], images, images.__getitem__)
        next(one)
        next(other)
        assert cv2.getNumThreads() == 1
        one.close()
        assert cv2.getNumThreads() == 1
        list(other)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_an_early_end_stops_the_workers():
    images = files(50)
    before = threading.active_count()
    stream = detect(Recorder(), PIPELINES["igie"], images, images.__getitem__, batch_size=2)
    next(stream)
    stream.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("pipeline", ["igie", "upstream-320"])
def test_pixels_are_detected_as_the_file_that_holds_them(pipeline):
    """The image is decoded already and takes one call."""
    size = {} if pipeline == "igie" else {"height_px": None, "width_px": None}
    recipe, engine, data = PIPELINES[pipeline], Recorder(**size), jpeg(0)
    ((_, expected),) = detect(engine, recipe, ["a"], lambda _name: data, batch_size=1)
    found = detect_in_pixels(engine, recipe, decode_image(data, "a"), "a")
    np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)
    np.testing.assert_array_equal(*engine.batches)


def test_pixels_that_are_too_narrow_are_named():
    narrow = np.zeros((5000, 1, 3), np.uint8)
    with pytest.raises(ImageError, match="cannot use image a: "):
        detect_in_pixels(Recorder(), PIPELINES["igie"], narrow, "a")
