"""What is said of a history in a sentence."""

from retinaface.history.index import read_history
from retinaface.history.series import lines_of
from retinaface.history.text import headline, runs_text
from retinaface.history.told import tell
from tests.support.histories import write_history


def said(folder):
    found = read_history(folder)
    return headline(tell(found, lines_of(found.rows), None))


def test_the_newest_change_is_said_first(tmp_path):
    write_history(tmp_path, [46.5] * 8 + [45.9] * 8, [240.0] * 8 + [200.0] * 8)
    assert said(tmp_path) == (
        "1 change of level in 1 of 1 engine; the newest, for the worse, on 2026-09-09: "
        "ort-cpu-fp32 on AMD EPYC 7763, 8 cores: igie b8 AP hard -0.60 [-0.60, -0.60] points and "
        "1 more figure."
    )


def test_few_runs_are_said_to_be_few(tmp_path):
    write_history(tmp_path, [46.5] * 3)
    assert said(tmp_path) == "Too few runs to tell a change: a line needs 6."


def test_the_runs_are_counted_with_their_dates(tmp_path):
    write_history(tmp_path, [46.5] * 3)
    found = read_history(tmp_path)
    assert runs_text(found, lines_of(found.rows)) == (
        "3 runs, 2026-09-01 04:30 to 2026-09-03 04:30 UTC"
    )
    assert runs_text(found, []).endswith("; 0 of them shown")
