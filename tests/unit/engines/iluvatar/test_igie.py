"""IGIE's engine on a stand-in of the vendor's TVM: which calls it makes, and what it refuses."""

import importlib
import json
import shutil
import sys

import numpy as np
import onnxruntime
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from tests.support.fake_tvm import Device, FakeTvm
from tests.support.onnx_models import write_heads

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME = "igie-iluvatar-fp16"
TARGET = "iluvatar -model=MR -libs=cudnn,cublas,ixinfer"
SHAPE = (32, 3, 320, 320)


@pytest.fixture
def use(monkeypatch, tmp_path):
    """Put a TVM in place of the machine's; nothing is cached, and no board answers."""
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("retinaface.engines.iluvatar.board.command_output", lambda *_: None)

    def install(tvm=None):
        monkeypatch.delitem(sys.modules, "retinaface.engines.iluvatar.igie", raising=False)
        return (tvm or FakeTvm()).install(monkeypatch)

    yield install
    sys.modules.pop("retinaface.engines.iluvatar.igie", None)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "heads.onnx"
    write_heads(path)
    return path


def images(n, seed=0):
    return np.random.default_rng(seed).normal(0, 60, (n, 3, 320, 320)).astype(np.float32)


def expected_outputs(model, batch):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return session.run(["loc", "conf", "landmarks"], {"input": batch})


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
        engine.infer(images(32))
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
        outputs = engine.infer(images(n))
    assert tvm.calls[0][2] == SHAPE
    for actual, expected in zip(outputs, expected_outputs(model, images(n)), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_no_later_call_changes_the_outputs(use, model):
    use()
    with open_engine(NAME, model=model) as engine:
        first = engine.infer(images(2))
        kept = [array.copy() for array in first]
        engine.infer(images(2, seed=1))
    for array, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


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
    use()
    engine = open_engine(NAME, model=model)
    engine.close()
    engine.close()
    assert engine._executor is None
    with pytest.raises(ValueError, match="infer after close"):
        engine.infer(images(1))


def test_the_description_says_what_is_proved_and_names_the_board(use, model):
    use()
    with open_engine(NAME, model=model) as engine:
        described = json.loads(json.dumps(engine.describe()))
    assert described["runtime"] == "igie 0.12.0+corex.4.2.0"
    assert (described["device"], described["precision"]) == ("iluvatar", "fp16")
    assert described["device_name"] == "Iluvatar MR-V100"
    placement = described["placement"]
    assert placement["provider"] == "tvm graph_executor on iluvatar(0)"
    assert (placement["fallback"], placement["n_nodes"]) == ([], 2)
    assert (placement["n_fp16_tensors"], placement["n_tensors"]) == (1, 3)
    assert "cannot be seen" in placement["proof"]


def test_a_file_without_a_graph_is_taken_at_its_name_and_says_so(use, model):
    tvm = FakeTvm()
    tvm.shows_graph = False
    use(tvm)
    with open_engine(NAME, model=model) as engine:
        placement = engine.describe()["placement"]
    assert "its precision is that of its name" in placement["proof"]
    assert placement["fallback"] == []


def test_ixsmi_names_the_board_first(use, model, monkeypatch):
    use()
    monkeypatch.setattr(
        "retinaface.engines.iluvatar.board.command_output", lambda *_: "Iluvatar MR-V50, 4.2.0"
    )
    with open_engine(NAME, model=model) as engine:
        described = engine.describe()
    assert (described["device_name"], described["driver"]) == ("Iluvatar MR-V50", "4.2.0")


def test_relay_without_the_vendors_additions_builds_for_a_cpu(use, model):
    """What Apache TVM had before it gave Relay up; its wheels on PyPI have it no more."""
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


def refused(text, name=NAME, **settings):
    with pytest.raises(EngineUnavailable) as caught:
        open_engine(name, **settings)
    message = str(caught.value)
    assert text in message, message
    assert len(message.splitlines()) == 1
    return message


def test_without_tvm_no_export_is_made(use, monkeypatch):
    use(FakeTvm(lacks=()))
    monkeypatch.setitem(sys.modules, "tvm", None)  # as where it is not installed
    monkeypatch.delitem(sys.modules, "retinaface.engines.iluvatar.igie", raising=False)
    message = refused("tvm cannot be imported")
    assert "IXUCA_WHEELS=FOLDER tox run -e validate-ixuca420" in message


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        (("tvm.relay", "tvm.relay.import_model", "tvm.contrib.graph_executor",
          "tvm.target.iluvatar"),
         "it lacks tvm.contrib.graph_executor, tvm.target.iluvatar, tvm.relay;"),
        (("tvm.target.iluvatar",), "it lacks tvm.target.iluvatar;"),
        (("tvm.contrib.graph_executor",), "it lacks tvm.contrib.graph_executor;"),
        (("tvm.relay", "tvm.relay.import_model"), "it lacks tvm.relay;"),
    ],
    ids=["public-0.27", "no-target", "no-executor", "no-relay"],
)  # fmt: skip
def test_another_tvm_is_named_with_what_it_lacks(use, model, lacks, said):
    tvm = FakeTvm(lacks=lacks)
    tvm.modules["tvm"].__version__ = "0.27.0"
    use(tvm)
    message = refused(said, model=model)
    assert "tvm 0.27.0 here is another one" in message
    assert "IXUCA_WHEELS" in message


