"""Imports of what may not be installed: a refusal that says what is missing and how to get it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from retinaface.errors import EngineUnavailable, RetinaFaceError, first_line


@contextlib.contextmanager
def importing(what: str, next_step: str) -> Iterator[None]:
    """Turn whatever the imports in this block raise into a refusal.

    Args:
        what: The package; who needs it for what may stand before it.
        next_step: How to get it, or how to do without.

    Raises:
        EngineUnavailable: It cannot be imported.
    """
    try:
        yield
    except RetinaFaceError:
        raise
    except Exception as error:  # a broken install fails with whatever its loader raises
        raise EngineUnavailable(
            f"{what} cannot be imported ({type(error).__name__}: {first_line(error)}); {next_step}"
        ) from error
