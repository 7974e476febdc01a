import sys

import numpy as np
import pytest

from retinaface.errors import ExportError
from retinaface.export.tiny_model import write_model
from retinaface.network.scenes import synthetic_inputs
from tests.support.made.onnx_models import edited

pytestmark = pytest.mark.needs("torch", "onnx", "onnxsim", "onnxconverter_common", "onnxruntime")

# Exports give 1e-7 in FP32; FP16 keeps 11 bits.
WEIGHT_ERROR = {"fp32": 1e-6, "fp16": 5e-4}
# Another order of float32 sums: a few times torch's own error.
NOISE_FACTOR = 8


@pytest.fixture(scope="module")
def loaded():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded")


def exported(loaded, folder, exporter):
    from retinaface.export.exporter import export
    from retinaface.export.options import ExportOptions

    export(loaded, ExportOptions(exporter=exporter, simplify=False), folder / "raw.onnx")
    return folder / "raw.onnx"


@pytest.fixture(scope="module")
def torchscript(loaded, tmp_path_factory, shared_exports):
    """Give the TorchScript exporter's file, not simplified."""
    return exported(loaded, tmp_path_factory.mktemp("torchscript"), "torchscript")


@pytest.fixture(scope="module")
def dynamo(loaded, tmp_path_factory, shared_exports):
    """Give the dynamo exporter's file, not simplified."""
    return exported(loaded, tmp_path_factory.mktemp("dynamo"), "dynamo")


def variant(raw, kind, precision, path):
    """Apply the steps of an export that follow the exporter."""
    import onnx
    import onnxsim

    from retinaface.export.conversion import to_fp16

    model = onnx.load(raw)
    if kind == "simplified":
        model = onnxsim.simplify(model)[0]
    if precision == "fp16":
        model = to_fp16(model, keep_io_types=kind == "simplified")
    onnx.helper.set_model_props(model, {"retinaface.precision": precision})
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("kind", ["raw", "simplified"])
@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_each_convolution_is_matched_and_its_tensor_holds_its_output(
    loaded, request, tmp_path, exporter, kind, precision
):
    from retinaface.engines.opening import open_engine
    from tests.support.made.layers import layer_drifts

    raw = request.getfixturevalue(exporter)
    path = variant(raw, kind, precision, tmp_path / "x.onnx")
    with open_engine(f"ort-cpu-{precision}", model=path, max_batch=1) as engine:
        drifts = layer_drifts(loaded.model, engine, path, synthetic_inputs(1, 7))
    assert len({d.layer for d in drifts}) == len({d.tensor for d in drifts}) == len(drifts) == 56
    assert max(d.weight_error for d in drifts) < WEIGHT_ERROR[precision]
    assert [d for d in drifts if d.exceeds(NOISE_FACTOR)] == []


def test_layers_are_listed_in_the_order_of_execution(loaded, torchscript):
    from retinaface.export.layer_match import match_convolutions

    matches = match_convolutions(loaded.model, torchscript)
    layers = [match.layer for match in matches]
    assert layers[:3] == ["body.stage1.0.0", "body.stage1.1.0", "body.stage1.1.3"]
    assert layers.index("fpn.output3.0") < layers.index("fpn.output2.0")  # coarse levels first
    assert layers[-1] == "LandmarkHead.2.conv1x1"
    # The TorchScript exporter names tensors after modules.
    assert matches[0].tensor == "/body/stage1/stage1.0/stage1.0.0/Conv_output_0"


def test_the_layer_with_different_weights_is_found(loaded, torchscript, tmp_path, monkeypatch):
    """The weights of each of the 56 layers change in turn, by 1 %."""
    import onnx
    from onnx import numpy_helper

    from retinaface.export import layer_match

    layers = layer_match.torch_convolutions(loaded.model)
    monkeypatch.setattr(layer_match, "torch_convolutions", lambda _: layers)  # the costly half
    model = onnx.load(torchscript)
    intact = layer_match.match_convolutions(loaded.model, torchscript)
    tensors = {t.name: t for t in model.graph.initializer}
    kernels = {n.output[0]: n.input[1] for n in model.graph.node if n.op_type == "Conv"}
    for match in intact:
        weight = tensors[kernels[match.tensor]]
        kept = onnx.TensorProto.FromString(weight.SerializeToString())
        changed = numpy_helper.to_array(weight) * np.float32(1.01)
        weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
        onnx.save(model, tmp_path / "x.onnx")
        weight.CopyFrom(kept)
        found = layer_match.match_convolutions(loaded.model, tmp_path / "x.onnx")
        worst = max(found, key=lambda m: m.weight_error)
        assert (worst.layer, worst.tensor) == (match.layer, match.tensor)
        assert worst.weight_error == pytest.approx(0.01, rel=1e-3)
        assert sum(m.weight_error > WEIGHT_ERROR["fp32"] for m in found) == 1


def test_a_changed_bias_is_found(loaded, torchscript, tmp_path):
    from onnx import numpy_helper

    from retinaface.export.layer_match import match_convolutions

    def edit(graph):
        names = {n.input[2] for n in graph.node if n.op_type == "Conv" and len(n.input) > 2}
        biases = [t for t in graph.initializer if t.name in names]
        # A bias that its kernel does not dwarf.
        bias = max(biases, key=lambda t: np.linalg.norm(numpy_helper.to_array(t)))
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) * 1.01, bias.name))

    matches = match_convolutions(loaded.model, edited(torchscript, tmp_path / "x.onnx", edit))
    assert sorted(m.weight_error for m in matches)[-1] == pytest.approx(0.01, rel=1e-3)


