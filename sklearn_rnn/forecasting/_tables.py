"""Series ordered in time, as pandas users hold them: one, several, or a panel. In and out."""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..sequences._arrays import refuse_lazy, unmasked
from ..sequences._timeindex import parse_times
from ._timegrid import Advice, TimeGrid


@dataclass
class Layout:
    """How series are held, so that forecasts of them can be held alike.

    kind : "series", "frame" (series that share an index), "array" (either, without an index), "panel" (a MultiIndex of
        id and time) or "long" (a column of ids, a column of times, or both)
    """

    kind: str
    names: list  # of the value columns
    is_1d: bool
    columns: pd.Index | None = None
    index_names: list | None = None
    id_col: Hashable | None = None
    time_col: Hashable | None = None
    id_dtype: object = None

    @property
    def has_ids(self) -> bool:
        """Is there a name for each series?"""
        return self.kind == "panel" or self.id_col is not None

    def advice(self, name: str = "y") -> Advice:
        """What to do about wrong times, in code for data that are held like this."""
        if self.time_col is None:
            regular, number = f"{name}.asfreq(...).interpolate()", f"{name}.reset_index(drop=True)"
            if self.has_ids:
                regular = f"{name}.groupby(level=0).apply(lambda s: s.droplevel(0).asfreq(...).interpolate())"
                ids = f"{name}.index.get_level_values(0)"
                number = f"{name}.index = pd.MultiIndex.from_arrays([{ids}, {name}.groupby(level=0).cumcount()])"
            return Advice(
                f"The index of {name}",
                convert=f"pd.to_datetime({name}.index)",
                number=number,
                sort=f"{name}.sort_index()",
                aggregate=f"{name}.groupby(level=-1).mean()",
                regular=regular,
                drop_missing=f"{name} = {name}[{name}.index.notna()]",
                fill=f"{name}.interpolate() or {name}.ffill()",
            )
        time, keys = f"{name}[{self.time_col!r}]", [key for key in (self.id_col, self.time_col) if key is not None]
        of_ids = "" if self.id_col is None else f".groupby({self.id_col!r})"
        value = f"[{self.names[0]!r}]"
        return Advice(
            f"Column {self.time_col!r} of {name}",
            convert=f"{time} = pd.to_datetime({time})",
            number=f"{time} = {name}{of_ids}.cumcount()" if of_ids else f"{time} = range(len({name}))",
            sort=f"{name}.sort_values({keys})",
            aggregate=f"{name}.groupby({keys}, as_index=False).mean()",
            regular=f"{name}.set_index({self.time_col!r}){of_ids}.resample(...).mean().interpolate().reset_index()",
            drop_missing=f"{name}.dropna(subset=[{self.time_col!r}])",
            fill=f"{name}{value} = {name}{of_ids}{value}.ffill()",
        )


