"""Calls and refusals of ixRT's engine, on a stand-in of its API."""

import functools
import json
from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.export.tiny_model import write_model
from tests.support.engines import assert_near, assert_refused, noise, outputs_of
from tests.support.made.onnx_models import write_heads
from tests.support.standins.ixrt import FAILED, FakeIxrt

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME = "ixrt-iluvatar-fp16"
HEADS = [f"{name}_{level}" for level in range(3) for name in ("loc", "conf", "landmarks")]
INPUT_BYTES = 32 * 3 * 320 * 320 * 4
FP16 = 0.02  # error that rounding of the weights causes in values up to 10
refused = functools.partial(assert_refused, NAME)


@pytest.fixture
def use(stand_in, no_board):
    return lambda ixrt=None: stand_in(ixrt or FakeIxrt(), "iluvatar.ixrt")


def test_a_plan_is_built_once_with_nine_heads_in_fp16(use, model):
    ixrt = use()
    for _ in range(2):
        open_engine(NAME, model=model).close()
    assert ixrt.named("create_network") == [("create_network", 1)]
    assert ixrt.named("parse_from_file") == [("parse_from_file", [32, 3, 320, 320], HEADS)]
    assert ixrt.named("build_serialized_network") == [("build_serialized_network", ["FP16"])]
    assert len(ixrt.named("deserialize_cuda_engine")) == 2


def test_a_call_copies_in_executes_waits_and_copies_nine_heads_out(use, model):
    ixrt = use()
    with open_engine(NAME, model=model) as engine:
        addresses = list(ixrt.memory)
        ixrt.calls.clear()
        engine.infer(noise(32))
    first, second, third, *copies = ixrt.calls[: 3 + 9]
    assert first == ("cuMemcpyHtoD", addresses[0], (32, 3, 320, 320), "float32", INPUT_BYTES)
    assert second == ("execute_v2", addresses)
    assert third == ("cudaDeviceSynchronize",)
    assert [call[2][1] for call in copies] == [8, 8, 8, 4, 4, 4, 20, 20, 20]
    assert [call[2][2] for call in copies] == [40, 20, 10] * 3


@pytest.mark.parametrize("sorts", [False, True], ids=["as-exported", "sorted-by-name"])
@pytest.mark.parametrize("n", [1, 3, 31, 32])
def test_heads_in_any_order_give_the_networks_outputs(use, model, n, sorts):
    ixrt = FakeIxrt()
    ixrt.sorts_bindings = sorts
    use(ixrt)
    with open_engine(NAME, model=model) as engine:
        outputs = engine.infer(noise(n))
        assert engine.describe()["softmax"] == "outside the graph"
    assert_near(outputs, outputs_of(model, noise(n)), FP16)


def test_a_file_with_nine_heads_needs_no_cutting(use, model, tmp_path):
    ixrt = use()
    path = tmp_path / "nine.onnx"
    write_heads(path, n_outputs=9)
    with open_engine(NAME, model=path) as engine:
        outputs = engine.infer(noise(2))
    assert ixrt.named("parse_from_file")[0][2] == HEADS
    assert_near(outputs, outputs_of(model, noise(2)), FP16)


def test_a_built_plan_with_three_outputs_has_its_softmax_inside(use, model, tmp_path):
    import onnx

    ixrt = use()
    plan = onnx.load(model)
    plan.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 32
    for value in plan.graph.output:
        value.type.tensor_type.shape.dim[0].dim_value = 32
    (tmp_path / "vendor.engine").write_bytes(plan.SerializeToString())
    with open_engine(NAME, engine_file=tmp_path / "vendor.engine") as engine:
        outputs = engine.infer(noise(2))
        described = engine.describe()
    assert (described["n_outputs"], described["softmax"]) == (3, "in the graph")
    assert not ixrt.named("build_serialized_network")
    assert_near(outputs, outputs_of(model, noise(2)), FP16)


def test_half_precision_bindings_take_and_give_half_precision(use, model):
    ixrt = FakeIxrt()
    ixrt.io_type = "float16"
    use(ixrt)
    with open_engine(NAME, model=model) as engine:
        outputs = engine.infer(noise(2))
    assert {call[3] for call in ixrt.named("cuMemcpyHtoD")} == {"float16"}
    assert {call[3] for call in ixrt.named("cuMemcpyDtoH")} == {"float16"}
    assert {array.dtype for array in outputs} == {np.dtype("float32")}


@pytest.mark.parametrize("has_names", [False, True], ids=["bindings", "named-tensors"])
def test_closing_frees_all_memory_once(use, model, has_names):
    ixrt = use(FakeIxrt(has_names=has_names))
    engine = open_engine(NAME, model=model)
    assert len(ixrt.memory) == 10
    assert len(ixrt.streams) == has_names
    engine.close()
    engine.close()
    assert ixrt.memory == {}
    assert ixrt.streams == set()
    assert len(ixrt.named("cudaFree")) == 10


def test_named_tensors_are_run_on_a_stream_with_the_addresses_of_their_names(use, model):
    ixrt = use(FakeIxrt(has_names=True))
    with open_engine(NAME, model=model) as engine:
        ixrt.calls.clear()
        engine.infer(noise(32))
        (stream,) = ixrt.streams
        assert engine.describe()["runs_by"] == "execute_async_v3"
    assert [call[0] for call in ixrt.calls[:3]] == [
        "cuMemcpyHtoD", "execute_async_v3", "cudaDeviceSynchronize",
    ]  # fmt: skip
    assert ixrt.calls[1] == ("execute_async_v3", stream)


