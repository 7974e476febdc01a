"""Pair the results of two runs: an old one and its counterpart in the new run."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from retinaface.records.read import Run
from retinaface.records.result_id import ResultId
from retinaface.records.schema import ModelFile, Result
from retinaface.records.traced_images import ImageStages

_BETWEEN_IDS = " -> "


@dataclass(frozen=True)
class Pair:
    """A result of the old run and its counterpart in the new run.

    Attributes:
        runs: The old run, the new one.
        ids: Of the result in each.
    """

    runs: tuple[Run, Run]
    ids: tuple[str, str]

    @property
    def name(self) -> str:
        """Give its name in tables: the id, or both ids where they differ."""
        old, new = self.ids
        return old if old == new else f"{old}{_BETWEEN_IDS}{new}"

    @functools.cached_property
    def results(self) -> tuple[Result, Result]:
        """Give the figures of both."""
        return self.runs[0].results[self.ids[0]], self.runs[1].results[self.ids[1]]

    @functools.cached_property
    def images(self) -> list[tuple[ImageStages, ImageStages]]:
        """Give the images that both trace."""
        old, new = (run.stages(name) for run, name in zip(self.runs, self.ids, strict=True))
        by_image = {one.image: one for one in new}
        return [(one, by_image[one.image]) for one in old if one.image in by_image]

    @property
    def models(self) -> tuple[ModelFile | None, ModelFile | None]:
        """Give the files that were run; None where there was none."""
        return self.results[0].model, self.results[1].model


def matched_pairs(old: Run, new: Run) -> list[Pair]:
    """Pair results of the same id; else those that alone have their pipeline and batch.

    So two engines can be compared: `ort-cpu-fp32--igie--b32` with `ort-cpu-fp16--igie--b32`.
    """
    ids = [(name, name) for name in old.results if name in new.results]
    rest = [
        [name for name in run.results if name not in other.results]
        for run, other in ((old, new), (new, old))
    ]
    settings = [[ResultId.parse(name).setting for name in names] for names in rest]
    for name, setting in zip(rest[0], settings[0], strict=True):
        if setting and settings[0].count(setting) == settings[1].count(setting) == 1:
            ids.append((name, rest[1][settings[1].index(setting)]))
    return [Pair((old, new), both) for both in ids]


def old_id(name: str) -> str:
    """Take the id of the old result out of the name of a pair."""
    return name.partition(_BETWEEN_IDS)[0]
