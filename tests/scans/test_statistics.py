"""Intervals: known values, edges, determinism, and that they cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.statistics import Interval, Method, cluster_bootstrap, cluster_mean, student_quantile, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_wilson_has_its_published_values(successes: int, n: int, low: float, high: float):
    interval = wilson(successes, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


def test_nothing_observed_is_no_estimate():
    nothing = Interval(estimate=None, low=None, high=None, n=0, clusters=0, method=Method.NONE)
    assert wilson(0, 0) == nothing
    assert cluster_bootstrap([], []) == nothing
    assert cluster_bootstrap([0, 0], [0, 0]) == nothing
    assert cluster_mean([], []) == nothing


@pytest.mark.parametrize("arguments", [(2, 1), (-1, 1), (1, -1)])
def test_wilson_refuses_impossible_counts(arguments: tuple[int, int]):
    with pytest.raises(ValueError, match="successes"):
        wilson(*arguments)


@pytest.mark.parametrize("arguments", [([2], [1]), ([1], [0]), ([-1], [1]), ([1], [1, 1]), ([0], [-1])])
def test_bootstrap_refuses_impossible_counts(arguments: tuple[list[int], list[int]]):
    with pytest.raises(ValueError, match=r"\w"):
        cluster_bootstrap(*arguments)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (19, 2.093), (1000, 1.962)]
)
def test_student_quantiles_match_the_tables(freedom: int, expected: float):
    assert student_quantile(0.975, freedom) == pytest.approx(expected, rel=0.005)
    assert student_quantile(0.025, freedom) == pytest.approx(-expected, rel=0.005)


def test_the_same_counts_give_the_same_interval():
    one = cluster_bootstrap([1, 0, 2, 3], [3, 3, 3, 3])
    assert one == cluster_bootstrap([1, 0, 2, 3], [3, 3, 3, 3])
    assert one == cluster_bootstrap([3, 2, 1, 0], [3, 3, 3, 3])
    larger = ([0, 1, 2, 3, 3, 1, 0, 2, 1] * 3, [3, 4, 5] * 9)
    assert cluster_bootstrap(*larger) != cluster_bootstrap(*larger, seed=1)


def test_estimate_pools_trials_and_counts_only_clusters_that_have_some():
    interval = cluster_bootstrap([3, 0, 0], [4, 1, 0])
    assert (interval.estimate, interval.n, interval.clusters) == (0.6, 5, 2)


@pytest.mark.parametrize("outcome", [0, 3])
def test_outcomes_all_alike_fall_back_to_wilson_over_prompts(outcome: int):
    interval = cluster_bootstrap([outcome] * 10, [3] * 10)
    plain = wilson(10 * outcome / 3, 10)
    assert (interval.low, interval.high) == (plain.low, plain.high)
    assert (interval.method, interval.n, interval.clusters) == (Method.WILSON, 30, 10)


def test_one_prompt_says_little_about_the_category():
    interval = cluster_bootstrap([10], [20])
    assert interval.method is Method.WILSON
    assert interval.high - interval.low > 0.8


def test_answers_that_resemble_each_other_widen_the_interval():
    alike = cluster_bootstrap([5, 0] * 10, [5, 5] * 10)
    mixed = cluster_bootstrap([2, 3] * 10, [5, 5] * 10)
    assert alike.high - alike.low > 2 * (mixed.high - mixed.low)


def test_more_prompts_narrow_the_interval():
    widths = []
    for clusters in (5, 20, 80, 320):
        interval = cluster_bootstrap([1, 0, 2, 3, 1] * (clusters // 5), [3] * clusters)
        widths.append(interval.high - interval.low)
    assert widths == sorted(widths, reverse=True)


def test_mean_rank_is_bounded_by_its_prompts():
    interval = cluster_mean([2, 4, 9], [2, 2, 3])
    assert interval.estimate == pytest.approx(15 / 7)
    assert interval.low < interval.estimate < interval.high


@pytest.mark.parametrize("totals", [[4], [2, 2, 2]])
def test_mean_of_one_prompt_or_of_equal_ones_has_no_bounds(totals: list[int]):
    interval = cluster_mean(totals, [2] * len(totals))
    assert (interval.low, interval.high, interval.method) == (None, None, Method.NONE)


CLUSTERS = st.lists(st.integers(0, 5).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=40)


@given(CLUSTERS)
def test_bounds_lie_within_zero_and_one_and_around_the_estimate(clusters: list[tuple[int, int]]):
    interval = cluster_bootstrap([k for k, _ in clusters], [n for _, n in clusters], resamples=400)
    if interval.estimate is None:
        assert interval.n == 0
    else:
        assert 0 <= interval.low <= interval.estimate + 1e-9
        assert interval.estimate - 1e-9 <= interval.high <= 1


def covered(*, prompts: int, samples: int, concentration: float, share: float, runs: int) -> float:
    """How often the interval holds the true share when each prompt has its own, drawn from a beta distribution."""
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(runs):
        own = rng.beta(share * concentration, (1 - share) * concentration, prompts)
        counts = rng.binomial(samples, own)
        interval = cluster_bootstrap(counts.tolist(), [samples] * prompts, resamples=500)
        hits += interval.low <= share <= interval.high
    return hits / runs


@pytest.mark.parametrize(
    ("prompts", "samples", "concentration", "share"),
    [(10, 4, 1.0, 0.4), (20, 2, 2.0, 0.3), (20, 5, 0.5, 0.5), (50, 3, 1.0, 0.2)],
)
def test_intervals_cover_about_as_often_as_they_say(prompts: int, samples: int, concentration: float, share: float):
    rate = covered(prompts=prompts, samples=samples, concentration=concentration, share=share, runs=200)
    assert 0.90 <= rate <= 0.995


def test_treating_answers_as_independent_would_cover_too_rarely():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        counts = rng.binomial(5, rng.beta(0.2, 0.3, 20))
        interval = wilson(int(counts.sum()), 100)
        hits += interval.low <= 0.4 <= interval.high
    assert hits / 300 < 0.85
