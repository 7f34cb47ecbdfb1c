"""Series ordered in time, as pandas users hold them: one, several, or a panel. In and out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ._timegrid import TimeGrid


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
        return self.kind == "panel" or self.id_col is not None


@dataclass
class Table:
    """Series of one layout: ids, and for each its index and its values (T_i, m)."""

    layout: Layout
    ids: list
    indexes: list[pd.Index]
    values: list[np.ndarray]
    rows: list[np.ndarray]  # where in the user's object each series stands

    def label(self, i: int, name: str = "y") -> str:
        return f"{name}, series {self.ids[i]!r}," if self.layout.has_ids else name

    def numbers(self, whole: Table) -> list[int]:
        """Where the series of this table, cut from another, stand in that."""
        of = {group: i for i, group in enumerate(whole.ids)}
        return [of[group] for group in self.ids]

    def cut(self, starts: Sequence[int], stops: Sequence[int]) -> Table:
        """Rows starts[i] ... stops[i] - 1 of each series; a series without any is left out."""
        kept = [i for i in range(len(self.ids)) if stops[i] > starts[i]]
        parts = [slice(starts[i], stops[i]) for i in kept]
        return replace(
            self,
            ids=[self.ids[i] for i in kept],
            indexes=[self.indexes[i][part] for i, part in zip(kept, parts)],
            values=[self.values[i][part] for i, part in zip(kept, parts)],
            rows=[self.rows[i][part] for i, part in zip(kept, parts)],
        )


def read_table(
    data: object,
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
        for i, part in enumerate(table.values):
            _refuse_missing(part, table.indexes[i], names, table.label(i, name), name)
    return table


def _refuse_missing(values: np.ndarray, index: pd.Index, names: list, label: str, name: str) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        t, column = wrong[0]
        what = "is missing" if np.isnan(values[t, column]) else "is infinite"
        raise ValueError(
            f"{label} {what} at {index[t]}, column {names[column]!r}. Fill it in, as with {name}.interpolate() or "
            f"{name}.ffill(), or use the rows after it only: which is right depends on why it is missing."
        )


def _is_time(index: pd.Index) -> bool:
    return isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex))


def _read_array(data, name, id_col, time_col, columns) -> Table:
    if id_col is not None or time_col is not None:
        raise TypeError(f"id_col and time_col name columns of a data frame, but {name} is a {type(data).__name__}.")
    if np.iscomplexobj(data):
        raise TypeError(f"{name} holds complex numbers; forecasts are of real ones.")
    if isinstance(data, np.ma.MaskedArray):
        data = data.astype(np.float64).filled(np.nan)
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


def align(X: object, y: Table, name: str = "X", columns: list | None = None) -> tuple[list[np.ndarray], list]:
    """The rows of X that belong to the rows of y, for each series, and the names of X's columns.

    Raises
    ------
    ValueError
        If a row of y has none in X.
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
        _refuse_missing(rows[-1], y.indexes[i], table.layout.names, table.label(j, name), name)
    return rows, table.layout.names


class Exog:
    """The exogenous columns of X: names, and which are known of the past only."""

    def __init__(self, X: object, y: Table, past_only: Sequence[Hashable] | None):
        past_only = [] if past_only is None else list(past_only)
        self.names: list | None = None
        self.rows = [np.empty((len(part), 0)) for part in y.values]
        if X is not None:
            self.rows, self.names = align(X, y)
        elif past_only:
            raise ValueError(f"past_only names the columns {past_only} of X, but no X was given.")
        names = self.names or []
        unknown = [name for name in past_only if name not in names]
        if unknown:
            raise ValueError(f"past_only names {unknown[0]!r}, which X does not have; its columns are {names}.")
        self._is_past_only = np.isin(np.arange(len(names)), [names.index(name) for name in past_only])

    @property
    def known_names(self) -> list:
        return [name for name, past in zip(self.names or [], self._is_past_only) if not past]

    @property
    def n_past_only(self) -> int:
        return int(self._is_past_only.sum())

    def take_rows(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Columns that are known ahead, and past-only ones, (T_i, k) for each series; they are not kept here."""
        rows, self.rows = self.rows, []
        return self._split(rows)

    def _split(self, rows: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        return [part[:, ~self._is_past_only] for part in rows], [part[:, self._is_past_only] for part in rows]

    def read_next(self, X_new: object, y_new: Table) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The same of the rows that belong to later values."""
        if X_new is None and self.names is not None:
            raise ValueError(
                f"This forecaster was fitted with exogenous columns {self.names}: pass them in X_new for the rows "
                "of y_new."
            )
        if self.names is None:
            if X_new is not None:
                raise ValueError("This forecaster was fitted without X: leave X_new out, or fit again with X.")
            return self._split([np.empty((len(part), 0)) for part in y_new.values])
        return self._split(align(X_new, y_new, name="X_new", columns=self.names)[0])

    def read_future(self, X: object, layout: Layout, ids: list, indexes: list, longer: list) -> list[np.ndarray]:
        """Columns that are known ahead, of the times to forecast, and of longer indexes as far as X has them."""
        names = self.known_names
        if self.names is None and X is not None:
            raise ValueError("This forecaster was fitted without X: leave X out, or fit again with X.")
        if not names:
            return [np.empty((len(index), 0)) for index in longer]
        if X is None:
            raise ValueError(
                f"This forecaster was fitted with exogenous columns {names}: pass X with a row for each time to "
                f"forecast, from {indexes[0][0]} to {indexes[0][-1]}. If their future is not known, name them in "
                "past_only."
            )

        def rows(indexes):
            values = [np.empty((len(index), len(layout.names))) for index in indexes]
            return align(X, Table(layout, ids, indexes, values, []), columns=names)[0]

        known = rows(indexes)  # raises an error if one is missing
        if layout.kind != "array":
            with suppress(ValueError):
                return rows(longer)
        return [_hold_last(part, len(index)) for part, index in zip(known, longer)]


def _hold_last(part: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([part, np.repeat(part[-1:], n - len(part), axis=0)])


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
        return frame.iloc[:, 0].rename(layout.columns[0])
    return frame


def grid_of(table: Table) -> TimeGrid:
    """The grid that all indexes of a table lie on, regular and without gaps."""
    longest = int(np.argmax([len(index) for index in table.indexes]))
    grid = TimeGrid(table.indexes[longest], table.label(longest))
    table.indexes = [grid.check(index, table.label(i)) for i, index in enumerate(table.indexes)]
    first = min(index[0] for index in table.indexes)
    for i, index in enumerate(table.indexes):
        if grid.labels(first, grid.n_steps(first, index[0]) + 1)[-1] != index[0]:
            raise ValueError(
                f"{table.label(i)} begins at {index[0]}, which is not a whole number of steps after {first}, where "
                "another series begins. Bring all series to the same times, as with resample()."
            )
    return grid
