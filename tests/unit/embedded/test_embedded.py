import shutil

import cv2
import numpy as np
import pytest

from retinaface import embedded
from retinaface.embedded import (
    embedded_checkpoint,
    embedded_root,
    folder_sha256,
    is_embedded_picture,
)
from retinaface.errors import AssetError
from retinaface.widerface.dataset import open_widerface

FP16_LARGEST = 65_504


@pytest.fixture(scope="module")
def dataset():
    return open_widerface(embedded_root())


def images(dataset):
    return [
        cv2.imdecode(np.frombuffer(dataset.read_bytes(name), np.uint8), cv2.IMREAD_COLOR)
        for name in dataset.truth.images
    ]


def test_the_pictures_leave_a_remainder_at_every_usual_batch(dataset):
    n = len(dataset.select().images)
    assert n == len(dataset.truth.images)
    assert all(n % batch for batch in (8, 16, 32))


def test_the_pictures_are_as_varied_as_photographs(dataset):
    shapes = [image.shape[:2] for image in images(dataset)]
    longest = [max(shape) for shape in shapes]
    assert min(longest) < 64
    assert max(longest) >= 1024
    assert sum(h > w for h, w in shapes) >= 10
    assert sum(w > h for h, w in shapes) >= 10
    assert max(w / h for h, w in shapes) > 3
    assert any(np.ptp(image, axis=2).max() == 0 for image in images(dataset))  # grey
    n_faces = [len(faces) for faces in dataset.truth.faces_xywh]
    assert min(n_faces) == 0
    assert n_faces.count(1) >= 3
    assert max(n_faces) > 100


def test_faces_lie_inside_their_pictures_and_lists_are_nested(dataset):
    for image, faces in zip(images(dataset), dataset.truth.faces_xywh, strict=True):
        height, width = image.shape[:2]
        assert (faces[:, :2] >= 0).all()
        assert (faces[:, 0] + faces[:, 2] <= width + 1).all()
        assert (faces[:, 1] + faces[:, 3] <= height + 1).all()
    counted = np.concatenate(dataset.truth.counted)
    easy, medium, hard = counted.sum(axis=0)
    assert 200 <= easy < medium < hard < len(counted)


def test_pictures_are_identified_by_their_bytes(dataset):
    data = dataset.read_bytes(dataset.truth.images[0])
    assert is_embedded_picture(data)
    assert not is_embedded_picture(data + b"\0")


def test_the_set_is_small():
    pictures = sum(path.stat().st_size for path in embedded_root().rglob("*.jpg"))
    assert pictures <= 1.5e6


@pytest.mark.parametrize("change", ["picture", "extra", "truth"])
def test_a_set_that_was_changed_is_refused(change, tmp_path, monkeypatch):
    shutil.copytree(embedded_root(), tmp_path / "widerface")
    path = {
        "picture": next(tmp_path.rglob("*.jpg")),
        "extra": tmp_path / "widerface/val/more.txt",
        "truth": next(tmp_path.rglob("*.mat")),
    }[change]
    path.write_bytes(b"changed")
    monkeypatch.setattr(embedded, "PACKAGE_DIR", tmp_path)
    with pytest.raises(AssetError, match="differs from the shipped one: expected sha256"):
        embedded_root.__wrapped__()
    with pytest.raises(AssetError, match=r"embedded\.pth.*got nothing; install the package again"):
        embedded_checkpoint()


def test_the_hash_of_a_folder_covers_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_bytes(b"1")
    (tmp_path / "y").write_bytes(b"2")
    first = folder_sha256(tmp_path)
    (tmp_path / "y").rename(tmp_path / "z")
    assert folder_sha256(tmp_path) != first
    (tmp_path / "z").rename(tmp_path / "y")
    assert folder_sha256(tmp_path) == first
    (tmp_path / "y").write_bytes(b"3")
    assert folder_sha256(tmp_path) != first


@pytest.mark.needs("torch")
def test_the_checkpoint_carries_the_fp16_trap_of_the_published_one(dataset):
    """FP16 without folding is silently broken; with folding its error is that of rounding."""
    import torch

    from retinaface.detection.pipelines import PIPELINES, photograph_inputs
    from retinaface.network.checkpoint import load_model
    from retinaface.network.model import fold_batch_norms

    model = load_model("embedded").model
    variances = {n: t.max().item() for n, t in model.state_dict().items() if "running_var" in n}
    assert [name for name, value in variances.items() if value > FP16_LARGEST] == [
        "body.stage1.0.1.running_var"
    ]
    names = dataset.truth.images[10:14]
    encoded = {name: dataset.read_bytes(name) for name in names}
    inputs = torch.from_numpy(photograph_inputs(encoded, PIPELINES["igie"]))

    def scores(network, half):
        with torch.no_grad():
            network, x = (network.half(), inputs.half()) if half else (network, inputs)
            return network(x)[1][..., 1].float()

    exact = scores(model, half=False)
    folded = scores(fold_batch_norms(model), half=True)
    unfolded = scores(load_model("embedded").model, half=True)
    assert (folded - exact).abs().max() < 0.05
    assert (unfolded - exact).abs().max() > 0.3
