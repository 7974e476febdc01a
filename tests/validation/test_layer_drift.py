"""Every layer inside an engine against float64 torch: where a drift begins, before it shows."""

from __future__ import annotations

import pytest

from retinaface.checks.layers import sampled_drifts
from retinaface.records.result_id import ResultId
from retinaface.reference.floors import FACTORS
from retinaface.reference.inputs import REAL
from retinaface.reference.layers import N_LAYER_IMAGES
from retinaface.suite.matrix import KIND_PARAMS
from retinaface.verdicts import Check, Verdict

pytestmark = pytest.mark.answers("layers")


@pytest.mark.offers("layers", "rounding")
@pytest.mark.needs("full-reference")
@pytest.mark.parametrize("kind", [p for p in KIND_PARAMS if p.id in (REAL, "scene", "noise")])
def test_no_layer_drifts_beyond_rounding(
    engine_name, kind, pool, cases, pipeline, target, validation_run, gate
):
    """Catch what outputs hide: an error inside that a later ReLU or softmax takes away."""
    engine = pool.get(engine_name)
    values = cases.extras(kind).layers
    if values is None:
        text = "the reference was made by an older release and holds no layers; export again"
        gate(Check("layers", Verdict.INCONCLUSIVE, text))
    images = cases.get(kind, N_LAYER_IMAGES).images
    drifts = sampled_drifts(engine, cases.layer_matches(engine.spec.model), images, values)
    factor = FACTORS[engine.spec.precision].largest
    batch = target.batch or pipeline.batch_size
    result = str(ResultId(engine_name, pipeline.name, batch))
    if kind == REAL or "layers" not in validation_run.results.get(result, {}):
        validation_run.add_result(result, layers=[drift.as_json() for drift in drifts])
    drifting = [drift for drift in drifts if drift.exceeds(factor)]
    worst = max(drifts, key=lambda drift: drift.ratio)
    text = f"{len(drifts)} layers, the furthest {worst.layer}: {worst}; allowed {factor:g} x"
    if drifting:
        text = (
            f"{len(drifting)} of {len(drifts)} layers drift, the first is {drifting[0].layer} "
            f"(tensor {drifting[0].tensor}): {drifting[0]}; allowed {factor:g} x"
        )
    verdict = Verdict.FAIL if drifting else Verdict.PASS
    check = Check(
        f"layers of {engine_name} on {kind}",
        verdict,
        text,
        {"n_drifting": len(drifting)},
        value=worst.ratio,
        limit=factor,
        unit="times the noise floor",
    )
    gate(check, result=result)
