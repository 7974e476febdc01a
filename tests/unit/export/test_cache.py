import shutil
from pathlib import Path

import pytest

from retinaface.errors import WeightsError
from retinaface.export.manifest import read_manifest

pytestmark = pytest.mark.needs("torch", "onnx", "onnxsim")


def test_an_export_is_made_once_and_again_after_damage(monkeypatch):
    from retinaface.export import cache

    path = cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(cache, "export", None)  # a second export would fail
        assert path == cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    path.write_bytes(before[:-1])
    cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    assert path.read_bytes() == before
    path.with_suffix(".json").write_text("{")
    cache.cached_export("embedded", precision="fp32", dynamic_size=False)
    assert read_manifest(path) is not None


@pytest.mark.parametrize(
    "changed",
    [
        "network/config.py",
        "network/priors.py",
        "network/model.py",
        "reference/from_torch.py",
        "reference/rounding.py",
        "reference/stored.py",
        "export/layer_match.py",
        "export/onnx_graph.py",
    ],
)
def test_a_change_of_code_exports_again(changed, tmp_path, monkeypatch):
    from retinaface.export import cache

    package = tmp_path / "retinaface"
    shutil.copytree(Path(cache.__file__).parents[1], package)
    monkeypatch.setattr(cache, "__file__", str(package / "export" / "cache.py"))
    before = cache.code_sha256()
    with (package / changed).open("a") as file:
        file.write("\n")
    assert cache.code_sha256() != before


def test_a_missing_checkpoint_is_named(tmp_path):
    from retinaface.export.cache import cached_export

    with pytest.raises(WeightsError, match="No such file"):
        cached_export(tmp_path / "w.pth", precision="fp32", dynamic_size=False)
