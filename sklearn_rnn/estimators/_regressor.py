"""RNNRegressor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from numbers import Real
from os import PathLike
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.validation import check_array

from .._sklearn import Interval, RegisteredNames
from ..core._cells import CELLS
from ..core._losses import REGRESSION_LOSSES
from ..sequences._arrays import as_array, as_numbers, refuse_times_and_text
from ..sequences._sequences import Sequences
from ._base import BaseRNN, partial_fit_available
from ._hyperparameters import ATTRIBUTES, NET_PARAMETERS, TRAINING_PARAMETERS, store_parameters


class RNNRegressor(RegressorMixin, BaseRNN):
    __doc__ = f"""Recurrent network for regression on sequences.

    Parameters
    ----------
{NET_PARAMETERS}
    loss : {{"squared_error", "absolute_error", "huber", "poisson", "quantile"}}, default="squared_error"
        What is minimised: half the squared error (predicts the mean), the absolute error (the median), Huber's mixture
        of both, the Poisson deviance with a log link (positive means; y must not be negative), or the pinball loss
        (quantiles).

    quantile : float, or tuple of increasing floats, in (0, 1), default=0.5
        Level, with loss="quantile". A tuple predicts several at once that do not cross, along a last axis.

    huber_delta : float, default=1.0
        Residual beyond which loss="huber" is linear, in units of y.

