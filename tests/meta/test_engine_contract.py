"""Engines that break one clause of the contract each: the kit must turn red for that clause.

It compares calls of one engine, so the faults lie in one that computes next to nothing; that one
keeps the whole contract, and so does ONNX Runtime.
"""

from __future__ import annotations

import pytest

from tests.support.runs import EMBEDDED, SUITES, pytest_run

pytestmark = pytest.mark.needs("torch", "onnxruntime", "onnx")
MODULE = "tests.support.given.faulty_engines"
KIT = f"{SUITES}/test_engine_contract.py"
# The test that must be red, and words of its message.
FAULTS = {
    "cached_by_shape": ("every_row", "images 0 and 1 differ, but their loc differs by 0 only"),
    "cached_by_address": ("filled_again", "filling 2: largest difference"),
    "alternates_calls": ("every_row", "images 0 and 1 differ, but their loc differs by 0 only"),
    "skips_work": ("every_row", "batch 64: largest difference"),
    "drops_tail": ("every_row", "batch 64: largest difference"),
    "drops_last": ("every_row", "batch 64: largest difference"),
    "reversed_batch": ("every_row", "batch 64: largest difference"),
    "nan_in_one_output": ("shapes_and_types", "batch 1: got a NaN or an infinity"),
    "float64_outputs": ("shapes_and_types", "got float64, float64, float64, expected float32"),
    "changes_its_input": ("filled_again", "the caller's images: changed"),
    "ignores_strides": ("contiguous", "backwards: largest difference"),
    "any_input": ("wrong_input", "float64: got no error, expected TypeError"),
    "breaks_on_refusal": ("wrong_input", "a right call after them: largest difference"),
    "reuses_buffer": ("belong_to_the_caller", "arrays of a call, after the next: largest"),
    "keeps_its_arrays": ("belong_to_the_caller", "a call after its arrays were written to"),
    "one_for_all": ("two_engines", "first engine, turn 1: largest difference"),
    "works_after_close": ("closed_engine", "infer after close: got no error, expected ValueError"),
    "closes_once": ("closed_engine", "close() again: got RuntimeError: double free"),
    "unsteady": ("one_result", "20 runs on one image: largest difference 0.0"),
    "unsafe_in_threads": ("calls_in_threads", "parallel_calls 2: largest difference"),
    "leaks": ("memory_behind", "kB each behind, allowed 16.8"),
    "describes_in_arrays": ("test_describe", "not JSON: Object of type ndarray"),
    "describes_little": ("test_describe", "no runtime; no build_s"),
    "describes_its_calls": ("test_describe", "after a call"),
}
# FP16 goes through the kit in the suites themselves, as ort-cpu-fp16.
HONEST = ("wrapped_cpu_fp32", "toy_wrapped_cpu_fp32")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the suites once over all engines, which do not affect each other."""
    names = [*HONEST, *(f"toy_{fault}_cpu_fp32" for fault in FAULTS)]
    # The whole kit over the honest engines; over the faulty ones the clause that they break.
    broken = [f"(toy_{fault}_cpu and {test})" for fault, (test, _) in FAULTS.items()]
    return pytest_run(
        tmp_path_factory.mktemp("contract") / "record",
        KIT,
        *EMBEDDED,
        "-k",
        " or ".join([*HONEST, *broken]),
        *(f"--engine={MODULE}:{name}" for name in names),
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_clause_is_red_for_its_reason(fault, run):
    outcomes = run.outcomes(f"{MODULE}:toy_{fault}_cpu_fp32]")
    assert list(outcomes.values()) == ["FAIL"], run.output[-2000:]
    assert FAULTS[fault][1] in run.reasons(*outcomes)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_engine_keeps_the_contract(name, run):
    outcomes = run.outcomes(f"{MODULE}:{name}]")
    assert len(outcomes) == 14
    assert set(outcomes.values()) == {"PASS"}, run.reasons(f":{name}]")
