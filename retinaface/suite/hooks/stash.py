"""Share what the hooks of a run need: keys of pytest's stash, and values of options."""

from __future__ import annotations

from typing import Any

import pytest

from retinaface.suite.acceptance import Acceptance
from retinaface.suite.pool import EnginePool
from retinaface.suite.run import ValidationRun
from retinaface.suite.settings.given import Settings
from retinaface.suite.target import Target

TARGET: pytest.StashKey[Target] = pytest.StashKey()
RUN: pytest.StashKey[ValidationRun] = pytest.StashKey()
POOL: pytest.StashKey[EnginePool] = pytest.StashKey()
ACCEPTANCE: pytest.StashKey[Acceptance] = pytest.StashKey()
RESUMES: pytest.StashKey[bool] = pytest.StashKey()
SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()


def option(config: pytest.Config, name: str) -> list[Any]:
    """Give the values of an option: of the command line, else of its variable, else of the file."""
    value = config.getoption(name)
    if value not in (None, []):
        return list(value) if isinstance(value, list) else [value]
    return list(config.stash[SETTINGS].texts(name.replace("_", "-")))


def last_option(config: pytest.Config, name: str) -> Any:
    """Give the value of an option that takes one; None where it is not given."""
    values = option(config, name)
    return values[-1] if values else None
