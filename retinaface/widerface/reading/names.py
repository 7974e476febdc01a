"""Find the image that a prediction file is for: by its path, compared with its first line."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from retinaface.errors import DatasetError

_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")


@dataclass(frozen=True)
class ImageNames:
    """The images of a ground truth, by id and by name alone.

    Attributes:
        images: Ids `<event>/<name>`.
    """

    images: tuple[str, ...]

    @functools.cached_property
    def ids(self) -> frozenset[str]:
        """Give the ids for look-ups."""
        return frozenset(self.images)

    @functools.cached_property
    def events(self) -> frozenset[str]:
        """List the events."""
        return frozenset(image.partition("/")[0] for image in self.images)

    @functools.cached_property
    def by_name(self) -> dict[str, list[str]]:
        """List the images of each name, which is unique in the official set."""
        found: dict[str, list[str]] = {}
        for image in self.images:
            found.setdefault(image.partition("/")[2], []).append(image)
        return found

    def of_file(self, parts: Sequence[str], source: str) -> list[str]:
        """List the images that a file may be for: one, or several of one name; none if unknown.

        Args:
            parts: Folders and name of the file.

        Raises:
            DatasetError: The file lies in the folder of an event that has no such image.
        """
        name = without_ending(parts[-1])
        event = parts[-2] if len(parts) > 1 else ""
        if (image := f"{event}/{name}") in self.ids:
            return [image]
        found = self.by_name.get(name, [])
        if found and event in self.events:
            raise DatasetError(
                f"{source}: {event} has no image {name}, which is {' or '.join(found)}; move the "
                "file there"
            )
        return found

    def named_by(self, stated: str) -> list[str]:
        """List the images that a first line may name."""
        parts = _parts(stated)
        if not parts:
            return []
        name = without_ending(parts[-1])
        event = parts[-2] if len(parts) > 1 else ""
        return [f"{event}/{name}"] if event in self.events else self.by_name.get(name, [])

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
            expected = candidates[0].partition("/")[2]
            if any(image in self.ids for image in self.named_by(stated)):
                raise DatasetError(
                    f"{source}: its first line names another image, {stated!r}; the file was "
                    "exchanged with another or has a wrong name: give it the name of its image"
                )
            raise DatasetError(
                f"{source}: its first line is {stated!r}, expected the image's name, {expected}; "
                "write that"
            )
        left = both or list(candidates)
        if len(left) > 1:
            raise DatasetError(
                f"{source}: {' and '.join(left)} have this name; put it into the folder of its "
                "event: <event>/<name>.txt"
            )
        return left[0]


def without_ending(name: str) -> str:
    """Take `.txt` off a name, and an image's ending, in any case."""
    for endings in ((".txt",), _ENDINGS):
        found = next((ending for ending in endings if name.lower().endswith(ending)), "")
        name = name[: len(name) - len(found)]
    return name


def is_usual(stated: str) -> bool:
    """Tell whether a first line has the usual form: slashes, and `.jpg` or no ending."""
    last = (_parts(stated) or [""])[-1]
    ending = last[len(without_ending(last)) :]
    return "\\" not in stated and ending in ("", ".jpg")


def _parts(stated: str) -> list[str]:
    return [part for part in stated.replace("\\", "/").split("/") if part not in ("", ".")]
