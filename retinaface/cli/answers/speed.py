"""Answers of the commands that take times: `ab`, `bench`, `soak`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from retinaface.cli.output.answer import Answer, Judgement
from retinaface.comparison.environments import EnvironmentDifference, UnknownFact
from retinaface.records.ab_session import AbSpeed
from retinaface.records.circumstances import Batch, Json
from retinaface.records.schema import CheckResult
from retinaface.verdicts import Verdict


class Bench(Answer, kw_only=True, tag="bench"):
    """The speed of an engine.

    Attributes:
        engine_file: Name of the file that it loaded or built, where it has one.
        outputs: What the outputs were found to be.
        protocol: `ours` or `vendor`.
        timed: What a time is of, in words.
        n_runs: That were timed.
        run_s: Of one run.
        n_checked: Calls whose outputs were checked.
    """

    engine: str
    device: str | None
    runtime: str | None
    precision: str
    engine_file: str | None
    outputs: str
    batch: int
    protocol: str
    timed: str
    n_runs: int
    run_s: float
    images_per_s: float
    n_checked: int


class SoakResult(Judgement, kw_only=True, tag="soak"):
    """What hours of an engine showed.

    Attributes:
        batch: Images in one call.
        outputs: What those of the first pass were found to be.
        seconds: From the first call to the last sample.
        images_per_s: Median over the intervals.
        ended_early: By Ctrl-C.
        checks: Outputs, speed, and what could be read of memory, handles, threads, temperature.
        output: File of all samples, where one was asked for.
    """

    engine: str
    device: str | None
    runtime: str | None
    precision: str
    batch: int
    outputs: str
    n_calls: int
    seconds: float
    images_per_s: float
    ended_early: bool
    checks: list[CheckResult]
    output: str | None


class SideTimes(Struct, kw_only=True):
    """Times of one side.

    Attributes:
        call_s: Median of one call.
        ratio: Times as long as A, with its interval, in words; empty for A.
    """

    call_s: float
    images_per_s: float
    ratio: str


class AbResult(Judgement, kw_only=True, tag="ab"):
    """Two sides, timed turn by turn; `compare --ab` and `report --ab` read it.

    Mappings are by side: A, A again, B.

    Attributes:
        ab_version: Of what `compare --ab` reads.
        pythons: The interpreter or environment of A and of B.
        speed_verdict: Of the times alone.
        batch: Images in one call.
        seconds_taken: Of the whole session.
        seconds: One call each: starts x turns.
        differences: Facts that both sides give, and differently.
        not_known: Facts that one side alone gives.
    """

    ab_version: Literal[2]
    pythons: dict[str, str]
    speed_verdict: Verdict
    speed: AbSpeed
    checks: list[CheckResult]
    batch: Batch
    seconds_taken: float
    seconds: dict[str, list[list[float]]]
    times: dict[str, SideTimes]
    largest_differences: dict[str, float]
    differences: list[EnvironmentDifference]
    not_known: list[UnknownFact]
    engines: dict[str, Json]
    environments: dict[str, Json]
