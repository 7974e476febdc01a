"""ONNX Runtime on CUDA, as far as a CPU can test it."""

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnxruntime", "onnx")


@pytest.fixture
def path(tmp_path):
    write_model(tmp_path / "x.onnx")
    return tmp_path / "x.onnx"


class FellBack:
    """A session that silently gives the CPU in place of CUDA."""

    def get_providers(self):
        return ["CPUExecutionProvider"]


def test_a_session_that_silently_fell_back_is_refused(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu as module

    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(module.ort, "InferenceSession", lambda *_, **__: FellBack())
    message = "lists CUDAExecutionProvider but the session fell back to CPUExecutionProvider"
    with pytest.raises(EngineUnavailable, match=message):
        open_engine("ort-cuda-fp32", model=path, max_batch=1)


def test_other_options_of_a_device_go_to_its_provider(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu as module

    providers = []

    def spy(*_, **named):
        providers.extend(named["providers"])
        return FellBack()

    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(module.ort, "InferenceSession", spy)
    options = {"fusions": "off", "use_tf32": "1", "cudnn_conv_algo_search": "HEURISTIC"}
    with pytest.raises(EngineUnavailable, match="fell back"):
        open_engine("ort-cuda-fp32", model=path, options=options)
    del options["fusions"]
    assert providers == [("CUDAExecutionProvider", options)]
    with pytest.raises(EngineUnavailable, match="'cuda_graph'; .*; did you mean cuda_graphs"):
        open_engine("ort-cuda-fp32", model=path, options={"cuda_graph": "on"})
    with pytest.raises(EngineUnavailable, match="option cuda_graphs must be on or off, got '1'$"):
        open_engine("ort-cuda-fp32", model=path, options={"cuda_graphs": "1"})


def on_the_cpu(path):
    """Open the engine of devices on the CPU, where ONNX Runtime offers the same calls."""
    from retinaface.engines.base import EngineSpec
    from retinaface.engines.onnxruntime.cuda import OnnxRuntimeDeviceEngine

    class OnTheCpu(OnnxRuntimeDeviceEngine):
        provider = "CPUExecutionProvider"

        def _provider_options(self):
            return {}

    return OnTheCpu(EngineSpec("ort-cuda-fp32", "fp32", "cpu", model=path, max_batch=4))


def test_a_device_is_loaded_run_and_read_in_three_steps(path):
    images = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
    with open_engine("ort-cpu-fp32", model=path, max_batch=2) as engine:
        expected = engine.infer(images)
    with on_the_cpu(path) as engine:
        engine.load(images)
        engine.execute()
        engine.execute()
        for actual, wanted in zip(engine.fetch(), expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)
        for actual, wanted in zip(engine.infer(images[:1]), expected, strict=True):
            np.testing.assert_array_equal(actual, wanted[:1])
        assert "host_memory" in engine.describe()["io"]
        found = engine.infer_intermediates(images, ["mean"])["mean"]
    np.testing.assert_allclose(found.ravel(), [1, 2], rtol=1e-6)
    engine.close()  # twice


def test_a_provider_that_does_not_load_is_reported_with_the_missing_library(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu as module
    from retinaface.engines.onnxruntime import cuda

    def raises(*_, **__):
        raise RuntimeError("Please install the libraries")

    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(module.ort, "InferenceSession", raises)
    monkeypatch.setattr(cuda, "missing_library", lambda _: "libcublasLt.so.13: no")
    message = (
        r"lists CUDAExecutionProvider but cannot load it \(libcublasLt.so.13: no\); docs/gpu.md"
    )
    with pytest.raises(EngineUnavailable, match=message):
        open_engine("ort-cuda-fp32", model=path, max_batch=1)
    monkeypatch.setattr(cuda, "missing_library", lambda _: None)
    with pytest.raises(EngineUnavailable, match="Please install the libraries; check the file"):
        open_engine("ort-cuda-fp32", model=path, max_batch=1)


def test_libraries_without_a_driver_are_no_fault_of_the_file(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu as module

    text = "cuda_call.cc:129 CUDA failure 35: CUDA driver version is insufficient ; GPU=-1 ;"

    def raises(*_, **__):
        raise RuntimeError(text)

    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(module.ort, "InferenceSession", raises)
    with pytest.raises(EngineUnavailable) as caught:
        open_engine("ort-cuda-fp32", model=path, max_batch=1)
    message = str(caught.value)
    assert "cannot use it: CUDA failure 35: CUDA driver version is insufficient; " in message
    assert "check driver and device with nvidia-smi" in message
    assert "check the file" not in message


@pytest.mark.parametrize("version", ["1.17.1+corex.4.5.0.20260721", "1.18.0+corex.5.0.0"])
def test_a_vendors_build_with_a_local_version_opens(path, monkeypatch, version):
    """Iluvatar's SDK brings its own onnxruntime-gpu; TF32 has a switch from 1.18 on."""
    from retinaface.engines.onnxruntime import cpu as module
    from retinaface.engines.onnxruntime import cuda

    asked, honest = [], module.ort.InferenceSession

    def session(*arguments, providers, **named):
        asked.append(providers[0][1])
        opened = honest(*arguments, providers=["CPUExecutionProvider"], **named)
        monkeypatch.setattr(opened, "get_providers", lambda: ["CUDAExecutionProvider"])
        return opened

    placed = module.placement_from_profile
    monkeypatch.setattr(module.ort, "__version__", version)
    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(module.ort, "InferenceSession", session)
    monkeypatch.setattr(
        module, "placement_from_profile", lambda profile, _: placed(profile, "CPUExecutionProvider")
    )
    honest_io = cuda.DeviceIO
    monkeypatch.setattr(cuda, "DeviceIO", lambda s, _, *a, **n: honest_io(s, "cpu", *a, **n))
    with open_engine("ort-cuda-fp32", model=path, max_batch=1) as engine:
        assert engine.describe()["device"] == "cuda"
    assert asked == [{"use_tf32": "0"} if version.startswith("1.18") else {}]


@pytest.mark.needs("cuda")
@pytest.mark.parametrize("name", ["ort-cuda-fp32", "ort-cuda-fp16"])
@pytest.mark.needs("torch", "onnxsim")
def test_cuda_really_runs_on_cuda(name):
    with open_engine(name, weights="embedded", max_batch=2) as engine:
        outputs = engine.infer(np.zeros((2, 3, 320, 320), np.float32))
        placement = engine.describe()["placement"]
    assert placement["provider"] == "CUDAExecutionProvider"
    assert placement["n_nodes"] > 50
    assert np.isfinite(outputs.scores).all()
