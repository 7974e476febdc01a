"""Run records that were never run: a few results, tests and traced images, written and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from retinaface.detection.detections import Detections
from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.base import Engine, EngineSpec
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.network.scenes import scene
from retinaface.records.read import Run, read_run
from retinaface.records.result_id import ResultId
from retinaface.records.traced_images import ImageStages, trace
from retinaface.records.write import Kept, new_record, write_record
from retinaface.verdicts import SKIPPED, Verdict, worst
from retinaface.widerface.average_precision import Counts, average_precision
from retinaface.widerface.evaluation import Evaluation

ENGINE = "ort-cpu-fp32"
RESULT = f"{ENGINE}--igie--b32"
N = 60
IMAGES = tuple(f"event/{i}" for i in range(N))


def make_run(
    folder: Path,
    *,
    hits: np.ndarray | None = None,
    shift: float = 0.0,
    ids: Sequence[str] = (RESULT,),
    environment: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
    images: Sequence[str] = IMAGES,
    image_sha256: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    **data: Any,
) -> Run:
    """Write a finished run over `N` images and read it back.

    Args:
        folder: New.
        hits: (N,) bool: whether the face of each image is found; all of them if None.
        shift: Of all boxes, in px.
        ids: Of its results.
        environment: Facts that differ from those of this machine.
        images: Their ids.
        image_sha256: Of their files.
        data: Further fields of the record; `result` goes into every result.
    """
    folder.mkdir()
    hits = np.ones(N, bool) if hits is None else hits
    counts = counts_of(hits)
    found = {image: boxes(shift, 6) for image in images}
    kept = {i: Kept(found, counts, tuple(images), dict(image_sha256)) for i in ids}
    result = {"ap": average_precision(counts)} | data.pop("result", {})
    ran = [Verdict(t["verdict"]) for t in data.get("tests", ()) if t["verdict"] != SKIPPED]
    verdict = str(worst(ran)) if data.get("tests") else "PASS"
    record = new_record() | {"state": "finished", "verdict": verdict, "tests": []}
    record["environment"] = record["environment"] | dict(environment)
    record |= {"results": [_engine(i) | {"id": i} | result for i in ids]} | data
    write_record(folder, record, kept)
    return read_run(folder)


def _engine(result_id: str) -> dict[str, Any]:
    """Describe the engine of a result, and the precision that its name ends in."""
    name = ResultId.parse(result_id).engine
    precision = "fp16" if name.endswith("fp16") else "fp32"
    return {"engine": {"name": name, "device": "cpu"}, "precision": precision}


def evaluation(hits: np.ndarray | None = None) -> Evaluation:
    """Make an evaluation of the same images."""
    counts = counts_of(np.ones(N, bool) if hits is None else hits)
    found = {image: boxes(n=6) for image in IMAGES}
    hashes = dict.fromkeys(IMAGES, "0" * 64)
    return Evaluation(found, {}, counts, IMAGES, average_precision(counts), 2.0, hashes)


def fidelity(
    ratio: float | str,
    *,
    output: str = "loc",
    kind: str = "scene",
    variant: str = "",
    max_abs: float | str = 1e-5,
) -> dict[str, Any]:
    """Make the error of an output, as a share of what is allowed."""
    where = {"variant": variant, "kind": kind, "output": output}
    return {**where, "max_abs": max_abs, "ratio": ratio}


def entry(name: str, verdict: str = "PASS", reason: str = "") -> dict[str, Any]:
    """Make a test of a record, with one check unless it was skipped."""
    check = {"name": "error", "verdict": "PASS", "message": "", "numbers": {}}
    checks = [] if verdict == "SKIPPED" else [check]
    return {"id": name, "verdict": verdict, "reason": reason, "checks": checks}


def counts_of(hits: np.ndarray) -> Counts:
    """Count one face and one detection in each image, a hit or a miss; as many as `hits`."""
    found = np.tile(np.asarray(hits, bool)[:, None], (1, 3))
    n = len(hits)
    index = np.arange(n, dtype=np.int32)
    proposals = np.ones((n, 3), bool)
    return Counts(np.ones((n, 3), np.int32), index, np.zeros(n, np.int16), proposals, found)


def boxes(shift: float = 0.0, n: int = 1) -> Detections:
    """Make detections of 50 px in a row, each clear of the others."""
    corners = np.float32([[100 * i, 0, 100 * i + 50, 50] for i in range(n)]) + np.float32(shift)
    points = np.tile(corners[:, None, :2], (1, 5, 1))
    return Detections(corners, np.full(n, 0.9, np.float32), points)


def detections(n: int, first: int) -> Detections:
    """Make detections whose every number is that of its row: `first`, `first` + 1 and so on."""
    rows = np.arange(first, first + n, dtype=np.float32)
    return Detections(np.tile(rows[:, None], (1, 4)), rows, np.tile(rows[:, None, None], (1, 5, 2)))


class Constant(Engine):
    """Finds a face at two neighbouring priors of every image."""

    def _run(self, images: np.ndarray) -> RawOutputs:
        n, _, height, width = images.shape
        n_priors = len(prior_boxes(height, width))
        scores = np.tile(np.float32([1, 0]), (n, n_priors, 1))
        scores[:, [2000, 2001], 1] = 0.9, 0.8
        shape = (n, n_priors)
        return RawOutputs(np.zeros((*shape, 4), "f4"), scores, np.zeros((*shape, 10), "f4"))

    def describe(self) -> dict[str, Any]:
        return {}


def traced(n: int = 2) -> list[ImageStages]:
    """Trace scenes through every stage, by an engine that finds the same in each."""
    engine = Constant(EngineSpec("constant-cpu-fp32", "fp32", "cpu"))
    encoded = {
        f"e/{i}": cv2.imencode(".png", scene(120, 200, seed=i))[1].tobytes() for i in range(n)
    }
    return trace(engine, PIPELINES["igie"], encoded)
