from types import SimpleNamespace

import pytest

from retinaface.cluster.targets.workers import Worker, list_workers


@pytest.mark.parametrize(
    ("needs", "fits"),
    [({}, True), ({"GPU": 1}, True), ({"GPU": 2}, False), ({"NPU": 1}, False)],
)
def test_a_worker_fits_that_declared_what_is_needed(needs, fits):
    assert Worker("tcp://a:1", "a", {"GPU": 1.0, "MEMORY": 8e9}).has(needs) is fits


def test_a_scheduler_that_does_not_answer_has_no_list():
    def refuse(*_arguments, **_settings):
        raise OSError("timed out")

    scheduler = SimpleNamespace(identity=None)
    client = SimpleNamespace(status="running", scheduler=scheduler, sync=refuse)
    assert list_workers(client) is None
    assert list_workers(SimpleNamespace(status="closed")) is None


def call(function, *, callback_timeout, **settings):
    return function(**settings)


def test_all_workers_are_listed():
    """By default, the scheduler names five."""

    def identity(n_workers):
        assert n_workers == -1
        facts = {"host": "10.0.0.7", "resources": {"GPU": 1}, "nthreads": 1}
        return {"workers": {"tcp://10.0.0.7:1": facts}}

    scheduler = SimpleNamespace(identity=identity)
    client = SimpleNamespace(status="running", scheduler=scheduler, sync=call)
    assert list_workers(client) == [Worker("tcp://10.0.0.7:1", "10.0.0.7", {"GPU": 1})]
