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
