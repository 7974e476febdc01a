"""Keep one child process that asks onnx about graphs, which a graph may end in our place.

The child starts in 0.45 s, once for each process that asks.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import onnx

from retinaface.children.answering import Answering, Ended, OnePerProcess, Read, UnsoundReply
from retinaface.errors import ModelError
from retinaface.export.foreign import child
from retinaface.formats.faults import FormatError

_MAX_ANSWER_BYTES = 2**24

Answer = tuple[dict[str, Any], bytes]


class Evaluator(Answering):
    """A child process for any number of questions."""

    def __init__(self) -> None:
        """Start the child.

        Raises:
            ModelError: It does not start.
        """
        try:
            super().__init__(child.__file__, _reply)
        except Ended as error:
            raise ModelError(
                f"the process that asks onnx about it {error}; try: {sys.executable} "
                "-c 'import onnx.reference'"
            ) from error

    def ask(self, question: dict[str, Any], model: bytes, images: bytes = b"") -> Answer:
        """Ask one question; see `child.answer`.

        Raises:
            FormatError: What onnx raises for this model, or the limit that it is beyond.
        """
        parts = [json.dumps(question).encode(), model, images]
        n_values = int(question.get("n_values", 0))
        try:
            request = (child.REQUEST.pack(*map(len, parts)), *parts)
            status, head, values = self.exchange(request, _reply, child.WALL_S)
        except Ended as error:
            raise FormatError(f"the process that asked onnx about it {error}") from error
        if status == child.NO_MEMORY:
            self.close()
            limit = child.limit_bytes(n_values, len(model)) / 2**20
            raise FormatError(f"onnx needs more than {limit:.0f} MiB for it")
        if status == child.REFUSED:
            raise FormatError(f"{head.get('kind')}: {head.get('text')}")
        return head, values


def _reply(read: Read) -> tuple[int, dict[str, Any], bytes]:
    """Read the status, the answer, and values."""
    status, n_head, n_values = child.REPLY.unpack(read(child.REPLY.size))
    if n_head > _MAX_ANSWER_BYTES or n_values > 8 * child.MAX_VALUES:
        raise UnsoundReply
    head, values = read(n_head), read(n_values)
    try:
        found = json.loads(head or b"{}")
    except ValueError as error:
        raise UnsoundReply from error
    if not isinstance(found, dict):
        raise UnsoundReply
    return status, found, values


_children = OnePerProcess(Evaluator)


def ask(question: dict[str, Any], model: onnx.ModelProto, images: bytes = b"") -> Answer:
    """Ask through the child of this process.

    Args:
        question: See `child.answer`.
        model: To ask about.
        images: Little-endian float32; empty for zeros.

    Returns:
        The answer, and little-endian float64 values.

    Raises:
        FormatError: What onnx raises for this model, or the limit that it is beyond.
        ModelError: The child does not start.
    """
    with _children.using() as evaluator:
        return evaluator.ask(question, model.SerializeToString(), images)


def end_child() -> None:
    """End the child of this process; the next question starts another."""
    _children.end()
