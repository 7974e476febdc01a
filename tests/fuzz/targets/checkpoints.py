"""Checkpoints, in the three formats."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.target import Target


def _state() -> dict:
    import torch

    from retinaface.embedded import embedded_checkpoint

    return torch.load(embedded_checkpoint(), map_location="cpu", weights_only=True)


def _make_zip(folder: Path) -> None:
    import torch

    torch.save(_state(), folder / "x.pth")


def _make_legacy(folder: Path) -> list[bytes]:
    import torch

    torch.save(_state(), folder / "x.pth", _use_new_zipfile_serialization=False)
    more = folder / "more.pth"
    kept = {"epoch": 3, "model": {f"module.{k}": v for k, v in _state().items()}, "best": 0.5}
    torch.save(kept, more, _use_new_zipfile_serialization=False)
    data = more.read_bytes()
    more.unlink()
    return [data]


def _make_embedded(folder: Path) -> None:
    from retinaface.embedded import embedded_checkpoint

    shutil.copyfile(embedded_checkpoint(), folder / "x.pth")


def _make_safetensors(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in _state().items()}, folder / "x.safetensors")


def _read(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        from retinaface.network.checkpoint import load_model, tensors_sha256
        from retinaface.network.weights import choose_weights

        chosen = choose_weights(str(folder / name))
        loaded = load_model(chosen.source)
        tensors_sha256(loaded.model)

    return read


TARGETS = (
    Target("checkpoint.zip", "torch", "x.pth", _make_zip, _read("x.pth"), cost=2),
    Target("checkpoint.legacy", "bytes", "x.pth", _make_legacy, _read("x.pth"), cost=2),
    Target("checkpoint.embedded", "torch", "x.pth", _make_embedded, _read("x.pth"), cost=2),
    Target(
        "checkpoint.safetensors",
        "safetensors",
        "x.safetensors",
        _make_safetensors,
        _read("x.safetensors"),
        cost=2,
    ),
)
