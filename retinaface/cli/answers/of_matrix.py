"""Make the answer of `retinaface matrix`, with its report, and show it on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retinaface.cli.output.terminal import Printer
from retinaface.telling.words import count

if TYPE_CHECKING:
    from retinaface.cli.answers.matrix import Matrix
    from retinaface.cluster.targets.plan import Target
    from retinaface.cluster.targets.rows import TargetRow
    from retinaface.cluster.targets.workers import Worker
    from retinaface.records.read import Run

ROWS_FILE, REPORT_FILE = "matrix.json", "report.html"


def matrix_answer(
    plan: Path,
    scheduler: str,
    folder: Path,
    rows: Sequence[TargetRow],
    runs: Sequence[Run],
    notes: Sequence[str],
) -> Matrix:
    """Write the report and the rows into the folder of a matrix, and make its answer.

    Args:
        rows: In the order of the plan.
        runs: Records that can be read, in the same order.
        notes: What to know beside the rows.
    """
    from retinaface.cli.answers.matrix import Matrix
    from retinaface.cli.output.answer import json_text
    from retinaface.cli.output.page import page_files
    from retinaface.files import new_file
    from retinaface.report import Targets, write_report
    from retinaface.verdicts import worst

    verdict = worst(row.verdict for row in rows)
    page = folder / REPORT_FILE
    answer = Matrix(
        verdict=verdict,
        plan=str(plan),
        scheduler=scheduler,
        folder=str(folder),
        targets=list(rows),
        files=[str(folder / ROWS_FILE)],
        notes=[*notes, *_losses(rows)],
    )
    if runs:
        targets = Targets([row.cells() for row in rows], verdict)
        write_report(runs, [], page, title=f"Matrix {plan.stem}", targets=targets)
        answer.files = [*map(str, page_files(page)), *answer.files]
    else:
        answer.notes.append("no target left a record that can be read: there is no report")
    with new_file(folder / ROWS_FILE) as file:
        file.write_text(json_text(answer), encoding="utf-8")
    return answer


def workers_notes(targets: Sequence[Target], workers: Sequence[Worker]) -> Iterator[str]:
    """Say what a machine with several workers does with targets that take times."""
    most = max(Counter(worker.machine for worker in workers).values(), default=1)
    n_alone = sum(target.own.alone for target in targets)
    if most > 1 and n_alone > 1:
        yield (
            f"{count(n_alone, 'target')} may take times and run one after the other on each "
            "machine, whatever its number of workers; alone = false leaves their times out"
        )
    if n_alone < len(targets):
        n = len(targets) - n_alone
        yield f"{count(n, 'target')} took no times, because others may run beside (alone = false)"


def show(answer: Matrix, printer: Printer) -> None:
    """Print a line for each target, then the files."""
    from retinaface.report.content import TARGET_COLUMNS

    rows = [row.cells() for row in answer.targets]
    printer.table(TARGET_COLUMNS, rows, right={TARGET_COLUMNS.index("seconds")})
    printer.notes(answer.notes)
    for file in answer.files:
        printer.line(file)


def _losses(rows: Sequence[TargetRow]) -> Iterator[str]:
    for row in rows:
        if row.lost and row.worker not in row.lost:
            yield f"{row.name}: {', '.join(row.lost)} was lost, and {row.worker} ran it again"
