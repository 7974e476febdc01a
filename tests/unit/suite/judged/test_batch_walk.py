from itertools import pairwise

import pytest

from retinaface.engines.catalogue import find_engine
from retinaface.suite.judged.batch_walk import EACH_UP_TO, LARGEST, last_batches, plan_walk

FAST = find_engine("ort-cpu-fp32")
END = (32, 32, 18)


@pytest.mark.parametrize("ends", [(), (END,), ((32, 32, 3), (8, 8, 2)), ((1, 1),), ((48, 48, 7),)])
@pytest.mark.parametrize("max_batch", [1, 2, 5, 32, 48, 64, 100])
def test_every_size_occurs_and_none_that_the_engine_does_not_take(max_batch, ends):
    walk = plan_walk(FAST, max_batch, None, ends)
    sizes = {*walk.first, *walk.second}
    assert {*range(1, min(LARGEST, max_batch) + 1)} <= sizes
    assert max(sizes) <= max_batch
    assert {*range(1, min(EACH_UP_TO, max_batch) + 1)} <= {*walk.first}
    assert walk.note == ""


@pytest.mark.parametrize("ends", [(), (END,), ((32, 32, 3),)])
def test_each_size_of_a_recipe_comes_after_a_smaller_and_after_a_larger_one(ends):
    walk = plan_walk(FAST, LARGEST, None, ends)
    pairs = [*pairwise(walk.first), *pairwise(walk.second)]
    for n in range(2, EACH_UP_TO + 1):
        assert any(before < n for before, size in pairs if size == n), n
        assert any(before > n for before, size in pairs if size == n), n
    assert 17 <= max(n for before, n in pairwise(walk.first) if before == 32 > n) < 32


def test_the_order_is_neither_rising_nor_falling_and_always_the_same():
    first = plan_walk(FAST, 64, None, ()).first
    steps = [after > before for before, after in pairwise(first)]
    assert min(steps.count(True), steps.count(False)) > len(steps) / 4
    assert first == plan_walk(FAST, 64, None, ()).first
    assert first[0] == 64


def test_the_end_of_each_evaluation_is_run_as_it_is():
    ends = (END, (8, 8, 2))
    first = plan_walk(FAST, 64, None, ends).first
    for end in ends:
        windows = [first[i : i + len(end)] for i in range(len(first))]
        assert tuple(end) in windows


def test_a_fixed_batch_is_run_filled_to_each_size_once():
    walk = plan_walk(FAST, 8, 8, ((8, 8, 3),))
    assert sorted((*walk.first, *walk.second)) == [1, 2, 3, 4, 5, 6, 7, 8, 8]
    assert walk.note == "; every call runs its fixed batch of 8"


def test_engines_of_seconds_an_image_run_few_sizes_and_say_so():
    slow = plan_walk(find_engine("onnx-reference-fp16"), 64, None, (END,))
    assert (slow.first, slow.second) == ((1, 2, 3), ())
    assert slow.note == "; batches of (1, 2, 3) alone: the engine is slow"
    python = plan_walk(find_engine("onnx-reference-fp32"), 64, None, (END,))
    assert python.first[:3] == END
    assert {1, 2, 3, 4, 7, 8, 17} <= {*python.first}
    assert "tenths of a second" in python.note
    assert python.second == ()


@pytest.mark.parametrize(
    ("n", "batch", "sizes"),
    [(434, 32, (32, 32, 18)), (67, 32, (32, 32, 3)), (64, 32, (32, 32)), (40, 32, (32, 8))]
    + [(5, 32, (5,)), (0, 32, ()), (3, 1, (1, 1))],
)
def test_an_evaluation_ends_in_whole_batches_and_the_rest(n, batch, sizes):
    assert last_batches(n, batch) == sizes
