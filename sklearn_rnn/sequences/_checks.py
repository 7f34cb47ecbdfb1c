"""X as Sequences, for an estimator or a transformer: what it was fitted on is remembered, and held against new X."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from .._warnings import warn
from ._arrays import (
    all_finite,
    as_array,
    from_torch,
    is_ragged,
    native,
    refuse_dask,
    refuse_lazy,
    refuse_times_and_text,
    single_column,
    unmasked,
    with_names,
    with_nan,
)
from ._sequences import CHANNELS_LAST, REMEDIES, Sequences

_LONG_FRAME = (
    "Each row of a frame is one sequence, each column a time step. A long frame, one row for each sequence and time "
    "step, is for FrameToSequences."
)


# So many numbers are looked through faster than anything is asked of them.
_SMALL = 1 << 16


def a_or_an(name: str) -> str:
    """The name of a type with its article, as it is spoken: a Ridge, an RNNRegressor, an int."""
    spoken_with_vowel = name[:1].lower() in "aeio" and not name.startswith("One")
    return f"{'an' if spoken_with_vowel or name.startswith('RNN') else 'a'} {name}"


def check_rows(estimator: BaseEstimator, X: Any, *, reset: bool) -> np.ndarray:
    """2-D X of which the rows are no sequences yet, as scikit-learn's `validate_data` has it."""
    X = from_torch(X)
    refuse_dask(X, "X")
    refuse_times_and_text(X, "X", "Make numbers of it, or leave it out.")
    if isinstance(X, (list, tuple)) or is_ragged(X):
        X = as_array(list(X), "X")  # says what is wrong, where rows differ in length
    with np.errstate(over="ignore", invalid="ignore"):  # of its sum, by which scikit-learn looks for NaN
        return validate_data(estimator, with_names(unmasked(X)), reset=reset, dtype=[np.float64, np.float32])


def check_sequences(
    estimator: BaseEstimator,
    X: Any,
    *,
    reset: bool,
    name: str = "X",
    dtype: np.dtype | None = None,
    allow_nan: bool = False,
    n_repeats: int | None = None,
) -> Sequences:
    """What scikit-learn's `validate_data` is for tables, for sequences.

    Parameters
    ----------
    estimator : estimator
        With `reset`, `n_features_in_`, `feature_names_in_` (where X has names) and `_fitted_on` are set; otherwise X
        must go with them.
    X : object
    reset : bool
    name : str
        Of the argument, for messages.
    dtype : dtype, default=None
        That of what was fitted: values that are infinite in it are an error.
    allow_nan : bool, default=False
        Whether NaN inside sequences is no error. (Steps that are all NaN at either end of 3-D X are absent anyway.)
    n_repeats : int, default=None
        If given, X must be a table of features (n, F), each row of which is fed at so many steps.

    Raises
    ------
    ValueError, TypeError
    """
    as_table = n_repeats is not None
    X = single_column(from_torch(X))
    refuse_times_and_text(X, name, _LONG_FRAME)
    if as_table and is_ragged(X):
        raise ValueError(
            f"{name} must be a table (n_samples, n_features) with mapping='one-to-many' (each row is fed at every "
            f"step), got a list of {len(X)} sequences."
        )
    fitted_on = None if reset else estimator._fitted_on
    # a list of sequences that are by chance of one length is still one
    if is_ragged(X) or (fitted_on == "ragged" and isinstance(X, (list, tuple)) and len(X) > 0):
        names = None if reset else getattr(estimator, "feature_names_in_", None)
        sequences = Sequences.from_ragged(X, name, allow_nan, names)
        if not reset and (names is None) != (sequences.feature_names is None):
            # in scikit-learn's words
            kind = type(estimator).__name__
            if names is None:
                warn(f"{name} has feature names, but {kind} was fitted without feature names")
            else:
                warn(f"{name} does not have valid feature names, but {kind} was fitted with feature names")
    else:
        X = native(unmasked(X))
        refuse_lazy(X, name)
        if isinstance(X, (list, tuple)) and len(X):
            refuse_lazy(X[0], f"{name}[0]")
        ndim = _n_axes(X, name)
        expected = (2,) if as_table else (2, 3)
        if ndim is not None and ndim not in expected:
            advice = "Reshape your data: X[None] is a single sequence."
            if not isinstance(X, np.ndarray):
                advice = f"Pass an array, or a list of sequences: [x] for a single one. Got a {type(X).__name__}."
            raise ValueError(
                f"{name} has {ndim} dimension(s); expected "
                + (
                    "a table (n_samples, n_features) with mapping='one-to-many'."
                    if as_table
                    else "(n_samples, n_timesteps, n_features), (n_samples, n_timesteps) or a list of sequences, at "
                    f"least one. {advice}"
                )
            )
        if ndim != 3:
            table = _check_table(estimator, with_nan(with_names(X)), reset, name, dtype, allow_nan, as_table)
            return Sequences.from_2d(table, n_repeats)
        sequences = Sequences.from_3d(as_array(X, name), name, allow_nan)
    if reset:
        remember(estimator, sequences)
    else:
        compare(estimator, sequences, name)
        if dtype is not None:
            sequences.refuse_too_large(dtype, name)
    return sequences


