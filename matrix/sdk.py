"""A vendor's SDK in the environment of a row: from its wheels, or as it is installed already."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from matrix.rows import MatrixError, Row

# What an SDK does not use: a newer one may stand before it, in the environment of the row alone.
_OURS = frozenset(
    {"click", "msgspec", "pooch", "rich", "tqdm", "pytest", "pluggy", "pytest-benchmark"}
    | {"hypothesis", "threadpoolctl", "retinaface", "pip", "setuptools", "wheel"}
)
# Each brings cv2: one of them is enough, and two overwrite each other.
_CV2 = frozenset(
    f"opencv{contrib}-python{headless}"
    for contrib in ("", "-contrib")
    for headless in ("", "-headless")
)
# Name, version, perhaps a build number, then the tags of Python, ABI and platform.
_WHEEL = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-(?P<python>[^-]+)-[^-]+-[^-]+")


def normal(name: str) -> str:
    """The one spelling of a distribution's name: `cuda_python` is `cuda-python`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def visible() -> dict[str, str]:
    """Versions of what this Python imports, by name; the first of a name on the path counts."""
    importlib.invalidate_caches()
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(normal(name), distribution.version)
    return found


def kept(installed: Mapping[str, str]) -> dict[str, str]:
    """What may not change: all that is there but the packages that are ours alone."""
    return {name: version for name, version in installed.items() if name not in _OURS}


def lacking(packages: Mapping[str, str], installed: Collection[str]) -> list[str]:
    """Requirements of a row that nothing installed meets; either OpenCV is one."""
    there = {normal(name) for name in installed}
    if there & _CV2:
        there |= _CV2
    return [f"{name}=={version}" for name, version in packages.items() if normal(name) not in there]


def check_installed(row: Row) -> None:
    """Check that an installed SDK is in sight.

    Raises:
        MatrixError: None of the row's modules can be found.
    """
    modules = row.settings["installed"].split()
    if not any(find_spec(module) for module in modules):
        raise MatrixError(
            f"{row.name} runs on the SDK that is installed already, and {sys.base_prefix} has none "
            f"of {', '.join(modules)}; start tox with the Python that has the SDK: PYTHON -m tox "
            "run -e ..., with the PYTHONPATH and LD_LIBRARY_PATH that the SDK sets"
        )


def check_unchanged(before: Mapping[str, str]) -> None:
    """Check that everything that may not change is as it was.

    Raises:
        MatrixError: Names what changed.
    """
    after = visible()
    changed = [
        f"{name} {version} -> {after.get(name, 'gone')}"
        for name, version in before.items()
        if after.get(name) != version
    ]
    if changed:
        raise MatrixError(f"the installation changed packages of the SDK: {', '.join(changed)}")


def wheels_of(row: Row) -> list[Path]:
    """The row's wheels: of its SDK, of its packages where it names them, for this Python.

    Raises:
        MatrixError: The folder is not there, or holds no such wheel.
    """
    variable, tag = row.settings["wheels"], row.settings["tag"]
    place = os.environ.get(variable)
    if not place or not Path(place).is_dir():
        raise MatrixError(
            f"{row.name} needs the vendor's wheels, and ${variable} is "
            + (f"{place}, which is no folder" if place else "not set")
            + "; set it to the folder of the SDK's wheels"
        )
    there = sorted(Path(place).glob("*.whl"))
    tagged = [path for path in there if tag in path.name]
    if not tagged:
        raise MatrixError(
            f"{row.name} needs wheels named *{tag}*.whl, and ${variable}={place} holds "
            f"{_names(there) or 'no wheel'}"
        )
    wanted = [normal(name) for name in row.settings.get("distributions", "").split()]
    needed = [path for path in tagged if not wanted or _part(path, "name") in wanted]
    fitting = [path for path in needed if _fits(_part(path, "python"))]
    if not fitting:
        raise MatrixError(
            f"{row.name}: ${variable}={place} holds no wheel for Python "
            f"{sys.version_info[0]}.{sys.version_info[1]} of {', '.join(wanted) or tag}, but "
            f"{_names(needed or tagged)}; use the Python that the wheels are built for"
        )
    return fitting


def _names(wheels: Iterable[Path]) -> str:
    return ", ".join(path.name for path in list(wheels)[:5])


def _part(wheel: Path, part: str) -> str:
    """A part of a wheel's file name; empty where it is not named as wheels are."""
    match = _WHEEL.fullmatch(wheel.stem)
    return normal(match[part]) if match else ""


def _fits(tags: str) -> bool:
    """Whether tags of Python, as `cp310` or `py2.py3`, fit this one; an unreadable name does."""
    own = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    return not tags or any(tag == own or tag.startswith("py3") for tag in tags.split("-"))
