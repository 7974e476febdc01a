import numpy as np
import pytest

from retinaface.checks.engine_contract import (
    check_different,
    check_same,
    description_problems,
    growth_per_run,
    measure_growth,
    resident_bytes,
)
from retinaface.network.outputs import RawOutputs
from retinaface.verdicts import Verdict

ALLOWED = {"loc": 0.5, "conf": 0.01, "landmarks": 1.0}
DESCRIPTION = {
    "name": "acme-x1-fp16",
    "device": "x1",
    "precision": "fp16",
    "runtime": "acme 2.1.0",
    "build_s": 0.5,
    "placement": {"provider": "acme", "fallback": []},
}


def outputs(n: int = 2) -> RawOutputs:
    arrays = (np.zeros((n, 5, width), np.float32) for width in (4, 2, 10))
    return RawOutputs(*arrays)


def test_equal_outputs_are_reported_as_equal():
    check = check_same("x", outputs(), outputs(), ALLOWED)
    assert (check.verdict, check.message) == (Verdict.PASS, "equal in every bit")


def test_the_difference_that_counts_is_the_largest_share_of_what_is_allowed():
    actual = outputs()
    actual.loc[0, 1, 2] = 0.4
    actual.scores[1, 3, 1] = 0.02
    check = check_same("x", actual, outputs(), ALLOWED)
    assert check.verdict is Verdict.FAIL
    assert "0.02 in conf at (image, prior, value) (1, 3, 1): got 0.0199999996" in check.message
    assert "expected 0, allowed 0.01" in check.message
    actual.scores[1, 3, 1] = 0
    check = check_same("x", actual, outputs(), ALLOWED)
    assert check.verdict is Verdict.PASS
    assert check.numbers["difference"] == pytest.approx(0.4)
    assert (check.value, check.limit) == (pytest.approx(0.4), 0.5)


def test_a_nan_and_another_shape_fail():
    actual = outputs()
    actual.landmarks[0, 0, 0] = np.nan
    assert check_same("x", actual, outputs(), ALLOWED).verdict is Verdict.FAIL
    check = check_same("x", outputs(1), outputs(), ALLOWED)
    assert check.verdict is Verdict.FAIL
    assert "got shapes [(1, 5, 4)" in check.message


def test_images_with_the_same_outputs_are_named():
    rows = outputs(4)
    rows.loc[:] = np.arange(4, dtype=np.float32)[:, None, None]
    assert check_different("x", rows, ALLOWED).verdict is Verdict.PASS
    rows.loc[3] = rows.loc[1] + np.float32(0.25)
    check = check_different("x", rows, ALLOWED)
    assert check.verdict is Verdict.FAIL
    assert check.message.startswith("images 1 and 3 differ, but their loc differs by 0.25 only")


def test_a_whole_description_has_no_problem():
    assert description_problems(DESCRIPTION, dict(DESCRIPTION)) == []
    unversioned = DESCRIPTION | {"runtime": "acme of no version"}  # its package states none
    assert description_problems(unversioned, unversioned) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"runtime": None}, "no runtime"),
        ({"placement": {}}, "no placement"),
        ({"runtime": "acme"}, "expected name and version"),
        ({"build_s": -1}, "build_s is -1, expected seconds"),
        ({"build_s": "fast"}, "build_s is 'fast', expected seconds"),
        ({"driver": {1, 2}}, "not JSON: Object of type set"),
        ({"clock": float("nan")}, "not JSON: Out of range float"),
    ],
)
def test_each_problem_of_a_description_is_named(change, problem):
    bad = DESCRIPTION | change
    assert [problem in text for text in description_problems(bad, bad)] == [True]


def test_a_description_that_changes_is_a_problem():
    problems = description_problems(DESCRIPTION, DESCRIPTION | {"n_calls": 2})
    assert problems == ["n_calls was None and is 2 after a call"]


def test_growth_is_that_of_the_median_part():
    assert growth_per_run([0, 500, 1000, 1500, 2000], 5) == 100
    assert growth_per_run([0, 9_000_000, 9_000_000, 9_000_000], 5) == 0


@pytest.mark.needs("resident-memory")
def test_what_every_run_keeps_is_measured():
    kept = []
    growth, total = measure_growth(lambda i: kept.append(np.full(50_000, i, np.int8)), 40)
    assert 40_000 < growth < 80_000
    assert len(kept) == 40
    assert total > 1_000_000
    growth, _ = measure_growth(lambda _: np.ones(50_000), 40)
    assert growth < 10_000


@pytest.mark.needs("resident-memory")
def test_resident_memory_follows_what_is_held():
    before = resident_bytes()
    held = np.ones(4_000_000)
    assert resident_bytes() - before > 0.9 * held.nbytes


def test_a_system_without_process_memory_figures_raises(tmp_path):
    status = tmp_path / "status"
    with pytest.raises(OSError, match="status is missing"):
        resident_bytes(status)
    status.write_text("Name: python\n")
    with pytest.raises(OSError, match="has no VmRSS"):
        resident_bytes(status)
