from pathlib import Path

import pytest

from retinaface.network.weights import WeightsChoice
from retinaface.suite.display.failures import n_rows
from retinaface.suite.display.summary import MOST_LINES, closing_lines
from retinaface.suite.run import ValidationRun
from retinaface.suite.sources import DataChoice
from retinaface.suite.target import Target
from retinaface.verdicts import SKIPPED

SUITE = "tests/validation/test_fps.py"
REAL = Target(weights=WeightsChoice("c.pth", "c.pth", "0" * 64), data=DataChoice(Path("wf")))


def run_of(*tests):
    run = ValidationRun({}, None)
    for i, (outcome, reason) in enumerate(tests):
        run.begin(f"{SUITE}::test_{i}")
        run.end(f"{SUITE}::test_{i}", outcome, reason, 0.0)
    return run


def test_the_block_goes_from_a_headline_to_the_verdict():
    run = run_of(("PASS", ""))
    run.add_result("a--igie--b32", ap={"easy": 0.80125}, n_images=67)
    lines = closing_lines(run, REAL, ["Record: here"])
    assert lines[0] == " validation ".center(80, "-")
    assert lines[1].split() == ["AP", "in", "%,", "67", "images", "easy"]
    assert lines[3:] == ["Coverage: 1 PASS: fps 1", "Record: here", "VERDICT: PASS"]


def test_the_note_on_the_data_stands_beside_the_verdict(monkeypatch):
    monkeypatch.setattr(Target, "verdict_note", "embedded set")
    assert closing_lines(run_of(("PASS", "")), REAL)[-1] == "VERDICT: PASS (embedded set)"


def test_coverage_counts_what_was_run_skipped_and_left_out():
    why = "needs cuda: onnxruntime lists no CUDAExecutionProvider"
    run = run_of(("PASS", ""), ("PASS", ""), (SKIPPED, why), (SKIPPED, why))
    run.n_deselected.update({"test_fps": 3, "test_widerface_ap": 5})
    assert closing_lines(run, REAL)[1:-1] == [
        "Coverage: 2 PASS, 2 SKIPPED: fps 2 PASS, 2 SKIPPED",
        "Not selected: fps 3, widerface_ap 5",
        f"Skipped 2: {why}",
    ]


def test_what_the_quick_selection_left_out_is_counted_beside_the_command_that_runs_it():
    run = run_of(("PASS", ""))
    run.n_deselected.update({"test_fps": 3, "test_widerface_ap": 5})
    run.n_left_by_quick.update({"test_fps": 2, "test_widerface_ap": 5})
    assert closing_lines(run, REAL)[1:-1] == [
        "Coverage: 1 PASS: fps 1",
        "Not selected: fps 1",
        "Quick selection; retinaface validate --full adds 7 tests: fps 2, widerface_ap 5",
    ]


def test_engines_that_lack_the_same_share_a_line():
    run = run_of(*((SKIPPED, f"needs engine:{e}: {e} needs cuda: no device") for e in "ab"))
    assert "Skipped 2: a, b needs cuda: no device" in closing_lines(run, REAL)


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("needs widerface: no folder", "Missing: widerface. Get it: retinaface assets fetch"),
        (
            "needs torch: No module; needs onnx: none",
            'Missing: torch. Get it: pip install torch==2.13.0 && pip install -e ".[export]"',
        ),
        ("needs onnxruntime: x", 'Missing: onnxruntime. Get it: pip install -e ".[cpu]"'),
    ],
    ids=["widerface", "torch", "onnxruntime"],
)
def test_what_is_missing_stands_with_the_command_that_gets_it(reason, line):
    assert line in closing_lines(run_of((SKIPPED, reason)), REAL)


def test_a_need_is_not_taken_for_another_that_begins_like_it():
    """A need is not read from the words of another need either."""
    run = run_of((SKIPPED, "needs onnxruntime: importing it needs torch: no; needs onnx: none"))
    missing = [line.partition(".")[0] for line in closing_lines(run, REAL) if "Get it:" in line]
    assert missing == ["Missing: onnx", "Missing: onnxruntime"]


