"""What ForecastDisplay draws: forecasts, history and what came, whatever the layout they are in, series by series."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset
from sklearn.utils.validation import check_is_fitted

from .._warnings import warn
from ..forecasting._forecaster import RNNForecaster
from ..forecasting._regular import grid_of
from ..forecasting._tables import Table, read_table
from ..forecasting._timegrid import Advice, TimeGrid
from ..sequences._checks import a_or_an
from ..sequences._timeindex import date_range
from ._models import found_or_frozen

_OF_A_BACKTEST = ["cutoff", "step", "y_true", "y_pred", "lower", "upper"]


@dataclass
class Facet:
    """One series.

    Attributes
    ----------
    key : label or tuple
        Its id, its column, or both.
    label, name, time_name : str
        What to call the series, its values and its times.
    forecasts : list of DataFrame
        With the times as index: column y_pred and, where there are intervals, lower and upper.
    history, actual : Series or None
    history_is_whole : bool
        Whether the history goes on beyond the first forecast.
    others : dict of str to Series
        Other forecasts, by name.
    paths : DataFrame or None
        A column for each.
    cutoffs : list
        The last times known.
    """

    key: Any
    label: str
    name: str
    time_name: str
    forecasts: list[pd.DataFrame]
    history: pd.Series | None = None
    actual: pd.Series | None = None
    history_is_whole: bool = False
    others: dict[str, pd.Series] = field(default_factory=dict)
    paths: pd.DataFrame | None = None
    cutoffs: list = field(default_factory=list)


# -- of a forecaster --------------------------------------------------------------------------------------------------


def facets_of_forecast(
    estimator: Any,
    horizon: Any,
    *,
    X: Any,
    y: Any,
    history: Any,
    y_true: Any,
    others: Mapping[str, Any] | None,
    ids: Any,
    coverage: float | None,
    n_paths: int,
    n_history: int | None,
    random_state: Any,
) -> list[Facet]:
    """For ForecastDisplay.from_estimator."""
    forecaster = _forecaster(estimator)
    _check_count("n_paths", n_paths, 0)
    _check_count("n_history", 1 if n_history is None else n_history, 1)
    forecast = forecaster.predict(horizon, X, y)
    interval = paths = None
    if coverage is not None and not np.isnan(forecaster.skill_):
        interval = forecaster.predict_interval(horizon, X, y, coverage=coverage)
    if n_paths:
        paths = forecaster.sample_paths(horizon, X, y, n_paths=n_paths, random_state=random_state)
    history, is_array = y if history is None else history, isinstance(forecast, np.ndarray)
    beside = {} if y_true is None else {"y_true": y_true}
    beside |= {f"others[{name!r}]": other for name, other in (others or {}).items()}
    if is_array:
        forecast, history, beside = _with_steps(forecast, history, beside)
    keys = {"id_col": forecaster.id_col, "time_col": forecaster.time_col}
    table = _read(forecast, "forecast", None, **keys)
    names = table.layout.names
    past = None if history is None else _regular_series(_read(history, "history", names, **keys), "history")
    found = {what: _series(_read(data, what, names, **keys)) for what, data in beside.items()}
    bounds, futures = (_by_value(frame, table) for frame in (interval, paths))
    facets = []
    for (group, name), (part, column) in _chosen(_places(table), ids):
        rows = table.rows[part]
        index = table.times[rows]
        drawn = pd.DataFrame({"y_pred": table.values[part][:, column]}, index=index)
        if bounds is not None:
            drawn["lower"], drawn["upper"] = bounds[rows, column].T
        facet = _facet(group, name, len(names) > 1, _time_name(table), [drawn])
        if futures is not None:
            facet.paths = pd.DataFrame(futures[rows, column], index=index)
        if past is not None:
            _add_history(facet, _found(past, group, name, "history"), n_history)
        elif is_array:
            facet.time_name = "steps ahead"
        if y_true is not None:
            facet.actual = _beside(facet, _found(found["y_true"], group, name, "y_true"), "y_true")
        for other in others or ():
            what = f"others[{other!r}]"
            facet.others[str(other)] = _beside(facet, _found(found[what], group, name, what), what)
        facets.append(facet)
    return facets


def _forecaster(estimator: Any) -> RNNForecaster:
    forecaster = found_or_frozen(estimator)
    if isinstance(forecaster, RNNForecaster):
        check_is_fitted(forecaster)
        return forecaster
    if isinstance(getattr(estimator, "estimator", None), RNNForecaster):
        check_is_fitted(estimator)  # a search
    is_class = isinstance(forecaster, type)
    what = f"{forecaster!r}, which is a class" if is_class else a_or_an(type(forecaster).__name__)
    raise TypeError(f"Expected a fitted RNNForecaster, or a search that has refitted one; got {what}.")


def _check_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")


def _with_steps(forecast: np.ndarray, history: Any, beside: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """Arrays with the numbers of their steps as index: a forecast follows on its history, if that is known."""
    start = 1 if history is None else len(history)
    make = pd.Series if forecast.ndim == 1 else pd.DataFrame
    index = pd.RangeIndex(start, start + len(forecast))
    if history is not None:
        history = make(np.asarray(history, dtype=float).reshape(len(history), *forecast.shape[1:]))
    of_steps = {}
    for what, data in beside.items():
        values = np.asarray(data, dtype=float)
        if values.ndim != forecast.ndim or len(values) > len(forecast) or values.shape[1:] != forecast.shape[1:]:
            raise ValueError(
                f"{what} must be of the {len(forecast)} steps that are forecast, or of the first ones: of shape "
                f"{forecast.shape} or shorter, got shape {values.shape}."
            )
        of_steps[what] = make(values, index=index[: len(values)])
    return make(forecast, index=index), history, of_steps


def _by_value(frame: pd.DataFrame | None, table: Table) -> np.ndarray | None:
    """Bounds or paths as numbers (rows, value columns, bounds), in the rows of the forecast."""
    if frame is None:
        return None
    keys = [key for key in (table.layout.id_col, table.layout.time_col) if key is not None]
    numbers = frame.drop(columns=keys).to_numpy(dtype=float)
    return numbers.reshape(len(frame), len(table.layout.names), -1)


def _add_history(facet: Facet, history: pd.Series, n_history: int | None) -> None:
    """What is known before the forecast, and what comes after if it is there, too."""
    index = facet.forecasts[0].index
    _check_kind(history.index, index, "history")
    n_known = int((history.index < index[0]).sum())
    if not n_known:
        raise ValueError(
            f"history{_of(facet)} begins at {history.index[0]}, and the forecast at {index[0]}: pass what was known "
            "before it. What came after is y_true."
        )
    last = history.index[n_known - 1]
    n_between = _steps_between(last, index)
    # a forecast begins one step after the last known time, wherever the history that is drawn ends
    facet.cutoffs = facet.cutoffs or [last if n_between < 1 else index[0] - (index[1] - index[0])]
    if n_between > len(index):
        warn(
            f"history{_of(facet)} ends at {last}, long before the forecast, which begins at {index[0]}: what lies "
            "between is not drawn. Pass what the forecaster was fitted to, as far as it goes."
        )
    facet.history_is_whole = n_known < len(history)
    facet.history = history.iloc[max(n_known - (n_history or n_known), 0) :]


def _steps_between(last: Any, index: pd.Index) -> float:
    """How many steps lie between a time and the first of a forecast; 0 where the forecast has but one."""
    if len(index) < 2:
        return 0.0
    some = pd.Index([last, *index[:2]])
    before, first, second = some.asi8 if hasattr(some, "asi8") else some.to_numpy()
    return float(first - before) / float(second - first) - 1


def _beside(facet: Facet, series: pd.Series, what: str) -> pd.Series:
    """What came, or another forecast, with a gap at times of the forecast that it leaves out between its own."""
    index = facet.forecasts[0].index
    _check_kind(series.index, index, what)
    if not series.index.isin(index).any():
        raise ValueError(f"{what}{_of(facet)} has none of the times that are forecast, {index[0]} to {index[-1]}.")
    series = series.sort_index()
    between = index[(index > series.index[0]) & (index < series.index[-1])]
    return series.reindex(series.index.union(between))


# -- of a backtest ----------------------------------------------------------------------------------------------------


def facets_of_backtest(
    frame: pd.DataFrame, y: Any, *, time_col: Hashable | None, target_col: Any, ids: Any, n_history: int | None
) -> list[Facet]:
    """For ForecastDisplay.from_backtest."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"frame must be the DataFrame that backtest returns, got {a_or_an(type(frame).__name__)}.")
    lacking = [column for column in _OF_A_BACKTEST if column not in frame]
    if lacking or not len(frame):
        what = f"no column {lacking[0]!r}; its columns are {list(frame.columns)}" if lacking else "no rows"
        raise ValueError(f"frame must be what backtest returns, but it has {what}.")
    _check_count("n_history", 1 if n_history is None else n_history, 1)
    id_cols = [column for column in frame if column not in (*_OF_A_BACKTEST, "y_naive", "variable")]
    names = list(dict.fromkeys(frame["variable"])) if "variable" in frame else None
    told = frame.attrs.get("backtest", {})
    past, time_name = None, "time"
    if y is None:
        grid, time_name = _grid_of_cutoffs(frame["cutoff"].iloc[0], told.get("step")), told.get("time_col", time_name)
    else:
        if isinstance(y, pd.DataFrame):
            time_col = told.get("time_col") if time_col is None else time_col
            target_col = told.get("target_col") if target_col is None else target_col
        if names is None and target_col is not None:
            names = [target_col] if not isinstance(target_col, list) else target_col
        table = _read(y, "y", names, id_col=id_cols[0] if len(id_cols) == 1 else None, time_col=time_col)
        grid, names, time_name = grid_of(table), table.layout.names, _time_name(table)
        past = _regular_series(table, "y", grid)
        _check_kind(table.times, pd.Index(frame["cutoff"]), "y")
    ids_of_rows: Any = [None] * len(frame)
    if id_cols:
        ids_of_rows = frame[id_cols[0]] if len(id_cols) == 1 else frame[id_cols].itertuples(index=False, name=None)
    names_of_rows: Any = frame["variable"] if "variable" in frame else [names[0] if names else "y"] * len(frame)
    places: dict[tuple, list[int]] = {}
    for row, key in enumerate(zip(ids_of_rows, names_of_rows)):
        places.setdefault(key, []).append(row)
    facets = []
    for (group, name), rows in _chosen(places, ids):
        by_cutoff = dict(iter(frame.iloc[rows].groupby("cutoff", sort=True)))
        forecasts = [_after(cutoff, part, grid) for cutoff, part in by_cutoff.items()]
        facet = _facet(group, name, "variable" in frame, time_name, forecasts)
        facet.cutoffs = list(by_cutoff)
        if past is not None:
            _add_history(facet, _found(past, group, name, "y"), n_history)
        else:
            actual = pd.concat([forecast["y_true"] for forecast in forecasts])
            actual = actual[~actual.index.duplicated()].sort_index()
            first, last = actual.index[0], actual.index[-1]
            # times that no forecast reaches are gaps
            facet.actual = actual.reindex(grid.labels(first, grid.n_steps(first, last) + 1))
        facets.append(facet)
    return facets


