"""Stream: a fitted network that is given sequences one time step at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from ..core._batch import Batch
from ..core._cores import with_numerics
from ..core._memory import Arena
from ..core._network import Network
from ..sequences._arrays import as_array, as_numbers, from_arrow, refuse_times_and_text
from ._networks import predicts_otherwise


class Stream:
    """n sequences side by side, of which a fitted estimator is told one time step after the other.

    Made by ``estimator.stream(n)``. A step takes the same time and memory however many came before it: what a network
    needs to know of them is its state, and what pooling has seen so far. A stream holds the weights as they were when
    it was made, whatever becomes of the estimator, and can be pickled mid-way. A `copy` shares the weights: where
    sequences come and go, one stream for each, copied from a first one, takes little more than their states.

    Attributes
    ----------
    n : int
        Sequences side by side.
    n_steps : int
        Time steps so far, since the last `reset` of all sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor
    >>> X = np.random.default_rng(0).normal(size=(40, 10))
    >>> model = RNNRegressor(4, cell="gru", learning_rate_init=0.03, random_state=0).fit(X, X[:, -1])
    >>> stream = model.stream()
    >>> for x_t in X[0]:
    ...     prediction = stream.step(x_t)
    >>> bool(np.allclose(prediction, model.predict(X[:1])))
    True
    """

    def __init__(self, model: Any, network: Network, n: int):
        self.n, self.n_steps = n, 0
        self._model, self._network = model, network
        self._state: list | None = None
        self._pooled: tuple | None = None

    # -- what comes in ----------------------------------------------------------------------------------------------

    def _inputs(self, x_t: ArrayLike | Mapping) -> np.ndarray:
        """x_t as (1, F, n)."""
        model = self._model
        one_feature = model._fitted_on == "2d" and model.mapping != "one-to-many"  # columns are time steps
        n_features = 1 if one_feature else model.n_features_in_
        x = x_t
        if type(x) is not np.ndarray or x.dtype != model._dtype:
            names = None if one_feature else getattr(model, "feature_names_in_", None)
            x = as_numbers(np.asarray(as_array(_in_order(x_t, names), "x_t")), "x_t")
            with np.errstate(over="ignore"):  # what is infinite in the dtype of the network is refused below
                x = x.astype(model._dtype)
        if x.shape != (self.n, n_features):
            alike: list[tuple] = [(self.n * n_features,)] if 1 in (self.n, n_features) else []
            alike += [()] if self.n == n_features == 1 else []
            if x.shape not in alike:
                usual = f"({self.n}, {n_features})"
                raise ValueError(
                    f"x_t of shape {x.shape}: this stream takes one time step of {self.n} sequence(s) with "
                    f"{n_features} feature(s), so {' or '.join([usual, *map(str, alike)])}."
                )
            x = x.reshape(self.n, n_features)
        if not np.isfinite(x).all():
            where = tuple(np.argwhere(~np.isfinite(x))[0].tolist())
            raise ValueError(
                f"x_t holds {x[where]} in sequence {where[0]}, feature {where[1]}, at step {self.n_steps}. A stream "
                "takes finite values only; fill the gap first, or leave the step out."
            )
        return x.T[None]

    # -- what comes out ---------------------------------------------------------------------------------------------

    def _rows(self, x_t: ArrayLike | Mapping) -> np.ndarray:
        """The loss's link for the sequences so far, (n, k). What is remembered changes only if all goes well."""
        batch = Batch(self._inputs(x_t), state=self._state, pooled=self._pooled)
        rows = with_numerics(lambda: self._network.predict(self._model._theta, batch, Arena()))
        rows = (rows if rows.ndim == 2 else rows[0]).T
        if not np.isfinite(rows).all():
            raise ValueError(
                f"The network's outputs are not finite at step {self.n_steps}: x_t holds values up to "
                f"{np.abs(batch.X).max():.3g}. Scale it as in fit."
            )
        self._state, self._pooled = batch.state_after, batch.pooled_after
        self.n_steps += 1
        return rows

    def step(self, x_t: ArrayLike | Mapping) -> np.ndarray:
        """Tell the next time step of each sequence; returns what `predict` gives for the sequences up to it.

        Each call is one more step: of a classifier call `step` or `step_proba`, not both for the same readings.

        Parameters
        ----------
        x_t : array-like of shape (n, n_features), or dict
            For a single sequence also (n_features,), and with one feature a number. n sequences of one feature may
            be (n,). What names its features is put in the order that was fitted: columns of a data frame, a row of
            one, keys of a dict (of numbers, or of n numbers each), fields of a named tuple.

        Returns
        -------
        ndarray of shape (n,), or (n, ...)
            As `predict`; with a target at every step, that of this step.

        Raises
        ------
        ValueError, TypeError
            If x_t is of another shape, names other features, or holds what is no finite number. The stream is as it
            was before then.
        """
        return self._model._of_rows(self._rows(x_t))

    def step_proba(self, x_t: ArrayLike | Mapping) -> np.ndarray:
        """Tell the next time step, as `step`; returns what `predict_proba` gives for the sequences up to it.

        The label that `step` would return is ``classes_[probabilities.argmax(axis=1)]``, with the estimator's classes.

        Parameters
        ----------
        x_t : as in `step`

        Returns
        -------
        ndarray of shape (n, n_classes)

        Raises
        ------
        AttributeError
            If the estimator is no classifier.
        ValueError, TypeError
            As in `step`.
        """
        if not is_classifier(self._model):
            raise AttributeError(f"A stream of an {type(self._model).__name__} has no step_proba; use step.")
        return self._model._proba_of_rows(self._rows(x_t))

    def reset(self, which: int | slice | ArrayLike | None = None) -> Self:
        """Forget all steps: new sequences begin.

        Parameters
        ----------
        which : int, slice, or array-like of int or bool, default=None
            Sequences that begin anew, beside the others, which go on. None is all.

        Returns
        -------
        self : Stream

        Raises
        ------
        IndexError
            If there are no such sequences.
        """
        if which is None:
            self._state, self._pooled, self.n_steps = None, None, 0
            return self
        if not isinstance(which, slice):
            which = np.atleast_1d(np.asarray(sorted(which) if isinstance(which, (set, range)) else which))
            if not which.size:
                return self
        try:
            np.empty(self.n)[which]
        except IndexError as error:
            raise IndexError(
                f"This stream has {self.n} sequence(s), numbered from 0; got {which!r}: {error}."
            ) from None
        if self._state is not None:
            self._state = [tuple(_with(values, which, 0.0) for values in layer) for layer in self._state]
        if self._pooled is not None and self._network.pooling is not None:
            values, weight = self._pooled
            self._pooled = _with(values, which, 0.0), _with(weight, which, self._network.pooling.nothing)
        return self

    def copy(self) -> Stream:
        """A second stream that goes on from the same steps."""
        return copy.copy(self)  # what is remembered is replaced with each step, never written to


