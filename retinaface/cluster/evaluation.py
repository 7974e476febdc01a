"""Evaluate an engine on the workers of a scheduler; the result is that of one machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from retinaface.cluster.connection import connect, n_local
from retinaface.cluster.engine import ClusterEngine
from retinaface.cluster.in_order import Happened, InOrder
from retinaface.cluster.sent_files import pack
from retinaface.cluster.shard_results import check_result
from retinaface.cluster.shards import Shard, Shards, border_step
from retinaface.cluster.tally import Figures, Tally
from retinaface.cluster.versions import versions
from retinaface.cluster.workers import Workers, employ, introduce_all
from retinaface.detection.detections import Detections
from retinaface.detection.pipelines import Pipeline
from retinaface.engines.spec import EngineSpec
from retinaface.telling.visible import visible
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.evaluation import Evaluation, conclude
from retinaface.widerface.ground_truth import GroundTruth
from retinaface.widerface.predictions import write_predictions
from retinaface.widerface.stores.disk import ImageFolder
from retinaface.widerface.unfinished.found import Found

if TYPE_CHECKING:
    from distributed import Future

    from retinaface.cluster.shard_results import ShardDetections, ShardTally


@dataclass(frozen=True)
class Crew:
    """Workers whose engines are open.

    Attributes:
        engine: Runs on one of them.
        dashboard: Address of the scheduler's pages.
        happened: Grows while they work.
    """

    workers: Workers
    engine: ClusterEngine
    scheduler: str
    dashboard: str
    step: int
    happened: Happened
    keeps_detections: bool

    def evaluate(
        self,
        truth: GroundTruth,
        *,
        predictions_dir: Path | None = None,
        progress: bool = False,
    ) -> Evaluation | Figures:
        """Run a selection of the data set; see `widerface.evaluation.evaluate`.

        Returns:
            An `Evaluation` where detections are kept; else figures alone, in memory that does not
            grow with the number of images.
        """
        shards = Shards(len(truth.images), self.step)

        def check(shard: Shard, value: Any) -> None:
            asked = truth.images[shard.begin : shard.end]
            check_result(value, asked, keeps_detections=self.keeps_detections)

        send = self._sender(truth)
        stream = InOrder(self.workers, shards, send, self.happened, check).results()
        title = f"{self.engine.spec.name} on {self.happened.n_workers} workers"
        hidden = None if progress else True
        with tqdm(
            total=len(truth.images), unit="image", desc=visible(title), disable=hidden
        ) as bar:
            counted = _counted(stream, bar)
            if self.keeps_detections:
                return _collect(counted, truth, predictions_dir)
            return _sum(counted)

    def _sender(self, truth: GroundTruth) -> Callable[[Shard, str | None], Future[Any]]:
        from retinaface.cluster.worker import run_shard

        def send(shard: Shard, only_on: str | None) -> Future[Any]:
            part = truth.part(shard.begin, shard.end)
            return self.workers.submit(run_shard, part, only_on=only_on)

        return send

    def note(self) -> str:
        """Say in a line who ran it, and what was made good."""
        happened = self.happened
        lost = (
            f"; {happened.n_lost} lost on the way, {happened.n_repeated} shards ran twice"
            if happened.n_lost or happened.n_repeated
            else ""
        )
        return f"on {happened.n_workers} workers of {self.scheduler}{lost}"


@contextlib.contextmanager
def crew(
    scheduler: str,
    spec: EngineSpec,
    factory: str,
    pipeline: Pipeline,
    dataset: WiderFace,
    *,
    sample: str,
    batch_size: int,
    skip_bad_images: bool,
    keeps_detections: bool,
    resources: Mapping[str, float],
    started: Callable[[int, str], None],
) -> Iterator[Crew]:
    """Connect to workers, and open an engine on each.

    Args:
        scheduler: See `connect`.
        spec: From `specify`.
        factory: Of the engine, `package.module:name`.
        sample: An image that each worker must see.
        keeps_detections: Whether all detections come home.
        resources: What a worker must declare, such as one GPU.
        started: Gets the number of workers and the address of the dashboard.

    Raises:
        ClusterError: The workers cannot be reached or used.
        RetinaFaceError: A worker cannot open the engine.
    """
    from retinaface.cluster.worker import Mission

    step = border_step(pipeline, batch_size)
    mission = Mission(
        spec,
        factory,
        pack(spec),
        pipeline,
        batch_size,
        images_alone(dataset),
        sample,
        skip_bad_images,
        keeps_detections,
        versions(),
        n_local(scheduler),
    )
    with connect(scheduler) as client, employ(client, mission, resources) as workers:
        started(len(workers.addresses()), client.dashboard_link)
        facts = introduce_all(workers)
        engine = ClusterEngine(spec, next(iter(facts.values())), workers)
        happened = Happened(n_workers=len(facts))
        link = client.dashboard_link
        yield Crew(workers, engine, scheduler, link, step, happened, keeps_detections)


def images_alone(dataset: WiderFace) -> WiderFace:
    """Leave the ground truth out, and name the folder so that every machine can open it."""
    root, store = dataset.root, dataset.store
    if isinstance(root, Path):
        root = root.absolute()
    if isinstance(store, ImageFolder):
        store = ImageFolder(store.folder.absolute())
    return replace(dataset, root=root, truth=dataset.truth.part(0, 0), listed=(), store=store)


def _counted(stream: Iterator[tuple[Shard, Any]], bar: tqdm[Any]) -> Iterator[Any]:
    for shard, result in stream:
        yield result
        bar.update(shard.n_images)


def _collect(
    results: Iterator[ShardDetections], truth: GroundTruth, predictions_dir: Path | None
) -> Evaluation:
    started = time.perf_counter()
    found, hashes = Found({}, {}, {}), dict[str, str]()
    for shard in results:
        hashes |= shard.image_sha256
        for image, result in shard.results:
            found.add(image, result)
            if predictions_dir is not None and isinstance(result, Detections):
                write_predictions(predictions_dir, image, result.boxes_xyxy, result.scores)
    ended = conclude(found, truth, time.perf_counter() - started, hashes)
    if isinstance(ended, Exception):
        raise ended
    return ended


def _sum(results: Iterator[ShardTally]) -> Figures:
    started = time.perf_counter()
    with Tally() as tally:
        for shard in results:
            tally.add(shard)
        return tally.conclude(time.perf_counter() - started)
