import json

import pytest

from tests.support.made.widerface_copy import coco_of, write_json
from tests.support.sessions import make_session


def test_a_report_is_written_whatever_the_verdict(run, records, tmp_path):
    output = tmp_path / "out.html"
    code, out, _ = run("report", records, "--output", output, "--title", "Two runs")
    assert code == 0
    assert out.splitlines()[-1] == "VERDICT: FAIL"
    assert f"{output}: " in out
    assert "<title>FAIL: Two runs</title>" in output.read_text()
    assert output.with_suffix(".md").read_text().startswith("# FAIL: Two runs")


def test_sessions_turn_by_turn_are_rows_of_the_report(run, records, tmp_path):
    (tmp_path / "ab").mkdir()
    for name, verdict in (("ort118-ort132", "INCONCLUSIVE"), ("ort132-<b>", "PASS")):
        content = make_session(verdict, ratio=1.9, starts_needed=14)
        (tmp_path / "ab" / f"{name}.json").write_text(json.dumps(content))
    same = [records / "a", records / "a", "--ab", tmp_path / "ab"]
    code, out, _ = run("report", *same, "--output", tmp_path / "out.html")
    assert code == 0
    assert out.splitlines()[-1] == "VERDICT: INCONCLUSIVE"
    html, markdown = ((tmp_path / f"out.{kind}").read_text() for kind in ("html", "md"))
    for text in (html.replace("<wbr>", ""), markdown):
        assert "x 1.900 [1.881, 1.919]" in text
        assert "--starts 14 would decide" in text
        assert "ort132-<b>" not in text
    assert '<section aria-labelledby="turns">' in html


def test_images_of_an_own_set_are_found_by_its_ground_truth(run, records, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/a.png").write_bytes(b"a picture")
    write_json(tmp_path / "faces.json", coco_of({"a.png": []}))
    named = ["report", records, "--output", tmp_path / "out.html", "--widerface", tmp_path / "own"]
    code, _, _ = run(*named, "--ground-truth", tmp_path / "faces.json")
    assert code == 0
    code, _, err = run(*named)
    assert (code, "no WIDER FACE images in" in err) == (2, True)


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
