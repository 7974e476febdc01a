"""Calls timed beside fixed work, and what is judged of them: baseline, drift, slow calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from retinaface.checks.speed.gate import check_speed, speed_entry
from retinaface.checks.speed.machine import MOST_TAKEN, FixedWork
from retinaface.checks.speed.steadiness import LEAST_CALLS, check_drift, check_tail
from retinaface.checks.speed.timing import summarise
from retinaface.detection.pipelines import PIPELINES, Pipeline
from retinaface.environment import device_name, slug
from retinaface.records.result_id import ResultId
from retinaface.suite.acceptance import Acceptance
from retinaface.suite.baseline_search import BaselineQuery, Match, find_or_offer
from retinaface.suite.judged.published import VENDOR_RUN, beside_published, gates
from retinaface.suite.run import ValidationRun
from retinaface.verdicts import Check, Verdict

# Where calls leave open whether they drift, so many times as many are timed at most.
MOST_TIMES_AS_MANY = 4
SOAK = "soak"


@dataclass(frozen=True)
class TimedCalls:
    """What was timed, and the fixed work that was done before each call."""

    seconds: Sequence[float]
    work: FixedWork


@dataclass
class SpeedJudge:
    """Keeps timings of an engine in the record of a run, and judges them.

    Attributes:
        pipeline: Whose input size is timed.
        acceptance: Baselines to compare with, and to offer.
        run: That keeps them.
    """

    pipeline: Pipeline
    acceptance: Acceptance
    run: ValidationRun

    def judge(
        self,
        name: ResultId,
        engine: dict[str, Any],
        timed: str,
        calls: TimedCalls,
        n_images: int | None,
    ) -> list[Check]:
        """Keep timings, and compare them with a baseline and within themselves.

        Args:
            name: Engine, pipeline and batch.
            engine: What `describe` gave.
            timed: What the clock included.
            calls: The timings.
            n_images: In each call; None where images are not what is counted.
        """
        figures = summarise(calls.seconds, n_images)
        machine = calls.work.noise()
        found = self._find(name, engine, timed, figures)
        runs: Sequence[Sequence[float]] = ()
        if isinstance(found, Check):
            checks = [found]
        else:
            checks = [check_speed(found.entry, figures, n_images, machine)]
            runs = found.entry.data.get("samples_s") or ()
        if timed == VENDOR_RUN and n_images is not None:
            key = self._key(name, engine, timed)
            checks += self._published(key, engine, found, figures, n_images)
        smallest = checks[0].numbers.get("smallest_slowdown")
        figures |= {"machine": machine.as_json(), "smallest_slowdown": smallest}
        self._keep(name, engine, timed, figures)
        return [*checks, *within_run(engine, calls, runs)]

    def judge_soak(
        self, name: ResultId, engine: dict[str, Any], calls: TimedCalls, n_images: int
    ) -> list[Check]:
        """Keep the timings of a long run, and judge them within themselves alone."""
        figures = summarise(calls.seconds, n_images)
        self._keep(name, engine, SOAK, figures | {"machine": calls.work.noise().as_json()})
        return within_run(engine, calls)

    def _published(
        self,
        key: dict[str, Any],
        engine: dict[str, Any],
        found: Match | Check,
        figures: dict[str, Any],
        n_images: int,
    ) -> list[Check]:
        """Compare with published figures too: some gate, the others are reported.

        A run that accepts its own figures is compared with none.
        """
        if self.acceptance.wanted:
            return []
        names = {self.pipeline.name, *same_inputs(self.pipeline)}
        published = [
            entry
            for entry in self.acceptance.entries
            if entry.is_published
            and entry.data.get("timed") == VENDOR_RUN
            and entry.data["pipeline"] in names
            and not (isinstance(found, Match) and found.entry == entry)
        ]
        judging = [
            entry
            for entry in published
            if gates(entry, engine)
            and not entry.differing({**key, "pipeline": entry.data["pipeline"]})
        ]
        checks = [check_speed(entry, figures, n_images) for entry in judging]
        if checks or (isinstance(found, Match) and found.entry.is_published):
            return checks
        return beside_published(published, key, engine, figures["images_per_s"])

    def _key(self, name: ResultId, engine: dict[str, Any], timed: str) -> dict[str, Any]:
        return {
            "pipeline": self.pipeline.name,
            "precision": engine["precision"],
            "device": slug(device_name(engine)),
            "batch": name.batch,
            "timed": timed,
            "engine": name.engine,
        }

    def _keep(
        self, name: ResultId, engine: dict[str, Any], timed: str, figures: dict[str, Any]
    ) -> None:
        earlier = self.run.results.get(str(name), {}).get("speed", {})
        kept = {key: value for key, value in figures.items() if value is not None}
        speed = {**earlier, timed: kept}
        self.run.add_result(str(name), engine=engine, batch=name.batch, speed=speed)

    def _find(
        self, name: ResultId, engine: dict[str, Any], timed: str, figures: dict[str, Any]
    ) -> Match | Check:
        key = self._key(name, engine, timed)

        def make_entry(known: Sequence[Any]) -> dict[str, Any]:
            # Runs of a different version would widen the noise of this one.
            of_this = [entry for entry in known if entry.is_from(engine.get("runtime"))]
            earlier = [e.data["samples_s"] for e in of_this if e.data.get("samples_s")]
            runs = earlier[0] if earlier else ()
            return speed_entry(**key, figures=figures, earlier_runs=runs)

        # The network knows no pipeline, only the size of its input.
        names = [self.pipeline.name, *(() if timed == "end-to-end" else same_inputs(self.pipeline))]
        ungated = f"{key['device']} has no speed baseline: reported, not gated on a CPU"
        query = BaselineQuery(
            name="speed baseline",
            what=f"speed baseline for {key['device']}",
            metric="speed",
            keys=[{**key, "pipeline": pipeline} for pipeline in names],
            engine=engine,
            make_entry=make_entry,
            is_usable=lambda entry: gates(entry, engine),
            ungated=ungated if engine["device"] == "cpu" else "",
        )
        return find_or_offer(query, self.acceptance)


def within_run(
    engine: dict[str, Any], calls: TimedCalls, baseline: Sequence[Sequence[float]] = ()
) -> list[Check]:
    """Judge drift and slow calls of one run; nothing where there are too few calls."""
    if len(calls.seconds) < LEAST_CALLS:
        return []
    machine, on_cpu = calls.work.noise(), engine["device"] == "cpu"
    return [
        check_drift(calls.seconds, calls.work.seconds, machine, on_cpu=on_cpu),
        check_tail(calls.seconds, machine, baseline),
    ]


def time_on(
    engine: dict[str, Any], calls: TimedCalls, time_call: Callable[[], float]
) -> TimedCalls:
    """Time more calls while drift or slow calls are open, up to four times as many in all.

    Not where other processes take the processors: there more calls would tell no more.

    Args:
        engine: What `describe` gave.
        calls: The timings so far; their fixed work goes on.
        time_call: Makes one more call, and gives its seconds.
    """
    n, seconds = len(calls.seconds), list(calls.seconds)
    while len(seconds) < MOST_TIMES_AS_MANY * n:
        checks = within_run(engine, TimedCalls(seconds, calls.work))
        is_open = any(check.verdict is Verdict.INCONCLUSIVE for check in checks)
        if not is_open or not calls.work.noise().taken <= MOST_TAKEN:
            break
        for _ in range(n):
            calls.work.do()
            seconds.append(time_call())
    return TimedCalls(seconds, calls.work)


def same_inputs(pipeline: Pipeline) -> list[str]:
    """List other pipelines whose inputs have the same size."""
    size = pipeline.input_size_px
    return [n for n, p in PIPELINES.items() if p.input_size_px == size and n != pipeline.name]
