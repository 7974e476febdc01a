"""TensorRT's engine on a stand-in of its API: which calls it makes, and what it refuses."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from retinaface.engines.opening import open_engine
from retinaface.engines.tensorrt.layers import layers_of
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.export.conversion import to_fp16
from retinaface.export.tiny_model import write_model
from tests.support.fake_tensorrt import FakeTensorRt
from tests.support.onnx_models import edited, write_heads

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME, HALF = "tensorrt-cuda-fp32", "tensorrt-cuda-fp16"
STRONGLY_TYPED = 2
LARGEST = [32, 3, 320, 320]
N_NODES = 34  # of the file that `write_heads` writes


@pytest.fixture
def use(monkeypatch, tmp_path):
    """Put a TensorRT in place of the machine's; nothing is cached, and no driver answers."""
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    module = "retinaface.engines.tensorrt.engine"

    def install(trt=None):
        monkeypatch.delitem(sys.modules, module, raising=False)
        return (trt or FakeTensorRt()).install(monkeypatch)

    yield install
    sys.modules.pop(module, None)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "x.onnx"
    write_heads(path)
    return path


@pytest.fixture
def half(model, tmp_path):
    path = tmp_path / "x.fp16.onnx"
    onnx.save(to_fp16(onnx.load(model), keep_io_types=False), path)
    return path


def images(n, seed=0):
    return np.random.default_rng(seed).normal(0, 60, (n, 3, 320, 320)).astype(np.float32)


def expected_outputs(model, batch):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return session.run(["loc", "conf", "landmarks"], {"input": batch})


def assert_near(outputs, expected, atol=1e-5):
    for actual, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, atol=atol)


def test_a_plan_is_built_once_strongly_typed_without_tf32_for_all_batches(use, model):
    trt = use()
    for _ in range(2):
        open_engine(NAME, model=model).close()
    profile = {"input": [[1, 3, 320, 320], LARGEST, LARGEST]}
    assert trt.named("build") == [("build", STRONGLY_TYPED, [], profile)]


def test_another_build_is_built_anew_and_so_are_other_batches(use, model):
    trt = use()
    for settings in ({}, {"build": 2}, {"max_batch": 8}, {"options": {"batch": "64"}}):
        open_engine(NAME, model=model, **settings).close()
    largest = [call[3]["input"][2][0] for call in trt.named("build")]
    assert largest == [32, 32, 8, 64]


def test_a_call_copies_in_runs_and_copies_out_and_waits_for_each(use, model):
    trt = use()
    with open_engine(NAME, model=model) as engine:
        trt.calls.clear()
        engine.infer(images(3))
        sizes = [call[3] for call in trt.named("cudaMemcpyAsync")]
        names = [call[0] for call in trt.calls]
    assert sizes == [4 * n for n in (3 * 3 * 320 * 320, 3 * 4200 * 4, 3 * 4200 * 2, 3 * 4200 * 10)]
    wait = "cudaStreamSynchronize"
    copies = ["cudaMemcpyAsync"] * 3
    assert names == [
        "set_input_shape", "cudaMemcpyAsync", wait, "execute_async_v3", wait, *copies, wait,
    ]  # fmt: skip


@pytest.mark.parametrize("n", [1, 3, 31, 32])
def test_every_batch_gives_the_networks_outputs_without_filling_up(use, model, n):
    use()
    with open_engine(NAME, model=model) as engine:
        outputs = engine.infer(images(n))
        assert engine.fixed_batch is None
    assert_near(outputs, expected_outputs(model, images(n)))


def test_the_run_alone_is_repeated_and_its_outputs_are_fetched_apart(use, model):
    trt = use()
    with open_engine(NAME, model=model) as engine:
        engine.load(images(2))
        trt.calls.clear()
        for _ in range(3):
            engine.execute()
        names = [call[0] for call in trt.calls]
        outputs = engine.fetch()
    assert names == ["execute_async_v3", "cudaStreamSynchronize"] * 3
    assert_near(outputs, expected_outputs(model, images(2)))


