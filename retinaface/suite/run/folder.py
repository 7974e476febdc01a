"""Hold the folder of a record: one process writes in it, and a run that was cut off may go on.

Beside a growing record lies the folder `unfinished`, which goes when the run is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from retinaface.errors import OutputError
from retinaface.files import check_output_dir
from retinaface.locks import try_lock
from retinaface.records.write import (
    COUNTS_FILE,
    DETECTIONS_FILE,
    MODELS_DIR,
    RECORD_FILE,
    STAGES_FILE,
)

FOLDER = "unfinished"
_LOCK = "lock"
# Comes from outside: no crash of an engine.
_KILLED = "SIGKILL"
# What a run writes into its folder.
_WRITTEN = (FOLDER, MODELS_DIR, DETECTIONS_FILE, COUNTS_FILE, STAGES_FILE, RECORD_FILE)


def is_unfinished(folder: Path) -> bool:
    """Tell whether a folder holds a run that was cut off, or one that runs."""
    return (folder / FOLDER).is_dir()


def check_record_dir(folder: Path, *, resumes: bool) -> str:
    """Look at the folder of a record before any work starts.

    Args:
        folder: Named by the user.
        resumes: Whether a run that was cut off is to go on.

    Returns:
        What will be done with what was found there, in words for the user; empty where there is
        nothing to say.

    Raises:
        OutputError: Another process writes there, or the folder is not empty, or holds a run that
            crashed, which is an answer.
    """
    if not is_unfinished(folder):
        check_output_dir(folder)
        return f"{folder} holds no run that was cut off: it is begun" if resumes else ""
    with locked(folder):
        if resumes:
            return ""
        if _said(folder, "state") == "crashed" and _KILLED not in (_said(folder, "crash") or ""):
            raise OutputError(
                f"output folder {folder} holds a run that crashed; name a new one, or go on with "
                "that run by --resume"
            )
    return f"{folder} holds a run that was cut off: it is begun anew (--resume would go on with it)"


def start_record_dir(folder: Path, *, resumes: bool) -> None:
    """Make the folder of a record, and take away a run that was cut off, unless it is to go on.

    Raises:
        OutputError: Another process writes there.
    """
    if is_unfinished(folder) and not resumes:
        with locked(folder):
            for name in _WRITTEN:
                path = folder / name
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


def end_record_dir(folder: Path) -> None:
    """Take away what a run would need to go on, where it is whole."""
    if (
        is_unfinished(folder)
        and _said(folder, "state") == "finished"
        and not _said(folder, "problem")
    ):
        shutil.rmtree(folder / FOLDER)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run; the system releases that of a process that ends, however it ends."""
    if (lock := try_lock(folder / FOLDER / _LOCK)) is None:
        raise OutputError(
            f"output folder {folder} is being written by another process; name a new one, or wait "
            "until that run ends"
        )
    try:
        yield
    finally:
        os.close(lock)


def _said(folder: Path, key: str) -> str | None:
    """Read a word of a record, which this program wrote; None where there is none."""
    with contextlib.suppress(OSError, ValueError):
        said = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8")).get(key)
        return None if said is None else str(said)
    return None
