"""The losses: value, gradient and link side by side, and the registry that finds them by name.

Notation
--------
O (..., K, N) is the raw output of the network for a batch of N sequences: one column a sequence, with a leading axis
of time steps where there is a target at every step. Y (..., k, N) are the targets. A loss returns its value for every
column, shape (..., N), and dO, the gradient of each column's value with respect to O; the network multiplies both by
the sample weights and adds up. The link turns O into what `predict` or `predict_proba` shows, shape (..., P, N).

A loss here makes no assumption of a canonical link: the gradient is the derivative of the value with respect to O,
whatever lies between. A new loss is one class in this file and one line in the registry at its end; the gradient
tests find it there.
"""

from abc import ABC, abstractmethod
from collections import ChainMap
from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, xlogy


class Loss(ABC):
    """Value, gradient and link of one loss.

    Parameters
    ----------
    n_targets : int
        Outputs to be predicted (regression, multilabel) or number of classes (log_loss).
    """

    #: targets must not be negative
    positive_only = False
    #: parameters of RNNRegressor that the loss takes, as keywords of its own
    options: tuple[str, ...] = ()

    def __init__(self, n_targets: int):
        self.n_targets = n_targets

    @property
    def n_raw(self) -> int:
        """K, the number of raw outputs that the network must have."""
        return self.n_targets

    @abstractmethod
    def value_and_gradient(self, O: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loss of each column, shape (..., N), and its gradient with respect to O."""

    def link(self, O: np.ndarray) -> np.ndarray:
        """What is predicted for raw outputs O."""
        return O

    def constant(self, Y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The raw outputs (K,) of least mean loss among those that are the same for all targets Y (k, N).

        `weights` (N,) add up to 1.
        """

        def mean_loss(o):
            values, dO = self.value_and_gradient(np.repeat(o[:, None], Y.shape[1], axis=1), Y)
            return float(values @ weights), dO @ weights

        return minimize(mean_loss, np.zeros(self.n_raw), jac=True, method="L-BFGS-B").x

    def least(self, Y: np.ndarray) -> np.ndarray:
        """The least loss that each of the targets Y (k, N) could have, whatever the outputs."""
        return np.zeros(Y.shape[1])


class SquaredError(Loss):
    """Half the squared error, averaged over outputs: predicts the mean."""

    def value_and_gradient(self, O, Y):
        R = O - Y
        dO = R / self.n_targets
        return 0.5 * (R * dO).sum(axis=-2), dO

    def constant(self, Y, weights):
        return Y @ weights


class AbsoluteError(Loss):
    """The absolute error, averaged over outputs: predicts the median."""

    def value_and_gradient(self, O, Y):
        R = O - Y
        return np.mean(np.abs(R), axis=-2), np.sign(R) / self.n_targets

    def constant(self, Y, weights):
        return _weighted_quantile(Y, 0.5, weights)


class Huber(Loss):
    """Squared up to huber_delta, linear beyond it (Huber, 1964), averaged over outputs.

    R^2/2 where |R| <= delta, else delta * (|R| - delta/2).
    """

    options = ("huber_delta",)

    def __init__(self, n_targets: int, huber_delta: float = 1.0):
        super().__init__(n_targets)
        self.delta = huber_delta

    def value_and_gradient(self, O, Y):
        R = O - Y
        # The clipped residual is the gradient, and R * C - C^2/2 is both branches of the value.
        C = np.clip(R, -self.delta, self.delta)
        return np.mean(C * (R - 0.5 * C), axis=-2), C / self.n_targets


class Poisson(Loss):
    """Half the Poisson deviance without its constant, log link, averaged over outputs: predicts a positive mean.

    exp(O) - Y * O
    """

    positive_only = True

    def value_and_gradient(self, O, Y):
        mean = np.exp(O)
        return np.mean(mean - Y * O, axis=-2), (mean - Y) / self.n_targets

    def constant(self, Y, weights):
        return np.log(np.maximum(Y @ weights, np.finfo(float).tiny))

    def least(self, Y):
        return np.mean(Y - xlogy(Y, Y), axis=0)

    def link(self, O):
        return np.exp(O)


class Quantile(Loss):
    """The pinball loss (Koenker & Bassett, 1978), averaged over outputs and quantiles.

    For the quantile q of level p: p * (Y - q) where Y >= q, else (1 - p) * (q - Y).

    Several quantiles of one output cannot cross: the network gives the lowest one and, for each further one, an
    increment that softplus keeps positive: q_0 = O_0, q_j = q_{j-1} + log(1 + exp(O_j)).

    Parameters
    ----------
    n_targets : int
    quantile : float or tuple of float
        Levels, increasing. Rows of O and of the link are (output, level), the level running fastest.
    """

    options = ("quantile",)

    def __init__(self, n_targets: int, quantile: float | tuple[float, ...] = 0.5):
        super().__init__(n_targets)
        self.levels = np.atleast_1d(np.asarray(quantile, dtype=float))

    @property
    def n_raw(self):
        return self.n_targets * len(self.levels)

    def _by_output(self, O):
        return O.reshape(*O.shape[:-2], self.n_targets, len(self.levels), O.shape[-1])

    def link(self, O):
        steps = self._by_output(O).copy()
        steps[..., 1:, :] = np.logaddexp(0.0, steps[..., 1:, :])
        return np.cumsum(steps, axis=-2).reshape(O.shape)

    def constant(self, Y, weights):
        q = np.stack([_weighted_quantile(Y, p, weights) for p in self.levels], axis=1)
        steps = np.maximum(np.diff(q, axis=1), 1e-9)
        return np.hstack([q[:, :1], steps + np.log(-np.expm1(-steps))]).ravel()  # softplus undone

    def value_and_gradient(self, O, Y):
        R = Y[..., :, None, :] - self._by_output(self.link(O))
        p = self.levels[:, None].astype(O.dtype)
        value = np.mean(np.maximum(p * R, (p - 1.0) * R), axis=(-3, -2))
        dq = np.where(R >= 0.0, -p, 1.0 - p)
        # O_j moves q_j and every higher quantile: a cumulative sum from above, times softplus' = sigmoid.
        dO = np.cumsum(dq[..., ::-1, :], axis=-2)[..., ::-1, :] / self.n_raw
        dO[..., 1:, :] *= expit(self._by_output(O)[..., 1:, :])
        return value, dO.reshape(O.shape)


class LogLoss(Loss):
    """Cross-entropy of a softmax over K classes. Y holds class numbers.

    With the partition function z = sum over k of exp(O_k)::

        P = exp(O) / z          value = log z - O_Y          dO = P - onehot(Y)
    """

    @staticmethod
    def _softmax(O):
        """P, the maximum of O, and log z of O less that maximum: so exp cannot overflow, and z is not less than 1."""
        largest = O.max(axis=-2, keepdims=True)
        P = np.exp(O - largest)
        z = P.sum(axis=-2, keepdims=True)
        P /= z
        return P, largest, np.log(z)

    def value_and_gradient(self, O, Y):
        P, largest, log_z = self._softmax(O)
        value = (log_z - (np.take_along_axis(O, Y, axis=-2) - largest))[..., 0, :]
        dO = P
        np.put_along_axis(dO, Y, np.take_along_axis(P, Y, axis=-2) - 1.0, axis=-2)
        return value, dO

    def link(self, O):
        return self._softmax(O)[0]

    def constant(self, Y, weights):
        shares = np.bincount(Y[0].astype(int), weights, self.n_targets)
        return np.log(np.maximum(shares, np.finfo(float).tiny))


class BinaryLogLoss(Loss):
    """Cross-entropy of independent sigmoids, summed over labels: binary (one label) and multilabel. Y is 0 or 1.

    log(1 + exp(O)) - Y * O
    """

    def value_and_gradient(self, O, Y):
        return np.sum(np.logaddexp(0.0, O) - Y * O, axis=-2), expit(O) - Y

    def link(self, O):
        return expit(O)

    def constant(self, Y, weights):
        return logit(np.clip(Y @ weights, 1e-15, 1.0 - 1e-15))


def _weighted_quantile(Y: np.ndarray, level: float, weights: np.ndarray) -> np.ndarray:
    """Of each row of Y."""
    return np.array([np.quantile(y, level, weights=weights, method="inverted_cdf") for y in Y])


REGRESSION_LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "poisson": Poisson,
    "quantile": Quantile,
}
CLASSIFICATION_LOSSES: dict[str, type[Loss]] = {"log_loss": LogLoss, "binary_log_loss": BinaryLogLoss}
LOSSES: Mapping[str, type[Loss]] = ChainMap(REGRESSION_LOSSES, CLASSIFICATION_LOSSES)
