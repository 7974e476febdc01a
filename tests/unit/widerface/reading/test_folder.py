"""A folder of predictions gives its own files alone, and a pipe in it is never opened."""

import os
import socket

import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.reading import folder, members
from retinaface.widerface.reading.folder import read_folder


def found(path):
    return {str(m): m.data for m in read_folder(path, lambda parts: parts[-1].endswith(".txt"))}


def special(path, kind):
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.relpath(path))


@pytest.mark.parametrize("kind", ["a pipe", "a socket"])
def test_what_is_no_file_is_refused_unread(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    special(tmp_path / "a.txt", kind)
    with pytest.raises(DatasetError, match=rf"cannot read .*a\.txt: it is {kind}, expected a file"):
        found(tmp_path)


def test_what_is_no_file_is_passed_over_where_it_is_not_wanted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    special(tmp_path / "a.fifo", "a pipe")
    special(tmp_path / ".a.txt", "a socket")
    (tmp_path / "out.log").symlink_to("/etc/passwd")
    assert found(tmp_path) == {"a.fifo": None, ".a.txt": None, "out.log": None}


@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "../secret.txt"])
def test_a_link_that_leads_out_is_refused_and_shows_nothing_of_its_target(tmp_path, target):
    (tmp_path / "secret.txt").write_text("secret words")
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.txt").symlink_to(target)
    with pytest.raises(DatasetError, match=r"p/a\.txt: a link leads out of") as caught:
        found(tmp_path / "p")
    assert "secret words" not in str(caught.value)
    assert "root" not in str(caught.value).replace(str(tmp_path), "")


def test_a_linked_folder_that_leads_out_is_refused(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p/e").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(DatasetError, match="p/e: a link leads out of"):
        found(tmp_path / "p")


def test_the_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.txt").write_text("x")
    (tmp_path / "p").symlink_to(tmp_path / "real", target_is_directory=True)
    assert found(tmp_path / "p") == {"a.txt": b"x"}


def test_a_text_that_is_too_long_is_refused_unread(tmp_path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DatasetError, match=r"a\.txt: it has 1048576\.0 MiB or more, .* at most 8"):
        found(tmp_path)


def test_entries_and_depth_and_all_bytes_are_limited(tmp_path, monkeypatch):
    (tmp_path / "/".join("a" * 40)).mkdir(parents=True)
    with pytest.raises(DatasetError, match="inside each other, 33 deep"):
        found(tmp_path)
    monkeypatch.setattr(members, "MAX_DEPTH", 50)
    monkeypatch.setattr(members, "MAX_ENTRIES", 39)
    with pytest.raises(DatasetError, match="more than 39 entries"):
        found(tmp_path)
    monkeypatch.setattr(members, "MAX_ENTRIES", 50)
    monkeypatch.setattr(members, "MAX_TOTAL_BYTES", 5)
    for name in "ab":
        (tmp_path / f"{name}.txt").write_bytes(b"xxx")
    with pytest.raises(DatasetError, match="texts of more than"):
        found(tmp_path)
    assert folder.MAX_TEXT_BYTES == members.MAX_TEXT_BYTES
