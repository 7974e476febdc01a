"""Time the floor of the machine, the product and the plain way, turn by turn."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from benchmarks import plain
from retinaface.checks.detection_matching import match_detections
from retinaface.detection.detections import Detections
from retinaface.detection.detector import detect
from retinaface.detection.images import decode_image
from retinaface.detection.pipelines import PIPELINES, preprocess
from retinaface.engines.opening import open_engine
from retinaface.environment import n_usable_cpus
from retinaface.errors import DatasetError
from retinaface.widerface.average_precision import average_precision, count_set
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.predictions import Predictions, official_form

PIPELINE = PIPELINES["igie"]
ROOT = Path(__file__).resolve().parents[1]
# Share of the detections that may differ between two ways of computing the same thing, because a
# score or an overlap lies exactly at a limit.
_MAX_UNMATCHED = 0.0002


@dataclass
class EndToEnd:
    """The seconds that each step took, turn by turn.

    Attributes:
        n_images: Images of a turn.
        batch: Images in one call.
        seconds: One value for each turn, by step: `floor decoding`, `floor inference`,
            `ours detection`, `ours evaluation`, `plain detection`, `plain evaluation`.
        stages: Seconds of each stage of the plain way, one mapping for each turn.
        ap: AP of `ours` and `plain`, which shows that both computed the same.
        unmatched: Share of the detections of the plain way and ours without a counterpart.
    """

    n_images: int
    engine: str
    batch: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    stages: list[dict[str, float]] = field(default_factory=list)
    ap: dict[str, dict[str, float]] = field(default_factory=dict)
    unmatched: float = 0.0


def end_to_end(
    dataset: WiderFace,
    truth: GroundTruth,
    engine_name: str,
    *,
    batch: int,
    turns: int,
    model: Path | None = None,
) -> EndToEnd:
    """Time the floor, the product and the plain way in turns, each on all processors.

    The engine of the floor and of the plain way has the runtime's own defaults; ours shares the
    processors. Engines are built before the clock starts.

    Raises:
        DatasetError: The two ways disagree, so the times mean nothing.
    """
    result = EndToEnd(len(truth.images), engine_name, batch)
    options: dict[str, Any] = {
        "model": model,
        "max_batch": batch,
        "input_size_px": PIPELINE.input_size_px,
    }
    with ExitStack() as stack:
        alone = stack.enter_context(open_engine(engine_name, **options))
        shared = stack.enter_context(open_engine(engine_name, shares_cpus=True, **options))
        batches = _batches(dataset, truth, batch)
        found: dict[str, dict[str, Predictions]] = {}

        def ours() -> dict[str, Detections]:
            stream = detect(shared, PIPELINE, truth.images, dataset.read_bytes, batch_size=batch)
            return {name: d for name, d in stream if isinstance(d, Detections)}

        def evaluate_ours(detections: Mapping[str, Detections]) -> None:
            forms = {n: official_form(d.boxes_xyxy, d.scores) for n, d in detections.items()}
            result.ap["ours"] = average_precision(count_set(forms, truth))
            found["ours"] = forms

        def run_plain(folder: Path) -> None:
            watch = plain.Stopwatch()
            plain.detect(alone, truth.images, dataset.read_bytes, folder, watch, batch_size=batch)
            result.stages.append(dict(watch.seconds))

        def evaluate_plain(folder: Path) -> None:
            found["plain"] = plain.read(folder, truth.images)
            result.ap["plain"] = plain.evaluate(found["plain"], truth)

        def floor() -> None:
            _time(result, "floor decoding", lambda: decode_all(dataset, truth))
            _time(result, "floor inference", lambda: [alone.infer(b) for b in batches])

        def product() -> None:
            detections = _time(result, "ours detection", ours)
            _time(result, "ours evaluation", lambda: evaluate_ours(detections))

        def usual() -> None:
            with tempfile.TemporaryDirectory(prefix="retinaface-") as temporary:
                folder = Path(temporary)
                _time(result, "plain detection", lambda: run_plain(folder))
                _time(result, "plain evaluation", lambda: evaluate_plain(folder))

        ways = [floor, product, usual]
        for way in ways:  # what happens once only (caches of files, of allocators) stays out
            way()
        result.seconds.clear()
        result.stages.clear()
        for turn in tqdm(range(turns), desc="turns", unit="turn", disable=None):
            for i in range(len(ways)):
                ways[(turn + i) % len(ways)]()
    _check_agreement(result, found)
    return result


def _time(result: EndToEnd, name: str, run: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    value = run()
    result.seconds.setdefault(name, []).append(time.perf_counter() - start)
    return value


def _batches(dataset: WiderFace, truth: GroundTruth, size: int) -> list[np.ndarray]:
    """Make network inputs of the whole set, on which the floor's inference runs."""
    tensors = [
        preprocess(decode_image(dataset.read_bytes(name), name), PIPELINE)[0]
        for name in truth.images
    ]
    return [np.stack(tensors[i : i + size]) for i in range(0, len(tensors), size)]


def decode_all(dataset: WiderFace, truth: GroundTruth) -> None:
    def decode(name: str) -> None:
        data = np.frombuffer(dataset.read_bytes(name), np.uint8)
        if cv2.imdecode(data, cv2.IMREAD_COLOR) is None:
            raise DatasetError(f"cannot decode {name}")

    with ThreadPoolExecutor(n_usable_cpus()) as pool:
        for _ in pool.map(decode, truth.images):
            pass


