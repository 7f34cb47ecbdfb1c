"""RNNForecaster: from a pandas series, several, or a panel to a forecast with intervals."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from .._sklearn import validate_parameters
from .._stored import Stored, all_or_nothing
from .._warnings import warn
from ..estimators._hyperparameters import store_parameters
from ._backtesting import cutoffs, forecasts, going_on, long_enough, refuse_names_taken, tidy
from ._forecast_model import ForecastModel
from ._held_back import check_coverage
from ._parameters import ForecasterParameters
from ._plan import Plan, default_regressor, make_plan
from ._reader import SeriesReader
from ._regular import rows_around
from ._series import Series
from ._tables import Table
from ._timegrid import TimeGrid


class RNNForecaster(Stored, ForecasterParameters, BaseEstimator):
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
        Columns of X (or of y, with `target_col`) of which the future is not known.

    id_col, time_col : label, default=None
        Columns of a long frame that hold the ids of series, and the times. None: a MultiIndex of ids and times makes a
        panel; otherwise the index holds the times.

    target_col : label or list of labels, default=None
        The column(s) to forecast of y, where it is a frame: all others are exogenous columns, as if they were given in
        X. None: every column of y is forecast; a frame with `id_col` or `time_col` has a single one besides these.

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
        target_col: Hashable | list | None = None,
        window_format: Literal["auto", "3d", "2d"] = "auto",
        calibration_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        store_parameters(self, locals())

    # what is forecast, and how far, is no metadata to be routed
    __metadata_request__predict = {"horizon": UNUSED}
    __metadata_request__score = {"y_next": UNUSED}

    season_length_: int
    window_: int
    skill_: float
    network_weight_: float
    _reader: SeriesReader
    _model: ForecastModel

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
            A series with a DatetimeIndex, a PeriodIndex or an index of integers, oldest first; a frame of several that
            share it; or a panel: a Series or DataFrame with a MultiIndex of ids and times, or a long frame with
            `id_col` and `time_col`. ISO dates given as text are read as dates. Series of a panel may differ in length.
            An array holds time along its first axis. NaN is a missing value, and so is a row that the step of the
            index leaves out; a series begins with its first value.
        X : DataFrame or array-like, default=None
            Exogenous columns, with a row for each of y, found by its index (or by `id_col` and `time_col`). They hold
            numbers, truth values, categories or text; of these two, each value becomes a column of zeros and ones.
            Columns that do not change within any series need not be given of the future.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter is invalid, the index of y has no regular step or is not in order, values are infinite, or a
            series is too short, or empty.
        TypeError
            If the index or a column is of a type that is no time, or no number.

        Warns
        -----
        UserWarning
            If `skill_` is below 0, or the series are too short to hold back a part.
        """
        self._check_parameters()
        with all_or_nothing(self):
            self._reader, table, data = self._read(y, X)
            self._check_values(table, "y")
            plan = self._plan(data, self._reader.grid)
            plan.check_lengths(data, table.label)
            self._model = ForecastModel(plan).fit(data)
            self.season_length_, self.window_ = plan.season_length, plan.window
            self.skill_, self.network_weight_ = self._model.skill, self._model.network_weight
        self._warn_of_skill()
        return self

    @property
    def regressors_(self) -> list:
        """The fitted members."""
        check_is_fitted(self)
        return self._model.model.model.members

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

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

    def _warn_of_skill(self) -> None:
        if self.skill_ < 0:
            warn(
                f"On the last {self.calibration_fraction:.0%} of the data, which were held back, this forecaster was "
                f"worse than repeating the last season ({self.season_length_} steps): skill_ = {self.skill_:.2f}. Do "
                "that, or try another window, normalize, target_transform or regressor."
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

    def _read(self, y, X) -> tuple[SeriesReader, Table, Series]:
        return SeriesReader.read(y, X, self.id_col, self.time_col, self.past_only, self.target_col)

    def _plan(self, data: Series, grid: TimeGrid) -> Plan:
        """What the parameters come to, for these series."""
        return make_plan({name: getattr(self, name) for name in ForecasterParameters.__annotations__}, data, grid)

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
        return self._reader.write(self._model.in_units(Z, series), indexes)

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
        check_coverage(coverage)
        if self._model.held_back is None:
            raise ValueError(
                "This forecaster has no held-back errors to make intervals of: calibration_fraction was "
                f"{self.calibration_fraction}, or the series too short to hold back a part. Fit with "
                "calibration_fraction=0.2 on a longer series, or with a smaller window or horizon."
            )
        bounds = np.stack(self._model.bounds(Z, series, coverage), axis=-1)
        return self._reader.write(bounds, indexes, ("lower", "upper"))

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

    def _forecast(self, n_steps: int, X, series=None, lengths=None, beside=None) -> tuple[np.ndarray, np.ndarray, list]:
        """Scaled forecasts (n, n_steps, m) of some series, their numbers, and the indexes of the forecasts."""
        series = np.arange(len(self._reader.ids)) if series is None else series
        lengths = [n_steps] * len(series) if lengths is None else lengths
        known, indexes = self._reader.read_future(X, series, lengths, n_steps, beside)
        return self._model.forecast(n_steps, known, series), series, indexes

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
        table, series = self._reader.read_next(y_new, "y_new")
        self._check_values(table, "y_new")
        model = self._model.advance(self._reader.with_exog(table, X_new), series)
        # all or nothing, and copies of this forecaster keep what they know
        self._model, self._reader = model, copy.copy(self._reader)
        self._reader.advance(series, table)
        return self

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
        if self._reader.layout.kind == "array":
            raise TypeError(
                "score takes a Series or a DataFrame, since the rows of an array do not tell whether they follow on "
                "what was fitted: forecaster.fit(pd.Series(y))."
            )
        table, series = self._reader.read_next(y_next, "y_next", directly=True)
        Z, series, _ = self._forecast(int(table.lengths.max()), X, series, table.lengths, table)
        forecast = self._model.in_units(Z, series)
        errors = [np.abs(true - forecast[j][: len(true)]).mean(axis=0) for j, true in enumerate(table.values)]
        return -float(np.mean(np.stack(errors) / self._model.mase_scale[series]))

    # -- standing at earlier times ----------------------------------------------------------------------------------

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
        """Stand at earlier times, forecast what came then, and compare.

        Parameters
        ----------
        y, X : as in `fit`
            The whole of the data; this forecaster itself is not changed.
        n_splits : int, default=5
            Times to stand at.
        horizon : int, default=None
            Time steps to forecast from each; None takes the parameter `horizon`.
        stride : int, default=None
            Time steps from one to the next; None takes the horizon. The last is `horizon` steps before the end.
        refit : bool, default=False
            Whether to fit anew each time; otherwise only the first time, and the values since then are taken into
            account by `update`.
        coverage : float, default=0.9
            Of the intervals.

        Returns
        -------
        DataFrame
            One row for each forecast value: (the id and the variable, if there are several,) cutoff (the last time
            known), step, y_true, y_pred, lower, upper. The bounds are NaN if calibration_fraction is 0.
        """
        self._check_parameters()
        check_coverage(coverage)
        reader, table, data = self._read(y, X)
        self._check_values(table, "y")
        horizon = self._check_horizon(horizon)
        cuts = cutoffs(table, reader.grid, n_splits, horizon, stride)
        refuse_names_taken(table)

        def plan_for(early):
            return self._plan(early, reader.grid)

        def going_at(k, stops):
            return going_on(table, cuts[k][0], stops)

        stops = [stops for _, stops in cuts]
        found = forecasts(plan_for, table.label, data, stops, going_at, horizon, refit, coverage)
        return pd.concat(
            [tidy(table, series, cut, columns) for (cut, _), (series, columns) in zip(cuts, found)], ignore_index=True
        )

    def time_splits(
        self, y: pd.Series | pd.DataFrame, *, n_splits: int = 5, horizon: int | None = None, stride: int | None = None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Splits for cross-validation that cut all series of a panel at the same times.

        scikit-learn's TimeSeriesSplit cuts by rows, and so would cut a panel by series.

        Parameters
        ----------
        y, n_splits, horizon, stride : as in `backtest`

        Returns
        -------
        list of tuple of ndarray
            Rows of y to fit on and to score, for each split, as ``GridSearchCV(forecaster, ..., cv=splits)`` takes
            them.
        """
        self._check_parameters()
        reader, table, data = SeriesReader.read(y, None, self.id_col, self.time_col, None, self.target_col)
        horizon = self._check_horizon(horizon)
        splits = []
        for cut, stops in cutoffs(table, reader.grid, n_splits, horizon, stride):
            stops = long_enough(lambda early: self._plan(early, reader.grid), data, stops)
            splits.append(rows_around(table, cut, stops, going_on(table, cut, stops), horizon))
        return splits
