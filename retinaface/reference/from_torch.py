"""Compute references with torch: exact, in FP32, and rounded as in FP16."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from tqdm import tqdm

from retinaface.network.checkpoint import LoadedModel
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.model import RetinaFace, fold_batch_norms
from retinaface.reference.accumulation import accumulating_model, one_thread
from retinaface.reference.floors import SUM_FLOORS, SumFloor
from retinaface.reference.layers import LayerValues
from retinaface.reference.layers_from_torch import activation_ranges, layer_values
from retinaface.reference.rounding import rounded_model
from retinaface.reference.stored import N_UNFOLDED, ReferenceCase, StoredExtras
from retinaface.typing import FloatArray

_Outputs: TypeAlias = dict[str, FloatArray]
_CHUNK = 8  # images at a time: float64 activations are large
N_RANGES = 8  # number of images for the ranges of layers


def torch_reference(model: RetinaFace, inputs: Mapping[str, FloatArray]) -> list[ReferenceCase]:
    """Run the network on inputs in float64, float32, and rounded to FP16.

    Args:
        model: In evaluation mode, float32.
        inputs: (N, 3, H, W) float32 by name.

    Returns:
        A case for each input.
    """
    double, folded, rounded = (
        copy.deepcopy(model).double(),
        fold_batch_norms(model),
        rounded_model(model),
    )
    cases = []
    for name, images in inputs.items():
        exact = _run(double, images)
        float32 = _pick_farther(exact, _run(model, images), _run(folded, images))
        cases.append(ReferenceCase(name, images, exact, float32, _run(rounded, images)))
    return cases


def outputs_with_rounded_sums(
    model: RetinaFace, images: FloatArray, floor: SumFloor
) -> dict[str, FloatArray]:
    """Run the network with products and sums rounded to FP16 too; float32 by name.

    It takes a third of a second of one processor for an image of 320x320.

    Args:
        model: In evaluation mode, float32.
        images: (N, 3, H, W) float32.
        floor: Says in which order sums are added.
    """
    with one_thread():
        return _run(accumulating_model(model, floor), images)


def with_rounded_sums(model: RetinaFace, cases: Iterable[ReferenceCase]) -> list[ReferenceCase]:
    """Add to cases what devices give that round sums too, to be stored beside an export."""
    return [
        replace(
            case,
            sums={f: outputs_with_rounded_sums(model, case.images, f) for f in SUM_FLOORS},
        )
        for case in cases
    ]


def _pick_farther(exact: _Outputs, a: _Outputs, b: _Outputs) -> _Outputs:
    """Pick the one of two values that is farther from the exact one.

    FP32 may give both: one with batch norms as they are, the other with folded ones as in every
    export. On flat images one can be exact by luck at every prior, and would give a floor of zero.
    """
    return {
        name: np.where(
            np.abs(a[name] - exact[name]) > np.abs(b[name] - exact[name]), a[name], b[name]
        )
        for name in exact
    }


@torch.no_grad()
def _run(network: RetinaFace, images: FloatArray) -> dict[str, FloatArray]:
    dtype = next(network.parameters()).dtype
    chunks = [images[i : i + _CHUNK] for i in range(0, len(images), _CHUNK)]
    parts = [network(torch.from_numpy(chunk).to(dtype)) for chunk in chunks]
    joined = (torch.cat(output).numpy() for output in zip(*parts, strict=True))
    return dict(zip(OUTPUT_NAMES, joined, strict=True))


def full_reference(
    loaded: LoadedModel, inputs: Mapping[str, FloatArray], *, progress: bool = False
) -> list[ReferenceCase]:
    """Run torch on every kind of input: outputs, FP16 emulator, unfolded cast, ranges of layers.

    Args:
        loaded: The network and its checkpoint.
        inputs: (N, 3, H, W) float32 by kind.
        progress: Show a progress bar on stderr, where that is a terminal.

    Returns:
        A case with extras for each kind.
    """
    cases = []
    for kind, images in tqdm(inputs.items(), desc="reference", disable=None if progress else True):
        case = torch_reference(loaded.model, {kind: images})[0]
        made = TorchExtras(loaded.model, images)
        extras = StoredExtras(made.emulated, made.unfolded, made.ranges, made.layers)
        cases.append(replace(case, extras=extras))
    return cases


class TorchExtras:
    """`Extras` of images; each is computed at its first use, because together they take seconds."""

    def __init__(self, model: RetinaFace, images: FloatArray) -> None:
        """Store the arguments; compute nothing yet.

        Args:
            model: In evaluation mode.
            images: (N, 3, H, W) float32.
        """
        self._model = model
        self._images = images

    @functools.cached_property
    def emulated(self) -> dict[str, FloatArray]:
        """See `emulated_outputs`."""
        return emulated_outputs(self._model, self._images)

    @functools.cached_property
    def unfolded(self) -> dict[str, FloatArray]:
        """See `unfolded_outputs`; for the first `N_UNFOLDED` images."""
        return unfolded_outputs(self._model, self._images[:N_UNFOLDED])

    @functools.cached_property
    def ranges(self) -> dict[str, float]:
        """See `activation_ranges`; for the first `N_RANGES` images."""
        return activation_ranges(self._model, self._images[:N_RANGES])

    @functools.cached_property
    def layers(self) -> LayerValues:
        """See `layer_values`."""
        return layer_values(self._model, self._images)


def emulated_outputs(model: RetinaFace, images: FloatArray) -> dict[str, FloatArray]:
    """Run torch in FP16, batch norms folded, every intermediate rounded; float32 by name.

    The engine `torch-cpu-fp16` gives the same outputs.
    """
    half = fold_batch_norms(model).half()
    chunks = [images[i : i + _CHUNK] for i in range(0, len(images), _CHUNK)]
    with torch.inference_mode():
        parts = [half(torch.from_numpy(chunk).half()) for chunk in chunks]
    joined = (torch.cat(output).float().numpy() for output in zip(*parts, strict=True))
    return dict(zip(OUTPUT_NAMES, joined, strict=True))


def unfolded_outputs(model: RetinaFace, images: FloatArray) -> dict[str, FloatArray]:
    """Run `model.half()` with batch norms as they are; float32 arrays by name."""
    broken = copy.deepcopy(model).half()
    with torch.inference_mode():
        outputs = broken(torch.from_numpy(images).half())
    return {name: o.float().numpy() for name, o in zip(OUTPUT_NAMES, outputs, strict=True)}
