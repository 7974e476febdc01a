import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.threads import Turns, threads_and_calls


@pytest.mark.parametrize(
    ("n_cpus", "threads", "expected"),
    [(1, None, (1, 1)), (2, None, (1, 2)), (16, None, (4, 4)), (2, 4, (4, 1)), (8, 2, (2, 4))],
)
def test_shared_processors_are_divided_into_calls(monkeypatch, n_cpus, threads, expected):
    monkeypatch.setattr("retinaface.engines.threads.n_usable_cpus", lambda: n_cpus)
    spec = EngineSpec("x", "fp32", "cpu", threads=threads, shares_cpus=True)
    assert threads_and_calls(spec) == expected


@pytest.mark.parametrize(("device", "shares_cpus"), [("cpu", False), ("cuda", True)])
def test_one_call_at_a_time_where_nothing_is_shared(device, shares_cpus):
    spec = EngineSpec("x", "fp32", device, threads=3, shares_cpus=shares_cpus)
    assert threads_and_calls(spec) == (3, 1)


@pytest.mark.parametrize("n", [1, 3])
def test_no_more_are_let_in_at_a_time(n):
    turns, lock, inside, most = Turns(), threading.Lock(), [0], [0]
    everyone_came = threading.Barrier(n, timeout=10)

    def call(i):
        with turns.take(n):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            if i < n:  # the first wait for each other: as many as may are in
                everyone_came.wait()
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(8) as threads:
        first = [threads.submit(call, i) for i in range(n)]
        for future in first:
            future.result()
        list(threads.map(call, range(n, 8 * n)))
    assert most == [n]


def test_a_call_that_fails_lets_the_next_in():
    turns = Turns()
    for _ in range(3):
        with pytest.raises(KeyError), turns.take(1):
            raise KeyError
    with turns.take(1):
        pass
