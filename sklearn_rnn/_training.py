"""Training: from a prepared Dataset to fitted weights. The part of the estimators between `fit` and the solvers."""

from __future__ import annotations

import copy
import inspect
from contextlib import contextmanager, nullcontext

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_random_state

from ._blas import Cores
from ._callbacks import EpochCallbacks
from ._network import Batch, Network
from ._sequences import Dataset
from ._solvers import OPTIMIZERS, SGD, Adam, Monitor, Progress, Schedule, minimize_lbfgs, minimize_stochastic

# A part of a batch with fewer multiplications a time step than this is not worth a thread of its own: the threads then
# spend their time handing Python's interpreter lock to each other.
MULTIPLICATIONS_A_THREAD = 1 << 20
# NumPy copies operands that are not contiguous into buffers of this many numbers, and copies whenever a contiguous
# piece is shorter than half of it. The default of 8192 makes the blocks of a cell three times as slow.
_BUFFER_SIZE = 512
# Bytes of states that are computed at once where nothing is learnt, or where chunks are added up.
_CHUNK_STATES = 1 << 23


def _parts(network: Network, batch: Batch, cores: Cores) -> list[Batch]:
    """The batch in as many parts as there are cores that they keep busy."""
    n_sequences = batch.X.shape[2]
    n = min(cores.n, n_sequences, network.multiplications * n_sequences // MULTIPLICATIONS_A_THREAD)
    return batch.split(n) if n > 1 else [batch]


def _loss_grad(network: Network, theta, batch: Batch, rng, cores: Cores) -> tuple[float, np.ndarray]:
    """`Network.loss_grad` on all cores."""

    def compute(part, arena):
        return network.loss_grad(theta, part, rng, arena)

    # Dropout draws from one generator, and what it draws must not depend on the number of cores.
    parts = _parts(network, batch, cores) if rng is None or not network.dropout else [batch]
    results = cores.map(compute, parts)
    if len(parts) == 1:
        return results[0]
    if parts[0].state_after is not None:
        batch.state_after = [
            tuple(np.concatenate(pieces, axis=-1) for pieces in zip(*layer))
            for layer in zip(*(part.state_after for part in parts))
        ]
    return sum(value for value, _ in results), sum(gradient for _, gradient in results)


class Training:
    """What BaseRNN knows of training. It works on the estimator's parameters and on `_prepare`, `_network`."""

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

    @staticmethod
    @contextmanager
    def _numerics(cores: Cores | None):
        """NumPy's settings while networks run, and BLAS's where all cores are taken; yields the cores, or else one."""
        # the solver deals with divergence
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"), cores or nullcontext(Cores()) as cores:
            np.setbufsize(_BUFFER_SIZE)  # errstate sets it back
            yield cores

    def _batch_size(self, n: int) -> int:
        return min(200, n) if self.batch_size == "auto" else min(self.batch_size, n)

    def _bytes_per_step(self, network: Network) -> int:
        """What running through one step of one sequence takes, roughly."""
        n_outputs = network.loss.n_raw if network.pooling is None else 0
        return (8 * max(network.hidden_layer_sizes) + n_outputs) * self._dtype.itemsize

    def _chunk(self, network: Network, n_timesteps: int) -> int:
        """Sequences that are run through at once where the result does not depend on it."""
        return max(1, min(256, _CHUNK_STATES // (n_timesteps * self._bytes_per_step(network))))

    def _descend(self, objective, theta, epoch_batches, optimizer, monitor, n_epochs, progress):
        """`minimize_stochastic` with the settings of this estimator."""
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

    def _problem(self, train: Dataset, index: np.ndarray, rng, cores: Cores):
        """The objective, and the batches of an epoch, as `_solvers` wants them."""
        network = self._network()
        alpha = self.alpha
        shrink = alpha * network.layout.is_matrix(self._dtype)

        def objective(theta, batch):
            if self.bptt_steps is not None and not self._per_step:
                batch = network.fast_forward(theta, batch, self.bptt_steps, rng)
            value, g = _loss_grad(network, theta, batch, rng, cores)
            value /= batch.count
            g /= batch.count
            if alpha:
                pull = shrink * theta
                value += 0.5 * float(pull @ theta)
                g += pull
            return value, g

        def full_objective(theta, _):
            value, g, count = 0.0, np.zeros_like(theta), 0
            for batch in train.batches(index, self._chunk(network, int(train.sequences.lengths.max()))):
                chunk_value, chunk_g = _loss_grad(network, theta, batch, None, cores)
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

    def _mean_loss(self, theta, data: Dataset, index, cores: Cores) -> float:
        """Mean of weight times loss, without the penalty."""
        network = self._network()
        lengths = data.sequences.lengths[index]
        n_steps = int(lengths.max())
        at_once = self._chunk(network, n_steps)
        if self._per_step and not self.bidirectional:
            # It does not take all steps at once. Then many sequences can be run through side by side, which is faster;
            # if they are of like length, for shorter ones are filled up.
            if 2 * lengths.mean() >= n_steps:
                bytes_of_data = n_steps * (data.sequences.n_features + data.Y.shape[1]) * self._dtype.itemsize
                at_once = max(at_once, min(256, len(index), _CHUNK_STATES // bytes_of_data))
            n_steps = max(1, _CHUNK_STATES // (at_once * self._bytes_per_step(network)))

        def loss_sum(part, arena):
            pieces = part.segments(n_steps) if n_steps < len(part.X) else [part]
            return sum(network.loss_sum(theta, piece, arena) for piece in pieces)

        total = count = 0.0
        for batch in data.batches(index, at_once):
            total += sum(cores.map(loss_sum, _parts(network, batch, cores)))
            count += batch.count if batch.weights is None else float(self._valid_weights(batch).sum())
        return total / count if count else np.nan

    @staticmethod
    def _valid_weights(batch):
        per_step = batch.weights.ndim == 2 and batch.lengths is not None
        return batch.weights * batch.valid if per_step else batch.weights

    def _train(self, train: Dataset, given, validation, go_on: bool, cores: Cores) -> str:
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
            self.validation_loss_curve_.append(self._mean_loss(theta, held_out, val_index, cores))
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
        objective, epoch_batches = self._problem(train, index, rng, cores)

        def announced_batches():
            epochs.begin()
            return epoch_batches()

        if self.solver == "lbfgs":
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
                objective, theta, announced_batches, optimizer, monitor, self.max_iter, progress
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
