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


def test_json_on_standard_output_is_nothing_but_json(run, runs):
    code, out, err = run("history", runs, "--run", "run-0010", "--json", "-")
    assert (code, json.loads(out)["verdict"]) == (1, "FAIL")
    assert err == "VERDICT: FAIL\n"


def test_files_are_written_beside_the_text(run, runs, tmp_path):
    arguments = ("--json", "h.json", "--csv", "h.csv", "--output", "h.html")
    code, out, _ = run("history", runs, *arguments)
    assert code == 0
    written = [line for line in out.splitlines() if line.startswith("written: ")]
    assert written == [f"written: h.{end}" for end in ("json", "csv", "html", "md")]
    assert json.loads((tmp_path / "h.json").read_text())["n_runs"] == 11
    assert (tmp_path / "h.csv").read_text().count("\n") == 1 + 11 * 5


def test_engines_devices_and_dates_are_chosen(run, runs):
    write_history(runs, [46.5], engine="ncnn-cpu-fp32", first=20)
    out = run("history", runs, "--engine", "ncnn")[1]
    assert "ncnn-cpu-fp32" in out
    assert "ort-cpu-fp32" not in out
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
    code, _, err = run("history", runs)
    assert code == 0
    assert err.startswith("note: no index can be kept in ")


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


def test_a_damaged_run_cannot_be_judged(refuse, runs):
    (runs / "run-0010" / "record.json").write_text("{")
    refuse("history", runs, "--run", "run-0010", match="cannot read a run record from .*run-0010")


def test_without_ruptures_the_extra_is_named(refuse, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "ruptures", None)
    assert changes.LEAST_RUNS <= 11
    refuse("history", runs, match="change points need ruptures.*install the extra 'report'")