def _check_agreement(result: EndToEnd, found: Mapping[str, Mapping[str, Predictions]]) -> None:
    n = n_unmatched = 0
    for name, ours in found["ours"].items():
        theirs = found["plain"][name]
        sides = [_corners(ours), ours.scores, _corners(theirs), theirs.scores]
        n += len(ours.scores) + len(theirs.scores)
        n_unmatched += match_detections(*sides).n_unmatched()
    result.unmatched = n_unmatched / max(n, 1)
    drift = max(abs(result.ap["ours"][s] - result.ap["plain"][s]) for s in result.ap["ours"])
    if result.unmatched > _MAX_UNMATCHED or drift > _MAX_UNMATCHED:
        raise DatasetError(
            f"the plain way and ours disagree: {result.unmatched:.4%} of the detections have no "
            f"counterpart, AP differs by up to {100 * drift:.3f} points; nothing was reported"
        )


def _corners(predictions: Predictions) -> np.ndarray:
    x, y, w, h = predictions.boxes_xywh.T
    return np.stack([x, y, x + w, y + h], axis=1)


@dataclass(frozen=True)
class Cell:
    """One row of the scaling table: the setting, and its time in each turn.

    `threads` is the number of threads in one call of the runtime; 0 leaves it to the engine.
    """

    images: int
    cores: int
    batch: int
    workers: int
    threads: int
    ms: tuple[float, ...] = ()
    peak_mib: tuple[float, ...] = ()

    @property
    def setting(self) -> dict[str, int]:
        """Give the setting without its results."""
        names = ("images", "cores", "batch", "workers", "threads")
        return {name: getattr(self, name) for name in names}


def scaling_cells(n_cores: int, n_images: int) -> list[Cell]:
    """List the settings: one value varies at a time around all cores, batch 32, a worker a core."""
    base = {
        "images": n_images,
        "cores": n_cores,
        "batch": 32,
        "workers": n_cores,
        "threads": 0,
    }
    cells = [base | {"images": n} for n in (100, n_images, 1000, 3226)]
    cells += [base | {"cores": 1, "workers": 1}]
    cells += [base | {"batch": n} for n in (1, 2, 4, 8, 16, 64)]
    cells += [base | {"workers": n} for n in (1, 2 * n_cores)]
    cells += [base | {"threads": n} for n in (1, n_cores)]
    unique = {tuple(cell.values()): cell for cell in cells}
    return [Cell(**cell) for cell in unique.values()]


def scale(
    cells: Sequence[Cell],
    widerface: Path,
    engine: str,
    *,
    turns: int,
    subset: str | None = None,
    model: Path | None = None,
) -> list[Cell]:
    """Run each cell in a process of its own, turn by turn; cores and peak memory are per process.

    Raises:
        DatasetError: A process failed; the message is its last line.
    """
    samples: list[list[dict[str, float]]] = [[] for _ in cells]
    with tqdm(total=turns * len(cells), desc="scaling", unit="run", disable=None) as bar:
        for _ in range(turns):
            for cell, values in zip(cells, samples, strict=True):
                command = [sys.executable, "-m", "benchmarks", "one", "--widerface", str(widerface)]
                command += ["--engine", engine]
                command += ["--subset", subset] if subset else []
                command += ["--model", str(model)] if model else []
                for name, value in cell.setting.items():
                    command += [f"--{name}", str(value)]
                run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
                if run.returncode != 0:
                    raise DatasetError(f"a run failed: {(run.stderr.splitlines() or ['?'])[-1]}")
                values.append(json.loads(run.stdout))
                bar.update()
    return [
        Cell(
            **cell.setting,
            ms=tuple(v["ms"] for v in values),
            peak_mib=tuple(v["peak_mib"] for v in values),
        )
        for cell, values in zip(cells, samples, strict=True)
    ]


def peak_resident_mib() -> float:
    """Read the most memory that this process has held, in MiB, from Linux's `VmHWM`.

    `ru_maxrss` of `getrusage` would start from what the process that forked this one held.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["VmHWM"].removesuffix("kB")) / 1024


def run_one(
    dataset: WiderFace, truth: GroundTruth, engine_name: str, cell: Cell, model: Path | None = None
) -> float:
    """Measure the milliseconds for one image, from the first read to the last detection.

    Args:
        truth: The images, which repeat up to `cell.images`.
        engine_name: See `open_engine`.
        cell: The setting; the process runs on its number of cores already.
        model: The file to load; None for an export of the published checkpoint.
    """
    n = len(truth.images)
    names = [f"{truth.images[i % n]}#{i // n}" for i in range(cell.images)]
    with open_engine(
        engine_name,
        model=model,
        max_batch=cell.batch,
        input_size_px=PIPELINE.input_size_px,
        threads=cell.threads or None,
        shares_cpus=True,
    ) as engine:
        start = time.perf_counter()
        stream = detect(
            engine,
            PIPELINE,
            names,
            lambda name: dataset.read_bytes(name.partition("#")[0]),
            batch_size=cell.batch,
            workers=cell.workers,
        )
        kept = dict(stream)
        seconds = time.perf_counter() - start
    if len(kept) != cell.images:
        raise DatasetError(f"expected {cell.images} results, got {len(kept)}")
    return 1e3 * seconds / cell.images
