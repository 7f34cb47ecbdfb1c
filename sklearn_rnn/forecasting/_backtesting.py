"""Standing at earlier times: forecasts of what came then, and splits for cross-validation."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.parallel import Parallel, delayed

from .._warnings import warn
from ._forecast_model import ForecastModel
from ._intervals import check_coverage
from ._parameters import ForecasterParameters, check_horizon
from ._plan import Plan
from ._reader import SeriesReader
from ._regular import rows_around
from ._series import Series, rows_at
from ._tables import Table
from ._timegrid import TimeGrid


def cutoffs(
    table: Table, grid: TimeGrid, n_splits: int, horizon: int, stride: int | None
) -> list[tuple[Hashable, np.ndarray]]:
    """For each cutoff, its label, and how many rows of each series are known then."""
    for name, value in (("n_splits", n_splits), ("stride", horizon if stride is None else stride)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    stride = horizon if stride is None else stride
    first = min(index[0] for index in table.indexes)
    starts = np.array([grid.n_steps(first, index[0]) for index in table.indexes])
    n_times = int((starts + table.lengths).max())
    cuts = n_times - horizon - stride * np.arange(n_splits)[::-1]
    if cuts[0] < 1:
        raise ValueError(
            f"{n_splits} cutoffs, {stride} steps apart and with {horizon} steps after each, need more than the "
            f"{n_times} time steps that y has. Choose a smaller n_splits, stride or horizon."
        )
    labels = grid.labels(first, n_times)
    return [(labels[cut - 1], np.clip(cut - starts, 0, table.lengths)) for cut in cuts]


def going_on(table: Table, cut: Hashable, stops: np.ndarray) -> np.ndarray:
    """The series that are known at the cutoff, and have a row after it."""
    going = np.flatnonzero((stops > 0) & (stops < table.lengths))
    if not len(going):
        raise ValueError(f"No series of y has values up to {cut} and goes on after it: choose other cutoffs.")
    return going


def rows_of_splits(
    table: Table, cuts: list[tuple[Hashable, np.ndarray]], horizon: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each cutoff, the rows of the user's y that are known there, and those of the `horizon` steps after it."""
    return [rows_around(table, cut, stops, going_on(table, cut, stops), horizon) for cut, stops in cuts]


@dataclass
class Stretch:
    """Cutoffs in a row that one model serves: it is fitted at the first of them, and updated until the last.

    Attributes
    ----------
    plan : Plan
        To fit by.
    stops : list of ndarray of shape (N,)
        Rows of each series that are known at each cutoff; 0 of those that have not begun.
    going : list of ndarray
        The series that are forecast at each cutoff.
    """

    plan: Plan
    stops: list[np.ndarray]
    going: list[np.ndarray]


def fit_every(refit: bool | None, refit_every: int | None, n_splits: int) -> int:
    """Cutoffs from one fit to the next."""
    if refit is not None and not isinstance(refit, (bool, np.bool_)):
        raise ValueError(f"refit must be True, False or None, got {refit!r}. Every so many cutoffs: refit_every=...")
    if refit_every is None:
        return 1 if refit else n_splits
    if not isinstance(refit_every, Integral) or isinstance(refit_every, bool) or refit_every < 1:
        raise ValueError(f"refit_every must be an integer of at least 1, or None, got {refit_every!r}.")
    if refit is not None and (refit_every != 1 if refit else refit_every < n_splits):
        means = "fits at each cutoff" if refit else "fits at the first cutoff only"
        raise ValueError(
            f"refit={refit} {means}, but refit_every={refit_every} at one of {refit_every} cutoffs, of which there are "
            f"{n_splits}. Leave one of them out."
        )
    return int(refit_every)


def stretches(
    plan_for: Callable[[Series], Plan],
    table: Table,
    data: Series,
    cuts: list[tuple[Hashable, np.ndarray]],
    every: int,
) -> list[Stretch]:
    """What to fit at every so many cutoffs, and what to forecast with it; all that can be wrong with it is said here.

    A random_state that is a generator is drawn from here, so that what is drawn does not depend on who fits first.
    """
    found = []
    for start in range(0, len(cuts), every):
        some = cuts[start : start + every]
        stops = some[0][1]
        fitted = np.flatnonzero(stops)
        early = data.select(fitted).until(stops[fitted])
        plan = plan_for(early)
        plan.check_lengths(early)
        going = [going_on(table, cut, stops) for cut, stops in some]
        found.append(Stretch(plan, [stops for _, stops in some], going))
    return found


