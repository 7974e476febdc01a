"""The command `retinaface history`."""

import json
import sys

import pytest

from retinaface.history import changes
from tests.support.histories import write_history


@pytest.fixture
def runs(tmp_path):
    write_history(tmp_path / "runs", [46.5] * 10 + [45.9], [240.0] * 10 + [239.0])
    return tmp_path / "runs"


def test_a_folder_is_listed_whatever_its_verdicts(run, runs):
    code, out, err = run("history", runs)
    assert (code, err) == (0, "")
    assert out.startswith(f"{runs}: 11 runs, 2026-09-01 04:30 to 2026-09-11 04:30 UTC\n")
    assert "AP e/m/h %" in out
    assert "VERDICT" not in out


@pytest.mark.parametrize(
    ("name", "code", "verdict"),
    [("run-0010", 1, "FAIL"), ("run-0009", 0, "PASS"), ("run-0002", 10, "INCONCLUSIVE")],
)
def test_the_exit_code_is_the_verdict_of_the_run(run, runs, name, code, verdict):
    actual, out, _ = run("history", runs, "--run", name)
    assert actual == code
    assert out.endswith(f"VERDICT: {verdict}\n")


def test_a_run_is_named_by_its_folder_too_inside_or_elsewhere(run, runs, tmp_path):
    assert run("history", runs, "--run", runs / "run-0010")[0] == 1
    write_history(tmp_path / "fresh", [46.5], [239.0], first=11)
    code, out, _ = run("history", runs, "--run", tmp_path / "fresh" / "run-0011", "--last", 9)
    assert code == 0
    assert "\nrun-0011 beside the last 9 comparable runs" in out
    write_history(tmp_path / "twin", [40.0], first=10)
    code, out, _ = run("history", runs, "--run", tmp_path / "twin" / "run-0010")
    assert code == 1
    assert "\ntwin/run-0010 beside the last 10 comparable runs" in out


def test_a_series_shows_its_figures_its_trend_and_its_changes(run, tmp_path):
    updated = {8: {"onnxruntime": "1.32.0"}}
    values = [46.5] * 8 + [45.9] * 8, [240.0] * 8 + [200.0] * 8
    write_history(tmp_path / "runs", *values, packages=updated)
    assert run("history", "runs")[1].splitlines() == [
        "runs: 16 runs, 2026-09-01 04:30 to 2026-09-16 04:30 UTC",
        "",
        "ort-cpu-fp32 on AMD EPYC 7763, 8 cores",
        "  igie b8 AP e/m/h %           95.00 / 90.00 / 45.90 ████████▁▁▁▁▁▁▁▁ 1 change",
        "  igie b8 network              200 images/s          ████████▁▁▁▁▁▁▁▁ 1 change",
        "  igie b8 least margin         100 % left            ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅ level",
        "  ▼ 2026-09-09 run-0008: igie b8 AP hard -0.60 [-0.60, -0.60] points; igie b8 network "
        "-16.67 [-16.67, -16.67] %",
        "    after run-0007: onnxruntime 1.31.1 -> 1.32.0",
        "",
        "1 change of level in 1 of 1 engine; the newest, for the worse, on 2026-09-09: "
        "ort-cpu-fp32 on AMD EPYC 7763, 8 cores: igie b8 AP hard -0.60 [-0.60, -0.60] points and "
        "1 more figure.",
    ]


def test_a_judged_run_shows_what_fails_first_and_counts_what_is_as_before(run, runs):
    lines = run("history", runs, "--run", "run-0010")[1].splitlines()
    start = lines.index("run-0010 beside the last 10 comparable runs (its own verdict: PASS)")
    assert lines[start + 1].startswith("  FAIL ort-cpu-fp32 igie b8: AP hard 45.9, level 46.5 %")
    assert lines[start + 2].startswith("  PASS ort-cpu-fp32 igie b8: network 239")
    assert lines[start + 3] == "  3 figures as before"
    verbose = run("history", runs, "--run", "run-0010", "-v")[1]
    assert "  PASS ort-cpu-fp32 igie b8: AP easy 95" in verbose
    assert "as before\n" not in verbose


