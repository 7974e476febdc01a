"""What is asked of a worker, and what it may answer: the types of both.

They are checked at this end: see `answers`. The worker's Python has NumPy and the runtime alone, so
`worker.py` reads and writes the same fields as plain JSON; a test compares the two.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from retinaface.engines.base import EngineSpec

# Above any batch that an engine is built for; memory for one batch of it is taken at once.
_MAX_BATCH = 4096


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


def _words_of_a_path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a request cannot hold {type(value).__name__}")
