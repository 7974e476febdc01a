"""Small children in place of a validation run, for those who supervise it."""

import fcntl
import time

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
