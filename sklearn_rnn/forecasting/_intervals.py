"""Calibration: how far forecasts err, for each series, step and probability.

Notation: e[o, j] is the error (true minus forecast, in the units of the model) of the forecast from origin o of step
j = 1, 2, ... ahead, of one series and one of its columns. Errors grow with the distance as a power of it,

    typical[j] = c s j^q          mean of |e[o, j]|
    u[o, j]    = e[o, j] / typical[j]

with s and q of the series: q by a regression of log mean |e| on log j, between 0 (a level with noise) and MOST_GROWTH
(a random walk has 1/2, a trend that turns about 1). c is 1, or what the newest of the errors come to, if that is more:
their mean with weights that fall by START_PACE from each origin to the one before. Then it follows the errors, as each
new value is known:

    c <- (1 - PACE) c + PACE |e[1]| / (s 1^q)

which is exponential smoothing of their size; for a series whose noise doubles it is at 1.92 after 24 steps.

The quantile of u at probability p is a mean of two: that of u itself, and, with its sign, that of |u| at |2p - 1|,
which takes half as many errors to know. Of n independent ones (autocorrelated errors count for fewer, and each for
TRUST) the first weighs n / (n + ENOUGH). Both are drawn likewise from the series' own errors towards those of all.
Quantiles of so few errors are too near, and beyond the last but one of them unknown: so up to 1 - 2/n they are
measured, further out the tail is that of Student's t with n degrees of freedom, and all are widened by
t_n(p) / t_inf(p).

This is split conformal prediction (Vovk et al., 2005; Lei et al., 2018) with normalised errors, with that rule for the
tail in place of an infinite interval.

References: Vovk, V., Gammerman, A. and Shafer, G. (2005), Algorithmic learning in a random world. Lei, J. et al.
(2018), Distribution-free predictive inference for regression, JASA 113, 1094-1111. Of ways to follow errors see Gibbs,
I. and Candes, E. (2021), Adaptive conformal inference under distribution shift, NeurIPS 34.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from numbers import Real
from typing import Self

import numpy as np
from scipy.stats import norm, t as student

PACE, START_PACE, MOST_GROWTH = 0.1, 0.03, 1.2
# What an error counts for: the future of real series is not quite like their past (measured on some 80 of them).
TRUST = 0.5
# Independent errors from which a series counts as much by itself as all others.
ENOUGH = 10.0
# The same for how they grow with the steps, and for their size in a series that was not fitted.
FEW = 3.0
# What a new error moves the scale by, at most; and a scale in place of none.
MOST_AT_ONCE, LEAST = 6.0, 1e-12
# Below this share of its size after the fit no quiet time takes it.
LEAST_PACE = 0.2


class Calibration:
    """Errors of the origins that were held back, and what follows from them.

    Parameters
    ----------
    errors : ndarray of shape (n, ahead, m)
        Signed, in the units of the model, those of each series in the order of time; NaN where unknown.
    series : ndarray of shape (n,)
    n_series : int
    """

    def __init__(self, errors: np.ndarray, series: np.ndarray, n_series: int):
        size, relative, counts = _mean_errors(errors, series, n_series)
        seen = counts.any(axis=1)
        total = counts.sum(axis=(0, 2))
        # of all together, each series relative to its own errors
        self._usual_growth = _growth((relative * counts).sum(axis=(0, 2)) / np.maximum(total, 1), total)
        self.ahead = errors.shape[1]
        self.size, self.growth, self._n = self._told(size, relative, counts, errors, series)
        self._n_all = max(float(self._n.sum()), 1.0)
        self._usual_size = float(np.median(self.size[seen]))
        # a column that was not measured is as uncertain as the worst that was
        self.size[~seen], self.growth[~seen] = self.size[seen].max(), self._usual_growth
        self.pace = np.ones(self.size.shape)
        # u, of which series, and by whose each is told; those of other series than the fitted ones come after n_pooled
        self._series, self._own, self._n_pooled = series, np.arange(n_series), len(series)
        self.relative = (errors / self.typical(self._own, self.ahead)[series]).astype(np.float32)
        self.pace = np.maximum(self._newest(self.relative, series), 1.0)
        self.relative[self.size[series].max(axis=1) <= 2 * LEAST] = np.nan  # rounding has no distribution

    def _newest(self, relative: np.ndarray, series: np.ndarray) -> np.ndarray:
        """What |u| of the newest origins of each series come to (N, m)."""
        known = np.isfinite(relative)
        size = np.where(known, np.abs(relative), 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        pace = np.ones(self.size.shape)
        for origin in np.flatnonzero(known.any(axis=(1, 2))):
            i = series[origin]
            moved = (1 - START_PACE) * pace[i] + START_PACE * np.minimum(size[origin], MOST_AT_ONCE * pace[i])
            pace[i] = np.where(known[origin].any(axis=0), moved, pace[i])
        return pace

    def _told(self, size, relative, counts, errors, series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """s and q of each series by its errors, and of how many independent ones."""
        size, (growth, n) = size.copy(), np.zeros((2, *size.shape))
        steps = np.arange(1, errors.shape[1] + 1)
        rows_of = _rows_by_series(series)
        for i, column in np.argwhere(counts.any(axis=1)):
            seen = counts[i, :, column]
            n_own = TRUST * n_independent(errors[rows_of(i)][:, :, column])
            of_own = _growth(relative[i, :, column], seen)
            growth[i, column] = (n_own * of_own + FEW * self._usual_growth) / (n_own + FEW)
            size[i, column] /= np.average(steps ** growth[i, column], weights=seen)
            n[i, column] = n_own
        return size, growth, n

    def told_by(self, errors: np.ndarray, series: np.ndarray) -> Self:
        """With errors (n, steps, m) of series that had none, some of which may be few."""
        new = copy.copy(self)
        n_series, ahead = len(self.size), self.ahead
        errors = errors[:, :ahead]
        size, growth, n = self._told(*_mean_errors(errors, series, n_series), errors, series)
        told = n > 0
        usual = np.log(self._usual_size)
        drawn = np.exp((n * np.log(np.maximum(size, LEAST)) + FEW * usual) / (n + FEW))
        new.size, new.growth = np.where(told, drawn, self.size), np.where(told, growth, self.growth)
        new._n = np.where(told, n, self._n)
        first = int(self._series.max()) + 1
        new._own = np.where(told.any(axis=1), first + np.arange(n_series), self._own)
        rows = np.full((len(errors), ahead, errors.shape[2]), np.nan)
        rows[:, : errors.shape[1]] = errors / new.typical(np.arange(n_series), errors.shape[1])[series]
        new.relative = np.concatenate([self.relative, rows.astype(np.float32)])
        new._series = np.concatenate([self._series, series + first])
        return new

    def typical(self, series: np.ndarray, n_steps: int, stale: np.ndarray | None = None) -> np.ndarray:
        """Mean absolute errors (n, n_steps, m) of some series; after `stale` (n, m) values that were missing."""
        j = np.arange(1, n_steps + 1)[:, None] + (0 if stale is None else stale[:, None])
        return (self.pace * self.size)[series][:, None] * j ** self.growth[series][:, None]

    def quantiles(self, p: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Quantiles of u (len(p), n, m) of some series, for probabilities p in ascending order."""
        p = np.asarray(p, dtype=float)
        pooled = self.relative[: self._n_pooled]
        of_all = _quantiles(pooled[np.isfinite(pooled)], p, self._n_all)
        out = np.tile(of_all[:, None, None], (1, len(series), self.size.shape[1]))
        rows_of = _rows_by_series(self._series)
        for k, i in enumerate(series):
            rows = self.relative[rows_of(self._own[i])]
            for column in np.flatnonzero(self._n[i]):
                own, u = self._n[i, column], rows[:, :, column]
                of_own = _quantiles(u[np.isfinite(u)], p, own)
                weight = own / (own + ENOUGH) if self._n_all > 1.001 * own else 1.0
                out[:, k, column] = weight * of_own + (1 - weight) * of_all
        return np.sort(out, axis=0)

    def paths(self, series: np.ndarray, n_steps: int, n_paths: int, rng, stale: np.ndarray) -> np.ndarray:
        """Errors of whole paths (n, n_steps, m, n_paths): those from one origin, drawn, stay together."""
        m = self.size.shape[1]
        rows_of = _rows_by_series(self._series)
        steps = np.minimum(np.arange(n_steps), self.ahead - 1)
        everywhere = _most_complete(self.relative, np.arange(self._n_pooled))
        out = np.empty((len(series), n_steps, m, n_paths))
        for k, i in enumerate(series):
            own, n = _most_complete(self.relative, rows_of(self._own[i])), self._n[i].min()
            if not len(everywhere):
                normal = rng.standard_normal((n_paths, n_steps, m)) / np.sqrt(2 / np.pi)
                out[k] = np.moveaxis(normal, 0, -1)
                continue
            drawn = rng.choice(everywhere, n_paths)
            if len(own):
                share = n / (n + ENOUGH) if self._n_all > 1.001 * n else 1.0
                drawn = np.where(rng.uniform(size=n_paths) < share, rng.choice(own, n_paths), drawn)
            u = self.relative[drawn].astype(np.float64)
            unknown = np.isnan(u)
            if unknown.any():  # as likely as any other
                u[unknown] = rng.choice(u[~unknown], unknown.sum())
            # of few paths neither size nor side is sure: as Student's t is made of a normal, and as quantiles are drawn
            # to those without a sign
            size = np.sqrt(max(n, 3.0) / rng.chisquare(max(n, 3.0), n_paths))
            turned = rng.uniform(size=n_paths) < 0.5 * ENOUGH / (n + ENOUGH)
            out[k] = np.moveaxis(u[:, steps], 0, -1) * np.where(turned, -size, size)
        return out * self.typical(series, n_steps, stale)[..., None]

    def with_errors(self, series: np.ndarray, errors: np.ndarray, stale: np.ndarray) -> Self:
        """After errors (n, m) one step ahead of some series, NaN where unknown, after `stale` values were missing."""
        new = copy.copy(self)
        new.pace = self.pace.copy()
        expected = np.maximum(self.size[series] * (1.0 + stale) ** self.growth[series], LEAST)
        # of a series without errors so far, up to its scale
        most = np.maximum(MOST_AT_ONCE * np.maximum(new.pace[series], 1.0), 1.0 / expected)
        relative = np.minimum(np.abs(errors) / expected, most)
        moved = np.maximum((1 - PACE) * new.pace[series] + PACE * relative, LEAST_PACE)
        new.pace[series] = np.where(np.isnan(errors), new.pace[series], moved)
        return new

    def of(self, known_as: np.ndarray) -> Self:
        """For other series: known_as (n,) are the numbers of those of before, -1 for new ones."""
        new = copy.copy(self)
        old = known_as >= 0
        for name, usual in (("size", self._usual_size), ("growth", self._usual_growth), ("pace", 1.0), ("_n", 0.0)):
            before = getattr(self, name)
            values = np.full((len(known_as), before.shape[1]), usual)
            values[old] = before[known_as[old]]
            setattr(new, name, values)
        new._own = np.where(old, self._own[np.maximum(known_as, 0)], -1)
        new._forget_others()
        return new

    def joined(self, other: Self) -> Self:
        """For the series of both, of which those of the other were made from these by `of`."""
        new = copy.copy(self)
        for name in ("size", "growth", "pace", "_n"):
            setattr(new, name, np.concatenate([getattr(self, name), getattr(other, name)]))
        new._take_rows(self._own, other)
        return new

    def with_put(self, at: np.ndarray, other: Self) -> Self:
        """With others at some places."""
        new = copy.copy(self)
        for name in ("size", "growth", "pace", "_n"):
            values = getattr(self, name).copy()
            values[at] = getattr(other, name)
            setattr(new, name, values)
        own = np.delete(self._own, at)
        new._take_rows(own, other)
        order = np.insert(np.arange(len(own)), at - np.arange(len(at)), len(own) + np.arange(len(at)))
        new._own = new._own[order]
        new._forget_others()
        return new

    def _forget_others(self) -> None:
        """Errors that are neither those of a series nor of the fitted ones."""
        kept = np.isin(self._series, self._own)
        kept[: self._n_pooled] = True
        self.relative, self._series = self.relative[kept], self._series[kept]

    def _take_rows(self, own: np.ndarray, other: Self) -> None:
        """The errors that series of another calibration are told by, after these, which series `own` are told by."""
        n, shift = self._n_pooled, int(self._series.max()) + 1
        its_own = other._own > self._series[:n].max()
        self.relative = np.concatenate([self.relative, other.relative[n:]])
        self._own = np.concatenate([own, np.where(its_own, other._own + shift, other._own)])
        self._series = np.concatenate([self._series, other._series[n:] + shift])


