"""The process of a run is followed, and it leaves no process behind."""

import os
import time

import pytest

from retinaface.cli.supervision import child as children
from retinaface.cli.supervision.child import Watch
from tests.support.children import (
    DEAF,
    HOLD,
    SLEEPER,
    START_WORKER,
    TEST,
    free_soon,
    is_free,
    start,
)


def test_a_test_that_hangs_is_ended_and_named(supervise):
    started = time.monotonic()
    result, out, record = supervise(f"record({TEST!r}); time.sleep(60)", timeout=1.0)
    assert 1 <= time.monotonic() - started < 20
    assert result == 1
    assert f"FAIL {TEST}: took longer than --timeout 1 s" in out
    assert record["crash"] == "took longer than --timeout 1 s"


def test_a_start_that_takes_longer_than_a_test_may_is_no_failure(supervise):
    """A busy machine takes long to import and collect; no test is at fault for that."""
    code = f"time.sleep(2); record({TEST!r}); record(None, 'finished'); sys.exit(0)"
    assert supervise(code, timeout=1.0)[0] == 0


def test_a_start_that_never_ends_is_ended(supervise, monkeypatch):
    monkeypatch.setattr(children, "_STARTS_S", 1.5)
    result, out, _ = supervise("time.sleep(60)", timeout=1.0)
    assert result == 1
    assert "FAIL before the first test or after the last one: began no test within 1.5 s" in out


def test_a_child_that_ignores_sigterm_is_killed(supervise, monkeypatch):
    monkeypatch.setattr(children, "_GRACE_S", 0.2)
    code = f"signal.signal(signal.SIGTERM, signal.SIG_IGN); record({TEST!r}); time.sleep(60)"
    result, out, _ = supervise(code, timeout=1.0)
    assert result == 1
    assert f"FAIL {TEST}: took longer" in out


def test_processes_of_a_hanging_child_are_ended_too(supervise, tmp_path):
    code = f"{START_WORKER}record({TEST!r}); time.sleep(60)"
    assert supervise(code, timeout=1.0)[0] == 1
    assert is_free(tmp_path / "lock")


def test_a_supervisor_that_is_interrupted_ends_the_child(supervise, tmp_path, monkeypatch):
    looks = []

    def look(_watch):
        looks.append(1)
        if (tmp_path / "lock").exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "look", look)
    with pytest.raises(KeyboardInterrupt):
        supervise(f"{HOLD}time.sleep(60)")
    assert is_free(tmp_path / "lock")


def test_each_test_has_the_whole_timeout(tmp_path, monkeypatch):
    clock = iter(range(10, 100, 10))
    monkeypatch.setattr(children.time, "monotonic", lambda: next(clock))
    watch = Watch(tmp_path)
    seen = []
    for content in (None, '{"running": "a"}', '{"running": "a"}', "{", '{"running": "b"}', "{}"):
        if content is not None:
            (tmp_path / "record.json").write_text(content)
        watch.look()
        seen.append((watch.running, watch.since))
    assert seen == [(None, 0), ("a", 10), ("a", 10), ("a", 10), ("b", 20), (None, 30)]


def test_the_child_finds_the_modules_of_the_caller(supervise, tmp_path, monkeypatch):
    (tmp_path / "caller").mkdir()
    monkeypatch.chdir(tmp_path / "caller")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    code = "record(os.getcwd() + os.pathsep + os.environ['PYTHONPATH']); os._exit(0)"
    record = supervise(code)[2]
    assert record["running"].split(os.pathsep) == [
        str(tmp_path),
        str(tmp_path / "caller"),
        "/elsewhere",
    ]


def test_processes_of_a_crashed_child_are_ended(supervise, tmp_path):
    supervise(start(SLEEPER) + f"record({TEST!r}); os.kill(os.getpid(), 9)")
    assert free_soon(tmp_path / "lock")


def test_a_grandchild_that_ignores_sigterm_is_killed(supervise, tmp_path):
    supervise(start(DEAF) + f"record({TEST!r}); time.sleep(60)", timeout=1.0)
    assert free_soon(tmp_path / "lock")
