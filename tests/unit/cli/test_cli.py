"""The command line as a user meets it: exit codes, one-line errors, nothing half-written."""

import json
import os
import re

import cv2
import numpy as np
import pytest

from retinaface.export.tiny_model import write_model
from retinaface.network.scenes import scene
from tests.support.widerface import Finder
from tests.support.widerface_copy import IMAGES, jpeg, write_vendor_layout

FINDER = "tests.unit.widerface.test_evaluation:Finder"


@pytest.fixture
def widerface(tmp_path):
    return write_vendor_layout(tmp_path / "wf")


def image(path, height=120, width=160):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), scene(height, width, 1))
    return path


def tree(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_usage_errors_are_one_line(refuse):
    refuse("evaluat", match="No such command 'evaluat'.*see: retinaface --help")
    refuse("export", match="Missing option '--output'.*see: retinaface export --help")
    refuse("detect", "x.jpg", "--pipeline", "none", match="'none' is not one of 'igie'")
    refuse("detect", "x.jpg", "--score", "2", match=r"not in the range 0.02<=x<=1")
    refuse("export", "--output", "x.onnx", "--batch-size", "0", match="at least 1, or dynamic")


def test_assets_list_says_what_is_here(run, tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/mobilenet0.25_Final.pth").write_bytes(b"no")
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path / "m"))
    code, out, _ = run("assets", "list")
    assert code == 0
    assert re.search(r"mobilenet0\.25_Final\.pth .*MIT .*WRONG HASH", out)
    assert re.search(r"WIDER_val\.zip +362\.8 .*not here", out)


def test_assets_path_is_an_error_where_the_file_is_not(refuse):
    refuse("assets", "path", "WIDER_val.zip", match="run: retinaface assets fetch WIDER_val.zip")
    refuse("assets", "path", "nothing", match="unknown asset 'nothing'")


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


def test_detect_draws_a_file_whose_name_is_not_utf8(run, tmp_path):
    name = os.fsdecode(b"n\xff.png")
    (tmp_path / name).write_bytes(image(tmp_path / "a.png").read_bytes())
    code, _, _ = run("detect", name, "--engine", FINDER, "--model", "any.model", "--draw", "d")
    assert code == 0
    assert len(tree(tmp_path / "d")) == 1


def evaluate(*more, engine=FINDER):
    return ["evaluate", "--pipeline", "igie", "--engine", engine, "--model", "any.model", *more]


class Configured(Finder):
    """Remembers how it was asked for."""

    other_options_go_to = "the test"

    def __init__(self, spec):
        super().__init__(spec)
        Configured.options, Configured.shares_cpus = dict(spec.options), spec.shares_cpus


def test_evaluate_gives_ap_and_says_what_it_covers(run, tmp_path, widerface):
    options = ["--widerface", widerface, "--batch", 4]
    code, out, _ = run(*evaluate(*options, "--predictions", "p", "--output", "r"))
    assert code == 0
    assert "covers 11 of 11 images" in out
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert set(record["ap"]) == {"easy", "medium", "hard"}
    assert record["results"][0]["ap"] == record["ap"]
    assert record["coverage"]["n_images"] == 11
    assert len(record["coverage"]["ground_truth_sha256"]) == 4
    code, _, _ = run("score", "p", "--widerface", widerface, "--json", "s.json")
    assert code == 0
    assert json.loads((tmp_path / "s.json").read_text())["ap"] == record["ap"]


def test_settings_of_an_engine_reach_it(run, refuse, widerface):
    options = ["--widerface", widerface, "--limit", 1]
    named = [*options, "--engine-option", "a=1", "--engine-option", "b=x=y", "--output", "r"]
    code, _, _ = run(*evaluate(*named, engine=f"{__name__}:Configured"))
    assert code == 0
    assert Configured.options == {"a": "1", "b": "x=y"}
    assert Configured.shares_cpus
    for bad, problem in ((["a"], "not of the form NAME=VALUE"), (["a=1", "a=2"], "given twice")):
        more = [word for value in bad for word in ("--engine-option", value)]
        refuse(*evaluate(*options, *more), match=problem)


def test_evaluate_of_a_part_is_labelled(run, widerface):
    _, out, _ = run(*evaluate("--widerface", widerface, "--subset", "every-8"))
    assert "covers 3 of 11 images" in out
    _, out, _ = run(*evaluate("--widerface", widerface, "--limit", 2))
    assert "covers 2 of 11 images" in out
    _, out, _ = run(*evaluate("--widerface", widerface, "--scoring", "ixrt", "--batch", 4))
    assert "ixrt scoring: the last 3 images" in out


