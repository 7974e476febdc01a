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
from tests.support.standins import variants
from tests.support.standins.ixrt import FakeIxrt
from tests.support.standins.tvm import FakeTvm

VARIABLE = "ILUVATAR_VARIANT"
# What `ixsmi` answers, asked for one field at a time.
ANSWERS = {"name": "Iluvatar MR-V100", "driver_version": "4.2.0"}


def pytest_configure() -> None:
    variant = os.environ.get(VARIABLE, "")
    fakes = (
        FakeTvm(**variants.IGIE.get(variant, {})),
        FakeIxrt(**variants.IXRT.get(variant, {})),
    )
    if variant and variant not in {**variants.IGIE, **variants.IXRT}:
        raise ValueError(f"{VARIABLE}={variant} is none of the variants in variants.py")
    for fake in fakes:
        sys.modules.update(fake.modules)
    if "ixsmi" not in variant:  # else there is none
        board.ask = ANSWERS.get
