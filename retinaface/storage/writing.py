"""Write a new folder to a storage, so that a record is there whole or is none."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retinaface.errors import OutputError, StorageError
from retinaface.files import check_output_dir, new_dir, new_dirs
from retinaface.storage.connection import connect, storage_errors
from retinaface.storage.location import Location, Url
from retinaface.temporaries import scratch_dir

# What makes a folder a record, and therefore appears last.
LAST_FILE = "record.json"
_PROBE_FILE = ".retinaface-can-write"
# Storages in which a file needs its folder; in the others a folder is a part of a name.
_WITH_FOLDERS = {"file", "local", "sftp", "ssh", "smb", "ftp", "hdfs", "webhdfs", "dbfs"}


def check_new(where: Location) -> None:
    """Refuse an output folder that cannot take results; call it before any work starts.

    Raises:
        OutputError: It is not empty, or a path that cannot be written.
        StorageError: It is a URL that cannot be written.
    """
    if isinstance(where, Path):
        check_output_dir(where)
        return
    files, top = connect(where)
    with storage_errors("write to", where):
        files.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            if files.ls(top, detail=False):
                raise OutputError(
                    f"output folder {where} is not empty; name a new one, so that results of two "
                    "runs never mix"
                )
        _make_folder(files, top)
        files.pipe_file(f"{top}/{_PROBE_FILE}", b"")
        files.rm_file(f"{top}/{_PROBE_FILE}")


@contextlib.contextmanager
def new_folder(where: Location) -> Iterator[Path]:
    """Fill a folder that is written when the block ends without an error; see `files.new_dir`.

    To a URL, files go one by one, `record.json` last: a record is there whole, or is none. What
    cannot be sent stays on this machine, for it may have taken hours.

    Raises:
        OutputError: `check_new` refuses the path.
        StorageError: A file cannot be written; the message names the folder that stays.
    """
    if isinstance(where, Path):
        with new_dir(where) as folder:
            yield folder
        return
    check_new(where)
    with scratch_dir() as temporary:
        folder = temporary / where.parts[-1]
        folder.mkdir()
        yield folder
        try:
            _send(folder, where)
        except StorageError as error:
            kept = folder.rename(Path(tempfile.mkdtemp(prefix="retinaface-")) / folder.name)
            raise StorageError(f"{error}; all files are kept in {kept}") from error


@contextlib.contextmanager
def new_folders(*places: Location | None) -> Iterator[list[Path | None]]:
    """Fill folders as `new_folder` does, those of this machine together; see `files.new_dirs`."""
    paths = [where for where in places if isinstance(where, Path)]
    with contextlib.ExitStack() as stack:
        local = iter(stack.enter_context(new_dirs(*paths)))
        yield [
            None
            if where is None
            else next(local)
            if isinstance(where, Path)
            else stack.enter_context(new_folder(where))
            for where in places
        ]


def _send(folder: Path, url: Url) -> None:
    files, top = connect(url)
    paths = [path for path in folder.rglob("*") if path.is_file()]
    for path in sorted(paths, key=lambda path: (path.name == LAST_FILE, path)):
        name = path.relative_to(folder).as_posix()
        with storage_errors(f"write {name} to", url):
            _make_folder(files, f"{top}/{name}".rpartition("/")[0])
            files.put_file(str(path), f"{top}/{name}")


def _make_folder(files: Any, path: str) -> None:
    """Make a folder where files need one; elsewhere this might make a bucket."""
    protocols = [files.protocol] if isinstance(files.protocol, str) else files.protocol
    if _WITH_FOLDERS.intersection(protocols):
        files.makedirs(path, exist_ok=True)
