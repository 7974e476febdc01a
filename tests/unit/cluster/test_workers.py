import pytest

from retinaface.cluster.worker import Outcome
from retinaface.cluster.workers import Workers
from retinaface.errors import ClusterError, DatasetError


class Ended:
    """A task that has ended."""

    def __init__(self, outcome=None, *, raises=None, status="finished"):
        self.status, self._outcome, self._raises = status, outcome, raises

    def result(self, timeout):
        if self._raises:
            raise self._raises
        return self._outcome


@pytest.fixture
def workers():
    class Client:
        def scheduler_info(self, n_workers):
            return {"address": "tcp://s:1"}

    return Workers(Client(), "run", {})


def test_runtimes_that_differ_are_refused(workers):
    assert workers.outcome(Ended(Outcome("tcp://a:1", 5, runtime="ort 1.2")), "x") == 5
    match = "the runtime is ort 1.3 on the worker tcp://b:1 and ort 1.2 on tcp://a:1"
    with pytest.raises(ClusterError, match=match):
        workers.outcome(Ended(Outcome("tcp://b:1", 5, runtime="ort 1.3")), "x")


def test_the_error_of_a_worker_is_raised_here(workers):
    with pytest.raises(DatasetError, match="no image"):
        workers.outcome(Ended(Outcome("tcp://a:1", error=DatasetError("no image"))), "x")


@pytest.mark.parametrize(
    ("outcome", "got"),
    [
        ({"value": 5}, "a dict"),
        (None, "a NoneType"),
        (Outcome("tcp://a:1", error="no image"), "an error of type str"),
        (Outcome(7), "an outcome that names no worker"),
    ],
    ids=["dict", "none", "error", "nameless"],
)
def test_what_is_no_outcome_is_refused(workers, outcome, got):
    with pytest.raises(ClusterError, match=f"x: a worker answered with {got}, expected an outcome"):
        workers.outcome(Ended(outcome), "x")


@pytest.mark.parametrize(
    ("ended", "match"),
    [
        (Ended(status="cancelled"), "the scheduler tcp://s:1 went away"),
        (Ended(raises=OSError("closed")), "the scheduler tcp://s:1 went away"),
        (Ended(raises=ImportError("no tests")), r"cannot import .* \(no tests\); install"),
    ],
    ids=["cancelled", "closed", "import"],
)
def test_what_went_wrong_is_said(workers, ended, match):
    with pytest.raises(ClusterError, match=match):
        workers.outcome(ended, "x")