def _after(cutoff: Any, part: pd.DataFrame, grid: TimeGrid) -> pd.DataFrame:
    """The forecast from one cutoff, with its times as index; NaN at steps of which it is not told."""
    n_steps = int(part["step"].max())
    steps = part.set_index("step")[["y_true", "y_pred", "lower", "upper"]].reindex(range(1, n_steps + 1))
    return steps.set_axis(grid.after(cutoff, n_steps))


def _grid_of_cutoffs(cutoff: Any, step: int | str | None) -> TimeGrid:
    """The times that follow on cutoffs, if the step of y is told, or is 1."""
    if isinstance(cutoff, pd.Timestamp) and isinstance(step, str):
        index: pd.Index = date_range(cutoff, 3, to_offset(step))
    elif isinstance(cutoff, pd.Period):
        ordinals = cutoff.ordinal + int(step or 1) * np.arange(3)
        index = pd.PeriodIndex.from_ordinals(ordinals, freq=cutoff.freq)
    elif isinstance(cutoff, Integral):
        index = pd.RangeIndex(int(cutoff), int(cutoff) + 3 * int(step or 1), int(step or 1))
    else:
        raise ValueError(
            f"The times after the cutoff {cutoff} are not told by frame, since the step of y is not: pass y, too, as "
            "in from_backtest(frame, y)."
        )
    return TimeGrid(index, "frame", Advice())


