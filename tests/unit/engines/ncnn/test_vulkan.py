import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retinaface.checks.placement import placement_problems
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from tests.support.made.onnx_models import grey_images, store_as_fp16, write_means

ROOT = Path(__file__).resolve().parents[4]
needs_ncnn = pytest.mark.needs("ncnn", "onnx")
needs_device = pytest.mark.needs("ncnn-vulkan", "onnx")
FP16 = ("use_fp16_arithmetic", "use_fp16_packed", "use_fp16_storage")


@pytest.fixture
def path(tmp_path):
    write_means(tmp_path / "x.onnx")
    return tmp_path / "x.onnx"


@pytest.fixture
def half_path(tmp_path):
    write_means(tmp_path / "half.onnx", edit=store_as_fp16)
    return tmp_path / "half.onnx"


def open_vulkan(path, precision="fp32", **options):
    return open_engine(f"ncnn-vulkan-{precision}", model=path, **({"max_batch": 3} | options))


@needs_device
def test_engine_runs_the_file_and_describes_the_device(path):
    with open_vulkan(path) as engine:
        outputs = engine.infer(grey_images(1, 2, 5))
        described = engine.describe()
    np.testing.assert_allclose(outputs.loc[:, 7, 1], [0.01, 0.02, 0.05], rtol=1e-5)
    np.testing.assert_allclose(outputs.scores, 0.5)
    assert described["device_name"]
    # llvmpipe is the device's name in Mesa's lavapipe.
    is_in_software = described["device_type"] == "software"
    assert is_in_software == ("llvmpipe" in described["device_name"])
    assert described["device_index"] == 0
    assert described["placement"]["provider"] == "ncnn Vulkan"
    assert described["numerics"] == "computes in FP32"


@needs_device
def test_a_layer_that_has_no_shader_is_named(path, monkeypatch):
    """It would run on the CPU; those of the network all have one."""
    from retinaface.engines.ncnn.vulkan import NcnnVulkanEngine

    honest = NcnnVulkanEngine._convert

    def with_bnll(self, folder):
        """Put a layer after the input that no release of ncnn has a shader for."""
        param, weights = honest(self, folder)
        magic, counts, first, *others = param.read_text().splitlines()
        n_layers, n_blobs = map(int, counts.split())
        bnll = "BNLL odd 1 1 raw in0"
        lines = [magic, f"{n_layers + 1} {n_blobs + 1}", first.replace("1 in0", "1 raw"), bnll]
        param.write_text("\n".join([*lines, *others]) + "\n")
        return param, weights

    monkeypatch.setattr(NcnnVulkanEngine, "_convert", with_bnll)
    monkeypatch.setattr("retinaface.engines.ncnn.engine._INPUT", "raw")
    with open_vulkan(path) as engine:
        described = engine.describe()
    assert described["placement"]["fallback"] == ["odd"]
    assert "1 nodes ran elsewhere: odd" in placement_problems("vulkan", "fp32", described)


@needs_device
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_fp16_packs_stores_and_computes_in_fp16_and_bf16_stays_off(path, half_path, precision):
    with open_vulkan(path if precision == "fp32" else half_path, precision) as engine:
        option = engine._net.opt
        assert [getattr(option, name) for name in FP16] == [precision == "fp16"] * 3
        others = [name for name in dir(option) if name.startswith("use_bf16")]
        assert others
        assert [name for name in others if getattr(option, name)] == []
        assert option.use_vulkan_compute


@needs_device
def test_a_network_that_runs_on_the_cpu_is_seen(path, monkeypatch):
    """As ncnn does by itself where it finds no device."""
    from retinaface.engines.ncnn.vulkan import NcnnVulkanEngine

    def on_the_cpu(_self, net):
        net.opt.use_vulkan_compute = False

    monkeypatch.setattr(NcnnVulkanEngine, "_choose_device", on_the_cpu)
    with open_vulkan(path) as engine:
        problems = placement_problems("vulkan", "fp32", engine.describe())
    assert any("the graph ran on ncnn CPU, not on vulkan" in problem for problem in problems)


@needs_device
def test_a_device_without_fp16_arithmetic_is_refused(half_path, monkeypatch):
    """There ncnn drops the option while it loads."""
    from retinaface.engines.ncnn.vulkan import NcnnVulkanEngine

    honest = NcnnVulkanEngine._load

    def load(self, *files, is_fp16):
        net = honest(self, *files, is_fp16=is_fp16)
        net.opt.use_fp16_arithmetic = False
        return net

    monkeypatch.setattr(NcnnVulkanEngine, "_load", load)
    match = r"does not compute in FP16 \(ncnn dropped use_fp16_arithmetic\); .* ncnn-vulkan-fp32$"
    with pytest.raises(EngineUnavailable, match=match):
        open_vulkan(half_path, "fp16")


@needs_device
@pytest.mark.parametrize("index", ["99", "-1", "one", "²"])
def test_a_device_that_is_not_there_is_refused(path, index):
    with pytest.raises(EngineUnavailable, match=f"the index of a GPU, 0 to .* here, got '{index}'"):
        open_vulkan(path, options={"device": index})


@needs_device
def test_options_are_those_that_keep_precision_and_device(path):
    given = {"use_sgemm_convolution": "off", "device": "0"}
    with open_vulkan(path, options=given) as engine:
        assert not engine._net.opt.use_sgemm_convolution
        assert engine.describe()["options"] == given
    with pytest.raises(EngineUnavailable, match="unknown option 'use_vulkan_compute'"):
        open_vulkan(path, options={"use_vulkan_compute": "off"})


@needs_ncnn
def test_without_a_device_the_packages_to_install_are_named(path, monkeypatch):
    monkeypatch.setattr("ncnn.get_gpu_count", lambda: 0)
    match = r"finds none; .*: apt install libvulkan1 mesa-vulkan-drivers$"
    with pytest.raises(EngineUnavailable, match=match):
        open_vulkan(path)


@needs_ncnn
def test_without_a_driver_the_refusal_is_one_line(path):
    """In a process of its own: ncnn looks for devices once."""
    hidden = {"VK_DRIVER_FILES": "/none.json", "VK_ICD_FILENAMES": "/none.json"}
    result = subprocess.run(
        [sys.executable, "-m", "retinaface", "bench", "--engine=ncnn-vulkan-fp32"]
        + [f"--model={path}", "--batch=1"],
        cwd=ROOT,
        env={**os.environ, **hidden, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert "ncnn-vulkan-fp32 needs a Vulkan device" in last
    assert last.endswith("apt install libvulkan1 mesa-vulkan-drivers")
