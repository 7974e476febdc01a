import json

import pytest

from retinaface.errors import RecordError
from retinaface.records.find import find_runs
from tests.support.made.records import make_run


def test_folders_stand_for_the_runs_in_them(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "runs").mkdir()
    for name in ("b", "a"):
        make_run(tmp_path / "runs" / name)
    make_run(tmp_path / "other" / "a")
    stub = tmp_path / "runs" / "c"
    stub.mkdir()
    row = {"name": "c", "package": "ort", "version": "1.0", "python": "3.11", "reason": "no wheel"}
    (stub / "unavailable.json").write_text(json.dumps(row))
    runs, unavailable = find_runs([tmp_path / "runs", tmp_path / "other" / "a"])
    assert [run.name for run in runs] == ["runs/a", "b", "other/a"]
    assert [(row.name, row.reason) for row in unavailable] == [("c", "no wheel")]
    with pytest.raises(RecordError, match="holds no run record"):
        find_runs([tmp_path])


def test_a_damaged_note_of_a_row_is_an_error_with_the_next_step(tmp_path):
    (tmp_path / "unavailable.json").write_text('{"name": "c"}')
    with pytest.raises(RecordError, match=r"cannot read .*unavailable.json: .*run the row again"):
        find_runs([tmp_path])
