import io
import json

import pytest
from rich.console import Console

from retinaface.cli.supervision import screen as screens
from retinaface.cli.supervision.screen import LiveLine, PlainLines, Screen, open_display

A, B = (f"tests/validation/test_fps.py::test_{name}" for name in "ab")
PLAN = {
    "event": "plan",
    "tests": [
        {"id": t, "kind": t, "engine": None, "seconds": 30.0, "is_sure": True} for t in (A, B)
    ],
}


def begin(test):
    return {"event": "begin", "test": test}


def end(test, seconds=30.0):
    return {"event": "end", "test": test, "outcome": "PASS", "seconds": seconds}


@pytest.fixture
def clock(monkeypatch):
    """Give a clock that a test sets."""
    now = [100.0]
    monkeypatch.setattr(screens.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def write_events(tmp_path):
    """Write events, as a run does."""

    def write(*events):
        with (tmp_path / "events").open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)

    return write


@pytest.fixture
def plain(tmp_path, clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return Screen(tmp_path / "events", PlainLines())


def test_nothing_is_shown_before_the_first_event(plain, capsys):
    plain.look()
    assert capsys.readouterr().out == ""


def test_plain_lines_show_the_header_and_each_suite_that_ended(plain, write_events, clock, capsys):
    write_events({"event": "header", "lines": ["what is", "tested"]}, PLAN, begin(A))
    plain.look()
    assert capsys.readouterr().out == "what is\ntested\n"
    write_events(end(A), begin(B), end(B), {"event": "verdict", "lines": ["VERDICT: PASS"]})
    plain.close()
    assert capsys.readouterr().out == "fps: 2 PASS in 60.0 s\n"
    assert plain.closing == ["VERDICT: PASS"]


def test_plain_lines_show_progress_at_most_once_in_ten_seconds(plain, write_events, clock, capsys):
    write_events(PLAN, begin(A))
    for clock[0] in range(100, 131):
        plain.look()
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"0 of 2 tests, 0:{n}, about {60 - n} s left  fps: a" for n in (10, 20, 30)]


def test_a_line_that_is_still_being_written_waits(plain, tmp_path, capsys):
    text = json.dumps({"event": "header", "lines": ["whole"]})
    (tmp_path / "events").write_text(text[:9])
    plain.look()
    (tmp_path / "events").write_text(text + "\n")
    plain.look()
    plain.look()
    assert capsys.readouterr().out == "whole\n"


def terminal(width=60):
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=20)


def test_one_line_on_a_terminal_replaces_itself_and_disappears(tmp_path, write_events, clock):
    console = terminal()
    screen = Screen(tmp_path / "events", LiveLine(console))
    write_events({"event": "header", "lines": ["what is tested"]}, PLAN, begin(A))
    screen.look()
    clock[0] += 20
    screen.look()
    screen.close()
    text = console.file.getvalue()
    assert "what is tested" in text
    assert "0 of 2 tests, 0:00, about 60 s left  fps: a" in text
    assert "0 of 2 tests, 0:20, about 40 s left  fps: a" in text
    # Each drawing begins at the start of its line; nothing goes to a line of its own.
    assert text.count("\n") <= 2
    assert text.rstrip().endswith("\x1b[2K")  # the line was taken away


def test_the_line_is_cut_to_the_width_of_the_terminal(tmp_path, write_events, clock):
    console = terminal(width=30)
    screen = Screen(tmp_path / "events", LiveLine(console))
    write_events(PLAN, begin(A))
    screen.look()
    screen.close()
    assert "0 of 2 tests, 0:00, about 6..." in console.file.getvalue()


def test_without_a_terminal_lines_are_plain(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert isinstance(open_display(), PlainLines)
