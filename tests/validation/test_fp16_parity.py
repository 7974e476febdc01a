"""FP16 engines against FP32 and float64: raw outputs, detections, landmarks, ranges of layers."""

from __future__ import annotations

import re

import numpy as np
import pytest

from retinaface.checks.quantities import check_probabilities
from retinaface.checks.raw_outputs import check_fidelity, output_errors
from retinaface.engines.catalogue import find_engine
from retinaface.errors import EngineUnavailable
from retinaface.network.outputs import RawOutputs
from retinaface.reference.inputs import N_IMAGES, REAL
from retinaface.reference.stored import N_UNFOLDED
from retinaface.suite.judged.outputs import (
    agreement,
    infer_all,
    record_fidelity,
    share_moved_by_sums,
)
from retinaface.suite.matrix import DETECTION_KINDS, KIND_PARAMS, QUICK_KINDS
from retinaface.suite.probes import PROBES
from retinaface.verdicts import Check, Verdict

pytestmark = pytest.mark.answers("fp16")

FP16_MAX = 65_504.0
ARBITER = "torch-cpu-fp16"


@pytest.mark.quick(batch=(1, 3), kind=QUICK_KINDS)
@pytest.mark.precision("fp16")
@pytest.mark.parametrize("kind", KIND_PARAMS)
@pytest.mark.parametrize("batch", [1, 3, 32], ids=lambda batch: f"b{batch}")
def test_outputs_lie_within_what_fp16_rounding_predicts(
    engine_name, batch, kind, pool, cases, pipeline, explained, validation_run, gate
):
    engine = pool.get(engine_name)
    case = cases.judging(engine_name, kind, batch)
    outputs = engine.infer(case.images)
    errors = output_errors(outputs, case, "fp16")
    name = record_fidelity(validation_run, engine, pipeline.name, errors, batch=batch)
    check = check_fidelity(f"{engine_name} against FP16 rounding, batch {batch}", errors)
    sums = check_probabilities(engine_name, outputs.scores, "fp16")
    gate(explained(check, engine, case, precision="fp16"), sums, result=name)


@pytest.mark.quick
@pytest.mark.precision("fp16")
@pytest.mark.parametrize("kind", DETECTION_KINDS)
def test_detections_agree_with_fp32_of_the_same_engine(engine_name, kind, pool, cases, gate):
    case = cases.judging(engine_name, kind, N_IMAGES[kind])
    half = infer_all(pool.get(engine_name), case.images)
    reference, whose = fp32_outputs(engine_name, pool, case)
    name, predicted = f"{engine_name} against {whose}", share_moved_by_sums(case)
    gate(*agreement(name, reference, half, kind, "fp16", predicted_share=predicted))


def fp32_outputs(engine_name, pool, case):
    """Give FP32 outputs of the same runtime and device; float64 torch where it has no FP32."""
    sibling = re.sub(r"([-_])fp16$", r"\1fp32", engine_name)
    if sibling != engine_name:
        try:
            find_engine(sibling)
            return infer_all(pool.get(sibling), case.images), sibling
        except EngineUnavailable:
            pass  # a vendor may have no FP32 engine: float64 is the stricter judge
    exact = (case.exact[name].astype("float32") for name in case.exact)
    return RawOutputs(*exact), "float64 torch"


@pytest.mark.needs("full-reference")
@pytest.mark.parametrize("kind", KIND_PARAMS)
def test_the_emulation_of_fp16_agrees_with_the_prediction(kind, cases, target, gate):
    """Check the arbiter on a CPU: torch in FP16, every intermediate rounded, batch norms folded."""
    case = cases.get(kind, N_IMAGES.get(kind, 4))
    outputs = raw_outputs(cases.extras(kind).emulated, len(case.images))
    checks = [check_fidelity(ARBITER, output_errors(outputs, case, "fp16"))]
    is_strange = kind == REAL and PROBES["familiar-pictures"](target) is not None
    if kind in N_IMAGES and not is_strange:
        exact = RawOutputs(*(case.exact[name].astype("float32") for name in case.exact))
        checks += agreement(f"{ARBITER} against float64", exact, outputs, kind, "fp16")
    gate(*checks)


def raw_outputs(by_name, n):
    """Take the first n outputs by name, in turn where there are fewer, as an engine gives them."""
    return RawOutputs(*(array[np.arange(n) % len(array)] for array in by_name.values()))


@pytest.mark.quick(kind=("scene",))
@pytest.mark.needs("full-reference")
@pytest.mark.parametrize("kind", KIND_PARAMS)
def test_every_layer_stays_within_the_range_of_fp16(kind, cases, gate):
    ranges = cases.extras(kind).ranges
    largest = max(ranges, key=lambda name: ranges[name])
    beyond = [f"{name} reaches {v:.6g}" for name, v in ranges.items() if not v <= FP16_MAX]
    text = (
        f"largest {ranges[largest]:.6g} in {largest}, {FP16_MAX / ranges[largest]:.3g} times below"
    )
    gate(
        Check(
            f"range of {len(ranges)} layers against {FP16_MAX:g}",
            Verdict.FAIL if beyond else Verdict.PASS,
            "; ".join(beyond) if beyond else text,
            {"largest": ranges[largest], "layer": largest},
        )
    )


@pytest.mark.quick
@pytest.mark.needs("full-reference")
def test_a_cast_of_unfolded_batch_norms_is_caught(cases, gate):
    """Detect the trap of `model.half()` with unfolded batch norms: one variance is beyond FP16."""
    case = cases.get("scene", N_UNFOLDED)
    raw = raw_outputs(cases.extras("scene").unfolded, N_UNFOLDED)
    check = check_fidelity("model.half()", output_errors(raw, case, "fp16"))
    caught = check.verdict is Verdict.FAIL
    gate(
        Check(
            "the unfolded cast is distinguished from FP16 rounding",
            Verdict.PASS if caught else Verdict.FAIL,
            "it was " + ("caught" if caught else f"not caught: {check.message}"),
        )
    )
