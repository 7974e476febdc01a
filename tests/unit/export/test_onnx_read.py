"""The structure of an ONNX file is checked once, where it is read."""

import numpy as np
import pytest

from retinaface.formats.faults import FormatError

pytestmark = pytest.mark.needs("onnx")


def model():
    from onnx import TensorProto, helper, numpy_helper

    value = numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    nodes = [
        helper.make_node("Add", ["input", "w"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["out"], name="second"),
    ]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 3]) for n in ("input", "out")]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], [value])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def read(path, changed):
    from retinaface.export.onnx_read import read_graph

    path.write_bytes(changed if isinstance(changed, bytes) else changed.SerializeToString())
    return read_graph(path)


def test_a_whole_file_is_read(tmp_path):
    assert len(read(tmp_path / "x.onnx", model()).graph.node) == 2


def short(m):
    m.graph.initializer[0].raw_data = b"\0" * 20


def negative(m):
    m.graph.initializer[0].dims[0] = -2


def giant(m):
    m.graph.initializer[0].dims[0] = 2**40


def unknown_type(m):
    m.graph.initializer[0].data_type = 0


def from_nowhere(m):
    m.graph.node[1].input[0] = "elsewhere"


def circle(m):
    m.graph.node[0].input[0] = "out"


def twice(m):
    m.graph.node[1].output[0] = "a"


def silent(m):
    del m.graph.node[1].output[:]


def no_output(m):
    m.graph.output[0].name = "nothing"


def deep(m):
    inner = m.graph.node[0]
    for _ in range(12):
        attribute = inner.attribute.add(name="body", type=5)
        inner = attribute.g.node.add(op_type="If")


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (short, "expected 24 values or bytes for them, got 20"),
        (negative, "has the axes"),
        (giant, "has the axes"),
        (unknown_type, "no known type"),
        (from_nowhere, "'elsewhere', which nothing before it gives"),
        (circle, "'out', which nothing before it gives"),
        (twice, "gives a name that is given before it"),
        (silent, "gives nothing"),
        (no_output, "'nothing' is given by no node"),
        (deep, "inside each other"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_contradiction_is_named(tmp_path, damage, match):
    changed = model()
    damage(changed)
    with pytest.raises(FormatError, match=match):
        read(tmp_path / "x.onnx", changed)


def test_bytes_that_are_none_are_refused(tmp_path):
    whole = model().SerializeToString()
    for content in (b"", b"\xff" * 9, whole[:5]):
        with pytest.raises(FormatError, match="ONNX"):
            read(tmp_path / "x.onnx", content)
    with pytest.raises(FormatError, match="no UTF-8|no whole ONNX"):
        read(tmp_path / "x.onnx", whole.replace(b"first", b"fir\xff\xfe"))


def test_a_bomb_of_empty_nodes_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    from retinaface.export import onnx_read

    nodes = b"\x0a\x00" * 250_001
    n = len(nodes)
    head = b"\x3a" + bytes([n & 127 | 128, n >> 7 & 127 | 128, n >> 14])
    monkeypatch.setattr(onnx_read, "onnx", None)  # whatever parses fails
    with pytest.raises(FormatError, match="more than 250000 fields"):
        read(tmp_path / "x.onnx", head + nodes)


def test_weights_of_any_size_are_read(tmp_path):
    from onnx import numpy_helper

    changed = model()
    changed.graph.initializer.append(numpy_helper.from_array(np.zeros(2**24, np.float32), "big"))
    assert len(read(tmp_path / "x.onnx", changed).graph.initializer[1].raw_data) == 2**26


def inner(m):
    """Put a graph into a node, which takes what is given outside of it."""
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("deep", TensorProto.FLOAT, [2, 3])
    body = helper.make_graph([helper.make_node("Relu", ["a"], ["deep"])], "b", [], [value])
    node = helper.make_node("If", ["a"], ["chosen"], then_branch=body)
    m.graph.node.insert(1, node)
    return m.graph.node[1].attribute[0].g


def nowhere_inside(m):
    inner(m).node[0].input[0] = "elsewhere"


def short_inside(m):
    from onnx import numpy_helper

    tensor = inner(m).initializer.add()
    tensor.CopyFrom(numpy_helper.from_array(np.ones(2, np.float32), "t"))
    tensor.raw_data = b"\0"


def sparse(m):
    from onnx import numpy_helper

    one = m.graph.sparse_initializer.add()
    one.values.CopyFrom(numpy_helper.from_array(np.ones(2, np.float32), "t"))
    one.values.raw_data = b"\0"


def of_no_type(m):
    m.graph.input[0].type.tensor_type.elem_type = 99


def endless_axis(m):
    m.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2**40


def calls_itself(m):
    from onnx import helper

    opset = [helper.make_opsetid("own", 1)]
    node = helper.make_node("f", ["x"], ["y"], domain="own")
    m.functions.append(helper.make_function("own", "f", ["x"], ["y"], [node], opset))


def short_in_a_function(m):
    from onnx import helper, numpy_helper

    tensor = numpy_helper.from_array(np.ones(2, np.float32), "t")
    tensor.raw_data = b"\0"
    node = helper.make_node("Constant", [], ["y"], value=tensor)
    m.functions.append(helper.make_function("own", "f", [], ["y"], [node], []))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (nowhere_inside, "'elsewhere', which nothing before it gives"),
        (short_inside, "expected 8 values or bytes"),
        (sparse, "expected 8 values or bytes"),
        (of_no_type, "no known type"),
        (endless_axis, "has the axes"),
        (calls_itself, "its function 'f' calls itself"),
        (short_in_a_function, "expected 8 values or bytes"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_inside_of_nodes_and_functions_is_checked_too(tmp_path, damage, match):
    changed = model()
    inner(changed)
    read(tmp_path / "x.onnx", changed)
    changed = model()
    damage(changed)
    with pytest.raises(FormatError, match=match):
        read(tmp_path / "x.onnx", changed)


def test_messages_quote_the_beginning_of_a_name(tmp_path):
    changed = model()
    changed.graph.node[1].input[0] = "n" * 100_000
    with pytest.raises(FormatError) as caught:
        read(tmp_path / "x.onnx", changed)
    assert len(str(caught.value)) < 300
