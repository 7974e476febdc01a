"""The engine contract: what every engine must do, whatever it computes; see `docs/add-an-engine`.

Images all differ, so that a row that was kept, dropped or moved shows. Results are compared
with other calls of the same engine; the suites of fidelity tell whether they are right.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retinaface.checks.engine_contract import (
    check_different,
    check_same,
    description_problems,
    measure_growth,
    shapes_of,
)
from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.base import Engine
from retinaface.engines.catalogue import find_engine
from retinaface.network.config import OUTPUT_WIDTHS
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.suite.display.forecast import count_images
from retinaface.suite.judged.batch_walk import last_batches
from retinaface.suite.judged.contract import copy_outputs, open_subject
from retinaface.verdicts import Check, Verdict

pytestmark = [pytest.mark.answers("engine"), pytest.mark.needs("reference")]
N_REPEATS = 20
ENOUGH_WRONG = 3  # batch sizes, which say what the others would
# Calls of one image, of an engine of seconds an image too; turns of a whole batch and a short one.
LEAK_CALLS, SLOW_LEAK_CALLS, LEAK_TURNS = 100, 20, 10
# Half of the smallest array that a call gives, the scores of one 320x320 image (4200 x 2 float32):
# an engine that keeps one output of each call is seen, and so is one that keeps its input.
LEAK_BYTES = 4200 * 2 * 4 / 2


@pytest.fixture(scope="module")
def ends(target):
    """List the last batches of each evaluation of the run whose inputs have one size."""
    n = count_images(target)
    fixed = [p for p in map(PIPELINES.get, target.pipelines) if p.input_size_px is not None]
    return tuple({last_batches(n, target.batch or p.batch_size): None for p in fixed})


@pytest.fixture(scope="module")
def subject(engine_name, pool, cases, ends):
    """Open the engine for 64 images where it takes so many; close it before the next is opened."""
    with open_subject(engine_name, pool, cases, ends) as opened:
        yield opened


def _check_of(name: str, problems: list[str], otherwise: str) -> Check:
    verdict = Verdict.FAIL if problems else Verdict.PASS
    return Check(name, verdict, "; ".join(problems) or otherwise)


@pytest.mark.quick
def test_outputs_have_the_shapes_and_types_of_the_contract(subject, gate):
    n_priors = len(prior_boxes(*subject.images.shape[2:]))
    problems = []
    for n in (1, 2):
        outputs = subject.engine.infer(subject.images[:n])
        expected = [(n, n_priors, width) for width in OUTPUT_WIDTHS.values()]
        if shapes_of(outputs) != expected:
            problems.append(f"got shapes {shapes_of(outputs)}, expected {expected}")
        types = [getattr(array, "dtype", type(array).__name__) for array in outputs]
        if any(kind != np.float32 for kind in types):
            problems.append(f"got {', '.join(map(str, types))}, expected float32")
        if not all(np.isfinite(array).all() for array in outputs):
            problems.append(f"batch {n}: got a NaN or an infinity, expected finite numbers")
    gate(_check_of("shapes and types", problems, f"float32, {n_priors} priors"))


@pytest.mark.quick
def test_every_row_of_a_batch_is_that_of_its_image_alone(subject, gate):
    """Run every size up to 32, and the last batches of the run, in the order of `batch_walk`."""
    different = check_different("images alone", subject.alone, subject.allowed)
    gate(different, *_walked(subject, subject.walk.first))


def test_rows_of_batches_up_to_64_and_in_another_order(subject, gate):
    """Run every other size up to 64, then those up to 32 again: see `batch_walk`."""
    if not subject.walk.second:
        text = f"all in the first walk{subject.walk.note}"
        gate(Check("further batch sizes", Verdict.PASS, text))
        return
    gate(*_walked(subject, subject.walk.second))


def _walked(subject, sizes):
    """Run batches of these sizes, one after another, until a few are wrong."""
    before, n_wrong = None, 0
    for i, n in enumerate(sizes):
        # The first row varies, so that an engine that keeps one by position shows.
        rows = (np.arange(n) + i + 1) % len(subject.images)
        outputs = subject.engine.infer(subject.images[rows])
        after = "" if before is None else f" after {before}"
        check = subject.check(f"batch {n}{after}{subject.note}", outputs, rows)
        yield check
        before, n_wrong = n, n_wrong + (check.verdict is not Verdict.PASS)
        if n_wrong == ENOUGH_WRONG:
            return


@pytest.mark.quick
def test_a_buffer_that_is_filled_again_gives_the_new_images(subject, gate):
    """Reuse a buffer: same address and shape, new content, which must not change old outputs."""
    n = min(3, subject.engine.spec.max_batch)
    buffer, checks = np.empty_like(subject.images[:n]), []
    for turn in range(4):
        rows = (np.arange(n) + turn) % len(subject.images)
        buffer[:] = subject.images[rows]
        outputs = subject.engine.infer(buffer)
        changed = not np.array_equal(buffer, subject.images[rows])
        checks.append(_check_of("the caller's images", ["changed"] * changed, "left as they were"))
        buffer.fill(0)
        checks.append(subject.check(f"filling {turn + 1}", outputs, rows))
    gate(*checks)


def test_arrays_need_not_be_contiguous(subject, gate):
    images = subject.images[:2]
    pixels_last = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    spread = np.zeros((4, *images.shape[1:]), np.float32)
    spread[::2] = images
    backwards = np.ascontiguousarray(images[:, :, :, ::-1])[:, :, :, ::-1]
    views = {"pixels last": pixels_last, "every second": spread[::2], "backwards": backwards}
    assert not any(view.flags.c_contiguous for view in views.values())
    gate(*(subject.check(k, subject.engine.infer(v), [0, 1]) for k, v in views.items()))


@pytest.mark.quick
def test_wrong_input_is_refused_and_does_no_harm(subject, gate):
    engine, image = subject.engine, subject.images[:1]
    most = engine.spec.max_batch
    wrong = {
        "float64": (image.astype(np.float64), TypeError),
        "uint8": (image.astype(np.uint8), TypeError),
        "three axes": (image[0], ValueError),
        "four channels": (np.repeat(image, 4, axis=1)[:, :4], ValueError),
        "pixels last": (image.transpose(0, 2, 3, 1), ValueError),
        "another size": (image[:, :, :-32], ValueError),
        "an empty batch": (image[:0], ValueError),
        f"a batch of {most + 1}": (
            np.broadcast_to(image, (most + 1, *image.shape[1:])),
            ValueError,
        ),
    }
    problems = []
    for name, (images, expected) in wrong.items():
        got = _error_of(engine, images)
        if not isinstance(got, expected):
            problems.append(f"{name}: got {_named(got)}, expected {expected.__name__}")
    after = subject.check("a right call after them", engine.infer(image), [0])
    gate(_check_of("wrong input", problems, f"{len(wrong)} kinds refused"), after)


def _error_of(engine: Engine, images: np.ndarray) -> Exception | None:
    try:
        engine.infer(images)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


def _named(error: Exception | None) -> str:
    return "no error" if error is None else f"{type(error).__name__}: {error}"


@pytest.mark.quick
def test_returned_arrays_belong_to_the_caller(subject, gate):
    engine, images = subject.engine, subject.images
    first = engine.infer(images[:2])
    kept = copy_outputs(first)
    second = engine.infer(images[1:3])
    checks = [check_same("arrays of a call, after the next", first, kept, _exactly())]
    shared = [
        name
        for name, one, other in zip(RawOutputs._fields, first, second, strict=True)
        if np.shares_memory(one, other)
    ]
    checks.append(
        _check_of("memory of two calls", [f"{n} is shared" for n in shared], "not shared")
    )
    for array in (*first, *second):
        if array.flags.writeable:
            array.fill(77)
    later = engine.infer(images[:2])
    checks.append(subject.check("a call after its arrays were written to", later, [0, 1]))
    gate(*checks)


def _exactly() -> dict[str, float]:
    """Allow no difference: the smallest number, because differences are divided by the limit."""
    return dict.fromkeys(("loc", "conf", "landmarks"), float(np.finfo(np.float64).tiny))


def test_two_engines_at_once_do_not_touch_each_other(engine_name, subject, pool, gate):
    checks = []
    with pool.open(engine_name, model=subject.engine.spec.model) as other:
        for turn in range(3):
            n = len(subject.images)
            ours, theirs = [turn % n, (turn + 1) % n], [(turn + 2) % n]
            one = subject.engine.infer(subject.images[ours])
            two = other.infer(subject.images[theirs])
            checks.append(subject.check(f"first engine, turn {turn + 1}", one, ours))
            checks.append(subject.check(f"second engine, turn {turn + 1}", two, theirs))
    after = subject.engine.infer(subject.images[:1])
    gate(*checks, subject.check("first engine, after the second was closed", after, [0]))


def test_a_closed_engine_refuses_to_run(engine_name, subject, pool, gate):
    engine = pool.open(engine_name, model=subject.engine.spec.model)
    engine.infer(subject.images[:1])
    engine.close()
    problems = []
    got = _error_of(engine, subject.images[:1])
    if not isinstance(got, ValueError):
        problems.append(f"infer after close: got {_named(got)}, expected ValueError")
    try:
        engine.close()
    except Exception as error:  # noqa: BLE001 - any is one too many
        problems.append(f"close() again: got {_named(error)}, expected no error")
    gate(_check_of("after close", problems, "infer refused, close() again accepted"))


def test_runs_on_one_input_give_one_result(subject, gate):
    images = subject.images[:1]
    first = copy_outputs(subject.engine.infer(images))
    runs = [copy_outputs(subject.engine.infer(images)) for _ in range(N_REPEATS - 1)]
    checks = [check_same("", run, first, subject.allowed) for run in runs]
    worst = max(checks, key=_difference)
    gate(Check(f"{N_REPEATS} runs on one image", worst.verdict, worst.message, worst.numbers))


def _difference(check: Check) -> float:
    """Give the difference that a check found; wrong shapes and a NaN exceed any number."""
    return float(np.nan_to_num(check.numbers.get("difference", np.inf), nan=np.inf))


def test_an_engine_runs_in_other_threads_than_its_own(engine_name, subject, pool, gate):
    """Opened in one thread, called in another, then in a third, in the first and in this one."""
    model = subject.engine.spec.model
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        engine = first.submit(pool.open, engine_name, model=model).result()
        with engine, ThreadPoolExecutor(1) as third:
            callers = {"second": second, "third": third, "its own": first}
            outputs = {
                f"called in {name} thread": threads.submit(_infer, engine, subject, [i]).result()
                for i, (name, threads) in enumerate(callers.items())
            }
            outputs["called in the main thread"] = _infer(engine, subject, [0])
    rows = [0, 1, 2, 0]
    gate(*(subject.check(k, o, [r]) for (k, o), r in zip(outputs.items(), rows, strict=True)))


def _infer(engine, subject, rows):
    return engine.infer(subject.images[rows])


def test_calls_in_threads_give_what_single_calls_give(engine_name, subject, pool, gate):
    """Open the engine as `detect` does, and call it from one thread more than it takes calls."""
    model = subject.engine.spec.model
    with pool.open(engine_name, model=model, shares_cpus=True) as engine:
        n_threads = engine.parallel_calls + 1
        rows = [[i % len(subject.images)] for i in range(8 * n_threads)]
        with ThreadPoolExecutor(n_threads) as threads:
            outputs = list(threads.map(lambda r: _infer(engine, subject, r), rows))
        text = f"{n_threads} threads, parallel_calls {engine.parallel_calls}"
    checks = [
        subject.check(f"call {i + 1} of {len(rows)}, {text}", found, row)
        for i, (found, row) in enumerate(zip(outputs, rows, strict=True))
    ]
    gate(*checks)


@pytest.mark.needs("resident-memory")
def test_runs_leave_no_memory_behind(subject, gate):
    """Measure resident memory of this process; it does not include that of an accelerator."""
    engine, images = subject.engine, subject.images
    is_slow = find_engine(engine.spec.name).is_sluggish
    n_calls = SLOW_LEAK_CALLS if is_slow else LEAK_CALLS
    large, small = _leak_batches(subject)
    words = f"batch {large} and {small}"

    def turn(i):
        for n in (large, small):
            engine.infer(images[(np.arange(n) + i) % len(images)])

    for i in range(3):  # warm-up
        turn(i)
    in_turns = measure_growth(turn, LEAK_TURNS)
    alone = measure_growth(lambda i: engine.infer(images[[i % len(images)]]), n_calls)
    gate(
        _leak("memory", f"{n_calls} runs of batch 1", n_calls, *alone),
        _leak("memory of batches", f"{LEAK_TURNS} turns of {words}", LEAK_TURNS, *in_turns),
    )


def _leak_batches(subject):
    """The whole batch of the run and a shorter one: memory may be left at one, or between them."""
    sizes = sorted(subject.walk.first)
    end = next((end for end in subject.ends if {*end} <= {*sizes}), ())
    large = end[0] if end else max(n for n in sizes if n <= 32)
    return large, end[-1] if end and end[-1] != large else min(2, large)


def _leak(name, runs, n_runs, growth, total):
    text = (
        f"{runs} left {growth / 1e3:.2f} kB each behind, allowed {LEAK_BYTES / 1e3:.1f} (half of "
        f"the scores of one image); in all {total / 1e6:.1f} MB"
    )
    verdict = Verdict.PASS if growth < LEAK_BYTES else Verdict.FAIL
    return Check(name, verdict, text, {"growth_bytes_per_run": growth, "n_runs": n_runs})


@pytest.mark.quick
def test_describe_says_what_the_record_needs(subject, gate):
    first = subject.engine.describe()
    subject.engine.infer(subject.images[:1])
    problems = description_problems(first, subject.engine.describe())
    gate(_check_of("describe()", problems, ", ".join(sorted(first))))
