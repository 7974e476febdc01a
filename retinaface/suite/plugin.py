"""The plugins of a run, in one place: whoever starts pytest on the suites registers these."""

from __future__ import annotations

import pytest

from retinaface.suite import needs
from retinaface.suite.display import events, terminal
from retinaface.suite.hooks import gate, quick, recording, start

PLUGINS = (start, gate, recording, terminal, needs, quick, events)


def register(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register them, which adds the options of a run: to be called in `pytest_addoption`."""
    for module in PLUGINS:
        pluginmanager.register(module)
