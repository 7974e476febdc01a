"""Write files whole or not at all, and refuse what is no file or stands for one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from retinaface.errors import OutputError, RetinaFaceError
from retinaface.temporaries import CONTENT, acknowledge, can_make, end, owned_dir, publish, restore

# What the system says of a place where nothing more can be written.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
# What a clone holds in place of a large file that Git LFS has not fetched.
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
# What is no file, and would hang a reader, never end, or act when read.
_SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def pointer_problem(name: object, content: bytes) -> str:
    """Say that the content of a file is a Git LFS pointer; empty where it is not.

    Args:
        name: Of the file, for the message.
        content: Of the file; its beginning is enough.
    """
    if not content.startswith(_LFS_POINTER):
        return ""
    return f"{name} is a Git LFS pointer, not the file; git lfs pull"


def special_kind(path: Path) -> str:
    """Name what is neither a file nor a folder, behind links too; empty for all else."""
    try:
        mode = path.stat().st_mode
    except OSError:  # missing, or a circle of links: whoever reads it says so
        return ""
    return next((name for is_kind, name in _SPECIAL if is_kind(mode)), "")


def check_regular(path: Path, error: type[RetinaFaceError]) -> None:
    """Refuse a pipe, socket or device in place of a file, without opening it.

    Args:
        path: A file; one that is missing, or a folder, is left to whoever reads it.
        error: What to raise.
    """
    if kind := special_kind(path):
        raise error(f"cannot read {path}: it is {kind}, expected a file; write its content to one")


def check_inside(path: Path, folder: Path, error: type[RetinaFaceError]) -> None:
    """Refuse a file of a folder that a link takes out of it, without opening it."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise error(f"cannot read {path}: a link leads out of {folder}; put the file itself there")


def read_bounded(path: Path, limit_bytes: int, error: type[RetinaFaceError]) -> bytes:
    """Read a file that is not longer than a limit, without reading one that is.

    Raises:
        OSError: It cannot be read.
        RetinaFaceError: Of the given type: it is no file, is a Git LFS pointer, or is longer.
    """
    check_regular(path, error)
    with path.open("rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        data = file.read(limit_bytes + 1) if n_bytes <= limit_bytes else b""
    n_bytes = max(n_bytes, len(data))  # files of /proc state 0, and a file may grow
    if n_bytes > limit_bytes:
        raise error(too_long(path, n_bytes, limit_bytes))
    if problem := pointer_problem(path, data):
        raise error(problem)
    return data


def too_long(name: object, n_bytes: int, limit_bytes: int) -> str:
    """Say that a file is longer than its reader takes."""
    return (
        f"cannot read {name}: it has {n_bytes / 2**20:.1f} MiB or more, expected at most "
        f"{limit_bytes / 2**20:g}; check that it is the file that you mean"
    )


def refuse_pointer(path: Path, error: type[RetinaFaceError]) -> None:
    """Refuse a Git LFS pointer, or a pipe, in place of a file; call it before a file is opened.

    Args:
        path: A file; one that cannot be opened is left to whoever reads it.
        error: What to raise.
    """
    check_regular(path, error)
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS_POINTER))
    except OSError:
        return
    if problem := pointer_problem(path, start):
        raise error(problem)


def check_output_dir(path: Path) -> None:
    """Refuse an output folder that cannot take results; call it before any work starts.

    What a process that was killed had begun to put there is removed.

    Raises:
        OutputError: The path is a file, a folder that is not empty, or cannot be written.
    """
    restore(path.resolve())
    if path.is_dir():
        if any(path.iterdir()):
            raise OutputError(
                f"output folder {path} is not empty; name a new one, so that results of two runs "
                "never mix"
            )
    elif path.exists() or path.is_symlink():
        raise OutputError(f"output folder {path} is not a folder; name a new one")
    _probe(path if path.is_dir() else path.parent, path)


def check_output_file(path: Path) -> None:
    """Refuse an output file that cannot be written; call it before any work starts.

    Raises:
        OutputError: The path is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file")
    if not _is_special(path):
        _probe(path.resolve().parent, path)


@contextlib.contextmanager
def new_dir(path: Path) -> Iterator[Path]:
    """Fill a folder; see `new_dirs`."""
    with new_dirs(path) as (folder,):
        yield folder


@contextlib.contextmanager
def new_dirs(*paths: Path) -> Iterator[list[Path]]:
    """Fill folders; content appears only when the block ends without an error, and then in all.

    Args:
        paths: Missing or empty. An existing folder keeps its place and mode: it may be a mount.

    Yields:
        For each a temporary folder on the same file system.

    Raises:
        OutputError: `check_output_dir` refuses a path, or a folder cannot be made.
    """
    with contextlib.ExitStack() as stack:
        filled = []
        for path in paths:
            check_output_dir(path)
            target = path.resolve()
            place = target if target.is_dir() else target.parent
            filled.append((stack.enter_context(_temporary_dir(place, path)), target, path))
        yield [temporary / CONTENT for temporary, _, _ in filled]
        for temporary, target, path in filled:
            with _output_errors(path):
                publish(temporary, target)
        for temporary, _, _ in filled:
            stack.callback(acknowledge, temporary)
        end(stack)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Write a file; it replaces the old one only when the block ends without an error.

    Where the path is a link, its target is replaced. A device or pipe is written to.

    Yields:
        A path in a temporary folder, with the same name.

    Raises:
        OutputError: The file or its folder cannot be written.
    """
    check_output_file(path)
    special = _is_special(path)
    target = path.resolve()
    place = Path(tempfile.gettempdir()) if special else target.parent
    with _temporary_dir(place, path) as temporary:
        written = temporary / CONTENT / target.name
        yield written
        with _output_errors(path):
            if special:
                with path.open("wb") as sink:
                    sink.write(written.read_bytes())
            else:
                written.replace(target)


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


@contextlib.contextmanager
def _temporary_dir(parent: Path, path: Path) -> Iterator[Path]:
    """Make a folder, and remove it at the end; after an error, remove its new parents too."""
    made = [p for p in (parent, *parent.parents) if not p.exists()]  # innermost first
    succeeded = False
    with contextlib.ExitStack() as stack:
        with _output_errors(path):
            parent.mkdir(parents=True, exist_ok=True)
            temporary = stack.enter_context(owned_dir(parent, path.name))
        try:
            yield temporary
            succeeded = True
        except OSError as error:
            # A copy names its source first; there is no room where it goes.
            if error.errno not in NO_ROOM and temporary.is_dir():  # else somebody removed it
                raise
            raise OutputError(
                f"cannot write {path}: {error.strerror}; name another place"
            ) from error
        finally:
            stack.close()
            if not succeeded:
                for folder in made:
                    with contextlib.suppress(OSError):  # another process put a file there
                        folder.rmdir()


def _probe(folder: Path, path: Path) -> None:
    """Check that a folder, or the nearest existing folder above it, can be written."""
    existing = next(p for p in (folder.resolve(), *folder.resolve().parents) if p.exists())
    with _output_errors(path):
        can_make(existing, path.name)


@contextlib.contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; name another place") from error