def unfold_batch_norms(graph):
    """Put a batch norm after each convolution with a bias, as an exporter that keeps them does."""
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    tensors = {t.name: t for t in graph.initializer}
    for i, node in reversed(list(enumerate(graph.node))):
        if node.op_type != "Conv" or node.input[2] not in tensors:
            continue
        kernel, bias = (numpy_helper.to_array(tensors[n]) for n in node.input[1:])
        scale, variance = rng.uniform(0.5, 2, (2, len(kernel))).astype(np.float32)
        mean = rng.uniform(-0.1, 0.1, len(kernel)).astype(np.float32)
        gain = scale / np.sqrt(variance + 1e-3)
        for name, array in {
            node.input[1]: kernel / gain[:, None, None, None],
            f"scale_{i}": scale,
            f"shift_{i}": bias + mean * gain,
            f"mean_{i}": mean,
            f"variance_{i}": variance,
        }.items():
            tensor = numpy_helper.from_array(array, name)
            if name in tensors:
                tensors[name].CopyFrom(tensor)
            else:
                graph.initializer.append(tensor)
        parameters = [f"{n}_{i}" for n in ("scale", "shift", "mean", "variance")]
        output = node.output[0]
        node.output[0] = f"unnormed_{i}"
        del node.input[2:]
        norm = helper.make_node(
            "BatchNormalization", [node.output[0], *parameters], [output], epsilon=1e-3
        )
        graph.node.insert(i + 1, norm)


def hide_constants(graph):
    """Turn the weights of convolutions into Constant nodes behind a Cast or an Identity."""
    from onnx import TensorProto, helper

    weights = {name for n in graph.node if n.op_type == "Conv" for name in n.input[1:]}
    hidden = [tensor for tensor in graph.initializer if tensor.name in weights]
    for tensor in hidden:
        graph.initializer.remove(tensor)
        held = f"{tensor.name}_held"
        is_kernel = len(tensor.dims) == 4
        graph.node.insert(
            0,
            helper.make_node("Cast", [held], [tensor.name], to=TensorProto.FLOAT)
            if is_kernel
            else helper.make_node("Identity", [held], [tensor.name]),
        )
        graph.node.insert(0, helper.make_node("Constant", [], [held], value=tensor))


@pytest.mark.parametrize("edit", [unfold_batch_norms, hide_constants])
def test_other_ways_to_write_the_same_weights_are_read(loaded, torchscript, tmp_path, edit):
    from retinaface.engines.opening import open_engine
    from tests.support.made.layers import layer_drifts

    path = edited(torchscript, tmp_path / "x.onnx", edit)
    with open_engine("ort-cpu-fp32", model=path, max_batch=1) as engine:
        drifts = layer_drifts(loaded.model, engine, path, synthetic_inputs(1, 7))
    assert max(d.weight_error for d in drifts) < WEIGHT_ERROR["fp32"]
    assert [d for d in drifts if d.exceeds(NOISE_FACTOR)] == []


def drop_a_convolution(graph):
    graph.node.remove(next(n for n in graph.node if n.op_type == "Conv"))


def transpose_a_kernel(graph):
    tensor = next(t for t in graph.initializer if list(t.dims) == [16, 8, 1, 1])
    tensor.dims[:2] = [8, 16]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop_a_convolution, r"Conv_output_0.*, which nothing before it gives"),
        (transpose_a_kernel, r"the kernel has 8 outputs, and bias or batch norm have other ones"),
    ],
)
def test_a_file_of_another_network_is_refused(loaded, torchscript, tmp_path, edit, message):
    from retinaface.export.layer_match import match_convolutions

    with pytest.raises(ExportError, match=message):
        match_convolutions(loaded.model, edited(torchscript, tmp_path / "x.onnx", edit))


@pytest.mark.parametrize("content", [None, b"garbage" * 100])
def test_a_file_that_cannot_be_read_is_refused(loaded, tmp_path, content):
    from retinaface.export.layer_match import match_convolutions

    if content:
        (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(ExportError, match=r"x\.onnx: it cannot be read as ONNX \(.*check the file"):
        match_convolutions(loaded.model, tmp_path / "x.onnx")


def test_matching_without_onnx_is_refused(loaded, tmp_path, monkeypatch):
    from retinaface.export.layer_match import match_convolutions

    write_model(tmp_path / "x.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ExportError, match="onnx is not installed; pip install onnx"):
        match_convolutions(loaded.model, tmp_path / "x.onnx")


def test_quantised_nodes_without_their_inputs_are_no_layers(loaded, tmp_path):
    import onnx

    from retinaface.export.layer_match import match_convolutions

    write_model(tmp_path / "x.onnx")

    def cut(graph):
        for i, kind in enumerate(("QLinearConv", "DequantizeLinear", "Identity", "Conv")):
            graph.node.append(onnx.helper.make_node(kind, [], [f"cut{i}"]))

    edited(tmp_path / "x.onnx", tmp_path / "y.onnx", cut)
    with pytest.raises(ExportError, match="expected 56 convolutions with constant weights, got"):
        match_convolutions(loaded.model, tmp_path / "y.onnx")
