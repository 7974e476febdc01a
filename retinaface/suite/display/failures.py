"""List the tests that are not green: each function once, with the message of its first test."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from retinaface.suite.run import ValidationRun
from retinaface.suite.run.entry import TestEntry
from retinaface.telling.visible import visible
from retinaface.verdicts import Verdict

MOST_FAILURE_LINES = 21  # rows of a screen
_MOST_LINES_OF_ONE = 8
_BAD = (Verdict.FAIL.value, Verdict.INCONCLUSIVE.value)
_RAN = (*_BAD, Verdict.PASS.value)


def failure_lines(run: ValidationRun, width: int) -> list[str]:
    """List what is not green, FAIL before INCONCLUSIVE.

    Tests of one function fail for one reason as a rule, so they share an entry: their number, and
    the message of the first.

    Args:
        run: That has ended.
        width: Columns; names that are longer stay whole.
    """
    problem = f"FAIL the run itself: {run.problem}" if run.problem else ""
    lines = wrap_text(problem, width, most=2)
    groups = _groups(run)
    n_run = Counter(_function(e) for e in run.tests.values() if e.outcome in _RAN)
    share = (MOST_FAILURE_LINES - n_rows(lines, width)) // max(1, len(groups))
    most = max(2, min(_MOST_LINES_OF_ONE, share))
    n_listed = 0
    for group in groups:
        entry = _describe_group(group, n_run[_function(group[0])], width, most)
        is_last = group is groups[-1]
        if n_rows([*lines, *entry], width) + (not is_last) > MOST_FAILURE_LINES:
            break
        lines += entry
        n_listed += 1
    if n_others := sum(len(group) for group in groups[n_listed:]):
        lines.append(f"... {n_others} more: -v shows all, --record DIR and --junitxml keep all")
    return lines


def short_id(test_id: str) -> str:
    """Shorten a test's id, which names folder and file, to `test_fps::test_network_alone[b1]`."""
    path, colons, name = test_id.partition("::")
    return f"{path.rpartition('/')[2].removesuffix('.py')}{colons}{name}"


def n_rows(lines: Iterable[str], width: int) -> int:
    """Count the rows of a screen that lines take; one that is longer than a row takes several."""
    return sum(max(1, -(-len(line) // width)) for line in lines)


def wrap_text(text: str, width: int, indent: str = "  ", most: int | None = None) -> list[str]:
    """Wrap a text, and keep words whole that are longer than a line."""
    return textwrap.wrap(
        visible(text),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" ...",
    )


def _groups(run: ValidationRun) -> list[list[TestEntry]]:
    """Group tests that are not green by outcome and function, in the order in which they ran."""
    groups: dict[tuple[str, str], list[TestEntry]] = {}
    for outcome in _BAD:
        for entry in run.tests.values():
            if entry.outcome == outcome:
                groups.setdefault((outcome, _function(entry)), []).append(entry)
    return list(groups.values())


def _function(entry: TestEntry) -> str:
    return entry.id.partition("[")[0]


def _describe_group(group: Sequence[TestEntry], n_run: int, width: int, most: int) -> list[str]:
    """Write the function's name and the first test's message, in at most `most` lines."""
    first = group[0]
    name, bracket, parameters = short_id(first.id).partition("[")
    count = f": {len(group)} of {n_run} tests" if len(group) > 1 else ""
    heading = f"{first.outcome} {name}{count}"
    if bracket and not count and len(heading) + 1 + len(parameters) <= width:
        lines = [f"{heading}[{parameters}"]
    else:  # the parameters go on a line of their own
        lines = [heading, *([f"  [{parameters}"] if bracket and most > 2 else [])]
    left, message = most - n_rows(lines, width), []
    for line in first.reason.removeprefix(f"{first.outcome} ").split("\n"):
        message += wrap_text(f"  {line.strip()}", width, "    ")
    return [*lines, *message[: max(0, left)]]
