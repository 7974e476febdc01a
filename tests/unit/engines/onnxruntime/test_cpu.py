import sys

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnxruntime", "onnx")


def open_cpu(path, **options):
    return open_engine("ort-cpu-fp32", model=path, **({"max_batch": 2} | options))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.onnx"


def test_engine_runs_the_file_and_describes_itself(path):
    write_model(path)
    with open_cpu(path, threads=1) as engine:
        images = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
        outputs = engine.infer(images)
        description = engine.describe()
    np.testing.assert_allclose(outputs.scores[:, 0, 1], [0.01, 0.02], rtol=1e-6)
    assert description["placement"]["provider"] == "CPUExecutionProvider"
    assert description["placement"]["n_nodes"] > 0
    assert description["placement"]["fallback"] == []
    assert description["threads"] == 1


def test_returned_arrays_are_not_changed_by_later_calls(path):
    write_model(path)
    with open_cpu(path) as engine:
        first = engine.infer(np.ones((1, 3, 320, 320), np.float32))
        kept = first.loc.copy()
        engine.infer(np.full((1, 3, 320, 320), 9, np.float32))
    np.testing.assert_array_equal(first.loc, kept)


def test_a_fixed_batch_is_filled(path):
    write_model(path, batch=4)
    with open_cpu(path, max_batch=4) as engine:
        outputs = engine.infer(np.full((3, 3, 320, 320), 2, np.float32))
    assert outputs.loc.shape == (3, 4200, 4)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ({"batch": 1}, {}, "takes batches of 1, but up to 2 are asked for; use --batch 1"),
        ({"size": (640, 640)}, {}, "takes 640x640 inputs, but 320x320 is needed"),
        ({}, {"input_size_px": None}, "takes 320x320 inputs, but free height and width"),
        ({"outputs": ("loc", "scores", "landmarks")}, {}, "expected input -> loc, conf, landmarks"),
        ({"precision": "fp16"}, {}, "needs an FP32 model, but the weights of .* are FP16"),
    ],
    ids=["batch", "size", "dynamic", "names", "precision"],
)
def test_a_model_that_does_not_fit_is_refused(path, model, options, message):
    write_model(path, **model)
    with pytest.raises(EngineUnavailable, match=message):
        open_cpu(path, **options)


def test_a_file_that_does_not_state_its_precision_is_read(path):
    write_model(path, precision=None)
    with open_cpu(path):
        pass
    with pytest.raises(EngineUnavailable, match="needs an FP16 model, but"):
        open_engine("ort-cpu-fp16", model=path, max_batch=1)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_a_file_that_is_not_onnx_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(EngineUnavailable, match=r"cannot load .*x\.onnx"):
        open_cpu(path)


def test_a_missing_file_is_named(path):
    with pytest.raises(EngineUnavailable, match=r"x\.onnx does not exist; check --model"):
        open_cpu(path)


def test_fusions_and_spinning_are_switched_off(path):
    from onnxruntime import GraphOptimizationLevel

    write_model(path)
    with open_cpu(path, options={"fusions": "off", "spinning": "off"}) as engine:
        options = engine._session.get_session_options()
        assert engine.describe()["options"] == {"fusions": "off", "spinning": "off"}
    assert options.graph_optimization_level == GraphOptimizationLevel.ORT_DISABLE_ALL
    for pool in ("intra_op", "inter_op"):
        assert options.get_session_config_entry(f"session.{pool}.allow_spinning") == "0"


def test_idle_threads_sleep_where_others_need_the_processors(path):
    write_model(path)
    with open_cpu(path, shares_cpus=True) as engine:
        options = engine._session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    with open_cpu(path, shares_cpus=True, options={"spinning": "on"}) as engine:
        options = engine._session.get_session_options()
    with pytest.raises(RuntimeError, match="allow_spinning"):
        options.get_session_config_entry("session.intra_op.allow_spinning")


@pytest.mark.parametrize(
    ("n_cpus", "threads", "expected"),
    [
        (1, None, (1, 1)),
        (2, None, (1, 2)),
        (4, None, (1, 4)),
        (16, None, (4, 4)),
        (2, 2, (2, 1)),
        (2, 4, (4, 1)),
        (8, 2, (2, 4)),
    ],
)
def test_shared_processors_are_divided_into_calls(path, monkeypatch, n_cpus, threads, expected):
    write_model(path)
    monkeypatch.setattr("retinaface.engines.threads.n_usable_cpus", lambda: n_cpus)
    with open_cpu(path, shares_cpus=True, threads=threads) as engine:
        assert (engine.describe()["threads"], engine.parallel_calls) == expected
    with open_cpu(path, threads=threads) as engine:
        assert (engine.describe()["threads"], engine.parallel_calls) == (threads, 1)


