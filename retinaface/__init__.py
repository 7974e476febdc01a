"""Validate deployments of RetinaFace (MobileNet-0.25) and find regressions.

The names below are the public API; docs/python-api.md shows it. Each is imported when it is first
used: `import retinaface` alone imports no NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retinaface.version import __version__

__all__ = [
    "RetinaFaceError",
    "__version__",
    "compare",
    "detect",
    "evaluate",
    "open_engine",
    "score",
]

# As strings: an import statement here would make the root depend on what it offers.
_PLACES = {
    "RetinaFaceError": "retinaface.errors:RetinaFaceError",
    "compare": "retinaface.api:compare",
    "detect": "retinaface.api:detect",
    "evaluate": "retinaface.api:evaluate",
    "open_engine": "retinaface.api:open_engine",
    "score": "retinaface.api:score",
}


# A type checker sees exactly these names.
if TYPE_CHECKING:
    from retinaface.api import compare, detect, evaluate, open_engine, score
    from retinaface.errors import RetinaFaceError
else:

    def __getattr__(name: str) -> Any:
        """Import a name of the API at its first use."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        module, _, attribute = _PLACES[name].partition(":")
        found = globals()[name] = getattr(importlib.import_module(module), attribute)
        return found


def __dir__() -> list[str]:
    """List the API, imported or not."""
    return sorted({*globals(), *__all__})
