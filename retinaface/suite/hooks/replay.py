"""Report a test that ended before its run was cut off, as pytest would report it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from retinaface.suite.hooks.gate import UNDECIDED, check_properties
from retinaface.verdicts import SKIPPED, Check, Verdict


def report_again(item: pytest.Item, nextitem: pytest.Item | None, test: Mapping[str, Any]) -> None:
    """Tell all plugins of the test what they were told when it ran.

    Args:
        nextitem: The next test, for which what it needs stays set up.
        test: As a record has it.
    """
    item.session._setupstate.teardown_exact(nextitem)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, test):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _reports(item: pytest.Item, test: Mapping[str, Any]) -> Iterator[pytest.TestReport]:
    """Make the reports of its phases; a JUnit file takes properties from the last."""
    verdict, seconds = test["verdict"], test["seconds"]
    properties: list[tuple[str, object]] = []
    if verdict == SKIPPED:
        where = (str(item.path), item.location[1] or 0, f"Skipped: {test['reason']}")
        yield _report(item, "setup", "skipped", where, seconds)
    else:
        properties += check_properties(map(Check.of, test["checks"]))
        properties += [UNDECIDED] if verdict == Verdict.INCONCLUSIVE else []
        yield _report(item, "setup", "passed", None, 0.0)
        outcome = "passed" if verdict == Verdict.PASS else "failed"
        call = _report(item, "call", outcome, test["reason"] or None, seconds)
        call.user_properties = list(properties)
        yield call
    end = _report(item, "teardown", "passed", None, 0.0)
    end.user_properties = properties
    yield end


def _report(
    item: pytest.Item, when: Any, outcome: Any, longrepr: Any, seconds: float
) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome=outcome,
        longrepr=longrepr,
        when=when,
        duration=seconds,
    )
