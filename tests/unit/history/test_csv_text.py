"""CSV of a history."""

import csv
import io

from retinaface.history.csv_text import CSV_COLUMNS, history_csv
from retinaface.history.index import read_history
from retinaface.history.series import lines_of
from tests.support.histories import write_history


def test_csv_has_a_row_for_each_figure_of_each_run(tmp_path):
    write_history(tmp_path, [46.5] * 8 + [45.9] * 4)
    text = history_csv(lines_of(read_history(tmp_path).rows))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 12 * 5
    assert tuple(rows[0]) == CSV_COLUMNS
    changed = [row for row in rows if row["change"]]
    assert [(row["run"], row["metric"]) for row in changed] == [("run-0008", "AP hard")]
