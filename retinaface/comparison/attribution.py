"""Find the stage at which a difference of two runs begins.

The stages, in the order of the data: checkpoint, export, simplification, precision, file, images,
inputs, raw outputs, decoding, suppression, detections, evaluation. The results of a stage are
compared where both records hold them: files, images and detections of all images, the stages
between of a few that are traced. A stage may have moved itself, or only hand on what moved before
it: to tell the two apart, this release's stage gets each side's own input, and one runtime runs
each side's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.comparison.export_steps import (
    FILE,
    FOLLOWS,
    MOVED,
    SAME,
    UNKNOWN,
    Stage,
    file_stages,
)
from retinaface.comparison.image_steps import detections_stage, images_stage, list_difference
from retinaface.comparison.pairs import Pair
from retinaface.comparison.traced_steps import RAW_OUTPUTS, equal_detections, traced_stages
from retinaface.detection.detections import Detections
from retinaface.records.consistency import AP_SLACK, ap_offsets


@dataclass(frozen=True)
class Attribution:
    """The stages of one pair of results, in the order of the data."""

    name: str
    stages: list[Stage]

    @property
    def first(self) -> Stage | None:
        """Give the first stage that moved; None where none did."""
        return next((stage for stage in self.stages if stage.state == MOVED), None)

    @property
    def sentence(self) -> str:
        """Say in a line where the difference begins."""
        unknown = [stage.name for stage in self.stages if stage.state == UNKNOWN]
        rest = f"; unknown: {', '.join(unknown)}" if unknown else ""
        if self.first is None:
            return f"no stage moved{rest}"
        return f"the first stage that moved is {self.first.name}: {self.first.text}{rest}"


def attribute(pair: Pair) -> Attribution:
    """Place the difference of two results.

    Raises:
        RecordError: Arrays of a record are damaged.
    """
    traced = traced_stages(pair)
    files = [_in_effect(stage, traced) for stage in file_stages(pair.models)]
    stages = [*files, images_stage(pair), *traced]
    stages.append(detections_stage(pair, stages))
    return Attribution(pair.name, [*stages, _evaluation(pair)])


def _in_effect(stage: Stage, traced: Sequence[Stage]) -> Stage:
    """Take a file of other bytes for the same where nothing of its outputs differs."""
    outputs = next(other for other in traced if other.name == RAW_OUTPUTS)
    if (stage.name, stage.state, outputs.state) != (FILE, MOVED, SAME):
        return stage
    return Stage(stage.name, SAME, f"{stage.text}; but its raw outputs are {outputs.text}")


def _evaluation(pair: Pair) -> Stage:
    """Compare AP as recorded with AP of the recorded counts, and counts of the same detections."""
    name = "evaluation"
    both = list(zip(pair.runs, pair.ids, strict=True))
    counts = [kept for run, i in both if (kept := run.counts(i)) is not None]
    found = [boxes for run, i in both if (boxes := run.detections(i)) is not None]
    if len(counts) + len(found) < 4:
        return Stage(name, UNKNOWN, "a record keeps no counts or no detections")
    offs = []
    for kept, result in zip(counts, pair.results, strict=True):
        offs.append(max(abs(off) for off in ap_offsets(result.ap, kept[1]).values()))
    if not max(offs) <= AP_SLACK:
        text = f"recorded AP is off from the recorded counts by {offs[0]:.2g} and {offs[1]:.2g}"
        return Stage(name, MOVED, text)
    n_images = len(counts[0][0])
    if alone := list_difference(counts[0][0], counts[1][0]):
        return Stage(name, FOLLOWS, alone)
    if _same_counts(counts):
        return Stage(name, SAME, f"{n_images} of {n_images} images: the same counts")
    if _same_detections(*found):
        return Stage(
            name,
            MOVED,
            "different counts from the same detections: the evaluation or the faces changed",
        )
    return Stage(name, FOLLOWS, "different counts, because the detections differ")


def _same_detections(ours: Mapping[str, Detections], theirs: Mapping[str, Detections]) -> bool:
    return list(ours) == list(theirs) and all(equal_detections(ours[i], theirs[i]) for i in ours)


def _same_counts(counts: list[Any]) -> bool:
    (images, one), (others, other) = counts
    return images == others and all(
        np.array_equal(array, getattr(other, field)) for field, array in vars(one).items()
    )
