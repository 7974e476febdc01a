"""Measure how far an engine's raw outputs lie from float64 torch, beside the noise floor.

The noise floor is the error that rounding alone causes on the same input: of float32 torch for
FP32, of the network with everything rounded to FP16 for FP16; see `reference.floors`. No tolerance
is chosen by hand; the factors say how many times that error an engine may show, because it rounds
in a different order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from retinaface.checks.quantities import CONF, SUM_LIMIT, label, largest_sum_error, quantity
from retinaface.network.config import OUTPUT_NAMES
from retinaface.reference.floors import FACTORS, FLOOR_WORDS, Floor
from retinaface.reference.stored import ReferenceCase
from retinaface.typing import FloatArray, FloatPrecision
from retinaface.verdicts import Check, Verdict

if TYPE_CHECKING:
    from retinaface.network.outputs import RawOutputs


_TYPES = {"fp32": "float32", "fp16": "float16"}


@dataclass(frozen=True)
class OutputError:
    """Error of one output on one case against float64 torch.

    Attributes:
        case: Name of the input.
        output: `loc`, `conf` or `landmarks`; all figures of `conf` are of its log-odds.
        precision: Of the engine.
        floor: The noise floor that it is compared with.
        max_rel: Largest error relative to the expected value, which counts as 1e-3 at least.
        p99_rel: 99th percentile of the same.
        cosine: Between expected and actual values.
        index: Where the largest error is: image, prior, value.
        actual: The engine's value there.
        expected: float64 torch's.
        floor_max: Largest absolute error of the noise floor.
        floor_rms: Root of the mean square of the noise floor.
    """

    case: str
    output: str
    precision: FloatPrecision
    floor: Floor
    max_abs: float
    mean_abs: float
    p99_abs: float
    rms: float
    max_rel: float
    p99_rel: float
    cosine: float
    index: tuple[int, ...]
    actual: float
    expected: float
    floor_max: float
    floor_rms: float

    @property
    def ratio(self) -> float:
        """Compute the error as a share of what is allowed: above 1 it fails; a NaN stays one."""
        factors = FACTORS[self.floor]
        shares = (
            self.max_abs / (factors.largest * self.floor_max),
            self.rms / (factors.rms * self.floor_rms),
        )
        return float(np.max(shares))  # NumPy's max, because Python's passes over a NaN

    def as_json(self) -> dict[str, Any]:
        """Describe it for a record: the error, its noise floor, its share of what is allowed."""
        figures = asdict(self)
        limit = FACTORS[self.floor].largest * self.floor_max
        shares = {"ratio": self.ratio, "margin": 1 - self.ratio, "limit": limit}
        return {"kind": figures.pop("case"), **figures, **shares}

    def __str__(self) -> str:
        factors = FACTORS[self.floor]
        return (
            f"{self.case} {label(self.output)}: error against float64 torch max {self.max_abs:.3g} "
            f"({self.max_abs / self.floor_max:.3g} times the {FLOOR_WORDS[self.floor]} "
            f"{self.floor_max:.3g}, allowed {factors.largest:g}), rms {self.rms:.3g} "
            f"({self.rms / self.floor_rms:.3g} times {self.floor_rms:.3g}, allowed "
            f"{factors.rms:g}), mean {self.mean_abs:.3g}, p99 {self.p99_abs:.3g}; relative max "
            f"{self.max_rel:.3g}, p99 {self.p99_rel:.3g}; cosine {self.cosine:.9f}; worst at "
            f"(image, prior, value) {self.index}: got {self.actual:.9g}, expected "
            f"{self.expected:.9g}; the smallest tolerance that would pass: atol "
            f"{self.max_abs:.3g}, or factors {self.max_abs / self.floor_max:.3g} (max) and "
            f"{self.rms / self.floor_rms:.3g} (rms)"
        )


def output_errors(
    outputs: RawOutputs, case: ReferenceCase, precision: FloatPrecision
) -> list[OutputError]:
    """Measure an engine's outputs on one case.

    Args:
        outputs: Of the engine on `case.images`.
        precision: Whose noise floor counts.

    Returns:
        One entry for each output; a NaN in the outputs makes its figures NaN.
    """
    return [
        _output_error(case, name, precision, quantity(name, array, precision))
        for name, array in zip(OUTPUT_NAMES, outputs, strict=True)
    ]


def worst_ratio(outputs: RawOutputs, case: ReferenceCase, precision: FloatPrecision) -> float:
    """Compute the largest share of what is allowed over the outputs of one case.

    It computes nothing else, which makes it quick enough for every timed call. Probabilities that
    do not add up to 1 count too. A NaN in the outputs gives a NaN.
    """
    factors = FACTORS[case.floor(precision)]
    of_sum = largest_sum_error(outputs.scores) / SUM_LIMIT[precision]
    shares = [0.0 if of_sum <= 1 else of_sum]
    for name, array in zip(OUTPUT_NAMES, outputs, strict=True):
        expected, rounded = _expected(case, name, precision)
        error = np.abs(quantity(name, array, precision) - expected)
        floor_max, floor_rms = _noise_floor(np.abs(rounded - expected), expected, precision)
        shares += [error.max() / (factors.largest * floor_max)]
        shares += [_rms(error) / (factors.rms * floor_rms)]
    return float(np.max(shares))


def largest_allowed(case: ReferenceCase, precision: FloatPrecision) -> dict[str, float]:
    """Compute how far an engine may be from float64 torch in a value of each output, on one case.

    Args:
        precision: Whose noise floor counts.

    Returns:
        Largest absolute error by output, > 0; NaN where the precision overflows. Of `conf` it is
        one of probabilities: a quarter of that of the log-odds, which is the most that a
        probability moves with them.
    """
    allowed = {}
    for name in OUTPUT_NAMES:
        expected, rounded = _expected(case, name, precision)
        floor_max, _ = _noise_floor(np.abs(rounded - expected), expected, precision)
        allowed[name] = FACTORS[case.floor(precision)].largest * floor_max
    allowed[CONF] /= 4
    return allowed


def _expected(
    case: ReferenceCase, name: str, precision: FloatPrecision
) -> tuple[FloatArray, FloatArray]:
    """Give what is judged of an output, exact and as the precision rounds it."""
    exact = quantity(name, case.exact[name], precision)
    return exact, quantity(name, case.rounded(precision)[name], precision)


def _noise_floor(
    floor: FloatArray, expected: FloatArray, precision: FloatPrecision
) -> tuple[float, float]:
    """Compute the largest value and the root mean square of a noise floor.

    A value cannot be nearer than its own type allows, however small the floor came out. Where the
    precision itself overflows there is no floor, and NaN lets nothing pass.
    """
    if not np.isfinite(floor).all():
        return float("nan"), float("nan")
    largest = np.asarray(np.abs(expected).max(initial=0.0), dtype=_TYPES[precision])
    step = float(np.spacing(largest)) / 2
    return max(float(floor.max()), step), max(_rms(floor), step / 4)


def _output_error(
    case: ReferenceCase, name: str, precision: FloatPrecision, actual: FloatArray
) -> OutputError:
    with np.errstate(invalid="ignore", over="ignore"):
        expected, rounded = _expected(case, name, precision)
        error = np.abs(actual - expected)
        relative = (error / np.maximum(np.abs(expected), 1e-3)).ravel()
        index = np.unravel_index(int(np.argmax(error)), error.shape)
        norms = float(np.linalg.norm(actual) * np.linalg.norm(expected))
        cosine = float((actual * expected).sum()) / norms if norms else float("nan")
        floor_max, floor_rms = _noise_floor(np.abs(rounded - expected), expected, precision)
        return OutputError(
            case=case.name,
            output=name,
            precision=precision,
            floor=case.floor(precision),
            max_abs=float(error.max()),
            mean_abs=float(error.mean()),
            p99_abs=float(np.quantile(error, 0.99)),
            rms=_rms(error),
            max_rel=float(relative.max()),
            p99_rel=float(np.quantile(relative, 0.99)),
            cosine=cosine,
            index=tuple(int(i) for i in index),
            actual=float(actual[index]),
            expected=float(expected[index]),
            floor_max=floor_max,
            floor_rms=floor_rms,
        )


def _rms(error: FloatArray) -> float:
    return float(np.sqrt(np.square(error).mean()))


def check_fidelity(name: str, errors: Sequence[OutputError]) -> Check:
    """Judge errors: each output of each case within the factors of its noise floor."""
    bad = [error for error in errors if not error.ratio <= 1]
    worst = max(errors, key=lambda error: np.nan_to_num(error.ratio, nan=np.inf))
    numbers: dict[str, Any] = {"worst": asdict(worst), "ratio": worst.ratio}
    if bad:
        text = "\n".join(str(error) for error in bad)
    else:
        text = (
            f"largest error {worst.max_abs:.3g} in {label(worst.output)} on {worst.case}, "
            f"{worst.max_abs / worst.floor_max:.2f} times the noise floor"
        )
    verdict = Verdict.FAIL if bad else Verdict.PASS
    return Check(name, verdict, text, numbers, value=worst.ratio, limit=1, unit="of the limit")
