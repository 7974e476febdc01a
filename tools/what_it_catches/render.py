"""Write the page of the docs from the measured figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

from tools.what_it_catches.kinds import CALLS, DECODED, KINDS, OUTPUTS, SAMPLES, TIMES, Kind

_PAGE = Path(__file__).parent / "page.md.in"
_VERSIONS = ("torch", "onnx", "onnxruntime", "numpy")


def render(content: dict[str, Any]) -> str:
    """Make the page.

    Args:
        content: Of `docs/what-it-catches.json`.
    """
    tables = {
        where: "\n".join(_table(where, content["kinds"]))
        for where in (OUTPUTS, DECODED, CALLS, TIMES)
    }
    page = Template(_PAGE.read_text(encoding="utf-8"))
    return page.substitute(tables, runs="\n".join(_runs(content["runs"])))


def _runs(runs: list[dict[str, Any]]) -> Iterator[str]:
    """Say of each run of the command what it measured, when and where."""
    for run in runs:
        others = [kind.name for kind in KINDS if kind.name not in run["kinds"]]
        but = f" but {_in_code(others)}" if others else ""
        is_most = len(others) < len(KINDS) / 2
        what = f"all rows{but}" if is_most else _in_code(run["kinds"])
        versions = ", ".join(f"{name} {run['versions'][name]}" for name in _VERSIONS)
        yield (
            f"- {run['date']}: {what}, in {run['seconds']} s on {run['n_processors']} processors "
            f"({run['processor']}), with {versions}"
        )


def _in_code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(where: str, rows: dict[str, Any]) -> Iterator[str]:
    yield "| fault | smallest caught | next smaller | red test functions |"
    yield "| --- | --- | --- | --- |"
    for kind in KINDS:
        if kind.where == where:
            yield _row(kind, rows[kind.name])


def _row(kind: Kind, row: dict[str, Any]) -> str:
    sizes, smallest = row["sizes"], row["smallest_caught"]
    if smallest is None:
        return f"| {kind.title} | none that we tried | {_not_caught(kind, row, -1)} | |"
    i = sizes.index(smallest)
    red = ", ".join(f"`{test}`" for test in row["red"][i])
    if len(sizes) == 1:
        return f"| {kind.title} | it has no size | | {red} |"
    smaller = _not_caught(kind, row, i - 1) if i else "we tried nothing smaller"
    return f"| {kind.title} | {_words(smallest, row['unit'])} | {smaller} | {red} |"


def _not_caught(kind: Kind, row: dict[str, Any], i: int) -> str:
    """Write a size that was not caught, and its verdict."""
    size = _words(row["sizes"][i], row["unit"])
    if kind.tests == SAMPLES:
        return size  # of several draws, whose verdicts differ
    return f"{size}: {'INCONCLUSIVE' if row['inconclusive'][i] else 'PASS'}"


def _words(size: float, unit: str) -> str:
    """Write a size; a share in percent, or in millionths where it is small."""
    if unit.startswith("of "):
        return f"{size * 100:g} % {unit}" if size >= 1e-4 else f"{size * 1e6:g} millionths {unit}"
    return f"{size:,.0f} {unit}".replace(",", " ") if size >= 1000 else f"{size:g} {unit}".rstrip()
