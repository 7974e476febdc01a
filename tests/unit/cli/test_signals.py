"""Ending a run from outside leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.widerface import Finder
from tests.support.widerface_copy import write_vendor_layout

ROOT = Path(__file__).resolve().parents[3]


class Slow(Finder):
    """Says that it runs, then takes its time."""

    def _run(self, images):
        Path("running").touch()
        time.sleep(0.3)
        return super()._run(images)


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_a_run_that_is_ended_leaves_nothing(tmp_path, sent, code):
    write_vendor_layout(tmp_path / "wf")
    (tmp_path / "any.model").touch()
    command = [sys.executable, "-m", "retinaface", "evaluate", "--pipeline", "igie"]
    command += ["--engine", f"{__name__}:Slow", "--model", "any.model", "--widerface", "wf"]
    command += ["--batch", "1", "--predictions", "new/p", "--output", "r"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "running").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert sorted(p.name for p in tmp_path.iterdir()) == ["any.model", "running", "wf"]
