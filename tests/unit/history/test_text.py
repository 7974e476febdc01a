"""The text for a terminal: 80 columns, and nothing of the answer lost."""

from retinaface.history.index import read_history
from retinaface.history.judged import judge_run
from retinaface.history.series import lines_of
from retinaface.history.text import (
    WIDTH,
    damaged_lines,
    headline,
    headline_lines,
    judgement_lines,
    runs_text,
    table_lines,
)
from retinaface.history.told import tell
from tests.support.histories import write_history

LONG = "vendor-accelerator-with-a-very-long-name-fp16"


def told(folder, run=None):
    found = read_history(folder)
    lines = lines_of(found.rows)
    judgement = None if run is None else judge_run(found.rows[run], found.rows, lines)
    return tell(found, lines, judgement)


def test_a_series_shows_its_figures_its_trend_and_its_changes(tmp_path):
    write_history(
        tmp_path,
        [46.5] * 8 + [45.9] * 8,
        [240.0] * 8 + [200.0] * 8,
        packages={8: {"onnxruntime": "1.32.0"}},
    )
    assert list(table_lines(told(tmp_path))) == [
        "ort-cpu-fp32 on AMD EPYC 7763, 8 cores",
        "  igie b8 AP e/m/h %           95.00 / 90.00 / 45.90 ████████▁▁▁▁▁▁▁▁  1 change",
        "  igie b8 network              200 images/s          ████████▁▁▁▁▁▁▁▁  1 change",
        "  igie b8 least margin         100 % left            ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅  level",
        "  ▼ 2026-09-09 run-0008: igie b8 AP hard -0.60 [-0.60, -0.60] points; igie b8",
        "    network -16.67 [-16.67, -16.67] %",
        "    after run-0007: onnxruntime 1.31.1 -> 1.32.0",
        "",
    ]
    assert headline(told(tmp_path)) == (
        "1 change of level in 1 of 1 engine; the newest, for the worse, on 2026-09-09: "
        "ort-cpu-fp32 on AMD EPYC 7763, 8 cores: igie b8 AP hard -0.60 [-0.60, -0.60] points and "
        "1 more figure."
    )


def test_few_runs_are_said_to_be_few(tmp_path):
    write_history(tmp_path, [46.5] * 3)
    rows = [line for line in table_lines(told(tmp_path)) if line.startswith("  ")]
    assert len(rows) == 3
    assert all(row.endswith("few runs") for row in rows)
    assert headline(told(tmp_path)) == "Too few runs to tell a change: a line needs 6."


def test_no_line_is_wider_than_the_terminal_and_no_name_is_cut(tmp_path):
    write_history(tmp_path, [46.5] * 8 + [45.9] * 8, engine=LONG, cpu="processor " * 12)
    write_history(tmp_path, [45.0], first=16, engine=LONG, cpu="processor " * 12)
    (tmp_path / "run-0003" / "record.json").write_text("{")
    shown = told(tmp_path, run=-1)
    lines = [
        *table_lines(shown),
        *headline_lines(shown),
        *judgement_lines(shown.judgement),
        *damaged_lines(shown.history),
    ]
    assert max(map(len, lines)) <= WIDTH
    assert LONG in "\n".join(lines)
    assert "damaged: run-0003" in "\n".join(lines)


def test_a_judgement_shows_what_fails_first_and_counts_what_passes(tmp_path):
    write_history(tmp_path, [46.5] * 10 + [45.9])
    lines = list(judgement_lines(told(tmp_path, run=-1).judgement))
    assert lines[0].startswith("run-0010 beside the last 10 comparable runs (its own")
    assert lines[1].startswith("  FAIL         ort-cpu-fp32 igie b8: AP hard 45.9")
    assert any(line.startswith("  PASS ") and "network" in line for line in lines)
    assert lines[-1] == "  3 figures as before"


def test_the_runs_are_counted_with_their_dates(tmp_path):
    write_history(tmp_path, [46.5] * 3)
    found = read_history(tmp_path)
    assert runs_text(found, lines_of(found.rows)) == (
        "3 runs, 2026-09-01 04:30 to 2026-09-03 04:30 UTC"
    )
    assert runs_text(found, []).endswith("; 0 of them shown")
