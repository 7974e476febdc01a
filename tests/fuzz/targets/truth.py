"""Ground truth in its three forms, and lists of images."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.target import Target

_ALL, _HARD = (f"ground_truth/wider_{name}_val.mat" for name in ("face", "hard"))


def _make_mats(folder: Path) -> None:
    from tests.support.made.widerface_copy import write_vendor_layout

    write_vendor_layout(folder)


def _make_both(name: str) -> Callable[[Path], list[bytes]]:
    """Make a set, and one of its files once more, compressed as the official ones are."""

    def make(folder: Path) -> list[bytes]:
        import scipy.io

        _make_mats(folder)
        content = scipy.io.loadmat(folder / name)
        target = io.BytesIO()
        kept = {key: value for key, value in content.items() if not key.startswith("__")}
        scipy.io.savemat(target, kept, do_compression=True)
        return [target.getvalue()]

    return make


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

    files = [
        p for p in (folder / "truth.json", folder / "wider_face_val_bbx_gt.txt") if p.is_file()
    ]
    truth, _ = read_truth(folder, files[0] if files else None)
    one = Predictions(np.array([[10.0, 10.0, 30.0, 30.0]]), np.array([0.9]))
    score_predictions({truth.images[0]: one}, truth)


def _open_set(folder: Path) -> None:
    from retinaface.widerface.dataset import open_widerface

    dataset = open_widerface(folder)
    truth = dataset.select()
    dataset.read_bytes(truth.images[0])


TARGETS = (
    Target("truth.mat", "mat", _ALL, _make_both(_ALL), _score_with),
    Target("truth.mat-list", "mat", _HARD, _make_both(_HARD), _score_with),
    Target("truth.text", "text", "wider_face_val_bbx_gt.txt", _make_text, _score_with),
    Target("truth.coco", "json", "truth.json", _make_coco, _score_with),
    Target("images.list", "text", "val/wider_val.txt", _make_mats, _open_set),
)