@dataclass
class Table:
    """Series of one layout: ids, and for each its index and its values (T_i, m)."""

    layout: Layout
    ids: list
    indexes: list[pd.Index]
    values: list[np.ndarray]
    rows: list[np.ndarray]  # where in the user's object each series stands

    def label(self, i: int, name: str = "y") -> str:
        """What to call a series in a message."""
        return f"{name}, series {self.ids[i]!r}," if self.layout.has_ids else name

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each series."""
        return np.array([len(part) for part in self.values])


def read_table(
    data: Any,
    id_col: Hashable | None = None,
    time_col: Hashable | None = None,
    *,
    name: str = "y",
    columns: list | None = None,
    all_finite: bool = True,
) -> Table:
    """Take a user's object apart.

    Parameters
    ----------
    data : Series, DataFrame, ndarray or list
    id_col, time_col : label, default=None
        Columns of a long frame.
    name : str
        Of the argument, for messages.
    columns : list, default=None
        Value columns to take, in this order; None takes all.
    all_finite : bool, default=True
        Whether a value that is missing or infinite is an error.
    """
    if isinstance(data, pd.Series):
        if id_col is not None or time_col is not None:
            raise TypeError(f"id_col and time_col name columns of a data frame, but {name} is a Series.")
        frame, is_1d = data.to_frame(name="y" if data.name is None else data.name), True
    elif isinstance(data, pd.DataFrame):
        frame, is_1d = data, False
    else:
        refuse_lazy(data, name)
        return _read_array(data, name, id_col, time_col, columns)
    keys = [key for key in (id_col, time_col) if key is not None]
    for key in keys:
        if isinstance(key, list):
            raise TypeError(f"id_col and time_col each name one column, got {key!r}.")
    missing = [key for key in (*keys, *(columns or ())) if key not in frame.columns]
    if missing:
        raise ValueError(f"{name} has no column {missing[0]!r}; its columns are {list(frame.columns)}.")
    if not frame.columns.is_unique:
        raise ValueError(f"{name} has two columns of the name {frame.columns[frame.columns.duplicated()][0]!r}.")
    if len(frame) == 0:
        raise ValueError(f"{name} has no rows.")
    names = [column for column in frame.columns if column not in keys] if columns is None else columns
    if not names:
        raise ValueError(f"{name} has no columns of values besides {keys}.")
    times = frame.index if time_col is None else pd.Index(frame[time_col])
    layout = Layout(
        "series" if is_1d else "frame",
        names,
        is_1d,
        columns=pd.Index([data.name]) if is_1d else frame.columns[frame.columns.get_indexer(names)],
        index_names=list(frame.index.names),
    )
    if keys:
        id_dtype = None if id_col is None else frame[id_col].dtype
        layout = replace(layout, kind="long", id_col=id_col, time_col=time_col, id_dtype=id_dtype)
    groups = None
    if id_col is not None:
        groups = pd.Index(frame[id_col])
    elif isinstance(frame.index, pd.MultiIndex) and time_col is None:
        layout = replace(layout, kind="panel")
        groups, times = frame.index.droplevel(-1), frame.index.get_level_values(-1)
        levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
        if not _is_time(levels[-1]) and any(_is_time(level) for level in levels[:-1]):
            raise ValueError(
                f"The index of {name} must hold ids first and times last; its levels are {layout.index_names}, and the "
                f"last holds no times. Turn it round: {name}.swaplevel().sort_index()."
            )
    if isinstance(times, pd.MultiIndex):
        raise ValueError(
            f"{name} has a MultiIndex and id_col={id_col!r} too: give one of them. y.reset_index() makes columns."
        )
    times = parse_times(times, f"{name}.index" if time_col is None else f"{name}[{time_col!r}]")
    values = np.column_stack([_numbers(frame[column], column, name) for column in names])
    if groups is None:
        ids, rows = [None], [np.arange(len(frame))]
    else:
        missing = groups.to_frame().isna().any(axis=1).to_numpy()
        if missing.any():
            raise ValueError(f"{name} has no id in row {int(np.flatnonzero(missing)[0])}. Drop such rows.")
        codes, uniques = pd.factorize(groups)
        if layout.id_col is not None and len(uniques) > 1 and time_col is None and times.is_unique:
            raise ValueError(
                f"{name} holds {len(uniques)} series, but no two of its rows have the same time, so its index seems to "
                "number the rows. Name the column of times in time_col, or make them the index."
            )
        ids = list(uniques)
        rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    indexes = [times] if groups is None else [times[part] for part in rows]  # the whole index keeps its freq
    table = Table(layout, ids, indexes, [values[part] for part in rows], rows)
    if all_finite:
        refuse_missing(table, name)
    return table


def refuse_missing(table: Table, name: str = "y") -> None:
    """Every value of a table must be known."""
    for i, part in enumerate(table.values):
        _refuse_missing(part, table.indexes[i], table.layout, table.label(i, name), name)


def _refuse_missing(values: np.ndarray, index: pd.Index, layout: Layout, label: str, name: str) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        t, column = wrong[0]
        where = f"at {index[t]}, column {layout.names[column]!r}"
        if len(wrong) > 1:
            where += f" ({len(wrong)} in all)"
        if np.isinf(values[t, column]):
            raise ValueError(
                f"{label} is infinite {where}. Replace it, as with {name}.replace([np.inf, -np.inf], np.nan), and fill "
                "it in."
            )
        raise ValueError(
            f"{label} is missing {where}. Fill it in, as with {layout.advice(name).fill}, or leave such rows out: "
            "which is right depends on why it is missing."
        )


def _is_time(index: pd.Index) -> bool:
    return isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex))


def _read_array(data, name, id_col, time_col, columns) -> Table:
    if id_col is not None or time_col is not None:
        raise TypeError(f"id_col and time_col name columns of a data frame, but {name} is a {type(data).__name__}.")
    if np.iscomplexobj(data):
        raise TypeError(f"{name} holds complex numbers; forecasts are of real ones.")
    if isinstance(data, np.ma.MaskedArray):
        data = unmasked(data)
    try:
        values = np.asarray(data, dtype=np.float32 if getattr(data, "dtype", None) == np.float32 else np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a Series, a DataFrame or an array of numbers: {error}") from error
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(f"{name} must be (n_timesteps,) or (n_timesteps, n_series) and not empty, got {values.shape}.")
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        raise ValueError(
            f"{name} holds NaN or infinity in row {wrong[0][0]}. Fill it in, or use the rows after it only."
        )
    is_1d, n = values.ndim == 1, len(values)
    values = values.reshape(n, -1)
    names = list(range(values.shape[1]))
    if columns is not None and len(columns) != len(names):
        raise ValueError(f"{name} has {len(names)} column(s), expected {len(columns)}: {columns}.")
    return Table(Layout("array", names, is_1d), [None], [pd.RangeIndex(n)], [values], [np.arange(n)])


def _numbers(column: pd.Series, label: Hashable, name: str) -> np.ndarray:
    dtype = column.dtype
    numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)
    if pd.api.types.is_object_dtype(dtype):
        numeric = not any(isinstance(value, str) for value in column)
    if not numeric:
        raise TypeError(
            f"Column {label!r} of {name} is of type {dtype}, and holds no numbers. Leave it out, or encode it (a "
            "panel's ids and times are named by id_col and time_col)."
        )
    try:
        return column.to_numpy(dtype=np.float32 if dtype == np.float32 else np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Column {label!r} of {name} holds no numbers: {error}") from error


def align(
    X: object, y: Table, name: str = "X", columns: list | None = None, known_ids: Container | None = None
) -> tuple[list[np.ndarray], list]:
    """The rows of X that belong to the rows of y, for each series, and the names of X's columns.

    Raises
    ------
    ValueError
        If a row of y has none in X, or X holds a series that is not among `known_ids`, if these are given.
    """
    if y.layout.kind == "array" and not isinstance(X, (pd.Series, pd.DataFrame)):
        table = read_table(X, name=name, columns=columns)
        if len(table.values[0]) != len(y.values[0]):
            raise ValueError(
                f"{name} has {len(table.values[0])} rows, expected {len(y.values[0])}: one for each row of y, or for "
                "each time to forecast."
            )
        return table.values, table.layout.names
    if y.layout.kind != "array" and not isinstance(X, (pd.Series, pd.DataFrame)):
        raise TypeError(
            f"{name} must be a DataFrame with the index of y, so that its rows can be told apart, got "
            f"{type(X).__name__}."
        )
    if columns is not None and isinstance(X, pd.DataFrame):
        columns = list(columns)
    table = read_table(X, y.layout.id_col, y.layout.time_col, name=name, columns=columns, all_finite=False)
    if y.layout.has_ids != table.layout.has_ids:
        raise ValueError(
            f"{name} must hold the ids of the series as y does, in the same levels of its index or the same columns."
        )
    found = {group: i for i, group in enumerate(table.ids)}
    unknown = [] if known_ids is None else [group for group in found if group not in known_ids]
    if unknown:
        raise ValueError(
            f"{name} has rows for series {unknown[0]!r}, which this forecaster was not fitted on"
            + (f" (nor on {len(unknown) - 1} more)" if len(unknown) > 1 else "")
            + ". Leave them out, or fit again with the values of that series."
        )
    rows = []
    for i, group in enumerate(y.ids):
        if group not in found:
            raise ValueError(f"{name} has no rows for series {group!r}.")
        j = found[group]
        index = table.indexes[j]
        if not index.equals(y.indexes[i]):
            if index.has_duplicates:
                raise ValueError(
                    f"{table.label(j, name)} has {index[index.duplicated()][0]} twice. Drop one of the rows."
                )
            at = index.get_indexer(y.indexes[i])
            if (at < 0).any():
                raise ValueError(
                    f"{table.label(j, name)} has no row for {y.indexes[i][int(np.flatnonzero(at < 0)[0])]}. It must "
                    f"hold one for each time of y, or of the forecast ({y.indexes[i][0]} to {y.indexes[i][-1]}); its "
                    f"own index goes from {index[0]} to {index[-1]}."
                )
            rows.append(table.values[j][at])
        else:
            rows.append(table.values[j])
        _refuse_missing(rows[-1], y.indexes[i], table.layout, table.label(j, name), name)
    return rows, table.layout.names


def write_table(
    layout: Layout, ids: list, indexes: list[pd.Index], values: list[np.ndarray], bounds: tuple = ()
) -> object:
    """Values (T_i, m) as an object like the one that `layout` was read from.

    Parameters
    ----------
    bounds : tuple of str
        If given, values are (T_i, m, len(bounds)), and the columns are these, for each series of a multivariate one.
    """
    names = layout.names
    several = len(names) > 1 or not (layout.is_1d or layout.kind == "long")
    if bounds:
        values = [part.reshape(len(part), -1) for part in values]
        if layout.kind == "long":
            columns = list(bounds) if len(names) == 1 else [f"{name}_{bound}" for name in names for bound in bounds]
        elif len(names) == 1:
            columns = list(bounds)
        else:
            columns = pd.MultiIndex.from_tuples(
                [(*(name if isinstance(name, tuple) else (name,)), bound) for name in names for bound in bounds]
            )
    else:
        columns = names if layout.columns is None else layout.columns
    if layout.kind == "array":
        if bounds:
            return pd.DataFrame(values[0], columns=columns)
        return values[0] if several else values[0][:, 0]
    frames = [pd.DataFrame(part, index=index, columns=columns) for index, part in zip(indexes, values)]
    if layout.kind == "panel":
        frame = pd.concat(frames, keys=ids)
        frame.index.names = layout.index_names
    elif layout.kind == "long":
        if layout.id_col is not None:
            for group, frame in zip(ids, frames):
                frame.insert(
                    0, layout.id_col, pd.Series([group] * len(frame), index=frame.index, dtype=layout.id_dtype)
                )
        if layout.time_col is not None:
            for frame in frames:
                frame.insert(int(layout.id_col is not None), layout.time_col, frame.index)
        frame = pd.concat(frames, ignore_index=layout.time_col is not None)
        if layout.time_col is None:
            frame.index.names = layout.index_names
    else:
        frame = frames[0]
        frame.index.names = layout.index_names
    if layout.is_1d and not bounds:
        return frame.iloc[:, 0].rename(columns[0])
    return frame


def grid_of(table: Table) -> TimeGrid:
    """The grid that all indexes of a table lie on, regular and without gaps."""
    longest = int(np.argmax([len(index) for index in table.indexes]))
    advice = table.layout.advice()
    grid = TimeGrid(table.indexes[longest], table.label(longest), advice)
    table.indexes = [grid.check(index, table.label(i), advice) for i, index in enumerate(table.indexes)]
    first = min(index[0] for index in table.indexes)
    for i, index in enumerate(table.indexes):
        if grid.labels(first, grid.n_steps(first, index[0]) + 1)[-1] != index[0]:
            raise ValueError(
                f"{table.label(i)} begins at {index[0]}, which is not a whole number of steps after {first}, where "
                "another series begins. Bring all series to the same times, as with resample()."
            )
    return grid
