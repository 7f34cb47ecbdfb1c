"""From what a user passes as X to the batches that a network takes, and back.

The first axis of X is always the sample, and a sample is a sequence:

* 2-D X (n, T): each row is one univariate sequence, each column a time step, oldest first;
* 3-D X (n, T, F): time steps that are entirely NaN at the start or at the end of a sequence are absent;
* a list, or object array, of (T_i, F) or (T_i,) arrays: sequences of different lengths.

`Sequences` holds arrays without copying: windows cut as a view of a long series stay a view until a batch is taken. (A
list is joined into one array.) `Dataset` adds targets and weights, one row for each sequence or for each valid step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from ._network import Batch

# Batches are drawn at random into pools of so many batches, and each pool is sorted by length: sequences that share
# a batch then hardly differ in length, and still meet different neighbours in every epoch.
_POOL_BATCHES = 50

CHANNELS_LAST = "3-D X is (n_samples, n_timesteps, n_features); if yours has time last, pass X.transpose(0, 2, 1)."


def is_ragged(X: object) -> bool:
    """Is X a list, tuple or object array of arrays (or of lists of different lengths), one for each sequence?"""
    if getattr(X, "ndim", None) == 1 and X.dtype == object:  # an array or a pandas Series
        return len(X) > 0 and all(isinstance(x, (list, tuple)) or getattr(x, "ndim", 0) > 0 for x in X)
    if not isinstance(X, (list, tuple)) or len(X) == 0:
        return False
    if any(getattr(x, "ndim", 0) > 0 for x in X):
        return True
    lengths = {len(x) if isinstance(x, (list, tuple)) else -1 for x in X}
    return len(lengths) > 1 and -1 not in lengths


class Sequences:
    """n sequences. Arrays stay views of what the user passed.

    Attributes
    ----------
    kind : {"2d", "3d", "ragged"}
    lengths : ndarray of shape (n,)
        Valid steps of each.
    n_features : int
    n_timesteps : int or None
        Second axis of 2-D or 3-D X.
    dtype : float32 if X is, else float64
    """

    def __init__(self, values: np.ndarray, first: np.ndarray, lengths: np.ndarray, kind: str):
        # values[i, first[i] + t] is step t of sequence i; ragged: values[first[i] + t]
        self.values, self.first, self.lengths, self.kind = values, first, lengths, kind
        self.n_features = values.shape[-1]
        self.n_timesteps = None if kind == "ragged" else values.shape[1]
        self.dtype = np.dtype(np.float32 if values.dtype == np.float32 else np.float64)
        self.is_padded = kind == "ragged" or bool((lengths < values.shape[1]).any())

    def __len__(self):
        return len(self.lengths)

    @classmethod
    def from_2d(cls, X: np.ndarray, n_repeats: int | None = None) -> "Sequences":
        """X (n, T) that has been validated. With n_repeats, X (n, F) of features fed at each of so many steps."""
        X = X[:, :, None] if n_repeats is None else np.broadcast_to(X[:, None], (len(X), n_repeats, X.shape[1]))
        n, n_timesteps, _ = X.shape
        return cls(X, np.zeros(n, np.intp), np.full(n, n_timesteps), "2d" if n_repeats is None else "3d")

    @classmethod
    def from_3d(cls, X: np.ndarray, name: str = "X") -> "Sequences":
        """X (n, T, F); finds absent steps, refuses any other NaN and infinities."""
        X = as_numbers(X, name)
        n, n_timesteps, n_features = X.shape
        for size, what in ((n, "sample"), (n_timesteps, "time step"), (n_features, "feature")):
            if size == 0:
                raise ValueError(
                    f"{name} has 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required. {CHANNELS_LAST}"
                )
        first, lengths = np.zeros(n, np.intp), np.full(n, n_timesteps)
        if np.issubdtype(X.dtype, np.floating):
            rows = max(1, (1 << 22) // (n_timesteps * n_features))
            for start in range(0, n, rows):
                chunk = X[start : start + rows]
                with np.errstate(over="ignore", invalid="ignore"):
                    if np.isfinite(chunk.sum()):
                        continue
                for i in np.flatnonzero(~np.isfinite(chunk).all(axis=(1, 2))):
                    first[start + i], lengths[start + i] = _find_present(chunk[i], start + i, name)
        return cls(X, first, lengths, "3d")

    @classmethod
    def from_ragged(cls, X, name: str = "X") -> "Sequences":
        """A list of (T_i, F) or (T_i,) arrays."""
        arrays = []
        for i, x in enumerate(X):
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
            if not np.isfinite(x).all():
                t = int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
                raise ValueError(
                    f"Input {name} contains NaN or infinity: sequence {i}, time step {t}. Impute it, or leave the "
                    "step out (a list may hold sequences of different lengths)."
                )
            arrays.append(x)
        all_float32 = all(x.dtype == np.float32 for x in arrays)
        lengths = np.array([len(x) for x in arrays])
        values = np.concatenate(arrays, dtype=np.float32 if all_float32 else np.float64)
        return cls(values, np.cumsum(lengths) - lengths, lengths, "ragged")

    def steps(self, index: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray | None]:
        """The sequences of `index` as (T, F, N), and their lengths, or None where all have T."""
        if not self.is_padded:
            return self.values[index].astype(dtype, copy=False).transpose(1, 2, 0), None
        lengths = self.lengths[index]
        t = np.arange(lengths.max())[:, None]
        at = self.first[index] + np.minimum(t, lengths - 1)
        values = self.values[at] if self.kind == "ragged" else self.values[index, at]
        if (lengths == len(t)).all():
            lengths = None
        else:
            values = np.where((t < lengths)[:, :, None], values, values.dtype.type(0))
        return values.astype(dtype, copy=False).transpose(0, 2, 1), lengths

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
        if not self.is_padded:
            return rows.reshape(shape + rows.shape[1:])
        out = np.full(shape + rows.shape[1:], absent, dtype=rows.dtype)
        out[self.present] = rows
        return out

    @property
    def present(self) -> np.ndarray:
        """(n, T) True at the steps that exist (2-D and 3-D X)."""
        t = np.arange(self.n_timesteps)
        return (t >= self.first[:, None]) & (t < (self.first + self.lengths)[:, None])

    def flatten_steps(self, Y, name: str, ndims: tuple[int, ...] = (2, 3)) -> np.ndarray:
        """Targets in the shape of X, (n, T[, k]) or a list of (T_i[, k]), as rows, one for each valid step."""
        if self.kind == "ragged" or is_ragged(Y):
            Y = Y if isinstance(Y, (list, tuple)) else np.atleast_1d(as_array(Y, name))
            self.check_length(Y, name)
            Y = [as_array(y, f"{name}[{i}]") for i, y in enumerate(Y)]
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
        return Y[self.present] if self.is_padded else Y.reshape(Y.shape[0] * Y.shape[1], *Y.shape[2:])

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


def as_array(values: object, name: str) -> np.ndarray:
    """values as an array; what cannot be one is an error that says so."""
    if issparse(values):
        raise TypeError(f"Sparse data was passed for {name}, but dense data is required. Use '.toarray()'.")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{name} must be an array with rows of one length; got a {type(values).__name__} with rows of different "
            "lengths. (Only sequences may differ in length, and with mapping='many-to-many' their targets.)"
        ) from error


def as_numbers(x: np.ndarray, name: str) -> np.ndarray:
    """x as it is if it is of a real number type, converted if its objects are numbers, else an error."""
    if x.dtype == object:
        try:
            return x.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must hold numbers; got objects that are none: {error}") from error
    if x.dtype.kind not in "biuf":
        why = " Complex data not supported." if x.dtype.kind == "c" else ""
        raise ValueError(f"{name} must hold real numbers, got dtype {x.dtype}.{why}")
    return x


def _find_present(x: np.ndarray, i: int, name: str) -> tuple[int, int]:
    """First step and number of steps of x (T, F) without the all-NaN steps at either end."""
    there = np.flatnonzero(~np.isnan(x).all(axis=1))
    if len(there) == 0:
        raise ValueError(f"Input {name} contains NaN: sample {i} has no time step that is not NaN. Leave it out.")
    first, last = there[0], there[-1]
    wrong = np.flatnonzero(~np.isfinite(x[first : last + 1]).all(axis=1))
    if len(wrong):
        t = first + wrong[0]
        what = "infinity" if np.isinf(x[t]).any() else "NaN"
        raise ValueError(
            f"Input {name} contains {what}: sample {i}, time step {t}. Only time steps that are entirely NaN at the "
            "start or at the end of a sequence count as absent; impute the others."
        )
    return first, last + 1 - first


@dataclass
class Dataset:
    """Sequences with targets and weights.

    Attributes
    ----------
    sequences : Sequences
    Y : ndarray of shape (rows, k)
        One row for each sequence, or for each valid step, as `per_step` says.
    weights : ndarray of shape (rows,), or None
    per_step : bool
    dtype : dtype
        float32 or float64, of everything that goes into a batch.
    """

    sequences: Sequences
    Y: np.ndarray
    weights: np.ndarray | None
    per_step: bool
    dtype: np.dtype

    def __post_init__(self):
        lengths = self.sequences.lengths
        self._first_row = np.cumsum(lengths) - lengths

    @property
    def count(self) -> int:
        """Sequences, or valid steps: what the mean of the loss divides by."""
        return len(self.Y)

    def rows(self, index: np.ndarray) -> np.ndarray:
        """The rows of Y and weights that belong to the sequences of `index`."""
        if not self.per_step:
            return index
        return np.concatenate([self._first_row[i] + np.arange(self.sequences.lengths[i]) for i in index])

    def batch(self, index: np.ndarray) -> Batch:
        """Cut one batch."""
        X, lengths = self.sequences.steps(index, self.dtype)
        if self.per_step:
            n_valid = self.sequences.lengths[index]
            rows = self._first_row[index] + np.minimum(np.arange(len(X))[:, None], n_valid - 1)  # (T, N)
            Y = self.Y[rows].transpose(0, 2, 1)
            count = int(n_valid.sum())
        else:
            rows = index
            Y = self.Y[rows].T
            count = len(index)
        weights = None if self.weights is None else self.weights[rows]
        return Batch(X, lengths, Y, weights, count)

    def batches(self, index: np.ndarray, size: int, rng: np.random.Generator | None = None) -> Iterator[Batch]:
        """Cut the sequences of `index` into batches, with `rng` in random order and with like lengths together."""
        starts = np.arange(0, len(index), size)
        shuffle = rng is not None and len(starts) > 1
        if shuffle:
            index = rng.permutation(index)
        lengths = self.sequences.lengths
        if shuffle and (lengths != lengths[0]).any():
            pool = size * _POOL_BATCHES
            index = np.concatenate(
                [
                    piece[np.argsort(lengths[piece], kind="stable")]
                    for piece in np.split(index, np.arange(pool, len(index), pool))
                ]
            )
            rng.shuffle(starts)
        for start in starts:
            yield self.batch(index[start : start + size])
