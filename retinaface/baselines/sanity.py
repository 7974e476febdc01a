"""What the types of a baseline file cannot say: limits that something can exceed, and a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Characters of a reason that says something, as the schema has it, blanks at its ends left out.
_LEAST_REASON = 10
# Points: so much may an AP move, however small it is.
_LEAST_POINTS = 1.0


def problems(entry: Mapping[str, Any]) -> Iterator[str]:
    """Name each field of an entry that makes it no gate, with what it holds and what it should.

    Args:
        entry: As in the file, and right by its types.
    """
    if len(entry["reason"].strip()) < _LEAST_REASON:
        yield f"reason: got {entry['reason']!r}, expected words that say why this tolerance"
    if entry["metric"] == "accuracy":
        yield from _of_accuracy(entry)


def _of_accuracy(entry: Mapping[str, Any]) -> Iterator[str]:
    tolerance, values = entry["tolerance"], entry["value"]
    # A detector that finds nothing has AP 0: what allows that allows everything.
    split = min(values, key=values.__getitem__)
    most = max(values[split], _LEAST_POINTS)
    if tolerance["ap_points"] >= most:
        yield (
            f"tolerance/ap_points: got {tolerance['ap_points']:g}, expected less than {most:g}, "
            f"the AP of {split}: a detector that finds nothing would pass"
        )
    for name in ("unmatched_share", "unexplained_share"):
        if tolerance.get(name, 0) >= 1:
            yield f"tolerance/{name}: got {tolerance[name]:g}, expected less than 1"
    if tolerance.get("n_confident", 0) >= entry["n_images"]:
        yield (
            f"tolerance/n_confident: got {tolerance['n_confident']}, expected less than "
            f"{entry['n_images']}, the number of images"
        )
    if entry["source"]["kind"] == "run" and entry["images_sha256"] is None:
        yield "images_sha256: got null, expected the hash of the images that the run was over"