def test_warnings_stand_right_above_the_verdict_and_stay_on_a_full_screen():
    run = run_of(("PASS", ""))
    run.noted.append(
        "limits wider than the suite's own: AP 30 points (0.5), because: early silicon"
    )
    run.add_result("a--igie--b32", ap=dict.fromkeys(("easy", "medium", "hard"), 0.0), n_images=67)
    lines = closing_lines(run, REAL, ["Record: here"])
    place = lines.index("Record: here")
    assert lines[place + 1].startswith("Warning: limits wider than the suite's own: AP 30 points")
    assert any(line.startswith("Warning: a--igie--b32: AP next to 0") for line in lines[place:])
    assert run.warnings()[0] == run.noted[0]
    full = failing(60)
    full.noted.append(run.noted[0])
    lines = closing_lines(full, REAL)
    assert n_rows(lines, 80) <= MOST_LINES
    assert any(line.startswith("Warning: limits wider") for line in lines)


def test_a_run_that_was_cut_off_is_reported_as_such():
    run = run_of(("PASS", ""))
    run.problem = "the run was cut off: 3 tests did not end"
    assert closing_lines(run, REAL)[-2:] == [f"FAIL the run itself: {run.problem}", "VERDICT: FAIL"]


def failing(n_tests):
    """Make a run with failures of ten functions, long messages, and all else that takes lines."""
    run = ValidationRun({}, None)
    for i in range(n_tests):
        engine = f"ort-cpu-fp{'16' if i % 2 else '32'}-upstream-{i // 10}"
        name = f"detections_and_landmarks_have_counterparts_in_the_baseline_{i % 10}[{engine}]"
        test = f"tests/validation/test_suite_{i % 12}.py::test_{name}"
        run.begin(test)
        run.end(test, "FAIL", "AP easy moved by more than noise explains " * 20, 0.0)
    for i in range(24):
        run.add_result(f"engine-{i}--igie--b8", ap={"easy": 0.5}, n_images=67)
        run.begin(f"{SUITE}::test_{i}")
        run.end(f"{SUITE}::test_{i}", SKIPPED, f"needs part-{i}: it is not here", 0.0)
    run.n_deselected.update({f"test_suite_{i}": 100 for i in range(12)})
    run.n_left_by_quick.update({f"test_suite_{i}": 99 for i in range(12)})
    return run


@pytest.mark.parametrize("n_failures", [0, 1, 3, 9, 10, 11, 60])
def test_the_block_fits_a_screen_whatever_happened(n_failures):
    run = failing(n_failures)
    run.problem = "the run was cut off: " + "many words " * 30
    after = ["Record: somewhere", *["Candidate, not accepted: a.json (1 entry)"] * 9]
    lines = closing_lines(run, REAL, after)
    assert n_rows(lines, 80) <= MOST_LINES
    assert lines[-1] == "VERDICT: FAIL"
    assert "Record: somewhere" in lines
    assert sum(line.startswith("FAIL test_suite") for line in lines) >= min(n_failures, 9)
    assert max(len(line) for line in lines if not line.startswith(("FAIL", "  ["))) <= 80


def test_names_longer_than_a_row_count_as_the_rows_that_they_take():
    run = run_of(("FAIL", "off by 3"))
    engine = "a_company.of_a_long_name.engines:" + "x" * 120
    for i in range(20):
        run.add_result(f"{engine}-{i}--igie--b8", ap={"easy": 0.5}, n_images=67)
    lines = closing_lines(run, REAL)
    assert n_rows(lines, 80) <= MOST_LINES < len(run.results) * 3
    assert lines[-3:] == ["FAIL test_fps::test_0", "  off by 3", "VERDICT: FAIL"]
