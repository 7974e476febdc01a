"""A tiny WIDER FACE: four `.mat` files, a list and generated images, in any layout; COCO files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.io

from retinaface.network.scenes import scene

EVENTS = {
    "0--Parade": [f"0_Parade_{i}" for i in (10, 2, 33, 4, 5, 6, 7, 8, 9)],
    "1--Handshaking": ["1_Handshaking_1", "1_Handshaking_2"],
}
IMAGES = [f"{event}/{name}" for event, names in EVENTS.items() for name in names]
# left, top, width, height; the first is easy, the second medium, the third hard, the last ignored.
FACES = np.array([[10, 10, 60, 60], [100, 20, 30, 30], [150, 90, 12, 12], [5, 120, 4, 0]])

FACE_TYPE = np.int32


def _cell(items: list[Any]) -> np.ndarray:
    array = np.empty((len(items), 1), dtype=object)
    for i, item in enumerate(items):
        array[i, 0] = item
    return array


def write_mats(folder: Path) -> None:
    """Write the four files; every image has `FACES`."""
    folder.mkdir(parents=True, exist_ok=True)
    base = {
        "event_list": _cell(list(EVENTS)),
        "file_list": _cell([_cell(names) for names in EVENTS.values()]),
        "face_bbx_list": _cell(
            [_cell([FACES.astype(FACE_TYPE)] * len(names)) for names in EVENTS.values()]
        ),
    }
    scipy.io.savemat(folder / "wider_face_val.mat", base)
    for split, n in (("easy", 1), ("medium", 2), ("hard", 3)):
        numbers = np.arange(1, n + 1, dtype=np.uint8)[:, None]
        lists = [_cell([numbers] * len(names)) for names in EVENTS.values()]
        scipy.io.savemat(folder / f"wider_{split}_val.mat", base | {"gt_list": _cell(lists)})


def write_truth_text(folder: Path) -> Path:
    """Write the official text, in which every image has `FACES`, the last one invalid."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["0 0 0 0 0 0"] * (len(FACES) - 1) + ["0 0 0 1 0 0"]
    faces = "".join(
        f"{' '.join(map(str, face))} {flag} \n" for face, flag in zip(FACES, flags, strict=True)
    )
    path = folder / "wider_face_val_bbx_gt.txt"
    path.write_text("".join(f"{image}.jpg\n{len(FACES)}\n{faces}" for image in IMAGES))
    return path


def jpeg(seed: int, height: int = 160, width: int = 200) -> bytes:
    """Draw a picture and encode it as a JPEG file."""
    return bytes(cv2.imencode(".jpg", scene(height, width, seed))[1])


def write_vendor_layout(root: Path) -> Path:
    """`val/images`, `val/wider_val.txt` (with leading slashes, as the vendor has it)."""
    write_mats(root / "ground_truth")
    for i, image in enumerate(IMAGES):
        path = root / "val/images" / f"{image}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(i))
    (root / "val/wider_val.txt").write_text("".join(f"/{image}.jpg\n" for image in IMAGES))
    return root


def write_official_layout(root: Path, *, zipped: bool = False) -> Path:
    """`WIDER_val/images` or `WIDER_val.zip`, and the ground truth in `wider_face_split`."""
    write_mats(root / "wider_face_split")
    files = {f"WIDER_val/images/{image}.jpg": jpeg(i) for i, image in enumerate(IMAGES)}
    if zipped:
        with zipfile.ZipFile(root / "WIDER_val.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
    return root


def coco_of(faces: Mapping[str, Any], ignored: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Make the content of a COCO file from boxes (left, top, width, height) by name of the image.

    Args:
        ignored: Boxes of crowds.
    """
    images, annotations = [], []
    for i, name in enumerate(faces, start=1):
        images.append({"id": i, "file_name": name, "width": 640, "height": 480})
        for boxes, crowd in ((faces[name], 0), ((ignored or {}).get(name, ()), 1)):
            for x, y, w, h in boxes:
                box = [float(x), float(y), float(w), float(h)]
                annotation = {"id": len(annotations) + 1, "image_id": i, "category_id": 1}
                annotation |= {"bbox": box, "area": box[2] * box[3], "iscrowd": crowd}
                annotations.append(annotation)
    categories = [{"id": 1, "name": "face", "supercategory": ""}]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_json(path: Path, content: object) -> Path:
    """Write a file."""
    path.write_text(json.dumps(content))
    return path
