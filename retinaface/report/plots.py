"""Draw the plots of a report: curves, differences with intervals, distributions, layer drift.

Everything here is drawn in `svg.STYLE`, which the caller sets. `ids` are the results that are shown
together: by the position of a run, the id of its own result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from retinaface.checks.accuracy import smallest_effect
from retinaface.comparison.compare import RunComparison
from retinaface.comparison.metrics import Metric
from retinaface.records.read import Run
from retinaface.reference.floors import FACTORS
from retinaface.report.svg import INK, colour, finish_svg, line, marker
from retinaface.typing import FloatArray
from retinaface.widerface.average_precision import N_THRESHOLDS, Counts

# Shown at 360 to 510 px, so that a text of 9 points is read on a phone as well.
_WIDTH_IN = 4.6
_NARROW_IN = 3.6
_MAX_POINTS = 120
_MAX_SAMPLES = 200


@dataclass(frozen=True)
class Plot:
    """Pictures that belong together, and their caption.

    Attributes:
        svgs: Placed into the page as they are.
    """

    svgs: tuple[str, ...]
    caption: str


def precision_recall(subject: str, ids: Mapping[int, str], runs: Sequence[Run]) -> Plot | None:
    """Draw curves of each split; None where no run keeps the counts of this result."""
    kept = [
        (position, found[1])
        for position, result_id in ids.items()
        if (found := runs[position].counts(result_id)) is not None
    ]
    if not kept:
        return None
    svgs = []
    for name in dict.fromkeys(split for _, counts in kept for split in counts.splits):
        figure, axes = _figure(_NARROW_IN, 2.5)
        for position, counts in kept:
            if name in counts.splits:
                axes.plot(*curve(counts, counts.splits.index(name)), **line(position))
        axes.set(title=name, xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
        svgs.append(finish_svg(figure, f"Precision over recall of {subject}, {name}"))
    return Plot(tuple(svgs), subject)


def curve(counts: Counts, split: int) -> tuple[FloatArray, FloatArray]:
    """Compute recall and precision at the thresholds, thinned to what can be seen.

    Args:
        counts: Of a set of images.
        split: Column of `counts.splits`.
    """
    totals = [
        np.bincount(counts.threshold_index[mask[:, split]], minlength=N_THRESHOLDS).cumsum()
        for mask in (counts.is_hit, counts.is_proposal)
    ]
    hits, proposals = (total.astype(np.float64) for total in totals)
    n_faces = max(1, int(counts.n_faces[:, split].sum()))
    seen = proposals > 0
    recall, precision = hits[seen] / n_faces, hits[seen] / proposals[seen]
    rows = np.unique(np.linspace(0, max(0, len(recall) - 1), _MAX_POINTS).astype(int))
    return recall[rows[: len(recall)]], precision[rows[: len(recall)]]


def ap_differences(comparisons: Sequence[RunComparison]) -> list[Plot]:
    """Draw AP of each run minus the old run's for each result, with interval and what counts."""
    by_result: dict[str, list[tuple[int, Metric]]] = {}
    for position, comparison in enumerate(comparisons, start=1):
        for metric in comparison.metrics:
            if metric.name.startswith("AP ") and metric.change is not None:
                subject = metric.subject.partition(" -> ")[0]
                by_result.setdefault(subject, []).append((position, metric))
    return [
        _ap_plot(name, entries, _allowed(comparisons[0].old, name))
        for name, entries in by_result.items()
    ]


def _allowed(old: Run, result_id: str) -> float | None:
    found = old.counts(result_id)
    return None if found is None else (smallest_effect(len(found[0]), is_embedded=old.is_embedded))


def _ap_plot(result_id: str, entries: list[tuple[int, Metric]], allowed: float | None) -> Plot:
    names = list(dict.fromkeys(metric.name for _, metric in entries))
    lanes = list(dict.fromkeys(position for position, _ in entries))
    figure, axes = _figure(_WIDTH_IN, 0.8 + 0.14 * len(names) * max(2, len(lanes)))
    if allowed is not None:
        axes.axvspan(-allowed, allowed, color=INK, alpha=0.08, linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.6)
    for position, metric in entries:
        y = names.index(metric.name) + (lanes.index(position) + 0.5) / len(lanes) * 0.8 - 0.4
        change = metric.change
        assert change is not None  # noqa: S101 - chosen above
        ends = [change.low, change.high]
        axes.plot(ends, [y, y], color=colour(position), linewidth=1.4)
        axes.plot(change.estimate, y, **marker(position))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("points above the old run")
    svg = finish_svg(figure, f"AP of each run minus the old run's, {result_id}")
    band = "" if allowed is None else f"; the band is what is allowed, ±{allowed:g} points"
    return Plot((svg,), f"{result_id}: AP minus the old run's, 95 % interval{band}")


