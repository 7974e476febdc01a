"""Machines that are crowded, disks that are full, folders that somebody removes in mid-run."""

import resource
import shutil
import subprocess
import sys
import time

import pytest

from tests.meta.killed.commands import COMMANDS, content
from tests.support.runs import environment_of

pytestmark = [pytest.mark.needs("onnxruntime"), pytest.mark.needs("torch")]
RETINAFACE = (sys.executable, "-m", "retinaface")
VALIDATE = [word for word in COMMANDS["validate"] if not word.startswith("--record")]
# More than any text that a run writes; less than the model that its record keeps.
_LIMIT_BYTES = 2**20


def start(words, folder, **more):
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*RETINAFACE, *words],
        cwd=folder,
        env=environment_of(),
        stdout=pipe,
        stderr=pipe,
        text=True,
        **more,
    )


def ended(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_four_validations_side_by_side_say_the_same(tmp_path):
    runs = [start([*VALIDATE, f"--record=run{i}"], tmp_path) for i in range(4)]
    codes = [ended(run) for run in runs]
    assert [code for code, _, _ in codes] == [0] * 4, codes
    first, *others = [content(tmp_path / f"run{i}") for i in range(4)]
    assert others == [first] * 3


def test_the_same_evaluation_side_by_side_says_the_same(tmp_path):
    words = [word for word in COMMANDS["evaluate"] if not word.startswith(("--out", "--pred"))]
    runs = [start([*words, f"--output=run{i}"], tmp_path) for i in range(2)]
    assert [ended(run)[0] for run in runs] == [0, 0]
    assert content(tmp_path / "run0") == content(tmp_path / "run1")


def test_a_full_disk_is_one_line_and_the_run_goes_on(tmp_path):
    """The largest file that may be written stands for a full disk; the cache is filled before."""
    assert ended(start([*VALIDATE, "--record=whole"], tmp_path))[0] == 0

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT_BYTES, _LIMIT_BYTES))

    code, out, err = ended(start([*VALIDATE, "--record=run"], tmp_path, preexec_fn=limit))
    assert code == 2, (out, err)
    (line,) = [line for line in err.splitlines() if "error" in line]
    assert line.startswith("retinaface: error: cannot write ")
    assert "File too large" in line
    assert line.endswith("; then go on with this run by --resume")
    code, out, err = ended(start([*VALIDATE, "--record=run", "--resume"], tmp_path))
    assert code == 0, (out, err)
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def wait_for(path, process):
    until = time.monotonic() + 120
    while not any(path()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_record_that_is_removed_in_mid_run_is_there_at_the_end(tmp_path):
    process = start([*VALIDATE, "--record=run"], tmp_path)
    wait_for(lambda: [p for p in [tmp_path / "run" / "record.json"] if p.exists()], process)
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    code, out, err = ended(process)
    assert code == 0, (out, err)
    assert (tmp_path / "run" / "record.json").is_file()


def test_an_output_whose_folder_is_removed_in_mid_run_is_one_line_and_nothing_is_lost(tmp_path):
    words = [word for word in COMMANDS["evaluate"] if not word.startswith(("--out", "--pred"))]
    process = start([*words, "--batch=1", "--output=a/run"], tmp_path)
    wait_for(lambda: (tmp_path / "a").glob(".run.*"), process)
    shutil.rmtree(tmp_path / "a")
    code, out, err = ended(process)
    assert (code, out) == (2, "")
    (line,) = [line for line in err.splitlines() if "error" in line]
    assert line.startswith("retinaface: error: cannot write a/run: ")
    code, out, err = ended(start([*words, "--batch=1", "--output=a/run", "--resume"], tmp_path))
    assert code == 0, (out, err)
    assert "images were finished before" in out
