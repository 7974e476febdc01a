"""One process writes in the folder of a record; a run that was cut off there does not block it."""

import json
import subprocess
import sys

import pytest

from retinaface.errors import OutputError
from retinaface.suite.run.folder import (
    FOLDER,
    check_record_dir,
    end_record_dir,
    is_unfinished,
    locked,
    start_record_dir,
)


@pytest.fixture
def cut_off(tmp_path):
    def make(state, problem=None, crash=None):
        folder = tmp_path / "run"
        (folder / FOLDER / "x").mkdir(parents=True)
        (folder / "models").mkdir()
        (folder / "counts.npz").write_bytes(b"stale")
        (folder / "record.json").write_text(
            json.dumps({"state": state, "problem": problem, "crash": crash})
        )
        return folder

    return make


def test_a_new_folder_is_begun(tmp_path):
    folder = tmp_path / "a" / "run"
    assert check_record_dir(folder, resumes=False) == ""
    assert "holds no run that was cut off" in check_record_dir(folder, resumes=True)
    start_record_dir(folder, resumes=False)
    assert list(folder.iterdir()) == []


def test_a_run_that_was_cut_off_makes_room_and_that_is_said(cut_off):
    folder = cut_off("running")
    assert "begun anew (--resume would go on with it)" in check_record_dir(folder, resumes=False)
    assert (folder / "counts.npz").exists()  # looking takes nothing away
    start_record_dir(folder, resumes=False)
    assert list(folder.iterdir()) == []


def test_what_others_put_there_stays_and_is_refused(cut_off):
    folder = cut_off("running")
    (folder / "mine.txt").write_text("x")
    start_record_dir(folder, resumes=False)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    with pytest.raises(OutputError, match="not empty"):
        check_record_dir(folder, resumes=False)


def test_a_run_that_goes_on_keeps_all(cut_off):
    folder = cut_off("running")
    assert check_record_dir(folder, resumes=True) == ""
    start_record_dir(folder, resumes=True)
    assert (folder / "counts.npz").exists()


def test_a_crash_is_an_answer_that_only_resume_goes_beyond(cut_off):
    folder = cut_off("crashed", crash="the process ended by SIGSEGV")
    with pytest.raises(OutputError, match="holds a run that crashed"):
        check_record_dir(folder, resumes=False)
    assert check_record_dir(folder, resumes=True) == ""


def test_a_process_that_was_killed_from_outside_is_no_crash(cut_off):
    folder = cut_off("crashed", crash="the process ended by SIGKILL")
    assert "begun anew" in check_record_dir(folder, resumes=False)


def test_a_whole_run_is_no_run_to_go_on_with(tmp_path):
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(OutputError, match="not empty"):
        check_record_dir(tmp_path, resumes=True)


@pytest.mark.parametrize(
    ("state", "problem", "is_ended"),
    [("finished", None, True), ("finished", "cut off", False), ("running", None, False)],
)
def test_only_a_whole_run_ends(cut_off, state, problem, is_ended):
    folder = cut_off(state, problem)
    end_record_dir(folder)
    assert is_unfinished(folder) is not is_ended


def test_a_folder_in_which_a_process_writes_is_refused(cut_off):
    folder = cut_off("running")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from retinaface.suite.run.folder import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        for resumes in (False, True):
            with pytest.raises(OutputError, match="being written by another process"):
                check_record_dir(folder, resumes=resumes)
        other.kill()
        other.wait()
    with locked(folder):
        pass
