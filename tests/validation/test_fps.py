"""Measure how fast an engine is, by batch and what is timed; its outputs are checked meanwhile.

What the clock includes: `network`, one `infer` call, from and to NumPy arrays; `run`, that call
without its copies to and from a device; `vendor-run`, the mean of many such runs with one wait at
the end, as makers publish it; `end-to-end`, from the bytes of image
files to detections; `session`, from a file on disk to an engine that has proved where it runs;
`first-run`, the first `infer` of that session, at the smallest batch; `first-of-size`, the first of
each larger batch size after it; `soak`, as `network`, for as long as `--soak` says.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest

from retinaface.checks.detection_changes import differences
from retinaface.checks.detections import TOLERANCES, check_differences
from retinaface.checks.speed.machine import FixedWork
from retinaface.checks.speed.timing import FetchTimes, calls_in_budget
from retinaface.checks.speed.turns import YARDSTICK, middle_of_turns, share_of_peak, turn_by_turn
from retinaface.detection.detections import Detections, postprocess
from retinaface.detection.detector import detect
from retinaface.detection.pipelines import preprocess
from retinaface.records.result_id import ResultId
from retinaface.reference.inputs import REAL
from retinaface.suite.judged.calls import (
    call_s_of,
    run_for,
    run_s,
    seconds_of,
    time_start_ups,
    time_vendor_runs,
)
from retinaface.suite.judged.floors import checked_inputs
from retinaface.suite.judged.published import VENDOR_RUN
from retinaface.suite.judged.speed import SpeedJudge, TimedCalls, time_on
from retinaface.suite.matrix import timed_batches
from retinaface.suite.needs import missing
from retinaface.verdicts import Check, Verdict

pytestmark = [pytest.mark.answers("speed"), pytest.mark.speed, pytest.mark.needs("reference")]
SLOW_ROUNDS = 5
# The runs of one mean may take so long; of slower ones one mean is enough.
SLOW_RUNS_S = 5.0
PEAK_TURNS = 9
TURNS, TURNS_BATCH = 15, 32


def n_warm_up(batch):
    """Choose the number of calls before those that are timed."""
    return 10 if batch == 1 else 3 if batch <= 8 else 2


@pytest.fixture
def judged(engine_name, pipeline, pool, acceptance, validation_run, gate):
    """Keep timings, report them, and judge them: `judged(timed, batch, calls, n_images, ...)`."""
    judge = SpeedJudge(pipeline, acceptance, validation_run)

    def hold(timed, batch, calls, n_images, *checks):
        if calls is None:
            text = "timing is switched off by --benchmark-disable"
            gate(*checks, Check("timing", Verdict.INCONCLUSIVE, text))
        name = ResultId(engine_name, pipeline.name, batch)
        engine = pool.get(engine_name).describe()
        found = judge.judge(name, engine, timed, calls, n_images)
        gate(*checks, *found, result=str(name))

    return hold


def time_calls(benchmark, target, setup, teardown, rounds, work):
    """Time a call; set-up, fixed work and checks run between the calls, outside the clock.

    Gives the timings; None where timing is switched off.
    """
    kept = {}

    def timed(*args):
        kept["result"] = target(*args)

    def before():
        arguments = setup()
        work.do()
        return arguments, {}

    def after(*args):
        teardown(kept.pop("result"), *args)

    benchmark.pedantic(timed, setup=before, teardown=after, rounds=rounds, iterations=1)
    if benchmark.disabled:
        return None
    benchmark.extra_info.update(work.noise().as_json())
    return TimedCalls(benchmark.stats.stats.data, work)


@pytest.mark.quick(batch=(8,))
@pytest.mark.each_batch
def test_network_alone(engine_name, batch, benchmark, pool, cases, judged):
    engine = pool.get(engine_name)
    inputs = checked_inputs(engine, cases.judging(engine_name, "scene", 32), batch)
    call_s = call_s_of(inputs, engine.infer, n_warm_up(batch))
    with FixedWork(engine.spec.device, call_s) as work:
        calls = time_calls(
            benchmark,
            engine.infer,
            lambda: (inputs.fill(),),
            lambda outputs, _images: inputs.check(outputs),
            calls_in_budget(call_s),
            work,
        )
        if calls is not None:
            time_call = functools.partial(seconds_of, engine.infer, inputs)
            calls = time_on(engine.describe(), calls, time_call)
    judged("network", batch, calls, batch, inputs.verdict("outputs while timed"))


@pytest.mark.each_batch
@pytest.mark.on_device
@pytest.mark.offers("stages")
def test_run_alone(engine_name, batch, benchmark, pool, cases, judged):
    """Time the run without copies; the time of fetching shows whether it waited for the device."""
    engine = pool.get(engine_name)
    inputs = checked_inputs(engine, cases.judging(engine_name, "scene", 32), batch)
    waits = FetchTimes(engine)
    call_s = call_s_of(inputs, engine.infer, n_warm_up(batch))

    def time_run():
        seconds = run_s(engine, inputs.fill())
        inputs.check(waits.fetch())
        return seconds

    with FixedWork(engine.spec.device, call_s) as work:
        calls = time_calls(
            benchmark,
            engine.execute,
            lambda: engine.load(inputs.fill()) or (),
            lambda _nothing: inputs.check(waits.fetch()),
            calls_in_budget(call_s),
            work,
        )
        if calls is not None:
            calls = time_on(engine.describe(), calls, time_run)
    checks = [inputs.verdict("outputs while timed")]
    if calls is not None:
        checks.append(waits.verdict(float(np.median(calls.seconds))))
    judged("run", batch, calls, batch, *checks)


@pytest.mark.each_batch
@pytest.mark.on_device
@pytest.mark.offers("stages")
def test_vendor_run(engine_name, batch, is_timed, pool, cases, judged):
    """Time many runs as one, as makers' scripts do; a published figure judges this alone."""
    engine = pool.get(engine_name)
    inputs = checked_inputs(engine, cases.judging(engine_name, "scene", 32), batch)
    call_s = call_s_of(inputs, engine.infer, n_warm_up(batch))
    n_times = 1 if call_s * engine.n_vendor_runs > SLOW_RUNS_S else SLOW_ROUNDS
    with FixedWork(engine.spec.device, call_s) as work:
        seconds = time_vendor_runs(engine, inputs, work, n_times)
    calls = TimedCalls(seconds, work) if is_timed else None
    judged(VENDOR_RUN, batch, calls, batch, inputs.verdict("outputs of the last runs"))


