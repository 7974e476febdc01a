"""Later calls are held to the first pass, and that to exact outputs."""

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.errors import EngineFault
from retinaface.network.outputs import RawOutputs
from retinaface.suite.judged.bench import OutputCheck
from retinaface.suite.soak.first_pass import FirstPass, first_pass
from retinaface.verdicts import Verdict
from tests.support.given.remote_engines import Plain

ALLOWED = {"loc": 1e-3, "conf": 1e-3, "landmarks": 1e-3}


def spec(**options):
    return EngineSpec("plain", "fp32", "cpu", height_px=64, width_px=64, options=options)


def made(engine, allowed=ALLOWED):
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((2, 3, 64, 64)).astype(np.float32) for _ in range(3)]
    outputs = [RawOutputs(*map(np.copy, engine.infer(images))) for images in batches]
    return FirstPass(batches, outputs, allowed)


def run(first, engine, n, change=lambda i, outputs: outputs):
    for i in range(n):
        first.check(change(i, engine.infer(first.fill())))
    return first.verdict()


def moved(by, at=5):
    def change(i, outputs):
        if i == at:
            outputs.loc[1, 3, 0] += np.float32(by)
        return outputs

    return change


def test_equal_outputs_pass_and_are_counted():
    with Plain(spec()) as engine:
        found = run(made(engine), engine, 10)
    assert (found.verdict, found.message) == (
        Verdict.PASS,
        "10 of 10 calls equal the first pass in every bit",
    )


def test_a_call_within_what_is_allowed_passes_and_one_beyond_fails():
    with Plain(spec()) as engine:
        near = run(made(engine), engine, 10, moved(5e-4))
        far = run(made(engine), engine, 10, moved(5e-3))
        lost = run(made(engine), engine, 10, moved(np.nan))
    assert near.verdict is Verdict.PASS
    assert "9 of 10 calls equal the first pass in every bit, the others within" in near.message
    assert far.verdict is lost.verdict is Verdict.FAIL
    assert "1 of 10 calls differ from the first pass too much; the first: call 6:" in far.message


def test_without_exact_outputs_nothing_is_allowed():
    with Plain(spec()) as engine:
        found = run(made(engine, allowed=None), engine, 10, moved(1e-6))
    assert found.verdict is Verdict.FAIL
    assert "--weights gives exact outputs" in found.message


def test_outputs_of_another_batch_are_wrong():
    with Plain(spec()) as engine:
        first = made(engine)
        outputs = engine.infer(first.batches[1])
        first.fill()
        first.check(outputs)
    assert first.verdict().verdict is Verdict.FAIL


def test_an_engine_that_writes_to_its_input_gets_the_same_next_time():
    with Plain(spec()) as engine:
        first = made(engine)
        for _ in range(6):
            images = first.fill()
            first.check(engine.infer(images))
            images[:] = 7
    assert (first.n_equal, first.n_checked) == (6, 6)


def test_no_call_decides_nothing():
    with Plain(spec()) as engine:
        assert made(engine).verdict().verdict is Verdict.INCONCLUSIVE


class Broken(Plain):
    def _run(self, images):
        outputs = super()._run(images)
        outputs.loc[:] = np.nan
        return outputs


def test_a_first_pass_that_is_wrong_is_no_measure_for_others():
    size = {"height_px": 320, "width_px": 320}
    with (
        Broken(EngineSpec("broken", "fp32", "cpu", **size)) as engine,
        pytest.raises(EngineFault, match="NaN"),
    ):
        first_pass(engine, 2, OutputCheck("finite", None, None))
