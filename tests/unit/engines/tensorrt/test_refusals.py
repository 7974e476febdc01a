"""Refusals of TensorRT's engine, on a stand-in of its API."""

import functools
import sys

import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from tests.support.engines import assert_refused
from tests.support.made.onnx_models import write_heads
from tests.support.standins.tensorrt import FakeTensorRt

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME, HALF = "tensorrt-cuda-fp32", "tensorrt-cuda-fp16"
refused = functools.partial(assert_refused, NAME)


@pytest.fixture
def use(stand_in):
    return lambda trt=None: stand_in(trt or FakeTensorRt(), "tensorrt.engine")


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("8.4.3+corex.4.2.0", "is Iluvatar's ixRT; use ixrt-iluvatar-fp16"),
        ("8.6.1", "needs TensorRT 10 or 11, got 8.6.1"),
        ("unknown", "needs TensorRT 10 or 11, got unknown"),
    ],
    ids=["ixrt", "old", "strange"],
)
def test_another_tensorrt_is_refused(use, model, version, reason):
    use(FakeTensorRt(version=version))
    refused(reason, model=model)


@pytest.mark.parametrize(
    ("lacks", "reason"),
    [
        (("tensorrt.OnnxParser",), "lacks OnnxParser"),
        (("tensorrt.Runtime",), "lacks Runtime"),
        (("cuda.bindings.runtime",), "through cuda-python, which cannot be imported"),
    ],
    ids=["parser", "runtime", "cuda"],
)
def test_a_missing_part_of_the_installation_is_named(use, model, lacks, reason):
    use(FakeTensorRt(lacks=lacks))
    refused(reason, model=model)


def test_the_older_name_of_cuda_python_is_accepted(use, model, monkeypatch):
    trt = FakeTensorRt(lacks=("cuda.bindings.runtime", "cuda.bindings"))
    use(trt)
    monkeypatch.setitem(sys.modules, "cuda.cudart", FakeTensorRt().modules["cuda.bindings.runtime"])
    with pytest.raises(
        EngineUnavailable, match="cannot run"
    ):  # the memory belongs to another stand-in
        open_engine(NAME, model=model)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("cudaGetDeviceCount", "needs cuda: cudaGetDeviceCount gave cudaErrorInsufficientDriver"),
        ("cudaStreamCreate", "needs cuda: cudaStreamCreate gave"),
        ("cudaMalloc", "cannot allocate input 32x3x320x320: cudaMalloc gave"),
        ("cudaHostAlloc", "cannot allocate input"),
        ("cudaMemcpyAsync", "cudaMemcpyAsync gave cudaErrorInsufficientDriver (text of"),
        ("cudaStreamSynchronize", "cudaStreamSynchronize gave"),
    ],
)
def test_an_error_code_is_reported(use, model, function, reason):
    trt = use()
    trt.cuda.fails = function
    refused(reason, model=model)
    assert trt.cuda.memory == {}
    assert trt.cuda.streams == {}


def test_a_machine_without_a_device_is_refused(use, model):
    trt = use()
    trt.cuda.n_devices = 0
    refused("needs cuda: cudaGetDeviceCount gave 0 devices; check whether a device", model=model)


def test_errors_of_parser_builder_and_runtime_are_reported(use, model):
    trt = use()
    trt.parser_errors = ["In node 7 (Resize):\nUNSUPPORTED_NODE"]
    refused("cannot build", model=model)
    refused("In node 7 (Resize): UNSUPPORTED_NODE; try a file of another", model=model)
    trt.parser_errors, trt.builds = [], False
    refused("build_serialized_network returned nothing: no kernel fits; try", model=model)
    trt.builds, trt.loads = True, False
    refused(
        "it returned nothing: built by another version; build it again: a plan runs", model=model
    )
    trt.loads, trt.takes_addresses = True, False
    refused("takes no address for input: TensorRT gave no reason", model=model)
    assert trt.cuda.memory == {}


def test_a_plan_of_another_precision_is_refused(use, model, half):
    use()
    with open_engine(HALF, model=half) as engine:
        plan = engine.built_file
    refused("should be FP32, but its layers are 34 fp16; build it from the FP32", engine_file=plan)
    with open_engine(NAME, model=model) as engine:
        plan = engine.built_file
    assert_refused(HALF, "should be FP16, but its layers are 34 fp32", engine_file=plan)


def test_files_and_plans_of_another_shape_are_refused(use, model, tmp_path):
    use()
    write_heads(tmp_path / "b8.onnx", batch=8)
    refused("takes batches of 8, but up to 32", model=tmp_path / "b8.onnx")
    write_model(tmp_path / "two.onnx", outputs=("loc", "conf"))
    refused("expected an output (N, 4200, 10) for landmarks", model=tmp_path / "two.onnx")
    refused("expected input -> loc, conf, landmarks", engine_file=tmp_path / "two.onnx")
    write_model(tmp_path / "other.plan", batch=32, size=(64, 64))
    refused(
        "is built for inputs from 32x3x64x64 to 32x3x64x64, but 320x320 inputs in batches from 1",
        engine_file=tmp_path / "other.plan",
    )
    with open_engine(NAME, model=model, max_batch=4) as engine:
        plan = engine.built_file
    refused("takes batches of 4, but up to 32 are asked for", engine_file=plan)
    refused("but free height and width in batches", engine_file=plan, input_size_px=None)
    refused("option batch must be a number", model=model, options={"batch": "x"})
    refused("unknown option 'fast'", model=model, options={"fast": "1"})
    (tmp_path / "no.plan").write_bytes(b"not a plan")
    refused("cannot load", engine_file=tmp_path / "no.plan")
