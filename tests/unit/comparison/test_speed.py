"""What two records say of times: a slow build is not passed, a busy machine is not blamed on it."""

import numpy as np
import pytest

from retinaface.comparison.pairs import Pair
from retinaface.comparison.speed import CPU_NOISE, CPU_SLOWER, YARDSTICK_NOISE, speed_metrics
from retinaface.records.result_id import ResultId
from tests.support.made.records import RESULT, make_run

YARDSTICK = "ort-cpu-fp32"
OTHER = "ncnn-cpu-fp32--igie--b32"


def calls(wall=1.0, cpu=2.0, spread=0.02, n=20):
    """Times of calls on two processors, by the clock and by the processors."""
    noise = np.exp(np.random.default_rng(0).normal(0, spread, n))
    samples = {"samples_s": (0.1 * wall * noise).tolist()}
    return samples | ({"cpu_s": (0.1 * cpu * noise).tolist()} if cpu else {})


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


def test_a_build_that_takes_three_times_as_long_fails_on_a_cpu(tmp_path):
    metric = on_cpu(tmp_path, calls(), calls(3.1, 6.2))
    assert str(metric.verdict) == "FAIL"
    assert metric.change.estimate == pytest.approx(3.1)
    assert "processor time x 3.100" in metric.note
    assert f"beyond x {1 + CPU_SLOWER:g}" in metric.note


def test_the_same_build_on_the_same_machine_passes_and_the_command_for_less_is_named(tmp_path):
    metric = on_cpu(tmp_path, calls(), calls(1.1, 2.1))
    assert str(metric.verdict) == "PASS"
    assert f"differ by up to x {1 + CPU_NOISE:g}" in metric.note
    assert metric.command.startswith("retinaface ab ")


@pytest.mark.parametrize("wall", [2.0, 3.1, 8.0])
def test_an_honest_build_on_a_busy_machine_does_not_fail_and_does_not_pass(tmp_path, wall):
    metric = on_cpu(tmp_path, calls(), calls(wall, 2.3))
    assert str(metric.verdict) == "INCONCLUSIVE"
    assert "the machine was busy, or the engine waits" in metric.note
    assert f"on 2.00 and {2.3 / wall:.2f} processors" in metric.note
    assert metric.command


def test_threads_that_spin_on_a_busy_machine_do_not_fail(tmp_path):
    """Processor time of one build at batch 1 was up to twice as long under load."""
    metric = on_cpu(tmp_path, calls(1.0, 1.3), calls(6.0, 2.6))
    assert str(metric.verdict) == "INCONCLUSIVE"


def test_a_slow_build_does_not_hide_behind_an_old_run_on_a_busy_machine(tmp_path):
    metric = on_cpu(tmp_path, calls(3.0, 2.0), calls(3.0, 6.0))
    assert str(metric.verdict) == "INCONCLUSIVE"
    assert "more work, which the clock does not show" in metric.note


def test_twice_as_long_by_both_is_left_to_turns(tmp_path):
    metric = on_cpu(tmp_path, calls(), calls(2.0, 4.0))
    assert str(metric.verdict) == "INCONCLUSIVE"
    assert "not surely below x 1.5, nor surely beyond x 2.5" in metric.note


def test_a_gain_passes(tmp_path):
    assert str(on_cpu(tmp_path, calls(), calls(0.3, 0.6)).verdict) == "PASS"


@pytest.mark.parametrize(
    ("wall", "verdict"), [(1.1, "None"), (2.0, "INCONCLUSIVE"), (3.1, "INCONCLUSIVE")]
)
@pytest.mark.parametrize("cpu", [None, 1e-3], ids=["older record", "work in another process"])
def test_without_processor_time_nothing_passes_and_nothing_fails(tmp_path, wall, verdict, cpu):
    metric = on_cpu(tmp_path, calls(cpu=cpu), calls(wall, cpu))
    assert str(metric.verdict) == verdict
    assert "a busy machine and a slow build look the same" in metric.note
    assert metric.command


def test_what_turns_cannot_time_says_how_to_measure_again(tmp_path):
    metric = on_cpu(tmp_path, calls(), calls(2.0, 4.0), timed="session")
    assert metric.command == ""
    assert "run both again with nothing else on the machine" in metric.note


def test_a_record_without_samples_says_so(tmp_path):
    metric = on_cpu(tmp_path, {"median_s": 0.1}, calls())
    assert metric.verdict is None
    assert "no samples" in metric.note


@pytest.mark.parametrize(
    ("facts", "words"), [({"cpu": "another"}, "other processors"), ({"n_cpus": 64}, "64 x")]
)
def test_times_of_other_processors_do_not_compare(tmp_path, facts, words):
    metric = on_cpu(tmp_path, calls(), calls(5, 10), environments=({}, facts))
    assert metric.verdict is None
    assert words in metric.note


@pytest.mark.parametrize(
    ("factor", "verdict", "word"),
    [(1.5, "FAIL", "slower"), (0.5, "PASS", "faster"), (1.0, "PASS", "runs of one build")],
)
def test_an_accelerator_is_judged_beyond_the_noise_of_builds(tmp_path, factor, verdict, word):
    sides = (
        {"engine": {"device": "cuda"}, "speed": {"network": calls(wall, spread=1e-4)}}
        for wall in (1.0, factor)
    )
    (metric,) = speed_metrics(pair_of(tmp_path, *sides))
    assert str(metric.verdict) == verdict
    assert word in metric.note
    assert metric.command == ""


@pytest.mark.parametrize("devices", [("npu", "cuda"), ("cpu", "cuda")])
def test_times_of_two_devices_are_not_judged(tmp_path, devices):
    sides = ({"engine": {"device": d}, "speed": {"network": calls()}} for d in devices)
    (metric,) = speed_metrics(pair_of(tmp_path, *sides))
    assert metric.verdict is None
    assert "other devices" in metric.note


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
    assert "ort-cpu-fp32 is another one, onnxruntime 1.18.1 and onnxruntime 1.32.0" in metric.note


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
