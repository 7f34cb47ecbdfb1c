"""The newest part of series, held back: what forecasts of it from the rest are worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .._warnings import warn
from ..estimators._progress import announced
from ._combination import combined, mean_errors, network_share, weights_of_errors, weights_of_share
from ._origins import carried, mean_of_known
from ._plan import Plan
from ._series import Series, fill_blocks, rows_at
from ._series_model import SeriesModel, seasonal_change

MOST_ORIGINS, MOST_FORECASTS = 2000, 4_000_000
# Parts before the one that is held back of which cheap candidates are tried too, and by how many steps at most.
EARLIER_PARTS, MOST_STEPS_TRIED = 2, 100_000
# By how many of the steps that were tried logarithms must be better, since of few a small difference tells nothing.
MARGIN = 2.0


@dataclass
class Held:
    """Forecasts of the candidates from origins that they were not fitted beyond.

    Every step of a part of the data is forecast from every origin before it, up to `ahead` steps away.

    Attributes
    ----------
    series : ndarray of shape (n,)
    t : ndarray of shape (n,)
        The last step known at each origin.
    true, forecasts : ndarray of shape (n, ahead, m) and (K, n, ahead, m)
        In the units of the model; true is NaN where a value is missing, or beyond the end.
    """

    series: np.ndarray
    t: np.ndarray
    true: np.ndarray
    forecasts: np.ndarray

    def joined(self, other: Held) -> Held:
        """With later origins."""
        ahead = min(self.true.shape[1], other.true.shape[1])
        return Held(
            np.concatenate([self.series, other.series]),
            np.concatenate([self.t, other.t]),
            np.concatenate([self.true[:, :ahead], other.true[:, :ahead]]),
            np.concatenate([self.forecasts[:, :, :ahead], other.forecasts[:, :, :ahead]], axis=1),
        )

    def errors(self) -> np.ndarray:
        """Absolute, (K, n, ahead, m)."""
        return np.abs(self.true - self.forecasts)


def hold_back(model: SeriesModel, data: Series, n_early: np.ndarray, stop: np.ndarray, ahead: int) -> Held:
    """Forecasts by a model that was fitted to the first n_early[i] rows of each series, from origins before stop[i]."""
    h, lengths = model.model.main.n_steps, data.lengths
    ahead = int(min(ahead, (lengths - n_early).max()))
    last = lengths
    if data.n_known:
        # Exogenous columns must be known of all steps of a block, so some origins are too late.
        ahead = max(ahead // h, 1) * h
        last = lengths - ahead + 1
    n_late = np.maximum(np.minimum(stop, last) - n_early, 0)
    series = np.repeat(np.arange(len(data)), n_late)
    t = np.concatenate([np.arange(first, first + n) for first, n in zip(n_early, n_late)]) - 1
    most = max(MOST_ORIGINS, min(MOST_FORECASTS // (ahead * len(model.model.names)), 20 * len(data)))
    if len(t) > most:
        # drawn, since every k-th would be the same hour of all days, or the same day of all series
        some = np.sort(np.random.RandomState(0).choice(len(t), most, replace=False))
        series, t = series[some], t[some]
    ahead = min(ahead, int((lengths[series] - 1 - t).max()))
    steps = t[:, None] + 1 + np.arange(ahead)
    future = fill_blocks(rows_at(data.known, series, steps), -(-ahead // h) * h)
    origins = model.origins(data, n_early, (series, t))
    forecasts = model.forecasts(origins, ahead, future, data.starts[series] + t + 1)
    return Held(series, t, model.scaled(rows_at(data.values, series, steps), series), forecasts)


@dataclass
class Worth:
    """What held-back forecasts come to.

    Attributes
    ----------
    weights : ndarray of shape (N, K, m)
    forecasts, errors : ndarray of shape (n, ahead, m)
        Of the combination, each with weights of other origins: see `Worth.of`. An error is true minus forecast.
    series : ndarray of shape (n,)
    by_candidate : ndarray of shape (N, K, m)
        Mean absolute errors up to the horizon.
    usual : ndarray of shape (K,)
        log R of `_combination.py`, or the share of the network.
    """

    weights: np.ndarray
    forecasts: np.ndarray
    errors: np.ndarray
    series: np.ndarray
    by_candidate: np.ndarray
    usual: np.ndarray

    def without_origins(self) -> Worth:
        """What there is to know of each series and candidate, without the single errors."""
        nothing = np.empty((0, *self.errors.shape[1:]))
        return replace(self, forecasts=nothing, errors=nothing, series=self.series[:0])

    @classmethod
    def of(
        cls,
        held: Held,
        n_series: int,
        horizon: int,
        combine: bool,
        block: int,
        usual: np.ndarray | None = None,
        share: float | None = None,
        *,
        squared: bool = False,
    ) -> Worth:
        """Weights of the candidates, and errors of the combination.

        Errors that choose the weights flatter them. So those of the first half of the origins of each series are made
        with weights of the second half, and the other way round, and are as far off as those of values to come, or a
        little farther. One share of a network, which is all there is without a combination, flatters little.

        `usual`, or the `share`, is given for series which a model was not fitted to.
        """
        n_candidates = len(held.forecasts)
        absolute = held.errors()[:, :, :horizon]
        by_candidate, n_origins = mean_errors(absolute, held.series, n_series)
        by_candidate = np.where(n_origins[:, None] > 0, by_candidate, np.nan)
        if not combine:
            if share is None:
                first = slice(block)
                share = 1.0
                if n_candidates == 2:
                    linear, network = held.forecasts[:, :, first]
                    share = network_share(linear, network, held.true[:, first])
            weights = weights_of_share(share, n_series, held.true.shape[2], n_candidates)
            forecasts = combined(weights[held.series], held.forecasts)
            return cls(weights, forecasts, held.true - forecasts, held.series, by_candidate, np.array([share]))
        forecasts = np.empty_like(held.true)
        order = np.lexsort((held.t, held.series))
        counts = np.bincount(held.series, minlength=n_series)
        rank = np.empty(len(order), dtype=np.intp)
        rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        is_late = 2 * rank >= counts[held.series]
        for part in (is_late, ~is_late):
            others = ~part
            weights, _ = weights_of_errors(absolute[:, others], held.series[others], n_series, usual, squared=squared)
            forecasts[part] = combined(weights[held.series[part]], held.forecasts[:, part])
        weights, usual = weights_of_errors(absolute, held.series, n_series, usual, squared=squared)
        return cls(weights, forecasts, held.true - forecasts, held.series, by_candidate, usual)


@dataclass
class Part:
    """A part of some series, forecast by a model of all before it.

    Attributes
    ----------
    model : SeriesModel
        Fitted to the first n_early[k] rows of each series in `data`.
    data : Series
    n_early : ndarray of int
    some : ndarray of int
        Which series these are.
    held : Held
        Its series count within `data`.
    """

    model: SeriesModel
    data: Series
    n_early: np.ndarray
    some: np.ndarray
    held: Held


def worth_of(plan: Plan, parts: list[Part], n_series: int) -> Worth:
    held = [replace(part.held, series=part.some[part.held.series]) for part in parts]
    together = held[0]
    for later in held[1:]:
        together = together.joined(later)
    return Worth.of(together, n_series, plan.horizon, plan.combine, plan.block, squared=plan.nonnegative)


def parts_held_back(
    plan: Plan,
    data: Series,
    dtype: str,
    tell: Callable[[str], object],
    *,
    linear_only: bool = False,
    earlier: list[Part] | None = None,
) -> list[Part]:
    """The newest parts of the data, each forecast from all before it, oldest first; none if it is too short.

    The last is the part held back. Those before it, if they are not given, are forecast without a network, which takes
    less time.
    """
    lengths = data.lengths
    size = int(np.ceil((plan.calibration_fraction or 0.2) * lengths.max()))
    if data.n_known:
        size = max(size, plan.block)  # hold_back takes whole blocks then
    n_earlier = EARLIER_PARTS if plan.combine and earlier is None and lengths.sum() <= MOST_STEPS_TRIED else 0
    ahead = plan.block if data.n_past_only else max(plan.horizon, plan.season_length)
    found = list(earlier or [])
    for k in range(n_earlier, -1, -1):
        n_early = np.clip(data.ends.max() - (k + 1) * size - data.starts, 0, lengths)
        stop = np.clip(data.ends.max() - k * size - data.starts, 0, lengths)
        n_late = plan.block if data.n_known else 1
        n_known = np.array([(~np.isnan(part[:n])).sum(axis=0).max() for part, n in zip(data.values, n_early)])
        # an earlier part tells something where there is much before it
        n_least = plan.n_least if k == 0 else 2 * plan.n_looked_at + plan.block
        some = np.flatnonzero((n_known >= n_least) & (n_early + n_late <= lengths))
        if not len(some):
            continue
        of_some, n_early = data.select(some), n_early[some]
        early = of_some.until(n_early)
        of_some = _without_upstarts(of_some, early, plan.n_least)
        model = plan.new_model(of_some)
        with announced("RNNForecaster (part held back): "):
            model.fit(early, dtype, without_regressor=linear_only or k > 0)
        if not linear_only and k == 0:
            tell("fitted to all but the part held back")
        held = hold_back(model, of_some, n_early, stop[some], ahead)
        if np.isfinite(held.true).any() or k == 0:
            found.append(Part(model, of_some, n_early, some, held))
    return found


def errors_of_parts(plan: Plan, parts: list[Part], n_series: int) -> np.ndarray:
    """Of each part held back, the sum of absolute errors; empty if there are none."""
    if not parts:
        return np.empty(0)
    worth, n_after, found = worth_of(plan, parts, n_series), 0, []
    for part in parts:
        forecasts = worth.forecasts[n_after : n_after + len(part.held.t)]
        n_after += len(part.held.t)
        found.append(errors_in_units(part, forecasts, plan.horizon).sum())
    return np.array(found)


def decide(plan: Plan, data: Series, dtype: str, tell: Callable[[str], object]) -> tuple[Plan, list[Part] | None]:
    """The plan, with those treatments of further seasons, and logarithms or not, that forecast parts held back best
    without a network; and the earlier ones of these parts, where they are known by it."""
    earlier = None

    def tried(way: Plan) -> tuple[list[Part], np.ndarray]:
        parts = parts_held_back(way, data, dtype, tell, linear_only=True)
        return parts, errors_of_parts(way, parts, len(data))

    for k in range(len(plan.further)):
        choices = plan.choices(k, data)
        errors = [np.zeros(1)]
        if len(choices) > 1:
            errors = [tried(replace(choice, further=choice.further[: k + 1]))[1] for choice in choices]
        plan = choices[int(np.argmin([part.sum() if len(part) else np.inf for part in errors]))]
    if plan.may_log:
        as_log = replace(plan, transformer="log")
        # of few steps a small difference tells nothing
        n_tried = (1 + EARLIER_PARTS) * (plan.calibration_fraction or 0.2) * data.lengths.max()
        (parts, as_it_is), (parts_of_logs, logs) = tried(plan), tried(as_log)
        # each part counts alike, of a series that grows too
        if len(logs) and len(logs) == len(as_it_is) and (as_it_is > 0).all():
            ratio = np.exp(np.mean(np.log(np.maximum(logs, 1e-300) / as_it_is)))
            if ratio < 1 - MARGIN / max(n_tried, MARGIN):
                plan, parts = as_log, parts_of_logs
        earlier = parts[:-1]
    return plan, earlier


def errors_in_units(part: Part, forecasts: np.ndarray, horizon: int) -> np.ndarray:
    """Sums (N, m) of absolute errors of forecasts up to the horizon, scaled by the seasonal change of y itself."""
    model, held, n_steps = part.model, part.held, min(horizon, forecasts.shape[1])
    true = rows_at(part.data.values, held.series, held.t[:, None] + 1 + np.arange(n_steps))
    forecast = model.in_units(forecasts[:, :n_steps], held.series)
    return _sum_by_series(np.abs(true - forecast) / _change(part), held.series, len(part.data))


def naive_errors(part: Part, horizon: int, lags: list[int]) -> dict[str, np.ndarray]:
    """The same of the simplest forecasts: the last value, that of a season ago, and the drift from the first value."""
    data, (series, t) = part.data, (part.held.series, part.held.t[:, None])
    steps = np.arange(min(horizon, part.held.true.shape[1]))
    season = min((lag for lag in lags if lag > 1), default=1)
    values = [carried(part[None], season)[0] if np.isnan(part).any() else part for part in data.values]
    newest = [carried(part[None])[0] if np.isnan(part).any() else part for part in data.values]
    true = rows_at(data.values, series, t + 1 + steps)
    found = {}
    for lag in lags:
        usual = np.where(part.n_early > lag, lag, 1)[series][:, None]  # as in seasonal_change
        name = "the last value" if lag == 1 else f"the last season ({lag} steps)"
        found[name] = rows_at(newest if lag == 1 else values, series, t - usual + 1 + steps % usual)
    last = found["the last value"]
    first = rows_at(newest, series, np.zeros_like(t))
    found["the mean step so far"] = last + (last[:, :1] - first) / np.maximum(t, 1)[..., None] * (1 + steps)[:, None]
    change = _change(part)
    return {name: _sum_by_series(np.abs(true - f) / change, series, len(data)) for name, f in found.items()}


def _change(part: Part) -> np.ndarray:
    """The seasonal change of the series of each origin, before the part (n, 1, m)."""
    s = part.model.season_length
    changes = [seasonal_change(values[:n], s) for values, n in zip(part.data.values, part.n_early)]
    return np.stack(changes)[part.held.series][:, None]


def _sum_by_series(errors: np.ndarray, series: np.ndarray, n_series: int) -> np.ndarray:
    total = np.zeros((n_series, errors.shape[2]))
    np.add.at(total, series, np.nansum(errors, axis=1))
    return total


def _without_upstarts(data: Series, early: Series, n_least: int) -> Series:
    """Series of which too little is known in their early part, or which do not move there, count for nothing in the
    part held back, where they were measured by a scale that is none; unless that is true of all."""
    counts = np.stack([(~np.isnan(part)).sum(axis=0) for part in early.values])
    moves = np.stack([np.fmax.reduce(part) > np.fmin.reduce(part) for part in early.values])
    upstarts = (counts < n_least) | ~moves
    if not upstarts.any() or upstarts.all():
        return data
    return replace(
        data,
        values=[
            np.concatenate([part[:n], np.where(new, np.nan, part[n:])])
            for part, n, new in zip(data.values, early.lengths, upstarts)
        ],
    )


class HeldBack:
    """The intervals of models that were stored before 0.1.0a4: all series share one quantile.

    Attributes
    ----------
    scores : ndarray of shape (n, ahead, m)
        Absolute errors in the units of the model; NaN beyond the end.
    """

    scores: np.ndarray
    _series: np.ndarray

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
