"""Time the accuracy part of `validate`: all pipelines of one engine in one pass over the images."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median

import numpy as np
from tqdm import tqdm

from benchmarks.measure import decode_all
from retinaface.detection.images import decode_image
from retinaface.detection.pipelines import PIPELINES, preprocess
from retinaface.environment import n_usable_cpus
from retinaface.errors import DatasetError
from retinaface.suite.judged.evaluations import Measured, measure
from retinaface.suite.pool import EnginePool
from retinaface.suite.target import make_target
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.ground_truth import GroundTruth

# Images whose inputs are made, without the clock, before inference of all their batches is timed.
_CHUNK = 64


@dataclass
class Together:
    """Seconds of each step, turn by turn.

    Attributes:
        n_images: Of a turn.
        seconds: One value for each turn, by step: `decoding`, `inference` in one call at a time,
            `inference in calls` at a time, `together`, `alone`.
        ap: Of each pipeline, in one pass and alone: they are the same.
    """

    n_images: int
    engine: str
    pipelines: tuple[str, ...]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    ap: dict[str, dict[str, float]] = field(default_factory=dict)

    def ratios(self, inference: str = "inference") -> list[float]:
        """Divide one pass by one decoding and all inference of the same turn."""
        s = self.seconds
        steps = zip(s["together"], s["decoding"], s[inference], strict=True)
        return [ours / (decoding + inferring) for ours, decoding, inferring in steps]

    def savings(self) -> list[float]:
        """Divide the pipelines alone, one after another, by one pass of the same turn."""
        pairs = zip(self.seconds["alone"], self.seconds["together"], strict=True)
        return [alone / ours for alone, ours in pairs]


def time_together(
    dataset: WiderFace,
    subset: str | None,
    engine_name: str,
    *,
    turns: int,
    pipelines: Sequence[str] = tuple(PIPELINES),
) -> Together:
    """Time, in turns: decoding, inference, all pipelines in one pass, and one after another.

    What is timed of ours is what `validate` does: reading, hashing, decoding, preparing, inference
    behind a witness, boxes, counts, AP, and a few images traced. Engines are open before.

    Raises:
        DatasetError: One pass and single ones disagree, so the times mean nothing.
    """
    target = make_target(engines=(engine_name,), pipelines=tuple(pipelines), subset=subset)
    truth = dataset.select(subset)
    result = Together(len(truth.images), engine_name, tuple(pipelines))
    with closing(EnginePool(target)) as pool:

        def floor(seconds: dict[str, float]) -> None:
            started = time.perf_counter()
            decode_all(dataset, truth)
            seconds["decoding"] = time.perf_counter() - started
            seconds |= _inference_s(pool, dataset, truth, engine_name, pipelines)

        def together(seconds: dict[str, float]) -> None:
            started = time.perf_counter()
            _check(result, measure(pool, dataset, engine_name, pipelines)[0])
            seconds["together"] = time.perf_counter() - started

        def alone(seconds: dict[str, float]) -> None:
            started = time.perf_counter()
            for name in pipelines:
                _check(result, measure(pool, dataset, engine_name, [name])[0])
            seconds["alone"] = time.perf_counter() - started

        ways = [floor, together, alone]
        for way in ways:  # what happens once only stays out
            way({})
        for turn in tqdm(range(turns), desc="turns", unit="turn", disable=None):
            seconds: dict[str, float] = {}
            for i in range(len(ways)):
                ways[(turn + i) % len(ways)](seconds)
            for step, value in seconds.items():
                result.seconds.setdefault(step, []).append(value)
    return result


def _check(result: Together, found: Mapping[str, Measured | Exception]) -> None:
    for name, measured in found.items():
        if isinstance(measured, Exception):
            raise measured
        ap = measured.evaluation.ap
        if result.ap.setdefault(name, ap) != ap:
            raise DatasetError(
                f"{name}: AP {result.ap[name]} and {ap} in two passes; nothing was reported"
            )


def _inference_s(
    pool: EnginePool,
    dataset: WiderFace,
    truth: GroundTruth,
    engine_name: str,
    pipelines: Sequence[str],
) -> dict[str, float]:
    """Time inference of the batches of every pipeline, with nothing beside it, in both ways."""
    seconds = {"inference": 0.0, "inference in calls": 0.0}
    for start in range(0, len(truth.images), _CHUNK):
        names = truth.images[start : start + _CHUNK]
        with ThreadPoolExecutor(n_usable_cpus()) as threads:
            decode = lambda name: decode_image(dataset.read_bytes(name), name)  # noqa: E731
            images = list(threads.map(decode, names))
        for name in pipelines:
            recipe = PIPELINES[name]
            tensors = [preprocess(image, recipe)[0] for image in images]
            batches = list(_batches(tensors, recipe.batch_size))
            for way, shares in (("inference", False), ("inference in calls", True)):
                engine = pool.get(engine_name, size_px=recipe.input_size_px, shares_cpus=shares)
                with ThreadPoolExecutor(engine.parallel_calls) as threads:
                    started = time.perf_counter()
                    list(threads.map(engine.infer, batches))
                    seconds[way] += time.perf_counter() - started
    return seconds


def _batches(tensors: Sequence[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Stack neighbours of one size."""
    for _, same in groupby(tensors, key=lambda tensor: tensor.shape):
        equal = list(same)
        yield from (np.stack(equal[i : i + size]) for i in range(0, len(equal), size))


def section(result: Together) -> str:
    """Write what was found, medians and ranges of the turns, in Markdown."""
    rows = {
        "one decoding": result.seconds["decoding"],
        "all inference, one call at a time with the runtime's own threads": result.seconds[
            "inference"
        ],
        "all inference, in calls at a time, as in a pass": result.seconds["inference in calls"],
        "ours: one pass": result.seconds["together"],
        "ours: a pass for each pipeline": result.seconds["alone"],
    }
    lines = [
        f"{result.n_images} images, `{result.engine}`, {', '.join(result.pipelines)}, "
        f"{len(result.seconds['together'])} turns.",
        "",
        f"- **{_spread(result.ratios())} x one decoding and all inference, one call at a time**",
        f"- {_spread(result.ratios('inference in calls'))} x one decoding and all inference in "
        "calls at a time",
        f"- {_spread(result.savings())} x faster than the pipelines one after another",
        "",
        "| median of the turns | ms an image |",
        "| --- | ---: |",
        *(f"| {name} | {1e3 * median(s) / result.n_images:.2f} |" for name, s in rows.items()),
    ]
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
