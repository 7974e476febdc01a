"""Say what long work is going on, to whoever shows it; by default nobody does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar

Show = Callable[[str], AbstractContextManager[object]]
_show: ContextVar[Show] = ContextVar("show", default=contextlib.nullcontext)


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Show what is done inside.

    Args:
        what: For a person: `exporting the checkpoint to ONNX, once`.
    """
    with _show.get()(what):
        yield


@contextlib.contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Show the work inside by `show`, a context manager around each piece of it."""
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)
