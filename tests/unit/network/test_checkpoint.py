import pickle
from pathlib import Path

import pytest

from retinaface.errors import AssetError, WeightsError

pytestmark = pytest.mark.needs("torch")


@pytest.fixture(scope="module")
def state():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded").model.state_dict()


def save(content, path, **options):
    import torch

    torch.save(content, path, **options)
    return path


class Hostile:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrap", [False, True], ids=["plain", "state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."], ids=["", "module"])
def test_a_checkpoint_loads_in_every_usual_form(tmp_path, state, legacy, wrap, prefix):
    import torch

    from retinaface.network.checkpoint import load_model

    content = {prefix + name: tensor for name, tensor in state.items()}
    content = {"state_dict": content, "epoch": 3} if wrap else content
    path = save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy)
    loaded = load_model(path)
    assert not loaded.model.training
    assert loaded.source == str(path)
    for name, tensor in loaded.model.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path, state, legacy, share):
    from retinaface.network.checkpoint import load_model

    path = save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match=r"w\.pth: it is truncated or not a PyTorch checkpoint"):
        load_model(path)


def test_damage_inside_a_zip_checkpoint_is_refused(tmp_path, state):
    from retinaface.network.checkpoint import load_model

    path = save(state, tmp_path / "w.pth")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="truncated or not a PyTorch checkpoint"):
        load_model(path)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_hostile_checkpoint_is_refused_and_runs_nothing(tmp_path, form):
    from retinaface.network.checkpoint import load_model

    target, path = tmp_path / "ran", tmp_path / "w.pth"
    if form == "pickle":
        path.write_bytes(pickle.dumps(Hostile(target)))
    else:
        save({"a": Hostile(target)}, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(WeightsError, match="refused checkpoint .* could run code"):
        load_model(path)
    assert not target.exists()


def test_missing_extra_and_misshapen_tensors_are_listed(tmp_path, state):
    from retinaface.network.checkpoint import load_model

    content = dict(state)
    del content["fpn.merge1.0.weight"]
    content["extra.weight"] = state["ssh1.conv3X3.1.bias"]
    content["body.stage1.0.0.weight"] = state["body.stage1.0.0.weight"][:4]
    content["ssh2.conv3X3.1.bias"] = state["ssh2.conv3X3.1.bias"] * float("nan")
    with pytest.raises(WeightsError) as caught:
        load_model(save(content, tmp_path / "w.pth"))
    message = str(caught.value)
    assert "1 missing: fpn.merge1.0.weight" in message
    assert "1 extra: extra.weight" in message
    assert "body.stage1.0.0.weight (4, 3, 3, 3) should be (8, 3, 3, 3)" in message
    assert "1 not finite: ssh2.conv3X3.1.bias" in message


@pytest.mark.parametrize("kind", ["sparse", "meta", "complex", "int8", "double-name", "expand"])
def test_tensors_that_are_not_plain_numbers_are_refused(tmp_path, state, kind):
    import torch

    from retinaface.network.checkpoint import load_model

    name = "fpn.merge1.0.weight"
    tensor = state[name]
    odd = {
        "sparse": lambda: {name: tensor.to_sparse()},
        "meta": lambda: {name: tensor.to("meta")},
        "complex": lambda: {name: tensor.to(torch.complex64)},
        "int8": lambda: {name: tensor.to(torch.int8)},
        "double-name": lambda: {f"module.{name}": tensor},
        "expand": lambda: {name: torch.zeros(1).expand(1 << 40)},
    }[kind]()
    path = save(dict(state) | odd, tmp_path / "w.pth")
    message = "1 not plain numbers|with and without the prefix|1 wrong shape|truncated or not"
    with pytest.raises(WeightsError, match=message):
        load_model(path)


def test_a_web_page_is_not_called_hostile(tmp_path):
    from retinaface.network.checkpoint import load_model

    (tmp_path / "w.pth").write_text("<!DOCTYPE html><html>404</html>")
    with pytest.raises(WeightsError, match="truncated or not a PyTorch checkpoint"):
        load_model(tmp_path / "w.pth")


def test_another_architecture_is_refused(tmp_path):
    import torch

    from retinaface.network.checkpoint import load_model

    path = save(torch.nn.Linear(3, 3).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"300 missing: .*2 extra: weight, bias"):
        load_model(path)


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {"state_dict": 3}])
def test_content_other_than_tensors_is_refused(tmp_path, content):
    from retinaface.network.checkpoint import load_model

    with pytest.raises(WeightsError, match="expected a mapping of names to tensors"):
        load_model(save(content, tmp_path / "w.pth"))


def test_a_missing_checkpoint_is_named(tmp_path):
    from retinaface.network.checkpoint import load_model

    with pytest.raises(WeightsError, match=r"w\.pth: No such file or directory; check the path"):
        load_model(tmp_path / "w.pth")


def test_the_default_is_the_published_checkpoint(tmp_path, monkeypatch):
    from retinaface.network.checkpoint import load_model

    (tmp_path / "mobilenet0.25_Final.pth").write_bytes(b"not it")
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path))
    with pytest.raises(AssetError, match="is not the pinned mobilenet0.25_Final.pth"):
        load_model()


def test_the_embedded_checkpoint_is_used_on_request():
    from retinaface.embedded import embedded_checkpoint
    from retinaface.files import file_sha256
    from retinaface.network.checkpoint import load_model

    loaded = load_model("embedded")
    assert loaded.source == str(embedded_checkpoint())
    assert loaded.sha256 == file_sha256(embedded_checkpoint())
    assert len(loaded.model.state_dict()) == 300
    assert not loaded.model.training
