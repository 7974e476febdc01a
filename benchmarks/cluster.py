"""Measure what a run on a cluster's workers costs, and what it saves, on this machine."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import psutil
from tqdm import tqdm

from benchmarks import instant
from retinaface.cluster.connection import connect
from retinaface.cluster.evaluation import Crew, crew
from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.catalogue import find_engine
from retinaface.engines.opening import open_engine
from retinaface.engines.specify import specify
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.evaluation import evaluate
from retinaface.widerface.ground_truth import GroundTruth

PIPELINE = PIPELINES["igie"]
_MIB = 2**20


def _settings(options: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        "max_batch": PIPELINE.batch_size,
        "input_size_px": PIPELINE.input_size_px,
        "shares_cpus": True,
        "options": dict(options or {}),
    }


@contextlib.contextmanager
def hired(
    scheduler: str,
    dataset: WiderFace,
    engine: str,
    *,
    keeps: bool,
    options: Mapping[str, str] | None = None,
) -> Iterator[Crew]:
    """Open an engine on each worker of a scheduler."""
    with crew(
        scheduler,
        specify(engine, **_settings(options)),
        find_engine(engine).factory,
        PIPELINE,
        dataset,
        sample=dataset.listed[0],
        batch_size=PIPELINE.batch_size,
        skip_bad_images=False,
        keeps_detections=keeps,
        resources={},
        started=lambda n, link: None,
    ) as found:
        yield found


def repeated(truth: GroundTruth, n: int) -> GroundTruth:
    """Repeat images until there are n; faces and names are the same objects."""
    times = -(-n // len(truth.images))
    return replace(
        truth,
        images=(truth.images * times)[:n],
        faces_xywh=(truth.faces_xywh * times)[:n],
        counted=(truth.counted * times)[:n],
    )


def speed(
    dataset: WiderFace, truth: GroundTruth, engine: str, *, workers: list[int], turns: int
) -> str:
    """Time one machine and local workers, turn by turn; engines are open before."""
    ways: dict[str, Any] = {}
    rates: dict[str, list[float]] = {}
    ap: dict[str, dict[str, float]] = {}
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(open_engine(engine, **_settings()))
        batch = PIPELINE.batch_size
        ways["one machine"] = lambda: evaluate(opened, PIPELINE, dataset, truth, batch_size=batch)
        for n in workers:
            for keeps, what in ((True, "detections"), (False, "AP alone")):
                one = stack.enter_context(hired(f"local:{n}", dataset, engine, keeps=keeps))
                ways[f"local:{n}, {what}"] = lambda one=one: one.evaluate(truth)
        for way in ways.values():  # what happens once only stays out
            way()
        for turn in tqdm(range(turns), desc="turns", unit="turn", disable=None):
            names = list(ways)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                started = time.perf_counter()
                result = ways[name]()
                rates.setdefault(name, []).append(
                    len(truth.images) / (time.perf_counter() - started)
                )
                ap[name] = result.ap
    assert all(found == ap["one machine"] for found in ap.values()), f"AP differs: {ap}"
    base = rates["one machine"]
    rows = [
        f"| {name} | {median(r):.1f} | {median(a / b for a, b in zip(r, base, strict=True)):.2f} |"
        for name, r in rates.items()
    ]
    head = ["| way | images/s | x one machine, median of turns |", "| --- | ---: | ---: |"]
    title = f"{len(truth.images)} images, `{engine}`, {turns} turns, equal AP in all ways."
    return "\n".join([title, "", *head, *rows]) + "\n"


def killed(dataset: WiderFace, truth: GroundTruth, engine: str, *, turns: int) -> str:
    """Time runs on two local workers, of which one is killed at a random time, and unbroken ones."""
    times: dict[str, list[float]] = {"unbroken": [], "one killed": []}
    lost = repeated_shards = 0
    rng = random.Random(0)
    for _ in tqdm(range(turns), desc="turns", unit="turn", disable=None):
        for name in times:
            with hired("local:2", dataset, engine, keeps=False) as workers:
                workers.evaluate(truth.part(0, 64))
                if name == "one killed":
                    usual = times["unbroken"][-1]
                    pid = next(iter(workers.workers.client.run(os.getpid).values()))
                    delay = rng.uniform(0.1, 0.9) * usual
                    threading.Timer(delay, os.kill, (pid, signal.SIGKILL)).start()
                started = time.perf_counter()
                workers.evaluate(truth)
                times[name].append(time.perf_counter() - started)
                lost += workers.happened.n_lost
                repeated_shards += workers.happened.n_repeated
    extra = [b - a for a, b in zip(*times.values(), strict=True)]
    return (
        f"{len(truth.images)} images, `{engine}`, local:2, {turns} turns: unbroken "
        f"{median(times['unbroken']):.1f} s, one worker killed {median(times['one killed']):.1f} s; "
        f"extra {median(extra):.1f} s ({min(extra):.1f} to {max(extra):.1f}), with the start of its "
        f"successor; {lost} lost, {repeated_shards} shards repeated.\n"
    )


def overhead(dataset: WiderFace, *, n_tasks: int = 500) -> str:
    """Time tasks that do nothing, and a run with an engine that answers at once."""
    with connect("local:2") as client:
        started = time.perf_counter()
        for begin in range(0, n_tasks, 4):
            client.gather([client.submit(int, begin + i, pure=False) for i in range(4)])
        task_ms = 1e3 * (time.perf_counter() - started) / n_tasks
    truth = repeated(dataset.select(), 4000)
    options = {"decoding": "remembered"}
    with open_engine(instant.NAME, **_settings()) as opened:
        few = truth.part(0, 400)
        started = time.perf_counter()
        evaluate(opened, PIPELINE, dataset, few, batch_size=PIPELINE.batch_size)
        alone_ms = 1e3 * (time.perf_counter() - started) / 400
    with hired("local:2", dataset, instant.NAME, keeps=False, options=options) as workers:
        workers.evaluate(truth.part(0, 400))
        started = time.perf_counter()
        workers.evaluate(truth)
        spread_ms = 1e3 * (time.perf_counter() - started) / len(truth.images)
    return (
        f"A task that does nothing: {task_ms:.1f} ms, {task_ms / 256:.3f} ms an image in shards of "
        f"256. With an engine that answers at once: one machine {alone_ms:.2f} ms an image with "
        f"decoding; local:2 {spread_ms:.2f} ms with pictures decoded once.\n"
    )


@dataclass
class _Memory:
    """Resident memory over time, MiB; the scheduler of `local:N` is in the client's process."""

    rows: list[tuple[float, float, float]]
    is_over: bool = False

    def watch(self, every_s: float) -> None:
        started, me = time.perf_counter(), psutil.Process()
        while not self.is_over:
            children = me.children(recursive=True)
            rss = [child.memory_info().rss / _MIB for child in children if child.is_running()]
            own = me.memory_info()
            now = time.perf_counter() - started
            self.rows.append((now, own.rss / _MIB, max(rss, default=0.0)))
            tqdm.write(
                f"{now:6.0f} s  client and scheduler {own.rss / _MIB:.0f} MiB  largest "
                f"worker {max(rss, default=0.0):.0f} MiB"
            )
            time.sleep(every_s)


