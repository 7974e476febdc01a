"""What pytest needs at the root: the plugins of a run, and what this checkout's own tests add."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Workers side by side: a thread each, before any library starts its own.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from retinaface.suite import plugin, probes
from retinaface.suite.target import Target

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def _golden(_target: Target) -> str | None:
    value = os.environ.get("RETINAFACE_GOLDEN")
    if not value:
        return "RETINAFACE_GOLDEN, a folder of prediction zips made by other code, is not set"
    return None if Path(value).is_dir() else f"RETINAFACE_GOLDEN={value} is not a folder"


def _chromium(_target: Target) -> str | None:
    from tests.support.chromium import missing_chromium

    return missing_chromium()


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the plugins, which add the options of a run."""
    probes.PROBES.update(golden=_golden, chromium=_chromium)
    plugin.register(pluginmanager)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """The suites and the browser run alone: times and the record belong to one process."""
    folders = item.path.relative_to(item.config.rootpath).parts
    if {"validation", "browser"} & set(folders):
        item.add_marker(pytest.mark.alone)
