import pytest

from retinaface.checks.int8.budgets import Budget
from retinaface.suite.judged.costly_layers import Cost, Search
from retinaface.verdicts import Verdict

# Share of detections that each layer costs; together 0.4.
COSTS = {"a": 0.05, "b": 0.2, "c": 0.01, "d": 0.14}


def cost(floats):
    share = sum(value for name, value in COSTS.items() if name not in floats)
    return Cost(floats, {"easy": 10 * share, "medium": 0.0, "hard": 0.0}, share)


def check(**budget):
    return Search(tuple(COSTS), cost, Budget(**budget), 24).run()


def test_layers_are_ranked_by_what_is_left_without_them():
    found = check(detections=1.0)
    assert found.verdict is Verdict.PASS
    assert list(found.numbers["layers"]) == ["b", "d", "a", "c"]
    assert "on 24 images" in found.message


@pytest.mark.parametrize(
    ("allowed", "floats"), [(0.39, ["b"]), (0.19, ["b", "d"]), (0.02, ["b", "d", "a"])]
)
def test_the_smallest_set_by_rank_meets_the_budget(allowed, floats):
    found = check(detections=allowed)
    assert found.verdict is Verdict.FAIL
    assert found.numbers["float_layers"] == floats
    assert " ".join(f"--float-layer {name}" for name in floats) in found.message


def test_ap_counts_too():
    assert check(ap_points=(1.9, 0.0, 0.0)).numbers["float_layers"] == ["b", "d"]


def test_a_budget_that_no_set_meets_is_said():
    found = check(detections=0.0)
    assert found.verdict is Verdict.FAIL
    assert "no 3 layers in float meet the budget" in found.message


def test_without_a_budget_the_ranks_are_told():
    found = check()
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no budget is stated" in found.message
    assert len(found.numbers["layers"]) == 4