def _mean_errors(errors: np.ndarray, series: np.ndarray, n_series: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean |e| of each series (N, m), that of each step relative to it (N, steps, m), and of how many."""
    _, steps, m = errors.shape
    mean, counts = np.zeros((2, n_series, steps, m))
    np.add.at(mean, series, np.nan_to_num(np.abs(errors)))
    np.add.at(counts, series, np.isfinite(errors))
    overall = np.maximum(mean.sum(axis=1) / np.maximum(counts.sum(axis=1), 1), LEAST)
    return overall, mean / np.maximum(counts, 1) / overall[:, None], counts


def _rows_by_series(series: np.ndarray) -> Callable[[int], np.ndarray]:
    """A function that gives the rows of a series, in order."""
    order = np.argsort(series, kind="stable")
    ordered = series[order]

    def rows_of(i: int) -> np.ndarray:
        return order[np.searchsorted(ordered, i) : np.searchsorted(ordered, i, side="right")]

    return rows_of


def _most_complete(relative: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Those of the rows that are known at all steps, or else at some."""
    known = np.isfinite(relative[rows])
    whole = known.all(axis=(1, 2))
    return rows[whole if whole.any() else known.any(axis=(1, 2))]


def _growth(mean: np.ndarray, counts: np.ndarray) -> float:
    """q: the slope of log mean |e| over log j, weighed by how often each was seen."""
    known = (mean > 0) & (counts > 0)
    if known.sum() < 2:
        return 0.5
    x, y, w = np.log(1 + np.flatnonzero(known)), np.log(mean[known]), counts[known]
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
    symmetric = np.quantile(np.abs(u), measured)
    z = norm.ppf(0.5 + measured / 2)
    # where most errors are 0 and a few are not, the quantile says nothing, and the mean, which is 1, has to do
    of_mean = z * np.sqrt(np.pi / 2)
    is_nothing = symmetric < 0.1 * of_mean
    symmetric = np.sign(p - 0.5) * np.where(is_nothing, of_mean, symmetric)
    weight = np.where(is_nothing, 0.0, n / (n + ENOUGH))
    inside = weight * np.quantile(u, at) + (1 - weight) * symmetric
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
