"""Store reference inputs and outputs beside an export, for machines without torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from retinaface.errors import DatasetError
from retinaface.files import refuse_pointer
from retinaface.formats.faults import FormatError
from retinaface.formats.npz import Array, check_arrays, member_names, read_arrays
from retinaface.network.config import OUTPUT_NAMES, OUTPUT_WIDTHS
from retinaface.reference.floors import SUM_FLOORS, Floor, SumFloor
from retinaface.reference.layers import LayerValues
from retinaface.typing import FloatArray, FloatPrecision, IntArray

_SEED = 7
# Number of images; enough to show that the unfolded cast is broken.
N_UNFOLDED = 4


class Extras(Protocol):
    """Further values that torch gives for a case.

    Attributes:
        emulated: Outputs of torch in FP16 with folded batch norms, the emulator of true FP16;
            float32.
        unfolded: Outputs for the first `N_UNFOLDED` images after a cast to FP16 without folding the
            batch norms; they show the error that must not pass for rounding. Float32.
        ranges: Largest absolute input or output of each layer, by its name.
        layers: A sample of every layer's output; None in a file of an older release.
    """

    @property
    def emulated(self) -> dict[str, FloatArray]: ...  # noqa: D102 - see above

    @property
    def unfolded(self) -> dict[str, FloatArray]: ...  # noqa: D102

    @property
    def ranges(self) -> dict[str, float]: ...  # noqa: D102

    @property
    def layers(self) -> LayerValues | None: ...  # noqa: D102


@dataclass(frozen=True)
class StoredExtras:
    """`Extras` read from a reference file."""

    emulated: dict[str, FloatArray]
    unfolded: dict[str, FloatArray]
    ranges: dict[str, float]
    layers: LayerValues | None = None


@dataclass(frozen=True)
class ReferenceCase:
    """Inputs of one kind and torch's outputs for them.

    Attributes:
        name: The kind.
        images: (N, 3, H, W) float32.
        exact: Outputs of float64 torch by name, float64, (N, P, 4), (N, P, 2), (N, P, 10).
        float32: Outputs of float32 torch by name, float32: its error is the noise floor of FP32.
        float16: Outputs of the network with everything rounded to FP16 (see `rounding`), float32:
            its error is the noise floor of FP16.
        extras: Further values for these images; None in a small file.
        sums: As `float16`, with sums rounded too, by their order (see `accumulation`); empty where
            nobody made them.
        fp16_floor: Which floor `float16` holds.
    """

    name: str
    images: FloatArray
    exact: dict[str, FloatArray]
    float32: dict[str, FloatArray]
    float16: dict[str, FloatArray]
    extras: Extras | None = None
    sums: Mapping[SumFloor, dict[str, FloatArray]] = field(default_factory=dict)
    fp16_floor: Floor = "fp16"

    def floor(self, precision: FloatPrecision) -> Floor:
        """Name the noise floor of a precision."""
        return "fp32" if precision == "fp32" else self.fp16_floor

    def with_sums(self, floor: SumFloor, outputs: dict[str, FloatArray]) -> ReferenceCase:
        """Make the case whose noise floor of FP16 is that of a device that rounds sums."""
        return replace(self, float16=outputs, fp16_floor=floor)

    def rounded(self, precision: FloatPrecision) -> dict[str, FloatArray]:
        """Give the rounded outputs; their error is the noise floor of the precision."""
        return self.float32 if precision == "fp32" else self.float16

    def take(self, rows: IntArray) -> ReferenceCase:
        """Take some of the images, in the given order."""
        exact, float32, float16 = ({k: v[rows] for k, v in d.items()} for d in self._outputs())
        sums = {f: {k: v[rows] for k, v in d.items()} for f, d in self.sums.items()}
        taken = ReferenceCase(self.name, self.images[rows], exact, float32, float16, sums=sums)
        return replace(taken, fp16_floor=self.fp16_floor)

    def _outputs(self) -> tuple[dict[str, FloatArray], ...]:
        return self.exact, self.float32, self.float16


def join_cases(name: str, cases: Sequence[ReferenceCase]) -> ReferenceCase:
    """Join the images of several cases into one case; all must have one size."""
    images = np.concatenate([case.images for case in cases])
    exact, float32, float16 = (
        {output: np.concatenate([part[output] for part in same]) for output in OUTPUT_NAMES}
        for same in zip(*(case._outputs() for case in cases), strict=True)
    )
    sums = {
        floor: {o: np.concatenate([case.sums[floor][o] for case in cases]) for o in OUTPUT_NAMES}
        for floor in SUM_FLOORS
        if all(floor in case.sums for case in cases)
    }
    return ReferenceCase(name, images, exact, float32, float16, sums=sums)


def save_reference(path: Path, cases: Sequence[ReferenceCase]) -> None:
    """Write cases as one compressed `.npz`, keys `<case>/<array>`."""
    arrays: dict[str, FloatArray] = {}
    for case in cases:
        arrays[f"{case.name}/images"] = case.images
        for name in OUTPUT_NAMES:
            arrays[f"{case.name}/exact/{name}"] = case.exact[name]
            arrays[f"{case.name}/float32/{name}"] = case.float32[name]
            arrays[f"{case.name}/float16/{name}"] = case.float16[name].astype(np.float16)
            for floor, outputs in case.sums.items():
                arrays[f"{case.name}/{floor}/{name}"] = outputs[name].astype(np.float16)
        arrays |= _extra_arrays(case)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _extra_arrays(case: ReferenceCase) -> dict[str, Any]:
    """Collect the arrays of the extras; FP16 outputs lose nothing as float16."""
    if case.extras is None:
        return {}
    kinds = {"emulated": case.extras.emulated, "unfolded": case.extras.unfolded}
    arrays: dict[str, Any] = {
        f"{case.name}/{kind}/{name}": outputs[name].astype(np.float16)
        for kind, outputs in kinds.items()
        for name in OUTPUT_NAMES
    }
    arrays[f"{case.name}/ranges/layers"] = np.array(list(case.extras.ranges))
    arrays[f"{case.name}/ranges/largest"] = np.array(list(case.extras.ranges.values()))
    if (layers := case.extras.layers) is not None:
        arrays[f"{case.name}/layers/names"] = np.array(layers.layers)
        arrays[f"{case.name}/layers/exact"] = layers.exact
        arrays[f"{case.name}/layers/float32"] = layers.float32
        arrays[f"{case.name}/layers/float16"] = layers.float16
    return arrays


def load_reference(path: Path, names: Sequence[str] | None = None) -> list[ReferenceCase]:
    """Read what `save_reference` wrote.

    Args:
        names: The cases to read; None for all.

    Raises:
        DatasetError: The file is missing, damaged, or not a reference.
    """
    with _reading(path):
        arrays = read_arrays(path, lambda key: names is None or key.split("/")[0] in names)
        found = dict.fromkeys(key.split("/")[0] for key in arrays)
        return [_case(arrays, name) for name in found]


def reference_names(path: Path) -> dict[str, bool]:
    """List the cases in a file, and whether each has extras; reads no array.

    Raises:
        DatasetError: The file is missing, damaged, or not a reference.
    """
    with _reading(path):
        listed = member_names(path)
        names = dict.fromkeys(key.split("/")[0] for key in listed)
        return {name: f"{name}/ranges/layers" in listed for name in names}


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    refuse_pointer(path, DatasetError)
    try:
        yield
    except (OSError, FormatError) as error:
        raise DatasetError(
            f"cannot read reference {path}: {error}; make it again with: retinaface export"
        ) from error


def _case(arrays: Mapping[str, Any], name: str) -> ReferenceCase:
    has_extras = f"{name}/ranges/layers" in arrays
    sums = [f for f in SUM_FLOORS if f"{name}/{f}/{OUTPUT_NAMES[0]}" in arrays]
    halves = ["float16", *sums, *(("emulated", "unfolded") if has_extras else ())]
    check_arrays(arrays, _form_of(name, ["exact", "float32", *halves], has_extras=has_extras))

    def outputs(kind: str) -> dict[str, FloatArray]:
        found = {output: arrays[f"{name}/{kind}/{output}"] for output in OUTPUT_NAMES}
        return {k: v.astype(np.float32) if kind in halves else v for k, v in found.items()}

    extras = None
    if has_extras:
        layers, largest = arrays[f"{name}/ranges/layers"], arrays[f"{name}/ranges/largest"]
        ranges = dict(zip(layers.tolist(), largest.tolist(), strict=True))
        values = _layer_values(arrays, f"{name}/layers")
        extras = StoredExtras(outputs("emulated"), outputs("unfolded"), ranges, values)
    exact, float32, float16 = (outputs(kind) for kind in ("exact", "float32", "float16"))
    rounded = {floor: outputs(floor) for floor in sums}
    return ReferenceCase(name, arrays[f"{name}/images"], exact, float32, float16, extras, rounded)


def _form_of(name: str, kinds: Iterable[str], *, has_extras: bool) -> dict[str, Array]:
    """Say what the arrays of a case must be; the emulator ran on some of the images alone."""
    form = {f"{name}/images": Array("f", ("N", 3, "H", "W"))}
    for kind in kinds:
        n = kind if kind in ("emulated", "unfolded") else "N"
        for output, width in OUTPUT_WIDTHS.items():
            form[f"{name}/{kind}/{output}"] = Array("f", (n, "P", width))
    if has_extras:
        form[f"{name}/ranges/layers"] = Array("U", ("R",))
        form[f"{name}/ranges/largest"] = Array("f", ("R",))
        form[f"{name}/layers/names"] = Array("U", ("L",), is_optional=True)
        for kind in ("exact", "float32", "float16"):
            array = Array("f", ("L", "S", "V"), is_optional=True)
            form[f"{name}/layers/{kind}"] = array
    return form


def _layer_values(arrays: Mapping[str, Any], prefix: str) -> LayerValues | None:
    keys = [f"{prefix}/{key}" for key in ("names", "exact", "float32", "float16")]
    if not all(key in arrays for key in keys):
        return None
    names = tuple(str(name) for name in arrays[keys[0]].tolist())
    return LayerValues(names, *(arrays[key] for key in keys[1:]))
