"""Options for ONNX Runtime's TensorRT provider; not tested with TensorRT itself."""

import json
from pathlib import Path

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from tests.support.standins.ort_tensorrt import PROVIDER, FakeOrtTensorRt

pytestmark = pytest.mark.needs("onnxruntime", "onnx")
NAME = "ort-tensorrt-fp32"


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    write_model(tmp_path / "x.onnx")
    return tmp_path / "x.onnx"


@pytest.fixture
def provider(monkeypatch):
    return FakeOrtTensorRt().install(monkeypatch)


def asked(provider, path, name=NAME, **settings):
    open_engine(name, model=path, **settings).close()
    return provider.asked[-1]


def test_one_cached_engine_serves_all_batches(provider, path, tmp_path):
    options = asked(provider, path, max_batch=8)
    folder = Path(options.pop("trt_engine_cache_path"))
    assert folder.parent == tmp_path / "cache" / "builds" / NAME
    assert folder.is_dir()
    assert options == {
        "device_id": "0",
        "trt_fp16_enable": "False",
        "trt_profile_min_shapes": "input:1x3x320x320",
        "trt_profile_opt_shapes": "input:8x3x320x320",
        "trt_profile_max_shapes": "input:8x3x320x320",
        "trt_engine_cache_enable": "True",
        "trt_timing_cache_enable": "False",
    }


def test_fp16_is_built_from_the_fp16_file(provider, path):
    with pytest.raises(EngineUnavailable, match="needs an FP16 model, but the weights of"):
        asked(provider, path, "ort-tensorrt-fp16")
    write_model(path, precision="fp16")
    assert asked(provider, path, "ort-tensorrt-fp16")["trt_fp16_enable"] == "True"


def test_a_fixed_batch_is_the_only_shape(provider, path):
    write_model(path, batch=4)
    options = asked(provider, path, max_batch=2)
    shapes = {options[f"trt_profile_{which}_shapes"] for which in ("min", "opt", "max")}
    assert shapes == {"input:4x3x320x320"}


def test_options_go_to_the_provider_and_the_sessions_do_not(provider, path):
    settings = {"fusions": "off", "trt_builder_optimization_level": "5", "device_id": "1"}
    options = asked(provider, path, options=settings)
    assert options["trt_builder_optimization_level"] == "5"
    assert options["device_id"] == "1"
    assert "fusions" not in options


def test_builds_settings_and_files_do_not_share_engines(provider, path, monkeypatch):
    def folder(**settings):
        return asked(provider, path, **settings)["trt_engine_cache_path"]

    first = folder()
    assert folder() == first
    found = {first, folder(build=2), folder(max_batch=8), folder(options={"device_id": "1"})}
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    found.add(folder())
    write_model(path, precision=None)
    found.add(folder())
    assert len(found) == 6


def test_three_steps_give_the_networks_outputs(provider, path):
    images = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
    with open_engine(NAME, model=path) as engine:
        outputs = engine.infer(images)
        engine.load(images)
        engine.execute()
        again = engine.fetch()
        described = json.loads(json.dumps(engine.describe()))
    np.testing.assert_allclose(outputs.loc[:, 0, 1], [0.01, 0.02], rtol=1e-6)
    np.testing.assert_array_equal(outputs.loc, again.loc)
    assert described["placement"]["provider"] == PROVIDER
    assert described["runtime"].startswith("onnxruntime-tensorrt 1.")
    assert described["tf32"] == "off (NVIDIA_TF32_OVERRIDE=0)"
    assert described["profile"] == ["1x3x320x320", "32x3x320x320", "32x3x320x320"]


def test_a_node_on_the_cpu_is_refused(provider, path):
    provider.elsewhere = True
    with pytest.raises(EngineUnavailable, match=f"did not run on {PROVIDER}: .*Mul"):
        open_engine(NAME, model=path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"garbage", "cannot use .*; check the file$"), (None, "takes 64x64 inputs, but 320x320")],
    ids=["garbage", "size"],
)
def test_a_file_that_does_not_fit_is_refused_before_it_is_built(provider, path, content, reason):
    write_model(path, size=(64, 64))
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineUnavailable, match=reason):
        open_engine(NAME, model=path)
    assert provider.asked == []


def test_a_missing_provider_is_reported_with_the_extra(path, monkeypatch):
    from retinaface.engines.onnxruntime.cpu import ort

    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    message = f"{NAME} needs cuda: onnxruntime .* is built without {PROVIDER} .* the extra 'gpu'"
    with pytest.raises(EngineUnavailable, match=message):
        open_engine(NAME, model=path)


def test_a_library_that_does_not_load_is_named_with_what_to_install(provider, path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu, cuda

    honest = cpu.ort.InferenceSession

    def fails(*arguments, providers, **named):
        if providers == ["CPUExecutionProvider"]:
            return honest(*arguments, providers=providers, **named)
        raise RuntimeError("Please install TensorRT libraries")

    monkeypatch.setattr(cpu.ort, "InferenceSession", fails)
    monkeypatch.setattr(cuda, "missing_library", lambda _: "libnvinfer.so.10: no")
    message = r"cannot load it \(libnvinfer.so.10: no\); install the TensorRT and CUDA .*gpu.md"
    with pytest.raises(EngineUnavailable, match=message):
        open_engine(NAME, model=path)


def test_tf32_is_forbidden_unless_the_variable_is_set(monkeypatch):
    from retinaface.engines.tensorrt import libraries

    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    libraries.prepare()
    assert libraries.tf32() == "up to the runtime (NVIDIA_TF32_OVERRIDE=1)"
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    assert libraries.tf32() == "up to the runtime (NVIDIA_TF32_OVERRIDE=not set)"
    libraries.prepare()
    assert libraries.tf32() == "off (NVIDIA_TF32_OVERRIDE=0)"


@pytest.mark.parametrize(
    ("number", "version"), [(100_900, "10.9.0"), (110_400, "11.4.0"), (8601, "8.6.1")]
)
def test_the_version_is_that_of_the_loaded_library(monkeypatch, number, version):
    from retinaface.engines.tensorrt import libraries

    class Library:
        def getInferLibVersion(self):  # noqa: N802 - TensorRT's name
            return number

    assert libraries.loaded_version() is None  # none is here
    monkeypatch.setattr(libraries.ctypes, "CDLL", lambda name, mode: Library())
    assert libraries.loaded_version() == version
