"""Plots as SVG that follows the page: its colour of text, its fonts, light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from retinaface.accuracy import N_THRESHOLDS, Counts
from retinaface.comparison import RunComparison
from retinaface.ground_truth import SPLITS
from retinaface.runs import Run
from retinaface.typing import FloatArray

# Stands for the page's colour of text, which is not known here.
_INK = "#010203"
# Hues of middle lightness: at least 3:1 against the light and the dark background.
_COLOURS = (
    "#2f7fc1",
    "#cc5c38",
    "#38925a",
    "#9468cc",
    "#a87a10",
    "#c2508f",
    "#1c8f96",
    "#85765a",
    "#6a7bd4",
    "#76828c",
)
_DASHES = ("-", "--", "-.", ":")
_MAX_POINTS = 120
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Plot:
    """A picture and what it says.

    Attributes:
        svg: To be placed into the page as it is.
        caption: One sentence.
    """

    svg: str
    caption: str


def precision_recall(result_id: str, runs: Sequence[Run]) -> Plot | None:
    """Curves of each split; None where no run keeps the counts of this result."""
    kept = [
        (run.name, found[1])
        for run in runs
        if result_id in run.results and (found := run.counts(result_id)) is not None
    ]
    if not kept:
        return None
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.0, 3.2), layout="constrained")
        axes = figure.subplots(1, len(SPLITS), sharey=True)
        for split, name in enumerate(SPLITS):
            for i, (run_name, counts) in enumerate(kept):
                recall, precision = curve(counts, split)
                axes[split].plot(recall, precision, label=run_name, **_line(i))
            axes[split].set(title=name, xlabel="recall", xlim=(0, 1), ylim=(0, 1.02))
        axes[0].set_ylabel("precision")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        caption = f"Precision over recall of {result_id}: easy, medium, hard."
        return Plot(_svg(figure, caption), caption)


def curve(counts: Counts, split: int) -> tuple[FloatArray, FloatArray]:
    """Recall and precision at the thresholds, thinned to what can be seen.

    Args:
        counts: Of a set of images.
        split: Column of easy, medium, hard.
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


def ap_differences(comparisons: Sequence[RunComparison]) -> Plot | None:
    """AP of each run minus the reference's with its interval; None where there is none."""
    entries = [
        (comparison.candidate.name, metric)
        for comparison in comparisons
        for metric in comparison.metrics
        if metric.name.startswith("AP ") and metric.change is not None
    ]
    if not entries:
        return None
    labels = list(dict.fromkeys(f"{m.subject}, {m.name[3:]}" for _, m in entries))
    names = list(dict.fromkeys(name for name, _ in entries))
    with mpl.rc_context(_STYLE):
        height = 1.2 + 0.16 * len(labels) * max(1.5, len(names) * 0.7)
        figure = Figure(figsize=(9.0, min(height, 40.0)), layout="constrained")
        axes = figure.subplots()
        for name, metric in entries:
            i = names.index(name)
            y = labels.index(f"{metric.subject}, {metric.name[3:]}") + 0.7 * (i + 0.5) / len(names)
            change = metric.change
            assert change is not None  # noqa: S101 - chosen above
            axes.plot([change.low, change.high], [y, y], color=_colour(i), linewidth=1.4)
            axes.plot(change.estimate, y, "o", markersize=3.5, color=_colour(i), label=name)
        axes.axvline(0, color=_INK, linewidth=0.6)
        axes.set_yticks([i + 0.35 for i in range(len(labels))], labels)
        axes.invert_yaxis()
        axes.set_xlabel("AP minus the reference's, points, 95 % interval")
        handles, texts = axes.get_legend_handles_labels()
        unique = dict(zip(texts, handles, strict=True))
        figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=3)
        caption = "AP of each run minus the reference's, with the paired interval over images."
        return Plot(_svg(figure, caption), caption)


def speed_distributions(timed: str, runs: Sequence[Run]) -> Plot | None:
    """Every sample and the quartiles of each run; None where nothing was timed."""
    rows = [
        (f"{result_id}, {run.name}", i, np.asarray(speed["samples_s"], np.float64) * 1e3)
        for result_id in dict.fromkeys(name for run in runs for name in run.results)
        for i, run in enumerate(runs)
        if (speed := run.results.get(result_id, {}).get("speed", {}).get(timed))
    ]
    if not rows:
        return None
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.0, 1.0 + 0.26 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for y, (_, i, samples) in enumerate(rows):
            axes.plot(samples, np.full(len(samples), y), "|", color=_colour(i), alpha=0.6)
            low, median, high = np.quantile(samples, [0.25, 0.5, 0.75])
            axes.plot([low, high], [y, y], color=_colour(i), linewidth=3, alpha=0.8)
            axes.plot(median, y, "o", color=_colour(i), markersize=5)
        axes.set_yticks(range(len(rows)), [label for label, *_ in rows])
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlabel("milliseconds for one call (logarithmic)")
        caption = f"Times of {timed}: every sample, the quartiles as a bar, the median as a dot."
        return Plot(_svg(figure, caption), caption)


def layer_drift(result_id: str, runs: Sequence[Run]) -> Plot | None:
    """Error of each layer over its noise floor; None where no run measured it."""
    kept = [
        (run.name, layers)
        for run in runs
        if (layers := run.results.get(result_id, {}).get("layers"))
    ]
    if not kept:
        return None
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.0, 3.0), layout="constrained")
        axes = figure.subplots()
        for i, (name, layers) in enumerate(kept):
            ratios = [
                max(float(layer["max_abs"]) / float(layer["noise_floor"]), 1e-3) for layer in layers
            ]
            axes.plot(range(1, len(ratios) + 1), ratios, label=name, marker=".", **_line(i))
        axes.axhline(1, color=_INK, linewidth=0.6)
        axes.set(xlabel="convolution, in the order of execution", ylabel="error / noise floor")
        axes.set_yscale("log")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        caption = f"Largest error of each layer of {result_id} against float64 torch."
        return Plot(_svg(figure, caption), caption)


def _colour(i: int) -> str:
    return _COLOURS[i % len(_COLOURS)]


def _line(i: int) -> Any:
    return {"color": _colour(i), "linestyle": _DASHES[i % len(_DASHES)], "linewidth": 1.2}


def _svg(figure: Figure, label: str) -> str:
    """The picture with a label for those who do not see it, in the page's own colour of text."""
    sink = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": label}):
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"(\d+\.\d{2})\d+", r"\1", text)  # hundredths of a point cannot be seen
    width, height = (round(x * 72) for x in figure.get_size_inches())
    head = (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return head + text[text.index(">") + 1 :]