@pytest.mark.needs("soak")
def test_soak(engine_name, pipeline, target, pool, cases, acceptance, validation_run, gate):
    """Run for as long as `--soak` says, at the batch of accuracy."""
    engine = pool.get(engine_name)
    batch = target.batch or pipeline.batch_size
    inputs = checked_inputs(engine, cases.judging(engine_name, "scene", 32), batch)
    call_s = call_s_of(inputs, engine.infer, n_warm_up(1))
    with FixedWork(engine.spec.device, call_s / 10) as work:  # a tenth: it is the engine that soaks
        seconds = run_for(engine, inputs, target.soak_s, work)
        name = ResultId(engine_name, pipeline.name, batch)
        judge = SpeedJudge(pipeline, acceptance, validation_run)
        checks = judge.judge_soak(name, engine.describe(), TimedCalls(seconds, work), batch)
    gate(inputs.verdict("outputs of the soak"), *checks, result=str(name))


@pytest.fixture(scope="session")
def pictures(cases, photographs, pipeline, pytestconfig):
    """Give encoded images and the detections of their exact outputs; scenes without data."""
    if all(missing(need, pytestconfig) is None for need in ("images", "torch")):
        encoded = photographs(32)
        case = cases.get(REAL, len(encoded))
    else:
        case = cases.get("scene", 16)
        encoded = {f"scene-{i}": _encode(image) for i, image in enumerate(case.images)}
    expected = {}
    for i, (name, data) in enumerate(encoded.items()):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        geometry = preprocess(image, pipeline)[1]
        raw = (case.exact[output][i].astype(np.float32) for output in case.exact)
        expected[name] = postprocess(*raw, geometry)
    return encoded, expected


def _encode(image):
    from retinaface.network.config import MOBILENET_025

    pixels = image.transpose(1, 2, 0) + np.asarray(MOBILENET_025.mean_bgr, np.float32)
    return cv2.imencode(".png", pixels.round().astype(np.uint8))[1].tobytes()


@pytest.mark.each_batch
def test_end_to_end(engine_name, batch, pipeline, benchmark, pool, pictures, judged):
    encoded, expected = pictures
    engine = pool.get(engine_name)
    rng = np.random.default_rng(batch)
    n = 16 if batch == 1 else 32
    wrong = []

    def shuffled():
        return ([str(name) for name in rng.permutation(list(encoded))[:n]],)

    def run(names):
        return dict(detect(engine, pipeline, names, encoded.__getitem__, batch_size=batch))

    def check(found, names):
        assert list(found) == names
        assert all(isinstance(d, Detections) for d in found.values())
        changes = differences({name: expected[name] for name in names}, found)
        # A flip at a limit weighs too much among so few; whatever no limit explains counts.
        tolerance = TOLERANCES[engine.spec.precision]
        _flips, *checks = check_differences("timed", changes, tolerance)
        wrong.extend(c for c in checks if c.verdict != Verdict.PASS)

    (warm_up,) = shuffled()
    check(run(warm_up), warm_up)
    with FixedWork(engine.spec.device, n * 0.01) as work:
        calls = time_calls(benchmark, run, shuffled, check, SLOW_ROUNDS, work)
    verdict = Verdict.FAIL if wrong else Verdict.PASS
    n_pictures = min(n, len(encoded))
    text = str(wrong[0]) if wrong else "all calls checked"
    judged(
        "end-to-end",
        batch,
        calls,
        n_pictures,
        Check("detections while timed", verdict, text),
    )


