import pytest

from retinaface.cluster.shards import LEAST_IMAGES, MOST_IMAGES, Shards, border_step
from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import ClusterError


def cut_all(n_images, step, n_workers, image_s=0.001):
    shards, found = Shards(n_images, step), []
    while not shards.is_empty:
        found.append(shards.cut(n_workers, image_s))
    return found


@pytest.mark.parametrize("step", [1, 5, 32, 300])
def test_shards_end_where_batches_end(step):
    found = cut_all(2011, step, 3)
    assert [s.index for s in found] == list(range(len(found)))
    assert [s.begin for s in found] == [0, *(s.end for s in found[:-1])]
    assert found[-1].end == 2011
    assert all(s.begin % step == 0 for s in found)
    assert all(s.n_images <= max(MOST_IMAGES, step) for s in found)


def test_shards_become_small_towards_the_end():
    found = cut_all(2000, 1, 2)
    for shard in found:
        assert shard.n_images <= max(LEAST_IMAGES, (2000 - shard.begin) / 8)


def test_shards_of_a_slow_engine_are_small():
    assert cut_all(2000, 1, 2, image_s=1.0)[0].n_images == 10


def test_batches_that_depend_on_sizes_of_images_are_refused():
    assert border_step(PIPELINES["igie"], 32) == 32
    assert border_step(PIPELINES["upstream-320"], 1) == 1
    with pytest.raises(ClusterError, match="upstream-320 and batch 2: .*; leave --batch out"):
        border_step(PIPELINES["upstream-320"], 2)
