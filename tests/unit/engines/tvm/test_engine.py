"""Outputs, refusals and builds of Apache TVM's engine."""

import os
import platform
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from tests.support.engines import noise, outputs_of
from tests.support.made.onnx_models import write_convolutions

pytestmark = pytest.mark.usefixtures("own_cache")
NAME = "tvm-llvm-fp32"
real = pytest.mark.needs("tvm", "onnx", "onnxruntime")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.onnx"
    write_model(path)
    return path


def refused(match, **settings):
    with pytest.raises(EngineUnavailable, match=match) as caught:
        open_engine(NAME, **settings)
    assert "\n" not in str(caught.value)


@real
def test_outputs_are_those_of_the_file_image_by_image(path):
    with open_engine(NAME, model=path) as engine:
        for n in (1, 3):
            expected = outputs_of(path, noise(n))
            for ours, theirs in zip(engine.infer(noise(n)), expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@real
def test_the_description_names_device_and_target(path):
    with open_engine(NAME, model=path, threads=1) as engine:
        described = engine.describe()
    assert described["runtime"].startswith("tvm 0.")
    assert (described["device"], described["threads"]) == ("cpu", 1)
    assert '"kind":"llvm"' in described["target"]
    assert described["placement"]["provider"] == "tvm on cpu:0"
    assert described["placement"]["fallback"] == []


@real
def test_a_library_is_compiled_once_and_once_more_for_another_build(path, tmp_path):
    files = []
    for build in (1, 1, 2):
        with open_engine(NAME, model=path, build=build) as engine:
            files.append(engine.built_file)
    assert files[0] == files[1] != files[2]
    assert len(list((tmp_path / "cache" / "builds" / NAME).glob("*.so"))) == 2


@real
def test_a_given_library_runs_unchanged(path, monkeypatch):
    with open_engine(NAME, model=path) as engine:
        built, expected = engine.built_file, engine.infer(noise(2))
    monkeypatch.setattr("retinaface.engines.tvm.engine.built_library", None)  # nothing is compiled
    with open_engine(NAME, engine_file=built) as engine:
        assert engine.spec.model is None
        for ours, theirs in zip(engine.infer(noise(2)), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@real
def test_a_file_that_is_not_a_library_is_refused(tmp_path):
    (tmp_path / "no.so").write_bytes(b"no library")
    refused("cannot load .*no.so with tvm", engine_file=tmp_path / "no.so")


@real
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("llvm9", "does not know target 'llvm9'"),
        ("{kind", "does not know target '{kind'"),
        ("", "does not know target '': "),
        (
            "llvm mcpu=znver4",
            "does not know target .* 'mcpu=znver4' is not of the form -NAME=VALUE",
        ),
        ("llvm -frob=1", "does not know target 'llvm -frob=1': Unknown config option 'frob'"),
        ("llvm -mcpu=frob", "LLVM has no processor 'frob'; give llvm"),
        ("llvm -mattr=+frob", r"LLVM has no feature '\+frob'"),
        ("cuda", "compiles for cuda:0, which is not there"),
    ],
)
def test_an_unknown_or_missing_target_is_refused(path, target, reason):
    refused(reason, model=path, options={"target": target})


@real
@pytest.mark.parametrize(
    "target",
    ["llvm -mcpu=x86-64-v2 -num-cores=1", '{"kind": "llvm", "mcpu": "x86-64-v2", "num-cores": 1}'],
    ids=["words", "json"],
)
def test_a_target_is_a_kind_with_settings_or_json(path, target):
    if platform.machine() != "x86_64":
        target = "llvm -num-cores=1"
    with open_engine(NAME, model=path, options={"target": target}) as engine:
        assert '"num-cores":1' in engine.describe()["target"]
        assert ("x86-64-v2" in engine.describe()["target"]) == ("x86-64-v2" in target)
        assert np.isfinite(engine.infer(noise(1)).loc).all()


@real
def test_a_target_with_features_that_this_processor_lacks_is_refused(path, monkeypatch, tmp_path):
    """Its code would end the process, whether built here or given."""
    with open_engine(NAME, model=path) as engine:
        built = engine.built_file
    monkeypatch.setattr("retinaface.engines.tvm.target.absent_features", lambda _: ["avx9"])
    monkeypatch.setattr("retinaface.engines.tvm.target.cpu_features", lambda *_: {"avx9"})
    refused("for a processor with avx9, which this one lacks", engine_file=built)
    options = {"target": "llvm"}
    refused("target 'llvm' compiles for a processor with avx9", model=path, options=options)


