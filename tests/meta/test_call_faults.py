"""Engines that are wrong in some calls alone: at a size, in an order, now and then, in threads.

Where the kit compares calls of one engine, the fault lies in one that computes next to nothing.
What judges the evaluation needs detections: there it lies in ONNX Runtime.
"""

from __future__ import annotations

import pytest

from tests.support.runs import EMBEDDED, SUITES, pytest_run

pytestmark = pytest.mark.needs("torch", "onnxruntime", "onnx")
MODULE = "tests.support.given.call_faults"
SUITES_OF_CALLS = (f"{SUITES}/test_engine_contract.py", f"{SUITES}/test_scored_outputs.py")
WALK, FURTHER, THREADS = "every_row", "another_order", "calls_in_threads"
ALONE, AGAIN, NO_TWO = "images_alone", "a_second_time", "outputs_of_another"
# The test that must be red, and what it must say.
FAULTS = {
    "noise_at18": (WALK, ("batch 18 after ", "largest difference")),
    "noise_at47": (FURTHER, ("batch 47 after ", "largest difference")),
    # Of an evaluation of 434 images at batch 32 the last call has 18.
    "stale_after32": (WALK, ("batch 24 after 32: largest difference",)),
    "noise_after_larger": (FURTHER, ("batch 23 after 25: largest difference",)),
    "noise_in_the_last_call": (ALONE, ("row 3 of the 3 of call 3, with itself alone: largest",)),
    "neighbours_row": (NO_TWO, (" got the outputs of image ", "alone it has its own")),
    "every200th_is_its_neighbour": (WALK, ("largest difference",)),
    "row_of_the_call_before": (NO_TWO, (" got the outputs of image ", "alone it has its own")),
    "exchanges_neighbours": (AGAIN, ("in the evaluation it got those of image ",)),
    "zeros_now_and_then": (NO_TWO, ("loc is one number throughout",)),
    "leaks_in_batches": ("memory_behind", ("memory of batches: 10 turns of batch 32 and 3 left",)),
    "leaks_between_sizes": ("memory_behind", ("memory of batches: 10 turns of batch 32 and 3",)),
    "state_of_a_thread": ("other_threads", ("called in second thread: largest difference",)),
    "lets_all_in": (THREADS, ("2 threads, parallel_calls 1: largest difference",)),
}
OF_THE_EVALUATION = (ALONE, AGAIN, NO_TWO)
# The base class lets one call in at a time.
HONEST = ("one_call_at_a_time",)


def engine_of(fault):
    """Name the engine with this fault."""
    return fault if FAULTS[fault][0] in OF_THE_EVALUATION else f"toy_{fault}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run over all of them: engines do not touch each other."""
    names = [f"{name}_cpu_fp32" for name in (*HONEST, *map(engine_of, FAULTS))]
    broken = [f"({engine_of(fault)}_cpu and {test})" for fault, (test, _) in FAULTS.items()]
    honest = [f"({name}_cpu and (scored_outputs or {THREADS}))" for name in HONEST]
    return pytest_run(
        tmp_path_factory.mktemp("calls") / "record",
        *SUITES_OF_CALLS,
        *EMBEDDED,
        "--pipeline=igie",
        "-k",
        " or ".join([*honest, *broken]),
        *(f"--engine={MODULE}:{name}" for name in names),
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_that_is_wrong_is_red_for_its_reason(fault, run):
    outcomes = run.outcomes(f"{MODULE}:{engine_of(fault)}_cpu_fp32")
    assert list(outcomes.values()) == ["FAIL"], run.output[-2000:]
    reasons = run.reasons(*outcomes)
    assert [words for words in FAULTS[fault][1] if words not in reasons] == [], reasons


@pytest.mark.parametrize("name", HONEST)
def test_an_engine_that_takes_one_call_at_a_time_is_let_alone(name, run):
    outcomes = run.outcomes(f"{MODULE}:{name}_cpu_fp32")
    assert len(outcomes) == 5
    assert set(outcomes.values()) == {"PASS"}, run.reasons(f":{name}")
