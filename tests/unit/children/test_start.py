"""Processes end with the one that started them; else they are as `subprocess` starts them."""

import gc
import os
import subprocess
import sys

import psutil
import pytest

from retinaface.children.start import Child, end, run
from tests.support.children import (
    DEAF,
    STUCK,
    is_free,
    kill_and_see_what_is_left,
    start,
    start_marked,
)

PYTHON = (sys.executable, "-c")
PIPE = subprocess.PIPE


def test_a_program_that_runs_gives_its_output_and_its_code():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    found = run([*PYTHON, code], timeout_s=60)
    assert (found.returncode, found.stdout, found.stderr) == (7, "out\n", "err\n")
    assert run(["sh", "-c", "kill -ILL $$"], timeout_s=60).returncode == -4


def test_bytes_that_are_no_text_are_output_too():
    code = r"import sys; sys.stdout.buffer.write(b'\xff')"
    assert run([*PYTHON, code], timeout_s=60).stdout == "\ufffd"


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        run(["/no/program"], timeout_s=60)
    assert caught.value.filename == "/no/program"
    (tmp_path / "text").touch()
    with pytest.raises(PermissionError):
        Child([str(tmp_path / "text")])


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        run([*PYTHON, "pass"], cwd=tmp_path / "no", timeout_s=60)
    assert caught.value.filename == tmp_path / "no"


def test_a_program_that_takes_too_long_is_ended_with_what_it_started(tmp_path):
    code = "import subprocess, sys, time\n" + start(DEAF) + "time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run([*PYTHON, code], cwd=tmp_path, timeout_s=2)
    assert caught.value.cmd == [*PYTHON, code]
    assert is_free(tmp_path / "lock")


def test_a_command_is_as_if_it_had_been_started_alone(tmp_path):
    """It leads its group, and inherits no descriptor, no child and no ignored signal."""
    read, write = os.pipe()
    code = (
        "import os, signal\n"
        "print(os.getpid() == os.getpgrp() == os.getsid(0), os.getcwd(), os.environ.get('MINE'))\n"
        "fds = [int(name) for name in os.listdir('/dev/fd')]\n"
        "def is_open(fd):\n"
        "    try:\n        return bool(os.fstat(fd))\n    except OSError:\n        return False\n"
        "print(*filter(is_open, fds))\n"
        "try:\n    os.wait()\nexcept ChildProcessError:\n    print('no child')\n"
    )
    env = {**os.environ, "MINE": "here"}
    with Child([*PYTHON, code], cwd=tmp_path, env=env, stdout=PIPE, pass_fds=(write,)) as child:
        lines = child.communicate(timeout=60)[0].decode().splitlines()
        end(child)
    os.close(read)
    os.close(write)
    assert lines == [f"True {tmp_path} here", f"0 1 2 {write}", "no child"]


def test_a_command_without_python_has_no_ignored_signal():
    """Python ignores SIGPIPE, and a program that it becomes would go on without a reader."""
    shown = run(["sh", "-c", "kill -PIPE $$; echo lives"], timeout_s=60)
    assert (shown.returncode, shown.stdout) == (-13, "")


def test_nothing_stays_of_a_child_that_ended():
    n_fds = psutil.Process().num_fds()
    for _ in range(3):
        assert run([*PYTHON, "pass"], timeout_s=60).returncode == 0
        with pytest.raises(FileNotFoundError):
            run(["/no/program"], timeout_s=60)
    gc.collect()
    assert psutil.Process().num_fds() == n_fds


def test_a_child_may_clean_up_before_it_is_ended(tmp_path):
    code = (
        "import signal, sys, time\nfrom pathlib import Path\n"
        "signal.signal(signal.SIGTERM, lambda *_: (Path('clean').touch(), sys.exit()))\n"
        "print(flush=True); time.sleep(60)"
    )
    with Child([*PYTHON, code], cwd=tmp_path, stdout=PIPE) as child:
        child.stdout.readline()
        end(child, 30.0)
    assert (child.returncode, (tmp_path / "clean").exists()) == (0, True)


def test_a_child_that_is_forgotten_ends(tmp_path):
    child = Child([*PYTHON, DEAF + "; time.sleep(60)"], cwd=tmp_path, stdout=PIPE)
    child.stdout.readline()
    child.let_go()
    assert child.wait(30) == -9
    child.stdout.close()
    assert is_free(tmp_path / "lock")


MADE = f"""
import multiprocessing, sys, time
from retinaface.children.start import end_with_parent

def work():
    end_with_parent()
    print(flush=True)
    {STUCK}

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work).start()
    time.sleep(60)
"""


def test_a_process_of_multiprocessing_ends_with_its_parent_though_it_is_stuck(tmp_path):
    (tmp_path / "made.py").write_text(MADE)
    process, mark = start_marked([sys.executable, "made.py"], stdout=PIPE, cwd=tmp_path)
    process.stdout.readline()
    assert kill_and_see_what_is_left(process, mark, at_least=3) == []
    process.stdout.close()


def test_only_what_multiprocessing_made_has_such_a_parent():
    from retinaface.children.start import end_with_parent

    with pytest.raises(ValueError, match="no parent that multiprocessing knows of"):
        end_with_parent()
