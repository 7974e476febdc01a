"""Share what the hooks of a run need: keys of pytest's stash, and values of options."""

from __future__ import annotations

import os
from typing import Any

import pytest

from retinaface.suite.acceptance import Acceptance
from retinaface.suite.options import OPTION
from retinaface.suite.run import ValidationRun
from retinaface.suite.target import Target

TARGET: pytest.StashKey[Target] = pytest.StashKey()
RUN: pytest.StashKey[ValidationRun] = pytest.StashKey()
ACCEPTANCE: pytest.StashKey[Acceptance] = pytest.StashKey()


def option(config: pytest.Config, name: str) -> list[Any]:
    """Give the values of an option: of the command line, else of its environment variable."""
    value = config.getoption(name)
    if value not in (None, []):
        return list(value) if isinstance(value, list) else [value]
    return list(OPTION[name].values(os.environ))


def last_option(config: pytest.Config, name: str) -> Any:
    """Give the value of an option that takes one; None where it is not given."""
    values = option(config, name)
    return values[-1] if values else None
