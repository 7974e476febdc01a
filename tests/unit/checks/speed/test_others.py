import os
import time

import pytest

from retinaface.checks.speed.others import OthersMeanwhile

TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def stat(tmp_path, monkeypatch):
    """Write what the system counts, in seconds, of two processors of this process and one more."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    own = []
    monkeypatch.setattr(time, "process_time", lambda: own[-1])

    def write(busy_s, idle_s, own_s, steal_s=0.0):
        own.append(own_s)
        halves = (busy_s, idle_s / 2, idle_s / 2, steal_s)
        user, idle, iowait, steal = (round(TICKS * x / 2) for x in halves)
        each = f"{user} 0 0 {idle} {iowait} 0 0 {steal} 7 7"  # guests at the end
        elsewhere = " ".join(["99999"] * 10)
        lines = [f"cpu  {elsewhere}", f"cpu0 {each}", f"cpu1 {elsewhere}", f"cpu2 {each}", "intr 1"]
        (tmp_path / "stat").write_text("\n".join(lines))
        return tmp_path / "stat"

    return write


@pytest.mark.parametrize(
    ("busy_s", "idle_s", "own_s", "share"),
    [(2, 18, 2, 0.0), (10, 10, 2, 0.4), (20, 0, 10, 0.5), (20, 0, 0, 1.0), (2, 18, 3, 0.0)],
    ids=["alone", "beside", "half each", "asleep", "within a tick"],
)
def test_what_is_busy_and_not_of_this_process_is_of_others(stat, busy_s, idle_s, own_s, share):
    others = OthersMeanwhile(stat(100, 100, 50))
    stat(100 + busy_s, 100 + idle_s, 50 + own_s)
    assert others.share() == pytest.approx(share)


def test_what_the_hypervisor_took_is_of_others(stat):
    others = OthersMeanwhile(stat(0, 0, 0))
    stat(4, 6, 4, steal_s=10)
    assert others.share() == pytest.approx(0.5)


def test_a_time_of_no_tick_tells_nothing(stat):
    others = OthersMeanwhile(stat(1, 1, 1))
    assert others.share() is None


def test_a_system_that_does_not_count_tells_nothing(tmp_path, monkeypatch, stat):
    assert OthersMeanwhile(tmp_path / "none").share() is None
    monkeypatch.delattr(os, "sched_getaffinity")
    assert OthersMeanwhile(stat(1, 1, 1)).share() is None


def test_this_system_gives_a_share():
    others = OthersMeanwhile()
    while (share := others.share()) is None:
        time.sleep(0.01)
    assert 0 <= share <= 1
