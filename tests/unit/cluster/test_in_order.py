import threading
import time

import pytest

from retinaface.cluster import in_order
from retinaface.cluster.in_order import Happened, InOrder
from retinaface.cluster.shards import Shards
from retinaface.errors import ClusterError, ImageError


class Task:
    """A task that ends when told to."""

    def __init__(self, value):
        self.value, self.key, self._callback = value, str(id(self)), None

    def add_done_callback(self, callback):
        self._callback = callback

    def end(self):
        self._callback(self)

    def release(self):
        pass


class Result:
    seconds = 0.001


class Staff:
    """Workers whose tasks end in the opposite order, two at a time."""

    address = "tcp://s:1"

    def __init__(self, *, bad=(), silent=False, leave=False):
        self._leave = leave
        self._bad, self._silent, self._open, self.most = set(bad), silent, [], 0

    def addresses(self):
        return set() if self._leave and self.most else {"tcp://a:1"}

    def held(self):
        return {"tcp://a:1": ()}

    def send(self, shard, _only_on):
        task = Task(ImageError(f"bad {shard.index}") if shard.index in self._bad else Result())
        self._open.append(task)
        self.most = max(self.most, len(self._open))
        if len(self._open) == 2 and not self._silent:
            threading.Thread(target=self._end, args=(self._open[::-1],)).start()
            self._open = []
        return task

    def _end(self, tasks):
        for task in tasks:
            while task._callback is None:
                time.sleep(0.001)
            task.end()

    def outcome(self, task, _what):
        if isinstance(task.value, Exception):
            raise task.value
        return task.value


def run(staff, n_images=96):
    happened = Happened()
    stream = InOrder(staff, Shards(n_images, 8), staff.send, happened).results()
    return [shard.index for shard, _ in stream]


def test_results_are_handed_on_in_order():
    staff = Staff()
    found = run(staff, 16 * 8)
    assert found == list(range(len(found)))
    assert staff.most <= in_order.IN_HAND


def test_the_first_error_in_order_ends_the_run():
    with pytest.raises(ImageError, match="bad 2"):
        run(Staff(bad={2, 3}), 16 * 8)


def test_silence_ends_the_run(monkeypatch):
    monkeypatch.setattr(in_order, "SILENT_S", 0.1)
    monkeypatch.setattr(in_order, "_LOOK_S", 0.05)
    with pytest.raises(ClusterError, match=r"no shard ended for 0 s \(images 1 to .*; 1 workers"):
        run(Staff(silent=True))


def test_a_run_that_all_workers_left_ends(monkeypatch):
    monkeypatch.setattr(in_order, "_NOBODY_S", 0.1)
    monkeypatch.setattr(in_order, "_LOOK_S", 0.05)
    with pytest.raises(ClusterError, match="all workers of tcp://s:1 were lost, and none came"):
        run(Staff(silent=True, leave=True))
