"""What was found is there again, batch by batch, for the process that goes on."""

import os
import time

import numpy as np
import pytest

from retinaface.detection.detections import Detections
from retinaface.errors import DatasetError, ImageError
from retinaface.widerface.unfinished import parts as module
from retinaface.widerface.unfinished.parts import Finished, Parts, check_same
from tests.support.made.records import detections


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(module, "_INTERVAL_S", 0.0)


def finished(i):
    result = ImageError(f"image {i} is bad") if i == 1 else detections(i, i)
    return Finished(f"e/{i}", result, f"{i:064d}")


def same(one, other):
    assert (one.image, one.sha256) == (other.image, other.sha256)
    if isinstance(other.result, Detections):
        for name in ("boxes_xyxy", "scores", "landmarks_xy"):
            found, expected = getattr(one.result, name), getattr(other.result, name)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, expected)
    else:
        assert str(one.result) == str(other.result)


def test_batches_that_ended_are_read_again_in_their_order(tmp_path):
    parts = Parts(tmp_path / "x", 2, resumes=False)
    for i in range(5):
        parts.add(finished(i))
    parts.close(is_whole=False)
    again = Parts(tmp_path / "x", 2, resumes=True)
    found = list(again.read())
    assert len(found) == 4  # the batch of the fifth had not ended
    for i, one in enumerate(found):
        same(one, finished(i))
    for i in (4, 5):
        again.add(finished(i))
    again.close(is_whole=False)
    assert [one.image for one in Parts(tmp_path / "x", 2, resumes=True).read()] == [
        f"e/{i}" for i in range(6)
    ]


def test_nothing_stale_is_mixed_in_without_resume(tmp_path):
    parts = Parts(tmp_path / "x", 1, resumes=False)
    parts.add(finished(0))
    parts.close(is_whole=False)
    again = Parts(tmp_path / "x", 1, resumes=False)
    again.close(is_whole=False)
    assert list(Parts(tmp_path / "x", 1, resumes=True).read()) == []


def test_the_same_evaluation_may_run_several_times_at_once(tmp_path):
    both = [Parts(tmp_path / "x", 1, resumes=False) for _ in range(2)]
    for i, parts in enumerate(both):
        parts.add(finished(i))
    both[0].close(is_whole=True)
    both[1].close(is_whole=False)
    assert [one.image for one in Parts(tmp_path / "x", 1, resumes=True).read()] == ["e/1"]


def test_a_whole_evaluation_leaves_nothing(tmp_path):
    parts = Parts(tmp_path / "x", 1, resumes=False)
    parts.add(finished(0))
    parts.close(is_whole=True)
    assert list((tmp_path / "x").iterdir()) == []


def test_a_damaged_file_is_named(tmp_path):
    parts = Parts(tmp_path / "x", 1, resumes=False)
    parts.add(finished(0))
    parts.close(is_whole=False)
    next((tmp_path / "x" / "0").glob("*.npz")).write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"cannot go on: .*0\.npz is damaged"):
        list(Parts(tmp_path / "x", 1, resumes=True).read())


def test_a_full_disk_costs_the_kept_parts_and_no_result(tmp_path, monkeypatch):
    parts = Parts(tmp_path / "x", 1, resumes=False)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.np, "savez", full)
    parts.add(finished(0))
    parts.add(finished(1))
    assert "a kill would lose what was found from here on" in parts.problem


def test_what_nobody_goes_on_with_is_swept(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "x.npz").write_bytes(b"x")
    long_ago = time.time() - 15 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    Parts(tmp_path / "x", 1, resumes=False)
    assert not old.exists()


def test_an_image_that_changed_is_refused():
    one = Finished("e/a", ImageError("x"), "0" * 64)
    with pytest.raises(DatasetError, match="image e/a changed since it was evaluated"):
        check_same(one, "e/a", b"other")
