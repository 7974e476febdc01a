"""INT8 against FP32 of the same run, by budgets that the user states; and the layers that cost it.

No rounding predicts INT8, so no noise floor judges it. Without a stated budget these tests are
INCONCLUSIVE and say what was found.
"""

from __future__ import annotations

import functools

import pytest

from retinaface.checks.int8.budgets import check_ap_budget, check_detections_budget, count_alone
from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import EngineUnavailable, ExportError
from retinaface.export.manifest import read_manifest
from retinaface.records.result_id import ResultId
from retinaface.records.traced_images import spread
from retinaface.suite.judged.costly_layers import N_IMAGES, Search, Variants, cost_of
from retinaface.verdicts import Check, Verdict
from retinaface.widerface.evaluation import evaluate

pytestmark = [pytest.mark.answers("ap"), pytest.mark.accuracy, pytest.mark.needs("images")]


@pytest.fixture(scope="session")
def in_fp32(pool, dataset, target):
    """Evaluate the FP32 engine of an INT8 engine's runtime, once: `in_fp32(engine, pipeline)`."""

    @functools.cache
    def get(engine_name, pipeline_name):
        engine = fp32_engine(pool, target, engine_name, PIPELINES[pipeline_name])
        return run(engine, pipeline_name, dataset, dataset.select(target.subset), target)

    return get


def fp32_engine(pool, target, engine_name, pipeline):
    """Open it with the run's FP32 file; where none was given, with an export of the weights."""
    from retinaface.export.cache import cached_export

    name, size_px = f"{engine_name.removesuffix('int8')}fp32", pipeline.input_size_px
    try:
        return pool.get(name, size_px=size_px)
    except EngineUnavailable:
        if not target.models:
            raise
    file = cached_export(target.weights.source, precision="fp32", dynamic_size=size_px is None)
    return pool.get(name, size_px=size_px, model=file)


def run(engine, pipeline_name, dataset, truth, target):
    pipeline = PIPELINES[pipeline_name]
    batch = target.batch or pipeline.batch_size
    return evaluate(engine, pipeline, dataset, truth, batch_size=batch, skip_bad_images=True)


@pytest.mark.quick
@pytest.mark.precision("int8")
@pytest.mark.needs("scorable")
def test_ap_lies_within_the_budget(engine_name, pipeline_name, evaluated, in_fp32, target, gate):
    measured = evaluated(engine_name, pipeline_name)
    reference = in_fp32(engine_name, pipeline_name)
    checks = check_ap_budget(reference.counts, measured.evaluation.counts, target.budget)
    gate(*checks, result=str(ResultId(engine_name, pipeline_name, measured.batch)))


@pytest.mark.answers("detections")
@pytest.mark.quick
@pytest.mark.precision("int8")
def test_detections_lie_within_the_budget(
    engine_name, pipeline_name, evaluated, in_fp32, target, gate
):
    measured = evaluated(engine_name, pipeline_name)
    found = count_alone(
        in_fp32(engine_name, pipeline_name).detections, measured.evaluation.detections
    )
    check = check_detections_budget(found, target.budget)
    gate(check, result=str(ResultId(engine_name, pipeline_name, measured.batch)))


@pytest.mark.answers("layers")
@pytest.mark.precision("int8")
@pytest.mark.needs("scorable", "torch", "onnx")
def test_costly_layers_are_known(
    engine_name, pipeline, pool, cases, dataset, target, tmp_path, gate
):
    """Run the file with one layer in float at a time, on some images, and rank the layers."""
    engine = pool.get(engine_name)
    file = engine.spec.given or engine.spec.model
    whole = dataset.select(target.subset)
    truth = whole.select(spread(whole.images, N_IMAGES))
    reference = fp32_engine(pool, target, engine_name, pipeline)
    fp32 = run(reference, pipeline.name, dataset, truth, target)
    manifest = read_manifest(file)
    int8 = None if manifest is None else manifest.options.int8
    try:
        variants = Variants(cases.model, engine.spec.model, tmp_path)
        layers = variants.layers(() if int8 is None else int8.float_layers)
        variants.write(tuple(layers[:1]))
    except ExportError as error:
        gate(Check("layers that cost INT8 its accuracy", Verdict.INCONCLUSIVE, str(error)))

    def cost(floats):
        with pool.open(engine_name, model=variants.write(floats)) as opened:
            return cost_of(floats, fp32, run(opened, pipeline.name, dataset, truth, target))

    gate(Search(layers, cost, target.budget, len(truth.images)).run())
