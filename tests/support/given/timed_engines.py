"""Honest engines whose calls take a stated time, by a clock that they turn themselves."""

from __future__ import annotations

import numpy as np

from tests.support.given.faulty_engines import Wrapped, factory_of
from tests.support.standins import clock

# Calls before the last third: 10 warm up, and 80 of 25 ms fit into what is timed.
_BEFORE_LAST_THIRD = 10 + 54


class Steady(Wrapped):
    """Takes 25 ms for a call, give or take 1 %."""

    seconds, seed = 0.025, 1

    def _run(self, images):
        if not hasattr(self, "rng"):
            self.rng = np.random.default_rng(self.seed)
        outputs = super()._run(images)
        clock.slow_down(self.slowness_of_machine())
        noise = np.exp(0.01 * self.rng.standard_normal())
        clock.let_pass(self.seconds * self.factor() * noise)
        return outputs

    def factor(self):
        """How many times as long this call takes."""
        return 1.0

    def slowness_of_machine(self):
        """How slow the machine is from this call on."""
        return 1.0

    @property
    def is_late(self):
        return self.n_calls > _BEFORE_LAST_THIRD


class SteadyAgain(Steady):
    """The same build under another name."""

    seed = 2


class Slower(Steady):
    """The same, 20 % slower."""

    seconds = 1.2 * Steady.seconds


class GrowsSlower(Steady):
    """Is 15 % slower in the last third of the calls."""

    def factor(self):
        return 1.15 if self.is_late else 1.0


class OneInFive(Steady):
    """Takes three times as long for one call in five."""

    def factor(self):
        return 3.0 if self.n_calls % 5 == 0 else 1.0


class OneInFiveLonger(Steady):
    """Takes 40 % longer for one call in five: little, and more than the baseline's runs did."""

    def factor(self):
        return 1.4 if self.n_calls % 5 == 0 else 1.0


class SlowMachine(Steady):
    """The machine is 15 % slower in the last third of the calls, and the engine with it."""

    def slowness_of_machine(self):
        return 1.15 if self.is_late else 1.0


__getattr__ = factory_of(globals())
