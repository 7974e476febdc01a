import numpy as np
import pytest

from retinaface.errors import ExportError

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
    pytest.mark.usefixtures("shared_exports"),
]
N = 4


@pytest.fixture(scope="module")
def loaded():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded")


def calibration(n=N):
    from retinaface.export.int8.calibration import CalibrationSet
    from retinaface.network.scenes import synthetic_inputs

    return CalibrationSet(synthetic_inputs(n, 3), tuple(f"{i:064x}" for i in range(n, 0, -1)))


def run_export(loaded, path, given=None, **options):
    from retinaface.export.exporter import export
    from retinaface.export.int8.options import Int8Options
    from retinaface.export.options import ExportOptions

    own = {k: options.pop(k) for k in ("method", "quantisation", "float_layers") if k in options}
    asked = ExportOptions(precision="int8", int8=Int8Options(**own), **options)
    return export(loaded, asked, path, calibration=given or calibration())


def outputs_of(model, images):
    import onnxruntime

    content = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})


@pytest.fixture(scope="module")
def qdq(loaded, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "x.onnx"
    return path, run_export(loaded, path)


def test_every_convolution_is_int8_with_a_scale_for_each_channel(qdq):
    import onnx

    path, manifest = qdq
    model = onnx.load(path)
    kernels = [t for t in model.graph.initializer if len(t.dims) == 4]
    assert len(kernels) == 56
    assert {t.data_type for t in kernels} == {onnx.TensorProto.INT8}
    scales = {t.name: list(t.dims) for t in model.graph.initializer if t.name.endswith("_scale")}
    for kernel in kernels:
        name = kernel.name.removesuffix("_quantized")
        assert scales[f"{name}_scale"] == [kernel.dims[0]]
    assert manifest.options.int8.method == "minmax"
    assert len(manifest.layers) == 56


def test_the_manifest_keeps_hashes_of_the_images_and_nothing_else(qdq):
    from retinaface.export.manifest import read_manifest

    path, manifest = qdq
    assert manifest.calibration.n_images == N
    assert manifest.calibration.sha256 == tuple(f"{i:064x}" for i in range(1, N + 1))
    assert read_manifest(path) == manifest


def test_outputs_are_near_those_of_float32(qdq):
    """Not equal: that would be no INT8. Not far: scales of another tensor give other boxes."""
    from retinaface.reference.stored import load_reference

    path, _ = qdq
    case = load_reference(path.with_suffix(".reference.npz"))[0]
    for name, output in zip(
        ("loc", "conf", "landmarks"), outputs_of(path, case.images), strict=True
    ):
        error = np.sqrt(np.mean((output - case.exact[name]) ** 2))
        spread = np.sqrt(np.mean((case.exact[name] - case.exact[name].mean()) ** 2))
        assert 1e-5 < error < 0.5 * spread


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_each_method_and_form_gives_a_file_that_runs(method, loaded, tmp_path, capsys):
    manifest = run_export(loaded, tmp_path / "x.onnx", method=method, quantisation="qoperator")
    assert manifest.operators["QLinearConv"] == 56
    assert manifest.options.int8.method == method
    assert capsys.readouterr().out == ""
    shapes = [o.shape for o in outputs_of(tmp_path / "x.onnx", calibration().images[:2])]
    assert shapes == [(2, 4200, 4), (2, 4200, 2), (2, 4200, 10)]


def test_float_layers_stay_in_float(loaded, tmp_path):
    import onnx

    layers = ("body.stage1.0.0", "ClassHead.1.conv1x1")
    manifest = run_export(loaded, tmp_path / "x.onnx", float_layers=layers)
    graph = onnx.load(tmp_path / "x.onnx").graph
    weights = {t.name: t.data_type for t in graph.initializer}
    makers = {o: n for n in graph.node for o in n.output}
    floats = {n.output[0] for n in graph.node if n.op_type == "Conv" and n.input[1] in weights}
    assert floats == {manifest.layers[layer] for layer in layers}
    assert all(makers[name].op_type == "Conv" for name in floats)


def test_layers_put_in_float_afterwards_compute_what_those_of_an_export_do(qdq, loaded, tmp_path):
    import onnx

    from retinaface.export.int8.float_layers import with_float_layers
    from retinaface.reference.layers_from_torch import torch_convolutions

    path, manifest = qdq
    names = ("body.stage1.1.3", "fpn.output1.0")
    run_export(loaded, tmp_path / "x.onnx", float_layers=names)
    layers = {
        manifest.layers[c.name]: c for c in torch_convolutions(loaded.model) if c.name in names
    }
    put = with_float_layers(onnx.load(path), layers).SerializeToString()
    images = calibration(2).images
    own, exported, int8 = (outputs_of(m, images) for m in (put, tmp_path / "x.onnx", path))
    for a, b, c in zip(own, exported, int8, strict=True):
        # The runtime may fuse the two files otherwise: a few values round to the next integer.
        assert np.abs(a - b).mean() < 0.2 * np.abs(a - c).mean()


def test_layers_of_a_qoperator_file_cannot_be_put_in_float(loaded, tmp_path):
    import onnx

    from retinaface.export.int8.float_layers import with_float_layers
    from retinaface.reference.layers_from_torch import torch_convolutions

    manifest = run_export(loaded, tmp_path / "x.onnx", quantisation="qoperator")
    layer = torch_convolutions(loaded.model)[0]
    with pytest.raises(ExportError, match="got QLinearConv; export with --quantisation qdq"):
        with_float_layers(onnx.load(tmp_path / "x.onnx"), {manifest.layers[layer.name]: layer})


def test_an_unknown_float_layer_is_refused_with_the_nearest(loaded, tmp_path):
    with pytest.raises(ExportError, match=r"unknown layer .*did you mean fpn\.output1\.0\?"):
        run_export(loaded, tmp_path / "x.onnx", float_layers=("fpn.output1",))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"opset": 12}, "needs opset 13 or higher, got 12"),
        ({"simplify": False}, "leave --no-simplify out"),
        ({"io": "fp16"}, "FP16 input and outputs need --precision fp16"),
        ({"float_layers": ("a", "a")}, "float layer a is named twice"),
    ],
)
def test_what_cannot_be_int8_is_refused(options, match, loaded, tmp_path):
    with pytest.raises(ExportError, match=match):
        run_export(loaded, tmp_path / "x.onnx", **options)


