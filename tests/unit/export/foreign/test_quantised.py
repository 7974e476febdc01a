import numpy as np
import pytest

pytestmark = pytest.mark.needs("onnx", "onnxruntime")


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_both_operators_give_what_onnx_runtime_gives(axis):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    from retinaface.export.foreign.quantised import quantised_operators

    n = 1 if axis is None else (2, 3)[axis]
    shape = () if axis is None else (n,)
    scale = np.linspace(0.1, 0.4, n, dtype=np.float32).reshape(shape)
    zero = np.arange(n, dtype=np.int8).reshape(shape)
    along = {} if axis is None else {"axis": axis}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], **along),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], **along),
    ]
    ports = [helper.make_tensor_value_info(i, TensorProto.FLOAT, [2, 3]) for i in "xy"]
    constants = [numpy_helper.from_array(scale, "s"), numpy_helper.from_array(zero, "z")]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    feed = {"x": np.array([[0.26, -3.1, 99], [-99, 0.04, 7.7]], np.float32)}
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    own = ReferenceEvaluator(model, new_ops=quantised_operators()).run(None, feed)[0]
    np.testing.assert_allclose(own, session.run(None, feed)[0], rtol=1e-6)
