from dataclasses import replace

import numpy as np
import pytest

from retinaface.comparison.attribution import attribute
from retinaface.comparison.export_steps import operator_difference
from retinaface.comparison.pairs import Pair
from retinaface.widerface.average_precision import average_precision
from tests.support.made.records import IMAGES, RESULT, N, counts_of
from tests.support.made.traced_records import (
    GIVEN,
    again,
    make_traced_run,
    moved,
    nudged,
    write_model,
)


def pair_of(old, new):
    return Pair((old, new), (RESULT, RESULT))


def test_nothing_moved_between_two_equal_runs(old, new):
    found = attribute(pair_of(old, new()))
    assert {stage.state for stage in found.stages} == {"same"}
    assert found.first is None
    assert found.sentence == "no stage moved"


def test_every_stage_says_what_it_rests_on(old, new):
    texts = {stage.name: stage.text for stage in attribute(pair_of(old, new())).stages}
    assert texts["file"].startswith("the same file was run, ")
    assert texts["images"] == "60 of 60 images: same bytes"
    assert texts["inputs"] == "largest difference 0 of 255 over 2 traced images"
    assert texts["raw outputs"] == "equal in every bit over 2 traced images"
    assert texts["detections"] == "60 of 60 images: equal in every number"
    assert texts["evaluation"] == "60 of 60 images: the same counts"


def test_images_of_other_bytes_are_named_though_none_of_them_is_traced(old, new):
    other = new(other_bytes=IMAGES[7:12], other_detections=IMAGES[7:9], hits=np.arange(60) > 5)
    found = attribute(pair_of(old, other))
    assert found.sentence == (
        "the first stage that moved is images: 5 of 60 images have other bytes, first event/7"
    )
    states = {stage.name: stage.state for stage in found.stages}
    assert (states["inputs"], states["detections"]) == ("same", "follows")
    assert found.stages[-2].text == "2 of 60 images have other detections, first event/7"


def test_another_image_list_is_named_and_no_detection_is_blamed(old, new):
    found = attribute(pair_of(old, new(images=IMAGES[:-2])))
    text = "another image list, 60 -> 58 images: 2 only in the old run, first event/58"
    assert (found.first.name, found.first.text) == ("images", text)
    assert (found.stages[-1].state, found.stages[-1].text) == ("follows", text)


def test_detections_that_differ_where_nothing_is_traced_moved_by_themselves(old, new):
    other = new(other_detections=IMAGES[3:5], hits=np.arange(60) != 3)
    found = attribute(pair_of(old, other))
    assert found.first.name == "detections"
    assert found.first.text == (
        "2 of 60 images have other detections, first event/3; the 2 traced images show no stage "
        "that moved, so one moved for other images"
    )


def test_an_edited_file_with_its_old_manifest_beside_it_is_named(old, new, tmp_path):
    edited = tmp_path / "edited.onnx"
    edited.write_bytes((tmp_path / "same.onnx").read_bytes() + b"x")
    edited.with_suffix(".json").write_bytes((tmp_path / "same.json").read_bytes())
    found = attribute(pair_of(old, new(model=edited, stages=nudged())))
    assert found.first.name == "file"
    assert "and no manifest says why: edited after its export" in found.first.text


def test_a_file_of_other_bytes_with_equal_outputs_is_the_same_in_effect(old, new, tmp_path):
    other = tmp_path / "other.onnx"
    other.write_bytes(b"other")
    found = attribute(pair_of(old, new(model=other)))
    assert found.first is None
    (stage,) = (stage for stage in found.stages if stage.name == "file")
    assert "but its raw outputs are equal in every bit over 2 traced images" in stage.text


STAGES = {
    "inputs": [replace(one, inputs=one.inputs + np.float32(2)) for one in GIVEN],
    "raw outputs": nudged(),
    "decoding": [again(one, candidates=moved(one.candidates)) for one in GIVEN],
    "suppression": [again(one, detections=moved(one.detections)) for one in GIVEN],
}


@pytest.mark.parametrize("name", STAGES)
def test_the_first_stage_that_moved_is_named_before_what_moved_after_it(old, new, name):
    found = attribute(pair_of(old, new(stages=STAGES[name], ap=0.9, release="0.0.1")))
    assert found.first.name == name
    assert found.stages[-1].state == "MOVED"  # the evaluation, which comes last
    assert found.sentence == f"the first stage that moved is {name}: {found.first.text}"


# All faces but the first six are found.
MISSED = np.arange(N) > 5
AP_OF_MISSED = average_precision(counts_of(MISSED))["hard"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ap": 0.9}, "recorded AP is off from the recorded counts by 0 and 0.1"),
        ({"hits": MISSED, "ap": AP_OF_MISSED}, "different counts from the same detections"),
    ],
    ids=["ap", "counts"],
)
def test_an_evaluation_that_counts_differently_moved(old, new, changes, text):
    other = new(**changes, release="0.0.1")
    stage = attribute(pair_of(old, other)).stages[-1]
    assert stage.name == "evaluation"
    assert stage.state == "MOVED"
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
def test_the_step_of_the_export_that_moved_is_named(old, new, tmp_path, settings, first):
    other = new(model=write_model(tmp_path, "other", **settings))
    found = attribute(pair_of(old, other))
    assert found.first.name == first


def test_stages_that_the_records_do_not_keep_are_unknown(tmp_path):
    one, other = (make_traced_run(tmp_path / name, stages=[]) for name in "ab")
    found = attribute(pair_of(one, other))
    unknown = [stage.name for stage in found.stages if stage.state == "unknown"]
    assert unknown[:4] == ["checkpoint", "export", "simplification", "precision"]
    assert "raw outputs" in unknown
    assert "unknown: checkpoint" in found.sentence


def test_operators_that_came_and_went_are_named():
    assert operator_difference({"Conv": 2, "Relu": 1}, {"Conv": 3}) == "Conv 2 -> 3, Relu 1 -> 0"
    assert "different attributes" in operator_difference({"Conv": 2}, {"Conv": 2})
