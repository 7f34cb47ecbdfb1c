"""The recurrent network inside what a user has: a pipeline, a search, a meta-estimator or a forecaster around it."""

from __future__ import annotations

import contextlib
from typing import Any, TypeAlias

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._sklearn import safe_indexing
from ..estimators._classifier import RNNSequenceClassifier
from ..estimators._regressor import RNNRegressor
from ..forecasting._forecaster import RNNForecaster
from ..sequences._checks import a_or_an
from ..text._generator import RNNTextGenerator

RecurrentEstimator: TypeAlias = RNNRegressor | RNNSequenceClassifier | RNNTextGenerator

_NETWORKS = (RNNRegressor, RNNSequenceClassifier, RNNTextGenerator)
# Where scikit-learn's searches and meta-estimators keep the one estimator that they fitted.
_FITTED_INSIDE = ("best_estimator_", "regressor_", "classifier_", "estimator_")


def recurrent_estimator(estimator: Any) -> RecurrentEstimator:
    """The fitted recurrent network that an estimator is or holds.

    Parameters
    ----------
    estimator : estimator
        An RNNRegressor, RNNSequenceClassifier or RNNTextGenerator; a Pipeline that ends in one; a search (its
        ``best_estimator_``), a TransformedTargetRegressor or another meta-estimator that fits one estimator; a
        FrozenEstimator; an RNNForecaster (the first of its ``regressors_``; the others differ in random_state only);
        or these, nested.

    Returns
    -------
    RNNRegressor, RNNSequenceClassifier or RNNTextGenerator

    Raises
    ------
    NotFittedError
        If it, or what holds it, is not fitted.
    TypeError
        If there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.inspection._models import recurrent_estimator
    >>> X = np.sin(np.arange(60.0)).reshape(12, 5)
    >>> pipeline = make_pipeline(StandardScaler(), RNNRegressor(2, solver="lbfgs", random_state=0))
    >>> recurrent_estimator(pipeline.fit(X, X[:, 0])) is pipeline[-1]
    True
    """
    return layers_to_network(estimator)[-1]


def network_and_data(estimator: Any, X: Any, y: Any = None) -> tuple[RecurrentEstimator, Any, Any]:
    """The recurrent network that an estimator holds, and X and y as that network sees them.

    X goes through the steps of pipelines before it, y through the transformers of TransformedTargetRegressors.

    Parameters
    ----------
    estimator : estimator
        As in `recurrent_estimator`, but no RNNForecaster, which reads series and no sequences.
    X : as the estimator takes it
    y : as the estimator takes it, default=None

    Returns
    -------
    network : RNNRegressor, RNNSequenceClassifier or RNNTextGenerator
    X : as the network takes it
    y : as the network takes it, or None

    Raises
    ------
    NotFittedError, TypeError
        As `recurrent_estimator` does; TypeError for an RNNForecaster, too.
    """
    layers = layers_to_network(estimator)
    for layer in layers:
        if isinstance(layer, RNNForecaster):
            raise TypeError(
                "An RNNForecaster makes its windows from series, so that X cannot be given to its network. Pass one of "
                "its regressors_, and windows that it can read."
            )
        if isinstance(layer, Pipeline) and len(layer.steps) > 1:
            X = layer[:-1].transform(X)
    transformers = [layer.transformer_ for layer in layers if isinstance(layer, TransformedTargetRegressor)]
    if y is not None and transformers:
        y = _transformed_targets(transformers, y, layers[-1], X)
    return layers[-1], X, y


def _transformed_targets(transformers: list, y: Any, network: Any, X: Any) -> np.ndarray:
    """y as a network behind transformers of targets was given it."""
    y = np.asarray(y)
    n_axes = y.ndim
    for transformer in transformers:
        y = np.asarray(transformer.transform(y.reshape(-1, 1) if y.ndim == 1 else y))
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    if network.mapping == "many-to-one" and y.ndim in (1, 2) and y.size == len(y) == n > 0:
        # a column or not, as it was fitted: those around it take both, the network does not
        with contextlib.suppress(ValueError):  # of a network whose outputs are not finite: then as y was given
            predicted = network.predict(safe_indexing(X, [0]))
            of_quantiles = getattr(network, "loss", None) == "quantile" and np.ndim(network.quantile)
            n_axes = predicted.ndim - bool(of_quantiles)  # quantiles are the last
        y = y.reshape(-1) if n_axes == 1 else y.reshape(-1, 1)
    return y


def found_or_frozen(estimator: Any) -> Any:
    """What a search found, or what a FrozenEstimator holds; anything else as it is."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def layers_to_network(estimator: Any) -> list:
    """The estimator, what it has fitted inside, and so on, down to the recurrent network.

    Arguments and errors as of `recurrent_estimator`.
    """
    layers = [estimator]
    while not isinstance(layers[-1], _NETWORKS):
        layers.append(_inside(layers[-1], estimator))
    check_is_fitted(layers[-1])
    return layers


def _inside(layer: Any, given: Any) -> Any:
    """The one estimator that this one has fitted."""
    if isinstance(layer, RNNForecaster):
        check_is_fitted(layer)
        return layer.regressors_[0]
    if isinstance(layer, Pipeline):
        return layer.steps[-1][1]
    if isinstance(layer, FrozenEstimator):
        return layer.estimator
    # what has fitted several may keep under these names the one that it copied
    if not hasattr(layer, "estimators_"):
        for name in _FITTED_INSIDE:
            if hasattr(layer, name):
                return getattr(layer, name)
    name = type(layer).__name__
    parameters = layer.get_params().values() if hasattr(layer, "get_params") and not isinstance(layer, type) else ()
    if any(isinstance(value, (*_NETWORKS, RNNForecaster)) for value in parameters):
        try:
            check_is_fitted(layer)
        except NotFittedError:
            raise NotFittedError(f"This {name} instance is not fitted yet. Call 'fit' first.") from None
        raise TypeError(
            f"This {name} is fitted, but has not kept one recurrent network for all data. A search keeps it with "
            "refit=True; of several, pass the one to look at, such as estimators_[0]."
        )
    what = f"{layer!r}, which is a class, no estimator" if isinstance(layer, type) else a_or_an(name)
    within = "" if layer is given else f", inside {a_or_an(type(given).__name__)}"
    raise TypeError(
        "Expected a fitted RNNRegressor, RNNSequenceClassifier, RNNTextGenerator or RNNForecaster, or a pipeline, "
        f"search or TransformedTargetRegressor around one; got {what}{within}."
    )
