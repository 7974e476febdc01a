"""One engine is timed by either protocol, and wrong outputs give no figure."""

import numpy as np
import pytest

from retinaface.engines.base import Engine
from retinaface.engines.staged import StagedEngine
from retinaface.errors import EngineFault
from retinaface.network.outputs import RawOutputs
from retinaface.suite.judged import bench
from retinaface.suite.judged.bench import OutputCheck, time_engine
from tests.support.engines import spec
from tests.support.made.timed_inputs import CASE, infer


class Plain(Engine):
    """Gives the exact outputs of the case; counts its calls."""

    n = 0

    def infer(self, images):
        self.n += 1
        return infer(images)

    def _run(self, images):
        raise NotImplementedError


class Staged(StagedEngine):
    """The same in three steps."""

    n, wrong = 0, False

    def load(self, images):
        self.images, self._n_loaded = images.copy(), len(images)

    def _load(self, images):
        raise NotImplementedError

    def _execute(self):
        self.n += 1

    def fetch(self):
        outputs = infer(self.images)
        return RawOutputs(*(array * (2 if self.wrong else 1) for array in outputs))

    def _fetch(self):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(bench, "calls_in_budget", lambda _s: 7)


def check():
    return OutputCheck("exact", None, CASE)


def test_ours_is_the_median_of_single_runs():
    for engine, words in ((Plain(spec()), "calls with their copies"), (Staged(spec()), "runs")):
        figures = time_engine(engine, 2, "ours", check())
        assert figures["timed"] == f"median of 7 {words}"
        assert (figures["n_checked"], figures["n_runs"], engine.n) == (10, 7, 10)
        assert figures["images_per_s"] == pytest.approx(2 / figures["run_s"])


def test_the_vendors_is_the_mean_of_many_after_its_warm_up():
    engine = Staged(spec())
    engine.n_vendor_warm_up, engine.n_vendor_runs = 3, 20
    figures = time_engine(engine, 2, "vendor", check())
    assert figures["timed"] == "mean of 20 runs back to back"
    assert (engine.n, figures["n_checked"]) == (3 + 3 + 20, 4)
    plain = Plain(spec())
    assert "mean of 20 calls with their copies" in time_engine(plain, 2, "vendor", check())["timed"]
    assert plain.n == 3 + 20


def test_wrong_outputs_give_no_figure():
    engine = Staged(spec())
    engine.wrong = True
    with pytest.raises(EngineFault, match="no figure is printed for wrong outputs"):
        time_engine(engine, 2, "ours", check())


def test_without_exact_outputs_they_must_be_possible():
    class Zeros(Plain):
        score = 0.5

        def infer(self, images):
            n = len(images)
            scores = np.full((n, 4200, 2), self.score, np.float32)
            return RawOutputs(*(np.zeros((n, 4200, w), np.float32) for w in (4,)), scores,
                              np.zeros((n, 4200, 10), np.float32))  # fmt: skip

    engine = Zeros(spec())
    assert time_engine(engine, 2, "ours", OutputCheck("possible", None, None))["n_checked"] == 10
    engine.score = 0.7
    with pytest.raises(EngineFault, match="background and face add up to 1 within 0.4"):
        time_engine(engine, 2, "ours", OutputCheck("possible", None, None))
