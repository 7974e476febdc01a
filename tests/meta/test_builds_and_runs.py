"""Different builds are both judged, and a run that is timed alone must have ended."""

from __future__ import annotations

import pytest

from tests.support.runs import EMBEDDED, SUITES, pytest_run

pytestmark = pytest.mark.needs("torch", "onnxruntime", "onnx")
MODULE = "tests.support.given.building_engines"
BUILDING = ("builds", "builds_differ", "second_is_wrong", "second_is_first")
STAGED = ("staged", "does_not_wait")
NOT_ENDED = "the run returned before the device was done"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the suites once over all builds."""
    names = [*(f"{n}_cpu_fp32" for n in BUILDING), *(f"{n}_cuda_fp32" for n in STAGED)]
    staged = " or ".join(f"{name}_cuda" for name in STAGED)
    return pytest_run(
        tmp_path_factory.mktemp("builds") / "record",
        f"{SUITES}/test_engine_builds.py",
        f"{SUITES}/test_fps.py::test_run_alone",
        *EMBEDDED,
        "-k",
        f"(engine_builds and not cuda and (second_build_is or scene)) or (b8 and ({staged}))",
        *(f"--engine={MODULE}:{name}" for name in names),
    )


@pytest.mark.parametrize("name", BUILDING[:2])
def test_builds_that_are_right_pass(name, run):
    outcomes = run.outcomes(f"{MODULE}:{name}_cpu")
    assert list(outcomes.values()) == ["PASS"] * 3, run.output[-2000:]


def test_builds_that_are_equal_are_judged_once(run):
    first, *others = checks_of(run, "builds_cpu")
    assert first["numbers"] == {"n_differing": 0}
    assert len(others) == 2
    assert all(c["message"].startswith("two builds are equal in every byte") for c in others)
    first, *others = checks_of(run, "builds_differ_cpu")
    assert first["numbers"] == {"n_differing": 1}
    assert "times the noise floor" in others[0]["message"]


def checks_of(run, name):
    tests = [t for t in run.record["tests"] if f"{MODULE}:{name}" in t["id"]]
    return [check for test in tests for check in test["checks"]]


def test_a_second_build_that_is_wrong_fails_though_the_first_is_right(run):
    name = f"{MODULE}:second_is_wrong_cpu"
    assert list(run.outcomes(name).values()) == ["PASS", "FAIL", "FAIL"]
    assert "conf log-odds: error against float64 torch" in run.reasons(name)


def test_a_cache_that_gives_the_first_build_again_fails(run):
    name = f"{MODULE}:second_is_first_cpu"
    assert "FAIL" in run.outcomes(name).values()
    assert "the second build is the file of the first" in run.reasons(name)


def test_a_run_that_does_not_wait_for_its_device_fails(run):
    assert NOT_ENDED in run.reasons(f"{MODULE}:does_not_wait_cuda")
    # Neither has a baseline of its device, so neither passes.
    assert NOT_ENDED not in run.reasons(f"{MODULE}:staged_cuda")
    assert "no speed baseline for" in run.reasons(f"{MODULE}:staged_cuda")
