"""The id of a result: engine, pipeline and batch, as the text by which records keep it."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The id of a result that was scored from files, whose engine nobody knows.
PREDICTIONS = "predictions"
_FORM = re.compile(r"(?P<engine>.+)--(?P<pipeline>.+)--b(?P<batch>[0-9]+)")


@dataclass(frozen=True)
class ResultId:
    """Names what was measured; its text is `<engine>--<pipeline>--b<batch>`, or an engine alone.

    The precision is part of the engine's name.

    Attributes:
        pipeline: Empty for a result of the engine alone.
        batch: Images in one call; None for a result of the engine alone.
    """

    engine: str
    pipeline: str = ""
    batch: int | None = None

    @classmethod
    def parse(cls, text: str) -> ResultId:
        """Take an id apart; a text of any other form names an engine alone."""
        found = _FORM.fullmatch(text)
        if found is None:
            return cls(text)
        return cls(found["engine"], found["pipeline"], int(found["batch"]))

    @property
    def setting(self) -> tuple[str, int] | None:
        """Give pipeline and batch, which two comparable engines share; None for an engine alone."""
        return None if self.batch is None else (self.pipeline, self.batch)

    def __str__(self) -> str:
        if self.batch is None:
            return self.engine
        return f"{self.engine}--{self.pipeline}--b{self.batch}"


def array_prefix(result_id: str) -> str:
    """Give what the names of a result's arrays begin with, in each file of a record."""
    return f"{result_id}/"
