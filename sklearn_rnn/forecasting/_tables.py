"""Series ordered in time, as pandas users hold them: one, several, or a panel. In and out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..sequences._arrays import as_array, library_of, refuse_dask, refuse_lazy
from ..sequences._columns import an_example, kind_of, numbers_of, text_to_numbers
from ..sequences._timeindex import parse_times
from ._timegrid import Advice

# Variances of such values, and sums of them, are still finite, and those of their reciprocals not 0.
LARGEST = 1e150


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
    target: list | None = None  # as it was given; other columns are exogenous then
    separate: bool = False  # each column is a series of its own, and its name the id

    @property
    def has_ids(self) -> bool:
        """Is there a name for each series?"""
        return self.kind == "panel" or self.id_col is not None

    def advice(self, name: str = "y") -> Advice:
        """What to do about wrong times, in code for data that are held like this."""
        if self.time_col is None and self.id_col is None:
            regular, number = f"{name}.asfreq(...).interpolate()", f"{name}.reset_index(drop=True)"
            aggregate = f"{name}.groupby(level=-1)"
            if self.has_ids:
                aggregate = f"{name}.groupby(level={list(range(len(self.index_names or []) or 2))})"
                regular = f"{name}.groupby(level=0).apply(lambda s: s.droplevel(0).asfreq(...).interpolate())"
                ids = f"{name}.index.get_level_values(0)"
                number = f"{name}.index = pd.MultiIndex.from_arrays([{ids}, {name}.groupby(level=0).cumcount()])"
            return Advice(
                f"The index of {name}",
                convert=f"pd.to_datetime({name}.index)",
                number=number,
                sort=f"{name}.sort_index()",
                aggregate=aggregate,
                only="" if self.is_1d else "numeric_only=True",
                tell_apart=self._tell_apart(name),
                regular=regular,
                drop_missing=f"{name} = {name}[{name}.index.notna()]",
                fill=f"{name}.interpolate() or {name}.ffill()",
            )
        value = f"[{self.names[0]!r}]"
        if self.time_col is None:
            ids = f"{name}.groupby({self.id_col!r})"
            back = f"reset_index({self.id_col!r})"
            return Advice(
                f"The index of {name}",
                convert=f"pd.to_datetime({name}.index)",
                number=f"{name}.index = {ids}.cumcount()",
                sort=f"{name}.sort_index()",
                aggregate=f"{name}.groupby([{self.id_col!r}, {name}.index])",
                only="numeric_only=True",
                back=f".{back}",
                tell_apart=self._tell_apart(name),
                regular=f"{ids}.resample(...).mean(numeric_only=True).{back}",
                drop_missing=f"{name} = {name}[{name}.index.notna()]",
                fill=f"{name}{value} = {ids}{value}.ffill()",
            )
        time, keys = f"{name}[{self.time_col!r}]", [key for key in (self.id_col, self.time_col) if key is not None]
        of_ids = "" if self.id_col is None else f".groupby({self.id_col!r})"
        return Advice(
            f"Column {self.time_col!r} of {name}",
            convert=f"{time} = pd.to_datetime({time})",
            number=f"{time} = {name}{of_ids}.cumcount()" if of_ids else f"{time} = range(len({name}))",
            sort=f"{name}.sort_values({keys})",
            aggregate=f"{name}.groupby({keys}, as_index=False)",
            only="numeric_only=True",
            tell_apart=self._tell_apart(name),
            regular=f"{name}.set_index({self.time_col!r}){of_ids}.resample(...).mean(numeric_only=True).reset_index()",
            drop_missing=f"{name}.dropna(subset=[{self.time_col!r}])",
            fill=f"{name}{value} = {name}{of_ids}{value}.ffill()",
        )

    def _tell_apart(self, name: str) -> str:
        """Code for series that stand one below the other, and are not told apart so far."""
        time, frame = self.time_col, name
        if time is None:
            time = (self.index_names or [None])[-1]
            frame = (
                f"{'frame' if self.is_1d else name}{'' if time is not None else '.rename_axis(' + repr('date') + ')'}"
            )
            time, frame = "date" if time is None else time, f"{frame}.reset_index()"
        if self.has_ids:
            known = self.id_col if self.id_col is not None else (self.index_names or [None])[0]
            known = "..." if known is None else repr(known)
            begin = "" if self.is_1d else f"frame = {frame}; "
            return (
                f"{begin}frame['id'] = frame[{known}].astype(str) + ' ' + frame[...].astype(str); "
                f"RNNForecaster(id_col='id', time_col={time!r}, target_col=...).fit(frame)"
            )
        names = self.target or (
            [] if self.is_1d and self.columns is not None and self.columns[0] is None else self.names
        )
        target = repr(names[0]) if len(names) == 1 else "..."
        of_what = ", of the frame that y is a column of" if self.is_1d else ""
        return f"RNNForecaster(id_col=..., time_col={time!r}, target_col={target}).fit({frame}){of_what}"


@dataclass
class Table:
    """Series of one layout: ids, and for each its index and its values (T_i, m).

    As read, `indexes` is empty, and rows stand as they were given. `regular` brings them to even steps.
    """

    layout: Layout
    ids: list
    indexes: list[pd.Index]
    values: list[np.ndarray]  # NaN where they are missing
    rows: list[np.ndarray]  # where in the user's object each row of a series stands; -1 if it was not given
    times: pd.Index  # of each row of the user's object
    extra: pd.DataFrame | None = None  # columns of the user's object that are neither ids, times nor values
    constants: np.ndarray | None = None  # (N, k) of exogenous columns that do not change

    def label(self, i: int, name: str = "y") -> str:
        """What to call a series in a message."""
        if self.layout.separate:
            return f"{name}, column {self.ids[i]!r}," if len(self.ids) > 1 else name
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
    target: bool = False,
    with_values: bool = True,
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
    target : bool
        Whether the columns of a frame that are not among `columns` are `extra`; otherwise they are left alone.
    with_values : bool
        Whether columns are values, and so must hold numbers; otherwise they are `extra`, whatever they hold.
    """
    if isinstance(data, pd.Series):
        if id_col is not None or time_col is not None:
            raise TypeError(f"id_col and time_col name columns of a data frame, but {name} is a Series.")
        frame, is_1d = data.to_frame(name="y" if data.name is None else data.name), True
        columns, target = (None, False) if target else (columns, False)
    elif isinstance(data, pd.DataFrame):
        frame, is_1d = data, False
    else:
        refuse_lazy(data, name)
        refuse_dask(data, name)
        return _read_array(data, name, id_col, time_col, None if target else columns, with_values)
    keys = [key for key in (id_col, time_col) if key is not None]
    _check_columns(frame, keys, columns, name)
    others = [column for column in frame.columns if column not in keys]
    names = others if columns is None else list(columns)
    if not names:
        raise ValueError(f"{name} has no columns of values besides {keys}.")
    if with_values and columns is None and keys:
        _refuse_to_guess(frame, names, keys, name)
    layout = Layout(
        "series" if is_1d else "frame",
        names,
        is_1d,
        columns=pd.Index([data.name]) if is_1d else frame.columns[frame.columns.get_indexer(names)],
        index_names=list(frame.index.names),
        target=names if target else None,
    )
    if keys:
        id_dtype = None if id_col is None else frame[id_col].dtype
        layout = replace(layout, kind="long", id_col=id_col, time_col=time_col, id_dtype=id_dtype)
    layout, groups, times = _ids_and_times(frame, layout, name)
    times = parse_times(times, f"{name}.index" if time_col is None else f"{name}[{time_col!r}]")
    ids, rows = [None], [np.arange(len(frame))]
    if groups is not None:
        ids, rows = _rows_of(groups, times, layout, name)
    extra = frame[names] if not with_values else frame[[c for c in others if c not in names]] if target else None
    table = Table(layout, ids, [], [], rows, times, extra)
    if with_values:
        values = np.column_stack([_numbers(frame[column], column, name, is_1d) for column in names])
        table.values = [values] if groups is None else [values[part] for part in rows]
        _refuse_infinite(table, name)
    return table


