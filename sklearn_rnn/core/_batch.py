"""Batch: what a network sees of some sequences at once, and the ways to cut one into smaller ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np


@dataclass
class Batch:
    """N sequences, filled up at the end to T steps.

    Attributes
    ----------
    X : ndarray of shape (T, F, N)
    lengths : ndarray of shape (N,), or None
        Valid steps of each sequence; None where all have T.
    Y : ndarray of shape (k, N), or (T, k, N) for a target at every step, or None
    weights : ndarray of shape (N,) or (T, N), or None
        None is 1 for every sequence or valid step.
    count : int
        Number of sequences, or of valid steps where each has a target: what a mean divides by.
    state : list of tuple of ndarray, or None
        What each layer remembers before the first step; None is nothing. The network leaves what it remembers after
        the last step in `state_after`.
    pooled : tuple of ndarray (values (D, N), weights (N,)), or None
        What pooling has seen of steps before the first; see `Network.fast_forward`. The network leaves what it has
        seen then in `pooled_after`.
    """

    X: np.ndarray
    lengths: np.ndarray | None = None
    Y: np.ndarray | None = None
    weights: np.ndarray | None = None
    count: int = 1
    state: list | None = None
    state_after: list | None = None
    pooled: tuple | None = None
    pooled_after: tuple | None = None

    @property
    def valid(self) -> np.ndarray | None:
        """(T, N) True at the steps that exist; None where all do."""
        return None if self.lengths is None else np.arange(len(self.X))[:, None] < self.lengths

    def total_weight(self) -> float:
        """Sum of the weights, of valid steps where each has one."""
        if self.weights is None:
            return float(self.count)
        per_step = self.weights.ndim == 2 and self.lengths is not None
        return float((self.weights * self.valid if per_step else self.weights).sum())

    def columns(self, some) -> Batch:
        """Some of the sequences, by numbers, a mask or a slice; steps that none of them has are left out."""
        lengths = None if self.lengths is None else self.lengths[some]
        n_steps = len(self.X) if lengths is None or not len(lengths) else int(lengths.max())
        per_step = self.Y is not None and self.Y.ndim == 3
        X = self.X[:n_steps, :, some]
        count = X.shape[2]
        if per_step:
            count = n_steps * count if lengths is None else int(lengths.sum())
        Y, weights = self.Y, self.weights
        if Y is not None:
            Y = Y[:n_steps, :, some] if per_step else Y[:, some]
        if weights is not None:
            weights = weights[:n_steps, some] if weights.ndim == 2 else weights[some]
        return Batch(
            X,
            None if lengths is not None and (lengths == n_steps).all() else lengths,
            Y,
            weights,
            count,
            None if self.state is None else [tuple(s[..., some] for s in layer) for layer in self.state],
            pooled=None if self.pooled is None else tuple(a[..., some] for a in self.pooled),
        )

    def split(self, n: int) -> list[Batch]:
        """The batch as n pieces of nearly as many sequences each."""
        bounds = np.linspace(0, self.X.shape[2], n + 1).astype(int)
        return [self.columns(slice(start, stop)) for start, stop in pairwise(bounds)]

    def segments(self, size: int) -> Iterator[Batch]:
        """The batch as consecutive pieces of `size` steps, each starting from the state that the one before left.

        A piece must have gone through the network before the next is asked for. Sequences that have ended are left out
        of the pieces that follow, once they are half of what would be computed.
        """
        batch, state = self, self.state
        for start in range(0, len(self.X), size):
            if start and batch.lengths is not None and state is not None:
                alive = batch.lengths > start
                if not alive.any():
                    return
                if 2 * alive.sum() <= len(alive):
                    batch, state = batch.columns(alive), [tuple(s[..., alive] for s in layer) for layer in state]
            steps = slice(start, start + size)
            X, lengths, count = batch.X[steps], batch.lengths, batch.X[steps].shape[0] * batch.X.shape[2]
            if lengths is not None:
                lengths = np.clip(lengths - start, 0, len(X))
                count = int(lengths.sum())
            weights = None if batch.weights is None else batch.weights[steps]
            Y = None if batch.Y is None else batch.Y[steps]
            piece = Batch(X, lengths, Y, weights, count, state)
            yield piece
            state = piece.state_after


def side_by_side(pieces: list[Batch], size: int) -> Iterator[list[Batch]]:
    """`Batch.segments` of several pieces at once: the first segments of all, then the second ones, and so on."""
    for segments in zip_longest(*(piece.segments(size) for piece in pieces)):
        yield [segment for segment in segments if segment is not None]


def reverse_in_time(A: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """A (T, rows, N) with each sequence turned round inside its own length, so that padding stays at the end."""
    if lengths is None:
        return A[::-1]
    t = np.arange(len(A))[:, None]
    return np.take_along_axis(A, np.where(t < lengths, lengths - 1 - t, t)[:, None, :], axis=0)
