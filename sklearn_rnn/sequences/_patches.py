"""PatchSequence: consecutive time steps joined into wider ones."""

from __future__ import annotations

from numbers import Integral
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._sklearn import Interval, validate_parameters
from ._checks import check_sequences
from ._sequences import Sequences, join_steps
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

    _parameter_constraints = {"size": [Interval(Integral, 1, 2**20, closed="both")]}

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

        Raises
        ------
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            If `size` is invalid, or X holds no sequences of finite numbers (absent steps but NaN).
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

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            As in `fit`; also if X has another number of features.
        """
        check_is_fitted(self)
        validate_parameters(self)
        sequences = check_sequences(self, X, reset=False)
        return in_patches(sequences, self.size)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def in_patches(sequences: Sequences, size: int) -> np.ndarray | list[np.ndarray]:
    """Sequences of patches in the form of X: an array, NaN where patches are absent, or a list."""
    if sequences.kind == "ragged":
        parts = np.split(sequences.values.astype(sequences.dtype, copy=False), sequences.first[1:])
        return [join_steps(x[:, :, None], None, size)[0][:, :, 0] for x in parts]
    X, lengths = sequences.in_patches(size).steps(np.arange(len(sequences)), sequences.dtype)
    X = np.ascontiguousarray(X.transpose(2, 0, 1))
    if lengths is not None:
        X[np.arange(X.shape[1]) >= lengths[:, None]] = np.nan
    n_absent = -(-sequences.n_timesteps // size) - X.shape[1]
    return np.pad(X, [(0, 0), (0, n_absent), (0, 0)], constant_values=np.nan) if n_absent else X
