"""Calls of functions end, and stand for no more nodes than are read."""

import pytest

from retinaface.formats.faults import FormatError

pytestmark = pytest.mark.needs("onnx")


def calling(**functions):
    """Make a graph that calls `f0`, and functions that call others: `calling(f0="f1 f1")`."""
    from onnx import TensorProto, helper

    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]

    def nodes(names):
        for i, name in enumerate(names):
            domain = "own" if name.startswith("f") else ""
            source, target = (f"t{i}" if i else "x", f"t{i + 1}" if i < len(names) - 1 else "y")
            yield helper.make_node(name, [source], [target], domain=domain)

    made = [
        helper.make_function("own", name, ["x"], ["y"], list(nodes(body.split())), opsets)
        for name, body in functions.items()
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph(list(nodes(["f0"])), "g", ports[:1], ports[1:])
    return helper.make_model(graph, functions=made, opset_imports=opsets, ir_version=8)


def test_functions_of_exporters_pass():
    from retinaface.export.reading.functions import check_functions

    check_functions(calling(f0="f1 f1 Relu", f1="Relu Relu"))


@pytest.mark.parametrize(
    "functions",
    [{"f0": "f0"}, {"f0": "Relu f1", "f1": "f0"}, {"f0": "Relu", "f1": "f2", "f2": "f1"}],
    ids=["itself", "through another", "called by nothing"],
)
def test_a_function_that_calls_itself_is_refused(functions):
    from retinaface.export.reading.functions import check_functions

    with pytest.raises(FormatError, match="calls itself"):
        check_functions(calling(**functions))


def test_calls_that_double_are_counted_not_followed():
    from retinaface.export.reading.functions import check_functions

    bodies = {f"f{i}": f"f{i + 1} f{i + 1}" for i in range(30)} | {"f30": "Relu"}
    with pytest.raises(FormatError, match="calls stand for .* nodes, and 100000 are read"):
        check_functions(calling(**bodies))
    deep = {f"f{i}": f"f{i + 1}" for i in range(40)} | {"f40": "Relu"}
    with pytest.raises(FormatError, match="functions deep"):
        check_functions(calling(**deep))


def test_graphs_inside_nodes_are_listed_to_a_depth():
    from onnx import helper

    from retinaface.export.reading.functions import nodes_within

    def nested(depth):
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [])
        for _ in range(depth):
            node = helper.make_node("If", ["c"], ["y"], then_branch=graph)
            graph = helper.make_graph([node], "g", [], [])
        return graph

    assert [node.op_type for node in nodes_within(nested(8))] == ["If"] * 8 + ["Relu"]
    with pytest.raises(FormatError, match="at most 8 deep"):
        list(nodes_within(nested(9)))
