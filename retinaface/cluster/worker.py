"""What runs on a worker: one engine, opened once, in one thread; shards go through it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from retinaface.cluster.sent_files import SentFile, as_named_by_client, unpack
from retinaface.cluster.shard_results import ShardDetections, ShardTally, detect_shard, tally
from retinaface.cluster.versions import check_equal, versions
from retinaface.detection.pipelines import Pipeline
from retinaface.engines.base import Engine
from retinaface.engines.opening import build_engine
from retinaface.engines.spec import EngineSpec
from retinaface.errors import ClusterError, DatasetError, RetinaFaceError
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray
from retinaface.widerface.dataset import WiderFace
from retinaface.widerface.ground_truth import GroundTruth


@dataclass(frozen=True)
class Mission:
    """What every worker needs to know of a run.

    Attributes:
        spec: As on the machine of the command; `files` are what its paths name.
        factory: Of the engine, `package.module:name`.
        dataset: The images, without ground truth.
        sample: An image that must be there.
        keeps_detections: Whether all detections go home, or only what AP needs.
        versions: Of the machine of the command.
        n_local: Number of workers, where all are on this machine and share its processors.
    """

    spec: EngineSpec
    factory: str
    files: tuple[SentFile, ...]
    pipeline: Pipeline
    batch_size: int
    dataset: WiderFace
    sample: str
    skip_bad_images: bool
    keeps_detections: bool
    versions: Mapping[str, str]
    n_local: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a task gives: a value, or the error that a person is to read.

    Attributes:
        worker: Its address.
        runtime: Of its engine, with the version; None where it opened none.
    """

    worker: str
    value: Any = None
    error: RetinaFaceError | None = None
    runtime: str | None = None


def check_outcome(outcome: object, what: str) -> None:
    """Refuse what is no outcome of a task of this package.

    Raises:
        ClusterError: Says what came, and on what.
    """
    if not isinstance(outcome, Outcome):
        got = f"a {type(outcome).__name__}"
    elif outcome.error is not None and not isinstance(outcome.error, RetinaFaceError):
        got = f"an error of type {type(outcome.error).__name__}"
    elif not isinstance(outcome.worker, str):
        got = "an outcome that names no worker"
    else:
        return
    raise ClusterError(
        f"{what}: a worker answered with {got}, expected an outcome of this package; start all "
        "workers in the same environment"
    )


@dataclass(frozen=True)
class _Opened:
    engine: Engine
    folder: Path


class EnginePlugin(WorkerPlugin):
    """Holds the engine of a run on a worker, from the first task to the end of the run."""

    def __init__(self, mission: Mission) -> None:
        """Take what is sent; the rest begins on the worker."""
        self.mission = mission

    def setup(self, worker: Worker) -> None:
        """Start the thread of the engine, which most runtimes expect to stay the same."""
        self._address, self._scratch = worker.address, worker.local_directory
        self._opened: _Opened | None = None
        n = self.mission.n_local
        share = None if n is None else processors_of(int(worker.name), n)
        self._thread = ThreadPoolExecutor(1, "retinaface-engine", partial(_keep_to, share))

    def teardown(self, worker: Worker) -> None:
        """Close the engine and remove its files, after the task that may still run."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def run(self, what: Callable[[Engine, Mission], Any]) -> Outcome:
        """Run something with the engine; what a person can act on becomes an error that says so."""
        return self._thread.submit(self._run, what).result()

    def _run(self, what: Callable[[Engine, Mission], Any]) -> Outcome:
        try:
            engine = self._engine()
            value, runtime = what(engine, self.mission), engine.describe().get("runtime")
        except RetinaFaceError as error:
            named = type(error)(f"worker {self._address}: {error}")
            return Outcome(self._address, error=named)
        except OSError as error:  # a full disk, a lost share
            why = f"worker {self._address}: {type(error).__name__}: {error}"
            return Outcome(self._address, error=ClusterError(f"{why}; mend it, or stop the worker"))
        return Outcome(self._address, value, runtime=runtime)

    def _engine(self) -> Engine:
        if self._opened is None:
            mission = self.mission
            check_equal(
                versions(),
                mission.versions,
                where_one=f"on the worker {self._address}",
                where_other="where the command runs",
            )
            if not mission.dataset.store.has(mission.sample):
                raise DatasetError(
                    f"{mission.sample}.jpg is not in {mission.dataset.root} as this worker sees "
                    "it; share the folder with all workers, at the same path"
                )
            folder = Path(tempfile.mkdtemp(prefix="retinaface-", dir=self._scratch))
            spec = unpack(mission.spec, mission.files, folder)
            self._opened = _Opened(build_engine(spec, mission.factory), folder)
        return self._opened.engine

    def facts(self, engine: Engine) -> dict[str, Any]:
        """Describe the engine, with the paths of the command's machine."""
        folder = Path() if self._opened is None else self._opened.folder
        facts: dict[str, Any] = as_named_by_client(engine.describe(), self.mission.spec, folder)
        return facts

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.engine.close()
            shutil.rmtree(self._opened.folder, ignore_errors=True)
            self._opened = None


def processors_of(i: int, n: int) -> list[int] | None:
    """Give the processors of the i-th of n workers that share a machine; None where unknown."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    all_of = sorted(os.sched_getaffinity(0))
    if n >= len(all_of):
        return [all_of[i % len(all_of)]]
    i %= n
    return all_of[i * len(all_of) // n : (i + 1) * len(all_of) // n]


def _keep_to(processors: list[int] | None) -> None:
    """Keep this thread, and those that it starts, to some processors."""
    if processors:
        os.sched_setaffinity(0, processors)


def _plugin(name: str) -> EnginePlugin:
    plugin = get_worker().plugins[name]
    if not isinstance(plugin, EnginePlugin):
        raise TypeError(f"plugin {name} is a {type(plugin).__name__}, expected EnginePlugin")
    return plugin


def introduce(name: str) -> Outcome:
    """Open the engine of a run on this worker; give its description."""
    plugin = _plugin(name)
    return plugin.run(lambda engine, _mission: plugin.facts(engine))


def run_shard(name: str, truth: GroundTruth) -> Outcome:
    """Run a shard on this worker; give `ShardDetections` or `ShardTally`."""

    def detect(engine: Engine, mission: Mission) -> ShardDetections | ShardTally:
        found = detect_shard(
            engine,
            mission.pipeline,
            mission.batch_size,
            mission.dataset,
            truth,
            skip_bad_images=mission.skip_bad_images,
        )
        return found if mission.keeps_detections else tally(found, truth)

    return _plugin(name).run(detect)


def infer(name: str, images: FloatArray) -> Outcome:
    """Run the network on this worker; give `RawOutputs`."""

    def run(engine: Engine, _mission: Mission) -> RawOutputs:
        return engine.infer(images)

    return _plugin(name).run(run)
