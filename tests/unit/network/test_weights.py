import hashlib
from dataclasses import replace

import pytest

from retinaface.assets import CHECKPOINT, get_asset
from retinaface.embedded import embedded_checkpoint
from retinaface.errors import AssetError, WeightsError
from retinaface.network.weights import check_pinned, choose_weights, is_known

CONTENT = b"any bytes: a choice does not load them"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path))
    return tmp_path


@pytest.fixture
def published(mirror, monkeypatch):
    """Put a published checkpoint into the mirror, and pin its hash."""
    asset = replace(get_asset(CHECKPOINT), known_hash=f"sha256:{SHA256}")
    monkeypatch.setattr("retinaface.network.weights.get_asset", lambda _name: asset)
    path = mirror / asset.relative_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    return path


def test_the_shipped_weights_are_used_without_a_checkpoint():
    choice = choose_weights(None)
    assert choice.source == str(embedded_checkpoint())
    assert choice.is_embedded


def test_the_published_checkpoint_is_used_if_it_is_here(published):
    choice = choose_weights(None)
    assert (choice.source, choice.sha256) == (str(published), SHA256)
    assert choice.description == f"{CHECKPOINT} (published)"
    assert not choice.is_embedded


def test_the_embedded_weights_are_used_on_request_by_name_or_path(published):
    for asked in ("embedded", str(embedded_checkpoint())):
        choice = choose_weights(asked)
        assert choice.is_embedded
        assert choice.source == str(embedded_checkpoint())


def test_a_damaged_published_checkpoint_is_not_replaced_by_another(mirror):
    path = mirror / get_asset(CHECKPOINT).relative_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    with pytest.raises(AssetError, match=f"is not the pinned {CHECKPOINT}"):
        choose_weights(None)


def test_a_given_file_wins_over_the_published_one(published, tmp_path):
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"other")
    choice = choose_weights(str(mine))
    assert (choice.source, choice.description) == (str(mine), str(mine))
    assert choice.sha256 == hashlib.sha256(b"other").hexdigest()


def test_a_known_checkpoint_of_another_network_is_refused(mirror, tmp_path, monkeypatch):
    """Chosen by name, and where it stands in the place of the published one."""
    mine = tmp_path / "mine.pth"
    place = mirror / get_asset(CHECKPOINT).relative_path
    for path in (mine, place):
        path.write_bytes(CONTENT)
    monkeypatch.setattr("retinaface.foreign.FOREIGN", {SHA256: "that of X"})
    with pytest.raises(WeightsError, match=f"mine.pth is that of X; .* assets fetch {CHECKPOINT}"):
        choose_weights(str(mine))
    with pytest.raises(AssetError, match=f"{CHECKPOINT} is that of X; remove it and run: retina"):
        choose_weights(None)


def test_known_are_the_published_and_the_embedded_checkpoint(published):
    assert is_known(SHA256)
    assert is_known(choose_weights("embedded").sha256)
    assert not is_known(hashlib.sha256(b"other").hexdigest())


@pytest.mark.parametrize("asked", ["no.pth", "", "."], ids=["missing", "empty", "folder"])
def test_a_path_that_is_not_a_file_is_refused(asked, published):
    with pytest.raises(WeightsError, match=r"--weights .* is not a file; give a checkpoint, or"):
        choose_weights(asked)


@pytest.mark.parametrize("variable", ["RETINAFACE_ASSETS", "RETINAFACE_CACHE"])
def test_what_lies_in_the_place_of_the_published_checkpoint_is_held_to_its_hash(
    variable, tmp_path, monkeypatch
):
    """Named by its path too: its format has no checksum."""
    monkeypatch.setenv(variable, str(tmp_path))
    path = tmp_path / CHECKPOINT
    path.write_bytes(CONTENT)
    with pytest.raises(AssetError, match=f"is not the pinned {CHECKPOINT}: expected sha256:ed6f"):
        choose_weights(str(path))


def test_a_file_with_the_name_of_a_pinned_one_elsewhere_gets_a_note(tmp_path):
    for name, owner in ((CHECKPOINT, "published"), ("embedded.pth", "embedded")):
        path = tmp_path / name
        path.write_bytes(CONTENT)
        (note,) = check_pinned(path, SHA256)
        assert f"has the name of the {owner} checkpoint and is another file: expected sha2" in note
        assert SHA256[:16] in note
    assert check_pinned(tmp_path / "mine.pth", SHA256) == ()
    assert check_pinned(tmp_path / CHECKPOINT, choose_weights("embedded").sha256) == ()


def test_what_lies_in_the_place_of_the_embedded_checkpoint_is_held_to_its_hash(
    tmp_path, monkeypatch
):
    for module in ("retinaface.embedded", "retinaface.network.weights"):
        monkeypatch.setattr(f"{module}.PACKAGE_DIR", tmp_path)
    path = tmp_path / "embedded.pth"
    path.write_bytes(CONTENT)
    with pytest.raises(AssetError, match="of the embedded set differs from the shipped one"):
        check_pinned(path, SHA256)
