"""The quick operator gives what onnx's own gives, and leaves to it what it cannot do."""

import numpy as np
import pytest

from retinaface.export.foreign import resize
from retinaface.export.foreign.resize import quick_resize

pytestmark = pytest.mark.needs("onnx")


def outputs(settings, given, ops):
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    name, values = given
    tensor = helper.make_tensor(
        name, TensorProto.FLOAT if name == "scales" else TensorProto.INT64, [4], values
    )
    inputs = ["x", "", "scales"] if name == "scales" else ["x", "", "", "sizes"]
    node = helper.make_node("Resize", inputs, ["y"], **settings)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    (found,) = ReferenceEvaluator(model, new_ops=ops).run(None, {"x": x})
    return found


ASYMMETRIC = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


@pytest.mark.parametrize("given", [("scales", [1, 1, 2, 3]), ("sizes", [1, 2, 6, 4])], ids=str)
@pytest.mark.parametrize(
    ("settings", "is_quick"),
    [
        (ASYMMETRIC, True),
        ({"nearest_mode": "round_prefer_floor"}, True),
        ({"nearest_mode": "ceil"}, False),
        ({**ASYMMETRIC, "nearest_mode": "ceil"}, False),
        ({"coordinate_transformation_mode": "align_corners"}, False),
        ({"mode": "linear"}, False),
    ],
    ids=str,
)
def test_values_are_those_of_onnx(monkeypatch, settings, is_quick, given):
    repeated = []
    monkeypatch.setattr(
        resize.np, "repeat", lambda *a, f=np.repeat, **k: repeated.append(1) or f(*a, **k)
    )
    found = outputs(settings, given, [quick_resize()])
    assert bool(repeated) == is_quick
    np.testing.assert_array_equal(found, outputs(settings, given, None))


def test_a_size_that_is_no_multiple_is_left_to_onnx():
    given = ("sizes", [1, 2, 5, 6])
    found = outputs(ASYMMETRIC, given, [quick_resize()])
    np.testing.assert_array_equal(found, outputs(ASYMMETRIC, given, None))
