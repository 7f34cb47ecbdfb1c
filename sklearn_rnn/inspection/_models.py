"""The recurrent network inside what a user has: a pipeline, a search, a meta-estimator or a forecaster around it."""

from __future__ import annotations

from typing import Any, TypeAlias

from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..estimators._classifier import RNNSequenceClassifier
from ..estimators._regressor import RNNRegressor
from ..forecasting._forecaster import RNNForecaster
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
        ``best_estimator_``), a TransformedTargetRegressor or another meta-estimator that fits one estimator; an
        RNNForecaster (the first of its ``regressors_``; the others differ in random_state only); or these, nested.

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


def network_and_input(estimator: Any, X: Any) -> tuple[RecurrentEstimator, Any]:
    """The recurrent network that an estimator holds, and X as that network sees it, behind the steps of pipelines.

    Parameters
    ----------
    estimator : estimator
        As in `recurrent_estimator`, but no RNNForecaster, which reads series and no sequences.
    X : as the estimator takes it

    Returns
    -------
    network : RNNRegressor, RNNSequenceClassifier or RNNTextGenerator
    X : as the network takes it

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
    return layers[-1], X


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
            f"This {name} is fitted, but has not kept one recurrent network for all data "
            f"({' or '.join(_FITTED_INSIDE)}). A search keeps it with refit=True; of several, pass the one to look at."
        )
    what = f"{layer!r}, which is a class, no estimator" if isinstance(layer, type) else f"a {name}"
    within = "" if layer is given else f", inside a {type(given).__name__}"
    raise TypeError(
        "Expected a fitted RNNRegressor, RNNSequenceClassifier, RNNTextGenerator or RNNForecaster, or a pipeline, "
        f"search or TransformedTargetRegressor around one; got {what}{within}."
    )
