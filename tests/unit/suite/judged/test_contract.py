from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.errors import EngineUnavailable
from retinaface.network.outputs import RawOutputs
from retinaface.suite.judged import contract
from retinaface.suite.judged.contract import copy_outputs, open_subject
from retinaface.verdicts import Verdict


class Tiny:
    """An engine of three numbers an image."""

    def __init__(self, max_batch, name="ort-cpu-fp32"):
        self.spec = SimpleNamespace(name=name, max_batch=max_batch, precision="fp32")
        self.is_open, self.fixed_batch = True, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_open = False

    def infer(self, images):
        means = images.mean(axis=(1, 2, 3))[:, None, None]
        return RawOutputs(means, means + 1, means + 2)


class Pool:
    """Opens engines that take at most `most` images."""

    def __init__(self, most, name="ort-cpu-fp32"):
        self.most, self.name, self.opened = most, name, None

    def open(self, _name, *, max_batch=32):
        if max_batch > self.most:
            raise EngineUnavailable("built for fewer")
        self.opened = Tiny(max_batch, self.name)
        return self.opened


@pytest.fixture(autouse=True)
def _known_floor(monkeypatch):
    limits = dict.fromkeys(("loc", "conf", "landmarks"), 1e-3)
    monkeypatch.setattr(contract, "largest_allowed", lambda *_: limits)


CASES = SimpleNamespace(judging=lambda engine, kind, n: None)


def test_a_subject_knows_what_each_image_gives_alone():
    pool = Pool(64)
    with open_subject("ort-cpu-fp32", pool, CASES) as subject:
        assert {*subject.walk.first, *subject.walk.second} == {*range(1, 65)}
        assert len(subject.alone.loc) == len(subject.images) == 64
        rows = [5, 2]
        check = subject.check("rows", subject.engine.infer(subject.images[rows]), rows)
        assert check.verdict is Verdict.PASS
        other = subject.check("rows", subject.engine.infer(subject.images[rows] + 1), rows)
        assert other.verdict is Verdict.FAIL
    assert not pool.opened.is_open


def test_an_engine_that_takes_fewer_images_is_judged_by_those_with_a_note():
    with open_subject("ort-cpu-fp32", Pool(32), CASES) as subject:
        assert max(subject.walk.first) == max(subject.walk.second) == 32
        assert len(subject.images) == 32
        assert subject.note == "; no larger batch than 32: built for fewer"


def test_of_an_engine_of_hours_few_batches_are_run_whatever_the_clock_says():
    with open_subject("onnx-reference-fp16", Pool(64, "onnx-reference-fp16"), CASES) as subject:
        assert subject.walk.first == (1, 2, 3)
        assert subject.note == "; batches of (1, 2, 3) alone: the engine is slow"


def test_the_whole_batch_of_the_run_is_among_them():
    with open_subject("ort-cpu-fp32", Pool(100), CASES, [(80, 80, 7)]) as subject:
        assert subject.engine.spec.max_batch == 80
        assert subject.walk.first[:2] == (80, 24)
        assert subject.ends == ((80, 80, 7),)
        assert len(subject.images) == 80


def test_a_copy_does_not_follow_its_original():
    outputs = RawOutputs(*(np.zeros((1, 1, 1)) for _ in range(3)))
    kept = copy_outputs(outputs)
    outputs.loc[:] = 7
    assert kept.loc[0, 0, 0] == 0
