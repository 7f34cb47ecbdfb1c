"""SeriesReader: from the pandas objects of a user to Series, and from forecasts back to objects of the same kind."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from ._plain import from_plain, to_plain
from ._series import Series, fill_blocks
from ._tables import Table, align, grid_of, read_table, refuse_missing, write_table


class SeriesReader:
    """Remembers how y and X were laid out and when they end; reads what comes later, and writes forecasts, alike.

    Attributes
    ----------
    layout : Layout
    grid : TimeGrid
    ids : list
        Of the series.
    first : label
        The earliest time of all series.
    last : list
        The last time known of each series.
    names : list or None
        Exogenous columns; None where no X was given.
    """

    def __init__(self, table: Table, names: list | None, past_only: Sequence[Hashable]):
        self.layout, self.ids = table.layout, list(table.ids)
        self.grid = grid_of(table)
        self.first = min(index[0] for index in table.indexes)
        self.last = [index[-1] for index in table.indexes]
        self.names = names
        self._is_past_only = np.array([name in past_only for name in names or []], dtype=bool)
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
    ) -> tuple[SeriesReader, Table, Series]:
        """The first y and X: a reader that knows their kind, y as a table, and both in numbers."""
        table = read_table(y, id_col, time_col, all_finite=False)
        _refuse(table)
        past_only = [] if past_only is None else list(past_only)
        rows, names = [np.empty((len(part), 0)) for part in table.values], None
        if X is not None:
            rows, names = align(X, table)
        elif past_only:
            raise ValueError(f"past_only names the columns {past_only} of X, but no X was given.")
        unknown = [name for name in past_only if name not in (names or [])]
        if unknown:
            raise ValueError(f"past_only names {unknown[0]!r}, which X does not have; its columns are {names or []}.")
        reader = cls(table, names, past_only)
        return reader, table, reader._series(table, rows)

    def _series(self, table: Table, rows: list[np.ndarray]) -> Series:
        """A table with the rows of X that belong to it, in numbers."""
        starts = np.array([self.grid.n_steps(self.first, index[0]) for index in table.indexes])
        past = self._is_past_only
        return Series(table.values, [part[:, ~past] for part in rows], [part[:, past] for part in rows], starts)

    @property
    def known_names(self) -> list:
        """Exogenous columns that must be known ahead."""
        return [name for name, past in zip(self.names or [], self._is_past_only) if not past]

    # -- what comes later -------------------------------------------------------------------------------------------

    def read_next(self, y: object, name: str) -> tuple[Table, np.ndarray]:
        """y as a Table of which each series follows on directly on what is known, and the numbers of its series."""
        layout = self.layout
        table = read_table(y, layout.id_col, layout.time_col, name=name)
        if table.layout.kind != layout.kind or table.layout.names != layout.names:
            raise ValueError(
                f"{name} must be of the kind that was fitted ({layout.kind} with columns {layout.names}), got "
                f"{table.layout.kind} with columns {table.layout.names}."
            )
        for i, group in enumerate(table.ids):
            where = table.label(i, name)
            if group not in self.number:
                raise ValueError(
                    f"{name} has a series {group!r} that this forecaster was not fitted on. To validate over a panel, "
                    "cut all series at the same times: cv=forecaster.time_splits(y, n_splits=..., horizon=...)."
                )
            last = self.last[self.number[group]]
            if layout.kind == "array":
                table.indexes[i] = self.grid.after(last, len(table.indexes[i]))
                continue
            table.indexes[i] = self.grid.check(table.indexes[i], where, table.layout.advice(name))
            expected = self.grid.after(last, 1)[0]
            if table.indexes[i][0] != expected:
                raise ValueError(
                    f"{where} begins at {table.indexes[i][0]}, but must follow on directly on what this forecaster "
                    f"knows, which ends at {last}: the next time is {expected}. Pass the rows from there on (update() "
                    "takes what lies between; in cross-validation, TimeSeriesSplit without a gap, and for a panel "
                    "cv=forecaster.time_splits(y, ...))."
                )
        return table, np.array([self.number[group] for group in table.ids])

    def with_exog(self, table: Table, X: object) -> Series:
        """A table of later values with the rows of X_new that belong to it, in numbers."""
        if X is None and self.names is not None:
            raise ValueError(
                f"This forecaster was fitted with exogenous columns {self.names}: pass them in X_new for the rows "
                "of y_new."
            )
        if self.names is None and X is not None:
            raise ValueError("This forecaster was fitted without X: leave X_new out, or fit again with X.")
        rows = [np.empty((len(part), 0)) for part in table.values]
        if X is not None:
            rows = align(X, table, name="X_new", columns=self.names, known_ids=self.number)[0]
        return self._series(table, rows)

    def read_future(
        self, X: object, numbers: np.ndarray, lengths: Sequence[int], n_steps: int
    ) -> tuple[np.ndarray, list[pd.Index]]:
        """What is known ahead of some series: exogenous columns (n, n_steps, k) of the `lengths[i]` steps to forecast
        (filled up by `fill_blocks`), and the times of these steps."""
        indexes = [self.grid.after(self.last[i], length) for i, length in zip(numbers, lengths)]
        names = self.known_names
        if self.names is None and X is not None:
            raise ValueError("This forecaster was fitted without X: leave X out, or fit again with X.")
        if not names:
            return np.empty((len(numbers), n_steps, 0)), indexes
        if X is None:
            raise ValueError(
                f"This forecaster was fitted with exogenous columns {names}: pass X with a row for each time to "
                f"forecast, from {indexes[0][0]} to {indexes[0][-1]}. If their future is not known, name them in "
                "past_only."
            )
        values = [np.empty((len(index), len(self.layout.names))) for index in indexes]
        ahead = Table(self.layout, [self.ids[i] for i in numbers], indexes, values, [])
        rows, _ = align(X, ahead, columns=names, known_ids=self.number)
        return np.concatenate([fill_blocks(part[None], n_steps) for part in rows]), indexes

    def advance(self, numbers: np.ndarray, table: Table) -> None:
        """Remember that the series of a table are known up to its end."""
        self.last = list(self.last)
        for number, index in zip(numbers, table.indexes):
            self.last[number] = index[-1]

    # -- forecasts --------------------------------------------------------------------------------------------------

    def write(self, values: Iterable[np.ndarray], indexes: list[pd.Index], bounds: tuple = ()) -> object:
        """Forecasts of all series, (steps, m[, bounds]) each, as an object of the kind of y."""
        return write_table(self.layout, self.ids, indexes, list(values), bounds)

    # -- storing ----------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict:
        return to_plain({name: value for name, value in vars(self).items() if name != "number"})

    def __setstate__(self, state: dict) -> None:
        vars(self).update(from_plain(state))
        self._number_of_ids()


def _refuse(table: Table) -> None:
    """What is wrong with the times and with the values of y, said together."""
    wrong = []
    for check in (grid_of, refuse_missing):
        try:
            check(table)
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError(" Also: ".join(wrong))
