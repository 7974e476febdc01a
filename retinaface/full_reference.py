"""Everything that torch has to say of a checkpoint, frozen for environments that have no torch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

from retinaface.config import OUTPUT_NAMES
from retinaface.drift import activation_ranges, layer_values
from retinaface.engines import open_engine
from retinaface.model import RetinaFace
from retinaface.reference import N_UNFOLDED, Extras, ReferenceCase
from retinaface.torch_reference import torch_reference
from retinaface.typing import FloatArray
from retinaface.weights import LoadedModel

ARBITER = "torch-cpu-fp16"
# Images whose layers are measured, and images in one call.
N_RANGES = 8
_CHUNK = 8


def full_reference(
    loaded: LoadedModel, inputs: Mapping[str, FloatArray], *, progress: bool = False
) -> list[ReferenceCase]:
    """Run torch on every kind of input: outputs, the FP16 emulator, the trap, ranges of layers.

    Args:
        loaded: The network and where its weights came from.
        inputs: (N, 3, H, W) float32 by kind.
        progress: Show a progress bar on stderr, where that is a terminal.

    Returns:
        A case with extras for each kind.
    """
    cases = []
    for kind, images in tqdm(inputs.items(), desc="reference", disable=None if progress else True):
        case = torch_reference(loaded.model, {kind: images})[0]
        cases.append(replace(case, extras=extras_of(loaded.model, loaded.source, images)))
    return cases


def extras_of(model: RetinaFace, weights: str, images: FloatArray) -> Extras:
    """What torch says of images beside its outputs.

    Args:
        model: In evaluation mode.
        weights: The same, as the FP16 engine takes them.
        images: (N, 3, H, W) float32.
    """
    return Extras(
        emulated_outputs(weights, images),
        unfolded_outputs(model, images[:N_UNFOLDED]),
        activation_ranges(model, images[:N_RANGES]),
        layer_values(model, images),
    )


def emulated_outputs(weights: str, images: FloatArray) -> dict[str, FloatArray]:
    """Outputs of torch in FP16, every intermediate rounded; float32 arrays by name."""
    size = (images.shape[2], images.shape[3])
    with open_engine(ARBITER, weights=weights, max_batch=_CHUNK, input_size_px=size) as engine:
        parts = [engine.infer(images[i : i + _CHUNK]) for i in range(0, len(images), _CHUNK)]
    joined = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return dict(zip(OUTPUT_NAMES, joined, strict=True))


def unfolded_outputs(model: RetinaFace, images: FloatArray) -> dict[str, FloatArray]:
    """Outputs of `model.half()` with batch norms as they are; float32 arrays by name."""
    broken = copy.deepcopy(model).half()
    with torch.inference_mode():
        outputs = broken(torch.from_numpy(images).half())
    return {name: o.float().numpy() for name, o in zip(OUTPUT_NAMES, outputs, strict=True)}
