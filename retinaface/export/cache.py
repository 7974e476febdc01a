"""Cache the exports that engines load by default, one for each checkpoint and version."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from retinaface.assets import CHECKPOINT, EMBEDDED, cache_dir, fetch_asset, get_asset
from retinaface.environment import package_versions
from retinaface.errors import ManifestError
from retinaface.export.cached_files import is_as_written, remember
from retinaface.export.exporter import VERSIONED_PACKAGES, export
from retinaface.export.manifest import check_reference, sidecars
from retinaface.export.options import ExportOptions
from retinaface.network.checkpoint import load_model
from retinaface.storage.hashing import file_sha256
from retinaface.telling.work import working
from retinaface.typing import FloatPrecision

# The code of these wings shapes a file, its manifest and its reference.
_MAKERS = ("network", "reference", "export")


def cached_export(
    weights: str | Path | None, *, precision: FloatPrecision, dynamic_size: bool
) -> Path:
    """Find or make the default export of a checkpoint: TorchScript, free batch, simplified.

    Args:
        weights: Checkpoint, `embedded`, or None for the published checkpoint.
        precision: Precision of the weights; input and outputs are FP32.
        dynamic_size: Whether height and width are free.

    Returns:
        Path of the ONNX file in the cache.

    Raises:
        AssetError: The published checkpoint cannot be found.
        WeightsError: The checkpoint cannot be used.
        ExportError: The export cannot be made.
    """
    if weights is None:
        weights = fetch_asset(get_asset(CHECKPOINT))
    options = ExportOptions(precision=precision, dynamic_size=dynamic_size)
    key = {
        "weights": _weights_hash(weights),
        "options": asdict(options),
        "code": code_sha256(),
        "versions": package_versions(VERSIONED_PACKAGES),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    size = "dynamic" if dynamic_size else "320x320"
    path = cache_dir() / "exports" / f"retinaface-{precision}-{size}-{digest}.onnx"
    if not _is_whole(path):
        loaded = load_model(weights)  # which refuses a bad one before anything is announced
        with _alone(path):
            if not _is_whole(path):  # else another process has made it meanwhile
                what = f"exporting the checkpoint to ONNX ({precision}), once; the cache keeps it"
                what += " (again: the one in the cache was damaged)" if path.exists() else ""
                with working(what):
                    export(loaded, options, path)
                remember(sidecars(path)[1])
    return path


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time make a file; the others wait, and say so.

    The system releases the lock of a process that ends, however it ends.
    """
    from filelock import FileLock, Timeout  # here, so that what lacks torch names torch

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        with working(f"waiting for another process, which exports {path}"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_whole(path: Path) -> bool:
    """Tell whether a file, its manifest and its reference are as written; else all are made again.

    The manifest holds the hashes of the other two.
    """
    if not is_as_written(sidecars(path)[1]):
        return False
    try:
        reference = sidecars(path)[0]
        return reference.is_file() and check_reference(path, reference)
    except ManifestError:
        return False


def _weights_hash(weights: str | Path) -> str:
    if str(weights) == EMBEDDED or not Path(weights).is_file():
        return load_model(weights).sha256  # it reports a missing file
    return file_sha256(Path(weights))


def code_sha256() -> str:
    """Hash all code that shapes a graph, its manifest or its reference: a change exports again."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for wing in _MAKERS:
        for module in sorted((package / wing).rglob("*.py")):
            digest.update(module.name.encode())
            digest.update(module.read_bytes())
    return digest.hexdigest()