@pytest.fixture(scope="session")
def started(pool, cases, target):
    """Start each engine a few times, once for all tests of its start-up: `started(engine)`."""

    @functools.cache
    def get(engine_name):
        engine = pool.get(engine_name)
        scenes = cases.judging(engine_name, "scene", 32)
        batches = [engine.fixed_batch] if engine.fixed_batch else timed_batches(target)
        inputs = {b: checked_inputs(engine, scenes, b) for b in batches}
        reopen = functools.partial(pool.open, engine_name, model=engine.spec.model)
        return time_start_ups(reopen, inputs, engine.spec.device, SLOW_ROUNDS)

    return get


@pytest.fixture
def is_timed(pytestconfig):
    """Whether times mean something: as pytest-benchmark has it, not beside other workers."""
    is_off = pytestconfig.getoption("benchmark_disable")
    is_worker = hasattr(pytestconfig, "workerinput")
    return not is_worker and (not is_off or pytestconfig.getoption("benchmark_enable"))


@pytest.mark.parametrize("batch", [1], ids=["b1"])  # a session is made once for all batches
def test_session_creation(engine_name, batch, is_timed, started, judged):
    found = started(engine_name)
    calls = TimedCalls(found.session_s, found.work) if is_timed else None
    inputs = found.inputs[min(found.inputs)]
    judged("session", batch, calls, None, inputs.verdict("outputs of new sessions"))


@pytest.mark.each_batch
def test_first_run(engine_name, batch, is_timed, started, judged):
    """In the sessions of `test_session_creation`, the smallest batch first."""
    found = started(engine_name)
    calls = TimedCalls(found.first_run_s[batch], found.work) if is_timed else None
    timed = "first-run" if batch == min(found.inputs) else "first-of-size"
    judged(timed, batch, calls, None, found.inputs[batch].verdict("outputs of the first runs"))


@pytest.mark.needs(engine=YARDSTICK)
def test_turn_by_turn_with_onnx_runtime(engine_name, pipeline, pool, cases, validation_run, gate):
    """Report, without a gate, the ratio of images/s of two engines on a machine that may be busy.

    Of the yardstick with itself it says how much two calls differ.
    """
    engines = [pool.get(name) for name in (engine_name, YARDSTICK)]
    inputs = [
        checked_inputs(engine, cases.judging(engine.spec.name, "scene", 32), TURNS_BATCH)
        for engine in engines
    ]
    ratios = turn_by_turn(*engines, inputs, TURNS)
    name = str(ResultId(engine_name, pipeline.name, TURNS_BATCH))
    validation_run.add_result(
        name, engine=engines[0].describe(), images_per_s_over={YARDSTICK: ratios}
    )
    low, median, high = middle_of_turns(ratios)
    text = f"{median:.2f} times those of {YARDSTICK} ({low:.2f} to {high:.2f} over {TURNS} turns)"
    gate(
        inputs[0].verdict("outputs while timed"),
        inputs[1].verdict(f"outputs of {YARDSTICK} while timed"),
        Check("images per second", Verdict.PASS, text, {"ratios": ratios}),
    )


@pytest.mark.precision("fp32")
def test_share_of_the_machines_peak(engine_name, pipeline, pool, cases, validation_run, gate):
    """Report, without a gate: on one build it is 0.58 to 1.36, depending on thread settings."""
    shared = pool.get(engine_name)
    if shared.spec.device != "cpu":
        gate(Check("share of peak", Verdict.PASS, "an accelerator's peak is not measured"))
        return
    with pool.open(engine_name, model=shared.spec.model, threads=1) as engine:
        shares = share_of_peak(engine, cases.get("scene", 8).images, PEAK_TURNS)
    low, median, high = middle_of_turns(shares)
    name = str(ResultId(engine_name, pipeline.name, 8))
    validation_run.add_result(name, share_of_peak=shares)
    text = (
        f"{median:.2f} of one core's matrix product rate ({low:.2f} to {high:.2f} over "
        f"{PEAK_TURNS} turns, one thread each)"
    )
    is_number = np.isfinite(median) and median > 0
    verdict = Verdict.PASS if is_number else Verdict.FAIL
    gate(Check("share of peak", verdict, text, {"shares": shares}))
