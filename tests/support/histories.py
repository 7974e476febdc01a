"""Folders of many small records: an engine whose AP and images/s are given, a run a day."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from retinaface.records.write import new_record, record_text

FIRST = datetime(2026, 9, 1, 4, 30, tzinfo=timezone.utc)
ENGINE = "ort-cpu-fp32"
CPU = "AMD EPYC 7763"
WEIGHTS = "b4" * 32
QUIET = {"drift": 1.0, "tail": 1.05, "taken": 0.01}
BUSY = {"drift": 1.0, "tail": 1.05, "taken": 0.5}


def write_history(
    folder: Path,
    aps: Sequence[float],
    rates: Sequence[float] | None = None,
    *,
    engine: str = ENGINE,
    first: int = 0,
    packages: Mapping[int, Mapping[str, str]] | None = None,
    **changes: Any,
) -> list[Path]:
    """Write a record for each AP (in percent of the hard split) and images/s.

    Args:
        folder: Gets `run-0000` and so on.
        aps: One for each run.
        rates: One for each run; all 100 if None.
        first: Number of the first run, which is also its day.
        packages: By number of the run, versions that hold from then on.
        changes: As for `record`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = new_record()
    installed: dict[str, str] = {"onnxruntime": "1.31.1", "numpy": "2.4.6"}
    written = []
    for i, ap in enumerate(aps):
        number = first + i
        installed = installed | dict((packages or {}).get(number, {}))
        rate = 100.0 if rates is None else rates[i]
        data = record(base, number, ap, rate, engine=engine, packages=installed, **changes)
        place = folder / f"run-{number:04}"
        place.mkdir()
        (place / "record.json").write_text(record_text(data), encoding="utf-8")
        written.append(place)
    return written


def record(
    base: Mapping[str, Any],
    number: int,
    ap: float,
    rate: float,
    *,
    engine: str,
    packages: Mapping[str, str],
    images_sha256: str = "5" * 64,
    cpu: str = CPU,
    machine: Mapping[str, float] | None = QUIET,
    pipelines: Sequence[str] = ("igie",),
    **data: Any,
) -> dict[str, Any]:
    """Make one record.

    Args:
        base: As `new_record` makes it.
        number: Of the run, which is also its day.
        ap: Percent of the hard split.
        rate: Images/s of the network.
        machine: What it did while the network was timed; None where the record does not say.
        pipelines: Each has these figures.
        data: Further fields.
    """
    speed: dict[str, Any] = {"samples_s": [8 / rate], "median_s": 8 / rate, "images_per_s": rate}
    if machine is not None:
        speed["machine"] = dict(machine)
    split = {"easy": 0.95, "medium": 0.9, "hard": ap / 100}
    left = {"name": "AP hard", "verdict": "PASS", "message": "", "numbers": {}, "value": ap}
    result = {
        "engine": {"name": engine, "device": "cpu", "runtime": "onnxruntime"},
        "precision": "fp16" if engine.endswith("fp16") else "fp32",
        "batch": 8,
        "ap": split,
        "n_images": 3226,
        "image_files_sha256": images_sha256,
        "speed": {"network": speed},
        "checks": [left | {"baseline": ap, "limit": 0.1, "margin": 0.1}],
    }
    environment = copy.deepcopy(base["environment"]) | {"cpu": cpu, "packages": dict(packages)}
    made = {
        **base,
        "environment": environment | {"n_cpus": 8},
        "created": (FIRST + timedelta(days=number)).isoformat(timespec="seconds"),
        "state": "finished",
        "running": None,
        "verdict": "PASS",
        "results": [
            result | {"id": f"{engine}--{name}--b8", "pipeline": name} for name in pipelines
        ],
        "tests": [],
        "target": {"weights": {"sha256": WEIGHTS}},
    }
    return json.loads(json.dumps(made | data))
