"""Make the answer of `retinaface agree`, write its table, and show it on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from retinaface.cli.output.terminal import Printer

if TYPE_CHECKING:
    from retinaface.checks.agreement.shards import Shard
    from retinaface.checks.agreement.sums import ShardSums
    from retinaface.cli.answers.agreement import AgreeImage, Agreement, AgreeShard
    from retinaface.records.schema import CheckResult
    from retinaface.verdicts import Check

N_SHARDS = 10
_N_SHOWN = 5


def shard_row(number: int, shard: Shard) -> AgreeShard:
    """Give the figures of a shard."""
    from retinaface.checks.agreement.offset_sums import mean_score_offset
    from retinaface.checks.agreement.shares import share_interval
    from retinaface.cli.answers.agreement import AgreeShard

    sums = shard.sums
    interval = share_interval(sums.unmatched) if sums.unmatched.all else None
    return AgreeShard(
        number=number,
        first_image=shard.first,
        last_image=shard.last,
        n_images=sums.n_images,
        n_bad=sums.n_bad,
        n_compared=sums.unmatched.all,
        n_unmatched=sums.unmatched.hit,
        n_unexplained=sums.unexplained.hit,
        share=None if interval is None else interval.estimate,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        score_offset=mean_score_offset(sums.offsets),
    )


def agreement_answer(
    total: ShardSums, shards: Sequence[AgreeShard], checks: Sequence[Check], **facts: Any
) -> Agreement:
    """Give every check, the worst shards and the worst images.

    Args:
        total: Of all images.
        shards: All of them.
        facts: What was run, by the fields of the answer.
    """
    import msgspec

    from retinaface.cli.answers.agreement import AgreeImage, Agreement
    from retinaface.records.schema import CheckResult
    from retinaface.verdicts import worst

    images = [
        AgreeImage(
            image=one.image,
            n_compared=one.n_compared,
            n_unmatched=one.n_unmatched,
            n_unexplained=one.n_unexplained,
            first=one.first,
        )
        for one in total.worst
    ]
    return Agreement(
        verdict=worst(check.verdict for check in checks),
        checks=[msgspec.convert(check.as_json(), CheckResult) for check in checks],
        n_images=total.n_images,
        n_bad=total.n_bad,
        bad_images=total.bad_images,
        n_compared=total.unmatched.all,
        n_unmatched=total.unmatched.hit,
        n_pairs=int(total.offsets.pairs[0]),
        n_shards=len(shards),
        shards=worst_shards(shards),
        images=images,
        **facts,
    )


def worst_shards(shards: Iterable[AgreeShard]) -> list[AgreeShard]:
    """Choose those with the largest share of detections without a counterpart."""
    changed = [one for one in shards if one.n_unmatched or one.n_bad]
    order = sorted(changed, key=lambda one: (-(one.share or 0.0), -one.n_unexplained, one.number))
    return order[:N_SHARDS]


def shards_csv(shards: Iterable[AgreeShard]) -> str:
    """Write all shards, a line each."""
    from msgspec import structs

    from retinaface.cli.answers.agreement import AgreeShard
    from retinaface.telling.tables import csv_text

    return csv_text(AgreeShard.__struct_fields__, (structs.astuple(one) for one in shards))


def show(answer: Agreement, printer: Printer) -> None:
    """Print what ran, the checks, then the worst shards and images."""
    printer.notes(answer.notes)
    for letter, side in (("A", answer.old), ("B", answer.new)):
        where = f" in {side.python}" if side.python else ""
        printer.say(f"{letter}: {side.engine} ({side.precision}){where}")
    speed = answer.n_images / answer.seconds_taken if answer.seconds_taken else 0.0
    printer.say(
        f"{answer.n_images} images of {answer.folder}, {answer.pipeline}, {answer.n_compared} "
        f"detections of both, in {answer.seconds_taken:.1f} s ({speed:.0f} images/s)"
    )
    for message in answer.bad_images.values():
        printer.say(f"bad image, left out: {message}")
    if answer.n_bad > len(answer.bad_images):
        printer.say(f"bad images, left out: {answer.n_bad} in all")
    printer.say()
    _show_checks(answer.checks, printer)
    _show_shards(answer, printer)
    _show_images(answer.images[: None if printer.is_verbose else _N_SHOWN], printer)
    if answer.csv is not None:
        printer.aside(f"all {answer.n_shards} shards: {answer.csv}")


def _show_checks(checks: Sequence[CheckResult], printer: Printer) -> None:
    """Print the share, then what did not pass; -v prints all."""
    share, *others = checks
    passed = [] if printer.is_verbose else [c for c in others if str(c.verdict) == "PASS"]
    for check in (share, *(c for c in others if c not in passed)):
        printer.say_lines(
            f"{check.verdict} {check.name}: {check.message}", verdict=str(check.verdict)
        )
    if passed:
        n = f"{len(passed)} of {len(others)} other checks"
        printer.say(f"PASS {n}: offsets, unexplained changes (-v shows them)", verdict="PASS")


def _show_shards(answer: Agreement, printer: Printer) -> None:
    if not answer.shards or answer.n_shards == 1:
        return
    printer.say()
    rows = [
        [str(one.number), one.first_image, str(one.n_images), str(one.n_unmatched), _range(one)]
        for one in answer.shards[: None if printer.is_verbose else _N_SHOWN]
    ]
    titles = (f"worst of {answer.n_shards} shards", "first image", "images", "no counterpart", "%")
    printer.table(titles, rows, right=(2, 3))


def _range(one: AgreeShard) -> str:
    if one.share is None or one.low is None or one.high is None:
        return "-"
    return f"{100 * one.share:.3f} [{100 * one.low:.3f}, {100 * one.high:.3f}]"


def _show_images(images: Sequence[AgreeImage], printer: Printer) -> None:
    if not images:
        return
    printer.say()
    rows = [
        [one.image, str(one.n_compared), str(one.n_unmatched), str(one.n_unexplained)]
        for one in images
    ]
    titles = ("images that changed most", "detections", "no counterpart", "unexplained")
    printer.table(titles, rows, right=(1, 2, 3))
