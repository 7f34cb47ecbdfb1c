"""Which score a scoring is, in words."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator

from .._sklearn import scored_by
from ..estimators._classifier import RNNSequenceClassifier
from ..estimators._regressor import RNNRegressor
from ..forecasting._forecaster import RNNForecaster

_UNKNOWN = "score"
_USUAL = {"r2": "R²", "r2_score": "R²", "roc_auc": "ROC AUC", "roc_auc_score": "ROC AUC", "accuracy_score": "accuracy"}
# The `score` of which it is known what it is; that of others may be anything.
_KNOWN = (ClassifierMixin.score, RegressorMixin.score, RNNSequenceClassifier.score, RNNRegressor.score)


def name_of_score(estimator: Any, scoring: Any, key: str | None = None) -> str:
    """Which score it is that `scoring` makes of an estimator, larger is better: "R²", "minus log loss".

    Parameters
    ----------
    estimator : fitted estimator
        Whose `score` it is, where scoring is None.
    scoring : str, callable, list, tuple, dict or None
        As in scikit-learn.
    key : str, default=None
        Which of several scores.
    """
    if key is not None:
        named = scoring[key] if isinstance(scoring, dict) else key
        name = name_of_score(estimator, named)
        return _in_words(key) if name == _UNKNOWN else name
    if scoring is None:
        return _of_estimator(estimator)
    if isinstance(scoring, str):
        return _in_words(scoring)
    metric, sign = scored_by(scoring)
    while isinstance(metric, functools.partial):
        metric = metric.func
    name = getattr(metric, "__name__", _UNKNOWN)
    name = _UNKNOWN if name == "<lambda>" else _in_words(name)
    return name if sign > 0 else f"minus {name}"


def _in_words(name: str) -> str:
    if name.startswith("neg_"):
        return f"minus {_in_words(name.removeprefix('neg_'))}"
    return _USUAL.get(name) or name.replace("_", " ").strip() or _UNKNOWN


def _of_estimator(estimator: Any) -> str:
    """What an estimator's own `score` is."""
    if hasattr(estimator, "best_estimator_"):  # a search scores by what it has searched by
        if isinstance(estimator.refit, str):
            return name_of_score(estimator, estimator.scoring, estimator.refit)
        return name_of_score(estimator.best_estimator_, estimator.scoring)
    if hasattr(estimator, "steps"):
        return _of_estimator(estimator.steps[-1][1])
    if isinstance(estimator, FrozenEstimator):
        return _of_estimator(estimator.estimator)
    if isinstance(estimator, RNNForecaster):
        return "minus MASE"
    if getattr(type(estimator), "score", None) not in _KNOWN:
        return _UNKNOWN
    if isinstance(estimator, RNNRegressor) and estimator.loss == "quantile" and np.size(estimator.quantile) > 1:
        return "D² pinball score"
    return "accuracy" if is_classifier(estimator) else "R²" if is_regressor(estimator) else _UNKNOWN