def _check_columns(frame: pd.DataFrame, keys: list, columns: list | None, name: str) -> None:
    for key in keys:
        if isinstance(key, list):
            raise TypeError(f"id_col and time_col each name one column, got {key!r}.")
    missing = [key for key in (*keys, *(columns or ())) if key not in frame.columns]
    if missing:
        raise ValueError(f"{name} has no column {missing[0]!r}; its columns are {list(frame.columns)}.")
    twice = [column for column in columns or () if (columns or []).count(column) > 1]
    if twice:
        raise ValueError(f"Column {twice[0]!r} of {name} is to be forecast twice, {columns}: name it once.")
    if not frame.columns.is_unique:
        raise ValueError(f"{name} has two columns of the name {frame.columns[frame.columns.duplicated()][0]!r}.")
    if len(frame) == 0:
        raise ValueError(f"{name} has no rows.")


def _refuse_to_guess(frame: pd.DataFrame, names: list, keys: list, name: str) -> None:
    """Of several columns of a long frame, which are to be forecast is not to be guessed."""
    numbers = [column for column in names if kind_of(frame[column]) in ("numbers", "nothing")]
    if len(names) == 1 and numbers == names:
        return
    others = [column for column in names if column not in numbers]
    what = f"target_col={numbers[0]!r}" if numbers else "target_col=..."
    if len(numbers) > 1:
        what += f", or target_col={numbers} if all of these are"
    also = f", and {others}, which hold no numbers" if others else ""
    raise ValueError(
        f"{name} has, besides {keys}, the columns of numbers {numbers}{also}: say which is to be forecast, as in "
        f"{what}. The others are exogenous columns then; those whose future is not known are named in "
        "past_only. If a column holds the ids of series, name it in id_col; if times, in time_col."
    )


