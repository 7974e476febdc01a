"""Fixtures of the engines' tests."""

import sys

import pytest

from tests.support.made.onnx_models import write_heads


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """Give this test its own cache, `tmp_path / "cache"`, so nothing is built already."""
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def stand_in(monkeypatch, own_cache):
    """Replace a vendor's runtime by a stand-in, and import the engine again."""
    imported = set()

    def install(fake, engine):
        module = f"retinaface.engines.{engine}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        imported.add(module)
        return fake.install(monkeypatch)

    yield install
    for module in imported:
        sys.modules.pop(module, None)


@pytest.fixture
def no_board(monkeypatch):
    """Hide the driver of Iluvatar."""
    monkeypatch.setattr("retinaface.engines.iluvatar.board.ask", {}.get)


@pytest.fixture
def model(tmp_path):
    """Write a file that ends as the network does, in FP32."""
    path = tmp_path / "heads.onnx"
    write_heads(path)
    return path
