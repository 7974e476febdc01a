import json

import pytest

from tests.support.made.records import fidelity, make_run


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
    ],
    ids=["one", "none", "folder"],
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
