"""What two records say of times: a slow build is not passed, a busy machine is not blamed on it."""

import numpy as np
import pytest

from retinaface.checks.speed.gate import MOST_EXCUSED
from retinaface.comparison.pairs import Pair
from retinaface.comparison.times.speed import (
    CPU_NOISE,
    CPU_SLOWER,
    YARDSTICK_NOISE,
    speed_metrics,
)
from retinaface.records.result_id import ResultId
from tests.support.made.records import RESULT, make_run

YARDSTICK = "ort-cpu-fp32"
OTHER = "ncnn-cpu-fp32--igie--b32"


# What the machine did: others took so much of the time of fixed work.
QUIET, BUSY, UNTOLD = 0.01, 0.5, None


def calls(factor=1.0, others=QUIET, spread=0.02, n=20):
    """Times of calls, beside others that take a share of the processors."""
    noise = np.exp(np.random.default_rng(0).normal(0, spread, n))
    machine = {"drift": 1.0, "tail": 1.0, "taken": others}
    kept = {} if others is UNTOLD else {"machine": machine}
    return {"samples_s": (0.1 * factor * noise).tolist(), **kept}


def pair_of(tmp_path, old, new, *, result_id=RESULT, environments=({}, {}), **data):
    runs = [
        make_run(tmp_path / name, result=result, environment=facts, ids=(result_id,), **data)
        for name, result, facts in zip("ab", (old, new), environments, strict=True)
    ]
    return Pair(tuple(runs), (result_id, result_id))


def on_cpu(tmp_path, old, new, timed="network", **more):
    sides = ({"speed": {timed: side}} for side in (old, new))
    (metric,) = speed_metrics(pair_of(tmp_path, *sides, **more))
    return metric


@pytest.mark.parametrize("factor", [2.4, 3.1])
def test_a_build_that_takes_far_longer_fails_on_a_quiet_cpu(tmp_path, factor):
    metric = on_cpu(tmp_path, calls(), calls(factor))
    assert str(metric.verdict) == "FAIL"
    assert metric.change.estimate == pytest.approx(factor)
    assert f"beyond x {1 + CPU_SLOWER:g}" in metric.note


@pytest.mark.parametrize("factor", [0.3, 1.0, 1.4])
def test_within_the_noise_of_builds_a_quiet_cpu_passes_and_names_the_command(tmp_path, factor):
    metric = on_cpu(tmp_path, calls(), calls(factor))
    assert str(metric.verdict) == "PASS"
    assert f"differ by up to x {1 + CPU_NOISE:g}" in metric.note
    assert metric.command.startswith("retinaface ab ")


@pytest.mark.parametrize("factor", [1.5, 1.6, 1.9, 2.0])
def test_between_noise_and_far_longer_turns_must_tell(tmp_path, factor):
    metric = on_cpu(tmp_path, calls(), calls(factor))
    assert str(metric.verdict) == "INCONCLUSIVE"
    assert metric.command


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.2, "None"), (2.0, "INCONCLUSIVE"), (6.0, "INCONCLUSIVE")]
)
@pytest.mark.parametrize("sides", [(QUIET, BUSY), (BUSY, QUIET), (BUSY, BUSY)])
def test_a_busy_machine_neither_passes_nor_fails(tmp_path, factor, verdict, sides):
    """Beside others an honest build took 6 times as long; a slow one may hide behind them."""
    old, new = sides
    metric = on_cpu(tmp_path, calls(others=old), calls(factor, new))
    assert str(metric.verdict) == verdict
    assert f"not quiet in the {'old' if old == BUSY else 'new'} run" in metric.note
    assert metric.command


@pytest.mark.parametrize("sides", [(QUIET, UNTOLD), (BUSY, BUSY)])
def test_more_than_any_machine_explains_fails_on_each(tmp_path, sides):
    old, new = sides
    metric = on_cpu(tmp_path, calls(others=old), calls(1.1 * MOST_EXCUSED, new))
    assert str(metric.verdict) == "FAIL"
    assert "no busy machine explains" in metric.note


@pytest.mark.parametrize(("factor", "verdict"), [(1.2, "None"), (3.1, "INCONCLUSIVE")])
def test_a_record_that_does_not_tell_may_be_of_a_busy_machine(tmp_path, factor, verdict):
    metric = on_cpu(tmp_path, calls(), calls(factor, UNTOLD))
    assert str(metric.verdict) == verdict
    assert "the new record does not tell" in metric.note
    assert metric.command


def test_what_turns_cannot_time_says_how_to_measure_again(tmp_path):
    metric = on_cpu(tmp_path, calls(), calls(1.8), timed="session")
    assert metric.command == ""
    assert "run both again with nothing else on the machine" in metric.note


def test_a_record_without_samples_says_so(tmp_path):
    metric = on_cpu(tmp_path, {"median_s": 0.1}, calls())
    assert metric.verdict is None
    assert "no samples" in metric.note


@pytest.mark.parametrize(
    ("facts", "words"), [({"cpu": "another"}, "different processors"), ({"n_cpus": 64}, "64 x")]
)
def test_times_of_other_processors_do_not_compare(tmp_path, facts, words):
    metric = on_cpu(tmp_path, calls(), calls(5), environments=({}, facts))
    assert metric.verdict is None
    assert words in metric.note


