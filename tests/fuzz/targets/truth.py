"""Ground truth in its three forms, and lists of images."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fuzz.target import Target


def _make_mats(folder: Path) -> list[bytes]:
    import scipy.io

    from tests.support.made.widerface_copy import write_vendor_layout

    write_vendor_layout(folder)
    path = folder / "ground_truth/wider_hard_val.mat"
    content = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("__")}
    more = folder / "more.mat"
    scipy.io.savemat(more, content, do_compression=True)
    data = more.read_bytes()
    more.unlink()
    return [data]


def _make_text(folder: Path) -> None:
    from tests.support.made.widerface_copy import write_truth_text

    write_truth_text(folder)


def _make_coco(folder: Path) -> None:
    from tests.support.made.widerface_copy import EVENTS, FACES, coco_of

    faces = {f"{event}/{name}.jpg": FACES for event, names in EVENTS.items() for name in names}
    content = coco_of(faces, {next(iter(faces)): FACES[:1]})
    (folder / "truth.json").write_text(json.dumps(content))


def _score_with(folder: Path) -> None:
    """Read ground truth, and count predictions of its first image."""
    import numpy as np

    from retinaface.widerface.ground_truth_files import read_truth
    from retinaface.widerface.predictions import Predictions
    from retinaface.widerface.scoring import score_predictions

    files = [p for p in (folder / "truth.json", folder / "wider_face_val_bbx_gt.txt") if p.is_file()]
    truth, _ = read_truth(folder, files[0] if files else None)
    one = Predictions(np.array([[10.0, 10.0, 30.0, 30.0]]), np.array([0.9]))
    score_predictions({truth.images[0]: one}, truth)


def _open_set(folder: Path) -> None:
    from retinaface.widerface.dataset import open_widerface

    dataset = open_widerface(folder)
    truth = dataset.select()
    dataset.read_bytes(truth.images[0])


TARGETS = (
    Target("truth.mat", "mat", "ground_truth/wider_face_val.mat", _make_mats, _score_with),
    Target("truth.mat-list", "mat", "ground_truth/wider_hard_val.mat", _make_mats, _score_with),
    Target("truth.text", "text", "wider_face_val_bbx_gt.txt", _make_text, _score_with),
    Target("truth.coco", "json", "truth.json", _make_coco, _score_with),
    Target("images.list", "text", "val/wider_val.txt", _make_mats, _open_set),
)