def plain_sequences(
    estimator: BaseEstimator, X: object, dtype: np.dtype, n_repeats: int | None = None
) -> Sequences | None:
    """X as Sequences, where it is a small array in which no check could find anything to object to, to warn of or to
    convert; otherwise None. Arguments as of `check_sequences`.

    The checks take three times as long as the network itself where somebody predicts one sequence at a time.
    """
    if type(X) is not np.ndarray or X.dtype != dtype or not 0 < X.size <= _SMALL:
        return None
    n_features, as_fitted = estimator.n_features_in_, estimator._fitted_on == "2d"
    if X.ndim == 2:
        fits = X.shape[1] == n_features if as_fitted else n_features == 1
    else:
        fits = X.ndim == 3 and not as_fitted and X.shape[2] == n_features
    if not fits or hasattr(estimator, "feature_names_in_") or not all_finite(X):
        return None
    return Sequences.from_2d(X, n_repeats) if X.ndim == 2 else Sequences.without_gaps(X)


def _n_axes(X: object, name: str) -> int | None:
    """None for a table that scikit-learn's checks turn into an array, or refuse."""
    ndim = getattr(X, "ndim", None)
    if ndim is None and not any(hasattr(X, method) for method in ("iloc", "tocsr", "to_numpy", "__dataframe__")):
        ndim = np.asarray(X, dtype=None if hasattr(X, "__array__") else object).ndim
    return ndim


def _check_table(estimator, X, reset, name, dtype, allow_nan, as_table) -> np.ndarray:
    """2-D X, validated: univariate sequences as rows, or features."""
    try:
        table = check_array(
            X, dtype=[np.float64, np.float32], ensure_all_finite=False, input_name=name, estimator=estimator
        )
    except OverflowError as error:
        raise ValueError(f"{name} holds whole numbers that are too large for float64: {error}.") from error
    as_fitted = reset or estimator._fitted_on == "2d"
    if as_fitted:
        try:
            validate_data(estimator, X, reset=reset, skip_check_array=True)  # feature names and number of columns
        except ValueError as error:
            if as_table or not str(error).startswith("X has"):
                raise
            raise ValueError(
                f"{name}{str(error)[1:]} Each row of 2-D X is a sequence, and all have the length that was fitted. "
                f"To use others as well, fit on 3-D X: {name}[:, :, None]."
            ) from None
    elif estimator.n_features_in_ != 1:
        raise ValueError(
            f"{name} is 2-D with shape {table.shape}, that is, univariate sequences of {table.shape[1]} time steps; "
            f"{type(estimator).__name__} is expecting {estimator.n_features_in_} features. If it is one sequence, pass "
            f"it in a list: [{name}]. If it is one step of each, {name}[:, None]."
        )
    if reset:
        estimator._fitted_on = "2d"
    _refuse_not_finite(estimator, table, name, allow_nan, "feature" if as_table else "time step")
    if dtype is not None:
        Sequences.from_2d(table).refuse_too_large(dtype, name)
    return table


def _refuse_not_finite(estimator, table: np.ndarray, name: str, allow_nan: bool, column_is: str) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(table.sum()):
            return
    wrong = np.isinf(table) if allow_nan else ~np.isfinite(table)
    if wrong.any():
        i, t = np.argwhere(wrong)[0]
        what = "NaN" if np.isnan(table[i, t]) else "infinity"
        kind, advice = type(estimator).__name__, REMEDIES[what]
        if column_is == "feature":
            advice = (
                "Impute it, as with scikit-learn's SimpleImputer." if what == "NaN" else "Put a number in its place."
            )
        elif what == "NaN":
            advice = (
                f"{kind} does not accept missing values in 2-D X. {advice} Or, where steps are absent at the start or "
                "at the end of a sequence, pass 3-D X with NaN there, or a list of sequences of different lengths."
            )
        raise ValueError(f"Input {name} contains {what}: sample {i}, {column_is} {t}. {advice}")


def remember(estimator: BaseEstimator, sequences: Sequences) -> None:
    """Set what a fitted estimator must know of sequences."""
    estimator.n_features_in_ = sequences.n_features
    estimator._fitted_on = sequences.kind
    if hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    if sequences.feature_names is not None:
        estimator.feature_names_in_ = sequences.feature_names


def compare(estimator: BaseEstimator, sequences: Sequences, name: str = "X") -> None:
    """Are sequences of the kind that an estimator was fitted on?"""
    as_table = estimator._fitted_on == "2d"
    expected = 1 if as_table else estimator.n_features_in_
    if sequences.n_features != expected:
        hint = CHANNELS_LAST
        if sequences.n_timesteps == expected:
            hint = f"The second axis has {expected}, so this looks like channels first. {hint}"
        raise ValueError(
            f"{name} has {sequences.n_features} features, but {type(estimator).__name__} is expecting {expected} "
            f"features as input. {hint}"
        )
    if as_table and (sequences.lengths != estimator.n_features_in_).any():
        raise ValueError(
            f"{type(estimator).__name__} was fitted on 2-D X with {estimator.n_features_in_} time steps; {name} has "
            f"sequences of {sequences.lengths.min()} to {sequences.lengths.max()} steps. To use other lengths, fit on "
            "3-D X: X[:, :, None]."
        )
