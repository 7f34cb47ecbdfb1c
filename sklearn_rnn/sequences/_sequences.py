"""Sequences: whatever a user passes as X, seen as n sequences, and the way back from rows to that form.

The first axis of X is always the sample, and a sample is a sequence:

* 2-D X (n, T): each row is one univariate sequence, each column a time step, oldest first;
* 3-D X (n, T, F): time steps that are entirely NaN at the start or at the end of a sequence are absent;
* a list, or object array, of (T_i, F) or (T_i,) arrays, or of data frames: sequences of different lengths.

`Sequences` holds arrays without copying: windows cut as a view of a long series stay a view until a batch is taken. (A
list is joined into one array.)
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ._arrays import (
    as_array,
    as_numbers,
    from_arrow,
    is_ragged,
    list_column,
    refuse_lazy,
    refuse_times_and_text,
    single_column,
)
from ._timeindex import refuse_wrong_order

CHANNELS_LAST = "3-D X is (n_samples, n_timesteps, n_features); if yours has time last, pass X.transpose(0, 2, 1)."
# What to do about values that are not finite.
REMEDIES = {
    "NaN": "Fill it with SequenceImputer.",
    "infinity": "Put a number in its place, or NaN, which SequenceImputer fills.",
}
# So many numbers are looked through at once.
_AT_ONCE = 1 << 22


class Sequences:
    """n sequences. Arrays stay views of what the user passed.

    Attributes
    ----------
    kind : {"2d", "3d", "ragged"}
    lengths : ndarray of shape (n,)
        Valid steps of each.
    n_features : int
    n_timesteps : int
        Second axis of 2-D or 3-D X; -1 for a list.
    dtype : float32 if X is, else float64
    may_vary : bool
        Whether sequences may differ in length: a list, or an array with absent steps.
    feature_names : ndarray of str, or None
        Columns of data frames in a list.
    patch_size : int
        So many consecutive steps are joined into one where networks take them; see `in_patches`.
    """

    patch_size = 1

    def __init__(
        self,
        values: np.ndarray,
        first: np.ndarray,
        lengths: np.ndarray,
        kind: str,
        feature_names: np.ndarray | None = None,
    ):
        # values[i, first[i] + t] is step t of sequence i; ragged: values[first[i] + t]
        self.values, self.first, self.lengths, self.kind = values, first, lengths, kind
        self.n_features = values.shape[-1]
        self.n_timesteps = -1 if kind == "ragged" else values.shape[1]
        self.dtype = np.dtype(np.float32 if values.dtype == np.float32 else np.float64)
        self.feature_names = feature_names
        self.may_vary = kind == "ragged" or (lengths.flags.writeable and bool((lengths < values.shape[1]).any()))

    def __len__(self):
        return len(self.lengths)

    def in_patches(self, size: int) -> Sequences:
        """The same sequences, which networks see in patches of `size` steps. Nothing is copied."""
        if size == self.patch_size:
            return self
        patched = copy.copy(self)
        patched.patch_size = size
        return patched

    @property
    def n_patches(self) -> np.ndarray:
        """Steps of each sequence, as networks see it."""
        if not self.may_vary:  # one number: every batch asks for it, of data of any length
            return _repeated(-(-self.n_timesteps // self.patch_size), len(self))
        return -(-self.lengths // self.patch_size)

    @property
    def usual_length(self) -> int:
        """The median number of steps of a sequence, as networks see it."""
        return int(np.median(self.n_patches) if self.may_vary else self.n_patches[0])

    # -- from what users pass ---------------------------------------------------------------------------------------

    @classmethod
    def from_2d(cls, X: np.ndarray, n_repeats: int | None = None) -> Sequences:
        """X (n, T) that has been validated. With n_repeats, X (n, F) of features fed at each of so many steps."""
        X = X[:, :, None] if n_repeats is None else np.broadcast_to(X[:, None], (len(X), n_repeats, X.shape[1]))
        return cls(X, *_all_present(X), "2d" if n_repeats is None else "3d")

    @classmethod
    def without_gaps(cls, X: np.ndarray) -> Sequences:
        """X (n, T, F) of which it is known that all is finite."""
        return cls(X, *_all_present(X), "3d")

    @classmethod
    def from_3d(cls, X: np.ndarray, name: str = "X", allow_nan: bool = False) -> Sequences:
        """X (n, T, F); finds absent steps, refuses infinities, and any other NaN unless that is allowed."""
        X = as_numbers(X, name)
        n, n_timesteps, n_features = X.shape
        for size, what in ((n, "sample"), (n_timesteps, "time step"), (n_features, "feature")):
            if size == 0:
                raise ValueError(
                    f"{name} has 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required. {CHANNELS_LAST}"
                )
        first, lengths = _all_present(X)
        if np.issubdtype(X.dtype, np.floating):
            n_rows = max(1, _AT_ONCE // (n_timesteps * n_features))
            for start in range(0, n, n_rows):
                rows = slice(start, start + n_rows)
                with np.errstate(over="ignore", invalid="ignore"):
                    if np.isfinite(X[rows].sum()):
                        continue
                if not lengths.flags.writeable:
                    first, lengths = first.copy(), lengths.copy()
                first[rows], lengths[rows] = _find_present(X[rows], start, name, allow_nan)
        return cls(X, first, lengths, "3d")

    @classmethod
    def from_ragged(
        cls, X: Any, name: str = "X", allow_nan: bool = False, feature_names: Sequence | None = None
    ) -> Sequences:
        """A list of (T_i, F) or (T_i,) arrays, or of data frames, whose columns are put in the order of the first, or
        of `feature_names`."""
        arrays: list[np.ndarray] = []
        column = list_column(X)
        in_order, names = columns_in_order(X if column is None else column, feature_names, name)
        for i, x in enumerate(in_order):
            refuse_times_and_text(x, f"{name}[{i}]", "Make numbers of it, or leave it out.")
            refuse_wrong_order(x, f"{name}[{i}]")
            x = as_array(x, f"{name}[{i}]")
            if x.ndim not in (1, 2):
                raise ValueError(
                    f"Each sequence of {name} must be a (n_timesteps, n_features) array, or 1-D for one feature; "
                    f"sequence {i} has shape {x.shape}."
                )
            x = as_numbers(x[:, None] if x.ndim == 1 else x, f"{name}[{i}]")
            if x.size == 0:
                raise ValueError(
                    f"{name}[{i}] is empty (shape={x.shape}): a sequence needs at least one time step and one "
                    "feature. Remove it, and its target."
                )
            if arrays and x.shape[1] != arrays[0].shape[1]:
                raise ValueError(
                    f"All sequences of {name} must have the same number of features: sequence 0 has "
                    f"{arrays[0].shape[1]}, sequence {i} has {x.shape[1]} (shape {x.shape}). A sequence is "
                    "(n_timesteps, n_features); if yours have time last, pass their transposes."
                )
            acceptable = ~np.isinf(x) if allow_nan else np.isfinite(x)
            if not acceptable.all():
                t = int(np.flatnonzero(~acceptable.all(axis=1))[0])
                what = "infinity" if np.isinf(x[t]).any() else "NaN"
                raise ValueError(
                    f"Input {name} contains {what}: sequence {i}, time step {t}. {REMEDIES[what]} Or leave the step "
                    "out: a list may hold sequences of different lengths."
                )
            arrays.append(x)
        all_float32 = all(x.dtype == np.float32 for x in arrays)
        lengths = np.array([len(x) for x in arrays])
        values = np.concatenate(arrays, dtype=np.float32 if all_float32 else np.float64)
        columns = None if names is None else np.asarray(names, dtype=object)
        return cls(values, np.cumsum(lengths) - lengths, lengths, "ragged", columns)

    def refuse_too_large(self, dtype: np.dtype, name: str = "X") -> None:
        """Finite values that are infinite in the dtype that a model works in are an error."""
        if dtype != np.float32 or self.dtype == np.float32:
            return
        largest = max(np.nanmax(self.values), -np.nanmin(self.values))
        if largest > np.finfo(np.float32).max:
            raise ValueError(
                f"{name} holds values up to {largest}, too large for float32, the type of the X that this model was "
                "fitted on. Scale them, or fit on X in float64."
            )

    # -- to what networks take --------------------------------------------------------------------------------------

    def steps(self, index: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray | None]:
        """The sequences of `index` as (T, F, N), and their lengths, or None where all have T."""
        X, lengths = self._steps(index, dtype)
        return (X, lengths) if self.patch_size == 1 else join_steps(X, lengths, self.patch_size)

    def whole(self, dtype: np.dtype) -> np.ndarray:
        """All sequences, none of which has absent steps, as (T, F, N)."""
        X = self.values.astype(dtype, copy=False).transpose(1, 2, 0)
        return X if self.patch_size == 1 else join_steps(X, None, self.patch_size)[0]

    def _steps(self, index, dtype):
        """Without patches."""
        if not self.may_vary:
            return self.values[index].astype(dtype, copy=False).transpose(1, 2, 0), None
        lengths = self.lengths[index]
        t = np.arange(lengths.max())[:, None]
        at = self.first[index] + np.minimum(t, lengths - 1)
        values = self.values[at] if self.kind == "ragged" else self.values[index, at]
        if (lengths == len(t)).all():
            return values.astype(dtype, copy=False).transpose(0, 2, 1), None
        values = np.where((t < lengths)[:, :, None], values, values.dtype.type(0))
        return values.astype(dtype, copy=False).transpose(0, 2, 1), lengths

    def blocks(self, index: np.ndarray, most_cells: int, most_sequences: int = 256) -> list[np.ndarray]:
        """`index` in groups that may be padded to one length: the shortest together, none of which has more than
        `most_cells` cells (time steps times sequences), if there is no single sequence that has."""
        if not self.may_vary:
            size = max(1, min(most_sequences, most_cells // int(self.n_patches[0])))
            return [index[start : start + size] for start in range(0, len(index), size)]
        lengths = -(-self.lengths[index] // self.patch_size)
        order = np.argsort(lengths, kind="stable")
        index, lengths, start = index[order], lengths[order], 0
        blocks: list[np.ndarray] = []
        while start < len(index):
            some = lengths[start : start + most_sequences]
            stop = start + max(1, int(np.searchsorted(some * np.arange(1, len(some) + 1), most_cells, side="right")))
            blocks += cut_by_length(index[start:stop], lengths[start:stop])
            start = stop
        return blocks

    # -- back to the form of X --------------------------------------------------------------------------------------

    def arrange_steps(self, rows: np.ndarray, absent: object) -> np.ndarray:
        """Rows (valid steps in all, ...) in the shape in which X came: (n, T, ...), or an array of (T_i, ...) arrays.

        Absent steps hold `absent`.
        """
        if self.kind == "ragged":
            out = np.empty(len(self), object)
            for i, piece in enumerate(np.split(rows, np.cumsum(self.lengths)[:-1])):
                out[i] = piece
            return out
        shape = (len(self), self.n_timesteps)
        if not self.may_vary:
            return rows.reshape(shape + rows.shape[1:])
        out = np.full(shape + rows.shape[1:], absent, dtype=rows.dtype)
        out[self.present] = rows
        return out

    @property
    def present(self) -> np.ndarray:
        """(n, T) True at the steps that exist (2-D and 3-D X)."""
        t = np.arange(self.n_timesteps)
        return (t >= self.first[:, None]) & (t < (self.first + self.lengths)[:, None])

    @property
    def rows(self) -> np.ndarray:
        """The time steps that exist, (steps, n_features), sequence after sequence."""
        if self.kind == "ragged":
            return self.values
        if not self.may_vary:
            return self.values.reshape(-1, self.n_features)
        return self.values[self.present]

    # -- what goes with X -------------------------------------------------------------------------------------------

    def flatten_steps(self, Y: Any, name: str, ndims: tuple[int, ...] = (2, 3)) -> np.ndarray:
        """Targets in the shape of X, (n, T[, k]) or a list of (T_i[, k]), as rows, one for each valid step."""
        Y = single_column(Y)
        if self.kind == "ragged" or is_ragged(Y):
            Y = list_column(Y) or (Y if isinstance(Y, (list, tuple)) else np.atleast_1d(as_array(Y, name)))
            self.check_length(Y, name)
            Y = [as_array(y, f"{name}[{i}]") for i, y in enumerate(columns_in_order(Y, None, name)[0])]
            expected = self.lengths if self.kind == "ragged" else np.full(len(self), self.n_timesteps)
            for i, (y, length) in enumerate(zip(Y, expected)):
                if y.ndim not in (1, 2) or len(y) != length:
                    raise ValueError(
                        f"{name} must have one target for every time step of X: {name}[{i}] has shape {y.shape}, but "
                        f"sequence {i} has {length} time steps. (For one target a sequence: mapping='many-to-one'.)"
                    )
                if y.shape[1:] != Y[0].shape[1:]:
                    raise ValueError(
                        f"All of {name} must have the same number of outputs: {name}[0] has shape {Y[0].shape}, "
                        f"{name}[{i}] has shape {y.shape}."
                    )
            if self.kind == "ragged":
                return np.concatenate(Y)
            Y = np.stack(Y)
        Y = as_array(Y, name)
        if Y.ndim not in ndims or Y.shape[:2] != (len(self), self.n_timesteps):
            hint = ""
            if Y.ndim >= 2 and Y.shape[1] == self.n_features != self.n_timesteps:
                hint = f" {name}'s second axis equals X's number of features. {CHANNELS_LAST}"
            raise ValueError(
                f"{name} must have one target for every time step of X: expected shape "
                f"({len(self)}, {self.n_timesteps}) or ({len(self)}, {self.n_timesteps}, n_outputs), got {Y.shape}. "
                f"(For one target a sequence: mapping='many-to-one'.){hint}"
            )
        return Y[self.present] if self.may_vary else Y.reshape(Y.shape[0] * Y.shape[1], *Y.shape[2:])

    def place(self, row: int, per_step: bool) -> str:
        """Which sample, and which time step, a row of targets belongs to."""
        if not per_step:
            return f"sample {row}"
        i = int(np.searchsorted(np.cumsum(self.lengths), row, side="right"))
        return (
            f"sample {i}, time step {row - int(self.lengths[:i].sum()) + (self.first[i] if self.kind == '3d' else 0)}"
        )

    def check_length(self, Y, name: str) -> None:
        """Is there one entry of Y for each sequence?"""
        if len(Y) != len(self):
            raise ValueError(f"{name} has {len(Y)} samples, X has {len(self)} sequences: there must be as many.")

    def row_weights(self, sample_weight, per_step: bool, name: str = "sample_weight") -> np.ndarray | None:
        """sample_weight (n,) validated, and with per_step one for each valid step."""
        if sample_weight is None:
            return None
        weights = as_numbers(as_array(sample_weight, name), name).astype(np.float64)
        if weights.ndim == 0:
            weights = np.full(len(self), weights)
        if weights.shape != (len(self),):
            raise ValueError(
                f"{name} must be 1-D, one weight for each of the {len(self)} sequences: expected shape "
                f"{(len(self),)}, got shape {weights.shape}. Every time step weighs as its sequence."
            )
        if not (np.isfinite(weights) & (weights >= 0)).all():
            i = int(np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))[0])
            raise ValueError(
                f"{name} must hold finite weights that are not negative; got {weights[i]} for sample {i}. "
                "Negative values, NaN and infinity are not supported."
            )
        return np.repeat(weights, self.lengths) if per_step else weights

    def score_weights(self, sample_weight, per_step: bool) -> np.ndarray | None:
        """`row_weights`, the largest near to 1: a score knows their ratios only, and sums of large ones overflow."""
        weights = self.row_weights(sample_weight, per_step)
        # powers of two change no other digit
        return None if weights is None else np.ldexp(weights, -np.frexp(weights.max())[1])


def cut_by_length(index: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Sequences, the shortest first, in groups that are worth the steps that each takes by itself.

    To run k of them by themselves, of L steps at most, saves k * (T - L) cells where the longest has T steps, and costs
    the calls of L steps, each of which takes as long as some cells do: 60 in a net of width 16, 4 in one of 128.
    """
    n = len(index)
    if n > 1 and lengths[0] < lengths[-1]:
        gain = np.arange(1, n) * (lengths[-1] - lengths[:-1]) - 24 * lengths[:-1]
        cut = int(gain.argmax()) + 1
        if gain[cut - 1] > 0:
            yield from cut_by_length(index[:cut], lengths[:cut])
            yield from cut_by_length(index[cut:], lengths[cut:])
            return
    yield index


