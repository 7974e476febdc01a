"""`retinaface agree` on pictures without ground truth."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.given.agreeing_engines import N_FACES, picture

ENGINES = "tests.support.given.agreeing_engines"
FACES = f"{ENGINES}:faces_cpu_fp16"
N_IMAGES = 32
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def pictures(tmp_path):
    """Write pictures into folders of two levels, with two endings, and a file that is none."""
    for i in range(N_IMAGES):
        ending = ".png" if i % 2 else ".JPG"
        path = tmp_path / "pictures" / f"{i // 16}/{i % 2}/{i:02}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(i, ending.lower()))
    (tmp_path / "pictures/readme.txt").touch()
    return "pictures"


def agree(folder, *more, engine=FACES):
    return [
        "agree",
        folder,
        "--pipeline",
        "igie",
        "--engine",
        engine,
        "--model",
        "any.model",
        *more,
    ]


def test_an_engine_agrees_with_itself(run, tmp_path, pictures):
    code, out, _ = run(*agree(pictures, "--shard-size", 10, "--json", "a.json"))
    assert (code, out.splitlines()[-1]) == (0, "VERDICT: PASS")
    answer = json.loads((tmp_path / "a.json").read_text())
    assert (answer["n_images"], answer["n_shards"], answer["n_unmatched"]) == (N_IMAGES, 4, 0)
    assert answer["n_compared"] == 2 * answer["n_pairs"] == 2 * N_FACES * N_IMAGES
    assert answer["shards"] == answer["images"] == []
    assert f"passed over in {pictures}: 1 without an image's ending" in out
    assert {check["value"] for check in answer["checks"]} == {0.0}


def test_boxes_that_are_missing_in_every_eighth_image_fail(run, tmp_path, pictures):
    more = ["--engine-b", f"{ENGINES}:dropping_cpu_fp16", "--shard-size", 16, "--json", "a.json"]
    code, out, _ = run(*agree(pictures, *more))
    assert code == 1
    assert "FAIL detections without a counterpart: 100 of 3036" in out
    assert "they are in 4 of 32 images" in out
    answer = json.loads((tmp_path / "a.json").read_text())
    assert {one["n_unmatched"] for one in answer["images"]} == {25}
    assert [one["n_unmatched"] for one in answer["shards"]] == [50, 50]


def test_boxes_that_moved_by_one_percent_fail_by_their_offset(run, pictures):
    code, out, _ = run(*agree(pictures, "--engine-b", f"{ENGINES}:moved_cpu_fp16"))
    assert code == 1
    assert "PASS detections without a counterpart: 0 of" in out
    assert re.search(r"FAIL mean offset of boxes in x: boxes .* 0\.297 px to the right", out)


def test_the_table_has_every_shard(run, tmp_path, pictures):
    run(*agree(pictures, "--shard-size", 10, "--limit", 25, "--csv", "s.csv"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text())))
    assert [row["n_images"] for row in rows] == ["10", "10", "5"]
    assert rows[0]["first_image"] == "0/0/00.JPG"
    assert rows[1]["first_image"] == "0/1/05.png"
    code, out, _ = run(*agree(pictures, "--csv", "-"))
    assert out.startswith("number,first_image,last_image,n_images,")
    assert len(out.splitlines()) == 2
    assert code == 0


@pytest.mark.parametrize("side", ["--engine", "--engine-b"])
def test_int8_is_held_to_budgets_and_so_refused(run, pictures, tmp_path, side):
    given = agree(pictures, side, f"{ENGINES}:faces_cpu_int8")
    code, out, err = run(*given)
    assert (code, out) == (2, "")
    assert "faces_cpu_int8 is INT8, which is held to budgets" in err
    assert "retinaface validate --budget-ap" in err


def test_nothing_found_is_no_agreement(run, pictures):
    code, out, _ = run(*agree(pictures, engine=f"{ENGINES}:Nothing"))
    assert code == 10
    assert "INCONCLUSIVE detections without a counterpart: neither engine found a face" in out


def test_bad_images_are_refused_or_left_out_by_name(run, refuse, tmp_path, pictures):
    (tmp_path / pictures / "0/0/00a.png").write_bytes(b"no image")
    refuse(*agree(pictures), match="cannot decode image 0/0/00a.png")
    code, out, _ = run(*agree(pictures, "--skip-bad-images"))
    assert code == 0
    assert "bad image, left out: cannot decode image 0/0/00a.png" in out


def test_a_folder_without_images_is_refused(refuse, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/a.txt").touch()
    refuse(*agree("empty"), match=r"no image in empty \(passed over in empty: 1 without an image's")
    refuse(*agree("missing"), match="missing: it is not a folder; check the path")


def test_the_new_engine_may_run_in_another_environment(run, pictures, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # where that Python finds the engine
    code, out, _ = run(*agree(pictures, "--b", sys.executable, "--limit", 4))
    assert code == 10  # too few to pass, and none differs
    assert f"B: {FACES} (fp16) in {sys.executable}" in out
    assert f"0 of {2 * N_FACES * 4} " in out


def test_options_of_b_go_to_b_alone(refuse, pictures):
    more = ["--engine-b", "ort-cpu-fp32", "--engine-option-b", "fusionz=off"]
    refuse(*agree(pictures, *more), match="fusionz|any.model")
