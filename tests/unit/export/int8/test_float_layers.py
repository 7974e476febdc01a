import numpy as np
import pytest

from retinaface.errors import ExportError
from tests.support.given.int8_exports import calibration, outputs_of, run_export

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
    pytest.mark.usefixtures("shared_exports"),
]


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
