"""Read what a worker answers: nothing of it is used before its types, sizes and times are right."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from retinaface.engines.remote.frames import GarbageError
from retinaface.engines.remote.messages import (
    A,
    Answer,
    Description,
    Failed,
    Opened,
    Outputs,
    Ready,
    Tensors,
    kind_of,
)
from retinaface.network.config import OUTPUT_NAMES

# A compiler may print a page; a line of an error is shorter.
_LONGEST_WORDS = 2000
# Descriptions are tables of tables; what is nested more deeply is nothing that is written here.
_DEEPEST = 8
# Clocks of two machines run at rates that differ by less.
_CLOCK_SLACK = 1.01


class _EnvironmentFacts(Struct, kw_only=True, frozen=True):
    """What is read of `environment.describe_environment`; further facts are passed on."""

    python: str
    packages: dict[str, str | None] = {}
    cpu_flags: list[str] | None = None
    clocks: dict[str, str | None] | None = None
    threads: dict[str, str] | None = None
    accelerators: list[dict[str, str | None]] | None = None


class _EngineFacts(Struct, kw_only=True, frozen=True):
    """What is read of `Engine.describe`; further facts are passed on."""

    name: str
    device: str
    precision: str | None = None
    runtime: str | None = None
    device_name: str | None = None


def check_ready(header: Mapping[str, Any], version: str) -> None:
    """Read what a worker sends first.

    Args:
        version: Of this package.

    Raises:
        GarbageError: It is something else, or the worker runs another version.
    """
    with _naming_fields():
        ready = msgspec.convert(header, Ready)
    if ready.version != version:
        raise GarbageError(
            f"it is a worker of version {ready.version[:80]!r}, expected {version!r}"
        )


def decode_answer(
    header: Mapping[str, Any], n_arrays: int, expected: type[A], within_s: float = math.inf
) -> A | Failed:
    """Read the header of an answer.

    Args:
        n_arrays: How many came with it.
        expected: What the request is answered by, where nothing failed.
        within_s: Seconds from the request to the answer, here.

    Raises:
        GarbageError: It is no answer, lacks a field, has another one, answers something else, tells
            of a time that cannot be, or comes with more arrays or fewer.
    """
    with _naming_fields():
        answer: Answer = msgspec.convert(header, Answer)
        if isinstance(answer, Opened):
            msgspec.convert(answer.environment, _EnvironmentFacts)
        if isinstance(answer, Description):
            msgspec.convert(answer.description, _EngineFacts)
    if _is_deeper(header, _DEEPEST):
        raise GarbageError(f"it sent an answer that is nested more than {_DEEPEST} deep")
    if not isinstance(answer, (expected, Failed)):
        raise GarbageError(f"it answered {kind_of(answer)!r}, expected {kind_of(expected)!r}")
    if n_arrays != (n_expected := _n_arrays(answer)):
        raise GarbageError(
            f"it sent {n_arrays} arrays with {kind_of(answer)!r}, expected {n_expected}"
        )
    if isinstance(answer, Outputs) and not 0 < answer.seconds <= within_s * _CLOCK_SLACK:
        raise GarbageError(
            f"it says that the call took {answer.seconds} s, expected a time above 0 s and at most "
            f"the {within_s:.3g} s from request to answer"
        )
    return answer


@contextlib.contextmanager
def _naming_fields() -> Iterator[None]:
    try:
        yield
    except msgspec.ValidationError as error:
        raise GarbageError(f"it sent an answer that is not right: {error}") from error


def _is_deeper(value: object, most: int) -> bool:
    """Tell whether tables and lists are nested more than so many times, level by level."""
    level = [value]
    for _ in range(most + 1):
        tables = [one.values() for one in level if isinstance(one, dict)]
        lists = [one for one in level if isinstance(one, list)]
        level = [inner for group in (*tables, *lists) for inner in group]
        if not level:
            return False
    return any(isinstance(one, (dict, list)) for one in level)


def one_line(text: str) -> str:
    """Make one line of what a worker says, of a length that a person reads."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS]} ..."


def _n_arrays(answer: Answer) -> int:
    if isinstance(answer, Tensors):
        return len(answer.names)
    return len(OUTPUT_NAMES) if isinstance(answer, Outputs) else 0
