from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("openvino", "onnx")


def open_cpu(path, **options):
    return open_engine("openvino-cpu-fp32", model=path, **({"max_batch": 2} | options))


def images(*values):
    return np.stack([np.full((3, 320, 320), v, np.float32) for v in values])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.onnx"


class OtherCore:
    """Devices that are not there, with the CPU behind them.

    `claimed` is what the compiled model says it ran on; None for the truth.
    """

    def __init__(self, device, claimed=None, capabilities=("FP32",)):
        import openvino

        self._core, self._claimed, self._capabilities = openvino.Core(), claimed, capabilities
        self.available_devices = ["CPU", device]

    def read_model(self, path):
        return self._core.read_model(path)

    def compile_model(self, graph, _device, config):
        known = {k: v for k, v in config.items() if k != "INFERENCE_PRECISION_HINT"}
        return OtherNetwork(self._core.compile_model(graph, "CPU", known), self._claimed)

    def get_property(self, _device, name):
        return self._capabilities if name == "OPTIMIZATION_CAPABILITIES" else "Acme X1"


class OtherNetwork:
    def __init__(self, network, claimed):
        self._network, self._claimed = network, claimed

    def get_property(self, name):
        is_claim = name == "EXECUTION_DEVICES" and self._claimed
        return self._claimed if is_claim else self._network.get_property(name)

    def __getattr__(self, name):
        return getattr(self._network, name)


def install(monkeypatch, *arguments, **named):
    core = OtherCore(*arguments, **named)
    monkeypatch.setattr("retinaface.engines.openvino.engine.ov.Core", lambda: core)


def test_engine_runs_the_file_and_describes_itself(path):
    write_model(path)
    with open_cpu(path, threads=1) as engine:
        outputs = engine.infer(images(1, 2))
        description = engine.describe()
        assert engine._network.get_property("INFERENCE_NUM_THREADS") == 1
    np.testing.assert_allclose(outputs.scores[:, 0, 1], [0.01, 0.02], rtol=1e-6)
    assert description["placement"]["provider"] == "OpenVINO CPU"
    assert description["placement"]["n_nodes"] > 0
    assert description["placement"]["fallback"] == []
    assert set(description["placement"]["computed_in"]) == {"f32"}
    assert description["runtime"].startswith("openvino 20")
    assert description["device_name"]
    assert description["threads"] == 1
    assert description["numerics"] == "computes in f32"


def test_returned_arrays_are_not_changed_by_later_calls(path):
    write_model(path)
    with open_cpu(path) as engine:
        first = engine.infer(images(1))
        kept = [array.copy() for array in first]
        engine.infer(images(9))
    for before, after in zip(kept, first, strict=True):
        np.testing.assert_array_equal(after, before)


def test_a_fixed_batch_is_filled(path):
    write_model(path, batch=4)
    with open_cpu(path, max_batch=4) as engine:
        outputs = engine.infer(images(1, 2, 3))
    np.testing.assert_allclose(outputs.scores[:, 0, 1], [0.01, 0.02, 0.03], rtol=1e-6)


def test_a_free_size_follows_the_image(path):
    write_model(path, size=("height", "width"))
    with open_cpu(path, input_size_px=None) as engine:
        assert engine.infer(images(1, 2)).loc.shape == (2, 4200, 4)


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


@pytest.mark.parametrize(("kernel", "precision"), [(np.float32, "FP32"), (np.float16, "FP16")])
def test_a_file_that_does_not_state_its_precision_is_read(path, kernel, precision):
    import onnx

    write_model(path, precision=None)
    model = onnx.load(path)
    (weight,) = [t for t in model.graph.initializer if t.name == "weight"]
    weight.CopyFrom(onnx.numpy_helper.from_array(np.ones((1, 1, 1, 1), kernel), "weight"))
    model.graph.node.append(onnx.helper.make_node("Cast", ["weight"], ["w"], to=1))
    model.graph.node.append(onnx.helper.make_node("Mul", ["m0", "w"], ["mean"]))
    model.graph.node[0].output[0] = "m0"
    model.graph.node.extend([model.graph.node.pop(i) for i in (1, 1, 1, 1)])
    onnx.save(model, path)
    other = "fp16" if precision == "FP32" else "fp32"
    with pytest.raises(EngineUnavailable, match=f"but the weights of .* are {precision}"):
        open_engine(f"openvino-cpu-{other}", model=path, max_batch=1)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_a_file_that_is_not_onnx_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(EngineUnavailable, match=r"cannot load .*x\.onnx: Unable to read the model"):
        open_cpu(path)


def test_a_device_that_is_not_there_is_refused_with_those_that_are(path, monkeypatch):
    write_model(path)
    monkeypatch.setattr("retinaface.engines.openvino.engine.DEVICES", {"gpu": "XPU"})
    with pytest.raises(EngineUnavailable, match=r"finds no XPU here \(it has .*CPU.*\): .*XPU"):
        open_engine("openvino-gpu-fp32", model=path, max_batch=1)


def test_a_graph_that_ran_on_another_device_is_refused(path, monkeypatch):
    write_model(path)
    install(monkeypatch, "GPU.0")
    message = "no proof that the graph ran on GPU alone, got all of the graph on CPU"
    with pytest.raises(EngineUnavailable, match=message):
        open_engine("openvino-gpu-fp32", model=path, max_batch=1)


