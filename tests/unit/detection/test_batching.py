import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retinaface.detection.batching import (
    BatchesInBuffers,
    BatchesOfEqualSize,
    Prepared,
    map_in_order,
)
from retinaface.detection.pipelines import Geometry
from retinaface.errors import ImageError

GEOMETRY = Geometry(8, 8, 8, 8, (0.0, 0.0), 1.0, clip=False)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(3) as threads:
        yield threads


def prepare(name, out=None):
    """Fill a tensor with the name, a number; multiples of 5 are bad, those of 4 are higher."""
    number = int(name)
    if number % 5 == 0:
        return name, ImageError(f"{name} is bad")
    tensor = out if out is not None else np.empty((3, 16 if number % 4 == 0 else 8, 8), np.float32)
    tensor[:] = number
    return Prepared(name, tensor, GEOMETRY)


def values(batch):
    return batch.images[:, 0, 0, 0].tolist() if len(batch.images) else []


def names(batch):
    return [item.name if isinstance(item, Prepared) else item[0] for item in batch.items]


@pytest.mark.parametrize("n_buffers", [1, 2, 5])
def test_buffers_take_turns_and_bad_images_keep_their_places(pool, n_buffers):
    wanted = [str(i) for i in range(1, 24)]
    batches = BatchesInBuffers(pool, prepare, wanted, (n_buffers, 4, 3, 8, 8))
    seen, buffers = [], set()
    for batch in batches:
        seen += names(batch)
        assert values(batch) == [int(n) for n in names(batch) if int(n) % 5]
        buffers.add(batch.buffer.ctypes.data)
        batches.release(batch)
    assert seen == wanted
    assert len(buffers) == min(n_buffers, 6)


def test_a_buffer_that_is_not_released_is_not_written_to(pool):
    batches = iter(source := BatchesInBuffers(pool, prepare, "1234678", (2, 2, 3, 8, 8)))
    first, second = next(batches), next(batches)
    assert (values(first), values(second)) == ([1, 2], [3, 4])
    assert list(batches) == []
    source.release(first)
    assert values(next(iter(source))) == [6, 7]
    assert values(second) == [3, 4]


def test_neighbours_of_equal_size_make_a_batch(pool):
    wanted = ["1", "2", "3", "4", "8", "5", "6", "7", "9", "10"]
    batches = BatchesOfEqualSize(pool, prepare, wanted, 3, ahead=4)
    found = []
    for batch in batches:
        found.append(names(batch))
        batches.release(batch)
    assert found == [["1", "2", "3"], ["4", "8", "5"], ["6", "7", "9", "10"]]


def test_map_in_order_holds_a_bounded_number_of_results():
    started, taken, most = 0, 0, 0
    lock = threading.Lock()

    def work(i):
        nonlocal started, most
        with lock:
            started += 1
            most = max(most, started - taken)
        return i

    with ThreadPoolExecutor(4) as pool:
        for i, result in enumerate(map_in_order(pool, work, range(200), ahead=8)):
            assert result == i
            with lock:
                taken += 1
    assert started == 200
    assert most <= 9
