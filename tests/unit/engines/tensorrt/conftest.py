"""Fixtures of TensorRT's tests."""

import pytest


@pytest.fixture
def half(model, tmp_path):
    """Write the file of `model` in FP16."""
    import onnx

    from retinaface.export.conversion import to_fp16

    path = tmp_path / "x.fp16.onnx"
    onnx.save(to_fp16(onnx.load(model), keep_io_types=False), path)
    return path
