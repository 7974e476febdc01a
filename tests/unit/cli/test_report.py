import pytest


def test_a_report_is_written_whatever_the_verdict(run, records, tmp_path):
    output = tmp_path / "out.html"
    code, out, _ = run("report", records, "--output", output, "--title", "Two runs")
    assert code == 0
    assert out.splitlines()[-1] == "VERDICT: FAIL"
    assert f"{output}: " in out
    assert "<title>FAIL: Two runs</title>" in output.read_text()
    assert output.with_suffix(".md").read_text().startswith("# FAIL: Two runs")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "--output", "report.pdf"], "expected a name that ends in .html"),
        (["nowhere", "--output", "r.html"], "holds no run record"),
        (["runs", "--output", "runs/a/record.json/r.html"], "cannot write"),
        (["runs", "--output", "r.html", "--widerface", "nowhere"], "nowhere"),
    ],
    ids=["suffix", "none", "folder", "widerface"],
)
def test_bad_input_is_one_line(run, records, arguments, message, monkeypatch):
    monkeypatch.chdir(records.parent)
    code, out, err = run("report", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not list(records.parent.glob("*.html"))
