from pathlib import Path

import pytest

from retinaface.errors import OutputError, StorageError
from retinaface.storage.connection import list_files
from retinaface.storage.location import Url
from retinaface.storage.writing import check_new, new_folder

pytestmark = pytest.mark.needs("s3")


def fill(folder):
    (folder / "models").mkdir()
    for name in ("record.json", "counts.npz", "models/a.onnx"):
        (folder / name).write_text(name)


def test_a_record_is_written_with_its_json_last(s3, bucket, monkeypatch):
    sent, put = [], s3.put_file

    def note(local, remote, *more, **others):
        sent.append(remote)
        return put(local, remote, *more, **others)

    monkeypatch.setattr(s3, "put_file", note)
    url = Url(f"{bucket}/runs/one")
    with new_folder(url) as folder:
        fill(folder)
        assert folder.name == "one"
    assert sorted(list_files(url)) == ["counts.npz", "models/a.onnx", "record.json"]
    assert sent[-1].endswith("/one/record.json")
    assert not folder.exists()


def test_what_fails_on_the_way_is_no_record_there_and_stays_here(s3, bucket, monkeypatch, tmp_path):
    put = s3.put_file

    def breaks(local, remote, *more, **others):
        if remote.endswith("models/a.onnx"):
            raise ConnectionResetError("the server went away")
        return put(local, remote, *more, **others)

    monkeypatch.setattr(s3, "put_file", breaks)
    url = Url(f"{bucket}/one")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    words = "cannot write models/a.onnx to s3://.*went away.*; all files are kept in .*/one$"
    with pytest.raises(StorageError, match=words) as caught, new_folder(url) as folder:
        fill(folder)
    assert (Path(str(caught.value).rpartition(" kept in ")[2]) / "record.json").is_file()
    assert list(list_files(url)) == ["counts.npz"]


def test_nothing_is_written_after_an_error_in_the_block(s3, bucket):
    with pytest.raises(KeyError), new_folder(Url(f"{bucket}/one")) as folder:
        fill(folder)
        raise KeyError
    assert s3.find(bucket) == []


def test_what_is_not_empty_is_refused_and_checking_leaves_nothing(s3, bucket):
    check_new(Url(f"{bucket}/one"))
    assert s3.find(bucket) == []
    s3.pipe_file(f"{bucket}/one/x", b"")
    with pytest.raises(OutputError, match=r"output folder s3://.*/one is not empty; name a new"):
        check_new(Url(f"{bucket}/one"))


def test_a_bucket_that_is_missing_is_named_before_any_work(s3):
    with pytest.raises(StorageError, match="cannot write to s3://none/x: .*bucket does not exist"):
        check_new(Url("s3://none/x"))
    assert not s3.exists("none")


def test_a_path_is_a_folder_as_ever(tmp_path):
    with new_folder(tmp_path / "one") as folder:
        fill(folder)
    assert (tmp_path / "one" / "record.json").is_file()
    with pytest.raises(OutputError, match="is not empty"):
        check_new(tmp_path / "one")


def test_a_storage_with_folders_gets_them(tmp_path):
    with new_folder(Url(f"file://{tmp_path}/new/one")) as folder:
        fill(folder)
    assert (tmp_path / "new" / "one" / "models" / "a.onnx").is_file()
