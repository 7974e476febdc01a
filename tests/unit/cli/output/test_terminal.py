import pytest

from retinaface.cli.output import terminal
from retinaface.cli.output.terminal import Printer, status_line


@pytest.mark.parametrize("is_terminal", [True, False])
def test_long_work_says_what_it_does(monkeypatch, capsys, is_terminal):
    """On a terminal the line disappears, elsewhere it stays."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setenv("TERM", "xterm")
    with status_line("exporting the checkpoint"):
        assert capsys.readouterr().err.startswith("exporting the checkpoint ...")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == ("\r\x1b[2K" if is_terminal else "")


def test_lines_fold_between_words_on_a_terminal_alone(monkeypatch, capsys):
    for text, width, lines in (
        ("one two three", None, ["one two three"]),
        ("one two three", 9, ["one two", "  three"]),
        ("  one two three", 9, ["  one two", "    three"]),
    ):
        monkeypatch.setattr(terminal, "columns", lambda width=width: width)
        Printer().say(text)
        assert capsys.readouterr().out.splitlines() == lines


def test_quiet_leaves_out_notes_but_no_warning(capsys):
    printer = Printer(is_quiet=True)
    printer.notes(["a note"])
    printer.warnings(["a warning"])
    assert capsys.readouterr().out == "warning: a warning\n"
