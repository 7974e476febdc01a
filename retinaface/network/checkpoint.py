"""Load checkpoints strictly and safely."""

from __future__ import annotations

import hashlib
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from retinaface.assets import CHECKPOINT, EMBEDDED, fetch_asset, get_asset
from retinaface.embedded import embedded_checkpoint
from retinaface.errors import WeightsError
from retinaface.files import file_sha256
from retinaface.network.model import RetinaFace


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, float32, on the CPU, and the checkpoint it was loaded from.

    Attributes:
        source: Path of the checkpoint.
        sha256: Hash of the checkpoint file.
    """

    model: RetinaFace
    source: str
    sha256: str


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
    model.load_state_dict(read_checkpoint(path, model.state_dict()))
    return LoadedModel(model.eval(), str(path), file_sha256(path))


def read_checkpoint(path: Path, expected: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Read a checkpoint without running any code in it, and compare it with the network.

    Removes the prefix `module.` (from DataParallel) and a wrapping `state_dict` key.

    Args:
        path: File written by `torch.save`.
        expected: The network's own `state_dict()`: names and shapes that the file must have.

    Returns:
        The tensors by name, on the CPU.

    Raises:
        WeightsError: The file is missing, damaged, would run code, holds objects other than
            tensors, or has other names or shapes; lists what is missing, extra, or different.
    """
    content = _load_safely(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(
        isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items()
    ):
        raise WeightsError(
            f"cannot use checkpoint {path}: expected a mapping of names to tensors, "
            f"got {type(content).__name__}; save it with torch.save(model.state_dict(), FILE)"
        )
    tensors = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    if len(tensors) != len(content):
        raise WeightsError(
            f"cannot use checkpoint {path}: it holds tensors with and without the prefix 'module.' "
            "under one name; keep one of each"
        )
    problems = _differences(tensors, expected)
    if problems:
        raise WeightsError(
            f"checkpoint {path} is not of this architecture (RetinaFace MobileNet-0.25, "
            f"{len(expected)} tensors): {'; '.join(problems)}"
        )
    return tensors


def _load_safely(path: Path) -> object:
    try:
        path.open("rb").close()
    except OSError as error:
        raise WeightsError(
            f"cannot read checkpoint {path}: {error.strerror}; check the path"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about odd pickle protocols
            content: object = torch.load(path, map_location="cpu", weights_only=True)
        # torch.load does not look at the checksums of its own zip format.
        if zipfile.is_zipfile(path) and (member := zipfile.ZipFile(path).testzip()):
            raise zipfile.BadZipFile(member)
        return content
    except pickle.UnpicklingError as error:
        # Torch's own unpickler stops at the first object that is not part of a tensor: a global,
        # or an opcode of a pickle (which begins with 0x80) that torch.save does not write.
        foreign = "Unsupported" in str(error) and path.read_bytes()[:1] == b"\x80"
        if foreign or any(word in str(error) for word in ("GLOBAL", "allowed global")):
            raise WeightsError(
                f"refused checkpoint {path}: it holds objects other than tensors, which could run "
                "code when loaded; keep only the state_dict, from a source that you trust"
            ) from error
        raise _damage_error(path, error) from error
    except Exception as error:  # damaged bytes make torch.load raise many types
        raise _damage_error(path, error) from error


def _damage_error(path: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"cannot read checkpoint {path}: it is truncated or not a PyTorch checkpoint "
        f"({type(error).__name__}); fetch it again"
    )


def _differences(
    actual: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]
) -> list[str]:
    missing = [name for name in expected if name not in actual]
    extra = [name for name in actual if name not in expected]
    common = [name for name in expected if name in actual]
    shapes = [
        f"{name} {tuple(actual[name].shape)} should be {tuple(expected[name].shape)}"
        for name in common
        if actual[name].shape != expected[name].shape
    ]
    usable = [n for n in common if actual[n].shape == expected[n].shape]
    kinds = [
        f"{name} {actual[name].dtype} {actual[name].layout}".replace("torch.", "")
        for name in usable
        if not _is_plain(actual[name], expected[name])
    ]
    plain = [n for n in usable if _is_plain(actual[n], expected[n])]
    infinite = [name for name in plain if not actual[name].isfinite().all()]
    found = {
        "missing": missing,
        "extra": extra,
        "wrong shape": shapes,
        "not plain numbers": kinds,
        "not finite": infinite,
    }
    return [f"{len(names)} {kind}: {_list_names(names)}" for kind, names in found.items() if names]


def _is_plain(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Tell whether a tensor is dense, on the CPU, and real where real numbers are expected."""
    if actual.layout != torch.strided or actual.device.type != "cpu" or actual.is_quantized:
        return False
    if expected.is_floating_point():
        return actual.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    return actual.dtype == expected.dtype


def _list_names(names: list[str], limit: int = 12) -> str:
    more = f", and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def tensors_sha256(model: nn.Module) -> str:
    """Hash all tensors of a network, names included (SHA-256)."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()
