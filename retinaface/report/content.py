"""What a report shows, as plain data: no HTML, no plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from retinaface.comparison import RunComparison
from retinaface.comparison_text import interval_text, number, summary
from retinaface.metrics import Metric
from retinaface.runs import Run, Unavailable
from retinaface.validation_run import SKIPPED
from retinaface.verdicts import Verdict, worst

# Of the five figures on detections the matrix shows the worst; all of them stand below it.
DETECTIONS = "detections"
_ENVIRONMENT = ("python", "cpu", "n_cpus", "platform")


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix.

    Attributes:
        text: The value.
        change: Against the reference, with its interval; empty for the reference itself.
        verdict: `PASS`, `FAIL`, `INCONCLUSIVE`, or empty: not judged, or nothing there.
        note: What was allowed.
    """

    text: str
    change: str = ""
    verdict: str = ""
    note: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """A metric over all runs."""

    metric: str
    unit: str
    cells: list[Cell]


@dataclass(frozen=True)
class Skip:
    """Why tests of a run were skipped, and how many."""

    run: str
    reason: str
    n_tests: int


@dataclass(frozen=True)
class Picture:
    """An image that changed, with the boxes of both runs as JPEG; without data no pictures.

    Attributes:
        image: Its id.
        result: Which result.
        candidate: Name of the run that is held against the reference.
        text: What changed.
        reference_jpeg: Base64; empty without data.
        candidate_jpeg: Likewise.
        width_px: Of each picture.
        height_px: Likewise.
    """

    image: str
    result: str
    candidate: str
    text: str
    reference_jpeg: str = ""
    candidate_jpeg: str = ""
    width_px: int = 0
    height_px: int = 0


@dataclass(frozen=True)
class Page:
    """Everything that the report shows."""

    title: str
    runs: list[Run]
    comparisons: list[RunComparison]
    unavailable: list[Unavailable]
    matrix: dict[str, list[MatrixRow]]
    skips: list[Skip]
    failures: list[tuple[str, str, str, str]]
    pictures: list[Picture]
    sentences: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The worst of all runs and all comparisons."""
        verdicts = [Verdict(run.verdict) for run in self.runs if run.verdict is not None]
        return worst([*verdicts, *(comparison.verdict for comparison in self.comparisons)])


def build_page(
    title: str,
    runs: Sequence[Run],
    comparisons: Sequence[RunComparison],
    unavailable: Sequence[Unavailable],
    pictures: Sequence[Picture],
) -> Page:
    """Collect what the report shows; the first run is the reference."""
    return Page(
        title=title,
        runs=list(runs),
        comparisons=list(comparisons),
        unavailable=list(unavailable),
        matrix=_matrix(runs, comparisons),
        skips=_skips(runs),
        failures=_failures(runs),
        pictures=list(pictures),
        sentences=[_own_sentence(runs[0]), *(_sentence(c) for c in comparisons)],
    )


def versions_text(run: Run) -> str:
    """The versions that a reader looks for first."""
    packages = run.environment["packages"]
    names = ("onnxruntime", "onnxruntime-gpu", "torch", "onnx", "numpy")
    return ", ".join(f"{name} {packages[name]}" for name in names if name in packages)


def machine_text(run: Run) -> str:
    """The machine, in a line."""
    facts = run.environment
    return ", ".join(str(facts[key]) for key in _ENVIRONMENT if facts.get(key) is not None)


def _own_sentence(run: Run) -> tuple[str, str, str]:
    tests = [test["verdict"] for test in run.tests.values()]
    bad = [name for name, test in run.tests.items() if test["verdict"] == Verdict.FAIL.value]
    if run.data["state"] != "finished":
        text = f"did not end: {run.data.get('running') or 'before the first test'}"
    elif bad:
        text = f"{len(bad)} of {len(tests)} tests failed, first {bad[0]}"
    elif tests:
        text = f"{len(tests) - tests.count(SKIPPED)} tests ran, {tests.count(SKIPPED)} skipped"
    else:
        text = "measured, not judged"
    return run.name, run.verdict or "", f"the reference: {text}"


def _sentence(comparison: RunComparison) -> tuple[str, str, str]:
    own = comparison.candidate.verdict
    text = summary(comparison)
    verdict = comparison.verdict if own is None else worst([comparison.verdict, Verdict(own)])
    if own == Verdict.FAIL.value and comparison.verdict is Verdict.PASS:
        text = f"{_own_sentence(comparison.candidate)[2].removeprefix('the reference: ')}; {text}"
    return comparison.candidate.name, str(verdict), text


def _matrix(
    runs: Sequence[Run], comparisons: Sequence[RunComparison]
) -> dict[str, list[MatrixRow]]:
    """Rows by result, a cell for each run."""
    table: dict[str, dict[tuple[str, str], list[Cell]]] = {}
    for position, run in enumerate(runs):
        for result_id, result in run.results.items():
            for (name, unit), text in _values(result).items():
                row = table.setdefault(result_id, {}).setdefault(
                    (name, unit), [Cell("") for _ in runs]
                )
                row[position] = Cell(text)
    for position, comparison in enumerate(comparisons, start=1):
        for metric in _shown(comparison.metrics):
            subject = metric.subject.rpartition(" -> ")[2]
            key = (metric.name, metric.unit)
            row = table.setdefault(subject, {}).setdefault(key, [Cell("") for _ in runs])
            row[position] = _cell(metric, row[position])
    return {
        subject: [MatrixRow(name, unit, cells) for (name, unit), cells in rows.items()]
        for subject, rows in table.items()
    }


def _values(result: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Figures of a result that stand for themselves."""
    values = {
        (f"AP {split}", "points"): f"{100 * value:.2f}"
        for split, value in (result.get("ap") or {}).items()
        if isinstance(value, float)
    }
    for timed, speed in (result.get("speed") or {}).items():
        if isinstance(speed.get("median_s"), float):
            values[f"time of {timed}", "ms"] = f"{1e3 * speed['median_s']:.2f}"
    return values


