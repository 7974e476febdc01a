"""Choose images and scoring rule, score existing predictions, describe what AP covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from retinaface.embedded import embedded_truth_sha256
from retinaface.errors import DatasetError
from retinaface.widerface.average_precision import Counts, average_precision, count_set
from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES, SPLITS, GroundTruth
from retinaface.widerface.plausibility import next_to_nothing
from retinaface.widerface.predictions import Predictions
from retinaface.widerface.reading.predictions import read_predictions
from retinaface.widerface.run_list import RUN_LIST_FILE, RunList
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
        truth: Ground truth of the scored images.
        counts: Of the scored images, in the order of `truth`.
        n_detections: Detections in them.
        missing: Images without a prediction file.
        notes: Notes for the reader of the result.
        warnings: Signs that something is wrong, and what to do.
    """

    ap: dict[str, float]
    truth: GroundTruth
    counts: Counts
    n_detections: int
    missing: list[str]
    notes: list[str]
    warnings: list[str] = field(default_factory=list)

    @property
    def n_images(self) -> int:
        """Count the scored images."""
        return len(self.truth.images)


def score_files(
    path: Path,
    truth: GroundTruth,
    *,
    subset: str | None = None,
    scoring: str = "official",
    notes: Sequence[str] = (),
) -> Score:
    """Read a folder or zip of predictions and score it; see `score_predictions`.

    Args:
        truth: Ground truth of the whole set.
        notes: On the ground truth.

    Raises:
        DatasetError: A file cannot be read, or belongs to an unknown image.
    """
    read = read_predictions(path, truth.images)
    result = score_predictions(
        read.predictions, truth, subset=subset, scoring=scoring, run_list=read.run_list
    )
    return replace(result, notes=[*result.notes, *read.notes, *notes])


def score_predictions(
    predictions: Mapping[str, Predictions],
    truth: GroundTruth,
    *,
    subset: str | None = None,
    scoring: str = "official",
    run_list: RunList | None = None,
) -> Score:
    """Score existing predictions.

    Args:
        predictions: Predictions by image id; those outside the subset are ignored.
        truth: Ground truth of the whole set.
        subset: `every-8`, or None for the whole set.
        scoring: `official` counts an image without a prediction file as one with all faces missed.
            `ixrt` leaves it out with its faces, as the vendor's evaluator does.
        run_list: Images of a run over a part of the set: only they are scored.

    Raises:
        DatasetError: Predictions belong to an unknown image, or to none of the images to score.
    """
    _check_known(predictions, truth)
    wanted, notes = _images_to_score(truth, subset, run_list)
    missing = [image for image in wanted.images if image not in predictions]
    if len(missing) == len(wanted.images):
        raise DatasetError("none of the images to score has a prediction file; check --subset")
    if missing and scoring == "ixrt":
        wanted = wanted.select(image for image in wanted.images if image in predictions)
        notes.append(
            f"ixrt scoring: {len(missing)} images without a prediction file were left out, and "
            "their faces are not counted; not the official protocol"
        )
    elif missing:
        fits = not (subset or run_list) and set(predictions) == set(truth.subset("every-8").images)
        hint = "; the files are the subset every-8: add --subset every-8" if fits else ""
        notes.append(
            f"{len(missing)} of {len(wanted.images)} images have no prediction file, first "
            f"{missing[0]}; all their faces count as missed{hint}"
        )
    n_detections = sum(len(predictions[i].scores) for i in wanted.images if i in predictions)
    counts = count_set(predictions, wanted)
    ap = average_precision(counts)
    n_there = sum(image in predictions for image in wanted.images)
    # Where most files are missing, AP is low for that, as a note says.
    judged = ap if 2 * n_there >= len(wanted.images) else {}
    nothing = next_to_nothing(judged, n_images=n_there, n_detections=n_detections)
    warnings = [text for text in (nothing, *form_warnings(predictions, wanted, ap)) if text]
    notes = [coverage_note(wanted), *notes]
    return Score(ap, wanted, counts, n_detections, missing, notes, warnings)


def _check_known(predictions: Mapping[str, Predictions], truth: GroundTruth) -> None:
    if unknown := set(predictions).difference(truth.images):
        raise DatasetError(
            f"{len(unknown)} of {len(predictions)} predictions are for images that are not in the "
            f"ground truth, first {min(unknown)}; choose the ground truth of their set: --widerface"
        )


def _images_to_score(
    truth: GroundTruth, subset: str | None, run_list: RunList | None
) -> tuple[GroundTruth, list[str]]:
    """Choose the images, in the order of a run where one is known, and give notes on the choice."""
    wanted = truth.subset(subset) if subset else truth
    if run_list is None:
        return wanted, []
    among = set(wanted.images)
    notes = [
        f"only the {len(run_list.images)} images that `retinaface evaluate` ran are scored, as "
        f"{RUN_LIST_FILE} names them",
        *([run_list.label] if run_list.label else []),
    ]
    return wanted.select(image for image in run_list.images if image in among), notes


def coverage_note(truth: GroundTruth) -> str:
    """Describe how much of the set a result covers, and what it is comparable with."""
    if truth.splits == SPLITS:
        return _coverage(truth)
    which = " and ".join(truth.sha256) or "a ground truth without splits"
    return f"{_coverage(truth)}; AP of all faces that {which} does not mark invalid: not " + (
        f"comparable with AP of {', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
    )


def _coverage(truth: GroundTruth) -> str:
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