def test_an_address_that_is_not_taken_is_a_refusal_that_frees_all(use, model):
    ixrt = FakeIxrt(has_names=True)
    ixrt.takes_addresses = False
    use(ixrt)
    refused("ixRT takes no address for input", model=model)
    assert ixrt.memory == {}


def test_the_description_fits_a_record_and_names_the_board(use, model, monkeypatch):
    use()
    answers = {"name": "Iluvatar MR-V100", "driver_version": "4.2.0"}
    monkeypatch.setattr("retinaface.engines.iluvatar.board.ask", answers.get)
    with open_engine(NAME, model=model) as engine:
        described = json.loads(json.dumps(engine.describe()))
    assert described["runtime"] == "ixrt 8.6.1"
    assert (described["device_name"], described["driver"]) == ("Iluvatar MR-V100", "4.2.0")
    assert described["runs_by"] == "execute_v2"
    assert described["placement"]["fallback"] == []
    assert "does not show it" in described["placement"]["proof"]


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ((0, SimpleNamespace(name=b"MR-V100\0\0")), "Iluvatar MR-V100"),
        ((0, SimpleNamespace(name="Iluvatar BI-V150")), "Iluvatar BI-V150"),
        ((FAILED, None), "Iluvatar"),
    ],
    ids=["bytes", "text", "error"],
)
def test_without_ixsmi_the_runtime_names_the_board(use, model, answer, name):
    ixrt = FakeIxrt()
    ixrt.modules["cuda.cudart"].cudaGetDeviceProperties = lambda _: answer
    use(ixrt)
    with open_engine(NAME, model=model) as engine:
        assert engine.describe()["device_name"] == name


def test_nvidias_tensorrt_is_refused(use, model):
    use(FakeIxrt(version="10.3.0", is_vendors=False))
    refused("the module tensorrt 10.3.0 here is not the vendor's", model=model)


@pytest.mark.parametrize(
    ("lacks", "reason"),
    [
        (("tensorrt.OnnxParser",), "lacks OnnxParser"),
        (("tensorrt.Runtime",), "lacks Runtime"),
        (("cuda.cudart",), "through cuda-python"),
    ],
    ids=["parser", "runtime", "cuda"],
)
def test_a_missing_part_of_the_installation_is_named(use, model, lacks, reason):
    use(FakeIxrt(lacks=lacks))
    refused(reason, model=model)


def test_a_plan_that_does_not_load_is_refused(use, model):
    ixrt = FakeIxrt()
    ixrt.has_board = False
    use(ixrt)
    refused(
        "it returned nothing; its log gives the reason; check whether a board is there", model=model
    )


def test_errors_of_parser_and_builder_are_reported(use, model):
    ixrt = use()
    ixrt.parser_errors = ["no importer for Resize", "node 7"]
    refused("RuntimeError: no importer for Resize; node 7; try a file of another", model=model)
    ixrt.parser_errors = []
    ixrt.builds = False
    refused("build_serialized_network returned nothing", model=model)


@pytest.mark.parametrize(
    ("module", "function", "reason"),
    [
        ("cuda.cudart", "cudaMalloc", "cannot allocate"),
        ("cuda.cudart", "cudaDeviceSynchronize", "cudaDeviceSynchronize gave 2"),
        ("cuda.cuda", "cuMemcpyHtoD", "cuMemcpyHtoD gave 2"),
        ("cuda.cuda", "cuMemcpyDtoH", "cuMemcpyDtoH gave 2"),
    ],
)
def test_an_error_code_is_reported(use, model, module, function, reason):
    ixrt = FakeIxrt()
    answer = (FAILED, 0) if function == "cudaMalloc" else (FAILED,)
    setattr(ixrt.modules[module], function, lambda *_: answer)
    use(ixrt)
    refused(reason, model=model)


def test_the_vendors_clock_runs_back_to_back_between_two_waits(use, model):
    ixrt = use()
    with open_engine(NAME, model=model) as engine:
        engine.load(noise(32))
        ixrt.calls.clear()
        assert engine.run_back_to_back(3) > 0
        assert (engine.n_vendor_warm_up, engine.n_vendor_runs) == (3, 20)
    names = [call[0] for call in ixrt.calls][:5]
    assert names == ["cudaDeviceSynchronize", *["execute_v2"] * 3, "cudaDeviceSynchronize"]


def test_files_and_plans_of_another_shape_are_refused(use, tmp_path):
    use()
    write_heads(tmp_path / "b8.onnx", batch=8)
    refused("but batch=4 is asked for", model=tmp_path / "b8.onnx", options={"batch": "4"})
    write_model(tmp_path / "half.onnx", precision="fp16")
    refused("but the weights of", model=tmp_path / "half.onnx")
    write_model(tmp_path / "two.onnx", outputs=("loc", "conf"))
    refused("expected an output (N, 4200, 10) for landmarks", model=tmp_path / "two.onnx")
    write_model(tmp_path / "other.engine", batch=32, size=(64, 64))
    refused(
        "expected one input (N, 3, 320, 320) and nine heads", engine_file=tmp_path / "other.engine"
    )
    write_heads(tmp_path / "free.engine")
    refused("has free axes", engine_file=tmp_path / "free.engine")
    (tmp_path / "no.engine").write_bytes(b"not a plan")
    refused("cannot load", engine_file=tmp_path / "no.engine")
