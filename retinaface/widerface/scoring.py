"""Choose images and scoring rule, score existing predictions, describe what AP covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retinaface.embedded import embedded_truth_sha256
from retinaface.errors import DatasetError
from retinaface.widerface.average_precision import (
    average_precision,
    count_set,
)
from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES, GroundTruth
from retinaface.widerface.plausibility import next_to_nothing
from retinaface.widerface.predictions import Predictions
from retinaface.widerface.subsets import WHOLE, missing_images, name_of_part
from retinaface.widerface.suspect_forms import form_warnings

SCORINGS = ("official", "ixrt")


def scored_selection(
    truth: GroundTruth, scoring: str, *, batch_size: int
) -> tuple[GroundTruth, str | None]:
    """Select the images that a scoring rule runs.

    `ixrt` scores as the vendor did for the published ixRT figures: the loader drops the last
    incomplete batch, and the evaluator skips images without predictions before it counts their
    faces. The result is not WIDER FACE AP, and its label says so.

    Args:
        truth: The selection, in the order of the data set's list.
        scoring: `official` or `ixrt`.
        batch_size: Batch of the loader.

    Returns:
        The images to run and score, and the label; None for the official rule.

    Raises:
        DatasetError: The rule is `ixrt`, and there is no complete batch.
    """
    if scoring == "official":
        return truth, None
    n_dropped = len(truth.images) % batch_size
    kept = truth.images[: len(truth.images) - n_dropped]
    if not kept:
        raise DatasetError(
            f"ixrt scoring leaves out the incomplete batch, but {len(truth.images)} images make no "
            f"complete batch of {batch_size}; use --scoring official"
        )
    return truth.select(kept), (
        f"ixrt scoring: the last {n_dropped} images (incomplete batch of {batch_size}) were not "
        "run, and their faces are not counted; not the official protocol"
    )


@dataclass(frozen=True)
class Score:
    """AP of a set of predictions, and what it covers.

    Attributes:
        ap: AP by split, as fractions.
        n_images: Scored images.
        n_detections: Detections in them.
        missing: Images without a prediction file.
        notes: Notes for the reader of the result.
        warnings: Signs that something is wrong, and what to do.
    """

    ap: dict[str, float]
    n_images: int
    n_detections: int
    missing: list[str]
    notes: list[str]
    warnings: list[str] = field(default_factory=list)


def score_predictions(
    predictions: Mapping[str, Predictions],
    truth: GroundTruth,
    *,
    subset: str | None = None,
    scoring: str = "official",
) -> Score:
    """Score existing predictions.

    Args:
        predictions: Predictions by image id; those outside the subset are ignored.
        truth: Ground truth of the whole set.
        subset: `every-8`, or None for the whole set.
        scoring: `official` counts an image without a prediction file as one with all faces missed.
            `ixrt` leaves it out with its faces, as the vendor's evaluator does.

    Raises:
        DatasetError: Predictions belong to an unknown image, or to none of the images to score.
    """
    unknown = set(predictions).difference(truth.images)
    if unknown:
        raise DatasetError(
            f"{len(unknown)} prediction files are for images that are not in the ground truth, "
            f"first {min(unknown)}; remove them"
        )
    wanted = truth.subset(subset) if subset else truth
    missing = [image for image in wanted.images if image not in predictions]
    if len(missing) == len(wanted.images):
        raise DatasetError("none of the images to score has a prediction file; check --subset")
    notes = []
    if missing and scoring == "ixrt":
        wanted = wanted.select(image for image in wanted.images if image in predictions)
        notes.append(
            f"ixrt scoring: {len(missing)} images without a prediction file were left out, and "
            "their faces are not counted; not the official protocol"
        )
    elif missing:
        fits = not subset and set(predictions) == set(truth.subset("every-8").images)
        hint = "; the files are the subset every-8: add --subset every-8" if fits else ""
        notes.append(
            f"{len(missing)} of {len(wanted.images)} images have no prediction file, first "
            f"{missing[0]}; all their faces count as missed{hint}"
        )
    n_detections = sum(len(predictions[i].scores) for i in wanted.images if i in predictions)
    ap = average_precision(count_set(predictions, wanted))
    n_images = len(wanted.images)
    nothing = next_to_nothing(ap, n_images=n_images, n_detections=n_detections)
    warnings = [*([nothing] if nothing else []), *form_warnings(predictions, wanted, ap)]
    return Score(ap, n_images, n_detections, missing, [coverage_note(wanted), *notes], warnings)


def coverage_note(truth: GroundTruth) -> str:
    """Describe how much of the set a result covers, and what it is comparable with."""
    n, total = len(truth.images), truth.n_images_total
    part = _part_words(truth)
    if truth.sha256 == embedded_truth_sha256():
        return f"covers {n} of {total} images of the embedded set{part}: comparable only with " + (
            "the same part of that set" if part else "that set"
        )
    if total != OFFICIAL_N_IMAGES:
        return (
            f"covers {n} of {total} images of a ground truth that is not the official one "
            f"({OFFICIAL_N_IMAGES} images){part}: not comparable with WIDER FACE AP"
        )
    if not part:
        return f"covers all {total} images"
    return f"covers {n} of {total} images{part}: not comparable with AP over the full set"


def _part_words(truth: GroundTruth) -> str:
    """Name the part of the set that a list is, or the first image that it lacks; empty for all."""
    part = name_of_part(truth.images, truth.all_images)
    if part == WHOLE:
        return ""
    if part is not None:
        return f" (the subset {part})"
    missing = missing_images(truth.images, truth.all_images)
    verb = "is" if len(missing) == 1 else "are"
    return f" (a part of the set: {len(missing)} {verb} missing, first {missing[0]})"
