from dataclasses import replace

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.network.scenes import synthetic_inputs

pytestmark = pytest.mark.needs("torch")


def test_fp16_rounds_and_stays_close_to_fp32():
    images = synthetic_inputs(2, 1)
    outputs = {}
    for precision in ("fp32", "fp16"):
        with open_engine(f"torch-cpu-{precision}", weights="embedded") as engine:
            outputs[precision] = engine.infer(images)
    difference = np.abs(outputs["fp32"].scores - outputs["fp16"].scores).max()
    assert 1e-5 < difference < 0.03


def test_threads_are_honoured_and_given_back():
    import torch

    before = torch.get_num_threads()
    with open_engine("torch-cpu-fp32", weights="embedded", threads=1) as engine:
        assert engine.describe()["threads"] == torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_a_model_file_is_refused(tmp_path):
    (tmp_path / "x.onnx").touch()
    with pytest.raises(EngineUnavailable, match="builds the network itself and cannot run"):
        open_engine("torch-cpu-fp32", model=tmp_path / "x.onnx")


def test_options_are_refused():
    with pytest.raises(EngineUnavailable, match="takes no options, got fusions; leave them out"):
        open_engine("torch-cpu-fp32", weights="embedded", options={"fusions": "off"})


@pytest.fixture
def hooks(monkeypatch):
    """List the hooks of modules."""
    import torch

    made, honest = [], torch.nn.Module.register_forward_hook

    def watched(module, hook):
        made.append(honest(module, hook))
        return made[-1]

    monkeypatch.setattr(torch.nn.Module, "register_forward_hook", watched)
    return made


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_intermediates_are_the_outputs_of_modules(precision, hooks):
    images = synthetic_inputs(2, 1)
    with open_engine(f"torch-cpu-{precision}", weights="embedded") as engine:
        outputs = engine.infer(images)
        found = engine.infer_intermediates(images, ["body.stage1.0.1", "body.stage1.0.2", "loc"])
        assert len(hooks) == 2
        assert not any(hook.id in hook.hooks_dict_ref() for hook in hooks)  # all are taken off
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    norm, relu = found["body.stage1.0.1"], found["body.stage1.0.2"]
    assert norm.shape == (2, 8, 160, 160)
    np.testing.assert_array_equal(np.maximum(norm, 0), relu)
    np.testing.assert_array_equal(found["conf"], outputs.scores)


def test_an_unknown_module_is_refused():
    with open_engine("torch-cpu-fp32", weights="embedded") as engine:
        message = "1 of 2 names are not modules, first /body/Conv"
        with pytest.raises(ValueError, match=message):
            engine.infer_intermediates(synthetic_inputs(1, 1), ["body.stage1.0", "/body/Conv"])


def on_the_processor(spec):
    """Open the engine of CUDA with its steps on the processor."""
    from retinaface.engines.torch.eager import TorchDeviceEngine

    class Device(TorchDeviceEngine):
        waits = 0

        def _check_device(self):
            pass

        def _wait(self):
            self.waits += 1

    return Device(spec)


def test_the_three_steps_on_a_device_agree_with_the_processor(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "H100")
    images = synthetic_inputs(2, 1)
    with open_engine("torch-cpu-fp32", weights="embedded") as engine:
        expected = engine.infer(images)
    spec = EngineSpec("torch-cuda-fp32", "fp32", "cpu", weights="embedded")
    with on_the_processor(spec) as engine:
        for ours, theirs in zip(engine.infer(images), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert engine.waits == 2  # for the input, and for the run
        described = engine.describe()
        layers = engine.infer_intermediates(images, ["body.stage1.0.2"])
    assert (described["device_name"], described["placement"]["fallback"]) == ("H100", [])
    assert layers["body.stage1.0.2"].shape == (2, 8, 160, 160)


def test_parameters_on_another_device_are_a_fallback(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "H100")
    spec = EngineSpec("torch-cuda-fp32", "fp32", "cpu", weights="embedded")
    with on_the_processor(spec) as engine:
        engine.spec = replace(spec, device="cuda")
        assert "body.stage1.0.0.weight on cpu" in engine.describe()["placement"]["fallback"]


@pytest.mark.parametrize("name", ["torch-cuda-fp32", "torch-compile-cuda-fp16"])
def test_cuda_without_a_device_is_refused_with_torchs_own_reason(monkeypatch, name):
    def fails():
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.init", fails)
    with pytest.raises(EngineUnavailable, match="needs cuda: torch .* not compiled with CUDA"):
        open_engine(name, weights="embedded")
