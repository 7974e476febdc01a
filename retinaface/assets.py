"""Find or download the pinned files (checkpoint, ground truth, images) and verify their hashes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from retinaface.errors import AssetError, unknown
from retinaface.files import refuse_pointer
from retinaface.foreign import foreign_problem
from retinaface.storage.hashing import file_sha256

ASSETS_VARIABLE = "RETINAFACE_ASSETS"
CACHE_VARIABLE = "RETINAFACE_CACHE"
CHECKPOINT = "mobilenet0.25_Final.pth"
IMAGES_ARCHIVE = "WIDER_val.zip"
# The set that ships with the package, and the name that asks for it. Hashes pin its content,
# because training is not reproducible to the bit; `python -m tools.embedded publish` prints them.
EMBEDDED = "embedded"
EMBEDDED_CHECKPOINT_SHA256 = "b4caa3aa5d7f00d39bdc9cf0ca0ee3b975c4b5c98dc1e1e399181f607c32f3bf"
EMBEDDED_SET_SHA256 = "74ee30ab1c897e7f329b6a0557ccc2267fcc6581ba4768ca525ff079e9df6c11"

_UPSTREAM = "https://github.com/biubug6/Face-Detector-1MB-with-landmark/raw/master"
_GROUND_TRUTH = f"{_UPSTREAM}/widerface_evaluate/ground_truth"

_OWN_WEIGHTS = (
    f"; or name weights: --weights FILE, or --weights {EMBEDDED} for those that ship with the "
    "package, which know only generated faces"
)


@dataclass(frozen=True)
class Asset:
    """One pinned file.

    Attributes:
        name: The file's name, also on the command line.
        folder: Its folder below a mirror or the cache; empty for the top.
        urls: Where to download it, in the order to try.
        known_hash: `sha256:...` or `md5:...`, lower-case hex.
        n_bytes: Size of the file.
        licence: Terms of its use.
    """

    name: str
    folder: str
    urls: tuple[str, ...]
    known_hash: str
    n_bytes: int
    licence: str

    @property
    def relative_path(self) -> Path:
        """Give the file's place below a mirror (`RETINAFACE_ASSETS`) or the cache."""
        return Path(self.folder) / self.name


def _ground_truth(name: str, sha256: str, n_bytes: int) -> Asset:
    return Asset(
        name,
        "widerface/ground_truth",
        (f"{_GROUND_TRUTH}/{name}",),
        f"sha256:{sha256}",
        n_bytes,
        "WIDER FACE, research only",
    )


REGISTRY: Mapping[str, Asset] = MappingProxyType(
    {
        asset.name: asset
        for asset in (
            Asset(
                CHECKPOINT,
                "",
                (f"{_UPSTREAM}/weights/mobilenet0.25_Final.pth",),
                "sha256:ed6fa7d45a5179f03cb5ce82c73b0c6711372968e53782e88395acee88d319e1",
                1_789_735,
                "MIT",
            ),
            _ground_truth(
                "wider_face_val.mat",
                "1dfe6a9853950f9dde256b5e8bb75d8f272e6bc02a15ae1968f5a9b883f458cb",
                397_768,
            ),
            _ground_truth(
                "wider_easy_val.mat",
                "c2fb672d16f75653eb89fb8bc437a7d060896a71cd7a65c1a5a3e4479024099c",
                409_036,
            ),
            _ground_truth(
                "wider_medium_val.mat",
                "4a031970bc132cef5cfacd05068aabcf4fe15d4a31a1e9f4f00eb134fdf449c1",
                412_725,
            ),
            _ground_truth(
                "wider_hard_val.mat",
                "bb1af19dc5bc4dd9517dd8ae8096326c68175f2c3411763bdd4f23fa98638b78",
                424_085,
            ),
            Asset(
                IMAGES_ARCHIVE,
                "widerface",
                (
                    "https://huggingface.co/datasets/CUHK-CSE/wider_face"
                    "/resolve/main/data/WIDER_val.zip",
                    "https://drive.usercontent.google.com/download"
                    "?id=1GUCogbp16PMGa39thoMMeWxp7Rp5oM8Q&export=download&confirm=t",
                ),
                "md5:dfa7d7e790efa35df3788964cf0bbaea",
                362_752_168,
                "WIDER FACE, research only",
            ),
        )
    }
)


