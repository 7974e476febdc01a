"""Explain why an engine's outputs drift: the layer where it begins, and what sets it apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retinaface.checks.layers import drifts_inside
from retinaface.engines.base import Engine
from retinaface.engines.opening import open_engine
from retinaface.errors import RetinaFaceError
from retinaface.network.model import RetinaFace
from retinaface.reference.floors import FACTORS, Floor
from retinaface.reference.layers import LayerDrift, LayerReference
from retinaface.reference.layers_from_torch import layer_reference
from retinaface.typing import FloatArray, FloatPrecision, float_of

Reopen = Callable[[Mapping[str, str]], Engine]

# Largest weight error that rounding explains: exports give 1e-7 in FP32, and folding may cost a
# bias some bits more; FP16 keeps 11 bits, an error of up to 4.9e-4.
WEIGHTS_AGREE: Mapping[FloatPrecision, float] = {"fp32": 1e-5, "fp16": 1e-3}
# Raised by an engine that lacks something or goes wrong.
_REASONS = (RetinaFaceError, NotImplementedError, ValueError, TypeError)


@dataclass(frozen=True)
class _Case:
    """The network and the images in question, and the factor beyond which an error is drift."""

    model: RetinaFace
    file: Path | None
    images: FloatArray
    factor: float
    reference: LayerReference

    def drifting_outputs(self, engine: Engine) -> list[LayerDrift]:
        return self.drifting(self.reference.output_drifts(engine.infer(self.images)))

    def drifts_inside(self, engine: Engine) -> tuple[list[LayerDrift], list[LayerDrift]]:
        return drifts_inside(self.model, engine, self.file, self.images, self.reference)

    def drifting(self, drifts: list[LayerDrift]) -> list[LayerDrift]:
        return [drift for drift in drifts if drift.exceeds(self.factor)]

    def has_different_weights(self, drift: LayerDrift) -> bool:
        return drift.weight_error > WEIGHTS_AGREE[self.reference.precision]


def explain_drift(
    model: RetinaFace,
    engine: Engine,
    file: Path | None,
    images: FloatArray,
    *,
    floor: Floor | None = None,
    reopen: Reopen | None = None,
) -> str:
    """Say in a few lines where an engine's drift begins and, as far as can be told, why.

    Args:
        model: In evaluation mode.
        engine: Its outputs drift. Where it shows no intermediates, ONNX Runtime on the CPU stands
            in for it, which tells whether the file drifts or only the engine.
        file: What the engine runs; None for one that builds the network itself.
        images: (N, 3, H, W) float32, on which they drift; a few.
        floor: The noise floor that it is held to, a few times over; None for that of the precision
            of the engine.
        reopen: Opens the same engine with further options; called with `fusions` `off`.

    Returns:
        Lines of text; they also name what is missing for an answer.
    """
    try:
        floor = floor or float_of(engine.spec.precision)
        reference = layer_reference(model, images, floor)
        case = _Case(model, file, images, FACTORS[floor].largest, reference)
        return "\n".join(_explain(case, engine, reopen))
    except _REASONS as error:
        return f"cannot find where the drift begins: {error}"


def _explain(case: _Case, engine: Engine, reopen: Reopen | None) -> list[str]:
    outputs = case.drifting_outputs(engine)
    lines = [] if outputs else [f"no output exceeds {case.factor:g} x its noise floor here"]
    is_explained = vanished = False
    try:
        inside = case.drifts_inside(engine)
    except NotImplementedError:
        found, is_explained = _ask_stand_in(case, engine)
    except _REASONS as error:
        found = [f"cannot find where the drift begins: {error}"]
    else:
        found = _describe(case, *inside)
        suspects = case.drifting(inside[0])[:1] or inside[0]
        is_explained = any(case.has_different_weights(drift) for drift in suspects)
        vanished = not any(case.drifting(drifts) for drifts in inside)
    lines += found
    if outputs and not is_explained:
        lines += _try_without_fusions(case, reopen, vanished=vanished)
    return lines


def _describe(case: _Case, layers: list[LayerDrift], outputs: list[LayerDrift]) -> list[str]:
    """Name the layer where the drift begins, or say that it begins after or in none."""
    lines = []
    if overflow := [drift.layer for drift in layers if drift.noise_floor == float("inf")]:
        lines.append(f"{case.reference.precision.upper()} itself overflows from {overflow[0]} on")
    drifting = case.drifting(layers)
    if drifting:
        first = drifting[0]
        lines.append(
            f"the first layer that drifts is {first.layer}, convolution "
            f"{layers.index(first) + 1} of {len(layers)} (tensor {first.tensor}): {first} "
            f"(limit {case.factor:g} x)"
        )
        lines.append(_describe_weights(case, first, layers))
    elif others := [drift for drift in layers if case.has_different_weights(drift)]:
        first = others[0]
        lines.append(
            f"no convolution drifts beyond rounding, but the first whose weights differ is "
            f"{first.layer}, convolution {layers.index(first) + 1} of {len(layers)} (tensor "
            f"{first.tensor})"
        )
        lines.append(_describe_weights(case, first, layers))
    elif late := case.drifting(outputs):
        lines.append(
            f"no convolution drifts, but {late[0].layer} does ({late[0]}): the drift begins after "
            "the last convolution (softmax, concatenation, reshape)"
        )
    else:
        lines.append("neither a layer nor an output drifts when every layer is shown as an output")
    return lines


def _describe_weights(case: _Case, first: LayerDrift, layers: list[LayerDrift]) -> str:
    if case.file is None:
        return "weights were not compared: the engine runs no file"
    others = [d.layer for d in layers if d is not first and case.has_different_weights(d)]
    if case.has_different_weights(first):
        percent = 100 * first.weight_error
        size = f"{percent:.1f}" if percent >= 0.1 else f"{percent:.1g}"
        also = f", and so do those of further layers ({len(others)})" if others else ""
        return f"its weights in the file differ by {size} %{also}"
    also = f"; those of further layers differ ({len(others)}, first {others[0]})" if others else ""
    return (
        "its weights agree, so the runtime computes it differently, or what stands before it in "
        f"the file differs (activation, padding, resize){also}"
    )


def _ask_stand_in(case: _Case, engine: Engine) -> tuple[list[str], bool]:
    """Run the same file on ONNX Runtime's CPU engine; tell whether that explains the drift."""
    spec, name = engine.spec, f"ort-cpu-{case.reference.precision}"
    intro = f"{spec.name} shows no intermediate tensors"
    if case.file is None:
        return [f"{intro} and runs no file that {name} could run in its place"], False
    size = None if spec.height_px is None else case.images.shape[2:]
    try:
        with open_engine(
            name, model=case.file, max_batch=len(case.images), input_size_px=size
        ) as stand_in:
            outputs = case.drifting_outputs(stand_in)
            inside = case.drifts_inside(stand_in)
    except _REASONS as error:
        return [f"{intro}, and {name} cannot run the file in its place: {error}"], False
    if outputs or any(case.drifting(drifts) for drifts in inside):
        intro += f"; on {name} the file itself drifts:"
        return [intro, *_describe(case, *inside)], True
    return [f"{intro}; on {name} the file does not drift, so only {spec.name} does"], False


def _try_without_fusions(case: _Case, reopen: Reopen | None, *, vanished: bool) -> list[str]:
    """Say whether a fusion causes the drift.

    Args:
        reopen: As in `explain_drift`.
        vanished: Whether the drift vanished when every layer was shown, which breaks fusions.
    """
    shown = "the drift vanishes when every layer is shown as an output, which breaks fusions"
    caused = [f"{shown}: a fusion causes it"] if vanished else []
    if reopen is None:
        return [
            *caused,
            "running with fusions off was not tried: the engine cannot be opened again",
        ]
    try:
        with reopen({"fusions": "off"}) as engine:
            drifting = case.drifting_outputs(engine)
    except _REASONS as error:
        return [*caused, f"running with fusions off failed: {error}"]
    if not drifting:
        return [*caused, "with fusions off the outputs agree: a fusion causes the drift"]
    kept = f"with fusions off {drifting[0].layer} drifts too ({drifting[0]}): no fusion causes it"
    return [f"{shown}, but {kept}" if vanished else kept]
