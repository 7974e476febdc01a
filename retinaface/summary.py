"""The last lines of a run: what was found, what the verdict rests on, what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retinaface.target import Target
from retinaface.validation_run import SKIPPED, TestEntry, ValidationRun
from retinaface.verdicts import Verdict

_GET = {
    "checkpoint": "retinaface assets fetch mobilenet0.25_Final.pth",
    "widerface": "retinaface assets fetch",
    "torch": 'pip install torch==2.13.0 && pip install -e ".[export]"',
    "onnx": 'pip install -e ".[export]"',
    "onnxsim": 'pip install -e ".[export]"',
    "onnxruntime": 'pip install -e ".[cpu]"',
}


def summary_lines(run: ValidationRun, target: Target) -> list[str]:
    """Lines for the terminal, verdict excluded."""
    return [
        *_result_lines(run.results.values()),
        *_coverage_lines(run),
        *_missing_lines(run, target),
        *_undecided_lines(run),
    ]


def _result_lines(results: Iterable[dict[str, Any]]) -> list[str]:
    lines = []
    for result in results:
        parts = []
        if "ap" in result:
            values = " / ".join(f"{100 * value:.2f}" for value in result["ap"].values())
            parts.append(f"AP {values} % over {result['n_images']} images")
        for timed, speed in result.get("speed", {}).items():
            parts.append(_speed_words(timed, speed))
        if parts:
            lines.append(f"{result['id']}: {'; '.join(parts)}")
    return lines


def _speed_words(timed: str, speed: dict[str, Any]) -> str:
    if "images_per_s" in speed:
        return f"{timed} {speed['images_per_s']:.1f} images/s"
    return f"{timed} {speed['median_s'] * 1e3:.0f} ms"


def _coverage_lines(run: ValidationRun) -> list[str]:
    coverage = run.coverage()
    lines = ["Coverage:"]
    for suite, outcomes in coverage["suites"].items():
        words = ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))
        left_out = coverage["not_selected"].get(suite)
        more = f" ({left_out} not selected)" if left_out else ""
        lines.append(f"  {suite}: {words}{more}")
    for suite, n in coverage["not_selected"].items():
        if suite not in coverage["suites"]:
            lines.append(f"  {suite}: not run ({n} tests not selected)")
    for skip in coverage["skipped"]:
        lines.append(f"  skipped {len(skip['tests'])}: {skip['reason']}")
    return lines


def _missing_lines(run: ValidationRun, target: Target) -> list[str]:
    reasons = [need for e in run.tests.values() if e.outcome == SKIPPED for need in e.needs()]
    needs = [
        name for name in _GET if any(reason.startswith(f"needs {name}:") for reason in reasons)
    ]
    return [f"Missing: {name}. Get it: {_GET[name]}" for name in needs]


def _undecided_lines(run: ValidationRun) -> list[str]:
    bad = [
        entry
        for entry in run.tests.values()
        if entry.outcome in (Verdict.FAIL.value, Verdict.INCONCLUSIVE.value)
    ]
    problem = [f"FAIL the run itself: {run.problem}"] if run.problem else []
    return problem + [f"{e.outcome} {e.id}: {_first_line(e)}" for e in bad]


def _first_line(entry: TestEntry) -> str:
    """Of the reason, which may begin with the outcome itself."""
    return (entry.reason.splitlines() or [""])[0].removeprefix(f"{entry.outcome} ")
