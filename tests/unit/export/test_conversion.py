import numpy as np
import pytest

from retinaface.errors import ExportError
from tests.support.made.onnx_models import convolution

pytestmark = pytest.mark.needs("onnx")


@pytest.mark.needs("onnxconverter_common")
def test_fp16_refuses_a_constant_that_does_not_fit():
    from retinaface.export.conversion import to_fp16

    with pytest.raises(ExportError, match="running_var reaches 89549, beyond FP16's 65504"):
        to_fp16(convolution(weight=89549.0, name="running_var"), keep_io_types=True)


@pytest.mark.needs("onnxconverter_common")
@pytest.mark.parametrize("value", [65_504.0, 3e4, 1e-7, 6e-8])
def test_fp16_rounds_constants_and_does_not_clamp_them(value):
    from onnx import numpy_helper

    from retinaface.export.conversion import to_fp16

    converted = to_fp16(convolution(weight=value), keep_io_types=False)
    weights = numpy_helper.to_array(converted.graph.initializer[0])
    assert weights.dtype == np.float16
    assert (weights == np.float16(value)).all()
    assert converted.ir_version == 8


@pytest.mark.parametrize(
    ("attributes", "lowered"),
    [({}, True), ({"antialias": 0}, True), ({"antialias": 1}, False), ({"axes": [2, 3]}, False)],
    ids=["plain", "default", "antialias", "axes"],
)
def test_lower_opset_changes_no_meaning(attributes, lowered):
    from onnx import helper

    from retinaface.export.conversion import lower_opset

    node = helper.make_node(
        "Resize", ["input", "", "", "sizes"], ["loc"], mode="nearest", **attributes
    )
    proto = convolution([node])
    if not lowered:
        with pytest.raises(ExportError, match="stayed at opset 18 when asked for 16, and Resize"):
            lower_opset(proto, 16)
        return
    lower_opset(proto, 16)
    assert proto.opset_import[0].version == 16
    assert [a.name for a in proto.graph.node[0].attribute] == ["mode"]


def test_lower_opset_refuses_other_operators():
    from onnx import helper

    from retinaface.export.conversion import lower_opset

    node = helper.make_node("ReduceMean", ["input"], ["loc"])
    with pytest.raises(ExportError, match="ReduceMean cannot be lowered"):
        lower_opset(convolution([node]), 16)
