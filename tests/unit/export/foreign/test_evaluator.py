"""onnx infers, runs and checks a stranger's graph in one child; whatever ends it is one line."""

import numpy as np
import pytest

from retinaface.errors import ModelError
from tests.support.made.onnx_models import small_graph

pytestmark = pytest.mark.needs("onnx")

SHAPE = (1, 3, 8, 8)


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
    return small_graph(loop, times=np.array(2**60), begin=np.array(True))


def test_shapes_are_inferred_and_a_free_axis_is_none():
    from retinaface.export.foreign.evaluator import inferred_shapes

    assert inferred_shapes(small_graph(RELU), "input", (5, 3, 8, 8)) == {"out": (5, 3, 8, 8)}
    places = small_graph(("NonZero", ["input"], ["p"]), ("Cast", ["p"], ["out"], {"to": 1}))
    assert inferred_shapes(places, "input", SHAPE) == {"out": (4, None)}


def test_a_run_gives_shapes_and_the_output_asked_for():
    from retinaface.export.foreign.evaluator import run_once

    images = np.linspace(-1, 1, 192, dtype=np.float32).reshape(SHAPE)
    shapes, values = run_once(small_graph(RELU), "input", images, "out")
    assert shapes == {"out": SHAPE}
    np.testing.assert_array_equal(values, np.maximum(images, 0))
    shapes, values = run_once(small_graph(RELU), "input", SHAPE)
    assert (shapes, values.size) == ({"out": SHAPE}, 0)


def test_what_the_checker_says_is_given():
    from retinaface.export.foreign.evaluator import checker_problem

    def complete(operator):
        made = small_graph((operator, ["input"], ["out"]))
        made.graph.output[0].type.CopyFrom(made.graph.input[0].type)
        return made

    assert checker_problem(complete("Relu")) == ""
    problem = checker_problem(complete("Nonsense"))
    assert problem.startswith("the ONNX checker says: ValidationError: No Op registered")


@pytest.mark.parametrize("what", ["infer", "run"])
def test_what_a_graph_makes_onnx_raise_is_one_line(what):
    from retinaface.export.foreign.evaluator import inferred_shapes, run_once

    wrong = small_graph(("Reshape", ["input", "to"], ["out"]), to=np.array([5, 7]))
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
        getattr(evaluator, what)(small_graph(*DOUBLING), "input", SHAPE)
    assert evaluator.inferred_shapes(small_graph(RELU), "input", SHAPE) == {"out": SHAPE}


def test_a_constant_of_any_size_is_one_line():
    from retinaface.export.foreign.evaluator import run_once

    giant = small_graph(("ConstantOfShape", ["n"], ["out"]), n=np.array([2**31]))
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
        run_once(small_graph(RELU), "input", (8192, 3, 320, 320))
