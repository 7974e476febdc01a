import json
import os

import cv2
import numpy as np
import pytest

from retinaface.export.tiny_model import write_model
from tests.support.made.pictures import image, tree
from tests.support.made.widerface_copy import jpeg
from tests.support.pointers import POINTER, REFUSED

FINDER = "tests.support.widerface:Finder"


@pytest.mark.needs("onnxruntime", "onnx")
def test_detect_writes_json_and_pictures(run, tmp_path):
    write_model(tmp_path / "x.onnx")
    path = image(tmp_path / "a.png")
    options = ["--model", "x.onnx", "--json", "out/a.json", "--draw", "pictures"]
    code, out, _ = run("detect", path, *options)
    assert code == 0
    assert "a.png: 0 faces" in out
    content = json.loads((tmp_path / "out/a.json").read_text())
    assert content["images"][0]["width"] == 160
    assert content["images"][0]["boxes_xyxy"] == []
    assert tree(tmp_path / "pictures") == ["a.jpg"]


def test_detect_gives_boxes_scores_and_landmarks(run, tmp_path):
    path = image(tmp_path / "a.png", 320, 320)
    code, out, _ = run(
        "detect", path, "--engine", FINDER, "--model", "any.model", "--json", "a.json"
    )
    assert code == 0
    assert "a.png: 1 face\n" in out
    found = json.loads((tmp_path / "a.json").read_text())["images"][0]
    assert np.shape(found["boxes_xyxy"]) == (1, 4)
    assert found["scores"] == [pytest.approx(0.9)]
    assert np.shape(found["landmarks_xy"]) == (1, 5, 2)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("missing.jpg", None, "No such file"),
        ("empty.jpg", b"", "the file is empty"),
        ("cut.jpg", jpeg(1)[:-50], "damaged or cut short"),
        ("text.jpg", b"hello", "not an image"),
        ("narrow.jpg", jpeg(1, 1, 5000), "becomes 320x0 px after resizing"),
    ],
)
def test_detect_refuses_a_bad_image_and_writes_nothing(refuse, tmp_path, name, content, match):
    good = image(tmp_path / "good.png")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = tree(tmp_path)
    options = ["--engine", FINDER, "--model", "any.model", "--json", "a.json", "--draw", "d"]
    refuse("detect", good, name, *options, match=match)
    assert tree(tmp_path) == before


def test_detect_refuses_pointers_of_git_lfs(refuse, tmp_path):
    path = image(tmp_path / "a.png")
    for option, name in (("--model", "m.onnx"), ("--weights", "m.pth")):
        (tmp_path / name).write_bytes(POINTER)
        refuse("detect", path, option, name, match=f"error: {name} {REFUSED}\n$")
    (tmp_path / "p.jpg").write_bytes(POINTER)
    refuse("detect", "p.jpg", "--weights", "embedded", match=f"error: p.jpg {REFUSED}\n$")


def test_detect_refuses_a_folder_that_is_not_empty_and_equal_names(refuse, tmp_path):
    path = image(tmp_path / "a.png")
    other = image(tmp_path / "sub/a.png")
    refuse("detect", path, "--draw", tmp_path, match="is not empty")
    refuse("detect", path, other, "--draw", "d", match="a is given twice")
    refuse("detect", path, path, match="a.png is given twice")
    refuse("detect", path, "--json", tmp_path, match="it is a folder; name a file")
    refuse("detect", path, "--score", "nan", match="expected a number, got nan")


def test_detect_refuses_a_picture_that_no_jpeg_can_hold(refuse, tmp_path):
    cv2.imwrite(str(tmp_path / "wide.png"), np.full((300, 66_000, 3), 90, np.uint8))
    before = tree(tmp_path)
    options = ["--engine", FINDER, "--model", "any.model", "--draw", "d", "--json", "a.json"]
    refuse("detect", "wide.png", *options, match="a JPEG cannot be 66000x300 px")
    assert tree(tmp_path) == before


def test_detect_draws_a_file_with_a_name_outside_utf8(run, tmp_path):
    name = os.fsdecode(b"n\xff.png")
    (tmp_path / name).write_bytes(image(tmp_path / "a.png").read_bytes())
    code, _, _ = run("detect", name, "--engine", FINDER, "--model", "any.model", "--draw", "d")
    assert code == 0
    assert len(tree(tmp_path / "d")) == 1
