import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.threads import threads_and_calls


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
