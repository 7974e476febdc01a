"""Recognise failures of CUDA's driver and device in the errors of runtimes that use them.

With CUDA's libraries and no driver, a runtime fails where it loads a file, in words that begin with
its own sources. The file is not the cause, so its advice would mislead.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# `CUDA failure 35: text ; GPU=-1`, `CUDNN failure 1: ...`, `CUDA error: text`, `CUDA runtime error
# (35) : text`, `CUDA initialization failure with error: 35`.
_CUDA = re.compile(
    r"\b(?:CUDA|CUDNN|CUBLAS)\w*\s(?:\w+\s)?(?:failure|error)\b[\s:(]*(?:with error:\s*)?"
    r"(?P<code>\d+)?[)\s:]*(?P<text>[^;\n]*)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\bcuda(?:Error[A-Z]\w+)|\bCUDA_ERROR_\w+|Found no NVIDIA driver[^;.\n]*")
_NO_DRIVER = re.compile(
    r"driver version is insufficient|InsufficientDriver|no nvidia driver|stub library|"
    r"initialization error|SYSTEM_DRIVER_MISMATCH|SystemDriverMismatch|NOT_INITIALIZED",
    re.IGNORECASE,
)
_NO_DEVICE = re.compile(r"no CUDA-capable device|NoDevice|NO_DEVICE|invalid device ordinal", re.I)
_NO_MEMORY = re.compile(r"out of memory|MemoryAllocation|OUT_OF_MEMORY", re.IGNORECASE)
_DRIVER_CODES, _DEVICE_CODES, _MEMORY_CODE = {"3", "34", "35", "803", "804"}, {"100", "101"}, "2"
_ASK = "nvidia-smi, or ixsmi on Iluvatar's boards"


class DeviceFailure(NamedTuple):
    """A failure of the device.

    Attributes:
        what: The runtime's own words, without its sources and the machine's name.
        next_step: What to check.
    """

    what: str
    next_step: str


def device_failure(error: BaseException) -> DeviceFailure | None:
    """Find out whether an error is the driver's or the device's; None where it is another."""
    text = str(error)
    if (found := _CUDA.search(text)) is not None:
        code, what = found["code"] or "", found[0]
    elif (named := _NAMED.search(text)) is not None:
        code, what = "", named[0]
    else:
        return None
    return DeviceFailure(" ".join(what.split()).rstrip(" :("), _next_step(code, text))


def _next_step(code: str, text: str) -> str:
    if code in _DRIVER_CODES or _NO_DRIVER.search(text):
        return (
            f"the driver is missing, or older than these CUDA libraries: check driver and device "
            f"with {_ASK}, and docs/gpu.md for the CUDA of each version"
        )
    if code in _DEVICE_CODES or _NO_DEVICE.search(text):
        return f"no device is in sight: check {_ASK}, and CUDA_VISIBLE_DEVICES"
    if code == _MEMORY_CODE or _NO_MEMORY.search(text):
        return f"the device's memory is full: use a smaller --batch, or check what fills it: {_ASK}"
    return f"check driver and device: {_ASK}"
