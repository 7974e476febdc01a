"""The index follows the records, and is never the truth."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from retinaface.assets import cache_dir
from retinaface.errors import RecordError
from retinaface.history import index
from retinaface.history.index import by_time, index_path, read_history
from tests.support.histories import write_history

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def runs(tmp_path):
    write_history(tmp_path / "runs", [46.5, 46.4, 46.3])
    return tmp_path / "runs"


def names(history):
    return [row.name for row in history.rows]


def aps(history):
    return [figures[2].value for row in history.rows for _, figures in row.figures]


def test_the_index_lies_in_the_cache_and_not_beside_the_records(runs):
    before = sorted(runs.rglob("*"))
    found = read_history(runs)
    assert found.index == index_path(runs)
    assert found.index.is_relative_to(cache_dir())
    assert found.index.is_file()
    assert sorted(runs.rglob("*")) == before


def test_a_second_reading_opens_no_record(runs, monkeypatch):
    first = read_history(runs)
    assert (first.n_read, names(first)) == (3, ["run-0000", "run-0001", "run-0002"])
    monkeypatch.setattr(index, "read_run", None)
    second = read_history(runs)
    assert second.n_read == 0
    assert second.rows == first.rows


def test_new_changed_and_removed_records_are_noticed(runs):
    read_history(runs)
    write_history(runs, [46.0], first=3)
    path = runs / "run-0001" / "record.json"
    path.write_text(
        path.read_text().replace("0.46399999999999997", "0.464").replace("0.464", "0.3")
    )
    shutil.rmtree(runs / "run-0000")
    found = read_history(runs)
    assert found.n_read == 2
    assert names(found) == ["run-0001", "run-0002", "run-0003"]
    assert aps(found) == pytest.approx([30.0, 46.3, 46.0])


def test_a_damaged_record_says_so_until_it_is_restored(runs):
    path = runs / "run-0001" / "record.json"
    good = path.read_text()
    path.write_text(good[:100])
    for _ in range(2):
        found = read_history(runs)
        assert names(found) == ["run-0000", "run-0002"]
        assert "cannot read a run record" in found.damaged["run-0001"]
    path.write_text(good)
    found = read_history(runs)
    assert (len(found.rows), found.damaged) == (3, {})


def test_a_record_that_becomes_damaged_loses_its_row(runs):
    read_history(runs)
    (runs / "run-0001" / "record.json").write_text("{")
    assert names(read_history(runs)) == ["run-0000", "run-0002"]


def test_a_record_without_a_date_is_damaged(runs):
    path = runs / "run-0001" / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"created": "yesterday"}))
    assert "was made 'yesterday': expected a date" in read_history(runs).damaged["run-0001"]


@pytest.mark.parametrize(
    "content", [b"", b"no database" * 1000, b"SQLite format 3\0" + b"\7" * 8000]
)
def test_a_damaged_index_is_made_again(runs, content):
    expected = read_history(runs).rows
    index_path(runs).write_bytes(content)
    found = read_history(runs)
    assert (found.rows, found.n_read, found.note) == (expected, 3, "")
    assert read_history(runs).n_read == 0


def test_rows_of_another_form_are_read_again(runs):
    expected = read_history(runs).rows
    with sqlite3.connect(index_path(runs)) as database:
        database.execute("UPDATE runs SET row = x'93010203'")
    database.close()
    assert read_history(runs).rows == expected


def test_without_a_place_for_the_index_every_record_is_read_and_a_note_says_so(runs, monkeypatch):
    (runs.parent / "file").touch()
    monkeypatch.setenv("RETINAFACE_CACHE", str(runs.parent / "file"))
    found = read_history(runs)
    assert (len(found.rows), found.index) == (3, None)
    assert found.note.startswith("no index can be kept in ")


def test_an_index_that_another_process_holds_is_left_to_it(runs, monkeypatch):
    read_history(runs)
    monkeypatch.setattr(index, "_PATIENCE_S", 0.05)
    write_history(runs, [46.0], first=3)
    holder = sqlite3.connect(index_path(runs), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    found = read_history(runs)
    assert (len(found.rows), found.index) == (4, None)
    assert "locked" in found.note
    holder.close()
    assert len(read_history(runs).rows) == 4
    assert read_history(runs).index == index_path(runs)


def test_two_processes_at_once_see_the_same(runs):
    write_history(runs, [46.0] * 150, first=3)
    code = (
        "import sys; from pathlib import Path; from retinaface.history.index import read_history\n"
        "found = read_history(Path(sys.argv[1])); print(len(found.rows), found.note)"
    )
    command = [sys.executable, "-c", code, str(runs)]
    children = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [child.communicate()[0] for child in children] == ["153 \n"] * 3
    assert read_history(runs).n_read == 0


def test_a_folder_without_records_is_an_error_with_the_next_step(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RecordError, match="give a folder that holds the folders that --record"):
            read_history(folder)


def test_notes_of_rows_that_could_not_run_are_counted(runs):
    (runs / "row").mkdir()
    (runs / "row" / "unavailable.json").write_text("{}")
    (runs / "notes.txt").touch()
    found = read_history(runs)
    assert (found.n_unavailable, len(found.rows)) == (1, 3)


def test_runs_are_in_the_order_of_time_whatever_their_names(runs):
    (runs / "run-0000").rename(runs / "z")
    rows = read_history(runs).rows
    assert [row.name for row in rows] == ["z", "run-0001", "run-0002"]
    assert by_time(reversed(rows)) == list(rows)
