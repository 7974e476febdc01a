"""`score` judges what any tool wrote: it scores what `evaluate` ran, and writes a record."""

import json
import shutil

import numpy as np
import pytest

from retinaface.records.read import read_run
from tests.support.made.widerface_copy import FACES, IMAGES, write_mats, write_truth_text

FINDER = "tests.support.widerface:Finder"


def write_predictions(folder, images=IMAGES, faces=FACES[:3]):
    """Write faces, best first, in the official form."""
    for image in images:
        event, name = image.split("/")
        (folder / event).mkdir(parents=True, exist_ok=True)
        rows = [f"{x} {y} {w} {h} {0.9 - i / 10}\n" for i, (x, y, w, h) in enumerate(faces)]
        (folder / event / f"{name}.txt").write_text("".join([f"{name}\n{len(rows)}\n", *rows]))
    return folder


def test_score_refuses_malformed_predictions(refuse, tmp_path, widerface):
    event, name = IMAGES[0].split("/")
    file = tmp_path / "p" / event / f"{name}.txt"
    file.parent.mkdir(parents=True)
    for text, match in (
        (f"{name}\n1\n1 2 3 4\n", "4 columns, expected 5"),
        (f"{name}\n1\n1 2 3 4 nan\n", "NaN"),
        (f"{name}\n2\n1 2 3 4 0.5\n", "announces 2"),
    ):
        file.write_text(text)
        options = ["--widerface", widerface, "--json", "s.json", "--record", "r"]
        refuse("score", "p", *options, match=match)
    assert [path.name for path in tmp_path.iterdir() if path.name in ("s.json", "r")] == []


@pytest.mark.parametrize(
    ("part", "n", "note"),
    [
        (["--limit", 4], 4, "note: covers 4 of 11 images"),
        (["--subset", "every-8"], 3, "(the subset every-8)"),
        (["--subset", "every-8", "--limit", 2], 2, "note: covers 2 of 11 images"),
        (["--scoring", "ixrt", "--batch", 4], 8, "ixrt scoring: the last 3 images"),
    ],
    ids=["limit", "subset", "both", "ixrt"],
)
@pytest.mark.parametrize("is_zipped", [False, True], ids=["folder", "zip"])
def test_score_gives_ap_of_the_part_that_evaluate_ran(
    run, tmp_path, widerface, monkeypatch, part, n, note, is_zipped
):
    faces = np.array([[0, 0, 50, 30], *FACES[1:]])  # the first lies where the engine finds a box
    monkeypatch.setattr("tests.support.made.widerface_copy.FACES", faces)
    write_mats(widerface / "ground_truth")
    (widerface / "val/images" / f"{IMAGES[1]}.jpg").write_bytes(b"")  # a bad image is still missed
    code, out, _ = run(
        *("evaluate", "--pipeline", "igie", "--engine", FINDER, "--model", "any.model"),
        *("--widerface", widerface, "--predictions", "p", "--output", "r", "--skip-bad-images"),
        *part,
    )
    assert code == 0
    assert note in out
    expected = json.loads((tmp_path / "r/record.json").read_text())
    assert 0 < expected["ap"]["hard"] < 1
    source = "p"
    if is_zipped:
        source = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "p")
    code, out, _ = run("score", source, "--widerface", widerface, "--json", "s.json")
    assert code == 0
    assert note in out
    assert f"only the {n} images that `retinaface evaluate` ran are scored" in out
    result = json.loads((tmp_path / "s.json").read_text())
    assert result["ap"] == expected["ap"]
    assert (result["n_images"], result["n_images_total"]) == (n, 11)
    assert set(result["missing"]) <= {IMAGES[1]}


def test_a_run_over_the_whole_set_names_no_part(run, tmp_path, widerface):
    command = ["evaluate", "--pipeline", "igie", "--engine", FINDER, "--model", "any.model"]
    assert run(*command, "--widerface", widerface, "--predictions", "p")[0] == 0
    assert {path.suffix for path in (tmp_path / "p").rglob("*") if path.is_file()} == {".txt"}


def test_the_record_of_a_score_is_read_by_every_command(run, tmp_path, widerface):
    write_predictions(tmp_path / "old")
    write_predictions(tmp_path / "new", faces=FACES[:2])
    for name in ("old", "new"):
        options = ["--widerface", widerface, "--record", f"runs/{name}"]
        code, out, _ = run("score", name, *options)
        assert code == 0
        assert f"record: runs/{name}" in out
    old = read_run(tmp_path / "runs/old")
    (result,) = old.results.values()
    assert (result.id, result.source, result.engine) == ("predictions", "predictions", {})
    assert result.ap == old.record.ap == {"easy": 1.0, "medium": 1.0, "hard": 1.0}
    assert (result.n_images, result.n_detections) == (11, 33)
    assert len(old.record.coverage.ground_truth_sha256) == 4
    assert old.counts("predictions")[0] == tuple(IMAGES)
    code, out, _ = run("compare", "runs/old", "runs/new", "--attribute")
    assert code == 1
    assert "AP hard" in out
    assert run("compare", "runs/old", "runs/old")[0] == 0
    code, out, _ = run("runs", "runs")
    assert code == 0
    assert "100.00 / 100.00 / 100.00 (predictions)" in out
    code, out, _ = run("report", "runs/old", "runs/new", "--output", "r.html")
    assert code == 0
    assert "AP hard" in (tmp_path / "r.md").read_text()


def test_ground_truth_may_lie_elsewhere(run, refuse, tmp_path, widerface):
    write_predictions(tmp_path / "p")
    (widerface / "ground_truth").rename(tmp_path / "truth")
    for place in (["--widerface", widerface], []):
        code, _, _ = run("score", "p", *place, "--ground-truth", "truth", "--json", "s.json")
        assert code == 0
        assert json.loads((tmp_path / "s.json").read_text())["ap"]["hard"] == 1
    refuse("score", "p", "--ground-truth", "p", match="no ground truth in p: .* --ground-truth")


def test_text_as_ground_truth_gives_all_faces(run, tmp_path):
    write_predictions(tmp_path / "p")
    write_truth_text(tmp_path / "set/wider_face_split")
    code, out, _ = run("score", "p", "--widerface", "set", "--record", "r")
    assert code == 0
    assert out.startswith("WIDER FACE AP (%)  all faces")
    assert "not comparable with AP of easy, medium or hard" in out
    assert read_run(tmp_path / "r").record.ap == {"all faces": 1.0}
    assert "all faces: 100.00 (predictions)" in run("runs", "r")[1]


def test_records_of_other_faces_are_not_compared(run, tmp_path, widerface):
    write_predictions(tmp_path / "p")
    assert run("score", "p", "--widerface", widerface, "--record", "splits")[0] == 0
    write_truth_text(tmp_path / "set")
    assert run("score", "p", "--widerface", "set", "--record", "all")[0] == 0
    code, out, _ = run("compare", "splits", "all")
    assert code == 10
    assert "or faces: not comparable" in out
    assert run("report", "splits", "all", "--output", "r.html")[0] == 0
