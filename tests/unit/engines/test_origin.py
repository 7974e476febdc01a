import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.opening import open_engine
from retinaface.engines.origin import checkpoint_of
from retinaface.errors import ManifestError
from retinaface.export.tiny_model import write_model
from tests.support.made.manifests import sha256_of, write_manifest_of
from tests.support.widerface import Recorder


class Engine(Recorder):
    """An engine without a file, that describes itself as it is told."""

    def __init__(self, spec, description):
        super().__init__(spec)
        self._described = description

    def describe(self):
        return self._described


FINDER = "tests.support.widerface:Finder"


def test_the_manifest_beside_a_file_names_its_checkpoint(tmp_path):
    model = tmp_path / "a.onnx"
    write_model(model)
    with open_engine(FINDER, model=model) as engine:
        assert checkpoint_of(engine) is None
        write_manifest_of(model, weights="w")
        assert checkpoint_of(engine).sha256 == sha256_of("w")
        model.with_suffix(".json").write_text("{")
        with pytest.raises(ManifestError, match="cannot read the manifest"):
            checkpoint_of(engine)


def test_no_engine_is_opened_on_a_file_that_is_not_the_one_of_its_manifest(tmp_path):
    model = tmp_path / "a.onnx"
    write_model(model)
    write_manifest_of(model)
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    with pytest.raises(ManifestError, match=r"a\.onnx is not the file of its manifest a\.json"):
        open_engine(FINDER, model=model)
    model.with_suffix(".json").unlink()
    open_engine(FINDER, model=model).close()


def test_an_engine_of_a_third_party_may_describe_anything():
    for weights in (None, "w.pth", {"sha256": 3}):
        engine = Engine(EngineSpec("a", "fp32", "cpu"), {"weights": weights})
        assert checkpoint_of(engine) is None


@pytest.mark.needs("torch")
def test_torch_describes_its_checkpoint_with_the_notes_on_it(tmp_path):
    import torch

    from retinaface.network.checkpoint import load_model
    from retinaface.storage.hashing import file_sha256

    path = tmp_path / "w.pth"
    torch.save({"net": load_model("embedded").model.state_dict()}, path)
    with open_engine("torch-cpu-fp32", weights=path) as engine:
        found = checkpoint_of(engine)
        assert (found.source, found.sha256) == (str(path), file_sha256(path))
        assert found.notes == ("w.pth: read the tensors under the key 'net'",)
    with open_engine("torch-cpu-fp32", weights="embedded") as engine:
        assert "notes" not in engine.describe()["weights"]
