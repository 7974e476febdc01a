"""Import packages that may be missing; a refusal names the package and the next step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from retinaface.errors import EngineUnavailable, RetinaFaceError, first_line


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
