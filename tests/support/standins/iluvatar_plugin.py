"""A pytest plugin: the vendor's runtimes replaced by their stand-ins, for a run of the suites.

python -m pytest -p tests.support.standins.iluvatar_plugin tests/validation \\
  --engine igie-iluvatar-fp16
"""

from __future__ import annotations

import sys

from tests.support.standins.ixrt import FakeIxrt
from tests.support.standins.tvm import FakeTvm


def pytest_configure() -> None:
    sys.modules.update({**FakeTvm().modules, **FakeIxrt().modules})
