import pytest

from retinaface.export.tiny_model import tiny_model, write_model

pytestmark = pytest.mark.needs("onnx")


def test_it_has_the_interface_of_the_network():
    from retinaface.export.interface import interface_of
    from retinaface.export.options import ExportOptions
    from retinaface.export.verification import verify

    options = ExportOptions()
    verify(tiny_model(), interface_of(options), "fp32")
    assert tiny_model() is tiny_model()


def test_its_outputs_follow_the_image(tmp_path):
    import numpy as np
    from onnx.reference import ReferenceEvaluator

    write_model(tmp_path / "a.onnx", nan_in="conf")
    images = np.stack([np.full((3, 320, 320), value, np.float32) for value in (1, 2)])
    loc, conf, _ = ReferenceEvaluator(str(tmp_path / "a.onnx")).run(None, {"input": images})
    assert np.allclose(loc[1], 2 * loc[0])
    assert np.isnan(conf).all(axis=-1).sum() == 2  # one prior of each image
