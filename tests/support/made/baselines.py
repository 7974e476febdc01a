"""Entries of baseline files, of accuracy and of speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retinaface.checks.accuracy import accuracy_entry
from retinaface.checks.speed.gate import speed_entry
from retinaface.checks.speed.timing import summarise

SHA = {name: name * 64 for name in "abc"}
SOURCE = {
    "kind": "run",
    "engine": "ort-cpu-fp32",
    "runtime": "onnxruntime 1.31.1",
    "commit": "0" * 40,
    "created": "2026-11-23T00:00:00+00:00",
    "environment": {"python": "3.11"},
    "accepted_because": "measured twice",
}


def accuracy(**changes: Any) -> dict[str, Any]:
    """Make an entry of accuracy over 434 images."""
    data = accuracy_entry(
        pipeline="igie",
        precision="fp32",
        batch=32,
        ap={"easy": 0.8, "medium": 0.7, "hard": 0.4},
        images_sha256=SHA["a"],
        n_images=434,
        weights_sha256=SHA["b"],
    )
    return data | {"source": SOURCE} | changes


def timing(**changes: Any) -> dict[str, Any]:
    """Make an entry of speed from two samples."""
    return timed_runs([[0.01, 0.02]], **{"device": "amd", "source": SOURCE} | changes)


def timed_runs(runs: Sequence[Sequence[float]], batch: int = 8, **changes: Any) -> dict[str, Any]:
    """Make an entry of speed, without its source, from samples of runs; the last comes last."""
    data = speed_entry(
        pipeline="igie",
        precision="fp32",
        device="cpu",
        batch=batch,
        timed="network",
        engine="ort-cpu-fp32",
        figures=summarise(runs[-1], batch),
        earlier_runs=runs[:-1],
    )
    return data | changes
