import hashlib
import re
from dataclasses import replace

import pytest

from retinaface.assets import CHECKPOINT, get_asset
from retinaface.embedded import embedded_checkpoint, embedded_root
from retinaface.errors import AssetError, DatasetError, WeightsError
from retinaface.suite.sources import choose_data, choose_sources, named_root
from tests.support.made.widerface_copy import IMAGES, write_mats, write_vendor_layout

CONTENT = b"any bytes: a choice does not load them"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Set up an empty cache, and no mirror."""
    monkeypatch.delenv("RETINAFACE_ASSETS", raising=False)
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def published(monkeypatch):
    """Put a checkpoint into a folder, and pin its hash."""
    known = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    asset = replace(get_asset(CHECKPOINT), known_hash=known)
    monkeypatch.setattr("retinaface.network.weights.get_asset", lambda _name: asset)

    def put(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CHECKPOINT).write_bytes(CONTENT)
        return folder

    return put


@pytest.fixture
def mirror(tmp_path, monkeypatch, cache):
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("RETINAFACE_ASSETS", str(folder))
    return folder


def test_where_nothing_is_named_or_at_hand_the_embedded_set_runs_with_a_note(cache):
    sources = choose_sources(None, None)
    assert sources.weights.is_embedded
    assert sources.weights.source == str(embedded_checkpoint())
    assert sources.data.is_embedded
    assert sources.data.root == embedded_root()
    assert sources.note.startswith("embedded set, since ")
    assert CHECKPOINT in sources.note


def test_what_is_at_hand_is_taken(cache, published):
    published(cache)
    root = write_vendor_layout(cache / "widerface")
    sources = choose_sources(None, None)
    assert (sources.weights.source, sources.data.root) == (str(cache / CHECKPOINT), root)
    assert not sources.weights.is_embedded
    assert not sources.data.is_embedded
    assert sources.note == ""


def test_weights_of_the_user_run_on_the_embedded_pictures_without_ap(cache, published, tmp_path):
    (tmp_path / "mine.pth").write_bytes(b"mine")
    for options in (
        {"weights": str(tmp_path / "mine.pth")},
        {"weights": None, "has_files": True},
    ):
        sources = choose_sources(widerface=None, **options)
        assert sources.data.is_embedded
        assert "AP is not compared" in sources.note
    published(cache)
    assert "AP is not compared" in choose_sources(None, None).note


def test_images_without_weights_are_an_error_with_the_command_that_gets_them(cache):
    root = write_vendor_layout(cache / "widerface")
    for named in (None, str(root)):
        with pytest.raises(WeightsError, match=f"get it: retinaface assets fetch {CHECKPOINT}"):
            choose_sources(None, named)
    assert choose_sources(None, str(root), has_files=True).data.root == root


def test_the_embedded_set_is_taken_when_asked_for(mirror, published):
    published(mirror)
    write_vendor_layout(mirror / "widerface")
    sources = choose_sources("embedded", "embedded")
    assert sources.weights.is_embedded
    assert sources.data.is_embedded
    assert sources.note == ""
    one = choose_sources("embedded", None)
    assert (one.weights.is_embedded, one.data.is_embedded) == (True, False)


def test_a_folder_of_assets_without_weights_is_an_error(mirror):
    write_vendor_layout(mirror / "widerface")
    message = f"RETINAFACE_ASSETS={mirror} lacks {CHECKPOINT};"
    with pytest.raises(AssetError, match=re.escape(message)):
        choose_sources(None, None)


def test_a_folder_of_assets_without_images_is_an_error(mirror, published):
    published(mirror)
    with pytest.raises(AssetError, match="lacks the WIDER FACE images; complete the folder"):
        choose_sources(None, None)
    # Also for weights that are named: the images would have come from there.
    with pytest.raises(AssetError, match="lacks the WIDER FACE images"):
        choose_sources("embedded", None)


def test_an_empty_folder_of_assets_is_an_error(mirror):
    with pytest.raises(AssetError, match=f"lacks {CHECKPOINT} and the WIDER FACE images"):
        choose_sources(None, None)
    # The folder is not needed where both are named.
    assert choose_sources("embedded", "embedded").note == ""


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("ground_truth/wider_hard_val.mat", r"wider_hard_val\.mat is missing"),
        ("ground_truth", r"ground truth wider_face_val\.mat, .* is missing"),
        (f"val/images/{IMAGES[3]}.jpg", "1 of 11 listed images are missing"),
        ("val/images", "no WIDER FACE images|lacks the WIDER FACE images"),
    ],
    ids=["one-file-of-truth", "truth", "one-image", "images"],
)
def test_a_folder_of_assets_that_lost_something_is_an_error(lost, message, mirror, published):
    import shutil

    published(mirror)
    root = write_vendor_layout(mirror / "widerface")
    path = root / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises((AssetError, DatasetError), match=message):
        choose_sources(None, None)


def test_images_that_are_all_gone_are_an_error_without_a_list_too(mirror, published):
    import shutil

    published(mirror)
    root = write_vendor_layout(mirror / "widerface")
    (root / "val/wider_val.txt").unlink()
    shutil.rmtree(root / "val/images")
    (root / "val/images").mkdir()
    with pytest.raises(DatasetError, match="all images are missing"):
        choose_sources(None, None)


@pytest.mark.parametrize("named", ["no", "README.md", ""])
def test_data_that_are_no_folder_are_refused(named, cache):
    with pytest.raises(DatasetError, match="is not a folder; give the data set's folder"):
        choose_sources(None, named)


def test_the_data_set_of_a_caller_is_the_one_that_is_named_or_at_hand(cache, tmp_path):
    assert named_root("embedded") == embedded_root()
    assert named_root(str(tmp_path)) == tmp_path
    with pytest.raises(DatasetError, match="no WIDER FACE images in"):
        named_root(None)
    with pytest.raises(DatasetError, match="no WIDER FACE ground truth in"):
        named_root(None, images=False)
    with pytest.raises(DatasetError, match="WIDER FACE folder .*lost is not a folder"):
        named_root(tmp_path / "lost")
    root = write_vendor_layout(cache / "widerface")
    assert named_root(None) == named_root(None, images=False) == root


def test_ground_truth_may_lie_elsewhere(cache, tmp_path):
    root = write_vendor_layout(cache / "widerface")
    (root / "ground_truth").rename(tmp_path / "truth")
    for named in (None, root):
        data = choose_data(named, tmp_path / "truth")
        assert (data.root, data.is_named, data.ground_truth) == (
            root,
            named is not None,
            tmp_path / "truth",
        )
        assert data.open().select().images == tuple(IMAGES)
    with pytest.raises(DatasetError, match="no ground truth in .*lost: expected"):
        choose_data(root, tmp_path / "lost")


def test_the_embedded_pictures_have_their_own_ground_truth(cache, tmp_path):
    write_mats(tmp_path)
    for named in (None, "embedded"):
        with pytest.raises(DatasetError, match="embedded pictures, which have their own; name the"):
            choose_data(named, tmp_path)
