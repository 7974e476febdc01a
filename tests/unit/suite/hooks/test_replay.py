"""A session that is killed goes on: what ended is reported again, what did not runs."""

from xml.etree import ElementTree as ET

import pytest

from tests.support.made.small_suites import FAILS, PASSES, SKIPS, UNDECIDED

pytest_plugins = ["pytester"]
KILLED = """
import os, pathlib, pytest
@pytest.mark.answers("steps")
def test_k():
    if not pathlib.Path("second").exists():
        os._exit(9)
"""


COUNT = "import pathlib; p = pathlib.Path('count'); p.touch(); p.write_text(p.read_text() + 'x')"


def count_runs(test):
    return test.replace("(gate):\n", f"(gate):\n    {COUNT}\n")


def test_what_ended_is_not_run_again(session, pytester):
    """Each of four outcomes is reported again, and the run ends as it would have."""
    counted = [
        t.replace("(gate):\n", f"(gate):\n    {COUNT}\n") for t in (PASSES, FAILS, UNDECIDED)
    ]
    tests, record = [*counted, SKIPS, KILLED], pytester.path / "record"
    first, _ = session(*tests, in_process=False)
    assert first.ret == 9
    (pytester.path / "second").touch()
    result, found = session(
        *tests, arguments=["--resume", "--junitxml=junit.xml"], in_process=False
    )
    assert {test["id"].partition("::")[2]: test["verdict"] for test in found["tests"]} == {
        "test_a": "PASS",
        "test_b": "FAIL",
        "test_c": "INCONCLUSIVE",
        "test_d": "SKIPPED",
        "test_k": "PASS",
    }
    assert (result.ret, found["verdict"]) == (1, "FAIL")
    assert (pytester.path / "count").read_text() == "xxx"
    assert sorted(path.name for path in record.iterdir()) == [
        "counts.npz",
        "detections.npz",
        "record.json",
        "stages.npz",
    ]
    suite = next(ET.parse(pytester.path / "junit.xml").iter("testsuite"))  # noqa: S314 - of pytest
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "skipped": "2",
    }


def test_without_resume_all_runs_again(session, pytester):
    tests = [count_runs(PASSES), KILLED]
    session(*tests, in_process=False)
    (pytester.path / "second").touch()
    result, found = session(*tests, in_process=False)
    assert (result.ret, len(found["tests"])) == (0, 2)
    assert (pytester.path / "count").read_text() == "xx"


def test_times_are_of_one_session(session, pytester):
    """Where one test of times is left, those that ended run again."""
    timed = f"@pytest.mark.speed\ndef test_t(gate):\n    {COUNT}\n    gate(check('PASS'))\n"
    tests = [timed, KILLED.replace("@pytest", "@pytest.mark.speed\n@pytest")]
    session(*tests, in_process=False)
    (pytester.path / "second").touch()
    session(*tests, arguments=["--resume"], in_process=False)
    assert (pytester.path / "count").read_text() == "xx"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resume", "--accept-baseline", "--reason=x"], "needs a run of one session"),
        (["--resume", "-k", "test_a"], "the tests changed"),
    ],
)
def test_what_cannot_go_on_is_a_usage_error(session, pytester, words, said):
    session(PASSES, KILLED, in_process=False)
    result, _ = session(PASSES, KILLED, arguments=words, in_process=False)
    assert result.ret == 4
    assert said in result.stderr.str() + result.stdout.str()
