"""Refusals of IGIE's engine, on a stand-in of the vendor's TVM."""

import functools

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.export.tiny_model import write_model
from tests.support.engines import assert_refused
from tests.support.made.onnx_models import write_heads
from tests.support.standins.tvm import Device, FakeTvm, Library

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME = "igie-iluvatar-fp16"
SHAPE, EIGHT = (32, 3, 320, 320), (8, 3, 320, 320)
refused = functools.partial(assert_refused, NAME)


@pytest.fixture
def use(stand_in, no_board):
    return lambda tvm=None: stand_in(tvm or FakeTvm(), "iluvatar.igie")


@pytest.mark.parametrize(
    ("lacks", "reason"),
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
def test_another_tvm_is_named_with_what_it_lacks(use, model, lacks, reason):
    tvm = FakeTvm(lacks=lacks)
    tvm.modules["tvm"].__version__ = "0.27.0"
    use(tvm)
    message = refused(reason, model=model)
    assert "tvm 0.27.0 here is a different one" in message
    assert "IXUCA_WHEELS" in message


def test_a_missing_board_is_named(use, model):
    tvm = FakeTvm()
    tvm.exists = False
    use(tvm)
    refused("iluvatar(0) is not there; check whether the driver shows a board: ixsmi", model=model)


def test_outputs_on_another_device_are_a_fallback(use, model):
    tvm = FakeTvm()
    tvm.outputs_on = Device(tvm, "cpu", 0)
    use(tvm)
    refused("ran on iluvatar(0): loc on cpu(0), conf on cpu(0), landmarks on cpu(0)", model=model)


def test_a_graph_of_two_devices_is_a_fallback(use, model):
    tvm = FakeTvm()
    one = tvm.graph

    def two_devices(facts):
        graph = one(facts)
        graph["attrs"]["device_index"] = ["list_int", [1, 23, 23]]
        return graph

    tvm.graph = two_devices
    use(tvm)
    refused("nodes of device 1, nodes of device 23", model=model)


def test_an_fp16_file_is_refused_under_an_fp32_name(use, model):
    tvm = FakeTvm()
    one = tvm.graph
    tvm.graph = lambda facts: one({**facts, "precision": "fp16"})
    use(tvm)
    assert_refused("igie-iluvatar-fp32", "but 1 of 3 tensors of", model=model)


def test_a_vendors_build_without_precision_is_not_passed_over(use, model):
    """It is always given, so a build that takes none ends in a line and not in another engine."""
    tvm = FakeTvm()
    build = tvm.modules["tvm.relay"].build
    tvm.modules["tvm.relay"].build = lambda module, target, params: build(
        module, target, params, "fp32"
    )
    use(tvm)
    refused("TypeError: ", model=model)


def build_file(use, path, **settings):
    """Write an engine file that the suite did not build."""
    tvm = use()
    source = path.with_suffix(".onnx")
    write_heads(source)
    facts = {"input": "input", "shape": SHAPE, "precision": "fp16", **settings}
    Library(tvm, source.read_bytes(), **facts).export_library(str(path))
    return path


def test_an_engine_file_of_another_batch_than_the_option_is_refused(use, tmp_path):
    path = build_file(use, tmp_path / "b8.so", shape=EIGHT)
    refused("but batch=16 is asked for", engine_file=path, options={"batch": "16"})


def test_more_images_than_the_batch_of_a_file_run_in_parts(use, tmp_path):
    with open_engine(NAME, engine_file=build_file(use, tmp_path / "b8.so", shape=EIGHT)) as engine:
        assert engine.fixed_batch == 8
        images = np.zeros((9, 3, 320, 320), np.float32)
        assert len(engine.infer(images).loc) == 9
        with pytest.raises(ValueError, match="load takes at most the 8 images of one run, got 9"):
            engine.load(images)


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
    ("change", "reason"),
    [
        (lambda loc, conf, marks: [conf, loc, marks], "got [(32, 4200, 2), (32, 4200, 4)"),
        (lambda loc, conf, marks: [loc[:, :77], conf, marks], "got [(32, 77, 4)"),
        (lambda loc, conf, marks: [loc, conf * 2, marks], "sums off by up to 1"),
        (lambda loc, conf, marks: [loc, conf * np.float32(np.nan), marks], "sums off by up to nan"),
    ],
    ids=["order", "priors", "logits", "nan"],
)
def test_wrong_outputs_are_refused_before_anything_is_measured(use, model, change, reason):
    tvm = FakeTvm()
    tvm.changed = lambda arrays: change(*arrays)
    use(tvm)
    refused(reason, model=model)


def test_a_compiler_error_is_reported_in_a_line(use, model):
    tvm = FakeTvm()

    def build(module, target, params, precision):
        raise RuntimeError("operator resize is not supported\nStack trace: ...")

    tvm.modules["tvm.relay"].build = build
    use(tvm)
    refused("RuntimeError: operator resize is not supported; try a file", model=model)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"precision": "fp16"}, "but the weights of"),
        ({"size": (64, 64)}, "got input ('batch', 3, 64, 64)"),
    ],
    ids=["fp16", "size"],
)
def test_a_file_that_cannot_be_built_from_is_refused(use, tmp_path, settings, reason):
    use()
    path = tmp_path / "other.onnx"
    write_model(path, **settings)
    refused(reason, model=path)


def test_options_and_sizes_that_do_not_exist_are_refused(use, model, tmp_path):
    use()
    refused("option batch must be a number >= 1, got 'x'", model=model, options={"batch": "x"})
    reason = "unknown option 'bach'; expected one of: batch"
    assert "did you mean batch?" in refused(reason, model=model, options={"bach": "1"})
    refused("built for one input size", model=model, input_size_px=None)
    (tmp_path / "no.onnx").write_bytes(b"not an ONNX file")
    refused("cannot use", model=tmp_path / "no.onnx")
    (tmp_path / "no.so").write_bytes(b"{}")
    refused("cannot load", engine_file=tmp_path / "no.so")
