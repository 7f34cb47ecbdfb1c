"""PatchSequence: consecutive time steps joined into wider ones."""

from __future__ import annotations

from numbers import Integral
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._sklearn import Interval, validate_parameters
from ._checks import check_sequences
from ._transformer import SequenceTransformer


class PatchSequence(SequenceTransformer):
    """Join every `size` consecutive time steps into one wider step.

    Sequences get shorter: plain recurrence over hundreds of steps is slow and hardly learns. Where the number of steps
    is no multiple of `size`, the first patch is filled up by repeating the sequence's first step, so that no step is
    dropped and the last patch ends with the last step.

    Parameters
    ----------
    size : int, default=5
        Time steps of a patch.

    Attributes
    ----------
    n_features_in_ : int
        Columns of 2-D X, features of 3-D X or of a list.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import PatchSequence
    >>> PatchSequence(2).fit_transform(np.array([[1.0, 2.0, 3.0]]))
    array([[[1., 1.],
            [2., 3.]]])
    """

    _parameter_constraints = {"size": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, size: int = 5):
        self.size = size

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check X and remember its number of features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps[, n_features]), or list of arrays
            Sequences, as the estimators take them.
        y : ignored

        Returns
        -------
        self : object
        """
        validate_parameters(self)
        check_sequences(self, X, reset=True)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray | list[np.ndarray]:
        """Sequences of patches.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, ceil(n_timesteps / size), size * n_features), or list of arrays
            A step's features stay together. For padded X the patches that are absent are NaN, after the last one.
        """
        check_is_fitted(self)
        validate_parameters(self)
        sequences = check_sequences(self, X, reset=False)
        size, n_features = self.size, sequences.n_features
        if sequences.kind == "ragged":
            parts = np.split(sequences.values, sequences.first[1:])
            return [_patches(x[None], size)[0].astype(sequences.dtype, copy=False) for x in parts]
        values = sequences.values.astype(sequences.dtype, copy=False)
        if not sequences.may_vary:
            return _patches(values, size)
        n_patches = -(-sequences.n_timesteps // size)
        out = np.full((len(sequences), n_patches, size * n_features), np.nan, values.dtype)
        for length in np.unique(sequences.lengths):
            some = np.flatnonzero(sequences.lengths == length)
            steps = sequences.first[some, None] + np.arange(length)
            patches = _patches(values[some[:, None], steps], size)
            out[some, : patches.shape[1]] = patches
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _patches(X: np.ndarray, size: int) -> np.ndarray:
    """X (n, T, F) as (n, ceil(T / size), size * F), filled up in front."""
    n, n_steps, n_features = X.shape
    n_patches = -(-n_steps // size)
    filled = np.empty((n, n_patches * size, n_features), X.dtype)
    n_more = filled.shape[1] - n_steps
    filled[:, :n_more] = X[:, :1]
    filled[:, n_more:] = X
    return filled.reshape(n, n_patches, size * n_features)
