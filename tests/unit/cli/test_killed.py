"""A command that is killed, which no handler sees, leaves no process behind, stuck or not."""

import shutil
import sys
import time
from pathlib import Path

from retinaface.export.tiny_model import write_model
from tests.support.children import kill_and_see_what_is_left, start_marked
from tests.support.made.widerface_copy import write_vendor_layout

ROOT = Path(__file__).resolve().parents[3]
RETINAFACE = [sys.executable, "-m", "retinaface"]
STICKS = "tests.support.given.remote_engines:sticks_cpu_fp32"


def started(folder, *words, n_stuck=1):
    """Start a command, and wait until so many engines are stuck in C, with a child each."""
    command = [*RETINAFACE, *words]
    with (folder / "printed").open("wb") as printed:
        process, mark = start_marked(command, cwd=folder, stdout=printed, stderr=printed)
    until = time.monotonic() + 120
    while len([*folder.glob("stuck-*")]) < n_stuck:
        assert process.poll() is None, (folder / "printed").read_text()
        assert time.monotonic() < until, (folder / "printed").read_text()
        time.sleep(0.05)
    return process, mark


def test_a_validation_with_its_suites_and_an_engine_that_is_stuck(tmp_path):
    """The process of pytest, and the child of the engine."""
    write_model(tmp_path / "x.onnx")
    words = [f"--engine={STICKS}", "--model=x.onnx", "--pipeline=igie"]
    words += [f"--engine-option=folder={tmp_path}", "-k", "contract"]
    process, mark = started(tmp_path, "validate", *words, "--record=r")
    assert kill_and_see_what_is_left(process, mark, at_least=4) == []


WORKER_SUITE = f"""
import sys
from pathlib import Path
import numpy as np
from retinaface.engines.remote.engine import open_remote_engine

def test_worker():
    with open_remote_engine(
        sys.executable, {STICKS!r}, model=Path("FOLDER/x.onnx"), options={{"folder": "FOLDER"}}
    ) as engine:
        engine.infer(np.zeros((1, 3, 320, 320), np.float32))
"""


def test_a_validation_whose_engine_has_a_worker_of_its_own(tmp_path):
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    write_model(tmp_path / "x.onnx")
    (tmp_path / "tests/validation").mkdir(parents=True)
    suite = tmp_path / "tests/validation/test_small.py"
    suite.write_text(WORKER_SUITE.replace("FOLDER", str(tmp_path)))
    process, mark = started(tmp_path, "validate", "--full", "--record=r")
    assert kill_and_see_what_is_left(process, mark, at_least=6) == []


def test_a_session_of_ab(tmp_path):
    words = [f"--engine={STICKS}", f"--engine-option=folder={tmp_path}", "--weights=embedded"]
    process, mark = started(tmp_path, "ab", *words, "--batch=1", "--starts=2", "--turns=2")
    assert kill_and_see_what_is_left(process, mark, at_least=4) == []


def test_an_evaluation_with_workers_of_its_own(tmp_path):
    write_vendor_layout(tmp_path / "wf")
    write_model(tmp_path / "x.onnx")
    words = [f"--engine={STICKS}", f"--engine-option=folder={tmp_path}", "--model=x.onnx"]
    words += ["--pipeline=igie", "--widerface=wf", "--batch=1", "--scheduler=local:2"]
    process, mark = started(tmp_path, "evaluate", *words, n_stuck=1)
    assert kill_and_see_what_is_left(process, mark, at_least=5) == []


PLAN = """
[[target]]
name = "stuck"
engine = "{}"
engine-option = ["folder={}"]
model = "x.onnx"
pipeline = "igie"
keywords = "contract"
"""


def test_a_matrix_with_its_worker_and_its_validation(tmp_path):
    write_model(tmp_path / "x.onnx")
    (tmp_path / "plan.toml").write_text(PLAN.format(STICKS, tmp_path))
    words = ["matrix", "plan.toml", "--scheduler=local:1", "--output=m"]
    assert kill_and_see_what_is_left(*started(tmp_path, *words), at_least=7) == []
