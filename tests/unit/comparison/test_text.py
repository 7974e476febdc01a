import pytest

from retinaface.checks.intervals import Interval
from retinaface.comparison.answer import compared
from retinaface.comparison.attribution import Attribution
from retinaface.comparison.compare import compare_runs
from retinaface.comparison.export_steps import Stage
from retinaface.comparison.metrics import Metric
from retinaface.comparison.text import (
    attribution_markdown,
    brief_rows,
    interval_text,
    markdown,
    metric_rows,
    number,
    summary,
    verdict_text,
)
from retinaface.verdicts import Verdict
from tests.support.made.records import entry, make_run


def metric(unit="points", change=None, verdict=None):
    return Metric("r", "AP easy", unit, 1.0, 2.0, change, verdict, "note")


@pytest.mark.parametrize(
    ("unit", "interval", "text"),
    [
        ("points", Interval(-0.0, -0.5, 0.25), "+0.000 [-0.500, +0.250]"),
        ("ms", Interval(1.5, 1.25, 2.0), "x 1.500 [1.250, 2.000]"),
        ("points", None, ""),
    ],
)
def test_a_change_is_written_with_its_interval(unit, interval, text):
    assert interval_text(metric(unit, interval)) == text


def test_missing_numbers_and_verdicts_have_their_own_texts():
    assert (number(None), number(1234.5678)) == ("", "1234.6")
    assert verdict_text(metric()) == "not judged"
    assert verdict_text(metric(verdict=Verdict.FAIL)) == "FAIL"


def test_the_summary_names_the_first_test_that_fell(tmp_path):
    one = make_run(tmp_path / "a", tests=[entry("s.py::t")])
    fell = make_run(tmp_path / "b", tests=[entry("s.py::t", "FAIL", "error 9")])
    assert (
        summary(compare_runs(one, fell)) == "tests whose outcome changed: 1, first s.py::t: error 9"
    )


def test_long_tables_end_with_how_many_rows_are_left(tmp_path):
    one = make_run(tmp_path / "a", tests=[entry(f"s.py::t{i}") for i in range(50)])
    other = make_run(tmp_path / "b", tests=[entry("s.py::t0")])
    comparison = compare_runs(one, other)
    assert "9 more rows; see --json" in markdown([comparison])
    assert len(compared(comparison).one_sided) == 49


def test_rows_have_a_cell_for_each_column(tmp_path):
    comparison = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b"))
    assert {len(row) for row in metric_rows(comparison)} == {8}


def test_an_attribution_is_a_sentence_and_a_table():
    found = Attribution("a -> b", [Stage("export", "MOVED", "Conv 1 -> 2")])
    text = attribution_markdown(found)
    assert "the first stage that moved is export: Conv 1 -> 2" in text
    assert "| export | MOVED | Conv 1 -> 2 |" in text


def test_the_terminal_shows_what_passes_in_short_and_the_rest_in_full(tmp_path):
    same = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b"))
    moved = compare_runs(make_run(tmp_path / "c"), make_run(tmp_path / "d", shift=20.0))
    rows = brief_rows(same)
    assert [row[1] for row in rows][:4] == [
        "AP easy",
        "AP medium",
        "AP hard",
        "detections without a counterpart",
    ]
    assert [bool(row[0]) for row in rows[:4]] == [True, False, False, False]
    assert {row[-1] for row in rows if row[-2] == "PASS"} == {""}
    failed = [row for row in brief_rows(moved) if row[-2] == "FAIL"]
    assert len(failed) == sum(str(m.verdict) == "FAIL" for m in moved.metrics)
    assert all(row[-1] for row in failed)
