"""The types of what changed in detections: how much, and in which images, box by box."""

from __future__ import annotations

from msgspec import Struct


class ChangedBox(Struct, kw_only=True, omit_defaults=True):
    """A detection without a counterpart; see `checks.detection_changes.Change`.

    Attributes:
        kind: `lost`, `gained` or `moved`.
        box_xyxy: In pixels; of the baseline where it is lost.
        cause: Why nothing need be broken; empty where nothing explains it.
    """

    kind: str
    score: float
    box_xyxy: tuple[float, float, float, float]
    cause: str = ""


class ChangedImage(Struct, kw_only=True):
    """An image whose detections are not those of the baseline."""

    image: str
    n_compared: int
    boxes: list[ChangedBox]


class Differences(Struct, kw_only=True, omit_defaults=True):
    """The differences of detections from the baseline's; shares are fractions of `n_all`.

    Attributes:
        images: The few that changed most; kept where the differences exceed a limit.
    """

    n: float
    n_all: int
    share: float
    allowed: float
    n_compared: int = 0
    n_unmatched: int = 0
    n_unexplained: int = 0
    causes: dict[str, int] = {}
    images: list[ChangedImage] = []
