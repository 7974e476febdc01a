import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from retinaface.assets import CHECKPOINT, find_asset, get_asset
from retinaface.baselines.detections_file import read_detections
from retinaface.detection.images import read_image
from retinaface.engines.opening import specify
from retinaface.errors import DatasetError, OutputError, RetinaFaceError
from retinaface.export.manifest import read_manifest
from retinaface.files import (
    check_inside,
    check_output_dir,
    check_output_file,
    check_regular,
    new_dir,
    new_file,
    pointer_problem,
    read_bounded,
    refuse_pointer,
    special_kind,
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


@pytest.mark.parametrize("make", [new_file, new_dir])
def test_a_full_disk_names_what_could_not_be_written(tmp_path, make):
    """A copy's error names its source first."""
    with (
        pytest.raises(OutputError, match=r"cannot write .*target: No space left on device; name"),
        make(tmp_path / "target"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", "source", None, "x")
    assert list(tmp_path.iterdir()) == []


def test_another_error_of_the_system_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), new_file(tmp_path / "target"):
        raise FileNotFoundError(errno.ENOENT, "No such file", "source")


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a device"])
def test_what_is_no_file_is_refused_without_being_opened(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("x")
    else:
        path.symlink_to(os.devnull)
    assert special_kind(path) == kind
    for refuse in (check_regular, refuse_pointer):
        with pytest.raises(DatasetError, match=f"x: it is {kind}, expected a file; write its"):
            refuse(path, DatasetError)
    with pytest.raises(DatasetError, match=f"it is {kind}"):
        read_bounded(path, 10, DatasetError)


def test_what_is_missing_or_a_folder_is_left_to_its_reader(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("missing", "loop", "."):
        check_regular(tmp_path / name, DatasetError)
        with pytest.raises(OSError, match=name):
            read_bounded(tmp_path / name, 10, DatasetError)


def test_a_file_is_read_up_to_its_limit_and_refused_beyond(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("a")
    assert read_bounded(tmp_path / "link", 10, DatasetError) == b"0123456789"
    with pytest.raises(DatasetError, match=r"a: it has 0\.0 MiB or more, expected at most"):
        read_bounded(tmp_path / "a", 9, DatasetError)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(DatasetError, match=r"sparse: it has 4194304\.0 MiB"):
        read_bounded(tmp_path / "sparse", 1 << 20, DatasetError)


def test_a_file_that_states_no_size_is_read_up_to_its_limit():
    with pytest.raises(DatasetError, match="expected at most"):
        read_bounded(Path("/proc/cpuinfo"), 5, DatasetError)


def test_a_link_may_stay_in_its_folder_and_not_leave_it(tmp_path):
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/e/in").symlink_to(tmp_path / "d/real")
    (tmp_path / "d/e/out").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to(tmp_path / "d")
    for folder in ("d", "linked"):
        check_inside(tmp_path / folder / "e/in", tmp_path / folder, DatasetError)
        with pytest.raises(DatasetError, match="e/out: a link leads out of"):
            check_inside(tmp_path / folder / "e/out", tmp_path / folder, DatasetError)
