"""Targets on a cluster of this machine, with a stand-in for their interpreter."""

import contextlib
import time
from types import SimpleNamespace

import pytest
from distributed import Client, Nanny, Scheduler, SpecCluster

from retinaface.cluster.targets import placing
from retinaface.cluster.targets.placing import Placing
from retinaface.cluster.targets.plan import OwnKeys, Target
from retinaface.cluster.targets.workers import list_workers
from retinaface.verdicts import Verdict
from tests.support.children import is_free

HOST = "127.0.0.1"


@contextlib.contextmanager
def cluster_of(*resources):
    """Start a worker in a process of its own for each entry, with these resources."""
    common = {"host": HOST, "nthreads": 1, "dashboard_address": f"{HOST}:0", "death_timeout": 30}
    workers = {
        i: {"cls": Nanny, "options": {**common, "resources": one}}
        for i, one in enumerate(resources)
    }
    scheduler = {"cls": Scheduler, "options": {"host": HOST, "dashboard_address": f"{HOST}:0"}}
    with (
        SpecCluster(workers=workers, scheduler=scheduler, silence_logs=60) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(len(resources), timeout=60)
        yield client


@pytest.fixture(scope="module")
def cluster():
    with cluster_of({}, {"GPU": 1}, {}) as client:
        yield client


@pytest.fixture
def target(player, tmp_path):
    def call(play, name="", **own):
        env = {"PLAYER_RECORD": str(tmp_path / "template" / "record.json"), **own.pop("env", {})}
        keys = {"python": player, "alone": False, "keywords": play, **own}
        return Target(name or play, OwnKeys(env=env, **keys))

    return call


def ended(client, *targets, wait_s=30.0):
    return {one.target.name: one for one in Placing(client, targets, wait_s=wait_s).run()}


def test_each_of_twelve_targets_is_a_row_with_its_verdict(cluster, target):
    """One fails, one hangs, one crashes, one lacks its hardware, one its tag, one its Python."""
    targets = [
        *(target("passes", f"passes-{i}") for i in range(5)),
        target("passes", "on-the-board", needs={"GPU": 1}),
        target("fails"),
        target("hangs", time_limit=2),
        target("crashes"),
        target("lacks"),
        target("passes", "untagged", needs={"NPU": 2}),
        target("passes", "no-python", python="/no/such/env"),
    ]
    found = ended(cluster, *targets, wait_s=1.0)
    verdicts = {name: one.outcome.verdict.value for name, one in found.items()}
    assert verdicts == {
        **{f"passes-{i}": "PASS" for i in range(5)},
        "on-the-board": "PASS",
        "fails": "FAIL",
        "hangs": "FAIL",
        "crashes": "FAIL",
        "lacks": "FAIL",
        "untagged": "INCONCLUSIVE",
        "no-python": "FAIL",
    }
    reasons = {name: one.outcome.reason for name, one in found.items()}
    assert "gave no answer within 2 s" in reasons["hangs"]
    assert "ended by SIGSEGV" in reasons["crashes"]
    assert "needs cuda" in reasons["lacks"]
    expected = "no worker with NPU=2 within 1 s; the cluster has 3 workers with GPU=1"
    assert reasons["untagged"] == expected
    assert found["untagged"].worker == ""
    without = {name for name, one in found.items() if one.outcome.record is None}
    assert without == {"untagged", "no-python"}
    (board,) = [worker.address for worker in list_workers(cluster) if worker.resources]
    assert found["on-the-board"].worker == board
    assert [one.lost for one in found.values()] == [[]] * 12


def test_nothing_runs_beside_a_target_that_takes_times(cluster, target):
    """Two that share run at once on one machine; the other two are alone there."""
    names = ("a", "b", "c", "d")
    targets = [target("waits", name, alone=name in "ab") for name in names]
    spans = {}
    for name, one in ended(cluster, *targets).items():
        begin, end = one.outcome.reason.removeprefix("test_x.py::a: ").split()
        spans[name] = float(begin), float(end)
    overlap = {
        first + second
        for first in names
        for second in names
        if first < second
        and max(spans[first][0], spans[second][0]) < min(spans[first][1], spans[second][1])
    }
    assert overlap == {"cd"}


@pytest.mark.alone
def test_a_lost_worker_costs_one_start_and_two_are_a_fail(cluster, target, tmp_path):
    once = target("kills", "once", env={"ONCE": str(tmp_path / "once")})
    found = ended(cluster, once, target("kills", "always"), target("passes"))
    assert found["passes"].outcome.verdict is Verdict.PASS
    assert found["once"].outcome.verdict is Verdict.PASS
    assert len(found["once"].lost) == 1
    assert found["once"].worker not in found["once"].lost
    always = found["always"]
    assert always.outcome.verdict is Verdict.FAIL
    assert always.outcome.reason.startswith("2 workers were lost while they ran it: tcp://127")
    assert len(set(always.lost)) == 2


def test_a_run_that_stops_ends_its_targets(cluster, target, tmp_path):
    """As Ctrl-C does: the generator is closed while a target runs."""
    held = target("holds", env={"LOCK": str(tmp_path / "lock")})
    run = Placing(cluster, [held, target("passes")], wait_s=30).run()
    assert next(run).target.name == "passes"
    deadline = time.monotonic() + 20
    while not (tmp_path / "lock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.close()
    assert is_free(tmp_path / "lock")


class Stuck:
    """A client whose one worker never answers, and whose scheduler goes away after some looks."""

    def __init__(self, looks=10**6):
        self.status, self._looks, self.cancelled = "running", looks, []
        self.scheduler = SimpleNamespace(identity=None)

    def sync(self, _identity, *, n_workers, callback_timeout):
        self._looks -= 1
        if self._looks < 0:
            raise OSError("timed out")
        return {"workers": {"tcp://a:1": {"host": "a", "resources": {}}}}

    def submit(self, *_arguments, **_settings):
        return SimpleNamespace(status="pending")

    def cancel(self, futures, *, force):
        self.cancelled += futures


def test_a_scheduler_that_is_lost_leaves_a_row_for_each_open_target(target, monkeypatch):
    monkeypatch.setattr(placing, "_LOOK_S", 0.0)
    found = ended(Stuck(looks=3), target("hangs"), target("passes"))
    assert {one.outcome.verdict for one in found.values()} == {Verdict.INCONCLUSIVE}
    assert {one.outcome.reason for one in found.values()} == {
        "the scheduler was lost before this target ended"
    }
    assert [found["hangs"].worker, found["passes"].worker] == ["tcp://a:1", ""]


def test_a_worker_that_does_not_answer_is_given_up(target, monkeypatch):
    monkeypatch.setattr(placing, "_AROUND_S", 0.1)
    client = Stuck()
    found = ended(client, target("hangs", time_limit=0.1))["hangs"]
    assert found.outcome.verdict is Verdict.INCONCLUSIVE
    assert found.outcome.reason == "the worker tcp://a:1 did not answer within 0.2 s"
    assert len(client.cancelled) == 1
