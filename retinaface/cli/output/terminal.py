"""Print for a person: whole lines where the output is piped, lines that fit on a terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import click

from retinaface.telling.tables import table_lines
from retinaface.telling.visible import indented, one_line, told, visible

# Colours of verdicts.
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
_ERASE_LINE = "\r\x1b[2K"


def columns() -> int | None:
    """Give the width of the terminal that standard output is; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class Printer:
    """Prints an answer.

    Attributes:
        is_quiet: The answer alone.
        is_verbose: With all that is summed up otherwise.
    """

    def __init__(self, *, is_quiet: bool = False, is_verbose: bool = False) -> None:
        """Look at the terminal."""
        self.is_quiet, self.is_verbose = is_quiet, is_verbose
        self._width = columns()

    def say(self, text: str = "", *, verdict: str | None = None, is_bold: bool = False) -> None:
        """Print a line, in the colour of a verdict if it has one; fold it between words."""
        self._show(visible(text), verdict, is_bold=is_bold)

    def say_lines(self, text: str, *, verdict: str | None = None) -> None:
        """Print a text of several lines, as the message of a check, likewise."""
        self._show(indented(text), verdict)

    def _show(self, text: str, verdict: str | None, *, is_bold: bool = False) -> None:
        colour = COLOURS[verdict] if verdict else None
        for line in (told(line) for part in self._folded(text) for line in part.split("\n")):
            is_plain = colour is None and not is_bold
            click.echo(line if is_plain else click.style(line, fg=colour, bold=is_bold))

    def aside(self, text: str) -> None:
        """Print a line that is not part of the answer, unless quiet."""
        if not self.is_quiet:
            self.say(text)

    def notes(self, texts: Iterable[str], kind: str = "note") -> None:
        """Print notes, unless quiet."""
        for text in texts:
            self.aside(f"{kind}: {one_line(text)}")

    def warnings(self, texts: Iterable[str]) -> None:
        """Print warnings, even if quiet."""
        for text in texts:
            self.say(f"warning: {one_line(text)}")

    def line(self, text: object) -> None:
        """Print a line that is not folded, to be copied: a command, or a path."""
        click.echo(told(str(text)))

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        right: Collection[int] = (),
    ) -> None:
        """Print a table; `right` has the indices of columns to align at the right."""
        head, *shown = [[visible(cell) for cell in row] for row in (columns, *rows)]
        for line in table_lines(head, shown, right=right, width=self._width):
            click.echo(told(line))

    def ap(self, title: str, ap: Mapping[str, float]) -> None:
        """Print AP of each split in percent."""
        values = [f"{100 * value:.2f}" for value in ap.values()]
        self.table(["WIDER FACE AP (%)", *ap], [[title, *values]], right=range(1, len(ap) + 1))

    def verdict(self, verdict: object) -> None:
        """Print the last line of an answer that judges."""
        click.secho(f"VERDICT: {verdict}", fg=COLOURS[str(verdict)], bold=True)

    def _folded(self, text: str) -> list[str]:
        """Fold each line between words; what follows stands two columns further in."""
        if self._width is None:
            return [text]
        return [
            part
            for line in text.split("\n")
            for part in textwrap.wrap(
                line,
                self._width,
                subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
                break_long_words=False,
                break_on_hyphens=False,
            )
            or [""]
        ]


@contextlib.contextmanager
def status_line(what: str) -> Iterator[None]:
    """Say on stderr what is going on: while it does on a terminal, in a line that stays elsewhere.

    It fits for `retinaface.telling.work.shown_by`.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        click.echo(f"{told(what)} ...", err=True)
        yield
        return
    text = f"{visible(what)} ..."[: shutil.get_terminal_size().columns - 1]
    sys.stderr.write(text)
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write(_ERASE_LINE)
        sys.stderr.flush()
