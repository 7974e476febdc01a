"""Small children in place of a validation run, for those who supervise it."""

import fcntl
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

TEST = "tests/validation/test_fps.py::test_network_alone[b1]"
# A child begins with a record that names the running test.
BEGIN = f"""
import json, os, signal, subprocess, sys, time
def record(running, state="running"):
    tests = [{{"id": "before", "verdict": "PASS"}}, {{"id": {TEST!r}, "verdict": None}}]
    content = {{"running": running, "state": state, "verdict": "FAIL", "tests": tests}}
    with open("new.json", "w") as file:
        json.dump(content, file)
    os.replace("new.json", "record.json")
"""
HOLD = "import fcntl; lock = open('lock', 'w'); fcntl.flock(lock, fcntl.LOCK_EX); "
# A worker that takes the lock, says so, and goes on for a minute.
WORKER = HOLD + "import sys, time; print(flush=True); time.sleep(60)"
START_WORKER = f"""
worker = subprocess.Popen([sys.executable, "-c", {WORKER!r}], stdout=subprocess.PIPE)
worker.stdout.readline()
"""


SLEEPER = WORKER.replace("60", "6")
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


def start(code):
    return (
        f"worker = subprocess.Popen([sys.executable, '-c', {code!r}], stdout=subprocess.PIPE)\n"
        "worker.stdout.readline()\n"
    )


def free_soon(path):
    with path.open("w") as file:
        time.sleep(0.5)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def is_free(path):
    """Tell whether the lock is free; a killed process takes a while to release it."""
    deadline = time.monotonic() + 5
    with path.open("w") as file:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.02)
            else:
                return True
    return False


def is_gone(pid):
    """Wait until a process has ended."""
    for _ in range(600):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


# Stuck in C: no signal handler and no thread of Python gets a turn, and SIGTERM is ignored.
STUCK = "import ctypes, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); ctypes.PyDLL(None)"
STUCK += ".pause()"
_MARK = "KILLED_TOGETHER"
_ROOT = Path(__file__).resolve().parents[2]


def start_marked(command, **settings):
    """Start a process that is to be killed; all that it starts can be found by its variable."""
    mark = uuid.uuid4().hex
    paths = {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, env={**os.environ, **paths, _MARK: mark}, **settings), mark


def marked(mark):
    """Find the processes that live and descend from one that was marked."""
    import psutil  # not where an engine needs this module

    found = []
    for process in psutil.process_iter():
        try:
            is_one = process.environ().get(_MARK) == mark
            if is_one and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def kill_and_see_what_is_left(process, mark, at_least):
    """Kill a process alone, with SIGKILL; give its descendants that live on.

    Args:
        at_least: So many processes must live before.
    """
    before = marked(mark)
    assert len(before) >= at_least, [one.cmdline() for one in before]
    process.send_signal(signal.SIGKILL)
    process.wait()
    until = time.monotonic() + 30
    while (left := marked(mark)) and time.monotonic() < until:
        time.sleep(0.1)
    words = [one.cmdline() for one in left]
    for one in left:
        one.kill()
    return words
