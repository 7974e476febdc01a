"""COCO files made from a ground truth or from faces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retinaface.widerface.ground_truth import GroundTruth, file_name

FACE = {"id": 1, "name": "face", "supercategory": ""}


def coco_of(faces: Mapping[str, Any], ignored: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Make the content of a file from boxes (left, top, width, height) by name of the image."""
    images, annotations = [], []
    for i, name in enumerate(faces, start=1):
        images.append({"id": i, "file_name": name, "width": 640, "height": 480})
        for boxes, crowd in ((faces[name], 0), ((ignored or {}).get(name, ()), 1)):
            for x, y, w, h in boxes:
                box = [float(x), float(y), float(w), float(h)]
                annotation = {"id": len(annotations) + 1, "image_id": i, "category_id": 1}
                annotation |= {"bbox": box, "area": box[2] * box[3], "iscrowd": crowd}
                annotations.append(annotation)
    return {"images": images, "annotations": annotations, "categories": [FACE]}


def coco_of_truth(truth: GroundTruth) -> dict[str, Any]:
    """Make the content of a file from a ground truth of all faces."""
    counted = [column[:, 0] for column in truth.counted]
    rows = list(zip(truth.images, truth.faces_xywh, counted, strict=True))
    return coco_of(
        {file_name(i): faces[mask] for i, faces, mask in rows},
        {file_name(i): faces[~mask] for i, faces, mask in rows},
    )


def write_json(path: Path, content: object) -> Path:
    """Write a file."""
    path.write_text(json.dumps(content))
    return path
