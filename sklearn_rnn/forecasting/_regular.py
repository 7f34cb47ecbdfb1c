"""Tables whose rows stand at even steps: rows that are missing are put in, and hold NaN."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from ._tables import Table
from ._timegrid import MISSING, TimeGrid, check_order

# Rows put in for each one that was given, at most: beyond, the times have no regular step.
MOST_MISSING = 10
FEW_MISSING = 1000  # are no matter, where the step is known
_MOST_DISTINCT = 30  # indexes of a panel that are looked at to find their step


def grid_of(table: Table, name: str = "y") -> TimeGrid:
    """The grid that all times of a table lie on. The table's rows are regular from then on."""
    lengths = [len(rows) for rows in table.rows]
    order = np.argsort([-n for n in lengths], kind="stable")
    longest, others = int(order[0]), []
    if len(order) > 1:
        seen: set[bytes] = set()
        ordinals = _as_integers(table.times)
        for i in order:
            key = ordinals[table.rows[i]].tobytes()
            if key not in seen and len(seen) < _MOST_DISTINCT:
                seen.add(key)
                others.append(_times_of(table, i))
    grid = TimeGrid(_times_of(table, longest), table.label(longest, name), table.layout.advice(name), others[1:])
    make_regular(table, grid, name)
    return grid


def _as_integers(times: pd.Index) -> np.ndarray:
    """Times as numbers that differ where they do."""
    return times.asi8 if isinstance(times, (pd.DatetimeIndex, pd.PeriodIndex)) else pd.factorize(times)[0]


def _times_of(table: Table, i: int) -> pd.Index:
    """The times of a series as given; of a single one, with its freq."""
    return table.times if len(table.rows) == 1 else table.times[table.rows[i]]


class _Ruler:
    """All labels of a grid from one to another."""

    def __init__(self, grid: TimeGrid, first: int, last: int):
        start = grid.label(first)
        self.labels = grid.labels(start, max(grid.n_steps(start, grid.label(last)), 0) + 1)
        self.ordinals = grid.numbers(self.labels)

    def at(self, ordinals: np.ndarray) -> np.ndarray:
        """Where labels stand; -1 for those that lie between."""
        at = np.minimum(np.searchsorted(self.ordinals, ordinals), len(self.ordinals) - 1)
        return np.where(self.ordinals[at] == ordinals, at, -1)


def ordered_times(table: Table, grid: TimeGrid, name: str = "y") -> list[np.ndarray]:
    """The times of each series in numbers, which must be in order, each there once."""
    ordinals = grid.ordinals_of_y(table.times, name)
    parts = [ordinals[rows] for rows in table.rows]
    for i, part in enumerate(parts):
        if part[0] == MISSING or not (part[1:] > part[:-1]).all():
            check_order(_times_of(table, i), table.label(i, name), table.layout.advice(name))
            wrong = table.times[table.rows[i][int(np.argmin(part))]]
            raise grid.between(wrong, table.label(i, name), table.layout.advice(name))
    return parts


def make_regular(
    table: Table,
    grid: TimeGrid,
    name: str = "y",
    *,
    begin: Sequence | None = None,
    anchored: bool = True,
    n_more: int = 0,
) -> None:
    """Bring the rows of a table, as it was read, to the steps of a grid.

    Parameters
    ----------
    begin : sequence of int or None, default=None
        Number of the time at which each series is to begin, at its first row or before; None (of one or of all) is the
        first row.
    anchored : bool
        Whether all series must lie on the same steps; otherwise each begins its own.
    n_more : int
        Rows that may be put in besides `MOST_MISSING` for each one given.
    """
    advice = table.layout.advice(name)
    parts = ordered_times(table, grid, name)
    begin = [None] * len(parts) if begin is None else begin
    firsts = [part[0] if first is None else first for part, first in zip(parts, begin)]
    n_given, n_missing = sum(len(part) for part in parts), 0
    most = MOST_MISSING * n_given + n_more
    ruler = None
    if anchored:
        low, high = min(firsts), max(part[-1] for part in parts)
        if grid.n_steps(grid.label(low), grid.label(high)) <= 20 * n_given + n_more + 100_000:
            ruler = _Ruler(grid, low, high)
    placed: dict[tuple, tuple] = {}
    table.indexes = []
    for i, (part, first) in enumerate(zip(parts, firsts)):
        key = first, part.tobytes()
        if key not in placed:
            where = table.label(i, name)
            n = grid.n_steps(grid.label(first), grid.label(part[-1])) + 1
            if n - len(part) > most:
                raise grid.too_many(n - len(part), first, part, where, advice)
            if ruler is None and anchored:
                _refuse_other_phase(grid, min(firsts), first, where)
            own = ruler or _Ruler(grid, first, part[-1])
            at, start = own.at(part), int(own.at(np.array([first]))[0])
            if start < 0 or (at < 0).any():
                if start < 0 and _Ruler(grid, first, first).at(np.array([first]))[0] == 0:
                    raise _other_phase(grid, min(firsts), first, where)
                wrong = table.rows[i][max(int(np.argmin(at)), 0)]
                raise grid.between(table.times[wrong], where, advice)
            placed[key] = own.labels[start : at[-1] + 1], at - start
        index, at = placed[key]
        n_missing += len(index) - len(part)
        table.indexes.append(index)
        _put_in(table, i, len(index), at)
        if n_missing > most:
            raise grid.too_many(len(index) - len(part), first, part, table.label(i, name), advice)


