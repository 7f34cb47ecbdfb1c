"""RNNForecaster: from a pandas series, several, or a panel to a forecast with intervals."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._regressor import RNNRegressor
from ._solvers import outside
from ._tables import Table, align, grid_of, read_table, write_table
from ._timeindex import TimeGrid, dominant_period
from ._window_model import SeriesModel, WindowModel, holds_recurrent_net, seasonal_change

MOST_CALIBRATION_ORIGINS = 2000


def default_regressor() -> RNNRegressor:
    """The network that a forecaster has where none is given."""
    return RNNRegressor(16, alpha=0.003, batch_size=32, max_iter=50)


class RNNForecaster(BaseEstimator):
    def __init__(
        self,
        regressor: BaseEstimator | None = None,
        *,
        window: int | Literal["auto"] = "auto",
        horizon: int = 1,
        strategy: Literal["direct", "recursive"] = "direct",
        normalize: Literal["auto", "smoothing", "last", "mean"] | None = "auto",
        target_transform: BaseEstimator | Literal["log"] | None = None,
        season_length: int | Literal["auto"] = "auto",
        difference: int | Literal["season"] | None = None,
        seasonal_features: int = 0,
        linear_path: bool | Literal["auto"] = "auto",
        n_members: int = 1,
        past_only: Sequence[Hashable] | None = None,
        id_col: Hashable | None = None,
        time_col: Hashable | None = None,
        window_format: Literal["auto", "3d", "2d"] = "auto",
        calibration_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.regressor = regressor
        self.window = window
        self.horizon = horizon
        self.strategy = strategy
        self.normalize = normalize
        self.target_transform = target_transform
        self.season_length = season_length
        self.difference = difference
        self.seasonal_features = seasonal_features
        self.linear_path = linear_path
        self.n_members = n_members
        self.past_only = past_only
        self.id_col = id_col
        self.time_col = time_col
        self.window_format = window_format
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    _parameter_constraints = {
        "regressor": [HasMethods(["fit", "predict"]), None],
        "window": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"direct", "recursive"})],
        "normalize": [StrOptions({"auto", "smoothing", "last", "mean"}), None],
        "target_transform": [HasMethods(["fit", "transform", "inverse_transform"]), StrOptions({"log"}), None],
        "season_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "difference": [Interval(Integral, 1, None, closed="left"), StrOptions({"season"}), None],
        "seasonal_features": [Interval(Integral, 0, None, closed="left")],
        "linear_path": ["boolean", StrOptions({"auto"})],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "past_only": ["array-like", None],
        "window_format": [StrOptions({"auto", "3d", "2d"})],
        "calibration_fraction": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
    }

    def set_params(self, **params) -> Self:
        """Set parameters; those of a nested `regressor__` reach the default regressor too.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : object
        """
        if (
            self.regressor is None
            and "regressor" not in params
            and any(key.startswith("regressor__") for key in params)
        ):
            self.regressor = default_regressor()
        return super().set_params(**params)

    # -- fitting ----------------------------------------------------------------------------------------------------

    def fit(self, y: pd.Series | pd.DataFrame | ArrayLike, X: pd.DataFrame | ArrayLike | None = None) -> Self:
        self._validate_params()
        table = read_table(y, self.id_col, self.time_col)
        return self._fit(table, grid_of(table), *self._read_exog(X, table))

    def _read_exog(self, X, table: Table) -> tuple[list, list]:
        """Exogenous columns of each series, known ones and past-only ones, (T_i, k)."""
        if X is None:
            if self.past_only is not None and len(self.past_only):
                raise ValueError(f"past_only names the columns {list(self.past_only)} of X, but no X was given.")
            none = [np.empty((len(part), 0)) for part in table.values]
            self._exog_names = None
            return none, none
        rows, names = align(X, table)
        self._exog_names = names
        past_only = self._past_only_columns(names)
        return [part[:, ~past_only] for part in rows], [part[:, past_only] for part in rows]

    def _past_only_columns(self, names: list) -> np.ndarray:
        past_only = list(self.past_only) if self.past_only is not None else []
        unknown = [name for name in past_only if name not in names]
        if unknown:
            raise ValueError(f"past_only names {unknown[0]!r}, which X does not have; its columns are {names}.")
        return np.isin(np.arange(len(names)), [names.index(name) for name in past_only])

    def _fit(self, table: Table, grid: TimeGrid, known: list, past_only: list) -> Self:
        self._layout, self._grid = table.layout, grid
        self._ids = list(table.ids)
        self._first = min(index[0] for index in table.indexes)
        starts = np.array([grid.n_steps(self._first, index[0]) for index in table.indexes])
        lengths = np.array([len(part) for part in table.values])
        self._check_values(table)
        self.season_length_ = self._resolve_season_length(table, lengths)
        self.window_ = self._resolve_window(lengths)
        rng = check_random_state(self.random_state)
        self._seed = None
        if self.random_state is not None or self.n_members > 1:
            self._seed = rng.randint(np.iinfo(np.int32).max)
        self._dtype = np.float32 if all(part.dtype == np.float32 for part in table.values) else np.float64
        self._check_lengths(table, lengths)
        data = (table.values, known, past_only, starts)
        self._n_past_only = past_only[0].shape[1]
        self.skill_, self._scores = np.nan, None
        if self.calibration_fraction > 0:
            self._calibrate(*data, lengths)
        self._model = self._train(*data)
        self.regressors_ = self._model.model.members
        self._mase_scale = np.stack([seasonal_change(part, self.season_length_) for part in table.values])
        ready = np.arange(len(lengths))
        self._origins = self._model.origins(*data, ready, (ready, lengths - 1))
        self._last = [index[-1] for index in table.indexes]
        if self.skill_ < 0:
            warnings.warn(
                f"On the last {self.calibration_fraction:.0%} of the data, which were held back, this forecaster was worse "
                f"than repeating the last season ({self.season_length_} steps): skill_ = {self.skill_:.2f}. Use that, or "
                "try another window, normalize, target_transform or regressor.",
                UserWarning,
                stacklevel=outside(),
            )
        return self

    def _check_values(self, table: Table) -> None:
        """A logarithm takes positive values only."""
        if not isinstance(self.target_transform, str):
            return
        for i, values in enumerate(table.values):
            wrong = np.argwhere(values <= 0)
            if len(wrong):
                t, column = wrong[0]
                raise ValueError(
                    f"target_transform='log' takes positive values, but {table.where(i)} is {values[t, column]:g} at "
                    f"{table.indexes[i][t]}. Use None, or FunctionTransformer(np.log1p, np.expm1) for values from 0 on."
                )

    def _resolve_season_length(self, table: Table, lengths: np.ndarray) -> int:
        if self.season_length != "auto":
            return int(self.season_length)
        season = self._grid.season_length
        if season is None and self._grid.kind == "integer":
            season = dominant_period(table.values[int(np.argmax(lengths))][:, 0])
        return season if season is not None and lengths.max() >= 3 * season else 1

    def _resolve_window(self, lengths: np.ndarray) -> int:
        if self.window != "auto":
            return int(self.window)
        season = self.season_length_
        window = season * -(-7 // season) if season > 1 else 24
        # At least as many windows as steps in a window, of which a part is held back
        return max(1, min(window, (int(np.median(lengths)) - self._block) // 3))

    def _check_lengths(self, table: Table, lengths: np.ndarray) -> None:
        n_needed = self._new_model(0).model.n_needed
        of_what = f"window={self.window_}, season_length={self.season_length_}, difference={self.difference}"
        short = np.flatnonzero(lengths < n_needed)
        if len(short):
            raise ValueError(
                f"{table.where(short[0])} has {lengths[short[0]]} values, too few for a forecast, which takes {n_needed} "
                f"({of_what}). Choose a smaller window or season_length, or leave the series out."
            )
        if lengths.max() < n_needed + self._block + 1:
            raise ValueError(
                f"y has at most {lengths.max()} values in a series, too few to fit on: with {of_what} and {self._block} "
                f"step(s) forecast at once it takes at least {n_needed + self._block + 1}. Choose a smaller window or "
                "horizon, or strategy='recursive'."
            )

    def _new_model(self, n_known: int) -> SeriesModel:
        regressor = default_regressor() if self.regressor is None else self.regressor
        recurrent = holds_recurrent_net(regressor)
        season = self.season_length_
        difference = {None: 0, "season": season}.get(self.difference, self.difference)
        normalize = self.normalize
        if normalize == "auto":
            normalize = None if difference else "smoothing" if season > 1 else "last"
        n_harmonics = min(self.seasonal_features, season // 2)
        model = WindowModel(
            regressor=regressor,
            window=self.window_,
            n_steps=self._block,
            normalize=normalize,
            season_length=season,
            difference=difference,
            linear_path=recurrent if self.linear_path == "auto" else self.linear_path,
            as_3d=recurrent if self.window_format == "auto" else self.window_format == "3d",
            n_members=self.n_members,
            seed=self._seed,
            n_known=n_known + 2 * n_harmonics,
        )
        transformer = self.target_transform
        if isinstance(transformer, str):
            transformer = FunctionTransformer(np.log, np.exp, check_inverse=False)
        return SeriesModel(model, transformer, season, n_harmonics)

    @property
    def _block(self) -> int:
        """Steps that are forecast at once."""
        return int(self.horizon) if self.strategy == "direct" else 1

    def _train(self, values, known, past_only, starts) -> SeriesModel:
        return self._new_model(known[0].shape[1]).fit(values, known, past_only, starts, self._dtype)

    def _calibrate(self, values, known, past_only, starts, lengths) -> None:
        """Forecast the newest part of the data from the rest: skill_, and the errors that intervals are made of."""
        ends = starts + lengths
        n_held_back = int(np.ceil(self.calibration_fraction * lengths.max()))
        n_early = np.clip(ends.max() - n_held_back - starts, 0, lengths)
        n_needed = self._new_model(0).model.n_needed
        kept = np.flatnonzero((n_early >= n_needed + self._block) & (n_early < lengths))
        if len(kept) == 0:
            warnings.warn(
                f"The series are too short to hold back {n_held_back} steps of them and to fit on the rest, which takes "
                f"{n_needed + self._block} steps: there will be no skill_ and no intervals. Set calibration_fraction=0 "
                "to say that you need none, or choose a smaller window or horizon.",
                UserWarning,
                stacklevel=outside(),
            )
            return
        early = [[part[i][: n_early[i]] for i in kept] for part in (values, known, past_only)]
        model = self._train(*early, starts[kept])

        # Every held-back step is forecast from every origin before it that is not further away than `ahead`.
        ahead = max(self.horizon, self.season_length_)
        if past_only[0].shape[1]:
            ahead = self._block
        ahead = int(min(ahead, (lengths - n_early)[kept].max()))
        series = np.repeat(np.arange(len(kept)), (lengths - n_early)[kept])
        t = np.concatenate([np.arange(n_early[i], lengths[i]) for i in kept]) - 1
        every = -(-len(t) // MOST_CALIBRATION_ORIGINS)
        series, t = series[::every], t[::every]
        data = [[part[i] for i in kept] for part in (values, known, past_only)]
        origins = model.origins(*data, starts[kept], np.arange(len(kept)), (series, t))
        steps = t[:, None] + 1 + np.arange(ahead)
        future = _rows_at(data[1], series, steps)
        forecast = model.forecast(origins, ahead, np.nan_to_num(future), starts[kept][series] + t + 1)
        true = _rows_at(data[0], series, steps)
        self._scores = np.abs(model.scaled(true, series) - forecast)

        # skill: mean absolute scaled errors against those of the seasonal naive forecast
        s = self.season_length_
        naive = _rows_at(data[0], series, t[:, None] - s + 1 + np.arange(ahead) % s)
        error, naive_error = np.abs(true - model.in_units(forecast, series)), np.abs(true - naive)
        scale = np.stack([seasonal_change(part, s) for part in early[0]])[series][:, None]
        h = min(self.horizon, ahead)
        denominator = np.nansum((naive_error / scale)[:, :h])
        if denominator > 0:
            self.skill_ = float(1 - np.nansum((error / scale)[:, :h]) / denominator)

    # -- forecasting ------------------------------------------------------------------------------------------------

    def predict(self, horizon: int | None = None, X: pd.DataFrame | ArrayLike | None = None):
        check_is_fitted(self)
        Z, series, indexes = self._forecast(self._check_horizon(horizon), X)
        return write_table(self._layout, self._ids, indexes, list(self._model.in_units(Z, series)))

    def predict_interval(
        self, horizon: int | None = None, X: pd.DataFrame | ArrayLike | None = None, *, coverage: float = 0.9
    ) -> pd.DataFrame:
        check_is_fitted(self)
        Z, series, indexes = self._forecast(self._check_horizon(horizon), X)
        lower, upper = self._bounds(Z, series, coverage)
        return write_table(
            self._layout, self._ids, indexes, list(np.stack([lower, upper], axis=-1)), bounds=("lower", "upper")
        )

    def _bounds(self, Z, series, coverage) -> tuple[np.ndarray, np.ndarray]:
        if not isinstance(coverage, Real) or not 0 < coverage < 1:
            raise ValueError(f"coverage must be a number between 0 and 1, got {coverage!r}.")
        if self._scores is None:
            raise ValueError(
                "This forecaster has no held-back errors to make intervals of: calibration_fraction was "
                f"{self.calibration_fraction}, or the series too short to hold back a part. Fit with "
                "calibration_fraction=0.2 on a longer series, or with a smaller window or horizon."
            )
        widths = self._widths(Z.shape[1], coverage)
        bounds = self._model.in_units(Z - widths, series), self._model.in_units(Z + widths, series)
        return np.minimum(*bounds), np.maximum(*bounds)

    def _widths(self, n_steps: int, coverage: float) -> np.ndarray:
        """Half the width of the intervals, (n_steps, m)."""
        scores = self._scores
        typical = np.maximum.accumulate(np.nanmean(scores, axis=0))  # (ahead, m)
        relative = scores / np.where(typical > 0, typical, 1.0)
        quantile = np.empty(scores.shape[2])
        for j in range(len(quantile)):
            ratios = np.sort(relative[..., j][np.isfinite(relative[..., j])])
            rank = int(np.ceil((len(ratios) + 1) * coverage))
            quantile[j] = ratios[min(rank, len(ratios)) - 1]
        ahead = len(typical)
        beyond = np.sqrt(np.arange(ahead + 1, n_steps + 1) / ahead)
        typical = np.concatenate([typical, typical[-1:] * beyond[:, None]])[:n_steps]
        return typical * quantile

    def _check_horizon(self, horizon) -> int:
        n_steps = self.horizon if horizon is None else horizon
        if not isinstance(n_steps, Integral) or isinstance(n_steps, bool) or n_steps < 1:
            raise ValueError(f"horizon must be an integer of at least 1, got {horizon!r}.")
        return int(n_steps)

    def _forecast(self, n_steps: int, X, series=None, lengths=None) -> tuple[np.ndarray, np.ndarray, list]:
        """Scaled forecasts (n, n_steps, m) of some series, their numbers, and the indexes of the forecasts."""
        series = np.arange(len(self._ids)) if series is None else np.asarray(series)
        lengths = [n_steps] * len(series) if lengths is None else lengths
        indexes = [self._grid.after(self._last[i], length) for i, length in zip(series, lengths)]
        future = self._read_future(X, series, indexes)
        known = np.stack([np.concatenate([part, np.repeat(part[-1:], n_steps - len(part), axis=0)]) for part in future])
        return self._forecast_from(n_steps, known, series), series, indexes

    def _forecast_from(self, n_steps: int, known: np.ndarray, series: np.ndarray) -> np.ndarray:
        if self._n_past_only and n_steps > self._block:
            raise ValueError(
                f"To forecast {n_steps} steps, {self._block} at a time, takes later values of the past_only columns "
                f"{list(self.past_only)}. Use strategy='direct' with horizon={n_steps}."
            )
        times = np.array([self._grid.n_steps(self._first, self._last[i]) + 1 for i in series])
        return self._model.forecast(self._origins.take(series), n_steps, known, times)

    def _read_future(self, X, series, indexes) -> list:
        """Known exogenous columns for the times of the forecasts."""
        n_known = 0 if self._exog_names is None else len(self._exog_names) - self._n_past_only
        if n_known == 0:
            return [np.empty((len(index), 0)) for index in indexes]
        names = [name for name, past in zip(self._exog_names, self._past_only_columns(self._exog_names)) if not past]
        if X is None:
            raise ValueError(
                f"This forecaster was fitted with exogenous columns {names}: pass X with a row for each time to forecast, "
                f"from {indexes[0][0]} to {indexes[0][-1]}. If their future is not known, name them in past_only."
            )
        values = [np.empty((len(index), len(self._layout.names))) for index in indexes]
        if self._layout.kind == "array" and not isinstance(X, (pd.Series, pd.DataFrame)):
            X = np.asarray(X)[: len(indexes[0])]
        return align(X, Table(self._layout, [self._ids[i] for i in series], indexes, values, []), columns=names)[0]

    # -- observing --------------------------------------------------------------------------------------------------

    def update(self, y_new, X_new=None) -> Self:
        check_is_fitted(self)
        table = self._read_next(y_new, "y_new")
        self._check_values(table)
        known, past_only = self._exog_of(X_new, table)
        return self._update(table, known, past_only)

    def _exog_of(self, X_new, table):
        names = self._exog_names
        if (X_new is None) != (names is None):
            raise ValueError(
                f"This forecaster was fitted with exogenous columns {names}: pass them in X_new for the rows of y_new."
                if X_new is None
                else "This forecaster was fitted without X: leave X_new out, or fit again with X."
            )
        if names is None:
            none = [np.empty((len(part), 0)) for part in table.values]
            return none, none
        rows, _ = align(X_new, table, name="X_new", columns=names)
        past_only = self._past_only_columns(names)
        return [part[:, ~past_only] for part in rows], [part[:, past_only] for part in rows]

    def _update(self, table: Table, known, past_only) -> Self:
        for i, group in enumerate(table.ids):
            number = np.array([self._ids.index(group)])
            time = np.array([self._grid.n_steps(self._first, table.indexes[i][0])])
            new = (table.values[i][None], known[i][None], past_only[i][None])
            self._origins.put(number, self._model.advance(self._origins.take(number), *new, time, number))
            self._last[number[0]] = table.indexes[i][-1]
        return self

    def _read_next(self, y, name: str) -> Table:
        """y as a Table of which each series follows on directly on what this forecaster knows."""
        table = read_table(y, self.id_col, self.time_col, name=name)
        if table.layout.kind != self._layout.kind or table.layout.names != self._layout.names:
            raise ValueError(
                f"{name} must be of the kind that was fitted ({self._layout.kind} with columns {self._layout.names}), got "
                f"{table.layout.kind} with columns {table.layout.names}."
            )
        for i, group in enumerate(table.ids):
            where = table.where(i, name)
            if group not in self._ids:
                raise ValueError(
                    f"{name} has a series {group!r} that this forecaster was not fitted on. To validate over a panel, cut "
                    "all series at the same times: cv=forecaster.time_splits(y, n_splits=..., horizon=...)."
                )
            last = self._last[self._ids.index(group)]
            if self._layout.kind == "array":
                table.indexes[i] = self._grid.after(last, len(table.indexes[i]))
                continue
            self._grid.check(table.indexes[i], where)
            expected = self._grid.after(last, 1)[0]
            if table.indexes[i][0] != expected:
                raise ValueError(
                    f"{where} begins at {table.indexes[i][0]}, but must follow on directly on what this forecaster knows, "
                    f"which ends at {last}: the next time is {expected}. Pass the rows from there on (update() takes what "
                    "lies between; in cross-validation, TimeSeriesSplit without a gap, and for a panel "
                    "cv=forecaster.time_splits(y, ...))."
                )
        return table

    def score(self, y_next, X=None) -> float:
        check_is_fitted(self)
        table = self._read_next(y_next, "y_next")
        series = [self._ids.index(group) for group in table.ids]
        lengths = [len(part) for part in table.values]
        Z, series, _ = self._forecast(max(lengths), X, series, lengths)
        forecast = self._model.in_units(Z, series)
        errors = [np.abs(true - forecast[j][: len(true)]).mean(axis=0) for j, true in enumerate(table.values)]
        return -float(np.mean(np.stack(errors) / self._mase_scale[series]))

    # -- validating -------------------------------------------------------------------------------------------------

    def backtest(
        self,
        y: pd.Series | pd.DataFrame | ArrayLike,
        X: pd.DataFrame | ArrayLike | None = None,
        *,
        n_splits: int = 5,
        horizon: int | None = None,
        stride: int | None = None,
        refit: bool = False,
        coverage: float = 0.9,
    ) -> pd.DataFrame:
        self._validate_params()
        model = clone(self)
        table = read_table(y, self.id_col, self.time_col)
        grid = grid_of(table)
        exog = model._read_exog(X, table)
        horizon = self._check_horizon(horizon)
        records, known_before = [], np.zeros(len(table.ids), int)
        for cut, stops in _cuts(table, grid, n_splits, horizon, stride):
            new = table.cut(known_before, stops)
            new_exog = [[part[i][known_before[i] : stops[i]] for i in new.numbers(table)] for part in exog]
            if refit or not records:
                model._fit(new, grid, *new_exog)
            else:
                model._update(new, *new_exog)
            # the series that were known at the cutoff, and go on after it
            going = [
                i for i, group in enumerate(table.ids) if group in model._ids and _goes_on(table, grid, i, cut, stops)
            ]
            steps = stops[going][:, None] + np.arange(horizon)
            series = np.array([model._ids.index(table.ids[i]) for i in going])
            Z = model._forecast_from(horizon, np.nan_to_num(_rows_at(exog[0], going, steps)), series)
            columns = {"y_true": _rows_at(table.values, going, steps), "y_pred": model._model.in_units(Z, series)}
            if model._scores is not None:
                columns["lower"], columns["upper"] = model._bounds(Z, series, coverage)
            else:
                columns["lower"] = columns["upper"] = np.full_like(Z, np.nan)
            records.append(_tidy(table, going, cut, columns))
            known_before = np.zeros_like(stops) if refit else stops
        return pd.concat(records, ignore_index=True)

    def time_splits(
        self, y: pd.Series | pd.DataFrame, *, n_splits: int = 5, horizon: int | None = None, stride: int | None = None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        self._validate_params()
        table = read_table(y, self.id_col, self.time_col)
        grid = grid_of(table)
        horizon = self._check_horizon(horizon)
        splits = []
        for cut, stops in _cuts(table, grid, n_splits, horizon, stride):
            going = [i for i in range(len(table.ids)) if stops[i] and _goes_on(table, grid, i, cut, stops)]
            test = [table.rows[i][stops[i] : stops[i] + horizon] for i in going]
            train = [rows[:stop] for rows, stop in zip(table.rows, stops)]
            splits.append((np.sort(np.concatenate(train)), np.sort(np.concatenate(test))))
        return splits


def _cuts(table: Table, grid: TimeGrid, n_splits: int, horizon: int, stride: int | None):
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
            f"{n_splits} cutoffs, {stride} steps apart and with {horizon} steps after each, need more than the {n_times} "
            "time steps that y has. Choose a smaller n_splits, stride or horizon."
        )
    labels = grid.labels(first, n_times)
    return [(labels[cut - 1], np.clip(cut - starts, 0, lengths)) for cut in cuts]


def _goes_on(table: Table, grid: TimeGrid, i: int, cut, stops: np.ndarray) -> bool:
    """Has series i a row at the cutoff, and one after it?"""
    return 0 < stops[i] < len(table.indexes[i]) and table.indexes[i][stops[i] - 1] == cut


def _tidy(table: Table, series: list, cut, columns: dict) -> pd.DataFrame:
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


def _rows_at(parts: list, series: Sequence[int], steps: np.ndarray) -> np.ndarray:
    """parts[series[i]][steps[i, j]] as (n, steps, k), NaN beyond the end."""
    out = np.full((*steps.shape, parts[0].shape[1]), np.nan)
    series = np.asarray(series)
    for i in np.unique(series):
        of_part, part = series == i, parts[i]
        rows = part[np.minimum(steps[of_part], len(part) - 1)].astype(np.float64)
        rows[steps[of_part] >= len(part)] = np.nan
        out[of_part] = rows
    return out
