"""Faults between image and AP, and in the export: each must turn the run red, for its reason."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from retinaface.baselines.entries import content_sha256
from tests.support.runs import EMBEDDED, ROOT, SUITES, pytest_run, runs_ahead

ON_OFFICIAL = (f"{SUITES}/test_widerface_ap.py", "--engine=ort-cpu-fp32", "--pipeline=igie")
ACCURACY = (*ON_OFFICIAL, *EMBEDDED)
ENGINES = ("ort-cpu-fp32", "ort-cpu-fp16")
EXPORT = f"{SUITES}/test_export_fidelity.py::test_a_file_holds_what_was_asked_for"
needs_export = pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")
needs_data = pytest.mark.needs("widerface", "checkpoint", "torch", "onnxruntime")
# Faults that are also looked for over photographs, where they are here.
OFFICIAL = {
    "rgb_for_bgr": "detections without a counterpart",
    "boxes_to_the_right": "px and more lie",
    "dropped_crowded_images": "not run: ",
}
# Faults that show on the data, and words of the message.
ON_DATA = {
    "rgb_for_bgr": "detections without a counterpart",
    "mean_not_subtracted": "detections without a counterpart",
    "padding_off_by_one": "detections without a counterpart",
    "priors_one_stride_off": "AP easy",
    "plus_one_dropped": "detections without a counterpart",
    "plus_one_dropped_in_the_evaluation": "the evaluation or the ground truth moved",
    "ignored_faces_counted": "the evaluation or the ground truth moved",
    "landmark_points_swapped": "landmarks without a counterpart",
    "landmarks_of_the_neighbour": "landmarks without a counterpart",
    "suppression_limit_moved": "detections without a counterpart",
    "dropped_images": "not run: ",
    "dropped_crowded_images": "not run: ",
    "emptied_crowded_images": "images with mostly unexplained changes",
    "exchanged_images": "confident detections whose change nothing explains",
    "stale_predictions": "did not all come from this engine in this run",
}
NOT_SHIFTED = "test_matched_detections_are_not_shifted_against_the_baseline"
# Shifts below what a match allows, and what the run must say.
SHIFTS = {
    "boxes_to_the_right": r"mean offset of boxes in x: boxes of .* lie \d\.\d+ px to the right \[",
    "boxes_further_down": r"mean offset of boxes in y: boxes of .* lie 0\.15\d px further down \[",
    "wider_boxes": r"mean offset of widths: boxes of .* are \d\.\d+ px wider \[",
    "lower_scores_of_small_faces": r"mean offset of scores: .* 0-10 px are 0\.004\d+ lower \[",
    "landmarks_to_the_right": r"mean offset of landmarks in x: the .* lies 0\.3\d+ px to the right",
}
# With what FP16 adds some scores are beyond it, and so is a landmark of a face of 6 px.
ALSO_SEEN = {
    ("lower_scores_of_small_faces", "ort-cpu-fp16"),
    ("landmarks_to_the_right", "ort-cpu-fp32"),
    ("landmarks_to_the_right", "ort-cpu-fp16"),
}
# Faults that need no data to be seen, and the properties that show them.
WITHOUT_DATA = {
    "rgb_for_bgr": "pipeline",
    "mean_not_subtracted": "pipeline",
    "padding_off_by_one": "pipeline",
    "priors_one_stride_off": "decode_nms",
    "plus_one_dropped": "decode_nms",
    "plus_one_dropped_in_the_evaluation": "accuracy",
    "ignored_faces_counted": "accuracy",
    "landmark_points_swapped": "decode_nms",
    "landmarks_of_the_neighbour": "postprocess",
}


def selected(request, *tests):
    """Collect faults of the parametrized tests that this run of pytest will run."""
    items = (item for item in request.session.items if item.module is request.module)
    return [item.callspec.params["fault"] for item in items if item.originalname in tests]


@pytest.fixture(scope="module")
def on_data(request, tmp_path_factory):
    names = selected(
        request, "test_a_fault_is_seen_on_the_data", "test_what_changes_nothing_stays_green"
    )
    folder = tmp_path_factory.mktemp("on-data")
    with runs_ahead(folder, dict.fromkeys(names, ACCURACY)) as run_of:
        yield run_of


@pytest.fixture(scope="module")
def shifted(request, tmp_path_factory):
    """Both precisions in one run."""
    names = selected(request, "test_a_shift_below_what_a_match_allows_is_seen")
    arguments = (*ACCURACY, *(f"--engine={engine}" for engine in ENGINES[1:]))
    with runs_ahead(tmp_path_factory.mktemp("shifted"), dict.fromkeys(names, arguments)) as run_of:
        yield run_of


@pytest.fixture(scope="module")
def without_data(request, tmp_path_factory):
    """Run with `-x`: the first property that turns red is enough."""
    names = selected(request, "test_a_fault_is_seen_without_data")
    folder = tmp_path_factory.mktemp("without-data")
    suites = {name: f"{SUITES}/test_{WITHOUT_DATA[name]}_properties.py" for name in names}
    with runs_ahead(folder, {name: (file, "-x") for name, file in suites.items()}) as run_of:
        yield run_of


@needs_export
@pytest.mark.accuracy
@pytest.mark.parametrize("fault", ON_DATA)
def test_a_fault_is_seen_on_the_data(fault, on_data):
    run = on_data(fault)
    assert run.code == 1, run.output[-3000:]
    assert run.verdict == "FAIL"
    assert ON_DATA[fault] in run.reasons()


@needs_export
@pytest.mark.accuracy
@pytest.mark.parametrize("fault", SHIFTS)
def test_a_shift_below_what_a_match_allows_is_seen(fault, shifted):
    run = shifted(fault)
    assert run.code == 1, run.output[-3000:]
    for engine in ENGINES:
        outcomes = run.outcomes(f"[{engine}-")
        failed = {name for name, verdict in outcomes.items() if verdict == "FAIL"}
        tests = {name.partition("::")[2].partition("[")[0] for name in failed}
        assert NOT_SHIFTED in tests
        if (fault, engine) not in ALSO_SEEN:
            assert tests == {NOT_SHIFTED}
        assert re.search(f"FAIL .*{SHIFTS[fault]}", run.reasons(f"{NOT_SHIFTED}[{engine}-"))


@needs_data
@pytest.mark.accuracy
@pytest.mark.parametrize("fault", OFFICIAL)
def test_a_fault_is_seen_on_photographs(fault, tmp_path):
    run = pytest_run(tmp_path / "record", *ON_OFFICIAL, fault=fault)
    assert run.verdict == "FAIL", run.output[-3000:]
    assert OFFICIAL[fault] in run.reasons()


@needs_data
@pytest.mark.accuracy
def test_photographs_without_a_fault_are_green(tmp_path):
    run = pytest_run(tmp_path / "record", *ON_OFFICIAL)
    assert run.verdict == "PASS", run.reasons()


@needs_export
@pytest.mark.accuracy
@pytest.mark.parametrize("fault", ["none", "shuffled_lines"])
def test_what_changes_nothing_stays_green(fault, on_data):
    run = on_data(fault)
    assert run.code == 0, run.reasons()
    assert run.verdict == "PASS"


@pytest.mark.parametrize("fault", WITHOUT_DATA)
def test_a_fault_is_seen_without_data(fault, without_data):
    run = without_data(fault)
    assert run.code == 1, run.output[-3000:]
    assert run.verdict == "FAIL"


@pytest.mark.needs("torch", "onnx", "onnxsim")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("opset_changed_by_the_exporter", "changed the opset: asked for 13, got 18"),
        ("external_data_file", "more than one file"),
    ],
)
def test_a_fault_in_an_export_is_seen(fault, reason, tmp_path):
    run = pytest_run(
        tmp_path / "record",
        EXPORT,
        "-k",
        "torchscript-13-raw",
        *EMBEDDED,
        fault=fault,
    )
    assert run.code == 1, run.output[-3000:]
    assert reason in run.reasons()


@pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")
@pytest.mark.parametrize("engine", ["ort-cpu-fp32", "ort-cpu-fp16"])
def test_one_perturbed_layer_is_seen_and_named(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    run = pytest_run(
        tmp_path / "record",
        SUITES,
        "-k",
        "(test_the_model_under_test or test_outputs_lie) and b3-noise",
        f"--engine={engine}",
        *EMBEDDED,
        fault="one_layer_perturbed",
    )
    assert run.code == 1, run.output[-3000:]
    assert "in the file differ by 1" in run.reasons()
    assert "first" in run.reasons()


@pytest.mark.needs("torch")
def test_an_overflow_inside_the_network_is_seen(tmp_path):
    """Scale one layer's outputs up and the next one's down: in FP32 the network is the same."""
    import torch

    from retinaface.network.checkpoint import load_model
    from retinaface.network.model import fold_batch_norms

    model = load_model("embedded").model
    convolution, norm = model.body.stage1[0][0], model.body.stage1[0][1]
    factor = 4.0e6
    with torch.no_grad():
        norm.weight *= factor
        norm.bias *= factor
        model.body.stage1[1][0].weight /= factor
    assert convolution is not None
    assert fold_batch_norms(model) is not None
    path = tmp_path / "scaled.pth"
    torch.save(model.state_dict(), path)
    run = pytest_run(
        tmp_path / "record",
        f"{SUITES}/test_fp16_parity.py",
        "-k",
        "scene and (range or emulation)",
        f"--weights={path}",
    )
    assert run.code == 1, run.output[-3000:]
    assert "body.stage1.0" in run.reasons()
    assert "range of" in run.reasons()


def an_fp32_file():
    """Find the file that the embedded set was accepted into."""
    files = sorted((ROOT / "baselines" / "any").glob("onnxruntime-*.json"))
    return files[-1]


@needs_export
@pytest.mark.accuracy
def test_a_baseline_of_another_pipeline_is_not_comparable(tmp_path):
    content = json.loads(an_fp32_file().read_text())
    content["entries"] = [e for e in content["entries"] if e["pipeline"] == "ixrt"]
    content["content_sha256"] = content_sha256(content)
    path = copy_with_detections(content, tmp_path / "any" / "other.json")
    run = pytest_run(tmp_path / "record", *ACCURACY, f"--baseline={path}")
    assert run.code == 10, run.output[-3000:]
    assert run.verdict == "INCONCLUSIVE"
    assert "pipeline: baseline ixrt, run igie" in run.reasons()


@needs_export
@pytest.mark.accuracy
def test_an_edited_baseline_is_bad_usage_where_the_run_names_it(tmp_path):
    content = json.loads(an_fp32_file().read_text())
    content["entries"][0]["tolerance"]["ap_points"] = 50
    path = copy_with_detections(content, tmp_path / "any" / "edited.json")
    run = pytest_run(tmp_path / "record", *ACCURACY, f"--baseline={path}")
    assert run.code == 4, run.output[-3000:]  # of pytest; `validate` makes it 2
    assert "was edited by hand" in run.output


@needs_export
@pytest.mark.accuracy
def test_a_missing_baseline_fails_and_leaves_a_candidate(tmp_path):
    place = tmp_path / "baselines"
    place.mkdir()
    run = pytest_run(tmp_path / "record", *ACCURACY, f"--baseline={place}")
    assert run.code == 1, run.output[-3000:]
    assert "there is no accuracy baseline of igie in fp32" in run.reasons()
    candidate = next(place.glob("any/*.candidate.json"))
    values = json.loads(candidate.read_text())["entries"][0]["value"]
    assert all(np.isfinite(v) and v > 0 for v in values.values())
    assert "--accept-baseline --reason" in run.output


def copy_with_detections(content, path):
    path.parent.mkdir(parents=True)
    for entry in content["entries"]:
        name = entry["detections"]["file"]
        (path.parent / name).write_bytes((an_fp32_file().parent / name).read_bytes())
    path.write_text(json.dumps(content))
    return path