def test_calls_side_by_side_give_what_single_calls_give(path):
    from concurrent.futures import ThreadPoolExecutor

    write_model(path)
    batches = [np.full((1 + i % 3, 3, 320, 320), i, np.float32) for i in range(24)]
    with open_cpu(path, max_batch=3, shares_cpus=True) as engine:
        one_by_one = [engine.infer(batch) for batch in batches]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(engine.infer, batches))
    for expected, actual in zip(one_by_one, together, strict=True):
        for theirs, ours in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("options", [None, {"fusions": "on", "spinning": "on"}])
def test_fusions_and_spinning_are_the_runtimes_own_by_default(path, options):
    from onnxruntime import SessionOptions

    write_model(path)
    with open_cpu(path, options=options) as engine:
        found = engine._session.get_session_options()
    assert found.graph_optimization_level == SessionOptions().graph_optimization_level
    with pytest.raises(RuntimeError, match="allow_spinning"):  # nothing was set
        found.get_session_config_entry("session.intra_op.allow_spinning")


@pytest.mark.parametrize("name", ["fusions", "spinning"])
def test_a_switch_is_on_or_off(path, name):
    write_model(path)
    with pytest.raises(EngineUnavailable, match=f"option {name} must be on or off, got 'no'$"):
        open_cpu(path, options={name: "no"})


@pytest.mark.parametrize(
    ("option", "step"), [("fusion", "did you mean fusions"), ("use_tf32", "leave it out$")]
)
def test_the_cpu_is_given_no_option_that_its_provider_would_pass_over(path, option, step):
    write_model(path)
    message = f"unknown option '{option}'; expected one of: fusions .*, spinning .*; {step}"
    with pytest.raises(EngineUnavailable, match=message):
        open_cpu(path, options={option: "1"})


