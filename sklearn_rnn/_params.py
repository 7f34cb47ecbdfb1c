"""ParamLayout: all weights of a network in one flat vector, each also reachable by its name."""

from collections.abc import Mapping

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
            stop = start + int(np.prod(shape))
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
