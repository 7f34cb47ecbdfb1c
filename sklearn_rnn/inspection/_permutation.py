"""X as a table of its time steps, so that steps of some channels can be taken from other sequences.

Sequences of different lengths make two questions of what is one in a table: which step of a donor stands for which of
the receiver's, and who may be a donor. Here

- steps are counted from the end (or from the start), so that the last step of a sequence gets a last step;
- a sequence takes only what it has: its length never changes;
- a whole course comes from a sequence of the same length, or, where fewer than `ENOUGH` are of one length, of one that
  is among the next longer or shorter. A longer donor is cut at its far side. A shorter one is mirrored there: that
  makes no jump, as to begin it anew would, and puts in no values that no sequence has.

So what the length itself tells of the target is not counted for a channel that goes with it. Where all have one length,
everyone gets from everyone, as in scikit-learn's `permutation_importance`.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator

from .._sklearn import safe_indexing
from ..sequences._arrays import as_array, is_ragged, library_of, list_column, refuse_lazy, single_column
from ..sequences._frame_transformer import FrameToSequences
from ..sequences._frames import as_labels, check_long_frame, order_of_rows
from ..sequences._lags import LagsToSequence
from ..sequences._sequences import Sequences, columns_in_order
from ..sequences._windows import SlidingWindow
from ._models import found_or_frozen

# So many sequences of about one length are permuted among themselves: one of them keeps its own course by chance.
ENOUGH = 20


@dataclass
class StepTable:
    """The time steps of n sequences as columns, one for each channel: sequence after sequence, each in order of time.

    Attributes
    ----------
    columns : list of ndarray, or of arrays of pandas, of shape (steps in all,)
    lengths : ndarray of shape (n,)
    names : list
        Of the channels: those of columns of frames, else their numbers.
    step_names : list, or None
        Names of the time steps, where X is a frame with a column for each.
    fixed : tuple of int
        Channels that say something about the sequence as a whole, so that single steps of them are not permuted.
    has_steps : bool
        False if X holds features that have no time (one-to-many).
    """

    columns: list
    lengths: np.ndarray
    names: list
    step_names: list | None = None
    fixed: tuple[int, ...] = ()
    has_steps: bool = True

    def write(self, changed: dict[int, Any]) -> Any:
        """A copy of X in the form in which it came, with some columns in place of its own."""
        raise NotImplementedError

    def exchanged(self, channels: Sequence[int], target: np.ndarray, source: np.ndarray) -> Any:
        """A copy of X in which rows `target` of some channels hold what rows `source` do."""
        changed = {}
        for channel in channels:
            column = self.columns[channel]
            take = np.arange(len(column))
            take[target] = source
            changed[channel] = column.take(take)
        return self.write(changed)


@dataclass
class _OfArray(StepTable):
    """2-D X, one step or (one-to-many) one feature a column; or 3-D X."""

    X: Any = None
    present: np.ndarray | None = None  # (n, T); None: all are

    def write(self, changed):
        if hasattr(self.X, "columns"):
            values = np.column_stack(self.columns).reshape(self.X.shape)
            for channel, column in changed.items():
                values.reshape(len(self.X), -1, len(self.columns))[:, :, channel] = column.reshape(len(self.X), -1)
            # a value only ever moves within its column, so that the types of columns hold
            if _is_polars(self.X):
                columns = [column.tolist() if column.dtype == object else column for column in values.T]
                named = dict(zip(self.X.columns, columns))
                return type(self.X)(named, schema=self.X.schema, strict=False, nan_to_null=True)
            return pd.DataFrame(values, index=self.X.index, columns=self.X.columns).astype(self.X.dtypes)
        out = self.X.copy()
        view = out if out.ndim == 3 else out.reshape(len(out), -1, len(self.columns))
        for channel, column in changed.items():
            if self.present is None:
                view[:, :, channel] = column.reshape(view.shape[:2])
            else:
                view[self.present, channel] = column
        if self.present is not None:
            self._keep_lengths(view)
        return out

    def _keep_lengths(self, out):
        """With NaN inside sequences the values taken may leave nothing at a first or last step, which would make it
        absent: it keeps its own."""
        for edge in (self.present.argmax(axis=1), out.shape[1] - 1 - self.present[:, ::-1].argmax(axis=1)):
            lost = np.flatnonzero(np.isnan(out[np.arange(len(out)), edge]).all(axis=1))
            out[lost, edge[lost]] = self.X[lost, edge[lost]]


@dataclass
class _OfList(StepTable):
    """A list or object array of arrays."""

    arrays: Any = None
    as_object_array: bool = False

    def write(self, changed):
        ends = np.cumsum(self.lengths)
        out = []
        for array, stop, length in zip(self.arrays, ends, self.lengths):
            array = array.copy()
            for channel, column in changed.items():
                array[(slice(None), channel) if array.ndim == 2 else slice(None)] = column[stop - length : stop]
            out.append(array)
        if not self.as_object_array:
            return out
        objects = np.empty(len(out), dtype=object)
        objects[:] = out
        return objects


@dataclass
class _OfFrames(StepTable):
    """A list of data frames."""

    frames: Any = None

    def write(self, changed):
        out, start = [], 0
        for frame in self.frames:
            stop, frame = start + len(frame), frame.copy(deep=False)
            for channel, column in changed.items():
                frame.isetitem(channel, column[start:stop])
            out.append(frame)
            start = stop
        return out


@dataclass
class _OfLongFrame(StepTable):
    """A long frame, one row for each sequence and step."""

    frame: Any = None
    order: Any = None

    def write(self, changed):
        out, back = self.frame.copy(deep=False), np.argsort(self.order)
        for channel, column in changed.items():
            out[self.names[channel]] = pd.Series(column.take(back), index=out.index)
        return out


def parts_of(estimator: Any) -> list:
    """An estimator, as a search found it, and what is inside it."""
    estimator = found_or_frozen(estimator)
    inside = list(estimator.get_params(deep=True).values()) if hasattr(estimator, "get_params") else []
    frozen = [parts_of(part) for part in inside if isinstance(part, FrozenEstimator)]  # they hide what they hold
    return [estimator, *inside, *itertools.chain.from_iterable(frozen)]


def step_table(X: Any, estimator: Any) -> StepTable:
    """X, in any form that the estimator takes, as a table of its time steps."""
    refuse_lazy(X, "X")
    X, parts = single_column(X), parts_of(estimator)
    frames = next((part for part in parts if isinstance(part, FrameToSequences)), None)
    if frames is not None and isinstance(X, pd.DataFrame):
        return _from_long_frame(X, frames)
    if is_ragged(X):
        return _from_list(X)
    values = as_array(X, "X")
    if values.ndim == 3:
        return _from_3d(values)
    if values.ndim != 2:
        raise ValueError(
            f"X must hold sequences: (n_samples, n_timesteps, n_features), (n_samples, n_timesteps), or a list of "
            f"(n_timesteps_i, n_features) arrays; got an array of shape {values.shape}."
        )
    for part in parts:
        if isinstance(part, (SlidingWindow, LagsToSequence)):
            name = type(part).__name__
            raise ValueError(
                f"This estimator takes a table, of which {name} makes sequences inside it: the columns of X are not "
                "time steps. Make them first, with k steps of the pipeline up to that one: "
                "sequence_importance(pipeline[k:], pipeline[:k].transform(X), y)."
            )
    is_frame = isinstance(X, pd.DataFrame) or (_is_polars(X) and frames is None)
    if not is_frame and hasattr(X, "columns"):
        raise TypeError(f"X is a frame of {library_of(X)}; convert it: X.to_pandas().")
    return _from_2d(X, values, any(getattr(part, "mapping", None) == "one-to-many" for part in parts))


def _is_polars(X: Any) -> bool:
    return library_of(X) == "polars"


def take_samples(X: Any, index: np.ndarray, estimator: Any) -> Any:
    """Some of the sequences of X, in the form in which it came."""
    frames = next((part for part in parts_of(estimator) if isinstance(part, FrameToSequences)), None)
    if frames is not None and isinstance(X, pd.DataFrame):
        ids = X[frames.id_col]
        return X[ids.isin(pd.unique(ids)[index])]
    return safe_indexing(X, index)


def _from_2d(X, values, one_to_many) -> StepTable:
    n, n_columns = values.shape
    names = list(X.columns) if hasattr(X, "columns") else None
    X = X if names is not None else values
    if one_to_many:
        columns = [values[:, channel] for channel in range(n_columns)]
        names = list(range(n_columns)) if names is None else names
        return _OfArray(columns, np.ones(n, dtype=int), names, has_steps=False, X=X)
    return _OfArray([values.ravel()], np.full(n, n_columns), [0], names, X=X)


def _from_3d(X) -> StepTable:
    sequences = Sequences.from_3d(X, allow_nan=True)
    has_nan = X.dtype.kind == "f" and bool(np.isnan(sequences.values).any())
    present = sequences.present if sequences.may_vary or has_nan else None
    columns = list(sequences.rows.T)
    return _OfArray(columns, sequences.lengths, list(range(X.shape[2])), X=sequences.values, present=present)


def _from_list(X) -> StepTable:
    column = list_column(X)
    items = X if column is None else column
    if all(hasattr(x, "columns") for x in items):
        return _from_frames(items)
    Sequences.from_ragged(items, allow_nan=True)  # says what is wrong
    arrays = [as_array(x, f"X[{i}]") for i, x in enumerate(items)]
    lengths = np.array([len(x) for x in arrays])
    rows = np.concatenate([x if x.ndim == 2 else x[:, None] for x in arrays])
    return _OfList(
        list(rows.T), lengths, list(range(rows.shape[1])), arrays=arrays, as_object_array=isinstance(X, np.ndarray)
    )


def _from_frames(X) -> StepTable:
    frames = [x if isinstance(x, pd.DataFrame) else pd.DataFrame({name: x[name] for name in x.columns}) for x in X]
    frames, names = columns_in_order(frames, None)
    lengths = np.array([len(frame) for frame in frames])
    if not lengths.all():
        raise ValueError(f"X[{int(lengths.argmin())}] is empty: a sequence needs at least one time step.")
    joined = pd.concat(frames, ignore_index=True)
    columns = [joined.iloc[:, channel].array for channel in range(joined.shape[1])]
    return _OfFrames(columns, lengths, list(range(joined.shape[1])) if names is None else names, frames=frames)


def _from_long_frame(X: pd.DataFrame, frames: FrameToSequences) -> StepTable:
    names: list[Hashable] = list(getattr(frames, "columns_", None) or [])
    if not names:  # the transformer as a search was given it
        names = check_long_frame(X, frames.id_col, frames.time_col, frames.columns)
    order, lengths, _ = order_of_rows(X, frames.id_col, frames.time_col)
    columns = [X[name].array.take(order) for name in names]
    static = frames.static_columns if frames.static_columns is not None else []
    if frames.static == "initial" and frames.static_columns is None:
        static = getattr(frames, "static_columns_", [])
    fixed = tuple(names.index(name) for name in as_labels(static))
    return _OfLongFrame(columns, lengths, names, fixed=fixed, frame=X, order=order)


# -- who gets what from whom ------------------------------------------------------------------------------------------


def steps_there(lengths: np.ndarray, start: int, stop: int) -> np.ndarray:
    """How many of the steps start..stop, counted from one side, each sequence has."""
    return np.clip(lengths - start, 0, stop - start)


def exchange(
    permutation: np.ndarray, lengths: np.ndarray, start: int, stop: int, align: str
) -> tuple[np.ndarray, np.ndarray]:
    """For a permutation of the sequences, which rows of a StepTable get their values from which.

    Parameters
    ----------
    permutation : ndarray of shape (n,)
    lengths : ndarray of shape (n,)
    start, stop : int
        Steps, counted from the end or the start of each sequence, from 0.
    align : {"end", "start"}

    Returns
    -------
    target, source : ndarray of int
        Rows.
    """
    there = steps_there(lengths, start, stop)
    group = alike(there)
    donor = np.arange(len(lengths))
    # the permutation restricted to each group: what is uniform over all is uniform there
    donor[np.argsort(group, kind="stable")] = permutation[np.argsort(group[permutation], kind="stable")]
    receiver = np.repeat(np.arange(len(lengths)), there)
    position = np.arange(len(receiver)) - np.repeat(np.cumsum(there) - there, there)
    of_donor = there[donor[receiver]]
    mirrored = position % (2 * np.maximum(of_donor, 1))
    mirrored = np.where(mirrored < of_donor, mirrored, 2 * of_donor - 1 - mirrored)
    return (
        _rows(receiver, start + position, lengths, align),
        _rows(donor[receiver], start + mirrored, lengths, align),
    )


def _rows(sequence: np.ndarray, position: np.ndarray, lengths: np.ndarray, align: str) -> np.ndarray:
    """Rows of steps that are counted from one side."""
    ends = np.cumsum(lengths)
    return ends[sequence] - 1 - position if align == "end" else (ends - lengths)[sequence] + position


def alike(there: np.ndarray) -> np.ndarray:
    """A number for each sequence, the same for those that have about as many steps and are `ENOUGH`; -1 for none."""
    group = np.full(len(there), -1)
    values, counts = np.unique(there[there > 0], return_counts=True)
    number, members, label = 0, 0, np.zeros(len(values), dtype=int)
    for i, count in enumerate(counts):
        label[i] = number
        members += count
        if members >= ENOUGH:
            number, members = number + 1, 0
    if members and number:  # too few are left at the end: they join the longest before them
        label[label == number] = number - 1
    group[there > 0] = label[np.searchsorted(values, there[there > 0])]
    return group
