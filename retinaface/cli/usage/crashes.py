"""Keep what is needed to find a mistake of this program, and say so in one line."""

from __future__ import annotations

import contextlib
import platform
import shlex
import sys
import traceback
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from retinaface.errors import first_line
from retinaface.version import __version__

# EX_SOFTWARE of sysexits.h: a mistake of the program, which is no verdict and no bad input.
EXIT_SOFTWARE = 70
# A traceback of a recursion has a thousand equal frames.
_N_FRAMES = 60


def crash_line(error: Exception, words: Sequence[str]) -> str:
    """Keep what an unforeseen error needs to be found, and say so.

    Args:
        error: With its traceback.
        words: Of the command line, without the program's name.

    Returns:
        One line: the error, that it is no verdict, and where the rest is.
    """
    what = f"{type(error).__name__}: {first_line(error)}"
    text = "".join(traceback.format_exception(error, limit=-_N_FRAMES))
    return unforeseen(what, text, words)


def unforeseen(what: str, text: str, words: Sequence[str]) -> str:
    """Keep a text in the cache folder, and say what happened and where it is.

    Args:
        what: What happened, in one line.
        text: Traceback or output; goes to standard error where no file can be written.
        words: Of the command line, without the program's name.
    """
    kept = _keep(f"{_heading(words)}\n{text}")
    if kept is None:
        sys.stderr.write(text)
    where = "the lines above, which no file could be written for" if kept is None else kept
    mistake = "this is a mistake of retinaface and no verdict"
    return f"unforeseen {what}; {mistake}: report it with {where}"


def _heading(words: Sequence[str]) -> str:
    lines = {
        "command": shlex.join(["retinaface", *words]),
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "retinaface": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        **{f"package {name}": version for name, version in _packages().items()},
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


def _packages() -> dict[str, str]:
    from retinaface.environment import package_versions

    return package_versions()


def _keep(text: str) -> Path | None:
    """Write a file of its own into the cache folder; None where that cannot be done."""
    from retinaface.assets import cache_dir

    with contextlib.suppress(OSError):
        folder = cache_dir() / "crashes"
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%f")
        path = folder / f"{now}.txt"
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return path
    return None
