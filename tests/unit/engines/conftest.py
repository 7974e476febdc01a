"""What tests of engines share."""

import sys

import pytest

from tests.support.made.onnx_models import write_heads


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """A cache of this test alone, in `tmp_path / "cache"`: what it builds nobody built before."""
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def stand_in(monkeypatch, own_cache):
    """Put a stand-in in the place of a maker's runtime, for an engine that is imported anew."""
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
    """No driver of Iluvatar's answers."""
    monkeypatch.setattr("retinaface.engines.iluvatar.board.command_output", lambda *_: None)


@pytest.fixture
def model(tmp_path):
    """A file that ends as the network does, in FP32."""
    path = tmp_path / "heads.onnx"
    write_heads(path)
    return path
