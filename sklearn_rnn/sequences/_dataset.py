"""Dataset: sequences with their targets and weights, cut into the batches that a network takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..core._batch import Batch
from ._sequences import Sequences


@dataclass
class Dataset:
    """Sequences with targets and weights.

    Attributes
    ----------
    sequences : Sequences
    Y : ndarray of shape (rows, k)
        One row for each sequence, or for each valid step, as `per_step` says.
    weights : ndarray of float64 of shape (rows,), or None
    per_step : bool
    dtype : dtype
        float32 or float64, of everything that goes into a batch.
    index : ndarray of shape (n,)
        The sequences that belong to the data, by default all.
    """

    sequences: Sequences
    Y: np.ndarray
    weights: np.ndarray | None
    per_step: bool
    dtype: np.dtype
    index: np.ndarray = None  # type: ignore[assignment]  # set in any case

    def __post_init__(self) -> None:
        if self.per_step:
            lengths = self.sequences.lengths
            self._first_row = np.cumsum(lengths) - lengths
        if self.index is None:
            # of a view of a long series these numbers may be most of the memory that there is
            n = len(self.sequences)
            self.index = np.arange(n, dtype=np.int32 if n < 2**31 else np.int64)

    def __len__(self):
        return len(self.index)

    def take(self, some: np.ndarray) -> Dataset:
        """Some of the sequences, by their places in this dataset. Nothing is copied."""
        return replace(self, index=self.index[some])

    @property
    def rows(self) -> np.ndarray:
        """Which rows of Y and weights belong to the data."""
        if not self.per_step:
            return self.index
        return np.concatenate([self._first_row[i] + np.arange(self.sequences.lengths[i]) for i in self.index])

    def with_mean_weight_1(self) -> Dataset:
        """The same with its weights scaled to mean 1, so that they do not change what alpha or a rate means."""
        if self.weights is None:
            return self
        mine = self.weights[self.rows]
        largest = mine.max()
        if not largest > 0:
            return self
        return replace(self, weights=self.weights / largest / (mine / largest).mean())

    @property
    def bytes_a_step(self) -> int:
        """Memory that one time step of one sequence takes in a batch."""
        return (self.sequences.n_features * self.sequences.patch_size + self.Y.shape[1]) * self.dtype.itemsize

    def batch(self, index: np.ndarray) -> Batch:
        """Cut one batch, of sequences by their numbers."""
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
        weights = None if self.weights is None else self.weights[rows].astype(self.dtype)
        return Batch(X, lengths, Y, weights, count)

    def blocks(self, most_cells: int) -> Iterator[Batch]:
        """All sequences in batches of at most `most_cells` cells (time steps times sequences), the shortest first."""
        for index in self.sequences.blocks(self.index, most_cells):
            yield self.batch(index)

    def batches(self, size: int, rng: np.random.Generator | None, most_cells: int) -> Iterator[list[Batch]]:
        """Mini-batches of `size` sequences, with `rng` drawn at random.

        Each comes in pieces: sequences of very different lengths are not padded to the longest, and no piece has more
        than `most_cells` cells. To compute them one by one and to add up is the same as all at once. (To draw batches
        of like lengths instead would save more, and was measured to learn far worse wherever the target depends on the
        length: each batch then pulls in a direction of its own.)
        """
        index = self.index
        if rng is not None and len(index) > size:
            index = rng.permutation(index)
        for start in range(0, len(index), size):
            some = index[start : start + size]
            pieces = [some]
            if self.sequences.may_vary or len(some) * self.sequences.n_patches[0] > most_cells:
                pieces = self.sequences.blocks(some, most_cells, most_sequences=size)
            yield [self.batch(some if len(pieces) == 1 else piece) for piece in pieces]
