"""Show a run on pytest's own terminal: the header, what is undecided, the verdict."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from retinaface.suite.hooks.stash import ACCEPTANCE, RUN, SETTINGS, TARGET, last_option
from retinaface.telling.visible import indented, told, visible


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested, with what, on what."""
    return header(config, shutil.get_terminal_size().columns)


def header(config: pytest.Config, width: int) -> list[str]:
    """Write the first lines of a run."""
    from retinaface.suite.display.header import header_lines

    lines = header_lines(
        config.stash[TARGET],
        config=config.stash[SETTINGS].description,
        is_quick=config.getoption("quick"),
        width=width,
    )
    return [told(line) for line in lines]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say the verdict, what it rests on, and what would make it rest on more."""
    for report in terminalreporter.stats.get("inconclusive", []):
        terminalreporter.section(f"INCONCLUSIVE {visible(report.nodeid)}", sep="_")
        for line in indented(str(report.longrepr)).split("\n"):
            terminalreporter.line(told(line))
    if not (lines := closing_text(config, shutil.get_terminal_size().columns)):
        return
    for line in lines[:-1]:
        terminalreporter.line(line)
    colour = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
    verdict = str(config.stash[RUN].verdict)
    terminalreporter.line(lines[-1], bold=True, **{colour[verdict]: True})


def closing_text(config: pytest.Config, width: int) -> list[str]:
    """Write the block that ends a run, the verdict in its last line; empty where none was run."""
    from retinaface.suite.display.summary import closing_lines

    run = config.stash.get(RUN, None)
    if run is None:
        return []
    folder = last_option(config, "record")
    is_kept = folder is not None and not config.getoption("record_is_temporary")
    record = [f"Record: {config.getoption('record_goes_to') or folder}"] if is_kept else []
    after = [*record, *config.stash[ACCEPTANCE].lines()]
    lines = closing_lines(run, config.stash[TARGET], after, width=width)
    return [*map(told, lines[:-1]), visible(lines[-1])]
