"""RNNForecaster: from a pandas series, several, or a panel to a forecast with intervals."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Hashable, Sequence
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn import HasMethods, Interval, StrOptions, validate_parameters
from .._stored import Stored, all_or_nothing
from .._warnings import outside
from ..estimators._hyperparameters import store_parameters
from ..estimators._regressor import RNNRegressor
from ._backtesting import Backtesting
from ._held_back import HeldBack, check_coverage
from ._series_model import SeriesModel, seasonal_change
from ._tables import Exog, Table, grid_of, read_table, write_table
from ._timegrid import TimeGrid, dominant_period
from ._window_model import WindowModel, holds_recurrent_net, steps_needed


def default_regressor() -> RNNRegressor:
    """The network that a forecaster has where none is given: small and soon stopped, since most series are short."""
    return RNNRegressor(32, alpha=0.003, batch_size=32, max_iter=50)


class RNNForecaster(Stored, Backtesting, BaseEstimator):
    """Forecast a series, several that share an index, or a panel of series.

    Windows of the past, normalised, are what a regressor learns to go on from: by default a small recurrent network,
    which corrects a ridge regression on the same windows. With a panel, one network learns from all series.

    Parameters
    ----------
    regressor : scikit-learn regressor, default=None
        None is ``RNNRegressor(32, alpha=0.003, batch_size=32, max_iter=50)``, whose parameters
        ``set_params(regressor__...)`` reaches too. Any regressor will do; one that predicts a single value is fitted
        once for each step of the horizon.

    window : int, default="auto"
        Time steps of the past that the regressor sees. "auto": a season, at least 7 steps; 24 without a season; fewer
        for short series.

    horizon : int, default=1
        Time steps to forecast. With strategy="direct" they are forecast at once.

    strategy : {"direct", "recursive"}, default="direct"
        "direct": all steps of the horizon at once, and beyond them block by block, with forecasts for values.
        "recursive": one step at a time.

    normalize : {"auto", "smoothing", "last", "mean"} or None, default="auto"
        What a window is relative to, since networks extrapolate poorly: "smoothing", a level and a seasonal pattern by
        exponential smoothing [1]_; "last", the last value; "mean", the mean and the standard deviation of the window;
        None, nothing. "auto": None with `difference`, otherwise "smoothing" if there is a season and "last" if not.

    target_transform : {"log"} or scikit-learn transformer, default=None
        Applied to the values before all else, and undone last. "log" is right for positive series that grow by factors.

    season_length : int, default="auto"
        Steps of a season; 1 for none. "auto": what is usual for the step of the index (12 for months, 7 for days, 24
        for hours), if there are three of them; for an index of integers, the strongest peak of the autocorrelation, if
        it is above 0.3.

    difference : int or {"season"}, default=None
        Lag of the differences that are forecast in place of the values.

    seasonal_features : int, default=0
        Harmonics of the season (a sine and a cosine each) that are given to the regressor as exogenous columns.

    linear_path : bool, default="auto"
        Whether a ridge regression, its penalty chosen by leave-one-out, comes first, and the regressor learns what it
        leaves. "auto": with a recurrent network.

    n_members : int, default=1
        Regressors that differ in their random_state only, and whose mean is the forecast.

    past_only : list of labels, default=None
        Columns of X of which the future is not known.

    id_col, time_col : label, default=None
        Columns of a long frame that hold the ids of series, and the times. None: a MultiIndex of ids and times makes a
        panel; otherwise the index holds the times.

    window_format : {"auto", "3d", "2d"}, default="auto"
        Windows as (n_windows, window, n_columns), or flat. "auto": the former if the regressor is, or holds, a
        recurrent network of this package. With exogenous columns that are known ahead, `horizon` steps follow on the
        window, in which values are 0 and a last column is 1.

    calibration_fraction : float, default=0.2
        Newest part of the data that is first held back, to measure `skill_`, to weigh the network and to calibrate the
        intervals. 0 does without, and takes half the time.

    random_state : int, RandomState instance or None, default=None
        From which every random_state of the regressor is drawn; None leaves them as they are (unless `n_members` is
        above 1).

    Attributes
    ----------
    skill_ : float
        1 minus the ratio of the mean absolute scaled error to that of the seasonal naive forecast, on the part that was
        held back; 0 is as good as that, 1 is perfect. NaN without such a part.
    network_weight_ : float
        How much of the network's correction is added to the linear path: between 0 and 1, what served best on the part
        that was held back. 1 without such a part.
    season_length_, window_ : int
        What "auto" came to.
    regressors_ : list
        The fitted members.

    See Also
    --------
    SlidingWindow : Windows of a table in a pipeline, with y of your own.

    Notes
    -----
    The last values are kept, not the whole series. Errors are scaled by the mean absolute change of a series from one
    season to the next, after the transform: so that series of all sizes count alike.

    The network's weight is chosen by the same held-back errors that `skill_` and the intervals come from, so these are
    a little optimistic: one number is fitted to them. `backtest` is not.

    An RNNRegressor is trained for its max_iter epochs; that it has not converged by then is not warned of.

    References
    ----------
    .. [1] Smyl, S. (2020). A hybrid method of exponential smoothing and recurrent neural networks for time series
       forecasting. International Journal of Forecasting 36, 75-85.

    Examples
    --------
    >>> from sklearn_rnn import RNNForecaster
    >>> from sklearn_rnn.datasets import load_airline
    >>> airline = load_airline()
    >>> forecaster = RNNForecaster(horizon=12, target_transform="log", random_state=0).fit(airline[:"1959"])
    >>> forecaster.predict().round(-1).head(3)
    Date
    1960-01    420.0
    1960-02    400.0
    1960-03    460.0
    Freq: M, Name: Passengers, dtype: float64
    >>> forecaster.predict_interval(coverage=0.8).columns.tolist()
    ['lower', 'upper']
    >>> bool(forecaster.score(airline["1960":]) > -0.5)  # minus the mean absolute scaled error
    True
    """

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
        store_parameters(self, locals())

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
        if params.get("regressor", self.regressor) is None and any(key.startswith("regressor__") for key in params):
            params["regressor"] = default_regressor()
        return super().set_params(**params)

    # -- fitting ----------------------------------------------------------------------------------------------------

    def fit(self, y: pd.Series | pd.DataFrame | ArrayLike, X: pd.DataFrame | ArrayLike | None = None) -> Self:
        """Fit to the past.

        Parameters
        ----------
        y : Series, DataFrame or array-like
            A series with a DatetimeIndex, a PeriodIndex or an index of integers, oldest first and without gaps; a frame
            of several that share it; or a panel: a Series or DataFrame with a MultiIndex of ids and times, or a long
            frame with `id_col` and `time_col`. Series of a panel may differ in length. An array holds time along its
            first axis.
        X : DataFrame or array-like, default=None
            Exogenous columns, with a row for each of y, found by its index (or by `id_col` and `time_col`).

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter is invalid, the index of y is not regular or not in order, values are missing, or a series is
            too short.
        TypeError
            If the index or a column is of a type that is no time, or no number.

        Warns
        -----
        UserWarning
            If `skill_` is below 0, or the series are too short to hold back a part.
        """
        self._check_parameters()
        table = read_table(y, self.id_col, self.time_col)
        grid = grid_of(table)
        with all_or_nothing(self):
            self._exog = Exog(X, table, self.past_only)
            self._fit(table, grid, *self._exog.take_rows())
        self._warn_of_skill()
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_last")

    def _check_parameters(self) -> None:
        for name in ("window", "horizon", "season_length", "difference", "seasonal_features", "n_members"):
            if isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be a number of steps or of members, got {getattr(self, name)}.")
        validate_parameters(self)
        regressor = default_regressor() if self.regressor is None else self.regressor
        if isinstance(regressor, type):
            raise TypeError(f"regressor must be a regressor, not a class: {regressor.__name__}().")
        names = regressor.get_params(deep=True) if hasattr(regressor, "get_params") else ()
        if self.n_members > 1 and not any(name.split("__")[-1] == "random_state" for name in names):
            raise ValueError(
                f"n_members={self.n_members}, but {regressor} has no random_state: all members would be the same. Use "
                "n_members=1."
            )

    def _fit(self, table: Table, grid: TimeGrid, known: list, past_only: list) -> Self:
        self._check_values(table, "y")
        lengths = np.array([len(part) for part in table.values])
        self.season_length_, self.window_, n_needed = self._resolve(table, grid, lengths)
        self._check_lengths(table, lengths, n_needed)
        if self._exog.n_past_only and self.horizon > self._block:
            raise ValueError(
                f"With past_only columns, {list(self.past_only)}, all {self.horizon} steps must be forecast at once: "
                "use strategy='direct'."
            )
        if self.seasonal_features and self.season_length_ < 2:
            raise ValueError(
                f"seasonal_features={self.seasonal_features}, but no season was found: give the season_length."
            )
        self._layout, self._grid = table.layout, grid
        self._ids = list(table.ids)
        self._number = {group: i for i, group in enumerate(self._ids)}
        self._first = min(index[0] for index in table.indexes)
        starts = np.array([grid.n_steps(self._first, index[0]) for index in table.indexes])
        self._seed = None
        if self.random_state is not None or self.n_members > 1:
            self._seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._dtype = np.float32 if all(part.dtype == np.float32 for part in table.values) else np.float64
        data = (table.values, known, past_only, starts)
        held_back = self._hold_back(*data, lengths, n_needed) if self.calibration_fraction > 0 else None
        self._held_back = held_back
        self.skill_ = held_back.skill if held_back else np.nan
        self.network_weight_ = held_back.network_weight if held_back else 1.0
        self._model = self._train(*data)
        self.regressors_ = self._model.model.members
        self._mase_scale = np.stack([seasonal_change(part, self.season_length_) for part in table.values])
        self._origins = self._model.origins(*data, lengths, (np.arange(len(lengths)), lengths - 1))
        self._last = [index[-1] for index in table.indexes]
        return self

    def _warn_of_skill(self) -> None:
        if self.skill_ < 0:
            warnings.warn(
                f"On the last {self.calibration_fraction:.0%} of the data, which were held back, this forecaster was "
                f"worse than repeating the last season ({self.season_length_} steps): skill_ = {self.skill_:.2f}. Do "
                "that, or try another window, normalize, target_transform or regressor.",
                UserWarning,
                stacklevel=outside(),
            )

    def _check_values(self, table: Table, name: str) -> None:
        """A logarithm takes positive values only."""
        if not isinstance(self.target_transform, str):
            return
        for i, values in enumerate(table.values):
            wrong = np.argwhere(values <= 0)
            if len(wrong):
                t, column = wrong[0]
                raise ValueError(
                    f"target_transform='log' takes positive values, but {table.label(i, name)} is "
                    f"{values[t, column]:g} at {table.indexes[i][t]}. Use None, or FunctionTransformer(np.log1p, "
                    "np.expm1) for values from 0 on."
                )

    def _resolve(self, table: Table, grid: TimeGrid, lengths: np.ndarray) -> tuple[int, int, int]:
        """Season and window, and how many values of a series a forecast takes with them."""
        season = self.season_length
        if season == "auto":
            season = grid.season_length
            if grid.kind == "integer":
                season = dominant_period(table.values[int(np.argmax(lengths))][:, 0])
            if season is None or lengths.max() < 3 * season:
                season = 1
        window = self.window
        if window == "auto":
            window = season * -(-7 // season) if season > 1 else 24
            # at least twice as many windows as steps in a window
            window = max(1, min(window, (int(np.median(lengths)) - self._block) // 3))
        normalize, difference = self._normalize_and_difference(season)
        return int(season), int(window), steps_needed(int(window), int(season), normalize, difference)

    def _normalize_and_difference(self, season: int) -> tuple[str | None, int]:
        difference = {None: 0, "season": season}.get(self.difference, self.difference)
        if self.normalize != "auto":
            return self.normalize, difference
        return None if difference else "smoothing" if season > 1 else "last", difference

    def _check_lengths(self, table: Table, lengths: np.ndarray, n_needed: int) -> None:
        of_what = f"window={self.window_}, season_length={self.season_length_}, difference={self.difference}"
        short = np.flatnonzero(lengths < n_needed)
        if len(short):
            raise ValueError(
                f"{table.label(short[0])} has {lengths[short[0]]} values, too few for a forecast, which takes "
                f"{n_needed} ({of_what}). Choose a smaller window or season_length, or leave the series out."
            )
        if lengths.max() < n_needed + self._block + 1:
            raise ValueError(
                f"y has at most {lengths.max()} values in a series, too few to fit on: with {of_what} and "
                f"{self._block} step(s) forecast at once it takes at least {n_needed + self._block + 1}. Choose "
                "a smaller window or horizon, or strategy='recursive'."
            )

    def _new_model(self, n_known: int) -> SeriesModel:
        regressor = default_regressor() if self.regressor is None else self.regressor
        recurrent = holds_recurrent_net(regressor)
        season = self.season_length_
        normalize, difference = self._normalize_and_difference(season)
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
            transformer = FunctionTransformer(np.log, np.exp, check_inverse=False).set_output(transform="default")
        return SeriesModel(model, transformer, season, n_harmonics)

    @property
    def _block(self) -> int:
        """Steps that are forecast at once."""
        return int(self.horizon) if self.strategy == "direct" else 1

    def _train(self, values, known, past_only, starts) -> SeriesModel:
        return self._new_model(known[0].shape[1]).fit(values, known, past_only, starts, self._dtype)

    def _hold_back(self, values, known, past_only, starts, lengths, n_needed) -> HeldBack | None:
        """Forecast the newest part of the data from the rest."""
        n_held_back = int(np.ceil(self.calibration_fraction * lengths.max()))
        if known[0].shape[1]:
            n_held_back = max(n_held_back, self._block)  # HeldBack takes whole blocks then
        n_early = np.clip((starts + lengths).max() - n_held_back - starts, 0, lengths)
        n_least = n_needed + self._block + 1
        n_late = self._block if known[0].shape[1] else 1
        enough = np.flatnonzero((n_early >= n_least) & (n_early + n_late <= lengths))
        if len(enough) == 0:
            warnings.warn(
                f"The series are too short to hold back {n_held_back} steps of them and to fit on the rest, which "
                f"takes {n_least} steps: there will be no skill_ and no intervals. Set calibration_fraction=0 to say "
                "that you need none, or choose a smaller window or horizon.",
                UserWarning,
                stacklevel=outside(),
            )
            return None
        data = [[part[i] for i in enough] for part in (values, known, past_only)]
        early = [[rows[:n] for rows, n in zip(part, n_early[enough])] for part in data]
        model = self._train(*early, starts[enough])
        ahead = self._block if self._exog.n_past_only else max(self.horizon, self.season_length_)
        return HeldBack(model, *data, starts[enough], n_early[enough], int(self.horizon), ahead)

    # -- forecasting ------------------------------------------------------------------------------------------------

    def predict(
        self, horizon: int | None = None, X: pd.DataFrame | ArrayLike | None = None
    ) -> pd.Series | pd.DataFrame | np.ndarray:
        """Forecast what follows on the last values known.

        Parameters
        ----------
        horizon : int, default=None
            Time steps; None takes the parameter `horizon`. May be longer than that.
        X : DataFrame or array-like, default=None
            Exogenous columns that are known ahead, with a row for each time to forecast. Steps are forecast in blocks
            of the fitted horizon: to fill up the last, further rows are taken from X, or its last row is repeated.

        Returns
        -------
        Series, DataFrame or ndarray
            Of the type of y in `fit`, with the times that follow on its index.
        """
        check_is_fitted(self)
        Z, series, indexes = self._forecast(self._check_horizon(horizon), X)
        return write_table(self._layout, self._ids, indexes, list(self._model.in_units(Z, series)))

    def predict_interval(
        self, horizon: int | None = None, X: pd.DataFrame | ArrayLike | None = None, *, coverage: float = 0.9
    ) -> pd.DataFrame:
        """Intervals that hold a future value with a given probability, each time step by itself.

        Split conformal: the errors of forecasts of the part that was held back in `fit`, relative to what is typical
        that many steps ahead, and of them the quantile that gives the coverage. Steps further ahead than was measured
        are widened by the square root of their distance. The promise holds if the future is like that part.

        Parameters
        ----------
        horizon, X : as in `predict`
        coverage : float, default=0.9

        Returns
        -------
        DataFrame
            Columns "lower" and "upper"; for several series that share an index, a pair for each, under its name.

        Raises
        ------
        ValueError
            If no part of the data was held back.
        """
        check_is_fitted(self)
        Z, series, indexes = self._forecast(self._check_horizon(horizon), X)
        lower, upper = self._bounds(Z, series, coverage)
        return write_table(
            self._layout, self._ids, indexes, list(np.stack([lower, upper], axis=-1)), bounds=("lower", "upper")
        )

    def _bounds(self, Z, series, coverage) -> tuple[np.ndarray, np.ndarray]:
        check_coverage(coverage)
        if self._held_back is None:
            raise ValueError(
                "This forecaster has no held-back errors to make intervals of: calibration_fraction was "
                f"{self.calibration_fraction}, or the series too short to hold back a part. Fit with "
                "calibration_fraction=0.2 on a longer series, or with a smaller window or horizon."
            )
        widths = self._held_back.widths(Z.shape[1], coverage)
        bounds = self._model.in_units(Z - widths, series), self._model.in_units(Z + widths, series)
        return np.minimum(*bounds), np.maximum(*bounds)

    def _check_horizon(self, horizon) -> int:
        n_steps = self.horizon if horizon is None else horizon
        if hasattr(n_steps, "__len__"):
            raise TypeError(
                f"horizon must be an integer, a number of steps, got a {type(n_steps).__name__}. Exogenous columns go "
                "by name: predict(X=...)."
            )
        if not isinstance(n_steps, Integral) or isinstance(n_steps, bool) or n_steps < 1:
            raise ValueError(f"horizon must be an integer of at least 1, got {n_steps!r}.")
        return int(n_steps)

    def _forecast(self, n_steps: int, X, series=None, lengths=None) -> tuple[np.ndarray, np.ndarray, list]:
        """Scaled forecasts (n, n_steps, m) of some series, their numbers, and the indexes of the forecasts."""
        series = np.arange(len(self._ids)) if series is None else np.asarray(series)
        lengths = [n_steps] * len(series) if lengths is None else lengths
        whole = -(-n_steps // self._model.model.n_steps) * self._model.model.n_steps
        longer = [self._grid.after(self._last[i], whole) for i in series]
        indexes = [index[:length] for index, length in zip(longer, lengths)]
        known = self._exog.read_future(X, self._layout, [self._ids[i] for i in series], indexes, longer)
        return self._forecast_from(n_steps, np.stack(known), series), series, indexes

    def _forecast_from(self, n_steps: int, known: np.ndarray, series: np.ndarray) -> np.ndarray:
        if self._exog.n_past_only and n_steps > self._model.model.n_steps:
            raise ValueError(
                f"To forecast {n_steps} steps, {self._model.model.n_steps} at a time, takes later values of the "
                f"past_only columns {list(self.past_only)}. Fit with strategy='direct' and horizon={n_steps}."
            )
        times = np.array([self._grid.n_steps(self._first, self._last[i]) + 1 for i in series])
        return self._model.forecast(self._origins.take(series), n_steps, known, times, self.network_weight_)

    # -- observing --------------------------------------------------------------------------------------------------

    def update(
        self, y_new: pd.Series | pd.DataFrame | ArrayLike, X_new: pd.DataFrame | ArrayLike | None = None
    ) -> Self:
        """Take the newest values into account, without fitting again.

        Parameters
        ----------
        y_new : like y in `fit`
            What follows on directly on the last values known; of a panel, of all series or of some.
        X_new : like X in `fit`, default=None

        Returns
        -------
        self : object
        """
        check_is_fitted(self)
        table = self._read_next(y_new, "y_new")
        self._check_values(table, "y_new")
        known, past_only = self._exog.read_next(X_new, table)
        return self._update(table, known, past_only)

    def _update(self, table: Table, known, past_only) -> Self:
        advanced = []
        for i, group in enumerate(table.ids):
            number = np.array([self._number[group]])
            time = np.array([self._grid.n_steps(self._first, table.indexes[i][0])])
            new = (table.values[i][None], known[i][None], past_only[i][None])
            advanced.append((number, self._model.advance(self._origins.take(number), *new, time, number)))
        # all or nothing, and copies of this forecaster keep what they know
        self._origins, self._last = copy.deepcopy(self._origins), list(self._last)
        for (number, origins), index in zip(advanced, table.indexes):
            self._origins.put(number, origins)
            self._last[number[0]] = index[-1]
        return self

    def _read_next(self, y, name: str) -> Table:
        """y as a Table of which each series follows on directly on what this forecaster knows."""
        table = read_table(y, self.id_col, self.time_col, name=name)
        if table.layout.kind != self._layout.kind or table.layout.names != self._layout.names:
            raise ValueError(
                f"{name} must be of the kind that was fitted ({self._layout.kind} with columns {self._layout.names}), "
                f"got {table.layout.kind} with columns {table.layout.names}."
            )
        for i, group in enumerate(table.ids):
            where = table.label(i, name)
            if group not in self._number:
                raise ValueError(
                    f"{name} has a series {group!r} that this forecaster was not fitted on. To validate over a panel, "
                    "cut all series at the same times: cv=forecaster.time_splits(y, n_splits=..., horizon=...)."
                )
            last = self._last[self._number[group]]
            if self._layout.kind == "array":
                table.indexes[i] = self._grid.after(last, len(table.indexes[i]))
                continue
            table.indexes[i] = self._grid.check(table.indexes[i], where)
            expected = self._grid.after(last, 1)[0]
            if table.indexes[i][0] != expected:
                raise ValueError(
                    f"{where} begins at {table.indexes[i][0]}, but must follow on directly on what this forecaster "
                    f"knows, which ends at {last}: the next time is {expected}. Pass the rows from there on (update() "
                    "takes what lies between; in cross-validation, TimeSeriesSplit without a gap, and for a panel "
                    "cv=forecaster.time_splits(y, ...))."
                )
        return table

    def score(self, y_next: pd.Series | pd.DataFrame | ArrayLike, X: pd.DataFrame | ArrayLike | None = None) -> float:
        """Minus the mean absolute scaled error (MASE) of a forecast of y_next.

        Scaled by the error of repeating the last season, over the series that was fitted: -1 is as good as that was.

        Parameters
        ----------
        y_next : like y in `fit`
            What follows on directly on the last values known. As many steps are forecast.
        X : as in `predict`

        Returns
        -------
        float

        Raises
        ------
        TypeError
            If y_next is an array.
        ValueError
            If it does not follow on.
        """
        check_is_fitted(self)
        if self._layout.kind == "array":
            raise TypeError(
                "score takes a Series or a DataFrame, since the rows of an array do not tell whether they follow on "
                "what was fitted: forecaster.fit(pd.Series(y))."
            )
        table = self._read_next(y_next, "y_next")
        series = [self._number[group] for group in table.ids]
        lengths = [len(part) for part in table.values]
        Z, series, _ = self._forecast(max(lengths), X, series, lengths)
        forecast = self._model.in_units(Z, series)
        errors = [np.abs(true - forecast[j][: len(true)]).mean(axis=0) for j, true in enumerate(table.values)]
        return -float(np.mean(np.stack(errors) / self._mase_scale[series]))