def test_a_missing_board_is_named(use, model):
    tvm = FakeTvm()
    tvm.exists = False
    use(tvm)
    refused("iluvatar(0) is not there; see whether the driver shows a board: ixsmi", model=model)


def test_outputs_on_another_device_are_a_fallback(use, model):
    tvm = FakeTvm()
    tvm.outputs_on = Device(tvm, "cpu", 0)
    use(tvm)
    refused("ran on iluvatar(0): loc on cpu(0), conf on cpu(0), landmarks on cpu(0)", model=model)


def test_a_graph_of_two_devices_is_a_fallback(use, model):
    tvm = FakeTvm()
    one = tvm._graph

    def two_devices(facts):
        graph = one(facts)
        graph["attrs"]["device_index"] = ["list_int", [1, 23, 23]]
        return graph

    tvm.graph = two_devices
    use(tvm)
    refused("nodes of device 1, nodes of device 23", model=model)


@pytest.mark.parametrize(("name", "other"), [(NAME, "fp32"), ("igie-iluvatar-fp32", "fp16")])
def test_a_file_of_another_precision_is_refused(use, model, name, other):
    tvm = FakeTvm()
    one = tvm._graph
    tvm.graph = lambda facts: one({**facts, "precision": other})
    use(tvm)
    n = 1 if other == "fp16" else 0
    refused(f"but {n} of 3 tensors of", name, model=model)


def build_file(use, path, **settings):
    """An engine file as somebody else built it."""
    from tests.support.fake_tvm import Library

    tvm = use()
    source = path.with_suffix(".onnx")
    write_heads(source)
    facts = {"input": "input", "shape": SHAPE, "precision": "fp16", **settings}
    Library(tvm, source.read_bytes(), **facts).export_library(str(path))
    return path


def test_an_engine_file_of_another_batch_is_refused(use, tmp_path):
    path = build_file(use, tmp_path / "b8.so", shape=(8, 3, 320, 320))
    refused("takes batches of 8, but up to 32 are asked for; use --batch 8", engine_file=path)
    options = {"batch": "16"}
    refused("but batch=16 is asked for", engine_file=path, max_batch=8, options=options)
    with open_engine(NAME, engine_file=path, max_batch=8) as engine:
        assert engine.fixed_batch == 8


@pytest.mark.parametrize(
    ("settings", "got"),
    [
        ({"input": "data"}, "got no input of that name"),
        ({"shape": (32, 3, 640, 640)}, "got (32, 3, 640, 640)"),
        ({"shape": (32, 320, 320)}, "got (32, 320, 320)"),
    ],
    ids=["name", "size", "axes"],
)
def test_an_engine_file_of_another_input_is_refused(use, tmp_path, settings, got):
    refused(got, engine_file=build_file(use, tmp_path / "other.so", **settings))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda loc, conf, marks: [conf, loc, marks], "got [(32, 4200, 2), (32, 4200, 4)"),
        (lambda loc, conf, marks: [loc[:, :77], conf, marks], "got [(32, 77, 4)"),
        (lambda loc, conf, marks: [loc, conf * 2, marks], "sums off by up to 1"),
        (lambda loc, conf, marks: [loc, conf * np.float32(np.nan), marks], "sums off by up to nan"),
    ],
    ids=["order", "priors", "logits", "nan"],
)
def test_wrong_outputs_are_refused_before_anything_is_measured(use, model, change, said):
    tvm = FakeTvm()
    tvm.changed = lambda arrays: change(*arrays)
    use(tvm)
    refused(said, model=model)


def test_what_the_compiler_says_is_passed_on_in_a_line(use, model):
    tvm = FakeTvm()

    def build(module, target, params, precision):
        raise RuntimeError("operator resize is not supported\nStack trace: ...")

    tvm.modules["tvm.relay"].build = build
    use(tvm)
    refused("RuntimeError: operator resize is not supported; try a file", model=model)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"precision": "fp16"}, "but the weights of"),
        ({"outputs": ("a", "b", "c")}, "expected input (N, 3, 320, 320) -> loc, conf, landmarks"),
        ({"size": (64, 64)}, "got input ('batch', 3, 64, 64)"),
        ({"batch": 8}, "takes batches of 8, but up to 32 are asked for"),
    ],
    ids=["fp16", "names", "size", "batch"],
)
def test_a_file_that_cannot_be_built_from_is_refused(use, tmp_path, settings, said):
    use()
    path = tmp_path / "other.onnx"
    write_model(path, **settings)
    refused(said, model=path)


def test_options_and_sizes_that_do_not_exist_are_refused(use, model, tmp_path):
    use()
    refused("option batch must be a number >= 1, got 'x'", model=model, options={"batch": "x"})
    refused("unknown option 'bach'; expected one of: batch", model=model, options={"bach": "1"})
    refused("built for one input size", model=model, input_size_px=None)
    (tmp_path / "no.onnx").write_bytes(b"not an ONNX file")
    refused("cannot read", model=tmp_path / "no.onnx")
    (tmp_path / "no.so").write_bytes(b"{}")
    refused("cannot load", engine_file=tmp_path / "no.so")


def test_importing_the_engine_needs_no_vendor_wheel_but_a_tvm(use):
    use()
    assert (
        importlib.import_module("retinaface.engines.iluvatar.igie").IgieEngine.__name__
        == "IgieEngine"
    )