def _ids_and_times(frame: pd.DataFrame, layout: Layout, name: str) -> tuple[Layout, pd.Index | None, pd.Index]:
    """The layout, now that it is known whether there are ids; the id of each row, if so; and its time."""
    id_col, time_col = layout.id_col, layout.time_col
    times = frame.index if time_col is None else pd.Index(frame[time_col])
    groups = None
    if id_col is not None:
        groups = pd.Index(frame[id_col])
    elif isinstance(frame.index, pd.MultiIndex) and time_col is None:
        layout = replace(layout, kind="panel")
        groups, times = frame.index.droplevel(-1), frame.index.get_level_values(-1)
        levels = frame.index.levels
        if not _is_time(levels[-1]) and any(_is_time(level) for level in levels[:-1]):
            raise ValueError(
                f"The index of {name} must hold ids first and times last; its levels are {layout.index_names}, and the "
                f"last holds no times. Turn it round: {name}.swaplevel().sort_index()."
            )
    if isinstance(times, pd.MultiIndex):
        raise ValueError(
            f"{name} has a MultiIndex and id_col={id_col!r} too: give one of them. y.reset_index() makes columns."
        )
    return layout, groups, times


def _rows_of(groups: pd.Index, times: pd.Index, layout: Layout, name: str) -> tuple[list, list[np.ndarray]]:
    """Ids in the order in which they appear, and the rows of each."""
    codes, uniques = pd.factorize(groups)
    missing = codes < 0
    if isinstance(groups, pd.MultiIndex):
        missing = groups.to_frame().isna().any(axis=1).to_numpy()
    if missing.any():
        raise ValueError(f"{name} has no id in row {int(np.flatnonzero(missing)[0])}. Drop such rows.")
    if layout.id_col is not None and len(uniques) > 1 and layout.time_col is None and times.is_unique:
        raise ValueError(
            f"{name} holds {len(uniques)} series, but no two of its rows have the same time, so its index seems to "
            "number the rows. Name the column of times in time_col, or make them the index."
        )
    return list(uniques), np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])


def _refuse_infinite(table: Table, name: str) -> None:
    for i, values in enumerate(table.values):
        wrong = np.argwhere(np.isinf(values))
        if len(wrong):
            t, column = wrong[0]
            time, label = table.times[table.rows[i][t]], table.layout.names[column]
            if table.layout.kind == "array":
                raise ValueError(f"{name} is infinite in row {t}. Replace it; a value that is missing is NaN.")
            raise infinite(table.label(i, name), time, label, len(wrong), name)


def infinite(where: str, time: Hashable, column: Hashable, n: int, name: str) -> ValueError:
    """The error for a value that is no number, nor missing."""
    more = f" ({n} in all)" if n > 1 else ""
    return ValueError(
        f"{where} is infinite at {time}, column {column!r}{more}. Replace it, as with "
        f"{name}.replace([np.inf, -np.inf], np.nan): a value that is missing is NaN."
    )


def _is_time(index: pd.Index) -> bool:
    return isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex))