@pytest.mark.parametrize(
    ("factor", "verdict", "word"),
    [(1.5, "FAIL", "slower"), (0.5, "PASS", "faster"), (1.0, "PASS", "runs of one build")],
)
def test_an_accelerator_is_judged_beyond_the_noise_of_builds(tmp_path, factor, verdict, word):
    sides = (
        {"engine": {"device": "cuda"}, "speed": {"network": calls(x, spread=1e-4)}}
        for x in (1.0, factor)
    )
    (metric,) = speed_metrics(pair_of(tmp_path, *sides))
    assert str(metric.verdict) == verdict
    assert word in metric.note
    assert metric.command == ""


def test_a_slow_accelerator_beside_a_busy_host_is_not_blamed(tmp_path):
    sides = (
        {"engine": {"device": "cuda"}, "speed": {"network": calls(x, others=taken)}}
        for x, taken in ((1.0, QUIET), (1.5, BUSY))
    )
    (metric,) = speed_metrics(pair_of(tmp_path, *sides))
    assert str(metric.verdict) == "INCONCLUSIVE"
    assert "not quiet in the new run" in metric.note


@pytest.mark.parametrize("missing", ["device", "accelerators"])
def test_times_on_a_device_that_is_not_known_are_not_judged(tmp_path, missing):
    engines = {"device": "cuda"}, {} if missing == "device" else {"device": "cuda"}
    pair = pair_of(tmp_path, *({"engine": e, "speed": {"network": calls()}} for e in engines))
    if missing == "accelerators":
        pair.runs[1].record.environment.accelerators = None
    (metric,) = speed_metrics(pair)
    assert metric.verdict is None
    assert metric.note == "reported, not judged: the device is not known for b"


@pytest.mark.parametrize("devices", [("npu", "cuda"), ("cpu", "cuda")])
def test_times_of_two_devices_are_not_judged(tmp_path, devices):
    sides = ({"engine": {"device": d}, "speed": {"network": calls()}} for d in devices)
    (metric,) = speed_metrics(pair_of(tmp_path, *sides))
    assert metric.verdict is None
    assert "different devices" in metric.note


def over_yardstick(factor, runtime="onnxruntime 1.32.0"):
    """Results of an engine over the yardstick, which a run describes too."""
    turns = {YARDSTICK: [0.8 * factor * x for x in (0.99, 1.0, 1.0, 1.01, 1.02)]}
    ours = {"images_per_s_over": turns, "engine": {"name": "ncnn-cpu-fp32", "device": "cpu"}}
    theirs = {"engine": {"name": YARDSTICK, "device": "cpu", "runtime": runtime}}
    return [{"id": OTHER, **ours}, {"id": RESULT, **theirs}]


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, "PASS"), (0.7, "INCONCLUSIVE"), (0.3, "FAIL"), (2.0, "PASS")]
)
def test_a_rate_over_the_same_yardstick_is_judged(tmp_path, factor, verdict):
    runs = [
        make_run(tmp_path / name, results=over_yardstick(x), ids=(OTHER, RESULT))
        for name, x in (("a", 1.0), ("b", factor))
    ]
    (metric,) = speed_metrics(Pair(tuple(runs), (OTHER, OTHER)))
    assert metric.name == f"images/s over {YARDSTICK}"
    assert metric.change.estimate == pytest.approx(factor)
    assert str(metric.verdict) == verdict
    assert f"x {1 + (CPU_SLOWER if verdict == 'FAIL' else YARDSTICK_NOISE):g}" in metric.note


def test_a_yardstick_that_changed_is_none(tmp_path):
    runs = [
        make_run(tmp_path / name, results=over_yardstick(0.3, runtime), ids=(OTHER, RESULT))
        for name, runtime in (("a", "onnxruntime 1.18.1"), ("b", "onnxruntime 1.32.0"))
    ]
    (metric,) = speed_metrics(Pair(tuple(runs), (OTHER, OTHER)))
    assert metric.verdict is None
    assert "ort-cpu-fp32 is not the same: onnxruntime 1.18.1 and onnxruntime 1.32.0" in metric.note


def test_the_yardstick_over_itself_tells_nothing(tmp_path):
    sides = [{"images_per_s_over": {YARDSTICK: [1.0, 1.0]}}] * 2
    assert ResultId.parse(RESULT).engine == YARDSTICK
    assert speed_metrics(pair_of(tmp_path, *sides)) == []


@pytest.mark.parametrize(("numpy", "verdict"), [("2.4.6", "FAIL"), ("1.26.4", "None")])
def test_the_share_of_peak_is_judged_where_numpy_is_the_same(tmp_path, numpy, verdict):
    sides = ({"share_of_peak": [share] * 5} for share in (0.9, 0.3))
    facts = [{"packages": {"numpy": version}} for version in ("2.4.6", numpy)]
    (metric,) = speed_metrics(pair_of(tmp_path, *sides, environments=facts))
    assert (metric.name, str(metric.verdict)) == ("share of peak", verdict)
