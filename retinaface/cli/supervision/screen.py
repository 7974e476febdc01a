"""Show the progress of `retinaface validate`: one line that replaces itself, or plain lines."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from retinaface.cli.supervision.child import WHOLE_LINES
from retinaface.cli.supervision.progress import Progress
from retinaface.telling.visible import told, visible

if TYPE_CHECKING:
    from rich.console import Console

# The longest time without a line, in seconds, where there is no terminal.
_PLAIN_S = 10.0


class Display(Protocol):
    """A place to show progress."""

    def say(self, line: str) -> None:
        """Write a line that stays."""

    def show(self, progress: Progress, now: float) -> None:
        """Show how far the run is."""

    def close(self) -> None:
        """Remove everything but the lines that stay."""


class PlainLines:
    """Plain lines for a log: one for each suite that ended, one now and then while tests run."""

    def __init__(self, *, is_on_stderr: bool = False) -> None:
        """Start the clock of the first line."""
        self._is_on_stderr = is_on_stderr
        self._width = shutil.get_terminal_size((WHOLE_LINES, 24)).columns
        self._n_finished = 0
        self._last: float | None = None

    def say(self, line: str) -> None:
        """Write a line."""
        click.echo(told(line), err=self._is_on_stderr)

    def show(self, progress: Progress, now: float) -> None:
        """Write the suites that ended; after a while without one, write the progress."""
        if self._last is None:
            self._last = now
        for line in progress.finished[self._n_finished :]:
            self.say(line)
            self._last = now
        self._n_finished = len(progress.finished)
        if now - self._last >= _PLAIN_S:
            self.say(progress.line(now, self._width))
            self._last = now

    def close(self) -> None:
        """Do nothing."""


class NoDisplay:
    """Shows nothing before the end."""

    def say(self, line: str) -> None:
        """Do nothing."""

    def show(self, progress: Progress, now: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class LiveLine:
    """One line of a terminal, which replaces itself and disappears at the end."""

    def __init__(self, console: Console) -> None:
        """Start to draw on the last line of the terminal."""
        from rich.live import Live

        # Drawn when the supervisor looks, without a thread.
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def say(self, line: str) -> None:
        """Write a line above it."""
        self._live.console.print(
            told(line), markup=False, emoji=False, highlight=False, soft_wrap=True
        )

    def show(self, progress: Progress, now: float) -> None:
        """Draw the line again, cut to the terminal's width."""
        from rich.text import Text

        line = visible(progress.line(now, self._live.console.width))
        text = Text(line, no_wrap=True, overflow="ellipsis", style="cyan")
        self._live.update(text, refresh=True)

    def close(self) -> None:
        """Remove the line."""
        self._live.stop()


def open_display(*, is_on_stderr: bool = False) -> Display:
    """Choose one line on a terminal, plain lines elsewhere."""
    from rich.console import Console

    console = Console(stderr=is_on_stderr)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveLine(console)
    return PlainLines(is_on_stderr=is_on_stderr)


class Screen:
    """Shows a run by the file of its events.

    Attributes:
        closing: The last block of lines; empty before the run ends.
    """

    def __init__(self, events: Path, display: Display) -> None:
        """Store the arguments; the file may not exist yet."""
        self._events = events
        self._display = display
        self._offset = 0
        self._progress = Progress(time.monotonic())
        self.closing: list[str] = []

    def look(self) -> None:
        """Read the new events and show the progress."""
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
        """Read the last events, and leave the terminal as it was."""
        self.look()
        self._display.close()

    def _new_events(self) -> list[dict[str, Any]]:
        """Read the whole lines that are new."""
        if not self._events.exists():
            return []
        with self._events.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().split(b"\n")
        self._offset += sum(len(line) + 1 for line in lines[:-1])
        return [json.loads(line) for line in lines[:-1]]