def _read_array(data, name, id_col, time_col, columns, with_values) -> Table:
    if hasattr(data, "columns") and hasattr(data, "to_pandas"):  # as an array it would lose the names of its columns
        given = f"{library_of(data)}.{type(data).__name__}"
        raise TypeError(f"{name} must be a pandas object or an array, got {given}. Convert it: {name}.to_pandas().")
    if id_col is not None or time_col is not None:
        raise TypeError(f"id_col and time_col name columns of a data frame, but {name} is a {type(data).__name__}.")
    data = as_array(data, name)
    if np.iscomplexobj(data):
        raise TypeError(f"{name} holds complex numbers; forecasts are of real ones.")
    try:
        values = np.asarray(data, dtype=np.float32 if getattr(data, "dtype", None) == np.float32 else np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must be a Series, a DataFrame or an array of numbers: {error}") from error
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(f"{name} must be (n_timesteps,) or (n_timesteps, n_series) and not empty, got {values.shape}.")
    is_1d, n = values.ndim == 1, len(values)
    values = values.reshape(n, -1)
    names = list(range(values.shape[1]))
    if columns is not None and len(columns) != len(names):
        raise ValueError(f"{name} has {len(names)} column(s), expected {len(columns)}: {columns}.")
    extra = None if with_values else pd.DataFrame(values)
    table = Table(Layout("array", names, is_1d), [None], [], [values], [np.arange(n)], pd.RangeIndex(n), extra)
    _refuse_infinite(table, name)
    return table


def _numbers(column: pd.Series, label: Hashable, name: str, is_1d: bool) -> np.ndarray:
    if kind_of(column) not in ("numbers", "nothing"):
        text = text_to_numbers(column, name if is_1d else f"{name}[{label!r}]")
        raise TypeError(
            f"Column {label!r} of {name} is to be forecast, but is of type {column.dtype} and holds no numbers, but "
            f"{an_example(column)}, for example.{text} If it is not to be forecast, name the columns that are in "
            "target_col (a panel's ids and times are named by id_col and time_col)."
        )
    try:
        return numbers_of(column)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Column {label!r} of {name} holds no numbers: {error}") from error


def write_table(
    layout: Layout, ids: list, indexes: list[pd.Index], values: list[np.ndarray], bounds: tuple = ()
) -> object:
    """Values (T_i, m) as an object like the one that `layout` was read from.

    Parameters
    ----------
    bounds : tuple of str
        If given, values are (T_i, m, len(bounds)), and the columns are these, for each series of a multivariate one.
    """
    if layout.separate:
        names, values, indexes = ids, [np.concatenate(values, axis=1)], indexes[:1]
    else:
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
    if len(indexes) > 1:
        index, all_values = indexes[0].append(indexes[1:]), np.concatenate(values)
    else:
        index, all_values = indexes[0], values[0]
    lengths = [len(part) for part in values]
    if layout.kind == "panel":
        frame = pd.DataFrame(all_values, index=_panel_index(ids, lengths, index), columns=columns)
    elif layout.kind == "long" and layout.time_col is not None:
        frame = pd.DataFrame(all_values, columns=columns)
        frame.insert(0, layout.time_col, index)
    else:
        frame = pd.DataFrame(all_values, index=index, columns=columns)
    if layout.id_col is not None:
        labels = pd.Series(ids, dtype=layout.id_dtype).repeat(lengths)
        frame.insert(0, layout.id_col, labels.set_axis(frame.index))
    if layout.kind != "long" or layout.time_col is None:
        frame.index.names = layout.index_names
    if layout.is_1d and not bounds:
        return frame.iloc[:, 0].rename(columns[0])
    return frame


def extended(layout: Layout, other: Layout) -> Layout:
    """A layout for the ids of both."""
    ours, theirs = layout.id_dtype, other.id_dtype
    if ours == theirs or layout.id_col is None:
        return layout
    if isinstance(ours, pd.CategoricalDtype) and isinstance(theirs, pd.CategoricalDtype):
        both = ours.categories.append(theirs.categories.difference(ours.categories, sort=False))
        return replace(layout, id_dtype=pd.CategoricalDtype(both, ours.ordered))
    both = pd.concat([pd.Series([], dtype=ours), pd.Series([], dtype=theirs)]).dtype
    return replace(layout, id_dtype=both)


def _panel_index(ids: list, lengths: list[int], times: pd.Index) -> pd.MultiIndex:
    groups = pd.Index(ids)
    levels = [groups.get_level_values(level).repeat(lengths) for level in range(groups.nlevels)]
    return pd.MultiIndex.from_arrays([*levels, times])
