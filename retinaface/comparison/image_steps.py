"""What two runs say of all their images: the files' bytes, and the detections."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from retinaface.comparison.export_steps import FOLLOWS, MOVED, SAME, UNKNOWN, Stage
from retinaface.comparison.pairs import Pair
from retinaface.comparison.traced_steps import equal_detections


def images_stage(pair: Pair) -> Stage:
    """Compare the list of images and the bytes of each, by the hashes that both records keep."""
    name = "images"
    ours, theirs = (run.image_sha256(i) for run, i in zip(pair.runs, pair.ids, strict=True))
    if ours and theirs:
        if text := list_difference(ours, theirs):
            return Stage(name, MOVED, text)
        other = [image for image in ours if ours[image] != theirs[image]]
        if other:
            text = f"{len(other)} of {len(ours)} images have other bytes, first {other[0]}"
            return Stage(name, MOVED, text)
        return Stage(name, SAME, f"{len(ours)} of {len(ours)} images: same bytes")
    one, two = (result.image_files_sha256 for result in pair.results)
    if one and two:  # of all images together
        n = pair.results[0].n_images
        text = (
            f"all {n or ''} images by one hash: {'same' if one == two else 'other'} bytes or list"
        )
        return Stage(name, SAME if one == two else MOVED, " ".join(text.split()))
    counted = [run.counts(i) for run, i in zip(pair.runs, pair.ids, strict=True)]
    if all(counted):
        lists = [kept[0] for kept in counted if kept is not None]
        if text := list_difference(*lists):
            return Stage(name, MOVED, text)
    return Stage(name, UNKNOWN, "a record keeps no hash of each image")


def detections_stage(pair: Pair, before: Sequence[Stage]) -> Stage:
    """Compare the detections of all images, which are far more than those that are traced.

    Args:
        pair: Two results.
        before: The stages that come before.
    """
    name = "detections"
    ours, theirs = (run.detections(i) for run, i in zip(pair.runs, pair.ids, strict=True))
    if ours is None or theirs is None:
        return Stage(name, UNKNOWN, "a record keeps no detections")
    both = [image for image in ours if image in theirs]
    other = [image for image in both if not equal_detections(ours[image], theirs[image])]
    alone = list_difference(ours, theirs)
    if not other and not alone:
        return Stage(name, SAME, f"{len(both)} of {len(both)} images: equal in every number")
    text = f"{len(other)} of {len(both)} images have other detections"
    text += f", first {other[0]}" if other else ""
    text += f"; {alone}" if alone else ""
    if any(stage.state == MOVED for stage in before):
        return Stage(name, FOLLOWS, text)
    n_traced = len(pair.images)
    why = f"the {n_traced} traced images show no stage that moved" if n_traced else "no trace"
    return Stage(name, MOVED, f"{text}; {why}, so one moved for other images")


def list_difference(ours: Collection[str], theirs: Collection[str]) -> str:
    """Say how two lists of images differ, order aside; empty where they do not."""
    known_ours, known_theirs = set(ours), set(theirs)
    sides: Mapping[str, list[str]] = {
        "old": [image for image in ours if image not in known_theirs],
        "new": [image for image in theirs if image not in known_ours],
    }
    parts = [
        f"{len(images)} only in the {side} run, first {images[0]}"
        for side, images in sides.items()
        if images
    ]
    if not parts:
        return ""
    return f"another image list, {len(ours)} -> {len(theirs)} images: {'; '.join(parts)}"
