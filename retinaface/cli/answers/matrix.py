"""The answer of `retinaface matrix`."""

from __future__ import annotations

from retinaface.cli.output.answer import Judgement
from retinaface.cluster.targets.rows import TargetRow


class Matrix(Judgement, kw_only=True, tag="matrix"):
    """The targets of a plan, in its order; the verdict is the worst of all.

    Attributes:
        folder: Of records, outputs and the report.
        files: The report and these rows, as far as they were written.
    """

    plan: str
    scheduler: str
    folder: str
    targets: list[TargetRow]
    files: list[str]
