"""The exceptions of the package: bad input (exit code 2) and a failed check (exit code 1)."""

from __future__ import annotations


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


class BaselineError(RetinaFaceError, ValueError):
    """A baseline is damaged, edited by hand, or may not be written."""


class RecordError(RetinaFaceError, ValueError):
    """A run record is missing, damaged, or of a version that this release cannot read."""


def first_line(error: Exception) -> str:
    """Reduce an exception's message to its first line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
