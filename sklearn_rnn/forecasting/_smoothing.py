"""Exponential smoothing of a level, a damped trend and one or more seasons, through gaps.

Notation: N series, T time steps, m values at each; Z (N, T, m), NaN where a value is missing and after the end. With
the seasonal U_k[t] of step t for each season k, of s_k steps (additive Holt-Winters, Holt, 1957; with more than one
season as in Taylor, 2003), and a trend B that is damped by phi (Gardner and McKenzie, 1985),

    E[t]   = C[t-1] + phi B[t-1]                  the level that is expected
    X[t]   = Z[t] - sum_k U_k[t-s_k]              E[t] where Z[t] is missing
    C[t]   = a X[t] + (1 - a) E[t]                the level
    B[t]   = phi B[t-1] + a b (X[t] - E[t])       the trend; 0 without one
    U_k[t] = U_k[t-s_k] + g_k (X[t] - C[t])       the seasonals
    D[t]   = Z[t] - sum_k U_k[t]                  the series without its seasons

So a missing value is carried by the state, as its own forecast one step ahead: C, B and U stay as they were expected.

All starts, as usual, from the mean pattern of the first two cycles of the longest season around a straight line, or of
the first cycle if there are not three. A trend starts from the slope of that line, or without a season of one through
the first ten values; without a trend the level is moved along the line while the two cycles last (E[t] = C[t-1] +
slope). A pattern that is usual for such series, if one is given, counts as one cycle more for those with a single one,
and is where less than a cycle starts from, with its first value; without one that starts from no pattern. A series
begins with the first value that is known; before that its level is what it starts from.

References: Holt, C. C. (1957), reprinted in International Journal of Forecasting 20 (2004), 5-10. Gardner, E. S. and
McKenzie, E. (1985), Forecasting trends in time series, Management Science 31, 1237-1246. Taylor, J. W. (2003),
Short-term electricity demand forecasting using double seasonal exponential smoothing, Journal of the Operational
Research Society 54, 799-805.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._origins import mean_of_known

# Up to so many values a step, Python's own numbers are faster than arrays.
MOST_AS_NUMBERS = 6
# Values that a trend starts from where there is no season.
STARTING_LINE = 10


@dataclass
class Smoothed:
    """What smoothing makes of Z."""

    C: np.ndarray  # (N, T, m)
    D: np.ndarray  # (N, T, m), complete
    U: list[np.ndarray]  # for each season (N, s + T, m): the pattern to start from, then one value a step
    B: np.ndarray | None = None  # (N, T, m), of a trend


@dataclass
class Trend:
    """Which columns of series have a trend (N, m), and b and phi of it (N, m)."""

    has: np.ndarray
    b: np.ndarray
    phi: np.ndarray


def no_seasons(Z: np.ndarray) -> Smoothed:
    """The series itself as its level."""
    return Smoothed(Z, Z, [np.zeros((len(Z), 1 + Z.shape[1], Z.shape[2]))])


def smooth(
    Z: np.ndarray,
    n_start: np.ndarray,
    seasons: Sequence[int],
    a: float | np.ndarray,
    g: Sequence[float | np.ndarray],
    usual: Sequence[np.ndarray] | None = None,
    trend: Trend | None = None,
    has_season: np.ndarray | None = None,
) -> Smoothed:
    """Smooth all series in one pass over time.

    Parameters
    ----------
    Z : ndarray of shape (N, T, m)
    n_start : ndarray of shape (N,)
        Steps of each series that the starting pattern may be taken from.
    seasons : sequence of int
        Steps of each season; 1 for none.
    a, g : float, or ndarray that broadcasts to (N, m); one g for each season
    usual : list of ndarray of shape (N, s, m), default=None
        For each season, the pattern that is usual for steps 0, 1, ... of each series.
    trend : Trend, default=None
    has_season : ndarray of bool that broadcasts to (N, m), default=None
        Columns of series without a season stay without.
    """
    N, T, m = Z.shape
    level, slope, begin, patterns = _start(Z, n_start, seasons, usual)
    if has_season is not None:
        patterns = [np.where(np.broadcast_to(has_season, (N, m))[:, None], pattern, 0.0) for pattern in patterns]
        g = [np.where(has_season, g_k, 0.0) for g_k in g]
    growth, phi = np.zeros((N, m)), np.ones((N, m))
    growth_gain: np.ndarray | float = 0.0
    if trend is not None:
        if max(seasons) == 1:
            line = _line(Z, np.asarray(n_start), begin)
            level, slope = (np.where(trend.has, new, old) for new, old in zip(line, (level, slope)))
        growth = np.where(trend.has, slope, 0.0)
        slope = np.where(trend.has, 0.0, slope)
        phi, growth_gain = np.broadcast_to(trend.phi, (N, m)), a * trend.b
    C, D, B = np.empty((N, T, m)), np.empty((N, T, m)), np.zeros((N, T, m))
    U = [np.zeros((N, s + T, m)) for s in seasons]
    for of_season, pattern in zip(U, patterns):
        of_season[:, : pattern.shape[1]] = pattern
    g = [0.0 if s == 1 else of_season for s, of_season in zip(seasons, g)]
    until = begin + 2 * max(seasons)  # the line goes on so far
    if N * m <= MOST_AS_NUMBERS:
        for i, column in np.ndindex(N, m):
            weights = [float(np.broadcast_to(x, (N, m))[i, column]) for x in (a, phi, growth_gain, *g)]
            start = [x[i, column] for x in (level, growth, slope, begin, until)]
            out = C[i, :, column], D[i, :, column], B[i, :, column]
            _one(Z[i, :, column], seasons, weights, start, out, [u[i, :, column] for u in U])
        return Smoothed(C, D, U, B)
    last_line = int(until.max())
    missing = np.isnan(Z)
    any_missing = missing.any(axis=(0, 2))
    for t in range(T):
        E = level + np.where((t >= begin) & (t < until), slope, 0.0) if t < last_line else level
        if trend is not None:
            growth = np.where(t >= begin, phi * growth, growth) if t < last_line else phi * growth
            E = E + np.where(t >= begin, growth, 0.0) if t < last_line else E + growth
        season = U[0][:, t] if len(U) == 1 else sum(of_season[:, t] for of_season in U)
        X = Z[:, t] - season
        if any_missing[t]:
            X = np.where(missing[:, t], E, X)
        level = a * X + (1 - a) * E
        if trend is not None:
            growth = B[:, t] = growth + growth_gain * (X - E)
        rest, D_t = X - level, X + season
        for s, of_season, g_k in zip(seasons, U, g):
            newest = of_season[:, s + t]
            np.multiply(g_k, rest, out=newest)
            newest += of_season[:, t]
            D_t -= newest
        C[:, t], D[:, t] = level, D_t
    return Smoothed(C, D, U, B)


def _one(z, seasons, weights, start, out, U) -> None:
    """The same recursion for one column, in Python's numbers; `out` are its C, D and B."""
    a, phi, growth_gain, *g = weights
    level, growth, slope, begin, until = (x.item() for x in start)
    values, C, D, B = z.tolist(), [], [], []
    has_trend = growth != 0 or growth_gain != 0
    states = [u[:s].tolist() for u, s in zip(U, seasons)]
    for t, value in enumerate(values):
        season = sum([state[t] for state in states])
        E = level + slope if begin <= t < until else level
        if has_trend and t >= begin:
            growth *= phi
            E += growth
        X = E if value != value else value - season
        level = a * X + (1 - a) * E
        if has_trend:
            growth += growth_gain * (X - E)
            B.append(growth)
        rest, d = X - level, X + season
        for state, g_k in zip(states, g):
            newest = state[t] + g_k * rest
            state.append(newest)
            d -= newest
        C.append(level)
        D.append(d)
    out[0][:], out[1][:] = C, D
    if has_trend:
        out[2][:] = B
    for u, state in zip(U, states):
        u[:] = state


