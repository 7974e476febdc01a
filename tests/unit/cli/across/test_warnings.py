"""Next to nothing found is said in words by every command that shows it."""

import json

import numpy as np
import pytest

from retinaface.baselines.detections_file import read_detections
from retinaface.baselines.entries import load_baselines
from retinaface.widerface.predictions import official_form
from tests.support.made.pictures import image
from tests.support.made.records import RESULT, N, make_run
from tests.support.runs import ROOT

NOTHING = "tests.support.widerface:Recorder"
FOUND = "AP next to 0 (easy 0.00 %, medium 0.00 %, hard 0.00 %): something is wrong"


@pytest.fixture
def of_nothing(tmp_path):
    """Two records of a detector that hits no face."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for name in "ab":
        make_run(folder / name, hits=np.zeros(N, bool))
    return folder


def test_evaluate_says_it_and_its_record_keeps_it(run, tmp_path, widerface):
    engine = ["--pipeline", "igie", "--engine", NOTHING, "--model", "any.model"]
    code, out, _ = run("evaluate", *engine, "--widerface", widerface, "--output", "r")
    assert code == 0
    assert f"warning: next to no detection (0 in 11 images), {FOUND}" in out
    (warning,) = json.loads((tmp_path / "r/record.json").read_text())["warnings"]
    assert warning.startswith(f"{NOTHING}--igie--b32: next to no detection")


def test_detect_says_it_where_no_image_has_a_face(run, tmp_path):
    paths = [image(tmp_path / name) for name in ("a.png", "b.png")]
    code, out, _ = run("detect", *paths, "--engine", NOTHING, "--model", "any.model")
    assert code == 0
    assert "note: no face in any of the 2 images above a score of 0.5; " in out


@pytest.mark.needs("torch")
def test_an_unknown_checkpoint_that_finds_nothing_is_named(run, tmp_path, widerface):
    """Weights of another network load if its tensors fit; here the scores of a face are zero."""
    import torch

    from retinaface.network.checkpoint import load_model

    state = load_model("embedded").model.state_dict()
    for name in [name for name in state if name.startswith("ClassHead") and "bias" in name]:
        state[name] = torch.tensor([9.0, -9.0, 9.0, -9.0])
    torch.save({"net": state}, tmp_path / "w.pth")
    weights = ["--engine", "torch-cpu-fp32", "--weights", "w.pth"]
    path = image(tmp_path / "a.png")
    unknown = "w.pth is neither the published checkpoint nor the embedded one: it may be of another"
    note = "note: w.pth: read the tensors under the key 'net'\n"
    code, out, err = run("detect", path, *weights)
    assert (code, err) == (0, "")
    assert note in out
    (warning,) = [line for line in out.splitlines() if line.startswith("warning: ")]
    assert warning.startswith("warning: no face in the image above a score of 0.5; ")
    assert unknown in warning
    options = [*weights, "--pipeline", "igie", "--widerface", widerface, "--output", "r"]
    code, out, err = run("evaluate", *options)
    assert (code, err) == (0, "")
    assert note in out
    (warning,) = [line for line in out.splitlines() if line.startswith("warning: ")]
    assert FOUND in warning
    assert unknown in warning
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert record["warnings"][0].startswith(unknown)
    assert record["results"][0]["engine"]["weights"]["notes"] == [note[6:-1]]


@pytest.mark.needs("torch")
def test_a_known_checkpoint_that_finds_no_face_gets_a_note(run, tmp_path):
    weights = ["--engine", "torch-cpu-fp32", "--weights", "embedded", "--score", "0.9"]
    code, out, err = run("detect", image(tmp_path / "a.png"), *weights)
    assert (code, err) == (0, "")
    assert "note: no face in the image above a score of 0.9; " in out
    assert "warning" not in out


def test_compare_says_it_though_nothing_moved(run, of_nothing, tmp_path):
    files = tmp_path / "c.md", tmp_path / "c.json"
    code, out, _ = run("compare", of_nothing, "--markdown", files[0], "--json", files[1])
    assert (code, out.splitlines()[-1]) == (0, "VERDICT: PASS")
    texts = [f"{name}: {RESULT}: {FOUND}" for name in "ab"]
    assert all(f"warning: {text}" in out for text in texts)
    assert all(f"Warning: {text}" in files[0].read_text() for text in texts)
    found = json.loads(files[1].read_text())["comparisons"][0]["warnings"]
    assert [text[: len(texts[0])] for text in found] == texts


def test_report_and_runs_say_it(run, of_nothing, tmp_path):
    code, _, _ = run("report", of_nothing, "--output", "r.html")
    assert code == 0
    assert (tmp_path / "r.html").read_text().count("AP next to 0 (easy") >= 2
    assert f"- **a** warning: {RESULT}: {FOUND}" in (tmp_path / "r.md").read_text()
    code, out, _ = run("runs", of_nothing)
    assert code == 0
    assert f"warning: b: {RESULT}: {FOUND}" in out


def test_score_says_what_the_boxes_look_like(run, tmp_path):
    entries = load_baselines(ROOT / "baselines")
    entry = next(e for e in entries if e.data.get("n_images") == 67 and e.data["batch"] == 32)
    for name, found in read_detections(entry.needed_detections()).items():
        file = tmp_path / "p" / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        boxes = official_form(found.boxes_xyxy, found.scores).boxes_xywh
        boxes[:, 2:] += boxes[:, :2]
        rows = np.column_stack([boxes, found.scores]).tolist()
        lines = [" ".join(map(str, row)) for row in rows]
        file.write_text("\n".join([file.stem, str(len(lines)), *lines]) + "\n")
    code, out, _ = run("score", "p", "--widerface", "embedded", "--json", "s.json")
    assert code == 0
    assert "warning: the boxes look like corners x1 y1 x2 y2: read so, AP is 8" in out
    content = json.loads((tmp_path / "s.json").read_text())
    assert max(content["ap"].values()) < 0.01  # nothing is read otherwise than written
    assert len(content["warnings"]) == 2
