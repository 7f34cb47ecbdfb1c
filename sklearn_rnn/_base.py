"""BaseRNN: what both estimators share. Parameters, validation, the way from X and y to fitted weights and back."""

from __future__ import annotations

import copy
import inspect
import threading
import warnings
from contextlib import contextmanager, nullcontext
from numbers import Integral
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from ._callbacks import CallbackSupportMixin, EpochCallbacks, with_callbacks
from ._hyperparameters import CONSTRAINTS
from ._losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from ._network import CELLS, Batch, Network
from ._sequences import CHANNELS_LAST, Dataset, Sequences, as_array, is_ragged
from ._solvers import (
    OPTIMIZERS,
    SGD,
    Adam,
    Monitor,
    Progress,
    Schedule,
    minimize_lbfgs,
    minimize_stochastic,
    outside,
    warn_of,
)

# A product with fewer multiplications than this loses more by waking a second BLAS thread than it gains.
_SERIAL_PRODUCT = 1 << 21
# Bytes of states that are computed at once where nothing is learnt, or where chunks are added up.
_CHUNK_STATES = 1 << 23


class _OneBlasThread:
    """Holds BLAS to one thread. Of fits that overlap in time, the first sets the limit and the last lifts it."""

    def __init__(self):
        self.lock, self.users, self.limit = threading.Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if self.users == 0:
                self.limit = threadpool_limits(1, user_api="blas")
            self.users += 1

    def __exit__(self, *_):
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.limit.restore_original_limits()


_one_blas_thread = _OneBlasThread()


def _has_partial_fit(estimator):
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic solvers; got solver='lbfgs'.")
    if estimator.early_stopping:
        raise AttributeError("partial_fit does not go with early_stopping=True: it makes one pass over its data.")
    return True


