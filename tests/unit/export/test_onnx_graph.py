import numpy as np
import pytest

from retinaface.errors import ExportError

pytestmark = pytest.mark.needs("onnx")


def model(nodes=None, weight=1.0, opset=18, name="w"):
    from onnx import TensorProto, helper, numpy_helper

    array = np.full((1, 3, 1, 1), weight, dtype=np.float32)
    graph = helper.make_graph(
        nodes or [helper.make_node("Conv", ["input", name], ["loc"])],
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("loc", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [numpy_helper.from_array(array, name)],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.needs("onnxconverter_common")
def test_fp16_refuses_a_constant_that_does_not_fit():
    from retinaface.export.onnx_graph import to_fp16

    with pytest.raises(ExportError, match="running_var reaches 89549, beyond FP16's 65504"):
        to_fp16(model(weight=89549.0, name="running_var"), keep_io_types=True)


@pytest.mark.needs("onnxconverter_common")
@pytest.mark.parametrize("value", [65_504.0, 3e4, 1e-7, 6e-8])
def test_fp16_rounds_constants_and_does_not_clamp_them(value):
    from onnx import numpy_helper

    from retinaface.export.onnx_graph import to_fp16

    converted = to_fp16(model(weight=value), keep_io_types=False)
    weights = numpy_helper.to_array(converted.graph.initializer[0])
    assert weights.dtype == np.float16
    assert (weights == np.float16(value)).all()
    assert converted.ir_version == 8


@pytest.mark.parametrize(
    ("attributes", "lowered"),
    [({}, True), ({"antialias": 0}, True), ({"antialias": 1}, False), ({"axes": [2, 3]}, False)],
    ids=["plain", "default", "antialias", "axes"],
)
def test_lower_opset_changes_nothing_that_has_a_meaning(attributes, lowered):
    from onnx import helper

    from retinaface.export.onnx_graph import lower_opset

    node = helper.make_node(
        "Resize", ["input", "", "", "sizes"], ["loc"], mode="nearest", **attributes
    )
    proto = model([node])
    if not lowered:
        with pytest.raises(ExportError, match="stayed at opset 18 when asked for 16, and Resize"):
            lower_opset(proto, 16)
        return
    lower_opset(proto, 16)
    assert proto.opset_import[0].version == 16
    assert [a.name for a in proto.graph.node[0].attribute] == ["mode"]


def test_lower_opset_refuses_other_operators():
    from onnx import helper

    from retinaface.export.onnx_graph import lower_opset

    node = helper.make_node("ReduceMean", ["input"], ["loc"])
    with pytest.raises(ExportError, match="ReduceMean cannot be lowered"):
        lower_opset(model([node]), 16)


def test_verify_lists_everything_that_differs(tmp_path):
    import onnx

    from retinaface.export.onnx_graph import Interface, verify

    path = tmp_path / "x.onnx"
    onnx.save(model(), path, save_as_external_data=True, location="x.onnx.data", size_threshold=0)
    expected = Interface(13, 7, "fp16", {"input": ("batch", 3, 320, 320)})
    with pytest.raises(ExportError) as caught:
        verify(path, expected, "fp16")
    message = str(caught.value)
    for part in (
        "opsets: expected {'ai.onnx': 13}, got {'ai.onnx': 18}",
        "IR version: expected 7, got 8",
        "outputs: expected ['loc', 'conf', 'landmarks'], got ['loc']",
        "axes of input: expected ('batch', 3, 320, 320), got ('batch', 3, 8, 8)",
        "type of input: expected fp16, got FLOAT",
        "1 weights lie in another file, first w",
        "more than one file: x.onnx.data",
        "type of the weights: expected FLOAT16, got ['FLOAT']",
    ):
        assert part in message
