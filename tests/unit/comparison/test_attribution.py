import json
from dataclasses import replace

import numpy as np
import pytest

from retinaface.comparison.attribution import attribute
from retinaface.comparison.export_steps import operator_difference
from retinaface.detection.detections import decode, suppress
from retinaface.export.tiny_model import write_model as write_onnx
from retinaface.files import file_sha256
from retinaface.records.read import read_run
from retinaface.records.write import Kept, new_record, write_record
from tests.support.records import IMAGES, RESULT, boxes, counts_of, traced

GIVEN = traced()


def again(one, raw=None, candidates=None, detections=None):
    """An image at every stage, with one stage exchanged and those after it as this release does."""
    raw = one.raw if raw is None else raw
    candidates = decode(*raw, one.geometry) if candidates is None else candidates
    detections = suppress(candidates) if detections is None else detections
    return replace(one, raw=raw, candidates=candidates, detections=detections)


def moved(found, by=1.0):
    return replace(found, boxes_xyxy=found.boxes_xyxy + np.float32(by))


def make_run(folder, stages=GIVEN, *, ap=1.0, hits=None, shift=0.0, model=None, engine=()):
    folder.mkdir()
    counts = counts_of(np.ones(len(IMAGES), bool) if hits is None else hits)
    detections = {image: boxes(shift) for image in IMAGES}
    kept = {RESULT: Kept(detections, counts, IMAGES, stages, model)}
    result = {"id": RESULT, "ap": dict.fromkeys(("easy", "medium", "hard"), ap)}
    result |= {"precision": "fp32", "engine": dict(engine)}
    write_record(folder, new_record() | {"results": [result]}, kept)
    return read_run(folder)


def states(one, other):
    return {stage.name: stage.state for stage in attribute(one, other, RESULT, RESULT).stages}


def write_model(folder, name, *, weights="w1", precision="fp32", **steps):
    """A file that is no graph of ours, with a manifest that says how it was made."""
    path = folder / f"{name}.onnx"
    path.write_bytes(name.encode())
    manifest = {
        "sha256": file_sha256(path),
        "weights": {"sha256": weights},
        "options": {"precision": precision, "io": "fp32", "opset": 13},
        "versions": {"torch": "2.13.0", "onnx": name},
        "steps": {step: {"operators": {"Conv": n}, "sha256": str(n)} for step, n in steps.items()},
    }
    path.with_suffix(".json").write_text(json.dumps(manifest))
    return path


@pytest.fixture
def reference(tmp_path):
    return make_run(tmp_path / "reference", model=write_model(tmp_path, "same", exported=56))


@pytest.fixture
def candidate(tmp_path):
    def make(**changes):
        changes.setdefault("model", tmp_path / "same.onnx")
        return make_run(tmp_path / "candidate", **changes)

    return make


def test_nothing_moved_between_two_equal_runs(reference, candidate):
    found = attribute(reference, candidate(), RESULT, RESULT)
    assert {stage.state for stage in found.stages} == {"same"}
    assert found.first is None
    assert found.sentence == "no stage moved"


def test_other_outputs_of_the_same_file_and_input_are_the_engines(reference, candidate):
    def nudged(one):
        return one.raw._replace(loc=one.raw.loc + np.float32(1e-3))

    stages = [again(one, raw=nudged(one)) for one in GIVEN]
    other = candidate(stages=stages, engine={"options": {"fusions": "off"}})
    found = attribute(reference, other, RESULT, RESULT)
    assert found.first.name == "raw outputs"
    assert "options none -> fusions=off" in found.first.text
    assert "loc 0.001" in found.first.text
    assert states(reference, other)["decoding"] == "follows"


def test_a_stage_that_does_otherwise_with_the_same_input_moved(reference, tmp_path):
    decoding = [again(one, candidates=moved(one.candidates)) for one in GIVEN]
    suppression = [again(one, detections=moved(one.detections)) for one in GIVEN]
    for name, stages in (("decoding", decoding), ("suppression", suppression)):
        model = tmp_path / "same.onnx"
        found = attribute(reference, make_run(tmp_path / name, stages, model=model), RESULT, RESULT)
        assert found.first.name == name


def test_other_inputs_are_told_from_what_follows_of_them(reference, candidate):
    stages = [replace(one, inputs=one.inputs + np.float32(2)) for one in GIVEN]
    found = attribute(reference, candidate(stages=stages), RESULT, RESULT)
    assert found.first.name == "inputs"
    assert "largest difference 2 of 255" in found.first.text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ap": 0.9}, "AP of the recorded counts is off by 0 and 0.1"),
        ({"hits": np.arange(60) > 5, "ap": 0.9}, "other counts from the same detections"),
    ],
    ids=["ap", "counts"],
)
def test_an_evaluation_that_counts_otherwise_moved(reference, candidate, changes, text):
    other = candidate(**changes)
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


def test_two_files_are_run_on_one_runtime_to_tell_file_from_engine(tmp_path):
    stages = [again(one, raw=one.raw._replace(loc=one.raw.loc + np.float32(1e-3))) for one in GIVEN]
    files = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for file, batch in zip(files, ("batch", "n"), strict=True):
        write_onnx(file, batch=batch)
    one, other = (
        make_run(tmp_path / "a", model=files[0]),
        make_run(tmp_path / "b", stages, model=files[1]),
    )
    stage = attribute(one, other, RESULT, RESULT).stages[5]
    assert (stage.name, stage.state) == ("raw outputs", "MOVED")
    assert "off by 0, the records by 0.001: so the engine moved" in stage.text


def test_a_file_that_does_not_run_here_is_said(tmp_path):
    stages = [again(one, raw=one.raw._replace(loc=one.raw.loc + np.float32(1e-3))) for one in GIVEN]
    one = make_run(tmp_path / "a", model=write_model(tmp_path, "one"))
    other = make_run(tmp_path / "b", stages, model=write_model(tmp_path, "two"))
    stage = attribute(one, other, RESULT, RESULT).stages[5]
    assert (stage.name, stage.state) == ("raw outputs", "unknown")
    assert "the file of a fails here" in stage.text


def test_what_the_records_do_not_keep_is_said(tmp_path):
    one, other = (make_run(tmp_path / name, stages=[]) for name in "ab")
    found = attribute(one, other, RESULT, RESULT)
    unknown = [stage.name for stage in found.stages if stage.state == "unknown"]
    assert unknown[:4] == ["checkpoint", "export", "simplification", "precision"]
    assert "raw outputs" in unknown
    assert "cannot be told: checkpoint" in found.sentence


def test_operators_that_came_and_went_are_named():
    assert operator_difference({"Conv": 2, "Relu": 1}, {"Conv": 3}) == "Conv 2 -> 3, Relu 1 -> 0"
    assert "other attributes" in operator_difference({"Conv": 2}, {"Conv": 2})
