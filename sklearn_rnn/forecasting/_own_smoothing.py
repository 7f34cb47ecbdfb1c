"""OwnSmoothing: simple forecasts of each series from itself alone, with parameters of its own.

A window model shares all that it learns among the series of a panel. Beside it stand forecasts that share nothing:

    last value     Z^[t+j] = Z[t]
    last s         Z^[t+j] = Z[t+j-s], of the newest season (of s steps, or of a longer one)
    drift          Z^[t+j] = Z[t] + j (Z[t] - Z[0]) / t
    level          Z^[t+j] = C[t] + sum_k U_k
    trend          Z^[t+j] = C[t] + (phi + phi^2 + ... + phi^j) B[t] + sum_k U_k

with C, B and U of `_smoothing.py`. For each series and column the a, b, phi and g are those of a grid that would have
forecast it best so far, 1 to h steps ahead; without seasonals, if that was better. Where little of a series is known,
they are drawn to what is best for all: a forecast counts once, and the mean of all series as ENOUGH forecasts.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np

from ._origins import OfOrigins, carried, windows
from ._smoothing import Trend, advance, smooth

# What is chosen from: a of a level; a, b and phi of a trend (b = 0 keeps the slope of the start); g of a season.
LEVELS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.99)
TREND_LEVELS, TRENDS = (0.05, 0.15, 0.35, 0.6, 0.9), (*product((0.05, 0.2, 0.5), (0.85, 0.95, 1.0)), (0.0, 1.0))
SEASONALS, FURTHER_SEASONAL = (0.05, 0.2, 0.5), 0.1
ENOUGH = 20
# Steps of all series to choose by, the newest; and numbers in one array.
MOST_STEPS, MOST_NUMBERS = 20_000, 2_000_000


@dataclass
class OwnState(OfOrigins):
    """All that these need to know at n origins; columns of "level" stand before those of "trend"."""

    level: np.ndarray  # (n, 2m)
    growth: np.ndarray  # (n, 2m)
    season: np.ndarray  # (n, s_1 + s_2 + ..., 2m) the pattern of each season, from step t+1 on
    value: np.ndarray  # (n, m) the newest value known
    last: np.ndarray  # (n, longest season, m) the newest values, with that of a season before where one is missing
    first: np.ndarray  # (n, m) the first value known
    age: np.ndarray  # (n, m) steps since then
    parameters: np.ndarray  # (n, 4, 2m): a, b, phi, g


class OwnSmoothing:
    """These forecasts, of series in the units of the model.

    Parameters
    ----------
    n_steps : int
        Steps ahead that parameters are chosen for.
    seasons : sequence of int
        Steps of each season; 1 for none.
    lags : sequence of int
        How many of the last values are repeated: 1, a season, and maybe a longer one.
    squared : bool
        Go by squared errors, in place of absolute ones.
    """

    def __init__(self, n_steps: int, seasons: Sequence[int], lags: Sequence[int], squared: bool = False):
        self.squared = squared
        self.n_steps = n_steps
        self.seasons = tuple(seasons)
        self.lags = tuple(lags)
        grid = [(a, 0.0, 1.0, g) for a in LEVELS for g in self._seasonals()]
        self._n_level = len(grid)
        grid += [(a, b, phi, g) for a in TREND_LEVELS for b, phi in TRENDS for g in self._seasonals()]
        self._grid = np.array(grid)

    @property
    def names(self) -> list[str]:
        """Of the candidates, in the order of `forecasts`."""
        return [*("last value" if lag == 1 else f"last {lag}" for lag in self.lags), "drift", "level", "trend"]

    @property
    def _lag(self) -> int:
        """Steps back to the value that stands for one that is missing."""
        return min((lag for lag in self.lags if lag > 1), default=1)

    def _seasonals(self) -> tuple[float, ...]:
        """g of each way; -1 without a season."""
        return (-1.0, *SEASONALS) if max(self.seasons) > 1 else (-1.0,)

    # -- fitting ----------------------------------------------------------------------------------------------------

    def fit(self, Z: np.ndarray, n: np.ndarray) -> Self:
        """Choose the parameters of series Z (N, T, m), NaN where missing, of n (N,) steps each."""
        errors, counts = self._errors(Z, n)
        total = np.maximum(counts.sum(axis=(0, 1)), 1)
        self._usual = np.nansum(errors * counts[..., None], axis=(0, 1)) / total
        self.parameters = self._best(errors, counts)
        return self

    def of(self, Z: np.ndarray, n: np.ndarray) -> Self:
        """For other series."""
        other = copy.copy(self)
        other.parameters = other._best(*self._errors(Z, n))
        return other

    def _best(self, errors: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Those with the least error, drawn to what is usual: (N, 4, 2m)."""
        counts = counts[..., None]
        drawn = (np.nan_to_num(errors) * counts + self._usual * ENOUGH) / (counts + ENOUGH)
        level = self._grid[: self._n_level][drawn[..., : self._n_level].argmin(axis=2)]
        trend = self._grid[self._n_level :][drawn[..., self._n_level :].argmin(axis=2)]
        return np.concatenate([level, trend], axis=1).swapaxes(1, 2)

    def _errors(self, Z: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean absolute error of each way of the grid (N, m, ways), relative to their mean, and forecasts (N, m)."""
        N, _, m = Z.shape
        n_kept = max(MOST_STEPS // N, 6 * max(self.seasons) + 4 * self.n_steps, 40)
        first = np.maximum(n - n_kept, 0)
        longest = int((n - first).max())
        at = np.minimum(first[:, None] + np.arange(longest), Z.shape[1] - 1)
        Z = np.where(
            (np.arange(longest) < (n - first)[:, None])[..., None], np.take_along_axis(Z, at[..., None], 1), np.nan
        )
        errors, counts = np.empty((N, m, len(self._grid))), np.empty((N, m))
        size = max(MOST_NUMBERS // (longest * m * len(self._grid)), 1)
        for start in range(0, N, size):
            part = slice(start, start + size)
            errors[part], counts[part] = self._errors_of(Z[part], (n - first)[part])
        return errors, counts

    def _errors_of(self, Z: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        N, T, m = Z.shape
        ways = len(self._grid)
        # ways side by side as columns: (N, T, m * ways)
        a, b, phi, g = np.tile(self._grid, (m, 1)).T
        columns = np.repeat(Z, ways, axis=2)
        has_trend = np.tile(np.arange(ways) >= self._n_level, m)
        C, B, U = self._smoothed(columns, n, a, b, phi, g, has_trend)
        known = ~np.isnan(Z)
        begin = np.where(known.any(axis=1), known.argmax(axis=1), T).min(axis=1)
        warm = np.minimum(2 * max(self.seasons) if max(self.seasons) > 1 else 5, np.maximum(n - begin - 2, 0) // 2)
        steps = np.unique(np.ceil(np.array([1, self.n_steps / 4, self.n_steps / 2, self.n_steps])).astype(int))
        total, counts = np.zeros((N, m * ways)), np.zeros((N, m * ways))
        t = np.arange(T)
        for j in steps[steps < T]:
            damped = np.where(phi == 1, j, phi * (1 - phi**j) / np.where(phi == 1, 1, 1 - phi))
            season = sum(u[:, 1 + (j - 1) % s : 1 + (j - 1) % s + T - j] for u, s in zip(U, self.seasons))
            error = np.abs(C[:, : T - j] + damped * B[:, : T - j] + season - columns[:, j:])
            late = (t[: T - j] >= (begin + warm)[:, None])[..., None]
            error = np.where(late, error**2 if self.squared else error, np.nan)
            total += np.nansum(error, axis=1)
            counts += (~np.isnan(error)).sum(axis=1)
        mean = (total / np.maximum(counts, 1)).reshape(N, m, ways)
        usual = mean.mean(axis=2, keepdims=True)
        n_forecasts = counts.reshape(N, m, ways)[..., 0] / len(steps)
        return np.where(usual > 0, mean / np.where(usual > 0, usual, 1), 1.0), n_forecasts

    def _smoothed(self, Z, n_start, a, b, phi, g, has_trend):
        """C, B and U of columns, each with its own parameters."""
        trend = Trend(has_trend, b, phi)
        smoothed = smooth(Z, n_start, self.seasons, a, self._gains(g), trend=trend, has_season=g >= 0)
        return smoothed.C, smoothed.B, smoothed.U

    def _gains(self, g: np.ndarray) -> list[np.ndarray]:
        """g of each season, 0 without one."""
        return [np.maximum(g, 0), *[np.where(g >= 0, FURTHER_SEASONAL, 0.0)] * (len(self.seasons) - 1)]

    # -- using ------------------------------------------------------------------------------------------------------

    def origins(self, Z: np.ndarray, n_start: np.ndarray, where: tuple[np.ndarray, np.ndarray]) -> OwnState:
        """The state after step t of series i, for all (i, t) = where."""
        i, t = where
        m = Z.shape[2]
        a, b, phi, g = self.parameters.swapaxes(0, 1)
        C, B, U = self._smoothed(np.tile(Z, (1, 1, 2)), n_start, a, b, phi, g, np.arange(2 * m) >= m)
        any_missing, longest = np.isnan(Z).any(), self.lags[-1]
        whole = carried(Z, self._lag) if any_missing else Z
        newest = carried(Z) if any_missing else Z
        last = windows(np.pad(whole, ((0, 0), (longest - 1, 0), (0, 0)), mode="edge"), longest, i, t)
        known = ~np.isnan(Z)
        begin = np.where(known.any(axis=1), known.argmax(axis=1), 0)
        first = np.nan_to_num(np.take_along_axis(Z, begin[:, None], axis=1)[:, 0])
        return OwnState(
            level=C[i, t],
            growth=B[i, t],
            season=np.concatenate([windows(u, s, i, t + 1) for u, s in zip(U, self.seasons)], axis=1),
            value=np.nan_to_num(newest[i, t]),
            last=np.nan_to_num(last),
            first=first[i],
            age=np.maximum(t[:, None] - begin[i], 0).astype(float),
            parameters=self.parameters[i],
        )

    def _patterns(self, state: OwnState) -> list[np.ndarray]:
        return np.split(state.season, np.cumsum(self.seasons)[:-1], axis=1)

    def advance(self, state: OwnState, Z_new: np.ndarray) -> OwnState:
        """The state after more steps are known: Z_new (n, steps, m), NaN where a value is missing."""
        a, b, phi, g = state.parameters.swapaxes(0, 1)
        level, patterns, _, growth = advance(
            state.level, self._patterns(state), np.tile(Z_new, (1, 1, 2)), a, self._gains(g), state.growth, phi, b
        )
        longest = self.lags[-1]
        last = carried(np.concatenate([state.last, Z_new], axis=1), self._lag)[:, -longest:]
        value = carried(np.concatenate([state.value[:, None], Z_new], axis=1))[:, -1]
        season = np.concatenate(patterns, axis=1)
        return OwnState(level, growth, season, value, last, state.first, state.age + Z_new.shape[1], state.parameters)

    def forecasts(self, state: OwnState, n_steps: int) -> np.ndarray:
        """Those of the candidates, (candidates, n, n_steps, m)."""
        j = np.arange(n_steps)
        longest = state.last.shape[1]
        simple = [np.repeat(state.value[:, None], n_steps, axis=1)]
        simple += [state.last[:, longest - lag + j % lag] for lag in self.lags if lag > 1]
        slope = (state.value - state.first) / np.maximum(state.age, 1)
        simple.append(state.value[:, None] + (1 + j[:, None]) * slope[:, None])
        phi = state.parameters[:, 2]
        path = state.level[:, None] + np.cumsum(phi[:, None] ** (1 + j[:, None]), axis=1) * state.growth[:, None]
        for pattern in self._patterns(state):
            path = path + pattern[:, j % pattern.shape[1]]
        return np.stack([*simple, *np.split(path, 2, axis=2)])
