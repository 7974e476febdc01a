import pytest

from tests.support.made.onnx_models import write_heads
from tests.support.standins.tvm import FakeTvm
from tests.support.standins.tvm_relax import FakeRelaxTvm


@pytest.fixture(params=[FakeTvm, FakeRelaxTvm], ids=["relay", "relax"])
def board(request, monkeypatch, tmp_path):
    """Stand in for a board with the vendor's TVM, and write a file to build from."""
    import sys

    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path.parent / f"cache-{tmp_path.name}"))
    monkeypatch.setattr("retinaface.engines.iluvatar.board.ask", {}.get)
    monkeypatch.delitem(sys.modules, "retinaface.engines.iluvatar.igie", raising=False)
    write_heads(tmp_path / "retinaface_opt.onnx")
    yield request.param().install(monkeypatch)
    sys.modules.pop("retinaface.engines.iluvatar.igie", None)
