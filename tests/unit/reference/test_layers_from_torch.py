import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.network.scenes import synthetic_inputs

pytestmark = pytest.mark.needs("torch")
IMAGES = synthetic_inputs(1, 7, 96, 128)


@pytest.fixture(scope="module")
def model():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded").model


def test_activation_ranges_are_those_of_each_layer(model):
    from retinaface.reference.layers_from_torch import activation_ranges

    ranges = activation_ranges(model, IMAGES)
    with open_engine("torch-cpu-fp32", weights="embedded", input_size_px=None) as engine:
        found = engine.infer_intermediates(IMAGES, ["body.stage1.0.1", "fpn.merge1.1"])
    relu_in = float(np.abs(found["body.stage1.0.1"]).max())
    names = list(ranges)
    assert names[:2] == ["body.stage1.0.0", "body.stage1.0.2"]
    assert names.index("fpn.output3.0") < names.index("fpn.output1.0")
    assert names[-1] == "LandmarkHead.2.conv1x1"
    assert len(names) == 56 + 38  # and three ReLUs that are functions, not modules
    assert ranges["body.stage1.0.0"] == max(relu_in, float(np.abs(IMAGES).max()))
    assert ranges["body.stage1.0.2"] == pytest.approx(relu_in, rel=1e-5)
    assert ranges["fpn.merge1.2"] == pytest.approx(np.abs(found["fpn.merge1.1"]).max(), rel=1e-5)


def test_activation_ranges_show_nan(model):
    from retinaface.reference.layers_from_torch import activation_ranges

    assert np.isnan(activation_ranges(model, IMAGES * np.float32(np.nan))["body.stage1.0.0"])


def test_modules_have_the_same_names_with_batch_norms_folded_or_not(model):
    from retinaface.network.model import fold_batch_norms
    from retinaface.reference.layers_from_torch import match_modules

    matches = match_modules(model)
    assert len({m.tensor for m in matches}) == 56
    assert matches[0].tensor == "body.stage1.0.1"
    assert matches[-1].tensor == matches[-1].layer == "LandmarkHead.2.conv1x1"
    assert match_modules(fold_batch_norms(model)) == matches
