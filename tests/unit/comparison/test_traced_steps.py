from dataclasses import replace

import numpy as np

from retinaface.comparison.pairs import Pair
from retinaface.comparison.traced_steps import (
    engine_difference,
    equal_detections,
    traced_stages,
)
from retinaface.export.tiny_model import write_model as write_onnx
from tests.support.foreign_files import edit, without_softmax
from tests.support.made.records import RESULT, boxes
from tests.support.made.traced_records import (
    GIVEN,
    again,
    make_traced_run,
    moved,
    nudged,
    write_model,
)


def stages_of(one, other):
    return {stage.name: stage for stage in traced_stages(Pair((one, other), (RESULT, RESULT)))}


def states(one, other):
    return [stage.state for stage in stages_of(one, other).values()]


def test_equal_records_are_the_same_at_every_step(old, new):
    found = stages_of(old, new())
    assert list(found) == ["inputs", "raw outputs", "decoding", "suppression"]
    assert {stage.state for stage in found.values()} == {"same"}


def test_records_without_a_common_image_leave_every_step_unknown(old, new):
    found = stages_of(old, new(stages=[replace(GIVEN[0], image="e/9")]))
    assert {(stage.state, stage.text) for stage in found.values()} == {
        ("unknown", "the records trace no image in common")
    }


def test_different_outputs_of_the_same_file_and_input_are_put_down_to_the_engine(old, new):
    other = new(stages=nudged(), engine={"options": {"fusions": "off"}})
    assert states(old, other) == ["same", "MOVED", "follows", "follows"]
    text = stages_of(old, other)["raw outputs"].text
    assert "loc 0.001" in text
    assert text.endswith("the same file and inputs, so the engine: options none -> fusions=off")


def test_what_one_engine_does_not_describe_is_no_difference():
    ours, theirs = {"runtime": "x 1", "threads": None}, {"runtime": "x 2", "options": {}}
    assert engine_difference(ours, theirs) == (
        "runtime x 1 -> x 2; not known for old: options; not known for new: threads"
    )
    assert engine_difference(ours, ours) == "their descriptions agree"


def test_engines_without_a_file_have_one_source_only_if_their_weights_are_known(tmp_path):
    weights = {"weights": {"sha256": "w"}}
    engines = {"one": weights, "other": weights, "silent": {}, "mute": {}}
    stages = [GIVEN, nudged()] * 2
    runs = {
        name: make_traced_run(tmp_path / name, stages[i], engine=engines[name])
        for i, name in enumerate(engines)
    }
    stage = stages_of(runs["one"], runs["other"])["raw outputs"]
    assert stage.state == "MOVED"
    assert "the same weights and inputs, so the engine" in stage.text
    stage = stages_of(runs["silent"], runs["mute"])["raw outputs"]
    assert stage.state == "unknown"
    assert stage.text.endswith("silent keeps no file to run")


def test_a_stage_whose_results_differ_for_the_same_input_moved(old, new, tmp_path):
    decoding = [again(one, candidates=moved(one.candidates)) for one in GIVEN]
    suppression = [again(one, detections=moved(one.detections)) for one in GIVEN]
    for name, stages in (("decoding", decoding), ("suppression", suppression)):
        other = make_traced_run(tmp_path / name, stages, model=tmp_path / "same.onnx")
        found = stages_of(old, other)
        first = next(stage for stage in found.values() if stage.state == "MOVED")
        assert first.name == name
        assert "old off by 0, new off by 1" in first.text


def test_moved_inputs_are_distinguished_from_what_follows(old, new):
    stages = [replace(one, inputs=one.inputs + np.float32(2)) for one in GIVEN]
    stage = stages_of(old, new(stages=stages))["inputs"]
    assert stage.state == "MOVED"
    assert "largest difference 2 of 255" in stage.text


def test_two_files_are_run_on_one_runtime_to_separate_file_and_engine(tmp_path):
    files = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for file, batch in zip(files, ("batch", "n"), strict=True):
        write_onnx(file, batch=batch)
    one = make_traced_run(tmp_path / "a", model=files[0])
    other = make_traced_run(tmp_path / "b", nudged(), model=files[1])
    stage = stages_of(one, other)["raw outputs"]
    assert stage.state == "MOVED"
    assert "off by 0, the records by 0.001: so the engine moved" in stage.text


def test_files_of_logits_are_run_as_the_records_ran_them(tmp_path):
    files = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for file, batch in zip(files, ("batch", "n"), strict=True):
        write_onnx(file, batch=batch)
        edit(file, without_softmax)
    logits = {"scores": "logits"}
    one = make_traced_run(tmp_path / "a", model=files[0], engine=logits)
    other = make_traced_run(tmp_path / "b", nudged(), model=files[1], engine=logits)
    assert "off by 0, the records by 0.001" in stages_of(one, other)["raw outputs"].text


def test_a_file_that_does_not_run_here_leaves_the_step_unknown(tmp_path):
    one = make_traced_run(tmp_path / "a", model=write_model(tmp_path, "one"))
    other = make_traced_run(tmp_path / "b", nudged(), model=write_model(tmp_path, "two"))
    stage = stages_of(one, other)["raw outputs"]
    assert stage.state == "unknown"
    assert "the file of a fails here" in stage.text


def test_detections_are_equal_in_every_number_or_not_at_all():
    assert equal_detections(boxes(n=2), boxes(n=2))
    assert not equal_detections(boxes(n=2), boxes(n=3))
    assert not equal_detections(boxes(n=2), boxes(shift=1e-3, n=2))