def test_fp16_is_the_files_and_is_fed_and_read_as_such(use, model, half):
    trt = use()
    with open_engine(HALF, model=half) as engine:
        trt.calls.clear()
        outputs = engine.infer(images(2))
        described = engine.describe()
    assert trt.named("cudaMemcpyAsync")[0][3] == 2 * 3 * 320 * 320 * 2
    assert {array.dtype for array in outputs} == {np.dtype("float32")}
    assert described["input_type"] == "float16"
    assert described["placement"]["layers_by_type"] == {"fp16": N_NODES}
    assert_near(outputs, expected_outputs(model, images(2)), atol=0.02)
    with pytest.raises(EngineUnavailable, match="needs an FP16 model, but the weights of"):
        open_engine(HALF, model=model)


def test_no_later_call_changes_the_outputs(use, model):
    use()
    with open_engine(NAME, model=model) as engine:
        first = engine.infer(images(2))
        kept = [array.copy() for array in first]
        engine.infer(images(2, seed=1))
    for array, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_closing_frees_memory_of_both_sides_and_the_stream_once(use, model):
    trt = use()
    engine = open_engine(NAME, model=model)
    assert len(trt.cuda.memory) == 8
    engine.close()
    engine.close()
    assert trt.cuda.memory == {}
    assert trt.cuda.streams == {}
    assert len(trt.named("cudaFree")) == len(trt.named("cudaFreeHost")) == 4


def test_a_prebuilt_plan_is_run_as_it_is(use, model, tmp_path):
    trt = use()
    with open_engine(NAME, model=model) as engine:
        plan = engine.built_file
        assert plan.parent == tmp_path / "cache" / "builds" / NAME
    trt.calls.clear()
    with open_engine(NAME, engine_file=plan, max_batch=8) as engine:
        outputs = engine.infer(images(2))
        assert engine.built_file == plan
    assert not trt.named("build")
    assert_near(outputs, expected_outputs(model, images(2)))


def test_a_file_of_a_fixed_batch_needs_no_profile_and_is_filled_up(use, tmp_path):
    trt = use()
    write_heads(tmp_path / "b8.onnx", batch=8)
    with open_engine(NAME, model=tmp_path / "b8.onnx", max_batch=8) as engine:
        assert engine.infer(images(3)).loc.shape == (3, 4200, 4)
        assert engine.fixed_batch == engine.describe()["batch"] == 8
    assert trt.named("build")[0][3] == {}


def test_free_height_and_width_are_one_profile(use, tmp_path):
    trt = use()
    write_model(tmp_path / "free.onnx", size=("h", "w"))
    path = edited(tmp_path / "free.onnx", tmp_path / "f.onnx", _free_priors)
    with open_engine(NAME, model=path, input_size_px=None) as engine:
        outputs = engine.infer(np.ones((1, 3, 320, 320), np.float32))
    assert trt.named("build")[0][3] == {
        "input": [[1, 3, 16, 16], [1, 3, 480, 640], [32, 3, 640, 640]]
    }
    assert outputs.loc.shape == (1, 4200, 4)


def _free_priors(graph):
    for value in graph.output:
        value.type.tensor_type.shape.dim[1].dim_param = "priors"


