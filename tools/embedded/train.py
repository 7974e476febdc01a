"""Train the network on generated pictures, with a checkpoint after each epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn

from retinaface.network.model import RetinaFace
from tools.embedded.loss import make_targets, multibox_loss
from tools.embedded.training_set import INPUT_PX, TrainingSet


@dataclass(frozen=True)
class Schedule:
    """Length and rates of the training.

    Attributes:
        n_epochs: Passes over the pictures.
        batch: Pictures in one step.
        peak_rate: Highest learning rate of the cycle (Smith & Topin 2018), reached after a tenth.
        weight_decay: Weight decay of AdamW (Loshchilov & Hutter 2019).
        seed: Seed of weights, order and augmentation.
    """

    n_epochs: int = 11
    batch: int = 16
    peak_rate: float = 3e-3
    weight_decay: float = 1e-3
    seed: int = 14


def train(
    pictures: TrainingSet,
    folder: Path,
    schedule: Schedule,
    *,
    n_steps: int | None = None,
    report: Callable[[str], None] = print,
) -> list[float]:
    """Train from random weights.

    Args:
        folder: Takes `epoch-NN.pth` and `log.jsonl`.
        n_steps: Stop after this many steps; None for all.
        report: Takes a line for each epoch.

    Returns:
        The loss of each step. Not reproducible to the bit: sums depend on the machine.
    """
    torch.manual_seed(schedule.seed)
    rng = np.random.default_rng(schedule.seed)
    folder.mkdir(parents=True, exist_ok=True)
    model = RetinaFace().train()
    model.to(memory_format=torch.channels_last)  # a third faster on a CPU
    optimizer = torch.optim.AdamW(
        _parameter_groups(model, schedule.weight_decay), lr=schedule.peak_rate
    )
    per_epoch = len(pictures) // schedule.batch
    total = min(n_steps or per_epoch * schedule.n_epochs, per_epoch * schedule.n_epochs)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.peak_rate, total_steps=total, pct_start=0.1
    )
    losses: list[float] = []
    start = time.perf_counter()
    for epoch in range(schedule.n_epochs):
        batches = pictures.batches(rng, schedule.batch)
        for batch in islice(batches, total - len(losses)):
            images = torch.from_numpy(batch.images).contiguous(memory_format=torch.channels_last)
            targets = make_targets(batch.boxes_xyxy, batch.landmarks_xy, INPUT_PX)
            loss = multibox_loss(*outputs_before_softmax(model, images), targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            cycle.step()
            losses.append(loss.item())
        path = folder / f"epoch-{epoch + 1:02}.pth"
        torch.save({k: v.contiguous() for k, v in model.state_dict().items()}, path)
        row = {
            "epoch": epoch + 1,
            "steps": len(losses),
            "loss": float(np.mean(losses[-per_epoch:])),
            "seconds": round(time.perf_counter() - start, 1),
        }
        with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        report(f"{path.name}: loss {row['loss']:.3f} after {row['seconds']} s")
        if len(losses) >= total:
            break
    return losses


def outputs_before_softmax(
    model: RetinaFace, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Compute the network's outputs with logits for scores, which keep their gradient.

    Args:
        model: In training mode.
        images: (N, 3, H, W).

    Returns:
        (N, P, 4), (N, P, 2), (N, P, 10).
    """
    levels = model.fpn(model.body(images))
    features = [ssh(x) for ssh, x in zip((model.ssh1, model.ssh2, model.ssh3), levels, strict=True)]
    loc, logits, landmarks = (
        torch.cat([head(x) for head, x in zip(heads, features, strict=True)], dim=1)
        for heads in (model.BboxHead, model.ClassHead, model.LandmarkHead)
    )
    return loc, logits, landmarks


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay weights of convolutions, but not biases and batch norms."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
