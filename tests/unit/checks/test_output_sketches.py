import numpy as np
import pytest

from retinaface.checks.output_sketches import (
    distance,
    flat_images,
    nearest_same,
    sketch_limits,
    sketch_rows,
    whose,
)
from retinaface.network.outputs import RawOutputs
from retinaface.reference.stored import ReferenceCase

LIMITS = np.full(3, 1e-4)


def outputs(n, n_priors=50, seed=0):
    rng = np.random.default_rng(seed)
    arrays = (rng.normal(0, 1, (n, n_priors, width)) for width in (4, 2, 10))
    return RawOutputs(*(array.astype(np.float32) for array in arrays))


def by_name(found):
    return dict(zip("abcdefgh", sketch_rows(found), strict=False))


def test_outputs_off_by_rounding_are_the_same_and_others_far_apart():
    found = outputs(3)
    rounded = RawOutputs(*(array + np.float32(1e-6) for array in found))
    first, second = list(sketch_rows(found)), list(sketch_rows(rounded))
    for i, one in enumerate(first):
        near = [distance(one, other, LIMITS) <= 1 for other in second]
        assert near == [i == j for j in range(3)]


@pytest.mark.parametrize("output", [0, 1, 2])
def test_a_change_in_one_output_alone_is_seen(output):
    found = outputs(1)
    changed = [array.copy() for array in found]
    changed[output][0, 7] += 0.5
    (one,), (other,) = sketch_rows(found), sketch_rows(RawOutputs(*changed))
    assert distance(one, other, LIMITS) > 1


def test_a_nan_is_never_the_same():
    found = outputs(1)
    (one,) = sketch_rows(found)
    found.loc[0, 0, 0] = np.nan
    (other,) = sketch_rows(found)
    assert not distance(one, other, LIMITS) <= 1
    assert nearest_same({"a": one, "b": other}, LIMITS) == []


def test_inputs_of_another_size_have_other_outputs():
    (one,), (other,) = sketch_rows(outputs(1)), sketch_rows(outputs(1, n_priors=60))
    assert distance(one, other, LIMITS) == np.inf
    assert nearest_same({"a": one, "b": other}, LIMITS) == []


def test_more_values_than_signs_reuse_them():
    (one,) = sketch_rows(outputs(1, n_priors=30_000))
    assert np.isfinite(one.sums).all()


def test_images_with_the_outputs_of_another_are_named_in_the_order_of_the_run():
    found = outputs(6)
    for array in found:
        array[4] = array[1]
        array[5] = array[2]
    assert nearest_same(by_name(found), LIMITS) == [("b", "e"), ("c", "f")]
    assert nearest_same(by_name(outputs(6)), LIMITS) == []
    assert nearest_same({}, LIMITS) == []


def test_of_many_with_the_same_outputs_each_is_in_a_pair():
    found = outputs(5)
    for array in found:
        array[1:] = array[0]
    pairs = nearest_same(by_name(found), LIMITS)
    assert {image for pair in pairs for image in pair} == set("abcde")


def test_the_owner_of_outputs_is_found():
    known = by_name(outputs(4))
    assert whose(known["c"], known, LIMITS) == "c"
    (other,) = sketch_rows(outputs(1, seed=9))
    assert whose(other, known, LIMITS) is None


def test_outputs_of_one_number_are_flat():
    found = outputs(2)
    found.loc[1] = 0
    assert flat_images(by_name(found)) == ["b"]


def test_limits_follow_the_noise_floor_and_are_never_zero():
    exact = {name: np.zeros((1, 5, 2)) for name in ("loc", "conf", "landmarks")}
    off = {name: np.full((1, 5, 2), 2e-3, np.float32) for name in exact}
    case = ReferenceCase("x", np.zeros((1, 3, 8, 8), np.float32), exact, exact, off)
    assert sketch_limits(case, "fp16") == pytest.approx([6 * 2.5 * 2e-3] * 3)
    assert (sketch_limits(case, "fp32") > 0).all()
