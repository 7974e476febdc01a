"""ONNX Runtime's module, or in words why it is not there; all that needs it takes it from here."""

from __future__ import annotations

from retinaface.errors import EngineUnavailable

try:
    import onnxruntime as ort
except ImportError as error:
    raise EngineUnavailable(
        f"onnxruntime cannot be imported ({error}); install the extra 'cpu' or 'gpu'"
    ) from error

__all__ = ["ort"]
