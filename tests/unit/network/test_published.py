"""A damaged copy of the published checkpoint is named; what was trained anew is not."""

import pytest

from retinaface.network import published

pytestmark = pytest.mark.needs("torch")


@pytest.fixture
def tensors(monkeypatch):
    """Let the embedded checkpoint stand for the published one, which may not be here."""
    from retinaface.network.checkpoint import load_model

    found = load_model("embedded").model.state_dict()
    monkeypatch.setattr(published, "_TENSORS", "".join(map(published._digest, found.values())))
    return {name: tensor.clone() for name, tensor in found.items()}


def test_the_whole_file_needs_no_note(tensors):
    assert published.damage_note("w.pth", tensors) == ""


def test_a_few_changed_tensors_are_damage(tensors):
    name = "BboxHead.0.weight" if "BboxHead.0.weight" in tensors else list(tensors)[-2]
    tensors[name].view(-1)[0] += 1
    note = published.damage_note("w.pth", tensors)
    assert f"but for 1 of {len(tensors)} tensors ({name}): a damaged copy, unless" in note


def test_weights_of_another_training_are_not(tensors):
    others = {name: tensor + 1 for name, tensor in tensors.items()}
    assert published.damage_note("w.pth", others) == ""
