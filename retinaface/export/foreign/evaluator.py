"""Ask onnx about a stranger's graph: which shapes it and a run of it give, and if it is valid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from retinaface.errors import ModelError
from retinaface.export.foreign.process import ask
from retinaface.formats.faults import FormatError

# Values of an input that onnx's evaluator is asked to run: ten images of 320x320.
_MAX_RUN_VALUES = 3 * 2**20
Shapes = dict[str, tuple[int | None, ...]]


def inferred_shapes(model: onnx.ModelProto, image: str, shape: tuple[int, ...]) -> Shapes:
    """Infer the shapes of the outputs for an input; None for an axis that inference leaves open.

    Args:
        image: Name of the input.
        shape: Of the input.

    Raises:
        ModelError: The graph does not take such an input, or inference is beyond a limit.
    """
    question = {"what": "infer", "image": image, "shape": shape}
    try:
        return _shapes(model, ask(question, model)[0])
    except FormatError as error:
        raise ModelError(f"it does not take {shape} inputs: {error}") from error


def check_size(shape: tuple[int, ...]) -> None:
    """Check that an input is one that a run is tried on.

    Raises:
        ModelError: It is too large.
    """
    if math.prod(shape) > _MAX_RUN_VALUES:
        raise ModelError(
            f"only a run tells what it gives, and {shape} inputs are too large to try; fold its "
            "constants (onnxsim), or export it for a smaller batch or size"
        )


def run_once(
    model: onnx.ModelProto,
    image: str,
    images: NDArray[np.float32] | tuple[int, ...],
    output: str = "",
) -> tuple[Shapes, NDArray[np.float64]]:
    """Run a graph with onnx's own evaluator.

    Args:
        image: Name of the input.
        images: Float32, cast to the input's type; or their shape, for zeros.
        output: Name of the output that is returned.

    Returns:
        Shapes of all outputs by name, and float64 values of the named one, empty where none is.

    Raises:
        ModelError: The evaluator cannot run it, or not within the limits.
    """
    shape: tuple[int, ...] = images if isinstance(images, tuple) else images.shape
    check_size(shape)
    question: dict[str, Any] = {"what": "run", "image": image, "shape": shape, "output": output}
    question["n_values"] = math.prod(shape)
    content = b"" if isinstance(images, tuple) else images.astype("<f4").tobytes()
    try:
        head, values = ask(question, model, content)
        shapes = _shapes(model, head)
        array = np.frombuffer(values, "<f8")
        return shapes, array.reshape(shapes[output]) if output else array  # type: ignore[arg-type]
    except FormatError as error:
        raise ModelError(f"it does not run on an input of {shape}: {error}") from error


def checker_problem(model: onnx.ModelProto) -> str:
    """Run the ONNX checker, types and shapes included; empty where it finds nothing."""
    try:
        ask({"what": "check"}, model)
    except FormatError as error:
        return f"the ONNX checker says: {error}"
    return ""


def _shapes(model: onnx.ModelProto, head: dict[str, Any]) -> Shapes:
    found = head.get("shapes")
    names = [value.name for value in model.graph.output]
    if not isinstance(found, dict) or not all(isinstance(found.get(name), list) for name in names):
        raise FormatError("the process that asked onnx sent no sound answer")
    return {name: tuple(found[name]) for name in names}
