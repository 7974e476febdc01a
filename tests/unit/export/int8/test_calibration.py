import numpy as np
import pytest

from retinaface.errors import ExportError
from tests.support.given.int8_exports import run_export

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
    pytest.mark.usefixtures("shared_exports"),
]


def test_a_fixed_batch_wants_as_many_images(loaded, tmp_path):
    with pytest.raises(ExportError, match="a file of batch 8 with 4 images; give at least 8"):
        run_export(loaded, tmp_path / "x.onnx", batch_size=8)
    manifest = run_export(loaded, tmp_path / "x.onnx", batch_size=2)
    assert manifest.axes["input"][0] == 2


def test_calibration_images_must_be_network_inputs():
    from retinaface.export.int8.calibration import CalibrationSet

    with pytest.raises(ExportError, match=r"got \(0, 3, 320, 320\) float32"):
        CalibrationSet(np.zeros((0, 3, 320, 320), np.float32), ())
    with pytest.raises(ExportError, match="float64"):
        CalibrationSet(np.zeros((1, 3, 8, 8)), ("a",))
    with pytest.raises(ExportError, match="got 1 images and 2 hashes"):
        CalibrationSet(np.zeros((1, 3, 8, 8), np.float32), ("a", "b"))


def test_ranges_do_not_depend_on_how_many_images_are_held_together(loaded, tmp_path, monkeypatch):
    from retinaface.export.int8 import calibration as module

    whole = run_export(loaded, tmp_path / "a.onnx")
    monkeypatch.setattr(module, "_AT_A_TIME", 1)
    assert run_export(loaded, tmp_path / "b.onnx").sha256 == whole.sha256
