"""The newest part of series, held back: what a forecaster is worth, and how far it errs."""

from __future__ import annotations

from numbers import Real

import numpy as np

from .._warnings import warn
from ._origins import carried, mean_of_known
from ._series import Series, fill_blocks, rows_at
from ._series_model import SeriesModel, seasonal_change

MOST_ORIGINS = 2000


class HeldBack:
    """Errors of a model on the newest part of each series, which it was not fitted on.

    Every step of that part is forecast from every origin before it, up to `ahead` steps away.

    Parameters
    ----------
    model : SeriesModel
        Fitted to the first n_early[i] rows of each series.
    data : Series
        The whole series.
    n_early : ndarray of shape (N,)
    horizon : int
        Steps that `skill` is about.
    ahead : int

    Attributes
    ----------
    scores : ndarray of shape (n, ahead, m)
        Absolute errors in the units of the model; NaN beyond the end.
    error : float
        Sum of absolute errors up to the horizon, scaled.
    skill : float
    network_weight : float
    """

    def __init__(self, model: SeriesModel, data: Series, n_early: np.ndarray, horizon: int, ahead: int):
        h, lengths = model.model.n_steps, data.lengths
        n_late = lengths - n_early
        ahead = int(min(ahead, n_late.max()))
        if data.n_known:
            # Exogenous columns must be known of all steps of a block, so some origins are too late.
            ahead = max(ahead // h, 1) * h
            n_late = np.maximum(n_late - ahead + 1, 0)
        series = np.repeat(np.arange(len(data)), n_late)
        t = np.concatenate([np.arange(first, first + n) for first, n in zip(n_early, n_late)]) - 1
        if len(t) > MOST_ORIGINS:
            # drawn, since every k-th would be the same hour of all days, or the same day of all series
            some = np.sort(np.random.RandomState(0).choice(len(t), MOST_ORIGINS, replace=False))
            series, t = series[some], t[some]
            ahead = min(ahead, int((lengths[series] - 1 - t).max()))
        steps = t[:, None] + 1 + np.arange(ahead)
        future = fill_blocks(rows_at(data.known, series, steps), -(-ahead // h) * h)
        origins = model.origins(data, n_early, (series, t))
        arguments = origins, ahead, future, data.starts[series] + t + 1
        true = rows_at(data.values, series, steps)
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
            known = np.where(np.isnan(true_scaled[:, first]), np.nan, correction)
            self.network_weight = float(np.clip(gain / max(np.nansum(known**2), 1e-300), 0, 1))
            forecast = model.forecast(*arguments, network_weight=self.network_weight)
        self.scores = np.abs(true_scaled - forecast)
        self._series = series

        # mean absolute scaled error, against that of repeating the last season
        s = model.season_length
        lag = np.where(n_early > s, s, 1)[series][:, None]  # as in seasonal_change
        values = [carried(part[None], s)[0] if np.isnan(part).any() else part for part in data.values]
        naive = rows_at(values, series, t[:, None] - lag + 1 + np.arange(ahead) % lag)
        scale = np.stack([seasonal_change(part[:n], s) for part, n in zip(data.values, n_early)])[series][:, None]
        self.error = np.nansum((np.abs(true - model.in_units(forecast, series)) / scale)[:, :horizon])
        naive_error = np.nansum((np.abs(true - naive) / scale)[:, :horizon])
        self.skill = float(1 - self.error / naive_error) if naive_error > 0 else np.nan

    def widths(self, n_steps: int, coverage: float) -> np.ndarray:
        """Half the width of intervals, (n_steps, m).

        The quantile is taken over all steps together, of errors relative to the mean one that many steps ahead: for
        each step by itself there are too few. They depend on each other, so they count for as many as would tell as
        much if they did not: of n independent errors in order, number (n + 1) * coverage is the one that a new error
        stays below with that probability.
        """
        has_scores = np.isfinite(self.scores).any(axis=(0, 1))  # a column may have ended before
        typical = np.maximum.accumulate(mean_of_known(self.scores))  # (ahead, m)
        relative = self.scores / np.where(typical > 0, typical, 1.0)
        level = coverage * (1 + 1 / self._n_independent(relative))
        if coverage * (1 + 1 / len(self.scores)) > 1:
            warn(
                f"{len(self.scores)} times at which errors were held back are too few for a coverage of {coverage}; "
                "the interval is that of the largest error, and may cover less."
            )
        quantile = np.full(relative.shape[2], np.nan)
        of_columns = relative.reshape(-1, relative.shape[2])[:, has_scores]
        quantile[has_scores] = np.nanquantile(of_columns, min(level, 1), axis=0, method="higher")
        ahead = len(typical)
        beyond = np.sqrt(np.arange(ahead + 1, n_steps + 1) / ahead)
        widths = np.concatenate([typical, typical[-1:] * beyond[:, None]])[:n_steps] * quantile
        # a column that was not measured is as uncertain as the worst that was
        return np.where(has_scores, widths, np.nanmax(widths, axis=1, keepdims=True))

    def _n_independent(self, errors: np.ndarray) -> float:
        """How many origins there would be if their errors (n, ahead, m) did not depend on each other.

        n / (1 + 2 sum of autocorrelations, up to the first that is not positive); errors from one origin count as one.
        """
        errors = errors - mean_of_known(errors)
        variance, n, time = np.nanmean(errors**2), len(errors), 1.0
        for lag in range(1, n // 2):
            products = (errors[lag:] * errors[:-lag])[self._series[lag:] == self._series[:-lag]]
            if not np.isfinite(products).any() or np.nanmean(products) <= 0:
                break
            time += 2 * np.nanmean(products) / variance
        return n / time


def check_coverage(coverage: object) -> None:
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise ValueError(f"coverage must be a number between 0 and 1, got {coverage!r}.")
