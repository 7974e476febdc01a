"""Answer questions on a stranger's graph with onnx; as a program, one after another, under limits.

Shapes that double from node to node, loops without an end and constants of any size are a matter of
a few hundred bytes, and show only while onnx infers or runs them. The program therefore runs as a
file in Python's isolated mode without `site`, as the one that reads `.mat` files does; its only
argument is the parent's `sys.path` as JSON.

On standard input: `REQUEST` (sizes of the three parts), then the question as JSON, the model, and
images as little-endian float32; zeros where there are none. On standard output: `REPLY` (status;
sizes of the two parts), then the answer as JSON, and values as little-endian float64.
The program ends with its input, that is, with its parent.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REQUEST, REPLY = struct.Struct(">QQQ"), struct.Struct(">BQQ")
# A reply: an answer; what onnx raises for this graph; out of memory.
DONE, REFUSED, NO_MEMORY = range(3)
# Values of the outputs that a run sends: 40 images of this network have 3 MB of scores.
MAX_VALUES = 2**24
# For an answer. A run of one 320x320 image takes 0.6 s, of ten 3 s.
WALL_S = 8
_ERROR = 300  # characters

Answer = tuple[dict[str, Any], bytes]


def limit_bytes(n_values: int, n_model: int) -> int:
    """Give the addresses for an answer. A run of ten images takes 0.5 GiB.

    Args:
        n_values: Of the input; 0 where nothing runs.
        n_model: Bytes of the model.
    """
    return 2**30 + 256 * n_values + 8 * n_model


def answer(question: dict[str, Any], data: bytes, images: bytes) -> Answer:
    """Answer one question.

    Args:
        question: `what`: `check`, `infer` or `run`; for the last two `image`, the name of the
            input, and `shape`, its axes; for `run` also `output`, the name of the one to send.
        data: The model.
        images: Of a run; empty for zeros.

    Returns:
        `problem` of `check`, else `shapes` by name, with None for free axes; and values of a run.
    """
    import onnx

    model = onnx.ModelProto.FromString(data)
    if question["what"] == "check":
        onnx.checker.check_model(model, full_check=True)
        return {}, b""
    shape = tuple(question["shape"])
    if question["what"] == "infer":
        return {"shapes": _inferred(model, question["image"], shape)}, b""
    found = _run(model, question["image"], shape, images)
    shapes = {name: list(array.shape) for name, array in found.items()}
    wanted = found.get(question["output"])
    if wanted is None:
        return {"shapes": shapes}, b""
    if wanted.size > MAX_VALUES:
        raise ValueError(f"its output has {wanted.size} values, and at most {MAX_VALUES} are read")
    return {"shapes": shapes}, wanted.astype("<f8").tobytes()


def _inferred(model: Any, image: str, shape: tuple[int, ...]) -> dict[str, list[int | None]]:
    import onnx

    from retinaface.export.onnx_graph import axes_of, set_axes

    set_axes(model, {image: shape})
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    outputs = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output
    return {
        value.name: [axis if isinstance(axis, int) else None for axis in axes_of(value)]
        for value in outputs
    }


def _run(
    model: Any, image: str, shape: tuple[int, ...], images: bytes
) -> dict[str, NDArray[np.generic]]:
    import numpy as np
    import onnx
    from onnx.reference import ReferenceEvaluator

    from retinaface.export.foreign.quantised import quantised_operators
    from retinaface.export.foreign.resize import quick_resize

    kind = next(v for v in model.graph.input if v.name == image).type.tensor_type.elem_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
    array = np.frombuffer(images, "<f4").reshape(shape) if images else np.zeros(shape, np.float32)
    evaluator = ReferenceEvaluator(model, new_ops=[quick_resize(), *quantised_operators()])
    found = evaluator.run(None, {image: array.astype(dtype)})
    return dict(zip(evaluator.output_names, map(np.asarray, found), strict=True))


def _limit(n_values: int, n_model: int) -> None:
    """Limit memory and time of a question; Windows has no such limits, macOS none of addresses.

    The parent ends a child that is late; where the parent is gone, the child's own alarm does.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(2 * WALL_S)
    if sys.platform != "darwin":
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        wanted = limit_bytes(n_values, n_model)
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _no_limit() -> None:
    if sys.platform != "win32":
        signal.alarm(0)


def _reply(question: dict[str, Any], data: bytes, images: bytes) -> tuple[int, bytes, bytes]:
    try:
        head, values = answer(question, data, images)
        return DONE, json.dumps(head).encode(), values
    except MemoryError:
        return NO_MEMORY, b"{}", b""
    except Exception as error:  # noqa: BLE001 - onnx's operators raise what NumPy raises
        lines = str(error).strip().splitlines() or [""]
        problem = {"kind": type(error).__name__, "text": lines[0][:_ERROR]}
        return REFUSED, json.dumps(problem).encode(), b""


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer questions until the input ends, or one took all memory."""
    import onnx.reference  # noqa: F401 - before the time of a question is counted

    sink.write(REPLY.pack(DONE, 0, 0))
    sink.flush()
    status = DONE
    while status != NO_MEMORY and len(head := source.read(REQUEST.size)) == REQUEST.size:
        n_question, n_model, n_images = REQUEST.unpack(head)
        question = json.loads(source.read(n_question))
        _limit(question.get("n_values", 0), n_model)
        status, *parts = _reply(question, source.read(n_model), source.read(n_images))
        _no_limit()
        sink.write(REPLY.pack(status, *map(len, parts)))
        sink.writelines(parts)
        sink.flush()


def main() -> None:
    """Run the program: keep standard output for replies, and whatever prints away from it."""
    sys.path[:] = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
