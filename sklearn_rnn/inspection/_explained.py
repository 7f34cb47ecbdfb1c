"""How much better than a constant a network is on some data, whatever its loss, mapping and the form of its targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score

from ..text._tokens import tokenize

_LEAST = 1e-15  # a probability of 0 costs as much as this one


def share_explained(net: Any, X: Any, y: Any) -> tuple[float | None, str, float | None]:
    """What share of the loss of the best constant a network does away with, and what that constant is.

    Parameters
    ----------
    net : RNNRegressor, RNNSequenceClassifier or RNNTextGenerator
    X, y : as it takes them; of a text generator a text, and nothing

    Returns
    -------
    share : float or None
        1 is perfect, 0 as good as the constant; None where there is nothing to explain.
    constant : str
        In words.
    of_constant : float or None
        Its loss, on the scale of `loss_curve_`; None where it is not known.
    """
    if is_regressor(net):
        return _of_regressor(net, X, y)
    return _of_classifier(net, X, y) if is_classifier(net) else _of_text(net, X)


def _of_regressor(net, X, y):
    several = not np.isscalar(net.quantile)
    if net.loss not in ("absolute_error", "huber", "quantile") or (net.loss == "quantile" and several):
        constant = "quantiles of y" if several and net.loss == "quantile" else "the mean of y"
        share = float(net.score(X, y))
        of_mean = None
        if net.loss == "squared_error":
            _, actual = rows_of(net.predict(X), y, net.mapping != "many-to-one")
            of_mean = 0.5 * float(actual.astype(float).var(axis=0).mean())
        return (share if np.isfinite(share) else None), constant, of_mean
    predicted, actual = rows_of(net.predict(X), y, net.mapping != "many-to-one")
    if len(actual) < 2:
        return None, "", None
    if net.loss == "quantile":
        return float(d2_pinball_score(actual, predicted, alpha=net.quantile)), f"the {net.quantile} quantile of y", None
    return float(d2_absolute_error_score(actual, predicted)), "the median of y", None


def _of_classifier(net, X, y):
    p, labels = rows_of(net.predict_proba(X), y, net.mapping != "many-to-one")
    several = labels.shape[1] > 1
    if several:  # of each label whether it is there
        there = labels.astype(bool)
        p_true = np.where(there, p, 1 - p)
        prior = np.clip(there.mean(axis=0), _LEAST, 1)
        of_prior = -(prior * np.log(prior) + (1 - prior) * np.log(np.maximum(1 - prior, _LEAST))).sum()
        loss = -np.log(np.maximum(p_true, _LEAST)).sum(axis=1).mean()
        gain, chance = ((p > 0.5) == there).mean(), np.maximum(prior, 1 - prior).mean()
        return _best_of(loss, of_prior, [(gain, chance)], len(p)), "the shares of the labels", float(of_prior)
    labels = labels[:, 0]
    codes = np.searchsorted(net.classes_, labels)
    known = net.classes_[np.minimum(codes, len(net.classes_) - 1)] == labels
    codes, p = codes[known], p[known]
    counts = np.bincount(codes, minlength=len(net.classes_))
    shares = counts[counts > 0] / max(1, counts.sum())
    if len(shares) < 2:
        return None, "", None
    loss = -np.log(np.maximum(p[np.arange(len(p)), codes], _LEAST)).mean()
    right = p.argmax(axis=1) == codes
    recalls = [right[codes == k].mean() for k in np.flatnonzero(counts)]
    # with class_weight="balanced" a sound net may be less often right than whoever names the largest class
    gains = [(right.mean(), shares.max()), (np.mean(recalls), 1 / len(shares))]
    of_shares = float(-(shares * np.log(shares)).sum())
    # weights of classes make the loss of training another
    in_training = of_shares if net.class_weight is None else None
    return _best_of(loss, of_shares, gains, len(p)), "the shares of the classes", in_training


def _best_of(loss: float, of_prior: float, gains: list[tuple[float, float]], n: int) -> float | None:
    """Share of the prior's loss that is done away with; where that is nothing, how far names are right beyond chance.

    An overconfident net may have a large loss, and yet name the right class. What luck does on n samples counts as
    nothing.
    """
    if not of_prior > 0:
        return None
    share = 1 - loss / of_prior
    if share > 0.01:
        return float(share)
    beyond = [(right - chance) / (1 - chance) for right, chance in gains if chance < 1]
    return float(max(beyond)) if beyond and max(beyond) > max(0.01, 2 / np.sqrt(n)) else float(share)


def _of_text(net, text):
    tokens = tokenize(text, net.analyzer, "X")
    known = [net.vocabulary_[token] for token in tokens[1:] if token in net.vocabulary_]
    if not known:
        return None, "", None
    # on an empty prompt tokens follow as often as they occurred in training
    frequency = net.predict_proba([""])[0]
    of_frequency = -np.log(np.maximum(frequency[known], 1e-12)).mean()
    share = float(1 + net.score(text) / of_frequency) if of_frequency > 0 else None
    return share, "how often each token occurs", float(of_frequency)


def is_list_of_arrays(values: Any) -> bool:
    """Whether these are sequences in a list, or in an object array, as what is predicted for a list is."""
    return isinstance(values, list) or (getattr(values, "dtype", None) == np.dtype(object) and np.ndim(values) == 1)


def rows_of(predicted: Any, y: Any, per_step: bool) -> tuple[np.ndarray, np.ndarray]:
    """What is predicted and what is true, as rows (rows, k), without absent steps."""
    if not per_step:
        actual = np.asarray(y)
        return np.asarray(predicted, float).reshape(len(actual), -1), actual.reshape(len(actual), -1)
    ragged = predicted.dtype == object
    P = np.concatenate([p.reshape(len(p), -1) for p in predicted]) if ragged else predicted
    if not ragged:
        P = P.reshape(P.shape[0] * P.shape[1], -1)
    if is_list_of_arrays(y):
        Y = np.concatenate([np.asarray(v).reshape(len(v), -1) for v in y])
    else:
        Y = np.asarray(y)
        Y = Y.reshape(Y.shape[0] * Y.shape[1], -1)
    there = ~np.isnan(P.astype(float)).any(axis=1)
    return P[there].astype(float), Y[there]