# -- of both ----------------------------------------------------------------------------------------------------------


def _read(data: Any, name: str, names: list | None, *, id_col: Hashable | None, time_col: Hashable | None) -> Table:
    """Any layout as a table; of a frame the columns that are named, or all."""
    if not isinstance(data, pd.DataFrame):
        return read_table(data, name=name)
    id_col, time_col = (key if key is not None and key in data.columns else None for key in (id_col, time_col))
    others = [column for column in data.columns if column not in (id_col, time_col)]
    if names is None or (len(names) == 1 and names[0] not in others and len(others) == 1):
        names = others  # a Series that was forecast may be given as a frame, under another name
    return read_table(data, id_col, time_col, name=name, columns=names)


def _places(table: Table) -> dict[tuple, tuple[int, int]]:
    """Where each id and column stands in a table: the number of its series and of its column."""
    names = table.layout.names
    return {(group, name): (i, column) for i, group in enumerate(table.ids) for column, name in enumerate(names)}


def _series(table: Table) -> dict[tuple, pd.Series]:
    """Each id and column of a table, at the times that were given."""
    return {
        (group, name): pd.Series(values[:, column], table.times[rows])
        for group, rows, values in zip(table.ids, table.rows, table.values)
        for column, name in enumerate(table.layout.names)
    }


