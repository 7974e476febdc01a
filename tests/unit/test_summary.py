import pytest

from retinaface.summary import summary_lines
from retinaface.target import Target
from retinaface.validation_run import SKIPPED, ValidationRun
from retinaface.weights_choice import WeightsChoice

SUITE = "tests/validation/test_fps.py"
REAL = Target(weights=WeightsChoice("c.pth", "c.pth", "0" * 64))


def run_of(*tests):
    run = ValidationRun({}, None)
    for i, (outcome, reason) in enumerate(tests):
        run.begin(f"{SUITE}::test_{i}")
        run.end(f"{SUITE}::test_{i}", outcome, reason, 0.0)
    return run


def test_results_are_one_line_each():
    run = run_of(("PASS", ""))
    run.add_result(
        "ort-cpu-fp32--igie--b32",
        ap={"easy": 0.80125, "medium": 0.7, "hard": 0.4},
        n_images=3226,
        speed={"network": {"images_per_s": 812.34}, "session": {"median_s": 0.1234}},
    )
    run.add_result("ort-cpu-fp32", share_of_peak=[0.5])
    lines = summary_lines(run, REAL)
    assert lines[0] == (
        "ort-cpu-fp32--igie--b32: AP 80.12 / 70.00 / 40.00 % over 3226 images; "
        "network 812.3 images/s; session 123 ms"
    )
    assert lines[1] == "Coverage:"


def test_coverage_says_what_was_run_skipped_and_left_out():
    why = "needs cuda: onnxruntime lists no CUDAExecutionProvider"
    run = run_of(("PASS", ""), ("PASS", ""), (SKIPPED, why), (SKIPPED, why))
    run.n_deselected.update({"test_fps": 3, "test_widerface_ap": 5})
    assert summary_lines(run, REAL) == [
        "Coverage:",
        "  test_fps: 2 PASS, 2 SKIPPED (3 not selected)",
        "  test_widerface_ap: not run (5 tests not selected)",
        f"  skipped 2: {why}",
    ]


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
    assert line in summary_lines(run_of((SKIPPED, reason)), REAL)


def test_a_need_is_not_taken_for_another_that_begins_like_it():
    """Nor from the words of another need."""
    run = run_of((SKIPPED, "needs onnxruntime: importing it needs torch: no; needs onnx: none"))
    missing = [line.partition(".")[0] for line in summary_lines(run, REAL) if "Get it:" in line]
    assert missing == ["Missing: onnx", "Missing: onnxruntime"]


def test_what_is_not_green_is_named_with_its_first_line():
    run = run_of(
        ("PASS", ""), ("FAIL", "AP moved\ndetails"), ("INCONCLUSIVE", "wide"), ("FAIL", "")
    )
    assert summary_lines(run, REAL)[-3:] == [
        f"FAIL {SUITE}::test_1: AP moved",
        f"INCONCLUSIVE {SUITE}::test_2: wide",
        f"FAIL {SUITE}::test_3: ",
    ]