def test_the_description_fits_a_record_and_names_the_card(use, model, monkeypatch):
    use()
    import retinaface.engines.tensorrt.engine as module

    monkeypatch.setattr(module, "command_output", lambda *_: "580.65.06")
    with open_engine(NAME, model=model) as engine:
        described = json.loads(json.dumps(engine.describe()))
    assert described["device_name"] == "NVIDIA Stand-in"
    assert (described["driver"], described["compute_capability"]) == ("580.65.06", "9.0")
    assert described["runtime"] == "tensorrt 10.16.1.11"
    assert described["batch"] == "1 to 32"
    placement = described["placement"]
    assert placement["fallback"] == placement["tf32_layers"] == []
    assert placement["layers_by_type"] == {"fp32": N_NODES}
    assert "no nodes on the host" in placement["proof"]


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ({"Format/Datatype": "Half"}, "fp16"),
        ({"Format/Datatype": "Row major linear FP16 format"}, "fp16"),
        ({"Format/Datatype": "Float"}, "fp32"),
        ({"Format/Datatype": "Row major linear FP32"}, "fp32"),
        ({"Format": "Row major linear FP32 format (kLINEAR)", "DataType": "Float"}, "fp32"),
        ({"Format": "Channel major format", "DataType": "Half"}, "fp16"),
        ({"DataType": "BFloat16"}, "bf16"),
        (
            {"Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format"},
            "integer",
        ),
        ({"DataType": "Int64"}, "integer"),
        ({"DataType": "FP8"}, "other"),
    ],
)
def test_the_inspectors_words_for_types(tensor, name):
    found = layers_of({"Layers": [{"Name": "a", "Outputs": [tensor]}, {"Name": "no outputs"}]})
    assert found.by_type == {name: 1}
    assert found.n_layers == 2


@pytest.mark.parametrize("information", [{}, {"Layers": ["a", "b"]}, {"Layers": []}])
def test_a_plan_with_names_alone_says_that_it_does_not_tell(information):
    found = layers_of(information)
    assert found.by_type is None
    assert "is not known" in found.proof


def test_kernels_that_say_tf32_are_listed(use, model):
    trt = FakeTensorRt()
    trt.tactic = "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32"
    use(trt)
    with open_engine(NAME, model=model) as engine:
        assert len(engine.describe()["placement"]["tf32_layers"]) == N_NODES


def refused(text, name=NAME, **settings):
    with pytest.raises(EngineUnavailable) as caught:
        open_engine(name, **settings)
    message = str(caught.value)
    assert text in message, message
    assert len(message.splitlines()) == 1
    return message


def test_without_tensorrt_no_export_is_made(use, monkeypatch):
    use()
    monkeypatch.setitem(sys.modules, "tensorrt", None)  # as where it is not installed
    assert "the extra 'tensorrt'" in refused("tensorrt cannot be imported (ModuleNotFoundError")


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("8.4.3+corex.4.2.0", "is Iluvatar's ixRT; take ixrt-iluvatar-fp16"),
        ("8.6.1", "needs TensorRT 10 or 11, got 8.6.1"),
        ("unknown", "needs TensorRT 10 or 11, got unknown"),
    ],
    ids=["ixrt", "old", "strange"],
)
def test_another_tensorrt_is_not_taken_for_it(use, model, version, said):
    use(FakeTensorRt(version=version))
    refused(said, model=model)


def test_tensorrt_11_needs_nothing_that_it_no_longer_has(use, model, half):
    trt = FakeTensorRt(version="11.4.0.106")
    trt.output_types = {"DataType": "Half", "Format": "Row major linear"}
    use(trt)
    with open_engine(HALF, model=half) as engine:
        assert engine.describe()["placement"]["layers_by_type"] == {"fp16": N_NODES}


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        (("tensorrt.OnnxParser",), "lacks OnnxParser"),
        (("tensorrt.Runtime",), "lacks Runtime"),
        (("cuda.bindings.runtime",), "through cuda-python, which cannot be imported"),
    ],
    ids=["parser", "runtime", "cuda"],
)
def test_what_the_installation_lacks_is_named(use, model, lacks, said):
    use(FakeTensorRt(lacks=lacks))
    refused(said, model=model)


