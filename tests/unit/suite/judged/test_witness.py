import numpy as np
import pytest

from retinaface.suite.judged.witness import N_LAST_ROWS, Witness
from tests.support.engines import Counting, Showing, images, noise, spec


def test_a_witness_counts_images_and_passes_them_on():
    inner = Counting(spec())
    witness = Witness(inner)
    for n in (2, 1):
        outputs, expected = witness.infer(images(n, n)), inner.infer(images(n, n))
        for one, other in zip(outputs, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert witness.n_images == 3
    assert [len(batch) for batch in inner.batches] == [2, 2, 1, 1]


def test_a_witness_answers_for_the_engine_behind_it():
    inner = Counting(spec(name="inner", max_batch=4), fixed_batch=4)
    witness = Witness(inner)
    assert witness.spec is inner.spec
    assert witness.fixed_batch == 4
    assert witness.describe() == {"name": "inner"}


def test_the_filling_of_a_fixed_batch_is_not_counted():
    witness = Witness(Counting(spec(max_batch=4), fixed_batch=4))
    assert witness.infer(images(3)).loc.shape == (3, 4200, 4)
    assert witness.n_images == 3


def test_bad_input_is_refused_by_the_engine_behind_it():
    witness = Witness(Counting(spec()))
    with pytest.raises(TypeError, match="must be float32, got float64"):
        witness.infer(images(1).astype(np.float64))


def test_a_witness_shows_intermediates():
    found = Witness(Showing(spec())).infer_intermediates(images(2, 3.0), ["mean"])
    assert found["mean"].tolist() == [3, 3]


def test_closing_a_witness_leaves_the_engine_open():
    inner = Counting(spec())
    with Witness(inner):
        pass
    assert inner.infer(images(1)).loc.shape == (1, 4200, 4)


def numbered(first, n):
    """A batch whose image i is full of i."""
    return np.concatenate([images(1, float(i)) for i in range(first, first + n)])


def test_rows_of_the_last_call_and_of_each_batch_size_are_kept():
    witness = Witness(Counting(spec()))
    first = 0
    for n in (8, 8, 5, 8, 3):
        witness.infer(numbered(first, n))
        first += n
    rows = witness.seen().rows
    assert {row.n_in_call for row in rows} == {8, 5, 3}
    assert [row.i_image for row in rows if row.call == 5] == [29, 30, 31]
    assert [row.position for row in rows if row.call == 5] == [0, 1, 2]
    for row in rows:
        assert (row.inputs == row.i_image).all()
        assert row.outputs.loc.shape == (1, 4200, 4)
        assert (row.outputs.loc == row.i_image).all()


def test_of_a_large_last_call_a_few_rows_are_kept_and_the_last_is_one():
    witness = Witness(Counting(spec()))
    witness.infer(numbered(0, 20))
    kept = [row.position for row in witness.seen().rows]
    assert len(kept) in (N_LAST_ROWS, N_LAST_ROWS + 1)
    assert kept[-1] == 19


def test_what_is_kept_does_not_follow_a_buffer_that_is_filled_again():
    witness, buffer = Witness(Counting(spec())), images(2, 7.0)
    outputs = witness.infer(buffer)
    buffer.fill(0)
    outputs.loc.fill(0)
    assert {float(row.inputs.max()) for row in witness.seen().rows} == {7.0}
    assert {float(row.outputs.loc.max()) for row in witness.seen().rows} == {7.0}


def test_the_same_calls_keep_the_same_rows():
    kept = []
    for _ in range(2):
        witness = Witness(Counting(spec()))
        for n in (6, 6, 6, 2):
            witness.infer(images(n))
        kept.append([row.i_image for row in witness.seen().rows])
    assert kept[0] == kept[1]


def test_every_image_is_sketched_and_what_was_seen_does_not_grow():
    witness = Witness(Counting(spec()))
    witness.infer(noise(3))
    seen = witness.seen()
    witness.infer(noise(2))
    assert (len(seen.sketches), len(witness.seen().sketches)) == (3, 5)


def test_inputs_are_kept_where_they_are_asked_for():
    assert Witness(Counting(spec())).inputs is None
    witness, batch = Witness(Counting(spec()), keeps_inputs=True), noise(2)
    witness.infer(batch)
    np.testing.assert_array_equal(witness.inputs, batch)


def test_calls_that_end_in_another_order_keep_that_of_the_images():
    batches = [noise(n) for n in (2, 2, 1)]
    kept = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        witness = Witness(Counting(spec()))
        calls = [witness.begin(batch) for batch in batches]
        for i in order:
            calls[i]()
        assert witness.n_images == 5
        kept.append(witness.seen())
    for seen in kept[1:]:
        for one, other in zip(seen.sketches, kept[0].sketches, strict=True):
            np.testing.assert_array_equal(one.sums, other.sums)
        for row, first in zip(seen.rows, kept[0].rows, strict=True):
            assert (row.i_image, row.call) == (first.i_image, first.call)
            np.testing.assert_array_equal(row.inputs, first.inputs)
            np.testing.assert_array_equal(row.outputs.loc, first.outputs.loc)