def _put_in(table: Table, i: int, n: int, at: np.ndarray) -> None:
    """Rows of series i at some of n steps."""
    values, rows = table.values[i], table.rows[i]
    if n == len(rows):
        return
    table.values[i], table.rows[i] = np.full((n, values.shape[1]), np.nan, values.dtype), np.full(n, -1)
    table.values[i][at], table.rows[i][at] = values, rows


def _refuse_other_phase(grid: TimeGrid, low: int, first: int, where: str) -> None:
    """Times so far apart that their labels are not listed are those of a step of a fixed time."""
    step = grid.numbers(grid.labels(grid.label(low), 2))[1] - low
    if (first - low) % step:
        raise _other_phase(grid, low, first, where)


def _other_phase(grid: TimeGrid, low: int, first: int, where: str) -> ValueError:
    return ValueError(
        f"{where} begins at {grid.label(first)}, which is not a whole number of steps after {grid.label(low)}, where "
        "another series begins. Bring all series to the same times, as with resample()."
    )


def trim_start(table: Table, name: str = "y", some: Iterable[int] | None = None) -> None:
    """Leave out the rows of each series, or of some, before its first value. One without any, or a column, is an
    error."""
    shorter: dict[tuple, pd.Index] = {}
    for i in range(len(table.ids)) if some is None else some:
        values = table.values[i]
        missing = np.isnan(values[0])
        if not missing.any():
            continue
        empty = np.flatnonzero(np.isnan(values).all(axis=0))
        if len(empty):
            label, column = table.label(i, name).rstrip(","), table.layout.names[empty[0]]
            what = f"{label} has no value at all"
            if values.shape[1] > 1:
                what = f"Column {column!r} of {label} has no value at all"
            raise ValueError(f"{what}: every row is missing (NaN). Leave it out.")
        if missing.all():
            k = int(np.argmin(np.isnan(values).all(axis=1)))
            key = id(table.indexes[i]), k
            if key not in shorter:
                shorter[key] = table.indexes[i][k:]
            # the indexes before are kept, so that their ids stay theirs
            shorter[*key, i] = table.indexes[i]
            table.indexes[i] = shorter[key]
            table.values[i], table.rows[i] = values[k:], table.rows[i][k:]


def rows_around(
    table: Table, cut: Hashable, stops: np.ndarray, going: np.ndarray, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the user's object, in order: the first stops[i] of each series, and up to `horizon` after these of those
    series in `going` that have a row on both sides of the cut, since a score follows on directly."""
    both = [(table.rows[i][stops[i] - 1 : stops[i] + 1] >= 0).all() for i in going]
    going = going[np.array(both)]
    if not len(going):
        regular = table.layout.advice().regular.replace(".interpolate()", "")
        raise ValueError(
            f"y has no rows at {cut} and at the time after it, between which to cut: put in those that are missing, "
            f"with NaN for values, as with {regular}, or choose other cutoffs."
        )
    known = np.concatenate([rows[:stop] for rows, stop in zip(table.rows, stops)])
    later = np.concatenate([table.rows[i][stops[i] : stops[i] + horizon] for i in going])
    return np.sort(known[known >= 0]), np.sort(later[later >= 0])
