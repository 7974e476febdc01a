"""A command that is killed at a rename ends right when it is given again, without a person.

Renames are the steps by which files appear. Python itself imports `sitecustomize` at every start,
of children too: it counts there, and kills.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.meta.killed.commands import COMMANDS, content
from tests.support.runs import environment_of

pytestmark = [pytest.mark.needs("onnxruntime"), pytest.mark.needs("torch")]
ROOT = Path(__file__).resolve().parents[3]
KILLS = """
import os, signal, sys
left = int(os.environ.get("KILL_AT_RENAME", "0"))

def counting(rename):
    def counted(*args, **kwargs):
        global left
        left -= 1 if os.environ["KILLED_UNDER"] in str(args[-1]) else 0
        if left == 0:
            open(os.environ["KILLED_NOTE"], "w").close()
            for pid in (int(os.environ["KILLED_TOO"]), os.getpid()):
                os.kill(pid, signal.SIGKILL)
        return rename(*args, **kwargs)
    return counted

if left and "guardian.py" not in " ".join(sys.orig_argv):
    os.environ.setdefault("KILLED_TOO", str(os.getpid()))
    os.rename, os.replace = counting(os.rename), counting(os.replace)
"""


@pytest.fixture
def command(tmp_path):
    """Run a command in a folder, killed at the n-th rename; tell whether it came so far."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(KILLS)
    place = tmp_path / "place"
    place.mkdir()

    def run(name, *more, n=0):
        note = tmp_path / "note"
        note.unlink(missing_ok=True)
        environment = environment_of() | {
            "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))),
            "KILL_AT_RENAME": str(n),
            "KILLED_NOTE": str(note),
            "KILLED_UNDER": str(place),
        }
        words = [sys.executable, "-m", "retinaface", *COMMANDS[name], *more]
        ended = subprocess.run(
            words, cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert note.exists() == (n > 0), ended.stderr
        return ended

    run.place = place
    return run


# Renames of evaluate: the model, three files of arrays, the record; then both folders.
@pytest.mark.parametrize(
    ("name", "n"),
    [
        *(("export", n) for n in (1, 2, 3)),
        *(("evaluate", n) for n in (1, 6, 7)),
        *(("validate", n) for n in (1, 20)),
    ],
)
def test_the_same_command_ends_right(command, name, n):
    assert command(name, n=n).returncode == -9
    again = command(name)
    assert again.returncode == 0, again.stderr
    assert [path for path in command.place.rglob(".*") if path.name.endswith(".retinaface")] == []
    assert not (command.place / "run" / "unfinished").exists()


def test_a_report_of_a_run(command):
    assert command("evaluate").returncode == 0
    (command.place / "run").rename(command.place / "kept")
    for n in (1, 2):
        assert command("report", n=n).returncode == -9
    assert command("report").returncode == 0
    assert sorted(path.name for path in command.place.glob("report.*")) == [
        "report.html",
        "report.md",
    ]


@pytest.mark.parametrize(("name", "n"), [("evaluate", 5), ("validate", 21)])
def test_a_run_that_goes_on_has_the_record_of_an_unbroken_one(command, name, n):
    assert command(name).returncode == 0
    for folder in ("run", "texts"):
        if (command.place / folder).exists():
            (command.place / folder).rename(command.place / f"whole-{folder}")
    assert command(name, n=n).returncode == -9
    again = command(name, "--resume")
    assert again.returncode == 0, again.stderr
    assert content(command.place / "run") == content(command.place / "whole-run")
