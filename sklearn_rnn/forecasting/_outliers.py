"""Values that stand alone, far from all that a series did before and after: they count as missing.

With e[t] = y[t] - y[t-s], the change from one season to the next (s = 1 without one), and r what is usual of |e|, a
value is an outlier if e[t] is above FAR r, and so is its distance from e[t-1] and from e[t+1]: where a level shifts,
e[t+1] shifts with it. Of the newest value it is not known yet what follows: it counts as an outlier until it is.
"""

from __future__ import annotations

import numpy as np

from ._origins import mean_of_known

FAR = 15.0


def usual_change(values: np.ndarray, s: int) -> np.ndarray:
    """r (m,) of a series (T, m): of |e| the median, or the mean of those below the 95th percentile, or the median of
    the newest three seasons, whichever is most."""
    if len(values) <= s:
        return np.full(values.shape[1], np.inf)
    e = np.abs(values[s:] - values[:-s])
    usual = np.zeros(values.shape[1])
    for k, column in enumerate(e.T):
        known, newest = (part[~np.isnan(part)] for part in (column, column[-max(3 * s, 20) :]))
        if len(known):
            below = known[known <= np.quantile(known, 0.95)]
            usual[k] = max(np.median(known), below.mean(), np.median(newest) if len(newest) else 0.0)
    return np.where(usual > 0, usual, np.inf)


def without_outliers(values: np.ndarray, s: int) -> np.ndarray:
    """The series (T, m), with NaN for its outliers; itself, if there are none."""
    if len(values) < 3 * s + 2:
        return values
    limit = FAR * usual_change(values, s)
    with np.errstate(invalid="ignore"):
        maybe = np.abs(values[s:] - values[:-s]) > limit
    if not maybe.any():
        return values
    clean = values.astype(np.float64)
    for since_first, k in np.argwhere(maybe):
        t = s + since_first
        # what a season before was missing, or an outlier, tells nothing
        before, previous = _before(clean, t, s, k), _before(clean, t - 1, s, k)
        e = values[t, k] - before
        nearby = [values[t - 1, k] - previous]
        if t + 1 < len(values):
            nearby.append(values[t + 1, k] - (before if s == 1 else _before(clean, t + 1, s, k)))
        if is_outlier(np.array(e), np.array(nearby), limit[k]):
            clean[t, k] = np.nan
    return clean


def is_outlier(e: np.ndarray, nearby: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Is the change beyond the limit, and as far from those next to it (along the first axis)?"""
    with np.errstate(invalid="ignore"):
        alone = ~(np.abs(e - nearby) <= limit) | np.isnan(nearby)
        return (np.abs(e) > limit) & alone.all(axis=0)


def _before(clean: np.ndarray, t: int, s: int, k: int) -> float:
    """The value a season before, or of the season before that, and so on."""
    earlier = clean[max(t, 0) % s : max(t, 0) : s, k] if t >= 0 else clean[:0, k]
    known = earlier[~np.isnan(earlier)]
    return float(known[-1]) if len(known) else float(mean_of_known(clean[:, k]))
