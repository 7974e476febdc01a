"""Write the block that ends a run: figures, coverage, what is missing, the verdict."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retinaface.suite.display.failures import MOST_FAILURE_LINES, failure_lines, n_rows, wrap_text
from retinaface.suite.display.summary_tables import ap_table, speed_table
from retinaface.suite.display.times import time_lines
from retinaface.suite.run import ValidationRun
from retinaface.suite.target import Target
from retinaface.verdicts import SKIPPED, Verdict, verdict_line

# A screen of a terminal, with the verdict on its last line.
MOST_LINES = 30
FULL_COMMAND = "retinaface validate --full"
_MOST_COLUMNS = 80  # of the heading
_MOST = 4  # rows of one warning
_NOTHING = "nothing was run; check -k, -m, --deselect and the paths"
_SUITE_PREFIX = "test_"
# The reason for a missing engine; most begin with the engine's name.
_NO_ENGINE = re.compile(
    r"needs engine:(?P<engine>\S+): (?P=engine) (?P<reason>needs .*)", re.DOTALL
)
_GET = {
    "checkpoint": "retinaface assets fetch mobilenet0.25_Final.pth",
    "widerface": "retinaface assets fetch",
    "torch": 'pip install torch==2.13.0 && pip install -e ".[export]"',
    "onnx": 'pip install -e ".[export]"',
    "onnxsim": 'pip install -e ".[export]"',
    "onnxruntime": 'pip install -e ".[cpu]"',
}


@dataclass
class _Section:
    """Lines of the block, and how many of them stay when there are too many in all."""

    lines: list[str]
    least: int

    def shrink(self, n_too_many: int, width: int) -> None:
        """Drop `n_too_many` rows from the end, and add how many lines were dropped."""
        most, kept = n_rows(self.lines, width) - n_too_many, list(self.lines)
        while n_too_many > 0 and len(kept) >= max(1, self.least) and n_rows(kept, width) >= most:
            kept.pop()
        n_dropped = len(self.lines) - len(kept)
        if n_dropped and (kept or self.least):
            kept.append(f"  ... {n_dropped} more lines")
        self.lines = kept


def closing_lines(
    run: ValidationRun, target: Target, after: Sequence[str] = (), *, width: int = 80
) -> list[str]:
    """Write the block; its last line is the verdict.

    Args:
        run: That has ended.
        after: Further lines: accepted baselines, the record.
        width: Columns; names that are longer stay whole, and take further rows.

    Returns:
        At most `MOST_LINES` rows of a screen.
    """
    coverage = _Section(_coverage_lines(run, width), 1)
    times = _Section(time_lines(run.times, width), 0)
    skips = _Section(_skip_lines(run, width), 0)
    missing = _Section(_missing_lines(run, target), 1)
    figures = _Section(_figure_lines(run, width), 1)
    more = _Section([line for text in after for line in wrap_text(text, width)], 2)
    warnings = _Section(_warning_lines(run, width), 2)
    failures = _Section(failure_lines(run, width), MOST_FAILURE_LINES)
    quick = _Section(_quick_lines(run, width), 2)
    sections = [figures, coverage, times, skips, missing, quick, failures, more, warnings]
    for section in (skips, times, coverage, figures, missing, more, quick, failures, warnings):
        n_lines = sum(n_rows(s.lines, width) for s in sections) + 2  # headline and verdict
        section.shrink(n_lines - MOST_LINES, width)
    return [
        " validation ".center(min(width, _MOST_COLUMNS), "-"),
        *(line for section in sections for line in section.lines),
        verdict_line(run.verdict, target.verdict_note),
    ]


def _figure_lines(run: ValidationRun, width: int) -> list[str]:
    results = list(run.results.values())
    return [*ap_table(results, width), *speed_table(results, width)]


def _coverage_lines(run: ValidationRun, width: int) -> list[str]:
    coverage = run.coverage()
    total: Counter[str] = Counter()
    parts = []
    for suite, outcomes in coverage["suites"].items():
        total.update(outcomes)
        parts.append(f"{_short_name(suite)} {_outcome_words(outcomes)}")
    out = run.n_deselected - run.n_left_by_quick
    in_all = ", ".join(f"{n} {outcome}" for outcome, n in sorted(total.items())) or "no test"
    lines = wrap_text(f"Coverage: {in_all}: {'; '.join(parts) or _NOTHING}", width)
    if out:
        lines += wrap_text(f"Not selected: {_by_suite(out)}", width)
    return lines


def _outcome_words(outcomes: Mapping[str, int]) -> str:
    """Write `12 PASS, 1 SKIPPED`; the number alone where all passed."""
    if set(outcomes) == {Verdict.PASS.value}:
        return str(outcomes[Verdict.PASS.value])
    return ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))


def _short_name(suite: str) -> str:
    return suite.removeprefix(_SUITE_PREFIX)


def _by_suite(counts: Counter[str]) -> str:
    return ", ".join(f"{_short_name(suite)} {n}" for suite, n in sorted(counts.items()))


def _skip_lines(run: ValidationRun, width: int) -> list[str]:
    """Say what was skipped and why; engines that lack the same thing share a line."""
    n_tests: Counter[str] = Counter()
    engines: dict[str, list[str]] = {}
    for skip in run.coverage()["skipped"]:
        found = _NO_ENGINE.fullmatch(skip["reason"])
        reason = found["reason"] if found else skip["reason"]
        n_tests[reason] += len(skip["tests"])
        if found:
            engines.setdefault(reason, []).append(found["engine"])
    lines = []
    for reason, n in n_tests.items():
        whose = f"{', '.join(engines[reason])} " if reason in engines else ""
        lines += wrap_text(f"Skipped {n}: {whose}{reason}", width, most=2)
    return lines


def _missing_lines(run: ValidationRun, target: Target) -> list[str]:
    reasons = [need for e in run.tests.values() if e.outcome == SKIPPED for need in e.needs()]
    needs = [
        name for name in _GET if any(reason.startswith(f"needs {name}:") for reason in reasons)
    ]
    return [f"Missing: {name}. Get it: {_GET[name]}" for name in needs]


def _warning_lines(run: ValidationRun, width: int) -> list[str]:
    """Say what stands beside the verdict: a few rows each, the record has all of it."""
    return [
        line for text in run.warnings() for line in wrap_text(f"Warning: {text}", width, most=_MOST)
    ]


def _quick_lines(run: ValidationRun, width: int) -> list[str]:
    if not run.n_left_by_quick:
        return []
    n = run.n_left_by_quick.total()
    text = f"Quick selection; {FULL_COMMAND} adds {n} tests: {_by_suite(run.n_left_by_quick)}"
    return wrap_text(text, width)
