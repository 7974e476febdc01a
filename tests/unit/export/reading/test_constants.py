"""Constants become real numbers, as far as a graph has what that takes, within a limit."""

import numpy as np
import pytest

from retinaface.formats.faults import FormatError

pytestmark = pytest.mark.needs("onnx")


def graph(nodes, **arrays):
    from onnx import helper, numpy_helper

    made = [helper.make_node(*node) for node in nodes]
    tensors = [numpy_helper.from_array(np.asarray(array), n) for n, array in arrays.items()]
    return helper.make_graph(made, "g", [], [], tensors)


INT8 = np.array([[2, 4]], np.int8)


def test_quantised_constants_become_real_numbers():
    from retinaface.export.reading.constants import constants_of

    found = constants_of(
        graph([("DequantizeLinear", ["w", "s"], ["q"])], w=INT8, s=np.float32(0.5))
    )
    np.testing.assert_array_equal(found["q"], [[1, 2]])


@pytest.mark.parametrize(
    "node",
    [
        ("DequantizeLinear", [], ["q"]),
        ("DequantizeLinear", ["w"], ["q"]),
        ("DequantizeLinear", ["", ""], ["q"]),
        ("DequantizeLinear", ["w", ""], ["q"]),
        ("DequantizeLinear", ["w", "s", "elsewhere"], ["q"]),
        ("QLinearConv", [], ["q"]),
        ("QLinearConv", ["w"] * 5, ["q"]),
        ("QLinearConv", ["w", "", "", "", "", "", "", ""], ["q"]),
        ("Identity", [], ["q"]),
        ("Cast", [], ["q"]),
    ],
)
def test_a_node_without_its_inputs_gives_no_constant(node):
    from retinaface.export.reading.constants import constants_of

    assert "q" not in constants_of(graph([node], w=INT8, s=np.float32(0.5)))


def test_scales_of_another_length_match_no_layer():
    from retinaface.export.reading.constants import constants_of, dequantised

    names = ["x", "xs", "z", "w", "ws", "z", "ys", "z", "b"]
    node = ("QLinearConv", names, ["y"])
    arrays = {"w": INT8, "ws": np.ones(5), "xs": np.ones(3), "z": np.int8(0), "b": np.ones(2)}
    found = constants_of(graph([node], **arrays))
    assert np.isnan(found[dequantised("w")]).all()
    assert dequantised("b") not in found


def test_many_names_of_one_constant_are_one_array():
    from retinaface.export.reading.constants import constants_of

    nodes = [("Identity", ["w" if i == 0 else f"n{i}"], [f"n{i + 1}"]) for i in range(50)]
    found = constants_of(graph(nodes, w=np.ones(3, np.float32)))
    assert found["n50"] is found["w"]


def test_what_a_few_bytes_stand_for_has_a_limit(monkeypatch):
    from retinaface.export.reading import constants

    monkeypatch.setattr(constants, "_MAX_VALUES", 20)
    nodes = [("DequantizeLinear", ["w", "s"], [f"q{i}"]) for i in range(20)]
    arrays = {"w": INT8, "s": np.float32(1)}
    constants.constants_of(graph(nodes[:10], **arrays))
    with pytest.raises(FormatError, match="at most 20 are compared"):
        constants.constants_of(graph(nodes, **arrays))
    with pytest.raises(FormatError, match="it has 21 weights"):
        constants.constants_of(graph([], w=np.ones(21, np.float32)))
