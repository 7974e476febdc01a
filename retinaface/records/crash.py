"""Write into the record of a run how its process ended, where it did not end by itself."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from retinaface.files import new_file
from retinaface.records.write import RECORD_FILE


def write_crash(folder: Path, problem: str, running: str | None) -> None:
    """Note in a record which test was running, and what happened to it.

    Args:
        folder: Of the record; nothing is written where it holds none that can be read.
        problem: What happened, in a line.
        running: Id of the test; None between tests.
    """
    path = folder / RECORD_FILE
    record = None
    with contextlib.suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(record, dict):
        record |= {"state": "crashed", "running": running, "verdict": "FAIL", "crash": problem}
        for test in record.get("tests", []):
            if test["id"] == running:
                test |= {"verdict": "FAIL", "reason": problem}
        with new_file(path) as file:
            file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
