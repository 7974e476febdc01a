"""Records of one result with images at every stage, and model files with their manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from retinaface.detection.detections import Detections, decode, suppress
from retinaface.network.outputs import RawOutputs
from retinaface.records.read import Run, read_run
from retinaface.records.traced_images import ImageStages
from retinaface.records.write import Kept, new_record, write_record
from retinaface.version import __version__
from retinaface.widerface.average_precision import average_precision
from retinaface.widerface.ground_truth import SPLITS
from tests.support.made.manifests import write_manifest_of
from tests.support.made.records import IMAGES, RESULT, boxes, counts_of, traced

GIVEN = traced()


def again(
    one: ImageStages,
    raw: RawOutputs | None = None,
    candidates: Detections | None = None,
    detections: Detections | None = None,
) -> ImageStages:
    """Exchange one stage of an image, and compute the later ones as this release does."""
    raw = one.raw if raw is None else raw
    candidates = decode(*raw, one.geometry) if candidates is None else candidates
    detections = suppress(candidates) if detections is None else detections
    return replace(one, raw=raw, candidates=candidates, detections=detections)


def nudged() -> list[ImageStages]:
    """Shift the box offsets of the given images by 0.001, as a different engine might."""
    return [again(one, raw=one.raw._replace(loc=one.raw.loc + np.float32(1e-3))) for one in GIVEN]


def moved(found: Detections, by_px: float = 1.0) -> Detections:
    """Move detections by a few pixels."""
    return replace(found, boxes_xyxy=found.boxes_xyxy + np.float32(by_px))


def make_traced_run(
    folder: Path,
    stages: Sequence[ImageStages] = GIVEN,
    *,
    ap: float | None = None,
    hits: np.ndarray | None = None,
    shift: float = 0.0,
    model: Path | None = None,
    engine: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
    release: str = __version__,
    images: Sequence[str] = IMAGES,
    other_bytes: Sequence[str] = (),
    other_detections: Sequence[str] = (),
) -> Run:
    """Write a run of one result and read it back.

    Args:
        ap: In every split; None for that of the counts.
        images: That are scored.
        other_bytes: Of them, those whose files are not the usual ones.
        other_detections: Of them, those with a detection more.
    """
    folder.mkdir()
    counts = counts_of(np.ones(len(images), bool) if hits is None else hits)
    detections = {image: boxes(shift, 1 + (image in other_detections)) for image in images}
    sha256 = {image: ("1" if image in other_bytes else "0") * 64 for image in images}
    kept = {RESULT: Kept(detections, counts, tuple(images), sha256, stages, model)}
    stated = dict.fromkeys(SPLITS, ap) if ap is not None else average_precision(counts)
    result: dict[str, Any] = {"id": RESULT, "ap": stated}
    result |= {"precision": "fp32", "engine": dict(engine)}
    write_record(folder, new_record() | {"results": [result], "retinaface": release}, kept)
    return read_run(folder)


def write_model(
    folder: Path, name: str, *, weights: str = "w1", precision: str = "fp32", **steps: int
) -> Path:
    """Write a model file that is no real graph, and a manifest of how it was made."""
    path = folder / f"{name}.onnx"
    path.write_bytes(name.encode())
    versions = {"torch": "2.13.0", "onnx": name}
    graphs = {step: {"Conv": n} for step, n in steps.items()}
    write_manifest_of(path, weights=weights, precision=precision, versions=versions, **graphs)
    return path
