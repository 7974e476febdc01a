"""The exceptions of the package, for bad input (exit code 2) and failed checks, and their words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# So many names are listed beside the nearest one; where none is near, all are.
_FEW = 8
# Similarity of two names, 0 to 1, from which one is taken for a typo of the other.
SIMILAR = 0.6


class RetinaFaceError(Exception):
    """An error to act on; its message says what was tried, what was expected and got, what is next.

    `exit_code` is the exit code of the command line when the error reaches it.
    """

    exit_code = 2


class AssetError(RetinaFaceError, OSError):
    """A pinned file could not be found, fetched or verified."""


class WeightsError(RetinaFaceError, ValueError):
    """A checkpoint is damaged, unsafe, or of another architecture."""


class ExportError(RetinaFaceError, RuntimeError):
    """An export could not be made, or the file does not hold what was asked for."""


class ManifestError(ExportError):
    """The manifest beside an exported file is damaged, or of another version."""


class EngineUnavailable(RetinaFaceError, RuntimeError):  # noqa: N818 - a state, not an error
    """An engine is unknown, cannot run here, or cannot run this model."""


class ModelError(EngineUnavailable):
    """An ONNX file is damaged, or not of this network in a form that engines can run."""


class EngineFault(RetinaFaceError, RuntimeError):  # noqa: N818 - a fault is an error
    """An engine ran, and its outputs cannot be right: a failed check, not bad input."""

    exit_code = 1


class ImageError(RetinaFaceError, ValueError):
    """An image file cannot be used: missing, empty, cut short, not an image, or too narrow."""


class DatasetError(RetinaFaceError, ValueError):
    """WIDER FACE images, ground truth or predictions are missing or malformed."""


class OutputError(RetinaFaceError, OSError):
    """A result cannot be written where it was asked for."""


class ClusterError(RetinaFaceError, RuntimeError):
    """A scheduler or its workers cannot be used, or were lost."""


class StorageError(RetinaFaceError, OSError):
    """What a URL names cannot be read or written."""


class BaselineError(RetinaFaceError, ValueError):
    """A baseline is damaged, edited by hand, or may not be written."""


class RecordError(RetinaFaceError, ValueError):
    """A run record is missing, damaged, or of a version that this release cannot read."""


# An excerpt of a file in a message: enough to find the line, too little to reveal a file.
_EXCERPT = 60


def excerpt(value: object) -> str:
    """Write the beginning of what a file holds: a text quoted and escaped, a number as it is."""
    whole = str(value)
    start = whole[:_EXCERPT]
    shown = repr(start) if isinstance(value, str) else start
    return shown + ("..." if len(whole) > _EXCERPT else "")


def shortened(text: str, n_characters: int = 1000) -> str:
    """Cut a text that lists what a file holds, which may be megabytes."""
    return text if len(text) <= n_characters else f"{text[:n_characters]}..."


def first_line(error: Exception) -> str:
    """Reduce an exception's message to its first line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def nearest(name: str, known: Iterable[str], *, similar: float = SIMILAR) -> str | None:
    """Find the nearest known name, whatever its case; None where none is alike."""
    cased = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(name.casefold(), cased, n=1, cutoff=similar)
    return cased[found[0]] if found else None


def unknown(what: str, name: str, known: Iterable[str], *, more: str = "") -> str:
    """Say that a name is unknown, which one is nearest, and which ones there are.

    Args:
        what: Before the name, as in `unknown engine`.
        more: After the known names, as in `or package.module:factory`.
    """
    known = list(known)
    near = nearest(name, known)
    if near and len(known) > _FEW:
        return f"{what} {name!r}; did you mean {near}?"
    hint = f"did you mean {near}? Expected" if near else "expected"
    listed = ", ".join([*known, *([more] if more else [])])
    return f"{what} {name!r}; {hint} one of: {listed}"
