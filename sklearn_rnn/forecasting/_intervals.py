"""Calibration: how far forecasts err, for each series, step and probability.

Notation: e[o, j] is the error (true minus forecast, in the units of the model) of the forecast from origin o of step
j = 1, 2, ... ahead, of one series and one of its columns. Errors grow with the distance as a power of it,

    typical[j] = c s j^q          mean of |e[o, j]|
    u[o, j]    = e[o, j] / typical[j]

with s and q of the series: q by a regression of log mean |e| on log j, between 0 (a level with noise) and MOST_GROWTH
(a random walk has 1/2, a trend that turns about 1). c is 1 after the fit and follows the errors since then, as each
new value is known:

    c <- (1 - PACE) c + PACE |e[1]| / (s 1^q)

so it forgets at the rate of the discount (Gardner, 1985); for a series whose noise doubles it is at 1.87 after 24 steps.

The quantile of u at probability p is a mean of two: that of u itself, and, with its sign, that of |u| at |2p - 1|,
which takes half as many errors to know. Of n independent ones (autocorrelated errors count for fewer) the first weighs
n / (n + ENOUGH). Both are drawn likewise from the series' own errors towards those of all. Quantiles of so few errors
are too near, and beyond the last but one of them unknown: so up to 1 - 2/n they are measured, further out the tail is
that of Student's t with n degrees of freedom, and all are widened by t_n(p) / t_inf(p).

This is split conformal prediction (Vovk et al., 2005; Lei et al., 2018) with normalised errors, with that rule for the
tail in place of an infinite interval.

References: Vovk, V., Gammerman, A. and Shafer, G. (2005), Algorithmic learning in a random world. Lei, J. et al. (2018),
Distribution-free predictive inference for regression, JASA 113, 1094-1111. Gibbs, I. and Candes, E. (2021), Adaptive
conformal inference under distribution shift, NeurIPS 34. Gardner, E. S. (1985), Exponential smoothing: the state of the
art, Journal of Forecasting 4, 1-28.
"""

from __future__ import annotations

import copy
from numbers import Real
from typing import Self

import numpy as np
from scipy.stats import norm, t as student

from ._origins import mean_of_known

PACE, MOST_GROWTH = 0.08, 1.2
# Independent errors from which a series counts as much by itself as all others.
ENOUGH = 10.0
# What a new error moves the scale by, at most; and a scale in place of none.
MOST_AT_ONCE, LEAST = 6.0, 1e-12


