"""Compare the errors of raw outputs of two runs, each as a share of what rounding allows."""

from __future__ import annotations

import math

from retinaface.comparison.metrics import Metric
from retinaface.comparison.pairs import Pair
from retinaface.records.migrate import ALL_OUTPUTS
from retinaface.records.schema import Result
from retinaface.verdicts import Verdict

_UNIT = "of the limit"
_WHAT = "largest error against float64 torch, over what rounding allows"
# Variant, kind of input, output.
_Key = tuple[str, str, str]


def fidelity_metrics(pair: Pair) -> list[Metric]:
    """Compare each output on each kind of input; those within their limits in both share a row."""
    sides = pair.results
    is_whole = any(one.output == ALL_OUTPUTS for side in sides for one in side.fidelity)
    before, after = (_ratios(side, is_whole=is_whole) for side in sides)
    common = [key for key in before if key in after]
    quiet = [key for key in common if before[key] <= 1 and after[key] <= 1]
    name = pair.name
    metrics = [_metric(name, key, before[key], after[key]) for key in common if key not in quiet]
    if quiet:
        old, new = (max(side[key] for key in quiet) for side in (before, after))
        metrics.append(Metric(name, "fidelity", _UNIT, old, new, None, Verdict.PASS, _WHAT))
    return metrics


def _metric(name: str, key: _Key, before: float, after: float) -> Metric:
    """Judge an output that is beyond its limit in a run: a failure if in the new run alone."""
    variant, kind, output = key
    which = f" of {output}" if output != ALL_OUTPUTS else ""
    where = f" in {variant}" if variant else ""
    verdict, note = Verdict.FAIL, _WHAT
    if after <= 1:
        verdict, note = Verdict.PASS, f"back within its limit: {_WHAT}"
    elif before > 1:
        verdict, note = Verdict.PASS, f"beyond its limit in both runs: {_WHAT}"
    what = f"fidelity{which} on {kind}{where}"
    return Metric(name, what, _UNIT, before, after, None, verdict, note)


def _ratios(result: Result, *, is_whole: bool) -> dict[_Key, float]:
    """Find the largest ratio of each; of all outputs as one where an older record keeps no more."""
    found: dict[_Key, float] = {}
    for one in result.fidelity:
        key = (one.variant, one.kind, ALL_OUTPUTS if is_whole else one.output)
        ratio = math.inf if math.isnan(one.ratio) else one.ratio
        found[key] = max(found.get(key, 0.0), ratio)
    return found
