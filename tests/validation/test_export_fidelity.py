"""Exports, and what engines make of them, against float64 torch: interface first, then values."""

from __future__ import annotations

import pytest

from retinaface.checks.raw_outputs import FACTORS, check_fidelity, output_errors
from retinaface.engines.opening import open_engine
from retinaface.reference.inputs import KINDS, REAL
from retinaface.verdicts import Check, Verdict
from tests.validation.conftest import GIVEN

BATCHES = (1, 3, 32)
# Of the quick selection: the export that engines load, and inputs that show faces.
QUICK_VARIANTS = ("torchscript-13-simplified", GIVEN)
QUICK_KINDS = (REAL, "scene")
KIND_PARAMS = [
    pytest.param(
        kind,
        id=kind,
        marks=pytest.mark.needs("photographs" if kind == REAL else "reference"),
    )
    for kind in KINDS
]


@pytest.mark.quick(variant=QUICK_VARIANTS)
@pytest.mark.needs("onnx")
def test_a_file_holds_what_was_asked_for(variant, exported, gate):
    """Names, axes, types, opset, IR version, one file, the ONNX checker."""
    from retinaface.errors import ExportError
    from retinaface.export.options import ExportOptions, read_manifest
    from retinaface.export.verification import verify

    if variant == GIVEN:
        path = exported(variant)
        manifest = read_manifest(path)
        if manifest is None:
            text = f"{path} has no manifest of its own beside it, so nothing says what it should be"
            gate(Check("manifest", Verdict.INCONCLUSIVE, text))
        options = ExportOptions(**manifest["options"])
    else:
        options = ExportOptions(
            exporter=variant.exporter, opset=variant.opset, simplify=variant.simplify
        )
    try:
        path = exported(variant)
        verify(path, options.interface(), options.precision)
    except ExportError as error:
        gate(Check("interface of the file", Verdict.FAIL, str(error)))
    gate(Check("interface of the file", Verdict.PASS, str(options.interface())))


@pytest.mark.quick(variant=QUICK_VARIANTS, batch=(1, 3), kind=QUICK_KINDS)
@pytest.mark.exported
@pytest.mark.precision("fp32")
@pytest.mark.parametrize("kind", KIND_PARAMS)
@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"b{batch}")
def test_outputs_agree_with_float64_torch(
    engine_name, variant, batch, kind, exported, pool, cases, gate
):
    path = exported(variant)
    engine = pool.get(engine_name, model=path)
    case = cases.get(kind, batch)
    check = check_fidelity(
        f"{engine_name} on {path.name}, batch {batch}",
        output_errors(engine.infer(case.images), case, "fp32"),
    )
    gate(explained(check, engine, path, case, cases))


@pytest.mark.quick(batch=(1, 3), kind=QUICK_KINDS)
@pytest.mark.precision("fp32")
@pytest.mark.parametrize("kind", KIND_PARAMS)
@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"b{batch}")
def test_the_model_under_test_agrees_with_float64_torch(
    engine_name, batch, kind, pool, cases, gate
):
    """As accuracy and speed use it: the run's own file or weights, not one of the matrix."""
    engine = pool.get(engine_name)
    case = cases.get(kind, batch)
    errors = output_errors(engine.infer(case.images), case, "fp32")
    check = check_fidelity(f"{engine_name}, batch {batch}", errors)
    gate(explained(check, engine, engine.spec.model, case, cases))


def explained(check, engine, path, case, cases, precision="fp32"):
    """A failure with the first layer that drifts: it takes seconds, so once for each file."""
    if check.verdict is Verdict.PASS or path is None:
        return check
    text = _why(engine.spec.name, engine, path, case, cases, precision)
    return Check(check.name, check.verdict, f"{check.message}\n{text}", check.numbers)


_already: dict[tuple[str, str], str] = {}


def _why(name, engine, path, case, cases, precision):
    """Which layer starts it, in words; or what is missing to tell."""
    key = name, str(path)
    if key in _already:
        return f"which layer starts it: see the failure on {_already[key]}"
    _already[key] = f"{case.name}, {len(case.images)} images"
    try:
        from retinaface.checks.layer_search import explain_drift
    except ImportError as error:
        return f"which layer drifts first cannot be told without {error.name}"

    def reopen(options):
        return open_engine(
            engine.spec.name, model=path, max_batch=engine.spec.max_batch, options=options
        )

    return explain_drift(
        cases.model,
        engine,
        path,
        case.images[:4],
        factor=FACTORS[precision].largest,
        precision=precision,
        reopen=reopen,
    )
