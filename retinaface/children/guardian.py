"""End a group of processes as soon as the process that started it is gone, `kill -9` included.

    python guardian.py start FAILED N_FDS PATIENCE_S LIFELINE COMMAND...
    python guardian.py beside PID LIFELINE...

A lifeline is the read end of a pipe whose write end only the starting process has: the system
closes that one when the process ends. The guardian waits there. It is a process of its own, so that
a group that is stuck in a runtime, which no signal handler and no thread of Python interrupts, ends
too. `start` becomes the command, and leaves a guardian in the command's group; the caller has made
this process the leader of that group. The file runs by itself and imports little: it is started
with every child.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

# As `start` takes it from shells: the command could not be run.
_NO_COMMAND = 127
# Between SIGTERM, after which a process may clean up, and SIGKILL.
GRACE_S = 5.0
_POLL_S = 0.05


def start(
    command: list[str], lifeline: int, failed: int, n_fds: int, patience_s: float
) -> NoReturn:
    """Leave a guardian behind, and become a command.

    Args:
        lifeline: See above.
        failed: Takes the error's number where the command cannot be run; else it just closes.
        n_fds: All file descriptors of this process are below it.
        patience_s: How long the command may take to end by itself before it is told to.
    """
    for fd in (lifeline, failed):
        os.set_inheritable(fd, False)  # not for the command
    me = os.getpid()
    if (between := os.fork()) == 0:
        # Forked twice: the command has no child that it did not start.
        if os.fork() == 0:
            for fd in range(n_fds):
                if fd != lifeline:
                    _close(fd)  # a reader of the command's output waits for its end alone
            guard(me, [lifeline], patience_s)
        os._exit(0)
    os.waitpid(between, 0)
    for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ"):  # which Python ignores, and so would the command
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell
    except OSError as error:
        os.write(failed, str(error.errno).encode())
    os._exit(_NO_COMMAND)


def guard(pid: int, lifelines: Sequence[int], patience_s: float) -> NoReturn:
    """Wait until a lifeline closes, then end the group of this process.

    Args:
        pid: Leader of the group.
        patience_s: As in `start`.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are for the others of the group
    os.chdir("/")  # so that any folder can be removed or unmounted
    select.select(lifelines, [], [])
    group = os.getpgrp()
    if not _ends_within(pid, patience_s):
        os.killpg(group, signal.SIGTERM)
        _ends_within(pid, GRACE_S)
    os.killpg(group, signal.SIGKILL)  # this process too
    os._exit(0)


def _ends_within(pid: int, seconds: float) -> bool:
    """Wait for a process; its number is not given away while this one is in its group."""
    end = time.monotonic() + seconds
    while _is_there(pid):
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL_S)
    return True


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _close(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        return  # there was none


def main(words: list[str]) -> NoReturn:
    """Do what the first word says."""
    if words[0] == "beside":
        guard(int(words[1]), [int(word) for word in words[2:]], patience_s=0)
    failed, n_fds, lifeline = int(words[1]), int(words[2]), int(words[4])
    start(words[5:], lifeline, failed, n_fds, float(words[3]))


if __name__ == "__main__":
    main(sys.argv[1:])
