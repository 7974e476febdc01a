import pickle
import zipfile
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
    assert loaded.notes == (
        *(["w.pth: read the tensors under the key 'state_dict'"] if wrap else []),
        *(["w.pth: removed the prefix 'module.' from 300 names"] if prefix else []),
        *(["w.pth: left out what stands beside them: epoch"] if wrap else []),
    )
    for name, tensor in loaded.model.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
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


def test_numbers_and_words_of_a_training_loop_do_no_harm(tmp_path, state):
    """NumPy's numbers and argparse's settings are what training code saves with the weights."""
    import argparse

    import numpy as np

    from retinaface.network.checkpoint import load_model

    beside = {"best": np.float64(0.3), "step": np.int64(7), "args": argparse.Namespace(lr=0.1)}
    loaded = load_model(save({"state_dict": dict(state), **beside}, tmp_path / "w.pth"))
    assert loaded.notes[-1] == "w.pth: left out what stands beside them: best, step, args"


def test_a_whole_module_is_refused_by_the_name_of_its_type(tmp_path):
    import torch

    from retinaface.network.checkpoint import load_model

    path = save(torch.nn.ReLU(), tmp_path / "w.pth")
    with pytest.raises(
        WeightsError, match=r"tensors \(torch\.nn\.modules\.activation\.ReLU\), which"
    ):
        load_model(path)


@pytest.mark.needs("safetensors")
def test_safetensors_are_read_whatever_the_file_is_called(tmp_path, state):
    import torch
    from safetensors.torch import save_file

    from retinaface.network.checkpoint import load_model

    for name in ("w.safetensors", "w.pth"):
        save_file({f"module.{n}": t for n, t in state.items()}, tmp_path / name)
        loaded = load_model(tmp_path / name)
        assert loaded.notes == (f"{name}: removed the prefix 'module.' from 300 names",)
        assert all(torch.equal(t, state[n]) for n, t in loaded.model.state_dict().items())


@pytest.mark.needs("safetensors")
def test_damaged_safetensors_are_refused(tmp_path, state):
    from safetensors.torch import save_file

    from retinaface.network.checkpoint import load_model

    save_file(dict(state), tmp_path / "w.safetensors")
    data = (tmp_path / "w.safetensors").read_bytes()
    for n_bytes in (len(data) - 100, 5000):
        (tmp_path / "w.safetensors").write_bytes(data[:n_bytes])
        with pytest.raises(WeightsError, match="truncated or not a PyTorch checkpoint"):
            load_model(tmp_path / "w.safetensors")


def test_safetensors_without_their_package_are_refused_with_its_name(tmp_path, monkeypatch):
    import sys

    from retinaface.network.checkpoint import load_model

    monkeypatch.setitem(sys.modules, "safetensors", None)
    header = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    content = len(header).to_bytes(8, "little") + header + bytes(4)
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"format of safetensors, .*; pip install safetensors$"):
        load_model(tmp_path / "w.safetensors")


def test_a_known_checkpoint_of_another_network_is_refused(tmp_path, state, monkeypatch):
    from retinaface import foreign
    from retinaface.network.checkpoint import load_model
    from retinaface.storage.hashing import file_sha256

    path = save(dict(state), tmp_path / "w.pth")
    monkeypatch.setattr(foreign, "FOREIGN", {file_sha256(path): "that of X"})
    with pytest.raises(WeightsError, match=r"w\.pth is that of X; get the right one: retinaface a"):
        load_model(path)


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
    message = "1 not plain numbers|1 under another prefix|1 wrong shape|truncated or not"
    with pytest.raises(WeightsError, match=message):
        load_model(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>404</html>", "is a web page, not a checkpoint; the download gave"),
        (b"404: Not Found\n", r"it is text \('404: Not Found'\), not a PyTorch checkpoint; fetch"),
        (b"", r"w\.pth is empty \(0 bytes\); fetch it again"),
    ],
    ids=["page", "text", "empty"],
)
def test_what_a_failed_download_left_is_named(tmp_path, content, message):
    from retinaface.network.checkpoint import load_model

    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        load_model(tmp_path / "w.pth")


def test_another_architecture_is_refused(tmp_path):
    import torch

    from retinaface.network.checkpoint import load_model

    path = save(torch.nn.Linear(3, 3).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"253 missing: .*2 extra: weight, bias"):
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
    from retinaface.network.checkpoint import load_model
    from retinaface.storage.hashing import file_sha256

    loaded = load_model("embedded")
    assert loaded.source == str(embedded_checkpoint())
    assert loaded.sha256 == file_sha256(embedded_checkpoint())
    assert len(loaded.model.state_dict()) == 300
    assert not loaded.model.training


def test_a_file_with_the_name_of_the_published_checkpoint_says_that_it_is_another(tmp_path, state):
    from retinaface.network.checkpoint import load_model

    loaded = load_model(save(dict(state), tmp_path / "mobilenet0.25_Final.pth"))
    assert "has the name of the published checkpoint and is another file" in loaded.notes[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("ssh2.conv3X3.1.bias", 1e30), ("body.stage1.0.1.running_var", -1.0)],
    ids=["exponent", "variance"],
)
def test_damage_that_no_training_gives_is_refused(tmp_path, state, name, value):
    """One bit of an exponent, which is finite; a variance below 0, whose root is none."""
    from retinaface.network.checkpoint import load_model

    content = dict(state)
    content[name] = content[name].clone()
    content[name][0] = value
    with pytest.raises(WeightsError, match=rf"cannot use checkpoint .*1 not plausible.*: {name}"):
        load_model(save(content, tmp_path / "w.pth"))


def test_a_checkpoint_that_unpacks_to_more_than_the_limit_is_not_unpacked(
    tmp_path, state, monkeypatch
):
    import torch

    from retinaface.network import checkpoint

    torch.save(state, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as source,
        zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in source.namelist():
            packed.writestr(name, source.read(name))
    checkpoint.load_model(tmp_path / "w.pth")
    packed_bytes = (tmp_path / "w.pth").stat().st_size
    monkeypatch.setattr(checkpoint, "MAX_CHECKPOINT_BYTES", packed_bytes + 1000)
    with pytest.raises(WeightsError, match=r"w\.pth: it has 1\.\d MiB or more, expected at most"):
        checkpoint.load_model(tmp_path / "w.pth")


def test_a_zip_whose_names_are_no_text_is_damaged(tmp_path, state):
    import torch

    from retinaface.network.checkpoint import load_model

    torch.save(state, tmp_path / "w.pth")
    data = bytearray((tmp_path / "w.pth").read_bytes())
    at = data.rindex(b"PK\1\2")
    data[at + 9] |= 0x08  # names are UTF-8
    data[at + 46] = 0x80
    (tmp_path / "w.pth").write_bytes(data)
    with pytest.raises(WeightsError, match="truncated or not a PyTorch checkpoint"):
        load_model(tmp_path / "w.pth")