def test_the_older_name_of_cuda_python_will_do(use, model, monkeypatch):
    trt = FakeTensorRt(lacks=("cuda.bindings.runtime", "cuda.bindings"))
    use(trt)
    monkeypatch.setitem(sys.modules, "cuda.cudart", FakeTensorRt().modules["cuda.bindings.runtime"])
    with pytest.raises(EngineUnavailable, match="cannot run"):  # memory is another stand-in's
        open_engine(NAME, model=model)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("cudaGetDeviceCount", "needs cuda: cudaGetDeviceCount gave cudaErrorInsufficientDriver"),
        ("cudaStreamCreate", "needs cuda: cudaStreamCreate gave"),
        ("cudaMalloc", "cannot allocate input 32x3x320x320: cudaMalloc gave"),
        ("cudaHostAlloc", "cannot allocate input"),
        ("cudaMemcpyAsync", "cudaMemcpyAsync gave cudaErrorInsufficientDriver (text of"),
        ("cudaStreamSynchronize", "cudaStreamSynchronize gave"),
    ],
)
def test_an_error_code_is_not_passed_over(use, model, function, said):
    trt = use()
    trt.cuda.fails = function
    refused(said, model=model)
    assert trt.cuda.memory == {}
    assert trt.cuda.streams == {}


def test_a_machine_without_a_device_says_so(use, model):
    trt = use()
    trt.cuda.n_devices = 0
    refused("needs cuda: cudaGetDeviceCount gave 0 devices; see whether a device", model=model)


def test_what_parser_builder_and_runtime_say_is_passed_on(use, model):
    trt = use()
    trt.parser_errors = ["In node 7 (Resize):\nUNSUPPORTED_NODE"]
    refused("cannot build", model=model)
    refused("In node 7 (Resize): UNSUPPORTED_NODE; try a file of another", model=model)
    trt.parser_errors, trt.builds = [], False
    refused("build_serialized_network gave nothing: no kernel fits; try", model=model)
    trt.builds, trt.loads = True, False
    refused("it gave nothing: built by another version; a plan runs on the version", model=model)
    trt.loads, trt.takes_addresses = True, False
    refused("takes no address for input: TensorRT says nothing of why", model=model)
    assert trt.cuda.memory == {}


def test_a_failure_on_the_device_is_a_refusal_at_first_and_a_fault_later(use, model):
    trt = use()
    with open_engine(NAME, model=model) as engine:
        trt.executes = False
        with pytest.raises(EngineFault, match="execute_async_v3 gave False"):
            engine.infer(images(1))
    refused("execute_async_v3 gave False", model=model)
    assert trt.cuda.memory == {}  # freed although it was never opened


def test_a_plan_of_another_precision_is_refused(use, model, half):
    use()
    with open_engine(HALF, model=half) as engine:
        plan = engine.built_file
    refused("should be FP32, but its layers are 34 fp16; build it from the FP32", engine_file=plan)
    with open_engine(NAME, model=model) as engine:
        plan = engine.built_file
    refused("should be FP16, but its layers are 34 fp32", HALF, engine_file=plan)


def test_files_and_plans_of_another_shape_are_refused(use, model, tmp_path):
    use()
    write_heads(tmp_path / "b8.onnx", batch=8)
    refused("takes batches of 8, but up to 32", model=tmp_path / "b8.onnx")
    write_model(tmp_path / "two.onnx", outputs=("loc", "conf"))
    refused("expected input -> loc, conf, landmarks", model=tmp_path / "two.onnx")
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


@pytest.mark.needs("tensorrt", "torch", "onnxsim")
@pytest.mark.gpu
@pytest.mark.parametrize("name", [NAME, HALF])
def test_tensorrt_really_runs(name):
    with open_engine(name, weights="embedded", max_batch=2) as engine:
        outputs = engine.infer(np.zeros((2, 3, 320, 320), np.float32))
        placement = engine.describe()["placement"]
    assert placement["layers_by_type"][engine.spec.precision] > 10
    assert placement["tf32_layers"] == []
    assert np.isfinite(outputs.scores).all()
