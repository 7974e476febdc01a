import cv2
import numpy as np
import pytest

from retinaface.engines import opencv
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from retinaface.network.outputs import RawOutputs

pytestmark = pytest.mark.needs("onnx", "opencv-dnn")


def open_opencv(path, **options):
    return open_engine("opencv-cpu-fp32", model=path, **({"max_batch": 2} | options))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.onnx"
    write_model(path)
    return path


def test_it_describes_itself(path):
    with open_opencv(path) as engine:
        description = engine.describe()
    assert description["runtime"] == f"opencv {cv2.__version__}"
    assert description["placement"]["fallback"] == []
    assert description["build_s"] > 0


def test_opencv_without_the_new_engine_is_refused(path, monkeypatch):
    monkeypatch.delattr(cv2.dnn, "ENGINE_NEW")
    with pytest.raises(EngineUnavailable, match="needs the new engine .* install OpenCV 5"):
        open_opencv(path)


def test_an_engine_that_merges_the_batch_is_refused(path, monkeypatch):
    run = opencv.OpenCvEngine._run

    def merged(self, images):
        return RawOutputs(*(array.reshape(1, -1, array.shape[2]) for array in run(self, images)))

    monkeypatch.setattr(opencv.OpenCvEngine, "_run", merged)
    with pytest.raises(EngineUnavailable, match=r"expected 2 rows.*got outputs of \(1, 8400, 4\)"):
        open_opencv(path)


@pytest.mark.needs("torch", "onnxsim")
def test_the_real_classic_engine_is_refused(monkeypatch):
    monkeypatch.setattr(cv2.dnn, "ENGINE_NEW", cv2.dnn.ENGINE_CLASSIC)
    with pytest.raises(EngineUnavailable, match="merges the images of a batch"):
        open_engine("opencv-cpu-fp32", weights="embedded")


def test_rows_that_are_mixed_up_are_refused(path, monkeypatch):
    run = opencv.OpenCvEngine._run

    def first_row_for_all(self, images):
        return RawOutputs(
            *(np.repeat(array[:1], len(array), axis=0) for array in run(self, images))
        )

    monkeypatch.setattr(opencv.OpenCvEngine, "_run", first_row_for_all)
    with pytest.raises(EngineUnavailable, match="got rows mixed up"):
        open_opencv(path)


def test_threads_are_set_for_a_call_and_given_back(path, monkeypatch):
    before = cv2.getNumThreads()
    set_to = []
    honest = cv2.setNumThreads
    monkeypatch.setattr(cv2, "setNumThreads", lambda n: (set_to.append(n), honest(n)))
    with open_opencv(path, threads=1) as engine:
        set_to.clear()
        engine.infer(np.ones((1, 3, 320, 320), np.float32))
        assert set_to == [1, before]
    assert cv2.getNumThreads() == before
