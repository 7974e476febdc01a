"""What is asked of a worker, and what it may answer: the types of both.

They are checked at this end. The worker's Python has NumPy and the runtime alone, so `worker.py`
reads and writes the same fields as plain JSON; a test compares the two.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from retinaface.engines.base import EngineSpec
from retinaface.engines.remote.frames import GarbageError
from retinaface.network.config import OUTPUT_NAMES


# Above any batch that an engine is built for; memory for one batch of it is taken at once.
_MAX_BATCH = 4096
# A compiler may print a page; a line of an error is shorter.
_LONGEST_WORDS = 2000
# Descriptions are tables of tables; what is nested more deeply is nothing that is written here.
_DEEPEST = 8
# Clocks of two machines run at rates that differ by less.
_CLOCK_SLACK = 1.01


class Message(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """A header without its arrays; `kind` tells which."""


class Ready(Message, frozen=True, tag="ready"):
    """The worker is there, and asks for nothing: what it sends first.

    Attributes:
        version: Of the package that it runs.
    """

    version: str


class Store(Message, frozen=True, tag="store"):
    """Keep a file until the worker ends: the one array, uint8. Answered by `Stored`.

    Attributes:
        name: Below the folder of such files, with `/`.
        sha256: Of the content, which is checked there.
    """

    name: str
    sha256: str


class Open(Message, frozen=True, tag="open"):
    """Build an engine. Answered by `Opened`.

    Attributes:
        spec: Of the engine; its paths are whole.
        factory: `package.module:name`.
    """

    spec: EngineSpec
    factory: str


class Infer(Message, frozen=True, tag="infer"):
    """Run the network on the one array. Answered by `Outputs`."""


class Intermediates(Message, frozen=True, tag="intermediates"):
    """Run it on the one array, and show tensors of these names. Answered by `Tensors`."""

    names: list[str]


class Describe(Message, frozen=True, tag="describe"):
    """Say what the engine is. Answered by `Description`."""


class Stored(Message, frozen=True, tag="stored"):
    """The file is there, whole, under this path."""

    path: str


class Opened(Message, frozen=True, tag="opened"):
    """The engine is built.

    Attributes:
        fixed_batch: Of the engine.
        environment: See `environment.describe_environment`.
    """

    fixed_batch: Annotated[int, Meta(ge=1, le=_MAX_BATCH)] | None
    environment: dict[str, Any]


class Outputs(Message, frozen=True, tag="outputs"):
    """Three arrays, and the seconds that the call took there: above 0, and no more than here."""

    seconds: float


class Tensors(Message, frozen=True, tag="tensors"):
    """An array for each name."""

    names: list[str]


class Description(Message, frozen=True, tag="description"):
    """What `Engine.describe` gave."""

    description: dict[str, Any]


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


class Failed(Message, frozen=True, tag="error"):
    """An exception, by the name of its class and its text."""

    type: str
    message: str


Request = Store | Open | Infer | Intermediates | Describe
Answer = Stored | Opened | Outputs | Tensors | Description | Failed
A = TypeVar("A", Stored, Opened, Outputs, Tensors, Description)


def whole_paths(spec: EngineSpec) -> EngineSpec:
    """Name files by their whole paths, for a worker on this machine may run in another folder."""
    return replace(
        spec,
        model=spec.model and spec.model.resolve(),
        engine_file=spec.engine_file and spec.engine_file.resolve(),
        options=dict(spec.options),
    )


def kind_of(message: Request | Answer | type[Answer]) -> str:
    """Give the word that stands for a kind of message."""
    return str(message.__struct_config__.tag)


def encode_request(request: Request) -> dict[str, Any]:
    """Make the header of a request; JSON types."""
    header: dict[str, Any] = msgspec.to_builtins(request, enc_hook=_words_of_a_path)
    return header


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


def _words_of_a_path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a request cannot hold {type(value).__name__}")
