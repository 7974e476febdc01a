"""Bring home what a target left: its row, its record and its output."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from retinaface.cluster.targets.packing import unpack
from retinaface.cluster.targets.placing import Finished
from retinaface.errors import RecordError
from retinaface.records.read import Run, read_run
from retinaface.verdicts import Verdict, worst

# Of a target that names none.
_DEFAULT = "default"


class TargetRow(Struct, kw_only=True):
    """A target of a plan, and how it ended.

    Attributes:
        tag: What its worker had to have; empty where any would do.
        worker: Address of the last worker that ran it; empty where none did.
        reason: The first thing that is not green; empty for a PASS.
        seconds: From the start of its process to the end.
        record: Folder of its run record; None where it left none.
        output: File with the end of what it printed; None where it printed nothing.
        lost: Workers that were lost while they ran it.
    """

    name: str
    verdict: Verdict
    reason: str
    engines: list[str]
    pipelines: list[str]
    tag: str
    worker: str
    seconds: float
    record: str | None
    output: str | None
    lost: list[str]

    def cells(self) -> list[str]:
        """Give the cells of a table: name, verdict, engine, pipeline, tag, worker, seconds, why."""
        engines, pipelines = ", ".join(self.engines), ", ".join(self.pipelines)
        took = f"{self.seconds:.1f}" if self.worker else ""
        words = [self.name, str(self.verdict), engines, pipelines, self.tag, self.worker]
        return [*words, took, self.reason]


def bring_home(finished: Finished, folder: Path) -> tuple[TargetRow, Run | None]:
    """Write record and output of a target into a folder, and make its row.

    Args:
        folder: Of the matrix; there already.

    Returns:
        The row, and the record as far as it can be read.
    """
    target, outcome = finished.target, finished.outcome
    row = TargetRow(
        name=target.name,
        verdict=outcome.verdict,
        reason=outcome.reason,
        engines=list(target.options.get("engine", (_DEFAULT,))),
        pipelines=list(target.options.get("pipeline", (_DEFAULT,))),
        tag=target.tag,
        worker=finished.worker,
        seconds=outcome.seconds,
        record=None,
        output=None,
        lost=list(finished.lost),
    )
    if outcome.output:
        file = folder / f"{target.name}.txt"
        file.write_text(outcome.output, encoding="utf-8")
        row.output = str(file)
    run = None
    if outcome.record is not None:
        try:
            unpack(outcome.record, folder / target.name)
            row.record = str(folder / target.name)
            run = read_run(folder / target.name)
        except RecordError as error:  # what it says cannot be checked
            row.verdict = worst([row.verdict, Verdict.INCONCLUSIVE])
            row.reason = f"{row.reason}; {error}" if row.reason else str(error)
    return row, run
