"""Exports, and what engines make of them, against float64 torch: interface first, then values."""

from __future__ import annotations

import pytest

from retinaface.checks.quantities import check_probabilities
from retinaface.checks.raw_outputs import check_fidelity, output_errors
from retinaface.suite.judged.outputs import record_fidelity
from retinaface.suite.matrix import GIVEN, KIND_PARAMS, QUICK_KINDS, QUICK_VARIANTS
from retinaface.verdicts import Check, Verdict

pytestmark = pytest.mark.answers("export")

BATCHES = (1, 3, 32)


@pytest.mark.quick(variant=QUICK_VARIANTS)
@pytest.mark.needs("onnx")
def test_a_file_holds_what_was_asked_for(variant, exported, gate):
    """Check names, axes, types, opset, IR version, one file, and run the ONNX checker."""
    from retinaface.errors import ExportError
    from retinaface.export.interface import interface_of
    from retinaface.export.manifest import read_manifest
    from retinaface.export.verification import check_standard, verify

    if variant == GIVEN:
        path = exported(variant)
        manifest = read_manifest(path)
        if manifest is None:
            problem = check_standard(path)
            text = "no manifest beside it says what was asked for; the ONNX checker finds no fault"
            verdict = Verdict.FAIL if problem else Verdict.PASS
            gate(Check(f"{path.name} by the standard", verdict, problem or text))
            return
        options = manifest.options
    else:
        options = variant.options()
    try:
        path = exported(variant)
        n_float = len(options.int8.float_layers) if options.int8 else 0
        verify(path, interface_of(options), options.precision, n_float)
    except ExportError as error:
        gate(Check("interface of the file", Verdict.FAIL, str(error)))
    gate(Check("interface of the file", Verdict.PASS, str(interface_of(options))))


@pytest.mark.quick(variant=QUICK_VARIANTS, batch=(1, 3), kind=QUICK_KINDS)
@pytest.mark.exported
@pytest.mark.precision("fp32")
@pytest.mark.parametrize("kind", KIND_PARAMS)
@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"b{batch}")
def test_outputs_agree_with_float64_torch(
    engine_name,
    variant,
    batch,
    kind,
    exported,
    pool,
    cases,
    pipeline,
    explained,
    validation_run,
    gate,
):
    path = exported(variant)
    engine = pool.get(engine_name, model=path)
    case = cases.get(kind, batch)
    outputs = engine.infer(case.images)
    errors = output_errors(outputs, case, "fp32")
    name = record_fidelity(
        validation_run, engine, pipeline.name, errors, batch=batch, variant=str(variant)
    )
    check = check_fidelity(f"{engine_name} on {path.name}, batch {batch}", errors)
    sums = check_probabilities(engine_name, outputs.scores, "fp32")
    gate(explained(check, engine, case), sums, result=name)


@pytest.mark.quick(batch=(1, 3), kind=QUICK_KINDS)
@pytest.mark.precision("fp32")
@pytest.mark.parametrize("kind", KIND_PARAMS)
@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"b{batch}")
def test_the_model_under_test_agrees_with_float64_torch(
    engine_name, batch, kind, pool, cases, pipeline, explained, validation_run, gate
):
    """Judge the run's own file or weights, which accuracy and speed use, not one of the matrix."""
    engine = pool.get(engine_name)
    case = cases.get(kind, batch)
    outputs = engine.infer(case.images)
    errors = output_errors(outputs, case, "fp32")
    name = record_fidelity(validation_run, engine, pipeline.name, errors, batch=batch)
    check = check_fidelity(f"{engine_name}, batch {batch}", errors)
    sums = check_probabilities(engine_name, outputs.scores, "fp32")
    gate(explained(check, engine, case), sums, result=name)
