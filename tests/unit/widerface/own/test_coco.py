"""A COCO file gives the faces that pycocotools reads, and AP near COCO's where the rules agree."""

import contextlib
import copy
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from retinaface.detection.boxes import overlap_matrix, xyxy_from_xywh
from retinaface.errors import DatasetError
from retinaface.widerface.average_precision import average_precision, count_set
from retinaface.widerface.ground_truth import ALL_FACES
from retinaface.widerface.own.coco import read_coco
from retinaface.widerface.predictions import Predictions
from tests.support.made.widerface_copy import coco_of, write_json

FACES = {
    "a/b/one.png": [[1, 2, 30, 40], [5, 6, 7, 8.5]],
    "two.jpg": [],
    "three.JPG": [[0, 0, 9, 9]],
}
CROWDS = {"a/b/one.png": [[50, 60, 70, 80]]}
CONTENT = coco_of(FACES, CROWDS)
# 101 recall points in place of the area: of a curve that falls from 1 to 0 at most one step more.
AP_TOLERANCE = 1 / 100


def with_quiet(function, *arguments):
    """Call what prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


def changed(**changes):
    return copy.deepcopy(CONTENT) | changes


def test_faces_are_read_by_image_and_crowds_are_ignored(tmp_path):
    truth, notes = read_coco(write_json(tmp_path / "t.json", CONTENT))
    assert truth.images == truth.all_images == ("a/b/one.png", "two", "three.JPG")
    assert [faces.tolist() for faces in truth.faces_xywh] == [
        [*FACES["a/b/one.png"], *CROWDS["a/b/one.png"]],
        [],
        FACES["three.JPG"],
    ]
    assert [c.tolist() for c in truth.counted] == [[[True], [True], [False]], [], [[True]]]
    assert (truth.splits, list(truth.sha256)) == (ALL_FACES, ["t.json"])
    assert "4 in 3 images, of which 1 are ignored" in notes[0]


def test_ignore_has_the_meaning_of_iscrowd(tmp_path):
    content = changed()
    content["annotations"][0]["ignore"] = 1
    truth, _ = read_coco(write_json(tmp_path / "t.json", content))
    assert truth.counted[0][:, 0].tolist() == [False, True, False]


def test_pycocotools_reads_the_same_faces(tmp_path):
    path = write_json(tmp_path / "t.json", CONTENT)
    truth, _ = read_coco(path)
    coco = with_quiet(COCO, str(path))
    for i, (faces, counted) in enumerate(zip(truth.faces_xywh, truth.counted, strict=True)):
        rows = coco.loadAnns(coco.getAnnIds(imgIds=i + 1))
        assert faces.tolist() == [row["bbox"] for row in rows]
        assert counted[:, 0].tolist() == [not row["iscrowd"] for row in rows]


def test_of_several_categories_the_one_named_face_is_read(tmp_path):
    content = changed(categories=[{"id": 1, "name": "Face"}, {"id": 2, "name": "person"}])
    content["annotations"][1]["category_id"] = 2
    truth, notes = read_coco(write_json(tmp_path / "t.json", content))
    assert len(truth.faces_xywh[0]) == 2
    assert notes[1] == "1 boxes of other categories than 'face' are left out"
    content["categories"][0]["name"] = "head"
    with pytest.raises(
        DatasetError, match=r"2 categories \('head', 'person'\), expected one, or one n"
    ):
        read_coco(write_json(tmp_path / "t.json", content))


def test_one_category_of_any_name_is_that_of_the_faces(tmp_path):
    content = changed(categories=[{"id": 1, "name": "head"}, {"id": 2, "name": "unused"}])
    truth, notes = read_coco(write_json(tmp_path / "t.json", content))
    assert (len(truth.faces_xywh[0]), len(notes)) == (3, 1)


IMAGE, BOX = CONTENT["images"][0], CONTENT["annotations"][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "cannot read ground truth .*Expected `object`, got `array`; expected COCO's form"),
        ({"images": []}, "missing required field `annotations`"),
        (changed(images=[]), "lists no image"),
        (changed(images=[{"id": 1}]), r"missing required field `file_name` - at `\$.images"),
        (changed(images=[IMAGE, IMAGE]), "two images have the id 1"),
        (changed(images=[IMAGE, IMAGE | {"id": 9}]), "2 images have the name 'a/b/one.png'"),
        (changed(images=[IMAGE | {"file_name": "../x.png"}]), "'../x.png' is not of the form"),
        (changed(images=[IMAGE | {"file_name": "/etc/x/../y.png"}]), "is not of the form"),
        (changed(images=[IMAGE | {"file_name": "noise"}]), "'noise' is not of the form"),
        (changed(annotations=[BOX | {"image_id": 7}]), "a box is of image 7, which `images` lacks"),
        (
            changed(annotations=[BOX | {"bbox": [1, 2, 3]}]),
            r"Expected `array` of length 4 - at `\$.annotations",
        ),
        (changed(annotations=[BOX | {"bbox": [1, 2, 3, "4"]}]), "Expected `float`, got `str`"),
        (changed(annotations=[BOX | {"bbox": [1, 2, 3, None]}]), "Expected `float`, got `null`"),
        (changed(annotations=[BOX | {"bbox": [1, 2, 3, float("nan")]}]), "malformed"),
        (changed(annotations=[BOX | {"bbox": [1, 2, -3, 4]}]), "no size below 0"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_place(tmp_path, content, message):
    path = write_json(tmp_path / "t.json", content)
    with pytest.raises(DatasetError, match=message) as caught:
        read_coco(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"images": [1e999]}'])
def test_what_is_not_json_is_refused(tmp_path, data):
    (tmp_path / "t.json").write_bytes(data)
    with pytest.raises(DatasetError, match="cannot read ground truth .*t.json"):
        read_coco(tmp_path / "t.json")


def random_set(seed):
    """Make faces on a grid, crowds, and detections near them, beside them, and anywhere.

    Cells are far apart, so that a detection has at most one face, and no overlap is near 0.5:
    neither the + 1 nor the order of matching then makes a difference.
    """
    rng = np.random.default_rng(seed)
    faces, crowds, found = {}, {}, {}
    scores = iter(rng.permutation(900) / 1000 + 0.05)  # each has a threshold of its own
    for name in (f"{i}.jpg" for i in range(12)):
        cells = 400.0 * np.stack(np.meshgrid(range(4), range(3)), -1).reshape(-1, 2)
        boxes = np.column_stack(
            [cells + rng.uniform(20, 60, (12, 2)), rng.uniform(80, 300, (12, 2))]
        )
        boxes = np.round(boxes[rng.permutation(12)], 2)
        n_faces, n_crowds = rng.integers(1, 7), rng.integers(0, 3)
        faces[name], crowds[name] = boxes[:n_faces], boxes[n_faces : n_faces + n_crowds]
        sides = np.tile(boxes[:, 2:], 2)
        near = boxes + rng.normal(0, 0.12, (12, 4)) * sides
        twice = boxes[:4] + rng.normal(0, 0.05, (4, 4)) * sides[:4]
        rows = np.round(np.concatenate([near[rng.random(12) < 0.7], twice]), 2)
        overlaps = overlap_matrix(xyxy_from_xywh(rows), xyxy_from_xywh(boxes), extra_px=0.0)
        rows = rows[(np.abs(overlaps - 0.5) > 0.03).all(axis=1)]
        found[name] = [(row.tolist(), float(next(scores))) for row in rows]
    return faces, crowds, found


def coco_result(path, found, names):
    """Run COCOeval at an overlap of 0.5; give the hits by image, best first, and AP."""
    coco = with_quiet(COCO, str(path))
    rows = [
        {"image_id": i, "category_id": 1, "bbox": box, "score": score}
        for i, name in enumerate(names, start=1)
        for box, score in found[name]
    ]
    evaluation = with_quiet(lambda: COCOeval(coco, coco.loadRes(rows), "bbox"))
    evaluation.params.iouThrs = np.array([0.5])
    with_quiet(evaluation.evaluate)
    with_quiet(evaluation.accumulate)
    hits = {}
    for one in evaluation.evalImgs[: len(names)]:  # of faces of any size
        is_hit = (one["dtMatches"][0] > 0) & ~one["dtIgnore"][0].astype(bool)
        hits[names[one["image_id"] - 1]] = is_hit.tolist()
    return hits, float(evaluation.eval["precision"][0, :, 0, 0, -1].mean())


@pytest.mark.parametrize("seed", range(6))
def test_hits_are_those_of_coco_and_ap_differs_by_its_recall_points(tmp_path, seed):
    faces, crowds, found = random_set(seed)
    names = list(faces)
    path = write_json(tmp_path / "t.json", coco_of(faces, crowds))
    truth, _ = read_coco(path)
    predictions = {
        image: Predictions(
            np.array([box for box, _ in found[name]]), np.array([s for _, s in found[name]])
        )
        for image, name in zip(truth.images, names, strict=True)
    }
    counts = count_set(predictions, truth)
    expected_hits, expected_ap = coco_result(path, found, names)
    for i, name in enumerate(names):
        assert counts.is_hit[counts.image_index == i, 0].tolist() == expected_hits[name]
    assert counts.is_hit.sum() > 20
    ap = average_precision(counts)["all faces"]
    assert ap == pytest.approx(expected_ap, abs=AP_TOLERANCE)
    assert 0.2 < ap < 0.95


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"images": [], "x": ' + b"[" * 100_000, "inside each other, too deep"),
        (b'{"images": [{"id": 1, "file_name": "\xff"}]}', "not UTF-8"),
        (b'{"images": [{"id": ' + b"9" * 5000 + b"}]}", "out of range"),
    ],
)
def test_hostile_json_is_refused_by_name(tmp_path, data, text):
    (tmp_path / "t.json").write_bytes(data)
    with pytest.raises(DatasetError, match=rf"t\.json: .*{text}"):
        read_coco(tmp_path / "t.json")


def test_names_and_numbers_of_a_file_are_shown_in_short(tmp_path):
    long = "x" * 10**5
    for content in (
        changed(images=[IMAGE | {"file_name": long}]),
        changed(images=[IMAGE | {"id": long}, IMAGE | {"id": long}]),
        changed(annotations=[BOX | {"image_id": long}]),
        changed(annotations=[BOX | {"bbox": [1e300, 1, 1, 1]}]),
    ):
        with pytest.raises(DatasetError) as caught:
            read_coco(write_json(tmp_path / "t.json", content))
        assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_a_file_that_is_too_long_is_refused_unread(tmp_path):
    with (tmp_path / "t.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DatasetError, match=r"t\.json: it has 1048576\.0 MiB or more"):
        read_coco(tmp_path / "t.json")
