"""Import packages that may be missing; a refusal names the package and the next step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from retinaface.errors import EngineUnavailable, RetinaFaceError, first_line
from retinaface.storage.hashing import file_sha256


@contextlib.contextmanager
def importing(what: str, next_step: str) -> Iterator[None]:
    """Turn any exception of the imports in this block into a refusal.

    Args:
        what: Beginning of the message, which ends in the package: `ncnn`, or `X needs Y, which`.
        next_step: How to get the package, or how to do without it.

    Raises:
        EngineUnavailable: A package cannot be imported.
    """
    try:
        yield
    except RetinaFaceError:
        raise
    except Exception as error:  # a broken install may raise anything
        raise EngineUnavailable(
            f"{what} cannot be imported ({type(error).__name__}: {first_line(error)}); {next_step}"
        ) from error


def outside_code(engine: str) -> str:
    """Hash the module of an engine that is named `package.module:factory`; empty for any other."""
    module, colon, _ = engine.partition(":")
    found = find_spec(module) if colon else None
    if found is None or found.origin is None or not Path(found.origin).is_file():
        return ""
    return file_sha256(Path(found.origin))
