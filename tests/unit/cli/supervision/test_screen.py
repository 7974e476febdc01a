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
    """A clock that a test sets."""
    now = [100.0]
    monkeypatch.setattr(screens.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def told(tmp_path):
    """Tell events, as a run does."""

    def tell(*events):
        with (tmp_path / "events").open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)

    return tell


@pytest.fixture
def plain(tmp_path, clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return Screen(tmp_path / "events", PlainLines())


def test_before_the_run_tells_anything_nothing_is_shown(plain, capsys):
    plain.look()
    assert capsys.readouterr().out == ""


def test_plain_lines_say_the_header_and_each_suite_that_ended(plain, told, clock, capsys):
    told({"event": "header", "lines": ["what is", "tested"]}, PLAN, begin(A))
    plain.look()
    assert capsys.readouterr().out == "what is\ntested\n"
    told(end(A), begin(B), end(B), {"event": "verdict", "lines": ["VERDICT: PASS"]})
    plain.close()
    assert capsys.readouterr().out == "fps: 2 PASS in 60.0 s\n"
    assert plain.closing == ["VERDICT: PASS"]


def test_plain_lines_say_what_runs_at_most_once_in_ten_seconds(plain, told, clock, capsys):
    told(PLAN, begin(A))
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


def test_on_a_terminal_one_line_replaces_itself_and_goes_away(tmp_path, told, clock):
    console = terminal()
    screen = Screen(tmp_path / "events", LiveLine(console))
    told({"event": "header", "lines": ["what is tested"]}, PLAN, begin(A))
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


def test_the_line_is_cut_where_the_terminal_ends(tmp_path, told, clock):
    console = terminal(width=30)
    screen = Screen(tmp_path / "events", LiveLine(console))
    told(PLAN, begin(A))
    screen.look()
    screen.close()
    assert "0 of 2 tests, 0:00, about 6..." in console.file.getvalue()


def test_without_a_terminal_lines_are_plain(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert isinstance(open_display(), PlainLines)