class BaseRNN(CallbackSupportMixin, BaseEstimator):
    """Base of RNNRegressor and RNNSequenceClassifier. Not to be used directly."""

    _parameter_constraints: dict = CONSTRAINTS

    def _store(self, arguments: dict) -> None:
        """Set every argument of __init__ under its own name: scikit-learn asks for this, and for nothing else."""
        for name, value in arguments.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

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
            "pooling": None if self._per_step else self.pooling,
            "loss": self._describe_loss(),
        }

    def _network(self) -> Network:
        """The network that the weights of this model belong to."""
        net = dict(self._net)
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
        dtypes = [np.float64, np.float32]
        table = check_array(X, dtype=dtypes, input_name=name, estimator=self)
        if reset or self._fitted_on == "2d":
            validate_data(self, X, reset=reset, skip_check_array=True)  # feature names and number of columns
            if reset:
                self._fitted_on = "2d"
        elif self.n_features_in_ != 1:
            raise ValueError(
                f"{name} is 2-D with shape {table.shape}, that is, univariate sequences of {table.shape[1]} time "
                f"steps; {type(self).__name__} is expecting {self.n_features_in_} features. {CHANNELS_LAST}"
            )
        if self.mapping == "one-to-many":
            return Sequences.from_2d(table, self._n_steps_out if n_steps_out is None else n_steps_out)
        return Sequences.from_2d(table)

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

    @with_callbacks
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
        with self._all_or_nothing():
            self._check_parameters()
            go_on = self.warm_start and hasattr(self, "_theta")
            train = self._prepare(X, y, sample_weight, reset=not go_on)
            reason = self._train(train, (X, y, sample_weight), (X_val, y_val, sample_weight_val), go_on)
        # after all is kept: where warnings are errors, what was trained is still there
        warn_of(reason, type(self).__name__, self.n_iter_, self.max_iter)
        return self

    @contextmanager
    def _all_or_nothing(self):
        """A call that fails leaves the model as it was: nothing that was trained is lost."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            for name in vars(self).keys() - before.keys():
                if not name.startswith(("_callback_", "_skl_")):  # scikit-learn clears these up itself
                    delattr(self, name)
            vars(self).update(before)
            raise

    def _partial_fit(self, X, y, sample_weight):
        """One pass over X; the estimators' `partial_fit`."""
        with self._all_or_nothing():
            self._check_parameters()
            go_on = hasattr(self, "_theta")
            # A chunk is a part of the data: scaling its weights to mean 1 would make all chunks weigh alike.
            train = self._prepare(X, y, sample_weight, reset=not go_on, scale=False)
            theta, progress, rng, optimizer = self._begin(go_on)
            objective, epoch_batches = self._problem(train, np.arange(len(train.sequences)), rng)
            theta, reason = self._descend(objective, theta, epoch_batches, optimizer, None, 1, progress, train)
            self._end(theta, progress, rng, optimizer)
        if reason != "max_iter":
            warn_of(reason, type(self).__name__, self.n_iter_, self.max_iter)
        return self

    def _descend(self, objective, theta, epoch_batches, optimizer, monitor, n_epochs, progress, train):
        """`minimize_stochastic` with the settings of this estimator."""
        with self._numerics(train):
            return minimize_stochastic(
                objective,
                theta,
                epoch_batches,
                optimizer,
                Schedule(
                    self.learning_rate, self.learning_rate_init, self.power_t, self.learning_rate_decay, self.max_iter
                ),
                monitor,
                n_epochs=n_epochs,
                progress=progress,
                clip_norm=self.clip_norm,
                clip_value=self.clip_value,
            )

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

    def _begin(self, go_on: bool):
        """Weights, progress, random generator and optimizer at the start of training."""
        network = self._network()
        saved = getattr(self, "_training", None) if go_on else None
        if saved is not None and saved["solver"] == self.solver:
            rng, t, cuts = copy.deepcopy(saved["rng"]), saved["t"], saved["cuts"]
        else:
            saved, t, cuts = None, 0, 0
            seed, split_seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=2)
            rng = np.random.default_rng(seed)
            if not go_on or not hasattr(self, "_split_seed"):
                self._split_seed = int(split_seed)  # a warm start must hold out the same samples
        if go_on:
            theta = self._theta.copy()
            progress = Progress(self.n_iter_, t, cuts, list(self.loss_curve_))
        else:
            theta = network.start(rng, self.init, self.init_scale, self._dtype)
            progress = Progress()
            self.validation_loss_curve_, self.validation_scores_ = None, None
        self._theta = theta.copy()
        optimizer = None
        if self.solver != "lbfgs":
            if OPTIMIZERS[self.solver] is SGD:
                options = {"momentum": self.momentum, "nesterov": self.nesterovs_momentum}
            else:
                options = {"epsilon": self.epsilon}
            if OPTIMIZERS[self.solver] is Adam:
                options.update(beta_1=self.beta_1, beta_2=self.beta_2)
            optimizer = OPTIMIZERS[self.solver](theta, **options)
            if saved is not None:
                for name, vector in saved["state"].items():
                    optimizer.state[name][...] = vector
        return theta, progress, rng, optimizer

    def _end(self, theta, progress, rng, optimizer) -> None:
        """Keep what was learnt, and with `optimizer` what is needed to go on."""
        self._theta = theta
        self.n_iter_ = progress.epoch
        self.loss_curve_ = progress.curve
        self.best_loss_ = min(progress.curve, default=np.inf)
        if optimizer is None:
            self.__dict__.pop("_training", None)
        else:
            self._training = {
                "solver": self.solver,
                "state": optimizer.state,
                "rng": rng,
                "t": progress.t,
                "cuts": progress.cuts,
            }

    @contextmanager
    def _numerics(self, data: Dataset):
        """Divergence is dealt with by the solver; small products are faster on one thread."""
        widest = max(self._net["hidden_layer_sizes"])
        product = widest * (widest + data.sequences.n_features) * self._batch_size(len(data.sequences))
        limit = _one_blas_thread if product < _SERIAL_PRODUCT else nullcontext()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"), limit:
            yield

    def _batch_size(self, n: int) -> int:
        return min(200, n) if self.batch_size == "auto" else min(self.batch_size, n)

    def _chunk(self, n_timesteps: int) -> int:
        """Sequences that are run through at once where the result does not depend on it."""
        per_sequence = n_timesteps * 8 * max(self._net["hidden_layer_sizes"]) * self._dtype.itemsize
        return int(np.clip(_CHUNK_STATES // per_sequence, 1, 256))

    def _problem(self, train: Dataset, index: np.ndarray, rng):
        """The objective, and the batches of an epoch, as `_solvers` wants them."""
        network = self._network()
        alpha = self.alpha
        shrink = alpha * network.layout.is_matrix(self._dtype)

        def objective(theta, batch):
            if self.bptt_steps is not None and not self._per_step:
                batch = network.fast_forward(theta, batch, self.bptt_steps, rng)
            value, g = network.loss_grad(theta, batch, rng)
            value /= batch.count
            g /= batch.count
            if alpha:
                pull = shrink * theta
                value += 0.5 * float(pull @ theta)
                g += pull
            return value, g

        def full_objective(theta, _):
            value, g, count = 0.0, np.zeros_like(theta), 0
            for batch in train.batches(index, self._chunk(int(train.sequences.lengths.max()))):
                chunk_value, chunk_g = network.loss_grad(theta, batch)
                value += chunk_value
                g += chunk_g
                count += batch.count
            pull = shrink * theta
            return value / count + 0.5 * float(pull @ theta), g / count + pull

        def epoch_batches():
            size = self._batch_size(len(index))
            for batch in train.batches(index, size, rng if self.shuffle else None):
                if self.bptt_steps is not None and self._per_step:
                    yield from batch.segments(self.bptt_steps)
                else:
                    yield batch

        return (full_objective if self.solver == "lbfgs" else objective), epoch_batches

    def _mean_loss(self, theta, data: Dataset, index) -> float:
        """Mean of weight times loss, without the penalty."""
        network = self._network()
        total = count = 0.0
        for batch in data.batches(index, self._chunk(int(data.sequences.lengths.max()))):
            total += network.loss_sum(theta, batch)
            count += batch.count if batch.weights is None else float(self._valid_weights(batch).sum())
        return total / count if count else np.nan

    @staticmethod
    def _valid_weights(batch):
        per_step = batch.weights.ndim == 2 and batch.lengths is not None
        return batch.weights * batch.valid if per_step else batch.weights

    def _train(self, train: Dataset, given, validation, go_on: bool) -> str:
        """Run the solver on prepared data and keep the result; returns why training ended."""
        X, y, sample_weight = given
        n = len(train.sequences)
        index = np.arange(n)
        theta, progress, rng, optimizer = self._begin(go_on)

        held_out = val_index = None
        X_val, y_val, sample_weight_val = validation
        if X_val is not None:
            held_out = self._prepare(X_val, y_val, sample_weight_val, reset=False, suffix="_val")
            val_index = np.arange(len(held_out.sequences))
        elif self.early_stopping:
            index, val_index = self._split(train)
            held_out = train
            if self.scoring != "loss":
                X_val, y_val = _safe_indexing(X, val_index), _safe_indexing(y, val_index)
                sample_weight_val = None if sample_weight is None else _safe_indexing(sample_weight, val_index)

        scorer = None
        if held_out is not None:
            self.validation_loss_curve_ = list(self.validation_loss_curve_ or [])
            if self.scoring != "loss":
                scorer = check_scoring(self, self.scoring)
                # scikit-learn's own scorers take weights; a user's function need not
                weighted = not inspect.isfunction(scorer) or "sample_weight" in inspect.signature(scorer).parameters
                self.validation_scores_ = list(self.validation_scores_ or [])

        def validate(theta):
            self.validation_loss_curve_.append(self._mean_loss(theta, held_out, val_index))
            if scorer is None:
                return self.validation_loss_curve_[-1]
            self._theta = theta
            weight = {} if sample_weight_val is None or not weighted else {"sample_weight": sample_weight_val}
            self.validation_scores_.append(float(scorer(self, X_val, y_val, **weight)))
            return -self.validation_scores_[-1]

        epochs = EpochCallbacks(self, X, y, self.max_iter)

        def on_epoch(theta, progress):
            if self.verbose:
                line = f"Epoch {progress.epoch}, loss = {progress.curve[-1]:.8f}"
                if held_out is not None:
                    line += f", validation loss = {self.validation_loss_curve_[-1]:.8f}"
                if scorer is not None:
                    line += f", validation score = {self.validation_scores_[-1]:.6f}"
                print(line)
            return epochs.end(theta)

        monitor = Monitor(
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            watch_validation=self.early_stopping,
            validate=None if held_out is None else validate,
            on_epoch=on_epoch,
        )
        objective, epoch_batches = self._problem(train, index, rng)

        def announced_batches():
            epochs.begin()
            return epoch_batches()

        if self.solver == "lbfgs":
            with self._numerics(train):
                theta, reason = minimize_lbfgs(
                    objective,
                    theta,
                    None,
                    monitor,
                    max_iter=self.max_iter,
                    max_fun=self.max_fun,
                    tol=self.tol,
                    progress=progress,
                )
        else:
            theta, reason = self._descend(
                objective, theta, announced_batches, optimizer, monitor, self.max_iter, progress, train
            )
        self._end(theta, progress, rng, optimizer if self.warm_start else None)
        epochs.close()
        return reason

    def _split(self, train: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Indices for training and validation."""
        n = len(train.sequences)
        what = f"early_stopping with validation_fraction={self.validation_fraction} of {n} samples"
        if self.validation_method == "last":
            n_val = max(1, int(np.ceil(n * self.validation_fraction)))
            if n_val >= n:
                raise ValueError(f"{what} leaves none to train on. Give more, or X_val and y_val.")
            index, val_index = np.arange(n - n_val), np.arange(n - n_val, n)
        else:
            try:
                index, val_index = train_test_split(
                    np.arange(n),
                    test_size=self.validation_fraction,
                    random_state=self._split_seed,
                    stratify=self._stratify_by(train),
                )
            except ValueError as error:
                raise ValueError(
                    f"{what} cannot hold out a share of every class: {error} Give more samples, X_val and y_val, or "
                    "validation_method='last'."
                ) from error
        if train.weights is not None:
            for part, rows in (("training", train.rows(index)), ("validation", train.rows(val_index))):
                if not train.weights[rows].any():
                    raise ValueError(f"{what}: sample_weight is zero for all {part} samples. Give X_val and y_val.")
        return index, val_index

    def _stratify_by(self, train):
        return None

    # -- using ------------------------------------------------------------------------------------------------------

    def _run(self, sequences: Sequences, compute) -> np.ndarray:
        """compute(batch) -> (P, N) or (T, P, N), over all sequences, as rows: one a sequence or one a valid step."""
        n = len(sequences)
        order = np.argsort(sequences.lengths, kind="stable") if sequences.is_padded else np.arange(n)
        first_row = np.cumsum(sequences.lengths) - sequences.lengths
        size = self._chunk(int(sequences.lengths.max()))
        rows = None
        for start in range(0, n, size):
            index = order[start : start + size]
            with np.errstate(over="ignore", invalid="ignore"):
                X, lengths = sequences.steps(index, self._dtype)
                values = compute(Batch(X, lengths))
            if rows is None:
                n_rows = n if values.ndim == 2 else int(sequences.lengths.sum())
                rows = np.empty((n_rows, values.shape[-2]), values.dtype)
            if values.ndim == 2:
                rows[index] = values.T
            else:
                t = np.arange(len(X))[:, None]
                valid = t < sequences.lengths[index]
                rows[(first_row[index] + t)[valid]] = values.transpose(0, 2, 1)[valid]
        return rows

    def _check_fitted_X(self, X) -> Sequences:
        check_is_fitted(self)
        return self._check_X(X, reset=False)

    def _predict_rows(self, X, link: bool = True) -> tuple[np.ndarray, Sequences]:
        """The loss's link for X, or without it the raw outputs, as rows, and X as Sequences."""
        sequences = self._check_fitted_X(X)
        network = self._network()
        compute = network.predict if link else network.outputs
        return self._run(sequences, lambda batch: compute(self._theta, batch)), sequences

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
        rows = self._run(sequences, lambda batch: network.hidden_states(self._theta, batch))
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
