"""Draw figures over runs, with their levels, and a numbered line where a level changed.

Everything here is drawn in `report.svg.STYLE`, which the caller sets.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from retinaface.history.rows import RunRow
from retinaface.history.series import Line, Point
from retinaface.history.text import value_text
from retinaface.report.svg import INK, colour, finish_svg
from retinaface.typing import FloatArray

# Shown at 300 to 420 px, so that a text of 9 points is read on a phone as well.
_SIZE_IN = (3.9, 2.1)
_N_DATES = 4
# Beside so many points the level alone is seen.
_SMALL_POINTS = 80


def trend(group: Sequence[Line], runs: Sequence[RunRow], numbers: Mapping[str, int]) -> str:
    """Draw lines of one row over the runs of their subject.

    AP of several splits is drawn as points from the first level of each, so that one scale fits.

    Args:
        group: Of one kind; the splits of AP, or one line.
        runs: The x axis, oldest first, a step for each run.
        numbers: Of changes, by the name of the run after each.
    """
    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    axes = figure.subplots()
    places = {run.name: place for place, run in enumerate(runs)}
    is_shifted = len(group) > 1
    lows, highs = [], []
    for position, line in enumerate(group):
        shown = [point for point in line.points if point.run.name in places]
        levels = _levels(line, places)
        zero = levels[0][2] if is_shifted and levels else 0.0
        values = _draw(axes, shown, places, position, zero)
        for start, end, level in levels:
            axes.plot([start, end], [level - zero] * 2, color=colour(position), linewidth=2)
        label = f"{line.metric.removeprefix('AP ')} {value_text(line)}" if is_shifted else None
        axes.plot([], [], color=colour(position), linewidth=2, label=label)
        lows.append(values.min())
        highs.append(values.max())
    _limit(axes, min(lows), max(highs), group[0])
    _mark(axes, group, places, numbers)
    _date(axes, runs)
    axes.set_ylabel("AP, points from the first level" if is_shifted else _unit(group[0]))
    axes.yaxis.label.set_fontsize(8)
    if is_shifted:
        axes.legend(
            ncols=len(group), frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.04),
            fontsize=8, handlelength=1.2, columnspacing=1.0, borderpad=0,
        )  # fmt: skip
    return finish_svg(figure, _label(group))


def _draw(
    axes: Any, shown: Sequence[Point], places: Mapping[str, int], position: int, zero: float
) -> FloatArray:
    """Draw a point for each run; hollow where the machine was busy."""
    xs = np.array([places[point.run.name] for point in shown])
    values = np.array([point.figure.value for point in shown]) - zero
    is_busy = np.array([bool(point.figure.busy) for point in shown])
    size = 3.0 if len(shown) <= _SMALL_POINTS else 1.8
    look: Any = {"color": colour(position), "linestyle": "none", "markersize": size, "alpha": 0.75}
    axes.plot(xs[~is_busy], values[~is_busy], marker="o", **look)
    axes.plot(xs[is_busy], values[is_busy], marker="o", markerfacecolor="none", **look)
    return values


def _levels(line: Line, places: Mapping[str, int]) -> list[tuple[float, float, float]]:
    """Give start, end and value of each level, as it is drawn."""
    shown = [point for point in line.quiet if point.run.name in places]
    firsts = {change.after.run.name for change in line.changes or ()}
    starts = [0, *(i for i, point in enumerate(shown) if i and point.run.name in firsts)]
    levels: list[tuple[float, float, float]] = []
    for start, end in itertools.pairwise([*starts, len(shown)]):
        part = shown[start:end]
        if part:
            value = float(np.median([point.figure.value for point in part]))
            levels.append((places[part[0].run.name], places[part[-1].run.name], value))
    return levels


def _limit(axes: Any, low: float, high: float, line: Line) -> None:
    """Show at least four times the smallest change that counts, so that noise looks like noise."""
    scale = line.points[-1].figure.value if line.kind == "speed" else 1.0
    span = max(high - low, 4 * line.points[-1].figure.smallest * scale)
    middle = (high + low) / 2
    axes.set_ylim(middle - 0.56 * span, middle + 0.68 * span)  # the numbers stand above


def _mark(
    axes: Any, group: Sequence[Line], places: Mapping[str, int], numbers: Mapping[str, int]
) -> None:
    """Draw a numbered line before the first run of each new level."""
    names = {c.after.run.name for line in group for c in line.changes or ()} & places.keys()
    for name in names:
        place = places[name] - 0.5
        axes.axvline(place, color=INK, linewidth=0.8, linestyle=":")
        axes.text(
            place, 0.985, f" {numbers[name]}", transform=axes.get_xaxis_transform(),
            ha="left", va="top", fontsize=9, fontweight="bold",
        )  # fmt: skip


def _date(axes: Any, runs: Sequence[RunRow]) -> None:
    places = np.unique(np.linspace(0, len(runs) - 1, min(_N_DATES, len(runs))).round().astype(int))
    axes.set_xticks(places, [runs[place].date[:10] for place in places], fontsize=8)
    labels = axes.get_xticklabels()
    labels[0].set_ha("left")
    labels[-1].set_ha("right" if len(labels) > 1 else "left")
    axes.tick_params(axis="y", labelsize=8)
    axes.set_xlim(-0.8, len(runs) - 0.2)


def _unit(line: Line) -> str:
    return f"{line.metric}, {line.unit}" if line.kind == "AP" else line.unit


def _label(group: Sequence[Line]) -> str:
    names = ", ".join(f"{line.metric} {value_text(line)}" for line in group)
    n = len({c.after.run.name for line in group for c in line.changes or ()})
    return f"{group[0].subject} over time: {names}; changes of level: {n}"
