"""Both ways through IGIE: Relay's graph executor, and Relax's virtual machine."""

import functools
import shutil

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from tests.support.engines import assert_near, assert_refused, noise, outputs_of
from tests.support.standins.tvm import FakeTvm
from tests.support.standins.tvm_relax import FakeRelaxTvm

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME, FP32 = "igie-iluvatar-fp16", "igie-iluvatar-fp32"
TARGET = "iluvatar -model=MR -libs=cudnn,cublas,ixinfer"
FEW = {"batch": "4"}
refused = functools.partial(assert_refused, NAME)
both_ways = pytest.mark.parametrize("make", [FakeTvm, FakeRelaxTvm], ids=["relay", "relax"])


@pytest.fixture
def use(stand_in, no_board):
    return lambda tvm: stand_in(tvm, "iluvatar.igie")


@both_ways
def test_outputs_are_those_of_the_file_in_every_batch(use, model, make):
    use(make())
    with open_engine(FP32, model=model, options=FEW) as engine:
        assert engine.fixed_batch == 4
        for n in (1, 4, 6):
            assert_near(engine.infer(noise(n)), outputs_of(model, noise(n)))


@both_ways
def test_a_build_runs_where_its_file_is_given(use, model, make, tmp_path):
    tvm, built = use(make()), tmp_path / "retinaface_bs_4_fp16.so"
    with open_engine(NAME, model=model, options=FEW) as engine:
        shutil.copy(engine.built_file, built)
    tvm.calls.clear()
    with open_engine(NAME, engine_file=built, options=FEW) as engine:
        assert engine.describe()["engine_file"] == built.name
    assert tvm.named("load_module") == [("load_module", str(built))]
    assert not tvm.named("relay.build") + tvm.named("relax.build")


@both_ways
def test_the_vendors_clock_is_tvms_own(use, model, make):
    tvm = use(make())
    with open_engine(NAME, model=model, options=FEW) as engine:
        engine.load(noise(4))
        tvm.calls.clear()
        assert 0 < engine.run_back_to_back(3) < 60
        assert tvm.named("time_evaluator") == [("time_evaluator", "run", "iluvatar(0)", 3, 1)]
        assert len(tvm.named("run")) == 1 + 3
        assert not tvm.named("sync")
        assert (engine.n_vendor_warm_up, engine.n_vendor_runs) == (0, 100)
        assert np.isfinite(engine.fetch().loc).all()


def test_without_tvms_clock_runs_follow_each_other_with_one_wait(use, model, monkeypatch):
    monkeypatch.delattr("tests.support.standins.tvm.Executor.time_evaluator")
    tvm = use(FakeTvm())
    with open_engine(NAME, model=model, options=FEW) as engine:
        engine.load(noise(4))
        tvm.calls.clear()
        assert engine.run_back_to_back(3) > 0
    sync = ("sync", "iluvatar(0)")
    assert tvm.calls == [("run",), sync, ("run",), ("run",), ("run",), sync]


def test_relax_builds_as_the_vendors_newer_scripts_do(use, model):
    tvm = use(FakeRelaxTvm())
    with open_engine(NAME, model=model, options=FEW) as engine:
        placement = engine.describe()["placement"]
    assert tvm.named("relax.from_onnx") == [
        ("relax.from_onnx", "input", {"input": [4, 3, 320, 320]})
    ]
    assert tvm.named("relax.build") == [("relax.build", TARGET, "fp16")]
    assert tvm.named("VirtualMachine") == [("VirtualMachine", "iluvatar(0)")]
    assert placement["provider"] == "tvm relax.VirtualMachine on iluvatar(0)"
    assert "the file shows no graph" in placement["proof"]


def test_a_file_of_relax_with_another_batch_is_named(use, model, tmp_path):
    use(FakeRelaxTvm())
    with open_engine(NAME, model=model, options=FEW) as engine:
        file = shutil.copy(engine.built_file, tmp_path / "b4.so")
    message = refused("name its batch with --engine-option batch=N", engine_file=tmp_path / "b4.so")
    assert f"cannot run {file} on input (32, 3, 320, 320)" in message


def test_a_file_of_relax_is_refused_by_a_tvm_without_it(use, model, tmp_path):
    use(FakeRelaxTvm())
    with open_engine(NAME, model=model, options=FEW) as engine:
        shutil.copy(engine.built_file, tmp_path / "b4.so")
    tvm = FakeTvm()
    tvm.modules["tvm.runtime"].load_module = FakeRelaxTvm()._load_module
    use(tvm)
    refused("Module has no function 'default'; build it again", engine_file=tmp_path / "b4.so")


def test_relax_without_the_vendors_additions_builds_fp32_alone(use, model):
    for name, wanted in (("igie_cpu_fp32", True), ("igie_cpu_fp16", False)):
        tvm = FakeRelaxTvm()
        del tvm.modules["tvm.target"].iluvatar
        tvm.modules["tvm.relax"].build = functools.partial(tvm._relax_build, precision="fp32")
        use(tvm)
        engine = f"retinaface.engines.iluvatar.igie:{name}"
        if wanted:
            open_engine(engine, model=model, options=FEW).close()
        else:
            assert_refused(engine, "so it builds FP32 alone", model=model, options=FEW)
