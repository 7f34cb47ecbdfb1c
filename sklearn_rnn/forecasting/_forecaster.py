"""RNNForecaster: from a pandas series, several, or a panel to a forecast with intervals."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from .._sklearn import CallbackSupportMixin, InNotebooks, callbacks_of_parts, with_callbacks
from .._stored import Stored, all_or_nothing
from ..estimators._hyperparameters import store_parameters
from ..estimators._progress import announced
from ..estimators._summary import NetworkSummary, net_within
from ._forecast_model import ForecastModel
from ._parameters import what_is_asked
from ._reader import SeriesReader
from ._reporting import candidates_of, report, skill_of_series, stages_printed, warn_of_gaps
from ._uncertainty import Uncertainty


class RNNForecaster(Stored, InNotebooks, CallbackSupportMixin, Uncertainty, BaseEstimator):
    """Forecast a series, several that share an index, or a panel of series.

    Windows of the past, normalised, are what a regressor learns to go on from: by default a small recurrent network,
    which corrects a ridge regression on the same windows. With a panel, one network learns from all series. Its
    forecasts are combined with those of simpler ways, each of which counts for what it proved to be worth on parts of
    the data that are first held back, for each series by itself.

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
        "recursive": one step at a time, which takes no `past_only`.

    normalize : {"auto", "smoothing", "last", "mean"} or None, default="auto"
        What a window is relative to, since networks extrapolate poorly: "smoothing", a level and a seasonal pattern by
        exponential smoothing [1]_; "last", the last value; "mean", the mean and the standard deviation of the window;
        None, nothing. "auto": None with `difference`, otherwise "smoothing" if there is a season and "last" if not.

    target_transform : {"auto", "log"}, scikit-learn transformer or None, default="auto"
        Applied to the values before all else, and undone last. "log" is right for positive series that grow by factors.
        "auto": where forecasts are combined (see `combine`) and all values are positive, "log" if it forecasts the
        parts held back better; otherwise None. One choice serves all series of a panel. Should a later value be 0 or
        below, a tenth of the least positive one of its series stands for it then.

    season_length : int or list of numbers, default="auto"
        Steps of a season; 1 for none. "auto": what is usual for the step of the index (12 for months, 7 for days, 24
        for hours), if there are three of them; for an index of integers, the strongest peak of the autocorrelation, if
        it is above 0.3. It finds one season: for hours with a day and a week, name both. Of several, such as [24, 168]
        or [7, 365.25], smoothing follows the first; a further one is followed by smoothing, if there are three of it,
        or by harmonics as exogenous columns, whichever forecasts the newest part of the data better. Where the first is
        no whole number, such as [365.25], none is smoothed.

    difference : int or {"season"}, default=None
        Lag of the differences that are forecast in place of the values.

    seasonal_features : int, default=0
        Harmonics of the season (a sine and a cosine each) that are given to the regressor as exogenous columns.

    linear_path : bool, default="auto"
        Whether a ridge regression, its penalty chosen by leave-one-out, comes first, and the regressor learns what it
        leaves. "auto": with a recurrent network.

    combine : bool, default="auto"
        Whether the forecast is a combination, weighed for each series by errors on parts held back [2]_: of this
        preparation without the network ("linear") and with it ("network"); of linear paths of a "short window", of
        windows relative to their last value ("no season"), and of "differences" and "seasonal differences", step by
        step; and of the "last value", the last season ("last 12"), the "drift", and exponential smoothing of a "level"
        or a damped "trend", with parameters of each series' own. Where few errors of a series are known, weights are
        drawn to those of all series and to equal ones; a candidate that errs 1.6 times as much as the best is left out.
        `candidates_` tells them. "auto": with a recurrent network, if `window`, `normalize`, `difference` and
        `linear_path` are left as they are; what is given is obeyed.

    nonnegative : bool, default=False
        Whether forecasts and bounds below 0 are 0, as is right for counts and demand. Candidates are weighed by squared
        errors then, which leads to the mean of what comes. Without it they go by absolute errors, which lead towards
        the median: of demand that is mostly 0, far below the mean.

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
        Newest part of the data that is first held back, to measure `skill_`, to weigh the candidates and to calibrate
        the intervals. Where forecasts are combined, two more such parts before it are forecast too, without the
        network, if there is enough before them. 0 does without, so that all candidates count alike.

    random_state : int, RandomState instance or None, default=None
        From which every random_state of the regressor is drawn; None leaves them as they are (unless `n_members` is
        above 1).

    verbose : bool or int, default=0
        1 prints a line for each epoch of the network, which is fitted twice: to what comes before the part held back
        ("part held back" in the line), then to all data; and one when `fit` ends: what was learnt from, what "auto"
        came to and what came out. 2 also every mini-batch, and one for each stage. Callbacks (``set_callbacks``,
        scikit-learn 1.9 or newer) see each fit of the network as a task.

    Attributes
    ----------
    skill_ : float
        1 minus the ratio of the mean absolute scaled error to that of the best naive forecast, on the part that was
        held back: the last value, the last season (or a longer one: the last week of hours, the last year of days) or
        the drift repeated. 0 is as good as that, 1 is perfect, -inf worse than perfect. NaN without such a part. Of
        noise around a constant it is about 0.25 (at best 1 - 1/sqrt(2) = 0.29), since these repeat noise and a mean
        does not: compare with the error of "level" in `candidates_`, where forecasts are combined.
    skill_by_series_ : Series
        The same of each series, against what is best for it.
    candidates_ : DataFrame
        A row for each candidate (of each series): its weight, and its mean absolute error on the parts held back, in
        units of the series' mean absolute change from one season to the next, after target_transform.
    network_weight_ : float
        How much of the network's correction is in the forecast, mean over the series: the weight of that candidate; or,
        where nothing is combined, how much of it is added to the linear path, which served best on the part that was
        held back, and 1 without such a part.
    season_length_, window_ : int
        What "auto" came to; of several seasons, the first.
    missing_fraction_ : float
        Share of the values of y that were missing, or whose times were.
    regressors_ : list
        The fitted members.

    See Also
    --------
    SlidingWindow : Windows of a table in a pipeline, with y of your own.

    Notes
    -----
    The last values are kept, not the whole series. Errors are scaled by the mean absolute change of a series from one
    season to the next, after the transform: so that series of all sizes count alike. Of more than 20,000 windows as
    many are drawn to learn from; where the number of series times the length of the longest is above 4,000,000, the
    newest steps of each are looked at that come to as many.

    Where forecasts are combined, and there are no exogenous columns that might explain it, a value that stands alone
    counts as missing: one whose change from a season before is 15 times what is usual, and as far from the changes just
    before and after it. A level that shifts is not alone, but for the newest value it is not known yet. What recurs,
    more than twice in 100 values, is left as it is. `verbose` tells how many there were.

    A missing value is carried by the smoothing, as its own forecast one step ahead (without smoothing, as the value a
    season before), and a further column of the window tells the regressor so. Missing values to be forecast teach the
    linear path nothing; a regressor takes whole rows, which weigh by the share that is known, and what is missing
    stands where it is forecast without the regressor.

    `skill_` and the intervals come from errors of the combination, each with weights that were found at other origins.
    Without a combination the network's weight is chosen by the same errors, so these are a little optimistic: one
    number is fitted to them. `backtest` is not.

    Seasons are counted in steps. In hours of a time zone whose clocks change, a daily course that goes by them shifts
    by a step at the change: fit to what the clocks show, ``y.tz_localize(None).groupby(level=0).mean()``.

    An RNNRegressor is trained for its max_iter epochs; that it has not converged by then is not warned of.

    References
    ----------
    .. [1] Smyl, S. (2020). A hybrid method of exponential smoothing and recurrent neural networks for time series
       forecasting. International Journal of Forecasting 36, 75-85.
    .. [2] Bates, J. M. and Granger, C. W. J. (1969). The combination of forecasts. Operational Research Quarterly 20,
       451-468.

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
        target_transform: BaseEstimator | Literal["auto", "log"] | None = "auto",
        season_length: int | Sequence[float] | Literal["auto"] = "auto",
        difference: int | Literal["season"] | None = None,
        seasonal_features: int = 0,
        linear_path: bool | Literal["auto"] = "auto",
        combine: bool | Literal["auto"] = "auto",
        nonnegative: bool = False,
        n_members: int = 1,
        past_only: Sequence[Hashable] | None = None,
        id_col: Hashable | None = None,
        time_col: Hashable | None = None,
        target_col: Hashable | list | None = None,
        window_format: Literal["auto", "3d", "2d"] = "auto",
        calibration_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = 0,
    ) -> None:
        store_parameters(self, locals())

    # what is forecast, and how far, is no metadata to be routed
    __metadata_request__predict = {"horizon": UNUSED}
    __metadata_request__score = {"y_next": UNUSED}

    season_length_: int
    missing_fraction_: float
    window_: int
    skill_: float
    network_weight_: float
    _reader: SeriesReader
    _model: ForecastModel

    # -- fitting ----------------------------------------------------------------------------------------------------

    @with_callbacks
    def fit(self, y: pd.Series | pd.DataFrame | ArrayLike, X: pd.DataFrame | ArrayLike | None = None) -> Self:
        """Fit to the past.

        Parameters
        ----------
        y : Series, DataFrame or array-like
            A series with a DatetimeIndex, a PeriodIndex or an index of integers, oldest first; a frame of several that
            share it; or a panel: a Series or DataFrame with a MultiIndex of ids and times, or a long frame with
            `id_col` and `time_col`. ISO dates given as text are read as dates. Series of a panel may differ in length.
            An array holds time along its first axis. NaN is a missing value, and so is a row that the step of the
            index leaves out; a series begins with its first value and ends with its last row, missing or not.
        X : DataFrame, or array-like if y is an array, default=None
            Exogenous columns, with a row for each of y, found by its index (or by `id_col` and `time_col`). They hold
            numbers, truth values, categories or text; of these two, each value becomes a column of zeros and ones.
            Columns that do not change within any series need not be given of the future.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter is invalid, the times of y have no regular step or are not in order, values are infinite, a
            series has no value at all, or all are too short to learn from.
        TypeError
            If the index or a column is of a type that is no time, or no number.

        Warns
        -----
        UserWarning
            If `skill_` is below 0; if nothing is combined and `network_weight_` is 0, so that a network beside a linear
            path is of no use; if the series are too short to hold back a part, or one is shorter than what a forecast
            looks at; if more than half of a series is missing, or more than a season in a row at its end.
        """
        self._check_parameters()
        start = perf_counter()
        with all_or_nothing(self):
            self._reader, table, data = self._read(y, X)
            self._check_values(table, "y")
            plan = self._plan(data, self._reader.grid)
            plan.check_lengths(data)
            with callbacks_of_parts(self, y, X), announced("RNNForecaster: ", int(self.verbose)):
                self._model = ForecastModel(plan).fit(data, stages_printed(self.verbose))
            self.season_length_, self.window_ = plan.season_length, plan.window
            self.skill_, self.network_weight_ = self._model.skill, self._model.network_weight
            self.missing_fraction_ = data.missing_fraction
        report(self._model, data, table, self._reader, self.verbose, perf_counter() - start)
        return self

    @property
    def regressors_(self) -> list:
        """The fitted members."""
        check_is_fitted(self)
        return self._model.model.model.main.members

    @property
    def candidates_(self) -> pd.DataFrame:
        """What is combined, with how much it counts and how far it was off."""
        check_is_fitted(self)
        return candidates_of(self._model, self._reader)

    @property
    def skill_by_series_(self) -> pd.Series:
        """`skill_` of each series by itself."""
        check_is_fitted(self)
        return skill_of_series(self._model, self._reader)

    def summary(self) -> NetworkSummary:
        """What its network is made of, or that of the first of several members: see `RNNRegressor.summary`.

        Returns
        -------
        NetworkSummary

        Raises
        ------
        NotFittedError
            If the forecaster was not fitted.
        ValueError
            If `regressor` holds no recurrent network.
        """
        member = self.regressors_[0]
        net = net_within(member)
        if net is None:
            raise ValueError(
                f"This forecaster holds no recurrent network, but {member}. Only networks have a summary: leave "
                "regressor=None, or pass an RNNRegressor."
            )
        summary, n = net.summary(), len(self.regressors_)
        which = f"the first of {n} members" if n > 1 else "its network"
        return replace(summary, title=f"RNNForecaster, {which}: {summary.title}")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    # -- forecasting ------------------------------------------------------------------------------------------------

    def predict(
        self,
        horizon: int | pd.DataFrame | ArrayLike | None = None,
        X: pd.DataFrame | ArrayLike | None = None,
        y: pd.Series | pd.DataFrame | ArrayLike | None = None,
    ) -> pd.Series | pd.DataFrame | np.ndarray:
        """Forecast what follows on the last values known, or on those of other series.

        Parameters
        ----------
        horizon : int, default=None
            Time steps; None takes the parameter `horizon`. May be longer than that, but for columns in `past_only`. A
            DataFrame, Series or array here is X, with `horizon` None: scikit-learn's searches and pipelines pass one
            argument on, as in ``GridSearchCV(forecaster, ...).fit(y, X).predict(X_ahead)``; without exogenous columns
            it is ``predict(None)``.
        X : DataFrame or array-like, default=None
            Exogenous columns that are known ahead, with a row for each time to forecast; those that do not change
            within a series may be left out. Rows beyond the steps that are asked for are not used: where a block of the
            fitted horizon goes on beyond them, these columns count as their mean, so that the forecast of a few steps
            may differ a little from the first ones of a longer forecast.
        y : like y in `fit`, or in another layout, default=None
            Values of series that were not fitted, up to where their forecast begins: a Series, an array, a panel or
            long frame of any ids, or, unless several columns were fitted together, a frame of which each column is a
            series. State and scale come from these values (scale and seasonal pattern of a few values are near to what
            is usual for the fitted series, at these times); the network and the linear path are those that were fitted.
            X, if the forecaster was fitted with it, then holds the rows of these times too; columns that stand beside y
            are taken from there.

        Returns
        -------
        Series, DataFrame or ndarray
            Of the type of y, here or in `fit`, with the times that follow on its index.

        Raises
        ------
        TypeError
            If X is given twice, or in place of `horizon` to a forecaster that was fitted without.
        ValueError
            If `horizon` is no integer of at least 1, or X lacks a column or a row, or is not asked for.

        Warns
        -----
        UserWarning
            If series in y are shorter than what a forecast looks at, or mostly missing; if X has categories that were
            not fitted, or changes a column that never changed.
        """
        reader, model, Z, series, indexes = self._forecasts(horizon, X, y)
        return reader.write(model.in_units(Z, series), indexes)

    def _forecasts(self, horizon, X, y):
        check_is_fitted(self)
        n_steps, X = what_is_asked(horizon, X, self.horizon, self._reader.names is not None)
        reader, model = self._standing_on(y, X)
        return reader, model, *_forecast(reader, model, n_steps, X)

    def _standing_on(self, y, X) -> tuple[SeriesReader, ForecastModel]:
        """This forecaster's, or of the history y of other series."""
        if y is None:
            return self._reader, self._model
        reader, table, data = self._reader.read_history(y, X)
        if table.layout.kind == "array" and self._reader.layout.kind != "array" and self._model.model.goes_by_time:
            raise ValueError(
                "An array does not say when its values were, and this forecaster has harmonics of seasons as exogenous "
                f"columns, which go by the time: pass y with an index of times, as in fit ({self._reader.layout.kind})."
            )
        self._check_values(table, "y")
        self._model.plan.warn_of_short(data, table.label)
        warn_of_gaps(data, table.label, self._model.plan)
        known_as = [self._reader.number.get(group, -1) for group in table.ids]
        if len(self._reader.ids) == 1:
            known_as = [0] * len(table.ids)
        return reader, self._model.of(data, np.array(known_as))

    # -- observing --------------------------------------------------------------------------------------------------

    def update(
        self, y_new: pd.Series | pd.DataFrame | ArrayLike, X_new: pd.DataFrame | ArrayLike | None = None
    ) -> Self:
        """Take the newest values into account, without fitting again.

        Parameters
        ----------
        y_new : like y in `fit`
            What follows on the last values known, gaps allowed; of a panel, of all series or of some. A series of a
            new id is known from then on, and is forecast as `predict` with its values as y would.
        X_new : like X in `fit`, default=None

        Returns
        -------
        self : object

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        TypeError
            If a column holds no numbers, or the times are of another type than those that were fitted.
        ValueError
            If y_new is of another layout or has other columns than what was fitted, begins before the end of what
            is known, holds a time twice or an infinite value; or X_new is missing, or lacks a row or a column.
            Nothing of it is taken into account then.
        """
        check_is_fitted(self)
        table, numbers = self._reader.read_next(y_new, "y_new", allow_new=True)
        self._check_values(table, "y_new")
        data, model = self._reader.with_exog(table, X_new), self._model
        # all or nothing, and copies of this forecaster keep what they know
        reader = copy.copy(self._reader)
        new, old = np.flatnonzero(numbers < 0), np.flatnonzero(numbers >= 0)
        if len(new):
            model.plan.warn_of_short(data.select(new), lambda i: table.label(int(new[i]), "y_new"))
            model = model.joined(model.of(data.select(new)))
        self._model = model.advance(data.select(old), numbers[old])
        reader.advance(numbers, table)
        self._reader = reader
        return self

    def score(self, y_next: pd.Series | pd.DataFrame | ArrayLike, X: pd.DataFrame | ArrayLike | None = None) -> float:
        """Minus the mean absolute scaled error (MASE) of a forecast of y_next.

        Scaled by the error of repeating the last season, over the series that was fitted: -1 is as good as that was.

        Parameters
        ----------
        y_next : like y in `fit`
            What follows on directly on the last values known. As many steps are forecast. Values that are missing do
            not count.
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
        n_steps = int(table.lengths.max())
        Z, series, _ = _forecast(self._reader, self._model, n_steps, X, series, table.lengths, table)
        return -self._model.mase(table.values, Z, series)


def _forecast(
    reader: SeriesReader, model: ForecastModel, n_steps: int, X: object, series=None, lengths=None, beside=None
) -> tuple[np.ndarray, np.ndarray, list]:
    """Scaled forecasts (n, n_steps, m) of some series, their numbers, and the indexes of the forecasts."""
    series = np.arange(len(reader.ids)) if series is None else series
    lengths = [n_steps] * len(series) if lengths is None else lengths
    known, indexes = reader.read_future(X, series, lengths, n_steps, beside)
    return model.forecast(n_steps, known, series), series, indexes
