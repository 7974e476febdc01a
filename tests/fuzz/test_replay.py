"""Stored cases, and a few new inputs of each target: read, or refused in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

_ROOT = Path(__file__).parents[2]
# Of each target, with a fixed seed: enough to see that it still reads whole inputs and refuses.
_N_NEW = 20


@pytest.fixture(scope="module")
def outcomes() -> dict:
    """Replay everything in two processes, which fork."""
    runs = [_start(list(TARGETS)[i::2]) for i in range(2)]
    found = {}
    for run in runs:
        out, err = run.communicate()
        assert run.returncode == 0, err[-2000:]
        found |= json.loads(out)
    return found


def _start(names: list[str]) -> subprocess.Popen:
    words = ["-m", "tests.fuzz", "replay", "--more", str(_N_NEW), "--json"]
    words += [word for name in names for word in ("--target", name)]
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.needs("torch", "onnx", "safetensors")
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_damaged_input_is_read_or_refused_in_one_line(outcomes, name):
    found = outcomes[name]
    assert found["findings"] == []
    assert found["read"] + found["refused"] >= _N_NEW // TARGETS[name].cost


def test_a_case_is_made_again_by_its_seed_and_number(tmp_path):
    made = []
    for name in ("one", "two"):
        words = ["make", "manifest.export", "--number", "7", "--output", str(tmp_path / name)]
        subprocess.run([sys.executable, "-m", "tests.fuzz", *words], cwd=_ROOT, check=True)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_every_stored_case_belongs_to_a_target():
    folders = {path.name for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir()}
    assert folders <= set(TARGETS)
