"""Write the embedded set in the layout of WIDER FACE: pictures, their list, four `.mat` files."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.io
from numpy.typing import NDArray

from tools.embedded.picture_plans import NamedPlan, difficulty, picture_plans
from tools.embedded.pictures import clipped_boxes_xywh, draw_picture

_SPLITS = (("hard", 1), ("medium", 2), ("easy", 3))
_LEAST_SIDE_PX = 1
# Without the usual date, which would make equal files differ.
_HEADER = b"MATLAB 5.0 MAT-file, generated faces of the embedded set".ljust(116)


def write_embedded_set(folder: Path) -> None:
    """Draw all pictures and write them with their ground truth.

    Args:
        folder: Takes `val/images/`, `val/wider_val.txt` and `ground_truth/`.
    """
    plans = picture_plans()
    faces = [_write_picture(folder / "val/images", named) for named in plans]
    names = "".join(f"{named.event}/{named.name}.jpg\n" for named in plans)
    (folder / "val/wider_val.txt").write_text(names, encoding="utf-8")
    _write_ground_truth(folder / "ground_truth", plans, faces)


def _write_picture(folder: Path, named: NamedPlan) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Draw one picture; return its boxes in whole pixels, and the difficulty of each."""
    image, faces = draw_picture(named.plan, named.seed)
    path = folder / named.event / f"{named.name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = [cv2.IMWRITE_JPEG_QUALITY, named.quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    path.write_bytes(cv2.imencode(".jpg", image, settings)[1].tobytes())
    boxes = np.round(clipped_boxes_xywh(faces, named.plan)).astype(np.int32)
    ranks = [
        difficulty(face, float(box[3]), named.plan) for face, box in zip(faces, boxes, strict=True)
    ]
    visible = (boxes[:, 2:] >= _LEAST_SIDE_PX).all(axis=1)
    return boxes[visible], np.asarray(ranks, np.int64)[visible]


def _write_ground_truth(
    folder: Path,
    plans: list[NamedPlan],
    faces: list[tuple[NDArray[np.int32], NDArray[np.int64]]],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(zip(plans, faces, strict=True))
    events = [list(group) for _, group in groupby(rows, key=lambda row: row[0].event)]
    common = {
        "event_list": _cell([event[0][0].event for event in events]),
        "file_list": _cell([_cell([named.name for named, _ in event]) for event in events]),
        "face_bbx_list": _cell([_cell([boxes for _, (boxes, _) in event]) for event in events]),
    }
    _save(folder / "wider_face_val.mat", common)
    for split, least in _SPLITS:
        numbers = [
            _cell([1 + np.flatnonzero(ranks >= least)[:, None] for _, (_, ranks) in event])
            for event in events
        ]
        _save(folder / f"wider_{split}_val.mat", common | {"gt_list": _cell(numbers)})


def _cell(items: list[Any]) -> NDArray[np.object_]:
    array = np.empty((len(items), 1), dtype=object)
    for i, item in enumerate(items):
        array[i, 0] = item
    return array


def _save(path: Path, content: dict[str, Any]) -> None:
    scipy.io.savemat(path, content)
    data = path.read_bytes()
    path.write_bytes(_HEADER + data[len(_HEADER) :])
