"""What the arrays of a record must be, checked once, where they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinaface.formats.faults import FormatError
from retinaface.formats.npz import Array, check_arrays, check_names, check_offsets, check_range
from retinaface.network.priors import prior_boxes
from retinaface.widerface.average_precision import N_THRESHOLDS
from retinaface.widerface.ground_truth import ALL_FACES, SPLITS

_DETECTIONS = {
    "images": Array("US", ("I",)),
    "offsets": Array("iu", ("I+1",)),
    "boxes": Array("f", ("D", 4)),
    "scores": Array("f", ("D",)),
    "landmarks": Array("f", ("D", 5, 2)),
}
_COUNTS = {
    "images": Array("US", ("I",)),
    "n_faces": Array("iu", ("I", "S")),
    "image_index": Array("iu", ("D",)),
    "threshold_index": Array("iu", ("D",)),
    "is_proposal": Array("b", ("D", "S")),
    "is_hit": Array("b", ("D", "S")),
    "image_sha256": Array("US", ("I",), is_optional=True),
}
_FACES = 2**31 - 1
# Larger inputs than any pipeline has, and small enough to count their priors.
_MOST_PX = 8192


def check_detections(arrays: Mapping[str, Any]) -> None:
    """Check what `pack_detections` makes.

    Raises:
        FormatError: An array is missing, or of another type or shape; or rows are not those of
            the images.
    """
    # An array of no text is one of numbers to NumPy.
    if "images" in arrays and arrays["images"].shape == (0,):
        arrays = {**arrays, "images": arrays["images"].astype(str)}
    lengths = check_arrays(arrays, _DETECTIONS)
    check_offsets("offsets", arrays["offsets"], lengths["D"])
    check_names("images", arrays["images"].tolist())


def check_counts(arrays: Mapping[str, Any]) -> None:
    """Check `average_precision.Counts` and the names of its images.

    Raises:
        FormatError: As `check_detections`; or an index lies outside of what it points into.
    """
    if "images" in arrays and arrays["images"].shape == (0,):
        arrays = {**arrays, "images": arrays["images"].astype(str)}
    lengths = check_arrays(arrays, _COUNTS)
    if lengths["S"] not in (len(ALL_FACES), len(SPLITS)):
        raise FormatError(f"array 'n_faces': expected a column for each split, got {lengths['S']}")
    check_names("images", arrays["images"].tolist())
    check_range("n_faces", arrays["n_faces"], 0, _FACES)
    check_range("image_index", arrays["image_index"], 0, lengths["I"] - 1)
    check_range("threshold_index", arrays["threshold_index"], 0, N_THRESHOLDS - 1)


def check_stages(arrays: Mapping[str, Any], n: int) -> None:
    """Check the arrays of n traced images: see `traced_images.pack_stages`.

    Raises:
        FormatError: As `check_detections`; or the priors are not those of the input's size.
    """
    for i in range(n):
        expected = {
            f"{i}/inputs": Array("f", (3, f"{i}/H", f"{i}/W")),
            **{
                f"{i}/raw/{name}": Array("f", (f"{i}/P", width))
                for name, width in (("loc", 4), ("conf", 2), ("landmarks", 10))
            },
        }
        for stage in ("candidates", "detections"):
            expected |= {
                f"{i}/{stage}/boxes": Array("f", (f"{i}/{stage}", 4)),
                f"{i}/{stage}/scores": Array("f", (f"{i}/{stage}",)),
                f"{i}/{stage}/landmarks": Array("f", (f"{i}/{stage}", 5, 2)),
            }
        lengths = check_arrays(arrays, expected)
        size = lengths[f"{i}/H"], lengths[f"{i}/W"]
        if max(size) > _MOST_PX or lengths[f"{i}/P"] != len(prior_boxes(*size)):
            raise FormatError(f"array '{i}/raw/loc': its rows are not the priors of {size} pixels")