def _with(values: np.ndarray, which: Any, value: float) -> np.ndarray:
    """A copy with another value in some of the sequences, which are the last axis."""
    values = values.copy()
    values[..., which] = value
    return values


def _in_order(x_t: Any, names: np.ndarray | None) -> Any:
    """A step that names its features, in the order of those that were fitted."""
    refuse_times_and_text(x_t, "x_t", "Make numbers of it.")
    if names is not None and isinstance(x_t, (list, tuple)) and not hasattr(x_t, "_fields"):
        return [_in_order(row, names) for row in x_t]  # several sequences, whose steps may be named
    x_t = from_arrow(x_t)
    by_key = isinstance(x_t, Mapping)
    if by_key and names is None:
        raise TypeError(
            f"x_t is a {type(x_t).__name__}, but this model was fitted on an X without feature names (those of a list "
            "of data frames), so that there is no order to put its values in. Pass them as an array."
        )
    if hasattr(x_t, "_fields") and names is not None:
        x_t, by_key = x_t._asdict(), True
    labels = list(x_t) if by_key else getattr(x_t, "columns", x_t.index if isinstance(x_t, pd.Series) else None)
    if names is None or labels is None or not (by_key or all(isinstance(label, str) for label in labels)):
        return x_t
    if set(labels) != set(names) or len(labels) != len(names):
        raise ValueError(
            f"x_t names the features {list(labels)}; this model was fitted on {list(names)}. Give all of them, and no "
            "others."
        )
    if by_key:
        columns = [as_array(x_t[name], f"x_t[{name!r}]") for name in names]
        return np.stack(columns, axis=-1) if len({column.shape for column in columns}) == 1 else columns
    return x_t[list(names)]


class Streaming:
    """Mixin of the estimators: `stream`."""

    _check_is_usable: Callable[[], None]
    _network: Callable[[], Network]
    _theta: np.ndarray
    patch_size_: int
    bidirectional_: bool

    def stream(self, n: int = 1) -> Stream:
        """Begin n sequences that will be told step by step.

        Parameters
        ----------
        n : int, default=1
            Sequences side by side.

        Returns
        -------
        Stream
            ``stream.step(x_t)`` gives what `predict` gives for the sequences so far, in constant time and memory.
            Behind the scalers of a pipeline, each step has to go through them first: with the stream of ``pipe[-1]``,
            ``stream.step(pipe[:-1].transform([x_t[None]])[0])``. That holds for what looks at one step alone, such as
            a `TimestepTransformer` of a scaler; not for what looks at others, such as `SequenceImputer` and
            `PatchSequence`. A network fitted on 2-D X goes on beyond the length that `predict` takes.

        Raises
        ------
        TypeError
            If the class has a `predict` of its own.
        ValueError
            If n is below 1; if the network is bidirectional, so that it must see the end first, or reads patches, which
            are counted from the end.
        """
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(f"n must be an int of at least 1, the number of sequences side by side; got {n!r}.")
        self._check_is_usable()
        if (own := predicts_otherwise(self)) is not None:
            raise TypeError(
                f"{type(self).__name__} has a {own[0]} of its own, which a stream does not know. Take that of the "
                "estimator that it is made from."
            )
        for name, is_in_the_way, why in (
            ("bidirectional", self.bidirectional_, "the backward direction begins at the end of a sequence"),
            ("patch_size", self.patch_size_ > 1, "patches are counted from the end of a sequence"),
        ):
            if is_in_the_way:
                as_it_is, otherwise = getattr(self, f"{name}_"), {"bidirectional": False, "patch_size": 1}[name]
                raise ValueError(
                    f"This {type(self).__name__} was fitted with {name}={as_it_is}, and {why}, which a stream does not "
                    f"know. Fit with {name}={otherwise}."
                )
        model = copy.copy(self)
        model._theta = self._theta.copy()
        for name in ("_training", "loss_curve_", "validation_loss_curve_", "gradient_norm_curve_", "clipped_curve_"):
            model.__dict__.pop(name, None)
        return Stream(model, self._network(), int(n))
