"""Run a command in a terminal and draw its last screen: `python -m tools.terminal_picture`."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

import click

_COLUMNS, _ROWS = 88, 40
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_OTHER = re.compile(r"\x1b\[[?\d;]*[A-Za-ln-z]|\r")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--title", help="Title above the picture.  [default: the command]")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def main(output: Path, title: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND in a terminal and write its last screen to OUTPUT, an SVG file.

    \b
    python -m tools.terminal_picture docs/pictures/pass.svg -- retinaface validate
    """
    printed, code = run_in_terminal(command)
    lines = kept_lines(printed)
    click.echo("\n".join(_COLOUR.sub("", line) for line in lines))
    output.write_text(svg(lines, title or " ".join(command)), encoding="utf-8")
    click.echo(f"wrote {output}; {command[0]} ended with exit code {code}", err=True)


def run_in_terminal(command: tuple[str, ...]) -> tuple[str, int]:
    """Run a command on a pseudo-terminal; return its output and its exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(_COLUMNS), LINES=str(_ROWS))
        os.environ.pop("CI", None)
        os.execvp(command[0], command)  # noqa: S606 - the command is the caller's
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    parts: list[bytes] = []
    while part := _read(terminal):
        parts.append(part)
    _, status = os.waitpid(pid, 0)
    return b"".join(parts).decode(), os.waitstatus_to_exitcode(status)


def _read(terminal: int) -> bytes:
    """Read the available bytes; Linux raises an error once the other side has closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def kept_lines(printed: str) -> list[str]:
    """Find the lines that stay on the screen, with their colours.

    This knows only the two codes of a progress line: erase a line (CSI 2K), and move up to the line
    before, in order to erase it (CSI 1A).
    """
    kept: list[str] = []
    for line in printed.replace("\r\n", "\n").rstrip("\n").split("\n"):
        if "\x1b[1A" in line and kept:
            kept.pop()
        kept.append(_OTHER.sub("", line.rpartition("\x1b[2K")[2]))
    return kept


def svg(lines: list[str], title: str) -> str:
    """Draw lines as a terminal shows them; the picture loads no external font."""
    from rich.console import Console
    from rich.text import Text

    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=_COLUMNS, file=nowhere, force_terminal=True)
        for line in lines:
            console.print(Text.from_ansi(line), soft_wrap=True)
    return _FONT_FACE.sub("", console.export_svg(title=title, unique_id="terminal"))


if __name__ == "__main__":
    sys.exit(main())
