"""Manifests of exports that nobody made."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from retinaface.export.manifest import (
    GraphFacts,
    Manifest,
    Steps,
    WeightsSource,
    sidecars,
    write_manifest,
)
from retinaface.export.options import ExportOptions
from retinaface.storage.hashing import file_sha256


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def made_manifest(
    *,
    sha256: str = "",
    weights: str = "w",
    opset: int = 13,
    precision: str = "fp32",
    versions: dict[str, str] | None = None,
    layers: dict[str, str] | None = None,
    **steps: dict[str, int],
) -> Manifest:
    """A whole manifest.

    Args:
        sha256: Of the file.
        weights: SHA-256 of the checkpoint, or a word to hash.
        steps: Operators of the graph after each step; other operators, another hash.
    """
    facts = {
        name: GraphFacts(operators=operators, sha256=sha256_of(str(operators)))
        for name, operators in steps.items()
    }
    return Manifest(
        file="x.onnx",
        sha256=sha256 or sha256_of("file"),
        reference="x.reference.npz",
        reference_sha256=sha256_of("reference"),
        weights=WeightsSource(
            source="x.pth", sha256=weights if len(weights) == 64 else sha256_of(weights)
        ),
        options=ExportOptions(opset=opset, precision=precision),
        ir_version=7,
        axes={"input": ("batch", 3, 320, 320)},
        operators={"Conv": 56},
        versions=versions or {"torch": "2.13.0"},
        notes=[],
        layers=layers or {},
        steps=Steps(**facts),
    )


def write_manifest_of(model: Path, **facts) -> Manifest:
    """Write a manifest beside a file, of it and of its reference; see `made_manifest`."""
    manifest = made_manifest(sha256=file_sha256(model), **facts)
    if (reference := sidecars(model)[0]).is_file():
        manifest = msgspec.structs.replace(
            manifest, reference=reference.name, reference_sha256=file_sha256(reference)
        )
    write_manifest(model.with_suffix(".json"), manifest)
    return manifest
