"""Find which step of the traced images moved: inputs, raw outputs, decoding, suppression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from retinaface.checks.detection_matching import match_detections
from retinaface.comparison.export_steps import FOLLOWS, MOVED, SAME, UNKNOWN, Stage, identity
from retinaface.comparison.pairs import Pair
from retinaface.detection.detections import Detections, decode, suppress
from retinaface.engines.opening import open_engine
from retinaface.errors import RetinaFaceError
from retinaface.network.config import OUTPUT_NAMES
from retinaface.records.traced_images import ImageStages
from retinaface.telling.words import count

_Pairs = list[tuple[ImageStages, ImageStages]]
RAW_OUTPUTS = "raw outputs"
_NAMES = ("inputs", RAW_OUTPUTS, "decoding", "suppression")


def traced_stages(pair: Pair) -> list[Stage]:
    """Compare what both records keep of the same images, one step after the other."""
    pairs = pair.images
    if not pairs:
        text = "the records trace no image in common"
        return [Stage(name, UNKNOWN, text) for name in _NAMES]
    return [_inputs(pair), _raw_outputs(pair), _decoding(pairs), _suppression(pairs)]


def _inputs(pair: Pair) -> Stage:
    pairs = pair.images
    if any(a.inputs.shape != b.inputs.shape for a, b in pairs):
        text = f"{pairs[0][0].inputs.shape} -> {pairs[0][1].inputs.shape}"
        return Stage("inputs", _moved_inputs(pair), f"different shapes: {text}")
    largest = max(float(np.abs(a.inputs - b.inputs).max()) for a, b in pairs)
    same = largest == 0 and all(a.geometry == b.geometry for a, b in pairs)
    text = f"largest difference {largest:.3g} of 255 over {_traced(pairs)}"
    return Stage("inputs", SAME if same else _moved_inputs(pair), text)


def _moved_inputs(pair: Pair) -> str:
    """Tell whether inputs differ only where the bytes of the images do."""
    ours, theirs = (run.image_sha256(i) for run, i in zip(pair.runs, pair.ids, strict=True))
    other = [a.image for a, b in pair.images if not _same_input(a, b)]
    known = all(image in ours and image in theirs for image in other)
    return FOLLOWS if known and all(ours[i] != theirs[i] for i in other) else MOVED


def _same_input(one: ImageStages, other: ImageStages) -> bool:
    return one.geometry == other.geometry and np.array_equal(one.inputs, other.inputs)


def _traced(pairs: _Pairs) -> str:
    return count(len(pairs), "traced image")


def _raw_outputs(pair: Pair) -> Stage:
    """Compare the engines: outputs on the same input from the same file, or from each side's."""
    name, pairs = RAW_OUTPUTS, pair.images
    if any(x.shape != y.shape for a, b in pairs for x, y in zip(a.raw, b.raw, strict=True)):
        return Stage(name, FOLLOWS, "different shapes, because those of the inputs differ")
    largest = [
        max(float(np.abs(a.raw[i] - b.raw[i]).max()) for a, b in pairs)
        for i in range(len(OUTPUT_NAMES))
    ]
    if max(largest) == 0:
        return Stage(name, SAME, f"equal in every bit over {_traced(pairs)}")
    sizes = ", ".join(f"{n} {x:.2g}" for n, x in zip(OUTPUT_NAMES, largest, strict=True))
    text = f"largest differences {sizes}; {_effect_on_detections(pairs)}"
    same_inputs = all(np.array_equal(a.inputs, b.inputs) for a, b in pairs)
    if same_inputs and (source := _same_source(pair)):
        why = engine_difference(*(result.engine for result in pair.results))
        return Stage(name, MOVED, f"{text}; the same {source} and inputs, so the engine: {why}")
    return _with_files_here(pair, text)


def _same_source(pair: Pair) -> str:
    """Name what both engines were made from, a file or weights; empty where that is not known."""
    files = [None if model is None else identity(model) for model in pair.models]
    # An engine that builds the network itself runs no file, and describes its weights.
    weights = [result.engine.get("weights") for result in pair.results]
    sha256s = [one.get("sha256") if isinstance(one, Mapping) else None for one in weights]
    for (old, new), name in ((files, "file"), (sha256s, "weights")):
        if old is not None and old == new:
            return name
    return ""


