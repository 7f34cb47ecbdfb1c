"""Forecasts from earlier times, beside what came then: cutoffs, the table of a backtest, and errors held back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral

import numpy as np
import pandas as pd

from ._solvers import outside
from ._tables import Table
from ._timeindex import TimeGrid
from ._window_model import SeriesModel, seasonal_change

MOST_ORIGINS = 2000


class HeldBack:
    """Errors of a model on the newest part of each series, which it was not fitted on.

    Every step of that part is forecast from every origin before it, up to `ahead` steps away.

    Parameters
    ----------
    model : SeriesModel
        Fitted to the first n_early[i] rows of each series.
    values, known, past_only, starts : as in SeriesModel.fit
        Of the whole series.
    n_early : ndarray of shape (N,)
    horizon : int
        Steps that `skill` is about.
    ahead : int

    Attributes
    ----------
    scores : ndarray of shape (n, ahead, m)
        Absolute errors in the units of the model; NaN beyond the end.
    skill : float
    network_weight : float
    """

    def __init__(self, model: SeriesModel, values, known, past_only, starts, n_early, horizon: int, ahead: int):
        n_late = np.array([len(part) for part in values]) - n_early
        ahead = int(min(ahead, n_late.max()))
        series = np.repeat(np.arange(len(values)), n_late)
        t = np.concatenate([np.arange(first, first + n) for first, n in zip(n_early, n_late)]) - 1
        every = -(-len(t) // MOST_ORIGINS)
        series, t = series[::every], t[::every]
        steps = t[:, None] + 1 + np.arange(ahead)
        future = np.nan_to_num(rows_at(known, series, steps))
        origins = model.origins(values, known, past_only, starts, np.arange(len(values)), (series, t))
        arguments = origins, ahead, future, starts[series] + t + 1
        true = rows_at(values, series, steps)
        true_scaled = model.scaled(true, series)
        forecast = model.forecast(*arguments)
        self.network_weight = 1.0
        if model.model.linear_path:
            # On short series a network does harm as often as good: it counts for as much as it proved to be worth here.
            # Within the first block forecasts are linear in its weight, so the best is a regression through the origin.
            first = slice(model.model.n_steps)
            linear = model.forecast(*arguments, network_weight=0.0)[:, first]
            correction = forecast[:, first] - linear
            gain = np.nansum((true_scaled[:, first] - linear) * correction)
            self.network_weight = float(np.clip(gain / max(np.nansum(correction**2), 1e-300), 0, 1))
            forecast = model.forecast(*arguments, network_weight=self.network_weight)
        self.scores = np.abs(true_scaled - forecast)
        self._series = series

        # mean absolute scaled error, against that of repeating the last season
        s = model.season_length
        naive = rows_at(values, series, t[:, None] - s + 1 + np.arange(ahead) % s)
        scale = np.stack([seasonal_change(part[:n], s) for part, n in zip(values, n_early)])[series][:, None]
        error = np.nansum((np.abs(true - model.in_units(forecast, series)) / scale)[:, :horizon])
        naive_error = np.nansum((np.abs(true - naive) / scale)[:, :horizon])
        self.skill = float(1 - error / naive_error) if naive_error > 0 else np.nan

    def widths(self, n_steps: int, coverage: float) -> np.ndarray:
        """Half the width of intervals, (n_steps, m).

        The quantile is taken over all steps together, of errors relative to the mean one that many steps ahead: for
        each step by itself there are too few. They depend on each other, so they count for as many as would tell as
        much if they did not: of n independent errors, the (n + 1) * coverage smallest is what holds a new one with that
        probability.
        """
        typical = np.maximum.accumulate(np.nanmean(self.scores, axis=0))  # (ahead, m)
        relative = self.scores / np.where(typical > 0, typical, 1.0)
        level = coverage * (1 + 1 / self._n_independent(relative))
        if level > 1:
            warnings.warn(
                f"The held-back errors are too few for a coverage of {coverage}; the interval is that of the largest, "
                "and may cover less.",
                UserWarning,
                stacklevel=outside(),
            )
        quantile = np.nanquantile(relative.reshape(-1, relative.shape[2]), min(level, 1), axis=0, method="higher")
        ahead = len(typical)
        beyond = np.sqrt(np.arange(ahead + 1, n_steps + 1) / ahead)
        return np.concatenate([typical, typical[-1:] * beyond[:, None]])[:n_steps] * quantile

    def _n_independent(self, errors: np.ndarray) -> float:
        """How many origins there would be if their errors (n, ahead, m) did not depend on each other.

        n / (1 + 2 sum of autocorrelations, up to the first that is not positive); errors from one origin count as one.
        """
        errors = errors - np.nanmean(errors, axis=0)
        variance, n, time = np.nanmean(errors**2), len(errors), 1.0
        for lag in range(1, n // 2):
            products = (errors[lag:] * errors[:-lag])[self._series[lag:] == self._series[:-lag]]
            if not np.isfinite(products).any() or np.nanmean(products) <= 0:
                break
            time += 2 * np.nanmean(products) / variance
        return n / time


def cutoffs(table: Table, grid: TimeGrid, n_splits: int, horizon: int, stride: int | None):
    """For each cutoff, its label, and how many rows of each series are known then."""
    for name, value in (("n_splits", n_splits), ("stride", horizon if stride is None else stride)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    stride = horizon if stride is None else stride
    lengths = np.array([len(index) for index in table.indexes])
    first = min(index[0] for index in table.indexes)
    starts = np.array([grid.n_steps(first, index[0]) for index in table.indexes])
    n_times = int((starts + lengths).max())
    cuts = n_times - horizon - stride * np.arange(n_splits)[::-1]
    if cuts[0] < 1:
        raise ValueError(
            f"{n_splits} cutoffs, {stride} steps apart and with {horizon} steps after each, need more than the "
            f"{n_times} time steps that y has. Choose a smaller n_splits, stride or horizon."
        )
    labels = grid.labels(first, n_times)
    return [(labels[cut - 1], np.clip(cut - starts, 0, lengths)) for cut in cuts]


def goes_on(table: Table, grid: TimeGrid, i: int, cut, stops: np.ndarray) -> bool:
    """Has series i a row at the cutoff, and one after it?"""
    return 0 < stops[i] < len(table.indexes[i]) and table.indexes[i][stops[i] - 1] == cut


def tidy(table: Table, series: list, cut, columns: dict) -> pd.DataFrame:
    """Forecasts from one cutoff, (n, steps, m) each, as a frame with one row for each value that is known."""
    n, steps, m = columns["y_true"].shape
    layout = table.layout
    frame = {}
    if layout.kind == "panel":
        groups = pd.Index([table.ids[i] for i in series])
        for level, name in enumerate(layout.index_names[:-1]):
            frame["id" if name is None else name] = groups.get_level_values(level).repeat(steps * m)
    elif layout.id_col is not None:
        frame[layout.id_col] = pd.Index([table.ids[i] for i in series]).repeat(steps * m)
    if m > 1:
        frame["variable"] = np.tile(np.array(layout.names, dtype=object), n * steps)
    frame["cutoff"] = pd.Index([cut]).repeat(n * steps * m)
    frame["step"] = np.tile(np.repeat(np.arange(1, steps + 1), m), n)
    frame |= {name: values.ravel() for name, values in columns.items()}
    frame = pd.DataFrame(frame)
    return frame[np.isfinite(columns["y_true"].ravel())]


def rows_at(parts: list, series: Sequence[int], steps: np.ndarray) -> np.ndarray:
    """parts[series[i]][steps[i, j]] as (n, steps, k), NaN beyond the end."""
    out = np.full((*steps.shape, parts[0].shape[1]), np.nan)
    series = np.asarray(series)
    for i in np.unique(series):
        of_part, part = series == i, parts[i]
        rows = part[np.minimum(steps[of_part], len(part) - 1)].astype(np.float64)
        rows[steps[of_part] >= len(part)] = np.nan
        out[of_part] = rows
    return out
