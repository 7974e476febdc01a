import subprocess
import sys

import fsspec
import pytest

from retinaface.errors import RecordError, StorageError
from retinaface.storage.location import Url
from retinaface.storage.reading import fetch, local_copy, naming


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()


def test_a_folder_keeps_its_name_and_that_around_it(memory, tmp_path):
    memory.pipe({"/runs/one/record.json": b"{}", "/runs/one/models/a.onnx": b"a"})
    copy = local_copy(Url("memory://runs/one"))
    assert copy.parts[-2:] == ("runs", "one")
    files = {path.relative_to(copy).as_posix(): path.read_bytes() for path in copy.rglob("*.*")}
    assert files == {"record.json": b"{}", "models/a.onnx": b"a"}
    assert local_copy(Url("memory://runs/one")) != copy
    assert local_copy(tmp_path) is tmp_path


def test_a_file_and_chosen_names(memory):
    memory.pipe({"/d/a.MAT": b"m", "/d/b.jpg": b"j"})
    assert local_copy(Url("memory://d/a.MAT")).read_bytes() == b"m"
    copy = local_copy(Url("memory://d"), ("a.MAT", "none"))
    assert [path.name for path in copy.iterdir()] == ["a.MAT"]


@pytest.mark.needs("s3")
def test_s3_gives_what_was_put(s3, bucket):
    s3.pipe_file(f"{bucket}/runs/one/record.json", b"{}")
    assert (local_copy(Url(f"{bucket}/runs/one")) / "record.json").read_bytes() == b"{}"
    with pytest.raises(StorageError, match="cannot list s3://.*/two: .*nothing is there"):
        local_copy(Url(f"{bucket}/runs/two"))


def test_copies_go_with_the_process():
    code = (
        "import fsspec\n"
        "from retinaface.storage.location import Url\n"
        "from retinaface.storage.reading import local_copy\n"
        "fsspec.filesystem('memory').pipe('/a/b', b'x')\n"
        "print(local_copy(Url('memory://a')))\n"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    check = f"import os, sys; sys.exit(os.path.exists({found!r}))"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_an_error_on_a_copy_names_what_the_user_named(tmp_path):
    url = Url("s3://bucket/one")
    words = "^cannot read s3://bucket/one/record.json: damaged$"
    with pytest.raises(RecordError, match=words), naming(url, tmp_path):
        raise RecordError(f"cannot read {tmp_path}/record.json: damaged")
    with pytest.raises(RecordError, match=str(tmp_path)), naming(tmp_path, tmp_path):
        raise RecordError(f"cannot read {tmp_path}")


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.txt"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    with pytest.raises(StorageError, match="leads out of the folder"):
        fetch(Url(f"file://{tmp_path}"), [name], tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
