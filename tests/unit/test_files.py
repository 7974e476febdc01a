import os
import stat
from pathlib import Path

import pytest

from retinaface.errors import OutputError
from retinaface.files import check_output_dir, check_output_file, new_dir, new_file


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