def advance(level, patterns, Z_new, a, g, growth=0.0, phi=1.0, b=0.0):
    """The same recursion from a state on: level and growth, which is B, (n, m), patterns (n, s, m) from the next step
    on, and new steps.

    Returns
    -------
    level, patterns, D (n, steps, m), growth
    """
    D = np.empty(Z_new.shape)
    for t in range(Z_new.shape[1]):
        season = sum(pattern[:, 0] for pattern in patterns)
        expected = level + phi * growth
        X = np.where(np.isnan(Z_new[:, t]), expected, Z_new[:, t] - season)
        level = a * X + (1 - a) * expected
        growth = phi * growth + a * b * (X - expected)
        rest = X - level
        newest = [pattern[:, 0] + (0.0 if pattern.shape[1] == 1 else g_k) * rest for pattern, g_k in zip(patterns, g)]
        D[:, t] = X + season - sum(newest)
        patterns = [np.concatenate([pattern[:, 1:], new[:, None]], axis=1) for pattern, new in zip(patterns, newest)]
    return level, patterns, D, growth


def _line(Z, n_start, begin):
    """Level a step before the first known value and slope (N, m) of a straight line through the first values."""
    steps = np.arange(min(STARTING_LINE, Z.shape[1]))[:, None]
    at = begin[:, None] + steps
    first = np.take_along_axis(Z, np.minimum(at, Z.shape[1] - 1), axis=1)
    known = ~np.isnan(first) & (at < np.maximum(n_start[:, None, None], 1)) & (at < Z.shape[1])
    first = np.where(known, first, np.nan)
    x = np.where(known, steps, np.nan)
    x_mean, mean = mean_of_known(x, axis=1), mean_of_known(first, axis=1)
    spread = np.nansum((x - x_mean[:, None]) ** 2, axis=1)
    slope = np.nansum((x - x_mean[:, None]) * (first - mean[:, None]), axis=1) / np.maximum(spread, 1e-300)
    slope = np.where(known.sum(axis=1) > 2, slope, 0.0)
    return mean - (x_mean + 1) * slope, slope


