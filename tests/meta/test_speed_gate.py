"""A build that is 20 % slower turns the run red; one that is not does not."""

from __future__ import annotations

import json

import pytest

from retinaface.baselines.entries import write_baseline
from retinaface.checks.speed.gate import speed_entry
from retinaface.environment import cpu_model, slug
from tests.support.runs import EMBEDDED, SUITES, pytest_run

pytestmark = [pytest.mark.alone, pytest.mark.needs("torch", "onnxruntime", "onnx")]
MODULE = "tests.support.given.faulty_engines"
STEADY, AGAIN, SLOWER, UNTIMED = (
    f"{MODULE}:{name}_cpu_fp32" for name in ("steady", "steady_again", "slower", "wrapped")
)


def timed(folder, engines, *more):
    names = (f"--engine={name}" for name in engines)
    tests = f"{SUITES}/test_fps.py::test_network_alone"
    return pytest_run(folder, tests, "-k", "b1", *EMBEDDED, *names, *more)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """Give what two engines of one build measured, for any name: the device did not change."""
    folder = tmp_path_factory.mktemp("speed")
    results = timed(folder / "record", (STEADY, AGAIN)).record["results"]
    earlier, last = (result["speed"]["network"] for result in results)
    entry = speed_entry(
        pipeline="igie",
        precision="fp32",
        device=slug(cpu_model()),
        batch=1,
        timed="network",
        engine=STEADY,
        figures=last,
        earlier_runs=[earlier["samples_s"]],
    )
    entry["source"] = {
        "kind": "run",
        "engine": STEADY,
        "runtime": "test",
        "commit": None,
        "created": "2026-11-23T00:00:00+00:00",
        "environment": {},
        "accepted_because": "two engines of one build",
    }
    del entry["engine"]  # it is the device and the build that count here, not the name
    path = folder / slug(cpu_model()) / "test.json"
    write_baseline(path, [entry])
    return path


@pytest.fixture(scope="module")
def run(baseline, tmp_path_factory):
    """Run the suites once over both builds."""
    folder = tmp_path_factory.mktemp("judged")
    return timed(folder / "record", (STEADY, SLOWER), f"--baseline={baseline}")


def test_the_same_build_passes(run):
    assert list(run.outcomes(STEADY).values()) == ["PASS"], run.reasons()
    tests = [test for test in run.record["tests"] if STEADY in test["id"]]
    checks = [c for test in tests for c in test["checks"] if "against speed" in c["name"]]
    assert len(checks) == 1
    assert checks[0]["numbers"]["band"] < 0.15


def test_a_build_that_is_a_fifth_slower_fails(run):
    assert run.code == 1, run.output[-2000:]
    assert list(run.outcomes(SLOWER).values()) == ["FAIL"]
    assert "times as long as the baseline" in run.reasons(SLOWER)


def test_a_baseline_of_another_device_is_not_comparable(baseline, tmp_path):
    content = json.loads(baseline.read_text())
    other = tmp_path / "another-device" / "test.json"
    write_baseline(other, [{**entry, "device": "another-device"} for entry in content["entries"]])
    run = timed(tmp_path / "record", (UNTIMED,), f"--baseline={other}")
    assert run.code == 10, run.output[-2000:]
    assert "another-device" in run.reasons()
