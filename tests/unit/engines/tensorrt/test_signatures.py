"""Our calls fit the signatures of TensorRT's own classes.

Its Python bindings are a wheel of their own, which imports over three empty libraries. A stand-in
makes the calls happen; the bindings say whether TensorRT would take them. It needs a C compiler.
"""

import json
import os
import re
import subprocess
import sys
from importlib import metadata

import pytest

from retinaface.engines.opening import open_engine
from tests.support.engines import noise
from tests.support.standins import tensorrt as stand_in
from tests.support.standins.tensorrt import FakeTensorRt

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "tensorrt-bindings")
# The stand-in's classes and TensorRT's.
CLASSES = {
    "Builder": "Builder",
    "Network": "INetworkDefinition",
    "Settings": "IBuilderConfig",
    "OptimizationProfile": "IOptimizationProfile",
    "Parser": "OnnxParser",
    "Runtime": "Runtime",
    "CudaEngine": "ICudaEngine",
    "Inspector": "EngineInspector",
    "Context": "IExecutionContext",
}
PROPERTIES = [
    ("ITensor", "name"), ("ITensor", "shape"), ("OnnxParser", "num_errors"),
    ("ICudaEngine", "num_io_tensors"), ("IBuilderConfig", "profiling_verbosity"),
]  # fmt: skip
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
SYMBOLS = (
    "createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL",
    "getBuilderPluginRegistry", "getNvOnnxParserVersion", "getPluginRegistry",
    "initLibNvInferPlugins",
)  # fmt: skip
READ = """
import json, tensorrt_bindings as trt
kinds = {n: k for n, k in vars(trt).items() if isinstance(k, type)}
print(json.dumps({n: {m: str(getattr(k, m).__doc__) for m in dir(k) if not m.startswith("__")}
                  for n, k in kinds.items()} | {"module": {n: "" for n in dir(trt)}}))
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Documentation of each class's members, by their names."""
    folder = tmp_path_factory.mktemp("libraries")
    source = folder / "empty.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in SYMBOLS))
    versions = (d.version for d in metadata.distributions() if _is_bindings(d))
    major = next(versions).partition(".")[0]
    for library in LIBRARIES:
        name = f"lib{library}.so.{major}"
        command = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", folder / name, source]
        subprocess.run(command, check=True)
    environ = os.environ | {
        "LD_LIBRARY_PATH": str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    run = subprocess.run(
        [sys.executable, "-c", READ], env=environ, capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


def _is_bindings(distribution):
    return re.fullmatch(r"tensorrt[-_]cu\d+[-_]bindings", distribution.metadata["Name"] or "")


def parameters(text):
    """Parameters of each overload after `self`: whether it may be left out."""
    for signature in re.findall(r"\w+\((self: [^\n]*)\) ->", text):
        parts, depth, part = [], 0, ""
        for letter in f"{signature},":
            depth += (letter in "[(<") - (letter in "])>")
            if letter == "," and depth == 0:
                parts.append(part.strip())
                part = ""
            else:
                part += letter
        yield [" = " in one for one in parts[1:]]


def fits(text, n_given):
    return any(
        sum(not optional for optional in one) <= n_given <= len(one) for one in parameters(text)
    )


@pytest.fixture
def calls(monkeypatch):
    """Each call of a method of the stand-in's classes from outside, as TensorRT would see it."""
    made, depth = set(), []

    def watched(kind, name, honest):
        def call(self, *arguments, **named):
            if not depth and not named:
                made.add((CLASSES[kind], name, len(arguments)))
            assert depth or not named, f"{kind}.{name} is called by keywords: {sorted(named)}"
            depth.append(name)
            try:
                return honest(self, *arguments, **named)
            finally:
                depth.pop()

        return call

    for kind in CLASSES:
        for name, honest in vars(getattr(stand_in, kind)).items():
            if callable(honest) and not name.startswith("_"):
                monkeypatch.setattr(getattr(stand_in, kind), name, watched(kind, name, honest))
    return made


def test_every_call_fits_the_signature_of_tensorrts_own_class(real, calls, stand_in, model):
    stand_in(FakeTensorRt(), "tensorrt.engine")
    with open_engine("tensorrt-cuda-fp32", model=model, max_batch=2) as engine:
        engine.infer(noise(2))
    assert len(calls) > 15
    wrong = [
        f"{kind}.{name} with {n}: {real[kind].get(name, 'missing')[:200]}"
        for kind, name, n in sorted(calls)
        if name not in real[kind] or not fits(real[kind][name], n)
    ]
    assert wrong == []


def test_attributes_and_names_of_the_module_are_there(real):
    assert [pair for pair in PROPERTIES if pair[1] not in real[pair[0]]] == []
    module = FakeTensorRt().modules["tensorrt"]
    names = [name for name in vars(module) if not name.startswith("_")]
    assert {"Builder", "Runtime", "nptype"} < set(names)
    assert [name for name in names if name not in real["module"]] == []


def test_a_call_that_does_not_fit_is_seen(real):
    assert fits(real["Builder"]["create_network"], 1)
    assert not fits(real["Builder"]["create_network"], 3)
    assert not fits(real["IOptimizationProfile"]["set_shape"], 2)
