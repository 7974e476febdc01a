"""Measure the ranges of activations over calibration images, a few images at a time."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from retinaface.errors import ExportError
from retinaface.export.int8.options import CalibrationMethod
from retinaface.network.config import INPUT_NAME
from retinaface.temporaries import scratch_dir
from retinaface.typing import FloatArray

# Images whose activations are held in memory together: about 12 MB each at 320x320.
_AT_A_TIME = 8
QUANTISED = ("Conv",)


@dataclass(frozen=True)
class CalibrationSet:
    """Images that calibrate.

    Attributes:
        images: (N, 3, H, W) float32, network inputs.
        sha256: Of the file of each image; nothing else of it is kept.
    """

    images: FloatArray
    sha256: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that there are images, and as many hashes.

        Raises:
            ExportError: There are none, or they are no network inputs.
        """
        shape, dtype = self.images.shape, self.images.dtype
        if not (len(shape) == 4 and shape[1] == 3 and 0 not in shape and dtype == np.float32):
            raise ExportError(
                "cannot calibrate: expected network inputs (N, 3, H, W) float32 of at least one "
                f"image, got {shape} {dtype}; give a folder with images"
            )
        if len(self.sha256) != shape[0]:
            raise ExportError(
                f"cannot calibrate: got {shape[0]} images and {len(self.sha256)} hashes, expected "
                "one for each image"
            )


class _Reader:
    """Give images to ONNX Runtime's calibration, which asks for them until it gets None."""

    def __init__(self, images: FloatArray, n_in_call: int) -> None:
        starts = range(0, len(images), n_in_call)
        self._feeds: Iterator[FloatArray] = (images[i : i + n_in_call] for i in starts)

    def get_next(self) -> dict[str, FloatArray] | None:
        batch = next(self._feeds, None)
        return None if batch is None else {INPUT_NAME: batch}


def measure_ranges(model: onnx.ModelProto, images: FloatArray, method: CalibrationMethod) -> Any:
    """Measure the range of each tensor at a convolution.

    Ranges are collected over `_AT_A_TIME` images and merged, so memory does not grow with their
    number. Bins and percentile are ONNX Runtime's own (percentile 99.999).

    Args:
        model: FP32, batch norms folded.
        images: (N, 3, H, W) float32; a file with a fixed batch B leaves out the last N % B.

    Returns:
        ONNX Runtime's `TensorsData`.

    Raises:
        ExportError: onnxruntime is missing, or there are fewer images than a fixed batch.
    """
    quantization = import_quantization()
    calibrate = quantization.calibrate
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    n_in_call = batch.dim_value if batch.HasField("dim_value") else 1
    n_whole = len(images) - len(images) % n_in_call
    if not n_whole:
        raise ExportError(
            f"cannot calibrate a file of batch {n_in_call} with {len(images)} images; give at "
            f"least {n_in_call}, or export with --batch-size dynamic"
        )
    methods = {
        "minmax": calibrate.CalibrationMethod.MinMax,
        "entropy": calibrate.CalibrationMethod.Entropy,
        "percentile": calibrate.CalibrationMethod.Percentile,
    }
    with scratch_dir() as folder:
        plain = folder / "plain.onnx"
        onnx.save(model, plain)
        calibrator = calibrate.create_calibrator(
            plain,
            list(QUANTISED),
            augmented_model_path=str(folder / "augmented.onnx"),
            calibrate_method=methods[method],
            extra_options={"symmetric": method == "entropy"},
        )
        step = max(n_in_call, _AT_A_TIME - _AT_A_TIME % n_in_call)
        with contextlib.redirect_stdout(io.StringIO()):  # entropy prints what it does
            for start in range(0, n_whole, step):
                part = images[start : min(start + step, n_whole)]
                calibrator.collect_data(_Reader(part, n_in_call))
            return calibrator.compute_data()


def import_quantization() -> Any:
    """Import ONNX Runtime's tools for quantisation.

    Raises:
        ExportError: They are not installed.
    """
    try:
        import onnxruntime.quantization.calibrate
        import onnxruntime.quantization.onnx_quantizer
        import onnxruntime.quantization.qdq_quantizer  # noqa: F401 - an attribute of the first
        from onnxruntime import quantization
    except ImportError as error:
        raise ExportError(
            f"cannot quantise to INT8: {error.name or 'onnxruntime'} cannot be imported; install "
            "the extras 'export' and 'cpu'"
        ) from error
    return quantization
