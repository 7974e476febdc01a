"""Give network inputs of several kinds, with their outputs in float64 torch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retinaface.engines.catalogue import find_engine
from retinaface.errors import DatasetError
from retinaface.network.config import OUTPUT_NAMES
from retinaface.reference.floors import SumFloor
from retinaface.reference.inputs import _SIDE, REAL, kind_inputs
from retinaface.reference.layers import LayerMatch
from retinaface.reference.stored import (
    Extras,
    ReferenceCase,
    join_cases,
    load_reference,
    reference_names,
)
from retinaface.suite.target import Target
from retinaface.typing import FloatArray

if TYPE_CHECKING:
    from retinaface.network.model import RetinaFace

# The need of tests for what a full reference file holds and a small one lacks.
FULL = "full"
_NOT_FULL = (
    "the reference file beside --model is a small one, without photographs, layers and the FP16 "
    "emulator; make a full one where torch is: retinaface export --reference full"
)


_NO_SUMS = (
    "{engine} rounds sums to FP16, and {file} does not hold what such a device gives; make it "
    "again where torch is: retinaface export --output FILE.onnx --with-fp16 --with-fp16-sums"
)
_NO_SUMS_OF_A_FILE = (
    "{engine} rounds sums to FP16, and {file} is compared with its own outputs, which show no "
    "emulation of such sums; give its checkpoint with --weights"
)


_NO_LAYERS = (
    "{} is compared with its own outputs, which show no layers of the network and no emulation of "
    "FP16; give its checkpoint with --weights"
)


class Cases:
    """Inputs by kind, run through torch once; from a reference file where torch is missing."""

    def __init__(self, target: Target, real_images: Callable[[int], FloatArray]) -> None:
        """Start with nothing computed.

        Args:
            real_images: Gives the first n network inputs of photographs, (n, 3, 320, 320).
        """
        self._target = target
        self._real_images = real_images
        self._made: dict[str, ReferenceCase] = {}
        self._extras: dict[str, Extras] = {}
        self._sums: dict[tuple[SumFloor, str], dict[str, FloatArray]] = {}

    def get(self, kind: str, n: int) -> ReferenceCase:
        """Give the first n images of a kind, in turn where there are fewer.

        Raises:
            DatasetError: There is neither torch nor a reference file.
        """
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        case = self._made[kind]
        return case.take(np.arange(n) % len(case.images))

    def judging(self, engine: str, kind: str, n: int) -> ReferenceCase:
        """Give the first n images of a kind, with the noise floor that an engine is held to.

        The catalogue says which; engines of third parties get the stricter one.

        Raises:
            DatasetError: There is neither torch nor a reference file, or it lacks that floor.
        """
        case = self.get(kind, n)
        if (floor := find_engine(engine).sums) is None:
            return case
        rows = np.arange(n) % len(self._made[kind].images)
        sums = self._sums_of(engine, floor, kind, int(rows.max()) + 1)
        return case.with_sums(floor, {name: array[rows] for name, array in sums.items()})

    def held_to(self, engine: str, case: ReferenceCase) -> ReferenceCase:
        """Give a case of `of_inputs` with the noise floor that an engine is held to."""
        if (floor := find_engine(engine).sums) is None:
            return case
        return case.with_sums(floor, self._emulated_sums(engine, floor, case.images))

    def _sums_of(self, engine: str, floor: SumFloor, kind: str, n: int) -> dict[str, FloatArray]:
        """Give outputs with rounded sums of the first n images, each emulated once."""
        made = self._made[kind]
        if floor in made.sums:
            return made.sums[floor]
        earlier = self._sums.get((floor, kind))
        n_earlier = 0 if earlier is None else len(earlier[OUTPUT_NAMES[0]])
        if n > n_earlier:
            more = self._emulated_sums(engine, floor, made.images[n_earlier:n])
            parts = [more] if earlier is None else [earlier, more]
            joined = {k: np.concatenate([p[k] for p in parts]) for k in OUTPUT_NAMES}
            self._sums[floor, kind] = joined
        return self._sums[floor, kind]

    def _emulated_sums(
        self, engine: str, floor: SumFloor, images: FloatArray
    ) -> dict[str, FloatArray]:
        reference = self._target.reference
        if reference.file is not None:
            raise DatasetError(_NO_SUMS.format(engine=engine, file=reference.file))
        if reference.model is not None:
            raise DatasetError(_NO_SUMS_OF_A_FILE.format(engine=engine, file=reference.model.name))
        from retinaface.reference.from_torch import outputs_with_rounded_sums

        return outputs_with_rounded_sums(self.model, images, floor)

    def extras(self, kind: str) -> Extras:
        """Give what else torch computes for all images of a kind: see `Extras`.

        Raises:
            DatasetError: There is neither torch nor a full reference file.
        """
        if kind not in self._extras:
            self.get(kind, 1)
            found = self._made[kind].extras
            self._extras[kind] = self._torch_extras(kind) if found is None else found
        return self._extras[kind]

    def layer_matches(self, file: Path | None) -> list[LayerMatch]:
        """Match tensors of a file with layers; without a file, modules of the torch network.

        The manifest of an export names them; for any other file torch finds them.

        Raises:
            DatasetError: The file has no manifest that names them, and torch is missing.
            ExportError: The file's convolutions are not those of the network.
        """
        try:
            if file is not None and (layers := _manifest_layers(file)):
                return layers
            from retinaface.export.layer_match import match_convolutions
            from retinaface.reference.layers_from_torch import match_modules
        except ImportError as error:
            raise DatasetError(
                f"no manifest beside {file} says which tensor is which layer, and {error.name}, "
                "which is needed to find out, cannot be imported; export again with: retinaface "
                "export"
            ) from error
        return match_modules(self.model) if file is None else match_convolutions(self.model, file)

    def _torch_extras(self, kind: str) -> Extras:
        try:
            from retinaface.reference.from_torch import TorchExtras
        except ImportError as error:
            raise DatasetError(f"{_NOT_FULL} ({error})") from error
        return TorchExtras(self.model, self._made[kind].images)

    def _make(self, kind: str) -> ReferenceCase:
        reference = self._target.reference
        if reference.file is not None:
            return self._from_file(kind)
        try:
            return self._run_on(kind, kind_inputs(kind, self._real_images))
        except ImportError as error:
            raise DatasetError(missing_reference(self._target, kind) or str(error)) from error

    def of_inputs(self, images: FloatArray) -> ReferenceCase:
        """Compute exact outputs of network inputs of the run, (n, 3, H, W).

        Raises:
            ImportError: What would compute them is not here.
        """
        return self._run_on("scored", images)

    def _run_on(self, name: str, images: FloatArray) -> ReferenceCase:
        if (model := self._target.reference.model) is not None:
            from retinaface.export.foreign.own_outputs import own_outputs

            return own_outputs(model, name, images, self._target.scores)
        from retinaface.reference.from_torch import torch_reference

        return torch_reference(self.model, {name: images})[0]

    @functools.cached_property
    def model(self) -> RetinaFace:
        """Load the torch network of the run's weights."""
        from retinaface.network.checkpoint import load_model

        return load_model(self._target.weights.source).model

    def _from_file(self, kind: str) -> ReferenceCase:
        """Read the case of a kind, followed by the others, so that the images of a batch differ."""
        path = self._target.reference.file
        if path is None or (kind == REAL and REAL not in reference_names(path)):
            raise DatasetError(missing_reference(self._target, kind) or f"no reference for {kind}")
        if reference_names(path).get(kind):  # a full file has images enough of each kind
            return load_reference(path, [kind])[0]
        cases = [c for c in load_reference(path) if c.images.shape[2:] == (_SIDE, _SIDE)]
        names = [case.name for case in cases]
        if kind not in names:
            raise DatasetError(
                f"{path} holds no {kind} of {_SIDE}x{_SIDE} px (it has {', '.join(names) or 'none'}"
                "); export again with: retinaface export"
            )
        start = names.index(kind)
        return join_cases(kind, [*cases[start:], *cases[:start]])


def _manifest_layers(file: Path) -> list[LayerMatch]:
    from retinaface.export.manifest import read_manifest

    manifest = read_manifest(file)
    layers = {} if manifest is None else manifest.layers
    return [LayerMatch(layer, tensor, 0.0) for layer, tensor in layers.items()]


def missing_reference(target: Target, kind: str) -> str | None:
    """Say what is missing to judge outputs on a kind of input; None if nothing is."""
    reference = target.reference
    if reference.model is not None:
        return _NO_LAYERS.format(reference.model.name) if kind == FULL else None
    if reference.file is not None:
        names = reference_names(reference.file)
        if kind == FULL:
            return None if names.get("scene") else _NOT_FULL
        return _NOT_FULL if kind == REAL and REAL not in names else None
    try:
        import torch  # noqa: F401 - the question is whether it can be imported
    except ImportError as error:
        return (
            f"torch cannot be imported ({error}), and no reference file stands beside --model; "
            "install the extra 'export', or give --model FILE.onnx with FILE.reference.npz"
        )
    return None
