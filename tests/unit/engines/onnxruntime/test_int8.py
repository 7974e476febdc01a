"""INT8 files on the engines that take them."""

import numpy as np
import pytest

from retinaface.engines.catalogue import BUILTIN, find_engine
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable, ModelError
from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "torch", "onnxsim")
ENGINES = [
    pytest.param("ort-cpu-int8"),
    pytest.param("openvino-cpu-int8", marks=pytest.mark.needs("openvino")),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory, shared_exports):
    from retinaface.export.exporter import export
    from retinaface.export.int8.calibration import CalibrationSet
    from retinaface.export.int8.options import Int8Options
    from retinaface.export.options import ExportOptions
    from retinaface.network.checkpoint import load_model
    from retinaface.network.scenes import synthetic_inputs

    path = tmp_path_factory.mktemp("int8") / "x.onnx"
    calibration = CalibrationSet(synthetic_inputs(2, 3), ("0" * 64, "1" * 64))
    options = ExportOptions(precision="int8", int8=Int8Options())
    export(load_model("embedded"), options, path, calibration=calibration)
    return path


@pytest.mark.parametrize("name", ENGINES)
def test_it_runs_in_int8_and_says_with_which_instructions(name, file, monkeypatch):
    monkeypatch.setattr("retinaface.engines.base.vnni", lambda: "avx_vnni")
    images = np.zeros((2, 3, 320, 320), np.float32)
    with open_engine(name, model=file, max_batch=2) as engine:
        described = engine.describe()
        outputs = engine.infer(images)
    assert described["precision"] == "int8"
    assert described["int8_instructions"] == "avx_vnni"
    assert described["placement"]["n_int8_nodes"] > 20
    assert [o.shape for o in outputs] == [(2, 4200, 4), (2, 4200, 2), (2, 4200, 10)]


@pytest.mark.parametrize("name", ENGINES)
def test_a_file_in_float_is_refused(name, tmp_path):
    write_model(tmp_path / "x.onnx")
    with pytest.raises(EngineUnavailable, match="needs an INT8 model, but the weights of"):
        open_engine(name, model=tmp_path / "x.onnx", max_batch=1)


@pytest.mark.parametrize("name", ["ort-cpu-fp32", "ort-cpu-fp16"])
def test_engines_in_float_refuse_the_file_and_name_the_other(name, file):
    with pytest.raises(ModelError, match="stored in INT8, .*take ort-cpu-int8"):
        open_engine(name, model=file, max_batch=1)


@pytest.mark.parametrize(
    "name",
    ["ort-cpu-int8", pytest.param("openvino-cpu-int8", marks=pytest.mark.needs("openvino"))],
)
def test_without_a_file_the_command_that_makes_one_is_named(name):
    with pytest.raises(EngineUnavailable, match="retinaface export --precision int8"):
        open_engine(name, weights="embedded")


def test_exact_sums_are_asked_of_the_runtime(file, monkeypatch):
    import onnxruntime

    asked = {}
    original = onnxruntime.SessionOptions.add_session_config_entry

    class Options(onnxruntime.SessionOptions):
        def add_session_config_entry(self, key, value):
            asked[key] = value
            original(self, key, value)

    monkeypatch.setattr("retinaface.engines.onnxruntime.cpu.ort.SessionOptions", Options)
    open_engine("ort-cpu-int8", model=file, max_batch=1).close()
    assert "session.x64quantprecision" not in asked
    options = {"exact_sums": "on"}
    open_engine("ort-cpu-int8", model=file, max_batch=1, options=options).close()
    assert asked["session.x64quantprecision"] == "1"


def test_names_of_third_parties_say_int8():
    entry = find_engine("package.engines:acme_x1_int8")
    assert (entry.precision, entry.device) == ("int8", "x1")
    assert {n for n, e in BUILTIN.items() if e.precision == "int8"} == {
        "ort-cpu-int8",
        "openvino-cpu-int8",
    }
