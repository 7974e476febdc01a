"""A run that is ended from outside leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.made.widerface_copy import write_vendor_layout
from tests.support.widerface import Finder

ROOT = Path(__file__).resolve().parents[3]


class Slow(Finder):
    """Reports its start, then takes its time."""

    def _run(self, images):
        Path("running").touch()
        time.sleep(0.3)
        return super()._run(images)


def started(command, folder):
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
        preexec_fn=default_signals,  # noqa: PLW1509 - no threads
    )


def default_signals():
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def wait_for(path):
    """Wait until a file is there."""
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


ENDINGS = pytest.mark.parametrize(
    ("sent", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["int", "term", "hup"],
)


@ENDINGS
def test_a_run_that_is_ended_leaves_nothing(tmp_path, sent, code):
    write_vendor_layout(tmp_path / "wf")
    (tmp_path / "any.model").touch()
    command = [sys.executable, "-m", "retinaface", "evaluate", "--pipeline", "igie"]
    command += ["--engine", f"{__name__}:Slow", "--model", "any.model", "--widerface", "wf"]
    command += ["--batch", "1", "--predictions", "new/p", "--output", "r"]
    process = started(command, tmp_path)
    wait_for(tmp_path / "running")
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert sorted(p.name for p in tmp_path.iterdir()) == ["any.model", "running", "wf"]


SLOW_SUITE = """
import os, time
from pathlib import Path

def test_slow():
    Path("new").write_text(str(os.getpid()))
    os.replace("new", "child")
    time.sleep(60)
"""


@ENDINGS
def test_a_validation_that_is_ended_ends_its_child_and_leaves_a_whole_record(tmp_path, sent, code):
    """A closed terminal sends SIGHUP, which does not reach the child in its own session."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests/validation").mkdir(parents=True)
    (tmp_path / "tests/validation/test_small.py").write_text(SLOW_SUITE)
    command = [sys.executable, "-m", "retinaface", "validate", "--full", "--record", "r"]
    process = started(command, tmp_path)
    wait_for(tmp_path / "child")
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "child").read_text()), 0)
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert record["running"] == "tests/validation/test_small.py::test_slow"
    assert (record["state"], record["verdict"]) == ("running", "FAIL")  # no pass, whatever ran


def test_a_process_that_ignores_sighup_keeps_ignoring_it(tmp_path):
    """`nohup` starts a process that way."""
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from retinaface.cli import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit:\n"
        "    print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    out = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
    assert out.endswith("True\n")
