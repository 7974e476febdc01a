"""What `retinaface validate` shows while it runs: one line that replaces itself, or plain lines."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from retinaface.cli.supervision.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

# Without a terminal: the longest time without a line.
_PLAIN_S = 10.0


class Display(Protocol):
    """Where progress goes."""

    def say(self, line: str) -> None:
        """Write a line that stays."""

    def show(self, progress: Progress, now: float) -> None:
        """Show how far the run is."""

    def close(self) -> None:
        """Leave nothing behind but the lines that stay."""


class PlainLines:
    """For a log: a line for each suite that ended, and one now and then while tests run."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self._width = shutil.get_terminal_size().columns
        self._n_finished = 0
        self._last: float | None = None

    def say(self, line: str) -> None:
        """Write a line."""
        click.echo(line)

    def show(self, progress: Progress, now: float) -> None:
        """Write what ended; where nothing did for a while, what runs."""
        if self._last is None:
            self._last = now
        for line in progress.finished[self._n_finished :]:
            click.echo(line)
            self._last = now
        self._n_finished = len(progress.finished)
        if now - self._last >= _PLAIN_S:
            click.echo(progress.line(now, self._width))
            self._last = now

    def close(self) -> None:
        """Do nothing: nothing is open."""


class LiveLine:
    """For a terminal: one line that replaces itself and goes away at the end."""

    def __init__(self, console: Console) -> None:
        """Take over the last line of the terminal."""
        from rich.live import Live

        # Drawn when the supervisor looks: no thread of its own.
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def say(self, line: str) -> None:
        """Write a line above."""
        self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, progress: Progress, now: float) -> None:
        """Draw the line anew, cut where the terminal ends."""
        from rich.text import Text

        line = progress.line(now, self._live.console.width)
        text = Text(line, no_wrap=True, overflow="ellipsis", style="cyan")
        self._live.update(text, refresh=True)

    def close(self) -> None:
        """Take the line away."""
        self._live.stop()


def open_display() -> Display:
    """Open one line on a terminal, plain lines elsewhere."""
    from rich.console import Console

    console = Console()
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveLine(console)
    return PlainLines()


class Screen:
    """Shows a run by the file of its events.

    Attributes:
        closing: The block that ends the run; empty until it is told.
    """

    def __init__(self, events: Path, display: Display) -> None:
        """Start; the file need not be there yet."""
        self._events = events
        self._display = display
        self._offset = 0
        self._progress = Progress(time.monotonic())
        self.closing: list[str] = []

    def look(self) -> None:
        """Take in what was told since, and show it."""
        now = time.monotonic()
        for event in self._new_events():
            if event["event"] == "header":
                for line in event["lines"]:
                    self._display.say(line)
            elif event["event"] == "verdict":
                self.closing = event["lines"]
                self._progress.end_suite()
            self._progress.take(event, now)
        self._display.show(self._progress, now)

    def close(self) -> None:
        """Take in the last, and leave the terminal as it was."""
        self.look()
        self._display.close()

    def _new_events(self) -> list[dict[str, Any]]:
        """Read whole lines that were not read before."""
        if not self._events.exists():
            return []
        with self._events.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().split(b"\n")
        self._offset += sum(len(line) + 1 for line in lines[:-1])
        return [json.loads(line) for line in lines[:-1]]
