"""A run goes on where it was cut off, and ends as if it had not been."""

import json

import numpy as np
import pytest

from retinaface.errors import RecordError
from retinaface.records.write import Kept, new_record
from retinaface.suite.run import ValidationRun
from retinaface.suite.run.folder import FOLDER
from retinaface.suite.run.journal import Journal
from retinaface.verdicts import Check, Verdict
from tests.support.made.records import detections

IDS = ["t.py::a", "t.py::b", "t.py::c"]
RESULT = "engine--igie--b1"
IDENTITY = {"the options": {"batch": 1}, "the tests": IDS}


def journal(folder, **changed):
    return Journal(folder, IDENTITY | changed, {"command": "validate", "created": "then"})


def play(run, test):
    """Do what a test does: a check, something of a result, and its arrays."""
    i = IDS.index(test)
    run.begin(test, question="ap", engine="engine", pipeline="igie")
    run.add_result(RESULT, **({"n_images": 2} if i == 0 else {"coverage": f"by {test}"}))
    if i == 0:
        run.keep(RESULT, Kept({"e/a": detections(2, 0), "e/b": detections(1, 1)}))
    check = Check(f"check {i}", Verdict.PASS, "fine", {"n": np.nan}, value=0.5, limit=1.0)
    run.add_check(test, check)
    run.add_checks(RESULT, check)
    run.end(test, "PASS", "", 0.5)


def whole(folder):
    folder.mkdir()
    run = ValidationRun(new_record(), folder, journal(folder))
    for test in IDS:
        play(run, test)
    run.finish()
    return run


def content(folder):
    record = json.loads((folder / "record.json").read_text())
    for key in ("seconds", "times_s", "arrays"):
        record.pop(key)
    arrays = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            arrays |= {(path.name, name): file[name].tolist() for name in file.files}
    return record, arrays


@pytest.mark.parametrize("n_ended", [0, 1, 2, 3])
def test_a_run_that_goes_on_ends_as_an_unbroken_one(tmp_path, n_ended):
    whole(tmp_path / "whole")
    folder = tmp_path / "broken"
    folder.mkdir()
    first = journal(folder)
    run = ValidationRun(new_record(), folder, first)
    for test in IDS[:n_ended]:
        play(run, test)
    if n_ended < len(IDS):
        play(run, IDS[n_ended])
        run._running = ""  # the process is killed before it notes the last one
    else:
        run._note_ended()
    first.close(is_whole=False)

    again = journal(folder)
    assert set(again.earlier.tests) == set(IDS[:n_ended])
    run = ValidationRun(new_record(), folder, again, IDS)
    assert list(run.restored) == IDS[:n_ended]
    for test in IDS[n_ended:]:
        play(run, test)
    run.finish()
    assert content(folder) == content(tmp_path / "whole")
    assert not (folder / FOLDER).exists()


def test_what_runs_again_is_not_there_twice(tmp_path):
    first = journal(tmp_path)
    run = ValidationRun(new_record(), tmp_path, first)
    for test in IDS:
        play(run, test)
    run._note_ended()
    first.close(is_whole=False)
    for _ in range(2):  # the second process is killed as well
        again = journal(tmp_path)
        run = ValidationRun(new_record(), tmp_path, again, IDS[:1])
        play(run, IDS[1])
        again.close(is_whole=False)
    assert [check["name"] for check in run.results[RESULT]["checks"]] == ["check 0", "check 1"]


def test_a_line_that_was_cut_off_is_dropped(tmp_path):
    first = journal(tmp_path)
    run = ValidationRun(new_record(), tmp_path, first)
    for test in IDS[:2]:
        play(run, test)
    run._note_ended()
    first.close(is_whole=False)
    path = tmp_path / FOLDER / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert list(journal(tmp_path).earlier.tests) == IDS[:1]


def test_another_run_is_refused_with_what_differs(tmp_path):
    first = journal(tmp_path)
    ValidationRun(new_record(), tmp_path, first)
    first.close(is_whole=False)
    words = "since it was begun, the options changed; leave out --resume"
    with pytest.raises(RecordError, match=words):
        journal(tmp_path, **{"the options": {"batch": 2}})


def test_damaged_arrays_are_refused(tmp_path):
    first = journal(tmp_path)
    run = ValidationRun(new_record(), tmp_path, first)
    play(run, IDS[0])
    run._note_ended()
    first.close(is_whole=False)
    next((tmp_path / FOLDER / RESULT).glob("*.npz")).write_bytes(b"x")
    with pytest.raises(RecordError, match="cannot go on with the run"):
        journal(tmp_path)


def test_a_run_that_was_cut_off_keeps_its_journal(tmp_path):
    run = ValidationRun(new_record(), tmp_path, journal(tmp_path))
    run.problem = "cut off"
    run.finish()
    assert (tmp_path / FOLDER / "journal.jsonl").is_file()
