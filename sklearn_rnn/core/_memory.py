"""Where numbers are kept: ParamLayout, all weights in one flat vector, and Arena, memory that is used again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod

import numpy as np


class ParamLayout:
    """Where each named array lies in the flat parameter vector theta.

    One vector makes everything that treats all weights alike one line of code: an optimizer's step, the L2 penalty,
    gradient clipping, the snapshot for early stopping, L-BFGS, pickling. Gradients have the same layout.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        The arrays, in the order in which they are stored.

    Attributes
    ----------
    size : int
        Length of theta.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]):
        self.shapes = dict(shapes)
        self._slices: dict[str, slice] = {}
        start = 0
        for name, shape in self.shapes.items():
            stop = start + prod(shape)
            self._slices[name] = slice(start, stop)
            start = stop
        self.size = start

    def views(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The named arrays as views of theta: writing to one changes theta."""
        return {name: theta[where].reshape(self.shapes[name]) for name, where in self._slices.items()}

    def is_matrix(self, dtype: np.dtype) -> np.ndarray:
        """1 where theta holds an entry of a weight matrix, 0 where it holds a bias: what L2 shrinks."""
        mask = np.zeros(self.size, dtype)
        for name, where in self._slices.items():
            mask[where] = len(self.shapes[name]) == 2
        return mask


class Arena:
    """Memory for the large arrays of one training step, handed out again to the next step.

    A step's arrays are megabytes; got from the system anew each time, touching their pages for the first time costs as
    much as computing with them. An arena belongs to one call of `fit` or `predict`, never to an estimator.
    """

    def __init__(self):
        self._block = np.empty(0, np.uint8)
        self._used = self._most = 0

    def start(self) -> None:
        """A new step begins: all arrays handed out so far may be overwritten."""
        if self._most > len(self._block):
            self._block = np.empty(self._most, np.uint8)
        self._used = self._most = 0

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An uninitialised array, valid until the next `start`."""
        n_bytes = prod(shape) * dtype.itemsize
        start = self._used
        self._used = start + -(-n_bytes // 64) * 64  # whole cache lines
        if self._used > self._most:
            self._most = self._used
        if self._used > len(self._block):
            return np.empty(shape, dtype)  # the first step finds out how much it takes
        return np.ndarray(shape, dtype, self._block, start)

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Arrays handed out inside the `with` block are valid until it ends."""
        used = self._used
        yield
        self._used = used