def _regular_series(table: Table, name: str, grid: TimeGrid | None = None) -> dict[tuple, pd.Series]:
    """The same at even steps, NaN where rows are missing."""
    if grid is None:
        grid_of(table, name)
    return {
        (group, label): pd.Series(values[:, column], index)
        for group, index, values in zip(table.ids, table.indexes, table.values)
        for column, label in enumerate(table.layout.names)
    }


def _chosen(places: dict[tuple, Any], ids: Any) -> list[tuple[tuple, Any]]:
    """Ids and columns to draw, in the order they are asked for: by id, or by column where there are no ids."""
    if ids is None:
        return list(places.items())
    has_ids = any(group is not None for group, _ in places)
    there: dict[Any, list] = {}
    for (group, name), place in places.items():
        there.setdefault(group if has_ids else name, []).append(((group, name), place))
    try:
        wanted = [ids] if ids in there else None
    except TypeError:  # a list
        wanted = None
    if wanted is None:
        wanted = list(ids) if isinstance(ids, Iterable) and not isinstance(ids, str) else [ids]
    unknown = [one for one in wanted if one not in there]
    if unknown or not wanted:
        what = f"There is no series {unknown[0]!r}" if unknown else "There is nothing in ids"
        raise ValueError(f"{what}; choose with ids= among {_some(list(there))}.")
    return [one for key in dict.fromkeys(wanted) for one in there[key]]


def _facet(group: Any, name: Any, several: bool, time_name: str, forecasts: list[pd.DataFrame]) -> Facet:
    of_group = [] if group is None else list(group) if isinstance(group, tuple) else [group]
    label = ", ".join(map(str, of_group if of_group and not several else [*of_group, name]))
    key = name if group is None else (group, name) if several else group
    return Facet(key, label, str(name), time_name, forecasts)


def _time_name(table: Table) -> str:
    """What the user calls the times, or what they are."""
    layout = table.layout
    name = layout.time_col if layout.time_col is not None else (layout.index_names or [None])[-1]
    if name is not None:
        return str(name)
    return "time" if isinstance(table.times, (pd.DatetimeIndex, pd.PeriodIndex)) else "step"


def _found(series: dict[tuple, pd.Series], group: Any, name: Any, what: str) -> pd.Series:
    """The series of an id and a column. One that is alone, and has no id or this one, need not be named alike."""
    if (group, name) in series:
        return series[group, name]
    if len(series) == 1 and next(iter(series))[0] in (None, group):
        return next(iter(series.values()))
    there = list(dict.fromkeys(other if group is None else one for one, other in series))
    raise ValueError(
        f"{what} has no series {name if group is None else group!r}, which is forecast; it has {_some(there)}. Pass "
        "it too, or choose others with ids=."
    )


def _check_kind(index: pd.Index, forecast: pd.Index, what: str) -> None:
    """Dates go with dates, and numbers with numbers."""
    kinds = [_kind(index), _kind(forecast)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"The times of {what} are {kinds[0]}, such as {index[0]}, and those of the forecast {kinds[1]}, such as "
            f"{forecast[0]}. Give {what} the index of the series that was fitted."
        )


def _kind(index: pd.Index) -> str:
    if isinstance(index, pd.PeriodIndex):
        return f"periods ({index.freqstr})"
    if isinstance(index, pd.DatetimeIndex):
        return "dates" if index.tz is None else "dates with a time zone"
    return "numbers"


def _of(facet: Facet) -> str:
    return f" of {facet.label!r}" if facet.label != facet.name else ""


def _some(labels: Sequence) -> str:
    """A list for a message, not too long."""
    return f"{list(labels[:8])!r}" + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")
