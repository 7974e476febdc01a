"""Apache TVM: what it computes, what it refuses, and which of two builds is run."""

import sys
from types import ModuleType

import numpy as np
import onnxruntime
import pytest

from retinaface.engines import open_engine
from retinaface.errors import EngineUnavailable
from tests.support.onnx_models import write_model

NAME = "tvm-llvm-fp32"
real = pytest.mark.needs("tvm", "onnx", "onnxruntime")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.onnx"
    write_model(path)
    return path


def images(n, seed=0):
    return np.random.default_rng(seed).normal(0, 60, (n, 3, 320, 320)).astype(np.float32)


def refused(match, **settings):
    with pytest.raises(EngineUnavailable, match=match) as caught:
        open_engine(NAME, **settings)
    assert "\n" not in str(caught.value)


@real
def test_outputs_are_those_of_the_file_image_by_image(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with open_engine(NAME, model=path) as engine:
        for n in (1, 3):
            expected = session.run(["loc", "conf", "landmarks"], {"input": images(n)})
            for ours, theirs in zip(engine.infer(images(n)), expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@real
def test_it_says_where_it_ran_and_for_what_it_was_compiled(path):
    with open_engine(NAME, model=path, threads=1) as engine:
        said = engine.describe()
    assert said["runtime"].startswith("tvm 0.")
    assert (said["device"], said["threads"]) == ("cpu", 1)
    assert '"kind":"llvm"' in said["target"]
    assert said["placement"]["provider"] == "tvm on cpu:0"
    assert said["placement"]["fallback"] == []


@real
def test_a_library_is_compiled_once_and_once_more_for_another_build(path, tmp_path):
    files = []
    for build in (1, 1, 2):
        with open_engine(NAME, model=path, build=build) as engine:
            files.append(engine.built_file)
    assert files[0] == files[1] != files[2]
    assert len(list((tmp_path / "cache" / "builds" / NAME).iterdir())) == 2


@real
def test_a_library_that_is_given_runs_as_it_is(path, monkeypatch):
    with open_engine(NAME, model=path) as engine:
        built, expected = engine.built_file, engine.infer(images(2))
    monkeypatch.setattr("retinaface.engines.tvm.built_library", None)  # nothing is compiled
    with open_engine(NAME, engine_file=built) as engine:
        assert engine.spec.model is None
        for ours, theirs in zip(engine.infer(images(2)), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@real
def test_a_file_that_is_no_library_is_refused(tmp_path):
    (tmp_path / "no.so").write_bytes(b"no library")
    refused("cannot load .*no.so with tvm", engine_file=tmp_path / "no.so")


@real
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("llvm9", "knows no target 'llvm9'"),
        ("{kind", "knows no target '{kind'"),
        ("cuda", "compiles for cuda:0, which is not there"),
    ],
)
def test_a_target_that_is_not_here_is_refused(path, target, said):
    refused(said, model=path, options={"target": target})


@real
def test_another_target_is_another_library(path):
    json = '{"kind": "llvm", "mcpu": "x86-64-v2"}'
    with open_engine(NAME, model=path, options={"target": json}) as engine:
        assert "x86-64-v2" in engine.describe()["target"]
        assert np.isfinite(engine.infer(images(1)).loc).all()


@real
@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ({"outputs": ("a", "b", "c")}, {}, "expected input -> loc, conf, landmarks"),
        ({"precision": "fp16"}, {}, "needs an FP32 model"),
        ({"size": (64, 64)}, {}, "takes 64x64 inputs"),
        ({"batch": 8}, {}, "runs one image at a time, and .* takes batches of 8"),
        ({}, {"input_size_px": None}, "built for one input size"),
        ({}, {"options": {"opt": "3"}}, "unknown option 'opt'; expected one of: target"),
    ],
    ids=["names", "fp16", "size", "batch", "free-size", "option"],
)
def test_what_does_not_fit_is_refused(path, model, options, message):
    write_model(path, **model)
    refused(message, model=path, **options)


@real
def test_what_the_compiler_says_is_passed_on_in_a_line(path, monkeypatch):
    def fails(*_):
        raise RuntimeError("operator Resize is not supported\nStack trace: ...")

    monkeypatch.setattr("retinaface.engines.tvm_build._compiled", fails)
    refused("cannot compile .*: RuntimeError: operator Resize is not supported; try", model=path)


def test_a_makers_tvm_without_relax_is_named(path, monkeypatch):
    other = ModuleType("tvm")
    other.__version__ = "0.12.0+corex"
    for name in [n for n in sys.modules if n.partition(".")[0] == "tvm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tvm", other)
    monkeypatch.delitem(sys.modules, "retinaface.engines.tvm", raising=False)
    refused("with Relax, and tvm 0.12.0.corex here has none .* 'tvm' in another", model=path)
    monkeypatch.delitem(sys.modules, "retinaface.engines.tvm", raising=False)
