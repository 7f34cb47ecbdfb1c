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
from ..estimators._progress import announced
from ._combination import State, combined, weights_of_share
from ._held_back import (
    HeldBack,
    Part,
    Worth,
    decide,
    errors_in_units,
    hold_back,
    naive_errors,
    parts_held_back,
    worth_of,
)
from ._intervals import LEAST, Calibration
from ._outliers import Usual, cleaned, without_outliers
from ._plan import Plan
from ._series import Series, fill_blocks
from ._series_model import ENOUGH_CHANGES, seasonal_change

# Series stand side by side in arrays as long as the longest: so many steps of all of them, at most.
MOST_STEPS = 4_000_000
# New values that are forecast one by one, at most, to follow the size of errors.
MOST_FOLLOWED = 200
# The scaled error up to which a forecast is as good as perfect.
PERFECT = 1e-4


class ForecastModel:
    """A model of series, what it proved to be worth on the part held back, and where the series stand now.

    Attributes
    ----------
    model : SeriesModel
        Fitted to all of the series.
    weights : ndarray of shape (N, K, m)
        How much each candidate counts.
    worth : Worth or None
        What forecasts came to of the newest parts, by models which were not fitted on them.
    calibration : Calibration or None
        The errors of these.
    skill : float
    skill_by_series : ndarray of shape (N, m)
    mase_scale : ndarray of shape (N, m)
        What errors of each series are divided by.
    """

    _seen: list[Series] = []  # of a model for other series, each of these
    held_back: HeldBack | None = None  # of models stored before each series had a calibration of its own
    worth: Worth | None = None
    calibration: Calibration | None = None

    def __init__(self, plan: Plan):
        self.plan = plan

    def __setstate__(self, state: dict) -> None:
        # stored before values could be missing
        state = {"_stale": np.zeros(state["mase_scale"].shape, dtype=int), "_young": {}} | state
        if not isinstance(state["_origins"], State):  # there was a single way to forecast
            N, m = state["mase_scale"].shape
            names = state["model"].model.names
            state |= {
                "_origins": State([state["_origins"]]),
                "weights": weights_of_share(state["network_weight"], N, m, len(names)),
                "usual_weights": weights_of_share(state["network_weight"], 1, m, len(names))[0],
                "best_naive": None,
                "n_outliers": 0,
                "skill_by_series": np.full((N, m), np.nan),
            }
            del state["network_weight"]
        vars(self).update(state)

    @property
    def _of_series(self) -> list[str]:
        """Names of the arrays with a row for each series."""
        return [
            "weights",
            "mase_scale",
            "_next_time",
            "_stale",
            *(["_usual_change", "_limit", "_recent"] if self.plan.combine else []),
        ]

    @property
    def network_weight(self) -> float:
        """Mean weight of the candidate with the network's correction."""
        names = self.model.model.names
        return float(self.weights[:, names.index("network")].mean()) if "network" in names else 1.0

    def fit(self, data: Series, tell: Callable[[str], object] = lambda stage: None) -> Self:
        """Fit to series, one of which has at least `plan.n_least` values.

        `tell` is called with the name of each stage that has ended.
        """
        return on_one_blas_thread(partial(self._fit, data, tell))

    def _fit(self, data: Series, tell: Callable[[str], object]) -> Self:
        self._young: dict[int, Series] = {}
        self.mase_scale = self._mase_scale_of(data)
        self._dtype = "float32" if all(part.dtype == np.float32 for part in data.values) else "float64"
        data = self._cleaned(self._newest(data))
        self.plan, earlier = decide(self.plan, data, self._dtype, tell)
        plan = self.plan
        self.best_naive: str | None = None
        self.skill, self.skill_by_series = np.nan, np.full((len(data), data.values[0].shape[1]), np.nan)
        if plan.calibration_fraction > 0:
            self._hold_back(data, tell, earlier)
        with announced("RNNForecaster (all data): "):
            self.model = plan.new_model(data).fit(data, self._dtype)
        if self.worth is None:
            names, m = self.model.model.names, data.values[0].shape[1]
            if plan.combine:
                self.weights = np.full((len(data), len(names), m), 1 / len(names))
            else:
                self.weights = weights_of_share(1.0, len(data), m, len(names))
        self.usual_weights = self.weights.mean(axis=0)
        tell("fitted to all")
        self._stand_at_end_of(data)
        return self

    def _cleaned(self, data: Series) -> Series:
        """Outliers count as missing, where forecasts are combined and no exogenous column may tell of them."""
        N, m = len(data), data.values[0].shape[1]
        self._usual_change, self._limit = np.zeros((N, m)), np.full((N, m), np.inf)
        # the newest values, as they are
        n_recent = self._lag + 1
        self._recent = np.full((N, n_recent, m), np.nan)
        for recent, part in zip(self._recent, data.values):
            recent[n_recent - min(len(part), n_recent) :] = part[-n_recent:]
        self.n_outliers = 0
        if not self.plan.combine or data.n_known or data.n_past_only:
            return data
        values = []
        for i, part in enumerate(data.values):
            clean, usual = without_outliers(part, self._lag)
            self.n_outliers += int((np.isnan(clean) & ~np.isnan(part)).sum())
            self._usual_change[i], self._limit[i] = usual.change, usual.limit
            values.append(clean)
        return replace(data, values=values)

    @property
    def _lag(self) -> int:
        return max(self.plan.season_length, self.plan.calendar_season)

    def _stand_at_end_of(self, data: Series) -> None:
        self._stale = np.stack([missing_at_end(part) for part in data.values])
        data = data.filled_to(self.plan.n_looked_at)
        self._origins = self.model.origins(data, data.lengths, (np.arange(len(data)), data.lengths - 1))
        self._next_time = data.ends

    def _mase_scale_of(self, data: Series) -> np.ndarray:
        return np.stack([seasonal_change(part, self.plan.season_length) for part in data.values])

    def _newest(self, data: Series) -> Series:
        """The newest steps of series, if together with the padding of short ones they are too many."""
        most = max(MOST_STEPS // len(data), 3 * self.plan.n_least)
        first = np.maximum(data.lengths - most, 0)
        return data.rows(first, data.lengths) if first.any() else data

    def of(self, data: Series, known_as: np.ndarray | None = None) -> Self:
        """The same model for other series: their scale and state come from themselves.

        known_as (n,) says which of the series of this model they are; -1, or None, which it was not fitted to.
        """
        known_as = np.full(len(data), -1) if known_as is None else known_as
        other = copy.copy(self)
        other.mase_scale = self._mase_scale_of(data)
        raw = self._newest(data)
        data = other._cleaned(raw)
        other.model, other._young = self.model.of(data), {}
        other.weights = np.where(
            (known_as >= 0)[:, None, None], self.weights[np.maximum(known_as, 0)], self.usual_weights
        )
        other.calibration = self.calibration and self.calibration.of(known_as)
        if self.worth is not None and (known_as < 0).any():
            on_one_blas_thread(partial(other._try_on, data, np.flatnonzero(known_as < 0)))
        other._stand_at_end_of(data)
        other._seen = [raw.select([i]) for i in range(len(raw))]
        return other

    def _try_on(self, data: Series, new: np.ndarray) -> None:
        """Weights and sizes of errors of new series, by forecasts of the newest two fifths of them."""
        plan, lengths = self.plan, data.lengths
        n_early = np.maximum(plan.n_looked_at, lengths - 2 * lengths // 5)
        n_late = plan.block if data.n_known else 1
        some = new[n_early[new] + n_late <= lengths[new]]
        if not len(some) or self.worth is None or self.calibration is None:
            return
        # by what was known before them
        tried = self.model.of(data.select(some).until(n_early[some]))
        ahead = plan.block if data.n_past_only else max(plan.horizon, plan.season_length)
        held = hold_back(tried, data.select(some), n_early[some], lengths[some], ahead)
        if not np.isfinite(held.true).any():
            return
        held = replace(held, series=some[held.series])
        usual = self.worth.usual
        share = None if plan.combine else usual[0]
        arguments = held, len(data), plan.horizon, plan.combine, plan.block, usual, share
        worth = Worth.of(*arguments, squared=plan.nonnegative)
        self.weights[some] = worth.weights[some]
        self.calibration = self.calibration.told_by(worth.errors, worth.series)

    def joined(self, other: Self) -> Self:
        """For the series of both; what is known of those of the other goes on to grow, while it is little."""
        both = copy.copy(self)
        both._young = dict(self._young)
        for i, part in enumerate(other._seen):
            if self._is_young(part):
                both._young[len(self._next_time) + i] = part
        both.model = self.model.joined(other.model)
        if self.calibration is not None and other.calibration is not None:
            both.calibration = self.calibration.joined(other.calibration)
        both._origins = self._origins.joined(other._origins)
        for name in self._of_series:
            setattr(both, name, np.concatenate([getattr(self, name), getattr(other, name)]))
        return both

    def _hold_back(self, data: Series, tell: Callable[[str], object], earlier: list[Part] | None) -> None:
        """Forecast the newest parts of the data from the rest, if there is enough of it."""
        plan = self.plan
        n_held_back = int(np.ceil(plan.calibration_fraction * data.lengths.max()))
        parts = parts_held_back(plan, data, self._dtype, tell, earlier=earlier)
        advice = "there will be no skill_ and no intervals. Set calibration_fraction=0 to say that you need none, or "
        if not parts or len(parts[-1].held.t) == 0:
            warn(
                f"The series are too short to hold back {n_held_back} steps of them and to fit on the rest, which "
                f"takes {plan.n_least} steps: {advice}choose a smaller window or horizon."
            )
            return
        newest = parts[-1]
        if not np.isfinite(newest.held.true).any():
            warn(
                f"The last {n_held_back} steps, which were held back, have no values to compare forecasts with: "
                f"{advice}a larger one."
            )
            return
        worth = worth_of(plan, parts, len(data))
        self.weights = worth.weights
        self.calibration = Calibration(worth.errors, worth.series, len(data))
        errors = errors_in_units(newest, worth.forecasts[-len(newest.held.t) :], plan.horizon)
        naive = naive_errors(newest, plan.horizon, plan.lags)
        best = min(naive, key=lambda name: naive[name].sum())
        self.best_naive = best
        n_values = np.isfinite(newest.held.true[:, : plan.horizon]).sum()
        self.skill = _skill(errors.sum(), naive[best].sum(), n_values)
        least = np.min([*naive.values()], axis=0)
        measured = np.zeros(errors.shape, dtype=bool)
        np.logical_or.at(measured, newest.held.series, np.isfinite(newest.held.true).any(axis=1))
        for k, column in np.argwhere(measured):
            of_one = np.isfinite(newest.held.true[newest.held.series == k, : plan.horizon, column]).sum()
            self.skill_by_series[newest.some[k], column] = _skill(errors[k, column], least[k, column], of_one)
        self._keep_constants(data, newest.model.model.names)
        self.worth = worth.without_origins()
        tell(f"that part forecast from {len(newest.held.t)} origins")

    def _keep_constants(self, data: Series, names: list[str]) -> None:
        """A series that has never moved goes on as it is; it has no errors to be combined, or calibrated, by."""
        if "last value" not in names or self.calibration is None:
            return
        for i, part in enumerate(data.values):
            known = (~np.isnan(part)).sum(axis=0)
            still = (known > 2) & (np.fmax.reduce(part) == np.fmin.reduce(part))
            self.weights[i][:, still] = np.eye(len(names))[:, [names.index("last value")]]
            self.calibration.size[i, still] = LEAST

    def _grow(self, number: int, new: Series) -> None:
        """More rows of a series of which little was known: all is found anew of what is known of it now."""
        seen = self._young.pop(number).followed_by(new)
        one = self.of(seen)
        at = np.array([number])
        self.model = self.model.with_scale(at, one.model)
        self._origins = self._origins.with_put(at, one._origins)
        if self.calibration is not None and one.calibration is not None:
            self.calibration = self.calibration.with_put(at, one.calibration)
        for name in self._of_series:
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
        arguments = self._origins.take(series), n_steps, known, self._next_time[series]
        return combined(self.weights[series], on_one_blas_thread(partial(self.model.forecasts, *arguments)))

    def in_units(self, Z: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Scaled forecasts in the units of the series."""
        return self.model.in_units(Z, series)

    def bounds(self, Z: np.ndarray, series: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds around scaled forecasts, in the units of the series."""
        if self.held_back is None:
            lower, upper = self.quantiles(Z, series, np.array([(1 - coverage) / 2, (1 + coverage) / 2]))
            return lower, upper
        stale = self._stale[series]
        all_widths = self.held_back.widths(Z.shape[1] + int(stale.max()), coverage)
        steps = stale[:, None] + np.arange(Z.shape[1])[:, None]
        widths = np.take_along_axis(np.broadcast_to(all_widths, (len(Z), *all_widths.shape)), steps, axis=1)
        bounds = self.in_units(Z - widths, series), self.in_units(Z + widths, series)
        return np.minimum(*bounds), np.maximum(*bounds)

    def quantiles(self, Z: np.ndarray, series: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Quantiles (len(p), n, n_steps, m) of the future values, in the units of the series."""
        calibration = self._calibrated()
        # a value that is missing was itself forecast: errors are those of as many steps more
        typical = calibration.typical(series, Z.shape[1], self._stale[series])
        u = calibration.quantiles(p, series)
        found = np.stack([self.in_units(Z + of_one[:, None] * typical, series) for of_one in u])
        return np.sort(found, axis=0) if self.plan.transformer is not None else found

    def paths(self, Z: np.ndarray, series: np.ndarray, n_paths: int, rng: np.random.RandomState) -> np.ndarray:
        """Possible futures (n, n_steps, m, n_paths), in the units of the series."""
        errors = self._calibrated().paths(series, Z.shape[1], n_paths, rng, self._stale[series])
        return np.stack([self.in_units(Z + errors[..., k], series) for k in range(n_paths)], axis=-1)

    def _calibrated(self) -> Calibration:
        if self.calibration is None:
            reason = (
                "was fitted by an earlier release, which kept no signed errors; fit it again"
                if self.held_back is not None
                else f"has no held-back errors to make intervals of: calibration_fraction was "
                f"{self.plan.calibration_fraction}, or the series too short to hold back a part. Fit with "
                "calibration_fraction=0.2 on a longer series, or with a smaller window or horizon"
            )
            raise ValueError(f"This forecaster {reason}.")
        return self.calibration

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
        if self.plan.combine:
            new = advanced._without_outliers(new, series)
        advanced._next_time = self._next_time.copy()
        advanced._next_time[series] += lengths
        now = [missing_at_end(part) for part in new.values]
        advanced._stale = self._stale.copy()
        for number, length, missing in zip(series, lengths, now):
            advanced._stale[number] = np.where(missing < length, missing, self._stale[number] + length)
        for length in np.unique(lengths):
            some = np.flatnonzero(lengths == length)
            later = advanced._followed(new.select(some), series[some], int(length), self._stale[series[some]])
            advanced._origins = advanced._origins.with_put(series[some], later)
        return advanced

    def _followed(self, new: Series, series: np.ndarray, length: int, stale: np.ndarray) -> State:
        """The origins of some series after `length` more steps of each; the newest of these are forecast one by one, so
        that intervals follow the size of errors. Before, `stale` values were missing."""
        origins, stop = self._origins.take(series), np.full(len(new), length)
        if self.calibration is None:
            return self.model.advance(origins, new, series)
        n_before = max(length - MOST_FOLLOWED, 0)
        if n_before:
            origins = self.model.advance(origins, new.until(stop - length + n_before), series)
        for step in range(n_before, length):
            one = new.rows(np.full(len(new), step), np.full(len(new), step + 1))
            known = fill_blocks(np.stack(one.known), self.plan.block)
            arguments = origins, 1, known, one.starts
            Z = combined(self.weights[series], on_one_blas_thread(partial(self.model.forecasts, *arguments)))
            true = self.model.scaled(np.stack(one.values), series)
            self.calibration = self.calibration.with_errors(series, (true - Z)[:, 0], stale)
            stale = np.where(np.isnan(true[:, 0]), stale + 1, 0)
            origins = self.model.advance(origins, one, series)
        return origins

    def _without_outliers(self, new: Series, series: np.ndarray) -> Series:
        """New rows of series, with NaN for outliers; the newest values are kept as they are."""
        self._recent, values = self._recent.copy(), []
        for i, part in zip(series, new.values):
            whole, n = np.concatenate([self._recent[i], part]), len(self._recent[i])
            self._recent[i] = whole[-n:]
            usual = Usual(self._usual_change[i], self._limit[i])
            values.append(cleaned(whole, self._lag, usual, n)[n:])
        return replace(new, values=values)


def _skill(error: float, naive_error: float, n: int) -> float:
    """1 minus the ratio; where the naive forecast is perfect, -inf, or 1 if this one is too. Of n errors, the sums."""
    if naive_error > 1e-9 * n:
        return float(1 - error / naive_error)
    return -np.inf if error > PERFECT * n else 1.0


def missing_at_end(values: np.ndarray) -> np.ndarray:
    """How many values at the end of each column (T, m) are missing."""
    known = ~np.isnan(values[::-1])
    return np.where(known.any(axis=0), known.argmax(axis=0), len(values))
