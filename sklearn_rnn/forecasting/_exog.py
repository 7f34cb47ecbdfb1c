"""Exogenous columns: found beside the values of a series, or in X by their times, and made numbers."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .._warnings import warn
from ..sequences._columns import an_example, categories_of, codes_of, kind_of, numbers_of, refuse_column, shown
from ._tables import LARGEST, Table, infinite, read_table
from ._timegrid import TimeGrid

MOST_CATEGORIES = 256
_WHERE_IT_BEGINS = (
    " A series is forecast from its last row on: rows of NaN at the end of one bring it up to the others, and the past "
    "of those to be forecast alone goes in predict(X=..., y=...)."
)


@dataclass
class Source:
    """A frame that holds exogenous columns, and where in it the steps of each series stand; -1 if they do not."""

    frame: pd.DataFrame
    rows: list[np.ndarray]
    name: str  # of the argument, for messages

    def __contains__(self, column: Hashable) -> bool:
        return column in self.frame.columns


@dataclass
class ExogColumns:
    """Which exogenous columns there are, and what becomes of each.

    Numbers stay numbers; of categories, text included, each has a column of its own, 1 where it is this one. What is
    missing, or was not there in `fit`, is none of them.

    Attributes
    ----------
    names : list
        As the user calls them.
    past_only : list of bool
        Is the future of the column not known?
    categories : list of list or None
        None for a column of numbers. Without any value in fit, a column becomes none, and says nothing later either.
    static : list of bool
        Does the column not change within any series? Then it need not be told what it will be.
    """

    names: list = field(default_factory=list)
    past_only: list[bool] = field(default_factory=list)
    categories: list[list | None] = field(default_factory=list)
    static: list[bool] = field(default_factory=list)
    told: list = field(default_factory=list)  # categories that were warned of; shared by copies of a forecaster

    @classmethod
    def learn(cls, sources: Iterable[Source], past_only: Container) -> ExogColumns:
        """The columns of frames, and their categories."""
        columns = cls()
        for source in sources:
            for name in source.frame.columns:
                _tell_of_flag(source.frame[name], name, source.name)
                if name in columns.names:
                    raise ValueError(f"Column {name!r} stands in y and in X: leave it out of one of them.")
                column = source.frame[name]
                columns.names.append(name)
                columns.past_only.append(name in past_only)
                columns.static.append(False)
                columns.categories.append(_categories(column, name, source.name))
        return columns

    def widths(self, some: Sequence[int] | None = None) -> list[int]:
        """Columns of numbers that columns of the user come to."""
        some = range(len(self.names)) if some is None else some
        return [1 if (of := self.categories[k]) is None else len(of) for k in some]

    @property
    def known(self) -> list[int]:
        """The columns whose future must be known."""
        return [k for k, past in enumerate(self.past_only) if not past]

    def spread(self, marks: Sequence[bool], some: Sequence[int]) -> np.ndarray:
        """A mark for each column of numbers from one for each column of the user, of some of them."""
        return np.repeat(np.array([marks[k] for k in some], dtype=bool), self.widths(some))

    def encode(self, k: int, column: pd.Series, name: str) -> np.ndarray:
        """A column of the user as columns of numbers, (rows, width)."""
        label, categories = self.names[k], self.categories[k]
        kind = _checked_kind(column, label, name)
        if categories is not None and not categories:
            return np.empty((len(column), 0))
        if kind == "nothing":
            return np.full((len(column), 1), np.nan) if categories is None else np.zeros((len(column), len(categories)))
        if categories is None:
            if kind == "categories":
                raise ValueError(
                    f"Column {label!r} of {name} held numbers in fit; now it is of type {column.dtype}, with values "
                    f"such as {an_example(column)}. Convert it, as with pd.to_numeric({name}[{label!r}]), or fit again."
                )
            return _of_usable_size(numbers_of(column).astype(np.float64), label, name)[:, None]
        if kind == "numbers" and all(isinstance(category, str) for category in categories):
            raise ValueError(
                f"Column {label!r} of {name} held text in fit, such as {categories[0]!r}; now it is of type "
                f"{column.dtype}, with values such as {an_example(column)}. Convert it, as with "
                f"{name}[{label!r}].astype(str), or fit again."
            )
        codes, unknown = codes_of(column, categories)
        new = [category for category in unknown if [label, category] not in self.told]
        if new:
            few = ", ".join(shown(category) for category in new[:3]) + (", ..." if len(new) > 3 else "")
            warn(
                f"Column {label!r} of {name} has a category that this forecaster was not fitted on, {few}: it is "
                "treated as none, as if it were missing. Fit again to learn of it."
            )
            self.told.extend([label, category] for category in new)
        block = np.zeros((len(codes), len(categories)))
        there = np.flatnonzero(codes >= 0)
        block[there, codes[there]] = 1.0
        return block

    def gather(self, some: Sequence[int], sources: Sequence[Source], table: Table) -> list[np.ndarray]:
        """Some of the columns as numbers, (T_i, columns) for each series of a table; NaN where there is no row, or no
        source that has the column."""
        blocks, at = [], []
        for k in some:
            holding = [source for source in sources if self.names[k] in source]
            if len(holding) > 1:
                raise ValueError(
                    f"Column {self.names[k]!r} stands in {holding[0].name} and in {holding[1].name}: leave it out of "
                    "one of them."
                )
            source = holding[0] if holding else None
            block = np.full((1, self.widths([k])[0]), np.nan)
            if source is not None:
                # the last row, number -1, stands for none
                block = np.concatenate([self.encode(k, source.frame[self.names[k]], source.name), block])
            blocks.append(block)
            at.append(source)
        widths = self.widths(some)
        if len({id(source) for source in at}) == 1:
            whole, source = np.concatenate(blocks, axis=1), at[0]
            parts = [whole[rows] for rows in (source.rows if source else [np.full(len(p), -1) for p in table.indexes])]
        else:
            parts = []
            for i, index in enumerate(table.indexes):
                none = np.full(len(index), -1)
                rows_of = [none if source is None else source.rows[i] for source in at]
                parts.append(
                    np.concatenate([b[r] for b, r in zip(blocks, rows_of)], axis=1)
                    if some
                    else np.empty((len(index), 0))
                )
        for i, part in enumerate(parts):
            if np.isinf(part).any():
                t, column = np.argwhere(np.isinf(part))[0]
                k = int(np.repeat(np.arange(len(some)), widths)[column])
                where = at[k]
                assert where is not None
                raise infinite(
                    table.label(i, where.name),
                    table.indexes[i][t],
                    self.names[some[k]],
                    int(np.isinf(part).sum()),
                    where.name,
                )
        return parts

    # -- columns that do not change ----------------------------------------------------------------------------------

    def mark_static(self, known: list[np.ndarray]) -> None:
        """Find the columns that do not change within any of the series that are fitted."""
        if not self.known:
            return
        rows = self._without_none(np.concatenate(known))
        starts = np.cumsum([0, *(len(part) for part in known[:-1])])
        low, high = np.fmin.reduceat(rows, starts, axis=0), np.fmax.reduceat(rows, starts, axis=0)
        is_same = ((low == high) | np.isnan(low)).all(axis=0)
        stops = np.cumsum(self.widths(self.known))
        for k, start, stop in zip(self.known, [0, *stops], stops):
            self.static[k] = bool(is_same[start:stop].all())

    def _without_none(self, rows: np.ndarray) -> np.ndarray:
        """Known columns with NaN in place of no category."""
        rows, start = rows.copy(), 0
        for k, width in zip(self.known, self.widths(self.known)):
            if self.categories[k] is not None and width > 1:  # one category, or none, is a flag
                block = rows[:, start : start + width]
                block[~block.any(axis=1)] = np.nan
            start += width
        return rows

    def constants(self, known: list[np.ndarray]) -> np.ndarray:
        """The newest value of each series in its static columns, (N, columns); NaN where it has none."""
        is_static = self.spread(self.static, self.known)
        out = np.full((len(known), int(is_static.sum())), np.nan)
        if not is_static.any():
            return out
        rows = self._without_none(np.concatenate(known))[:, is_static]
        stops = np.cumsum([len(part) for part in known])
        newest = np.where(np.isnan(rows), -1, np.arange(len(rows))[:, None])
        newest = np.maximum.reduceat(newest, np.concatenate([[0], stops[:-1]]), axis=0)
        column = np.broadcast_to(np.arange(out.shape[1]), out.shape)
        return np.where(newest >= 0, rows[newest, column], np.nan)

    def tell_of_change(self, parts: list[np.ndarray], constants: np.ndarray, labels: list[str]) -> None:
        """A warning, once, where columns that did not change in fit are said to change: nothing was learnt of that."""
        is_static = self.spread(self.static, self.known)
        of_user = np.array([self.names[k] for k in self.known], dtype=object)
        names = np.repeat(of_user, self.widths(self.known))[is_static]
        for part, usual, label in zip(parts, constants, labels):
            rows = self._without_none(part)[:, is_static]
            other = np.isfinite(rows) & np.isfinite(usual) & (rows != usual)
            for name in dict.fromkeys(names[other.any(axis=0)]):
                if [name, "changes"] not in self.told:
                    warn(
                        f"Column {name!r} of {label} is not what it was of that series until now. It did not change "
                        "within any series in fit, so nothing was learnt of changes: forecasts are as if it stayed."
                    )
                    self.told.append([name, "changes"])

    def fill_static(self, part: np.ndarray, constants: np.ndarray) -> np.ndarray:
        """The known columns of one series, the static ones filled in."""
        is_static = self.spread(self.static, self.known)
        out = part.copy()
        out[:, is_static] = np.where(np.isnan(self._without_none(part)[:, is_static]), constants, part[:, is_static])
        return out


def _of_usable_size(numbers: np.ndarray, label: Hashable, name: str) -> np.ndarray:
    """Their squares must neither overflow nor vanish, or the column would be left out without a word."""
    sizes = np.abs(numbers[np.isfinite(numbers)])
    largest = sizes.max(initial=0.0)
    if largest > LARGEST or 0 < largest < 1 / LARGEST:
        raise ValueError(
            f"Column {label!r} of {name} has values up to {largest:.3g}, whose squares are no usable numbers in "
            "float64. Multiply or divide the column by a power of ten, in fit and in predict."
        )
    return numbers


def _checked_kind(column: pd.Series, label: Hashable, name: str) -> str:
    kind = kind_of(column)
    try:
        refuse_column(column, label, kind)
    except ValueError as error:
        told = str(error).replace("df[", f"{name}[").replace(" Or leave it out: name the features in columns=.", "")
        raise TypeError(f"{name}: {told} Or leave it out of {name}.") from None
    return kind if column.notna().any() else "nothing"


def _tell_of_flag(column: pd.Series, label: Hashable, name: str) -> None:
    """A column of numbers that is always the same, or missing, may be a flag, of which what is missing means no."""
    if kind_of(column) != "numbers" or not column.isna().mean() > 0.2:
        return
    present = column[column.notna()]
    if len(present) and (present == present.iloc[0]).all():
        warn(
            f"Column {label!r} of {name} is {shown(present.iloc[0])} or missing, and what is missing is taken to be "
            f"the same. If missing means no, say so: {name}[{label!r}].fillna(0)."
        )


def _categories(column: pd.Series, label: Hashable, name: str) -> list | None:
    kind = _checked_kind(column, label, name)
    if kind != "categories":
        return None if kind == "numbers" else []
    categories = categories_of(column).tolist()
    numbers = pd.to_numeric(pd.Series(categories, dtype=object).astype(str).str.replace(",", "."), errors="coerce")
    if len(categories) > 20 and numbers.notna().mean() > 0.9:
        warn(
            f"Column {label!r} of {name} is text with {len(categories)} different values, nearly all of which are "
            f"numbers, such as {an_example(column)}; each becomes a column. If it is a number, convert it: "
            f"pd.to_numeric({name}[{label!r}].str.replace(',', '.')). If these are categories, say so with "
            f"{name}[{label!r}].astype('category')."
        )
    if len(categories) > MOST_CATEGORIES:
        raise ValueError(
            f"Column {label!r} of {name} has {len(categories)} different categories, such as {an_example(column)}: at "
            f"most {MOST_CATEGORIES} become columns. Leave it out, join rare ones, or, if these are numbers, convert "
            f"them with pd.to_numeric({name}[{label!r}])."
        )
    return categories


# -- rows of X --------------------------------------------------------------------------------------------------------


def rows_of_X(
    X: object,
    table: Table,
    grid: TimeGrid,
    name: str = "X",
    *,
    columns: list | None = None,
    known_ids: Container | None = None,
    needed: str = "given",
    n_rows: int | None = None,
) -> Source:
    """Where in X the steps of each series of a table stand.

    Parameters
    ----------
    columns : list, default=None
        Those to take, if X has them; None takes all.
    known_ids : container of ids, default=None
        If X has another one, that is an error.
    needed : {"given", "all", "some"}
        Which steps must have a row in X: those that have one in y, all, or any one of each series.
    n_rows : int, default=None
        Rows that an array must have; None: at least as many as the table tells of.
    """
    is_frame = isinstance(X, (pd.Series, pd.DataFrame))
    if not is_frame and table.layout.kind != "array":
        raise TypeError(
            f"{name} must be a DataFrame with the index of y, so that its rows can be told apart, got "
            f"{type(X).__name__}."
        )
    if is_frame and columns is not None and isinstance(X, pd.DataFrame):
        columns = [column for column in columns if column in X.columns]
        if not columns:  # the rows do not matter, then
            return Source(X[[]], [np.full(len(index), -1) for index in table.indexes], name)
    if not is_frame:
        found = read_table(X, name=name, columns=columns, with_values=False)
        assert found.extra is not None
        if n_rows is not None and len(found.times) != n_rows:
            raise ValueError(
                f"{name} has {len(found.times)} rows, expected {n_rows}: one for each row of y, or for each time to "
                "forecast."
            )
        last = max(int(rows.max()) for rows in table.rows)
        if len(found.times) <= last:
            raise ValueError(f"{name} has {len(found.times)} rows, expected at least {last + 1}.")
        if columns is not None:
            found.extra.columns = columns
        return Source(found.extra, table.rows, name)
    found = read_table(X, table.layout.id_col, table.layout.time_col, name=name, columns=columns, with_values=False)
    assert found.extra is not None
    if table.layout.has_ids != found.layout.has_ids:
        raise ValueError(
            f"{name} must hold the ids of the series as y does, in the same levels of its index or the same columns."
        )
    if known_ids is not None and table.layout.has_ids:
        _refuse_unknown(found, known_ids, name)
    return Source(found.extra, _rows_at(found, table, grid, name, needed), name)


def _refuse_unknown(found: Table, known_ids: Container, name: str) -> None:
    unknown = [group for group in found.ids if group not in known_ids]
    if unknown:
        raise ValueError(
            f"{name} has rows for series {unknown[0]!r}, which this forecaster was not fitted on"
            + (f" (nor on {len(unknown) - 1} more)" if len(unknown) > 1 else "")
            + ". Leave them out, or fit again with the values of that series."
        )


def _rows_at(found: Table, table: Table, grid: TimeGrid, name: str, needed: str) -> list[np.ndarray]:
    """For each series, the row of X at each of its steps, -1 where there is none."""
    times = grid.ordinals(found.times)
    place = {group: j for j, group in enumerate(found.ids)}
    ours: dict[int, np.ndarray] = {}  # by index, which series share
    compared: dict[tuple, np.ndarray] = {}
    rows = []
    for i, (group, index) in enumerate(zip(table.ids, table.indexes)):
        j = place.get(group, -1) if table.layout.has_ids else 0
        if j < 0:
            raise ValueError(
                f"{name} has no rows for series {group!r}." + (_WHERE_IT_BEGINS if needed == "all" else "")
            )
        if id(index) not in ours:
            ours[id(index)] = grid.numbers(index)
        if times is None:
            at = np.full(len(index), -1)
        else:
            theirs = times[found.rows[j]]
            key = id(index), theirs.tobytes()
            if key not in compared:
                compared[key] = _places(theirs, ours[id(index)], found, j, name)
            at = compared[key]
        if (at < 0).any():
            _refuse_gaps(at, found, j, table, i, name, needed)
            rows.append(np.where(at >= 0, found.rows[j][at], -1))
        else:
            rows.append(found.rows[j][at])
    return rows


def _places(theirs: np.ndarray, ours: np.ndarray, found: Table, j: int, name: str) -> np.ndarray:
    """Where among their times each of ours stands, -1 if it does not."""
    if np.array_equal(theirs, ours):
        return np.arange(len(ours))
    order = np.argsort(theirs, kind="stable")
    theirs = theirs[order]
    twice = np.flatnonzero(theirs[1:] == theirs[:-1])
    if len(twice):
        label = found.times[found.rows[j][order[twice[0]]]]
        raise ValueError(f"{found.label(j, name)} has {label} twice. Drop one of the rows.")
    at = np.minimum(np.searchsorted(theirs, ours), len(theirs) - 1)
    return np.where(theirs[at] == ours, order[at], -1)


def _refuse_gaps(at: np.ndarray, found: Table, j: int, table: Table, i: int, name: str, needed: str) -> None:
    """An error if X lacks a row that is needed."""
    missing = at < 0
    if needed == "given":
        missing &= table.rows[i] >= 0
    elif needed == "some":
        missing &= bool(missing.all())
    if missing.any():
        index, own = table.indexes[i], found.times[found.rows[j]]
        raise ValueError(
            f"{found.label(j, name)} has no row for {index[int(np.argmax(missing))]}. It must hold one for each time "
            f"of y, or of the forecast ({index[0]} to {index[-1]}); its own index goes from {own[0]} to {own[-1]}."
            + (_WHERE_IT_BEGINS if needed == "all" else "")
        )