def test_a_fixed_batch_wants_as_many_images(loaded, tmp_path):
    with pytest.raises(ExportError, match="a file of batch 8 with 4 images; give at least 8"):
        run_export(loaded, tmp_path / "x.onnx", batch_size=8)
    manifest = run_export(loaded, tmp_path / "x.onnx", batch_size=2)
    assert manifest.axes["input"][0] == 2


def test_calibration_images_must_be_network_inputs():
    from retinaface.export.int8.calibration import CalibrationSet

    with pytest.raises(ExportError, match=r"got \(0, 3, 320, 320\) float32"):
        CalibrationSet(np.zeros((0, 3, 320, 320), np.float32), ())
    with pytest.raises(ExportError, match="float64"):
        CalibrationSet(np.zeros((1, 3, 8, 8)), ("a",))
    with pytest.raises(ExportError, match="got 1 images and 2 hashes"):
        CalibrationSet(np.zeros((1, 3, 8, 8), np.float32), ("a", "b"))


def test_images_without_int8_and_int8_without_images_are_refused(loaded, tmp_path):
    from retinaface.export.exporter import export
    from retinaface.export.int8.options import Int8Options
    from retinaface.export.options import ExportOptions

    with pytest.raises(ExportError, match="calibration images go with precision int8"):
        export(loaded, ExportOptions(), tmp_path / "x.onnx", calibration=calibration())
    with pytest.raises(ExportError, match="calibration images go with precision int8"):
        options = ExportOptions(precision="int8", int8=Int8Options())
        export(loaded, options, tmp_path / "x.onnx")
    with pytest.raises(ExportError, match="options of INT8 go with precision int8"):
        ExportOptions(int8=Int8Options())


def test_ranges_do_not_depend_on_how_many_images_are_held_together(loaded, tmp_path, monkeypatch):
    from retinaface.export.int8 import calibration as module

    whole = run_export(loaded, tmp_path / "a.onnx")
    monkeypatch.setattr(module, "_AT_A_TIME", 1)
    assert run_export(loaded, tmp_path / "b.onnx").sha256 == whole.sha256
