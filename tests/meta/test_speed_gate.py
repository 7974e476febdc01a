"""What the gates of speed call, by a clock that the engines turn: each slowness for its reason."""

from __future__ import annotations

import json

import pytest

from retinaface.baselines.entries import write_baseline
from retinaface.checks.speed.gate import speed_entry
from retinaface.environment import cpu_model, slug
from tests.support.runs import EMBEDDED, SUITES, pytest_run

pytestmark = pytest.mark.needs("torch", "onnxruntime", "onnx")
CLOCK = "tests.support.standins.clock"
MODULE = "tests.support.given.timed_engines"
STEADY, AGAIN, SLOWER, GROWS, FIFTH, LONGER, MACHINE = (
    f"{MODULE}:{name}_cpu_fp32"
    for name in (
        "steady",
        "steady_again",
        "slower",
        "grows_slower",
        "one_in_five",
        "one_in_five_longer",
        "slow_machine",
    )
)


def timed(folder, engines, *more):
    names = (f"--engine={name}" for name in engines)
    tests = f"{SUITES}/test_fps.py::test_network_alone"
    clock = ("-p", CLOCK, f"--benchmark-timer={CLOCK}.now")
    return pytest_run(folder, *clock, tests, "-k", "b1", *EMBEDDED, *names, *more)


def checks_of(run, engine, name=""):
    tests = [test for test in run.record["tests"] if engine in test["id"]]
    return [c for test in tests for c in test["checks"] if name in c["name"]]


def speed_of(run, engine):
    (result,) = [r for r in run.record["results"] if r["id"].startswith(engine)]
    return result["speed"]["network"]


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
    """One run over all of them, with that baseline."""
    engines = (STEADY, SLOWER, GROWS, FIFTH, LONGER, MACHINE)
    return timed(tmp_path_factory.mktemp("judged") / "record", engines, f"--baseline={baseline}")


@pytest.fixture(scope="module")
def run_without(tmp_path_factory):
    """One run without a baseline."""
    folder = tmp_path_factory.mktemp("alone") / "record"
    return timed(folder, (STEADY, GROWS, FIFTH, LONGER))


def test_the_same_build_passes(run):
    assert list(run.outcomes(STEADY).values()) == ["PASS"], run.reasons()
    (check,) = checks_of(run, STEADY, "against speed")
    assert check["numbers"]["band"] < 0.15


def test_each_gate_says_the_smallest_slowdown_that_it_calls(run):
    against, drift, tail = (
        checks_of(run, STEADY, name)[0] for name in ("against speed", "drift", "slow calls")
    )
    for check in (against, drift):
        assert 1.05 < check["numbers"]["smallest_slowdown"] < 1.12
        assert "calls a slowdown of " in check["message"]
    assert 0.15 < tail["numbers"]["smallest_share"] < 0.3
    assert "of the calls are so slow" in tail["message"]
    figures = speed_of(run, STEADY)
    assert figures["smallest_slowdown"] == against["numbers"]["smallest_slowdown"]
    assert (figures["n_calls"], figures["drift"]) == (
        pytest.approx(80, abs=2),
        pytest.approx(1, abs=0.02),
    )
    assert figures["machine"]["taken"] == pytest.approx(0, abs=0.01)


def test_a_build_that_is_a_fifth_slower_fails(run):
    assert run.code == 1, run.output[-2000:]
    assert list(run.outcomes(SLOWER).values()) == ["FAIL"]
    assert "times as long as the baseline" in run.reasons(SLOWER)


@pytest.mark.parametrize("name", ["run", "run_without"])
def test_an_engine_that_grows_slower_within_the_run_fails(name, request):
    found = request.getfixturevalue(name)
    assert list(found.outcomes(GROWS).values()) == ["FAIL"]
    (check,) = checks_of(found, GROWS, "drift within the run")
    assert check["verdict"] == "FAIL"
    assert check["value"] == pytest.approx(1.15, abs=0.02)


@pytest.mark.parametrize("name", ["run", "run_without"])
def test_an_engine_with_one_slow_call_in_five_fails(name, request):
    found = request.getfixturevalue(name)
    assert list(found.outcomes(FIFTH).values()) == ["FAIL"]
    (check,) = checks_of(found, FIFTH, "slow calls")
    assert (check["verdict"], check["value"]) == ("FAIL", pytest.approx(3, abs=0.1))


def test_slow_calls_that_the_baseline_had_not_fail_beside_it_alone(run, run_without):
    assert list(run_without.outcomes(LONGER).values()) == ["PASS"], run_without.reasons(LONGER)
    assert list(run.outcomes(LONGER).values()) == ["FAIL"]
    (check,) = checks_of(run, LONGER, "slow calls")
    assert check["verdict"] == "FAIL"
    assert "(the baseline's 1.0" in check["message"]


def test_without_a_baseline_an_honest_engine_passes(run_without):
    assert list(run_without.outcomes(STEADY).values()) == ["PASS"], run_without.reasons(STEADY)


def test_what_the_machine_did_is_not_blamed_on_the_engine(run):
    assert list(run.outcomes(MACHINE).values()) == ["INCONCLUSIVE"]
    said = run.reasons(MACHINE)
    assert "the machine was not quiet (fixed work took 1.15 times as long at the end" in said


def test_a_baseline_of_another_device_is_not_comparable(baseline, tmp_path):
    content = json.loads(baseline.read_text())
    other = tmp_path / "another-device" / "test.json"
    write_baseline(other, [{**entry, "device": "another-device"} for entry in content["entries"]])
    run = timed(tmp_path / "record", (STEADY,), f"--baseline={other}")
    assert run.code == 10, run.output[-2000:]
    assert "another-device" in run.reasons()


def test_a_soak_is_one_more_test_with_checked_outputs(tmp_path):
    tests = f"{SUITES}/test_fps.py::test_soak"
    words = (tests, *EMBEDDED, "-p", CLOCK, "--batch=1", f"--engine={STEADY}", f"--engine={GROWS}")
    without = pytest_run(tmp_path / "without", *words)
    assert set(without.outcomes().values()) == {"SKIPPED"}
    assert "add --soak SECONDS" in without.output.replace("\n  ", " ")
    run = pytest_run(tmp_path / "record", *words, "--soak=2.2")
    assert list(run.outcomes().values()) == ["PASS", "FAIL"]
    outputs, *_ = checks_of(run, STEADY)
    assert outputs["message"].endswith(" calls checked")
    (result,) = [r for r in run.record["results"] if r["id"].startswith(STEADY)]
    assert result["speed"]["soak"]["n_calls"] == pytest.approx(80, abs=4)
