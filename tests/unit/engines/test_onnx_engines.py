"""Properties that all engines with an ONNX file share."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.export.tiny_model import write_model
from retinaface.network.scenes import synthetic_inputs
from tests.support.engines import assert_near, assert_refused, images
from tests.support.made.onnx_models import write_means

pytestmark = pytest.mark.needs("onnx")
ORT, OPENVINO, NCNN = "ort-cpu-fp32", "openvino-cpu-fp32", "ncnn-cpu-fp32"
OPENCV, REFERENCE, TVM = "opencv-cpu-fp32", "onnx-reference-fp32", "tvm-llvm-fp32"
NEEDS = {ORT: "onnxruntime", OPENVINO: "openvino", NCNN: "ncnn", OPENCV: "opencv-dnn", TVM: "tvm"}


def over(*names):
    return pytest.mark.parametrize(
        "name", [pytest.param(n, marks=pytest.mark.needs(NEEDS.get(n, "onnx"))) for n in names]
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.onnx"


def write_for(name, path):
    """Write a file that outputs the mean of each image over a hundred."""
    (write_means if name == NCNN else write_model)(path)


def of_values(*values):
    return np.concatenate([images(1, value) for value in values])


@over(ORT, OPENVINO, NCNN, OPENCV, REFERENCE)
def test_no_later_call_changes_the_outputs(path, name):
    write_for(name, path)
    with open_engine(name, model=path, max_batch=2) as engine:
        first = engine.infer(of_values(1))
        kept = [array.copy() for array in first]
        engine.infer(of_values(9))
    for before, after in zip(kept, first, strict=True):
        np.testing.assert_array_equal(after, before)


@over(ORT, OPENVINO, OPENCV, REFERENCE)
def test_a_fixed_batch_is_filled_up(path, name):
    write_model(path, batch=4)
    with open_engine(name, model=path, max_batch=4) as engine:
        assert engine.fixed_batch == 4
        outputs = engine.infer(of_values(1, 2, 3))
    np.testing.assert_allclose(outputs.loc[:, 0, 1], [0.01, 0.02, 0.03], rtol=1e-5)


@over(ORT, OPENVINO, OPENCV, REFERENCE)
def test_a_larger_batch_than_a_files_own_is_split(path, name):
    write_model(path, batch=2)
    with open_engine(name, model=path, max_batch=5) as engine:
        outputs = engine.infer(of_values(1, 2, 3, 4, 5))
    np.testing.assert_allclose(outputs.loc[:, 0, 1], [0.01, 0.02, 0.03, 0.04, 0.05], rtol=1e-5)


@over(ORT, OPENVINO, OPENCV, REFERENCE)
def test_a_file_of_a_fixed_size_is_refused_where_sizes_vary(path, name):
    write_model(path)
    text = "takes 320x320 inputs, but free height and width"
    assert_refused(name, text, model=path, input_size_px=None)


@over(ORT, OPENVINO, NCNN, OPENCV, REFERENCE, TVM)
@pytest.mark.parametrize(
    ("model", "text"),
    [
        ({"size": (640, 640)}, "takes 640x640 inputs, but 320x320 is needed"),
        ({"precision": "fp16"}, "needs an FP32 model, but the weights of"),
    ],
    ids=["size", "precision"],
)
def test_a_file_that_does_not_fit_is_refused(path, name, model, text):
    write_model(path, **model)
    assert_refused(name, text, model=path, max_batch=2)


@over(ORT, OPENVINO, NCNN, OPENCV, REFERENCE, TVM)
def test_the_names_of_another_exporter_are_told_by_shape(path, name):
    write_model(path, outputs=("output", "607", "606"))
    with open_engine(name, model=path, max_batch=2) as engine:
        outputs = engine.infer(of_values(1, 2))
        notes = engine.describe()["model_notes"]
    np.testing.assert_allclose(outputs.loc[:, 0, 1], [0.01, 0.02], rtol=1e-5)
    assert notes == ["input and outputs are told by shape: loc is output, conf is 607, landmarks "
                     "is 606"]  # fmt: skip


@over(ORT, OPENVINO, NCNN, OPENCV, REFERENCE)
@pytest.mark.parametrize("content", [b"", b"garbage" * 100], ids=["empty", "garbage"])
def test_a_file_that_is_not_onnx_is_refused(path, name, content):
    path.write_bytes(content)
    assert_refused(name, f"cannot use {path}", model=path)


@over(OPENCV, REFERENCE)
def test_an_engine_without_options_refuses_all(path, name):
    write_model(path)
    text = "takes no options, got fusions; leave them out"
    assert_refused(name, text, model=path, options={"fusions": "off"})


@over(ORT, OPENVINO, NCNN, TVM)
def test_parallel_calls_agree_with_single_calls(path, monkeypatch, own_cache, name):
    monkeypatch.setattr("retinaface.engines.threads.n_usable_cpus", lambda: 2)
    write_for(name, path)
    batches = [of_values(*range(i, i + 1 + i % 3)) for i in range(12)]
    with open_engine(name, model=path, max_batch=3, shares_cpus=True) as engine:
        assert engine.parallel_calls == 2
        one_by_one = [engine.infer(batch) for batch in batches]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(engine.infer, batches))
    for expected, actual in zip(one_by_one, together, strict=True):
        for theirs, ours in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@over(ORT, OPENVINO, REFERENCE)
def test_intermediates_are_tensors_of_the_file(path, name):
    write_model(path, batch=4)
    with open_engine(name, model=path, max_batch=4) as engine:
        found = engine.infer_intermediates(of_values(1, 2), ["mean", "conf", "mean"])
        outputs = engine.infer(of_values(1, 2))
        message = r"1 of 2 names are no tensors of .*x\.onnx, first Conv_1"
        with pytest.raises(ValueError, match=message):
            engine.infer_intermediates(of_values(1), ["mean", "Conv_1"])
    assert sorted(found) == ["conf", "landmarks", "loc", "mean"]
    np.testing.assert_allclose(found["mean"].ravel(), [1, 2], rtol=1e-6)
    np.testing.assert_array_equal(found["conf"], outputs.scores)


@over(ORT, OPENVINO, NCNN, OPENCV, REFERENCE)
def test_a_closed_engine_runs_nothing(path, name):
    write_for(name, path)
    engine = open_engine(name, model=path, max_batch=1)
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="infer after close"):
        engine.infer(of_values(1))


@over(ORT, OPENCV, REFERENCE)
@pytest.mark.needs("torch", "onnxsim")
@pytest.mark.parametrize("size", [(320, 320), None], ids=["fixed", "dynamic"])
def test_a_cached_export_agrees_with_torch(name, size):
    batch = synthetic_inputs(2, 1, *(size or (100, 320)))
    with open_engine("torch-cpu-fp32", weights="embedded", input_size_px=size) as engine:
        expected = engine.infer(batch)
    with open_engine(name, weights="embedded", input_size_px=size) as engine:
        assert_near(engine.infer(batch), expected, atol=1e-4 if name == ORT else 2e-4)
