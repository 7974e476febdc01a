"""The picture of a terminal holds exactly the lines that stay, in their colours."""

import sys

from click.testing import CliRunner

from tools.terminal_picture import kept_lines, main

ERASE, UP = "\x1b[2K", "\x1b[1A"


def test_a_progress_line_leaves_nothing():
    printed = f"\x1b[36mstarting\x1b[0m\r{ERASE}header\r\n1 of 2\r{ERASE}2 of 2\r\n"
    printed += f"\x1b[?25h\r{UP}{ERASE}first\r\n\x1b[32mlast\x1b[0m\r\n"
    assert kept_lines(printed) == ["header", "first", "\x1b[32mlast\x1b[0m"]


def test_lines_without_progress_stay_as_they_are():
    assert kept_lines("a\r\n\r\nb\r\n") == ["a", "", "b"]


def test_a_command_runs_in_a_terminal_and_is_drawn(tmp_path):
    picture = tmp_path / "picture.svg"
    code = "import sys; print('tty', sys.stdout.isatty()); sys.exit(3)"
    result = CliRunner().invoke(
        main, [str(picture), "--title", "a title", "--", sys.executable, "-c", code]
    )
    assert result.exit_code == 0, result.output
    assert "tty True" in result.stdout
    assert "ended with exit code 3" in result.stderr
    drawn = picture.read_text().replace("&#160;", " ")
    assert drawn.startswith("<svg")
    assert "a title" in drawn
    assert "tty True" in drawn
