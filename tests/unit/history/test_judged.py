"""A run beside the last N: what passes, what fails, and how often chance fails it."""

import numpy as np
import pytest

from retinaface.history.index import read_history
from retinaface.history.judged import OUTSIDE, judge_run, predicted
from retinaface.history.series import lines_of
from retinaface.verdicts import Verdict
from tests.support.histories import BUSY, write_history

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
# A spread of 2 %.
RATES = [240.0, 246.0, 238.0, 242.0, 236.0, 241.0, 239.0, 245.0, 243.0, 237.0]


def judged(folder, n_last=10, run=-1):
    rows = read_history(folder).rows
    return judge_run(rows[run], rows, lines_of(rows), n_last)


def found(judgement, metric):
    (one,) = (one for one in judgement.judged if one.line.metric == metric)
    return one


@pytest.mark.parametrize(("ap", "verdict"), [(46.55, PASS), (46.3, FAIL), (46.7, FAIL)])
def test_ap_is_judged_by_the_smallest_effect_in_both_directions(tmp_path, ap, verdict):
    write_history(tmp_path, [46.5] * 10 + [ap])
    judgement = judged(tmp_path)
    assert found(judgement, "AP hard").verdict is verdict
    assert found(judgement, "AP easy").verdict is PASS
    assert judgement.verdict is verdict


def test_ap_that_is_noisier_than_its_smallest_effect_is_open(tmp_path):
    write_history(tmp_path, [46.3, 46.7, 46.4, 46.6, 46.5, 46.8, 46.2, 46.5])
    assert found(judged(tmp_path), "AP hard").verdict is OPEN


@pytest.mark.parametrize(("rate", "verdict"), [(238.0, PASS), (205.0, FAIL), (290.0, PASS)])
def test_only_a_rate_below_the_band_of_the_last_runs_fails(tmp_path, rate, verdict):
    write_history(tmp_path, [46.5] * 11, [*RATES, rate])
    one = found(judged(tmp_path), "network")
    assert one.verdict is verdict
    assert one.level == pytest.approx(240.5, abs=0.1)
    assert ("faster" in one.text) == (rate > 280)


def test_a_failure_says_how_much_and_how_unusual(tmp_path):
    write_history(tmp_path, [46.5] * 11, [*RATES, 205.0])
    one = found(judged(tmp_path), "network")
    assert one.change.estimate == pytest.approx(-14.8, abs=0.1)
    assert one.change.low < one.change.estimate < one.change.high < 0
    assert "slower than these runs predict" in one.text
    assert one.text.endswith("below all of the last 10")


def test_noise_beyond_what_is_judged_leaves_a_rate_open(tmp_path):
    rates = [240.0, 120.0, 480.0, 200.0, 300.0, 150.0, 400.0, 240.0]
    write_history(tmp_path, [46.5] * 8, rates)
    one = found(judged(tmp_path), "network")
    assert one.verdict is OPEN
    assert "noise hides a slowdown" in one.text


def test_a_busy_machine_is_not_blamed_on_the_engine(tmp_path):
    write_history(tmp_path, [46.5] * 10, RATES)
    write_history(tmp_path, [46.5], [150.0], first=10, machine=BUSY)
    one = found(judged(tmp_path), "network")
    assert one.verdict is OPEN
    assert "the machine was not quiet" in one.text
    write_history(tmp_path, [46.5], [20.0], first=11, machine=BUSY)
    assert found(judged(tmp_path), "network").verdict is FAIL


def test_runs_on_a_busy_machine_are_no_measure(tmp_path):
    write_history(tmp_path, [46.5] * 10, RATES)
    write_history(tmp_path, [46.5] * 10, [60.0] * 10, first=10, machine=BUSY)
    write_history(tmp_path, [46.5], [239.0], first=20)
    one = found(judged(tmp_path), "network")
    assert one.verdict is PASS
    assert one.earlier[-1].run.name == "run-0009"


def test_one_odd_run_among_the_last_does_not_hide_the_next(tmp_path):
    write_history(tmp_path, [46.5] * 11, [*RATES[:9], 60.0, 190.0])
    assert found(judged(tmp_path), "network").verdict is FAIL


def test_a_change_among_the_last_does_not_hide_the_next_and_is_named(tmp_path):
    rates = [*RATES, *(rate / 1.3 for rate in RATES[:6])]
    write_history(tmp_path, [46.5] * 16, rates)
    one = found(judged(tmp_path, n_last=12), "network")
    assert one.verdict is FAIL
    assert one.text.endswith("the level changed at run-0010: --last 5 compares with the runs since")
    assert found(judged(tmp_path, n_last=5), "network").verdict is PASS


def test_too_few_comparable_runs_are_inconclusive(tmp_path):
    write_history(tmp_path, [46.5] * 5)
    judgement = judged(tmp_path)
    assert judgement.verdict is OPEN
    assert found(judgement, "AP hard").text == (
        "too few runs: 4 comparable runs before it, 5 are needed"
    )
    assert found(judgement, "least margin").verdict is None


def test_only_runs_before_it_count_and_no_more_than_n(tmp_path):
    write_history(tmp_path, [46.5] * 12 + [40.0] * 12)
    one = found(judged(tmp_path, n_last=6, run=11), "AP hard")
    assert one.verdict is PASS
    assert [point.run.name for point in one.earlier] == [f"run-{i:04}" for i in range(5, 11)]


def test_a_figure_that_the_runs_before_had_is_missed(tmp_path):
    write_history(tmp_path, [46.5] * 8)
    write_history(tmp_path, [46.5], first=8, results=[])
    judgement = judged(tmp_path)
    assert "ort-cpu-fp32 igie b8: AP hard" in judgement.absent
    assert judgement.verdict is OPEN


def test_a_run_that_did_not_finish_fails(tmp_path):
    write_history(tmp_path, [46.5] * 8)
    write_history(tmp_path, [46.5], first=8, state="crashed", running="a test")
    assert judged(tmp_path).verdict is FAIL


@pytest.mark.parametrize("n", [5, 10, 30])
def test_a_run_of_the_same_build_lies_outside_as_rarely_as_stated(n):
    rng = np.random.default_rng(n)
    outside = 0
    for _ in range(4000):
        values = rng.normal(size=n + 1)
        level, half = predicted(values[:-1])
        outside += abs(values[-1] - level) > half
    assert outside / 4000 <= 1.6 * OUTSIDE
