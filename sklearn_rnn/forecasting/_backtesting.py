"""Standing at earlier times: forecasts of what came then, and splits for cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import partial
from numbers import Integral

import numpy as np
import pandas as pd

from .._warnings import warn
from ._forecast_model import ForecastModel
from ._plan import Plan
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


def long_enough(plan_for: Callable[[Series], Plan], data: Series, stops: np.ndarray) -> np.ndarray:
    """stops, but 0 for those series of a panel that are too short then to be forecast."""
    if len(data) < 2:
        return stops
    some = np.flatnonzero(stops)
    n_needed = plan_for(data.select(some).until(stops[some])).n_needed
    return np.where(stops >= n_needed, stops, 0)


def going_on(table: Table, cut: Hashable, stops: np.ndarray) -> np.ndarray:
    """The series that are known at the cutoff, and have a row after it."""
    going = np.flatnonzero((stops > 0) & (stops < table.lengths))
    if not len(going):
        raise ValueError(f"No series of y has values up to {cut} and goes on after it: choose other cutoffs.")
    return going


def forecasts(
    plan_for: Callable[[Series], Plan],
    label: Callable[[int], str],
    data: Series,
    stops_of_cuts: list[np.ndarray],
    going_at: Callable[[int, np.ndarray], np.ndarray],
    horizon: int,
    refit: bool,
    coverage: float,
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """For each cutoff, the series that are forecast there, and y_true, y_pred, lower and upper (n, horizon, m).

    Parameters
    ----------
    plan_for : callable
        The plan to fit with, for given series.
    label : callable
        What to call a series in a message.
    stops_of_cuts : list of ndarray of shape (N,)
        Rows that are known at each cutoff.
    going_at : callable
        going_at(k, stops): which series to forecast at cutoff k.
    refit : bool
        Fit at each cutoff, not at the first only.
    """
    model: ForecastModel | None = None
    number, known = np.empty(0, int), np.zeros(len(data), int)
    for k, stops in enumerate(stops_of_cuts):
        if model is None or refit:
            known = long_enough(plan_for, data, stops)
            some = np.flatnonzero(known)
            early = data.select(some).until(known[some])
            plan = plan_for(early)
            plan.check_lengths(early, partial(_label_of, label, some))
            model = ForecastModel(plan).fit(early)
            number = np.full(len(data), -1)
            number[some] = np.arange(len(some))
        else:
            late = np.flatnonzero((known == 0) & (stops > 0))
            if k == len(stops_of_cuts) - 1 and len(late):
                names = "; ".join(label(int(i)).rstrip(",") for i in late[:3])
                more = "" if len(late) <= 3 else f"; and {len(late) - 3} more"
                warn(
                    f"The model of the first cutoff does not know {names}{more}: not begun then, or too short. They "
                    "are not forecast at later cutoffs either; refit=True fits at each cutoff all that are long enough "
                    "there."
                )
            stops = np.where(known > 0, stops, 0)
            some = np.flatnonzero(stops > known)
            model = model.advance(data.select(some).rows(known[some], stops[some]), number[some])
            known = stops
        going = going_at(k, known)
        ahead = known[going][:, None] + np.arange(horizon)
        Z = model.forecast(horizon, rows_at(data.known, going, ahead), number[going])
        columns = {
            "y_true": rows_at(data.values, going, ahead),
            "y_pred": model.in_units(Z, number[going]),
            "lower": np.full_like(Z, np.nan),
            "upper": np.full_like(Z, np.nan),
        }
        if model.held_back is not None:
            columns["lower"], columns["upper"] = model.bounds(Z, number[going], coverage)
        yield going, columns


def _label_of(label: Callable[[int], str], some: np.ndarray, i: int) -> str:
    return label(int(some[i]))


def refuse_names_taken(table: Table) -> None:
    """Ids must not be named like a column of the result of a backtest."""
    taken = {"cutoff", "step", "y_true", "y_pred", "lower", "upper", "variable"}
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
