import numpy as np
import pytest

from retinaface.checks.soak.trend import growth, thirds

RNG = np.random.default_rng(0)
TIMES = [10.0 * i for i in range(1, 101)]


def test_a_line_grows_by_its_slope_over_the_run():
    found = growth(TIMES, [2.0 * at + 5 for at in TIMES])
    assert (found.estimate, found.low, found.high) == pytest.approx((1980.0, 1980.0, 1980.0))


def test_what_never_moves_has_grown_by_nothing():
    found = growth(TIMES, [7] * len(TIMES))
    assert (found.estimate, found.low, found.high) == (0, 0, 0)


def test_noise_has_an_interval_around_nothing_and_a_slope_one_around_it():
    noise = RNG.normal(0, 1, len(TIMES))
    still = growth(TIMES, noise)
    assert still.low < 0 < still.high
    rising = growth(TIMES, noise + 0.01 * np.asarray(TIMES))
    assert rising.low < 9.9 < rising.high
    assert rising.low > 5


def test_a_few_wild_samples_and_a_step_at_the_beginning_move_nothing():
    values = np.full(len(TIMES), 100.0)
    values[:5] = 0
    values[50::17] = 1e6
    assert growth(TIMES, values).estimate == 0


def test_a_long_run_is_looked_at_in_blocks():
    times = [float(i) for i in range(20_000)]
    assert growth(times, [3 * at for at in times]).estimate == pytest.approx(3 * 19_999, rel=1e-9)


def test_thirds_are_medians_in_order():
    assert thirds([1, 1, 9, 2, 2, 2, 3, 3, 3]) == (1, 2, 3)
