"""Draw the pictures of docs/why-three-verdicts.md: `python -m tools.explanation`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from retinaface.api import evaluate, open_engine
from retinaface.checks.accuracy import DELTA_EMBEDDED
from retinaface.checks.intervals import (
    CONFIDENCE,
    Interval,
    ap_from_curves,
    image_curves,
    image_weights,
    paired_ap_intervals,
)
from retinaface.detection.detections import Detections
from retinaface.embedded import embedded_root
from retinaface.records.read import Run, read_run
from retinaface.report.svg import INK, STYLE, colour, finish_svg
from retinaface.verdicts import judge_interval
from retinaface.widerface.average_precision import Counts, count_set
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.evaluation import Evaluation
from retinaface.widerface.predictions import official_form

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
# Readable on a light and on a dark page: a picture in Markdown does not know which it is on.
_GREY = "#767676"
_KINDS = ("noise", "extremes", "scene", "real", "constant")
_MARKERS = {"PASS": "o", "INCONCLUSIVE": "D", "FAIL": "X"}
_SHIFTS_PX = (0.25, 0.5, 1.0, 1.5, 2.0)


@click.command()
@click.argument("record", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(record: Path) -> None:
    """Draw the pictures of docs/why-three-verdicts.md on the embedded set, and print the figures.

    \b
    retinaface validate -k "fidelity or parity" --record RECORD
    python -m tools.explanation RECORD
    """
    exact, half = (_evaluated(name) for name in ("ort-cpu-fp32", "ort-cpu-fp16"))
    with mpl.rc_context(STYLE):
        _write("pairing", draw_pairing(exact.counts, half.counts))
        _write("verdicts", draw_verdicts(exact, half))
        _write("noise-floors", draw_floors(read_run(record)))


def draw_pairing(exact: Counts, half: Counts) -> Figure:
    """Draw the width of an interval with the same images drawn for both sides, and without."""
    figure = Figure(figsize=(6.4, 2.2), layout="constrained")
    axes = figure.subplots()
    paired = paired_ap_intervals(exact, half)
    for i, split in enumerate(exact.splits):
        apart = _unpaired(exact, half, i)
        for j, (name, interval) in enumerate((("apart", apart), ("in pairs", paired[split]))):
            width = 50 * (interval.high - interval.low)
            axes.barh(i + 0.36 * j, width, 0.32, color=colour(j), label=name if i == 0 else None)
            axes.text(width * 1.1, i + 0.36 * j, f"{width:.2g}", va="center")
            click.echo(f"pairing: {split}, images drawn {name}: +-{width:.4f} points")
    axes.axvline(DELTA_EMBEDDED, color=INK, linestyle="--", linewidth=1)
    axes.set_yticks(np.arange(len(exact.splits)) + 0.18, exact.splits)
    axes.invert_yaxis()
    axes.set(
        xscale="log",
        xlim=(0.005, 60),
        xlabel="half the 95 % interval of AP(FP16) - AP(FP32), points",
    )
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(frameon=False, title="images drawn", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_verdicts(exact: Evaluation, half: Evaluation) -> Figure:
    """Draw intervals inside, across and outside of the smallest effect that counts."""
    truth = open_widerface(embedded_root()).select(None)

    def moved(shift_px: float) -> Counts:
        found = {name: _moved(one, shift_px) for name, one in exact.detections.items()}
        return count_set(
            {n: official_form(d.boxes_xyxy, d.scores) for n, d in found.items()}, truth
        )

    changes: dict[str, Callable[[], Counts]] = {"FP16": lambda: half.counts}
    changes |= {f"boxes {px:g} px to the right": lambda px=px: moved(px) for px in _SHIFTS_PX}
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(-DELTA_EMBEDDED, DELTA_EMBEDDED, color=colour(2), alpha=0.18, linewidth=0)
    for i, (name, counts) in enumerate(changes.items()):
        interval = paired_ap_intervals(exact.counts, counts())["hard"]
        low, estimate, high = (100 * x for x in (interval.low, interval.estimate, interval.high))
        verdict = str(judge_interval(low, high, DELTA_EMBEDDED))
        axes.plot([low, high], [i, i], color=INK, linewidth=1.4)
        axes.plot(estimate, i, _MARKERS[verdict], color=INK, markersize=6)
        axes.text(1.02, i, verdict, va="center", transform=axes.get_yaxis_transform())
        click.echo(f"verdicts: {name}: {estimate:+.3f} [{low:+.3f}, {high:+.3f}] {verdict}")
    axes.set_yticks(range(len(changes)), changes)
    axes.invert_yaxis()
    axes.set(xlabel="change of AP hard with its 95 % interval, points")
    return figure


def draw_floors(run: Run) -> Figure:
    """Draw noise floor, limit and error of the outputs by kind of input, for FP32 and FP16."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=False)
    for axes, precision in zip(panels, ("fp32", "fp16"), strict=True):
        for i, kind in enumerate(_KINDS):
            floor, limit, error = _fidelity(run, precision, kind)
            axes.plot([i, i], [floor, limit], color=_GREY, linewidth=5, alpha=0.35)
            axes.plot(
                i, floor, "_", color=INK, markersize=11, label="noise floor" if i == 0 else None
            )
            axes.plot(
                i, limit, "_", color=colour(1), markersize=11, label="limit" if i == 0 else None
            )
            axes.plot(
                i, error, "o", color=colour(0), markersize=5, label="error" if i == 0 else None
            )
            figures = f"floor {floor:.3g}, limit {limit:.3g}, error {error:.3g}"
            click.echo(f"floors: {precision} {kind}: {figures}")
        axes.set_xticks(range(len(_KINDS)), _KINDS, rotation=30)
        axes.set(yscale="log", title=precision.upper())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
    panels[0].set(ylabel="largest difference of conf\nfrom float64, log-odds")
    panels[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _evaluated(name: str) -> Evaluation:
    with open_engine(name, weights="embedded") as engine:
        return evaluate(engine, "embedded")


def _unpaired(old: Counts, new: Counts, split: int) -> Interval:
    """Compute the interval of AP(new) - AP(old) as if the images of the two were other ones."""
    ap = []
    for seed, counts in enumerate((old, new)):
        weights = image_weights(counts.n_images, seed=seed)
        proposals, hits = image_curves(counts, split)
        faces = weights @ counts.n_faces[:, split].astype(np.float32)
        ap.append(ap_from_curves(weights @ proposals, weights @ hits, faces))
    difference = ap[1] - ap[0]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(difference, [tail, 1 - tail])
    return Interval(float(difference.mean()), float(low), float(high))


def _moved(found: Detections, shift_px: float) -> Detections:
    boxes = found.boxes_xyxy + np.array([shift_px, 0, shift_px, 0], np.float32)
    return replace(found, boxes_xyxy=boxes)


def _fidelity(run: Run, precision: str, kind: str) -> tuple[float, float, float]:
    """Find floor, limit and largest error of `conf` on one kind of input, at batch 1."""
    found = [
        row
        for result in run.record.results
        for row in result.fidelity
        if (row.precision, row.kind, row.output) == (precision, kind, "conf")
        and result.key.batch == 1
    ]
    worst = max(found, key=lambda row: row.ratio)
    return float(worst.floor_max or 0), float(worst.limit or 0), worst.max_abs


def _write(name: str, figure: Figure) -> None:
    path = PICTURES / f"{name}.svg"
    path.write_text(finish_svg(figure, name).replace("currentColor", _GREY), encoding="utf-8")
    click.echo(f"{path.name}: {path.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