def _shown(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics, with those on detections joined to the worst of each result."""
    shown: list[Metric] = []
    joined: dict[str, Metric] = {}
    for metric in metrics:
        if metric.unit in ("%", "count"):
            rank = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]
            old = joined.get(metric.subject)
            worse = old is None or rank.index(metric.verdict or Verdict.PASS) > rank.index(
                old.verdict or Verdict.PASS
            )
            if worse:
                joined[metric.subject] = metric
        else:
            shown.append(metric)
    for metric in joined.values():
        unit = "% without a counterpart"
        is_share = metric.unit == "%"
        value = metric.candidate if is_share else None
        note = f"{metric.name}: {metric.note}"
        shown.append(
            Metric(metric.subject, DETECTIONS, unit, None, value, None, metric.verdict, note)
        )
    return shown


def _cell(metric: Metric, old: Cell) -> Cell:
    text = old.text or number(metric.candidate)
    verdict = "" if metric.verdict is None else str(metric.verdict)
    return Cell(text, interval_text(metric), verdict, metric.note)


def _skips(runs: Sequence[Run]) -> list[Skip]:
    found: dict[tuple[str, str], int] = {}
    for run in runs:
        for test in run.tests.values():
            if test["verdict"] == SKIPPED:
                key = run.name, test["reason"]
                found[key] = found.get(key, 0) + 1
    return [Skip(run, reason, n) for (run, reason), n in found.items()]


def _failures(runs: Sequence[Run]) -> list[tuple[str, str, str, str]]:
    """Run, test, verdict and reason of every test that is not green."""
    return [
        (run.name, name, str(test["verdict"] or "not finished"), test["reason"])
        for run in runs
        for name, test in run.tests.items()
        if test["verdict"] not in (Verdict.PASS.value, SKIPPED)
    ]
