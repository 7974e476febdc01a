"""Folders and archives of any system give the same files, and nothing leads out of them."""

import os
import zipfile

import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.reading.listing import read_members


def packed(path, members):
    """Write a zip whose names are kept as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, data)
    return path


def found(path):
    return {str(m): m.data for m in read_members(path, lambda parts: parts[-1].endswith(".txt"))}


def test_a_folder_gives_its_files_and_reads_only_those_that_are_wanted(tmp_path):
    for name in ("e/a.txt", "e/b.log", ".git/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert found(tmp_path) == {".git/c.txt": None, "e/a.txt": b"e/a.txt", "e/b.log": None}


def test_linked_folders_are_followed_and_a_circle_ends(tmp_path):
    (tmp_path / "p/e").mkdir(parents=True)
    (tmp_path / "p/real").mkdir()
    (tmp_path / "p/real/a.txt").write_text("x")
    (tmp_path / "p/f").symlink_to(tmp_path / "p/real", target_is_directory=True)
    (tmp_path / "p/e/up").symlink_to(tmp_path / "p", target_is_directory=True)
    (tmp_path / "p/.cache").symlink_to("/", target_is_directory=True)
    assert found(tmp_path / "p") == {"f/a.txt": b"x", "real/a.txt": b"x", ".cache": None}


def test_a_link_that_leads_nowhere_is_an_error_where_it_is_a_prediction(tmp_path):
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone")
    with pytest.raises(DatasetError, match="cannot read predictions .*a.txt"):
        found(tmp_path)


def test_a_name_that_is_no_utf8_can_be_printed(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102 - paths of bytes
    with open(folder + b"/a.txt", "wb") as file:  # noqa: PTH123
        file.write(b"x")
    assert found(tmp_path) == {"caf\N{REPLACEMENT CHARACTER}/a.txt": b"x"}


@pytest.mark.parametrize(
    "name",
    ["p\\e\\a.txt", "p/e/a.txt", "./p/e/a.txt", "p//e/a.txt", "p\\e/a.txt"],
)
def test_either_slash_separates_folders_in_a_zip(tmp_path, name):
    assert found(packed(tmp_path / "p.zip", {name: "x"})) == {"p/e/a.txt": b"x"}


def test_folders_in_a_zip_are_no_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("p/", "")
        archive.writestr("p\\e\\", "")
        dos = zipfile.ZipInfo("p/f")
        dos.external_attr = 0x10
        archive.writestr(dos, "")
        archive.writestr("p/e/a.txt", "x")
    assert found(tmp_path / "p.zip") == {"p/e/a.txt": b"x"}


@pytest.mark.parametrize("name", ["预测/e/a.txt", "prédictions/e/a.txt"])
def test_names_of_folders_may_be_of_any_alphabet(tmp_path, name):
    assert found(packed(tmp_path / "p.zip", {name: "x"})) == {name: b"x"}


def test_names_in_the_code_page_of_dos_are_read(tmp_path):
    path = packed(tmp_path / "p.zip", {"caf?/e/a.txt": "x"})
    path.write_bytes(path.read_bytes().replace(b"caf?", b"caf\x82"))
    assert found(path) == {"café/e/a.txt": b"x"}


def test_a_name_that_says_utf8_and_is_not_is_refused(tmp_path):
    path = packed(tmp_path / "p.zip", {"é/e/a.txt": "x"})
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xe9\xe9"))
    with pytest.raises(DatasetError, match="cannot read predictions .*p.zip: 'utf-8' codec"):
        found(path)


@pytest.mark.parametrize(
    "name",
    [
        "../e/a.txt",
        "e/../../a.txt",
        "/e/a.txt",
        "..\\e\\a.txt",
        "p\\..\\..\\a.txt",
        "\\e\\a.txt",
        "C:\\p\\e\\a.txt",
        "c:/p/e/a.txt",
        "../run.sh",
        "__MACOSX/../../a.txt",
    ],
)
def test_names_that_lead_out_of_a_zip_are_refused(tmp_path, name):
    path = packed(tmp_path / "p.zip", {"e/b.txt": "x", name: "x"})
    with pytest.raises(
        DatasetError, match="expected <event>/<name>.txt inside the zip, got a name"
    ):
        found(path)


def test_what_is_neither_a_folder_nor_a_zip_says_what_to_do(tmp_path):
    (tmp_path / "p.tar").write_text("no zip")
    for name in ("p.tar", "missing"):
        with pytest.raises(DatasetError, match="expected a folder or a zip file .unpack any other"):
            found(tmp_path / name)


def test_a_damaged_zip_is_refused_or_harmless(tmp_path):
    """A change in the last bits of compressed data may do no harm, because they are padding."""
    path, text = tmp_path / "file.zip", b"a\n200\n" + b"1 2 3 4 0.5\n" * 200
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("e/a.txt", text)
        start, size = 30 + len("e/a.txt"), archive.infolist()[0].compress_size
    data = path.read_bytes()
    for position in range(start, start + size):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        try:
            content = found(path)
        except DatasetError as error:
            assert "file.zip" in str(error)  # noqa: PT017 - the other outcome is as good
        else:
            assert content == {"e/a.txt": text}
