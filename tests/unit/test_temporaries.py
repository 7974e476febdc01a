"""A process that is killed leaves nothing that a person must clear away."""

import os
import subprocess
import sys
import textwrap

import pytest

from retinaface import temporaries
from retinaface.files import check_output_dir, new_dir, new_file
from retinaface.temporaries import owned_dir, sweep

# Kills the process before or after the n-th time that something is renamed.
KILLED = """
import os, signal
n, when = {n}, {when!r}
def counting(rename):
    def counted(*args, **kwargs):
        global n
        n -= 1
        if n == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*args, **kwargs)
        if n == 0 and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
    return counted
os.rename, os.replace = counting(os.rename), counting(os.replace)
"""
FILL = """
from pathlib import Path
from retinaface.files import new_dir
with new_dir(Path("run")) as folder:
    for name in ("record.json", "a.npz", "z.npz"):
        (folder / name).write_text({text!r})
    (folder / "models").mkdir()
"""


def run(code, folder):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=folder, check=False)


def hidden(folder):
    return sorted(p.name for p in folder.rglob(".*"))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("is_there", "n_renames"), [(False, 1), (True, 4)])
def test_a_folder_is_published_by_the_same_command_after_a_kill_at_each_rename(
    tmp_path, is_there, n_renames, when
):
    for n in range(1, n_renames + 1):
        folder = tmp_path / str(n)
        (folder / "run").mkdir(parents=True) if is_there else folder.mkdir()
        killed = run(KILLED.format(n=n, when=when) + FILL.format(text="old"), folder)
        assert killed.returncode == -9
        assert run(FILL.format(text="new"), folder).returncode == 0
        files = {p.name: p.read_text() for p in (folder / "run").iterdir() if p.is_file()}
        assert files == {"record.json": "new", "a.npz": "new", "z.npz": "new"}
        assert hidden(folder) == []


def test_until_all_is_there_nothing_says_that_it_is(tmp_path):
    """A reader knows a folder by `record.json`, which is moved last."""
    (tmp_path / "run").mkdir()
    run(KILLED.format(n=4, when="before") + FILL.format(text="old"), tmp_path)
    assert (tmp_path / "run" / "z.npz").exists()
    assert not (tmp_path / "run" / "record.json").exists()


def test_another_run_in_the_same_folder_takes_no_result_away(tmp_path):
    run(KILLED.format(n=1, when="after") + FILL.format(text="old"), tmp_path)
    with new_dir(tmp_path / "other") as folder:
        (folder / "record.json").write_text("other")
    assert (tmp_path / "run" / "record.json").read_text() == "old"
    assert hidden(tmp_path) == []


def test_a_file_is_old_or_new_and_its_temporary_goes_with_the_next(tmp_path):
    (tmp_path / "a").write_text("old")
    code = "from pathlib import Path\nfrom retinaface.files import new_file\n"
    code += "with new_file(Path('a')) as file: file.write_text('new')"
    assert run(KILLED.format(n=1, when="before") + code, tmp_path).returncode == -9
    assert (tmp_path / "a").read_text() == "old"
    assert len(hidden(tmp_path)) > 0
    with new_file(tmp_path / "b") as file:
        file.write_text("x")
    assert hidden(tmp_path) == []


def test_what_a_living_process_fills_is_left_alone(tmp_path):
    with owned_dir(tmp_path, "run") as mine:
        (mine / "content" / "a").write_text("x")
        code = "import sys; from pathlib import Path; from retinaface.temporaries import sweep\n"
        run(code + "sweep(Path('.'))", tmp_path)
        sweep(tmp_path)
        assert (mine / "content" / "a").read_text() == "x"
    assert hidden(tmp_path) == []


def test_a_killed_process_in_the_middle_of_its_work_leaves_no_lock(tmp_path):
    code = "import time; from pathlib import Path; from retinaface.temporaries import owned_dir\n"
    code += "with owned_dir(Path('.'), 'run') as d: print(d, flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE)
    assert child.stdout.readline()
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    child.kill()
    child.wait()
    child.stdout.close()
    sweep(tmp_path)
    assert hidden(tmp_path) == []


def test_folders_of_others_are_left_alone(tmp_path):
    for name in (".git", ".x.tmp", "a.retinaface"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    (tmp_path / ".link.retinaface").symlink_to(tmp_path / ".git")
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / ".git" / "file").exists()


def test_a_note_of_what_was_published_names_no_path_out_of_the_folder(tmp_path):
    (tmp_path / "kept").write_text("x")
    (tmp_path / "run").mkdir()
    planted = tmp_path / "run" / ".run.x.retinaface"
    (planted / "content").mkdir(parents=True)
    (planted / "published").write_text("../kept\n/etc/passwd\n..")
    check_output_dir(tmp_path / "run")
    assert (tmp_path / "kept").exists()
    assert not planted.exists()


def test_two_processes_that_begin_at_once_both_get_a_folder(tmp_path):
    code = "from pathlib import Path; from retinaface.temporaries import owned_dir\n"
    code += "for _ in range(200):\n with owned_dir(Path('.'), 'x') as d: (d/'content'/'f').touch()"
    children = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert hidden(tmp_path) == []


def test_scratch_folders_of_the_dead_are_swept_too(tmp_path, monkeypatch):
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    code = "import os, signal; from retinaface.temporaries import scratch_dir\n"
    code += "with scratch_dir(): os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(temporaries.tempfile, "gettempdir", lambda: str(tmp_path))
    with temporaries.scratch_dir() as folder:
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []
