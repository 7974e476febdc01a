"""Network inputs of several kinds, with what float64 torch makes of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retinaface.config import MOBILENET_025
from retinaface.errors import DatasetError
from retinaface.reference import ReferenceCase, join_cases, load_reference
from retinaface.scenes import noise_inputs, synthetic_inputs
from retinaface.target import Target
from retinaface.typing import FloatArray

if TYPE_CHECKING:
    from retinaface.model import RetinaFace

REAL = "real"
KINDS = (REAL, "scene", "noise", "extremes", "constant")
# Images of each kind: enough for the largest batch where they show detections, fewer elsewhere,
# because float64 takes time; a larger batch repeats them in turn.
_N_IMAGES = {REAL: 32, "scene": 16}
_N_OTHER = 8
_SIDE = 320
_SEED = 4_000


class Cases:
    """Inputs by kind, made and run through torch once; from a reference file where torch is not."""

    def __init__(self, target: Target, real_images: Callable[[int], FloatArray]) -> None:
        """Nothing is computed yet.

        Args:
            target: What the run is pointed at.
            real_images: Gives the first n network inputs of photographs, (n, 3, 320, 320).
        """
        self._target = target
        self._real_images = real_images
        self._made: dict[str, ReferenceCase] = {}

    def get(self, kind: str, n: int) -> ReferenceCase:
        """The first n images of a kind, in turn where there are fewer.

        Raises:
            DatasetError: There is neither torch nor a reference file.
        """
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        case = self._made[kind]
        return case.take(np.arange(n) % len(case.images))

    def _make(self, kind: str) -> ReferenceCase:
        try:
            from retinaface.torch_reference import torch_reference
        except ImportError:
            return self._from_file(kind)
        return torch_reference(self.model, {kind: self._inputs(kind)})[0]

    @functools.cached_property
    def model(self) -> RetinaFace:
        """The torch network of the run's weights."""
        from retinaface.weights import load_model

        return load_model(self._target.weights.source).model

    def _inputs(self, kind: str) -> FloatArray:
        n = _N_IMAGES.get(kind, _N_OTHER)
        if kind == REAL:
            return self._real_images(n)
        if kind == "scene":
            return synthetic_inputs(n, _SEED, _SIDE, _SIDE)
        if kind == "noise":
            return noise_inputs(n, _SEED, _SIDE, _SIDE)
        return _flat_inputs(n) if kind == "constant" else _extreme_inputs(n)

    def _from_file(self, kind: str) -> ReferenceCase:
        """The case of a kind, followed by the others, so that the images of a batch differ."""
        path = reference_file(self._target)
        if path is None or kind == REAL:
            raise DatasetError(missing_reference(self._target, kind) or f"no reference for {kind}")
        cases = [c for c in load_reference(path) if c.images.shape[2:] == (_SIDE, _SIDE)]
        names = [case.name for case in cases]
        if kind not in names:
            raise DatasetError(
                f"{path} holds no {kind} of {_SIDE}x{_SIDE} px (it has {', '.join(names) or 'none'}"
                "); export again with: retinaface export"
            )
        start = names.index(kind)
        return join_cases(kind, [*cases[start:], *cases[:start]])


def reference_file(target: Target) -> Path | None:
    """The first reference file that stands beside one of the run's models."""
    paths = [model.with_suffix(".reference.npz") for model in target.models]
    return next((path for path in paths if path.is_file()), None)


def missing_reference(target: Target, kind: str) -> str | None:
    """What is missing to hold outputs on a kind of input against something; None if nothing is."""
    try:
        import torch  # noqa: F401 - the question is whether it can be imported
    except ImportError as error:
        if kind == REAL:
            return f"the exact outputs on photographs need torch ({error}); install extra 'export'"
        if reference_file(target) is None:
            return (
                f"torch cannot be imported ({error}), and no reference file stands beside --model; "
                "install the extra 'export', or give --model FILE.onnx with FILE.reference.npz"
            )
    return None


def network_inputs(pixels_bgr: FloatArray) -> FloatArray:
    """(n, 3, H, W) pixels 0..255 to network inputs: the mean subtracted."""
    mean = np.reshape(MOBILENET_025.mean_bgr, (1, 3, 1, 1))
    return np.asarray(pixels_bgr - mean, dtype=np.float32)


def _flat_inputs(n: int) -> FloatArray:
    """One colour each: nothing but the borders of the padding inside the network."""
    colours = np.linspace(0, 255, n).round()[:, None] * [1.0, 0.5, 0.25]
    return network_inputs(np.broadcast_to(colours[:, :, None, None], (n, 3, _SIDE, _SIDE)))


def _extreme_inputs(n: int) -> FloatArray:
    """Checks of darkest and lightest pixels, of sides 1, 2, 4, ... and their negatives."""
    where = np.indices((_SIDE, _SIDE))
    images = []
    for i in range(n):
        checks = (where // 2 ** (i // 2)).sum(axis=0) % 2
        images.append(np.repeat((255.0 * (checks == i % 2))[None], 3, axis=0))
    return network_inputs(np.stack(images))
