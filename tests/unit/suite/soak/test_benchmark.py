"""The benchmark of many batches and sessions says what each engine leaves behind."""

import pytest

from benchmarks import soak
from retinaface.suite.soak import run as soaking


@pytest.mark.needs("onnxruntime", "torch", "onnx", "onnxsim")
def test_batches_and_sessions_of_an_engine_are_judged(monkeypatch):
    monkeypatch.setattr(soaking, "_SHORTEST_S", 0.0)
    monkeypatch.setattr(soak, "_WARM", 2)
    found = soak.run_one("ort-cpu-fp32", 15, 12, 1, "embedded")
    names = [[check["name"] for check in found[part]] for part in ("batches", "sessions")]
    assert names == [["outputs", "memory", "file handles", "threads"], [*soak._HELD[:3]]]
    text = soak.section([found])
    assert "`ort-cpu-fp32` sessions, file handles: +0.00 open along" in text
    assert text.count("INCONCLUSIVE") == 0 or "run longer" in text


def test_an_engine_that_cannot_run_is_named():
    found = soak.run_one("tensorrt-cuda-fp32", 15, 12, 1, "embedded")
    assert found["batches"] == []
    assert "tensorrt-cuda-fp32" in soak.section([found])


def test_every_engine_of_a_processor_is_run():
    assert {"ort-cpu-fp32", "torch-cpu-fp32", "iree-cpu-fp16"} <= {*soak.cpu_engines()}
    assert "tensorrt-cuda-fp32" not in soak.cpu_engines()
