"""SeriesReader: from the pandas objects of a user to Series, and from forecasts back to objects of the same kind."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import fields, replace

import numpy as np
import pandas as pd

from ._exog import ExogColumns, Source, rows_of_X
from ._history import read_history_table, separated
from ._plain import from_plain, to_plain
from ._regular import FEW_MISSING, MOST_MISSING, grid_of, make_regular, ordered_times, trim_start
from ._series import Series, fill_blocks
from ._tables import Table, extended, read_table, write_table
from ._timegrid import TimeGrid


class SeriesReader:
    """Remembers how y and X were laid out and when they end; reads what comes later, and writes forecasts, alike.

    Attributes
    ----------
    layout : Layout
    grid : TimeGrid
    ids : list
        Of the series.
    first : label
        The earliest time of all series that were fitted.
    last : list
        The last time known of each series.
    exog : ExogColumns
    constants : ndarray of shape (N, static columns)
        What each series has in the exogenous columns that do not change.
    """

    def __init__(self, table: Table, grid: TimeGrid, exog: ExogColumns):
        self.layout, self.ids, self.grid, self.exog = table.layout, list(table.ids), grid, exog
        self.first = min(index[0] for index in table.indexes)
        self.last = [index[-1] for index in table.indexes]
        self.constants = np.empty((len(self.ids), 0))
        self._n_before = 0  # rows of an array X that are of the past, where one X holds both
        self._number_of_ids()

    def _number_of_ids(self) -> None:
        self.number = {group: i for i, group in enumerate(self.ids)}

    @classmethod
    def read(
        cls,
        y: object,
        X: object,
        id_col: Hashable | None,
        time_col: Hashable | None,
        past_only: Sequence[Hashable] | None,
        target_col: Hashable | list | None = None,
    ) -> tuple[SeriesReader, Table, Series]:
        """The first y and X: a reader that knows their kind, y as a table, and both in numbers."""
        columns = _labels(target_col)
        table = read_table(y, id_col, time_col, columns=columns, target=columns is not None)
        grid = grid_of(table)
        trim_start(table)
        sources = _beside(table, "y")
        past_only = [] if past_only is None else list(past_only)
        if X is not None:
            sources.append(rows_of_X(X, table, grid, n_rows=len(table.times)))
        elif past_only and not sources:
            raise ValueError(f"past_only names the columns {past_only} of X, but no X was given.")
        exog = ExogColumns.learn(sources, past_only)
        unknown = [name for name in past_only if name not in exog.names]
        if unknown:
            raise ValueError(f"past_only names {unknown[0]!r}, which is no exogenous column; these are {exog.names}.")
        reader = cls(table, grid, exog)
        known = exog.gather(exog.known, sources, table)
        exog.mark_static(known)
        reader.constants = exog.constants(known)
        reader.constants = np.where(np.isnan(reader.constants), reader._usual_constants(), reader.constants)
        return reader, table, reader._series(table, sources, known)

    @property
    def names(self) -> list | None:
        """Exogenous columns, as the user calls them; None where there are none."""
        return self.exog.names or None

    def _usual_constants(self) -> np.ndarray:
        """What a series is taken to have that says nothing of a static column: the mean of the others."""
        there = np.isfinite(self.constants)
        return np.where(there, self.constants, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)

    def _series(self, table: Table, sources: list[Source], known: list[np.ndarray] | None = None) -> Series:
        """A table with the exogenous columns that belong to it, in numbers."""
        exog = self.exog
        if known is None:
            known = exog.gather(exog.known, sources, table)
        is_static = exog.spread(exog.static, exog.known)
        if is_static.any():
            numbers = np.array([self.number.get(group, -1) for group in table.ids])
            before = np.where((numbers >= 0)[:, None], self.constants[numbers], self._usual_constants())
            now = exog.constants(known)
            table.constants = np.where(np.isnan(now), before, now)
            known = [exog.fill_static(part, constants) for part, constants in zip(known, table.constants)]
        past_only = exog.gather([k for k, past in enumerate(exog.past_only) if past], sources, table)
        steps: dict = {}
        for index in table.indexes:
            if index[0] not in steps:
                steps[index[0]] = self.grid.n_steps(self.first, index[0])
        starts = np.array([steps[index[0]] for index in table.indexes])
        return Series(table.values, known, past_only, starts, is_static)

    @property
    def known_names(self) -> list:
        """Exogenous columns that must be known ahead, as the user calls them."""
        return [self.exog.names[k] for k in self.exog.known]

    # -- what comes later -------------------------------------------------------------------------------------------

    def read_next(
        self, y: object, name: str, *, allow_new: bool = False, directly: bool = False
    ) -> tuple[Table, np.ndarray]:
        """y as a Table of which each series goes on from what is known, and the numbers of its series.

        Parameters
        ----------
        allow_new : bool
            Whether there may be series that were not fitted; they have number -1.
        directly : bool
            Whether each series must begin at the very next time; otherwise the steps between are missing.
        """
        layout = self.layout
        columns = layout.target
        if columns is None and layout.kind == "long" and len(layout.names) > 1:
            columns = layout.names  # fitted before there was a target_col
        table = read_table(
            y, layout.id_col, layout.time_col, name=name, columns=columns, target=layout.target is not None
        )
        if table.layout.kind != layout.kind or table.layout.names != layout.names:
            raise ValueError(
                f"{name} must be of the kind that was fitted ({layout.kind} with columns {layout.names}), got "
                f"{table.layout.kind} with columns {table.layout.names}."
            )
        numbers = np.array([self.number.get(group, -1) for group in table.ids])
        new = np.flatnonzero(numbers < 0)
        if len(new) and not allow_new:
            raise ValueError(
                f"{name} has a series {table.ids[new[0]]!r} that this forecaster was not fitted on. To validate over a "
                "panel, cut all series at the same times: cv=forecaster.time_splits(y, n_splits=..., horizon=...)."
            )
        texts = {str(group): group for group in self.ids} if len(new) else {}
        for i in new:
            if str(table.ids[i]) in texts:
                known = texts[str(table.ids[i])]
                raise ValueError(
                    f"{name} has a series {table.ids[i]!r} of type {type(table.ids[i]).__name__}; the series "
                    f"{known!r} that is known is of type {type(known).__name__}. Convert the ids, so that it goes on."
                )
        if layout.kind == "array":
            table.indexes = [self.grid.after(self.last[0], len(table.values[0]))]
            return table, numbers
        begin = self._beginnings(table, numbers, name, directly)
        n_known = max(
            self.grid.n_steps(self.first, last) for last in {self.last[i] for i in numbers if i >= 0} or [self.first]
        )
        make_regular(table, self.grid, name, begin=begin, n_more=MOST_MISSING * n_known + FEW_MISSING)
        trim_start(table, name, new)
        return table, numbers

    def _beginnings(self, table: Table, numbers: np.ndarray, name: str, directly: bool) -> list[int | None]:
        """The number of the next time of each series, which may not begin before it; None for new ones."""
        nexts: dict = {}
        begin: list[int | None] = []
        for i, (number, part) in enumerate(zip(numbers, ordered_times(table, self.grid, name))):
            if number < 0:
                label = self.grid.label(part[0])
                if not self.grid.is_whole(self.first, label):
                    raise ValueError(
                        f"{table.label(i, name)} begins at {label}, which is not a whole number of steps from "
                        f"{self.first}, where the series that were fitted begin. Bring it to their times, as with "
                        "resample()."
                    )
                begin.append(None)
                continue
            last = self.last[number]
            if last not in nexts:
                labels = self.grid.after(last, 1)
                nexts[last] = labels[0], int(self.grid.numbers(labels)[0])
            label, following = nexts[last]
            begin.append(following)
            if part[0] == following or (part[0] > following and not directly):
                continue
            must = "must follow on directly on" if directly else "must not begin before the end of"
            raise ValueError(
                f"{table.label(i, name)} begins at {self.grid.label(part[0])}, but {must} what this forecaster "
                f"knows, which ends at {last}: to follow on, the next time is {label}. Pass the rows from there on "
                "(update() takes what lies between; in cross-validation, TimeSeriesSplit without a gap, and for a "
                "panel cv=forecaster.time_splits(y, ...))."
            )
        return begin

    def with_exog(self, table: Table, X: object) -> Series:
        """A table of later values with the rows of X_new that belong to it, in numbers."""
        sources = _beside(table, "y_new")
        if self.names is None and X is not None:
            raise ValueError("This forecaster was fitted without X: leave X_new out, or fit again with X.")
        if X is not None:
            sources.append(
                rows_of_X(
                    X,
                    table,
                    self.grid,
                    "X_new",
                    columns=self.names,
                    known_ids=set(self.ids) | set(table.ids),
                    n_rows=len(table.times),
                )
            )
        is_new = any(group not in self.number for group in table.ids)
        self._refuse_lacking(sources, range(len(self.exog.names)), X, "X_new", "y_new", new=is_new)
        return self._series(table, sources)

    def _refuse_lacking(
        self, sources: list[Source], some: Iterable[int], X: object, name: str, of: str, new: bool = False
    ) -> None:
        """An error if columns are given nowhere; those that are static are known of series that were fitted."""
        needed = [self.exog.names[k] for k in some if new or not self.exog.static[k]]
        lacking = [column for column in needed if not any(column in source for source in sources)]
        if not lacking:
            return
        if X is None and len(lacking) == len(needed):
            raise ValueError(
                f"This forecaster was fitted with exogenous columns {needed}: pass them in {name} for the rows of {of}."
            )
        if X is None:
            name, X = of, sources[0].frame
        given = list(X.columns) if isinstance(X, pd.DataFrame) else [column for s in sources for column in s.frame]
        raise ValueError(f"{name} has no column {lacking[0]!r}; its columns are {given}.")

    def read_future(
        self,
        X: object,
        numbers: np.ndarray,
        lengths: Sequence[int],
        n_steps: int,
        beside: Table | None = None,
    ) -> tuple[np.ndarray, list[pd.Index]]:
        """What is known ahead of some series: exogenous columns (n, n_steps, k) of the `lengths[i]` steps to forecast
        (filled up by `fill_blocks`), and the times of these steps.

        beside : Table
            What is scored: its frame may hold exogenous columns, and steps that it lacks need none of them.
        """
        nexts: dict = {}
        for i, length in zip(numbers, lengths):
            key = self.last[i], int(length)
            if key not in nexts:
                nexts[key] = self.grid.after(*key)
        indexes = [nexts[self.last[i], int(length)] for i, length in zip(numbers, lengths)]
        if self.names is None and X is not None:
            raise ValueError("This forecaster was fitted without X: leave X out, or fit again with X.")
        exog = self.exog
        known = exog.known
        if not known:
            return np.empty((len(numbers), n_steps, 0)), indexes
        if beside is None:
            rows = [np.arange(len(index)) + self._n_before for index in indexes]
            ahead = Table(self.layout, [self.ids[i] for i in numbers], indexes, [], rows, indexes[0])
            sources = []
        else:
            ahead, sources = replace(beside, indexes=indexes), _beside(beside, "y_next")
        needed = [exog.names[k] for k in known if not exog.static[k]]
        if X is None and not sources and needed:
            still = [exog.names[k] for k in known if exog.static[k]]
            others = f" ({still}, which did not change within any series, need not be given)" if still else ""
            raise ValueError(
                f"This forecaster was fitted with exogenous columns {needed}: pass X with a row for each time to "
                f"forecast, from {indexes[0][0]} to {indexes[0][-1]}{others}. If their future is not known, name them "
                "in past_only."
            )
        if X is not None:
            sources.append(
                rows_of_X(
                    X,
                    ahead,
                    self.grid,
                    columns=self.names if self._n_before else self.known_names,
                    known_ids=self.number,
                    needed="all" if beside is None else "given",
                    n_rows=None if self._n_before else len(indexes[0]),
                )
            )
        self._refuse_lacking(sources, known, X, "X", "the times to forecast")
        parts = exog.gather(known, sources, ahead)
        if exog.spread(exog.static, known).any():
            exog.tell_of_change(parts, self.constants[numbers], [ahead.label(i, "X") for i in range(len(numbers))])
            is_static = exog.spread(exog.static, known)
            for part, i in zip(parts, numbers):
                part[:, is_static] = self.constants[i]
        for i, part in enumerate(parts):
            if np.isnan(part).any():
                parts[i] = self._complete(part, ahead, i, sources[-1].name if sources else "X")
        return np.concatenate([fill_blocks(part[None], n_steps) for part in parts]), indexes

    def _complete(self, part: np.ndarray, ahead: Table, i: int, name: str) -> np.ndarray:
        """What is known ahead must be complete; only what is scored may lack steps, for which the last row stands."""
        given = ahead.rows[i] >= 0
        wrong = np.argwhere(np.isnan(part) & given[:, None])
        if len(wrong):
            t, column = wrong[0]
            label = np.repeat(np.array(self.known_names, dtype=object), self.exog.widths(self.exog.known))[column]
            more = f" ({len(wrong)} in all)" if len(wrong) > 1 else ""
            raise ValueError(
                f"{ahead.label(i, name)} is missing at {ahead.indexes[i][t]}, column {label!r}{more}, which is to be "
                f"known of all times to forecast. Fill it in, as with {name}[{label!r}].ffill(), or fit with "
                f"past_only=[{label!r}] if its future is not known."
            )
        return pd.DataFrame(part).ffill().bfill().to_numpy()

    def advance(self, numbers: np.ndarray, table: Table) -> np.ndarray:
        """Remember that the series of a table are known up to its end; new ones, of number -1, come last. Returns the
        numbers of all."""
        new = np.flatnonzero(numbers < 0)
        numbers = numbers.copy()
        numbers[new] = len(self.ids) + np.arange(len(new))
        if len(new):
            self.ids = [*self.ids, *(table.ids[i] for i in new)]
            self.layout = extended(self.layout, table.layout)
            self._number_of_ids()
        self.last = [*self.last, *(table.indexes[i][-1] for i in new)]
        for number, index in zip(numbers, table.indexes):
            self.last[number] = index[-1]
        constants = np.full((len(self.ids), self.constants.shape[1]), np.nan)
        constants[: len(self.constants)] = self.constants
        if table.constants is not None:
            constants[numbers] = table.constants
        self.constants = constants
        return numbers

    # -- series that were not fitted ---------------------------------------------------------------------------------

    def read_history(self, y: object, X: object = None) -> tuple[SeriesReader, Table, Series]:
        """The past of series that need not have been fitted, however y holds them: a reader for them, y as a table, and
        both in numbers.

        X holds rows of the past, and may hold those to forecast as well.
        """
        table = read_history_table(y, self.layout)
        reader = copy.copy(self)
        is_array = table.layout.kind == "array"
        if is_array or self.layout.kind == "array":
            # without times, steps are numbered; and where the fitted series had none, any will do
            reader.grid = TimeGrid(pd.RangeIndex(3), "y", table.layout.advice()) if is_array else grid_of(table)
        if not table.indexes:
            make_regular(table, reader.grid, anchored=False, n_more=FEW_MISSING)
        if table.layout.separate:
            table = separated(table, self.layout.names[0])
        trim_start(table)
        reader.layout, reader.ids = table.layout, list(table.ids)
        reader.last = [index[-1] for index in table.indexes]
        if reader.grid is not self.grid:
            reader.first = min(index[0] for index in table.indexes)
        reader._n_before = 0 if isinstance(X, (pd.Series, pd.DataFrame)) else len(table.times)
        sources = _beside(table, "y")
        if self.names is None and X is not None:
            raise ValueError("This forecaster was fitted without X: leave X out, or fit again with X.")
        # what stands beside y need not stand in X again, of which only the rows to come count then
        elsewhere = [name for name in self.exog.names if not any(name in source for source in sources)]
        if X is not None and elsewhere:
            sources.append(rows_of_X(X, table, reader.grid, columns=elsewhere, needed="some"))
        is_new = any(group not in self.number for group in table.ids)
        self._refuse_lacking(sources, range(len(self.exog.names)), X, "X", "y", new=is_new)
        data = reader._series(table, sources)
        data.has_times = not is_array
        reader.constants = np.empty((len(table.ids), 0)) if table.constants is None else table.constants
        reader._number_of_ids()
        return reader, table, data

    # -- forecasts --------------------------------------------------------------------------------------------------

    def write(self, values: Iterable[np.ndarray], indexes: list[pd.Index], bounds: tuple = ()) -> object:
        """Forecasts of all series, (steps, m[, bounds]) each, as an object of the kind of y."""
        return write_table(self.layout, self.ids, indexes, list(values), bounds)

    # -- storing ----------------------------------------------------------------------------------------------------

    def __copy__(self) -> SeriesReader:
        """Not by way of what is stored: what was told once is told of all copies."""
        new = type(self).__new__(type(self))
        vars(new).update(vars(self))
        return new

    def __getstate__(self) -> dict:
        state = {name: value for name, value in vars(self).items() if name != "number"}
        state["exog"] = {field.name: getattr(self.exog, field.name) for field in fields(ExogColumns)}
        return to_plain(state)

    def __setstate__(self, state: dict) -> None:
        state = from_plain(state)
        if "exog" not in state:  # stored when all exogenous columns were of numbers, and none static
            names, past_only = state.pop("names") or [], state.pop("_is_past_only")
            columns = ExogColumns(names, np.asarray(past_only).tolist(), [None] * len(names), [False] * len(names))
            state |= {"constants": np.empty((len(state["ids"]), 0)), "_n_before": 0}
        else:
            columns = ExogColumns(**state["exog"])
        vars(self).update(state, exog=columns)
        self._number_of_ids()


def _labels(target_col: Hashable | list | None) -> list | None:
    """One label, or a list of them, as a list; a tuple is a label, of columns with several levels."""
    if target_col is None:
        return None
    if isinstance(target_col, (list, np.ndarray, pd.Index)):
        return list(target_col)
    return [target_col]


def _beside(table: Table, name: str) -> list[Source]:
    """The exogenous columns that stand beside the values of y, if there are any."""
    if table.extra is None or not len(table.extra.columns):
        return []
    return [Source(table.extra, table.rows, name)]
