"""The engines take the vendor's packages in every form in which they may come."""

import json

import pytest

from retinaface.engines.opening import open_engine
from tests.support.engines import assert_near, noise, outputs_of
from tests.support.standins import variants

pytestmark = [
    pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common"),
    pytest.mark.usefixtures("no_board"),
]
FP16 = 0.02  # error that rounding of the weights causes in values up to 10


@pytest.mark.parametrize("variant", variants.IGIE)
def test_igie_runs_in_every_form_in_the_precision_of_its_name(stand_in, model, variant):
    tvm = stand_in(variants.igie(variant), "iluvatar.igie")
    with open_engine("igie-iluvatar-fp16", model=model, max_batch=2) as engine:
        outputs = engine.infer(noise(2))
        described = json.loads(json.dumps(engine.describe()))
    builds = tvm.named("relay.build") + tvm.named("relax.build")
    assert [call[-1] for call in builds] == ["fp16"]
    assert described["runtime"] == f"igie {tvm.version or 'of no version'}"
    assert_near(outputs, outputs_of(model, noise(2)), FP16)


@pytest.mark.parametrize("variant", variants.IXRT)
def test_ixrt_runs_in_every_form_and_frees_what_it_took(stand_in, model, variant):
    ixrt = stand_in(variants.ixrt(variant), "iluvatar.ixrt")
    with open_engine("ixrt-iluvatar-fp16", model=model, max_batch=2) as engine:
        outputs = engine.infer(noise(2))
        described = json.loads(json.dumps(engine.describe()))
    assert described["runs_by"] == ("execute_async_v3" if ixrt.has_names else "execute_v2")
    assert described["device_name"].startswith("Iluvatar")
    assert_near(outputs, outputs_of(model, noise(2)), FP16)
    assert (ixrt.memory, ixrt.streams) == ({}, set())
