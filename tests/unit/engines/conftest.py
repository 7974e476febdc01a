"""What tests of engines share."""

import pytest


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """A cache of this test alone, in `tmp_path / "cache"`: what it builds nobody built before."""
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
