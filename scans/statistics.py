"""Intervals for proportions and ratios: Wilson's, and a bootstrap over prompts (docs/metrics.md: which, when)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "Method", "cluster_bootstrap", "cluster_mean", "student_quantile", "wilson"]

RESAMPLES = 2_000
SEED = 20_250_101


class Method(StrEnum):
    NONE = "none"  # nothing was observed, or too little to bound
    WILSON = "wilson"
    BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its bounds at `confidence`. `n` counts trials, `clusters` the prompts they came from. Without
    trials there is no estimate; an estimate without bounds is one that a single prompt cannot bound."""

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    method: Method
    confidence: float = 0.95


def wilson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a proportion of independent trials; an effective n may be a fraction.
    Wilson, E. B. (1927), JASA 22, 209-212."""
    if n < 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} trials")
    if n == 0:
        return _nothing(confidence)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    spread = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if share == 0 else max(0.0, centre - spread)
    high = 1.0 if share == 1 else min(1.0, centre + spread)
    return Interval(
        estimate=share,
        low=low,
        high=high,
        n=math.ceil(n),
        clusters=math.ceil(n),
        method=Method.WILSON,
        confidence=confidence,
    )


def cluster_bootstrap(
    successes_by_cluster: Sequence[int],
    trials_by_cluster: Sequence[int],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Sum of successes / sum of trials, with bounds from resampling whole clusters (prompts) with replacement: answers
    to one prompt resemble each other and are no independent trials. Also right for a share, whose trials are the
    namings of all brands. Clusters without trials are left out.

    The bounds are expanded percentiles (Hesterberg 2015, The American Statistician 69, 371-386): plain percentiles are
    too narrow below some thirty clusters. Where every cluster has the same share, the bootstrap has no width and says
    nothing; then Wilson's interval is given with the number of clusters as effective n, as if each prompt always
    answered alike, which is the widest that the data allow. Equal arguments always give equal intervals."""
    successes, trials = _clusters(successes_by_cluster, trials_by_cluster)
    if np.any(successes > trials):
        raise ValueError("More successes than trials in a cluster")
    n, clusters = int(trials.sum()), len(trials)
    if n == 0:
        return _nothing(confidence)
    estimate = float(successes.sum() / n)
    if clusters == 1 or np.ptp(successes / trials) == 0:
        bounds = wilson(estimate * clusters, clusters, confidence)
        low, high, method = bounds.low, bounds.high, Method.WILSON
    else:
        low, high = _resampled(successes, trials, confidence=confidence, resamples=resamples, seed=seed)
        method = Method.BOOTSTRAP
    return Interval(estimate=estimate, low=low, high=high, n=n, clusters=clusters, method=method, confidence=confidence)


def cluster_mean(
    totals_by_cluster: Sequence[float],
    counts_by_cluster: Sequence[int],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Sum of totals / sum of counts (a mean of values without an upper bound, such as ranks), resampled by cluster. One
    cluster, or clusters that all have the same mean, bound nothing: the estimate then comes without bounds."""
    totals, counts = _clusters(totals_by_cluster, counts_by_cluster)
    n, clusters = int(counts.sum()), len(counts)
    if n == 0:
        return _nothing(confidence)
    low: float | None = None
    high: float | None = None
    method = Method.NONE
    if clusters > 1 and np.ptp(totals / counts) > 0:
        low, high = _resampled(totals, counts, confidence=confidence, resamples=resamples, seed=seed)
        method = Method.BOOTSTRAP
    estimate = float(totals.sum() / n)
    return Interval(estimate=estimate, low=low, high=high, n=n, clusters=clusters, method=method, confidence=confidence)


def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t: exact for 1 and 2 degrees of freedom, from 3 on within 1 % at the usual levels
    (0.025, 0.975) by the Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5)."""
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        return (2 * probability - 1) * math.sqrt(2 / (4 * probability * (1 - probability)))
    z = NormalDist().inv_cdf(probability)
    terms: tuple[float, ...] = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))


def _nothing(confidence: float) -> Interval:
    return Interval(estimate=None, low=None, high=None, n=0, clusters=0, method=Method.NONE, confidence=confidence)


def _clusters(
    numerators: Sequence[float], denominators: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    above = np.asarray(numerators, dtype=np.float64)
    below = np.asarray(denominators, dtype=np.float64)
    if above.shape != below.shape or above.ndim != 1:
        raise ValueError("One numerator and one denominator for each cluster")
    if np.any(above < 0) or np.any(below < 0):
        raise ValueError("Counts cannot be negative")
    if np.any(above[below == 0] > 0):
        raise ValueError("A numerator without a denominator")
    return above[below > 0], below[below > 0]


def _resampled(
    above: NDArray[np.float64], below: NDArray[np.float64], *, confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Clusters with equal counts are interchangeable, so the number of times that each *kind* is drawn is multinomial:
    the same distribution as drawing clusters, at a cost that does not grow with their number."""
    kinds, frequency = np.unique(np.stack([above, below]), axis=1, return_counts=True)
    clusters = len(above)
    drawn = np.random.default_rng(seed).multinomial(clusters, frequency / clusters, size=resamples)
    ratios = (drawn @ kinds[0]) / (drawn @ kinds[1])
    stretch = math.sqrt(clusters / (clusters - 1)) * student_quantile(0.5 + confidence / 2, clusters - 1)
    tail = NormalDist().cdf(-stretch)
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return float(low), float(high)
