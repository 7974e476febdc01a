import pytest

from retinaface.suite.pool import EnginePool
from retinaface.suite.probes import ENGINE_PROBES, PROBES, opening_problem
from retinaface.suite.sources import DataChoice
from retinaface.suite.target import Target
from tests.support.made.widerface_copy import write_truth_text, write_vendor_layout


def test_a_package_that_cannot_be_imported_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxsim", None)
    assert PROBES["onnxsim"](Target()).startswith("importing onnxsim failed (")


def test_the_embedded_set_is_images_and_no_widerface():
    assert PROBES["images"](Target()) is None
    assert PROBES["scorable"](Target()) is None
    assert PROBES["familiar-pictures"](Target()) is None
    assert PROBES["widerface"](Target()) == "the pictures are those of the embedded set"
    assert PROBES["full-set"](Target()) == PROBES["widerface"](Target())
    assert PROBES["checkpoint"](Target()).startswith("weights are ")


def test_published_figures_need_the_splits_and_the_whole_set(tmp_path):
    root = write_vendor_layout(tmp_path / "set")
    assert PROBES["full-set"](Target(data=DataChoice(root))).endswith("images, the run has 11")
    text = write_truth_text(tmp_path)
    reason = PROBES["full-set"](Target(data=DataChoice(root, ground_truth=text)))
    assert reason.endswith("of easy, medium, hard, the ground truth is of all faces")


def test_a_soak_needs_its_length():
    assert PROBES["soak"](Target(soak_s=60.0)) is None
    assert PROBES["soak"](Target()).endswith("add --soak SECONDS")


def test_a_missing_engine_comes_with_a_reason():
    pool = EnginePool(Target())
    assert "no_such" in opening_problem(pool, "tests.support:no_such_cpu_fp32")
    for probe in ("layers", "stages", "builds"):
        assert ENGINE_PROBES[probe](pool, "tests.support:no_such_cpu_fp32") is not None


@pytest.mark.needs("torch")
def test_what_an_engine_offers_is_asked_of_the_engine_itself():
    pool = EnginePool(Target())
    try:
        assert ENGINE_PROBES["engine"](pool, "torch-cpu-fp32") is None
        assert ENGINE_PROBES["layers"](pool, "torch-cpu-fp32") is None
        assert "names no file that it built" in ENGINE_PROBES["builds"](pool, "torch-cpu-fp32")
    finally:
        pool.close()


def test_a_slow_engine_is_known_from_the_catalogue():
    assert ENGINE_PROBES["fast"](None, "ort-cpu-fp32") is None
    slow = "onnx-reference-fp16"
    assert f"takes {slow} over a second" in ENGINE_PROBES["fast"](None, slow)
