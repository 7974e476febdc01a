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


@pytest.fixture
def compiled(monkeypatch):
    """Compiled models in the order in which they are made."""
    import openvino

    made = []

    class Watched(openvino.Core):
        def compile_model(self, *arguments):
            made.append(super().compile_model(*arguments))
            return made[-1]

    monkeypatch.setattr("retinaface.engines.openvino.engine.ov.Core", Watched)
    return made


def test_engine_runs_the_file_and_describes_itself(path, compiled):
    write_model(path)
    with open_cpu(path, threads=1) as engine:
        outputs = engine.infer(images(1, 2))
        description = engine.describe()
        assert compiled[0].get_property("INFERENCE_NUM_THREADS") == 1
    np.testing.assert_allclose(outputs.loc[:, 0, 1], [0.01, 0.02], rtol=1e-6)
    assert description["placement"]["provider"] == "OpenVINO CPU"
    assert description["placement"]["n_nodes"] > 0
    assert description["placement"]["fallback"] == []
    assert set(description["placement"]["computed_in"]) == {"f32"}
    assert description["runtime"].startswith("openvino 20")
    assert description["device_name"]
    assert description["threads"] == 1
    assert description["numerics"] == "computes in f32"


def test_a_free_size_follows_the_image(path):
    write_model(path, size=("height", "width"))
    with open_cpu(path, input_size_px=None) as engine:
        assert engine.infer(images(1, 2)).loc.shape == (2, 4200, 4)


@pytest.mark.parametrize("precision", ["FP32", "FP16"])
def test_a_file_that_does_not_state_its_precision_is_read(path, precision):
    import onnx

    write_model(path, precision=precision.lower())
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    other = "fp16" if precision == "FP32" else "fp32"
    with pytest.raises(EngineUnavailable, match=f"but the weights of .* are {precision}"):
        open_engine(f"openvino-cpu-{other}", model=path, max_batch=1)


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
    np.testing.assert_allclose(outputs.loc[:, 0, 1], [0.01, 0.02, 0.03], rtol=1e-6)
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


def test_fp32_is_asked_for_by_name(path, compiled):
    write_model(path)
    with open_cpu(path):
        found = compiled[0].get_property("INFERENCE_PRECISION_HINT")
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


def test_options_go_to_the_compiler(path, compiled):
    write_model(path)
    with open_cpu(path, options={"NUM_STREAMS": "2", "ENABLE_CPU_PINNING": "NO"}) as engine:
        assert compiled[0].get_property("NUM_STREAMS") == 2
        assert engine.describe()["options"]["ENABLE_CPU_PINNING"] == "NO"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"NO_SUCH": "1"}, "unknown option 'NO_SUCH'; expected one of: .*, NUM_STREAMS, "),
        ({"NUM_STREAMS": "many"}, "does not take NUM_STREAMS=many on CPU: .*another value"),
        ({"PERF_COUNT": "NO"}, "no proof .* no node has a time"),
    ],
)
def test_an_option_that_is_wrong_is_refused(path, options, message):
    write_model(path)
    with pytest.raises(EngineUnavailable, match=message):
        open_cpu(path, options=options)


def test_shared_processors_are_streams_of_the_runtime(path, compiled, monkeypatch):
    monkeypatch.setattr("retinaface.engines.threads.n_usable_cpus", lambda: 2)
    write_model(path)
    with open_cpu(path, shares_cpus=True) as engine:
        assert engine.parallel_calls == 2
        assert compiled[0].get_property("NUM_STREAMS") == 2
        assert compiled[0].get_property("INFERENCE_NUM_THREADS") == 2


def test_intermediates_of_the_same_names_are_compiled_for_once(path, compiled):
    write_model(path)
    with open_cpu(path) as engine:
        for _ in range(2):
            engine.infer_intermediates(images(1, 2), ["mean", "conf", "mean"])
    assert len(compiled) == 2


def test_what_is_no_onnx_file_is_refused_before_the_runtime_reads_it(path):
    path.write_bytes(b"garbage" * 100)
    with pytest.raises(EngineUnavailable, match=r"cannot use .*x\.onnx: it is no whole ONNX file"):
        open_cpu(path)
