"""Transformers of sequences: patches of consecutive time steps, and scikit-learn's transformers for each time step."""

from __future__ import annotations

from numbers import Integral
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from ._sequences import CHANNELS_LAST, Sequences, as_array, as_numbers, is_ragged


class SequenceTransformer(TransformerMixin, BaseEstimator):
    """What comes out has three axes, or is a list: pandas and polars have no container for it."""

    def set_output(self, *, transform: str | None = None) -> Self:
        """Does nothing: sequences stay NumPy arrays, in a pipeline whose other steps return data frames too.

        Parameters
        ----------
        transform : ignored

        Returns
        -------
        self : object
        """
        return self


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
        self._validate_params()
        _check_sequences(self, X, reset=True)
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
        self._validate_params()
        sequences = _check_sequences(self, X, reset=False)
        size, n_features = self.size, sequences.n_features
        lengths = sequences.lengths
        n_patches = -(-lengths // size)
        # step[i, j] is the time step of sequence i that stands at place j of its patches, laid end to end
        places = np.arange(int(n_patches.max()) * size)
        step = np.maximum(places - (n_patches * size - lengths)[:, None], 0)
        if sequences.kind == "ragged":
            return [
                sequences.values[sequences.first[i] + step[i, : n_patches[i] * size]].reshape(-1, size * n_features)
                for i in range(len(sequences))
            ]
        there = np.minimum(sequences.first[:, None] + step, sequences.n_timesteps - 1)
        values = sequences.values[np.arange(len(sequences))[:, None], there]
        patches = values.reshape(len(sequences), -1, size * n_features)
        if not sequences.is_padded:
            return patches
        out = np.full((len(sequences), -(-sequences.n_timesteps // size), size * n_features), np.nan, patches.dtype)
        present = np.arange(patches.shape[1]) < n_patches[:, None]
        out[:, : patches.shape[1]][present] = patches[present]
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_sequences(transformer: BaseEstimator, X: object, *, reset: bool, name: str = "X") -> Sequences:
    """X as Sequences, for a transformer that treats each sequence alike; sets or checks n_features_in_."""
    ndim = getattr(X, "ndim", None)
    if is_ragged(X):
        sequences, kind = Sequences.from_ragged(X, name), "steps"
    elif ndim == 3:
        sequences, kind = Sequences.from_3d(np.asarray(X), name), "steps"
    else:
        if not reset and transformer._fitted_on != "2d" and ndim == 2:
            raise ValueError(
                f"{name} is 2-D, but {type(transformer).__name__} was fitted on sequences of "
                f"{transformer.n_features_in_} feature(s). One feature as 3-D: {name}[:, :, None]."
            )
        table = validate_data(transformer, X, reset=reset, dtype=[np.float64, np.float32])
        if reset:
            transformer._fitted_on = "2d"
        return Sequences.from_2d(table)
    if sequences.values.dtype not in (np.float32, np.float64):
        sequences.values = sequences.values.astype(np.float64)
    if reset:
        transformer._fitted_on, transformer.n_features_in_ = kind, sequences.n_features
        transformer.__dict__.pop("feature_names_in_", None)
    elif transformer._fitted_on != kind:
        raise ValueError(
            f"{type(transformer).__name__} was fitted on 2-D X with {transformer.n_features_in_} time steps; {name} "
            f"has {sequences.n_features} feature(s) a step. To use both, fit on 3-D X: X[:, :, None]."
        )
    elif transformer.n_features_in_ != sequences.n_features:
        raise ValueError(
            f"{name} has {sequences.n_features} features, but {type(transformer).__name__} is expecting "
            f"{transformer.n_features_in_} features as input. {CHANNELS_LAST}"
        )
    return sequences


class TimestepTransformer(SequenceTransformer):
    """Apply a scikit-learn transformer to each time step of sequences.

    The time steps of all sequences are stacked into one table, (steps, n_features), which the transformer is fitted on
    and transforms; absent steps stay out of it and stay absent.

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer of tables that keeps the number of rows, such as ``StandardScaler()``; it is
        cloned.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.
    n_features_in_ : int
        Columns of 2-D X, features of 3-D X or of a list.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_rnn import TimestepTransformer
    >>> X = np.arange(12.0).reshape(2, 3, 2)
    >>> scaled = TimestepTransformer(StandardScaler()).fit_transform(X)
    >>> scaled.shape, np.allclose(scaled.mean(axis=(0, 1)), 0), np.allclose(scaled.std(axis=(0, 1)), 1)
    ((2, 3, 2), True, True)
    """

    def __init__(self, transformer):
        self.transformer = transformer

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the transformer to the time steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps[, n_features]), or list of arrays
            Sequences, as the estimators take them. 2-D X holds one univariate sequence a row.
        y : array-like of shape (n_samples, ...), or one target for each time step, default=None
            Repeated for each step of its sequence, where it is not there for each step already.
        sample_weight : array-like of shape (n_samples,), default=None
            Repeated for each step of its sequence.

        Returns
        -------
        self : object
        """
        usable = all(hasattr(self.transformer, method) for method in ("fit", "transform", "get_params"))
        if isinstance(self.transformer, type) or not usable:
            raise TypeError(
                f"transformer must be a scikit-learn transformer with fit and transform, got {self.transformer!r}."
            )
        sequences = _check_sequences(self, X, reset=True)
        given = []
        if y is not None:
            given = [_repeat_targets(y, sequences)]
        weights = {}
        if sample_weight is not None:
            weights = {"sample_weight": sequences.row_weights(sample_weight, per_step=True)}
        steps = _stack(sequences)
        transformer = clone(self.transformer).fit(steps, *given, **weights)
        out = transformer.transform(steps[:1])
        self._n_features_out = 1 if out.ndim == 1 else out.shape[1]
        self.transformer_ = transformer
        return self

    def transform(self, X: ArrayLike) -> np.ndarray | list[np.ndarray]:
        """Transform each time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray or list of arrays
            Shaped like X, but for the number of features, which is the transformer's. 2-D X stays 2-D where there is
            one feature.
        """
        check_is_fitted(self, "transformer_")
        return self._apply(self.transformer_.transform, _check_sequences(self, X, reset=False))

    def inverse_transform(self, X: ArrayLike) -> np.ndarray | list[np.ndarray]:
        """Undo `transform`.

        Parameters
        ----------
        X : array or list of arrays
            As from `transform`.

        Returns
        -------
        ndarray or list of arrays
        """
        check_is_fitted(self, "transformer_")
        if is_ragged(X):
            sequences = Sequences.from_ragged(X)
        else:
            X = as_numbers(as_array(X, "X"), "X")
            if X.ndim not in (2, 3):
                raise ValueError(f"X must have 2 or 3 axes, as it came from transform; got shape {X.shape}.")
            sequences = Sequences.from_2d(X) if X.ndim == 2 else Sequences.from_3d(X)
        if sequences.n_features != self._n_features_out:
            raise ValueError(
                f"X has {sequences.n_features} features, but what transform put out has {self._n_features_out}. "
                f"{CHANNELS_LAST}"
            )
        return self._apply(self.transformer_.inverse_transform, sequences)

    def _apply(self, function, sequences: Sequences):
        rows = function(_stack(sequences))
        rows = rows.to_numpy() if hasattr(rows, "to_numpy") else rows.toarray() if hasattr(rows, "toarray") else rows
        rows = rows[:, None] if rows.ndim == 1 else rows
        if len(rows) != sequences.lengths.sum():
            raise ValueError(
                f"{type(self.transformer_).__name__} turned {sequences.lengths.sum()} time steps into {len(rows)} "
                "rows; only transformers that keep the number of rows can be applied to time steps."
            )
        if sequences.is_padded and sequences.kind != "ragged" and rows.dtype.kind in "biu":
            rows = rows.astype(np.float64)  # an absent step is NaN
        arranged = sequences.arrange_steps(rows, np.nan)
        if sequences.kind == "ragged":
            return list(arranged)
        return arranged[:, :, 0] if sequences.kind == "2d" and rows.shape[1] == 1 else arranged

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _repeat_targets(y: object, sequences: Sequences) -> np.ndarray:
    """y with one row for each time step that exists."""
    if is_ragged(y):
        return sequences.flatten_steps(y, "y")
    y = as_array(y, "y")
    if y.ndim == 0:
        raise ValueError(f"y must hold a target for each of the {len(sequences)} sequences, got {y!r}.")
    sequences.check_length(y, "y")
    if y.ndim > 1 and sequences.kind == "3d" and y.shape[1] == sequences.n_timesteps:
        return sequences.flatten_steps(y, "y")
    return np.repeat(y, sequences.lengths, axis=0)


def _stack(sequences: Sequences) -> np.ndarray:
    """The time steps that exist, (steps, n_features), sequence after sequence."""
    if sequences.kind == "ragged":
        return sequences.values
    if not sequences.is_padded:
        return sequences.values.reshape(-1, sequences.n_features)
    return sequences.values[sequences.present]
