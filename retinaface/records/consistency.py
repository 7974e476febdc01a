"""Check a run record for contradictions: what it states twice must agree, times must be times."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from retinaface.records.schema import CheckResult, Record, Result, Speed
from retinaface.records.write import images_sha256
from retinaface.verdicts import SKIPPED, Verdict, worst
from retinaface.widerface.average_precision import Counts, average_precision

# AP is a fraction; two evaluations of the same counts by one release differ by rounding alone.
AP_SLACK = 1e-6
# A figure that is computed from others of the record, as a share of it.
_SLACK = 1e-6
# What is timed one batch at a time.
_OF_BATCHES = ("network", "run", "vendor-run")
_PRECISIONS = ("fp32", "fp16", "int8")


def contradictions(record: Record) -> Iterator[str]:
    """Name each field that contradicts another, with what it holds and what it should hold."""
    for name, n in Counter(result.id for result in record.results).items():
        if n > 1:
            yield f"results: got {name} {n} times, expected once"
    for result in record.results:
        for text in chain(_identity(result), _figures(result), _times(result)):
            yield f"results/{result.id}/{text}"
    yield from _top_level(record)
    yield from _verdicts(record)


def _identity(result: Result) -> Iterator[str]:
    """Compare the id with the fields that it is made of; older records lack some."""
    key = result.key
    suffix = key.engine.rpartition("-")[2]
    precision = suffix if suffix in _PRECISIONS else result.precision or None
    fields = (
        ("pipeline", result.pipeline or None, key.pipeline or None),
        ("batch", result.batch, key.batch),
        ("engine/name", result.engine.get("name"), key.engine),
        ("precision", result.precision or None, precision),
        ("engine/precision", result.engine.get("precision"), precision),
    )
    for field, actual, wanted in fields:
        if actual is not None and wanted is not None and actual != wanted:
            yield f"{field}: got {actual!r}, expected {wanted!r}"
    manifest = result.model.manifest if result.model is not None else None
    expected = result.model.sha256 if result.model is not None else None
    if manifest is not None and manifest.sha256 != expected:
        yield f"model/manifest/sha256: got {manifest.sha256!r}, expected {expected!r}"


def _figures(result: Result) -> Iterator[str]:
    """Check ranges, and shares of what stands beside them."""
    for split, value in result.ap.items():
        if not 0 <= value <= 1:
            yield f"ap/{split}: got {value}, expected a fraction from 0 to 1"
    for name in ("n_images", "n_detections"):
        if (n := getattr(result, name)) is not None and n < 0:
            yield f"{name}: got {n}, expected 0 or more"
    for error in result.fidelity:
        where = f"fidelity/{error.variant or 'given'} {error.kind} {error.output}"
        for name in ("max_abs", "ratio"):  # those of a NaN are no numbers
            if getattr(error, name) < 0:
                yield f"{where}/{name}: got {getattr(error, name)}, expected 0 or more"
        if error.margin is not None and not _is_close(error.margin, 1 - error.ratio):
            yield f"{where}/margin: got {error.margin}, expected 1 - ratio, {1 - error.ratio:g}"
    found = result.differences
    if found is not None and found.n_all and not _is_close(found.share, found.n / found.n_all):
        yield f"differences/share: got {found.share}, expected {found.n / found.n_all:g}"
    for check in result.checks:
        yield from (f"checks/{check.name}/{text}" for text in _margin(check))


def _margin(check: CheckResult) -> Iterator[str]:
    if check.value is None or check.limit is None or check.margin is None:
        return
    off = check.value if check.baseline is None else abs(check.value - check.baseline)
    if not _is_close(check.margin, check.limit - off, scale=abs(check.limit) + abs(off)):
        yield f"margin: got {check.margin}, expected {check.limit - off:g}, limit less value"


def _times(result: Result) -> Iterator[str]:
    times: dict[str, Sequence[float | None]] = {
        "detect_s": [result.detect_s],
        "share_of_peak": result.share_of_peak,
    }
    times |= {f"images_per_s_over/{name}": v for name, v in result.images_per_s_over.items()}
    for timed, speed in result.speed.items():
        times[f"speed/{timed}/samples_s"] = speed.samples_s
        for field in ("median_s", "p90_s", "p99_s", "images_per_s", "drift"):
            times[f"speed/{timed}/{field}"] = [getattr(speed, field)]
    for field, values in times.items():
        for value in values:
            if value is not None and not 0 < value < math.inf:
                yield f"{field}: got {value}, expected a number above 0"
    for timed, speed in result.speed.items():
        batch = result.key.batch if timed in _OF_BATCHES else None
        yield from (f"speed/{timed}/{text}" for text in _quantiles(speed, batch))


def _quantiles(speed: Speed, batch: int | None) -> Iterator[str]:
    """Compare quantiles and rate with the samples that they are of, where those are kept.

    Args:
        speed: Of finite times.
        batch: Images in each call, where that is known; else it is some whole number.
    """
    if speed.samples_s:
        for field, q in (("median_s", 0.5), ("p90_s", 0.9), ("p99_s", 0.99)):
            actual, expected = getattr(speed, field), float(np.quantile(speed.samples_s, q))
            if actual is not None and not _is_close(actual, expected):
                yield f"{field}: got {actual:g}, expected {expected:g}, that of samples_s"
    if speed.images_per_s is not None and speed.median_s is not None:
        n_images = speed.images_per_s * speed.median_s
        if not _is_close(n_images, batch or max(1, round(n_images))):
            yield (
                f"images_per_s: got {speed.images_per_s:g}, which at a median of "
                f"{speed.median_s:g} s is {n_images:g} images a call, expected "
                f"{batch or 'a whole number'}"
            )


def _top_level(record: Record) -> Iterator[str]:
    """Compare what `evaluate` says of its one result at the top, and what coverage says."""
    if record.ap and len(record.results) == 1 and record.ap != record.results[0].ap:
        yield f"ap: got {record.ap}, expected that of results, {record.results[0].ap}"
    coverage = record.coverage
    if coverage is None:
        return
    for result in record.results:
        stated = coverage.images.get(result.id)
        if coverage.n_images is not None and len(record.results) == 1:
            stated = coverage.n_images
        if stated is not None and result.n_images is not None and stated != result.n_images:
            yield f"results/{result.id}/n_images: got {result.n_images}, coverage says {stated}"
    if coverage.suites:
        counted = sum(sum(outcomes.values()) for outcomes in coverage.suites.values())
        if counted != len(record.tests):
            yield f"tests: got {len(record.tests)}, coverage/suites counts {counted}"


def _verdicts(record: Record) -> Iterator[str]:
    """Compare the verdict of a test with its checks, and the run's with its tests."""
    order = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)
    for test in record.tests:
        if test.verdict in (None, SKIPPED) or not test.checks:
            continue
        expected = worst(check.verdict for check in test.checks)
        if order.index(Verdict(test.verdict)) < order.index(expected):
            yield f"tests/{test.id}/verdict: got {test.verdict}, its checks say {expected}"
        for check in test.checks:
            yield from (f"tests/{test.id}/checks/{check.name}/{text}" for text in _margin(check))
    ran = [Verdict(test.verdict) for test in record.tests if test.verdict not in (None, SKIPPED)]
    if record.state != "finished" or record.verdict is None or not record.tests:
        return
    verdict = Verdict.FAIL if record.problem is not None else worst(ran)
    if record.verdict is not verdict:
        yield f"verdict: got {record.verdict}, the tests say {verdict}"


