import hashlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from retinaface.detection.detector import detect
from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.base import Engine
from retinaface.network.outputs import RawOutputs
from retinaface.reference.stored import ReferenceCase
from retinaface.suite.judged.evaluations import Measured
from retinaface.suite.judged.scored import Scored, remembered
from retinaface.suite.judged.witness import Witness
from retinaface.verdicts import Verdict, worst
from tests.support.engines import spec

PIPELINE = PIPELINES["igie"]
BATCH = 4
PATTERN = np.random.default_rng(0).normal(0, 1, (4200, 14)).astype(np.float32)


def tell(images):
    """Outputs that follow from the mean of an image, and show no face."""
    means = images.mean(axis=(1, 2, 3))[:, None, None]
    values = PATTERN * means / 50
    scores = np.tile(np.float32([0.99, 0.01]), (len(images), 4200, 1))
    return RawOutputs(values[..., :4].copy(), scores, values[..., 4:].copy())


class Tells(Engine):
    """Right, but for what a test spoils: called with outputs, the right ones and the call."""

    def __init__(self, spoil=None):
        super().__init__(spec(name="ort-cpu-fp32"))
        self.spoil, self.n_calls, self.n_images = spoil, 0, 0

    def _run(self, images):
        self.n_calls += 1
        outputs = tell(images)
        if self.spoil is not None:
            self.spoil(outputs, tell(images), self)
        self.n_images += len(images)
        return outputs


def picture(value):
    return cv2.imencode(".png", np.full((32, 32, 3), value, np.uint8))[1].tobytes()


PICTURES = {f"p{i}": picture(20 + 20 * i) for i in range(10)}


def case_of(images, error=1e-4):
    """Exact outputs of images, with a noise floor."""
    names = ("loc", "conf", "landmarks")
    exact = {n: a.astype(np.float64) for n, a in zip(names, tell(images), strict=True)}
    rounded = {name: (array + error).astype(np.float32) for name, array in exact.items()}
    return ReferenceCase("scored", images, exact, rounded, rounded)


FLOOR = case_of(np.ones((1, 3, 320, 320), np.float32))


def scored(spoil=None, pictures=PICTURES, lost=()):
    """An evaluation of pictures by an engine."""
    engine = Tells(spoil)
    witness = Witness(engine)
    found = dict(detect(witness, PIPELINE, pictures, pictures.get, batch_size=BATCH))
    for image in lost:
        del found[image]
    hashes = {image: hashlib.sha256(data).hexdigest() for image, data in pictures.items()}
    evaluation = SimpleNamespace(detections=found, image_sha256=hashes)
    measured = Measured(evaluation, len(found), BATCH, {}, [], None, witness.seen())
    return Scored(measured, engine, PIPELINE, pictures.get, FLOOR)


def verdict(checks):
    return worst(check.verdict for check in checks)


def text(checks):
    return "\n".join(map(str, checks))


def test_an_honest_engine_passes_all():
    found = scored()
    assert found.unknown_rows() is None
    for checks in (found.rows_alone(), found.rows_exact(case_of), found.again()):
        assert verdict(checks) is Verdict.PASS, text(checks)
    assert verdict(found.no_two_the_same()) is Verdict.PASS
    assert "10 images, no two the same" in text(found.no_two_the_same())
    assert "10 of 10 images again" in text(found.again())


def test_rows_that_belong_to_no_image_fail():
    check = scored(lost=["p3"]).unknown_rows()
    assert check.verdict is Verdict.FAIL
    assert "the engine ran 10 images for detections of 9" in check.message


def test_a_last_call_that_is_wrong_is_named_with_its_image_and_row():
    def spoil(outputs, _right, engine):
        if engine.n_calls == 3:
            outputs.loc[1] += 0.5

    found = scored(spoil)
    checks = found.rows_alone()
    assert [check.verdict for check in checks].count(Verdict.FAIL) == 1
    assert "image p9, row 2 of the 2 of call 3, with itself alone: largest" in text(checks)
    exact = found.rows_exact(case_of)
    assert verdict(exact) is Verdict.FAIL
    assert "image p9, row 2 of the 2 of call 3" in text(exact)


def test_an_engine_that_is_wrong_alone_too_fails_against_exact_outputs():
    def spoil(outputs, _right, _engine):
        outputs.landmarks[:] += 0.5

    found = scored(spoil)
    assert verdict(found.rows_alone()) is Verdict.PASS
    assert verdict(found.rows_exact(case_of)) is Verdict.FAIL


def exchange(outputs, right, engine):
    """In the second call the images p4 and p5 get each other's outputs."""
    if engine.n_calls == 2:
        for array, other in zip(outputs, right, strict=True):
            array[[0, 1]] = other[[1, 0]]


def test_images_that_were_exchanged_differ_the_second_time():
    checks = scored(exchange).again()
    assert verdict(checks) is Verdict.FAIL
    assert "image p4: raw outputs" in text(checks)
    assert "in the evaluation it got those of image p5" in text(checks)
    assert "in the evaluation it got those of image p4" in text(checks)
    assert verdict(scored(exchange).no_two_the_same()) is Verdict.PASS


def test_what_is_wrong_the_second_time_is_said_to_be():
    def spoil(outputs, _right, engine):
        if engine.n_calls == 4:
            outputs.loc[0] += 0.5

    checks = scored(spoil).again()
    assert verdict(checks) is Verdict.FAIL
    assert "the second time it got others than it has alone" in text(checks)
    assert "in the evaluation" not in text(checks)


def test_an_image_with_the_outputs_of_its_neighbour_is_named():
    def spoil(outputs, right, engine):
        if engine.n_calls == 2:
            for array, other in zip(outputs, right, strict=True):
                array[3] = other[2]

    checks = scored(spoil).no_two_the_same()
    assert verdict(checks) is Verdict.FAIL
    assert "image p7 got the outputs of image p6; alone it has its own" in text(checks)


def test_outputs_that_nobody_wrote_are_named():
    def spoil(outputs, _right, engine):
        if engine.n_calls == 3:
            outputs.loc[0] = 0

    checks = scored(spoil).no_two_the_same()
    assert verdict(checks) is Verdict.FAIL
    assert "image p8: loc is one number throughout" in text(checks)


def test_different_images_with_the_same_outputs_alone_too_fail():
    def spoil(outputs, _right, _engine):
        for array, other in zip(outputs, tell(np.ones((1, 3, 320, 320))), strict=True):
            array[:] = other

    checks = scored(spoil).no_two_the_same()
    assert "have the same outputs, alone too, and differ" in text(checks)
    assert "and 4 more" in text(checks)


@pytest.mark.parametrize("copy", [PICTURES["p1"], PICTURES["p1"] + b"another file"])
def test_the_same_picture_twice_is_no_fault(copy):
    checks = scored(pictures=PICTURES | {"again": copy}).no_two_the_same()
    assert verdict(checks) is Verdict.PASS, text(checks)


def test_torch_runs_once_for_each_input():
    made = []
    exact = remembered(lambda images: made.append(len(images)) or len(made))
    one, other = np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)
    assert [exact(one), exact(other), exact(one.copy()), exact(one.reshape(2, 1))] == [1, 2, 1, 3]
    assert made == [1, 1, 2]
