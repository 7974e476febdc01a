"""Writing results: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from retinaface.errors import OutputError


def check_output_dir(path: Path) -> None:
    """Refuse a folder for results that holds something already; called before any work starts.

    Raises:
        OutputError: The path is a file, a folder that is not empty, or cannot be written.
    """
    if path.is_dir():
        if any(path.iterdir()):
            raise OutputError(
                f"output folder {path} is not empty; name a new one, so that results of two runs "
                "never mix"
            )
    elif path.exists() or path.is_symlink():
        raise OutputError(f"output folder {path} is not a folder; name a new one")


@contextlib.contextmanager
def new_dir(path: Path) -> Iterator[Path]:
    """Fill a folder that appears under its name only when the block ends without an error.

    Args:
        path: The folder; missing or empty.

    Yields:
        A temporary folder beside it.

    Raises:
        OutputError: As `check_output_dir`, or the folder cannot be made.
    """
    check_output_dir(path)
    with _output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        with _output_errors(path):
            temporary.chmod(0o777 & ~_umask())
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Write a file that replaces the old one only when the block ends without an error.

    Yields:
        A path in a temporary folder beside it, with the same name.

    Raises:
        OutputError: The place cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file")
    with _output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary / path.name
        with _output_errors(path):
            (temporary / path.name).replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; name another place") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
