"""Compare the versions on which figures depend between a worker and the machine of the command."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from retinaface.environment import version_of
from retinaface.errors import ClusterError


@functools.cache
def code_sha256() -> str:
    """Hash the code of this package."""
    root = Path(__file__).resolve().parents[1]
    hashed = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        hashed.update(f"{path.relative_to(root).as_posix()}\n".encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def versions() -> dict[str, str]:
    """Collect the versions of this process."""
    return {
        "Python": platform.python_version(),
        "NumPy": version_of(np),
        "OpenCV": version_of(cv2),
        "the code of retinaface": code_sha256()[:12],
    }


def check_equal(
    one: Mapping[str, str], other: Mapping[str, str], *, where_one: str, where_other: str
) -> None:
    """Refuse versions that differ.

    Raises:
        ClusterError: Names each that differs, on both sides.
    """
    differing = [
        f"{name} is {value} {where_one} and {other.get(name)} {where_other}"
        for name, value in one.items()
        if other.get(name) != value
    ]
    if differing:
        raise ClusterError(
            f"{'; '.join(differing)}: one result must come from one version; start all workers in "
            "the same environment"
        )
