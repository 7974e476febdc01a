import pytest

from retinaface.checks.ap_changes import count_detections
from retinaface.checks.int8.budgets import (
    Alone,
    Budget,
    check_ap_budget,
    check_detections_budget,
    count_alone,
    meets,
    read_budget,
)
from retinaface.verdicts import Verdict
from tests.support.made.ap_baseline import NAMES, truth_of, usual, without
from tests.support.made.detections import found, row


def verdicts(int8, budget):
    truth = truth_of()
    fp32, other = (count_detections(side, truth) for side in (usual(), int8))
    return [check.verdict for check in check_ap_budget(fp32, other, budget)]


def test_no_loss_lies_within_any_budget_and_a_large_one_beyond_it():
    assert verdicts(usual(), Budget((0.0, 0.0, 0.0))) == [Verdict.PASS] * 3
    lost = usual()
    for name in NAMES[: len(NAMES) * 3 // 4]:
        lost = without(lost, name)
    assert verdicts(lost, Budget((1.0, 1.0, 1.0))) == [Verdict.FAIL] * 3
    assert verdicts(lost, Budget((100.0, 100.0, 100.0))) == [Verdict.PASS] * 3


def test_a_loss_that_the_images_do_not_settle_is_inconclusive():
    lost = without(usual(), NAMES[0])
    checks = check_ap_budget(
        count_detections(usual(), truth_of()), count_detections(lost, truth_of()), Budget()
    )
    budget = Budget(tuple(check.value for check in checks))
    assert verdicts(lost, budget) == [Verdict.INCONCLUSIVE] * 3


def test_without_a_budget_the_figures_are_told_with_the_option():
    truth = truth_of()
    counts = count_detections(usual(), truth)
    checks = check_ap_budget(counts, counts, Budget())
    assert {check.verdict for check in checks} == {Verdict.INCONCLUSIVE}
    assert "add --budget-ap EASY,MEDIUM,HARD" in checks[0].message
    alone = check_detections_budget(Alone(1, 10, 0, 3), Budget())
    assert alone.verdict is Verdict.INCONCLUSIVE
    assert "1 of 10 (10.00%)" in alone.message
    assert "add --budget-detections SHARE" in alone.message


def test_a_counterpart_overlaps_by_half_whatever_its_score():
    fp32 = {"a": found(row(0, 0.9), row(500, 0.6)), "b": found(row(0, 0.3))}
    int8 = {"a": found(row(20, 0.1), row(570, 0.7)), "c": found(row(0, 0.8))}
    alone = count_alone(fp32, int8)
    # Both at 500, the one of b, the one of c; above 0.5 all but that of b, and three have a score.
    assert vars(alone) == {"n": 4, "n_all": 6, "n_confident": 3, "n_all_confident": 4}


@pytest.mark.parametrize(("share", "verdict"), [(0.4, Verdict.PASS), (0.39, Verdict.FAIL)])
def test_detections_are_judged_by_the_share(share, verdict):
    check = check_detections_budget(Alone(4, 10, 0, 0), Budget(None, share))
    assert check.verdict is verdict
    assert check.margin == pytest.approx(100 * share - 40)


def test_no_detections_at_all_lie_within_no_budget():
    check = check_detections_budget(Alone(0, 0, 0, 0), Budget(None, 1.0))
    assert check.verdict is Verdict.FAIL


def test_a_budget_is_read_as_it_is_typed():
    assert read_budget("1,2,3.5", "0.25") == Budget((1.0, 2.0, 3.5), 0.25)
    assert not read_budget(None, None)
    assert read_budget("0,0,0", None)


@pytest.mark.parametrize("text", ["1,2", "1,2,x", "-1,2,3", "nan,1,1", "1,2,3,4", "inf,1,1", ""])
def test_a_budget_of_ap_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="--budget-ap must be three numbers from 0"):
        read_budget(text, None)


@pytest.mark.parametrize("text", ["-0.1", "1.1", "10%", "nan"])
def test_a_share_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="--budget-detections must be a share from 0 to 1"):
        read_budget(None, text)


def test_estimates_meet_a_budget_where_each_part_does():
    lost = {"easy": 1.0, "medium": 1.0, "hard": 2.0}
    assert meets(Budget((1.0, 1.0, 2.0), 0.1), lost, 0.1)
    assert not meets(Budget((1.0, 0.9, 2.0), 0.1), lost, 0.1)
    assert not meets(Budget((1.0, 1.0, 2.0), 0.1), lost, 0.2)
    assert meets(Budget(None, 0.1), lost, 0.1)
