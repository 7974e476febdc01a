"""ONNX Runtime on WebGPU: on a device where there is one, else as far as the CPU can stand in."""

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnxruntime", "onnx")
IMAGES = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
WEBGPU = "WebGpuExecutionProvider"


@pytest.fixture
def path(tmp_path):
    write_model(tmp_path / "x.onnx")
    return tmp_path / "x.onnx"


@pytest.fixture
def expected(path):
    with open_engine("ort-cpu-fp32", model=path, max_batch=2) as engine:
        return engine.infer(IMAGES)


@pytest.fixture
def session_of(monkeypatch):
    """Make sessions of WebGPU fail, or be what the test gives."""
    from retinaface.engines.onnxruntime import cpu as module

    def set_session(make):
        monkeypatch.setattr(module.ort, "get_available_providers", lambda: [WEBGPU])
        monkeypatch.setattr(module.ort, "InferenceSession", make)

    return set_session


class Binding:
    """A binding of the CPU that notes what is asked of it."""

    def __init__(self, inner, calls):
        self._inner, self._calls = inner, calls

    def bind_cpu_input(self, name, array):
        self._calls.append("bind")
        self._inner.bind_cpu_input(name, array.copy())  # the device's is a copy

    def bind_output(self, name, device):
        assert device == "webgpu"
        self._inner.bind_output(name, "cpu")

    def synchronize_outputs(self):
        self._inner.synchronize_outputs()

    def get_outputs(self):
        outputs = self._inner.get_outputs()
        self._calls.append("read")
        return outputs

    def copy_outputs_to_cpu(self):
        self._calls.append("copy")
        return self._inner.copy_outputs_to_cpu()


def on_the_cpu(path, calls, memory="Cpu"):
    """Open the engine on the CPU's provider, which has the same calls."""
    from retinaface.engines.onnxruntime.webgpu import OnnxRuntimeWebGpuEngine

    class OnTheCpu(OnnxRuntimeWebGpuEngine):
        provider = "CPUExecutionProvider"

        def _provider_options(self):
            return {}

        def _load(self, images):
            session, honest = self._session, self._session.io_binding
            self._session = Session(session, lambda: Binding(honest(), calls), calls)
            super()._load(images)
            self._loaded, self._session = self._session, session

        def _start(self):
            self._loaded.run_with_iobinding(self._binding)

    OnTheCpu.memory = memory
    return OnTheCpu(EngineSpec("ort-webgpu-fp32", "fp32", "webgpu", model=path, max_batch=4))


class Session:
    """A session whose runs are noted."""

    def __init__(self, inner, io_binding, calls):
        self._inner, self.io_binding, self._calls = inner, io_binding, calls

    def run_with_iobinding(self, binding):
        self._calls.append("run")
        self._inner.run_with_iobinding(binding._inner)


def test_a_run_ends_when_an_output_was_read(path, expected):
    calls = []
    with on_the_cpu(path, calls) as engine:
        engine.load(IMAGES)
        engine.execute()
        assert calls == ["bind", "run", "read"]
        calls.clear()
        engine.run_back_to_back(3)
        assert calls == ["run", "run", "run", "read"]
        found = engine.fetch()
        engine.load(IMAGES[::-1].copy())
        engine.execute()
        assert "by reading conf" in engine.describe()["io"]["wait"]
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)


def test_outputs_elsewhere_than_on_the_device_are_refused(path):
    with pytest.raises(EngineUnavailable, match="outputs in WebGPU_Buf, and onnxruntime .* Cpu;"):
        on_the_cpu(path, [], memory="WebGPU_Buf")


def test_a_runtime_without_webgpu_is_refused(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu as module

    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    message = "needs onnxruntime-webgpu: .* install the extra 'webgpu' in an environment without"
    with pytest.raises(EngineUnavailable, match=message):
        open_engine("ort-webgpu-fp32", model=path, max_batch=1)


def test_no_adapter_is_refused_with_the_packages(path, session_of):
    def raises(*_, **__):
        raise RuntimeError(
            "webgpu_context.cc:65 status == Success was false. Failed to get a WebGPU adapter: "
            "No supported adapters"
        )

    session_of(raises)
    with pytest.raises(EngineUnavailable) as caught:
        open_engine("ort-webgpu-fp32", model=path, max_batch=1)
    assert "\n" not in str(caught.value)
    assert "Mesa 25 or later" in str(caught.value)
    assert "apt install libvulkan1 mesa-vulkan-drivers" in str(caught.value)


def test_a_session_that_fell_back_is_refused(path, session_of):
    class FellBack:
        def get_providers(self):
            return ["CPUExecutionProvider"]

    session_of(lambda *_, **__: FellBack())
    with pytest.raises(EngineUnavailable, match=f"lists {WEBGPU} but the session fell back to CPU"):
        open_engine("ort-webgpu-fp32", model=path, max_batch=1)


@pytest.mark.needs("webgpu")
@pytest.mark.parametrize("name", ["ort-webgpu-fp32", "ort-webgpu-fp16"])
def test_the_device_computes_what_the_cpu_does(name, path, tmp_path, expected):
    precision = name[-4:]
    file = tmp_path / f"{precision}.onnx"
    write_model(file, precision=precision)
    with open_engine(name, model=file, max_batch=2) as engine:
        first = engine.infer(IMAGES)
        engine.load(IMAGES)
        engine.execute()
        engine.execute()
        assert engine.run_back_to_back(2) > 0
        found = engine.fetch()
        described = engine.describe()
    for actual, again, wanted in zip(found, first, expected, strict=True):
        np.testing.assert_array_equal(actual, again)
        np.testing.assert_allclose(actual, wanted, rtol=1e-3 if precision == "fp16" else 1e-6)
    assert described["placement"]["provider"] == WEBGPU
    assert described["placement"]["fallback"] == []
    assert described["io"]["outputs"] == "WebGPU_Buf"


@pytest.mark.needs("webgpu")
def test_what_was_bound_is_a_copy(path, expected):
    images = IMAGES.copy()
    with open_engine("ort-webgpu-fp32", model=path, max_batch=2) as engine:
        engine.load(images)
        images[:] = 7
        engine.execute()
        found = engine.fetch()
        engine.load(IMAGES[::-1].copy())
        engine.execute()
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-6)
