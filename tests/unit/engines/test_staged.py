"""Engines in three steps: their calls, their checks, their refusals."""

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.staged import StagedEngine
from retinaface.errors import EngineFault
from retinaface.network.outputs import RawOutputs
from tests.support.engines import images


class Steps(StagedEngine):
    """Records each step; outputs hold the mean of each image."""

    def __init__(self, spec, fails=""):
        super().__init__(spec)
        self.steps, self.fails = [], fails

    def _load(self, batch):
        self.step("load")
        self.loaded = batch

    def _execute(self):
        self.step("execute")
        self.means = self.loaded.mean((1, 2, 3))

    def _fetch(self):
        self.step("fetch")
        n = len(self.means)
        return RawOutputs(
            *(np.full((n, 4200, w), self.means[:, None, None], np.float32) for w in (4, 2, 10))
        )

    def step(self, name):
        if self.fails == name:
            raise RuntimeError("device lost")
        self.steps.append(name)

    def describe(self):
        return {}


def engine(fails="", **fields):
    return Steps(EngineSpec("steps-cuda-fp32", "fp32", "cuda", **fields), fails)


def test_a_call_is_the_three_steps_in_a_row():
    opened = engine()
    outputs = opened.infer(images(2))
    assert opened.steps == ["load", "execute", "fetch"]
    assert outputs.loc[1, 7, 0] == pytest.approx(images(2)[1].mean())


def test_separate_steps_agree_with_a_call():
    opened = engine()
    opened.load(images(3))
    for _ in range(2):
        opened.execute()
    found = opened.fetch()
    for ours, theirs in zip(found, opened.infer(images(3)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_fixed_batch_is_filled_up_and_cut_again():
    opened = engine()
    opened.fixed_batch = 8
    opened.load(images(3))
    assert len(opened.loaded) == 8
    opened.execute()
    assert [len(array) for array in opened.fetch()] == [3, 3, 3]


def test_runs_back_to_back_are_of_the_loaded_batch_and_give_their_mean():
    opened = engine()
    opened.load(images(2))
    assert 0 < opened.run_back_to_back(5) < 10
    assert opened.steps == ["load"] + ["execute"] * 5
    with pytest.raises(ValueError, match="expected at least 1 run, got 0"):
        opened.run_back_to_back(0)
    opened.fails = "execute"
    with pytest.raises(EngineFault, match="running 2 images 5 times failed: RuntimeError"):
        opened.run_back_to_back(5)
    with pytest.raises(ValueError, match="run before load"):
        engine().run_back_to_back(1)


@pytest.mark.parametrize("step", ["execute", "fetch"])
def test_nothing_runs_before_a_batch_is_loaded_or_after_close(step):
    opened = engine()
    with pytest.raises(ValueError, match="run before load; load a batch first"):
        getattr(opened, step)()
    opened.load(images(1))
    opened.close()
    with pytest.raises(ValueError, match="run after close"):
        getattr(opened, step)()
    with pytest.raises(ValueError, match="infer after close"):
        opened.load(images(1))


def test_wrong_input_is_refused_by_load():
    with pytest.raises(TypeError, match="must be float32, got float64"):
        engine().load(images(1).astype(np.float64))


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("load", "loading 2 images failed: RuntimeError: device lost"),
        ("execute", "running 2 images failed"),
        ("fetch", "fetching outputs of 2 images failed"),
    ],
)
def test_a_fault_names_the_step(step, reason):
    opened = engine(fails=step)
    with pytest.raises(EngineFault, match=f"steps-cuda-fp32: {reason}"):
        for call in (lambda: opened.load(images(2)), opened.execute, opened.fetch):
            call()
