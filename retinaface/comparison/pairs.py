"""Pair the results of two runs: an old one and its counterpart in the new run."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from retinaface.records.read import Run
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
    """Pair results of the same id; else those that alone have their pipeline, batch and precision.

    Of what is left then, those that alone have their pipeline and batch. So two engines can be
    compared: `ort-cpu-fp32--igie--b32` with `openvino-cpu-fp32--igie--b32`, beside FP16 or not, and
    with `ort-cpu-fp16--igie--b32` where each run has one.
    """
    ids = [(name, name) for name in old.results if name in new.results]
    for setting in (_setting_and_precision, _setting):
        taken = {name for both in ids for name in both}
        found = [_alone(run, taken, setting) for run in (old, new)]
        ids += [(name, found[1][key]) for key, name in found[0].items() if key in found[1]]
    return [Pair((old, new), both) for both in ids]


def _alone(run: Run, taken: set[str], setting: Callable[[Result], Hashable]) -> dict[Hashable, str]:
    """Give the results that share their setting with no other one, by the setting."""
    keys = {name: setting(one) for name, one in run.results.items() if name not in taken}
    counts = Counter(keys.values())
    return {key: name for name, key in keys.items() if key is not None and counts[key] == 1}


def _setting(result: Result) -> Hashable:
    """Give pipeline and batch; None where the result has none."""
    return result.key.setting or None


def _setting_and_precision(result: Result) -> Hashable:
    setting = _setting(result)
    return (setting, result.precision) if setting and result.precision else None


def old_id(name: str) -> str:
    """Take the id of the old result out of the name of a pair."""
    return name.partition(_BETWEEN_IDS)[0]
