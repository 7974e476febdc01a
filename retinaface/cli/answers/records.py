"""Answers of the commands that read run records, and of `validate`, which writes them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from retinaface.cli.output.answer import Answer, Judgement, Tabled
from retinaface.comparison.answer import Compared, Session
from retinaface.comparison.engine_table import EngineRow
from retinaface.history.answer import JudgedRun, LevelChange, Trend
from retinaface.records.find import Unavailable
from retinaface.records.schema import Record
from retinaface.verdicts import Verdict


class Comparisons(Judgement, kw_only=True, tag="compare"):
    """Run records, compared with the first one.

    Attributes:
        sessions: Of `retinaface ab`, as far as they are judged.
        unavailable: Rows of a matrix that could not run.
        markdown: File that was written or extended, where one was asked for.
    """

    comparisons: list[Compared]
    sessions: list[Session]
    unavailable: list[Unavailable]
    markdown: str | None


class RunRow(Struct, kw_only=True):
    """A run record.

    Attributes:
        verdict: None where nothing was judged.
        state: `finished`, `running` or `crashed`.
        runtimes: With versions.
        devices: Accelerators, else the processor.
        ap: By split, as fractions, of each result that has it.
        n_run: Tests that ran; None where the record has no tests.
        n_skipped: Tests that were skipped.
    """

    name: str
    path: str
    created: str
    verdict: str | None
    state: str
    runtimes: list[str]
    devices: list[str]
    ap: dict[str, dict[str, float]]
    n_run: int | None
    n_skipped: int | None
    warnings: list[str]


class RunList(Tabled, kw_only=True, tag="runs"):
    """Run records, by date.

    Attributes:
        unavailable: Rows of a matrix that could not run.
    """

    runs: list[RunRow]
    unavailable: list[Unavailable]


class Trends(Tabled, kw_only=True, tag="history"):
    """Records over time; the exit code is the verdict where a run was judged.

    Attributes:
        index: File that keeps the figures of the records; None where none can be kept.
        period: How many runs there are, and from when to when, in words.
        summary: What has to be known first, in a sentence.
        n_runs: Records that were read.
        n_unavailable: Rows of a matrix that could not run.
        damaged: Why a record cannot be read, by the name of its folder.
        changes: The newest first.
        judged: Of the run that was named.
        files: Pages that were written.
    """

    folder: str
    index: str | None
    period: str
    summary: str
    n_runs: int
    n_unavailable: int
    damaged: dict[str, str]
    trends: list[Trend]
    changes: list[LevelChange]
    judged: JudgedRun | None
    verdict: Verdict | None
    files: list[str]

    @property
    def exit_code(self) -> int:
        """Give the exit code of the verdict; 0 where nothing was judged."""
        return 0 if self.verdict is None else self.verdict.exit_code


class EngineList(Answer, kw_only=True, tag="engines"):
    """Engines side by side."""

    engines: list[EngineRow]


class Validated(Judgement, kw_only=True, tag="validate"):
    """A run of the validation suites.

    Attributes:
        record: Folder of the run record, where it was kept.
        problem: Why the process of the run did not end as it should; empty where it did.
        summary: The lines that a terminal shows at the end.
        run: The run record; None where the run left none.
    """

    record: str | None
    problem: str
    summary: list[str]
    run: Record | None


def answers() -> dict[str, type[Answer]]:
    """List the answer of each command, by the command's words."""
    from retinaface.cli.answers import accuracy, agreement, files, speed
    from retinaface.cli.answers.matrix import Matrix

    found: list[Any] = [
        *(Comparisons, RunList, Trends, EngineList, Validated),
        *(accuracy.Detected, accuracy.Evaluated, accuracy.Scored, accuracy.Demo),
        *(files.AssetList, files.AssetPaths, files.AssetPath),
        *(
            files.Exported,
            files.Built,
            files.Reported,
            speed.Bench,
            speed.AbResult,
            speed.SoakResult,
        ),
        agreement.Agreement,
        Matrix,
    ]
    return {str(one.__struct_config__.tag): one for one in found}
