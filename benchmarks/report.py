"""Write the tables, the plot and the sections of `benchmarks/README.md`."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.measure import Cell, EndToEnd
from retinaface.comparison.engine_table import COLUMNS, EngineRow
from retinaface.environment import cpu_model, n_usable_cpus, package_versions

README = Path(__file__).with_name("README.md")
ENGINES_PAGE = README.parents[1] / "docs" / "engines.md"
ENGINES = README.with_name("engines.json")
# The vendor's scripts over 3226 images on two EPYC cores, with ONNX Runtime in place of their
# engine: 261 s for detection (inference took 36 s of these), and 70 s for the evaluation.
VENDOR_MS = {
    "detection": 261e3 / 3226,
    "inference": 36e3 / 3226,
    "evaluation": 70e3 / 3226,
    "all": 331e3 / 3226,
}


def ms(result: EndToEnd, name: str) -> float:
    """Compute the median milliseconds for one image."""
    return 1e3 * median(result.seconds[name]) / result.n_images


def stage_ms(result: EndToEnd) -> dict[str, float]:
    """Compute the median milliseconds for one image in each stage of the plain way's detection."""
    return {
        stage: 1e3 * median(turn[stage] for turn in result.stages) / result.n_images
        for stage in result.stages[0]
    }


def ratios(result: EndToEnd, above: Sequence[str], below: Sequence[str]) -> list[float]:
    """Divide the sum of some timings by the sum of others, for each turn."""
    turns = zip(*(result.seconds[n] for n in (*above, *below)), strict=True)
    return [sum(t[: len(above)]) / sum(t[len(above) :]) for t in turns]


def over_floor(result: EndToEnd) -> list[float]:
    """Divide the time of detection by that of decoding plus inference, for each turn."""
    return ratios(result, ["ours detection"], ["floor decoding", "floor inference"])


def faster_than_plain(result: EndToEnd) -> list[float]:
    """Divide the time of the plain way by ours, evaluation included, for each turn."""
    ways = ([f"{way} detection", f"{way} evaluation"] for way in ("plain", "ours"))
    return ratios(result, *ways)


