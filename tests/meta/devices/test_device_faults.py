"""Devices whose arithmetic is FP16, in software: green without a fault, red for each with one."""

from __future__ import annotations

import pytest

from tests.support.given.devices.rows import faults_of, row
from tests.support.runs import EMBEDDED, SUITES, pytest_run

pytestmark = pytest.mark.needs("torch", "onnx", "onnxsim", "onnxconverter_common")
PLUGIN = "tests.support.given.devices.rows"
TESTS = (
    f"{SUITES}/test_fp16_parity.py::test_outputs_lie_within_what_fp16_rounding_predicts",
    f"{SUITES}/test_placement.py",
)
VALUES, PLACE = "noise and b3-", "test_placement"
WRONG_VALUES = "error against float64 torch"
# What each device needs, and the words of its noise floor.
DEVICES = {
    "ncnn-vulkan-fp16": ("ncnn-vulkan", "fp16 noise floor with rounded sums"),
    "iree-cpu-fp16": ("iree", "fp16 noise floor"),
}
# The test that must be red, and words of its message.
FAULTS = {
    "saturates": (VALUES, WRONG_VALUES),
    "on_the_cpu": (PLACE, "the graph ran on {} CPU"),
    "reuses_buffers": (VALUES, "worst at (image, prior, value) ("),
    "drops_tail": (VALUES, "worst at (image, prior, value) (2, "),
}
# Of each device, what the message calls its CPU.
CPU_NAMES = {"ncnn-vulkan-fp16": "ncnn", "iree-cpu-fp16": "iree"}


def of_device(name, *words):
    return pytest.param(name, *words, marks=pytest.mark.needs(DEVICES[name][0]))


each_device = pytest.mark.parametrize("device", [of_device(name) for name in DEVICES])
each_fault = pytest.mark.parametrize(
    ("device", "fault"), [of_device(name, fault) for name in DEVICES for fault in faults_of(name)]
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the suites once for a device, over it and its faults: they share its kernels."""
    made = {}

    def get(device):
        if device not in made:
            folder = tmp_path_factory.mktemp(device) / "record"
            faults = faults_of(device)
            broken = [f"({row(fault, device)} and ({FAULTS[fault][0]}))" for fault in faults]
            honest = f"({row('honest', device)} and (({VALUES}) or {PLACE}))"
            engines = [f"--engine={row(name, device)}" for name in ("honest", *faults)]
            plugins = ("-p", PLUGIN, "-p", "tests.support.given.unexplained")
            words = ("-k", " or ".join([honest, *broken]))
            made[device] = pytest_run(folder, *plugins, *TESTS, *EMBEDDED, *words, *engines)
        return made[device]

    return get


@each_device
def test_an_honest_device_passes(device, run):
    found = run(device)
    outcomes = found.outcomes(row("honest", device))
    assert list(outcomes.values()) == ["PASS"] * 2, found.output[-2000:]


@each_fault
def test_a_faulty_device_fails_for_the_right_reason(device, fault, run):
    test, words = FAULTS[fault]
    found = run(device)
    assert found.code == 1, found.output[-2000:]
    assert list(found.outcomes(row(fault, device)).values()) == ["FAIL"]
    reasons = found.reasons(row(fault, device))
    assert words.format(CPU_NAMES[device]) in reasons
    if test == VALUES:
        assert DEVICES[device][1] in reasons
