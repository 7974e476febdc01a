import json

import pytest

from tests.support.made.records import ENGINE, fidelity, make_run
from tests.support.sessions import make_session


def test_the_exit_code_is_the_verdict(run, records):
    code, out, _ = run("compare", records / "a", records / "a")
    assert code == 0
    assert out.splitlines()[-1] == "VERDICT: PASS"
    code, out, _ = run("compare", records)
    assert code == 1
    assert out.startswith("b against a: FAIL\n")
    assert "The environments are the same." in out


def test_markdown_json_and_attribution_are_written(run, records, tmp_path):
    files = tmp_path / "c.md", tmp_path / "c.json"
    arguments = ["--markdown", files[0], "--json", files[1], "--attribute"]
    code, out, _ = run("compare", records, *arguments)
    assert code == 1
    assert "Where it begins" in out
    assert "### Where it begins" in files[0].read_text()
    assert json.loads(files[1].read_text())["comparisons"][0]["verdict"] == "FAIL"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "compare needs at least two records, got 1"),
        (["a", "nowhere"], "holds no run record"),
        (["a", "b", "--json", "."], "cannot write"),
        (["a", "b", "--ab", "."], "holds no session"),
    ],
    ids=["one", "none", "folder", "session"],
)
def test_bad_input_is_one_line(run, records, arguments, message, monkeypatch):
    monkeypatch.chdir(records)
    code, out, err = run("compare", *arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1


def test_runs_are_listed_with_verdict_and_figures(run, records):
    code, out, _ = run("runs", records)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["run", "created", "verdict"]
    assert [line.split()[0] for line in lines[1:]] == ["a", "b"]
    assert "100.00 / 100.00 / 100.00 (ort-cpu-fp32--igie--b32)" in lines[1]


def test_attribution_leaves_out_results_without_traces(run, tmp_path):
    bare = {"id": "ort-cpu-fp32--igie--b1", "fidelity": [fidelity(0.5)]}
    for name in "ab":
        path = make_run(tmp_path / name).folder / "record.json"
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | {"results": [*record["results"], bare]}))
    code, out, _ = run("compare", tmp_path / "a", tmp_path / "b", "--attribute")
    assert code == 0
    assert "Where it begins, ort-cpu-fp32--igie--b32" in out
    assert "Where it begins, ort-cpu-fp32--igie--b1:" not in out
    assert "ort-cpu-fp32--igie--b1 " in out  # its metric is there


def slow_runs(folder, factor):
    """A folder of two runs on a CPU that was not busy, the second slower."""
    folder.mkdir()
    for name, x in (("a", 1.0), ("b", factor)):
        samples = {"samples_s": [0.1 * x] * 9, "machine": {"drift": 1.0, "tail": 1.0, "taken": 0.0}}
        engine = {"name": ENGINE, "device": "cpu", "runtime": "onnxruntime 1.32.0"}
        result = {"engine": engine, "batch": 32, "speed": {"network": samples}}
        make_run(folder / name, result=result)
    return folder


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.8, 10), (3.1, 1)])
def test_times_on_a_cpu_count_and_what_is_left_open_has_its_command(run, tmp_path, factor, code):
    found, out, _ = run("compare", slow_runs(tmp_path / "slow", factor), "--markdown", "c.md")
    assert found == code
    lines = out.splitlines()
    start = lines.index("Not judged more closely here; timed turn by turn by:")
    assert lines[start + 1].startswith("  retinaface ab --a ")
    assert lines[start + 1].strip() in (tmp_path / "c.md").read_text()


def test_a_session_settles_what_is_left_open(run, tmp_path):
    records = slow_runs(tmp_path / "slow", 1.8)
    runtimes = ("onnxruntime 1.32.0",) * 2
    for verdict, code in (("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 10)):
        session = tmp_path / f"{verdict}.json"
        session.write_text(json.dumps(make_session(verdict, ratio=1.3, runtimes=runtimes)))
        found, out, _ = run("compare", records, "--ab", session, "--json", f"{verdict}-c.json")
        assert found == code
        assert "x 1.300 [1.287, 1.313]" in out
        assert "Not judged more closely" not in out
        written = json.loads((tmp_path / f"{verdict}-c.json").read_text())
        assert written["sessions"][0]["speed"]["power"] == 1.05


def test_a_session_of_other_engines_counts_too(run, records, tmp_path):
    session = tmp_path / "s.json"
    session.write_text(json.dumps(make_session("FAIL", engine="x-cpu-fp16")))
    code, out, _ = run("compare", records / "a", records / "a", "--ab", session)
    assert code == 1
    assert "x-cpu-fp16" in out