{TRAINING_PARAMETERS}
    Attributes
    ----------
{ATTRIBUTES}
    See Also
    --------
    RNNSequenceClassifier : The same for class labels.

    Notes
    -----
    Scale X and y to about unit variance: the default learning rate and clip_norm assume it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor
    >>> x = np.sin(np.arange(220) / 5)
    >>> X = np.lib.stride_tricks.sliding_window_view(x[:-1], 20)  # 2-D: one sequence a row
    >>> y = x[20:]
    >>> model = RNNRegressor(16, random_state=0).fit(X[:150], y[:150])
    >>> bool(model.score(X[150:], y[150:]) > 0.99)
    True
    """

    loss: str
    quantile: float | Sequence[float]
    huber_delta: float
    _y_shape: tuple[int, ...]  # of one row of y

    _parameter_constraints = {
        **BaseRNN._parameter_constraints,
        "loss": [RegisteredNames(REGRESSION_LOSSES)],
        "quantile": [Interval(Real, 0, 1, closed="neither"), tuple, list],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] | str = "auto",
        *,
        cell: str = "auto",
        activation: str = "tanh",
        bidirectional: bool | str = "auto",
        mapping: str = "many-to-one",
        patch_size: int | str = "auto",
        pooling: str = "auto",
        dropout: float = 0.0,
        init: str = "orthogonal",
        init_scale: float = 0.1,
        loss: str = "squared_error",
        quantile: float | tuple[float, ...] = 0.5,
        huber_delta: float = 1.0,
        alpha: float = 0.0001,
        solver: str = "adam",
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float | str = "auto",
        power_t: float = 0.5,
        learning_rate_decay: float = 0.01,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = 5.0,
        clip_value: float | None = None,
        bptt_steps: int | None = None,
        max_fun: int = 15000,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        validation_method: str = "random",
        scoring: str | Callable | None = "loss",
        n_iter_no_change: int = 10,
        checkpoint: str | PathLike | None = None,
        checkpoint_every: int | str | timedelta = "1min",
    ) -> None:
        store_parameters(self, locals())

    def _check_parameters(self):
        super()._check_parameters()
        if isinstance(self.quantile, (tuple, list)):
            if not self.quantile or not all(isinstance(level, Real) and 0 < level < 1 for level in self.quantile):
                raise ValueError(f"quantile must be one or several numbers in (0, 1), got {self.quantile!r}.")
            if (np.diff(self.quantile) <= 0).any():
                raise ValueError(f"Several quantiles must be increasing, got {self.quantile!r}; sort them.")

    @property
    def _several_quantiles(self) -> bool:
        return self.loss == "quantile" and not isinstance(self.quantile, Real)

    def _describe_loss(self):
        options = {name: getattr(self, name) for name in REGRESSION_LOSSES[self.loss].options}
        if "quantile" in options:
            options["quantile"] = tuple(float(level) for level in np.ravel(np.asarray(self.quantile, dtype=object)))
        return self.loss, self.n_outputs_, options

    def _encode_targets(self, y, sequences, weights, *, reset, name):
        rows = self._target_rows(y, sequences, name)
        shape = rows.shape[1:]
        if reset:
            self._y_shape = shape
            self.n_outputs_ = shape[0] if shape else 1
        elif shape != self._y_shape:
            raise ValueError(
                f"{name} has outputs of shape {shape}, this model was fitted on {self._y_shape} "
                "(() is one output without an axis of its own)."
            )
        if REGRESSION_LOSSES[self.loss].positive_only and (rows < 0).any():
            raise ValueError(
                f"Some value(s) of {name} are out of the valid range of the loss {self.loss!r}: they must not be "
                f"negative; the smallest is {rows.min()}."
            )
        with np.errstate(over="ignore"):
            Y = rows.reshape(len(rows), -1).astype(self._dtype, copy=False)
        if not np.isfinite(Y).all():
            raise ValueError(
                f"{name} holds values up to {np.abs(rows).max()}, too large for {self._dtype}, the type of X. Scale "
                "them, or pass X in float64."
            )
        return Y, None

    def _target_rows(self, y, sequences: Sequences, name: str) -> np.ndarray:
        """y as finite numbers, (rows,) or (rows, n_outputs), one row for each sequence or valid step."""
        refuse_times_and_text(y, name, "Make numbers of it, or leave it out.")
        rows = as_numbers(sequences.flatten_steps(y, name) if self._per_step else as_array(y, name), name)
        if rows.ndim not in (1, 2):
            raise ValueError(
                f"{name} must be (n_samples,) or (n_samples, n_outputs) with mapping={self.mapping!r}, got shape "
                f"{rows.shape}. (For a target at every time step: mapping='many-to-many'.)"
            )
        if not self._per_step:
            sequences.check_length(rows, name)
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            row = int(np.argwhere(~np.isfinite(rows))[0][0])
            what = "NaN" if np.isnan(rows[row]).any() else "infinity"
            raise ValueError(f"Input {name} contains {what}: {sequences.place(row, self._per_step)}. Leave it out.")
        with np.errstate(over="ignore", invalid="ignore"):  # of its sum, by which scikit-learn looks for NaN
            return check_array(rows, dtype=[np.float64, np.float32], ensure_2d=False, input_name=name, estimator=self)

    @partial_fit_available
    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """One pass over X, going on from where the last call (or fit) ended, with the solver's state.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        AttributeError
            If there is no `partial_fit`: with solver="lbfgs" or early_stopping=True.
        TypeError, KeyboardInterrupt
            As in `fit`.
        ValueError
            As in `fit`; also if X is not like that of the last call, or the architecture or the loss was changed
            since.
        """
        return self._one_pass(X, y, sample_weight)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray
            Shaped like y in `fit`, with a last axis of quantiles if `quantile` is a tuple; (n_samples, n_timesteps,
            ...) where there is a target at every step, NaN at absent steps; for a list, an object array of
            (n_timesteps_i, ...) arrays.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            If X is of another shape, number of features or content than in `fit`, holds values too large for the
            network, or `mapping` or a parameter of the loss was changed since.
        """
        rows, sequences = self._predict_rows(X)
        rows = self._of_rows(rows)
        return sequences.arrange_steps(rows, np.nan) if self._per_step else rows

    def _of_rows(self, rows: np.ndarray) -> np.ndarray:
        """What is predicted, from what the loss's link makes of the network's outputs (rows, k)."""
        shape = self._y_shape
        if self._several_quantiles:
            shape = (*shape, np.size(self.quantile))
        return rows.reshape(len(rows), *shape)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R^2 over samples, or valid time steps; for several quantiles their mean D^2 pinball score.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`

        Returns
        -------
        float
            1 is perfect, 0 as good as the best constant.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If X, y or sample_weight is sparse, or a query without data (a LazyFrame).
        ValueError
            If X is of another shape, number of features or content than in `fit`, holds values too large for the
            network, or `mapping` or a parameter of the loss was changed since; or y or sample_weight is not as in
            `fit`, or not as long as X.
        """
        predicted, sequences = self._predict_rows(X)
        actual = self._target_rows(y, sequences, "y")
        if actual.shape[1:] != self._y_shape:
            raise ValueError(f"y has outputs of shape {actual.shape[1:]}, this model was fitted on {self._y_shape}.")
        sample_weight = sequences.score_weights(sample_weight, self._per_step)
        actual = actual.reshape(len(actual), -1)
        # Neither score knows the scale of an output, but squares of 1e200 overflow, and those of
        # 1e-200 vanish. Powers of two change no other digit.
        exponent = np.frexp(np.abs(actual).max(axis=0))[1]
        predicted = predicted.reshape(*actual.shape, -1).astype(np.float64)
        with np.errstate(over="ignore"):
            actual, predicted = np.ldexp(actual, -exponent), np.ldexp(predicted, -exponent[:, None])
        predicted = np.clip(predicted, -1e150, 1e150)  # as bad as a square can tell
        if not self._several_quantiles:
            return r2_score(actual, predicted[..., 0], sample_weight=sample_weight)
        scores = [
            d2_pinball_score(actual, predicted[..., j], alpha=level, sample_weight=sample_weight)
            for j, level in enumerate(np.ravel(self.quantile).tolist())
        ]
        return float(np.mean(scores))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss in REGRESSION_LOSSES and REGRESSION_LOSSES[self.loss].positive_only
        # scikit-learn's test of a good score is a table whose y is one of its columns: one step among ten, which a sum
        # of exponentials with a strong penalty cannot single out
        tags.regressor_tags.poor_score = self.cell in CELLS and not CELLS[self.cell].mixes_units
        return tags
