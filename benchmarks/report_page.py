"""Measure the report of many runs: its size, the time to write it, the time to show it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np

from retinaface.checks.speed.timing import summarise
from retinaface.detection.detections import Detections
from retinaface.files import new_dir
from retinaface.records.read import Run, read_run
from retinaface.records.write import Kept, write_record
from retinaface.report import write_report
from retinaface.widerface.average_precision import average_precision
from retinaface.widerface.dataset import WiderFace
from tests.support.chromium import open_chromium

# How far boxes move in a run that drifted, in pixels, and how many faces it no longer finds.
_SHIFT_PX = 3.0
_LOST = 0.002
# When the page was shown and loaded, in milliseconds after the request; null until then.
_TIMES = """() => {
    const load = performance.getEntriesByType('navigation')[0].loadEventEnd;
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    return load > 0 && paint ? {load, shown: paint.startTime} : null;
}"""


@dataclass(frozen=True)
class Measured:
    """The cost of a report.

    Attributes:
        n_images: Images of each result.
        n_results: Results of each run.
        n_pictures: Pairs of pictures that the file holds.
        write_s: Seconds to compare the runs and write the report.
        load_ms: From the request to the end of the load event, for each turn.
        shown_ms: From the request to the first paint with content, for each turn.
    """

    n_runs: int
    n_images: int
    n_results: int
    n_pictures: int
    size_mib: float
    write_s: float
    load_ms: list[float]
    shown_ms: list[float]


def drifted(run: Run, folder: Path, seed: int) -> Run:
    """Copy a run, move its boxes and lose some of its faces; give the copy its own figures."""
    rng = np.random.default_rng(seed)
    kept, drifted_counts = {}, {}
    for result_id in run.results:
        by_image, scored = run.detections(result_id), run.counts(result_id)
        if by_image is None or scored is None:
            continue
        images, counts = scored
        moved = {image: _moved(found, rng) for image, found in by_image.items()}
        is_hit = counts.is_hit & (rng.random(len(counts.is_hit)) >= _LOST * seed)[:, None]
        drifted_counts[result_id] = replace(counts, is_hit=is_hit)
        kept[result_id] = Kept(moved, drifted_counts[result_id], images)
    data = msgspec.to_builtins(run.record)
    for result in data["results"]:
        result["layers"] = _layers(rng, seed)
        if result["id"] in drifted_counts:
            result["ap"] = average_precision(drifted_counts[result["id"]])
        for speed in result.setdefault("speed", {"network": _speed(rng)}).values():
            rate = speed.get("images_per_s")
            n_images = None if rate is None else round(rate * speed["median_s"])
            slower = [(1 + 0.02 * seed) * sample for sample in speed["samples_s"]]
            speed.update(summarise(slower, n_images))
    with new_dir(folder) as target:
        write_record(target, data, kept)
    return read_run(folder)


def _moved(found: Detections, rng: np.random.Generator) -> Detections:
    shift = np.float32(rng.normal(0, _SHIFT_PX, (len(found.scores), 1)))
    return replace(found, boxes_xyxy=found.boxes_xyxy + shift)


def _layers(rng: np.random.Generator, seed: int) -> list[dict[str, Any]]:
    errors = (1 + 0.2 * seed) * rng.uniform(0.5, 2, 70)
    return [
        {"layer": f"layer {i}", "max_abs": error, "noise_floor": 1.0}
        for i, error in enumerate(errors.tolist())
    ]


def _speed(rng: np.random.Generator) -> dict[str, Any]:
    return summarise(rng.lognormal(-2, 0.1, 100).tolist(), 32)


def measure(
    run: Run, dataset: WiderFace, folder: Path, *, n_runs: int, n_pictures: int, turns: int
) -> Measured:
    """Write the report of a run and its drifted copies, and open it in Chromium.

    Args:
        run: Any record with detections and counts.
        folder: An empty folder, for the records and the report.
        n_pictures: Pictures for each comparison.
        turns: How many times to open it, each time in a fresh profile.
    """
    runs = [run, *(drifted(run, folder / f"run-{i}", i) for i in range(1, n_runs))]
    output = folder / "report.html"
    start = time.perf_counter()
    page = write_report(runs, [], output, title="Many runs", dataset=dataset, n_images=n_pictures)
    write_s = time.perf_counter() - start
    times = _open(output, turns)
    return Measured(
        n_runs=len(runs),
        n_images=max(len(run.detections(name) or {}) for name in run.results),
        n_results=len(run.results),
        n_pictures=sum(bool(picture.views) for picture in page.pictures),
        size_mib=output.stat().st_size / 2**20,
        write_s=write_s,
        load_ms=[one["load"] for one in times],
        shown_ms=[one["shown"] for one in times],
    )


def _open(file: Path, turns: int) -> Sequence[dict[str, float]]:
    times = []
    with open_chromium() as browser:
        for _ in range(turns):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.goto(file.as_uri(), wait_until="load")
            times.append(page.wait_for_function(_TIMES).json_value())
            context.close()
    return times


def section(measured: Measured) -> str:
    """Write the Markdown of one measurement."""
    ranges = [
        f"{median(values):.0f} ms ({min(values):.0f} to {max(values):.0f}, {len(values)} turns)"
        for values in (measured.shown_ms, measured.load_ms)
    ]
    return (
        f"{measured.n_runs} runs of {measured.n_results} results over {measured.n_images} images, "
        f"{measured.n_pictures} pairs of pictures: {measured.size_mib:.2f} MiB, compared and "
        f"written in {measured.write_s:.1f} s. Chromium shows the first content after {ranges[0]}, "
        f"and has loaded everything after {ranges[1]}.\n"
    )
