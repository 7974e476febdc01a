"""Which options OpenVINO takes on a device, and with which values, as the runtime itself says.

Works on the runtime's own objects and imports nothing of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from retinaface.engines.openvino.graph import reason_of
from retinaface.engines.options import check_options
from retinaface.errors import EngineUnavailable
from retinaface.typing import Precision

# What the runtime takes around every device; no device lists it.
RUNTIME_OPTIONS: Mapping[str, str] = {
    "CACHE_DIR": "a folder for compiled models",
    "CACHE_MODE": "OPTIMIZE_SIZE or OPTIMIZE_SPEED",
    "ENABLE_MMAP": "YES or NO: map weights instead of reading them",
}
_SUPPORTED, _READ_ONLY = "SUPPORTED_PROPERTIES", "RO"


def check_properties(name: str, core: Any, device: str, options: Mapping[str, str]) -> None:
    """Refuse a name that the device does not list, or a value that it does not take.

    Of a device that is not there nothing is known; opening the engine says that it is missing.

    Args:
        name: Of the engine.
        core: The runtime.
        device: As OpenVINO calls it. `AUTO` passes on what it does not know itself, wrong names
            too, without a word, so that names are those of the devices that are there as well.

    Raises:
        EngineUnavailable: Names the option.
    """
    takers: dict[str, str] = {}
    for one in (device, *(core.available_devices if device == "AUTO" else ())):
        with contextlib.suppress(RuntimeError):
            found = core.get_property(one, _SUPPORTED)
            takers = {key: one for key in found if found[key] != _READ_ONLY} | takers
    if not takers:
        return
    check_options(name, options, {**RUNTIME_OPTIONS, **dict.fromkeys(sorted(takers), "")})
    for option, value in options.items():
        if option in takers:
            _check_value(name, core, takers[option], option, value)


def _check_value(name: str, core: Any, device: str, option: str, value: str) -> None:
    """Set it for good on a runtime that nobody uses: whoever asks gives one of its own."""
    try:
        core.set_property(device, {option: value})
    except RuntimeError as error:
        raise EngineUnavailable(
            f"{name}: OpenVINO does not take {option}={value} on {device}: {reason_of(error)}; "
            "give another value with --engine-option"
        ) from error


def precision_hint(core: Any, device: str, precision: Precision) -> str:
    """Choose what to ask the compiler for: FP16 where the device has it.

    A CPU without it takes the hint f16 as leave to compute in BF16, which keeps 8 bits of 11.

    Args:
        core: The runtime.
        device: As OpenVINO calls it.
    """
    if precision != "fp16":
        return "f32"
    if device != "CPU":
        return "f16"
    return "f16" if "FP16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
