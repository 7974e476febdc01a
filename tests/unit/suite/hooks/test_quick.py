"""Sessions in processes of their own, because the profile of Hypothesis is global."""

import shutil
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[4]
TESTS = """
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

@pytest.mark.quick(batch=(1, 3), kind=("scene",))
@pytest.mark.parametrize("kind", ["scene", "noise"])
@pytest.mark.parametrize("batch", [1, 3, 32])
def test_matrix(batch, kind):
    pass

@pytest.mark.quick
def test_whole():
    pass

def test_slow():
    pass

@pytest.mark.needs("soak")
def test_soak(target):
    print("soaks for", target.soak_s)

drawn = []

@pytest.mark.quick
@given(st.integers())
def test_property(n):
    drawn.append(n)

@pytest.mark.quick
def test_examples():
    print("examples:", len(drawn))
"""


@pytest.fixture
def session(pytester, monkeypatch):
    """Run the tests in a folder of their own, and give pytest's result."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, pytester.path)
    for name in ("CI", "PYTEST_ADDOPTS", "RETINAFACE_ASSETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    suite = pytester.path / "tests/validation/test_small.py"
    suite.parent.mkdir(parents=True)
    suite.write_text(TESTS)

    def run(*arguments):
        words = ["-m", "pytest", "-p", "no:cacheprovider", "-rP", "-v", *arguments]
        return pytester.run(sys.executable, *words)

    return run


def test_only_what_is_marked_runs_with_the_values_of_its_mark(session):
    result = session("--quick")
    result.assert_outcomes(passed=5, deselected=6)
    result.stdout.fnmatch_lines(
        ["*::test_matrix[[]1-scene[]] PASSED*", "*::test_matrix[[]3-scene[]] PASSED*"]
    )
    result.stdout.fnmatch_lines(
        [
            "RetinaFace validation: quick selection, all with --full",
            "examples: 20",
            "Quick selection; retinaface validate --full adds 6 tests: small 6",
            "VERDICT: PASS (embedded set)",
        ]
    )


def test_without_the_option_all_runs_and_no_line_mentions_it(session):
    result = session()
    result.assert_outcomes(passed=10, skipped=1)
    result.stdout.fnmatch_lines(
        ["RetinaFace validation", "examples: 100", "VERDICT: PASS (embedded set)"]
    )
    result.stdout.no_fnmatch_line("*uick*")


def test_a_soak_that_is_asked_for_belongs_to_the_quick_selection(session):
    result = session("--quick", "--soak=2.5")
    result.assert_outcomes(passed=6, deselected=5)
    result.stdout.fnmatch_lines(["soaks for 2.5"])
