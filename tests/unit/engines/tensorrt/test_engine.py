"""Calls and description of TensorRT's engine, on a stand-in of its API."""

import json

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from tests.support.engines import assert_near, noise, outputs_of
from tests.support.made.onnx_models import edited, write_heads
from tests.support.standins.tensorrt import FakeTensorRt

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
NAME, HALF = "tensorrt-cuda-fp32", "tensorrt-cuda-fp16"
STRONGLY_TYPED = 2
LARGEST = [32, 3, 320, 320]
N_NODES = 34  # of the file that `write_heads` writes


@pytest.fixture
def use(stand_in):
    return lambda trt=None: stand_in(trt or FakeTensorRt(), "tensorrt.engine")


def test_a_plan_is_built_once_strongly_typed_without_tf32_for_all_batches(use, model):
    trt = use()
    for _ in range(2):
        open_engine(NAME, model=model).close()
    profile = {"input": [[1, 3, 320, 320], LARGEST, LARGEST]}
    assert trt.named("build") == [("build", STRONGLY_TYPED, [], profile)]


def test_another_build_number_or_batch_builds_again(use, model):
    trt = use()
    for settings in ({}, {"build": 2}, {"max_batch": 8}, {"options": {"batch": "64"}}):
        open_engine(NAME, model=model, **settings).close()
    largest = [call[3]["input"][2][0] for call in trt.named("build")]
    assert largest == [32, 32, 8, 64]


def test_a_call_copies_in_runs_and_copies_out_and_waits_for_each(use, model):
    trt = use()
    with open_engine(NAME, model=model) as engine:
        trt.calls.clear()
        engine.infer(noise(3))
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
        outputs = engine.infer(noise(n))
        assert engine.fixed_batch is None
    assert_near(outputs, outputs_of(model, noise(n)))


def test_the_run_alone_is_repeated_and_its_outputs_are_fetched_apart(use, model):
    trt = use()
    with open_engine(NAME, model=model) as engine:
        engine.load(noise(2))
        trt.calls.clear()
        for _ in range(3):
            engine.execute()
        names = [call[0] for call in trt.calls]
        outputs = engine.fetch()
    assert names == ["execute_async_v3", "cudaStreamSynchronize"] * 3
    assert_near(outputs, outputs_of(model, noise(2)))


def test_fp16_comes_from_the_file_and_holds_for_input_and_outputs(use, model, half):
    trt = use()
    with open_engine(HALF, model=half) as engine:
        trt.calls.clear()
        outputs = engine.infer(noise(2))
        described = engine.describe()
    assert trt.named("cudaMemcpyAsync")[0][3] == 2 * 3 * 320 * 320 * 2
    assert {array.dtype for array in outputs} == {np.dtype("float32")}
    assert described["input_type"] == "float16"
    assert described["placement"]["layers_by_type"] == {"fp16": N_NODES}
    assert_near(outputs, outputs_of(model, noise(2)), atol=0.02)
    with pytest.raises(EngineUnavailable, match="needs an FP16 model, but the weights of"):
        open_engine(HALF, model=model)


def test_closing_frees_memory_of_both_sides_and_the_stream_once(use, model):
    trt = use()
    engine = open_engine(NAME, model=model)
    assert len(trt.cuda.memory) == 8
    engine.close()
    engine.close()
    assert trt.cuda.memory == {}
    assert trt.cuda.streams == {}
    assert len(trt.named("cudaFree")) == len(trt.named("cudaFreeHost")) == 4


def test_a_prebuilt_plan_runs_unchanged(use, model, tmp_path):
    trt = use()
    with open_engine(NAME, model=model) as engine:
        plan = engine.built_file
        assert plan.parent == tmp_path / "cache" / "builds" / NAME
    trt.calls.clear()
    with open_engine(NAME, engine_file=plan, max_batch=8) as engine:
        outputs = engine.infer(noise(2))
        assert engine.built_file == plan
    assert not trt.named("build")
    assert_near(outputs, outputs_of(model, noise(2)))


def test_a_file_of_a_fixed_batch_needs_no_profile_and_is_filled_up(use, tmp_path):
    trt = use()
    write_heads(tmp_path / "b8.onnx", batch=8)
    with open_engine(NAME, model=tmp_path / "b8.onnx", max_batch=8) as engine:
        assert engine.infer(noise(3)).loc.shape == (3, 4200, 4)
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


def test_kernels_with_tf32_in_their_name_are_listed(use, model):
    trt = FakeTensorRt()
    trt.tactic = "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32"
    use(trt)
    with open_engine(NAME, model=model) as engine:
        assert len(engine.describe()["placement"]["tf32_layers"]) == N_NODES


def test_tensorrt_11_works_without_the_removed_parts_of_10(use, model, half):
    trt = FakeTensorRt(version="11.4.0.106")
    trt.output_types = {"DataType": "Half", "Format": "Row major linear"}
    use(trt)
    with open_engine(HALF, model=half) as engine:
        assert engine.describe()["placement"]["layers_by_type"] == {"fp16": N_NODES}


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
