"""Find Iluvatar's board, and recognise the vendor's packages and their versions."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from retinaface.environment import command_output, version_of

MAKER = "Iluvatar"
# The next step where the vendor's software is missing.
WHEELS = (
    "install the vendor's wheels: IXUCA_WHEELS=FOLDER tox run -e validate-ixuca420, or pip install "
    "them here; where the SDK is installed already, tox run -e validate-ixuca"
)
# Where the SDK puts its programs and the libraries that they load. Neither folder is always on the
# PATH, or where the dynamic linker searches.
SDK_FOLDER = Path("/usr/local")
_PROGRAMS = "corex*/bin/ixsmi"
_LIBRARIES, _SEARCHED = ("lib64", "lib"), "LD_LIBRARY_PATH"
_FIELDS = ("name", "driver_version")
_NOT_AN_ANSWER = re.compile(r"not a valid field|not supported|unknown|n/a|error|failed|^\W*$", re.I)


def board() -> dict[str, str]:
    """Ask `ixsmi` for name and driver of the first board; what it does not tell is left out.

    Each field is asked for by itself, because one that a release does not know spoils the line.
    """
    answers = {field: ask(field) for field in _FIELDS}
    return {field: answer for field, answer in answers.items() if answer is not None}


def ask(field: str) -> str | None:
    """Ask the first `ixsmi` that answers for a field of the first board."""
    for program in _ixsmi():
        words = (str(program), f"--query-gpu={field}", "--format=csv,noheader")
        text = command_output(*words, variables=_with_libraries(program))
        lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
        if lines and not _NOT_AN_ANSWER.search(lines[0]):
            return lines[0]
    return None


def _ixsmi() -> list[Path]:
    """List where `ixsmi` may be: on the PATH, and in the folders of the SDK, newest first."""
    of_sdks = sorted(SDK_FOLDER.glob(_PROGRAMS), key=_numbers, reverse=True)
    return [Path(shutil.which("ixsmi") or "ixsmi"), *of_sdks]


def _with_libraries(program: Path) -> dict[str, str]:
    """Let a program of an SDK find the SDK's libraries, after all that is searched already."""
    sdk = program.resolve().parent.parent
    own = [str(sdk / name) for name in _LIBRARIES if (sdk / name).is_dir()]
    searched = [folder for folder in os.environ.get(_SEARCHED, "").split(os.pathsep) if folder]
    return {_SEARCHED: os.pathsep.join(dict.fromkeys([*searched, *own]))}


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def board_name(name: str | None) -> str:
    """Put the maker's name before a board's, as in baselines: `Iluvatar MR-V100`.

    Args:
        name: The board's name from the driver or the runtime; None where neither gives one.
    """
    if not name:
        return MAKER
    return name if name.lower().startswith(MAKER.lower()) else f"{MAKER} {name}"


def vendor_version(package: str, module: Any) -> str:
    """Read the version of the vendor's package; its suffix names the SDK (`+corex.4.2.0`).

    Args:
        package: Name of the distribution; an SDK from an installer has none.
        module: Its module, whose `__version__` may be plain numbers, or missing.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return version_of(module)


def is_ixrt(module: Any) -> bool:
    """Tell whether a module with TensorRT's interface is Iluvatar's ixRT.

    The version alone does not tell: the vendor's scripts read it as plain numbers. The other marks
    are the distribution `ixrt`, the subpackage `deploy`, and a plugin library beside the module.
    """
    name, file = str(getattr(module, "__name__", "")), getattr(module, "__file__", None)
    if name == "ixrt" or "corex" in version_of(module) or hasattr(module, "deploy"):
        return True
    if file and (Path(file).parent / "lib" / "libixrt_plugin.so").is_file():
        return True
    return _is_installed("ixrt") or _has_subpackage(module, name, "deploy")


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _has_subpackage(module: Any, name: str, subpackage: str) -> bool:
    """Look for a subpackage without importing it."""
    if not getattr(module, "__path__", None):
        return False
    return importlib.util.find_spec(f"{name}.{subpackage}") is not None
