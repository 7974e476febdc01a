"""What no one foresaw: one line, exit code 70, and a file that says what is known of it."""

import re

import click
import pytest

import retinaface.cli as program
from retinaface.cli.usage.crashes import EXIT_SOFTWARE


@pytest.fixture
def crashing(run, monkeypatch):
    """Run `engines` with an error in place of its work."""

    def call(error):
        def fail(*_arguments, **_options):
            raise error

        monkeypatch.setattr(program.cli.commands["runs"], "callback", fail)
        return run("runs", "a b")

    return call


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("division\nby zero"),
        RecursionError("too deep"),
        MemoryError(),
        EOFError("read past the end"),
        PermissionError(13, "Permission denied", "x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        KeyError("loc"),
        AssertionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unforeseen_error_is_one_line_and_a_file(crashing, error, tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    code, out, err = crashing(error)
    assert (code, out) == (EXIT_SOFTWARE, "")
    assert re.fullmatch(r"retinaface: error: unforeseen [^\n]+: report it with [^\n]+\n", err), err
    assert type(error).__name__ in err
    assert "no verdict" in err
    (kept,) = (tmp_path / "cache/crashes").iterdir()
    assert str(kept) in err
    text = kept.read_text()
    assert "command: retinaface runs 'a b'\n" in text
    assert "package numpy: " in text
    assert "in fail\n" in text


def test_where_no_file_can_be_written_the_traceback_is_shown(crashing, tmp_path, monkeypatch):
    (tmp_path / "cache").touch()
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    code, _, err = crashing(ZeroDivisionError("division by zero"))
    assert code == EXIT_SOFTWARE
    assert err.startswith("Traceback")
    assert "report it with the lines above" in err.splitlines()[-1]


def test_a_full_disk_is_no_mistake_and_names_where_it_went(crashing):
    error = OSError(28, "No space left on device", "source.onnx", None, "target.onnx")
    code, _, err = crashing(error)
    assert code == 2
    assert "cannot write target.onnx: No space left on device; make room" in err


def test_usage_and_exits_stay_what_they_are(crashing):
    assert crashing(click.UsageError("no"))[0] == 2
    assert crashing(click.exceptions.Exit(10))[0] == 10
    assert crashing(KeyboardInterrupt())[0] == 130


@pytest.mark.parametrize("code", [0, 3, None])
def test_an_engine_that_ends_python_is_no_success(crashing, code):
    found, out, err = crashing(SystemExit(code))
    assert (found, out) == (1, "")
    assert err == (
        f"retinaface: error: an engine or a library ended Python, with exit code {code!r}\n"
    )
