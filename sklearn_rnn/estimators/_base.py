"""BaseRNN: what both estimators share. The way from parameters, X and y to a training, and from weights to rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._sklearn import CallbackSupportMixin, EpochCallbacks, safe_indexing, validate_parameters, with_callbacks
from .._stored import Stored, all_or_nothing
from .._warnings import warn
from ..core._cells import CELLS
from ..core._cores import Cores
from ..core._network import Network
from ..core._training import Training
from ..sequences._arrays import all_finite, as_array, is_ragged
from ..sequences._checks import check_sequences, plain_sequences
from ..sequences._dataset import Dataset
from ..sequences._sequences import CHANNELS_LAST, Sequences
from ._checkpoint import Checkpoint, identify, interval
from ._choices import ChosenParts, chosen, is_open, settings_of
from ._held_out import make_score, split
from ._hyperparameters import Hyperparameters, layer_sizes
from ._learning import learn, refuse_if_nothing_was_learnt, tell, what_to_try
from ._networks import network_of
from ._progress import CURVES, Announcer, curves_of, told, with_validation
from ._rows import compute_rows
from ._states import HiddenStates
from ._stream import Streaming
from ._summary import Summarized
from ._time_order import warn_of_wrong_order


def _has_partial_fit(estimator):
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic solvers; got solver='lbfgs'.")
    if estimator.early_stopping:
        raise AttributeError("partial_fit does not go with early_stopping=True: it makes one pass over its data.")
    return True


partial_fit_available = available_if(_has_partial_fit)


class BaseRNN(
    Streaming, HiddenStates, Stored, Summarized, CallbackSupportMixin, ChosenParts, Hyperparameters, BaseEstimator
):
    """Base of RNNRegressor and RNNSequenceClassifier. Not to be used directly.

    A subclass says what its targets are: `_describe_loss` and `_encode_targets`.
    """

    n_outputs_: int
    n_features_in_: int
    loss_curve_: list[float]
    gradient_norm_curve_: list[float]
    clipped_curve_: list[float]
    best_loss_: float
    n_iter_: int
    stopped_by_: str
    validation_loss_curve_: list[float] | None
    validation_scores_: list[float] | None
    _theta: np.ndarray  # all weights
    _net: dict  # all that the shape of the network depends on
    _dtype_name: str
    _split_seed: int

    # -- what a subclass says ---------------------------------------------------------------------------------------

    def _describe_loss(self) -> tuple[str, int, dict]:
        """Name of the loss, its number of targets and its options."""
        raise NotImplementedError

    def _encode_targets(
        self, y: Any, sequences: Sequences, weights: np.ndarray | None, *, reset: bool, name: str
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """y as numbers (rows, k), one row for each sequence or valid step, and class weights for each row, or None.

        `weights` are the sample weights of the rows.
        """
        raise NotImplementedError

    def _stratify_by(self, data: Dataset) -> np.ndarray | None:
        """Classes whose shares a random split keeps."""
        return None

    # -- parameters -------------------------------------------------------------------------------------------------

    @property
    def _dtype(self) -> np.dtype:
        """What the network computes in."""
        return np.dtype(self._dtype_name)

    @property
    def _per_step(self) -> bool:
        return self.mapping != "many-to-one"

    def _check_parameters(self) -> None:
        validate_parameters(self)
        if not is_open(self.hidden_layer_sizes):
            layer_sizes(self.hidden_layer_sizes)
        if self.scoring != "loss":
            check_scoring(self, self.scoring)
            if self._per_step and isinstance(self.scoring, str):
                raise ValueError(
                    f"scoring={self.scoring!r} does not go with mapping={self.mapping!r}: scikit-learn's metrics take "
                    "one target a sample. Use 'loss', None for the estimator's score over all steps, or a callable."
                )
        interval(self.checkpoint_every)
        if self.checkpoint is not None and self.solver == "lbfgs":
            raise ValueError(
                f"checkpoint={str(self.checkpoint)!r} does not go with solver='lbfgs', which keeps its state to "
                "itself. Use checkpoint=None or a stochastic solver."
            )
        if self.bptt_steps is not None and self.solver == "lbfgs":
            raise ValueError(
                f"bptt_steps={self.bptt_steps} does not go with solver='lbfgs', which needs the exact gradient. "
                "Use bptt_steps=None or a stochastic solver."
            )

    def _describe_net(self, sequences: Sequences, *, reset: bool) -> dict:
        """All that the network's shape depends on, as plain values."""
        open_parts = chosen(self, sequences.usual_length, one_output=is_classifier(self))
        if not reset:  # what is left open stays what it was chosen to be
            open_parts |= {name: self._net[name] for name in open_parts if is_open(getattr(self, name))}
        if self.bptt_steps is not None and open_parts["bidirectional"]:
            raise ValueError(
                f"bptt_steps={self.bptt_steps} does not go with a bidirectional network: the backward direction starts "
                "at the end of the sequence, so a cut sequence is another input. Use bptt_steps=None."
            )
        return {
            "n_inputs": sequences.n_features * open_parts["patch_size"],
            "cell_options": {option: getattr(self, option) for option in CELLS[open_parts["cell"]].options},
            "mapping": self.mapping,
            "loss": self._describe_loss(),
            **open_parts,
        }

    def _network(self) -> Network:
        """The network that the weights of this model belong to."""
        return network_of(self._net, self.dropout)

    # -- input ------------------------------------------------------------------------------------------------------

    def _check_X(self, X, *, reset: bool, name: str = "X", n_steps_out: int | None = None) -> Sequences:
        """Any accepted X as Sequences. With reset, what a fitted model must know of X is set."""
        n_repeats = None
        if self.mapping == "one-to-many":
            n_repeats = self._n_steps_out if n_steps_out is None else n_steps_out
        if not reset and (plain := plain_sequences(self, X, self._dtype, n_repeats)) is not None:
            return plain
        sequences = check_sequences(
            self, X, reset=reset, name=name, dtype=None if reset else self._dtype, n_repeats=n_repeats
        )
        if reset and n_repeats is None and sequences.n_timesteps == 1 and sequences.n_features > 1:
            warn(
                f"{name} of shape {sequences.values.shape} has a single time step with {sequences.n_features} "
                f"features, so there is nothing recurrent to learn. {CHANNELS_LAST}"
            )
        return sequences

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

    def _prepare(self, X, y, sample_weight, *, reset: bool, suffix: str = "") -> Dataset:
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
            self._dtype_name = sequences.dtype.name
            if n_steps_out is not None:
                self._n_steps_out = n_steps_out
        elif n_steps_out is not None and n_steps_out != self._n_steps_out:
            raise ValueError(f"y{suffix} has {n_steps_out} time steps, this model was fitted on {self._n_steps_out}.")
        weights = sequences.row_weights(sample_weight, self._per_step, "sample_weight" + suffix)
        Y, class_weights = self._encode_targets(y, sequences, weights, reset=reset, name="y" + suffix)
        net = self._describe_net(sequences, reset=reset)
        if reset:
            self._net = net
            if self.mapping != "one-to-many":
                names = getattr(self, "feature_names_in_", None) if sequences.kind == "2d" else None
                warn_of_wrong_order(sequences, names, Y, "X" + suffix)
        elif net != self._net:
            changed = [name for name in net if net[name] != self._net[name]]
            raise ValueError(
                "A fitted network goes on learning (warm_start or partial_fit) only with the same architecture and "
                f"loss; changed: {', '.join(changed)}. Use clone(estimator) to start anew."
            )
        if class_weights is not None:
            if weights is not None:
                with np.errstate(over="ignore"):
                    class_weights = weights * class_weights
                if not np.isfinite(class_weights).all() or (weights.any() and not class_weights.any()):
                    raise ValueError(
                        f"sample_weight{suffix} times class_weight is infinite, or 0 for all: multiply either by a "
                        "number, as only ratios matter."
                    )
            weights = class_weights
        return Dataset(sequences.in_patches(net["patch_size"]), Y, weights, self._per_step, self._dtype)

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
            arrays, or data frames, of different lengths. In 3-D X, time steps that are entirely NaN at the start or at
            the end of a sequence are absent. With mapping="one-to-many", a table (n_samples, n_features).
        y : array-like
            Targets: (n_samples,) or (n_samples, n_outputs) with mapping="many-to-one", otherwise one for each time
            step: (n_samples, n_timesteps), (n_samples, n_timesteps, n_outputs), or a list like X.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; every time step weighs as its sample. Only their ratios matter: they are scaled to
            mean 1 over the samples that are trained on.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, default=None
            Validation data for early stopping, in place of an internal split. Without early stopping they only
            record `validation_loss_curve_`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If X, y or sample_weight is sparse, or a query without data (a LazyFrame).
        ValueError
            If a parameter is invalid, or X or y is of the wrong shape, length or content.
        KeyboardInterrupt
            If the user interrupts the training. The estimator is fitted then, as far as it got.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError(
                "X_val and y_val must be given together; got only " + ("y_val." if X_val is None else "X_val.")
            )
        if sample_weight_val is not None and X_val is None:
            raise ValueError("sample_weight_val was given without X_val and y_val.")
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))
        return self

    @with_callbacks
    def _fit(self, X, y, sample_weight, validation) -> None:
        with all_or_nothing(self):
            self._check_parameters()
            was_fitted = hasattr(self, "_theta")
            go_on = self.warm_start and was_fitted
            data = self._prepare(X, y, sample_weight, reset=not go_on)
            if data.weights is not None and not data.weights.any():
                raise ValueError(
                    f"sample_weight (times class weights) must hold a non-zero weight; all {len(data.weights)} are "
                    "zero."
                )
            training = self._begin(go_on, data)
            before = (self._theta, self.loss_curve_) if go_on else None
            checkpoint = Checkpoint(
                self.checkpoint,
                self.checkpoint_every,
                lambda: identify(self, training.rng.bit_generator.state, X, y, sample_weight, validation, before),
                type(self).__name__,
            )
            with checkpoint:
                self._split_seed = checkpoint.resume(training, self.verbose).get("split_seed", self._split_seed)
                held_out = None
                if validation[0] is not None:
                    held_out = self._prepare(*validation, reset=False, suffix="_val")
                    if held_out.weights is not None and not held_out.weights.any():
                        raise ValueError(
                            "sample_weight_val (times class weights) must hold a non-zero weight; all "
                            f"{len(held_out.weights)} are zero."
                        )
                elif self.early_stopping:
                    how = self.validation_fraction, self.validation_method, self._split_seed
                    train, some = split(data, *how, self._stratify_by(data))
                    data, held_out = data.take(train), data.take(some)
                    if self.scoring != "loss":
                        weights = sample_weight
                        if np.ndim(sample_weight) > 0:  # one number weighs all alike, as None does
                            weights = safe_indexing(sample_weight, some)
                        validation = [safe_indexing(X, some), safe_indexing(y, some), weights]
                score = None
                if held_out is not None and self.scoring != "loss":
                    score = make_score(self, self.scoring, *validation)
                epochs = EpochCallbacks(self, X, y, self.max_iter)
                announcer = Announcer(training, self.verbose)

                def work(cores):
                    return training.run(
                        data.with_mean_weight_1(),
                        cores,
                        held_out=None if held_out is None else held_out.with_mean_weight_1(),
                        score=score,
                        **told(training, checkpoint, epochs, announcer, split_seed=self._split_seed),
                    )

                with announcer:
                    reason = self._learn(training, work, keep_memory=self.warm_start)
                refuse_if_nothing_was_learnt(self, reason, was_fitted and training.progress.epoch == training.n_before)
                if reason != "interrupted":
                    epochs.close()
                    checkpoint.finished = True
        advice = what_to_try(self, training, data) if reason in ("stopped", "max_iter") else None
        tell(reason, self, self.n_iter_, self.solver, nothing_learnt=advice)

    def _one_pass(self, X, y, sample_weight) -> Self:
        """The subclasses' `partial_fit`."""
        with all_or_nothing(self):
            self._check_parameters()
            go_on = hasattr(self, "_theta")
            # A chunk is a part of the data: scaling its weights to mean 1 would make all chunks weigh alike.
            data = self._prepare(X, y, sample_weight, reset=not go_on)
            training = self._begin(go_on, data)
            with Announcer(training, self.verbose, one_pass=True) as announcer:
                work = partial(training.one_pass, data, on_batch_end=announcer.batch)
                reason = self._learn(training, work, keep_memory=True)
                announcer.epoch()
        if reason != "max_iter":
            tell(reason, self, self.n_iter_, self.solver, whole_epochs=False)
        return self

    def _begin(self, go_on: bool, data: Dataset) -> Training:
        """A training, from the start or from where the last one ended."""
        network = self._network()
        memory = getattr(self, "_training", None) if go_on else None
        if memory is not None and memory["solver"] == self.solver:
            rng = copy.deepcopy(memory["rng"])
        else:
            memory = None
            seed, split_seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=2)
            rng = np.random.default_rng(seed)
            if not go_on or not hasattr(self, "_split_seed"):
                self._split_seed = int(split_seed)  # a warm start must hold out the same samples
        if go_on:
            theta, curves = self._theta.copy(), curves_of(self)
        else:
            start = partial(network.start, rng, self.init, self.init_scale, self._dtype, data.sequences.usual_length)
            # under the same settings as training: the weights must not depend on the number of BLAS threads
            theta, curves = Cores().use(lambda cores: start()), {}
            self.validation_loss_curve_, self.validation_scores_ = None, None
        self._theta = theta.copy()
        settings = settings_of(self, len(data), self._net["cell"], one_output=is_classifier(self))
        return Training(network, settings, theta, rng, curves=curves, memory=memory)

    def _learn(self, training: Training, work: Callable[[Cores], str], keep_memory: bool) -> str:
        """`learn`, and keep the results in the attributes of this estimator."""
        validated = self.validation_loss_curve_, self.validation_scores_

        def keep():
            self._theta = training.theta
            for name, attribute in CURVES.items():
                setattr(self, attribute, getattr(training.progress, name))
            self.n_iter_ = training.progress.epoch
            self.best_loss_ = min(self.loss_curve_, default=np.inf)
            self.validation_loss_curve_, self.validation_scores_ = with_validation(*validated, training)
            self.__dict__.pop("_training", None)
            if keep_memory and training.memory is not None:
                self._training = training.memory

        return learn(self, work, keep)

    # -- using ------------------------------------------------------------------------------------------------------

    def _check_is_usable(self) -> None:
        """Is it fitted, and do its parameters still fit what was fitted?"""
        if not hasattr(self, "_theta"):
            check_is_fitted(self)  # raises
        # The cell and the widths are remembered from fit; these two also decide on the shape of what is predicted.
        try:
            loss = self._describe_loss()
        except (TypeError, ValueError):
            self._check_parameters()  # says what is wrong with those of the loss
            raise
        for name, now in (("mapping", self.mapping), ("loss", loss)):
            if now != self._net[name]:
                raise ValueError(
                    f"{name} is {now!r} now, but this model was fitted with {self._net[name]!r}. Set it back, or "
                    "fit again."
                )

    def _check_fitted_X(self, X) -> Sequences:
        self._check_is_usable()
        return self._check_X(X, reset=False)

    def _predict_rows(self, X, link: bool = True) -> tuple[np.ndarray, Sequences]:
        """The loss's link for X, or without it the raw outputs, as rows, and X as Sequences."""
        sequences = self._check_fitted_X(X).in_patches(self._net["patch_size"])
        network = self._network()
        compute = network.predict if link else network.outputs
        rows = compute_rows(compute, self._theta, sequences, network)
        if not all_finite(rows):
            largest = np.nanmax(np.abs(sequences.values))
            raise ValueError(
                f"The network's outputs are not finite: X holds values up to {largest:.3g}, or the weights have become "
                "too large. Scale X as in fit, or fit again with a smaller learning_rate_init."
            )
        return rows, sequences

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
