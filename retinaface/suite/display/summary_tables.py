"""Write figures of a run for the terminal: AP and images per second, a line for each engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinaface.records.result_id import ResultId
from retinaface.telling.tables import table_lines

Result = Mapping[str, Any]
_NUMBER_WIDTH = 8


def ap_table(results: Iterable[Result], width: int = 80) -> list[str]:
    """Write AP of each engine and pipeline, in percent; empty where none was measured."""
    rows = [(_name(result), result) for result in results if "ap" in result]
    if not rows:
        return []
    counts = sorted({int(result["n_images"]) for _, result in rows})
    n_images = " or ".join(f"{n}" for n in counts)
    heading = f"AP in %, {n_images} images"
    splits = list(rows[0][1]["ap"])
    cells = {name: [f"{100 * v:.2f}" for v in result["ap"].values()] for name, result in rows}
    return _align(heading, splits, cells, width)


def speed_table(results: Iterable[Result], width: int = 80) -> list[str]:
    """Write images per second of each engine by batch; empty where none was timed."""
    found: dict[str, dict[int, str]] = {}  # 0 where the result names no batch
    for result in results:
        name = ResultId.parse(str(result["id"]))
        for timed, figures in result.get("speed", {}).items():
            if "images_per_s" in figures:
                row = found.setdefault(f"{name.engine} {timed}", {})
                row[name.batch or 0] = f"{figures['images_per_s']:.1f}"
    batches = sorted({batch for row in found.values() for batch in row})
    columns = [f"b{batch}" if batch else "" for batch in batches]
    cells = {line: [row.get(batch, "-") for batch in batches] for line, row in found.items()}
    return _align("images/s by batch", columns, cells, width) if found else []


def _name(result: Result) -> str:
    name = ResultId.parse(str(result["id"]))
    return f"{name.engine} {name.pipeline}".strip()


def _align(
    heading: str, columns: list[str], cells: Mapping[str, list[str]], width: int
) -> list[str]:
    """Align numbers below their heading; where a line is too long, in a form that fits."""
    names_width = max(len(heading), *(len(name) + 2 for name in cells))
    if names_width + _NUMBER_WIDTH * len(columns) > width:
        named = [[name, *row] for name, row in cells.items()]
        right = range(1, len(columns) + 1)
        return table_lines([heading, *columns], named, right=right, width=width)
    rows = [(heading, columns), *((f"  {name}", row) for name, row in cells.items())]
    return [
        f"{name:{names_width}}" + "".join(f"{cell:>{_NUMBER_WIDTH}}" for cell in row)
        for name, row in rows
    ]
