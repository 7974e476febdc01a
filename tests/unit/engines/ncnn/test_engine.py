import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import N_PRIORS
from tests.support.made.onnx_models import grey_images, store_as_fp16, write_means

pytestmark = pytest.mark.needs("ncnn", "onnx")


@pytest.fixture
def nets(monkeypatch):
    """List networks in the order of their creation."""
    import ncnn

    made, honest = [], ncnn.Net

    def watched():
        made.append(honest())
        return made[-1]

    monkeypatch.setattr(ncnn, "Net", watched)
    return made


def open_cpu(path, **options):
    return open_engine("ncnn-cpu-fp32", model=path, **({"max_batch": 3, "threads": 1} | options))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.onnx"


def test_engine_runs_the_file_and_describes_itself(path, nets):
    write_means(path)
    with open_cpu(path) as engine:
        outputs = engine.infer(grey_images(1, 2, 5))
        description = engine.describe()
        assert nets[0].opt.num_threads == 1
    for output in (outputs.loc, outputs.landmarks):
        np.testing.assert_allclose(output[:, 7, 1], [0.01, 0.02, 0.05], rtol=1e-5)
    np.testing.assert_allclose(outputs.scores, 0.5)
    assert description["placement"]["provider"] == "ncnn CPU"
    assert description["placement"]["n_nodes"] > 5
    assert description["placement"]["fallback"] == []
    assert description["runtime"].startswith("ncnn 1.")
    assert description["converter"].startswith("pnnx 2")
    assert description["threads"] == 1
    assert description["numerics"] == "computes in FP32"


def test_channels_and_rows_reach_the_network_in_their_order(path):
    def first_channel(graph):
        for tensor in graph.initializer:
            if tensor.name.startswith("kernel"):
                kernel = np.frombuffer(tensor.raw_data, np.float32).reshape(-1, 3).copy()
                kernel[:, 1:] = 0
                tensor.raw_data = kernel.tobytes()

    write_means(path, edit=first_channel)
    mixed = grey_images(0, 0)
    mixed[0, 0], mixed[0, 1], mixed[1, 2] = 3, 30, 90
    with open_cpu(path) as engine:
        np.testing.assert_allclose(engine.infer(mixed).loc[:, 0, 0], [0.01, 0], atol=1e-6)


def test_a_file_for_one_image_takes_any_number(path):
    write_means(path, batch=1)
    with open_cpu(path) as engine:
        np.testing.assert_allclose(
            engine.infer(grey_images(1, 2)).loc[:, 0, 0], [0.01, 0.02], rtol=1e-5
        )


def test_a_file_for_several_images_is_refused(path):
    write_means(path, batch=4)
    with pytest.raises(EngineUnavailable, match="one image at a time, and .* batches of 4; export"):
        open_cpu(path)


def test_a_free_size_is_converted_for_the_size_asked_for(path):
    write_means(path, size=("height", "width"))
    with open_cpu(path) as engine:
        np.testing.assert_allclose(engine.infer(grey_images(2)).loc[:, 0, 0], [0.02], rtol=1e-5)
    with pytest.raises(EngineUnavailable, match="needs inputs of one size, .* use a pipeline"):
        open_cpu(path, input_size_px=None)


def test_layers_that_ncnn_lacks_are_named(path):
    def add_unknown(graph):
        from onnx import helper

        graph.node[1].input[0] = "odd"
        graph.node.insert(1, helper.make_node("Hardmax", ["pooled"], ["odd"]))

    write_means(path, edit=add_unknown)
    with pytest.raises(
        EngineUnavailable, match=r"cannot run .*x\.onnx: ncnn .* lacks .*: Hardmax; export"
    ):
        open_cpu(path)


def test_a_missing_converter_is_reported_with_the_next_step(path, monkeypatch):
    write_means(path)
    monkeypatch.setattr("retinaface.engines.ncnn.files.importlib.util.find_spec", lambda _: None)
    with pytest.raises(EngineUnavailable, match="pnnx is not installed; pip install --no-deps"):
        open_cpu(path)


def test_fp32_switches_every_other_type_and_device_off(path, nets):
    write_means(path)
    with open_cpu(path):
        option = nets[0].opt
        names = [n for n in dir(option) if n.startswith(("use_fp16", "use_bf16", "use_vulkan"))]
        assert len(names) >= 5
        assert [n for n in names if getattr(option, n)] == []


@pytest.mark.parametrize("rounds", [False, True])
def test_the_description_of_fp16_depends_on_its_effect(path, monkeypatch, rounds):
    """On processors without FP16 the options change nothing."""
    from retinaface.engines.ncnn import engine as module

    def infer(net, _image):
        return [np.full((N_PRIORS, 4), rounds and net.opt.use_fp16_storage, np.float32)]

    monkeypatch.setattr(module, "run_network", infer)
    write_means(path, edit=store_as_fp16)
    with open_engine("ncnn-cpu-fp16", model=path, threads=1) as engine:
        numerics = engine.describe()["numerics"]
    assert numerics.startswith("computes in FP16" if rounds else "computes in FP32 on FP16 weights")


def test_options_are_those_that_keep_precision_and_device(path, nets):
    write_means(path)
    with open_cpu(path, options={"use_winograd_convolution": "off"}):
        assert not nets[0].opt.use_winograd_convolution
    for name, value, reason in (
        ("use_fp16_storage", "on", "unknown option 'use_fp16_storage'; expected one of: use_wino"),
        ("no_such", "on", "unknown option 'no_such'"),
        ("lightmode", "1", "option lightmode must be on or off, got '1'"),
    ):
        with pytest.raises(EngineUnavailable, match=reason):
            open_cpu(path, options={name: value})


def test_idle_threads_sleep_where_others_need_the_processors(path, nets, monkeypatch):
    monkeypatch.setattr("retinaface.engines.threads.n_usable_cpus", lambda: 2)
    write_means(path)
    with open_cpu(path, shares_cpus=True, threads=None) as engine:
        assert (engine.parallel_calls, nets[0].opt.num_threads) == (2, 1)
        assert nets[0].opt.openmp_blocktime == 0


@pytest.mark.needs("torch", "onnxsim", "onnxconverter_common", "onnxruntime")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_outputs_agree_with_onnx_runtime(precision):
    batch = np.random.default_rng(0).normal(0, 60, (2, 3, 320, 320)).astype(np.float32)
    found = []
    for runtime in ("ort", "ncnn"):
        name = f"{runtime}-cpu-{precision}"
        with open_engine(name, weights="embedded", max_batch=2, threads=1) as engine:
            found.append(engine.infer(batch))
    for expected, actual in zip(*found, strict=True):
        spread = np.abs(expected).max()
        np.testing.assert_allclose(actual / spread, expected / spread, atol=1e-3)