def spread(values: Sequence[float]) -> str:
    """Write the median and the range over the turns."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def end_to_end_section(result: EndToEnd) -> str:
    """Write the Markdown of one run."""
    turns = len(result.seconds["ours detection"])
    rows = [
        ("floor: JPEG decoding alone", ms(result, "floor decoding")),
        ("floor: inference of the same batches alone", ms(result, "floor inference")),
        ("ours: detection, from the first read to the last box", ms(result, "ours detection")),
        ("ours: evaluation", ms(result, "ours evaluation")),
        ("plain way: detection", ms(result, "plain detection")),
        ("plain way: evaluation", ms(result, "plain evaluation")),
    ]
    stages = stage_ms(result)
    ap = " / ".join(f"{100 * value:.2f}" for value in result.ap["ours"].values())
    lines = [
        f"{result.n_images} images, `{result.engine}`, batch {result.batch}, {turns} turns; "
        f"{environment()}.",
        "",
        f"- **{spread(over_floor(result))} x the floor** (the time that decoding and inference "
        "alone take), start-up apart",
        f"- **{spread(faster_than_plain(result))} x faster than the plain way**, evaluation "
        "included",
        f"- the same results: AP {ap} %, {result.unmatched:.4%} of the detections without a "
        "counterpart",
        "",
        "| median of the turns | ms an image |",
        "| --- | ---: |",
        *(f"| {name} | {value:.2f} |" for name, value in rows),
        "",
        "What the plain way spends, beside the vendor's own scripts (measured elsewhere, on "
        "another machine of two EPYC cores: compare proportions, not figures):",
        "",
        "| stage | plain way, ms an image | vendor's scripts |",
        "| --- | ---: | ---: |",
        *(
            f"| {name} | {value:.2f} | "
            f"{VENDOR_MS['inference']:.1f} |" if name == "inference"
            else f"| {name} | {value:.2f} | |"
            for name, value in stages.items()
        ),
        f"| detection | {ms(result, 'plain detection'):.2f} | {VENDOR_MS['detection']:.1f} |",
        f"| evaluation | {ms(result, 'plain evaluation'):.2f} | {VENDOR_MS['evaluation']:.1f} |",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def scaling_section(cells: Sequence[Cell], engine: str) -> str:
    """Write the Markdown of the scaling table."""
    lines = [
        f"`{engine}`, each row in a process of its own, {len(cells[0].ms)} turns; {environment()}. "
        "Peak memory is that of the whole process, results included.",
        "",
        "| images | cores | batch | workers | threads of a call | ms an image | peak MiB |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {' | '.join(_cells(cell))} | {spread(cell.ms)} | {median(cell.peak_mib):.0f} |"
            for cell in cells
        ),
    ]
    return "\n".join(lines) + "\n"


def _cells(cell: Cell) -> list[str]:
    shown = {name: str(value) for name, value in cell.setting.items()}
    return list((shown | {"threads": shown["threads"] if cell.threads else "own choice"}).values())


def environment() -> str:
    """Write processor and versions in a line."""
    names = ("onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "numpy")
    versions = ", ".join(f"{n} {v}" for n, v in package_versions(names).items())
    return f"{cpu_model()}, {n_usable_cpus()} cores, Python {platform.python_version()}, {versions}"


def plot(result: EndToEnd, path: Path) -> None:
    """Draw bars of the floor, ours and the plain way, stage by stage."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "retinaface"  # the same figures give the same file
    from matplotlib import pyplot as plt

    stages = stage_ms(result)
    bars = {
        "plain way": stages | {"evaluation": ms(result, "plain evaluation")},
        "ours": {
            "decoding, inference\nand all else, overlapped": ms(result, "ours detection"),
            "evaluation": ms(result, "ours evaluation"),
        },
        "floor": {
            "decoding": ms(result, "floor decoding"),
            "inference": ms(result, "floor inference"),
        },
    }  # fmt: skip
    names = list(dict.fromkeys(stage for bar in bars.values() for stage in bar))
    colours = dict(zip(names, plt.get_cmap("tab10").colors, strict=False))
    figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    for way, parts in bars.items():
        left = 0.0
        for stage, width in parts.items():
            axes.barh(way, width, left=left, color=colours[stage], edgecolor="white", linewidth=0.5)
            left += width
        axes.text(left, way, f" {left:.1f} ms", va="center")
    handles = [plt.Rectangle((0, 0), 1, 1, color=colours[name]) for name in names]
    figure.legend(handles, names, loc="outside right center", fontsize=8)
    axes.set_xlabel("ms an image (median of the turns)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def write_section(name: str, text: str, page: Path = README) -> None:
    """Replace the text between two markers of a page.

    Raises:
        ValueError: The page lacks a marker, or has them in the wrong order.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    content = page.read_text()
    head, found, rest = content.partition(start)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(
            f"cannot write into {page}: expected {start} and {end}; add them where it belongs"
        )
    page.write_text(f"{head}{start}\n\n{text}\n{end}{tail}")


def write_engines(
    rows: Sequence[EngineRow], page: Path = ENGINES_PAGE, file: Path = ENGINES
) -> None:
    """Store the figures, and put the table into docs/engines.md."""
    file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    write_section("engines", engines_section(rows), page)


def read_engines(file: Path = ENGINES) -> list[EngineRow]:
    """Read the figures that `write_engines` stored."""
    return [EngineRow(**row) for row in json.loads(file.read_text(encoding="utf-8"))]


def engines_section(rows: Sequence[EngineRow]) -> str:
    """Write the Markdown of the table of engines."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " * len(COLUMNS) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(_engine_cells(row))} |" for row in rows)])


def _engine_cells(row: EngineRow) -> list[str]:
    name, *rest = row.cells()
    return [f"`{name}`", *rest]
