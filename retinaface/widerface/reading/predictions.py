"""Read a folder or zip of prediction files, and note what deviates from the official form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retinaface.errors import DatasetError
from retinaface.widerface.predictions import Predictions
from retinaface.widerface.reading import deviations as kinds
from retinaface.widerface.reading.deviations import Deviations
from retinaface.widerface.reading.listing import read_members
from retinaface.widerface.reading.members import Member, is_hidden
from retinaface.widerface.reading.names import ImageNames, is_usual
from retinaface.widerface.reading.text import (
    Parsed,
    decode,
    has_foreign_line_ends,
    has_prediction_form,
    parse_predictions,
)
from retinaface.widerface.run_list import RUN_LIST_FILE, RunList, parse_run_list

# 1550 for each image of the official set; scoring takes 160 bytes for each, 0.8 GB in all.
MAX_ALL_DETECTIONS = 5_000_000


@dataclass(frozen=True)
class ReadPredictions:
    """What a folder or zip holds.

    Attributes:
        predictions: Detections by image id.
        notes: One for each kind of deviation, with the number of files.
        run_list: Images that `retinaface evaluate` ran; None where all of them are meant.
    """

    predictions: dict[str, Predictions]
    notes: tuple[str, ...] = ()
    run_list: RunList | None = None


def read_predictions(path: Path, images: Sequence[str]) -> ReadPredictions:
    """Read a folder or zip of prediction files.

    The event folders may be inside other folders, or be missing where names are unique.

    Args:
        images: Ids of all images of the ground truth.

    Raises:
        DatasetError: There is nothing to read, a file is malformed or for no image of the ground
            truth, a name leads out of the folder, the first line of a file names another image, or
            an image has two files.
    """
    reader = _Reader(path, ImageNames(tuple(images)))
    for member in read_members(path, _is_wanted):
        reader.add(member)
    return reader.result()


def _is_wanted(parts: tuple[str, ...]) -> bool:
    return parts[-1] == RUN_LIST_FILE or parts[-1].lower().endswith(".txt")


@dataclass
class _Reader:
    """What was read so far."""

    path: Path
    names: ImageNames
    found: dict[str, Predictions] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    deviations: Deviations = field(default_factory=Deviations)
    run_lists: dict[str, RunList] = field(default_factory=dict)
    n_detections: int = 0

    def add(self, member: Member) -> None:
        """Read one file."""
        source = f"{self.path}/{member}"
        if member.data is None:
            kind = kinds.HIDDEN if is_hidden(member.parts) else kinds.NOT_TEXT
            self.deviations.add(kind, source)
        elif member.name == RUN_LIST_FILE:
            self.run_lists[source] = parse_run_list(member.data, source)
        elif candidates := self.names.of_file(member.parts, source):
            self._add_predictions(member, member.data, candidates, source)
        elif _may_be_prediction(member.data, source):
            self.unknown.append(source)
        else:
            self.deviations.add(kinds.NO_PREDICTION, source)

    def _add_predictions(
        self, member: Member, data: bytes, candidates: Sequence[str], source: str
    ) -> None:
        text, mark = decode(data, source)
        parsed = parse_predictions(text, source)
        image = self.names.choose(candidates, parsed.stated, source)
        if image in self.found:
            raise DatasetError(
                f"{source}: it is the second file for {image}, beside {self.files[image]}; keep one"
            )
        self.found[image], self.files[image] = parsed.predictions, source
        self.n_detections += len(parsed.predictions.scores)
        if self.n_detections > MAX_ALL_DETECTIONS:
            raise DatasetError(
                f"{self.path} holds more than {MAX_ALL_DETECTIONS} detections; write fewer of low "
                "scores"
            )
        seen = {
            kinds.BACKSLASHES: member.has_backslashes,
            mark: bool(mark),
            kinds.LINE_ENDS: has_foreign_line_ends(text),
            kinds.NO_EVENT: not "/".join(("", *member.parts[:-1])).endswith(_folder(image)),
            **_seen_in(parsed, image),
        }
        for kind, is_seen in seen.items():
            if is_seen:
                self.deviations.add(kind, source, _detail(kind, parsed))

    def result(self) -> ReadPredictions:
        """Give what was read, once all was."""
        if self.unknown:
            raise DatasetError(self._unknown_text())
        notes = self.deviations.notes()
        if not self.found:
            raise DatasetError(
                f"no prediction files in {self.path}: expected <event>/<name>.txt, such as "
                f"{self.names.images[0]}.txt; {'; '.join(notes) or 'it is empty'}"
            )
        return ReadPredictions(self.found, notes, self._run_list())

    def _unknown_text(self) -> str:
        n, first = len(self.unknown), self.unknown[0]
        what = f"for images that are not in the ground truth, first {first}"
        if self.found:
            return (
                f"{n} of {n + len(self.found)} prediction files are {what}; name them after their "
                "images, or take these out"
            )
        return (
            f"all {n} prediction files are {what}; expected names such as "
            f"{self.names.images[0]}.txt; name the files after their images, or choose the ground "
            "truth of their set: --widerface"
        )

    def _run_list(self) -> RunList | None:
        if len(self.run_lists) > 1:
            one, other, *_ = self.run_lists
            raise DatasetError(
                f"{one} and {other} each name the images of a run; score the folders one by one"
            )
        for source, run_list in self.run_lists.items():
            run_list.check(self.found, self.names.images, source)
            return run_list
        return None


def _may_be_prediction(data: bytes, source: str) -> bool:
    """Tell whether the text of a file that no image has the name of looks like predictions."""
    try:
        text, _ = decode(data, source)
    except DatasetError:  # other people's text, in any encoding
        return False
    return has_prediction_form(text)


def _folder(image: str) -> str:
    """Give the folder of an image with a slash in front; empty where it is in none."""
    folder = image.rpartition("/")[0]
    return f"/{folder}" if folder else ""


def _seen_in(parsed: Parsed, image: str) -> dict[str, bool]:
    return {
        kinds.EMPTY: parsed.is_empty,
        kinds.FIRST_LINE: not is_usual(parsed.stated, image),
        kinds.COLUMNS: parsed.n_ignored > 0,
        kinds.SEPARATORS: bool(parsed.separators),
    }


def _detail(kind: str, parsed: Parsed) -> str:
    details = {kinds.COLUMNS: str(parsed.n_ignored), kinds.SEPARATORS: parsed.separators}
    return details.get(kind, "")
