"""Small runs write events for their supervisor."""

import json
from pathlib import Path

import pytest

from tests.support.made.small_suites import FAILS, PASSES, SKIPS, SUITE, UNDECIDED

pytest_plugins = ["pytester"]


@pytest.fixture
def events(session, pytester):
    """Run tests, and give the events of the run."""

    def run(*tests):
        session(*tests, arguments=["--events=events.jsonl"])
        lines = Path(pytester.path, "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return run


def test_events_run_from_the_header_to_the_verdict(events):
    found = events(PASSES, FAILS, UNDECIDED, SKIPS)
    kinds = [event["event"] for event in found]
    assert kinds == ["header", "plan", *["begin", "end"] * 4, "verdict"]
    assert found[0]["lines"][0] == "RetinaFace validation"
    assert [test["id"] for test in found[1]["tests"]] == [f"{SUITE}::test_{n}" for n in "abcd"]
    ends = [event for event in found if event["event"] == "end"]
    outcomes = ["PASS", "FAIL", "INCONCLUSIVE", "SKIPPED"]
    assert [event["outcome"] for event in ends] == outcomes
    assert all(event["seconds"] >= 0 for event in ends)
    assert found[-1]["lines"][-1] == "VERDICT: FAIL (embedded set)"


def test_what_breaks_around_a_test_is_its_outcome(events):
    fixture = "@pytest.fixture\ndef around():\n    yield\n    assert 0\n"
    (end,) = (e for e in events(fixture, "def test_h(around): pass") if e["event"] == "end")
    assert end["outcome"] == "FAIL"


def test_without_a_file_no_event_is_written(session, pytester):
    session(PASSES)
    assert not Path(pytester.path, "events.jsonl").exists()


def test_work_that_takes_long_is_told(events):
    test = (
        "def test_w():\n"
        "    from retinaface.telling.work import working\n"
        "    with working('exporting'):\n"
        "        pass\n"
    )
    assert [e["what"] for e in events(test) if e["event"] == "work"] == ["exporting", None]
