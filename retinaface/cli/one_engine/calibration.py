"""The options of INT8 for `export`, and the images that calibrate: from a folder, or embedded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from retinaface.cli.options import PATH

if TYPE_CHECKING:
    from retinaface.export.int8.calibration import CalibrationSet
    from retinaface.export.int8.options import Int8Options

F = TypeVar("F", bound=Callable[..., Any])
_PIPELINE = "igie"
_OPTIONS = (
    click.option(
        "--calibration",
        type=PATH,
        metavar="DIR",
        help="Folder of images that calibrate INT8, of any depth.  [default: the embedded "
        "pictures]",
    ),
    click.option(
        "--calibration-method",
        "method",
        type=click.Choice(["minmax", "entropy", "percentile"]),
        help="How ranges of activations follow from the images.  [default: minmax]",
    ),
    click.option(
        "--quantisation",
        type=click.Choice(["qdq", "qoperator"]),
        help="Form of the INT8 file.  [default: qdq]",
    ),
    click.option(
        "--float-layer",
        "float_layers",
        multiple=True,
        metavar="NAME",
        help="Layer of the network that stays FP32 (repeatable), as a manifest's `layers` name it.",
    ),
)


def calibration_options(function: F) -> F:
    """Add the options of INT8."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True)
class AskedInt8:
    """What was asked for: options of INT8, None for another precision, and a folder of images."""

    options: Int8Options | None
    folder: Path | None

    def read(self) -> tuple[CalibrationSet | None, list[str]]:
        """Read the images that calibrate, and say which; None and nothing for another precision.

        Raises:
            DatasetError: The folder is none, or holds no image.
            ImageError: An image cannot be read.
        """
        if self.options is None:
            return None, []
        from retinaface.detection.image_folders import FolderScan
        from retinaface.detection.pipelines import PIPELINES, photograph_inputs
        from retinaface.embedded import embedded_root
        from retinaface.errors import DatasetError
        from retinaface.export.int8.calibration import CalibrationSet
        from retinaface.telling.work import working

        scan = FolderScan(self.folder or embedded_root() / "val" / "images")
        with working("reading the calibration images"):
            encoded = {name: scan.read(name) for name in scan}
            if not encoded:
                raise DatasetError(
                    f"cannot calibrate: {scan.folder} holds no image; give a folder with images"
                )
            images = photograph_inputs(encoded, PIPELINES[_PIPELINE])
        hashes = tuple(hashlib.sha256(data).hexdigest() for data in encoded.values())
        note = f"{len(images)} images of {scan.folder} calibrate"
        if self.folder is None:
            note = (
                f"no --calibration was given: the {len(images)} embedded pictures calibrate, which "
                "are generated; give photographs for a file that is deployed"
            )
        return CalibrationSet(images, hashes), [note, *scan.notes()]


def int8_of(
    precision: str,
    *,
    calibration: Path | None,
    method: Any,
    quantisation: Any,
    float_layers: tuple[str, ...],
) -> AskedInt8:
    """Put together what was asked for.

    Raises:
        click.UsageError: An option of INT8 stands beside another precision.
        ExportError: A layer is named twice.
    """
    given = {
        "--calibration": calibration,
        "--calibration-method": method,
        "--quantisation": quantisation,
        "--float-layer": float_layers,
    }
    if precision != "int8":
        if names := [name for name, value in given.items() if value]:
            raise click.UsageError(f"{names[0]} goes with --precision int8; add it, or drop both")
        return AskedInt8(None, None)
    from retinaface.export.int8.options import Int8Options

    options = Int8Options(method or "minmax", quantisation or "qdq", float_layers)
    return AskedInt8(options, calibration)
