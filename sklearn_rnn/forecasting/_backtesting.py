"""Standing at earlier times: the part of RNNForecaster that compares its forecasts with what came."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone

from ._held_back import check_coverage, rows_at
from ._tables import Exog, Table, grid_of, read_table
from ._timegrid import TimeGrid


class Backtesting:
    """Mixin of RNNForecaster."""

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
        model = clone(self)
        table = read_table(y, self.id_col, self.time_col)
        grid = grid_of(table)
        self._check_values(table, "y")
        model._exog = Exog(X, table, self.past_only)
        exog = model._exog.take_rows()
        horizon = self._check_horizon(horizon)
        records, known_before = [], np.zeros(len(table.ids), int)
        for cut, stops in cutoffs(table, grid, n_splits, horizon, stride):
            if refit or not records:
                stops, known_before = self._long_enough(table, grid, stops), np.zeros_like(stops)
            else:
                stops = np.where(known_before > 0, stops, 0)  # a series that was too short is not known
            new = table.cut(known_before, stops)
            new_exog = [[part[i][known_before[i] : stops[i]] for i in new.numbers(table)] for part in exog]
            if refit or not records:
                model._fit(new, grid, *new_exog)
            else:
                model._update(new, *new_exog)
            going = going_on(table, cut, stops)
            series = np.array([model._number[table.ids[i]] for i in going])
            ahead = stops[going][:, None] + np.arange(-(-horizon // model._block) * model._block)
            Z = model._forecast_from(horizon, rows_at(exog[0], going, ahead, hold_last=True), series)
            columns = {
                "y_true": rows_at(table.values, going, ahead[:, :horizon]),
                "y_pred": model._model.in_units(Z, series),
            }
            if model._held_back is not None:
                columns["lower"], columns["upper"] = model._bounds(Z, series, coverage)
            else:
                columns["lower"] = columns["upper"] = np.full_like(Z, np.nan)
            records.append(tidy(table, going, cut, columns))
            known_before = stops
        return pd.concat(records, ignore_index=True)

    def _long_enough(self, table: Table, grid: TimeGrid, stops: np.ndarray) -> np.ndarray:
        """stops, but 0 for those series of a panel that are too short then to be forecast."""
        early = table.cut(np.zeros_like(stops), stops)
        lengths = np.array([len(part) for part in early.values])
        if len(lengths) < 2:
            return stops
        return np.where(stops >= self._resolve(early, grid, lengths)[2], stops, 0)

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
        table = read_table(y, self.id_col, self.time_col)
        grid = grid_of(table)
        horizon = self._check_horizon(horizon)
        splits = []
        for cut, stops in cutoffs(table, grid, n_splits, horizon, stride):
            stops = self._long_enough(table, grid, stops)
            going = going_on(table, cut, stops)
            test = [table.rows[i][stops[i] : stops[i] + horizon] for i in going]
            train = [rows[:stop] for rows, stop in zip(table.rows, stops)]
            splits.append((np.sort(np.concatenate(train)), np.sort(np.concatenate(test))))
        return splits


def cutoffs(table: Table, grid: TimeGrid, n_splits: int, horizon: int, stride: int | None):
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
    taken = {"cutoff", "step", "y_true", "y_pred", "lower", "upper", "variable"}
    if table.layout.has_ids and taken & {table.layout.id_col, *(table.layout.index_names or [])}:
        raise ValueError(f"The ids of y must not be named like a column of the result: {sorted(taken)}. Rename them.")
    if cuts[0] < 1:
        raise ValueError(
            f"{n_splits} cutoffs, {stride} steps apart and with {horizon} steps after each, need more than the "
            f"{n_times} time steps that y has. Choose a smaller n_splits, stride or horizon."
        )
    labels = grid.labels(first, n_times)
    return [(labels[cut - 1], np.clip(cut - starts, 0, lengths)) for cut in cuts]


def going_on(table: Table, cut, stops: np.ndarray) -> list[int]:
    """The series that are known at the cutoff, and have a row after it."""
    going = [i for i, (stop, index) in enumerate(zip(stops, table.indexes)) if 0 < stop < len(index)]
    if not going:
        raise ValueError(f"No series of y has values up to {cut} and goes on after it: choose other cutoffs.")
    return going


def tidy(table: Table, series: list, cut, columns: dict) -> pd.DataFrame:
    """Forecasts from one cutoff, (n, steps, m) each, as a frame with one row for each value that is known."""
    n, steps, m = columns["y_true"].shape
    layout = table.layout
    frame = {}
    if layout.kind == "panel":
        groups = pd.Index([table.ids[i] for i in series])
        for level, name in enumerate(layout.index_names[:-1]):
            frame[f"id{level}" if name is None else name] = groups.get_level_values(level).repeat(steps * m)
    elif layout.id_col is not None:
        frame[layout.id_col] = pd.Index([table.ids[i] for i in series]).repeat(steps * m)
    if m > 1:
        frame["variable"] = np.tile(np.array(layout.names, dtype=object), n * steps)
    frame["cutoff"] = pd.Index([cut]).repeat(n * steps * m)
    frame["step"] = np.tile(np.repeat(np.arange(1, steps + 1), m), n)
    frame |= {name: values.ravel() for name, values in columns.items()}
    frame = pd.DataFrame(frame)
    return frame[np.isfinite(columns["y_true"].ravel())]
