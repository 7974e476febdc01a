"""How far an engine's calls may differ: by the rounding of its precision, or by its own INT8."""

from __future__ import annotations

from dataclasses import replace

from retinaface.checks.speed.timing import CheckedInputs
from retinaface.engines.base import Engine
from retinaface.network.config import OUTPUT_NAMES
from retinaface.reference.stored import ReferenceCase
from retinaface.suite.judged.outputs import infer_all
from retinaface.typing import FloatPrecision


def floor_of(engine: Engine, case: ReferenceCase) -> tuple[ReferenceCase, FloatPrecision]:
    """Give the case whose noise floor holds for an engine, and the precision to judge it as.

    No rounding predicts INT8. Its floor is its own error on the same images, in one pass of plain
    calls: what an engine gives in other calls may lie a few times as far from the exact outputs,
    and outputs of other images lie much farther. How large that error may be is for budgets.

    Args:
        case: With exact outputs.

    Returns:
        The case, for INT8 with the engine's outputs in place of the FP16 rounding, and `fp16`.
    """
    precision = engine.spec.precision
    if precision != "int8":
        return case, precision
    own = infer_all(engine, case.images)
    return replace(case, float16=dict(zip(OUTPUT_NAMES, own, strict=True)), extras=None), "fp16"


def checked_inputs(engine: Engine, case: ReferenceCase, batch: int) -> CheckedInputs:
    """Give the inputs of timed calls of an engine, with the outputs that they must give."""
    judged, precision = floor_of(engine, case)
    return CheckedInputs(judged, batch, precision)