def engine_difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Say how the descriptions of two engines differ, in what both describe."""
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
        f"{key} {_word(ours[key])} -> {_word(theirs[key])}"
        for key in keys
        if key in ours and key in theirs and ours[key] != theirs[key]
    ]
    found = [", ".join(parts) or "their descriptions agree"]
    for side, own, other in (("old", ours, theirs), ("new", theirs, ours)):
        if unknown := [key for key in keys if key in other and key not in own]:
            found.append(f"not known for {side}: {', '.join(unknown)}")
    return "; ".join(found)


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{k}={v}" for k, v in value.items()) or "none"
    return "none" if value is None else str(value)


def _effect_on_detections(pairs: _Pairs) -> str:
    """Swap the raw outputs alone, with the later stages of this release; count what changes."""
    n_changed = n_all = 0
    for a, b in pairs:
        found = [suppress(decode(*one.raw, a.geometry)) for one in (a, b)]
        changed, n = _unmatched(*found)
        n_changed, n_all = n_changed + changed, n_all + n
    return f"swapping these alone changes {n_changed} of {n_all} detections"


def _unmatched(ours: Detections, theirs: Detections) -> tuple[int, int]:
    match = match_detections(ours.boxes_xyxy, ours.scores, theirs.boxes_xyxy, theirs.scores)
    return match.n_unmatched(), len(ours.scores) + len(theirs.scores)


def _with_files_here(pair: Pair, text: str) -> Stage:
    """Run each side's file and input on one runtime, to see whether they explain the difference."""
    name = RAW_OUTPUTS
    one, other = pair.images[0]
    outputs = []
    for traced, run, result_id, result in zip(
        (one, other), pair.runs, pair.ids, pair.results, strict=True
    ):
        file = run.model(result_id)
        if file is None:
            return Stage(name, UNKNOWN, f"{text}; {run.name} keeps no file to run")
        try:
            with open_engine(
                f"ort-cpu-{result.precision or 'fp32'}",
                model=file,
                scores=result.engine.get("scores", "probabilities"),
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


def _decoding(pairs: _Pairs) -> Stage:
    """Compare each side's candidates with what this release makes of the same raw outputs."""
    sides = [
        [_largest_difference(_decode_again(pair[i]), pair[i].candidates) for pair in pairs]
        for i in (0, 1)
    ]
    same = all(equal_detections(a.candidates, b.candidates) for a, b in pairs)
    return _own_stage("decoding", sides, pairs, same=same)


def _decode_again(one: ImageStages) -> Detections:
    return decode(one.raw.loc, one.raw.scores, one.raw.landmarks, one.geometry)


def _suppression(pairs: _Pairs) -> Stage:
    """Compare each side's detections with what this release makes of the same candidates."""
    sides = [
        [_largest_difference(suppress(pair[i].candidates), pair[i].detections) for pair in pairs]
        for i in (0, 1)
    ]
    same = all(equal_detections(a.detections, b.detections) for a, b in pairs)
    return _own_stage("suppression", sides, pairs, same=same)


def _own_stage(
    name: str,
    sides: list[list[float]],
    pairs: _Pairs,
    *,
    same: bool,
) -> Stage:
    if same:
        return Stage(name, SAME, f"equal in every bit over {_traced(pairs)}")
    off = [max(side) for side in sides]
    if off[0] == off[1] == 0:
        text = f"both sides treat their input as this release does, {_traced(pairs)}"
        return Stage(name, FOLLOWS, text)
    words = [f"off by {x:.3g}" if np.isfinite(x) else "a different number of boxes" for x in off]
    text = f"compared with this release on the recorded input: old {words[0]}, new {words[1]}"
    # Where both are off alike, as two records of another release are, this does not tell.
    state = UNKNOWN if off[0] == off[1] else MOVED
    return Stage(name, state, f"{text}, {_traced(pairs)}")


def equal_detections(ours: Detections, theirs: Detections) -> bool:
    """Tell whether two sets of detections are the same in every number."""
    return _largest_difference(ours, theirs) == 0


def _largest_difference(ours: Detections, theirs: Detections) -> float:
    """Find the largest difference of a number; infinite where the numbers of boxes differ."""
    if len(ours.scores) != len(theirs.scores):
        return float("inf")
    arrays = (
        (ours.boxes_xyxy, theirs.boxes_xyxy),
        (ours.scores, theirs.scores),
        (ours.landmarks_xy, theirs.landmarks_xy),
    )
    return max(float(np.abs(a - b).max(initial=0.0)) for a, b in arrays)