def million(dataset: WiderFace, n_images: int, *, every_s: float = 20.0) -> str:
    """Run very many images by repetition, and watch memory.

    Pictures are decoded and prepared once in each worker and then copied from memory: decoding
    10^6 of them is known arithmetic, and would take hours. All else is a run's own work: reading,
    hashing, batches, boxes, suppression, matching, the way home, counts, AP.
    """
    truth, memory = repeated(dataset.select(), n_images), _Memory([])
    options = {"decoding": "remembered"}
    with hired("local:2", dataset, instant.NAME, keeps=False, options=options) as workers:
        watcher = threading.Thread(target=memory.watch, args=(every_s,), daemon=True)
        watcher.start()
        started = time.perf_counter()
        figures = workers.evaluate(truth, progress=True)
        spent_s = time.perf_counter() - started
        memory.is_over = True
    rows = memory.rows[:: max(1, len(memory.rows) // 8)]
    head = ["| s | client and scheduler, MiB | largest worker, MiB |", "| ---: | ---: | ---: |"]
    table = [f"| {s:.0f} | {own:.0f} | {worker:.0f} |" for s, own, worker in rows]
    title = (
        f"{figures.n_images} images ({len(dataset.listed)} repeated, decoded once in each worker), "
        f"{figures.n_detections} detections, local:2: {spent_s:.0f} s, "
        f"{n_images / spent_s:.0f} images/s."
    )
    return "\n".join([title, "", *head, *table]) + "\n"
