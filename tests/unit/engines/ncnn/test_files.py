from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.errors import EngineUnavailable

pytestmark = pytest.mark.needs("onnx")


def half_model():
    """Make casts at both ends, a weight of 2 ^ -20 in FP16, and an integer that is cast to FP16."""
    from onnx import TensorProto, helper, numpy_helper

    def value(name, kind):
        return helper.make_tensor_value_info(name, kind, ["n", 2])

    nodes = [
        helper.make_node("Cast", ["input"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Mul", ["half", "tiny"], ["product"]),
        helper.make_node("Shape", ["half"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["sizes"], to=TensorProto.FLOAT16),
        helper.make_node("Add", ["product", "sizes"], ["sum"]),
        helper.make_node("Cast", ["sum"], ["loc"], to=TensorProto.FLOAT),
        helper.make_node("Neg", ["sum"], ["conf"]),
    ]
    tiny = numpy_helper.from_array(np.full((1, 2), 2.0**-20, np.float16), "tiny")
    outputs = [value("loc", TensorProto.FLOAT), value("conf", TensorProto.FLOAT16)]
    graph = helper.make_graph(nodes, "g", [value("input", TensorProto.FLOAT)], outputs, [tiny])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def test_a_widened_model_is_fp32_with_the_same_weights_and_names():
    import onnx
    from onnx.reference import ReferenceEvaluator

    from retinaface.engines.ncnn.files import widen

    model = half_model()
    widen(model)
    onnx.checker.check_model(model, full_check=True)
    assert [n.op_type for n in model.graph.node] == ["Mul", "Shape", "Cast", "Add", "Neg"]
    assert [v.name for v in model.graph.output] == ["loc", "conf"]
    given = np.array([[1, 2], [3, 4]], np.float32)
    loc, conf = ReferenceEvaluator(model).run(None, {"input": given})
    np.testing.assert_allclose(loc, given * 2.0**-20 + 2, rtol=1e-6)
    np.testing.assert_array_equal(conf, -loc)
    assert conf.dtype == np.float32


def test_an_fp32_model_stays_as_it_is():
    from onnx import TensorProto

    from retinaface.engines.ncnn.files import widen

    model = half_model()
    widen(model)
    before = model.SerializeToString()
    widen(model)
    assert model.SerializeToString() == before
    assert model.graph.initializer[0].data_type == TensorProto.FLOAT


def test_the_kinds_of_layers_are_read_from_the_graph_file(tmp_path):
    from retinaface.engines.ncnn.files import layer_kinds

    (tmp_path / "x.param").write_text("7767517\n2 2\nInput a 0 1 in0\nReLU   b 1 1 in0 out0\n")
    assert layer_kinds(tmp_path / "x.param") == ["Input", "ReLU"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no such operator >&2; exit 3", "exit status 3 \\(no such operator\\); export"),
        ("exit 0", "exit status 0 \\(no output\\)"),
    ],
)
def test_an_error_of_the_converter_is_quoted(tmp_path, monkeypatch, script, message):
    import onnx

    from retinaface.engines.ncnn import files

    program = tmp_path / "pnnx"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    package = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(files.importlib.util, "find_spec", lambda _: package)
    onnx.save(half_model(), tmp_path / "x.onnx")
    with pytest.raises(EngineUnavailable, match=message):
        files.convert(tmp_path / "x.onnx", tmp_path, height_px=320, width_px=320)
