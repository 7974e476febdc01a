from dataclasses import replace

import numpy as np
import pytest

from retinaface.comparison.attribution import attribute
from retinaface.comparison.export_steps import operator_difference
from tests.support.made.records import RESULT
from tests.support.made.traced_records import (
    GIVEN,
    again,
    make_traced_run,
    moved,
    nudged,
    write_model,
)


@pytest.fixture
def reference(tmp_path):
    return make_traced_run(tmp_path / "reference", model=write_model(tmp_path, "same", exported=56))


@pytest.fixture
def candidate(tmp_path):
    def make(**changes):
        changes.setdefault("model", tmp_path / "same.onnx")
        return make_traced_run(tmp_path / "candidate", **changes)

    return make


def test_nothing_moved_between_two_equal_runs(reference, candidate):
    found = attribute(reference, candidate(), RESULT, RESULT)
    assert {stage.state for stage in found.stages} == {"same"}
    assert found.first is None
    assert found.sentence == "no stage moved"


STAGES = {
    "inputs": [replace(one, inputs=one.inputs + np.float32(2)) for one in GIVEN],
    "raw outputs": nudged(),
    "decoding": [again(one, candidates=moved(one.candidates)) for one in GIVEN],
    "suppression": [again(one, detections=moved(one.detections)) for one in GIVEN],
}


@pytest.mark.parametrize("name", STAGES)
def test_the_first_stage_that_moved_is_named_before_what_moved_after_it(reference, candidate, name):
    found = attribute(
        reference, candidate(stages=STAGES[name], ap=0.9, release="0.0.1"), RESULT, RESULT
    )
    assert found.first.name == name
    assert found.stages[-1].state == "MOVED"  # the evaluation, which comes last
    assert found.sentence == f"the first stage that moved is {name}: {found.first.text}"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ap": 0.9}, "AP of the recorded counts is off by 0 and 0.1"),
        ({"hits": np.arange(60) > 5, "ap": 0.9}, "other counts from the same detections"),
    ],
    ids=["ap", "counts"],
)
def test_an_evaluation_that_counts_otherwise_moved(reference, candidate, changes, text):
    other = candidate(**changes, release="0.0.1")
    stage = attribute(reference, other, RESULT, RESULT).stages[-1]
    assert stage.name == "evaluation"
    assert stage.state == "MOVED"
    if "hits" not in changes:
        assert text in stage.text


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"weights": "w2", "exported": 56}, "checkpoint"),
        ({"exported": 57}, "export"),
        ({"exported": 56, "simplified": 50}, "simplification"),
        ({"exported": 56, "precision": "fp16"}, "precision"),
    ],
    ids=["checkpoint", "export", "simplification", "precision"],
)
def test_the_step_of_the_export_that_moved_is_named(
    reference, candidate, tmp_path, settings, first
):
    other = candidate(model=write_model(tmp_path, "other", **settings))
    found = attribute(reference, other, RESULT, RESULT)
    assert found.first.name == first


def test_what_the_records_do_not_keep_is_said(tmp_path):
    one, other = (make_traced_run(tmp_path / name, stages=[]) for name in "ab")
    found = attribute(one, other, RESULT, RESULT)
    unknown = [stage.name for stage in found.stages if stage.state == "unknown"]
    assert unknown[:4] == ["checkpoint", "export", "simplification", "precision"]
    assert "raw outputs" in unknown
    assert "cannot be told: checkpoint" in found.sentence


def test_operators_that_came_and_went_are_named():
    assert operator_difference({"Conv": 2, "Relu": 1}, {"Conv": 3}) == "Conv 2 -> 3, Relu 1 -> 0"
    assert "other attributes" in operator_difference({"Conv": 2}, {"Conv": 2})
