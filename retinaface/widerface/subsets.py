"""Named parts of a list of images: which there are, and which one a list is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from retinaface.errors import DatasetError, unknown

SUBSETS = ("every-8",)
WHOLE = "all"
_STEP = 8


def images_of_subset(name: str, images: Sequence[str]) -> tuple[str, ...]:
    """Pick a named subset: `every-8` is every eighth image of each event, or other folder, by name.

    Args:
        name: One of `SUBSETS`.
        images: Ids of the whole set, whose order is kept.

    Raises:
        DatasetError: No such subset.
    """
    if name not in SUBSETS:
        raise DatasetError(unknown("unknown subset", name, SUBSETS))
    events: dict[str, list[str]] = {}
    for image in images:
        events.setdefault(image.rpartition("/")[0], []).append(image)
    chosen = {image for names in events.values() for image in sorted(names)[::_STEP]}
    return tuple(image for image in images if image in chosen)


def name_of_part(images: Iterable[str], whole: Sequence[str]) -> str | None:
    """Name a list of images: `all`, a subset, or None for a list that has no name.

    Args:
        images: The list, in any order.
        whole: All images of the set.
    """
    found = set(images)
    if found == set(whole):
        return WHOLE
    return next((name for name in SUBSETS if found == set(images_of_subset(name, whole))), None)


def missing_images(images: Iterable[str], whole: Sequence[str]) -> list[str]:
    """List the images of the whole set that a list lacks, in the order of the set."""
    found = set(images)
    return [image for image in whole if image not in found]
