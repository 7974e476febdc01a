"""The base of all answers, and how they become JSON."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct

from retinaface.records.schema import with_words
from retinaface.records.write import json_safe
from retinaface.verdicts import Verdict


class Answer(Struct, kw_only=True, tag_field="command"):
    """What a command found.

    Attributes:
        json_version: Grows when a field is removed or changes its meaning; new ones do not count.
        notes: What the reader should know beside the figures.
        warnings: Signs that something is wrong, and what to do.
    """

    json_version: Literal[1] = 1
    notes: list[str] = []
    warnings: list[str] = []

    @property
    def exit_code(self) -> int:
        """Give the exit code of the command."""
        return 0

    @property
    def replaces_text(self) -> bool:
        """Tell whether standard output already has something in place of the text."""
        return False


class Tabled(Answer, kw_only=True):
    """An answer that is also a table of figures.

    Attributes:
        csv: File of all figures, where one was asked for; `-` is standard output.
    """

    csv: str | None

    @property
    def replaces_text(self) -> bool:
        """Tell whether standard output has the table."""
        return self.csv == "-"


class Judgement(Answer, kw_only=True):
    """An answer with a verdict."""

    verdict: Verdict

    @property
    def exit_code(self) -> int:
        """Give the exit code of the verdict."""
        return self.verdict.exit_code


def json_text(answer: Answer) -> str:
    """Write an answer as JSON; NaN and infinity, which it lacks, stand as words."""
    content = json_safe(msgspec.to_builtins(answer, enc_hook=_number))
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def json_schema(answer: type[Answer]) -> dict[str, Any]:
    """Make the JSON schema of an answer."""
    return dict(with_words(msgspec.json.schema(answer)))


def _number(value: Any) -> Any:
    """Give a number or array of NumPy as Python's."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise NotImplementedError(f"an answer cannot hold {type(value).__name__}")
