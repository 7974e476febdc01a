"""No command reaches for the network, except where it is asked to fetch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.histories import write_history
from tests.support.made.pictures import image
from tests.support.made.records import make_run

_ROOT = Path(__file__).resolve().parents[3]
_FINDER = "tests.support.widerface:Finder"
# Python starts with this in every process, children too: an address of the internet that is looked
# up or connected to goes into a file, and ends what was tried.
_WATCH = """\
import os, socket, sys
def watch(event, arguments):
    if event == "socket.getaddrinfo":
        where = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and arguments[0].family != socket.AF_UNIX:
        where = arguments[1]
    else:
        return
    with open(os.environ["REACHED"], "a") as file:
        file.write(f"{event} {where}\\n")
    raise OSError(f"blocked: {event} {where}")
sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Make what commands read: records, a history, a picture, and a cache for all of them."""
    folder = tmp_path_factory.mktemp("offline")
    (folder / "watch").mkdir()
    (folder / "watch/sitecustomize.py").write_text(_WATCH)
    for name in "ab":
        make_run(folder / name)
    write_history(folder / "runs", [46.5, 46.5])
    image(folder / "images/x.png")
    return folder


@pytest.fixture
def offline(inputs, tmp_path):
    """Run a command in a process, and give its exit code and what it tried to reach."""

    def call(*words):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RETINAFACE_")}
        reached = tmp_path / "reached"
        paths = [str(inputs / "watch"), str(_ROOT)]
        more = {"PYTHONPATH": os.pathsep.join(paths), "REACHED": str(reached)}
        more |= {"RETINAFACE_CACHE": str(inputs / "cache"), "RETINAFACE_CONFIG": "none"}
        run = subprocess.run(
            [sys.executable, "-m", "retinaface", *map(str, words)],
            cwd=inputs,
            env=inherited | more,
            capture_output=True,
            text=True,
            check=False,
        )
        tried = reached.read_text().splitlines() if reached.exists() else []
        return run.returncode, tried, run.stderr

    return call


@pytest.mark.parametrize(
    "words",
    [
        ["assets", "list"],
        ["compare", "a", "b"],
        ["runs", "."],
        ["engines", "a"],
        ["history", "runs"],
        ["report", "a", "b", "--output", "page.html"],
        ["evaluate", "--engine", _FINDER, "--pipeline", "igie", "--limit", "2", "--output", "e"],
        ["detect", "images/x.png", "--engine", "torch-cpu-fp32", "--weights", "embedded"],
        ["agree", "images", "--engine", _FINDER, "--engine-b", _FINDER, "--pipeline", "igie"],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.needs("torch")
def test_a_command_reaches_nothing(offline, words):
    code, tried, said = offline(*words)
    assert code in (0, 1, 10), said
    assert tried == []


@pytest.mark.alone  # an export and a run of the suites: a minute
@pytest.mark.needs("torch", "onnxruntime")
def test_validate_and_its_children_reach_nothing(offline):
    words = ["--engine", "ort-cpu-fp32", "--pipeline", "igie", "-k", "contract", "--record", "v"]
    code, tried, said = offline("validate", *words)
    assert code in (0, 10), said
    assert tried == []


def test_fetch_does_which_shows_that_the_watch_sees_it(offline):
    code, tried, said = offline("assets", "fetch", "wider_face_val.mat")
    assert code == 2, said
    assert any(line.startswith("socket.getaddrinfo") for line in tried)
