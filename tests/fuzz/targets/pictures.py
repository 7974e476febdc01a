"""Image files, and the zip of images as it is downloaded."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.fuzz.target import Target

# Further formats that OpenCV decodes, whatever the name of the file says.
_OTHERS = ("gif", "jp2", "avif", "hdr", "ppm", "pam", "pfm", "sr")


def _encoded(ending: str, height: int = 60, width: int = 90) -> bytes:
    import cv2

    from retinaface.network.scenes import scene

    return bytes(cv2.imencode(ending, scene(height, width, 3))[1])


def _make(ending: str):
    def make(folder: Path) -> list[bytes]:
        (folder / f"x{ending}").write_bytes(_encoded(ending))
        return [_encoded(ending, 33, 400)]

    return make


def _detect(ending: str):
    def read(folder: Path) -> None:
        from retinaface.detection.image_folders import FolderScan
        from retinaface.detection.images import decode_image, read_image
        from retinaface.detection.pipelines import PIPELINES, preprocess

        path = folder / f"x{ending}"
        read_image(path)
        image = decode_image(FolderScan(folder).read(path.name), path.name)
        for name in ("igie", "ixrt"):
            preprocess(image, PIPELINES[name])

    return read


def _make_archive(folder: Path) -> None:
    """Write the official zip, with pictures so small that a case can be stored."""
    from tests.support.made.widerface_copy import IMAGES, write_mats

    write_mats(folder / "wider_face_split")
    with zipfile.ZipFile(folder / "WIDER_val.zip", "w") as archive:
        for image in IMAGES:
            archive.writestr(f"WIDER_val/images/{image}.jpg", _encoded(".jpg", 16, 20))


def _read_archive(folder: Path) -> None:
    from retinaface.detection.images import decode_image
    from retinaface.widerface.dataset import open_widerface

    dataset = open_widerface(folder)
    for image in dataset.select().images:
        decode_image(dataset.read_bytes(image), image)


TARGETS = (
    Target("image.jpeg", "jpeg", "x.jpg", _make(".jpg"), _detect(".jpg")),
    Target("image.png", "png", "x.png", _make(".png"), _detect(".png")),
    Target("image.bmp", "bytes", "x.bmp", _make(".bmp"), _detect(".bmp")),
    Target("image.webp", "bytes", "x.webp", _make(".webp"), _detect(".webp")),
    Target("image.tiff", "bytes", "x.tiff", _make(".tiff"), _detect(".tiff")),
    *(
        Target(f"image.{kind}", "bytes", f"x.{kind}", _make(f".{kind}"), _detect(f".{kind}"))
        for kind in _OTHERS
    ),
    Target("images.zip", "zip", "WIDER_val.zip", _make_archive, _read_archive),
)
