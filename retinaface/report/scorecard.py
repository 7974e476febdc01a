"""The scorecard of a run: verdict, basis, an answer to each question, and the weakest margins.

Plain data, made from the typed fields of a record alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from retinaface.records.read import Run
from retinaface.report.answers import Answer, Finding, answer_to, list_findings, present
from retinaface.report.figures import PipelineFigures, pipeline_figures
from retinaface.report.margins import Margin, margins_of, weakest_each
from retinaface.report.skips import SkipGroup, group_skips
from retinaface.verdicts import SKIPPED, Question, Verdict
from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES

NOT_JUDGED = "NOT JUDGED"
_MOST_MARGINS = 5
_SENTENCES = {
    Verdict.PASS.value: "Yes, as far as was asked: everything that ran is within its limits.",
    Verdict.FAIL.value: "No: something is beyond its limit, or did not run to its end.",
    Verdict.INCONCLUSIVE.value: "Not known yet: nothing failed; something could not be decided.",
    NOT_JUDGED: "Figures were measured; nothing was compared with a limit.",
}


@dataclass(frozen=True)
class Basis:
    """What a verdict rests on.

    Attributes:
        n_images: Whose detections were scored; 0 for none.
        images: The set, in words.
        n_not_selected: Tests that the selection left out.
    """

    n_images: int
    images: str
    engines: list[str]
    pipelines: list[str]
    suites: dict[str, dict[str, int]]
    n_ran: int
    n_skipped: int
    n_not_selected: int
    skips: list[SkipGroup]


@dataclass(frozen=True)
class Scorecard:
    """Everything that the first screen about one run shows, and what follows from it.

    Attributes:
        verdict: Of the run, or `NOT JUDGED`.
        problem: What happened to the run itself; empty where it ended as it should.
        answers: One for each question, in the order of the data; none for a record of before.
        note: Why there are no answers.
        weakest: The checks with the least room left.
    """

    name: str
    verdict: str
    sentence: str
    problem: str
    basis: Basis
    answers: list[Answer]
    note: str
    weakest: list[Margin]
    findings: list[Finding]
    figures: list[PipelineFigures]
    warnings: list[str]

    @property
    def has_steps(self) -> bool:
        """Tell whether there is something to do: a failure, or a question without an answer."""
        return bool(self.findings) or not all(answer.is_answered for answer in self.answers)


def build_scorecard(run: Run) -> Scorecard:
    """Read a scorecard out of a record."""
    margins = list(margins_of(run))
    named = any(test.question is not None for test in run.tests.values())
    verdict = run.verdict or NOT_JUDGED
    answers = [answer_to(question, run, margins) for question in Question] if named else []
    return Scorecard(
        name=run.name,
        verdict=verdict,
        sentence=_SENTENCES[verdict],
        problem=_problem(run),
        basis=_basis(run),
        answers=answers,
        note="" if named else _note(run),
        weakest=weakest_each(margins, _MOST_MARGINS),
        findings=list_findings(run, answers),
        figures=pipeline_figures(run),
        warnings=list(run.warnings),
    )


def _problem(run: Run) -> str:
    record = run.record
    if record.state != "finished":
        ended = f"; the process ended by {record.crash}" if record.crash else ""
        return f"The run did not end: {record.running or 'before the first test'}{ended}"
    return record.problem or ""


def _note(run: Run) -> str:
    if run.tests:
        return (
            "This record is of an older release, whose tests do not name the question they answer."
        )
    return "No test ran: `validate` judges, `evaluate` and `score` measure."


def _basis(run: Run) -> Basis:
    coverage, target = run.record.coverage, run.record.target
    n_skipped = sum(test.verdict == SKIPPED for test in run.tests.values())
    images = [result.n_images for result in run.results.values() if result.n_images]
    left = coverage.not_selected if coverage is not None else {}
    keys = [result.key for result in run.results.values()]
    judged = [test for test in run.tests.values() if test.verdict != SKIPPED]
    engines = [key.engine for key in keys] + [test.engine for test in judged]
    n_images = max(images, default=0)
    return Basis(
        n_images=n_images,
        images=_images_text(run, n_images),
        engines=present(engines),
        pipelines=present([key.pipeline for key in keys] or (target.pipelines if target else [])),
        suites=dict(coverage.suites) if coverage is not None else {},
        n_ran=len(run.tests) - n_skipped,
        n_skipped=n_skipped,
        n_not_selected=sum(left.values()),
        skips=group_skips([run]),
    )


def _images_text(run: Run, n_images: int) -> str:
    """Name the set of images: a share of WIDER FACE, or the embedded one."""
    if not n_images:
        return "no image was scored"
    if run.is_embedded:
        return "of the embedded set, not of WIDER FACE"
    coverage = run.record.coverage
    total = coverage.n_images_total if coverage is not None else None
    return f"of {total or OFFICIAL_N_IMAGES} of WIDER FACE"
