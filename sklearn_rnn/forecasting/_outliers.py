"""Values that stand alone, far from all that a series did before and after: they count as missing.

With e[t] = y[t] - y[t-s] - c, the change from one season to the next (s = 1 without one) beyond what is usual, c, and r
what is usual of |e|, a value is an outlier if e[t] is above FAR r, and so is its distance from e[t-1] and from e[t+1]:
where a level shifts, e[t+1] shifts with it. Of the newest value it is not known yet what follows: it counts as an
outlier until it is. What recurs is none: more than one value in FEW, and more than two, are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ._origins import mean_of_known

FAR, FEW = 15.0, 50


@dataclass
class Usual:
    """c and FAR times r of series, (m,) or (N, m)."""

    change: np.ndarray
    limit: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, s: int) -> Self:
        """Of a series (T, m). r is of |e| the median, or the mean of those below the 95th percentile, or the median of
        the newest three seasons, whichever is most; infinite for series too short to tell."""
        m = values.shape[1]
        change, limit = np.zeros(m), np.full(m, np.inf)
        if len(values) < 3 * s + 2:
            return cls(change, limit)
        differences = values[s:] - values[:-s]
        for k, column in enumerate(differences.T):
            known = column[~np.isnan(column)]
            if len(known) < 3:
                continue
            change[k] = np.median(known)
            newest = column[-max(3 * s, 20) :]
            newest = newest[~np.isnan(newest)]
            e = np.abs(known - change[k])
            r = max(np.median(e), e[e <= np.quantile(e, 0.95)].mean())
            if len(newest):
                r = max(r, np.median(np.abs(newest - np.median(newest))))
            limit[k] = FAR * r if r > 0 else np.inf
        return cls(change, limit)


def without_outliers(values: np.ndarray, s: int) -> tuple[np.ndarray, Usual]:
    """The series (T, m), with NaN for its outliers; itself, if there are none. And what is usual of its changes."""
    usual = Usual.of(values, s)
    clean = cleaned(values, s, usual)
    allowed = max(2, len(values) // FEW)
    recurs = (np.isnan(clean) & ~np.isnan(values)).sum(axis=0) > allowed
    if len(values) > s:  # so many that none was looked at
        recurs |= _maybe(values, s, usual).sum(axis=0) > 4 * allowed
    usual.limit = np.where(recurs, np.inf, usual.limit)
    return values if clean is values else np.where(recurs, values, clean), usual


def cleaned(values: np.ndarray, s: int, usual: Usual, first: int = 0) -> np.ndarray:
    """The series with NaN for outliers from step `first` on, by what is usual; itself, if there are none."""
    if len(values) <= s or not np.isfinite(usual.limit).any():
        return values
    maybe = _maybe(values, s, usual)
    maybe[: max(first - s, 0)] = False
    # each outlier changes two differences: of many more, none is one
    maybe &= maybe.sum(axis=0) <= 4 * max(2, len(values) // FEW)
    if not maybe.any():
        return values
    clean = values.astype(np.float64)
    for since_first, k in np.argwhere(maybe):
        t = s + since_first
        # what a season before was missing, or an outlier, tells nothing
        change = usual.change[k]
        before, previous = _before(clean, t, s, k, change), _before(clean, t - 1, s, k, change)
        nearby = [values[t - 1, k] - previous]
        if t + 1 < len(values):
            nearby.append(values[t + 1, k] - (before if s == 1 else _before(clean, t + 1, s, k, change)))
        e, far = values[t, k] - before, usual.limit[k]
        alone = [not abs(e - other) <= far for other in nearby]  # also where it is missing
        if abs(e - change) > far and all(alone):
            clean[t, k] = np.nan
    return clean


def without_far(P: np.ndarray, most: float) -> np.ndarray:
    """Columns (n, h, m) of values to learn, NaN where they are farther from the median than `most` times what is usual:
    the median of this distance, or the mean below its 95th percentile."""
    P = P.copy()
    for column in P.reshape(len(P), -1).T:
        known = np.flatnonzero(~np.isnan(column))
        if len(known):
            distance = np.abs(column[known] - np.median(column[known]))
            r = max(np.median(distance), distance[distance <= np.quantile(distance, 0.95)].mean())
            far = known[distance > most * r]
            if len(far) <= max(2, len(known) // FEW):  # what recurs is to be learnt
                column[far] = np.nan
    return P


def _maybe(values: np.ndarray, s: int, usual: Usual) -> np.ndarray:
    """Which changes (T - s, m) are beyond the limit."""
    with np.errstate(invalid="ignore"):
        return np.abs(values[s:] - values[:-s] - usual.change) > usual.limit


def _before(clean: np.ndarray, t: int, s: int, k: int, change: float) -> float:
    """What is expected a season before: the value, or that of the season before it and one change more, and so on."""
    earlier = clean[max(t, 0) % s : max(t, 0) : s, k] if t >= 0 else clean[:0, k]
    known = np.flatnonzero(~np.isnan(earlier))
    if not len(known):
        return float(mean_of_known(clean[:, k]))
    return float(earlier[known[-1]]) + change * (len(earlier) - 1 - known[-1])
