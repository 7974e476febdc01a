"""JSON and CSV of a history."""

import csv
import io
import json

from retinaface.history.exported import CSV_COLUMNS, as_csv, as_json
from retinaface.history.index import read_history
from retinaface.history.judged import judge_run
from retinaface.history.series import lines_of
from retinaface.history.told import tell
from tests.support.histories import write_history


def told(folder):
    write_history(folder, [46.5] * 8 + [45.9] * 4)
    found = read_history(folder)
    lines = lines_of(found.rows)
    return tell(found, lines, judge_run(found.rows[8], found.rows, lines))


def test_json_has_every_point_change_and_verdict(tmp_path):
    data = json.loads(json.dumps(as_json(told(tmp_path))))
    assert data["n_runs"] == 12
    assert [one["metric"] for one in data["series"]] == [
        *("AP easy", "AP medium", "AP hard", "network", "least margin")
    ]
    hard = data["series"][2]
    assert (hard["engine"], hard["batch"], hard["unit"]) == ("ort-cpu-fp32", 8, "%")
    assert hard["state"] == "1 change"
    assert [round(point["value"], 3) for point in hard["points"]] == [46.5] * 8 + [45.9] * 4
    (change,) = data["changes"]
    assert (change["before"], change["after"]) == ("run-0007", "run-0008")
    assert change["changed"][0]["metric"] == "AP hard"
    assert data["verdict"] == "FAIL"
    failed = [one for one in data["judgement"]["figures"] if one["verdict"] == "FAIL"]
    assert [one["metric"] for one in failed] == ["AP hard"]
    assert len(failed[0]["earlier"]) == 8


def test_csv_has_a_row_for_each_figure_of_each_run(tmp_path):
    rows = list(csv.DictReader(io.StringIO(as_csv(told(tmp_path).lines))))
    assert len(rows) == 12 * 5
    assert tuple(rows[0]) == CSV_COLUMNS
    changed = [row for row in rows if row["change"]]
    assert [(row["run"], row["metric"]) for row in changed] == [("run-0008", "AP hard")]
