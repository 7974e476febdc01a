"""A forked process that reads inputs one after the other: its end is a finding, not ours."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.running.judging import FAILURE, READ, Outcome, judge
from tests.fuzz.target import LIMIT_BYTES, LIMIT_S, Target

# Whole inputs are read first, which loads what the reader needs.
_START_S = 120.0


class ChildError(Exception):
    """A whole input is not read: the target itself is wrong."""


class Child:
    """A process in which a target reads; replaced after each that it does not survive."""

    def __init__(
        self, target: Target, folder: Path, seeds: list[bytes], limit_s: float = LIMIT_S
    ) -> None:
        self._target, self._folder, self._seeds = target, folder, seeds
        self._limit_s = limit_s
        self._pid: int | None = None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def outcome(self, data: bytes) -> Outcome:
        """Read an input, and judge what happened."""
        if self._pid is None:
            self._start()
        (self._folder / self._target.file).write_bytes(data)
        started = time.monotonic()
        os.write(self._orders, b"\n")
        reply = self._reply(self._limit_s)
        seconds = time.monotonic() - started
        if reply:
            return Outcome(**json.loads(reply) | {"seconds": seconds})
        kind = self._end()
        return Outcome(FAILURE, kind if reply is not None else "timeout", "", "", seconds)

    def _start(self) -> None:
        their_orders, self._orders = os.pipe()
        self._replies, their_replies = os.pipe()
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._orders)
            os.close(self._replies)
            _serve(self._target, self._folder, self._seeds, their_orders, their_replies)
        os.close(their_orders)
        os.close(their_replies)
        reply = self._reply(_START_S)
        if not reply or json.loads(reply)["what"] != READ:
            self._end()
            raise ChildError(f"{self._target.name}: a whole input is not read: {reply}")

    def _reply(self, limit_s: float) -> str | None:
        """Give a line; empty where the child ended, None where it keeps silent."""
        until, found = time.monotonic() + limit_s, b""
        while not found.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._replies], [], [], left)[0]:
                return None
            if not (part := os.read(self._replies, 65536)):
                return ""
            found += part
        return found.decode()

    def _end(self) -> str:
        """End the process with all that it started, and say how it ended."""
        if self._pid is None:
            return ""
        pid, self._pid = self._pid, None
        os.close(self._orders)
        until = time.monotonic() + 1
        ended, status = os.waitpid(pid, os.WNOHANG)
        while not ended and time.monotonic() < until:
            time.sleep(0.01)
            ended, status = os.waitpid(pid, os.WNOHANG)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if not ended:
            _, status = os.waitpid(pid, 0)
        os.close(self._replies)
        code = os.waitstatus_to_exitcode(status)
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def prepare(target: Target, folder: Path) -> list[bytes]:
    """Write a whole input in a child, so that no thread starts here; give the file's contents."""
    folder.mkdir(parents=True)
    more = folder.parent / f"{folder.name}.seeds"
    more.mkdir()

    def make() -> None:
        for i, data in enumerate(target.make(folder) or ()):
            (more / f"{i:03}").write_bytes(data)

    status = os.waitstatus_to_exitcode(in_child(make))
    if status != 0:
        raise ChildError(f"{target.name}: a whole input cannot be made ({status})")
    return [(folder / target.file).read_bytes(), *(p.read_bytes() for p in sorted(more.iterdir()))]


def in_child(work: Callable[[], None]) -> int:
    """Do something in a forked process, and give its status; what it raises is printed."""
    sys.stdout.flush()
    if (pid := os.fork()) == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - printed
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def _serve(target: Target, folder: Path, seeds: list[bytes], orders: int, replies: int) -> None:
    """Read whatever lies in the folder, each time a byte comes; never returns."""
    os.setpgid(0, 0)
    _be_quiet()
    outcome = Outcome(READ)
    for data in reversed(seeds):
        (folder / target.file).write_bytes(data)
        outcome = judge(target, folder)
        if outcome.what != READ:
            break
    limit_memory()
    _answer(replies, outcome)
    while os.read(orders, 1):
        _answer(replies, judge(target, folder))
    os._exit(0)


def _answer(replies: int, outcome: Outcome) -> None:
    os.write(replies, json.dumps(outcome.as_dict()).encode() + b"\n")


def _be_quiet() -> None:
    """Let what libraries and commands print go nowhere."""
    silent = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(silent, fd)
    tempfile.tempdir = None


def limit_memory() -> None:
    """Allow some addresses more than whole inputs took; where the system does not say, none."""
    status = Path("/proc/self/statm")
    if status.is_file():
        now = int(status.read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (now + LIMIT_BYTES, hard))