def test_quiet_leaves_out_the_trends(run, runs):
    lines = run("history", runs, "--run", "run-0010", "-q")[1].splitlines()
    assert lines[0].startswith(f"{runs}: 11 runs")
    assert lines[1] == "No change of level in 1 engine."
    assert lines[-1] == "VERDICT: FAIL"
    assert not any("▅" in line for line in lines)


@pytest.mark.parametrize(("option", "is_json"), [("--json", True), ("--csv", False)])
def test_a_dash_prints_it_and_nothing_else(run, runs, option, is_json):
    code, out, err = run("history", runs, "--run", "run-0010", option, "-")
    assert (code, err) == (1, "")
    if is_json:
        assert json.loads(out)["verdict"] == "FAIL"
    else:
        assert out.count("\n") == 1 + 11 * 5


def test_files_are_written_beside_the_text(run, runs, tmp_path):
    arguments = ("--json", "h.json", "--csv", "h.csv", "--output", "h.html")
    code, out, _ = run("history", runs, *arguments)
    assert code == 0
    assert out.splitlines()[-4:] == [
        *("CSV: h.csv", "written: h.html", "written: h.md", "JSON: h.json")
    ]
    content = json.loads((tmp_path / "h.json").read_text())
    assert (content["command"], content["n_runs"], content["verdict"]) == ("history", 11, None)
    assert (tmp_path / "h.csv").read_text().count("\n") == 1 + 11 * 5
    assert (tmp_path / "h.html").exists()


def test_engines_devices_and_dates_are_chosen(run, runs):
    write_history(runs, [46.5], engine="ncnn-cpu-fp32", first=20)
    out = run("history", runs, "--engine", "ncnn")[1]
    assert "ncnn-cpu-fp32" in out
    assert "ort-cpu-fp32" not in out
    out = run("history", runs, "--engine", "ncnn", "--engine", "ort")[1]
    assert "ncnn-cpu-fp32" in out
    assert "ort-cpu-fp32" in out
    assert "; 2 of them shown" in run("history", runs, "--since", "2026-09-11")[1]
    assert "No figure to show" in run("history", runs, "--device", "no such board")[1]


def test_a_damaged_record_is_a_line_and_not_the_end(run, runs):
    (runs / "run-0004" / "record.json").write_text("{")
    code, out, _ = run("history", runs)
    assert code == 0
    assert "damaged: run-0004: cannot read a run record" in out
    assert "10 runs" in out


def test_a_note_says_where_no_index_can_be_kept(run, runs, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "file"))
    code, out, err = run("history", runs)
    assert (code, err) == (0, "")
    assert out.startswith("note: no index can be kept in ")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--output", "page.txt"), "ends in .html"),
        (("--json", "-", "--csv", "-"), "expected one of them on standard output"),
        (("--last", "7"), "name it"),
        (("--run", "run-9999"), "cannot read a run record from run-9999"),
        (("--since", "yesterday"), "does not match"),
        (("--json", "."), "it is a folder"),
    ],
    ids=["output", "stdout", "last", "run", "since", "folder"],
)
def test_bad_usage_is_one_line(refuse, runs, arguments, match):
    refuse("history", runs, *arguments, match=match)


def test_settings_may_say_how_many_runs_before_a_run_is_named(run, runs, monkeypatch):
    monkeypatch.setenv("RETINAFACE_LAST", "7")
    assert run("history", runs)[0] == 0
    assert "beside the last 7 " in run("history", runs, "--run", "run-0010")[1]


def test_a_damaged_run_cannot_be_judged(refuse, runs):
    (runs / "run-0010" / "record.json").write_text("{")
    refuse("history", runs, "--run", "run-0010", match="cannot read a run record from .*run-0010")


def test_without_ruptures_the_extra_is_named(refuse, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "ruptures", None)
    assert changes.LEAST_RUNS <= 11
    refuse("history", runs, match="change points need ruptures.*install the extra 'report'")
