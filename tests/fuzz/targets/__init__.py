"""The targets: one for each kind of file that the package reads and did not just write itself."""

from __future__ import annotations

import importlib

from tests.fuzz.target import Target
from tests.fuzz.targets import (
    checkpoints,
    given,
    network_files,
    pictures,
    predictions,
    records,
    truth,
    workers,
)

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (
        *(checkpoints, network_files, predictions, truth, pictures, records, given, workers),
    )
    for target in module.TARGETS
}
# Imported before a child is forked: each would import them again.
_LIBRARIES = ("numpy", "scipy.io", "torch", "onnx", "cv2", "safetensors.torch", "retinaface.cli")


def load_libraries() -> None:
    """Import what the readers need."""
    for name in _LIBRARIES:
        importlib.import_module(name)