def columns_in_order(X: Sequence, expected: Sequence | None, name: str = "X") -> tuple[list, list | None]:
    """The elements of X, those that are data frames with their columns in the order of the first of them, or of
    `expected`; and the names of their columns, None where there is no data frame."""
    in_order, names = [], None
    for i, x in enumerate(X):
        x = from_arrow(x)
        of_x = _names_of_columns(x, f"{name}[{i}]")
        if of_x is not None:
            names = (of_x if expected is None else list(expected)) if names is None else names
            x = _in_order(x, of_x, names, f"{name}[{i}]")
        in_order.append(x)
    return in_order, names


def _names_of_columns(x: object, name: str) -> list | None:
    """The columns of a data frame; None for what is no frame, or whose columns have only numbers, from 0."""
    refuse_lazy(x, name)
    columns = getattr(x, "columns", None)
    if columns is None or not hasattr(x, "__getitem__"):
        return None
    columns = list(columns)
    if columns == list(range(len(columns))):
        return None
    if not all(isinstance(column, str) for column in columns):
        raise ValueError(
            f"{name} has the columns {columns}, which are no text, so that features cannot be found by their names. "
            f"Name them, as with x.columns = x.columns.map(str), or pass arrays."
        )
    if len(set(columns)) < len(columns):
        raise ValueError(f"{name} has two columns of one name: {columns}. Rename one.")
    return columns


