import fsspec
import pytest

from retinaface.errors import DatasetError, ImageError, StorageError
from retinaface.storage.location import Url
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.ground_truth_files import read_truth
from tests.support.made.widerface_copy import (
    IMAGES,
    coco_of,
    jpeg,
    write_json,
    write_official_layout,
    write_truth_text,
    write_vendor_layout,
)


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.mark.parametrize("layout", [write_vendor_layout, write_official_layout])
def test_a_data_set_by_url_is_that_on_disk(memory, tmp_path, layout):
    root = layout(tmp_path / "set")
    memory.put(str(root), "/set", recursive=True)
    here, there = open_widerface(root), open_widerface(Url("memory://set"))
    assert (there.listed, there.notes) == (here.listed, here.notes)
    assert (there.truth.images, there.truth.sha256) == (here.truth.images, here.truth.sha256)
    for image in here.listed:
        assert there.read_bytes(image) == here.read_bytes(image)


def test_missing_images_are_found_by_one_listing(memory, tmp_path, monkeypatch):
    root = write_vendor_layout(tmp_path / "set")
    memory.put(str(root), "/set", recursive=True)
    memory.rm(f"/set/val/images/{IMAGES[0]}.jpg")
    dataset = open_widerface(Url("memory://set"))
    monkeypatch.setattr(type(memory), "info", None)
    monkeypatch.setattr(type(memory), "exists", None)
    with pytest.raises(DatasetError, match=r"1 of 11 images are missing in memory://set, first"):
        dataset.select()


def test_a_storage_that_fails_is_no_bad_image(memory, tmp_path):
    """An image that does not decode may be skipped; one that did not come may not."""
    memory.put(str(write_vendor_layout(tmp_path / "set")), "/set", recursive=True)
    dataset = open_widerface(Url("memory://set"))
    memory.store.clear()
    with pytest.raises(
        StorageError, match="cannot read val/images/.*jpg in memory://set"
    ) as caught:
        dataset.read_bytes(IMAGES[0])
    assert not isinstance(caught.value, ImageError)


def test_what_is_wrong_is_named_by_url(memory, tmp_path):
    root = write_vendor_layout(tmp_path / "set")
    (root / "val/wider_val.txt").write_text("nonsense")
    memory.put(str(root), "/set", recursive=True)
    with pytest.raises(DatasetError, match=r"memory://set/val/wider_val.txt"):
        open_widerface(Url("memory://set"))
    memory.pipe_file("/other/x.jpg", b"")
    with pytest.raises(DatasetError, match="no WIDER FACE images in memory://other: expected one"):
        open_widerface(Url("memory://other"))


def test_ground_truth_may_lie_elsewhere_and_comes_without_images(memory, tmp_path):
    root = write_vendor_layout(tmp_path / "set")
    memory.put(str(root), "/set", recursive=True)
    text = write_truth_text(tmp_path)
    memory.pipe_file(f"/truth/{text.name}", text.read_bytes())
    whole, _ = read_truth(Url("memory://set"))
    assert len(whole.images) == 11
    faces, notes = read_truth(Url("memory://set"), Url(f"memory://truth/{text.name}"))
    assert faces.splits != whole.splits
    assert notes[0].startswith(f"ground truth memory://truth/{text.name}: AP of all faces")


def test_own_images_by_url_are_named_by_their_ground_truth(memory, tmp_path):
    """As on a disk: names are relative to the folder, at any depth and with any ending."""
    folder = tmp_path / "own"
    (folder / "deep").mkdir(parents=True)
    names = ["a.png", "deep/b.webp"]
    for name in names:
        (folder / name).write_bytes(jpeg(3))
    truth = write_json(tmp_path / "truth.json", coco_of({name: [[1, 2, 30, 40]] for name in names}))
    memory.put(str(folder), "/own", recursive=True)
    memory.pipe_file("/truth/truth.json", truth.read_bytes())
    here = open_widerface(folder, truth)
    there = open_widerface(Url("memory://own"), Url("memory://truth/truth.json"))
    assert there.select().images == here.select().images == tuple(names)
    for image in names:
        assert there.read_bytes(image) == here.read_bytes(image)
    memory.rm("/own/a.png")
    dataset = open_widerface(Url("memory://own"), truth)
    words = "1 of 2 images are missing in memory://own, first a.png; names in the ground truth are"
    with pytest.raises(DatasetError, match=words):
        dataset.select()


def test_what_is_too_large_in_a_storage_is_not_fetched(memory, tmp_path, monkeypatch):
    memory.put(str(write_vendor_layout(tmp_path / "set")), "/set", recursive=True)
    dataset = open_widerface(Url("memory://set"))
    monkeypatch.setattr("retinaface.widerface.stores.remote.MAX_IMAGE_BYTES", 1)
    monkeypatch.setattr(type(memory), "cat_file", None)
    with pytest.raises(ImageError, match="cannot read val/images/.*jpg in memory://set: it has"):
        dataset.read_bytes(IMAGES[0])
    monkeypatch.setattr("retinaface.storage.reading.MAX_COPY_BYTES", 1)
    monkeypatch.setattr(type(memory), "get_file", None)
    with pytest.raises(StorageError, match="cannot read .* in memory://set: it has"):
        open_widerface(Url("memory://set"))
