"""ForecastModel: all that a fitted forecaster knows, in numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Self

import numpy as np

from .._warnings import warn
from ..core._cores import on_one_blas_thread
from ._held_back import HeldBack
from ._plan import Plan
from ._series import Series, fill_blocks
from ._series_model import ENOUGH_CHANGES, seasonal_change

# Series stand side by side in arrays as long as the longest: so many steps of all of them, at most.
MOST_STEPS = 4_000_000


class ForecastModel:
    """A model of series, what it proved to be worth on the part held back, and where the series stand now.

    Attributes
    ----------
    model : SeriesModel
        Fitted to all of the series.
    held_back : HeldBack or None
        Errors of such a model on the newest part, which that one was not fitted on.
    skill, network_weight : float
    mase_scale : ndarray of shape (N, m)
        What errors of each series are divided by.
    """

    _seen: list[Series] = []  # of a model for other series, each of these

    def __init__(self, plan: Plan):
        self.plan = plan

    def __setstate__(self, state: dict) -> None:
        # stored before values could be missing
        vars(self).update({"_stale": np.zeros(state["mase_scale"].shape, dtype=int), "_young": {}} | state)

    def fit(self, data: Series, tell: Callable[[str], object] = lambda stage: None) -> Self:
        """Fit to series, one of which has at least `plan.n_least` values.

        `tell` is called with the name of each stage that has ended.
        """
        return on_one_blas_thread(partial(self._fit, data, tell))

    def _fit(self, data: Series, tell: Callable[[str], object]) -> Self:
        self._young: dict[int, Series] = {}
        self.mase_scale = self._mase_scale_of(data)
        data = self._newest(data)
        self._dtype = "float32" if all(part.dtype == np.float32 for part in data.values) else "float64"
        self.plan = plan = self._decide(data, tell)
        self.held_back = None
        if plan.calibration_fraction > 0:
            self.held_back = self._hold_back(plan, data, plan.calibration_fraction, tell)
        self.skill = self.held_back.skill if self.held_back else np.nan
        self.network_weight = self.held_back.network_weight if self.held_back else 1.0
        self.model = plan.new_model(data).fit(data, self._dtype)
        tell("fitted to all")
        self._stand_at_end_of(data)
        return self

    def _stand_at_end_of(self, data: Series) -> None:
        self._stale = np.stack([missing_at_end(part) for part in data.values])
        data = data.filled_to(self.plan.n_needed)
        self._origins = self.model.origins(data, data.lengths, (np.arange(len(data)), data.lengths - 1))
        self._next_time = data.ends

    def _mase_scale_of(self, data: Series) -> np.ndarray:
        return np.stack([seasonal_change(part, self.plan.season_length) for part in data.values])

    def _newest(self, data: Series) -> Series:
        """The newest steps of series, if together with the padding of short ones they are too many."""
        most = max(MOST_STEPS // len(data), 3 * self.plan.n_least)
        first = np.maximum(data.lengths - most, 0)
        return data.rows(first, data.lengths) if first.any() else data

    def of(self, data: Series) -> Self:
        """The same model for other series, which it was not fitted to: their scale and state come from themselves."""
        other = copy.copy(self)
        other.mase_scale = self._mase_scale_of(data)
        data = self._newest(data)
        other.model, other._young = self.model.of(data), {}
        other._stand_at_end_of(data)
        other._seen = [data.select([i]) for i in range(len(data))]
        return other

    def joined(self, other: Self) -> Self:
        """For the series of both; what is known of those of the other goes on to grow, while it is little."""
        both = copy.copy(self)
        both._young = dict(self._young)
        for i, part in enumerate(other._seen):
            if self._is_young(part):
                both._young[len(self._next_time) + i] = part
        both.model = self.model.joined(other.model)
        both.mase_scale = np.concatenate([self.mase_scale, other.mase_scale])
        both._origins = self._origins.joined(other._origins)
        both._next_time = np.concatenate([self._next_time, other._next_time])
        both._stale = np.concatenate([self._stale, other._stale])
        return both

    def _decide(self, data: Series, tell: Callable[[str], object]) -> Plan:
        """The plan, with the treatment of further seasons that forecasts the part held back best by the linear path."""
        plan = self.plan
        for k in range(len(plan.further)):
            choices = plan.choices(k, data)
            errors = [0.0]
            if len(choices) > 1:
                fraction = plan.calibration_fraction or 0.2
                so_far = [replace(choice, further=choice.further[: k + 1]) for choice in choices]
                held_back = [self._hold_back(choice, data, fraction, tell, linear_only=True) for choice in so_far]
                errors = [np.inf if part is None else part.error for part in held_back]
            plan = choices[int(np.argmin(errors))]
        return plan

    def _hold_back(
        self, plan: Plan, data: Series, fraction: float, tell: Callable[[str], object], *, linear_only: bool = False
    ) -> HeldBack | None:
        """Forecast the newest part of the data from the rest; None if the rest is too short."""
        lengths = data.lengths
        n_held_back = int(np.ceil(fraction * lengths.max()))
        if data.n_known:
            n_held_back = max(n_held_back, plan.block)  # HeldBack takes whole blocks then
        n_early = np.clip(data.ends.max() - n_held_back - data.starts, 0, lengths)
        n_late = plan.block if data.n_known else 1
        n_known = np.array([(~np.isnan(part[:n])).sum(axis=0).max() for part, n in zip(data.values, n_early)])
        enough = np.flatnonzero((n_known >= plan.n_least) & (n_early + n_late <= lengths))
        if len(enough) == 0:
            if not linear_only:
                warn(
                    f"The series are too short to hold back {n_held_back} steps of them and to fit on the rest, which "
                    f"takes {plan.n_least} steps: there will be no skill_ and no intervals. Set calibration_fraction=0 "
                    "to say that you need none, or choose a smaller window or horizon."
                )
            return None
        data, n_early = data.select(enough), n_early[enough]
        early = data.until(n_early)
        data = _without_upstarts(data, early, plan.n_least)
        model = plan.new_model(data).fit(early, self._dtype, without_regressor=linear_only)
        ahead = plan.block if data.n_past_only else max(plan.horizon, plan.season_length)
        tell("fitted to all but the part held back")
        held_back = HeldBack(model, data, n_early, plan.horizon, ahead)
        if not np.isfinite(held_back.scores).any():
            if not linear_only:
                warn(
                    f"The last {n_held_back} steps, which were held back, have no values to compare forecasts with: "
                    "there will be no skill_ and no intervals. Set calibration_fraction=0 to say that you need none, "
                    "or a larger one."
                )
            return None
        tell(f"that part forecast from {len(held_back.scores)} origins")
        return held_back

    def _grow(self, number: int, new: Series) -> None:
        """More rows of a series of which little was known: all is found anew of what is known of it now."""
        seen = self._young.pop(number).followed_by(new)
        one = self.of(seen)
        at = np.array([number])
        self.model = self.model.with_scale(at, one.model)
        self._origins = self._origins.with_put(at, one._origins)
        for name in ("mase_scale", "_next_time", "_stale"):
            values = getattr(self, name).copy()
            values[at] = getattr(one, name)
            setattr(self, name, values)
        if self._is_young(seen):
            self._young[number] = seen

    def _is_young(self, one: Series) -> bool:
        """Is too little known of a series for its scale and its pattern?"""
        return len(one.values[0]) < 3 * max(self.plan.season_length, ENOUGH_CHANGES)

    def steps_of_blocks(self, n_steps: int) -> int:
        """n_steps rounded up to whole blocks."""
        return -(-n_steps // self.plan.block) * self.plan.block

    def forecast(self, n_steps: int, known: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Scaled forecasts (n, n_steps, m) of some series, given the exogenous columns (n, steps, k) known ahead."""
        if self.plan.past_only and n_steps > self.plan.block:
            raise ValueError(
                f"To forecast {n_steps} steps, {self.plan.block} at a time, takes later values of the past_only "
                f"columns {list(self.plan.past_only)}. Fit with strategy='direct' and horizon={n_steps}."
            )
        known = fill_blocks(known, self.steps_of_blocks(n_steps))
        times = self._next_time[series]
        arguments = self._origins.take(series), n_steps, known, times, self.network_weight
        return on_one_blas_thread(partial(self.model.forecast, *arguments))

    def in_units(self, Z: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Scaled forecasts in the units of the series."""
        return self.model.in_units(Z, series)

    def bounds(self, Z: np.ndarray, series: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds around scaled forecasts, in the units of the series."""
        if self.held_back is None:
            raise ValueError(
                "This forecaster has no held-back errors to make intervals of: calibration_fraction was "
                f"{self.plan.calibration_fraction}, or the series too short to hold back a part. Fit with "
                "calibration_fraction=0.2 on a longer series, or with a smaller window or horizon."
            )
        # a value that is missing was itself forecast: errors are those of as many steps more
        stale = self._stale[series]
        all_widths = self.held_back.widths(Z.shape[1] + int(stale.max()), coverage)
        steps = stale[:, None] + np.arange(Z.shape[1])[:, None]
        widths = np.take_along_axis(np.broadcast_to(all_widths, (len(Z), *all_widths.shape)), steps, axis=1)
        bounds = self.in_units(Z - widths, series), self.in_units(Z + widths, series)
        return np.minimum(*bounds), np.maximum(*bounds)

    def mase(self, true: list[np.ndarray], Z: np.ndarray, series: np.ndarray) -> float:
        """Mean absolute scaled error of scaled forecasts, mean over columns and series; what is missing is left out."""
        errors = []
        for number, values, forecast in zip(series, true, self.in_units(Z, series)):
            scaled = np.abs(values - forecast[: len(values)]) / self.mase_scale[number]
            errors += [np.nanmean(column) for column in scaled.T if not np.isnan(column).all()]
        if not errors:
            raise ValueError("y_next has no values, only missing ones: there is nothing to compare a forecast with.")
        return float(np.mean(errors))

    def advance(self, new: Series, series: np.ndarray) -> Self:
        """A model that knows more rows of some series; this one stays as it is."""
        advanced, lengths = copy.copy(self), new.lengths
        advanced._young = dict(self._young)
        for k, number in enumerate(series):
            if number in self._young:
                advanced._grow(int(number), new.select([k]))
        old = np.array([number not in self._young for number in series], dtype=bool)
        new, series, lengths = new.select(np.flatnonzero(old)), series[old], lengths[old]
        advanced._next_time = self._next_time.copy()
        advanced._next_time[series] += lengths
        now = [missing_at_end(part) for part in new.values]
        advanced._stale = self._stale.copy()
        for number, length, missing in zip(series, lengths, now):
            advanced._stale[number] = np.where(missing < length, missing, self._stale[number] + length)
        for length in np.unique(lengths):
            some = np.flatnonzero(lengths == length)
            later = self.model.advance(self._origins.take(series[some]), new.select(some), series[some])
            advanced._origins = advanced._origins.with_put(series[some], later)
        return advanced


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


def missing_at_end(values: np.ndarray) -> np.ndarray:
    """How many values at the end of each column (T, m) are missing."""
    known = ~np.isnan(values[::-1])
    return np.where(known.any(axis=0), known.argmax(axis=0), len(values))