def _start(Z, n_start, seasons, usual):
    """Level and slope a step before the first known value (N, m), where that is (N, m), and patterns (N, s, m).

    The patterns stand at the phases of steps 0, 1, ... of Z.
    """
    N, T, m = Z.shape
    S = max(seasons)
    known = ~np.isnan(Z)
    begin = np.where(known.any(axis=1), known.argmax(axis=1), 0)
    n_known = np.asarray(n_start)[:, None] - begin
    cycles = np.where(n_known >= 3 * S, 2, np.where(n_known >= S, 1, 0))
    # the first two cycles (N, 2, S, m), NaN where they must not be used
    steps = begin[:, None] + np.arange(2 * S)[:, None]
    span = np.take_along_axis(Z, np.minimum(steps, T - 1), axis=1)
    span[(np.arange(2 * S)[:, None] >= cycles[:, None] * S) | (steps >= T)] = np.nan
    first, second = span[:, :S], span[:, S:]
    slope = np.where(cycles == 2, mean_of_known(second - first, axis=1) / S, 0.0)
    rest = span - slope[:, None] * np.arange(2 * S)[:, None]
    patterns, level = [], None
    for s in seasons:
        phases = np.stack([mean_of_known(rest[:, phase::s], axis=1) for phase in range(s)], axis=1)
        if level is None:
            level = mean_of_known(np.where(_known_phases(rest, s), phases, np.nan), axis=1)
        rest = rest - np.tile(phases, (1, -(-2 * S // s), 1))[:, : 2 * S]
        pattern = np.where(_known_phases(span, s), phases - (level[:, None] if not patterns else 0.0), 0.0)
        # phase 0 is that of the first known step
        phase = (np.arange(s)[:, None] - begin[:, None]) % s
        patterns.append(np.take_along_axis(pattern, phase, axis=1) if s > 1 else np.zeros((N, 1, m)))
    first_value = np.nan_to_num(np.take_along_axis(Z, begin[:, None], axis=1)[:, 0])
    if usual is not None:
        few = cycles[:, None] < 2
        for k, (s, own) in enumerate(zip(seasons, patterns)):
            if s > 1:
                patterns[k] = np.where(few, (cycles[:, None] * own + usual[k]) / (cycles[:, None] + 1), own)
                first_value = first_value - np.take_along_axis(usual[k], begin[:, None] % s, axis=1)[:, 0]
    level = np.where(cycles > 0, level, first_value)
    return level - slope, slope, begin, patterns


def _known_phases(span: np.ndarray, s: int) -> np.ndarray:
    """Is any value of each phase known? (N, s, m)"""
    return np.stack([~np.isnan(span[:, phase::s]).all(axis=1) for phase in range(s)], axis=1)
