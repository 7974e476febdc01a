"""The interval of a share covers the true one, however rare, and images are its unit."""

import numpy as np
import pytest

from retinaface.checks.agreement.shares import (
    MIN_DESIGN_EFFECT,
    ShareSums,
    images_to_decide,
    share_interval,
    sum_shares,
)
from retinaface.verdicts import Verdict, judge_interval


def sums_of(hits, alls):
    return sum_shares(zip(np.asarray(hits).tolist(), np.asarray(alls).tolist(), strict=True))


def test_sums_of_parts_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    alls = rng.integers(0, 50, 90)
    hits = rng.integers(0, alls + 1)
    whole = sums_of(hits, alls)
    parts = [sums_of(hits[i::3], alls[i::3]) for i in range(3)]
    assert sum(parts, ShareSums()) == whole
    assert whole.n_images == (alls > 0).sum()
    assert whole.share == hits.sum() / alls.sum()


def test_none_of_many_is_bounded_as_the_exact_interval_bounds_it():
    interval = share_interval(sums_of([0] * 400, [100] * 400))
    assert (interval.estimate, interval.low) == (0.0, 0.0)
    # 1 - 0.025 ** (1 / n) for half of the detections, and a little more for 400 images.
    assert interval.high == pytest.approx(1 - 0.025 ** (1 / 20_000), rel=0.02)
    everything = share_interval(sums_of([9] * 50, [9] * 50))
    assert (everything.estimate, everything.high) == (1.0, 1.0)
    assert 0.97 < everything.low < 1.0


def test_hits_that_go_together_widen_the_interval():
    alls = [100] * 400
    spread = share_interval(sums_of([1] * 200 + [0] * 200, alls))
    together = share_interval(sums_of([50] * 4 + [0] * 396, alls))
    assert spread.estimate == together.estimate
    assert together.high - together.low > 4 * (spread.high - spread.low)


def test_independent_images_have_the_exact_interval():
    found = share_interval(sums_of([1] * 5 + [0] * 95, [1] * 100), least_effect=1.0)
    # Clopper and Pearson for 5 of 100.
    assert found.low == pytest.approx(0.0164, abs=0.001)
    assert found.high == pytest.approx(0.1128, abs=0.002)


def test_nothing_has_no_interval():
    with pytest.raises(ValueError, match="expected 1 detection or more, got none"):
        share_interval(ShareSums())


@pytest.mark.parametrize(
    ("share", "together", "least"),
    [
        # Hits of one image go together the less, the larger the second number is.
        (0.0005, 20.0, 0.86),
        (0.002, 20.0, 0.91),
        (0.02, 20.0, 0.92),
        (0.02, 2.0, 0.91),
        (0.0005, 1e5, 0.97),
        (0.02, 1e5, 0.97),
    ],
)
def test_the_interval_covers_the_true_share(share, together, least):
    """Images differ in size and in their own share; 95 % are asked for.

    Few changed images with many hits each are the hard case, for any interval of a sample.
    """
    rng = np.random.default_rng(7)
    n_runs, n_images, n_covered = 300, 400, 0
    for _ in range(n_runs):
        alls = rng.integers(10, 200, n_images)
        own = rng.beta(together * share, together * (1 - share), n_images)
        interval = share_interval(sums_of(rng.binomial(alls, own), alls))
        n_covered += interval.low <= share <= interval.high
    assert n_covered / n_runs >= least


def test_the_number_of_images_that_would_decide_decides():
    few = sums_of([0] * 67, [70] * 67)
    limit = 0.0005
    assert judge(few, limit) is Verdict.INCONCLUSIVE
    n = images_to_decide(few, limit)
    assert judge(sums_of([0] * n, [70] * n), limit) is Verdict.PASS
    assert judge(sums_of([0] * (n * 9 // 10), [70] * (n * 9 // 10)), limit) is Verdict.INCONCLUSIVE


def test_a_share_at_the_limit_is_decided_by_no_number():
    assert images_to_decide(sums_of([1] * 50, [100] * 50), 0.01) is None


def judge(sums, limit):
    interval = share_interval(sums)
    return judge_interval(interval.low, interval.high, limit)


def test_the_design_effect_is_that_of_pairs_at_least():
    assert sums_of([0] * 9, [5] * 9).design_effect() == MIN_DESIGN_EFFECT
    assert sums_of([5, 0] * 9, [5] * 18).design_effect() == pytest.approx(5, rel=0.1)
