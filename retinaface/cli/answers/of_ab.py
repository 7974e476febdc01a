"""Make the answer of `retinaface ab`, and show it on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from retinaface.cli.output.terminal import Printer

if TYPE_CHECKING:
    from retinaface.checks.speed.ab import Timings
    from retinaface.cli.answers.speed import AbResult, SideTimes
    from retinaface.verdicts import Check


def ab_answer(
    timings: Timings,
    batch: int,
    checks: Sequence[Check],
    pythons: Mapping[str, str],
    notes: Sequence[str],
) -> AbResult:
    """Give every sample and every check.

    Args:
        checks: Those of outputs, then that of speed.
        pythons: Of A and of B.
    """
    import msgspec

    from retinaface.cli.answers.speed import AbResult
    from retinaface.comparison.environments import compare_descriptions
    from retinaface.records.ab_session import AB_VERSION, AbSpeed
    from retinaface.records.schema import CheckResult
    from retinaface.verdicts import worst

    described = (timings.environments, timings.descriptions)
    environments, engines = ([by_side[side] for side in ("A", "B")] for by_side in described)
    found = compare_descriptions(environments, engines)
    return AbResult(
        ab_version=AB_VERSION,
        pythons=dict(pythons),
        verdict=worst(check.verdict for check in checks),
        speed_verdict=checks[-1].verdict,
        speed=msgspec.convert(dict(checks[-1].numbers), AbSpeed),
        checks=[msgspec.convert(check.as_json(), CheckResult) for check in checks],
        batch=batch,
        seconds_taken=round(timings.taken_s, 1),
        seconds={side: samples.tolist() for side, samples in timings.seconds.items()},
        times=_times(timings, batch),
        largest_differences=dict(timings.largest),
        differences=found.differences,
        not_known=found.unknown,
        engines=dict(timings.descriptions),
        environments=dict(timings.environments),
        notes=list(notes),
    )


def _times(timings: Timings, batch: int) -> dict[str, SideTimes]:
    from retinaface.checks.intervals import mean_ratio_interval
    from retinaface.checks.speed.ab import SIDES, A
    from retinaface.checks.speed.ab_judgement import interval_words
    from retinaface.cli.answers.speed import SideTimes

    found = {}
    for side in SIDES:
        call_s = float(timings.median_s(side))
        ratio = "" if side == A else interval_words(mean_ratio_interval(timings.ratios(side)))
        found[side] = SideTimes(call_s=call_s, images_per_s=batch / call_s, ratio=ratio)
    return found


def show(answer: AbResult, printer: Printer) -> None:
    """Print environments, then times, then verdicts."""
    from retinaface.checks.speed.ab import AGAIN, B
    from retinaface.comparison.environments import unknown_lines

    printer.notes(answer.notes)
    for side, python in answer.pythons.items():
        printer.say(f"{side}: {answer.engines[side].get('name')} in {python}")
    if answer.differences:
        rows = [[d.key, d.old, d.new] for d in answer.differences]
        printer.table(("what differs", "A", "B"), rows)
    elif not answer.not_known:
        printer.say("A and B are the same environment and engine.")
    for line in unknown_lines(answer.not_known, ("A", "B")):
        printer.say(line)
    printer.say()
    rows = [
        [side, f"{1e3 * one.call_s:.3f}", f"{one.images_per_s:.1f}", one.ratio]
        for side, one in answer.times.items()
    ]
    printer.table(("", "ms a call", "images/s", "times as long as A"), rows, right=(1, 2))
    n_starts, n_turns = len(answer.seconds[B]), len(answer.seconds[B][0])
    largest = ", ".join(f"{name} {x:.2g}" for name, x in answer.largest_differences.items())
    printer.say(f"medians of {n_starts} starts x {n_turns} turns; {AGAIN} is the noise")
    printer.say(f"largest differences of raw outputs: {largest}")
    printer.say()
    *outputs, speed = answer.checks
    if all(str(check.verdict) == "PASS" for check in outputs) and not printer.is_verbose:
        outputs = outputs[:1]  # the share of unmatched detections covers the others
    for check in (*outputs, speed):
        printer.say_lines(
            f"{check.verdict} {check.name}: {check.message}", verdict=str(check.verdict)
        )
