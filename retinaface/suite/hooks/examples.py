"""Choose how Hypothesis draws examples: the same ones in CI, and without a deadline anywhere."""

from __future__ import annotations

import os

from hypothesis import settings


def pytest_addoption() -> None:
    """Choose the profile: before test modules are imported, which read it."""
    settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
    settings.register_profile("dev", deadline=None)
    settings.load_profile("ci" if os.environ.get("CI") else "dev")
