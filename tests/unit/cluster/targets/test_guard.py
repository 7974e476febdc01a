"""The guard runs as the worker starts it: in a process, with a pipe that closes."""

import os
import sys
import time

import pytest

from retinaface.cluster.targets.guard import (
    ENDED_FILE,
    OUTPUT_FILE,
    Ended,
    Job,
    read_ended,
    start_guard,
)
from tests.support.children import DEAF, is_free, start

DEAF_FOR_LONG = DEAF.replace("time.sleep(6)", "time.sleep(60)")
PYTHON = (sys.executable, "-c")
# A child that leaves a deaf process in a session of its own, whose parent has ended.
ORPHANS = (
    f"import subprocess, sys\ncode = {DEAF_FOR_LONG!r}\n"
    'inner = f\'import subprocess, sys; w = subprocess.Popen([sys.executable, "-c", {code!r}], '
    "stdout=subprocess.PIPE, start_new_session=True); w.stdout.readline()'\n"
    "subprocess.run([sys.executable, '-c', inner])\n"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


def guard(folder, *command, limit_s=30.0):
    return start_guard(Job(list(command), dict(os.environ), limit_s), folder)


def ended(process, folder):
    process.wait(30)
    process.stdin.close()
    return read_ended(folder)


def test_a_command_that_ends_leaves_its_code_and_its_output(folder):
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(10)"
    assert ended(guard(folder, *PYTHON, code), folder) == Ended(10)
    assert (folder / OUTPUT_FILE).read_text() == "out\nerr\n"


def test_a_signal_is_a_negative_code(folder):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    assert ended(guard(folder, *PYTHON, code), folder) == Ended(-11)


def test_a_command_that_is_not_there_did_not_start(folder):
    problem = "could not start /no/python: No such file or directory"
    assert ended(guard(folder, "/no/python"), folder) == Ended(None, problem)


def test_a_hanging_command_ends_at_its_limit_and_so_do_its_processes(folder):
    process = guard(folder, *PYTHON, ORPHANS + "import time; time.sleep(60)", limit_s=2.0)
    assert ended(process, folder) == Ended(None, "gave no answer within 2 s")
    assert is_free(folder.parent / "lock")


def test_processes_that_a_command_leaves_behind_end_with_it(folder):
    assert ended(guard(folder, *PYTHON, ORPHANS), folder) == Ended(0)
    assert is_free(folder.parent / "lock")


def test_a_caller_that_is_gone_ends_all_and_leaves_nothing(folder):
    code = (
        "import subprocess, sys\n" + start(DEAF) + "print(flush=True); import time; time.sleep(60)"
    )
    process = guard(folder, *PYTHON, code)
    deadline = time.monotonic() + 20
    while not (folder / OUTPUT_FILE).exists() or not (folder / OUTPUT_FILE).read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.stdin.close()  # as the system does for a worker that was killed
    process.wait(30)
    assert is_free(folder.parent / "lock")
    assert not folder.exists()


def test_a_guard_that_was_killed_left_nothing(folder):
    assert read_ended(folder).problem == "was killed with the process that guards it"
    assert not (folder / ENDED_FILE).exists()
