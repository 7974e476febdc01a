"""Load checkpoints strictly and safely."""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from retinaface.assets import CHECKPOINT, EMBEDDED, fetch_asset, get_asset
from retinaface.embedded import embedded_checkpoint
from retinaface.errors import WeightsError
from retinaface.files import check_regular, too_long
from retinaface.formats.zip_directory import ZIP_ERRORS
from retinaface.network.checkpoint_forms import Fitted, fit_tensors
from retinaface.network.file_kinds import holds_safetensors, refuse_other_kinds, text_line
from retinaface.network.model import RetinaFace
from retinaface.network.published import damage_note
from retinaface.network.weights import check_pinned, refuse_foreign
from retinaface.storage.hashing import file_sha256

# The published one has 1.8 MB, and what training keeps beside the tensors twice as much.
MAX_CHECKPOINT_BYTES = 512 * 2**20
# What torch.load raises over damaged bytes: whatever an unpickler meets that takes any opcode, and
# PyTorch's own checks of storages. A mistake of ours in a name or an argument's name is none of it.
_DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError),
    *(MemoryError, OSError, RuntimeError, TypeError, ValueError),
    *(pickle.UnpicklingError, struct.error, zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, float32, on the CPU, and the checkpoint it was loaded from.

    Attributes:
        source: Path of the checkpoint.
        sha256: Hash of the checkpoint file.
        notes: What was removed, left out or converted to read it; for the user.
    """

    model: RetinaFace
    source: str
    sha256: str
    notes: tuple[str, ...] = ()


def load_model(weights: str | Path | None = None, *, progress: bool = False) -> LoadedModel:
    """Build the network with the given weights.

    Args:
        weights: Path of a checkpoint, `embedded`, or None for the published checkpoint, which is
            fetched if it is missing.
        progress: Show a progress bar while fetching.

    Raises:
        WeightsError: The checkpoint cannot be used.
        AssetError: The published checkpoint cannot be found or fetched.
    """
    if weights is None:
        weights = fetch_asset(get_asset(CHECKPOINT), progress=progress)
    path = embedded_checkpoint() if str(weights) == EMBEDDED else Path(weights)
    model = RetinaFace()
    found = read_checkpoint(path, model.state_dict())
    model.load_state_dict(found.tensors)
    note = damage_note(path.name, model.state_dict())
    notes = (*found.notes, *([note] if note else []))
    return LoadedModel(model.eval(), str(path), file_sha256(path), notes)


def read_checkpoint(path: Path, expected: Mapping[str, torch.Tensor]) -> Fitted:
    """Read a checkpoint without running any code in it, and compare it with the network.

    The tensors may stand under any key and have any common prefix: see `fit_tensors`.

    Args:
        path: File written by `torch.save` or by safetensors.
        expected: The network's own `state_dict()`: names and shapes that the file must have.

    Returns:
        The tensors by name, on the CPU, and notes on what was removed, left out or converted.

    Raises:
        AssetError: It lies in the place of a pinned file, and is not that file.
        WeightsError: The file is missing, damaged, of another kind or of another network, would run
            code, or has other names or shapes; lists what is missing, extra, or different.
    """
    check_regular(path, WeightsError)
    try:
        path.open("rb").close()
    except OSError as error:
        raise WeightsError(
            f"cannot read checkpoint {path}: {error.strerror}; check the path"
        ) from error
    refuse_other_kinds(path)
    _check_size(path)
    refuse_foreign(path, sha256 := file_sha256(path))
    notes = check_pinned(path, sha256)
    read = _read_safetensors if holds_safetensors(path) else _read_pickle
    fitted = fit_tensors(read(path), expected, path)
    return replace(fitted, notes=(*notes, *fitted.notes))


def _check_size(path: Path) -> None:
    """Refuse what is too large, as it is or unpacked, before memory is spent on it."""
    n_bytes = path.stat().st_size
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                n_bytes = max(n_bytes, sum(member.file_size for member in archive.infolist()))
        except (*ZIP_ERRORS, ValueError) as error:  # a name or a position in its directory
            raise _damage_error(path, error) from error
    if n_bytes > MAX_CHECKPOINT_BYTES:
        raise WeightsError(too_long(f"checkpoint {path}", n_bytes, MAX_CHECKPOINT_BYTES))


def _read_safetensors(path: Path) -> object:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise WeightsError(
            f"cannot read checkpoint {path}: it is in the format of safetensors, and safetensors "
            f"cannot be imported ({error}); pip install safetensors"
        ) from error
    try:
        content: object = load_file(path)
    except SafetensorError as error:
        raise _damage_error(path, error) from error
    return content


def _read_pickle(path: Path) -> object:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless_types()):
            warnings.simplefilter("ignore", UserWarning)  # about odd pickle protocols
            # A path would be read by what its name ends in; a file gives memory for what a damaged
            # length claims.
            file = io.BytesIO(path.read_bytes())
            content: object = torch.load(file, map_location="cpu", weights_only=True)
        # torch.load does not look at the checksums of its own zip format.
        if zipfile.is_zipfile(path) and (member := zipfile.ZipFile(path).testzip()):
            raise zipfile.BadZipFile(member)
        return content
    except pickle.UnpicklingError as error:
        # Torch's own unpickler stops at the first object that is not part of a tensor: a global,
        # or an opcode of a pickle (which begins with 0x80) that torch.save does not write.
        foreign = "Unsupported" in str(error) and path.read_bytes()[:1] == b"\x80"
        if foreign or any(word in str(error) for word in ("GLOBAL", "allowed global")):
            named = re.search(r"GLOBAL ([\w.]+)", str(error))
            raise WeightsError(
                f"refused checkpoint {path}: it holds objects other than tensors"
                f"{f' ({named[1]})' if named else ''}, which could run code when loaded; keep only "
                "the state_dict, from a source that you trust: torch.save(model.state_dict(), FILE)"
            ) from error
        raise _damage_error(path, error) from error
    except _DAMAGE as error:
        raise _damage_error(path, error) from error


def _harmless_types() -> list[Any]:
    """List types that training loops put beside the tensors, and that hold numbers and words."""
    scalar = np.float64(0).__reduce__()[0]  # its module has another name in NumPy 1
    types = [type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")]
    names = ("numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar")
    return [*((scalar, name) for name in names), np.dtype, *types, argparse.Namespace]


def _damage_error(path: Path, error: Exception) -> WeightsError:
    if line := text_line(path):
        return WeightsError(
            f"cannot read checkpoint {path}: it is text ({line!r}), not a PyTorch checkpoint; "
            "fetch it again"
        )
    return WeightsError(
        f"cannot read checkpoint {path}: it is truncated or not a PyTorch checkpoint "
        f"({type(error).__name__}); fetch it again"
    )


def tensors_sha256(model: nn.Module) -> str:
    """Hash all tensors of a network, names included (SHA-256)."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()
