"""Messages between two processes: a JSON header, then arrays as they are in memory.

Both ends are pipes or sockets. Nothing is copied but by the system: arrays are written from, and
read into, their own memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retinaface.formats.json_text import parse_json
from retinaface.typing import FloatArray

_MAGIC = b"RFACE\x00\r\n"
_PREFIX = struct.Struct("<8sI")  # magic, bytes of the header
# Far above what is ever sent, far below what would exhaust memory: more is garbage.
_MAX_HEADER = 2**20
_MAX_ARRAYS, _MAX_AXES = 1024, 8
# What a worker takes of its client, which sends a model or a batch; a client says what it expects.
_MAX_REQUEST = 2**33
# What Linux lets an unprivileged process ask for: 16 times the default, so that fewer calls and
# fewer switches between the processes are needed.
_PIPE_BYTES = 2**20


class FrameError(Exception):
    """The other end did not keep to the protocol; the message says how."""


class ClosedError(FrameError):
    """The other end is gone."""


class TimedOutError(FrameError):
    """The other end did not answer in time."""


class GarbageError(FrameError):
    """What came is no message."""


def send(
    fd: int,
    header: Mapping[str, Any],
    arrays: Sequence[FloatArray] = (),
    deadline: float | None = None,
) -> None:
    """Write a message.

    Args:
        fd: Of a pipe; one that does not block where a deadline is given.
        header: JSON types; `arrays` is set here.
        arrays: Contiguous.
        deadline: By `time.monotonic`; None to wait for ever.

    Raises:
        ClosedError: The other end is gone.
        TimedOutError: It did not read in time.
    """
    kinds = [{"shape": list(a.shape), "dtype": a.dtype.str} for a in arrays]
    text = json.dumps({**header, "arrays": kinds}).encode()
    write(fd, memoryview(_PREFIX.pack(_MAGIC, len(text)) + text), deadline)
    for array in arrays:
        write(fd, _bytes(np.ascontiguousarray(array)), deadline)


def receive(
    fd: int, deadline: float | None = None, most_bytes: int = _MAX_REQUEST
) -> tuple[dict[str, Any], list[FloatArray]]:
    """Read a message; the arrays are new.

    Args:
        most_bytes: Of all arrays together; more is refused before memory is taken for it.

    Raises:
        ClosedError: The other end is gone.
        TimedOutError: Nothing, or not all of it, came in time.
        GarbageError: What came is no message, or its arrays are larger than `most_bytes`.
    """
    size = _read_prefix(fd, deadline)
    text = bytearray(size)
    _read(fd, memoryview(text), deadline)
    try:
        header = parse_json(bytes(text))
        kinds = [_kind_of_array(kind) for kind in header.pop("arrays")]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise GarbageError(f"it sent a message that cannot be read: {error}") from error
    n_bytes = sum(dtype.itemsize * math.prod(shape) for dtype, shape in kinds)
    if len(kinds) > _MAX_ARRAYS or n_bytes > most_bytes:
        raise GarbageError(
            f"it announced {len(kinds)} arrays of {n_bytes} bytes, expected at most "
            f"{_MAX_ARRAYS} of {most_bytes} bytes"
        )
    arrays = [np.empty(shape, dtype) for dtype, shape in kinds]
    for array in arrays:
        _read(fd, _bytes(array), deadline)
    return header, arrays


def _read_prefix(fd: int, deadline: float | None) -> int:
    """Read the size of the header; garbage is recognized by its first byte, not read to its end."""
    prefix, n = bytearray(_PREFIX.size), 0
    while n < len(prefix):
        _wait(fd, select.POLLIN, deadline)
        if not (n_read := os.readv(fd, [memoryview(prefix)[n:]])):
            raise ClosedError("it has stopped writing")
        n += n_read
        if not _MAGIC.startswith(prefix[: min(n, len(_MAGIC))]):
            break
    magic, size = _PREFIX.unpack(prefix)
    if magic != _MAGIC or size > _MAX_HEADER:
        raise GarbageError(
            f"it sent something that is not a message, beginning with {bytes(prefix[:n])!r}"
        )
    return int(size)


def widen(fd: int) -> None:
    """Let more bytes wait in a pipe, where the system allows it."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux, or a lower limit
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _kind_of_array(kind: Mapping[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read type and shape of an array; no side may be so long that the others do not count."""
    words, shape = kind["dtype"], kind["shape"]
    if not isinstance(words, str) or not isinstance(shape, list) or len(shape) > _MAX_AXES:
        raise ValueError(f"an array of type {words!r:.80} and shape {shape!r:.80}")
    dtype = np.dtype(words)
    if dtype.kind not in "fiu" or not all(type(n) is int and 0 <= n <= _MAX_REQUEST for n in shape):
        raise ValueError(f"an array of {dtype} {shape!r:.80}")
    if math.prod(n or 1 for n in shape) > _MAX_REQUEST:
        raise ValueError(f"an array of {dtype} {shape!r:.80}")
    return dtype, tuple(shape)


def has_more(fd: int) -> bool:
    """Tell whether bytes wait to be read; what comes without a question is no answer."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll(0))


def _bytes(array: FloatArray) -> memoryview:
    """View the array's own memory."""
    return array.reshape(-1).view(np.uint8).data


def write(fd: int, view: memoryview, deadline: float | None) -> None:
    """Write bytes as they are.

    Raises:
        ClosedError: The other end is gone.
        TimedOutError: It did not read in time.
    """
    while len(view):
        _wait(fd, select.POLLOUT, deadline)
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            continue
        except BrokenPipeError as error:
            raise ClosedError("it has stopped reading") from error


def skip_to(fd: int, marker: bytes, deadline: float) -> None:
    """Read and drop what comes before a marker, and the marker; nothing may follow it unasked.

    Raises:
        ClosedError: The other end is gone.
        TimedOutError: The marker did not come in time.
        GarbageError: Too much came before it.
    """
    found = bytearray()
    while not found.endswith(marker):
        _wait(fd, select.POLLIN, deadline)
        if not (part := os.read(fd, 2**16)):
            raise ClosedError("it has stopped writing")
        found += part
        if len(found) > _MAX_HEADER:
            raise GarbageError(
                f"it sent {len(found)} bytes and no message, beginning with {bytes(found[:12])!r}"
            )


def _read(fd: int, view: memoryview, deadline: float | None) -> None:
    while len(view):
        _wait(fd, select.POLLIN, deadline)
        if not (n := os.readv(fd, [view])):
            raise ClosedError("it has stopped writing")
        view = view[n:]


def _wait(fd: int, event: int, deadline: float | None) -> None:
    """Wait until the pipe can be read or written; without a deadline the call itself waits."""
    if deadline is None:
        return
    poll = select.poll()
    poll.register(fd, event)
    if not poll.poll(max(0.0, 1e3 * (deadline - time.monotonic()))):
        raise TimedOutError("it did not answer in time")
