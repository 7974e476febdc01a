import sys

import numpy as np
import pytest

from retinaface.engines.catalogue import BUILTIN
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from retinaface.suite.target import DEFAULT_ENGINES

pytestmark = pytest.mark.needs("onnx")


def open_reference(path, **options):
    return open_engine("onnx-reference-fp32", model=path, **({"max_batch": 2} | options))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.onnx"
    write_model(path)
    return path


def test_it_runs_the_file_and_describes_itself(path):
    with open_reference(path) as engine:
        images = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
        outputs = engine.infer(images)
        description = engine.describe()
    np.testing.assert_allclose(outputs.loc[:, 0, 1], [0.01, 0.02], rtol=1e-6)
    assert description["runtime"].startswith("onnx ")
    assert description["placement"]["fallback"] == []


def test_an_older_onnx_is_refused_for_fp16_alone(path, monkeypatch):
    from retinaface.engines import onnx_reference

    monkeypatch.setattr(onnx_reference.onnx, "__version__", "1.21.0")
    with open_reference(path):
        pass
    write_model(path, precision="fp16")
    with pytest.raises(EngineUnavailable, match=r"needs onnx 1\.22 or later.* got 1\.21\.0"):
        open_engine("onnx-reference-fp16", model=path)


def test_without_onnx_it_is_refused(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "retinaface.engines.onnx_reference", raising=False)
    with pytest.raises(EngineUnavailable, match="onnx cannot be imported"):
        open_reference(path)


def test_no_default_engine_is_slow():
    slow = {name for name, entry in BUILTIN.items() if entry.is_slow}
    assert slow == {"onnx-reference-fp16"}
    assert not slow & set(DEFAULT_ENGINES)
