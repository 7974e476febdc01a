"""The forms in which the vendor's packages may come; docs/board-evidence.md has the evidence.

Each variant changes a stand-in in one respect; `OLDER` and `NEWER` change all at once.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from tests.support.standins.ixrt import FakeIxrt
from tests.support.standins.tvm import FakeTvm, OlderNDArray
from tests.support.standins.tvm_relax import FakeRelaxTvm

# Names a variant for the plug-in and for a container.
VARIABLE = "ILUVATAR_VARIANT"

_BINDINGS = ("cuda.bindings.driver", "cuda.bindings.runtime")
OLDER, NEWER, RELAX, NO_IXSMI = "older", "newer", "relax", "no-ixsmi"

IGIE: dict[str, dict[str, Any]] = {
    "daily-build": {"version": "0.18.0+corex.4.2.0.20250220"},
    "4.5.0": {"version": "0.18.2+corex.4.5.0.20260419"},
    "plain-version": {"version": "0.18.0"},
    "no-version": {"version": None},
    "precision-in-kwargs": {"hides_precision": True},
    "graph-without-float16": {"shows_half": False},
    "no-graph": {"shows_graph": False},
    "asnumpy-alone": {"tensor": OlderNDArray},
    OLDER: {"version": "0.18.0", "tensor": OlderNDArray, "shows_graph": False},
    RELAX: {},
    NO_IXSMI: {},
    NEWER: {"version": None, "hides_precision": True, "shows_half": False},
}

IXRT: dict[str, dict[str, Any]] = {
    "corex-version": {"version": "8.6.1+corex.4.3.0", "is_vendors": False},
    "no-version": {"version": None},
    "own-name": {"module": "ixrt", "is_vendors": False},
    "named-tensors": {"has_names": True},
    "cuda-bindings": {"cuda": _BINDINGS},
    "no-properties": {"lacks": ("cuda.cudart.cudaGetDeviceProperties",)},
    NO_IXSMI: {},
    OLDER: {"version": "8.6.1", "lacks": ("cuda.cudart.cudaGetDeviceProperties",)},
    NEWER: {"version": None, "has_names": True, "module": "ixrt", "cuda": _BINDINGS},
}


def igie(variant: str) -> FakeTvm:
    """Make a stand-in for IGIE in one of its forms."""
    return FakeRelaxTvm() if variant == RELAX else FakeTvm(**IGIE[variant])


def ixrt(variant: str) -> FakeIxrt:
    """Make a stand-in for ixRT in one of its forms."""
    return FakeIxrt(**IXRT[variant])


def modules(variant: str) -> dict[str, ModuleType]:
    """Make the modules of an SDK: those of both runtimes, in the form for those that have it.

    Args:
        variant: Of either runtime; empty for the usual form.
    """
    if variant and variant not in {**IGIE, **IXRT}:
        raise ValueError(f"{VARIABLE}={variant} is none of the variants in variants.py")
    tvm = igie(variant) if variant in IGIE else FakeTvm()
    tensorrt = ixrt(variant) if variant in IXRT else FakeIxrt()
    return {**tvm.modules, **tensorrt.modules}