def test_the_choice_of_the_runtime_is_described(path):
    write_model(path)
    with open_engine("openvino-auto-fp32", model=path, max_batch=1) as engine:
        description = engine.describe()
    assert description["device"] == "auto"
    assert description["placement"]["provider"].startswith("OpenVINO ")
    assert description["config"]["ENABLE_STARTUP_FALLBACK"] == "NO"


def test_the_npu_gets_one_batch_size(path, monkeypatch):
    write_model(path, precision="fp16")
    install(monkeypatch, "NPU", claimed=["NPU"])
    with open_engine("openvino-npu-fp16", model=path, max_batch=4) as engine:
        assert engine.fixed_batch == 4
        outputs = engine.infer(images(1, 2, 3))
        assert engine.describe()["device_name"] == "Acme X1"
    np.testing.assert_allclose(outputs.scores[:, 0, 1], [0.01, 0.02, 0.03], rtol=1e-6)
    write_model(path, precision="fp16", size=("height", "width"))
    with pytest.raises(EngineUnavailable, match="needs inputs of one size"):
        open_engine("openvino-npu-fp16", model=path, max_batch=4, input_size_px=None)


@pytest.mark.parametrize(("capabilities", "hint"), [(["BF16"], "f32"), (["FP16"], "f16")])
def test_a_cpu_without_fp16_is_not_asked_for_it(path, monkeypatch, capabilities, hint):
    """It would compute in BF16."""
    write_model(path, precision="fp16")
    install(monkeypatch, "CPU", capabilities=capabilities)
    with open_engine("openvino-cpu-fp16", model=path, max_batch=1) as engine:
        description = engine.describe()
    assert description["config"]["INFERENCE_PRECISION_HINT"] == hint
    assert description["numerics"].startswith("computes in FP32 on FP16 weights")


def test_fp32_is_asked_for_by_name(path):
    write_model(path)
    with open_cpu(path) as engine:
        found = engine._network.get_property("INFERENCE_PRECISION_HINT")
    assert found.get_type_name() == "f32"


@pytest.mark.parametrize(("name", "precision"), [("fp32", "f16"), ("fp16", "bf16")])
def test_nodes_that_compute_in_another_type_are_refused(path, monkeypatch, name, precision):
    from retinaface.engines.openvino.graph import Node

    write_model(path, precision=name)
    nodes = [Node("c", "Convolution", "x", precision, True), Node("s", "Softmax", "x", "f32", True)]
    monkeypatch.setattr("retinaface.engines.openvino.engine.nodes_of", lambda *_: nodes)
    message = rf"asked for {name.upper()}, .* computes in {precision} on CPU: c \(Convolution\); "
    with pytest.raises(EngineUnavailable, match=message):
        open_engine(f"openvino-cpu-{name}", model=path, max_batch=1)


def test_options_go_to_the_compiler(path):
    write_model(path)
    with open_cpu(path, options={"NUM_STREAMS": "2", "ENABLE_CPU_PINNING": "NO"}) as engine:
        assert engine._network.get_property("NUM_STREAMS") == 2
        assert engine.describe()["options"]["ENABLE_CPU_PINNING"] == "NO"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"NO_SUCH": "1"}, "NO_SUCH=1: .*Unsupported property NO_SUCH"),
        ({"NUM_STREAMS": "many"}, "NUM_STREAMS=many: .*check --engine-option"),
        ({"PERF_COUNT": "NO"}, "no proof .* no node has a time"),
    ],
)
def test_an_option_that_is_wrong_is_refused(path, options, message):
    write_model(path)
    with pytest.raises(EngineUnavailable, match=message):
        open_cpu(path, options=options)


def test_calls_side_by_side_give_what_single_calls_give(path, monkeypatch):
    monkeypatch.setattr("retinaface.engines.threads.n_usable_cpus", lambda: 2)
    write_model(path)
    batches = [images(*range(i, i + 1 + i % 3)) for i in range(24)]
    with open_cpu(path, max_batch=3, shares_cpus=True) as engine:
        assert engine.parallel_calls == 2
        assert engine._network.get_property("NUM_STREAMS") == 2
        assert engine._network.get_property("INFERENCE_NUM_THREADS") == 2
        one_by_one = [engine.infer(batch) for batch in batches]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(engine.infer, batches))
    for expected, actual in zip(one_by_one, together, strict=True):
        for theirs, ours in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_intermediates_are_tensors_of_the_file(path):
    write_model(path, batch=4)
    with open_cpu(path, max_batch=4) as engine:
        found = engine.infer_intermediates(images(1, 2), ["mean", "conf", "mean"])
        engine.infer_intermediates(images(1, 2), ["mean", "conf", "mean"])
        assert len(engine._marked) == 1
        outputs = engine.infer(images(1, 2))
    assert sorted(found) == ["conf", "landmarks", "loc", "mean"]
    np.testing.assert_allclose(found["mean"].ravel(), [1, 2], rtol=1e-6)
    np.testing.assert_array_equal(found["conf"], outputs.scores)


def test_an_unknown_tensor_is_refused(path):
    write_model(path)
    with open_cpu(path) as engine:
        message = r"1 of 2 names are no tensors of .*x\.onnx, first Conv_1"
        with pytest.raises(ValueError, match=message):
            engine.infer_intermediates(images(1), ["mean", "Conv_1"])


def test_a_closed_engine_runs_nothing(path):
    write_model(path)
    engine = open_cpu(path)
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="infer after close"):
        engine.infer(images(1))
