"""At which stage a difference of two runs begins: stages frozen, one swapped at a time.

In the order of the data: checkpoint, export, simplification, precision, inputs, raw outputs,
decoding, suppression, evaluation. What a stage gives is compared where both records hold it.
Whether the stage itself moved, or hands on what moved before it, is told by giving this release's
stage each side's own input, and by running each side's file and input on one runtime.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from retinaface.checks.detection_matching import match_detections
from retinaface.comparison.export_steps import FOLLOWS, MOVED, SAME, UNKNOWN, Stage, file_stages
from retinaface.detection.detections import Detections, decode, suppress
from retinaface.engines.opening import open_engine
from retinaface.errors import RetinaFaceError
from retinaface.network.config import OUTPUT_NAMES
from retinaface.records.read import Run
from retinaface.records.traced_images import ImageStages
from retinaface.widerface.average_precision import average_precision

# AP is a fraction; beyond this two evaluations of the same counts are not the same code.
_AP_SLACK = 1e-6


@dataclass(frozen=True)
class Attribution:
    """The stages of one pair of results, in the order of the data."""

    reference_id: str
    candidate_id: str
    stages: list[Stage]

    @property
    def first(self) -> Stage | None:
        """The first stage that moved; None where none did."""
        return next((stage for stage in self.stages if stage.state == MOVED), None)

    @property
    def sentence(self) -> str:
        """Where the difference begins, in a line."""
        unknown = [stage.name for stage in self.stages if stage.state == UNKNOWN]
        untold = f"; cannot be told: {', '.join(unknown)}" if unknown else ""
        if self.first is None:
            return f"no stage moved{untold}"
        return f"the first stage that moved is {self.first.name}: {self.first.text}{untold}"


@dataclass(frozen=True)
class _Sides:
    """Two results, the reference first, and the images that both trace."""

    runs: tuple[Run, Run]
    ids: tuple[str, str]

    @functools.cached_property
    def results(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Their figures."""
        return self.runs[0].results[self.ids[0]], self.runs[1].results[self.ids[1]]

    @functools.cached_property
    def pairs(self) -> list[tuple[ImageStages, ImageStages]]:
        """The same image in both."""
        ours, theirs = (run.stages(name) for run, name in zip(self.runs, self.ids, strict=True))
        by_image = {one.image: one for one in theirs}
        return [(one, by_image[one.image]) for one in ours if one.image in by_image]

    @property
    def models(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The files that were run; empty where there was none."""
        return self.results[0].get("model") or {}, self.results[1].get("model") or {}


def attribute(reference: Run, candidate: Run, ours: str, theirs: str) -> Attribution:
    """Place the difference of two results.

    Args:
        reference: A record.
        candidate: Another.
        ours: Result id in the reference.
        theirs: Result id in the candidate.

    Raises:
        RecordError: Arrays of a record are damaged.
    """
    sides = _Sides((reference, candidate), (ours, theirs))
    stages = [*file_stages(sides.models)]
    if sides.pairs:
        stages += [_inputs(sides.pairs), _raw_outputs(sides)]
        stages += [_decoding(sides.pairs), _suppression(sides.pairs)]
    else:
        text = "the records trace no image in common"
        names = ("inputs", "raw outputs", "decoding", "suppression")
        stages += [Stage(name, UNKNOWN, text) for name in names]
    return Attribution(ours, theirs, [*stages, _evaluation(sides)])


def _inputs(pairs: list[tuple[ImageStages, ImageStages]]) -> Stage:
    if any(a.inputs.shape != b.inputs.shape for a, b in pairs):
        text = f"{pairs[0][0].inputs.shape} -> {pairs[0][1].inputs.shape}"
        return Stage("inputs", MOVED, f"other shapes: {text}")
    largest = max(float(np.abs(a.inputs - b.inputs).max()) for a, b in pairs)
    state = SAME if largest == 0 and all(a.geometry == b.geometry for a, b in pairs) else MOVED
    text = f"largest difference {largest:.3g} of 255 over {len(pairs)} images"
    return Stage("inputs", state, text)


def _raw_outputs(sides: _Sides) -> Stage:
    """The engine: its outputs on the same input from the same file, or from each side's file."""
    name, pairs = "raw outputs", sides.pairs
    if any(x.shape != y.shape for a, b in pairs for x, y in zip(a.raw, b.raw, strict=True)):
        return Stage(name, FOLLOWS, "other shapes, because the inputs have")
    largest = [
        max(float(np.abs(a.raw[i] - b.raw[i]).max()) for a, b in pairs)
        for i in range(len(OUTPUT_NAMES))
    ]
    if max(largest) == 0:
        return Stage(name, SAME, f"equal in every bit over {len(pairs)} images")
    sizes = ", ".join(f"{n} {x:.2g}" for n, x in zip(OUTPUT_NAMES, largest, strict=True))
    text = f"largest differences {sizes}; {_swapped(pairs)}"
    models = sides.models
    same_inputs = all(np.array_equal(a.inputs, b.inputs) for a, b in pairs)
    if same_inputs and models[0].get("sha256") == models[1].get("sha256"):
        why = engine_difference(*(result.get("engine") or {} for result in sides.results))
        return Stage(name, MOVED, f"{text}; the same file and inputs, so the engine: {why}")
    return _with_files_here(sides, text)


def engine_difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """What the descriptions of two engines do not share."""
    keys = (
        "runtime",
        "name",
        "precision",
        "threads",
        "parallel_calls",
        "options",
        "engine_file_sha256",
    )
    parts = [
        f"{key} {_word(ours.get(key))} -> {_word(theirs.get(key))}"
        for key in keys
        if ours.get(key) != theirs.get(key)
    ]
    return ", ".join(parts) or "described alike"


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{k}={v}" for k, v in value.items()) or "none"
    return "none" if value is None else str(value)


def _swapped(pairs: list[tuple[ImageStages, ImageStages]]) -> str:
    """The candidate's raw outputs in the reference's place, everything after as it is here."""
    n_changed = n_all = 0
    for a, b in pairs:
        found = [suppress(decode(*one.raw, a.geometry)) for one in (a, b)]
        changed, n = _unmatched(*found)
        n_changed, n_all = n_changed + changed, n_all + n
    return f"with these swapped alone {n_changed} of {n_all} detections change"


def _unmatched(ours: Detections, theirs: Detections) -> tuple[int, int]:
    match = match_detections(ours.boxes_xyxy, ours.scores, theirs.boxes_xyxy, theirs.scores)
    return match.n_unmatched(), len(ours.scores) + len(theirs.scores)


def _with_files_here(sides: _Sides, text: str) -> Stage:
    """Each side's file and input on one runtime: do they explain what differs?"""
    name = "raw outputs"
    one, other = sides.pairs[0]
    outputs = []
    for traced, run, result_id, result in zip(
        (one, other), sides.runs, sides.ids, sides.results, strict=True
    ):
        file = run.model(result_id)
        if file is None:
            return Stage(name, UNKNOWN, f"{text}; {run.name} keeps no file to run")
        try:
            with open_engine(
                f"ort-cpu-{result.get('precision', 'fp32')}",
                model=file,
                max_batch=1,
                input_size_px=(traced.inputs.shape[1], traced.inputs.shape[2]),
            ) as engine:
                outputs.append(engine.infer(traced.inputs[None]))
        except RetinaFaceError as error:
            return Stage(name, UNKNOWN, f"{text}; the file of {run.name} fails here: {error}")
    here = max(float(np.abs(a - b).max()) for a, b in zip(*outputs, strict=True))
    there = max(float(np.abs(a - b).max()) for a, b in zip(one.raw, other.raw, strict=True))
    explained = here >= there / 2
    why = "the files or inputs explain it" if explained else "so the engine moved"
    text += f"; each file and input on one runtime: off by {here:.2g}, the records by {there:.2g}"
    return Stage(name, FOLLOWS if explained else MOVED, f"{text}: {why}")


def _decoding(pairs: list[tuple[ImageStages, ImageStages]]) -> Stage:
    """Each side's candidates against what this release makes of the same raw outputs."""
    sides = [[_farthest(_decoded(pair[i]), pair[i].candidates) for pair in pairs] for i in (0, 1)]
    same = all(_equal(a.candidates, b.candidates) for a, b in pairs)
    return _own_stage("decoding", sides, pairs, same=same)


def _decoded(one: ImageStages) -> Detections:
    return decode(one.raw.loc, one.raw.scores, one.raw.landmarks, one.geometry)


def _suppression(pairs: list[tuple[ImageStages, ImageStages]]) -> Stage:
    """Each side's detections against what this release makes of the same candidates."""
    sides = [
        [_farthest(suppress(pair[i].candidates), pair[i].detections) for pair in pairs]
        for i in (0, 1)
    ]
    same = all(_equal(a.detections, b.detections) for a, b in pairs)
    return _own_stage("suppression", sides, pairs, same=same)


def _own_stage(
    name: str,
    sides: list[list[float]],
    pairs: list[tuple[ImageStages, ImageStages]],
    *,
    same: bool,
) -> Stage:
    if same:
        return Stage(name, SAME, f"equal in every bit over {len(pairs)} images")
    off = [max(side) for side in sides]
    if off[0] == off[1]:
        return Stage(name, FOLLOWS, "both sides do with their input what this release does")
    words = [f"{x:.3g}" if np.isfinite(x) else "another number of boxes" for x in off]
    text = f"this release on the recorded input: reference off by {words[0]}, candidate {words[1]}"
    return Stage(name, MOVED, text)


def _equal(ours: Detections, theirs: Detections) -> bool:
    return _farthest(ours, theirs) == 0


def _farthest(ours: Detections, theirs: Detections) -> float:
    """Largest difference of a number; infinite where there are more or fewer boxes."""
    if len(ours.scores) != len(theirs.scores):
        return float("inf")
    arrays = (
        (ours.boxes_xyxy, theirs.boxes_xyxy),
        (ours.scores, theirs.scores),
        (ours.landmarks_xy, theirs.landmarks_xy),
    )
    return max(float(np.abs(a - b).max(initial=0.0)) for a, b in arrays)


def _evaluation(sides: _Sides) -> Stage:
    """AP as recorded against AP of the recorded counts; counts of the same detections."""
    name = "evaluation"
    both = list(zip(sides.runs, sides.ids, strict=True))
    counts = [kept for run, i in both if (kept := run.counts(i)) is not None]
    found = [boxes for run, i in both if (boxes := run.detections(i)) is not None]
    if len(counts) + len(found) < 4:
        return Stage(name, UNKNOWN, "a record keeps no counts or no detections")
    offs = []
    for kept, result in zip(counts, sides.results, strict=True):
        now, then = average_precision(kept[1]), result.get("ap", {})
        offs.append(max(abs(now[split] - float(then.get(split, "nan"))) for split in now))
    if not max(offs) <= _AP_SLACK:
        text = f"AP of the recorded counts is off by {offs[0]:.2g} and {offs[1]:.2g}"
        return Stage(name, MOVED, text)
    if _same_counts(counts):
        return Stage(name, SAME, "the same counts")
    if _same_detections(*found):
        return Stage(name, MOVED, "other counts from the same detections: evaluation or faces")
    return Stage(name, FOLLOWS, "other counts, because the detections differ")


def _same_detections(ours: Mapping[str, Detections], theirs: Mapping[str, Detections]) -> bool:
    return list(ours) == list(theirs) and all(_equal(ours[i], theirs[i]) for i in ours)


def _same_counts(counts: list[Any]) -> bool:
    (images, one), (others, other) = counts
    return images == others and all(
        np.array_equal(array, getattr(other, field)) for field, array in vars(one).items()
    )
