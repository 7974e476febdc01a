"""Collect what is told of a folder of records: lines, changes, what else changed, one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retinaface.history.index import History
from retinaface.history.judged import Judgement
from retinaface.history.series import Break, Circumstances, Line, breaks_of


@dataclass(frozen=True)
class Told:
    """What is told of a folder of records.

    Attributes:
        lines: Of the chosen engines, devices and dates.
        breaks: With what else changed there.
        judgement: Of one run; None where none was named.
    """

    history: History
    lines: Sequence[Line]
    breaks: Sequence[tuple[Break, str]]
    judgement: Judgement | None


def tell(history: History, lines: Sequence[Line], judgement: Judgement | None) -> Told:
    """Find the changes of lines, and read what else changed there.

    Raises:
        HistoryError: `ruptures` is not installed.
    """
    circumstances = Circumstances(history.folder)
    breaks = [(one, circumstances.between(one.before, one.after)) for one in breaks_of(lines)]
    return Told(history, lines, breaks, judgement)
