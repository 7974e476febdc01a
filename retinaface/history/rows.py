"""The row of a run in the index: what lists and series need of a record, as figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Literal

from msgspec import Struct, structs

from retinaface.checks.accuracy import smallest_effect
from retinaface.checks.speed.gate import LEAST_NOISE
from retinaface.checks.speed.machine import MachineNoise
from retinaface.errors import RecordError
from retinaface.records.read import Run
from retinaface.records.schema import CheckResult, Result
from retinaface.verdicts import SKIPPED

# Ten thousand rows are read at once; nothing in them refers back, so `gc=False` spares a search.
Kind = Literal["AP", "speed", "margin"]
# A margin, in percent of its limit, that is lost before it counts as a change.
MARGIN_EFFECT = 10.0
MARGIN = "least margin"
# Limits of ratios of times say how steady a run was; their margins are the machine's.
_TIMES_UNIT = "times"


class Figure(Struct, frozen=True, array_like=True, gc=False):
    """One figure of a result.

    Attributes:
        metric: `AP hard`, `network`, `least margin`.
        unit: `%`, `images/s`, `% of the limit`.
        basis: What it depends on beside engine, pipeline, batch and device; only figures of one
            basis share a line.
        smallest: The smallest change that counts: in units, or as a ratio of rates minus 1.
        busy: What else the machine did; empty where it was quiet or nobody knows.
        note: The check that has the margin.
    """

    kind: Kind
    metric: str
    unit: str
    basis: str
    value: float
    smallest: float
    busy: str = ""
    note: str = ""


class Subject(Struct, frozen=True, array_like=True, gc=False, order=True):
    """What was measured, and on what; only figures of one subject share a line."""

    engine: str
    pipeline: str
    batch: int
    precision: str
    device: str
    is_cpu: bool

    @property
    def owner(self) -> str:
        """Name the engine and its device."""
        return f"{self.engine} on {self.device}"

    @property
    def setting(self) -> str:
        """Name pipeline and batch; empty for a figure of the engine alone."""
        return f"{self.pipeline} b{self.batch}" if self.batch else ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.engine, self.setting)))


class RunRow(Struct, frozen=True, array_like=True, gc=False):
    """A run.

    Attributes:
        name: Of its folder.
        created: Seconds since 1970.
        verdict: Empty where nothing was judged.
        commit: Of the checkout; empty where the record does not say.
        runtimes: With their versions.
        figures: By what was measured.
    """

    name: str
    created: float
    verdict: str
    state: str
    commit: str
    runtimes: tuple[str, ...]
    n_tests: int
    n_skipped: int
    figures: tuple[tuple[Subject, tuple[Figure, ...]], ...]

    @property
    def date(self) -> str:
        """Give the day and the minute, in UTC."""
        return datetime.fromtimestamp(self.created, timezone.utc).strftime("%Y-%m-%d %H:%M")


def row_of(run: Run) -> RunRow:
    """Make the row of a record.

    Raises:
        RecordError: It does not say when it was made.
    """
    record = run.record
    described = {r.key.engine: r.engine for r in run.results.values() if r.engine.get("device")}
    outcomes = [str(test.verdict) for test in run.tests.values()]
    figures = []
    for result in run.results.values():
        if found := tuple(_figures(run, result)):
            figures.append((_subject(run, result, described), found))
    runtimes = [str(e["runtime"]) for e in described.values() if e.get("runtime")]
    return RunRow(
        name=run.name,
        created=moment(record.created, run),
        verdict=run.verdict or "",
        state=record.state,
        commit=record.commit or "",
        runtimes=tuple(dict.fromkeys(runtimes)),
        n_tests=len(outcomes),
        n_skipped=outcomes.count(SKIPPED),
        figures=tuple(figures),
    )


def moment(created: str, run: Run) -> float:
    """Read when a record was made, as seconds since 1970; a time without a zone is UTC."""
    try:
        found = datetime.fromisoformat(created.replace("Z", "+00:00"))
    except ValueError:
        raise RecordError(
            f"record {run.folder} was made {created!r}: expected a date as 2026-11-27T06:30:00; "
            "run again with --record, or restore the file"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def _subject(run: Run, result: Result, described: Mapping[str, Mapping[str, Any]]) -> Subject:
    key = result.key
    engine = result.engine or described.get(key.engine, {})
    kind = str(engine.get("device") or "")
    return Subject(
        engine=key.engine,
        pipeline=key.pipeline,
        batch=key.batch or 0,
        precision=result.precision or str(engine.get("precision") or ""),
        device=_device(run, engine),
        is_cpu=kind == "cpu",
    )


def _device(run: Run, engine: Mapping[str, Any]) -> str:
    """Name the processor with its number of cores, or the accelerator."""
    if engine.get("device_name"):
        return str(engine["device_name"])
    facts = run.environment
    if engine.get("device") == "cpu":
        n_cpus = facts.get("n_cpus")
        return str(facts["cpu"]) + (f", {n_cpus} cores" if n_cpus else "")
    names = [str(one.get("name")) for one in facts.get("accelerators") or []]
    return names[0] if names else str(engine.get("device") or "device not known")


def _figures(run: Run, result: Result) -> Iterator[Figure]:
    weights = f"weights {_weights(run, result)}"
    images = result.image_files_sha256 or result.images_sha256 or ""
    scored = f"{result.n_images} images {images[:8]}, {weights}" if result.ap else weights
    if result.scoring not in ("", "official"):
        scored += f", scoring {result.scoring}"
    for split, value in result.ap.items():
        if math.isfinite(value):
            smallest = smallest_effect(result.n_images or 0, is_embedded=run.is_embedded)
            yield Figure("AP", f"AP {split}", "%", scored, 100 * value, smallest)
    yield from _rates(result)
    if (least := _least_margin(result)) is not None:
        value, name = least
        unit = "% of the limit"
        yield Figure("margin", MARGIN, unit, scored, value, MARGIN_EFFECT, note=name)


def _rates(result: Result) -> Iterator[Figure]:
    threads, options = result.engine.get("threads"), result.engine.get("options") or {}
    words = [f"threads {threads}"] if threads else []
    basis = ", ".join(words + [f"{key} {value}" for key, value in sorted(options.items())])
    for timed, speed in result.speed.items():
        rate = speed.images_per_s
        if rate is None or not (math.isfinite(rate) and rate > 0):
            continue
        noise = speed.machine
        busy = MachineNoise(**structs.asdict(noise)).problems() if noise is not None else []
        yield Figure("speed", timed, "images/s", basis, rate, LEAST_NOISE, "; ".join(busy))


def _weights(run: Run, result: Result) -> str:
    """Name the checkpoint by its hash; a file that nobody knows the checkpoint of by its own."""
    if (model := result.model) is not None and model.manifest is not None:
        return model.manifest.weights.sha256[:8]
    target = run.record.target
    weights = target.weights if target is not None and not target.models else None
    if weights is not None and weights.sha256:
        return weights.sha256[:8]
    return f"of file {model.sha256[:8]}" if model is not None else "not known"


def _least_margin(result: Result) -> tuple[float, str] | None:
    """Find the check of a result that has the least left of its limit, in percent of it."""
    shares = [(share, check.name) for check in result.checks if (share := _left(check)) is not None]
    return min(shares) if shares else None


def _left(check: CheckResult) -> float | None:
    share = None if check.unit.startswith(_TIMES_UNIT) else check.share_left
    return 100 * share if share is not None and math.isfinite(share) else None
