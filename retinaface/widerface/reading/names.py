"""Find the image that a prediction file is for: by its path, compared with its first line."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retinaface.detection.image_folders import IMAGE_ENDINGS
from retinaface.errors import DatasetError, excerpt

_TEXT = ".txt"


@dataclass(frozen=True)
class ImageNames:
    """The images of a ground truth, by id and by name alone.

    Attributes:
        images: Their ids.
    """

    images: tuple[str, ...]

    @functools.cached_property
    def ids(self) -> frozenset[str]:
        """Give the ids for look-ups."""
        return frozenset(self.images)

    @functools.cached_property
    def events(self) -> frozenset[str]:
        """List the folders that images are in: the events of WIDER FACE."""
        return frozenset(image.rpartition("/")[0] for image in self.images if "/" in image)

    @functools.cached_property
    def by_path(self) -> dict[str, list[str]]:
        """List the images of each id without an image's ending."""
        return _grouped((without_ending(image), image) for image in self.images)

    @functools.cached_property
    def by_name(self) -> dict[str, list[str]]:
        """List the images of each name, with and without ending; unique in the official set."""
        names = ((image.rpartition("/")[2], image) for image in self.images)
        return _grouped(
            (key, image)
            for name, image in names
            for key in dict.fromkeys((name, without_ending(name)))
        )

    def of_file(self, parts: Sequence[str], source: str) -> list[str]:
        """List the images that a file may be for: one, or several of one name; none if unknown.

        Args:
            parts: Folders and name of the file.

        Raises:
            DatasetError: The file lies in the folder of an event that has no such image.
        """
        found, event = self._look_up(parts), self._event(parts)
        if found and not _any_below(event, found):
            raise DatasetError(
                f"{source}: {event} has no image {without_ending(parts[-1])}, which is "
                f"{' or '.join(found)}; move the file there"
            )
        return found

    def named_by(self, stated: str) -> list[str]:
        """List the images that a first line may name."""
        parts = _parts(stated)
        found = self._look_up(parts) if parts else []
        return found if _any_below(self._event(parts), found) else []

    def _look_up(self, parts: Sequence[str]) -> list[str]:
        """Find images by as many folders as fit, with or without ending, else by the name alone."""
        name = parts[-1][: -len(_TEXT)] if parts[-1].lower().endswith(_TEXT) else parts[-1]
        for first in range(len(parts)):
            path = "/".join((*parts[first:-1], name))
            if path in self.ids:
                return [path]
            if found := self.by_path.get(without_ending(path)):
                return found
        return self.by_name.get(name) or self.by_name.get(without_ending(name), [])

    def _event(self, parts: Sequence[str]) -> str:
        """Give the folder of images that a path is in; empty where it is in none."""
        folders = ("/".join(parts[first:-1]) for first in range(len(parts) - 1))
        return next((folder for folder in folders if folder in self.events), "")

    def choose(self, candidates: Sequence[str], stated: str, source: str) -> str:
        """Choose the image of a file that both its path and its first line name.

        Args:
            candidates: What the path says; one at least.
            stated: The first line; empty for a file without content.

        Raises:
            DatasetError: The first line names another image or none, or several are left.
        """
        both = [image for image in candidates if image in self.named_by(stated)]
        if stated and not both:
            expected, got = candidates[0].rpartition("/")[2], excerpt(stated)
            if any(image in self.ids for image in self.named_by(stated)):
                raise DatasetError(
                    f"{source}: its first line names another image, {got}; the file was "
                    "exchanged with another or has a wrong name: give it the name of its image"
                )
            raise DatasetError(
                f"{source}: its first line is {got}, expected the image's name, {expected}; "
                "write that"
            )
        left = both or list(candidates)
        if len(left) > 1:
            raise DatasetError(
                f"{source}: {' and '.join(left)} have this name; put it into the folder of its "
                "event, <event>/<name>.txt, or add the image's ending: <name>.png.txt"
            )
        return left[0]


def without_ending(name: str) -> str:
    """Take `.txt` off a name, and an image's ending, in any case."""
    for endings in ((_TEXT,), IMAGE_ENDINGS):
        found = next((ending for ending in endings if name.lower().endswith(ending)), "")
        name = name[: len(name) - len(found)]
    return name


def is_usual(stated: str, image: str) -> bool:
    """Tell whether a first line has the usual form: slashes, and `.jpg`, no ending, or the id's."""
    last = (_parts(stated) or [""])[-1]
    ending = last[len(without_ending(last)) :]
    return "\\" not in stated and (ending in ("", ".jpg") or last == image.rpartition("/")[2])


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, image in pairs:
        found.setdefault(key, []).append(image)
    return found


def _any_below(event: str, images: Sequence[str]) -> bool:
    """Tell whether a folder has any of the images; so it is where there is no folder."""
    return not event or any(image.startswith(f"{event}/") for image in images)


def _parts(stated: str) -> list[str]:
    return [part for part in stated.replace("\\", "/").split("/") if part not in ("", ".")]
