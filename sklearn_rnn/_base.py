"""BaseRNN: what both estimators share. Parameters, validation, the way from X and y to fitted weights and back."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from numbers import Integral
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from ._blas import Cores
from ._callbacks import CallbackSupportMixin, with_callbacks
from ._hyperparameters import CONSTRAINTS
from ._losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from ._network import CELLS, Batch, Network
from ._sequences import CHANNELS_LAST, Dataset, Sequences, as_array, is_ragged
from ._solvers import outside, warn_of
from ._training import MULTIPLICATIONS_A_THREAD, Training


def _has_partial_fit(estimator):
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic solvers; got solver='lbfgs'.")
    if estimator.early_stopping:
        raise AttributeError("partial_fit does not go with early_stopping=True: it makes one pass over its data.")
    return True


def store_parameters(estimator: BaseEstimator, arguments: dict) -> None:
    """Set every argument of __init__ under its own name: scikit-learn asks for this, and for nothing else."""
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


@contextmanager
def all_or_nothing(estimator: BaseEstimator):
    """A call that fails leaves the estimator as it was: nothing that was trained is lost."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        for name in vars(estimator).keys() - before.keys():
            if not name.startswith(("_callback_", "_skl_")):  # scikit-learn clears these up itself
                delattr(estimator, name)
        vars(estimator).update(before)
        raise


