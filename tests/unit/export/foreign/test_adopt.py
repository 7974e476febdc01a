import numpy as np
import pytest

from retinaface.errors import ModelError
from retinaface.export.tiny_model import write_model
from tests.support.foreign_files import (
    change_last_weight,
    edit,
    move_weights_outside,
    renamed,
    without_softmax,
)

pytestmark = pytest.mark.needs("onnx")


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "model.onnx"


def adopt(file, scores="probabilities"):
    from retinaface.export.foreign.adopt import adopt as run

    return run(file, scores)


def outputs_of(file, value=1.0):
    from onnx.reference import ReferenceEvaluator

    images = np.full((1, 3, 320, 320), value, np.float32)
    evaluator = ReferenceEvaluator(str(file))
    found = evaluator.run(None, {evaluator.input_names[0]: images})
    return dict(zip(evaluator.output_names, found, strict=True))


def write_outside(file):
    write_model(file)
    return move_weights_outside(file)


def test_a_file_of_our_own_form_is_used_as_it_is(file):
    write_model(file)
    found = adopt(file)
    assert (found.path, found.source, found.notes) == (file, file, ())


@pytest.mark.parametrize("names", [("output", "607", "606"), ("output0", "586", "585")])
def test_outputs_are_told_by_shape_whatever_their_names_and_order(file, names):
    def shuffle(graph):
        graph.node[1].input[0] = graph.input[0].name = "input0"
        graph.output.extend([graph.output.pop(1), graph.output.pop(0)])

    write_model(file, outputs=names)
    before = outputs_of(file)
    edit(file, shuffle)
    found = adopt(file)
    assert found.notes == (
        f"input and outputs are told by shape: loc is {names[0]}, conf is {names[1]}, landmarks is "
        f"{names[2]}",
    )
    after = outputs_of(found.path)
    assert list(after) == ["loc", "conf", "landmarks"]
    for old, new in zip(names, after, strict=True):
        np.testing.assert_array_equal(before[old], after[new])
    assert found.path.name == file.name


def test_a_copy_that_is_not_what_was_written_is_made_again(file):
    write_outside(file)
    copy = adopt(file).path
    before = copy.read_bytes()
    copy.write_bytes(before[:-1] + b"x")
    assert adopt(file).path == copy
    assert copy.read_bytes() == before


def test_a_tensor_inside_that_has_one_of_our_names_gets_another(file):
    def collide(graph):
        for node in graph.node:
            for fields in (node.input, node.output):
                for i, name in enumerate(fields):
                    fields[i] = {"grey": "loc", "m": "conf"}.get(name, name)

    write_model(file, outputs=("a", "b", "c"))
    before = outputs_of(file)
    edit(file, collide)
    after = outputs_of(adopt(file).path)
    np.testing.assert_array_equal(before["a"], after["loc"])
    np.testing.assert_array_equal(before["b"], after["conf"])


def test_further_outputs_are_left_out_with_what_makes_them(file):
    import onnx
    from onnx import TensorProto, helper

    def more(graph):
        graph.node.append(helper.make_node("Exp", ["grey"], ["heat"]))
        graph.output.append(helper.make_tensor_value_info("heat", TensorProto.FLOAT, None))

    write_model(file)
    edit(file, more)
    found = adopt(file)
    assert found.notes == ("further outputs are not read: heat",)
    assert "Exp" not in {node.op_type for node in onnx.load(found.path).graph.node}


def test_files_that_differ_only_in_weights_outside_are_two(file):
    write_outside(file)
    one = adopt(file)
    assert one.notes == (
        "weights outside model.onnx belong to its identity, and run from one copy",
    )
    change_last_weight(file.with_name("weights.bin"), 7)
    other = adopt(file)
    assert one.path != other.path
    assert one.path.read_bytes() != other.path.read_bytes()
    assert not np.array_equal(
        outputs_of(one.path)["landmarks"], outputs_of(other.path)["landmarks"]
    )


def test_weights_that_are_missing_are_named(file):
    write_outside(file)
    file.with_name("weights.bin").unlink()
    with pytest.raises(ModelError, match="weights are in another file, .*weights.bin"):
        adopt(file)


def test_logits_need_the_word(file):
    write_model(file, outputs=("output", "607", "606"))
    edit(file, without_softmax)
    with pytest.raises(ModelError, match="scores, 607, are no probabilities.*--scores logits"):
        adopt(file)
    assert "softmax applied to its scores (--scores logits)" in adopt(file, "logits").notes


def test_probabilities_are_not_logits(file):
    write_model(file)
    with pytest.raises(ModelError, match="are probabilities already; leave --scores logits out"):
        adopt(file, "logits")


