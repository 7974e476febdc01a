"""Choose what a run reads, weights and images, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from retinaface.assets import CHECKPOINT, EMBEDDED, mirror_dir
from retinaface.embedded import embedded_root
from retinaface.errors import AssetError, DatasetError, WeightsError
from retinaface.network.weights import WeightsChoice, choose_weights
from retinaface.storage.location import Location, is_url, location
from retinaface.widerface.dataset import WiderFace, check_whole, default_root, open_widerface
from retinaface.widerface.ground_truth_files import check_named

_GET_WEIGHTS = f"retinaface assets fetch {CHECKPOINT}"
_GET_DATA = "retinaface assets fetch"


@dataclass(frozen=True)
class DataChoice:
    """The images that a run reads.

    Attributes:
        root: Folder in a layout of WIDER FACE, or its URL.
        is_named: Whether the user named it.
        is_embedded: Whether it is the set that ships with the package.
        ground_truth: Folder or text file of its ground truth, where it lies elsewhere.
    """

    root: Location
    is_named: bool = False
    is_embedded: bool = False
    ground_truth: Location | None = None

    def open(self) -> WiderFace:
        """Open it; see `open_widerface`."""
        return open_widerface(self.root, self.ground_truth)


def embedded_data(*, is_named: bool = False) -> DataChoice:
    """Choose the pictures that ship with the package.

    Raises:
        AssetError: They are not the pinned ones.
    """
    return DataChoice(embedded_root(), is_named, is_embedded=True)


@dataclass(frozen=True)
class Sources:
    """Weights and images of a run, and whether somebody chose the embedded ones.

    Attributes:
        weights: What exports and references are made of.
        data: Images and ground truth.
        note: A line for the user where the embedded set steps in unasked; else empty.
    """

    weights: WeightsChoice
    data: DataChoice
    note: str = ""


def choose_sources(
    weights: str | None,
    widerface: Location | str | None,
    *,
    has_files: bool = False,
    ground_truth: Location | str | None = None,
) -> Sources:
    """Choose weights and images: those named, else those found here, else the embedded set.

    The embedded set never fills a gap in what a user began to name: images without weights are an
    error, and so is a folder of assets that lacks one of the two.

    Args:
        weights: Checkpoint, `embedded`, or None.
        widerface: Folder or URL of the data set, `embedded`, or None.
        has_files: Whether exported files or built engines are named, which hold weights of their
            own.
        ground_truth: Of the images, where it lies elsewhere.

    Raises:
        WeightsError: The checkpoint does not exist; or there are images and no weights.
        DatasetError: The folder does not exist.
        AssetError: `RETINAFACE_ASSETS` is set and lacks what the run needs of it, or a pinned file
            is damaged.
    """
    chosen = choose_weights(weights)
    is_without_weights = chosen.is_embedded and weights is None and not has_files
    data = choose_data(widerface, ground_truth)
    is_without_data = data.is_embedded and widerface is None
    if (mirror := mirror_dir()) is not None:
        lacking = [CHECKPOINT] * is_without_weights + ["the WIDER FACE images"] * is_without_data
        if lacking:
            raise AssetError(
                f"RETINAFACE_ASSETS={mirror} lacks {' and '.join(lacking)}; complete the folder "
                "(retinaface assets list says what is where), or unset the variable; to run on "
                f"the set that ships with the package: --weights {EMBEDDED} --widerface {EMBEDDED}"
            )
    if is_without_weights and not data.is_embedded:
        raise WeightsError(
            f"AP over {data.root} needs its weights: {CHECKPOINT} is not on this machine; "
            f"get it: {_GET_WEIGHTS}; or name a checkpoint with --weights, an exported file with "
            "--model"
        )
    return Sources(chosen, data, _note(is_without_weights, is_without_data))


def choose_data(
    widerface: Location | str | None, ground_truth: Location | str | None = None
) -> DataChoice:
    """Choose images: those that are named, else those found here, else the embedded pictures.

    Args:
        ground_truth: Folder or text file of their ground truth, where it lies elsewhere.

    Raises:
        DatasetError: The folder does not exist, or what was found is not whole.
        AssetError: The embedded pictures are not the pinned ones.
    """
    if ground_truth is None:
        return _choose_images(widerface, None)
    truth = location(ground_truth)
    if isinstance(truth, Path):
        check_named(truth)
    data = _choose_images(widerface, truth)
    if data.is_embedded:
        raise DatasetError(
            f"--ground-truth {truth} is not that of the embedded pictures, which have their own; "
            "name the images that it is of with --widerface DIR"
        )
    return replace(data, ground_truth=truth)


def _choose_images(widerface: Location | str | None, ground_truth: Location | None) -> DataChoice:
    if widerface is not None and is_url(widerface):
        return DataChoice(location(widerface), is_named=True)
    if widerface is not None:
        if str(widerface) == EMBEDDED:
            return embedded_data(is_named=True)
        root = Path(str(widerface))
        if not (str(widerface) and root.is_dir()):
            raise DatasetError(
                f"--widerface {root} is not a folder; give the data set's folder, or '{EMBEDDED}' "
                "for the pictures that ship with the package"
            )
        is_embedded = root.resolve() == embedded_root().resolve()
        return DataChoice(root, is_named=True, is_embedded=is_embedded)
    try:
        root = default_root()
    except DatasetError:
        return embedded_data()
    check_whole(root, may_fetch=mirror_dir() is None, ground_truth=ground_truth)
    return DataChoice(root)


def named_root(data: Location | str | None, *, images: bool = True) -> Location:
    """Find the data set that is named, else the one at hand; the embedded one by its name alone.

    Args:
        data: Folder, URL, `embedded`, or None.
        images: Whether images are needed; else the ground truth is enough.

    Raises:
        DatasetError: The folder does not exist, or nothing is named and nothing at hand.
        AssetError: The embedded pictures are not the pinned ones.
    """
    if data is None:
        return default_root(images=images)
    if is_url(data):
        return location(data)
    root = embedded_root() if str(data) == EMBEDDED else Path(str(data))
    if not root.is_dir():
        raise DatasetError(f"WIDER FACE folder {root} is not a folder; check --widerface")
    return root


def _note(is_without_weights: bool, is_without_data: bool) -> str:
    if is_without_weights and is_without_data:
        return (
            f"embedded set, since {CHECKPOINT} and WIDER FACE are not here; {_GET_DATA} gets both"
        )
    if is_without_data:
        return (
            "embedded pictures, since WIDER FACE is not here: AP is not compared; name it with "
            f"--widerface DIR, or {_GET_DATA}"
        )
    return ""
