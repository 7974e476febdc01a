import numpy as np
import pytest

from retinaface.detection.batching import BatchesInBuffers, BatchesOfEqualSize, Prepared
from retinaface.detection.pipelines import Geometry
from retinaface.errors import ImageError

GEOMETRY = Geometry(8, 8, 8, 8, (0.0, 0.0), 1.0, clip=False)


def item(number, out=None):
    """Fill a tensor with a number; multiples of 5 are bad, those of 4 are higher."""
    if number % 5 == 0:
        return str(number), ImageError(f"{number} is bad")
    tensor = out if out is not None else np.empty((3, 16 if number % 4 == 0 else 8, 8), np.float32)
    tensor[:] = number
    return Prepared(str(number), tensor, GEOMETRY)


def fill(batches, numbers, first=0):
    """Add items that lie where the batches want them; give the batches that this completes."""
    places = [batches.place(i) for i, _ in enumerate(numbers, first)]
    items = [item(number, out) for number, out in zip(numbers, places, strict=True)]
    return [batch for each in items for batch in batches.add(each)]


def values(batch):
    return batch.images[:, 0, 0, 0].tolist() if len(batch.images) else []


def names(batch):
    return [int(i.name if isinstance(i, Prepared) else i[0]) for i in batch.items]


@pytest.mark.parametrize("n_buffers", [1, 2, 5])
def test_buffers_take_turns_and_bad_images_keep_their_places(n_buffers):
    batches, wanted, seen = BatchesInBuffers((n_buffers, 4, 3, 8, 8)), list(range(1, 24)), []
    for start in range(0, len(wanted), 4):
        for batch in [*fill(batches, wanted[start : start + 4], start), *batches.rest()]:
            seen += names(batch)
            assert values(batch) == [n for n in names(batch) if n % 5]
            batches.release()
    assert seen == wanted


def test_a_buffer_is_free_for_further_images_once_it_is_released():
    batches = BatchesInBuffers((2, 2, 3, 8, 8))
    assert batches.limit == 4
    first, second = fill(batches, [1, 2, 3, 4])
    assert (values(first), values(second), batches.limit) == ([1, 2], [3, 4], 4)
    batches.release()
    assert batches.limit == 6
    assert np.shares_memory(batches.place(4), first.images)
    assert not np.shares_memory(batches.place(5), second.images)


def test_neighbours_of_equal_size_make_a_batch():
    batches = BatchesOfEqualSize(3, ahead=4)
    done = fill(batches, [1, 2, 3, 4, 8, 5, 6, 7, 9, 10])
    assert [names(b) for b in [*done, *batches.rest()]] == [[1, 2, 3], [4, 8, 5], [6, 7, 9, 10]]
    assert batches.rest() == []


def test_batches_of_unknown_size_look_a_fixed_number_of_images_ahead():
    batches = BatchesOfEqualSize(3, ahead=4)
    fill(batches, [1, 2])
    assert batches.limit == 6
