"""One child process reads any number of files, and whatever ends it is one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from retinaface.embedded import embedded_root
from retinaface.errors import DatasetError
from retinaface.widerface.ground_truth_mats import MAT_FILES
from retinaface.widerface.mats import child, reader
from retinaface.widerface.mats.reader import MatReader, end_child, read_in_child
from tests.support.children import is_gone

PATH = embedded_root() / "ground_truth" / MAT_FILES[0]
DATA = PATH.read_bytes()


def acting_program(folder, line, **constants):
    """Write the program with a line in place of reading, and with other limits."""
    code = Path(child.__file__).read_text()
    changes = {"    import scipy.io\n\n    key =": f"    {line}\n    key ="}
    changes |= {f"\n{name} = ": f"\n{name} = {value}  # " for name, value in constants.items()}
    for old, new in changes.items():
        assert code.count(old) == 1
        code = code.replace(old, new)
    (folder / "child.py").write_text(code)
    return str(folder / "child.py")


@pytest.fixture
def acting(tmp_path, monkeypatch):
    """Start a reader whose child does something else."""
    made = []

    def start(line, **constants):
        monkeypatch.setattr(child, "__file__", acting_program(tmp_path, line, **constants))
        made.append(MatReader())
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("import signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
        ("os._exit(3)", "ended with exit code 3"),
        ("os.write(3, b'x' * 25); os._exit(0)", "sent no sound reply"),
    ],
    ids=["signal", "exit", "nonsense"],
)
def test_a_child_that_dies_is_one_line_that_names_the_file(acting, line, text):
    one = acting(line)
    with pytest.raises(DatasetError, match=f"ground truth .*wider_face_val.mat.*{text}"):
        one.read(PATH, DATA, is_split=False)
    assert not one.is_alive()


def test_a_file_that_takes_too_long_is_refused(acting, monkeypatch):
    monkeypatch.setattr(child, "WALL_S", 0.5)
    one = acting("import time; time.sleep(600)")
    with pytest.raises(DatasetError, match=r"took more than 0\.5 s"):
        one.read(PATH, DATA, is_split=False)
    assert is_gone(one.pid)


def test_a_file_that_takes_too_much_processor_time_is_refused(acting, monkeypatch):
    monkeypatch.setattr(child, "WALL_S", 60)
    one = acting("while True: pass", CPU_S=0)
    with pytest.raises(DatasetError, match="took more than 5 s of processor time"):
        one.read(PATH, DATA, is_split=False)


def test_a_file_that_takes_too_much_memory_is_refused(acting):
    one = acting("bytearray(2 * MEMORY_BYTES)")
    with pytest.raises(DatasetError, match="takes more than 1024 MiB of memory"):
        one.read(PATH, DATA, is_split=False)


def test_a_child_that_does_not_start_says_how_to_find_out(tmp_path, monkeypatch):
    (tmp_path / "child.py").write_text("raise SystemExit(4)")
    monkeypatch.setattr(child, "__file__", str(tmp_path / "child.py"))
    with pytest.raises(DatasetError, match="cannot start .* exit code 4; try: .*import scipy.io"):
        MatReader()


def test_code_of_the_user_does_not_run_in_the_child(tmp_path, monkeypatch):
    for name in ("sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text("print('noise', flush=True)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "sitecustomize.py"))
    one = MatReader()
    assert len(one.read(PATH, DATA, is_split=False).names) > 0
    one.close()


PARENT = """
import sys
from retinaface.widerface.mats import child, reader
from pathlib import Path
child.__file__ = sys.argv[1]
path = Path(sys.argv[2])
one = reader.MatReader()
print(one.pid, flush=True)
if len(sys.argv) > 3:
    one.read(path, path.read_bytes(), is_split=False)
sys.stdin.read()
"""


@pytest.mark.parametrize("doing", [[], ["reading"]], ids=["idle", "hung"])
def test_the_child_of_a_killed_parent_ends(tmp_path, doing):
    program = acting_program(tmp_path, "import time; time.sleep(600)", _ALARM_S=1)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, program, str(PATH), *doing],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert is_gone(pid)


def test_files_share_one_child_and_a_new_one_follows_one_that_died():
    first = read_in_child(PATH, DATA, is_split=False)
    pid = reader._children.by_pid[os.getpid()].pid
    assert read_in_child(PATH, DATA, is_split=False).names == first.names
    assert reader._children.by_pid[os.getpid()].pid == pid
    os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)
    assert read_in_child(PATH, DATA, is_split=False).names == first.names
    assert reader._children.by_pid[os.getpid()].pid != pid
    end_child()
    assert reader._children.by_pid == {}
