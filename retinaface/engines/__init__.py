"""Engines: one folder for each runtime; nothing else in the package knows the runtime.

Third parties import `Engine`, `EngineSpec`, `RawOutputs` and `open_engine` from here. Each name is
imported at its first use, so reading the catalogue of names needs no NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retinaface.engines.base import Engine, EngineSpec
    from retinaface.engines.opening import open_engine
    from retinaface.network.outputs import RawOutputs

__all__ = ["Engine", "EngineSpec", "RawOutputs", "open_engine"]
_HOMES = {
    "Engine": "retinaface.engines.base",
    "EngineSpec": "retinaface.engines.base",
    "RawOutputs": "retinaface.network.outputs",
    "open_engine": "retinaface.engines.opening",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
