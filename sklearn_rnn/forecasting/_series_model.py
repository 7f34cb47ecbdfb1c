"""SeriesModel: a Combination of forecasts of series in their own units, with their exogenous columns."""

from __future__ import annotations

import copy
from typing import Self

import numpy as np
from sklearn.base import clone

from ._combination import Combination, State
from ._origins import Exog, Origins, carried, mean_of_known, padded
from ._series import Series

# Changes from which the scale of a series is known by itself.
ENOUGH_CHANGES = 20


class SeriesModel:
    """A Combination of forecasts of series in their own units, which it transforms and scales.

    Parameters
    ----------
    model : Combination
    transformer : scikit-learn transformer, "log", or None
        Applied to the values first, and undone last.
    season_length : int
        A series is divided by its mean absolute change from one season to the next, after the transformer.
    harmonics : sequence of (length, number)
        Sines and cosines of a season of so many steps, as exogenous columns that are known.
    nonnegative : bool
        Forecasts below 0 are 0.
    with_floor : bool
        For values of other series, or later ones, that have no logarithm, a tenth of the least positive value of their
        series stands.
    """

    # of models that were stored before they could be asked for
    nonnegative, with_floor = False, False

    def __init__(
        self,
        model: Combination,
        transformer,
        season_length: int,
        harmonics,
        nonnegative: bool = False,
        with_floor: bool = False,
    ):
        self.model = model
        self.nonnegative = nonnegative
        self.with_floor = with_floor
        self.transformer = transformer
        self.season_length = season_length
        self.harmonics = harmonics

    def __setstate__(self, state: dict) -> None:
        if "n_harmonics" in state:  # stored before there could be more than one season
            state = state | {"harmonics": [(state["season_length"], state["n_harmonics"])]}
        if "_usual" not in state:  # the scale of any series was its own
            state = state | {"_usual": (np.zeros(state["scale"].shape[1]),) * 2} if "scale" in state else state
        if not isinstance(state["model"], Combination):  # there was a single way to forecast
            state = state | {"model": Combination(state["model"])}
            state |= {"_floors": np.zeros(len(state["scale"]))} if "scale" in state else {}
        vars(self).update(state)

    def fit(self, data: Series, dtype: str, *, without_regressor: bool = False) -> Self:
        """Fit to series; the regressor is given windows of this dtype."""
        if self.transformer is not None and not isinstance(self.transformer, str):
            rows = np.concatenate(data.values)
            rows = rows[~np.isnan(rows).any(axis=1)]
            if not len(rows):
                raise ValueError(
                    "target_transform takes rows in which all series have a value, and there is none: use None, or "
                    "'log', or a long frame or panel, which hold one value a row."
                )
            self._fill = rows.mean(axis=0)
            self.transformer = clone(self.transformer).fit(rows)
            back = self._undo(self._transform([rows])[0])
            if not np.allclose(back, rows, rtol=1e-4, atol=1e-6 * np.abs(rows).max()):
                raise ValueError(
                    "target_transform cannot be undone: its inverse_transform does not give back the values of y. A "
                    "FunctionTransformer needs an inverse_func; others may not be one to one on this range."
                )
        self._floors = self._floors_of(data)
        transformed = self._transform(data.values, self._floors)
        own = np.stack([seasonal_change(part, self.season_length) for part in transformed])
        sizes = np.stack([mean_of_known(np.abs(part)) for part in transformed])
        # what is usual: for values as they are, a share of their size
        self._usual = np.median(own, axis=0), np.median(own / np.where(sizes > 0, sizes, np.inf), axis=0)
        self.scale = self._scale_of(data)
        self._known_scaling, self._past_scaling = _mean_and_scale(data.known), _mean_and_scale(data.past_only)
        Z, E = self._arrays(data)
        self.model.fit(Z, data.lengths, E, data.starts, dtype, without_regressor=without_regressor)
        return self

    @property
    def goes_by_time(self) -> bool:
        """Do forecasts depend on when a series begins?"""
        return any(number > 0 for _, number in self.harmonics)

    def of(self, data: Series) -> Self:
        """The same model for other series, in the units of those."""
        other = copy.copy(self)
        other._floors = self._floors_of(data)
        other.scale = other._scale_of(data)
        other.model = self.model.of(other._arrays(data)[0], data.lengths)
        return other

    def joined(self, other: Self) -> Self:
        """For the series of both."""
        both = copy.copy(self)
        both.scale = np.concatenate([self.scale, other.scale])
        both._floors = np.concatenate([self._floors, other._floors])
        return both

    def with_scale(self, at: np.ndarray, other: Self) -> Self:
        """With the scale of others for some of the series."""
        new = copy.copy(self)
        new.scale, new._floors = self.scale.copy(), self._floors.copy()
        new.scale[at], new._floors[at] = other.scale, other._floors
        return new

    def _scale_of(self, data: Series) -> np.ndarray:
        """The seasonal change of each series; of those that are too short to tell, nearer to what is usual.

        A change counts as one observation, and what is usual as as many as it takes to make ENOUGH_CHANGES.
        """
        scales = []
        for part in self._transform(data.values, self._floors):
            own, n = seasonal_change(part, self.season_length), n_changes(part, self.season_length)
            change, share = self._usual
            usual = change
            if self.transformer is None:
                usual = share * mean_of_known(np.abs(part))
            weight = np.minimum(n / ENOUGH_CHANGES, 1.0)
            scales.append(np.where(usual > 0, weight * own + (1 - weight) * usual, own))
        return np.stack(scales)

    def origins(self, data: Series, n_start: np.ndarray, where: tuple[np.ndarray, np.ndarray]) -> State:
        """As Combination.origins, of the series that were fitted, which may be longer now."""
        Z, E = self._arrays(data)
        return self.model.origins(Z, n_start, E, where, data.starts if data.has_times else None)

    def advance(self, origins: State, new: Series, series: np.ndarray) -> State:
        """The origins of some series after more steps of them, equally many, are known too."""
        Z = np.stack(self._transform(new.values, self._floors[series])) / self.scale[series][:, None]
        exog = self._exog(np.stack(new.known), np.stack(new.past_only), new.starts, origins.parts[0])
        return self.model.advance(origins, Z, exog)

    def forecasts(self, origins: State, n_steps: int, known: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Scaled forecasts of the candidates (K, n, n_steps, m).

        known (n, whole blocks of steps, k) are columns from `times` (n,) on, NaN where nothing is known of them, which
        is read as their mean.
        """
        known_of_them = np.nan_to_num(_rescale(known, self._known_scaling))
        future = np.concatenate([known_of_them, *self._waves(known, times)], axis=2)
        return self.model.forecasts(origins, n_steps, future)

    def scaled(self, values: np.ndarray, series: np.ndarray) -> np.ndarray:
        """(n, steps, m) in the units of the model; NaN stays."""
        rows = values.reshape(-1, values.shape[-1])
        floors = np.repeat(self._floors[series], values.shape[1])
        return self._transform([rows], floors[None, :, None])[0].reshape(values.shape) / self.scale[series][:, None]

    def in_units(self, Z: np.ndarray, series: np.ndarray) -> np.ndarray:
        """(n, steps, m) back in the units of the series."""
        values = Z * self.scale[series][:, None]
        if self.transformer is None:
            return np.maximum(values, 0.0) if self.nonnegative else values
        rows = values.reshape(-1, values.shape[-1])
        with np.errstate(over="ignore", invalid="ignore"):
            values = self._undo(rows).reshape(values.shape)
        if not np.isfinite(values).all():
            raise ValueError(
                f"The forecasts, after target_transform, are up to {np.abs(Z).max():.3g} times the usual change of a "
                "season, and cannot be transformed back: the result is not finite. Forecast fewer steps, or use "
                "another target_transform."
            )
        return np.maximum(values, 0.0) if self.nonnegative else values

    def _floors_of(self, data: Series) -> np.ndarray:
        """What logarithms of each series are taken of at least (N,); 0 for all where none is given."""
        if not self.with_floor:
            return np.zeros(len(data))
        floors = []
        for part in data.values:
            known = part[~np.isnan(part)]
            if len(known) and 2 * (known <= 0).sum() > len(known):
                raise ValueError(
                    "target_transform='auto' came to logarithms, and more than half of the values of a series are not "
                    f"positive, such as {known.min():g}: it is not like those that were fitted. Fit with "
                    "target_transform=None."
                )
            floors.append(0.1 * float(known[known > 0].min()) if len(known) else 0.0)
        return np.array(floors)

    def _transform(self, values: list, floors: np.ndarray | None = None) -> list:
        if self.transformer is None:
            return values
        if isinstance(self.transformer, str):
            with np.errstate(divide="ignore", invalid="ignore"):
                if self.with_floor and floors is not None:
                    values = [np.maximum(part, floor) for part, floor in zip(values, floors)]
                transformed = [np.log(part, dtype=np.float64) for part in values]
        else:
            transformed = [self._transform_known(part) for part in values]
        for part, before in zip(transformed, values):
            wrong = ~np.isfinite(part) & ~np.isnan(before)
            if wrong.any():
                t, column = np.argwhere(wrong)[0]
                raise ValueError(
                    f"target_transform made {part[t, column]} of the value {before[t, column]:g}. Use one that fits "
                    "the range of y, or None."
                )
        return transformed

    def _transform_known(self, part: np.ndarray) -> np.ndarray:
        """By a transformer that may refuse NaN, or mix columns."""
        missing = np.isnan(part)
        if not missing.any():
            return np.asarray(self.transformer.transform(part), dtype=np.float64)
        transformed = np.asarray(self.transformer.transform(np.where(missing, self._fill, part)), dtype=np.float64)
        return np.where(missing, np.nan, transformed)

    def _undo(self, rows: np.ndarray) -> np.ndarray:
        return (
            np.exp(rows) if isinstance(self.transformer, str) else np.asarray(self.transformer.inverse_transform(rows))
        )

    def _exog(self, known: np.ndarray, past_only: np.ndarray, times: np.ndarray, after: Origins | None = None) -> Exog:
        """Exogenous columns (n, steps, k) as the model takes them: scaled, known ones and the seasons' first.

        Where one is missing the value before is carried; before the first, it is the mean.
        """
        n_known, n_past = known.shape[2], past_only.shape[2]
        missing = np.isnan(past_only)
        values = np.concatenate([_rescale(known, self._known_scaling), _rescale(past_only, self._past_scaling)], axis=2)
        if np.isnan(values).any():
            mean = np.zeros((len(values), 1, n_known + n_past))
            if after is not None and after.exog.shape[1]:
                last = after.exog[:, -1:]
                mean = np.concatenate([last[..., :n_known], last[..., last.shape[2] - n_past :]], axis=2)
            values = carried(np.concatenate([mean, values], axis=1))[:, 1:]
        waves = self._waves(known, times)
        return Exog(np.concatenate([values[..., :n_known], *waves, values[..., n_known:]], axis=2), missing)

    def _waves(self, known: np.ndarray, times: np.ndarray) -> list[np.ndarray]:
        """Harmonics of the seasons, (n, steps, 2 * number) each, for as many steps as `known` has."""
        waves = []
        for length, number in self.harmonics:
            if number:
                angle = 2 * np.pi / length * (np.asarray(times)[:, None] + np.arange(known.shape[1]))
                angle = angle[..., None] * np.arange(1, number + 1)
                waves += [np.cos(angle), np.sin(angle)]
        return waves

    def _arrays(self, data: Series) -> tuple[np.ndarray, Exog]:
        """Values in the units of the model (N, T, m), NaN after the end, and exogenous columns."""
        transformed = [part / scale for part, scale in zip(self._transform(data.values, self._floors), self.scale)]
        return padded(transformed), self._exog(padded(data.known), padded(data.past_only), data.starts)


def seasonal_change(values: np.ndarray, season_length: int) -> np.ndarray:
    """Mean absolute error (m,) of the forecast that repeats the last season, over the series (T, m) itself.

    Never 0: for a constant series it is its size, or 1.
    """
    values = values.astype(np.float64)
    s = season_length if len(values) > season_length else 1
    size = mean_of_known(np.abs(values))
    change = mean_of_known(np.abs(values[s:] - values[:-s]))
    step = np.array([mean_of_known(np.abs(np.diff(column[~np.isnan(column)]))[:, None])[0] for column in values.T])
    for other in (step, size, np.ones(values.shape[1])):
        change = np.where(change > 1e-12 * size, change, other)
    return change


def n_changes(values: np.ndarray, season_length: int) -> np.ndarray:
    """From how many changes of each column (T, m) from one season to the next its `seasonal_change` is known."""
    s = season_length
    return (~np.isnan(values[s:] - values[:-s])).sum(axis=0) if len(values) > s else np.zeros(values.shape[1], int)


def _mean_and_scale(columns: list) -> tuple[np.ndarray, np.ndarray]:
    rows = np.concatenate(columns)
    mean = mean_of_known(rows)
    scale = np.sqrt(mean_of_known((rows - mean) ** 2))
    return mean, np.where(scale > 1e-12 * mean_of_known(np.abs(rows)), scale, 1.0)


def _rescale(columns: np.ndarray, scaling) -> np.ndarray:
    mean, scale = scaling
    return (columns - mean) / scale
