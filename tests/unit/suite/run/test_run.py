import json

import numpy as np
import pytest

from retinaface.records.write import Kept, new_record
from retinaface.suite.run import ValidationRun
from retinaface.verdicts import SKIPPED, Check, Verdict
from tests.support.made.records import detections

A = "tests/validation/test_fps.py::test_a[b1]"
B = "tests/validation/test_fps.py::test_b"
C = "tests/validation/test_widerface_ap.py::test_c"


def read(folder):
    return json.loads((folder / "record.json").read_text())


def finished(folder, *outcomes):
    run = ValidationRun(new_record(), folder)
    for i, (outcome, reason) in enumerate(outcomes):
        run.begin(f"{A}-{i}")
        run.end(f"{A}-{i}", outcome, reason, 0.5)
    run.finish()
    return run


def test_until_the_end_the_record_is_a_fail_and_names_the_test(tmp_path):
    run = ValidationRun(new_record() | {"target": {"engines": ["x"]}}, tmp_path)
    record = read(tmp_path)
    assert (record["state"], record["running"], record["verdict"]) == ("running", None, "FAIL")
    run.begin(A)
    run.end(A, "PASS", "", 1.0)
    run.begin(B)
    record = read(tmp_path)
    assert (record["state"], record["running"], record["verdict"]) == ("running", B, "FAIL")
    assert record["target"]["engines"] == ["x"]
    assert [(t["id"], t["verdict"]) for t in record["tests"]] == [(A, "PASS"), (B, None)]
    assert record["coverage"]["suites"] == {"test_fps": {"PASS": 1, "not finished": 1}}


def test_the_whole_record_has_results_and_detections(tmp_path):
    run = ValidationRun(new_record(), tmp_path)
    run.begin(A)
    run.add_check(A, Check("error", Verdict.PASS, "0.1, allowed 1", {"value": np.nan, "n": 2}))
    run.add_result("engine--igie--b1", ap={"easy": 0.5}, n_images=2)
    run.add_result("engine--igie--b1", speed={"network": {"median_s": float("inf")}})
    run.kept["engine--igie--b1"] = Kept({"e/a": detections(2, 0)})
    run.end(A, "PASS", "", 0.25)
    run.finish()
    record = read(tmp_path)
    assert (record["state"], record["running"], record["verdict"]) == ("finished", None, "PASS")
    assert record["results"] == [
        {
            "id": "engine--igie--b1",
            "ap": {"easy": 0.5},
            "n_images": 2,
            "speed": {"network": {"median_s": "inf"}},
        }
    ]
    assert record["coverage"]["images"] == {"engine--igie--b1": 2}
    (test,) = record["tests"]
    check = {
        "name": "error",
        "verdict": "PASS",
        "message": "0.1, allowed 1",
        "numbers": {"value": "nan", "n": 2},
    }
    assert test == {"id": A, "verdict": "PASS", "reason": "", "seconds": 0.25, "checks": [check]}
    with np.load(tmp_path / "detections.npz") as arrays:
        assert arrays["engine--igie--b1/scores"].tolist() == [0, 1]


def test_a_run_without_a_folder_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert finished(None, ("PASS", "")).verdict is Verdict.PASS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("phases", "outcome", "reason"),
    [
        ([("PASS", ""), ("FAIL", "teardown broke")], "FAIL", "teardown broke"),
        ([("INCONCLUSIVE", "wide"), ("FAIL", "teardown")], "FAIL", "teardown"),
        ([("FAIL", "call"), ("INCONCLUSIVE", "teardown")], "FAIL", "call"),
        ([("FAIL", "call"), ("PASS", "")], "FAIL", "call"),
        ([("SKIPPED", "needs cuda"), ("PASS", "")], "SKIPPED", "needs cuda"),
    ],
    ids=["pass-fail", "inconclusive-fail", "fail-inconclusive", "fail-pass", "skipped-pass"],
)
def test_a_later_phase_can_only_make_things_worse(tmp_path, phases, outcome, reason):
    run = ValidationRun(new_record(), tmp_path)
    run.begin(A)
    for phase in phases:
        run.end(A, *phase, 0.5)
    run.finish()
    (test,) = read(tmp_path)["tests"]
    assert (test["verdict"], test["reason"], test["seconds"]) == (outcome, reason, 1.0)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([], "INCONCLUSIVE"),
        ([SKIPPED], "INCONCLUSIVE"),
        ([SKIPPED, "PASS"], "PASS"),
        (["PASS", "INCONCLUSIVE", SKIPPED], "INCONCLUSIVE"),
        (["INCONCLUSIVE", "FAIL", "PASS"], "FAIL"),
    ],
    ids=["nothing", "skipped", "pass", "inconclusive", "fail"],
)
def test_the_verdict_is_the_worst_of_what_was_measured(tmp_path, outcomes, verdict):
    run = finished(tmp_path, *((outcome, "why") for outcome in outcomes))
    assert str(run.verdict) == read(tmp_path)["verdict"] == verdict


def test_coverage_counts_by_suite_and_groups_skips_by_need():
    run = ValidationRun({}, None)
    for test, outcome, reason in (
        (A, SKIPPED, "needs cuda: none"),
        (B, SKIPPED, "needs cuda: none; needs torch: none"),
        (C, SKIPPED, "needs torch: none"),
        (f"{C}-2", "PASS", ""),
        (f"{B}-2", "FAIL", ""),
    ):
        run.begin(test)
        run.end(test, outcome, reason, 0.0)
    run.n_deselected["test_placement"] += 4
    coverage = run.coverage()
    assert coverage["suites"] == {
        "test_fps": {"SKIPPED": 2, "FAIL": 1},
        "test_widerface_ap": {"SKIPPED": 1, "PASS": 1},
    }
    assert coverage["skipped"] == [
        {"reason": "needs cuda: none", "tests": [A, B]},
        {"reason": "needs torch: none", "tests": [B, C]},
    ]
    assert coverage["not_selected"] == {"test_placement": 4}


def test_checks_stand_under_the_result_that_they_judge():
    run = ValidationRun({}, None)
    for value in (0.5, 2.0):
        run.add_checks("a--igie--b1", Check("x", Verdict.PASS, "", value=value, limit=1))
    kept = run.results["a--igie--b1"]["checks"]
    assert [(one["value"], one["margin"]) for one in kept] == [(0.5, 0.5), (2.0, -1.0)]


def test_a_field_that_no_result_has_is_refused():
    with pytest.raises(TypeError, match="a result of a record has no field sped"):
        ValidationRun({}, None).add_result("a--igie--b1", sped={})


def test_an_engine_is_recorded_by_the_name_that_it_was_asked_for():
    run = ValidationRun({}, None)
    run.add_result("mine-fp32--igie--b1", engine={"name": "yours", "device": "cpu"})
    assert run.results["mine-fp32--igie--b1"]["engine"] == {"name": "mine-fp32", "device": "cpu"}


def test_each_second_belongs_to_one_activity(monkeypatch):
    now = 0.0
    monkeypatch.setattr("retinaface.suite.run.time.monotonic", lambda: now)
    run = ValidationRun({}, None)
    now = 1.0
    run.begin("tests/validation/test_widerface_ap.py::test_a")
    run.spend("inference", 6.0)
    now = 11.0
    run.begin("tests/validation/test_fps.py::test_b")
    now = 16.0
    run.finish()
    assert run.times == {"start": 1.0, "widerface_ap": 4.0, "inference": 6.0, "fps": 5.0}
