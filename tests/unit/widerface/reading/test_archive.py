"""Small zips that would take memory or time, or stand for other files, are refused early."""

import struct
import subprocess
import sys
import zipfile

import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.reading import members
from retinaface.widerface.reading.archive import read_zip

DEFLATED = zipfile.ZIP_DEFLATED


def found(path):
    return {str(m): m.data for m in read_zip(path, lambda parts: parts[-1].endswith(".txt"))}


def packed(path, *texts, method=DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in texts:
            archive.writestr(name, data)
    return path


def changed(path, place, form, *values):
    """Change numbers of the last entry of the directory."""
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, data.rfind(b"PK\1\2") + place, *values)
    path.write_bytes(data)
    return path


def test_texts_are_unpacked_by_name(tmp_path):
    path = packed(tmp_path / "p.zip", ("e/b.txt", "2"), ("e/a.txt", "1"), ("e/c.log", "3"))
    assert found(path) == {"e/a.txt": b"1", "e/b.txt": b"2", "e/c.log": None}


BOMB = """
import sys, zipfile
from retinaface.errors import DatasetError
from retinaface.widerface.reading.archive import read_zip
import resource
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (128 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from pathlib import Path
try:
    list(read_zip(Path(sys.argv[1]), lambda parts: True))
except (DatasetError, zipfile.BadZipFile) as error:
    print(error)
"""


@pytest.mark.parametrize("stated", [None, 100], ids=["true", "lie"])
def test_a_text_of_a_gibibyte_takes_no_memory(tmp_path, stated):
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w", DEFLATED) as archive, archive.open("a.txt", "w") as file:
        for _ in range(256):
            file.write(bytes(4 << 20))
    if stated is not None:
        changed(path, 24, "<I", stated)
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=True
    )
    said = "1024.0 MiB or more, expected at most 8" if stated is None else "Bad CRC-32"
    assert said in done.stdout


def test_all_texts_together_are_limited_before_one_is_unpacked(tmp_path, monkeypatch):
    path = packed(tmp_path / "p.zip", ("a.txt", "xxx"), ("b.txt", "xxx"))
    monkeypatch.setattr(members, "MAX_TOTAL_BYTES", 5)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(DatasetError, match="texts of more than"):
        found(path)


@pytest.mark.parametrize("n", [50_001, 65_536], ids=["zip", "zip64"])
def test_many_entries_are_refused_before_the_directory_is_read(tmp_path, monkeypatch, n):
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(n):
            archive.writestr(zipfile.ZipInfo(f"{i}.txt"), b"")
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(DatasetError, match="more than 50000 entries"):
        found(path)


def test_many_entries_are_refused_where_their_number_is_a_lie(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "MAX_ENTRIES", 2)
    path = packed(tmp_path / "p.zip", *((f"{i}.txt", "") for i in range(3)))
    data = bytearray(path.read_bytes())
    struct.pack_into("<HH", data, data.rfind(b"PK\5\6") + 8, 1, 1)
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="more than 2 entries"):
        found(path)


@pytest.mark.parametrize(("mode", "what"), [(0o120777, "a link"), (0o010644, "no file")])
def test_links_and_pipes_in_a_zip_are_refused(tmp_path, mode, what):
    info = zipfile.ZipInfo("a.txt")
    info.external_attr, info.create_system = mode << 16, 3
    with pytest.raises(DatasetError, match=rf"a\.txt: it is {what}, and is not read"):
        found(packed(tmp_path / "p.zip", (info, "/etc/passwd")))


def test_an_encrypted_text_is_refused(tmp_path):
    path = changed(packed(tmp_path / "p.zip", ("a.txt", "x")), 8, "<H", 1)
    with pytest.raises(DatasetError, match=r"a\.txt: it is encrypted; pack it without"):
        found(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_methods_whose_memory_has_no_limit_are_refused(tmp_path, method):
    path = changed(packed(tmp_path / "p.zip", ("a.txt", "x")), 10, "<H", method)
    with pytest.raises(DatasetError, match=f"method {method}, expected stored or deflated"):
        found(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_there_twice_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"p\.zip holds 'a\.txt' twice"):
        found(packed(tmp_path / "p.zip", ("a.txt", "1"), ("a.txt", "2")))


def test_a_name_of_many_folders_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"30001 deep, expected at most 32: '(a/)+'\.\.\."):
        found(packed(tmp_path / "p.zip", ("a/" * 30_000 + "a.txt", "1")))
