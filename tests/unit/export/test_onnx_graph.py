import pytest

from retinaface.export.tiny_model import write_model
from tests.support.made.onnx_models import convolution

pytestmark = pytest.mark.needs("onnx")


def test_axes_are_read_and_replaced():
    from retinaface.export.onnx_graph import axes_of, set_axes

    model = convolution()
    assert axes_of(model.graph.input[0]) == ("batch", 3, 8, 8)
    set_axes(model, {"input": (4, 3, "height", 8)})
    assert axes_of(model.graph.input[0]) == (4, 3, "height", 8)
    model.graph.input[0].type.tensor_type.shape.dim[1].Clear()
    assert axes_of(model.graph.input[0]) == (4, "?", "height", 8)


def test_the_hash_depends_on_weights_and_operators_but_not_on_names():
    from retinaface.export.onnx_graph import graph_sha256, operator_counts

    sha256 = graph_sha256(convolution())
    assert operator_counts(convolution()) == {"Conv": 1}
    assert graph_sha256(convolution(name="kernel")) == sha256
    assert graph_sha256(convolution(weight=2.0)) != sha256


def test_tensors_inside_become_outputs_once(tmp_path):
    import onnx

    from retinaface.export.onnx_graph import with_outputs

    write_model(tmp_path / "x.onnx")
    marked = onnx.load_from_string(with_outputs(tmp_path / "x.onnx", ["mean", "conf", "mean"]))
    assert [v.name for v in marked.graph.output] == ["loc", "conf", "landmarks", "mean"]
    with pytest.raises(ValueError, match=r"1 of 2 names are no tensors of .*x\.onnx, first y"):
        with_outputs(tmp_path / "x.onnx", ["mean", "y"])
