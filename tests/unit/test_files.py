import hashlib
import os
import stat
import time
from pathlib import Path

import pytest

from retinaface.assets import CHECKPOINT, find_asset, get_asset
from retinaface.baselines.detections_file import read_detections
from retinaface.detection.images import read_image
from retinaface.engines.opening import specify
from retinaface.errors import OutputError, RetinaFaceError
from retinaface.export.manifest import read_manifest
from retinaface.files import (
    check_output_dir,
    check_output_file,
    file_sha256,
    new_dir,
    new_file,
    pointer_problem,
    refuse_pointer,
)
from retinaface.network.weights import choose_weights
from retinaface.records.array_files import ArrayFiles
from retinaface.records.read import read_run
from retinaface.reference.stored import load_reference
from retinaface.suite.target import make_target
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.ground_truth_files import load_ground_truth
from retinaface.widerface.ground_truth_text import read_truth_text
from retinaface.widerface.image_list import read_image_list
from retinaface.widerface.reading.predictions import read_predictions
from tests.support.made.widerface_copy import write_mats
from tests.support.pointers import POINTER, REFUSED


class Stop(Exception):
    """Raised by a test in the middle of writing."""


def test_new_dir_appears_whole(tmp_path):
    with new_dir(tmp_path / "a/b") as folder:
        (folder / "x").write_text("x")
        assert not (tmp_path / "a/b").exists()
    assert (tmp_path / "a/b/x").read_text() == "x"
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) & 0o500 == 0o500
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]


def test_new_dir_may_be_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    with new_dir(tmp_path / "empty") as folder:
        (folder / "x").touch()
    assert (tmp_path / "empty/x").exists()


def test_new_dir_fills_an_empty_folder_where_it_is(tmp_path, monkeypatch):
    """It may be a mount point, a link, or the working directory."""
    (tmp_path / "empty").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    before = (tmp_path / "empty").stat()
    with new_dir(tmp_path / "link") as folder:
        (folder / "x").touch()
        assert folder.is_relative_to(tmp_path / "empty")
    after = (tmp_path / "empty").stat()
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert [p.name for p in (tmp_path / "empty").iterdir()] == ["x"]
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with new_dir(Path()) as folder:
        (folder / "x").touch()
    assert [p.name for p in Path().iterdir()] == ["x"]


def test_new_dir_leaves_nothing_behind_an_error(tmp_path):
    with pytest.raises(Stop), new_dir(tmp_path / "deep/er/a") as folder:
        (folder / "x").touch()
        raise Stop
    assert list(tmp_path.iterdir()) == []


def test_new_dir_refuses_a_file_and_a_folder_that_is_not_empty(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="full is not empty"), new_dir(tmp_path / "full"):
        pass
    with pytest.raises(OutputError, match="is not a folder"), new_dir(tmp_path / "file"):
        pass
    with pytest.raises(OutputError, match="cannot write"), new_dir(tmp_path / "file/x"):
        pass


def test_new_file_replaces_the_old_one_only_at_the_end(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("old")
    with pytest.raises(Stop), new_file(path) as file:
        file.write_text("half")
        raise Stop
    assert path.read_text() == "old"
    with new_file(path) as file:
        file.write_text("new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_new_file_refuses_a_folder(tmp_path):
    with pytest.raises(OutputError, match="it is a folder"), new_file(tmp_path):
        pass


def test_new_file_writes_through_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with new_file(tmp_path / "link") as file:
        file.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_new_file_writes_to_a_pipe_and_leaves_it_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with new_file(tmp_path / "pipe") as file:
        file.write_text("new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_checks_refuse_paths_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for check in (check_output_dir, check_output_file):
        with pytest.raises(OutputError, match="cannot write"):
            check(tmp_path / "file/below/x")
        check(tmp_path / "new/x")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# What reads each kind of input, and the file of that kind.
READERS = {
    "checkpoint": ("w.pth", lambda p: choose_weights(str(p))),
    "asset": (CHECKPOINT, lambda _: find_asset(get_asset(CHECKPOINT))),
    "model": ("m.onnx", lambda p: specify("ort-cpu-fp32", model=p)),
    "engine": ("e.plan", lambda p: specify("tensorrt-cuda-fp32", engine_file=p)),
    "validated-model": ("m.onnx", lambda p: make_target(models=(p,))),
    "validated-engine": (
        "e.plan",
        lambda p: make_target(
            engines=("tensorrt-cuda-fp32",), engine_files=(p,), weights="embedded"
        ),
    ),
    "manifest": ("m.json", lambda p: read_manifest(p.with_suffix(".onnx"))),
    "reference": ("m.reference.npz", load_reference),
    "image": ("a.jpg", read_image),
    "images": ("WIDER_val.zip", lambda p: open_widerface(p.parent)),
    "image-list": ("list.txt", read_image_list),
    "ground-truth": ("ground_truth/wider_hard_val.mat", lambda p: load_ground_truth(p.parents[1])),
    "ground-truth-text": ("truth.txt", read_truth_text),
    "predictions": ("p.zip", lambda p: read_predictions(p, ["e/a"])),
    "prediction": ("e/a.txt", lambda p: read_predictions(p.parents[1], ["e/a"])),
    "record": ("record.json", lambda p: read_run(p.parent)),
    "baseline": ("d.npz", read_detections),
    "arrays": (
        "counts.npz",
        lambda p: ArrayFiles(p.parent, {p.name: "0" * 64}).read(p.name, "e--igie--b1"),
    ),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_pointer_of_git_lfs_is_named_in_the_place_of_every_input_file(
    tmp_path, monkeypatch, kind
):
    name, read = READERS[kind]
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path) if kind == "asset" else "")
    write_mats(tmp_path / "ground_truth")
    (tmp_path / "m.onnx").write_bytes(b"graph")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(POINTER)
    with pytest.raises(RetinaFaceError) as caught:
        read(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name} {REFUSED}"
    assert caught.value.exit_code == 2


def test_what_only_begins_like_a_pointer_is_none(tmp_path):
    (tmp_path / "a").write_bytes(b"version 3")
    for path in (tmp_path / "a", tmp_path / "missing", tmp_path):
        refuse_pointer(path, OutputError)
    assert pointer_problem("a", b"version https://git-lfs") == ""
    assert pointer_problem("a", POINTER) == f"a {REFUSED}"


def test_a_hash_is_that_of_the_content_however_soon_it_changes(tmp_path):
    path = tmp_path / "x"
    for i in range(50):
        content = f"{i:03}".encode()
        path.write_bytes(content)
        assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_a_settled_file_is_hashed_once_and_again_after_any_change(tmp_path, monkeypatch):
    """Also after one that keeps its size and sets its time back: the time of the inode moves."""
    from retinaface import files

    made, real = [], hashlib.sha256

    def counted(*content):
        made.append(content)
        return real(*content)

    path = tmp_path / "x"
    path.write_bytes(b"one")
    before = path.stat()
    monkeypatch.setattr(files.hashlib, "sha256", counted)
    later = time.time_ns() + 3 * 10**9
    monkeypatch.setattr(files.time, "time_ns", lambda: later)
    first = file_sha256(path)
    assert file_sha256(path) == first
    assert len(made) == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_sha256(path) != first
    assert len(made) == 2
