import numpy as np
import pytest

from retinaface.errors import ExportError
from tests.support.given.int8_exports import N, calibration, outputs_of, run_export

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
    pytest.mark.usefixtures("shared_exports"),
]


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


def test_an_unknown_float_layer_is_refused_with_the_nearest(loaded, tmp_path):
    with pytest.raises(ExportError, match=r"unknown layer .*did you mean fpn\.output1\.0\?"):
        run_export(loaded, tmp_path / "x.onnx", float_layers=("fpn.output1",))
    assert not list(tmp_path.iterdir())


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