def get_asset(name: str) -> Asset:
    """Find a name in the registry.

    Raises:
        AssetError: The registry has no such name.
    """
    if name not in REGISTRY:
        raise AssetError(unknown("unknown asset", name, REGISTRY))
    return REGISTRY[name]


def mirror_dir() -> Path | None:
    """Find the local mirror that `RETINAFACE_ASSETS` names; None where it is not set.

    Raises:
        AssetError: The variable names something that is not a folder.
    """
    value = os.environ.get(ASSETS_VARIABLE)
    if not value:
        return None
    if not Path(value).is_dir():
        raise AssetError(f"{ASSETS_VARIABLE}={value} is not a folder; correct or unset it")
    return Path(value)


def cache_dir() -> Path:
    """Find the cache: the folder that `RETINAFACE_CACHE` names, else the user's; may be missing."""
    if value := os.environ.get(CACHE_VARIABLE):
        return Path(value)
    import pooch

    return Path(pooch.os_cache("retinaface"))


def find_asset(asset: Asset) -> Path | None:
    """Find a file in the mirror or the cache and verify its hash; never touches the network.

    Raises:
        AssetError: A file with this name has another hash.
    """
    for folder in (mirror_dir(), cache_dir()):
        if folder is None or not (path := folder / asset.relative_path).is_file():
            continue
        verify(asset, path)
        return path
    return None


def fetch_asset(asset: Asset, *, progress: bool = False) -> Path:
    """Find a file locally; otherwise download it into the cache.

    A download goes to a temporary name and is renamed once its hash is right.

    Args:
        progress: Show a progress bar on stderr, where that is a terminal.

    Raises:
        AssetError: No place had a file with the pinned hash; the message lists every attempt.
    """
    if (found := find_asset(asset)) is not None:
        return found
    import pooch

    pooch.get_logger().setLevel("WARNING")  # the progress bar says the same
    target = cache_dir() / asset.relative_path
    attempts = []
    show = progress and sys.stderr.isatty()
    for url in asset.urls:
        try:
            pooch.retrieve(
                url,
                known_hash=asset.known_hash,
                fname=target.name,
                path=target.parent,
                downloader=pooch.HTTPDownloader(progressbar=show, timeout=30),
            )
            return target
        except (OSError, ValueError) as error:  # network and disk; a hash that differs
            attempts.append(f"{url} ({_reason(error)})")
    raise AssetError(
        f"cannot fetch {asset.name}: looked in {_places()}; tried {'; '.join(attempts)}. "
        f"To place it by hand: put a file with {asset.known_hash} at {target}, "
        f"or set {ASSETS_VARIABLE} to a folder that contains {asset.relative_path}"
        + (_OWN_WEIGHTS if asset.name == CHECKPOINT else "")
    )


def verify(asset: Asset, path: Path) -> None:
    """Compare a file with the pinned hash of an asset.

    Raises:
        AssetError: It has another hash.
    """
    algorithm, expected = asset.known_hash.split(":")
    if algorithm == "sha256":
        actual = file_sha256(path)
    else:
        import pooch

        actual = pooch.file_hash(str(path), alg=algorithm)
    if actual != expected:
        refuse_pointer(path, AssetError)
        if foreign := foreign_problem(path, actual):
            raise AssetError(f"{foreign}; remove it and run: retinaface assets fetch {asset.name}")
        raise AssetError(
            f"{path} is not the pinned {asset.name}: expected {asset.known_hash} "
            f"({asset.n_bytes} bytes), got {algorithm}:{actual} ({path.stat().st_size} bytes); "
            f"remove it and run: retinaface assets fetch {asset.name}"
        )


def _places() -> str:
    mirror = mirror_dir()
    first = f"{ASSETS_VARIABLE}={mirror}" if mirror else f"{ASSETS_VARIABLE} (not set)"
    return f"{first} and {cache_dir()}"


def _reason(error: Exception) -> str:
    if "hash" in str(error) and "does not match" in str(error):
        return "the download does not have the pinned hash"
    cause: BaseException = error
    while cause.__context__ is not None:  # requests wraps urllib3's error, which wraps the system's
        cause = cause.__context__
    text = " ".join(str(cause).split())
    return f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__