def test_a_softmax_of_smaller_operators_is_found_by_a_run(file):
    from onnx import helper

    def decompose(graph):
        softmax = next(node for node in graph.node if node.op_type == "Softmax")
        logits, scores = softmax.input[0], softmax.output[0]
        graph.node.remove(softmax)
        graph.node.extend(
            [
                helper.make_node("Exp", [logits], ["powers"]),
                helper.make_node("ReduceL1", ["powers"], ["sum"], axes=[-1], keepdims=1),
                helper.make_node("Div", ["powers", "sum"], [scores]),
            ]
        )

    write_model(file)
    edit(file, decompose)
    assert adopt(file).notes == ()
    with pytest.raises(ModelError, match="are probabilities already"):
        adopt(file, "logits")


def change_input(shape=None, kind=None):
    def change(graph):
        tensor = graph.input[0].type.tensor_type
        if kind is not None:
            tensor.elem_type = kind
        for dim, axis in zip(tensor.shape.dim, shape or (), strict=False):
            dim.dim_value = axis

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_input(kind=2), "input input takes uint8, but float32 or float16 is needed"),
        (change_input((1, 320, 320, 3)), "1x320x320x3, channels last, but channels first"),
        (change_input((1, 1, 320, 320)), "1x1x320x320, 1 channels, but 3 are needed"),
        (lambda g: g.input.append(g.input[0]), "expected one input, images"),
        (lambda g: g.input[0].type.tensor_type.shape.dim.pop(), "but four axes are needed"),
        (lambda g: g.output.pop(), r"expected an output \(N, 4200, 10\) for landmarks at 320x320"),
    ],
    ids=["uint8", "channels-last", "grey", "inputs", "axes", "outputs"],
)
def test_another_form_is_refused_in_a_line(file, change, message):
    write_model(file)
    edit(file, change)
    with pytest.raises(ModelError, match=message) as caught:
        adopt(file)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"cannot use {file}: ")


def test_other_priors_are_another_architecture(file):
    write_model(file, size=(160, 160))
    edit(file, change_input((1, 3, 320, 320)))
    with pytest.raises(ModelError, match="it has 1050 priors, but this network has 4200"):
        adopt(file)


def test_two_outputs_of_one_shape_are_ambiguous_unless_one_has_our_name(file):
    from onnx import TensorProto, helper

    def double(graph):
        first = graph.output[0].name
        graph.node.append(helper.make_node("Neg", [first], ["twin"]))
        twin = helper.make_tensor_value_info("twin", TensorProto.FLOAT, ["batch", 4200, 4])
        graph.output.append(twin)

    write_model(file, outputs=("a", "b", "c"))
    edit(file, double)
    with pytest.raises(ModelError, match="outputs a and twin both have the shape of loc"):
        adopt(file)
    write_model(file)
    edit(file, double)
    assert adopt(file).notes == ("further outputs are not read: twin",)


def test_quantised_weights_are_named_before_anything_else(file):
    from onnx import helper, numpy_helper

    def quantise(graph):
        scale = numpy_helper.from_array(np.float32(0.01), "scale")
        graph.initializer.append(scale)
        stored = next(t for t in graph.initializer if t.name == "stored")
        stored.CopyFrom(numpy_helper.from_array(np.full((1, 3, 1, 1), 33, np.int8), "stored"))
        graph.node.remove(graph.node[0])
        next(node for node in graph.node if node.output[0] == "grey").op_type = "Conv"
        linear = helper.make_node("DequantizeLinear", ["stored", "scale"], ["weight"])
        graph.node.insert(0, linear)

    write_model(file)
    edit(file, quantise)
    with pytest.raises(ModelError, match="stored in INT8, and the engine does not compute in that"):
        adopt(file)


def test_a_fixed_batch_is_noted(file):
    write_model(file, batch=1)
    assert adopt(file).notes == ("it takes 1 image a call: larger batches are split",)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100], ids=["empty", "garbage"])
def test_what_is_no_onnx_file_is_refused(file, content):
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"cannot use .*model.onnx: it is no .*ONNX file"):
        adopt(file)


def test_inputs_are_gone_through_once_whatever_their_number(file, monkeypatch):
    """Old files list each weight among the inputs."""
    import onnx

    from retinaface.export.foreign import adopt as module

    calls = []
    image_inputs = module.image_inputs
    monkeypatch.setattr(module, "image_inputs", lambda g: calls.append(1) or image_inputs(g))

    def listed(graph):
        for tensor in graph.initializer:
            kind, axes = tensor.data_type, tensor.dims
            value = onnx.helper.make_tensor_value_info(tensor.name, kind, axes)
            graph.input.append(value)

    write_model(file, outputs=("output", "607", "606"))
    edit(file, listed)
    adopted = onnx.load(module.adopt(file).path)
    assert len(adopted.graph.input) > 2
    assert adopted.graph.input[0].name == "input"
    assert len(calls) == 1


def test_a_refusal_does_not_repeat_megabytes(file):
    def long(graph):
        renamed("n" * 10**6, "loc", "conf", "landmarks")(graph)
        graph.input[0].type.tensor_type.elem_type = 7

    write_model(file)
    edit(file, long)
    with pytest.raises(ModelError, match="cannot use .*: its input nnn") as caught:
        adopt(file)
    assert len(str(caught.value)) < 2000
