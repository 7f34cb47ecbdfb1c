"""RNNSequenceClassifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from numbers import Real
from os import PathLike
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from .._sklearn import StrOptions
from ..sequences._arrays import as_array
from ..sequences._sequences import Sequences
from ._base import BaseRNN, partial_fit_available
from ._hyperparameters import ATTRIBUTES, NET_PARAMETERS, TRAINING_PARAMETERS, store_parameters


class RNNSequenceClassifier(ClassifierMixin, BaseRNN):
    __doc__ = f"""Recurrent network for classification of sequences, or of every time step.

    It minimises the log-loss: of a sigmoid for two classes, of a softmax for more, of one sigmoid a label where y is
    a multilabel indicator matrix.

    Parameters
    ----------
{NET_PARAMETERS}
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, {{label: weight}}; "balanced" makes all classes weigh alike. They multiply
        sample_weight. For a multilabel indicator matrix "balanced" or None.

{TRAINING_PARAMETERS}
    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for a multilabel indicator matrix, the numbers of its columns.

{ATTRIBUTES}
    See Also
    --------
    RNNRegressor : The same for numbers.

    Notes
    -----
    Scale X to about unit variance: the default learning rate assumes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNSequenceClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(5, 15), 1)) for _ in range(400)]  # of different lengths
    >>> y = np.array(["up" if x.sum() > 0 else "down" for x in X])
    >>> model = RNNSequenceClassifier(
    ...     16, pooling="mean", early_stopping=True, learning_rate_init=0.01, random_state=0
    ... )
    >>> bool(model.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.85)
    True
    """

    class_weight: dict | str | None
    classes_: np.ndarray
    _multilabel: bool
    _balanced_weights: np.ndarray  # one for each class, with class_weight="balanced"

    _parameter_constraints = {
        **BaseRNN._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
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
        class_weight: dict | str | None = None,
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
        if isinstance(self.class_weight, dict):
            for label, weight in self.class_weight.items():
                if not (isinstance(weight, Real) and 0 <= weight <= float(np.finfo(np.float64).max)):
                    raise ValueError(f"class_weight must hold finite numbers >= 0; got {weight!r} for {label!r}.")

    def _describe_loss(self):
        if self._multilabel:
            return "binary_log_loss", len(self.classes_), {}
        if len(self.classes_) == 2:
            return "binary_log_loss", 1, {}
        return "log_loss", len(self.classes_), {}

    def _encode_targets(self, y, sequences, weights, *, reset, name):
        rows, multilabel = self._label_rows(y, sequences, name)
        if reset:
            self._multilabel = multilabel
            self.classes_ = np.arange(rows.shape[1]) if multilabel else self._find_classes(rows)
            self.n_outputs_ = 1 if not multilabel and len(self.classes_) == 2 else len(self.classes_)
        else:
            self._check_same_kind(rows, name)
        if multilabel and isinstance(self.class_weight, dict):
            raise ValueError(
                f"class_weight={self.class_weight!r} does not go with {name}, an indicator matrix of several labels; "
                "use 'balanced', None, or sample_weight."
            )
        if multilabel:
            weight = None if self.class_weight is None else _balanced(rows, weights)
            return rows.astype(self._dtype), weight
        codes = np.searchsorted(self.classes_, rows)
        codes[codes == len(self.classes_)] = 0
        unseen = self.classes_[codes] != rows
        if unseen.any():
            raise ValueError(
                f"{name} contains labels that are not among the classes of this model: "
                f"{unique_labels(rows[unseen])[:10].tolist()} not in {self.classes_[:20].tolist()}. Name all classes "
                "in the first call of partial_fit, or have each in the y that is fitted."
            )
        weight = self._weight_of_classes(codes, weights, is_training=name == "y")
        binary = len(self.classes_) == 2
        return codes[:, None].astype(self._dtype if binary else np.intp), None if weight is None else weight[codes]

    def _weight_of_classes(self, codes: np.ndarray, weights: np.ndarray | None, is_training: bool) -> np.ndarray | None:
        """One weight for each class, from class_weight; validation data has those of the training data."""
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, dict):
            labels = self.classes_.tolist()
            unknown = [label for label in self.class_weight if label not in labels]
            if unknown and any(label not in self.class_weight for label in labels):
                raise ValueError(
                    f"class_weight names {unknown[:10]}, which are not among the classes {labels[:20]} of y, and lacks "
                    "some that are. Name the classes as y does."
                )
            return np.array([self.class_weight.get(label, 1.0) for label in labels], dtype=np.float64)
        if is_training:
            self._balanced_weights = _inverse_shares(codes, weights, len(self.classes_))
        return self._balanced_weights

    def _find_classes(self, rows):
        """Sorted labels: those that partial_fit declares in its first call, else those that occur."""
        if not hasattr(self, "_declared_classes"):
            return unique_labels(rows)
        declared = self._declared_classes
        if declared is None or np.size(declared) == 0:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels that will ever occur in y; got "
                f"{declared!r}."
            )
        return unique_labels(_plain_labels(as_array(declared, "classes"), "classes"))

    def _check_same_kind(self, rows, name):
        """Are rows of labels, or of an indicator matrix, what the model was fitted on?"""
        kinds = {rows.dtype.kind, self.classes_.dtype.kind}
        if len(kinds) > 1 and kinds & {"m", "M"}:
            raise ValueError(
                f"{name} holds labels of dtype {rows.dtype}, this model was fitted on labels of {self.classes_.dtype}."
            )
        if rows.shape[1:] != ((len(self.classes_),) if self._multilabel else ()):
            raise ValueError(
                f"{name}, with rows of shape {rows.shape[1:]}, does not match the targets that this model was fitted "
                "on: "
                + (f"an indicator matrix of {len(self.classes_)} labels." if self._multilabel else "class labels.")
            )

    def _label_rows(self, y, sequences: Sequences, name: str) -> tuple[np.ndarray, bool]:
        """y as labels (rows,) or an indicator matrix (rows, n_labels), one row a sequence or valid step."""
        if self._per_step:
            y = sequences.flatten_steps(y, name)
            if y.ndim == 2 and y.shape[1] == 1:
                y = y[:, 0]
        # labels may be of any dtype; floats must at least be finite
        y = _plain_labels(as_array(y, name), name)
        if y.dtype.kind in "fc":
            assert_all_finite(y, input_name=name)
        if y.ndim not in (1, 2):
            raise ValueError(
                f"{name} must be (n_samples,) or an indicator matrix (n_samples, n_labels) with mapping="
                f"{self.mapping!r}, got shape {y.shape}. (For a label at every time step: mapping='many-to-many'.)"
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not self._per_step:
            sequences.check_length(y, name)
        kind = type_of_target(y, input_name=name)
        if kind not in ("binary", "multiclass", "multilabel-indicator"):
            raise ValueError(
                f"Unknown label type: {name} of dtype {y.dtype} is {kind}, a classifier expects discrete labels, all "
                "strings or all numbers, or an indicator matrix of 0 and 1. (For continuous targets: RNNRegressor.)"
            )
        if y.ndim == 2 and not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"{name} of shape {y.shape} must be an indicator matrix, of 0 and 1 only; got {np.unique(y)}."
            )
        return y, y.ndim == 2

    def _stratify_by(self, data):
        return None if self._per_step or self._multilabel else data.Y[:, 0]

    @partial_fit_available
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, classes: ArrayLike | None = None
    ) -> Self:
        """One pass over X, going on from where the last call (or fit) ended, with the solver's state.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur in y. Needed in the first call; not for a multilabel indicator matrix.

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
            since. Further if `classes` is missing in the first call or is another than then, y holds a label that
            is none of them, or class_weight is "balanced".
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit: the classes' shares are not known in "
                "advance. Use compute_class_weight('balanced', classes=classes, y=y) on enough of y, and pass the "
                "result as the class_weight parameter, a dict."
            )
        if hasattr(self, "_theta"):
            if (
                classes is not None
                and not self._multilabel
                and not np.array_equal(self.classes_, unique_labels(classes))
            ):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
                )
        else:
            self._declared_classes = classes
        try:
            return self._one_pass(X, y, sample_weight)
        finally:
            self.__dict__.pop("_declared_classes", None)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_labels) for a multilabel model
            With a label at every time step (n_samples, n_timesteps). Absent steps are labelled -1 where labels are
            integers, NaN where they are floats, and otherwise, or where -1 is a class, None (in an object array). For
            a list, an object array of (n_timesteps_i,) arrays.

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
        labels, sequences = self._predict_labels(X)
        if not self._per_step:
            return labels
        absent: object = -1
        if sequences.kind != "ragged" and sequences.may_vary:
            labels, absent = self._with_absent(labels)
        return sequences.arrange_steps(labels, absent)

    def _with_absent(self, labels: np.ndarray) -> tuple[np.ndarray, object]:
        """Labels in a dtype that can also say that a step is absent, and the value that says so."""
        if labels.dtype.kind == "f":
            return labels, np.nan
        if labels.dtype.kind in "iu" and (self._multilabel or -1 not in self.classes_):
            return (labels.astype(np.int64) if labels.dtype.kind == "u" else labels), -1
        return labels.astype(object), None

    def _predict_labels(self, X) -> tuple[np.ndarray, Sequences]:
        """Labels as rows, one for each sequence or valid step, and X as Sequences."""
        rows, sequences = self._predict_rows(X)
        return self._of_rows(rows), sequences

    def _of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Labels, from what the loss's link makes of the network's outputs (rows, k)."""
        if self._multilabel:
            return (rows > 0.5).astype(int)
        if len(self.classes_) == 2:
            return self.classes_[(rows[:, 0] > 0.5).astype(int)]
        return self.classes_[rows.argmax(axis=1)]

    def _proba_of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities of all classes, from the same."""
        return np.hstack([1 - rows, rows]) if not self._multilabel and len(self.classes_) == 2 else rows

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probabilities of the classes.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; for a multilabel model the probability of each label. With a label at every
            time step (n_samples, n_timesteps, n_classes), NaN at absent steps; for a list, an object array of
            (n_timesteps_i, n_classes) arrays.

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
        rows = self._proba_of_rows(rows)
        return sequences.arrange_steps(rows, np.nan) if self._per_step else rows

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Logarithm of `predict_proba`, in the same shape.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As in `predict_proba`.
        """
        # From the raw outputs, since the logarithm of a probability that was rounded to 0 or 1 is lost.
        rows, sequences = self._predict_rows(X, link=False)
        if self._multilabel:
            rows = -np.logaddexp(0, -rows)
        elif len(self.classes_) == 2:
            rows = np.hstack([-np.logaddexp(0, rows), -np.logaddexp(0, -rows)])
        else:
            rows = rows - logsumexp(rows, axis=1, keepdims=True)
        return sequences.arrange_steps(rows, np.nan) if self._per_step else rows

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy over samples, or valid time steps; of whole label sets for a multilabel model.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`

        Returns
        -------
        float

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If X, y or sample_weight is sparse, or a query without data (a LazyFrame).
        ValueError
            If X is of another shape, number of features or content than in `fit`, holds values too large for the
            network, or `mapping` or a parameter of the loss was changed since; or y or sample_weight is not as in
            `fit`, or not as long as X, or y holds labels of another kind, text for numbers.
        """
        predicted, sequences = self._predict_labels(X)
        actual, _ = self._label_rows(y, sequences, "y")
        self._check_same_kind(actual, "y")
        sample_weight = sequences.score_weights(sample_weight, self._per_step)
        return float(accuracy_score(actual, predicted, sample_weight=sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _inverse_shares(codes: np.ndarray, weights: np.ndarray | None, n_classes: int) -> np.ndarray:
    """One weight for each class, so that all weigh alike in all."""
    if weights is not None:
        weights = weights / max(weights.max(), np.finfo(np.float64).tiny)  # only their ratios matter
    shares = np.bincount(codes, weights, n_classes)
    with np.errstate(over="ignore"):  # of weights that differ beyond what float64 holds
        balanced = shares.sum() / (n_classes * np.where(shares > 0, shares, 1.0))
    return np.minimum(balanced, np.finfo(np.float64).max)


def _balanced(indicator: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """A weight for each row of an indicator matrix: the product over its labels, each balanced by itself."""
    balanced = np.ones(len(indicator))
    for column in indicator.T:
        present, codes = np.unique(column, return_inverse=True)
        balanced *= _inverse_shares(codes, weights, len(present))[codes]
    return balanced


def _plain_labels(y: np.ndarray, name: str) -> np.ndarray:
    """Labels of objects as what they are: all strings, or all numbers; one that is missing is an error."""
    if y.dtype.kind == "T":  # NumPy's StringDType
        y = y.astype(object)
    if y.dtype.kind == "V":
        raise ValueError(f"Unknown label type: {name} of dtype {y.dtype} holds records; a label is one value.")
    if y.dtype != object:
        if y.dtype.kind in "mM" and np.isnat(y).any():
            raise ValueError(f"Input {name} contains NaT; every sample must have a label.")
        return y
    flat = y.ravel().tolist()
    if pd.isna(y).any():
        raise ValueError(f"Input {name} contains NaN or None; every sample must have a label.")
    if all(isinstance(label, str) for label in flat):
        return y
    if not all(isinstance(label, (Real, np.bool_)) for label in flat):
        kinds = sorted({type(label).__name__ for label in flat})
        raise ValueError(
            f"Unknown label type: {name} of dtype object is unknown, it holds {' and '.join(kinds)}. A classifier "
            "expects discrete labels, all strings or all numbers: y.astype(str) makes strings of all."
        )
    return np.array(flat).reshape(y.shape)