def speed_distributions(
    timed: str, subject: str, ids: Mapping[int, str], runs: Sequence[Run]
) -> Plot | None:
    """Draw every sample and the quartiles of each run; None where nothing was timed."""
    rows = list(_timings(timed, ids, runs))
    if not rows:
        return None
    # A rate, if the number of images in a call is known for every run.
    is_rate = all(n_images is not None for _, _, n_images in rows)
    unit = "images/s" if is_rate else "ms a call"
    figure, axes = _figure(_WIDTH_IN, 0.7 + 0.22 * len(rows))
    for y, (position, seconds, n_images) in enumerate(rows):
        samples = n_images / seconds if is_rate and n_images else 1e3 * seconds
        _draw_samples(axes, samples, y, position)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(unit)
    label = f"{timed} of {subject}, {unit}"
    return Plot((finish_svg(figure, label),), label)


def _timings(
    timed: str, ids: Mapping[int, str], runs: Sequence[Run]
) -> Iterator[tuple[int, FloatArray, float | None]]:
    """Give position of the run, seconds of each call, images of a call where that is known."""
    for position, result_id in ids.items():
        speed = runs[position].results[result_id].speed.get(timed)
        if not speed or not speed.samples_s:
            continue
        seconds = np.asarray(speed.samples_s, np.float64)
        rate, median_s = speed.images_per_s, speed.median_s
        yield position, seconds, rate * median_s if rate and median_s else None


def _draw_samples(axes: Any, samples: FloatArray, y: float, position: int) -> None:
    """Draw ticks for the samples, as one path; a bar from quartile to quartile; the median."""
    if len(samples) > _MAX_SAMPLES:
        samples = np.quantile(samples, np.linspace(0, 1, _MAX_SAMPLES))
    xs = np.stack([samples, samples, np.full(len(samples), np.nan)], axis=1).reshape(-1)
    ys = np.tile([y - 0.3, y + 0.3, np.nan], len(samples))
    axes.plot(xs, ys, color=colour(position), linewidth=0.7, alpha=0.6)
    low, median, high = np.quantile(samples, [0.25, 0.5, 0.75])
    axes.plot([low, high], [y, y], color=colour(position), linewidth=3, alpha=0.8)
    axes.plot(median, y, **marker(position) | {"markersize": 6, "markeredgecolor": INK})


def layer_drift(subject: str, ids: Mapping[int, str], runs: Sequence[Run]) -> Plot | None:
    """Draw the error of each layer over its noise floor; None where no run measured it."""
    kept = [
        (position, runs[position].name, layers)
        for position, result_id in ids.items()
        if (layers := runs[position].results[result_id].layers)
    ]
    if not kept:
        return None
    figure, axes = _figure(_WIDTH_IN, 2.5)
    worst = (0.0, "")
    for position, name, layers in kept:
        ratios = np.array([one.max_abs / one.noise_floor for one in layers])
        is_finite = np.isfinite(ratios)
        top = 10 * ratios.max(initial=1.0, where=is_finite)
        shown = np.where(is_finite, np.maximum(ratios, 1e-3), top)
        number = np.arange(1, len(shown) + 1)
        axes.plot(number, shown, **line(position))
        axes.plot(number, shown, **marker(position) | {"markersize": 2.5})
        first = int(np.argmax(shown))
        size = f"{ratios[first]:.3g} x" if is_finite[first] else "not finite, drawn on top"
        worst = max(worst, (shown[first], f"largest in {layers[first].layer} of {name}, {size}"))
    precision = runs[next(iter(ids))].results[ids[next(iter(ids))]].precision
    limit = FACTORS["fp16" if precision == "fp16" else "fp32"].largest
    axes.axhline(1, color=INK, linewidth=0.6)
    axes.axhline(limit, color=INK, linewidth=0.6, linestyle=":")
    axes.text(1, limit, f" allowed {limit:g}", va="bottom", fontsize="small")
    axes.set(xlabel="convolution, as executed", ylabel="error / noise floor")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")  # powers would be written in TeX
    svg = finish_svg(figure, f"Largest error of each layer of {subject} against float64 torch")
    return Plot((svg,), f"{subject}: {worst[1]}")


def _figure(width_in: float, height_in: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width_in, min(height_in, 40.0)), layout="constrained")
    return figure, figure.subplots()
