"""The answer of a history: every point, change and verdict."""

from retinaface.history.answer import judged_run, level_changes, trends
from retinaface.history.index import read_history
from retinaface.history.judged import judge_run
from retinaface.history.series import lines_of
from retinaface.history.told import tell
from retinaface.verdicts import Verdict
from tests.support.histories import write_history


def told(folder):
    write_history(
        folder,
        [46.5] * 8 + [45.9] * 4,
        [240.0] * 8 + [200.0] * 4,
        packages={8: {"onnxruntime": "1.32.0"}},
    )
    found = read_history(folder)
    lines = lines_of(found.rows)
    return tell(found, lines, judge_run(found.rows[8], found.rows, lines))


def test_a_trend_has_every_point_and_its_row_in_words(tmp_path):
    rows = trends(told(tmp_path), spark_width=12)
    assert [[one.metric for one in row.series] for row in rows] == [
        *(["AP easy", "AP medium", "AP hard"], ["network"], ["least margin"])
    ]
    ap = rows[0]
    assert (ap.engine, ap.pipeline, ap.batch, ap.state) == ("ort-cpu-fp32", "igie", 8, "1 change")
    assert (ap.label, ap.newest) == ("igie b8 AP e/m/h %", "95.00 / 90.00 / 45.90")
    assert ap.spark == "████████▁▁▁▁"
    hard = ap.series[2]
    assert hard.unit == "%"
    assert [round(point.value, 3) for point in hard.points] == [46.5] * 8 + [45.9] * 4


def test_a_change_has_its_figures_and_what_else_changed(tmp_path):
    (change,) = level_changes(told(tmp_path))
    assert (change.before, change.after) == ("run-0007", "run-0008")
    assert (change.is_worse, change.what_else) == (True, "onnxruntime 1.31.1 -> 1.32.0")
    assert [(one.metric, one.unit) for one in change.figures] == [
        *(("AP hard", "points"), ("network", "%"))
    ]
    assert round(change.figures[0].change.estimate, 3) == -0.6


def test_a_judged_run_has_the_worst_first(tmp_path):
    judged = judged_run(told(tmp_path).judgement)
    assert (judged.run, judged.n_last, judged.own_verdict) == ("run-0008", 10, "PASS")
    failed = [one.metric for one in judged.figures if one.verdict is Verdict.FAIL]
    assert failed == [one.metric for one in judged.figures[:2]] == ["AP hard", "network"]
    assert len(judged.figures[0].earlier) == 8
    assert not judged.figures[-1].is_news
