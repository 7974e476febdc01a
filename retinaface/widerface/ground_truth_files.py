"""Find the ground truth of a data set, and read it: four `.mat` files, text, or a COCO file."""

from __future__ import annotations

from pathlib import Path

from retinaface.assets import REGISTRY, fetch_asset
from retinaface.errors import AssetError, DatasetError
from retinaface.files import check_inside
from retinaface.storage.location import Location, location
from retinaface.storage.reading import local_copy, naming
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.ground_truth_mats import MAT_FILES, read_mats
from retinaface.widerface.ground_truth_text import TEXT_FILE, read_truth_text
from retinaface.widerface.own.coco import ENDING, read_coco

_FILE_ENDINGS = (".txt", ENDING)
_TRUTH_DIRS = ("ground_truth", "eval_tools/ground_truth", "wider_face_split", ".")
# Where the files may be in a data set.
TRUTH_NAMES = frozenset(
    (Path(folder) / name).as_posix() for folder in _TRUTH_DIRS for name in (*MAT_FILES, TEXT_FILE)
)


def truth_place(
    root: Location, ground_truth: Location | str | None = None
) -> tuple[Location, Path]:
    """Find where the ground truth of a data set is; what a URL names is copied.

    Args:
        root: Folder or URL of the data set.
        ground_truth: Folder, file, or URL of one, where it lies elsewhere.

    Returns:
        The place as it was named, and on this machine.

    Raises:
        DatasetError: What was named for it holds none.
        StorageError: A URL cannot be read.
    """
    shown = root if ground_truth is None else location(ground_truth)
    local = local_copy(shown, TRUTH_NAMES)
    if ground_truth is not None:
        with naming(shown, local):
            check_named(local)
    return shown, local


def read_truth(
    root: Location, ground_truth: Location | str | None = None
) -> tuple[GroundTruth, tuple[str, ...]]:
    """Read the ground truth of a data set on disk or in a storage; see `load_ground_truth`."""
    shown, local = truth_place(root, ground_truth)
    with naming(shown, local):
        truth, notes = load_ground_truth(local)
    return truth, tuple(note.replace(str(local), str(shown)) for note in notes)


def load_ground_truth(root: Path, named: Path | None = None) -> tuple[GroundTruth, tuple[str, ...]]:
    """Read the ground truth of a data set.

    A folder without a `ground_truth/` may lack `.mat` files (the official zips hold
    `wider_face_val.mat` at most); pinned files replace them, and a note says so. Where no `.mat`
    is there, `wider_face_val_bbx_gt.txt` serves, which knows all faces and no splits.

    Args:
        root: Folder of the data set.
        named: Folder of the ground truth, or a file, text or COCO, where it lies elsewhere.

    Returns:
        The ground truth, and the notes.

    Raises:
        DatasetError: A file is missing, unreadable, or has other content than its name says.
        AssetError: A pinned file is needed and cannot be found.
    """
    if named is not None:
        root = check_named(named)
    if (file := single_file(root)) is not None:
        return _read_single(file)
    paths, notes = [], []
    for name, place in find_mats(root).items():
        path = place or _pinned(name, root)
        if place is None:
            notes.append(f"{name} is not in {root}; the pinned {path} is used")
        paths.append(path)
    return read_mats(paths), tuple(notes)


def _read_single(file: Path) -> tuple[GroundTruth, tuple[str, ...]]:
    if file.suffix.lower() == ENDING:
        return read_coco(file)
    note = f"ground truth {file}: AP of all faces, because it has no lists of easy, medium and hard"
    ones = " ones; for those add the four wider_*_val.mat: retinaface assets fetch"
    return read_truth_text(file), (note + (ones if file.name == TEXT_FILE else " ones"),)


def check_named(named: Path) -> Path:
    """Check that a folder or file that was named for ground truth holds some.

    Raises:
        DatasetError: It holds none.
    """
    is_single = named.is_file() and named.suffix.lower() in _FILE_ENDINGS
    if not is_single and (
        not named.is_dir() or not (_texts(named) or any(find_mats(named).values()))
    ):
        raise DatasetError(
            f"no ground truth in {named}: expected a folder with {', '.join(MAT_FILES)} or "
            f"{TEXT_FILE}, a text of that form, or a COCO file (.json); check --ground-truth"
        )
    return named


def single_file(root: Path) -> Path | None:
    """Find the file with all faces: the one named, else the text, where there is no `.mat` file."""
    if root.is_file():
        return root
    if any(path.is_file() for name in MAT_FILES for path in _places(root, name)):
        return None
    return next(iter(_texts(root)), None)


def find_mats(root: Path) -> dict[str, Path | None]:
    """Find each of the four files in a folder; None for a missing one.

    Raises:
        DatasetError: The folder has a `ground_truth/`, which lacks a file.
    """
    found: dict[str, Path | None] = {}
    for name in MAT_FILES:
        found[name] = next((path for path in _places(root, name) if path.is_file()), None)
        if found[name] is None and (root / "ground_truth").is_dir():
            raise DatasetError(
                f"ground truth {root / 'ground_truth' / name} is missing; "
                f"copy it there: retinaface assets fetch {name}"
            )
    return found


def _texts(root: Path) -> list[Path]:
    found = [path for path in _places(root, TEXT_FILE) if path.is_file()]
    for path in found:
        check_inside(path, root, DatasetError)
    return found


def _places(root: Path, name: str) -> list[Path]:
    return [root / folder / name for folder in _TRUTH_DIRS]


def _pinned(name: str, root: Path) -> Path:
    try:
        return fetch_asset(REGISTRY[name])
    except AssetError as error:
        if not (texts := _texts(root)):
            raise
        raise AssetError(
            f"{error}; or score all faces, without splits: --ground-truth {texts[0]}"
        ) from error
