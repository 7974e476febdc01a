"""Engines with one fault each: the suites must turn red for each, and stay green without one."""

from __future__ import annotations

import pytest

from tests.support.given.engine_fault_table import FAULTS, HONEST, MODULE, SELECTION
from tests.support.runs import EMBEDDED, SUITES, pytest_run, validate

pytestmark = pytest.mark.needs("torch", "onnxruntime", "onnx")
# Tests of an engine that need no data: raw outputs, placement, timed calls.
TESTS = (
    f"{SUITES}/test_export_fidelity.py::test_the_model_under_test_agrees_with_float64_torch",
    f"{SUITES}/test_fp16_parity.py::test_outputs_lie_within_what_fp16_rounding_predicts",
    f"{SUITES}/test_placement.py",
    f"{SUITES}/test_fps.py::test_network_alone",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the suites once over all engines, which do not affect each other."""
    engines = [f"--engine={MODULE}:{name}" for name in (*HONEST, *FAULTS)]
    folder = tmp_path_factory.mktemp("engines") / "record"
    of_faults = [f"({fault} and ({tests}))" for fault, (tests, _) in FAULTS.items()]
    of_honest = [f"({name} and ({SELECTION}))" for name in HONEST]
    words = " or ".join([*of_honest, *of_faults])
    without_layers = ("-p", "tests.support.given.unexplained")
    return pytest_run(folder, *TESTS, *EMBEDDED, *without_layers, "-k", words, *engines)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_engine_fails_for_the_right_reason(fault, run):
    assert run.code == 1, run.output[-2000:]
    outcomes = run.outcomes(f"{MODULE}:{fault}")
    assert "FAIL" in outcomes.values(), outcomes
    assert FAULTS[fault][1].lower() in run.reasons(f"{MODULE}:{fault}").lower()


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_engine_of_a_third_party_passes(name, run):
    outcomes = run.outcomes(f"{MODULE}:{name}")
    assert len(outcomes) == 3
    open_by_noise = run.noise()  # nothing is timed alone here, so times may be left open
    found = {v for i, v in outcomes.items() if i not in open_by_noise}
    assert found == {"PASS"}, run.reasons(f"{MODULE}:{name}")


@pytest.mark.parametrize(
    ("fault", "seconds", "reason"),
    [
        ("crashes", 120, "ended by SIGSEGV"),
        ("exits", 120, "exit code 0 inside a test"),
        ("hangs", 12, "longer than --timeout 12 s"),
    ],
)
def test_an_engine_that_ends_or_stops_the_process_fails_and_is_named(
    fault, seconds, reason, tmp_path
):
    found = validate(
        tmp_path / "record",
        f"--engine={MODULE}:{fault}_cpu_fp32",
        *EMBEDDED,
        f"--timeout={seconds}",
        "-k",
        "network and b1",
    )
    assert found.code == 1, found.output[-2000:]
    assert found.verdict == "FAIL"
    assert found.record["state"] == "crashed"
    assert f"test_network_alone[{MODULE}:{fault}_cpu_fp32-b1]" in found.record["running"]
    assert reason in found.record["crash"]
    assert reason in found.output
    assert "VERDICT: FAIL" in found.output


def test_a_run_without_a_test_is_no_pass(tmp_path):
    found = validate(tmp_path / "record", *EMBEDDED, "-k", "no_such_test")
    assert found.code == 10
    assert "VERDICT: INCONCLUSIVE" in found.output


def test_an_engine_that_is_named_and_cannot_run_fails(tmp_path):
    found = pytest_run(
        tmp_path / "record", f"{SUITES}/test_placement.py", f"--engine={MODULE}:no_such_engine"
    )
    assert found.code == 1
    assert "cannot import" in found.reasons()
