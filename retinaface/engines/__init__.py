"""Engines: one runtime, one folder; nothing else knows it.

What a third party needs is here: `Engine`, `EngineSpec`, `RawOutputs`, `open_engine`. Each comes
when it is asked for, so that the catalogue of names is read without NumPy.
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
