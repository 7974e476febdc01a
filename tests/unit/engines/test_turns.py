import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from retinaface.engines.turns import Turns


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