def _is_close(actual: float, expected: float, scale: float = 0.0) -> bool:
    """Tell whether two figures agree by rounding; what is no number agrees with its like."""
    if not (math.isfinite(actual) and math.isfinite(expected)):
        return str(actual) == str(expected)
    return abs(actual - expected) <= _SLACK * max(abs(expected), scale, 1e-12)


def array_contradictions(
    result: Result,
    counts: Counts | None,
    image_sha256: Mapping[str, str],
    n_detections: int | None,
    *,
    has_others: bool,
) -> Iterator[str]:
    """Name each field of a result that contradicts the arrays beside it.

    Args:
        result: Of a record.
        counts: None where the record keeps none of it.
        image_sha256: Of each scored image; empty where the record keeps none.
        n_detections: Those that the record keeps of it; None for none.
        has_others: Whether the record keeps counts of other results.
    """
    if counts is None and result.ap and has_others:
        yield f"results/{result.id}: the record keeps counts, but none of this id, which has AP"
    together = images_sha256(image_sha256) if image_sha256 else None
    kept = (
        ("n_images", result.n_images, counts.n_images if counts is not None else None),
        ("n_detections", result.n_detections, n_detections),
        ("image_files_sha256", result.image_files_sha256, together),
    )
    for field, actual, expected in kept:
        if actual is not None and expected is not None and actual != expected:
            yield f"results/{result.id}/{field}: got {actual!r}, the arrays beside it {expected!r}"


def ap_contradiction(result: Result, counts: Counts) -> str | None:
    """Say where AP differs from that of the recorded counts; None where it agrees or is missing."""
    if not result.ap:
        return None
    for split, expected in average_precision(counts).items():
        actual = result.ap.get(split, math.nan)
        if not abs(actual - expected) <= AP_SLACK:
            return (
                f"results/{result.id}/ap/{split}: got {actual:.6f}, expected {expected:.6f}, the "
                "AP of the counts beside it"
            )
    return None


def ap_offsets(ap: Mapping[str, float], counts: Counts) -> dict[str, float]:
    """Subtract AP of the counts from AP as recorded, by split; NaN where none is recorded."""
    return {
        split: ap.get(split, math.nan) - value for split, value in average_precision(counts).items()
    }