def run(
    stretches: list[Stretch], data: Series, horizon: int, coverage: float, n_jobs: int | None
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """For each cutoff, the series that are forecast there, and y_true ... upper (n, horizon, m).

    Stretches do not depend on each other, and are computed side by side.
    """
    if len(stretches) == 1:
        parts = [_forecasts(stretches[0], data, horizon, coverage)]
    else:
        here = os.getpid()
        done = Parallel(n_jobs=n_jobs)(
            delayed(_in_worker)(here, stretch, data, horizon, coverage) for stretch in stretches
        )
        parts = [columns for columns, _ in done]
        # what workers heard, once each
        for message, category in dict.fromkeys(heard for _, some in done for heard in some):
            warn(message, category)
    for stretch, some in zip(stretches, parts):
        yield from zip(stretch.going, some)


def _in_worker(parent: int, *arguments) -> tuple[list[dict[str, np.ndarray]], list[tuple[str, type[Warning]]]]:
    """`_forecasts`, and the warnings of a process that has nobody to hear them. They have passed the user's filters:
    scikit-learn hands these on."""
    if os.getpid() == parent:
        return _forecasts(*arguments), []
    with warnings.catch_warnings(record=True) as heard:
        columns = _forecasts(*arguments)
    return columns, [(str(warning.message), warning.category) for warning in heard]


def _forecasts(stretch: Stretch, data: Series, horizon: int, coverage: float) -> list[dict[str, np.ndarray]]:
    """y_true, y_pred, y_naive, lower and upper, (n, horizon, m) each, at each cutoff."""
    known = stretch.stops[0]
    fitted = np.flatnonzero(known)
    data = data.as_learnt_from(data.select(fitted).until(known[fitted]), fitted)
    model = ForecastModel(stretch.plan).fit(data.select(fitted).until(known[fitted]))
    number = np.full(len(data), -1)
    number[fitted] = np.arange(len(fitted))
    found = []
    for stops, going in zip(stretch.stops, stretch.going):
        new = np.flatnonzero((stops > 0) & (number < 0))
        if len(new):  # they have begun since then
            number[new] = number.max() + 1 + np.arange(len(new))
            model = model.joined(model.of(data.select(new).until(stops[new])))
            known = known.copy()
            known[new] = stops[new]
        some = np.flatnonzero(stops > known)
        if len(some):
            model = model.advance(data.select(some).rows(known[some], stops[some]), number[some])
        known = stops
        ahead = known[going][:, None] + np.arange(horizon)
        Z = model.forecast(horizon, rows_at(data.known, going, ahead), number[going])
        season = stretch.plan.season_length
        columns = {
            "y_true": rows_at(data.values, going, ahead),
            "y_pred": model.in_units(Z, number[going]),
            "y_naive": np.stack([seasonal_naive(data.values[i][: known[i]], season, horizon) for i in going]),
            "lower": np.full_like(Z, np.nan),
            "upper": np.full_like(Z, np.nan),
        }
        if model.calibration is not None:
            columns["lower"], columns["upper"] = model.bounds(Z, number[going], coverage)
        found.append(columns)
    return found


def seasonal_naive(values: np.ndarray, season_length: int, n_steps: int) -> np.ndarray:
    """The last season of a series (T, m), or its last value while it is shorter than a season, repeated.

    What is missing there is that of the latest season that has it, or the last value known. The forecast that `skill`
    compares with.
    """
    lag = season_length if len(values) >= season_length else 1
    season = values[-lag:].astype(np.float64)
    for stop in range(len(values) - lag, 0, -lag):
        if not np.isnan(season).any():
            break
        earlier = np.full_like(season, np.nan)
        rows = values[max(stop - lag, 0) : stop]
        earlier[lag - len(rows) :] = rows
        season = np.where(np.isnan(season), earlier, season)
    for column in np.flatnonzero(np.isnan(season).any(axis=0)):
        known = values[:, column][~np.isnan(values[:, column])]
        if len(known):
            season[np.isnan(season[:, column]), column] = known[-1]
    return season[np.arange(n_steps) % lag]


def refuse_names_taken(table: Table) -> None:
    """Ids must not be named like a column of the result of a backtest."""
    taken = {"cutoff", "step", "y_true", "y_pred", "y_naive", "lower", "upper", "variable"}
    if table.layout.has_ids and taken & {table.layout.id_col, *(table.layout.index_names or [])}:
        raise ValueError(f"The ids of y must not be named like a column of the result: {sorted(taken)}. Rename them.")


def tidy(table: Table, series: np.ndarray, cut: Hashable, columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Forecasts from one cutoff, (n, steps, m) each, as a frame with one row for each value that is known."""
    n, steps, m = columns["y_true"].shape
    layout = table.layout
    frame = {}
    if layout.kind == "panel":
        groups = pd.Index([table.ids[i] for i in series])
        for level, name in enumerate((layout.index_names or [])[:-1]):
            frame[f"id{level}" if name is None else name] = groups.get_level_values(level).repeat(steps * m)
    elif layout.id_col is not None:
        frame[layout.id_col] = pd.Index([table.ids[i] for i in series]).repeat(steps * m)
    if m > 1:
        frame["variable"] = np.tile(np.array(layout.names, dtype=object), n * steps)
    frame["cutoff"] = pd.Index([cut]).repeat(n * steps * m)
    frame["step"] = np.tile(np.repeat(np.arange(1, steps + 1), m), n)
    frame |= {name: values.ravel() for name, values in columns.items()}
    return pd.DataFrame(frame)[np.isfinite(columns["y_true"].ravel())]


def _backtest(
    plan_for: Callable[[Series], Plan],
    table: Table,
    data: Series,
    cuts: list[tuple[Hashable, np.ndarray]],
    horizon: int,
    every: int,
    coverage: float,
    n_jobs: int | None,
) -> pd.DataFrame:
    """RNNForecaster.backtest, of data that have been read."""
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0):
        raise ValueError(f"n_jobs must be an integer but 0 (-1 for all processors), or None, got {n_jobs!r}.")
    refuse_names_taken(table)
    found = run(stretches(plan_for, table, data, cuts, every), data, horizon, coverage, n_jobs)
    return pd.concat(
        [tidy(table, series, cut, columns) for (cut, _), (series, columns) in zip(cuts, found)], ignore_index=True
    )


class Backtesting(ForecasterParameters):
    """The part of RNNForecaster that stands at earlier times, and changes nothing."""

    def backtest(
        self,
        y: pd.Series | pd.DataFrame | ArrayLike,
        X: pd.DataFrame | ArrayLike | None = None,
        *,
        n_splits: int = 5,
        horizon: int | None = None,
        stride: int | None = None,
        refit: bool | None = None,
        refit_every: int | None = None,
        coverage: float = 0.9,
        n_jobs: int | None = None,
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
        refit : bool, default=None
            True fits anew each time, as refit_every=1 does; False the first time only, and the values since then are
            taken into account by `update`. None is False, unless `refit_every` is given.
        refit_every : int, default=None
            Fit anew at the first of every so many times to stand at, and update at the others.
        coverage : float, default=0.9
            Of the intervals.
        n_jobs : int, default=None
            Processes among which the fits are divided, with what is forecast from each. None is 1, unless
            ``joblib.parallel_config`` says otherwise; -1 is one for each processor. Where random_state is given the
            result is the same for any number. The first call starts the processes, which takes seconds.

        Returns
        -------
        DataFrame
            One row for each forecast value that is known: (the id and the variable, if there are several,) cutoff (the
            last time known), step, y_true, y_pred, y_naive, lower, upper. y_naive repeats the last season known at the
            cutoff; `skill_` compares with the best of that, the last value and the drift. The bounds are NaN if
            calibration_fraction is 0. Its ``attrs`` tell `ForecastDisplay` of the step of y and of the coverage.

        Raises
        ------
        ValueError
            If y is too short for so many cutoffs, `refit` and `refit_every` contradict each other, or for what `fit`
            raises it.

        Warns
        -----
        UserWarning
            If series are too short to hold back a part, or that part for the coverage.
        """
        self._check_parameters()
        check_coverage(coverage)
        reader, table, data = self._read(y, X)
        self._check_values(table, "y")
        horizon = check_horizon(horizon, self.horizon)
        cuts = cutoffs(table, reader.grid, n_splits, horizon, stride)
        every = fit_every(refit, refit_every, n_splits)
        plan_for = partial(self._plan, grid=reader.grid)
        found = _backtest(plan_for, table, data, cuts, horizon, every, coverage, n_jobs)
        found.attrs["backtest"] = {
            name: value
            for name, value in (
                ("step", reader.grid.plain_step),
                ("time_col", self.time_col),
                ("target_col", self.target_col),
                ("coverage", float(coverage)),
            )
            if isinstance(value, (str, int, float))  # what pandas can write to files
        }
        return found

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

        Raises
        ------
        TypeError
            If a column of y that is to be forecast holds no numbers.
        ValueError
            If a parameter is invalid, the times of y are not those of regular series, y is too short for so many
            cutoffs, or no series goes on after one.
        """
        self._check_parameters()
        reader, table, _ = SeriesReader.read(y, None, self.id_col, self.time_col, None, self.target_col)
        horizon = check_horizon(horizon, self.horizon)
        cuts = cutoffs(table, reader.grid, n_splits, horizon, stride)
        return rows_of_splits(table, cuts, horizon)
