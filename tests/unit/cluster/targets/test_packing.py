import io
import zipfile

import pytest

from retinaface.cluster.targets import packing
from retinaface.cluster.targets.packing import pack, unpack
from retinaface.errors import OutputError, RecordError


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_a_folder_comes_home_as_it_was(tmp_path):
    (tmp_path / "there" / "models").mkdir(parents=True)
    (tmp_path / "there" / "record.json").write_text("{}")
    (tmp_path / "there" / "models" / "a.onnx").write_bytes(bytes(range(256)))
    (tmp_path / "there" / "link").symlink_to("/etc/passwd")
    unpack(pack(tmp_path / "there"), tmp_path / "here")
    found = sorted(p.relative_to(tmp_path / "here") for p in (tmp_path / "here").rglob("*"))
    assert [str(path) for path in found] == ["models", "models/a.onnx", "record.json"]
    assert (tmp_path / "here" / "models" / "a.onnx").read_bytes() == bytes(range(256))


def test_a_record_that_is_too_large_stays_away(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "MAX_BYTES", 2**20)
    (tmp_path / "big").write_bytes(bytes(2**20 + 1))
    with pytest.raises(RecordError, match="has 1 MiB, and at most 1 MiB come home; choose fewer"):
        pack(tmp_path)
    with pytest.raises(RecordError, match="has 3 MiB, and at most 1 MiB come home"):
        unpack(zipped(a="0" * 3 * 2**20), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_a_record_writes_nothing_outside_its_folder(tmp_path, name):
    with pytest.raises(RecordError, match="outside of it; nothing was written"):
        unpack(zipped(**{"record.json": "{}", name: "x"}), tmp_path / "in" / "new")
    assert not (tmp_path / "in").exists()


def test_damaged_bytes_are_refused(tmp_path):
    with pytest.raises(RecordError, match="came home damaged: .*; run its target again"):
        unpack(zipped(a="b")[:-20], tmp_path / "new")
    whole = bytearray(zipped(a="b" * 99))
    whole[40] ^= 1
    with pytest.raises(RecordError, match="came home damaged"):
        unpack(bytes(whole), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_not_empty_is_not_touched(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(OutputError, match="is not empty"):
        unpack(zipped(a="b"), tmp_path)


def test_encrypted_and_unknown_methods_and_too_many_files_are_refused(tmp_path, monkeypatch):
    encrypted, unknown = bytearray(zipped(a="b")), bytearray(zipped(a="b"))
    for content, at, value in ((encrypted, 6, 1), (unknown, 8, 77)):
        central = content.index(b"PK\x01\x02")
        content[at] = content[central + at + 2] = value
        with pytest.raises(RecordError, match="came home damaged"):
            unpack(bytes(content), tmp_path / "new")
    monkeypatch.setattr(packing, "_MOST_FILES", 1)
    with pytest.raises(RecordError, match="has 2 files, expected at most 1"):
        unpack(zipped(a="b", c="d"), tmp_path / "new")
    assert not (tmp_path / "new").exists()
