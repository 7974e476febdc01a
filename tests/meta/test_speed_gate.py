"""A build that is 20 % slower turns the run red; one that is not does not."""

from __future__ import annotations

import json

import pytest

from retinaface.baseline import slug, write_baseline
from retinaface.environment import cpu_model
from retinaface.speed import speed_entry
from tests.support.runs import EMBEDDED, SUITES, pytest_run

pytestmark = [pytest.mark.alone, pytest.mark.needs("torch", "onnxruntime", "onnx")]
MODULE = "tests.support.faulty_engines"
STEADY, SLOWER = f"{MODULE}:steady_cpu_fp32", f"{MODULE}:slower_cpu_fp32"
N_RUNS = 3


def timed(folder, engine, *more):
    tests = f"{SUITES}/test_fps.py::test_network_alone"
    return pytest_run(folder, tests, "-k", "b1", f"--engine={engine}", *EMBEDDED, *more)


def figures(run):
    (result,) = run.record["results"]
    return result["speed"]["network"]


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """What three runs of the steady engine gave, for either name: the device did not change."""
    folder = tmp_path_factory.mktemp("speed")
    runs = [timed(folder / f"run{i}", STEADY) for i in range(N_RUNS)]
    samples = [figures(run)["samples_s"] for run in runs]
    entry = speed_entry(
        pipeline="igie",
        precision="fp32",
        device=slug(cpu_model()),
        batch=1,
        timed="network",
        engine=STEADY,
        figures=figures(runs[-1]),
        earlier_runs=samples[:-1],
    )
    entry["source"] = {
        "kind": "run",
        "engine": STEADY,
        "runtime": "test",
        "commit": None,
        "created": "2026-11-23T00:00:00+00:00",
        "environment": {},
        "accepted_because": "three runs of one build",
    }
    del entry["engine"]  # it is the device and the build that count here, not the name
    path = folder / slug(cpu_model()) / "test.json"
    write_baseline(path, [entry])
    return path


def test_the_same_build_passes(baseline, tmp_path):
    run = timed(tmp_path / "record", STEADY, f"--baseline={baseline}")
    assert run.code == 0, run.reasons()
    checks = [c for t in run.record["tests"] for c in t["checks"] if "against speed" in c["name"]]
    assert len(checks) == 1
    assert checks[0]["numbers"]["band"] < 0.15


def test_a_build_that_is_a_fifth_slower_fails(baseline, tmp_path):
    run = timed(tmp_path / "record", SLOWER, f"--baseline={baseline}")
    assert run.code == 1, run.output[-2000:]
    assert "times as long as the baseline" in run.reasons()


def test_a_baseline_of_another_device_is_not_comparable(baseline, tmp_path):
    content = json.loads(baseline.read_text())
    other = tmp_path / "another-device" / "test.json"
    write_baseline(other, [{**entry, "device": "another-device"} for entry in content["entries"]])
    run = timed(tmp_path / "record", STEADY, f"--baseline={other}")
    assert run.code == 10, run.output[-2000:]
    assert "another-device" in run.reasons()
