"""Measure how fast an engine is, by batch and what is timed; its outputs are checked meanwhile.

What the clock includes: `network`, one `infer` call, from and to NumPy arrays; `run`, that call
without its copies to and from a device, as makers publish it; `end-to-end`, from the bytes of image
files to detections; `session`, from a file on disk to an engine that has proved where it runs;
`first-run`, the first `infer` of a batch size in a fresh session.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retinaface.checks.detection_changes import differences
from retinaface.checks.detections import TOLERANCES, check_differences
from retinaface.checks.speed.gate import check_speed, speed_entry
from retinaface.checks.speed.timing import CheckedInputs, FetchTimes, summarise
from retinaface.checks.speed.turns import YARDSTICK, middle_of_turns, share_of_peak, turn_by_turn
from retinaface.detection.detections import Detections, postprocess
from retinaface.detection.detector import detect
from retinaface.detection.pipelines import PIPELINES, preprocess
from retinaface.environment import device_name, slug
from retinaface.records.result_id import ResultId
from retinaface.reference.inputs import REAL
from retinaface.suite.baseline_search import BaselineQuery, find_or_offer
from retinaface.suite.needs import missing
from retinaface.verdicts import Check, Verdict

pytestmark = [pytest.mark.speed, pytest.mark.needs("reference")]
BATCHES = pytest.mark.parametrize("batch", [1, 8, 32], ids=lambda batch: f"b{batch}")
# Calls that are timed, and those before them that are not.
ROUNDS = {1: (50, 10), 8: (20, 3), 32: (10, 2)}
SLOW_ROUNDS = 5
PEAK_TURNS = 9
TURNS, TURNS_BATCH = 15, 32


@pytest.fixture
def judged(engine_name, batch, pipeline, benchmark, pool, acceptance, validation_run, gate):
    """Keep the samples, report them, and compare them with a baseline of this device."""

    def judge(timed, n_images, *checks):
        if benchmark.disabled:
            text = "timing is switched off by --benchmark-disable"
            gate(*checks, Check("timing", Verdict.INCONCLUSIVE, text))
        figures = summarise(benchmark.stats.stats.data, n_images)
        benchmark.extra_info.update({k: v for k, v in figures.items() if k != "samples_s"})
        engine = pool.get(engine_name).describe()
        name = str(ResultId(engine_name, pipeline.name, batch))
        earlier = validation_run.results.get(name, {}).get("speed", {})
        validation_run.add_result(
            name, engine=engine, batch=batch, speed={**earlier, timed: figures}
        )
        gate(*checks, against_baseline(timed, figures, engine, n_images), result=name)

    def against_baseline(timed, figures, engine, n_images):
        key = {
            "pipeline": pipeline.name,
            "precision": engine["precision"],
            "device": slug(device_name(engine)),
            "batch": batch,
            "timed": timed,
            "engine": engine_name,
        }

        def make_entry(known):
            # Runs of a different version would widen the noise of this one.
            of_this = [entry for entry in known if entry.is_from(engine.get("runtime"))]
            earlier = [e.data["samples_s"] for e in of_this if e.data.get("samples_s")]
            runs = earlier[0] if earlier else ()
            return speed_entry(**key, figures=figures, earlier_runs=runs)

        # The network knows no pipeline, only the size of its input.
        names = [pipeline.name, *(() if timed == "end-to-end" else same_inputs(pipeline))]
        ungated = f"{key['device']} has no speed baseline: reported, not gated on a CPU"
        found = find_or_offer(
            BaselineQuery(
                name="speed baseline",
                what=f"speed baseline for {key['device']}",
                metric="speed",
                keys=[{**key, "pipeline": name} for name in names],
                engine=engine,
                make_entry=make_entry,
                ungated=ungated if engine["device"] == "cpu" else "",
            ),
            acceptance,
        )
        return found if isinstance(found, Check) else check_speed(found.entry, figures, n_images)

    return judge


def same_inputs(pipeline):
    """List other pipelines whose inputs have the same size."""
    size = pipeline.input_size_px
    return [n for n, p in PIPELINES.items() if p.input_size_px == size and n != pipeline.name]


def time_calls(benchmark, target, setup, teardown, rounds, warmup):
    """Time a call; set-up and checks run between the calls, outside the clock."""
    kept = {}

    def timed(*args):
        kept["result"] = target(*args)

    def after(*args):
        teardown(kept.pop("result"), *args)

    benchmark.pedantic(
        timed,
        setup=lambda: (setup(), {}),
        teardown=after,
        rounds=rounds,
        warmup_rounds=warmup,
        iterations=1,
    )


@pytest.mark.quick(batch=(8,))
@BATCHES
def test_network_alone(engine_name, batch, benchmark, pool, cases, judged):
    engine = pool.get(engine_name)
    inputs = CheckedInputs(cases.get("scene", 32), batch, engine.spec.precision)
    time_calls(
        benchmark,
        engine.infer,
        lambda: (inputs.fill(),),
        lambda outputs, _images: inputs.check(outputs),
        *ROUNDS[batch],
    )
    judged("network", batch, inputs.verdict("outputs while timed"))


@BATCHES
@pytest.mark.on_device
@pytest.mark.offers("stages")
def test_run_alone(engine_name, batch, benchmark, pool, cases, judged):
    """Time the run without copies; the time of fetching shows whether it waited for the device."""
    engine = pool.get(engine_name)
    inputs = CheckedInputs(cases.get("scene", 32), batch, engine.spec.precision)
    waits = FetchTimes(engine)
    time_calls(
        benchmark,
        engine.execute,
        lambda: engine.load(inputs.fill()) or (),
        lambda _nothing: inputs.check(waits.fetch()),
        *ROUNDS[batch],
    )
    checks = [inputs.verdict("outputs while timed")]
    if not benchmark.disabled:
        checks.append(waits.verdict(float(np.median(benchmark.stats.stats.data))))
    judged("run", batch, *checks)


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


@BATCHES
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
        _flips, *checks = check_differences("timed", changes, TOLERANCES[engine.spec.precision])
        wrong.extend(c for c in checks if c.verdict != Verdict.PASS)

    time_calls(benchmark, run, shuffled, check, SLOW_ROUNDS, 1)
    verdict = Verdict.FAIL if wrong else Verdict.PASS
    n_pictures = min(n, len(encoded))
    text = str(wrong[0]) if wrong else "all calls checked"
    judged("end-to-end", n_pictures, Check("detections while timed", verdict, text))


@pytest.mark.parametrize("batch", [1], ids=["b1"])  # a session is made once for all batches
def test_session_creation(engine_name, batch, benchmark, pool, cases, judged):
    model = pool.get(engine_name).spec.model
    inputs = CheckedInputs(cases.get("scene", 32), 1, pool.get(engine_name).spec.precision)

    def check(engine):
        inputs.check(engine.infer(inputs.fill()))
        engine.close()

    time_calls(
        benchmark, lambda: pool.open(engine_name, model=model), lambda: (), check, SLOW_ROUNDS, 1
    )
    judged("session", None, inputs.verdict("outputs of the new sessions"))


@BATCHES
def test_first_run(engine_name, batch, benchmark, pool, cases, judged):
    model = pool.get(engine_name).spec.model
    inputs = CheckedInputs(cases.get("scene", 32), batch, pool.get(engine_name).spec.precision)

    def check(outputs, engine, _images):
        inputs.check(outputs)
        engine.close()

    time_calls(
        benchmark,
        lambda engine, images: engine.infer(images),
        lambda: (pool.open(engine_name, model=model), inputs.fill()),
        check,
        SLOW_ROUNDS,
        1,
    )
    judged("first-run", None, inputs.verdict("outputs of the first runs"))


@pytest.mark.needs(engine=YARDSTICK)
def test_turn_by_turn_with_onnx_runtime(engine_name, pipeline, pool, cases, validation_run, gate):
    """Report, without a gate, the ratio of images/s of two engines on a machine that may be busy.

    Of the yardstick with itself it says how much two calls differ.
    """
    engines = [pool.get(name) for name in (engine_name, YARDSTICK)]
    scenes = cases.get("scene", 32)
    inputs = [CheckedInputs(scenes, TURNS_BATCH, engine.spec.precision) for engine in engines]
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
