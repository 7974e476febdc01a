"""Predictions of other detectors: zips, folders, and the list of a run in them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from tests.fuzz.target import Target
from tests.fuzz.targets.commands import command

_TRUTH, _FOUND = "truth.txt", "found"


def _texts() -> dict[str, bytes]:
    from tests.support.made.widerface_copy import IMAGES

    rows = ["10 12 30 40 0.9", "50.5 60 20 25 0.5", "1 1 8 9 0.03"]
    found = {}
    for image in IMAGES:
        name = image.rpartition("/")[2]
        found[f"{image}.txt"] = "\n".join([name, str(len(rows)), *rows, ""]).encode()
    return found


def _make_truth(folder: Path) -> None:
    from tests.support.made.widerface_copy import write_truth_text

    write_truth_text(folder).rename(folder / _TRUTH)


def _make_folder(folder: Path) -> None:
    from retinaface.widerface.run_list import write_run_list
    from tests.support.made.widerface_copy import IMAGES

    _make_truth(folder)
    for name, data in _texts().items():
        path = folder / _FOUND / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    write_run_list(folder / _FOUND, IMAGES, "a part")


def _first_text() -> str:
    from tests.support.made.widerface_copy import IMAGES

    return f"{_FOUND}/{IMAGES[0]}.txt"


def _make_zip(folder: Path) -> list[bytes]:
    _make_truth(folder)
    (folder / "found.zip").write_bytes(_zip("", zipfile.ZIP_DEFLATED))
    return [_zip("predictions/", zipfile.ZIP_STORED)]


def _zip(prefix: str, method: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in _texts().items():
            archive.writestr(prefix + name, data)
    return target.getvalue()


def _score(name: str):
    def read(folder: Path) -> None:
        command("score", folder / name, "--ground-truth", folder / _TRUTH, "--json", "-")

    return read


TARGETS = (
    Target("predictions.text", "text", _first_text(), _make_folder, _score(_FOUND)),
    Target("predictions.zip", "zip", "found.zip", _make_zip, _score("found.zip")),
    Target(
        "predictions.run-list",
        "json",
        f"{_FOUND}/retinaface-images.json",
        _make_folder,
        _score(_FOUND),
    ),
)
