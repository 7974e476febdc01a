"""The milder noise floor of FP16: every fault that FP16's gate must see is red under it too."""

from __future__ import annotations

import copy
import importlib

import pytest

from retinaface.checks.quantities import check_probabilities
from retinaface.checks.raw_outputs import check_fidelity, output_errors
from retinaface.engines.catalogue import find_engine
from retinaface.engines.opening import open_engine
from retinaface.network.outputs import RawOutputs
from retinaface.reference.floors import SUM_FLOORS
from retinaface.suite.judged.cases import Cases
from retinaface.suite.target import Target
from retinaface.verdicts import Verdict
from tests.support.given.engine_fault_table import FAULTS, HONEST, MODULE

pytestmark = pytest.mark.needs("torch", "onnxruntime", "onnx", "onnxsim", "onnxconverter_common")
# One for each order of sums.
SUMS = ("ncnn-vulkan-fp16", "ort-webgpu-fp16")
OF_FP16 = [name for name in FAULTS if name.endswith("_fp16")]
N = 3
BLOCK = 4


@pytest.fixture(scope="module")
def cases():
    from retinaface.network.weights import choose_weights

    return Cases(Target(weights=choose_weights("embedded")), lambda n: None)


@pytest.fixture(scope="module", params=SUMS)
def held(request, cases):
    """A few inputs, noise, with the noise floor of a device that rounds sums."""
    return cases.judging(request.param, "noise", N)


def verdicts(outputs, case):
    """Judge as the suite of FP16 does."""
    fidelity = check_fidelity("outputs", output_errors(outputs, case, "fp16"))
    return {fidelity.verdict, check_probabilities("sums", outputs.scores, "fp16").verdict}


def outputs_of(name, images):
    with open_engine(f"{MODULE}:{name}", weights="embedded", max_batch=N) as engine:
        return engine.infer(images)


def test_each_order_of_sums_is_that_of_an_engine():
    assert {find_engine(name).sums for name in SUMS} == set(SUM_FLOORS)


def test_there_are_faults_of_fp16():
    assert len(OF_FP16) >= 5
    assert hasattr(importlib.import_module(MODULE), OF_FP16[0])


@pytest.mark.parametrize("fault", OF_FP16)
def test_a_fault_of_fp16_is_red_under_the_milder_floor(fault, held):
    """On noise, which shows each of them under the stricter floor too."""
    assert Verdict.FAIL in verdicts(outputs_of(fault, held.images), held)


def test_honest_fp16_is_green_under_both(held, cases):
    outputs = outputs_of(next(n for n in HONEST if n.endswith("_fp16")), held.images)
    for case in (held, cases.get(held.name, N)):
        assert verdicts(outputs, case) == {Verdict.PASS}


def test_the_emulation_is_green_under_its_own_floor_alone(held, cases):
    """On noise it is beyond the stricter floor, which is why there are two."""
    outputs = RawOutputs(*held.float16.values())
    assert verdicts(outputs, held) == {Verdict.PASS}
    assert Verdict.FAIL in verdicts(outputs, cases.get("noise", N))


def saturate(model):
    """Stop the sums of a layer at a quarter of what they reach."""
    activation = model.body.stage1[3][5]
    activation.register_forward_hook(lambda _layer, _inputs, output: output.clamp(max=3.5))


def lose_a_block(model):
    """Leave the first four input channels of a layer out of its sums."""
    model.body.stage1[3][3].weight.data[:, :BLOCK] = 0


def lose_an_image(model):
    """Give each image the sums of the one before."""
    model.body.stage3.register_forward_hook(lambda _layer, _inputs, output: output.roll(1, 0))


@pytest.mark.parametrize("fault", [saturate, lose_a_block, lose_an_image])
def test_a_fault_of_summing_is_red_under_the_milder_floor(fault, held, cases):
    from retinaface.reference.from_torch import outputs_with_rounded_sums

    model = copy.deepcopy(cases.model)
    fault(model)
    outputs = RawOutputs(*outputs_with_rounded_sums(model, held.images, held.fp16_floor).values())
    assert Verdict.FAIL in verdicts(outputs, held)