def test_evaluate_lists_the_bad_images_it_passed_over(run, refuse, tmp_path, widerface):
    (widerface / "val/images" / f"{IMAGES[0]}.jpg").write_bytes(b"")
    refuse(*evaluate("--widerface", widerface, "--output", "r"), match=f"{IMAGES[0]}: the file is")
    assert not (tmp_path / "r").exists()
    code, out, _ = run(*evaluate("--widerface", widerface, "--skip-bad-images", "--output", "r"))
    assert code == 0
    assert re.search(f"bad image, all faces counted as missed: .*{IMAGES[0]}: the file is", out)
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert list(record["coverage"]["bad_images"]) == [IMAGES[0]]


def test_evaluate_refuses_bad_input_before_it_runs(refuse, tmp_path, widerface):
    options = ["--widerface", widerface]
    refuse(*evaluate(*options, engine="none"), match="unknown engine 'none'; expected one of")
    refuse(*evaluate(*options, "--output", widerface), match="is not empty")
    refuse(*evaluate(*options, "--predictions", widerface), match="is not empty")
    refuse(*evaluate(*options, "--output", "x", "--predictions", "x"), match="name two")
    refuse(*evaluate(*options, "--output", "x", "--predictions", "x/y"), match="inside the other")
    refuse(*evaluate("--widerface", tmp_path / "none"), match="is not a folder")
    (widerface / "ground_truth/wider_easy_val.mat").unlink()
    refuse(*evaluate(*options), match=r"wider_easy_val\.mat is missing")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["any.model", "wf"]


def test_an_engine_that_gives_nan_is_a_failure_not_bad_input(run, tmp_path, widerface):
    code, out, err = run(
        *evaluate("--widerface", widerface, "--output", "r", engine=f"{__name__}:Broken")
    )
    assert (code, out) == (1, "")
    assert re.fullmatch(r"retinaface: error: .*values of loc are not finite.*\n", err)
    assert not (tmp_path / "r").exists()


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
        refuse("score", "p", "--widerface", widerface, "--json", "s.json", match=match)
    assert not (tmp_path / "s.json").exists()


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_export_says_what_it_wrote(run, tmp_path):
    code, out, _ = run("export", "--output", "x.onnx", "--weights", "embedded", "--opset", 12)
    assert code == 0
    assert "opset 12, IR 7, fp32 (I/O fp32), input batchx3x320x320" in out
    assert tree(tmp_path) == ["any.model", "x.json", "x.onnx", "x.reference.npz"]


@pytest.mark.needs("torch", "onnx", "onnxsim")
def test_export_refuses_a_bad_checkpoint_and_writes_nothing(refuse, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"hello")
    refuse("export", "--output", "x.onnx", "--weights", "w.pth", match="truncated or not a PyTorch")
    options = ["--weights", "embedded", "--exporter", "dynamo", "--opset", 13]
    refuse("export", "--output", "x.onnx", *options, match="use --exporter torchscript")
    assert tree(tmp_path) == ["any.model", "w.pth"]


def test_an_engine_that_cannot_be_built_is_bad_input(refuse, tmp_path):
    path = image(tmp_path / "a.png")
    for engine, message in (
        (":f", "cannot import :f"),
        ("os:getcwd", "cannot be built: TypeError"),
        (f"{__name__}:none", "gave NoneType, expected a retinaface.engines.base.Engine"),
        (f"{__name__}:raises", "cannot be built: ZeroDivisionError"),
        ("tests.support.ends_python:engine", "cannot import tests.support.ends_python:engine"),
    ):
        refuse("detect", path, "--engine", engine, "--model", "any.model", match=message)


def test_a_full_disk_is_one_line(refuse, tmp_path, monkeypatch):
    path = image(tmp_path / "a.png")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    options = ["--engine", FINDER, "--model", "any.model", "--json", "a.json"]
    refuse("detect", path, *options, match="No space left on device; nothing was written")
    assert not (tmp_path / "a.json").exists()


@pytest.mark.needs("torch")
def test_a_damaged_checkpoint_in_the_mirror_is_no_reason_for_others(refuse, tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/mobilenet0.25_Final.pth").write_bytes(b"no")
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path / "m"))
    refuse("demo", match=r"is not the pinned mobilenet0\.25_Final\.pth")


def none(_spec):
    return None


def raises(_spec):
    return 1 // 0


class Broken:
    """An engine whose first output is NaN."""

    def __new__(cls, spec):
        from tests.support.widerface import Recorder

        class NanEngine(Recorder):
            def _run(self, images):
                outputs = super()._run(images)
                outputs.loc[0, 0, 0] = np.nan
                return outputs

        return NanEngine()
