"""Arrays of series side by side, and what a forecast needs to know of them at its origin.

N series, T time steps, m values at each, k exogenous columns; series of different lengths stand in one array, NaN after
their end.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


@dataclass
class Exog:
    """Exogenous columns as a model takes them.

    Attributes
    ----------
    values : ndarray of shape (N, T, k)
        Known ones first; complete.
    missing : ndarray of bool, shape (N, T, q)
        Where values of the columns of which only the past is known were carried.
    """

    values: np.ndarray
    missing: np.ndarray

    def select(self, some) -> Exog:
        """Of some of the series."""
        return Exog(self.values[some], self.missing[some])


class OfOrigins:
    """Base of dataclasses of arrays with a row for each of n origins."""

    def take(self, index) -> Self:
        """Some of them."""
        return type(self)(*(part[index] for part in self._parts()))

    def with_put(self, index, other: Self) -> Self:
        """Copies, in which others stand at some places."""
        new = [part.copy() for part in self._parts()]
        for part, of_other in zip(new, other._parts()):
            part[index] = of_other
        return type(self)(*new)

    def joined(self, other: Self) -> Self:
        """These, and others after them."""
        return type(self)(*(np.concatenate(both) for both in zip(self._parts(), other._parts())))

    def _parts(self) -> list[np.ndarray]:
        return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]


@dataclass
class Origins(OfOrigins):
    """All that a forecast needs to know, at n origins."""

    D: np.ndarray  # (n, W, m) the window, without season
    level: np.ndarray  # (n, m)    C_t
    season: np.ndarray  # (n, s_1 + s_2 + ..., m) the pattern of each season, from step t+1 on
    before: np.ndarray  # (n, d, m) the last values before differencing
    exog: np.ndarray  # (n, W, k) exogenous columns in the window, known ones first
    missing: np.ndarray  # (n, W, m + q) which values of the window, and of columns of X, were carried; or (n, W, 0)

    def __setstate__(self, state: dict) -> None:
        # stored before values could be missing
        vars(self).update({"missing": np.empty((*state["D"].shape[:2], 0))} | state)


def windows(A: np.ndarray, size: int, i: np.ndarray, start: np.ndarray) -> np.ndarray:
    """A[i, start : start + size] of A (N, T, k), for all pairs (i, start), as (n, size, k)."""
    return sliding_window_view(A, size, axis=1)[i, start].swapaxes(1, 2)


def mean_of_known(A: np.ndarray, axis: int = 0) -> np.ndarray:
    """Mean over an axis of what is known; 0 where nothing is."""
    known = ~np.isnan(A)
    return np.where(known, A, 0.0).sum(axis=axis) / np.maximum(known.sum(axis=axis), 1)


def padded(parts: list) -> np.ndarray:
    """Arrays (T_i, k) as one (N, T, k), NaN after their end."""
    out = np.full((len(parts), max(len(part) for part in parts), parts[0].shape[1]), np.nan)
    for row, part in zip(out, parts):
        row[: len(part)] = part
    return out


def carried(A: np.ndarray, lag: int = 1) -> np.ndarray:
    """A (N, T, k), with the value `lag` steps before in place of what is missing; at the start, the first known one."""
    known = ~np.isnan(A)
    step = np.broadcast_to(np.arange(A.shape[1])[:, None], A.shape)
    first = np.where(known.any(axis=1), known.argmax(axis=1), 0)[:, None]
    out = np.empty_like(A)
    for phase in range(min(lag, A.shape[1])):
        last = np.maximum.accumulate(np.where(known, step, -1)[:, phase::lag], axis=1)
        out[:, phase::lag] = np.take_along_axis(A, np.where(last < 0, first, last), axis=1)
    return out
