"""Open what runs an evaluation: an engine of this machine, or those of a cluster's workers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinaface.cli.output.options import wants_progress
from retinaface.telling.visible import told

if TYPE_CHECKING:
    from msgspec import UnsetType

    from retinaface.cli.answers.accuracy import ClusterRun
    from retinaface.cli.evaluation_record import Selected
    from retinaface.cluster.evaluation import Crew
    from retinaface.cluster.tally import Figures
    from retinaface.engines.base import Engine
    from retinaface.widerface.evaluation import Evaluation
    from retinaface.widerface.unfinished.parts import Parts


@dataclass(frozen=True)
class Runner:
    """Runs an evaluation.

    Attributes:
        engine: Open, here or on a worker.
        crew: The workers; None on this machine alone.
    """

    engine: Engine
    selected: Selected
    settings: Mapping[str, Any]
    crew: Crew | None = None

    @contextlib.contextmanager
    def parts(self, *, resumes: bool) -> Iterator[Parts | None]:
        """Keep what is found until the block ends without an error; on this machine alone."""
        from retinaface.cli.unfinished import open_parts

        if self.crew is not None:
            yield None
            return
        parts = open_parts(self.engine, self.selected, self.settings, resumes=resumes)
        is_whole = False
        try:
            yield parts
            is_whole = True
        finally:
            if parts is not None:
                parts.close(is_whole=is_whole)

    def evaluate(self, predictions_dir: Path | None, parts: Parts | None) -> Evaluation | Figures:
        """Run all images; see `widerface.evaluation.evaluate`."""
        from retinaface.detection.pipelines import PIPELINES
        from retinaface.widerface.evaluation import evaluate

        truth, progress = self.selected.truth, wants_progress()
        if self.crew is not None:
            return self.crew.evaluate(truth, predictions_dir=predictions_dir, progress=progress)
        return evaluate(
            self.engine,
            PIPELINES[self.settings["pipeline"]],
            self.selected.dataset,
            truth,
            batch_size=self.settings["batch"],
            skip_bad_images=self.settings["skip_bad_images"],
            predictions_dir=predictions_dir,
            progress=progress,
            parts=parts,
        )

    def notes(self) -> list[str]:
        """Say who ran it, where it was not this machine alone."""
        return [] if self.crew is None else [self.crew.note()]

    def cluster(self, result: Evaluation | Figures) -> ClusterRun | UnsetType:
        """Give what the answer says of the cluster."""
        from msgspec import UNSET

        from retinaface.cli.answers.accuracy import ClusterRun

        if self.crew is None:
            return UNSET
        happened = self.crew.happened
        return ClusterRun(
            scheduler=self.crew.scheduler,
            dashboard=self.crew.dashboard,
            n_workers=happened.n_workers,
            n_lost=happened.n_lost,
            n_repeated=happened.n_repeated,
            images_per_s=result.n_images / result.detect_s,
        )


@contextlib.contextmanager
def open_runner(
    engine: str,
    scheduler: str | None,
    resources: Mapping[str, float],
    selected: Selected,
    settings: Mapping[str, Any],
    **opening: Any,
) -> Iterator[Runner]:
    """Open an engine, here or on each worker of a scheduler.

    Args:
        resources: What a worker must declare.
        opening: See `EngineSettings`.
    """
    if scheduler is None:
        from retinaface.engines.opening import open_engine

        with open_engine(engine, **opening) as opened:
            yield Runner(opened, selected, settings)
        return
    from retinaface.cluster.evaluation import crew
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.catalogue import find_engine
    from retinaface.engines.opening import check_named_options
    from retinaface.engines.specify import specify

    check_named_options(engine, opening["options"])
    hired = crew(
        scheduler,
        specify(engine, **opening),
        find_engine(engine).factory,
        PIPELINES[settings["pipeline"]],
        selected.dataset,
        sample=selected.truth.images[0],
        batch_size=settings["batch"],
        skip_bad_images=settings["skip_bad_images"],
        keeps_detections=settings["keeps_detections"],
        resources=resources,
        started=_say_started,
    )
    with hired as workers:
        yield Runner(workers.engine, selected, settings, workers)


def _say_started(n_workers: int, dashboard: str) -> None:
    if wants_progress():
        click.echo(told(f"{n_workers} workers; dashboard: {dashboard}"), err=True)


def check_resources(scheduler: str | None, resources: Mapping[str, float]) -> None:
    """Refuse resources of workers where there are none."""
    if resources and scheduler is None:
        raise click.UsageError("--worker-resource is of the workers of --scheduler; name one")
