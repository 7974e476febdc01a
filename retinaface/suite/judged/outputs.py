"""Judge raw outputs: of many images, by their detections, explained by layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from retinaface.checks.detection_changes import ImageDifference, differences
from retinaface.checks.detections import TOLERANCES, check_differences, summarise
from retinaface.checks.raw_outputs import OutputError
from retinaface.detection.detections import detections_of_inputs
from retinaface.engines.base import Engine
from retinaface.engines.opening import open_engine
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.records.result_id import ResultId
from retinaface.reference.floors import FACTORS, SUM_FLOORS
from retinaface.reference.stored import ReferenceCase
from retinaface.suite.judged.cases import Cases
from retinaface.suite.run import ValidationRun
from retinaface.typing import FloatArray, FloatPrecision
from retinaface.verdicts import Check, Verdict

_CHUNK = 32  # images, which every engine takes in one call
_N_EXPLAINED = 4  # images: a layer that drifts drifts on the first ones


def infer_all(engine: Engine, images: FloatArray) -> RawOutputs:
    """Run many images, in calls that every engine takes."""
    parts = [engine.infer(images[i : i + _CHUNK]) for i in range(0, len(images), _CHUNK)]
    return RawOutputs(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def agreement(
    name: str,
    expected: RawOutputs,
    actual: RawOutputs,
    kind: str,
    precision: FloatPrecision,
    *,
    predicted_share: float = 0.0,
) -> list[Check]:
    """Compare two sets of raw outputs by the detections that they give.

    Args:
        predicted_share: Of detections without a counterpart; see `check_differences`.
    """
    found = _changed(expected, actual, kind)
    return check_differences(name, found, TOLERANCES[precision], predicted_share=predicted_share)


def share_moved_by_sums(case: ReferenceCase) -> float:
    """Predict the share of detections without a counterpart in FP32 on a device that rounds sums.

    The emulation moves that share, and the device may move as many times more as its outputs may
    err in the root mean square: it adds in another order. 0 for a device that keeps sums wide.
    """
    if case.fp16_floor not in SUM_FLOORS:
        return 0.0
    numbers = summarise(_changed(_outputs(case.exact), _outputs(case.float16), case.name))
    share: float = numbers["n_unmatched"] / max(numbers["n_compared"], 1)
    return FACTORS[case.fp16_floor].rms * share


def _outputs(arrays: Mapping[str, FloatArray]) -> RawOutputs:
    return RawOutputs(*(arrays[name].astype("float32") for name in OUTPUT_NAMES))


def _changed(expected: RawOutputs, actual: RawOutputs, kind: str) -> list[ImageDifference]:
    return differences(*(detections_of_inputs(o, kind) for o in (expected, actual)))


def record_fidelity(
    run: ValidationRun,
    engine: Engine,
    pipeline: str,
    errors: Sequence[OutputError],
    *,
    batch: int,
    variant: str = "",
) -> str:
    """Keep the errors of an engine's outputs under its result, and give the id of that.

    Args:
        pipeline: The one whose input size was taken.
        errors: What `output_errors` gave.
        batch: Images in the call.
        variant: The export that the engine ran; empty for the model under test.
    """
    name = str(ResultId(engine.spec.name, pipeline, batch))
    earlier = run.results.get(name, {}).get("fidelity", [])
    found = [{"variant": variant, **error.as_json()} for error in errors]
    described = {"pipeline": pipeline, "precision": engine.spec.precision, "batch": batch}
    run.add_result(name, **described, fidelity=[*earlier, *found])
    return name


class Explainer:
    """Finds the layer where a drift begins: it takes seconds, so once for each engine and file."""

    def __init__(self, cases: Cases) -> None:
        """Start with nothing explained; the network of the run is that of its cases."""
        self._cases = cases
        self._already: dict[tuple[str, str], str] = {}

    def explain(
        self,
        check: Check,
        engine: Engine,
        case: ReferenceCase,
        *,
        precision: FloatPrecision = "fp32",
    ) -> Check:
        """Put the layer that starts a failure before its message: screens show first lines."""
        path = engine.spec.model
        if check.verdict is Verdict.PASS or path is None:
            return check
        key = engine.spec.name, str(path)
        if key in self._already:
            text = f"the layer that starts it: see the failure on {self._already[key]}"
            return replace(check, message=f"{check.message}\n{text}")
        self._already[key] = f"{case.name}, {len(case.images)} images"
        text = self._why(engine, path, case, precision)
        return replace(check, message=f"{text}\n{check.message}")

    def _why(
        self, engine: Engine, path: Path, case: ReferenceCase, precision: FloatPrecision
    ) -> str:
        try:
            from retinaface.checks.layer_search import explain_drift
        except ImportError as error:
            return f"the first layer that drifts is not known: finding it needs {error.name}"

        def reopen(options: Mapping[str, str]) -> Engine:
            return open_engine(
                engine.spec.name, model=path, max_batch=engine.spec.max_batch, options=options
            )

        return explain_drift(
            self._cases.model,
            engine,
            path,
            case.images[:_N_EXPLAINED],
            floor=case.floor(precision),
            reopen=reopen,
        )
