"""A pytest plugin: the vendor's runtimes replaced by their stand-ins, for a run of the suites.

python -m pytest -p tests.support.standins.iluvatar_plugin tests/validation \\
  --engine igie-iluvatar-fp16

ILUVATAR_VARIANT=newer takes a form of `variants` in place of the usual one, for the runtimes that
have it.
"""

from __future__ import annotations

import os
import sys

from retinaface.engines.iluvatar import board
from tests.support.standins.variants import NO_IXSMI, VARIABLE, modules

# What `ixsmi` answers, asked for one field at a time.
ANSWERS = {"name": "Iluvatar MR-V100", "driver_version": "4.2.0"}


def pytest_configure() -> None:
    variant = os.environ.get(VARIABLE, "")
    sys.modules.update(modules(variant))
    board.ask = ({} if variant == NO_IXSMI else ANSWERS).get
