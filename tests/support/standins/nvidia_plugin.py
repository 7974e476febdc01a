"""A pytest plugin: NVIDIA's TensorRT replaced by its stand-in, for a run of the suites.

python -m pytest -p tests.support.standins.nvidia_plugin tests/validation \\
  --engine tensorrt-cuda-fp16
"""

from __future__ import annotations

import sys

from tests.support.standins.tensorrt import FakeTensorRt


def pytest_configure() -> None:
    sys.modules.update(FakeTensorRt().modules)
