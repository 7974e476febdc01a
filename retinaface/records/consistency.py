"""Check a run record for contradictions: what it states twice must agree, times must be times."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from retinaface.records.schema import Record, Result
from retinaface.widerface.average_precision import Counts, average_precision

# AP is a fraction; two evaluations of the same counts by one release differ by rounding alone.
AP_SLACK = 1e-6


def contradictions(record: Record) -> Iterator[str]:
    """Name each field that contradicts another, with what it holds and what it should hold."""
    for name, n in Counter(result.id for result in record.results).items():
        if n > 1:
            yield f"results: got {name} {n} times, expected once"
    for result in record.results:
        for text in (*_identity(result), *_times(result)):
            yield f"results/{result.id}/{text}"


def _identity(result: Result) -> Iterator[str]:
    """Compare the id with the fields that it is made of; older records lack some."""
    key = result.key
    fields = (
        ("pipeline", result.pipeline or None, key.pipeline or None),
        ("batch", result.batch, key.batch),
        ("engine/name", result.engine.get("name"), key.engine),
    )
    for field, actual, expected in fields:
        if actual is not None and expected is not None and actual != expected:
            yield f"{field}: got {actual!r}, expected {expected!r}"


def _times(result: Result) -> Iterator[str]:
    times: dict[str, Sequence[float | None]] = {"detect_s": [result.detect_s]}
    for timed, speed in result.speed.items():
        times[f"speed/{timed}/samples_s"] = speed.samples_s
        for field in ("median_s", "p90_s", "p99_s", "images_per_s"):
            times[f"speed/{timed}/{field}"] = [getattr(speed, field)]
    for field, values in times.items():
        for value in values:
            if value is not None and not 0 < value < math.inf:
                yield f"{field}: got {value}, expected a number above 0"


def ap_contradiction(result: Result, counts: Counts) -> str | None:
    """Say where AP differs from that of the recorded counts; None where it agrees or is missing."""
    found = ap_offsets(result.ap, counts)
    off = {split: value for split, value in found.items() if not abs(value) <= AP_SLACK}
    if not off or not result.ap:
        return None
    split = next(iter(off))
    actual = result.ap.get(split, math.nan)
    return (
        f"results/{result.id}/ap/{split}: got {actual:.6f}, expected {actual - off[split]:.6f}, "
        "the AP of the counts beside it"
    )


def ap_offsets(ap: Mapping[str, float], counts: Counts) -> dict[str, float]:
    """Subtract AP of the counts from AP as recorded, by split; NaN where none is recorded."""
    return {
        split: ap.get(split, math.nan) - value for split, value in average_precision(counts).items()
    }
