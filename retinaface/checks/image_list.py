"""Which baselines apply to a list of images: those of its own images, those of a named part."""

from __future__ import annotations

from retinaface.verdicts import Check, Verdict
from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES, SPLITS, GroundTruth
from retinaface.widerface.subsets import SUBSETS, WHOLE, missing_images, name_of_part


def comparable_parts(truth: GroundTruth) -> list[GroundTruth]:
    """List the images whose baselines apply: all of the run; of the whole set its subsets, too.

    A list that lacks images of the set is no copy of it, so a subset's baseline says nothing of it.

    Args:
        truth: Of the images that were run.
    """
    if name_of_part(truth.images, truth.all_images) != WHOLE:
        return [truth]
    parts = [truth.subset(name) for name in SUBSETS]
    return [truth, *(part for part in parts if len(part.images) < len(truth.images))]


def check_list(name: str, truth: GroundTruth) -> Check | None:
    """Say what a list of images lacks that is neither the whole set nor a part with a name.

    Args:
        name: Of the check.
        truth: Of the images that were run.

    Returns:
        An undecided check, for a run that has no baseline of this very list; None for a list that
        has a name.
    """
    if name_of_part(truth.images, truth.all_images) is not None:
        return None
    missing = missing_images(truth.images, truth.all_images)
    n, total = len(truth.images), truth.n_images_total
    whose = "official images" if total == OFFICIAL_N_IMAGES else "images of the ground truth"
    return Check(
        name,
        Verdict.INCONCLUSIVE,
        f"{n} of {total} {whose}; {len(missing)} {'is' if len(missing) == 1 else 'are'} missing, "
        f"first {missing[0]}; AP over them has no baseline; complete the list and the images, or "
        f"run a named part: --subset {SUBSETS[0]}",
        {"n": n, "n_all": total, "missing": missing[:20]},
    )


def check_splits(name: str, truth: GroundTruth) -> Check | None:
    """Say that a ground truth has other splits than the baselines, which no AP compares with.

    Args:
        name: Of the check.
        truth: Of the images that were run.

    Returns:
        An undecided check; None for easy, medium and hard.
    """
    if truth.splits == SPLITS:
        return None
    text = (
        f"AP of {', '.join(truth.splits)} from {', '.join(truth.sha256)}; baselines are of "
        f"{', '.join(SPLITS)}: add the four wider_*_val.mat (retinaface assets fetch), or name "
        "their folder with --ground-truth"
        if truth.n_images_total == OFFICIAL_N_IMAGES
        else f"AP of {', '.join(truth.splits)} from {', '.join(truth.sha256)}, which has no "
        "baseline; compare two records of this set: retinaface compare OLD NEW"
    )
    return Check(name, Verdict.INCONCLUSIVE, text)
