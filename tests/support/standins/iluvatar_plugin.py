"""A pytest plugin: the vendor's runtimes replaced by their stand-ins, for a run of the suites.

python -m pytest -p tests.support.standins.iluvatar_plugin tests/validation \\
  --engine igie-iluvatar-fp16

ILUVATAR_VARIANT=newer takes a form of `variants` in place of the usual one, for the runtimes that
have it.
"""

from __future__ import annotations

import os
import sys

from tests.support.standins import variants
from tests.support.standins.ixrt import FakeIxrt
from tests.support.standins.tvm import FakeTvm

VARIABLE = "ILUVATAR_VARIANT"


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