class Calibration:
    """Errors of the origins that were held back, and what follows from them.

    Parameters
    ----------
    errors : ndarray of shape (n, ahead, m)
        Signed, in the units of the model, ordered by series and time; NaN where unknown.
    series : ndarray of shape (n,)
    n_series : int
    """

    def __init__(self, errors: np.ndarray, series: np.ndarray, n_series: int):
        n, ahead, m = errors.shape
        self.ahead = ahead
        size, growth, self._n = np.zeros((3, n_series, m))
        absolute = np.abs(errors)
        steps = np.log(np.arange(1, ahead + 1))
        # of all together, each series by its own mean
        own_mean, counts = np.zeros((2, n_series, ahead, m))
        np.add.at(own_mean, series, np.nan_to_num(absolute))
        np.add.at(counts, series, ~np.isnan(absolute))
        own_mean = np.where(counts > 0, own_mean / np.maximum(counts, 1), np.nan)
        overall = mean_of_known(own_mean, axis=1)
        seen = counts.any(axis=1)
        relative = own_mean / np.where(overall > 0, overall, np.nan)[:, None]
        self._usual_growth = _growth(np.nanmean(relative, axis=(0, 2)) if seen.any() else np.ones(ahead), counts, steps)
        for i, column in np.argwhere(seen):
            rows = errors[series == i][:, :, column]
            n_own = n_independent(rows)
            own = _growth(own_mean[i, :, column], counts[i, :, column], steps)
            self._n[i, column] = n_own
            growth[i, column] = (n_own * own + ENOUGH * self._usual_growth) / (n_own + ENOUGH)
            power = np.arange(1, ahead + 1) ** growth[i, column]
            size[i, column] = np.nansum(absolute[series == i][:, :, column]) / max(
                (counts[i, :, column] * power).sum(), LEAST
            )
        usual_size = np.median(size[seen]) if seen.any() else 1.0
        # a series that was not measured is as uncertain as the worst that was
        worst = size[seen].max() if seen.any() else 1.0
        self.size = np.where(seen, np.maximum(size, LEAST), worst)
        self.growth = np.where(seen, growth, self._usual_growth)
        self._usual_size = usual_size
        self.pace = np.ones((n_series, m))
        self._series, self._columns_seen = series, seen
        self.relative = errors / self.typical(np.arange(n_series), ahead)[series]

    def typical(self, series: np.ndarray, n_steps: int, stale: np.ndarray | None = None) -> np.ndarray:
        """Mean absolute errors (n, n_steps, m) of some series; after `stale` (n, m) values that were missing."""
        j = np.arange(1, n_steps + 1)[:, None] + (0 if stale is None else stale[:, None])
        return (self.pace * self.size)[series][:, None] * j ** self.growth[series][:, None]

    def quantiles(self, p: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Quantiles of u (len(p), n, m) of some series, for probabilities p, growing with them."""
        p = np.asarray(p, dtype=float)
        m = self.size.shape[1]
        n_all = float(np.maximum(self._n[self._columns_seen].sum(), 1.0)) if self._columns_seen.any() else 1.0
        of_all = _quantiles(self.relative[np.isfinite(self.relative)], p, n_all)
        out = np.empty((len(p), len(series), m))
        for k, i in enumerate(series):
            for column in range(m):
                own = self._n[i, column] if i < len(self._n) else 0.0
                out[:, k, column] = of_all
                if own > 0:
                    rows = self.relative[self._series == i][:, :, column]
                    of_own = _quantiles(rows[np.isfinite(rows)], p, own)
                    weight = own / (own + ENOUGH) if n_all > own * 1.001 else 1.0
                    out[:, k, column] = weight * of_own + (1 - weight) * of_all
        return np.sort(out, axis=0) if (np.diff(p) >= 0).all() else out

    def paths(self, series: np.ndarray, n_steps: int, n_paths: int, rng, stale: np.ndarray) -> np.ndarray:
        """Errors of whole paths (n, n_steps, m, n_paths): those from one origin, drawn, stay together."""
        m = self.size.shape[1]
        whole = np.isfinite(self.relative).all(axis=(1, 2))
        if not whole.any():
            whole = np.isfinite(self.relative).any(axis=(1, 2))
        out = np.empty((len(series), n_steps, m, n_paths))
        index = np.minimum(np.arange(n_steps), self.ahead - 1)
        for k, i in enumerate(series):
            own = np.flatnonzero(whole & (self._series == i))
            n_own = self._n[i].min() if i < len(self._n) else 0.0
            pool = np.flatnonzero(whole)
            from_own = rng.uniform(size=n_paths) < (n_own / (n_own + ENOUGH) if len(own) < len(pool) else 1.0)
            drawn = np.where(from_own & (len(own) > 0), rng.choice(own if len(own) else pool, n_paths), rng.choice(pool, n_paths))
            widened = student.ppf(0.9, max(n_own, 2.0)) / norm.ppf(0.9)
            out[k] = np.moveaxis(np.nan_to_num(self.relative[drawn])[:, index], 0, -1) * widened
        return out * self.typical(series, n_steps, stale)[..., None]

    def with_errors(self, series: np.ndarray, errors: np.ndarray) -> Self:
        """After errors (n, m) one step ahead of some series, each a time once, NaN where unknown."""
        new = copy.copy(self)
        new.pace = self.pace.copy()
        relative = np.minimum(np.abs(errors) / np.maximum(self.size[series], LEAST), MOST_AT_ONCE * new.pace[series])
        moved = (1 - PACE) * new.pace[series] + PACE * relative
        new.pace[series] = np.where(np.isnan(errors), new.pace[series], moved)
        return new

    def joined(self, n_new: int) -> Self:
        """For more series, of which no errors are known: those of them are as the others'."""
        new = copy.copy(self)
        m = self.size.shape[1]
        for name, value in (("size", self._usual_size), ("growth", self._usual_growth), ("pace", 1.0), ("_n", 0.0)):
            setattr(new, name, np.concatenate([getattr(self, name), np.full((n_new, m), value)]))
        return new

    def of_new(self, n_new: int) -> Self:
        """For other series alone."""
        new = self.joined(n_new)
        for name in ("size", "growth", "pace", "_n"):
            setattr(new, name, getattr(new, name)[len(self.size) :])
        new._series = np.full_like(self._series, -1)
        return new


def _growth(mean: np.ndarray, counts: np.ndarray, log_steps: np.ndarray) -> float:
    """q: the slope of log mean |e| over log j, weighed by how often each was seen."""
    weight = counts if counts.ndim == 1 else counts.sum(axis=(0, 2))
    known = np.isfinite(mean) & (mean > 0) & (weight > 0)
    if known.sum() < 2:
        return 0.5
    x, y, w = log_steps[known], np.log(mean[known]), weight[known]
    x = x - np.average(x, weights=w)
    return float(np.clip((w * x * y).sum() / (w * x * x).sum(), 0, MOST_GROWTH))


def _quantiles(u: np.ndarray, p: np.ndarray, n: float) -> np.ndarray:
    n = max(n, 2.0)
    if not len(u):
        return student.ppf(p, n) / np.sqrt(2 / np.pi)
    level = np.abs(2 * p - 1)
    most = 1 - 2 / n if n > 2.5 else 0.2
    measured = np.minimum(level, most)
    at = 0.5 + np.sign(p - 0.5) * measured / 2
    symmetric = np.sign(p - 0.5) * np.quantile(np.abs(u), measured)
    weight = n / (n + ENOUGH)
    inside = weight * np.quantile(u, at) + (1 - weight) * symmetric
    z = norm.ppf(0.5 + measured / 2)
    wide = np.where(level > 0.01, student.ppf(0.5 + level / 2, n) / np.maximum(z, 1e-9), 1.0)
    return inside * wide


def n_independent(errors: np.ndarray) -> float:
    """How many origins there would be if their errors (n, ahead) did not depend on each other.

    n / (1 + 2 sum of autocorrelations, up to the first that is not positive); errors from one origin count as one.
    """
    errors = errors[np.isfinite(errors).any(axis=1)]
    if not len(errors):
        return 0.0
    variance, n, time = np.nanmean(errors**2), len(errors), 1.0
    if not variance > 0:
        return float(n)
    for lag in range(1, n // 2):
        products = errors[lag:] * errors[:-lag]
        if not np.isfinite(products).any() or np.nanmean(products) <= 0:
            break
        time += 2 * np.nanmean(products) / variance
    return n / time


def check_coverage(coverage: object) -> None:
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise ValueError(f"coverage must be a number between 0 and 1, got {coverage!r}.")
