"""Neighbouring rows of the matrix timed turn by turn, each in the environment that tox made."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matrix.rows import RUNTIME, Row

RECORD = "record.json"
# Images in one call: one shows what a call costs, many show what an image costs.
BATCHES = (1, 32)
# The pipeline whose file is timed: inputs of fixed size.
_PIPELINE = "igie"


@dataclass(frozen=True)
class Side:
    """A row that ran.

    Attributes:
        row: Its name.
        python: Interpreter of its environment.
        record: Folder of its record.
    """

    row: str
    python: Path
    record: Path


def neighbours(rows: Mapping[str, Row], ran: Sequence[str]) -> list[tuple[str, str]]:
    """Pair rows that ran: each version with the next of the same packages, exporters with [cpu].

    Args:
        rows: The table.
        ran: Names of its rows that ran.

    Returns:
        Old and new, by name.
    """
    families: dict[str, dict[tuple[int, ...], str]] = {}
    exporters = []
    for name, row in rows.items():
        if name not in ran:
            continue
        if row.is_export:
            exporters.append(name)
            continue
        family = row.settings.get("wheels") or " ".join(sorted(row.packages))
        version = " ".join([row.settings.get("tag", ""), *row.packages.values()])
        numbers = tuple(map(int, re.findall(r"\d+", version)))
        # Of two rows of one version, as [cpu] is of another's, the first.
        families.setdefault(family, {}).setdefault(numbers, name)
    pairs = []
    for family_rows in families.values():
        ordered = [family_rows[version] for version in sorted(family_rows)]
        pairs += itertools.pairwise(ordered)
    return pairs + [(RUNTIME, name) for name in exporters if RUNTIME in ran]


def sessions(old: Side, new: Side, batches: Sequence[int]) -> Iterator[tuple[str, list[str]]]:
    """Name each session of two rows, and give its arguments of `retinaface ab`.

    Timed are the engines that both records hold, with the files that the records keep.

    Args:
        old: A.
        new: B.
        batches: Images in one call.
    """
    records = [json.loads((s.record / RECORD).read_text(encoding="utf-8")) for s in (old, new)]
    models = [_models(side, record) for side, record in zip((old, new), records, strict=True)]
    settings = [record.get("target", {}).get("engine_options", {}) for record in records]
    for engine in models[0]:
        if engine not in models[1]:
            continue
        both = [f"--a={old.python}", f"--b={new.python}", f"--engine={engine}"]
        both += [f"--model={models[0][engine]}", f"--model-b={models[1][engine]}"]
        both += [f"--engine-option={key}={value}" for key, value in settings[0].items()]
        both += [f"--engine-option-b={key}={value}" for key, value in settings[1].items()]
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", engine)
        for batch in batches:
            yield f"{old.row}-{new.row}--{slug}--b{batch}", [*both, f"--batch={batch}"]


def _models(side: Side, record: Mapping[str, Any]) -> dict[str, Path]:
    """Find the file that each engine of a record ran; one of fixed input size where there is."""
    found: dict[str, Path] = {}
    results = sorted(record["results"], key=lambda result: result.get("pipeline") != _PIPELINE)
    for result in results:
        kept = (result.get("model") or {}).get("kept")
        name = result.get("engine", {}).get("name")
        if kept and name:
            found.setdefault(name, side.record / kept)
    return found
