"""Collect what a report shows, as plain data: no HTML, no plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from retinaface.comparison.compare import RunComparison
from retinaface.comparison.environments import EnvironmentDifference, short_key
from retinaface.comparison.text import interval_text, number, summary
from retinaface.records.ab_session import AbSession
from retinaface.records.find import Unavailable
from retinaface.records.read import Run
from retinaface.report.matrix import MatrixGroup, build_matrix
from retinaface.report.pictures import Picture
from retinaface.report.scorecard import Scorecard, build_scorecard
from retinaface.report.skips import SkipGroup, group_skips
from retinaface.telling.words import count
from retinaface.verdicts import SKIPPED, Verdict, worst

# More than these do not fit the first screen; all of them stand in the sections.
_MAX_MOVED = 4
_MAX_CHANGES = 4
_MAX_FACT = 40
_HASHES = ("model", "weights", "retinaface commit")


TARGET_COLUMNS = ("target", "verdict", "engine", "pipeline", "tag", "worker", "seconds", "reason")


@dataclass(frozen=True)
class Targets:
    """The targets of a plan, each judged by itself: also those that left no record.

    Attributes:
        rows: Cells of `TARGET_COLUMNS`.
        verdict: The worst of all.
    """

    rows: Sequence[Sequence[str]]
    verdict: Verdict

    def summary(self, n_records: int) -> str:
        """Say how they ended, and how many left a record."""
        verdicts = [row[1] for row in self.rows]
        words = [f"{n} {word}" for word in map(str, Verdict) if (n := verdicts.count(word))]
        return (
            f"{count(len(self.rows), 'target')}: {', '.join(words)}. "
            f"{count(n_records, 'record')}; each target is judged by itself."
        )


@dataclass(frozen=True)
class Page:
    """Everything that the report shows.

    Attributes:
        scorecards: One for each run, in their order.
        failures: Run, test, verdict and reason of every test that is not green.
        sentences: Name, verdict and what there is to say of each run.
        targets: Of a plan: then each run is judged by itself.
    """

    title: str
    runs: list[Run]
    comparisons: list[RunComparison]
    unavailable: list[Unavailable]
    matrix: list[MatrixGroup]
    skips: list[SkipGroup]
    failures: list[tuple[str, str, str, str]]
    pictures: list[Picture]
    scorecards: list[Scorecard]
    sentences: list[tuple[str, str, str]] = field(default_factory=list)
    sessions: list[AbSession] = field(default_factory=list)
    targets: Targets | None = None

    @property
    def verdict(self) -> Verdict:
        """Give the worst verdict of all runs, all comparisons and all sessions turn by turn."""
        verdicts = [Verdict(run.verdict) for run in self.runs if run.verdict is not None]
        verdicts += [session.verdict for session in self.sessions]
        verdicts += [self.targets.verdict] if self.targets is not None else []
        return worst([*verdicts, *(comparison.verdict for comparison in self.comparisons)])

    @property
    def card(self) -> Scorecard | None:
        """Give the scorecard that the page is, where it is of one run alone."""
        beside = self.unavailable or self.sessions or self.targets
        return self.scorecards[0] if len(self.runs) == 1 and not beside else None

    @property
    def reading_order(self) -> list[int]:
        """Order the positions of the runs: those that moved come first."""
        ranks = (Verdict.FAIL.value, Verdict.INCONCLUSIVE.value, "", Verdict.PASS.value)
        words = [ranks.index(word) for _, word, _ in self.sentences]
        return sorted(range(len(words)), key=words.__getitem__)

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """What stands beside the verdict of each run: its name, and the text."""
        return [(run.name, text) for run in self.runs for text in run.warnings]


def build_page(
    title: str,
    runs: Sequence[Run],
    comparisons: Sequence[RunComparison],
    unavailable: Sequence[Unavailable],
    pictures: Sequence[Picture],
    sessions: Sequence[AbSession] = (),
    targets: Targets | None = None,
) -> Page:
    """Collect what the report shows; the first run is the old one, where any is compared."""
    sentences = [(run.name, run.verdict or "", _own_text(run)) for run in runs]
    if comparisons:
        name, verdict, text = sentences[0]
        sentences = [(name, verdict, f"the old run: {text}"), *map(_sentence, comparisons)]
    return Page(
        title=title,
        runs=list(runs),
        comparisons=list(comparisons),
        unavailable=list(unavailable),
        matrix=build_matrix(runs, comparisons),
        skips=group_skips(runs),
        failures=_failures(runs),
        pictures=list(pictures),
        scorecards=[build_scorecard(run) for run in runs],
        sentences=sentences,
        sessions=list(sessions),
        targets=targets,
    )


def versions_text(run: Run) -> str:
    """Write the versions that a reader looks for first."""
    packages = run.environment["packages"]
    names = ("onnxruntime", "onnxruntime-gpu", "torch", "onnx", "numpy")
    return ", ".join(f"{name} {packages[name]}" for name in names if name in packages)


def machine_text(run: Run) -> str:
    """Describe the machine in a line."""
    facts = run.environment
    n_cpus = f"{facts['n_cpus']} processors" if facts.get("n_cpus") else ""
    found = (f"Python {facts['python']}", str(facts["cpu"]), n_cpus, str(facts["platform"]))
    return ", ".join(fact for fact in found if fact)


def commit_text(run: Run) -> str:
    """Write the commit, short enough for a table."""
    commit, plus, dirty = (run.record.commit or "unknown").partition("+")
    return f"{commit[:12]}{plus}{dirty}"


def moved_texts(comparison: RunComparison) -> list[str]:
    """Say what else moved, beyond what the sentence of the comparison names."""
    rest = comparison.moved()[1:]
    texts = [
        f"{metric.verdict}: {metric.name} of {metric.subject}: "
        f"{interval_text(metric) or f'{number(metric.new)} {metric.unit}'}"
        for metric in rest[:_MAX_MOVED]
    ]
    if len(rest) > _MAX_MOVED:
        texts.append(f"and {len(rest) - _MAX_MOVED} more, in the matrix")
    return texts


def changes_text(comparison: RunComparison) -> str:
    """Say in a line how the circumstances of two runs differ, versions first."""
    found = sorted(comparison.environment, key=lambda d: not d.key.startswith("packages/"))
    if not found:
        return "nothing that both runs describe"
    texts = list(dict.fromkeys(map(_change_text, found)))  # a model of many results, once
    if len(texts) > _MAX_CHANGES:
        texts[_MAX_CHANGES:] = [f"and {len(texts) - _MAX_CHANGES} more"]
    return "; ".join(texts)


def _change_text(difference: EnvironmentDifference) -> str:
    what = short_key(difference.key)
    sides = (difference.old, difference.new)
    if what in _HASHES or any(len(side) > _MAX_FACT for side in sides):
        return what
    return f"{what} {sides[0]} → {sides[1]}"


def _own_text(run: Run) -> str:
    """Say in a few words how the tests of a run ended."""
    tests: list[str | None] = [test.verdict for test in run.tests.values()]
    bad = [name for name, test in run.tests.items() if test.verdict == Verdict.FAIL.value]
    if run.record.state != "finished":
        return f"did not end: {run.record.running or 'before the first test'}"
    if bad:
        return f"{len(bad)} of {len(tests)} tests failed, first {bad[0]}"
    if tests:
        return f"{len(tests) - tests.count(SKIPPED)} tests ran, {tests.count(SKIPPED)} skipped"
    return "measured, not judged"


def _sentence(comparison: RunComparison) -> tuple[str, str, str]:
    own = comparison.new.verdict
    text = summary(comparison)
    verdict = comparison.verdict if own is None else worst([comparison.verdict, Verdict(own)])
    if own == Verdict.FAIL.value and comparison.verdict is Verdict.PASS:
        text = f"{_own_text(comparison.new)}; {text}"
    return comparison.new.name, str(verdict), text


def _failures(runs: Sequence[Run]) -> list[tuple[str, str, str, str]]:
    """List run, test, verdict and reason of every test that is not green."""
    return [
        (run.name, name, str(test.verdict or "not finished"), test.reason)
        for run in runs
        for name, test in run.tests.items()
        if test.verdict not in (Verdict.PASS.value, SKIPPED)
    ]
