"""Tell the supervisor of `retinaface validate` what happens: a line of JSON for each event.

The supervisor owns the terminal: so no drawing thread disturbs the timings here, and the screen
stays usable when this process hangs or crashes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retinaface.suite.display.forecast import count_images, plan_tests
from retinaface.suite.display.terminal import closing_text, header
from retinaface.suite.hooks.gate import is_undecided
from retinaface.suite.hooks.stash import TARGET
from retinaface.telling.work import shown_by
from retinaface.verdicts import SKIPPED

# The worst phase of a test counts.
_RANK = ("PASS", SKIPPED, "INCONCLUSIVE", "FAIL")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the file; users do not see it."""
    parser.getgroup("retinaface").addoption("--events", metavar="FILE", help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    """Write events if a file for them is named."""
    path = config.getoption("events")
    if path is not None:
        config.pluginmanager.register(Teller(config, Path(path)))


class Teller:
    """Writes the events of a session."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        """Open the file; each line is written at once."""
        self._config = config
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._outcomes: dict[str, str] = {}
        self._seconds: dict[str, float] = {}
        self._shown = contextlib.ExitStack()
        self._work: str | None = None

    def _tell(self, event: str, **values: Any) -> None:
        self._file.write(json.dumps({"event": event, **values}) + "\n")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """Say what is tested, before tests are collected; from now on also what takes long."""
        self._shown.enter_context(shown_by(self._working))
        self._tell("header", lines=header(self._config, columns()))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say which tests there are, and about how long they take."""
        target = self._config.stash[TARGET]
        n_images = count_images(target)
        self._tell("plan", tests=plan_tests(session.items, target, n_images))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell that a test begins."""
        self._tell("begin", test=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep how a phase of a test ended."""
        test = report.nodeid
        outcome = {"passed": "PASS", "skipped": SKIPPED}.get(report.outcome, "FAIL")
        outcome = "INCONCLUSIVE" if is_undecided(report) else outcome
        worse = max(outcome, self._outcomes.get(test, "PASS"), key=_RANK.index)
        self._outcomes[test] = worse
        self._seconds[test] = self._seconds.get(test, 0.0) + report.duration

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Tell that a test ended."""
        outcome = self._outcomes.pop(nodeid, "FAIL")
        self._tell("end", test=nodeid, outcome=outcome, seconds=self._seconds.pop(nodeid, 0.0))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, config: pytest.Config) -> None:
        """Say the verdict, where there is one."""
        if lines := closing_text(config, columns()):
            self._tell("verdict", lines=lines)

    @contextlib.contextmanager
    def _working(self, what: str) -> Iterator[None]:
        """Tell what a test does that takes long; at its end, what it was part of."""
        around, self._work = self._work, what
        self._tell("work", what=what)
        try:
            yield
        finally:
            self._work = around
            self._tell("work", what=around)

    def pytest_unconfigure(self) -> None:
        """Close the file."""
        self._shown.close()
        self._file.close()


def columns() -> int:
    """Read the terminal's width, which the supervisor passes on as `COLUMNS`."""
    return shutil.get_terminal_size((80, 24)).columns
