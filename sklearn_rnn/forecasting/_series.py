"""Series: what a forecaster is given, in numbers, as one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ._origins import mean_of_known

Rows = Sequence[int] | np.ndarray


@dataclass
class Series:
    """N series ordered in time, with their exogenous columns.

    Attributes
    ----------
    values : list of ndarray of shape (T_i, m)
        A multivariate series has several values at each step; NaN where one is missing.
    known, past_only : list of ndarray of shape (T_i, k)
        Exogenous columns whose future is known, and those of which only the past is.
    starts : ndarray of shape (N,)
        When each series begins, in steps after the first of all.
    has_times : bool
        Is that known? Arrays do not say.
    is_static : ndarray of bool of shape (k,)
        Which of the known columns do not change within any series that was fitted; none, if left out.
    """

    values: list[np.ndarray]
    known: list[np.ndarray]
    past_only: list[np.ndarray]
    starts: np.ndarray
    is_static: np.ndarray = None  # type: ignore[assignment]
    has_times: bool = True

    def __post_init__(self) -> None:
        if self.is_static is None:
            self.is_static = np.zeros(self.known[0].shape[1] if self.known else 0, dtype=bool)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def lengths(self) -> np.ndarray:
        """T_i of each."""
        return np.array([len(part) for part in self.values], dtype=np.intp)

    @property
    def ends(self) -> np.ndarray:
        """The time after the last step of each."""
        return self.starts + self.lengths

    @property
    def n_known(self) -> int:
        """Exogenous columns whose future is known."""
        return self.known[0].shape[1]

    @property
    def n_past_only(self) -> int:
        """Exogenous columns of which only the past is known."""
        return self.past_only[0].shape[1]

    @property
    def missing_fraction(self) -> float:
        """Share of the values that are missing, from the first of each series, or column, on."""
        n_missing, n = 0, 0
        for part in self.values:
            known = ~np.isnan(part)
            n_since = len(part) - known.argmax(axis=0)
            n, n_missing = n + int(n_since.sum()), n_missing + int((n_since - known.sum(axis=0)).sum())
        return n_missing / n

    def select(self, some: Rows) -> Series:
        """Some of the series."""
        return replace(
            self,
            values=[self.values[i] for i in some],
            known=[self.known[i] for i in some],
            past_only=[self.past_only[i] for i in some],
            starts=self.starts[np.asarray(some, dtype=np.intp)],
        )

    def followed_by(self, other: Series) -> Series:
        """The same series with later rows."""

        def joined(ours, theirs):
            return [np.concatenate(both) for both in zip(ours, theirs)]

        return replace(
            self,
            values=joined(self.values, other.values),
            known=joined(self.known, other.known),
            past_only=joined(self.past_only, other.past_only),
        )

    def rows(self, first: Rows, stop: Rows) -> Series:
        """Rows first[i] ... stop[i] - 1 of each series."""
        parts = [slice(a, b) for a, b in zip(first, stop)]
        return replace(
            self,
            values=[part[rows] for part, rows in zip(self.values, parts)],
            known=[part[rows] for part, rows in zip(self.known, parts)],
            past_only=[part[rows] for part, rows in zip(self.past_only, parts)],
            starts=self.starts + np.asarray(first),
        )

    def until(self, stop: Rows) -> Series:
        """Rows before stop[i] of each series."""
        return self.rows(np.zeros_like(stop), stop)

    def as_learnt_from(self, early: Series, some: np.ndarray) -> Series:
        """These series with exogenous columns as a fit to their early part, of `some` of them, has them.

        What did not change within any series until then is static, and stays what it was, as nothing was learnt of
        changes.
        """
        if not self.n_known:
            return self
        low = np.stack([np.fmin.reduce(part) for part in early.known])
        high = np.stack([np.fmax.reduce(part) for part in early.known])
        is_static = ((low == high) | np.isnan(low)).all(axis=0)
        usual = mean_of_known(low)
        constants = {int(i): np.where(np.isnan(row), usual, row) for i, row in zip(some, low)}
        known = []
        for i, part in enumerate(self.known):
            kept = constants.get(i, part[0])  # one that begins later brings its own
            # columns that are the same in all series say nothing of new ones either
            kept = np.where((low == low[:1]).all(axis=0), low[0], kept)
            known.append(np.where(is_static, kept, part))
        return replace(self, known=known, is_static=is_static)

    def filled_to(self, n: int) -> Series:
        """Series of fewer than n steps begin earlier, with values that are missing."""
        more = np.maximum(n - self.lengths, 0)
        if not more.any():
            return self

        def with_rows(parts, mode):
            return [part if not k else mode(part, k) for part, k in zip(parts, more)]

        def missing(part, k):
            return np.pad(part.astype(np.float64), ((k, 0), (0, 0)), constant_values=np.nan)

        def first(part, k):
            return np.pad(part, ((k, 0), (0, 0)), mode="edge")

        return replace(
            self,
            values=with_rows(self.values, missing),
            known=with_rows(self.known, first),
            past_only=with_rows(self.past_only, missing),
            starts=self.starts - more,
        )


def rows_at(parts: list[np.ndarray], series: Rows, steps: np.ndarray) -> np.ndarray:
    """parts[series[i]][steps[i, j]] as (n, steps, k); NaN beyond the end."""
    lengths = np.array([len(part) for part in parts])
    first = np.concatenate([[0], np.cumsum(lengths)])
    series = np.asarray(series)
    last = np.maximum(lengths[series], 1)[:, None] - 1
    used = np.unique(series)
    rows = parts[used[0]] if len(used) == 1 else np.concatenate(parts)
    begin = np.zeros(len(series), dtype=np.intp) if len(used) == 1 else first[series]
    out = rows[begin[:, None] + np.minimum(steps, last)].astype(np.float64)
    out[steps > last] = np.nan
    return out


def fill_blocks(known: np.ndarray, n_steps: int) -> np.ndarray:
    """Columns of the steps to forecast, (n, steps, k), with rows of NaN behind them up to n_steps.

    Steps are forecast in blocks, of which the last may go on beyond what is asked for. Nothing is known of its last
    steps, and nothing is made up.
    """
    missing = n_steps - known.shape[1]
    return known if missing <= 0 else np.pad(known, ((0, 0), (0, missing), (0, 0)), constant_values=np.nan)
