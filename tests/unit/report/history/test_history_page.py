"""The page of a history: self-contained, complete, and safe from what records say."""

import re

from retinaface.history.index import read_history
from retinaface.history.judged import judge_run
from retinaface.history.series import lines_of
from retinaface.history.told import tell
from retinaface.report.history import write_history_page
from tests.support.histories import BUSY, write_history
from tests.support.made.reports import HOSTILE

STEP = [46.5] * 8 + [45.9] * 8


def page(folder, *, run=None, title="History"):
    found = read_history(folder / "runs")
    lines = lines_of(found.rows)
    judgement = None if run is None else judge_run(found.rows[run], found.rows, lines)
    output = folder / "history.html"
    write_history_page(tell(found, lines, judgement), output, title=title)
    return output.read_text(), output.with_suffix(".md").read_text()


def test_the_first_lines_say_what_changed_and_when(tmp_path):
    write_history(tmp_path / "runs", STEP, packages={8: {"onnxruntime": "1.32.0"}})
    html, markdown = page(tmp_path)
    headline = (
        "1 change of level in 1 of 1 engine; the newest, for the worse, on 2026-09-09: "
        "ort-cpu-fp32 on AMD EPYC 7763, 8 cores: igie b8 AP hard -0.60 [-0.60, -0.60] points."
    )
    for text in (html, markdown):
        assert headline in text
        assert "onnxruntime 1.31.1 -" in text
    assert "| 2026-09-09 | run-0008 |" in markdown


def test_a_level_history_says_so(tmp_path):
    write_history(tmp_path / "runs", [46.5] * 8)
    for text in page(tmp_path):
        assert "No change of level in 1 engine." in text


def test_nothing_measured_is_said(tmp_path):
    write_history(tmp_path / "runs", [46.5] * 8, results=[])
    for text in page(tmp_path):
        assert "No figure to show" in text


def test_a_judged_run_comes_first_with_its_verdict(tmp_path):
    write_history(tmp_path / "runs", [46.5] * 10 + [45.9])
    html, markdown = page(tmp_path, run=-1)
    assert "<title>FAIL: History</title>" in html
    assert html.index("run-0010 beside the last 10") < html.index("Trends")
    assert markdown.startswith("# FAIL: History\n")
    assert "| FAIL | ort-cpu-fp32 igie b8 | AP hard 45.9" in markdown


def test_a_plot_names_its_levels_and_numbers_its_changes(tmp_path):
    write_history(tmp_path / "runs", STEP)
    html, _ = page(tmp_path)
    labels = re.findall(r'aria-label="([^"]* over time[^"]*)"', html)
    assert len(labels) == 3
    assert labels[0].endswith("AP hard 45.90; changes of level: 1")


def test_runs_on_a_busy_machine_are_counted_below_the_plot(tmp_path):
    write_history(tmp_path / "runs", [46.5] * 8)
    write_history(tmp_path / "runs", [46.5] * 2, first=8, machine=BUSY)
    assert "hollow: 2 runs on a busy machine, not judged" in page(tmp_path)[0]


def test_one_run_alone_has_a_page(tmp_path):
    write_history(tmp_path / "runs", [46.5])
    html, markdown = page(tmp_path)
    assert "few runs" in html
    assert "few runs" in markdown


def test_a_damaged_record_is_listed(tmp_path):
    write_history(tmp_path / "runs", [46.5] * 3)
    (tmp_path / "runs" / "run-0001" / "record.json").write_text("{")
    for text in page(tmp_path):
        assert "Damaged records" in text
        assert "run-0001" in text


def test_the_page_asks_for_nothing_and_no_text_becomes_markup(tmp_path):
    write_history(tmp_path / "runs", STEP, cpu=HOSTILE, commit=HOSTILE)
    html, markdown = page(tmp_path, title=HOSTILE)
    assert "<script" not in html
    assert "<script" not in markdown
    assert re.findall(r'(?:src|href)="(?!#|data:)', html) == []
