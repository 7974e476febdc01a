from dataclasses import replace

import numpy as np

from retinaface.comparison.compare import compare_runs
from retinaface.comparison.text import markdown, summary
from retinaface.records.find import Unavailable
from tests.support.made.records import IMAGES, RESULT, N, entry, make_run


def verdicts(comparison):
    return {metric.name: str(metric.verdict) for metric in comparison.metrics}


def test_a_run_does_not_differ_from_itself(tmp_path):
    one, other = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    comparison = compare_runs(one, other)
    assert str(comparison.verdict) == "PASS"
    assert set(verdicts(comparison).values()) == {"PASS"}
    assert comparison.environment == []
    assert comparison.moved() == []
    assert "none moved" in summary(comparison)


def test_lost_faces_are_a_change_of_ap_with_its_interval(tmp_path):
    hits = np.ones(N, bool)
    hits[:20] = False
    comparison = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b", hits=hits))
    assert str(comparison.verdict) == "FAIL"
    easy = next(metric for metric in comparison.metrics if metric.name == "AP easy")
    assert easy.change.low < easy.change.estimate < easy.change.high < -0.5
    assert "AP easy" in summary(comparison)


def test_boxes_that_moved_have_no_counterpart(tmp_path):
    comparison = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b", shift=20.0))
    assert verdicts(comparison)["detections without a counterpart"] == "FAIL"


def test_different_images_are_not_comparable_and_never_a_pass(tmp_path):
    others = tuple(f"other/{i}" for i in range(N))
    comparison = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b", images=others))
    assert verdicts(comparison)["AP easy"] == "INCONCLUSIVE"
    assert str(comparison.verdict) == "INCONCLUSIVE"


def test_images_that_one_side_never_ran_count_no_lost_detections(tmp_path):
    part = make_run(tmp_path / "b", images=(*IMAGES[: N // 2], *(f"o/{i}" for i in range(N // 2))))
    found = verdicts(compare_runs(make_run(tmp_path / "a"), part))
    assert found["detections without a counterpart"] == "PASS"
    assert found["AP easy"] == "INCONCLUSIVE"


def test_without_a_common_result_nothing_is_decided(tmp_path):
    one = make_run(tmp_path / "a")
    comparison = compare_runs(one, make_run(tmp_path / "b", ids=("x--ixrt--b32",)))
    assert str(comparison.verdict) == "INCONCLUSIVE"
    assert {(lone.id, lone.side) for lone in comparison.one_sided} == {
        (RESULT, "old"),
        ("x--ixrt--b32", "new"),
    }


def test_tests_that_fell_and_tests_of_one_side_are_listed(tmp_path):
    common = [entry("s.py::kept"), entry("s.py::fell")]
    one = make_run(tmp_path / "a", tests=[*common, entry("s.py::gone"), entry("s.py::skip")])
    skipped = entry("s.py::skip", "SKIPPED", "needs torch: not installed")
    fell = entry("s.py::fell", "FAIL", "error 9, allowed 1\nmore")
    other = make_run(tmp_path / "b", tests=[common[0], fell, skipped, entry("s.py::new")])
    comparison = compare_runs(one, other)
    assert [(c.test, c.new, c.reason) for c in comparison.outcomes] == [
        ("s.py::fell", "FAIL", "error 9, allowed 1")
    ]
    assert {(lone.id, lone.side, lone.reason) for lone in comparison.one_sided} == {
        ("s.py::gone", "old", "not collected"),
        ("s.py::skip", "old", "skipped: needs torch: not installed"),
        ("s.py::new", "new", "not collected"),
    }
    assert str(comparison.verdict) == "FAIL"


def test_a_run_that_did_not_end_is_no_pass(tmp_path):
    crashed = make_run(tmp_path / "b", state="crashed", running="s.py::hang")
    comparison = compare_runs(make_run(tmp_path / "a"), crashed)
    assert str(comparison.verdict) == "FAIL"
    assert summary(comparison) == "the run did not end: s.py::hang"


def test_markdown_and_json_say_the_same(tmp_path):
    comparison = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b", shift=20.0))
    row = Unavailable("validate-ort117", "onnxruntime", "1.17.3", "3.14", "no | wheel <here>")
    text = markdown([comparison], [row])
    assert text.startswith("## FAIL: b against a\n")
    assert "no \\| wheel &lt;here>" in text


def test_a_metric_that_is_not_judged_does_not_decide(tmp_path):
    comparison = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b"))
    silent = [replace(metric, verdict=None) for metric in comparison.metrics]
    assert str(replace(comparison, metrics=silent).verdict) == "INCONCLUSIVE"
