"""Answer each question from the tests of a run, and describe the answers that are not green."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retinaface.checks.speed.gate import TIMES_BASELINE
from retinaface.records.read import Run
from retinaface.records.schema import TestResult
from retinaface.reference.floors import FACTORS
from retinaface.report.margins import Margin, weakest_first
from retinaface.report.questions import WORDS, Command, ask_command, next_commands
from retinaface.telling.words import count
from retinaface.verdicts import SKIPPED, Question, Verdict, worst

NOT_ASKED = "NOT ASKED"


@dataclass(frozen=True)
class Answer:
    """What a run says to one question.

    Attributes:
        verdict: A verdict, `SKIPPED` or `NOT ASKED`.
        margin: Of the check that is nearest to its limit, or beyond it; None where no check of
            the question has a number.
        note: What stands in place of a margin, or beside it: counts, and what was not compared.
        command: Asks it, where it has no answer.
    """

    question: Question
    verdict: str
    margin: Margin | None = None
    note: str = ""
    command: str = ""

    @property
    def title(self) -> str:
        """Ask the question in a few words."""
        return WORDS[self.question].title

    @property
    def is_answered(self) -> bool:
        """Tell whether tests of it ran."""
        return self.verdict not in (SKIPPED, NOT_ASKED)


@dataclass(frozen=True)
class Finding:
    """A question whose answer is not green: where, what was said, and what to type next.

    Attributes:
        n_bad: Tests with this verdict.
        n_tests: Tests of the question that ran.
        tests: Those with this verdict, in the order of the run.
        layers: By result, the first layer that drifts, where the record has layers.
        earlier: Questions before it in the flow of the data that are green, where none failed.
        cause: The first question before it that failed; empty for none.
    """

    verdict: str
    title: str
    n_bad: int
    n_tests: int
    tests: list[TestResult]
    margin: Margin | None
    layers: dict[str, str]
    earlier: list[str]
    cause: str
    commands: list[Command]

    @property
    def reason(self) -> str:
        """Give what the first test said."""
        return self.tests[0].reason or "it did not end"


def answer_to(question: Question, run: Run, margins: Sequence[Margin]) -> Answer:
    """Answer a question from its tests, and show the check that is nearest to its limit."""
    tests = [test for test in run.tests.values() if test.question is question]
    ran = [test for test in tests if test.verdict != SKIPPED]
    n_skipped = len(tests) - len(ran)
    command = ask_command(question, run.record.target)
    if not tests:
        return Answer(question, NOT_ASKED, note="no test of it was selected", command=command)
    if not ran:
        note = f"skipped: {count(n_skipped, 'test')}"
        return Answer(question, SKIPPED, note=note, command=command)
    # A test that did not end is no pass.
    verdict = worst(Verdict(test.verdict or Verdict.FAIL.value) for test in ran)
    own = weakest_first(margin for margin in margins if margin.question is question)
    margin = next((one for one in own if one.share is not None), None)
    if margin is not None and own[0].verdict != margin.verdict:
        margin = None  # what failed is a yes or no: a margin of something else would hide it
    n_good = sum(test.verdict == Verdict.PASS.value for test in ran)
    notes = [f"{n_good} of {len(ran)} tests pass" if n_good < len(ran) else count(len(ran), "test")]
    notes += [f"{n_skipped} skipped"] if n_skipped else []
    if question is Question.SPEED and not any(m.check.unit == TIMES_BASELINE for m in own):
        notes.insert(0, "no baseline: steadiness alone")
    return Answer(question, str(verdict), margin, ", ".join(notes))


def list_findings(run: Run, answers: Sequence[Answer]) -> list[Finding]:
    """Describe each answer that is not green, FAIL first, in the order of the data."""
    found = []
    for verdict in (Verdict.FAIL.value, Verdict.INCONCLUSIVE.value):
        for i, answer in enumerate(answers):
            if answer.verdict == verdict:
                found.append(_finding(run, answer, answers[:i]))
    return found


def _finding(run: Run, answer: Answer, before: Sequence[Answer]) -> Finding:
    tests = [test for test in run.tests.values() if test.question is answer.question]
    bad = [test for test in tests if (test.verdict or Verdict.FAIL.value) == answer.verdict]
    engines = present(test.engine for test in bad)
    failed = [one for one in before if one.verdict == Verdict.FAIL.value]
    folder = run.place
    return Finding(
        verdict=answer.verdict,
        title=answer.title,
        n_bad=len(bad),
        n_tests=sum(test.verdict != SKIPPED for test in tests),
        tests=bad,
        margin=answer.margin,
        layers=_first_layers(run, engines) if answer.verdict == Verdict.FAIL.value else {},
        earlier=[] if failed else [a.title for a in before if a.verdict == Verdict.PASS.value],
        cause=failed[0].title if failed else "",
        commands=next_commands(answer.question, answer.verdict, run.record.target, engines, folder),
    )


def _first_layers(run: Run, engines: Sequence[str]) -> dict[str, str]:
    """Find the first layer of each result that is further off than rounding explains."""
    found = {}
    for name, result in run.results.items():
        if result.key.engine not in engines:
            continue
        largest = FACTORS["fp16" if result.precision == "fp16" else "fp32"].largest
        for layer in result.layers:
            ratio = layer.max_abs / layer.noise_floor if layer.noise_floor else float("inf")
            if not ratio <= largest:
                found[name] = (
                    f"{layer.layer}: {ratio:.3g} times its noise floor, at most {largest:g}"
                )
                break
    return found


def present(names: Iterable[str]) -> list[str]:
    """List names once, in their order, without empty ones."""
    return [name for name in dict.fromkeys(names) if name]
