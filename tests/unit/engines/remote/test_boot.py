"""The program that is sent to another machine, run here: its worker ends with it."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from retinaface.engines.remote import boot
from retinaface.engines.remote.sending import package_zip

MARKER = "\nhere\n"


@pytest.fixture
def running(tmp_path):
    """Start it as `ssh` does, and wait for its worker."""
    text = Path(boot.__file__).read_text()
    code = f"{text}\nsys.exit(serve({MARKER!r}, {len(package_zip())}, 0.2))\n"
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=tmp_path) as process:
        process.stdin.write(package_zip())
        process.stdin.flush()
        assert process.stdout.read(len(MARKER)) == MARKER.encode()
        (worker,) = psutil.Process(process.pid).children()
        yield process, worker
        process.kill()


def ends(process):
    return psutil.wait_procs([process], timeout=30)[1] == []


def test_a_connection_that_closes_ends_the_worker(running):
    process, worker = running
    process.stdin.close()
    assert process.wait(30) == 0
    assert ends(worker)


@pytest.mark.needs("linux")
def test_a_worker_ends_with_the_process_beside_it_though_the_connection_stays(running):
    process, worker = running
    process.kill()
    process.wait()
    assert ends(worker)
