"""Compare what two runs have in common, figure by figure, with intervals and verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retinaface.checks.accuracy import smallest_effect
from retinaface.checks.detection_changes import ImageDifference, differences
from retinaface.checks.detections import TOLERANCES, check_differences
from retinaface.checks.intervals import Interval, paired_ap_intervals
from retinaface.checks.offsets.judged import check_offsets
from retinaface.comparison.pairs import Pair
from retinaface.typing import FloatPrecision, rounding_of
from retinaface.verdicts import Verdict, judge_interval
from retinaface.widerface.average_precision import average_precision


@dataclass(frozen=True)
class Metric:
    """One figure of both runs.

    Attributes:
        subject: The result that it belongs to; both ids where they are not the same.
        name: What was measured.
        unit: Of `old`, `new` and `change`; `x` is a ratio.
        old: Value of the old run; None where there is none.
        new: Value of the new run.
        change: With its interval, where there is one.
        verdict: None where it is reported and not judged.
        note: What was allowed, or why it is not judged.
        command: What tells more; empty where nothing does.
    """

    subject: str
    name: str
    unit: str
    old: float | None
    new: float | None
    change: Interval | None
    verdict: Verdict | None
    note: str
    command: str = ""


def ap_metrics(pair: Pair) -> list[Metric]:
    """Judge AP of each split: its paired interval by the smallest effect that counts."""
    values = [result.ap for result in pair.results]
    if not values[0] or not values[1]:
        return []
    name = pair.name
    before, after = (run.counts(i) for run, i in zip(pair.runs, pair.ids, strict=True))
    if before is None or after is None:
        return _unpaired(name, values, "a record keeps no counts: an older release made it")
    (images, old), (other_images, new) = before, after
    if images != other_images or not np.array_equal(old.n_faces, new.n_faces):
        note = f"different images ({len(images)} and {len(other_images)}) or faces"
        return _unpaired(name, values, f"{note}: not comparable", Verdict.INCONCLUSIVE)
    if _files_differ(pair):
        note = f"images of the same names with different contents{_which_files_differ(pair)}"
        return _unpaired(name, values, f"{note}: not comparable", Verdict.INCONCLUSIVE)
    delta = smallest_effect(len(images), is_embedded=pair.runs[0].is_embedded)
    ap = [average_precision(counts) for counts in (old, new)]
    metrics = []
    for split, interval in paired_ap_intervals(old, new).items():
        points = Interval(*(100 * x for x in (interval.estimate, interval.low, interval.high)))
        metrics.append(
            Metric(
                name,
                f"AP {split}",
                "points",
                100 * ap[0][split],
                100 * ap[1][split],
                points,
                judge_interval(points.low, points.high, delta),
                f"allowed +-{delta:g} points over {len(images)} images",
            )
        )
    return metrics


def _files_differ(pair: Pair) -> bool:
    """Tell whether two results name different files; older records name none."""
    hashes = {result.image_files_sha256 for result in pair.results} - {None}
    return len(hashes) > 1


def _which_files_differ(pair: Pair) -> str:
    """Count and name the images whose files differ; empty where a record does not know."""
    old, new = (run.image_sha256(i) for run, i in zip(pair.runs, pair.ids, strict=True))
    differ = [image for image in old.keys() & new.keys() if old[image] != new[image]]
    return f", {len(differ)} of {len(old)} images, first {min(differ)}" if differ else ""


def _unpaired(
    name: str, values: list[dict[str, float]], note: str, verdict: Verdict | None = None
) -> list[Metric]:
    return [
        Metric(
            name,
            f"AP {split}",
            "points",
            _percent(values[0].get(split)),
            _percent(values[1].get(split)),
            None,
            verdict,
            note,
        )
        for split in dict.fromkeys(split for value in values for split in value)
    ]


def _percent(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else 100 * value


def image_differences(pair: Pair) -> list[ImageDifference] | None:
    """Compare each image that both have; None where a record keeps no detections."""
    one, other = (run.detections(i) for run, i in zip(pair.runs, pair.ids, strict=True))
    if one is None or other is None:
        return None
    # An image that one side never ran has lost no detections; AP says that the images differ.
    common = one.keys() & other.keys()
    return differences(
        *({image: d for image, d in side.items() if image in common} for side in (one, other))
    )


def precision_of(pair: Pair) -> FloatPrecision:
    """Choose whose tolerances hold."""
    return rounding_of(*(side.precision for side in pair.results))


def detection_metrics(pair: Pair) -> list[Metric]:
    """Judge detections without a counterpart, landmarks that disagree, and shifts of the rest."""
    found = image_differences(pair)
    if found is None:
        return []
    tolerance = TOLERANCES[precision_of(pair)]
    name = pair.name
    metrics = []
    for check in check_differences("", found, tolerance):
        what, note = check.name.removeprefix(": "), check.message.partition("\n")[0]
        value = None if check.value is None else float(check.value)
        metrics.append(Metric(name, what, check.unit, None, value, None, check.verdict, note))
    return metrics + _offset_metrics(pair, found)


def _offset_metrics(pair: Pair, found: Sequence[ImageDifference]) -> list[Metric]:
    """Judge whether matched detections are shifted: the worst size of face of each quantity."""
    old, new = (rounding_of(side.precision) for side in pair.results)
    metrics = []
    for check in check_offsets("", [one.offsets for one in found], (old, new)):
        change = None
        if check.value is not None:
            change = Interval(check.value, check.numbers["low"], check.numbers["high"])
        note = check.message.partition("\n")[0]
        metrics.append(
            Metric(pair.name, check.name, check.unit, None, None, change, check.verdict, note)
        )
    return metrics
