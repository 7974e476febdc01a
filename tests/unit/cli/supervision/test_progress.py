import pytest

from retinaface.cli.supervision.progress import Progress, clock, short_test, suite_of, words_of

A, B, C = (f"tests/validation/test_fps.py::test_{name}[x]" for name in "abc")
D = "tests/validation/test_widerface_ap.py::test_d"


def planned(test, seconds=10.0, *, kind=None, engine=None, is_sure=True, is_fixed=False):
    values = {"id": test, "kind": kind or test, "engine": engine}
    return values | {"seconds": seconds, "is_sure": is_sure, "is_fixed": is_fixed}


def of(*tests):
    progress = Progress(0.0)
    progress.take({"event": "plan", "tests": list(tests)}, 0.0)
    return progress


def begin(progress, test, now):
    progress.take({"event": "begin", "test": test}, now)


def end(progress, test, now, seconds, outcome="PASS"):
    progress.take({"event": "end", "test": test, "outcome": outcome, "seconds": seconds}, now)


def test_the_line_reads_starting_before_the_tests_are_known():
    assert Progress(10.0).left_s(15.0) is None
    assert Progress(10.0).line(75.0, 80) == "1:05, starting"


def test_the_time_left_is_that_expected_of_the_tests_that_did_not_end():
    progress = of(planned(A), planned(B), planned(D, 20.0))
    assert progress.left_s(0.0) == 40.0
    begin(progress, A, 0.0)
    end(progress, A, 10.0, 10.0)
    assert progress.left_s(10.0) == 30.0


def test_time_runs_while_a_test_runs():
    progress = of(planned(A), planned(B))
    begin(progress, A, 0.0)
    assert [progress.left_s(now) for now in (0.0, 4.0, 9.0)] == [20.0, 16.0, 11.0]


def test_a_slow_test_is_expected_to_go_on_without_shortening_others():
    progress = of(planned(A), planned(B))
    begin(progress, A, 0.0)
    assert progress.left_s(100.0) == pytest.approx(10.0 + 25.0)


def test_ended_tests_teach_that_a_machine_is_slow():
    progress = of(planned(A, kind="k"), planned(B, kind="k"), planned(C, kind="other"))
    begin(progress, A, 0.0)
    end(progress, A, 30.0, 30.0)
    assert 45.0 < progress.left_s(30.0) < 60.0  # 3 times as slow, not wholly trusted


def test_a_soak_takes_as_long_as_asked_and_teaches_nothing_about_the_machine():
    progress = of(planned(A), planned(B, 100.0, is_fixed=True), planned(C))
    begin(progress, A, 0.0)
    end(progress, A, 30.0, 30.0)
    left = progress.left_s(30.0)
    assert 110.0 < left < 130.0  # 100 and what is learnt of C
    begin(progress, B, 30.0)
    assert progress.left_s(80.0) == pytest.approx(left - 50.0)
    end(progress, B, 130.0, 100.0)
    assert progress.left_s(130.0) == pytest.approx(left - 100.0)


def test_a_test_that_made_shared_data_counts_little():
    progress = of(*(planned(f"{A}{i}", 1.0, kind="k") for i in range(61)))
    end(progress, f"{A}0", 100.0, 100.0)
    assert progress.left_s(100.0) < 150.0


def test_a_failure_that_searches_its_cause_does_not_count():
    progress = of(planned(A, kind="k"), planned(B, kind="k"))
    end(progress, A, 30.0, 30.0, "FAIL")
    assert progress.left_s(30.0) == 10.0


def test_small_changes_of_the_forecast_are_not_shown():
    progress = of(*(planned(f"{A}{i}", 1.0, kind="k") for i in range(60)))
    assert progress.left_s(0.0) == 60.0
    begin(progress, f"{A}0", 0.0)
    end(progress, f"{A}0", 1.1, 1.1)
    assert progress.left_s(1.1) == pytest.approx(58.9)


def test_the_time_left_is_never_negative():
    progress = of(planned(A, 1.0))
    begin(progress, A, 0.0)
    assert [progress.left_s(now) for now in (0.0, 2.0)] == [1.0, 0.0]
    assert progress.line(2.0, 80) == "0 of 1 tests, 0:02, a few s left  fps: a[x]"


def test_an_engine_with_skipped_tests_takes_no_time():
    progress = of(*(planned(test, engine="e") for test in (A, B, C)))
    end(progress, A, 0.0, 0.0, "SKIPPED")
    assert progress.left_s(0.0) == 20.0
    end(progress, B, 0.0, 0.0, "SKIPPED")
    assert progress.left_s(0.0) == 0.0


def test_an_uncertain_engine_takes_time_once_a_test_of_it_ran():
    progress = of(*(planned(test, engine="e", is_sure=False) for test in (A, B)))
    assert progress.left_s(0.0) == 0.0
    end(progress, A, 10.0, 10.0)
    assert progress.left_s(10.0) == pytest.approx(10.0)


def test_the_line_names_the_running_test_and_counts_failures():
    progress = of(planned(A), planned(B), planned(D))
    begin(progress, A, 0.0)
    end(progress, A, 1.0, 10.0, "FAIL")
    assert progress.line(1.0, 80) == "1 of 3 tests, 1 FAIL, 0:01, about 20 s left  between tests"
    begin(progress, B, 1.0)
    line = progress.line(1.0, 80)
    assert line == "1 of 3 tests, 1 FAIL, 0:01, about 20 s left  fps: b[x]"
    assert progress.line(1.0, 40) == line[:37] + "..."


def test_after_the_last_test_the_record_is_written():
    progress = of(planned(A))
    end(progress, A, 1.0, 1.0)
    assert progress.line(1.0, 80) == "1 of 1 tests, 0:01, writing the record"


def test_a_suite_that_ended_is_summed_up():
    progress = of(planned(A), planned(B), planned(D))
    for test, outcome in ((A, "PASS"), (B, "SKIPPED")):
        begin(progress, test, 0.0)
        end(progress, test, 0.0, 1.25, outcome)
    assert progress.finished == []
    begin(progress, D, 0.0)
    assert progress.finished == ["fps: 1 PASS, 1 SKIPPED in 2.5 s"]
    end(progress, D, 0.0, 1.0)
    progress.end_suite()
    progress.end_suite()
    assert progress.finished[1:] == ["widerface_ap: 1 PASS in 1.0 s"]


def test_events_of_other_kinds_and_tests_outside_the_plan_do_no_harm():
    progress = of(planned(A))
    progress.take({"event": "header", "lines": []}, 0.0)
    end(progress, B, 0.0, 5.0)
    assert progress.left_s(0.0) == 10.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "a few s"), (12, "about 10 s"), (88, "about 90 s"), (100, "about 2 min")],
)
def test_durations_are_rounded_to_what_is_known(seconds, words):
    assert words_of(seconds) == words


def test_names_are_short():
    assert clock(125.9) == "2:05"
    assert suite_of(D) == "widerface_ap"
    assert short_test(A) == "fps: a[x]"


def test_the_line_says_what_a_test_does_that_takes_long():
    progress = of(planned(A))
    begin(progress, A, 0.0)
    progress.take({"event": "work", "what": "exporting the checkpoint"}, 1.0)
    assert progress.line(2.0, 200).endswith(" left  exporting the checkpoint")
    progress.take({"event": "work", "what": None}, 3.0)
    assert progress.line(4.0, 200).endswith(" left  fps: a[x]")
