"""Validation while a network is trained: which samples are held out, and how weights are scored on them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from .._warnings import warn
from ..sequences._dataset import Dataset


def split(
    data: Dataset, fraction: float, method: str, seed: int, stratify: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Which sequences of `data` to train on, and which to validate on.

    Parameters
    ----------
    fraction, method, seed : validation_fraction, validation_method, and what random_state drew
    stratify : ndarray of shape (n,), or None
        Classes whose shares are to be kept by a random split.

    Raises
    ------
    ValueError
        If nothing would be left of one side, or nothing with a weight.
    """
    n = len(data)
    what = f"early_stopping with validation_fraction={fraction} of {n} samples"
    if method == "last":
        n_held_out = max(1, int(np.ceil(n * fraction)))
        if n_held_out >= n:
            raise ValueError(f"{what} leaves none to train on. Give more, or X_val and y_val.")
        train, held_out = np.arange(n - n_held_out), np.arange(n - n_held_out, n)
    else:
        try:
            train, held_out = train_test_split(np.arange(n), test_size=fraction, random_state=seed, stratify=stratify)
        except ValueError as error:
            if stratify is None:
                raise ValueError(f"{what} leaves none to train on. Give more, or X_val and y_val.") from error
            raise ValueError(
                f"{what} cannot hold out a share of every class: {error} Give more samples, X_val and y_val, or "
                "validation_method='last'."
            ) from error
    if data.weights is not None:
        for part, some in (("training", train), ("validation", held_out)):
            if not data.weights[data.take(some).rows].any():
                raise ValueError(
                    f"{what}: sample_weight, times class weights, is zero for all {part} samples. Give X_val and y_val."
                )
    return train, held_out


def make_score(
    estimator: BaseEstimator, scoring: str | Callable | None, X: object, y: object, sample_weight: Any
) -> Callable[[np.ndarray], float]:
    """A function of weights: the score on X and y of the estimator that has them."""
    scorer = check_scoring(estimator, scoring)
    weighs_all_alike = np.ndim(sample_weight) == 0  # one number, or None
    weight = {} if weighs_all_alike or not _takes_weights(scorer) else {"sample_weight": sample_weight}

    def score(theta):
        estimator._theta = theta
        value = scorer(estimator, X, y, **weight)
        if not isinstance(value, (Real, np.bool_)):
            raise TypeError(f"scoring must return a number, got {value!r:.100} from {scoring!r}.")
        if np.isnan(value):
            warn(
                f"scoring={scoring!r} is NaN on the validation data, which counts as no gain. Does it go with what was "
                "held out? (One class only has no ROC curve.)"
            )
        return float(value)

    return score


def _takes_weights(scorer: Callable) -> bool:
    """scikit-learn's own scorers take weights; a user's callable of any kind need not."""
    try:
        parameters = inspect.signature(scorer).parameters.values()
    except (TypeError, ValueError):  # some callables that are written in C
        return False
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)
