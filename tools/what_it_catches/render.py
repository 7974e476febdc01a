"""Write the page of the docs from the measured figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

from tools.what_it_catches.kinds import CALLS, DECODED, KINDS, OUTPUTS, TIMES, Kind

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
    versions = ", ".join(f"{name} {content['versions'][name]}" for name in _VERSIONS)
    page = Template(_PAGE.read_text(encoding="utf-8"))
    return page.substitute(tables, made=content["made"], versions=versions)


def _table(where: str, rows: dict[str, Any]) -> Iterator[str]:
    yield "| fault | smallest caught | passed | red test functions |"
    yield "| --- | --- | --- | --- |"
    for kind in KINDS:
        if kind.where == where:
            yield _row(kind, rows.get(kind.name))


def _row(kind: Kind, row: dict[str, Any] | None) -> str:
    if row is None:
        return f"| {kind.title} | not measured yet | | |"
    sizes, smallest = row["sizes"], row["smallest_caught"]
    if smallest is None:
        return f"| {kind.title} | none that we tried | {_words(sizes[-1], row['unit'])} | |"
    i = sizes.index(smallest)
    red = ", ".join(f"`{test}`" for test in row["red"][i])
    if len(sizes) == 1:
        return f"| {kind.title} | it has no size | | {red} |"
    passed = _words(sizes[i - 1], row["unit"]) if i else "we tried nothing smaller"
    return f"| {kind.title} | {_words(smallest, row['unit'])} | {passed} | {red} |"


def _words(size: float, unit: str) -> str:
    """Write a size; a share in percent, or in millionths where it is small."""
    if unit.startswith("of "):
        return f"{size * 100:g} % {unit}" if size >= 1e-4 else f"{size * 1e6:g} millionths {unit}"
    return f"{size:,.0f} {unit}".replace(",", " ") if size >= 1000 else f"{size:g} {unit}".rstrip()
