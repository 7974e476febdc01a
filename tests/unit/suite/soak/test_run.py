"""A soak ends by what comes first, and gives a sample for each interval."""

import time

import numpy as np
import pytest

from retinaface.checks.speed.machine import FixedWork
from retinaface.engines.base import EngineSpec
from retinaface.network.outputs import RawOutputs
from retinaface.suite.soak import run as soaking
from retinaface.suite.soak.first_pass import FirstPass
from retinaface.suite.soak.readings import Readings
from retinaface.suite.soak.run import Plan, Soak
from tests.support.given.remote_engines import Plain


@pytest.fixture
def soak(monkeypatch):
    monkeypatch.setattr(soaking, "_SHORTEST_S", 0.02)
    spec = EngineSpec("plain", "fp32", "cpu", height_px=64, width_px=64)
    images = np.ones((1, 3, 64, 64), np.float32)
    with Plain(spec) as engine, FixedWork("cpu", 0.001) as work:
        outputs = RawOutputs(*map(np.copy, engine.infer(images)))
        yield Soak(engine, FirstPass([images], [outputs], None), Readings({"device": "cpu"}), work)


def test_it_ends_after_its_calls(soak):
    taken = []
    soak.run(Plan(None, 50), lambda: False, taken.append)
    assert (soak.n_calls, sum(one.n_calls for one in taken)) == (50, 50)
    assert taken == soak.samples
    assert soak.first.n_equal == 50
    times = [one.at_s for one in taken]
    assert times == sorted(times)
    assert all(one.call_s > 0 and one.work_s > 0 for one in taken)


def test_it_ends_when_its_time_is_over(soak):
    begun = time.monotonic()
    soak.run(Plan(0.2), lambda: False, lambda _: None)
    assert time.monotonic() - begun >= 0.2
    assert soak.n_calls == sum(one.n_calls for one in soak.samples) > 0


def test_it_ends_when_it_is_stopped_with_the_sample_of_what_ran(soak):
    soak.run(Plan(None), lambda: soak.n_calls == 7, lambda _: None)
    assert soak.n_calls == sum(one.n_calls for one in soak.samples) == 7


def test_one_that_is_stopped_before_its_first_call_has_none(soak):
    soak.run(Plan(3600), lambda: True, lambda _: None)
    assert (soak.samples, soak.n_calls) == ([], 0)


@pytest.mark.parametrize(
    ("seconds", "interval_s"), [(None, 1), (36, 1), (3600, 18), (24 * 3600, 60)]
)
def test_a_run_has_about_two_hundred_intervals_within_bounds(seconds, interval_s):
    assert Plan(seconds).interval_s == interval_s
