"""TimestepTransformer: scikit-learn's transformers of tables, for each time step of sequences."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import KFold, StratifiedKFold, check_cv
from sklearn.utils import get_tags
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from ._arrays import as_array, as_numbers, is_ragged
from ._checks import check_sequences, compare, remember
from ._sequences import CHANNELS_LAST, Sequences, columns_in_order
from ._transformer import SequenceTransformer


class TimestepTransformer(SequenceTransformer):
    """Apply a scikit-learn transformer to each time step of sequences.

    The time steps of all sequences are stacked into one table, (steps, n_features), which the transformer is fitted on
    and transforms; absent steps stay out of it and stay absent. NaN inside sequences is passed to transformers whose
    tags allow it, such as scalers and imputers; `SequenceImputer` fills it with values of the same sequence.

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

    def __init__(self, transformer: Any):
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

        Raises
        ------
        TypeError
            If `transformer` is none, or X is sparse or a query without data (a LazyFrame).
        ValueError
            If X holds no sequences, or an infinity, or NaN inside sequences that the transformer does not allow, or
            y or sample_weight is not as long as X. What the transformer itself raises is passed on.
        """
        rows, _, given, weights = self._prepare(X, y, sample_weight)
        self.transformer_ = clone(self.transformer).fit(rows, *given, **weights)
        self._n_features_out = _as_rows(self.transformer_.transform(rows[:1])).shape[1]
        return self

    def fit_transform(
        self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> np.ndarray | list[np.ndarray]:
        """Fit the transformer to the time steps, and transform them, by its own `fit_transform`.

        Where that encodes the targets, as a TargetEncoder does, it is fitted and applied to different samples. Here
        these are different sequences: all steps of one are in the same fold.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`

        Returns
        -------
        ndarray or list of arrays
            As from `transform`.

        Raises
        ------
        TypeError
            As in `fit`.
        ValueError
            As in `fit`; also if the transformer changes the number of rows.
        """
        given_rows, sequences, given, weights = self._prepare(X, y, sample_weight)
        transformer = clone(self.transformer)
        folds = _folds_of(transformer)
        if given and folds is not None:
            rows = _cross_fitted(transformer, folds, given_rows, sequences.lengths, given[0], weights)
            transformer.fit(given_rows, *given, **weights)
        elif hasattr(transformer, "fit_transform"):
            rows = _as_rows(transformer.fit_transform(given_rows, *given, **weights))
        else:
            rows = _as_rows(transformer.fit(given_rows, *given, **weights).transform(given_rows))
        self.transformer_, self._n_features_out = transformer, rows.shape[1]
        return self._arrange(rows, sequences)

    def _prepare(self, X, y, sample_weight) -> tuple[Any, Sequences, list[np.ndarray], dict[str, np.ndarray]]:
        """The time steps of X as rows, X as Sequences, and targets and weights, where there are any, with as many
        rows."""
        usable = all(hasattr(self.transformer, method) for method in ("fit", "transform", "get_params"))
        if isinstance(self.transformer, type) or not usable:
            raise TypeError(
                f"transformer must be a scikit-learn transformer with fit and transform, got {self.transformer!r}."
            )
        rows, sequences = self._stack(X, reset=True)
        given = [] if y is None else [_repeat_targets(y, sequences)]
        weights = sequences.row_weights(sample_weight, per_step=True)
        return rows, sequences, given, {} if weights is None else {"sample_weight": weights}

    def _stack(self, X: Any, reset: bool) -> tuple[Any, Sequences]:
        """The time steps of X as rows, a data frame if X is a list of such, and X as Sequences."""
        frames = _frames(X)
        if frames is None or all(_is_numeric(frame) for frame in frames):
            sequences = check_sequences(self, X, reset=reset, allow_nan=self._allows_nan)
            if sequences.feature_names is None:
                return sequences.rows, sequences
            return pd.DataFrame(sequences.rows, columns=sequences.feature_names), sequences
        # columns that are no numbers: text, categories, dates
        names = None if reset else getattr(self, "feature_names_in_", None)
        columns = Sequences.from_ragged([np.zeros(frame.shape) for frame in frames])
        in_order, expected = columns_in_order(frames, names)
        columns.feature_names = np.asarray(expected, dtype=object)
        (remember if reset else compare)(self, columns)
        return pd.concat(in_order, ignore_index=True), columns

    @property
    def _allows_nan(self) -> bool:
        """What a pipeline, a union or a ColumnTransformer allows, those inside it say themselves."""
        if any(hasattr(self.transformer, parts) for parts in ("steps", "transformers", "transformer_list")):
            return True
        return bool(get_tags(self.transformer).input_tags.allow_nan)

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

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            As in `fit`; also if X has another number of features, or the transformer changes the number of rows.
        """
        check_is_fitted(self, "transformer_")
        rows, sequences = self._stack(X, reset=False)
        return self._arrange(_as_rows(self.transformer_.transform(rows)), sequences)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray | list[np.ndarray]:
        """Undo `transform`.

        Parameters
        ----------
        X : array or list of arrays
            As from `transform`.

        Returns
        -------
        ndarray or list of arrays

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        AttributeError
            If `transformer_` has no `inverse_transform`.
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            If X holds no sequences, or has another number of features than what `transform` puts out.
        """
        check_is_fitted(self, "transformer_")
        allow_nan = self._allows_nan
        if is_ragged(X):
            sequences = Sequences.from_ragged(X, allow_nan=allow_nan)
        else:
            X = as_numbers(as_array(X, "X"), "X")
            if X.ndim not in (2, 3):
                raise ValueError(f"X must have 2 or 3 axes, as it came from transform; got shape {X.shape}.")
            sequences = Sequences.from_2d(X) if X.ndim == 2 else Sequences.from_3d(X, allow_nan=allow_nan)
        if sequences.n_features != self._n_features_out:
            raise ValueError(
                f"X has {sequences.n_features} features, but what transform put out has {self._n_features_out}. "
                f"{CHANNELS_LAST}"
            )
        return self._arrange(_as_rows(self.transformer_.inverse_transform(sequences.rows)), sequences)

    def _arrange(self, rows: np.ndarray, sequences: Sequences) -> np.ndarray | list[np.ndarray]:
        """What became of the time steps, in the form of X."""
        if len(rows) != sequences.lengths.sum():
            raise ValueError(
                f"{type(self.transformer).__name__} turned {sequences.lengths.sum()} time steps into {len(rows)} "
                "rows; only transformers that keep the number of rows can be applied to time steps."
            )
        if sequences.may_vary and sequences.kind != "ragged" and rows.dtype.kind in "biu":
            rows = rows.astype(np.float64)  # an absent step is NaN
        arranged = sequences.arrange_steps(rows, np.nan)
        if sequences.kind == "ragged":
            return list(arranged)
        return arranged[:, :, 0] if sequences.kind == "2d" and rows.shape[1] == 1 else arranged

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        if hasattr(self.transformer, "__sklearn_tags__"):
            tags.input_tags.allow_nan = self._allows_nan
            tags.target_tags.required = get_tags(self.transformer).target_tags.required
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


def _as_rows(out: Any) -> np.ndarray:
    """What a transformer returns, (rows, columns): an array, a sparse one, or a frame of any library."""
    if hasattr(out, "toarray"):
        out = out.toarray()
    out = as_array(out, "what the transformer returned")
    return out[:, None] if out.ndim == 1 else out


def _frames(X: Any) -> list[pd.DataFrame] | None:
    """A list of data frames, of any library, as pandas frames; None for anything else."""
    if not isinstance(X, (list, tuple)) or not X or not all(hasattr(x, "columns") for x in X):
        return None
    return [x if isinstance(x, pd.DataFrame) else pd.DataFrame({name: x[name] for name in x.columns}) for x in X]


def _is_numeric(frame: pd.DataFrame) -> bool:
    return all(pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes)


def _folds_of(transformer: Any) -> Any | None:
    """The `cv` of a transformer whose `fit_transform` must not see a row's own target, or of one inside it."""
    for part in (transformer, *transformer.get_params(deep=True).values()):
        overridden = getattr(type(part), "fit_transform", None) is not TransformerMixin.fit_transform
        if isinstance(part, BaseEstimator) and overridden and hasattr(part, "cv"):
            if get_tags(part).target_tags.required:
                return part.cv
    return None


def _cross_fitted(
    transformer: Any, cv: Any, rows: Any, lengths: np.ndarray, y: np.ndarray, weights: dict
) -> np.ndarray:
    """Each sequence's rows, transformed by a clone that was fitted to the sequences of the other folds."""
    first_y = y[np.cumsum(lengths) - lengths]
    sequence_of = np.repeat(np.arange(len(lengths)), lengths)
    discrete = type_of_target(first_y) in ("binary", "multiclass") and (y == first_y[sequence_of]).all()
    out = np.empty(0)
    if isinstance(cv, Integral):
        cv = (StratifiedKFold if discrete else KFold)(cv, shuffle=True, random_state=0)
    for train, test in check_cv(cv).split(np.zeros(len(lengths)), first_y):
        here, there = np.isin(sequence_of, train), np.isin(sequence_of, test)
        some = {name: weight[here] for name, weight in weights.items()}
        values = _as_rows(clone(transformer).fit(rows[here], y[here], **some).transform(rows[there]))
        if not out.size:
            out = np.empty((len(rows), values.shape[1]), values.dtype)
        out[there] = values
    return out
