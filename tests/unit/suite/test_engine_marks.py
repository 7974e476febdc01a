"""Facts of the catalogue leave tests out; facts that only an open engine shows become needs."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from retinaface.engines.catalogue import find_engine
from retinaface.suite.engine_marks import engine_marks, is_for_engine
from retinaface.suite.target import Target

ENGINES = (
    *("ort-cpu-fp32", "ort-cuda-fp16", "torch-cpu-fp32", "tvm-llvm-fp32", "igie-iluvatar-fp16"),
    "acme.engines:acme_cuda_fp16",
)


def item(engine, *marks):
    """Stand in for a test, with what is read of it."""
    named = {mark.mark.name: mark.mark for mark in marks}
    callspec = SimpleNamespace(params={"engine_name": engine} if engine else {})
    return SimpleNamespace(callspec=callspec, get_closest_marker=named.get)


def chosen(*marks, target=Target()):
    return [name for name in ENGINES if is_for_engine(item(name, *marks), target)]


@pytest.mark.parametrize(
    ("mark", "is_for"),
    [
        (pytest.mark.precision("fp16"), lambda entry: entry.precision == "fp16"),
        (pytest.mark.precision("fp16", "fp32"), lambda _: True),
        (pytest.mark.on_device, lambda entry: entry.device != "cpu"),
        (pytest.mark.builds, lambda entry: entry.builds_files),
        (pytest.mark.exported, lambda entry: entry.loads_onnx),
    ],
    ids=["precision", "precisions", "on_device", "builds", "exported"],
)
def test_the_catalogue_decides_which_engines_a_test_is_for(mark, is_for):
    assert chosen(mark) == [name for name in ENGINES if is_for(find_engine(name))]


def test_all_marks_must_hold():
    marks = pytest.mark.precision("fp16"), pytest.mark.on_device, pytest.mark.exported
    assert chosen(*marks) == ["ort-cuda-fp16", "igie-iluvatar-fp16", "acme.engines:acme_cuda_fp16"]


def test_where_a_build_is_given_nothing_is_built_or_exported_for_its_engine():
    target = Target(engines=ENGINES, engine_files=(Path("a.so"),))
    assert chosen(pytest.mark.builds, target=target) == []
    assert chosen(pytest.mark.exported, target=target) == ["ort-cpu-fp32", "ort-cuda-fp16"]


def test_a_test_without_an_engine_or_a_mark_is_for_all():
    assert chosen() == list(ENGINES)
    assert is_for_engine(item(None, pytest.mark.on_device), Target())
    assert is_for_engine(SimpleNamespace(), Target())


def given(engine, *marks):
    return [
        (mark.name, dict(mark.kwargs))
        for mark in engine_marks(engine, [mark.mark for mark in marks])
    ]


def test_every_test_of_an_engine_needs_it():
    assert given("ort-cpu-fp32") == [("needs", {"engine": "ort-cpu-fp32"})]
    assert given("ort-cuda-fp32")[1:] == [("gpu", {})]


def test_what_only_an_open_engine_shows_is_a_need():
    marks = pytest.mark.offers("layers", "stages"), pytest.mark.on_device
    needs = [mark for name, mark in given("ort-cpu-fp32", *marks) if name == "needs"]
    assert [list(need) for need in needs] == [["engine"], ["layers"], ["stages"]]


def test_a_slow_engine_needs_time_where_calls_are_timed():
    slow = ("needs", {"fast": "onnx-reference-fp16"})
    assert slow in given("onnx-reference-fp16", pytest.mark.speed)
    assert slow not in given("onnx-reference-fp16")
    assert ("needs", {"fast": "ort-cpu-fp32"}) not in given("ort-cpu-fp32", pytest.mark.speed)