def _in_order(x: Any, names: list, expected: list, name: str) -> Any:
    """A data frame with its columns in the expected order, found by their names."""
    if expected == names:
        return x
    if sorted(expected) != sorted(names):
        missing = [column for column in expected if column not in names]
        unexpected = [column for column in names if column not in expected]
        raise ValueError(
            f"All data frames of {name.partition('[')[0]} must have the same columns, {expected}: {name} has {names} "
            f"(missing: {missing}, not expected: {unexpected}). Name the same features in each."
        )
    return x[expected]


def _all_present(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First step and length of each sequence (n,) where no step is absent: one number each, whatever n is."""
    return _repeated(0, len(X)), _repeated(X.shape[1], len(X))


def _repeated(number: int, n: int) -> np.ndarray:
    """n times the number, in the memory of one. As np.broadcast_to, which takes five times as long."""
    repeated = np.ndarray((n,), np.intp, np.array(number, np.intp), 0, (0,))
    repeated.flags.writeable = False
    return repeated


def _find_present(X: np.ndarray, start: int, name: str, allow_nan: bool) -> tuple[np.ndarray, np.ndarray]:
    """First step and number of steps of each x (T, F) of X, without the all-NaN steps at either end."""
    nan = np.isnan(X)
    there = ~nan.all(axis=2)
    t = np.arange(X.shape[1])
    first = there.argmax(axis=1)
    last = X.shape[1] - 1 - there[:, ::-1].argmax(axis=1)
    nowhere = np.flatnonzero(~there.any(axis=1))
    if len(nowhere):
        raise ValueError(
            f"Input {name} contains NaN: sample {start + nowhere[0]} has no time step that is not NaN. Leave it out."
        )
    infinite = np.isinf(X).any(axis=2)
    wrong = infinite if allow_nan else infinite | nan.any(axis=2)
    wrong &= (t >= first[:, None]) & (t <= last[:, None])
    if wrong.any():
        i, t = np.argwhere(wrong)[0]
        what = "infinity" if infinite[i, t] else "NaN"
        raise ValueError(
            f"Input {name} contains {what}: sample {start + i}, time step {t}. {REMEDIES[what]} Only time steps that "
            "are entirely NaN at the start or at the end of a sequence count as absent."
        )
    return first, last + 1 - first


def join_steps(X: np.ndarray, lengths: np.ndarray | None, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """X (T, F, N) in patches, (ceil(T / size), size * F, N), and the number of patches of each sequence.

    Where a length is no multiple of `size`, the first patch is filled up by repeating the sequence's first step: no
    step is dropped, and the last patch ends with the last step.
    """
    n_steps, n_features, batch = X.shape
    n_patches = -(-n_steps // size)
    if lengths is None:
        X = np.concatenate([X[:1]] * (n_patches * size - n_steps) + [X])
    else:
        t = np.arange(n_patches * size)[:, None] - (-lengths) % size
        X = np.take_along_axis(X, np.clip(t, 0, n_steps - 1)[:, None, :], axis=0)
        lengths = -(-lengths // size)
    return X.reshape(n_patches, size * n_features, batch), lengths
