from pathlib import Path

import pytest

from retinaface.suite.matrix import (
    ALL_EXPORTS,
    CORE_EXPORTS,
    DETECTION_KINDS,
    GIVEN,
    KIND_PARAMS,
    QUICK_VARIANTS,
    Variant,
    engine_batch_params,
    engine_params,
    engine_pipeline_params,
    timed_batches,
    variant_params,
)
from retinaface.suite.target import Target

TARGET = Target(engines=("ort-cpu-fp32", "onnx-reference-fp16"), pipelines=("igie", "ixrt"))


def names_of(param):
    return {mark.name for mark in param.marks}


def test_every_export_is_there_once_and_the_core_stands_first():
    assert len(set(ALL_EXPORTS)) == len(ALL_EXPORTS)
    assert ALL_EXPORTS[: len(CORE_EXPORTS)] == CORE_EXPORTS
    params = variant_params(Target())
    assert len({param.id for param in params}) == 2 * len(ALL_EXPORTS)
    core = [param.id for param in params if "core" in names_of(param)]
    assert core == [param.id for param in params[: 2 * len(CORE_EXPORTS)]]
    assert all("exhaustive" in names_of(param) for param in params)
    assert QUICK_VARIANTS[0] in core


def test_a_file_that_is_given_is_the_only_variant():
    (param,) = variant_params(Target(models=(Path("a.onnx"),)))
    assert (param.id, param.values, names_of(param)) == (GIVEN, (GIVEN,), {"core"})


def test_a_variant_holds_the_options_of_the_exporter():
    variant = Variant("dynamo", 18, simplify=False)
    assert str(variant) == "dynamo-18-raw"
    options = variant.options()
    assert (options.exporter, options.opset, options.simplify) == ("dynamo", 18, False)


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_a_variant_is_exported(tmp_path):
    Variant("torchscript", 13, simplify=True).export("embedded", tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").is_file()


def test_engines_are_named_by_their_name():
    assert [param.id for param in engine_params(TARGET, [])] == list(TARGET.engines)


def test_every_engine_runs_every_pipeline():
    params = engine_pipeline_params(TARGET)
    assert [p.id for p in params] == [f"{e}-{p}" for e in TARGET.engines for p in TARGET.pipelines]
    needs = [param.marks[0].kwargs for param in params]
    assert needs[0] == {"engine": "ort-cpu-fp32", "input_size": ("ort-cpu-fp32", "igie")}
    assert needs[-1]["fast"] == "onnx-reference-fp16"


def test_kinds_that_give_detections_are_kinds():
    assert {p.id for p in DETECTION_KINDS} < {p.id for p in KIND_PARAMS}


def test_engines_are_timed_at_the_usual_batches_and_at_those_of_the_run():
    assert timed_batches(Target()) == [1, 8, 32]
    assert timed_batches(Target(batch=64, engine_options={"batch": "16"})) == [1, 8, 16, 32, 64]
    assert timed_batches(Target(engine_options={"batch": "many"})) == [1, 8, 32]


def test_each_batch_of_an_engine_needs_that_the_engine_runs_it():
    params = engine_batch_params(TARGET, [pytest.mark.speed.mark])
    assert [param.id for param in params][:3] == [f"ort-cpu-fp32-b{n}" for n in (1, 8, 32)]
    needs = [mark.kwargs for mark in params[1].marks if "batch" in mark.kwargs]
    assert needs == [{"batch": ("ort-cpu-fp32", 8)}]
    assert len(params) == 6
