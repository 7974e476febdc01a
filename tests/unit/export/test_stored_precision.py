import numpy as np
import pytest

pytestmark = pytest.mark.needs("onnx")


def convolution(kind, *between):
    """Make a model of one convolution, whose weights are stored so and reach it through nodes."""
    from onnx import TensorProto, helper, numpy_helper

    stored = numpy_helper.from_array(np.ones((1, 3, 1, 1), kind), "stored")
    scale = numpy_helper.from_array(np.float32(0.1), "scale")
    nodes, name = [], "stored"
    for i, operator in enumerate(between):
        settings = {"to": TensorProto.FLOAT} if operator == "Cast" else {}
        inputs = [name, "scale"] if operator == "DequantizeLinear" else [name]
        nodes.append(helper.make_node(operator, inputs, [f"w{i}"], **settings))
        name = f"w{i}"
    nodes.append(helper.make_node("Conv", ["input", name], ["y"]))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "one",
        [value("input", TensorProto.FLOAT, [1, 3, 8, 8])],
        [value("y", TensorProto.FLOAT, None)],
        [stored, scale],
    )
    return helper.make_model(graph)


@pytest.mark.parametrize(
    ("kind", "between", "expected"),
    [
        (np.float32, (), "fp32"),
        (np.float16, (), "fp16"),
        (np.float16, ("Cast",), "fp16"),
        (np.float16, ("Identity", "Cast", "Identity"), "fp16"),
        (np.int8, ("DequantizeLinear",), "int8"),
        (np.uint8, ("DequantizeLinear", "Identity"), "int8"),
        (np.float64, ("Cast",), "fp64"),
    ],
)
def test_what_counts_is_the_type_in_which_weights_are_stored(kind, between, expected):
    from retinaface.export.stored_precision import stored_precision

    assert stored_precision(convolution(kind, *between)) == expected


def test_constants_are_read_and_quantised_activations_make_int8():
    from onnx import helper, numpy_helper

    from retinaface.export.stored_precision import stored_precision

    model = convolution(np.float32)
    del model.graph.initializer[0]
    half = numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float16))
    model.graph.node.insert(0, helper.make_node("Constant", [], ["stored"], value=half))
    assert stored_precision(model) == "fp16"
    model = convolution(np.float32)
    model.graph.node.insert(0, helper.make_node("QuantizeLinear", ["input", "scale"], ["q"]))
    assert stored_precision(model) == "int8"


def test_nodes_that_go_round_in_a_circle_end():
    """A file that is read has none, but a graph in memory may."""
    from retinaface.export.stored_precision import stored_precision

    model = convolution(np.float16, "Identity", "Identity")
    model.graph.node[0].input[0] = "w1"
    assert stored_precision(model) == "fp16"
    assert stored_precision(convolution(np.float16, *["Identity"] * 2000)) == "fp16"
