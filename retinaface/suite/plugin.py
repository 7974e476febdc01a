"""The plugins of a run, in one place: whoever starts pytest on the suites registers these.

A checkout does so in its conftest.py; elsewhere `retinaface validate` adds `-p` and this module. No
entry point loads it: that would put the options of a run on every pytest of an environment.
"""

from __future__ import annotations

import pytest

from retinaface.suite import needs
from retinaface.suite.display import events, terminal
from retinaface.suite.hooks import examples, gate, junit, quick, recording, start

PLUGINS = (start, gate, recording, terminal, needs, examples, quick, events, junit)


def register(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register them once, which adds the options of a run: to be called in `pytest_addoption`."""
    for module in PLUGINS:
        if not pluginmanager.is_registered(module):
            pluginmanager.register(module)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register them where this module is the plugin."""
    register(pluginmanager)
