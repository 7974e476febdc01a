"""Bring records of older versions to the current one: what was not kept then stays absent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retinaface.errors import RecordError
from retinaface.records.result_id import ResultId

# 2: counts, stages, models, threads, clocks and CPU flags are kept.
# 3: fidelity lies under its result; checks have typed fields.
SCHEMA_VERSION = 3
# What a record leaves out: `evaluate` judges nothing, a run that was cut off has no results yet.
ABSENT: Mapping[str, Any] = {
    "state": "finished",
    "running": None,
    "verdict": None,
    "results": [],
    "tests": [],
}
# From version 2 on a fact of the machine that is left out is empty; version 1 did not look for it.
_EMPTY: Mapping[str, Any] = {"cpu_flags": [], "clocks": {}, "threads": {}, "accelerators": []}
# Version 2 kept only the worst output of a comparison: the others lie nearer to their limits.
ALL_OUTPUTS = "all"
# What the suites of version 2 called these checks.
_FIDELITY_CHECK = re.compile(
    r"(?P<engine>\S+)(?: on (?P<variant>\S+)\.onnx| against FP16 rounding)?, batch (?P<batch>\d+)"
)
_FIXED_SIZE_PIPELINES = ("igie", "ixrt", "upstream-320")


def upgrade(data: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Bring a record to the form in which this version would have written it.

    Args:
        data: Content of `record.json`.
        path: Where it came from, for messages.

    Raises:
        RecordError: It is of a version that this release does not read.
    """
    version = data.get("schema_version")
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise RecordError(
            f"record {path} has schema version {version!r}, this release reads 1 to "
            f"{SCHEMA_VERSION}; read it with the release that wrote it, or run again"
        )
    record = {**ABSENT, **data, "schema_version": SCHEMA_VERSION}
    if version > 1 and isinstance(environment := record.get("environment"), Mapping):
        record["environment"] = {**_EMPTY, **environment}
    if version < 3:
        record["results"] = _with_fidelity(record)
    return record


def _with_fidelity(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Move the errors of raw outputs from the checks of tests to the results."""
    results = {result["id"]: dict(result) for result in record["results"]}
    pipeline, has_model = _pipeline(record), bool((record.get("target") or {}).get("models"))
    for check in _fidelity_checks(record):
        found = _FIDELITY_CHECK.fullmatch(check["name"])
        worst = check["numbers"]["worst"]
        if found is None or "case" not in worst:
            continue
        name = str(ResultId(found["engine"], pipeline, int(found["batch"])))
        variant = found["variant"] or ""
        figures = {
            **worst,
            "variant": "given" if variant and has_model else variant,
            "kind": worst["case"],
            "output": ALL_OUTPUTS,
            "ratio": check["numbers"]["ratio"],
        }
        figures.pop("case")
        results.setdefault(name, {"id": name}).setdefault("fidelity", []).append(figures)
    return list(results.values())


def _fidelity_checks(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for test in record["tests"]:
        for check in test["checks"]:
            numbers = check["numbers"]
            if "ratio" in numbers and isinstance(numbers.get("worst"), Mapping):
                yield check


def _pipeline(record: Mapping[str, Any]) -> str:
    """Find the pipeline whose inputs the suites took: the first of the run's of a fixed size."""
    pipelines = (record.get("target") or {}).get("pipelines") or []
    return next((name for name in pipelines if name in _FIXED_SIZE_PIPELINES), "igie")