def test_other_options_of_a_device_go_to_its_provider(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu as module

    write_model(path)
    providers = []

    def spy(*_, **named):
        providers.extend(named["providers"])
        return FellBack()

    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(module.ort, "InferenceSession", spy)
    options = {"fusions": "off", "use_tf32": "1", "cudnn_conv_algo_search": "HEURISTIC"}
    with pytest.raises(EngineUnavailable, match="fell back"):
        open_engine("ort-cuda-fp32", model=path, options=options)
    del options["fusions"]
    assert providers == [("CUDAExecutionProvider", options)]
    with pytest.raises(EngineUnavailable, match="'cuda_graph'; .*; did you mean cuda_graphs"):
        open_engine("ort-cuda-fp32", model=path, options={"cuda_graph": "on"})
    with pytest.raises(EngineUnavailable, match="option cuda_graphs must be on or off, got '1'$"):
        open_engine("ort-cuda-fp32", model=path, options={"cuda_graphs": "1"})


def test_intermediates_are_tensors_of_the_file(path):
    write_model(path, batch=4)
    images = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
    with open_cpu(path, max_batch=4, options={"fusions": "off"}) as engine:
        found = engine.infer_intermediates(images, ["mean", "conf", "mean"])
        session = engine._marked_sessions["mean", "conf", "mean"]
        engine.infer_intermediates(images, ["mean", "conf", "mean"])
        assert list(engine._marked_sessions.values()) == [session]
        outputs = engine.infer(images)
    level = session.get_session_options().graph_optimization_level
    assert level.name == "ORT_DISABLE_ALL"
    assert sorted(found) == ["conf", "landmarks", "loc", "mean"]
    np.testing.assert_allclose(found["mean"].ravel(), [1, 2], rtol=1e-6)
    np.testing.assert_array_equal(found["conf"], outputs.scores)


def test_intermediates_in_fp16_are_given_in_float32(path):
    import onnx
    from onnx import TensorProto, helper

    write_model(path)
    model = onnx.load(path)
    graph = model.graph
    half = helper.make_node("Cast", ["mean"], ["half"], to=TensorProto.FLOAT16)
    graph.node.insert(1, half)
    graph.node.insert(2, helper.make_node("Cast", ["half"], ["back"], to=TensorProto.FLOAT))
    graph.node[3].input[0] = "back"
    onnx.save(model, path)
    with open_cpu(path) as engine:
        found = engine.infer_intermediates(np.ones((1, 3, 320, 320), np.float32), ["half"])
        types = [o.type for o in engine._marked_sessions["half",].get_outputs()]
    assert types[3] == "tensor(float16)"
    assert found["half"].dtype == np.float32
    assert found["half"].ravel().tolist() == [1]


def test_an_unknown_tensor_is_refused(path):
    write_model(path)
    with open_cpu(path) as engine:
        message = r"1 of 2 names are no tensors of .*x\.onnx, first Conv_1"
        with pytest.raises(ValueError, match=message):
            engine.infer_intermediates(np.ones((1, 3, 320, 320), np.float32), ["mean", "Conv_1"])


def test_intermediates_say_that_they_need_onnx(path, monkeypatch):
    write_model(path)
    with open_cpu(path) as engine:
        monkeypatch.setitem(sys.modules, "onnx", None)
        monkeypatch.delitem(sys.modules, "retinaface.export.onnx_graph", raising=False)
        with pytest.raises(EngineUnavailable, match="need onnx, which cannot be imported"):
            engine.infer_intermediates(np.ones((1, 3, 320, 320), np.float32), ["mean"])


def event(name, provider, kind, op="Conv"):
    arguments = {"provider": provider, "op_name": op, "output_type_shape": [{kind: [1]}]}
    return {"cat": "Node", "name": f"{name}_kernel_time", "args": arguments}


def test_placement_tells_a_fallback_from_arithmetic_on_shapes():
    from retinaface.engines.onnxruntime.runtime import placement_from_profile

    profile = [
        {"cat": "Session", "name": "model_run", "args": {}},
        event("conv_1", "CUDAExecutionProvider", "float16"),
        event("conv_2", "CPUExecutionProvider", "float16"),
        event("shape_1", "CPUExecutionProvider", "int64", "Shape"),
    ]
    placement = placement_from_profile(profile, "CUDAExecutionProvider")
    assert placement["n_nodes"] == 1
    assert placement["fallback"] == ["conv_2 (Conv) on CPUExecutionProvider"]
    assert placement["shape_nodes_elsewhere"] == 1


def test_a_fallback_is_refused_with_its_nodes(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu

    write_model(path)
    honest = cpu.placement_from_profile
    monkeypatch.setattr(cpu, "placement_from_profile", lambda profile, _: honest(profile, "NPU"))
    with pytest.raises(EngineUnavailable, match="did not run on CPUExecutionProvider: .*Mul"):
        open_cpu(path)


class FellBack:
    """A session that was asked for CUDA and gives the CPU without an error."""

    def get_providers(self):
        return ["CPUExecutionProvider"]


def test_a_session_that_silently_fell_back_is_refused(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu as module

    write_model(path)
    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(module.ort, "InferenceSession", lambda *_, **__: FellBack())
    message = "lists CUDAExecutionProvider but the session fell back to CPUExecutionProvider"
    with pytest.raises(EngineUnavailable, match=message):
        open_engine("ort-cuda-fp32", model=path, max_batch=1)


def on_the_cpu(path, monkeypatch, **changes):
    """The engine of devices, whose calls ONNX Runtime offers on the CPU too."""
    from retinaface.engines.base import EngineSpec
    from retinaface.engines.onnxruntime.cuda import OnnxRuntimeDeviceEngine

    monkeypatch.setattr(OnnxRuntimeDeviceEngine, "provider", "CPUExecutionProvider")
    monkeypatch.setattr(OnnxRuntimeDeviceEngine, "_provider_options", lambda _: {})
    spec = EngineSpec("ort-cuda-fp32", "fp32", "cpu", model=path, max_batch=4, **changes)
    return OnnxRuntimeDeviceEngine(spec)


def test_a_device_is_loaded_run_and_read_in_three_steps(path, monkeypatch):
    write_model(path)
    images = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
    with open_cpu(path) as engine:
        expected = engine.infer(images)
    with on_the_cpu(path, monkeypatch) as engine:
        engine.load(images)
        engine.execute()
        engine.execute()
        for actual, wanted in zip(engine.fetch(), expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)
        for actual, wanted in zip(engine.infer(images[:1]), expected, strict=True):
            np.testing.assert_array_equal(actual, wanted[:1])
        assert "host_memory" in engine.describe()["io"]
        found = engine.infer_intermediates(images, ["mean"])["mean"]
    np.testing.assert_allclose(found.ravel(), [1, 2], rtol=1e-6)
    engine.close()  # twice


def test_a_provider_that_cannot_be_loaded_says_which_library_is_missing(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu as module
    from retinaface.engines.onnxruntime import cuda

    def raises(*_, **__):
        raise RuntimeError("Please install the libraries")

    write_model(path)
    monkeypatch.setattr(module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(module.ort, "InferenceSession", raises)
    monkeypatch.setattr(cuda, "missing_library", lambda _: "libcublasLt.so.13: no")
    message = (
        r"lists CUDAExecutionProvider but cannot load it \(libcublasLt.so.13: no\); which CUDA"
    )
    with pytest.raises(EngineUnavailable, match=message):
        open_engine("ort-cuda-fp32", model=path, max_batch=1)
    monkeypatch.setattr(cuda, "missing_library", lambda _: None)
    with pytest.raises(EngineUnavailable, match="Please install the libraries; check the file"):
        open_engine("ort-cuda-fp32", model=path, max_batch=1)


@pytest.mark.needs("cuda")
@pytest.mark.parametrize("name", ["ort-cuda-fp32", "ort-cuda-fp16"])
@pytest.mark.needs("torch", "onnxsim")
def test_cuda_really_runs_on_cuda(name):
    with open_engine(name, weights="embedded", max_batch=2) as engine:
        outputs = engine.infer(np.zeros((2, 3, 320, 320), np.float32))
        placement = engine.describe()["placement"]
    assert placement["provider"] == "CUDAExecutionProvider"
    assert placement["n_nodes"] > 50
    assert np.isfinite(outputs.scores).all()
