"""An error that crossed its limit is found, whatever happened to another engine, kind or output."""

import pytest

from retinaface.comparison.compare import compare_runs
from retinaface.comparison.fidelity import fidelity_metrics
from retinaface.comparison.pairs import Pair
from tests.support.made.records import RESULT, fidelity, make_run

OPENVINO = "openvino-cpu-fp32--igie--b1"
ORT = "ort-cpu-fp32--igie--b1"


def make(folder, ratios):
    """Make a run whose results have these errors: by id, ratios by output or one of `loc`."""
    results = []
    for name, of in ratios.items():
        by_output = of if isinstance(of, dict) else {"loc": of}
        errors = [fidelity(ratio, output=output) for output, ratio in by_output.items()]
        results.append({"id": name, "precision": "fp32", "fidelity": errors})
    return make_run(folder, ids=(), results=results)


def compared(tmp_path, old, new):
    return compare_runs(make(tmp_path / "old", old), make(tmp_path / "new", new))


def found(comparison):
    return {(m.subject, m.name): str(m.verdict) for m in comparison.metrics}


def test_an_engine_that_fails_is_not_masked_by_one_that_failed_before(tmp_path):
    comparison = compared(tmp_path, {OPENVINO: 1.2, ORT: 0.5}, {OPENVINO: 0.5, ORT: 3.0})
    assert found(comparison) == {
        (OPENVINO, "fidelity of loc on scene"): "PASS",
        (ORT, "fidelity of loc on scene"): "FAIL",
    }
    notes = {metric.subject: metric.note for metric in comparison.metrics}
    assert notes[OPENVINO].startswith("back within its limit")
    assert str(comparison.verdict) == "FAIL"
    assert [metric.subject for metric in comparison.moved()] == [ORT]


def test_an_output_that_fails_is_not_masked_by_another(tmp_path):
    old, new = {"loc": 1.2, "conf": 0.5}, {"loc": 1.1, "conf": 1.3}
    comparison = compared(tmp_path, {ORT: old}, {ORT: new})
    assert found(comparison) == {
        (ORT, "fidelity of loc on scene"): "PASS",
        (ORT, "fidelity of conf on scene"): "FAIL",
    }
    assert comparison.metrics[0].note.startswith("beyond its limit in both runs")


def test_what_stays_within_its_limits_shares_a_row(tmp_path):
    comparison = compared(tmp_path, {ORT: {"loc": 0.2, "conf": 0.4}}, {ORT: {"loc": 0.9}})
    (metric,) = comparison.metrics
    assert (metric.name, metric.old, metric.new) == ("fidelity", 0.2, 0.9)


def test_a_nan_is_beyond_every_limit(tmp_path):
    comparison = compared(tmp_path, {ORT: 0.5}, {ORT: "nan"})
    assert str(comparison.verdict) == "FAIL"
    assert comparison.metrics[0].new == float("inf")


def test_an_older_record_is_compared_by_its_worst_output(tmp_path):
    comparison = compared(tmp_path, {ORT: {"all": 0.9}}, {ORT: {"loc": 0.4, "conf": 3.0}})
    assert found(comparison) == {(ORT, "fidelity on scene"): "FAIL"}


@pytest.mark.parametrize("variant", ["", "dynamo-18-raw"])
def test_exports_are_compared_each_with_itself(tmp_path, variant):
    runs = []
    for name, ratio in (("old", 0.5), ("new", 2.0)):
        errors = [fidelity(0.1, variant="given"), fidelity(ratio, variant=variant)]
        runs.append(make_run(tmp_path / name, result={"fidelity": errors}))
    names = [metric.name for metric in fidelity_metrics(Pair(tuple(runs), (RESULT, RESULT)))]
    where = f" in {variant}" if variant else ""
    assert names == [f"fidelity of loc on scene{where}", "fidelity"]