@real
def test_the_hosts_target_lacks_features_that_a_hypervisor_hides(monkeypatch):
    import tvm

    from retinaface.engines.tvm import target

    ours = target.cpu_features(tvm, target.host_target(tvm))
    assert not ours & set(target.absent_features(tvm))
    hidden = next(iter(sorted(ours)))
    monkeypatch.setattr(target, "absent_features", lambda _: [hidden])
    assert f'"-{hidden}"' in str(target.host_target(tvm))


@real
def test_a_library_states_its_target(path):
    options = {"target": "llvm -num-cores=1"}
    with open_engine(NAME, model=path, options=options) as engine:
        built, target = engine.built_file, engine.describe()["target"]
    with open_engine(NAME, engine_file=built) as engine:
        assert engine.describe()["target"] == target


@real
def test_a_foreign_library_has_no_stated_target(path, monkeypatch):
    monkeypatch.setattr("retinaface.engines.tvm.build.STATEMENT", "other")
    with open_engine(NAME, model=path) as engine:
        built = engine.built_file
    monkeypatch.setattr("retinaface.engines.tvm.build.STATEMENT", "compiled_for")
    with open_engine(NAME, engine_file=built) as engine:
        assert engine.describe()["target"] == f"not stated by {built.name}"


@real
@pytest.mark.parametrize("target", ["llvm", None], ids=["narrow", "host"])
def test_convolutions_agree_with_the_file_in_any_order_of_loops(tmp_path, target):
    """The file has kernels of 1 and 3, padding, strides, groups, a bias, and fused steps."""
    file = tmp_path / "convolutions.onnx"
    write_convolutions(file)
    expected = outputs_of(file, noise(2))
    options = {} if target is None else {"target": target}
    with open_engine(NAME, model=file, options=options) as engine:
        for ours, theirs in zip(engine.infer(noise(2)), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@real
def test_two_builds_are_equal_in_every_byte(tmp_path):
    file = tmp_path / "convolutions.onnx"
    write_convolutions(file)
    built = []
    for build in (1, 2):
        with open_engine(NAME, model=file, build=build) as engine:
            built.append(engine.built_file.read_bytes())
    assert built[0] == built[1]


@real
def test_threads_are_those_that_tvm_counts_and_processors_do_not_change():
    """This needs its own process, because TVM reads its settings only once."""
    code = (
        "import os; from retinaface.engines import open_engine\n"
        "from retinaface.export.tiny_model import tiny_model\n"
        "before = os.sched_getaffinity(0); os.sched_setaffinity(0, {min(before)})\n"
        f"engine = open_engine({NAME!r}, model=tiny_model(), threads=64)\n"
        "assert engine.describe()['threads'] == 1, engine.describe()['threads']\n"
        "assert os.sched_getaffinity(0) == {min(before)}, os.sched_getaffinity(0)\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TVM_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr


@real
def test_a_missing_compiler_is_refused_with_the_next_step(path, monkeypatch):
    monkeypatch.setattr("tvm.support.cc.get_cc", lambda: None)
    refused("needs a C.. compiler to link a library, and there is none; install", model=path)


@real
@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ({"batch": 8}, {}, "runs one image at a time, and .* takes batches of 8"),
        ({}, {"input_size_px": None}, "built for one input size"),
        ({}, {"options": {"opt": "3"}}, "unknown option 'opt'; expected one of: target"),
    ],
    ids=["batch", "free-size", "option"],
)
def test_unsuitable_settings_are_refused(path, model, options, message):
    write_model(path, **model)
    refused(message, model=path, **options)


@real
def test_a_compiler_error_is_reported_in_a_line(path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("operator Resize is not supported\nStack trace: ...")

    monkeypatch.setattr("tvm.compile", fails)
    refused("cannot compile .*: RuntimeError: operator Resize is not supported; try", model=path)


def test_a_makers_tvm_without_relax_is_named(path, monkeypatch):
    other = ModuleType("tvm")
    other.__version__ = "0.12.0+corex"
    for name in [n for n in sys.modules if n.partition(".")[0] == "tvm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tvm", other)
    monkeypatch.delitem(sys.modules, "retinaface.engines.tvm.engine", raising=False)
    refused("with Relax, but tvm 0.12.0.corex here has none .* 'tvm' in another", model=path)
    monkeypatch.delitem(sys.modules, "retinaface.engines.tvm.engine", raising=False)
