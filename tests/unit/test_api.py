"""The public API is light to import, typed, and works as docs/python-api.md shows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import retinaface
from retinaface.detection.detections import Detections
from retinaface.detection.images import read_image
from retinaface.embedded import embedded_root
from retinaface.errors import DatasetError, EngineUnavailable, ImageError, RecordError
from retinaface.widerface.predictions import write_predictions
from tests.support.engines import Counting, spec
from tests.support.made.records import make_run

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "python-api.md"
PICTURE = embedded_root() / "val/images/1--Group/1_Group_1_1.jpg"
EXPORTS = pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout


def test_importing_the_package_imports_nothing_heavy():
    heavy = {"numpy", "cv2", "torch", "retinaface.api", "retinaface.errors"}
    code = f"import sys, retinaface; dir(retinaface); print({heavy!r} & set(sys.modules))"
    assert python(code) == "set()\n"


def test_every_name_is_imported_at_its_first_use():
    code = "from retinaface import *; print(open_engine.__module__, RetinaFaceError.__name__)"
    assert python(code) == "retinaface.api RetinaFaceError\n"
    assert set(retinaface.__all__) <= set(dir(retinaface))
    for name in retinaface.__all__:
        assert getattr(retinaface, name) is getattr(retinaface, name)


def test_an_unknown_name_raises_the_usual_attribute_error():
    with pytest.raises(AttributeError, match="module 'retinaface' has no attribute 'detekt'"):
        retinaface.detekt  # noqa: B018 - looking it up is what is tested


def test_type_checkers_see_the_offered_names():
    tree = ast.parse((ROOT / "retinaface/__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {alias.name: part.module for part in block.body for alias in part.names}
    assert {n: p.partition(":")[0] for n, p in retinaface._PLACES.items()} == typed
    assert {*typed, "__version__"} == set(retinaface.__all__)


def test_nothing_inside_the_package_imports_its_root():
    for path in (ROOT / "retinaface").rglob("*.py"):
        found = re.findall(
            r"^\s*(?:import retinaface$|from retinaface import .*)", path.read_text()
        )
        assert found == [], path


@EXPORTS
def test_the_examples_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "group.jpg").write_bytes(PICTURE.read_bytes())
    (tmp_path / "predictions").mkdir()
    box, confidence = np.array([[10, 10, 60, 60]], np.float32), np.array([0.9], np.float32)
    write_predictions(tmp_path / "predictions", "1--Group/1_Group_1_1", box, confidence)
    (tmp_path / "runs").mkdir()
    make_run(tmp_path / "runs/old")
    make_run(tmp_path / "runs/new", shift=20.0)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    names = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 - a page of this repository
    assert len(names["faces"].scores) > 3
    out = capsys.readouterr().out
    assert re.search(r"0\.9\d at \(\d+, \d+\), left eye at \[", out)
    assert "'easy': '82.93 %', 'medium': '69.64 %', 'hard': '45.53 %'" in out
    assert "66 of 67 images have no prediction file" in out
    assert "FAIL" in out
    assert "cannot read a run record from runs/lost" in out


@EXPORTS
def test_a_file_and_its_pixels_have_the_same_faces():
    with retinaface.open_engine("ort-cpu-fp32", weights="embedded", batch=2) as engine:
        assert engine.spec.max_batch == 2
        expected = retinaface.detect(engine, PICTURE)
        assert isinstance(expected, Detections)
        for image in (str(PICTURE), read_image(PICTURE), cv2.imread(str(PICTURE))):
            found = retinaface.detect(engine, image)
            np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)
        assert expected.scores.min() > 0.5
        assert len(retinaface.detect(engine, PICTURE, score_above=0.02).scores) > len(found.scores)
        result = retinaface.evaluate(engine, "embedded", limit=3)
        assert len(result.images) == 3


def test_an_engine_runs_the_pipelines_that_it_was_opened_for():
    engine = Counting(spec())
    message = r"upstream-640 needs inputs of any size, and test was opened for 320x320 px; open it"
    with pytest.raises(ValueError, match=message):
        retinaface.detect(engine, PICTURE, pipeline="upstream-640")
    with pytest.raises(ValueError, match="igie needs inputs of 320x320 px, .* for any size"):
        retinaface.evaluate(Counting(spec(height_px=None, width_px=None)), "embedded")


@pytest.mark.parametrize(
    "image",
    [None, [[1]], np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
    ids=["none", "list", "grey", "float"],
)
def test_arguments_that_are_not_images_are_refused(image):
    with pytest.raises(TypeError, match=r"expected a path, or \(H, W, 3\) uint8 in BGR, got"):
        retinaface.detect(Counting(spec()), image)


def test_wrong_arguments_are_refused_with_a_message(tmp_path):
    engine = Counting(spec())
    with pytest.raises(ValueError, match="unknown pipeline 'igi'; expected one of: igie, ixrt"):
        retinaface.open_engine("ort-cpu-fp32", pipeline="igi")
    with pytest.raises(ValueError, match="batch must be 1 or more, got 0"):
        retinaface.open_engine("ort-cpu-fp32", batch=0)
    with pytest.raises(EngineUnavailable, match=r"lost\.onnx does not exist"):
        retinaface.open_engine("ort-cpu-fp32", model=str(tmp_path / "lost.onnx"))
    with pytest.raises(ImageError, match=r"cannot read image .*lost\.jpg"):
        retinaface.detect(engine, str(tmp_path / "lost.jpg"))
    with pytest.raises(ValueError, match=r"score_above must lie in \[0, 1\], got nan"):
        retinaface.detect(engine, PICTURE, score_above=float("nan"))
    with pytest.raises(ValueError, match="unknown subset 'half'; expected one of: None, every-8"):
        retinaface.evaluate(engine, "embedded", subset="half")
    with pytest.raises(ValueError, match="limit must be 1 or more"):
        retinaface.evaluate(engine, "embedded", limit=0)
    with pytest.raises(ValueError, match="unknown scoring 'mine'"):
        retinaface.score("p.zip", "embedded", scoring="mine")
    with pytest.raises(RecordError, match="cannot read a run record"):
        retinaface.compare(str(tmp_path), tmp_path)


def test_the_embedded_set_never_replaces_missing_data():
    """It is used only on explicit request."""
    with pytest.raises(DatasetError, match="no WIDER FACE images in"):
        retinaface.evaluate(Counting(spec()))
    with pytest.raises(DatasetError, match="no WIDER FACE ground truth in"):
        retinaface.score("predictions.zip")
