"""flatten_steps: targets and predictions at every step as the flat arrays that scikit-learn's metrics take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..sequences._arrays import as_array, as_numbers, is_ragged, list_column, single_column
from ._parts import check_choice


def flatten_steps(
    y_true: ArrayLike | Sequence,
    y_pred: ArrayLike | Sequence,
    sample_weight: ArrayLike | Sequence | None = None,
    *,
    minus_one: Literal["auto", "absent", "label"] = "auto",
) -> tuple[np.ndarray, ...]:
    """Targets and predictions of the time steps that exist, step after step, for any metric of scikit-learn.

    Estimators with ``mapping="many-to-many"`` predict an array (n_samples, n_timesteps[, k]) that holds NaN, -1 or None
    where a sequence has no step, or, of a list of sequences, an object array of arrays. Metrics take neither.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_timesteps[, n_outputs]), or list of arrays
        What stands at absent steps does not matter.
    y_pred : array-like of shape (n_samples, n_timesteps[, k]), or list of arrays
        From `predict` or `predict_proba`.
        It says which steps are absent: those that are NaN in all outputs, None, or -1 in whole numbers.
    sample_weight : array-like of shape (n_samples,), or in the shape of the steps, default=None
        One weight for each sequence is that of all its steps.
    minus_one : {"auto", "absent", "label"}, default="auto"
        What -1 in whole-number labels of `y_pred` stands for. An `RNNSequenceClassifier` which has -1 among its classes
        says None for absent steps, so that its -1 is a label wherever it occurs. "auto" finds out: a label, if -1
        stands between other labels in some sequence, or all through one, or if y_true has -1 where y_pred has none;
        absent, if y_true has no -1 or has it at just the same steps. Anything else is an error that asks for it.

    Returns
    -------
    y_true : ndarray of shape (n_steps,) or (n_steps, n_outputs)
    y_pred : ndarray of shape (n_steps,) or (n_steps, k)
    sample_weight : ndarray of shape (n_steps,)
        Only if it is given.

    Raises
    ------
    ValueError
        If there is not one target for each prediction, there is one prediction a sequence, or -1 may be either.

    See Also
    --------
    sklearn.metrics.make_scorer : Makes a scorer of a function that calls this one first.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.metrics import f1_score, make_scorer
    >>> from sklearn_rnn import flatten_steps
    >>> y_true = np.array([[0, 1, 1], [1, 0, 0]])
    >>> y_pred = np.array([[0, 1, 0], [1, 0, -1]])  # the second sequence has two steps
    >>> flatten_steps(y_true, y_pred)
    (array([0, 1, 1, 1, 0]), array([0, 1, 0, 1, 0]))
    >>> round(f1_score(*flatten_steps(y_true, y_pred)), 2)
    0.8
    >>> def macro_f1(y_true, y_pred):
    ...     return f1_score(*flatten_steps(y_true, y_pred), average="macro")
    >>> scorer = make_scorer(macro_f1)  # for cross_val_score, GridSearchCV, sequence_importance
    """
    check_choice("minus_one", minus_one, ("auto", "absent", "label"))
    true, of_true = _steps(y_true, "y_true")
    predicted, of_predicted = _steps(y_pred, "y_pred")
    if len(of_true) != len(of_predicted):
        raise ValueError(
            f"y_true has {len(of_true)} sequences, y_pred has {len(of_predicted)}: give those of the same X."
        )
    differ = np.flatnonzero(of_true != of_predicted)
    if len(differ):
        i = int(differ[0])
        raise ValueError(
            f"There must be one target for each prediction: sequence {i} has {of_true[i]} steps in y_true and "
            f"{of_predicted[i]} in y_pred."
        )
    weights = None if sample_weight is None else _weights(sample_weight, of_true)
    present = ~_absent(predicted, true, of_predicted, minus_one)
    flat = [_plain(rows[present]) for rows in (true, predicted)]
    return tuple(flat) if weights is None else (*flat, weights[present])


def _steps(y: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows, one for each step, absent ones included, and the number of steps of each sequence."""
    y = single_column(y)
    if is_ragged(y):
        items = list_column(y) or y
        arrays = [as_array(some, f"{name}[{i}]") for i, some in enumerate(items)]
        for i, array in enumerate(arrays):
            if array.ndim not in (1, 2) or array.shape[1:] != arrays[0].shape[1:]:
                raise ValueError(
                    f"Each sequence of {name} must have one value, or row of values, for each step: {name}[0] has "
                    f"shape {arrays[0].shape}, {name}[{i}] has shape {array.shape}."
                )
        rows, lengths = np.concatenate(arrays), np.array([len(array) for array in arrays])
    else:
        array = as_array(y, name)
        if array.ndim not in (2, 3):
            raise ValueError(
                f"{name} must have a value for every step, (n_samples, n_timesteps[, n_outputs]) or a list of arrays; "
                f"got shape {array.shape}. With one value a sequence metrics take it as it is."
            )
        rows = array.reshape(-1, *array.shape[2:])
        lengths = np.full(len(array), array.shape[1])
    return (rows[:, 0] if rows.ndim == 2 and rows.shape[1] == 1 else rows), lengths


