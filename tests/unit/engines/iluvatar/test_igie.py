"""Calls and description of IGIE's engine, on a stand-in of the vendor's TVM."""

import gc
import importlib
import json
import shutil

import pytest

from retinaface.engines.opening import open_engine
from tests.support.engines import assert_near, noise, outputs_of
from tests.support.standins.tvm import FakeTvm

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME = "igie-iluvatar-fp16"
TARGET = "iluvatar -model=MR -libs=cudnn,cublas,ixinfer"
SHAPE = (32, 3, 320, 320)


@pytest.fixture
def use(stand_in, no_board):
    return lambda tvm=None: stand_in(tvm or FakeTvm(), "iluvatar.igie")


def test_an_engine_is_built_once_as_the_vendor_builds_it(use, model):
    tvm = use()
    for _ in range(2):
        open_engine(NAME, model=model).close()
    assert (
        tvm.named("target.iluvatar")
        == [("target.iluvatar", "MR", "-libs=cudnn,cublas,ixinfer")] * 2
    )
    assert tvm.named("import_model_to_igie") == [
        ("import_model_to_igie", str(model), {"input": SHAPE}, "igie")
    ]
    assert tvm.named("relay.build") == [("relay.build", TARGET, {"params": "of the file"}, "fp16")]
    (exported,), loaded = tvm.named("export_library"), tvm.named("load_module")
    assert exported[1].endswith(".so")
    assert loaded[0] == loaded[1]
    assert loaded[0][1].endswith(exported[1].rpartition("/")[2])


def test_another_batch_or_precision_is_another_file(use, model):
    tvm = use()
    for name, options in ((NAME, {}), (NAME, {"batch": "8"}), ("igie-iluvatar-fp32", {})):
        open_engine(name, model=model, max_batch=8, options=options).close()
    assert len({call[1] for call in tvm.named("load_module")}) == 3
    assert [call[3] for call in tvm.named("relay.build")] == ["fp16", "fp16", "fp32"]
    assert tvm.named("import_model_to_igie")[1][2] == {"input": (8, 3, 320, 320)}


def test_a_call_sets_the_input_runs_waits_and_copies_three_outputs(use, model):
    tvm = use()
    with open_engine(NAME, model=model) as engine:
        assert tvm.calls[:2] == [
            ("target.iluvatar", "MR", "-libs=cudnn,cublas,ixinfer"),
            ("device", "iluvatar", 0),
        ]
        assert tvm.named("default") == [("default", "iluvatar(0)")]
        tvm.calls.clear()
        engine.infer(noise(32))
    assert tvm.calls == [
        ("set_input", "input", SHAPE, "float32", "iluvatar(0)"),
        ("sync", "iluvatar(0)"),
        ("run",),
        ("sync", "iluvatar(0)"),
        ("get_output", 0),
        ("get_output", 1),
        ("get_output", 2),
    ]


@pytest.mark.parametrize("n", [1, 3, 31, 32])
def test_smaller_batches_are_filled_up_by_repetition(use, model, n):
    tvm = use()
    with open_engine("igie-iluvatar-fp32", model=model) as engine:
        tvm.calls.clear()
        outputs = engine.infer(noise(n))
    assert tvm.calls[0][2] == SHAPE
    assert_near(outputs, outputs_of(model, noise(n)))


def test_a_built_file_is_loaded_and_nothing_is_built(use, model, tmp_path):
    tvm = use()
    open_engine(NAME, model=model).close()
    built = tmp_path / "vendor.so"
    shutil.copy(tvm.named("load_module")[0][1], built)
    tvm = use(FakeTvm(lacks=("tvm.relay", "tvm.relay.import_model")))
    with open_engine(NAME, engine_file=built) as engine:
        assert engine.describe()["engine_file"] == "vendor.so"
        assert engine.fixed_batch == 32
    assert tvm.named("load_module") == [("load_module", str(built))]
    assert not tvm.named("relay.build")


def test_closing_frees_the_executor_and_may_be_repeated(use, model):
    tvm = use()
    engine = open_engine(NAME, model=model)
    assert len(tvm.executors) == 1
    engine.close()
    engine.close()
    gc.collect()
    assert not tvm.executors
    with pytest.raises(ValueError, match="infer after close"):
        engine.infer(noise(1))


def test_the_description_gives_the_proof_and_names_the_board(use, model):
    use()
    with open_engine(NAME, model=model) as engine:
        described = json.loads(json.dumps(engine.describe()))
    assert described["runtime"] == "igie 0.18.0+corex.4.2.0"
    assert (described["device"], described["precision"]) == ("iluvatar", "fp16")
    assert described["device_name"] == "Iluvatar MR-V100"
    placement = described["placement"]
    assert placement["provider"] == "tvm graph_executor on iluvatar(0)"
    assert (placement["fallback"], placement["n_nodes"]) == ([], 2)
    assert (placement["n_fp16_tensors"], placement["n_tensors"]) == (1, 3)
    assert "does not show" in placement["proof"]


def test_a_file_without_a_graph_has_the_precision_of_its_name(use, model):
    tvm = FakeTvm()
    tvm.shows_graph = False
    use(tvm)
    with open_engine(NAME, model=model) as engine:
        placement = engine.describe()["placement"]
    assert "its precision is that of its name" in placement["proof"]
    assert placement["fallback"] == []


def test_ixsmi_names_the_board_first(use, model, monkeypatch):
    use()
    answers = {"name": "Iluvatar MR-V50", "driver_version": "4.2.0"}
    monkeypatch.setattr("retinaface.engines.iluvatar.board.ask", answers.get)
    with open_engine(NAME, model=model) as engine:
        described = engine.describe()
    assert (described["device_name"], described["driver"]) == ("Iluvatar MR-V50", "4.2.0")


def test_an_fp16_file_whose_graph_shows_none_is_noted_and_runs(use, model):
    use(FakeTvm(shows_half=False))
    with open_engine(NAME, model=model) as engine:
        placement = engine.describe()["placement"]
    assert placement["n_fp16_tensors"] == 0
    assert placement["note"].startswith("no tensor of the file's graph is FP16")


def test_relay_without_the_vendors_additions_builds_for_a_cpu(use, model):
    """Older releases of Apache TVM have Relay; its wheels on PyPI no longer do."""
    tvm = use(FakeTvm(is_vendors=False, lacks=("tvm.target.iluvatar",)))
    name = "retinaface.engines.iluvatar.igie:igie_cpu_fp16"
    with open_engine(name, model=model) as engine:
        described = engine.describe()
    assert tvm.named("from_onnx") == [("from_onnx", "input", {"input": SHAPE}, True)]
    assert tvm.named("ToMixedPrecision") == [("ToMixedPrecision", "float16")]
    assert tvm.named("PassContext") == [("PassContext", 3)]
    assert tvm.named("relay.build") == [("relay.build", "llvm", {"params": "of the file"})]
    assert described["placement"]["provider"] == "tvm graph_executor on llvm(0)"
    assert "device_name" not in described


def test_importing_the_engine_needs_a_tvm_but_no_vendor_wheel(use):
    use()
    assert (
        importlib.import_module("retinaface.engines.iluvatar.igie").IgieEngine.__name__
        == "IgieEngine"
    )
