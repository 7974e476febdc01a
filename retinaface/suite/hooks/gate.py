"""Judge the checks of a test, with the verdict that pytest has no word for: INCONCLUSIVE."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from retinaface.suite.hooks.stash import RUN
from retinaface.telling.visible import indented
from retinaface.verdicts import Check, Verdict, worst

# A property of the report of a test that could not decide.
UNDECIDED = ("inconclusive", True)
_FIGURES = ("value", "baseline", "limit", "margin")


class Inconclusive(Exception):  # noqa: N818 - a verdict, not an error
    """Raised by a test that could not decide; shown as such, and not green."""


Gate = Callable[..., None]


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Gate:
    """Judge checks: `gate(*checks, result=ID)` ends the test with the worst verdict.

    The record keeps them under the test, and under the result that they judge where one is named.
    """
    run = request.config.stash.get(RUN, None)

    def judge(*checks: Check, result: str | None = None) -> None:
        request.node.user_properties += check_properties(checks)
        if run is not None:
            for check in checks:
                run.add_check(request.node.nodeid, check)
            if result is not None:
                run.add_checks(result, *checks)
        bad = [check for check in checks if check.verdict is not Verdict.PASS]
        text = "\n".join(indented(str(check)) for check in bad)
        verdict = worst(check.verdict for check in checks)
        if verdict is Verdict.FAIL:
            pytest.fail(text, pytrace=False)
        if verdict is Verdict.INCONCLUSIVE:
            raise Inconclusive(text or "INCONCLUSIVE: nothing was checked")

    return judge


def check_properties(checks: Iterable[Check]) -> list[tuple[str, str]]:
    """List what a test compared, `CHECK: value` and so on; nothing where nothing was measured."""
    found = []
    for check in checks:
        found.append((f"{check.name}: verdict", str(check.verdict)))
        for name in _FIGURES:
            if (value := getattr(check, name)) is not None:
                found.append((f"{check.name}: {name}", f"{float(value):g} {check.unit}".rstrip()))
    return found


def mark_undecided(report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Mark the report of a phase that could not decide, and show its message alone."""
    if call.excinfo is not None and call.excinfo.errisinstance(Inconclusive):
        report.user_properties.append(UNDECIDED)
        report.longrepr = str(call.excinfo.value)


def is_undecided(report: Any) -> bool:
    """Tell whether a phase of a test ended without a decision, which pytest takes for a failure."""
    return report.failed and UNDECIDED in getattr(report, "user_properties", ())


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    """Show an undecided test as what it is."""
    return ("inconclusive", "I", "INCONCLUSIVE") if is_undecided(report) else None
