import pytest

from retinaface.errors import WeightsError

pytestmark = pytest.mark.needs("torch", "onnx", "onnxsim")


def test_an_export_is_made_once_and_again_when_it_was_damaged(monkeypatch):
    from retinaface import export_cache

    path = export_cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(export_cache.export, "export", None)  # a second export would fail
        assert path == export_cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    path.write_bytes(before[:-1])
    export_cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    assert path.read_bytes() == before


def test_a_missing_checkpoint_is_named(tmp_path):
    from retinaface.export_cache import cached_export

    with pytest.raises(WeightsError, match="No such file"):
        cached_export(tmp_path / "w.pth", precision="fp32", dynamic_size=False)
