from retinaface.engines.openvino.graph import Node, placement_from_nodes, reason_of


def node(name, kernel, precision="f16", has_run=True, kind="Convolution"):
    return Node(name, kind, kernel, precision, has_run)


def test_placement_tells_a_fallback_from_arithmetic_on_shapes():
    nodes = [
        node("a", "ocl:gemm"),
        node("b", "cpu::impl", kind="Softmax"),
        node("c", "cpu::impl", "i64", kind="ShapeOf"),
    ]
    assert placement_from_nodes(nodes, ["GPU.0"]) == {
        "provider": "OpenVINO GPU.0",
        "n_nodes": 1,
        "fallback": ["b (Softmax) by cpu::impl"],
        "shape_nodes_elsewhere": 1,
        "n_int8_nodes": 0,
        "computed_in": {"f16": 2},
    }


def test_on_the_cpu_nothing_is_elsewhere_and_integers_are_no_precision():
    nodes = [node("a", "cpu_jit", "f32"), node("b", "ref", "bf16"), node("c", "ref", "i32")]
    nodes.append(node("d", "ref", "undefined"))
    placement = placement_from_nodes(nodes, ["CPU"])
    assert placement["fallback"] == []
    assert placement["n_nodes"] == 4
    assert placement["computed_in"] == {"bf16": 1, "f32": 1}


def test_the_reason_is_what_stands_below_the_places_it_was_thrown_at():
    text = "Exception from src/core.cpp:117:\nException from src/plugin.cpp:5:\nNo such key X.\n\n"
    assert reason_of(RuntimeError(text)) == "No such key X"
    assert reason_of(RuntimeError("")) == "RuntimeError"
