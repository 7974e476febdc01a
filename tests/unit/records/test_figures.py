import csv
import io

from retinaface.records.figures import COLUMNS, figures, figures_csv
from tests.support.made.records import entry, fidelity, make_run

CHECK = {
    "name": "AP easy",
    "verdict": "PASS",
    "message": "81.20 of 81.10",
    "numbers": {},
    "value": 81.2,
    "baseline": 81.1,
    "limit": 0.5,
    "margin": 0.4,
    "unit": "points",
}


def test_a_line_for_each_figure_with_its_limit_and_verdict(tmp_path):
    run = make_run(tmp_path / "a", result={"checks": [CHECK], "fidelity": [fidelity(0.5)]})
    rows = list(csv.DictReader(io.StringIO(figures_csv([run]))))
    assert tuple(rows[0]) == COLUMNS
    found = {row["metric"]: row for row in rows}
    ap = found["AP easy"]
    assert (ap["run"], ap["engine"], ap["pipeline"], ap["batch"]) == (
        *("a", "ort-cpu-fp32", "igie"),
        "32",
    )
    (judged,) = [row for row in rows if row["verdict"]]
    figures_of_check = [judged[name] for name in ("value", "baseline", "limit", "margin", "unit")]
    assert figures_of_check == ["81.2", "81.1", "0.5", "0.4", "points"]
    assert any(name.startswith("largest error of ") for name in found)


def test_checks_of_tests_are_listed_once(tmp_path):
    alone = CHECK | {"name": "placement", "value": None, "message": "where it should be"}
    test = entry("s.py::t") | {"checks": [CHECK, alone]}
    run = make_run(tmp_path / "a", result={"checks": [CHECK]}, tests=[test])
    judged = [(one.metric, one.result) for one in figures(run) if one.verdict]
    assert judged == [("AP easy", "ort-cpu-fp32--igie--b32"), ("placement", "s.py::t")]
