"""Engines of vendors go through the suites, on stand-ins of the vendors' interfaces.

Their calls are the vendor's; what they compute is ONNX Runtime's. So the published speed is found
and missed, and everything else is green.
"""

from __future__ import annotations

import pytest

from tests.support.runs import stand_in_run

ENGINES = ("igie-iluvatar-fp16", "ixrt-iluvatar-fp16")
PUBLISHED = (8304.6, 8536.4)
TIMED = "(run_alone or vendor_run) and (b8 or b32)"
CHOICE = f"placement or (lie_within and scene) or ({TIMED}) or engine_builds"


@pytest.mark.needs("torch", "onnxruntime", "onnxconverter_common")
@pytest.mark.alone
@pytest.mark.speed
def test_the_vendors_engines_are_placed_agree_and_meet_the_published_speed(tmp_path):
    run = stand_in_run(tmp_path / "record", "iluvatar", CHOICE, ENGINES)
    assert run.code == 1, run.output[-3000:]
    for suite, n in (("test_placement", 1), ("lie_within", 3)):
        for engine in ENGINES:
            found = [v for i, v in run.outcomes(suite).items() if engine in i]
            assert found == ["PASS"] * n, (suite, engine, run.reasons(suite))
    # Of a plan for 32 images nothing is timed at 8, and its own runs have no baseline yet.
    alone = run.outcomes("test_run_alone")
    assert {v for i, v in alone.items() if i.endswith("b8]")} == {"SKIPPED"}
    assert {v for i, v in alone.items() if i.endswith("b32]")} == {"INCONCLUSIVE"}
    for engine, pipeline, published in zip(ENGINES, ("igie", "ixrt"), PUBLISHED, strict=True):
        reasons = run.reasons(f"test_vendor_run[{engine}-b32")
        of = f"against speed {pipeline} fp16 batch 32 in iluvatar-mr-v100/ixuca-4.2.0.json: "
        assert of in reasons
        assert f"published {published}" in reasons


@pytest.mark.needs("torch", "onnxruntime", "onnxconverter_common")
def test_tensorrts_engines_are_placed_and_agree(tmp_path):
    """Run only what no other engine's run shows already: FP32 and FP16 by their own plans."""
    engines = ("tensorrt-cuda-fp32", "tensorrt-cuda-fp16")
    chosen = "placement or (scene and (lie_within or test_the_model_under_test))"
    run = stand_in_run(tmp_path / "record", "nvidia", chosen, engines)
    assert run.code == 0, run.output[-3000:]
    agree = ("test_the_model_under_test", "lie_within")  # FP32 and FP16 have different limits
    for engine, other in zip(engines, agree, strict=True):
        for suite in ("test_placement", other):
            found = [v for i, v in run.outcomes(suite).items() if engine in i]
            assert set(found) == {"PASS"}, (suite, engine, run.reasons(suite))
