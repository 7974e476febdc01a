"""onnx infers, runs and checks a stranger's graph in one child; whatever ends it is one line."""

import os
import signal

import numpy as np
import pytest

from retinaface.errors import ModelError

pytestmark = pytest.mark.needs("onnx")

SHAPE = (1, 3, 8, 8)


def graph(*nodes, **constants):
    """Make a model from `input` to `out`: `graph(("Relu", ["input"], ["out"]))`."""
    from onnx import TensorProto, helper, numpy_helper

    made = [
        helper.make_node(kind, inputs, outputs, **dict(*more))
        for kind, inputs, outputs, *more in nodes
    ]
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()]
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 8, 8])
    target = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    parts = helper.make_graph(made, "g", [source], [target], tensors)
    opsets = [helper.make_opsetid("", 13)]
    return helper.make_model(parts, opset_imports=opsets, ir_version=7)


RELU = ("Relu", ["input"], ["out"])
DOUBLING = [
    ("Shape", ["input"], ["s0"]),
    *(("Concat", [f"s{i}"] * 2, [f"s{i + 1}"], {"axis": 0}) for i in range(40)),
    ("Cast", ["s40"], ["out"], {"to": 1}),
]


def endless():
    from onnx import TensorProto, helper

    def values(**kinds):
        made = helper.make_tensor_value_info
        return [made(name, getattr(TensorProto, kind), None) for name, kind in kinds.items()]

    body = helper.make_graph(
        [helper.make_node("Identity", [n], [f"{n}_out"]) for n in ("on", "x")],
        "body",
        values(i="INT64", on="BOOL", x="FLOAT"),
        values(on_out="BOOL", x_out="FLOAT"),
    )
    loop = ("Loop", ["times", "begin", "input"], ["out"], {"body": body})
    return graph(loop, times=np.array(2**60), begin=np.array(True))


def test_shapes_are_inferred_and_a_free_axis_is_none():
    from retinaface.export.foreign.evaluator import inferred_shapes

    assert inferred_shapes(graph(RELU), "input", (5, 3, 8, 8)) == {"out": (5, 3, 8, 8)}
    places = graph(("NonZero", ["input"], ["p"]), ("Cast", ["p"], ["out"], {"to": 1}))
    assert inferred_shapes(places, "input", SHAPE) == {"out": (4, None)}


def test_a_run_gives_shapes_and_the_output_asked_for():
    from retinaface.export.foreign.evaluator import run_once

    images = np.linspace(-1, 1, 192, dtype=np.float32).reshape(SHAPE)
    shapes, values = run_once(graph(RELU), "input", images, "out")
    assert shapes == {"out": SHAPE}
    np.testing.assert_array_equal(values, np.maximum(images, 0))
    shapes, values = run_once(graph(RELU), "input", SHAPE)
    assert (shapes, values.size) == ({"out": SHAPE}, 0)


def test_what_the_checker_says_is_given():
    from retinaface.export.foreign.evaluator import checker_problem

    def complete(operator):
        made = graph((operator, ["input"], ["out"]))
        made.graph.output[0].type.CopyFrom(made.graph.input[0].type)
        return made

    assert checker_problem(complete("Relu")) == ""
    problem = checker_problem(complete("Nonsense"))
    assert problem.startswith("the ONNX checker says: ValidationError: No Op registered")


@pytest.mark.parametrize("what", ["infer", "run"])
def test_what_a_graph_makes_onnx_raise_is_one_line(what):
    from retinaface.export.foreign.evaluator import inferred_shapes, run_once

    wrong = graph(("Reshape", ["input", "to"], ["out"]), to=np.array([5, 7]))
    if what == "infer":
        del wrong.opset_import[:]
    with pytest.raises(ModelError, match="it does not (take|run on) ") as caught:
        (inferred_shapes if what == "infer" else run_once)(wrong, "input", SHAPE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["inferred_shapes", "run_once"])
def test_a_graph_whose_values_double_is_one_line(what):
    """Forty nodes, of which each gives twice as many numbers as the one before it."""
    from retinaface.export.foreign import evaluator

    with pytest.raises(ModelError, match="needs more than 1024 MiB|took more than 8 s"):
        getattr(evaluator, what)(graph(*DOUBLING), "input", SHAPE)
    assert evaluator.inferred_shapes(graph(RELU), "input", SHAPE) == {"out": SHAPE}


def test_a_constant_of_any_size_is_one_line():
    from retinaface.export.foreign.evaluator import run_once

    giant = graph(("ConstantOfShape", ["n"], ["out"]), n=np.array([2**31]))
    with pytest.raises(ModelError, match="onnx needs more than 1024 MiB for it"):
        run_once(giant, "input", SHAPE)


def test_a_loop_without_end_is_one_line(monkeypatch):
    from retinaface.export.foreign import child, evaluator

    monkeypatch.setattr(child, "WALL_S", 1)
    with pytest.raises(ModelError, match="the process that asked onnx about it took more than 1 s"):
        evaluator.run_once(endless(), "input", SHAPE)


def test_inputs_that_are_too_large_are_not_tried():
    from retinaface.export.foreign.evaluator import run_once

    with pytest.raises(ModelError, match="inputs are too large to try; fold its constants"):
        run_once(graph(RELU), "input", (8192, 3, 320, 320))


def test_a_child_that_was_ended_is_named_and_another_one_starts():
    from retinaface.export.foreign.evaluator import Evaluator, inferred_shapes
    from retinaface.formats.faults import FormatError

    evaluator = Evaluator()
    os.kill(evaluator.pid, signal.SIGKILL)
    with pytest.raises(FormatError, match="ended by SIGKILL"):
        evaluator.ask({"what": "check"}, graph(RELU).SerializeToString())
    assert not evaluator.is_alive()
    assert inferred_shapes(graph(RELU), "input", SHAPE) == {"out": SHAPE}


def test_a_child_that_does_not_start_is_named(tmp_path, monkeypatch):
    from retinaface.export.foreign import child
    from retinaface.export.foreign.evaluator import Evaluator

    (tmp_path / "child.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(child, "__file__", str(tmp_path / "child.py"))
    with pytest.raises(ModelError, match="ended with exit code 3; try: .* 'import onnx.reference'"):
        Evaluator()


@pytest.mark.parametrize(
    "reply",
    ["b'[]'", "b'{'", "b'\\xff'", "b'{}'"],
    ids=["no object", "cut", "no text", "no shapes"],
)
def test_nothing_that_the_child_sends_is_believed(tmp_path, monkeypatch, reply):
    from retinaface.export.foreign import child, evaluator

    code = (
        "import struct, sys\n"
        "reply = struct.Struct('>BQQ')\n"
        "sys.stdout.buffer.write(reply.pack(0, 0, 0))\n"
        f"sys.stdout.buffer.write(reply.pack(0, len({reply}), 0) + {reply})\n"
        "sys.stdout.flush()\n"
        "sys.stdin.buffer.read()\n"
    )
    (tmp_path / "child.py").write_text(code)
    evaluator.end_child()
    monkeypatch.setattr(child, "__file__", str(tmp_path / "child.py"))
    monkeypatch.setattr(evaluator, "_LAST_WORDS_S", 0.1)
    try:
        with pytest.raises(ModelError, match="no sound answer|ended"):
            evaluator.inferred_shapes(graph(RELU), "input", SHAPE)
    finally:
        evaluator.end_child()