class BaseRNN(Training, CallbackSupportMixin, BaseEstimator):
    """Base of RNNRegressor and RNNSequenceClassifier. Not to be used directly."""

    _parameter_constraints: dict = CONSTRAINTS

    # -- parameters -------------------------------------------------------------------------------------------------

    @property
    def _per_step(self) -> bool:
        return self.mapping != "many-to-one"

    def _check_parameters(self) -> None:
        self._validate_params()
        sizes = self._hidden_layer_sizes()
        if not sizes or not all(isinstance(n, Integral) and not isinstance(n, bool) and n >= 1 for n in sizes):
            raise ValueError(
                "hidden_layer_sizes must be an int >= 1 or a non-empty sequence of such, one a layer; "
                f"got {self.hidden_layer_sizes!r}."
            )
        if self.scoring != "loss":
            check_scoring(self, self.scoring)
            if self._per_step and isinstance(self.scoring, str):
                raise ValueError(
                    f"scoring={self.scoring!r} does not go with mapping={self.mapping!r}: scikit-learn's metrics take "
                    "one target a sample. Use 'loss', None for the estimator's score over all steps, or a callable."
                )
        if self.bptt_steps is not None and self.bidirectional:
            raise ValueError(
                f"bptt_steps={self.bptt_steps} does not go with bidirectional=True: the backward direction starts at "
                "the end of the sequence, so a cut sequence is another input. Use bptt_steps=None."
            )
        if self.bptt_steps is not None and self.solver == "lbfgs":
            raise ValueError(
                f"bptt_steps={self.bptt_steps} does not go with solver='lbfgs', which needs the exact gradient. "
                "Use bptt_steps=None or a stochastic solver."
            )

    def _hidden_layer_sizes(self) -> tuple:
        sizes = self.hidden_layer_sizes
        return tuple(np.atleast_1d(np.asarray(sizes, dtype=object)).tolist())

    def _describe_net(self, n_inputs: int) -> dict:
        """All that the network's shape depends on, as plain values."""
        return {
            "n_inputs": n_inputs,
            "hidden_layer_sizes": tuple(int(size) for size in self._hidden_layer_sizes()),
            "cell": self.cell,
            "activation": self.activation,
            "bidirectional": bool(self.bidirectional),
            "mapping": self.mapping,
            "pooling": None if self._per_step else self.pooling,
            "loss": self._describe_loss(),
        }

    def _network(self) -> Network:
        """The network that the weights of this model belong to."""
        net = dict(self._net)
        del net["mapping"]  # pooling=None says all that the network need know of it
        loss_name, n_targets, options = net.pop("loss")
        loss = {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES}[loss_name](n_targets, **options)
        cell, activation = net.pop("cell"), net.pop("activation")
        cell = CELLS[cell](activation) if cell == "rnn" else CELLS[cell]()
        return Network(**net, loss=loss, cell=cell, dropout=self.dropout)

    # -- input ------------------------------------------------------------------------------------------------------

    def _check_X(self, X, *, reset: bool, name: str = "X", n_steps_out: int | None = None) -> Sequences:
        """Any accepted X as Sequences. With reset, what a fitted model must know of X is set."""
        one_to_many = self.mapping == "one-to-many"
        if one_to_many and is_ragged(X):
            raise ValueError(
                f"{name} must be a table (n_samples, n_features) with mapping='one-to-many' (each row is fed at every "
                f"step), got a list of {len(X)} sequences."
            )
        ndim = getattr(X, "ndim", None)
        # a list of sequences that are by chance of one length is still one
        still_ragged = not reset and self._fitted_on == "ragged" and isinstance(X, (list, tuple)) and len(X) > 0
        if is_ragged(X) or still_ragged:
            sequences = Sequences.from_ragged(X, name)
        else:
            if ndim is None and not hasattr(X, "iloc") and not hasattr(X, "tocsr"):
                ndim = np.asarray(X, dtype=None if hasattr(X, "__array__") else object).ndim
            if ndim is not None and ndim not in ((2,) if one_to_many else (2, 3)):
                raise ValueError(
                    f"{name} has {ndim} dimension(s); expected "
                    + (
                        "a table (n_samples, n_features) with mapping='one-to-many'."
                        if one_to_many
                        else "(n_samples, n_timesteps, n_features), (n_samples, n_timesteps) or a list of sequences, "
                        "at least one. Reshape your data: X[None] is a single sequence."
                    )
                )
            if ndim == 3:
                sequences = Sequences.from_3d(np.asarray(X), name)
            else:
                return self._check_table(X, reset, name, n_steps_out)

        as_table = not reset and self._fitted_on == "2d"
        expected = 1 if as_table else getattr(self, "n_features_in_", None)
        if not reset and sequences.n_features != expected:
            hint = CHANNELS_LAST
            if sequences.n_timesteps == expected:
                hint = f"The second axis has {expected}, so this looks like channels first. {hint}"
            raise ValueError(
                f"{name} has {sequences.n_features} features, but {type(self).__name__} is expecting {expected} "
                f"features as input. {hint}"
            )
        if as_table and (sequences.lengths != self.n_features_in_).any():
            raise ValueError(
                f"This model was fitted on 2-D X with {self.n_features_in_} time steps; {name} has sequences of "
                f"{sequences.lengths.min()} to {sequences.lengths.max()} steps. To use other lengths, fit on 3-D X: "
                "X[:, :, None]."
            )
        if reset:
            self.n_features_in_ = sequences.n_features
            self._fitted_on = sequences.kind
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            if sequences.n_timesteps == 1 and sequences.n_features > 1:
                warnings.warn(
                    f"{name} of shape {sequences.values.shape} has a single time step with {sequences.n_features} "
                    f"features, so there is nothing recurrent to learn. {CHANNELS_LAST}",
                    UserWarning,
                    stacklevel=outside(),
                )
        return sequences

    def _check_table(self, X, reset, name, n_steps_out) -> Sequences:
        """2-D X: univariate sequences as rows, or the static features of one-to-many."""
        as_fitted = reset or self._fitted_on == "2d"
        if not reset and self._is_plain_table(X):
            table = X
        else:
            table = check_array(X, dtype=[np.float64, np.float32], input_name=name, estimator=self)
            if as_fitted:
                validate_data(self, X, reset=reset, skip_check_array=True)  # feature names and number of columns
        if reset:
            self._fitted_on = "2d"
        elif not as_fitted and self.n_features_in_ != 1:
            raise ValueError(
                f"{name} is 2-D with shape {table.shape}, that is, univariate sequences of {table.shape[1]} time "
                f"steps; {type(self).__name__} is expecting {self.n_features_in_} features. {CHANNELS_LAST}"
            )
        if self.mapping == "one-to-many":
            return Sequences.from_2d(table, self._n_steps_out if n_steps_out is None else n_steps_out)
        return Sequences.from_2d(table)

    def _is_plain_table(self, X) -> bool:
        """Is there nothing about X that scikit-learn's checks could object to, warn of or convert?

        They take three times as long as the network itself where somebody predicts one row at a time.
        """
        return (
            type(X) is np.ndarray
            and X.dtype == self._dtype
            and X.ndim == 2
            and X.size > 0
            and self._fitted_on == "2d"
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X).all())
        )

    def _n_steps_of(self, y) -> int | None:
        """one-to-many: the length of the sequences to put out, from y."""
        if self.mapping != "one-to-many":
            return None
        shape = as_array(list(y) if is_ragged(y) else y, "y").shape
        if len(shape) not in (2, 3):
            raise ValueError(
                "y must be (n_samples, n_timesteps) or (n_samples, n_timesteps, n_outputs) with "
                f"mapping='one-to-many', got shape {shape}."
            )
        return shape[1]

    def _make_dataset(self, sequences: Sequences, Y, rows_weight, sample_weight, name: str, scale: bool) -> Dataset:
        """Join sequences, encoded targets and weights; with `scale` the weights get mean 1."""
        weights = sequences.row_weights(sample_weight, self._per_step, name)
        if rows_weight is not None:
            weights = rows_weight if weights is None else weights * rows_weight
        if weights is not None and scale:
            mean = weights.mean()
            if not mean > 0:
                raise ValueError(
                    f"{name} (times class weights) must hold a non-zero weight; all {len(weights)} are zero."
                )
            weights = weights / mean
        if weights is not None:
            weights = weights.astype(self._dtype)
        return Dataset(sequences, Y, weights, self._per_step, self._dtype)

    # -- fitting ----------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_features) or (n_samples, n_timesteps), or list of arrays
            Sequences. 2-D X holds one univariate sequence a row; a list holds (n_timesteps_i, n_features) or 1-D
            arrays of different lengths. In 3-D X, time steps that are entirely NaN at the start or at the end of a
            sequence are absent. With mapping="one-to-many", a table (n_samples, n_features).
        y : array-like
            Targets: (n_samples,) or (n_samples, n_outputs) with mapping="many-to-one", otherwise one for each time
            step: (n_samples, n_timesteps), (n_samples, n_timesteps, n_outputs), or a list like X.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; every time step weighs as its sample.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, default=None
            Validation data for early stopping, in place of an internal split. Without early stopping they only
            record `validation_loss_curve_`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is invalid, or X or y is of the wrong shape, length or content.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError(
                "X_val and y_val must be given together; got only " + ("y_val." if X_val is None else "X_val.")
            )
        if sample_weight_val is not None and X_val is None:
            raise ValueError("sample_weight_val was given without X_val and y_val.")
        reason = self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))
        # after all is kept: where warnings are errors, what was trained is still there
        warn_of(reason, type(self).__name__, self.n_iter_, self.max_iter)
        return self

    @with_callbacks
    def _fit(self, X, y, sample_weight=None, validation=(None, None, None)) -> str:
        """`fit` without a word; returns why training ended."""
        with all_or_nothing(self):
            self._check_parameters()
            go_on = self.warm_start and hasattr(self, "_theta")
            train = self._prepare(X, y, sample_weight, reset=not go_on)
            with self._numerics(Cores()) as cores:
                return self._train(train, (X, y, sample_weight), validation, go_on, cores)

    def _partial_fit(self, X, y, sample_weight):
        """The estimators' `partial_fit`."""
        reason = self._one_pass(X, y, sample_weight)
        if reason != "max_iter":
            warn_of(reason, type(self).__name__, self.n_iter_, self.max_iter, whole_epochs=False)
        return self

    def _one_pass(self, X, y, sample_weight=None) -> str:
        """`partial_fit` without a word; returns why it ended."""
        with all_or_nothing(self):
            self._check_parameters()
            go_on = hasattr(self, "_theta")
            # A chunk is a part of the data: scaling its weights to mean 1 would make all chunks weigh alike.
            train = self._prepare(X, y, sample_weight, reset=not go_on, scale=False)
            with self._numerics(Cores()) as cores:
                theta, progress, rng, optimizer = self._begin(go_on)
                objective, epoch_batches = self._problem(train, np.arange(len(train.sequences)), rng, cores)
                theta, reason = self._descend(objective, theta, epoch_batches, optimizer, None, 1, progress)
                self._end(theta, progress, rng, optimizer)
        return reason

    def _prepare(self, X, y, sample_weight, *, reset, suffix="", scale=True) -> Dataset:
        """X, y and sample_weight as a Dataset; with reset, the fitted attributes that describe the data are set."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
                if not suffix
                else "y_val is None."
            )
        n_steps_out = self._n_steps_of(y)
        sequences = self._check_X(X, reset=reset, name="X" + suffix, n_steps_out=n_steps_out)
        if reset:
            self._dtype = sequences.dtype
            if n_steps_out is not None:
                self._n_steps_out = n_steps_out
        elif n_steps_out is not None and n_steps_out != self._n_steps_out:
            raise ValueError(f"y{suffix} has {n_steps_out} time steps, this model was fitted on {self._n_steps_out}.")
        Y, rows_weight = self._encode_targets(y, sequences, reset=reset, name="y" + suffix)
        net = self._describe_net(sequences.n_features)
        if reset:
            self._net = net
        elif net != self._net:
            changed = [name for name in net if net[name] != self._net[name]]
            raise ValueError(
                "A fitted network goes on learning (warm_start or partial_fit) only with the same architecture and "
                f"loss; changed: {', '.join(changed)}. Use clone(estimator) to start anew."
            )
        return self._make_dataset(sequences, Y, rows_weight, sample_weight, "sample_weight" + suffix, scale)

    # -- using ------------------------------------------------------------------------------------------------------

    def _run(self, sequences: Sequences, network: Network, compute) -> np.ndarray:
        """compute(theta, batch, arena) -> (P, N) or (T, P, N), over all sequences, as rows: one each, or one a step."""
        n = len(sequences)
        order = np.argsort(sequences.lengths, kind="stable") if sequences.is_padded else np.arange(n)
        first_row = np.cumsum(sequences.lengths) - sequences.lengths
        size = self._chunk(network, int(sequences.lengths.max()))
        chunks = [order[start : start + size] for start in range(0, n, size)]

        def compute_chunk(index, arena):
            X, lengths = sequences.steps(index, self._dtype)
            return compute(self._theta, Batch(X, lengths), arena)

        rows = None
        # to take all cores costs as much as to run one sequence through the network
        with self._numerics(Cores() if len(chunks) > 1 else None) as cores:
            at_once = cores.n if network.multiplications * size >= MULTIPLICATIONS_A_THREAD else 1
            for start in range(0, len(chunks), at_once):
                some = chunks[start : start + at_once]
                for index, values in zip(some, cores.map(compute_chunk, some)):
                    if rows is None:
                        n_rows = n if values.ndim == 2 else int(sequences.lengths.sum())
                        rows = np.empty((n_rows, values.shape[-2]), values.dtype)
                    if values.ndim == 2:
                        rows[index] = values.T
                    else:
                        t = np.arange(len(values))[:, None]
                        valid = t < sequences.lengths[index]
                        rows[(first_row[index] + t)[valid]] = values.transpose(0, 2, 1)[valid]
        return rows

    def _check_fitted_X(self, X) -> Sequences:
        if not hasattr(self, "_theta"):
            check_is_fitted(self)  # raises
        # The cell and the widths are remembered from fit; these two also decide on the shape of what is predicted.
        now = self._describe_net(self._net["n_inputs"])
        for name in ("mapping", "loss"):
            if now[name] != self._net[name]:
                raise ValueError(
                    f"{name} is {now[name]!r} now, but this model was fitted with {self._net[name]!r}. Set it back, or "
                    "fit again."
                )
        return self._check_X(X, reset=False)

    def _predict_rows(self, X, link: bool = True) -> tuple[np.ndarray, Sequences]:
        """The loss's link for X, or without it the raw outputs, as rows, and X as Sequences."""
        sequences = self._check_fitted_X(X)
        network = self._network()
        compute = network.predict if link else network.outputs
        return self._run(sequences, network, compute), sequences

    def hidden_states(self, X: ArrayLike) -> np.ndarray:
        """States of the last layer at every time step.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_directions * width)
            The forward direction first. NaN at absent steps; for a list, an object array of
            (n_timesteps_i, n_directions * width) arrays.
        """
        sequences = self._check_fitted_X(X)
        network = self._network()
        rows = self._run(sequences, network, network.hidden_states)
        return sequences.arrange_steps(rows, np.nan)

    @property
    def weights_(self) -> dict[str, np.ndarray]:
        """Named views of the one vector that holds all weights; writing to one changes the model.

        Keys: ``W_x_l0`` (gates*H, F), ``W_h_l0`` (gates*H, H), ``b_l0`` (gates*H,) for layer 0 and so on, with
        ``_reverse`` appended for the backward direction; a GRU also has ``b_hn_l0`` (H,); attention pooling has
        ``W_a`` (D, D) and ``v_a`` (1, D); the readout has ``W_o`` (n_raw, D) and ``b_o`` (n_raw,), where D is the
        width of the last layer times the number of directions. Shapes and gate order are PyTorch's.
        """
        check_is_fitted(self)
        return self._network().layout.views(self._theta)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_theta")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags


partial_fit_available = available_if(_has_partial_fit)