def _weights(sample_weight: Any, lengths: np.ndarray) -> np.ndarray:
    """One weight for each step."""
    if not is_ragged(sample_weight):
        weights = as_numbers(as_array(sample_weight, "sample_weight"), "sample_weight")
        if weights.shape == lengths.shape:
            return np.repeat(weights, lengths)
        if weights.ndim != 2:
            raise ValueError(
                f"sample_weight must have one weight for each of the {len(lengths)} sequences, or for each step; got "
                f"shape {weights.shape}."
            )
    rows, of_weights = _steps(sample_weight, "sample_weight")
    if not np.array_equal(of_weights, lengths) or rows.ndim != 1:
        raise ValueError("sample_weight must have one weight for each sequence, or for each step of y_true.")
    return as_numbers(rows, "sample_weight")


def _absent(predicted: np.ndarray, true: np.ndarray, lengths: np.ndarray, minus_one: str) -> np.ndarray:
    """Which rows of predictions are of no step."""
    rows = predicted.reshape(len(predicted), -1)
    if rows.dtype.kind == "f":
        return np.isnan(rows).all(axis=1)
    if rows.dtype == object:
        return np.array([all(value is None for value in row) for row in rows], dtype=bool)
    marked = (rows == -1).all(axis=1) if rows.dtype.kind == "i" else np.zeros(len(rows), dtype=bool)
    if minus_one == "label" or not marked.any():
        return np.zeros(len(rows), dtype=bool)
    if minus_one == "absent":
        return marked
    in_true = (true == -1) if true.ndim == 1 and true.dtype.kind in "iuf" else np.zeros(len(rows), dtype=bool)
    if (in_true & ~marked).any() or not _at_the_ends(marked, lengths):
        return np.zeros(len(rows), dtype=bool)
    if not in_true.any() or np.array_equal(in_true, marked):
        return marked
    raise ValueError(
        "y_pred has -1 at the start or the end of sequences, and so has y_true, but at fewer steps: it may be a label "
        "or stand for steps that are absent. Say which: minus_one='label' or minus_one='absent'."
    )


def _at_the_ends(marked: np.ndarray, lengths: np.ndarray) -> bool:
    """Do marked steps stand at the start or the end of sequences only, and leave some of each?"""
    ends = np.cumsum(lengths)
    for start, stop in zip(ends - lengths, ends):
        there = np.flatnonzero(~marked[start:stop])
        if not len(there) or there[-1] - there[0] + 1 != len(there):
            return False
    return True


def _plain(values: np.ndarray) -> np.ndarray:
    """Labels in an object array, which could hold None, as what they are."""
    return np.array(values.tolist()) if values.dtype == object and len(values) else values
