"""Temporary folders that a killed process leaves behind, and the next one takes away.

Each is locked by the process that made it; the system releases a lock however a process ends. A
folder whose lock is free belongs to the dead. Names end in `.retinaface`, so that nothing of anyone
else's is touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from retinaface.locks import try_lock

_SUFFIX = ".retinaface"
_LOCK = "owner.lock"
# Names of what is being published, one on a line, while that takes more than one step.
_JOURNAL = "published"
CONTENT = "content"
_LONGEST = 100  # characters of a name, which has an end of its own here


@contextlib.contextmanager
def owned_dir(parent: Path, name: str) -> Iterator[Path]:
    """Make a temporary folder, and remove it at the end; first remove those of the dead.

    Args:
        parent: Existing.
        name: Of what it is for; a part of its own name.

    Yields:
        The folder, with an empty folder `content` in it.

    Raises:
        OSError: It cannot be made.
    """
    sweep(parent)
    path, lock = _make(parent, name)
    try:
        (path / CONTENT).mkdir()
        yield path
    finally:
        remove_dir(path)
        os.close(lock)


@contextlib.contextmanager
def scratch_dir() -> Iterator[Path]:
    """Make a folder for what no user sees, where the system keeps such, as `owned_dir` does."""
    with owned_dir(Path(tempfile.gettempdir()), "scratch") as path:
        yield path / CONTENT


_ends: list[contextlib.ExitStack] = []


@contextlib.contextmanager
def ending_late() -> Iterator[None]:
    """Put off the end of what is published in this block to its own end.

    A command says how it ended after it has published: killed in between, it has said nothing.
    """
    with contextlib.ExitStack() as stack:
        _ends.append(stack)
        try:
            yield
        finally:
            _ends.pop()


def end(stack: contextlib.ExitStack) -> None:
    """Close a stack, now or at the end of the block around; see `ending_late`."""
    later = stack.pop_all()
    if _ends:
        _ends[-1].push(later)
    else:
        later.close()


def can_make(parent: Path, name: str) -> None:
    """Try whether a temporary folder can be made.

    Raises:
        OSError: It cannot.
    """
    _new(parent, name).rmdir()


def publish(temporary: Path, target: Path) -> None:
    """Move the content of a temporary folder to its place.

    Into an existing folder that takes a step for each entry: `record.json`, by which readers know a
    whole folder, goes last. A process that dies in between has left a note of what it was about to
    move: see `restore` and `sweep`.

    Raises:
        OSError: Something cannot be moved.
    """
    content, journal = temporary / CONTENT, temporary / _JOURNAL
    if not target.is_dir():
        journal.write_text(target.name, encoding="utf-8", errors="surrogateescape")
        content.rename(target)
    else:
        entries = sorted(content.iterdir(), key=lambda p: (p.name == "record.json", p.name))
        names = "\n".join(entry.name for entry in entries)
        journal.write_text(names, encoding="utf-8", errors="surrogateescape")
        for entry in entries:
            entry.rename(target / entry.name)


def acknowledge(temporary: Path) -> None:
    """Say that what was published stays: nobody takes it away any more."""
    (temporary / _JOURNAL).unlink(missing_ok=True)


def sweep(parent: Path) -> None:
    """Remove the temporary folders of dead processes; end what one of them was publishing."""
    for path, lock in _dead(parent):
        if (path / CONTENT).is_dir():
            for name in _published(path):
                with contextlib.suppress(OSError):
                    (path / CONTENT / name).rename(parent / name)
        remove_dir(path)
        os.close(lock)


def restore(target: Path) -> None:
    """Bring a folder back to what it was before a process that died while it published there.

    Nobody was told of those results: whoever names the folder again makes them again.
    """
    for place, is_inside in ((target.parent, False), (target, True)):
        for path, lock in _dead(place):
            for name in _published(path):
                is_moved = not (path / CONTENT / name if is_inside else path / CONTENT).exists()
                if is_moved and (is_inside or name == target.name):
                    _remove(place / name)
            if is_inside:
                remove_dir(path)
            os.close(lock)


def remove_dir(path: Path) -> None:
    """Remove a folder as far as that is possible."""
    shutil.rmtree(path, ignore_errors=True)


def _new(parent: Path, name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{name[:_LONGEST]}.", suffix=_SUFFIX, dir=parent))


def _make(parent: Path, name: str) -> tuple[Path, int]:
    """Make a folder and lock it; another process may take it for a dead one's in between."""
    while True:
        path = _new(parent, name)
        with contextlib.suppress(FileNotFoundError):
            lock = try_lock(path / _LOCK)
            if lock is not None and (path / _LOCK).exists():
                return path, lock
            if lock is not None:
                os.close(lock)


def _dead(parent: Path) -> Iterator[tuple[Path, int]]:
    """Give the folders whose process has ended, each with its lock, which is to be closed."""
    try:
        with os.scandir(parent) as entries:
            found = [
                Path(entry.path)
                for entry in entries
                if entry.name.endswith(_SUFFIX)
                and entry.name.startswith(".")
                and entry.is_dir(follow_symlinks=False)
                and entry.stat(follow_symlinks=False).st_uid == os.getuid()
            ]
    except OSError:  # missing, or not to be listed: whoever writes there says so
        return
    for path in sorted(found):
        with contextlib.suppress(OSError):  # an empty one has no lock yet, and gets another folder
            path.rmdir()
            continue
        lock = None
        with contextlib.suppress(OSError):  # not ours to open
            lock = try_lock(path / _LOCK, is_sure=True)
        if lock is not None:
            yield path, lock


def _published(path: Path) -> list[str]:
    """Read what a process was about to publish: names of entries, never paths."""
    try:
        text = (path / _JOURNAL).read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, UnicodeDecodeError):
        return []
    return [name for name in text.split("\n") if name and name == Path(name).name]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_dir(path)
    else:
        path.unlink(missing_ok=True)
