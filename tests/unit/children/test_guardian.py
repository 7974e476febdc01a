"""What a guardian ends when the parent is killed, and what it lets end by itself."""

import subprocess
import sys
import time

from tests.support.children import STUCK, kill_and_see_what_is_left, start_marked

PYTHON = (sys.executable, "-c")
PIPE = subprocess.PIPE

# A parent with a child that is stuck, whose own child is of the group; and which started a third
# in a session of its own, stuck as well.
FAMILY = f"""
import subprocess, sys, time
from pathlib import Path
from retinaface.children.start import Child
if sys.argv[1:] == ["inner"]:
    started = [subprocess.Popen([sys.executable, "-c", {STUCK!r}])]
    started += [Child([sys.executable, "-c", {STUCK!r}])]
    Path("there").touch()
    {STUCK}
child = Child([sys.executable, __file__, "inner"])
time.sleep(60)
"""


def family(folder):
    (folder / "family.py").write_text(FAMILY)
    found = start_marked([sys.executable, folder / "family.py"], cwd=folder)
    until = time.monotonic() + 60
    while not (folder / "there").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_no_descendant_outlives_a_process_that_is_killed_though_it_is_stuck(tmp_path):
    assert kill_and_see_what_is_left(*family(tmp_path), at_least=6) == []


def test_a_child_that_notices_may_end_by_itself(tmp_path):
    """Its parent is killed; it has a while before it is told to end."""
    inner = (
        "import sys, time; from pathlib import Path; print(flush=True); sys.stdin.read(); "
        "time.sleep(1); Path('ended').touch()"
    )
    code = (
        "import subprocess, sys, time; from retinaface.children.start import Child; "
        f"child = Child([sys.executable, '-c', {inner!r}], patience_s=20.0, stdin=-1, stdout=-1); "
        "child.stdout.readline(); print(flush=True); time.sleep(60)"
    )
    process, mark = start_marked([*PYTHON, code], stdout=PIPE, cwd=tmp_path)
    process.stdout.readline()
    assert kill_and_see_what_is_left(process, mark, at_least=3) == []
    process.stdout.close()
    assert (tmp_path / "ended").exists()
