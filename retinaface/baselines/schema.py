"""Define and check the types of a baseline file: figures, their sources, their tolerances.

`baselines/README.md` describes the same in words.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9.-]*$")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Words = Annotated[str, Meta(min_length=3)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Pipeline = Literal["igie", "ixrt", "upstream-320", "upstream-640"]
Precision = Literal["fp32", "fp16", "int8", "any"]
Timed = Literal[
    "network", "run", "vendor-run", "end-to-end", "session", "first-run", "first-of-size"
]


class Published(
    Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="published"
):
    """The publication that a figure comes from."""

    by: Words
    setting: str = ""


class OfRun(Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="run"):
    """The run that measured a figure, and the reason for accepting it."""

    engine: str
    runtime: str
    commit: str | None
    created: str
    environment: dict[str, Any]
    accepted_because: Words


class Values(Struct, kw_only=True, forbid_unknown_fields=True):
    """AP by split, percent."""

    easy: Percent
    medium: Percent
    hard: Percent


class AccuracyTolerance(Struct, kw_only=True, forbid_unknown_fields=True):
    """The limits that AP and detections may move by."""

    ap_points: Positive
    unmatched_share: Share | UnsetType = UNSET
    unexplained_share: Share | UnsetType = UNSET
    n_confident: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class StoredDetections(Struct, kw_only=True, forbid_unknown_fields=True):
    """A file of detections beside the baseline."""

    file: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*\.npz$")]
    sha256: Sha256


class AccuracyEntry(
    Struct, kw_only=True, forbid_unknown_fields=True, tag_field="metric", tag="accuracy"
):
    """AP of a pipeline over a list of images.

    Attributes:
        images_sha256: Hash of the images' contents and ids; None for published figures, which
            state only the number of their images.
        reason: The reason for this tolerance.
    """

    pipeline: Pipeline
    precision: Precision
    device: Slug
    images_sha256: Sha256 | None
    n_images: Count
    value: Values
    unit: Literal["percent"]
    tolerance: AccuracyTolerance
    reason: Annotated[str, Meta(min_length=10)]
    source: Published | OfRun
    batch: Count | UnsetType = UNSET
    weights_sha256: Sha256 | None = None
    detections: StoredDetections | UnsetType = UNSET


class SpeedTolerance(Struct, kw_only=True, forbid_unknown_fields=True):
    """The share that a time may move by."""

    relative: Annotated[float, Meta(gt=0, lt=1)]


class SpeedEntry(Struct, kw_only=True, forbid_unknown_fields=True, tag_field="metric", tag="speed"):
    """A time on a device; `samples_s` holds the calls of each run.

    Attributes:
        sdk: Version of the SDK on which a published figure judges; elsewhere it is reported.
    """

    pipeline: Pipeline
    precision: Precision
    device: Slug
    batch: Count
    timed: Timed
    value: Positive
    unit: Literal["images/s", "s"]
    tolerance: SpeedTolerance
    reason: Annotated[str, Meta(min_length=10)]
    source: Published | OfRun
    engine: str | UnsetType = UNSET
    sdk: str | UnsetType = UNSET
    samples_s: list[Annotated[list[Positive], Meta(min_length=1)]] = []


class BaselineFile(Struct, kw_only=True, forbid_unknown_fields=True):
    """A file `<device>/<sdk>.json`; its hash covers the JSON of everything else, keys sorted."""

    schema_version: Literal[2]
    device: Slug
    sdk: Slug
    entries: Annotated[list[AccuracyEntry | SpeedEntry], Meta(min_length=1)]
    content_sha256: Sha256


def check_schema(content: Any) -> None:
    """Check the content of a baseline file against its types.

    Raises:
        ValueError: A field is missing, unknown or of another type; the message names the field.
    """
    # Goes through text, because a figure may be a NumPy float, which becomes a number only in JSON.
    msgspec.json.decode(json.dumps(content, allow_nan=False), type=BaselineFile)
