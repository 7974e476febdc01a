"""Read the output types of a plan's layers from TensorRT's inspector.

Plans built with detailed profiling verbosity show types; other plans show only names. Up to
TensorRT 10 a tensor has `Format/Datatype` (`Half`, or `Row major linear FP16 format`), from 11 on
`Format` and `DataType`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from retinaface.engines.base import EngineSpec
from retinaface.errors import EngineUnavailable

_KEYS = ("DataType", "Format/Datatype", "Format")
_TYPES = (
    ("bf16", re.compile(r"bf16|bfloat16", re.IGNORECASE)),
    ("fp16", re.compile(r"half|fp16|float16", re.IGNORECASE)),
    ("fp32", re.compile(r"fp32|\bfloat(32)?\b", re.IGNORECASE)),
    ("integer", re.compile(r"u?int\d+|bool", re.IGNORECASE)),
)


class Layers(NamedTuple):
    """Layers of a plan.

    Attributes:
        by_type: Number of layers by type of the first output; None if the plan does not show it.
        tf32: Names of layers with a kernel that has TF32 in its name.
    """

    n_layers: int
    by_type: dict[str, int] | None
    tf32: list[str]

    @property
    def proof(self) -> str:
        """Describe the evidence in words."""
        if self.by_type is None:
            return (
                "TensorRT, which has no nodes on the host, deserialized and ran the plan; the plan "
                "was built without detailed profiling verbosity, so the precision of its layers is "
                "not known"
            )
        return (
            "TensorRT, which has no nodes on the host, deserialized and ran the plan; its "
            "inspector gave the types of the layers' outputs"
        )


def inspected(trt: Any, engine: Any) -> Layers:
    """Ask an engine's inspector for its layers."""
    inspector = engine.create_engine_inspector()
    text = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
    try:
        information = json.loads(text)
    except ValueError:
        information = {}
    return layers_of(information)


def layers_of(information: Mapping[str, Any]) -> Layers:
    """Count the layers in the inspector's answer.

    Args:
        information: The inspector's JSON.
    """
    layers = information.get("Layers") or []
    detailed = [layer for layer in layers if isinstance(layer, dict) and layer.get("Outputs")]
    types = Counter(_type_of(layer["Outputs"][0]) for layer in detailed)
    tf32 = [
        str(layer.get("Name"))
        for layer in detailed
        if "tf32" in str(layer.get("TacticName", "")).lower()
    ]
    return Layers(len(layers), dict(sorted(types.items())) if types else None, tf32)


def _type_of(tensor: Mapping[str, Any]) -> str:
    text = next((str(tensor[key]) for key in _KEYS if tensor.get(key)), "")
    return next((name for name, pattern in _TYPES if pattern.search(text)), "other")


def placement_of(layers: Layers) -> dict[str, Any]:
    """Describe where a plan ran, and in which types."""
    return {
        "provider": "TensorRT on cuda(0)",
        "fallback": [],
        "n_layers": layers.n_layers,
        "layers_by_type": layers.by_type,
        "tf32_layers": layers.tf32,
        "proof": layers.proof,
    }


def check_types(spec: EngineSpec, file: Any, layers: Layers) -> None:
    """Refuse a plan of another precision, as far as it shows its types.

    Args:
        file: The plan, for messages.

    Raises:
        EngineUnavailable: No layer has the precision, or a layer of an FP32 engine is FP16.
    """
    if layers.by_type is None:
        return
    has_fp16 = "fp16" in layers.by_type
    if spec.precision not in layers.by_type or (spec.precision == "fp32" and has_fp16):
        found = ", ".join(f"{n} {name}" for name, n in layers.by_type.items())
        raise EngineUnavailable(
            f"{spec.name}: {file} should be {spec.precision.upper()}, but its layers are {found}; "
            f"build it from the {spec.precision.upper()} file, or use the engine of its precision"
        )
