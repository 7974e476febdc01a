import subprocess
import sys
from pathlib import Path

import pytest

from retinaface.engines.catalogue import BUILTIN, engine_names, find_engine
from retinaface.engines.opening import import_factory, open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model

ROOT = Path(__file__).resolve().parents[3]
RUNTIMES = ("onnxruntime", "openvino", "ncnn", "torch", "tensorrt", "cuda", "tvm")


def test_built_in_engines_are_among_all():
    assert set(BUILTIN) <= set(engine_names())


def test_the_table_of_names_needs_no_numpy():
    code = "import sys, retinaface.engines.catalogue; print('numpy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"


def test_every_built_in_factory_is_where_the_table_says():
    for name, entry in BUILTIN.items():
        module, _, factory = entry.factory.partition(":")
        source = Path(module.replace(".", "/")).with_suffix(".py")
        assert f"class {factory}(" in (ROOT / source).read_text(), name


@pytest.mark.needs("torch")
def test_a_path_from_before_runtimes_had_folders_is_still_found():
    from retinaface.engines.torch.eager import TorchEngine

    assert import_factory("any", "retinaface.engines.torch:TorchEngine") is TorchEngine


def test_names_contain_device_and_precision():
    for name, entry in BUILTIN.items():
        # The name of onnx's evaluator has no device, because it runs only on the processor.
        device = "reference" if name.startswith("onnx-") else entry.device
        # ONNX Runtime has two ways to one device; its name says which.
        device = "tensorrt" if name.startswith("ort-tensorrt-") else device
        # TVM names a target after its compiler.
        device = "llvm" if name.startswith("tvm-") else device
        assert name.replace("torch-compile", "torch").split("-")[1:] == [device, entry.precision]


def test_sums_in_fp16_are_stated_for_few_engines_and_for_no_third_party():
    """Whoever is held to the milder noise floor shows up here."""
    known = {name for name, entry in BUILTIN.items() if entry.sums}
    assert known == {"ncnn-vulkan-fp16", "ort-webgpu-fp16"}
    assert not find_engine("acme.engines:ncnn_vulkan_fp16").sums


def test_an_unknown_name_is_refused_with_the_nearest_or_the_known_ones():
    with pytest.raises(EngineUnavailable, match="unknown engine 'acme'; expected one of: torch"):
        find_engine("acme")
    match = r"unknown engine 'ort-cpu-fp23'; did you mean ort-cpu-fp32\?$"
    with pytest.raises(EngineUnavailable, match=match):
        find_engine("ort-cpu-fp23")


def test_a_factory_is_named_by_module_and_attribute(tmp_path):
    write_model(tmp_path / "any.onnx")
    engine = open_engine("tests.support.engines:Counting", model=tmp_path / "any.onnx")
    assert engine.spec.name == "tests.support.engines:Counting"
    assert engine.spec.model == tmp_path / "any.onnx"


@pytest.mark.parametrize("name", ["no.such.module:factory", "retinaface.engines:no_such"])
def test_a_factory_that_cannot_be_imported_is_refused(name):
    with pytest.raises(EngineUnavailable, match=f"cannot import {name}"):
        open_engine(name, model=None)


def test_no_runtime_is_imported_before_one_of_its_engines_is_opened():
    code = f"import sys, retinaface.engines; print([r for r in {RUNTIMES} if r in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_shared_modules_need_numpy_alone():
    """So do the plugins of a run; otherwise no test is collected without onnx."""
    hidden = (*RUNTIMES, "onnx", "onnxsim", "onnxscript", "onnxconverter_common")
    code = (
        "import importlib, importlib.abc, sys\n"
        "class Hide(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name.partition('.')[0] in {hidden!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
        "for name in ('base', 'builds', 'onnx_model', 'opening', 'sources', 'staged', 'threads'):\n"
        "    importlib.import_module(f'retinaface.engines.{name}')\n"
        "for name in ('export.options', 'export.tiny_model', 'suite.plugin', 'suite.needs'):\n"
        "    importlib.import_module(f'retinaface.{name}')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("runtime", "extra"),
    [
        ("onnxruntime", "'cpu' or 'gpu'"),
        ("openvino", "'openvino'"),
        ("ncnn", "'ncnn'"),
        ("tvm", "'tvm'"),
    ],
)
def test_a_runtime_that_is_not_installed_is_named_with_its_extra(monkeypatch, runtime, extra):
    (name, *_) = [n for n, entry in BUILTIN.items() if f".{runtime}." in entry.factory]
    monkeypatch.setitem(sys.modules, runtime, None)
    for module in [m for m in sys.modules if m.startswith(f"retinaface.engines.{runtime}")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(EngineUnavailable, match=f"{runtime} cannot be imported .* extra {extra}"):
        open_engine(name)


def test_an_engine_that_loads_no_builds_refuses_one_and_names_those_that_do(tmp_path):
    (tmp_path / "a.so").touch()
    with pytest.raises(EngineUnavailable, match="ort-cpu-fp32 loads no prebuilt .* igie-iluvatar"):
        open_engine("ort-cpu-fp32", engine_file=tmp_path / "a.so")


def test_a_build_beside_a_model_or_a_missing_build_is_refused(tmp_path):
    name, build = "tests.support.engines:Counting", tmp_path / "a.so"
    with pytest.raises(EngineUnavailable, match=r"engine file .*a\.so does not exist"):
        open_engine(name, engine_file=build)
    for path in (build, tmp_path / "a.onnx"):
        path.touch()
    with pytest.raises(EngineUnavailable, match="both a model to build from .* and a build"):
        open_engine(name, engine_file=build, model=tmp_path / "a.onnx")
