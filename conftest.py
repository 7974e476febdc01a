"""Set up pytest at the root: the plugins of a run, and what this checkout's own tests add.

What the suites need comes with the plugins, for they run from an installed wheel too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# Workers run side by side: one thread each, set before any library starts its own.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from retinaface.suite import plugin, probes
from retinaface.suite.target import Target


def _golden(_target: Target) -> str | None:
    value = os.environ.get("RETINAFACE_GOLDEN")
    if not value:
        return "RETINAFACE_GOLDEN, a folder of prediction zips made by other code, is not set"
    return None if Path(value).is_dir() else f"RETINAFACE_GOLDEN={value} is not a folder"


def _chromium(_target: Target) -> str | None:
    from tests.support.chromium import missing_chromium

    return missing_chromium()


def _sshd(_target: Target) -> str | None:
    from tests.support.servers.sshd import missing_sshd

    return missing_sshd()


def _s3(_target: Target) -> str | None:
    from tests.support.servers.s3 import missing_s3

    return missing_s3()


def _linux(_target: Target) -> str | None:
    return None if sys.platform == "linux" else f"this system is {sys.platform}"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the plugins, which add the options of a run."""
    probes.PROBES.update(golden=_golden, chromium=_chromium, sshd=_sshd, s3=_s3, linux=_linux)
    plugin.register(pluginmanager)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Make the browser run alone, as the suites do."""
    if "browser" in item.path.relative_to(item.config.rootpath).parts:
        item.add_marker(pytest.mark.alone)
