from retinaface.suite.display.failures import failure_lines, n_rows, short_id
from retinaface.suite.run import ValidationRun
from retinaface.verdicts import SKIPPED

SUITE = "tests/validation/test_fps.py"


def run_of(*tests):
    run = ValidationRun({}, None)
    for i, (outcome, reason) in enumerate(tests):
        run.begin(f"{SUITE}::test_{i}")
        run.end(f"{SUITE}::test_{i}", outcome, reason, 0.0)
    return run


def failing(n_tests):
    """Make a run with failures of long names and long messages."""
    run = ValidationRun({}, None)
    for i in range(n_tests):
        engine = f"ort-cpu-fp{'16' if i % 2 else '32'}-upstream-{i // 10}"
        test = f"tests/validation/test_suite_{i % 12}.py::test_of_a_long_name_{'x' * 50}[{engine}]"
        run.begin(test)
        run.end(test, "FAIL", "AP easy moved by more than noise explains " * 20, 0.0)
    return run


def test_what_is_not_green_is_named_with_the_first_lines_of_its_message():
    run = run_of(
        ("PASS", ""),
        ("INCONCLUSIVE", "INCONCLUSIVE wide"),
        ("FAIL", "AP moved\ndetails"),
        ("FAIL", ""),
    )
    assert failure_lines(run, 80) == [
        "FAIL test_fps::test_2",
        "  AP moved",
        "  details",
        "FAIL test_fps::test_3",
        "INCONCLUSIVE test_fps::test_1",
        "  wide",
    ]


def test_tests_of_one_function_share_an_entry_with_the_message_of_the_first():
    run = ValidationRun({}, None)
    for i, outcome in enumerate(("PASS", "FAIL", "FAIL", "INCONCLUSIVE", SKIPPED)):
        run.begin(f"{SUITE}::test_a[b{i}]")
        run.end(f"{SUITE}::test_a[b{i}]", outcome, f"{outcome} reason {i}", 0.0)
    assert failure_lines(run, 80) == [
        "FAIL test_fps::test_a: 2 of 4 tests",
        "  [b1]",
        "  reason 1",
        "INCONCLUSIVE test_fps::test_a[b3]",
        "  reason 3",
    ]


def test_each_function_that_fails_is_named_once():
    lines = failure_lines(failing(60), 80)
    named = [line for line in lines if line.startswith("FAIL test_suite")]
    assert len({line.partition("[")[0] for line in named}) == len(named) == 10
    assert any(line.startswith("... 10 more: ") for line in lines)


def test_a_long_name_keeps_its_parameters_on_a_line_of_their_own():
    lines = failure_lines(failing(1), 80)
    i = next(i for i, line in enumerate(lines) if line.startswith("FAIL test_suite"))
    assert "[" not in lines[i]
    assert lines[i + 1] == "  [ort-cpu-fp32-upstream-0]"


def test_the_short_name_of_a_test_names_suite_and_test():
    assert (
        short_id("tests/validation/test_fps.py::test_a[a/b.py::c]") == "test_fps::test_a[a/b.py::c]"
    )
    assert short_id("tests/validation/test_broken.py") == "test_broken"


def test_a_row_counts_for_every_width_that_a_line_takes():
    assert n_rows(["", "x" * 80, "x" * 81], 80) == 4
