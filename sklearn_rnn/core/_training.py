"""Training: one network, settings and data in; weights, curves and the solver's state out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ._batch import Batch, side_by_side
from ._cores import Cores
from ._loops import Monitor, Progress, minimize_lbfgs, minimize_stochastic
from ._network import Network
from ._optimizers import Optimizer, Schedule, make_optimizer

# A part of a batch with fewer multiplications a time step than this is not worth a thread of its own: the threads then
# spend their time handing Python's interpreter lock to each other.
MULTIPLICATIONS_A_THREAD = 1 << 20
# The products of fewer sequences than this are slower, taken together, than those of all; of half as many they take a
# tenth longer, which is worth while where it is that or one part.
SEQUENCES_A_PART = 64
# Bytes of states that are computed at once: where nothing is learnt, or chunks are added up anyway, as few as keep
# NumPy busy; in training, as many as a batch needs, up to what would fill the memory.
CHUNK_BYTES = 1 << 23
TRAINING_BYTES = 1 << 28


class Data(Protocol):
    """What training asks of data."""

    @property
    def bytes_a_step(self) -> int:
        """Memory that one time step of one sequence, with its target, takes in a batch."""

    def batches(self, size: int, rng: np.random.Generator | None, most_cells: int) -> Iterator[list[Batch]]:
        """An epoch in mini-batches of so many sequences, with `rng` drawn at random. Each comes in pieces of sequences
        of like length, none of which has more than most_cells cells (time steps times sequences)."""

    def blocks(self, most_cells: int) -> Iterator[Batch]:
        """All data, whatever order is convenient, in batches of at most most_cells cells."""


@dataclass(frozen=True)
class Settings:
    """How to train, as plain values. The names are those of the estimators' parameters.

    Attributes
    ----------
    schedule : Schedule
    optimizer : mapping
        Parameters of the optimizer (momentum, beta_1 and so on); those that it does not take are ignored.
    batch_size : int
    watch_validation : bool
        Stop early by the validation value, and keep the weights that are best by it.
    averaging : bool
        Validate and keep not the weights themselves but their mean over the updates so far, mostly the last tenth of
        them (see `average_in`). L-BFGS takes none.
    """

    solver: str
    schedule: Schedule
    optimizer: Mapping[str, object] = field(default_factory=dict)
    alpha: float = 0.0
    batch_size: int = 200
    max_iter: int = 200
    max_fun: int = 15000
    shuffle: bool = True
    tol: float = 1e-4
    n_iter_no_change: int = 10
    watch_validation: bool = False
    averaging: bool = False
    clip_norm: float | None = None
    clip_value: float | None = None
    bptt_steps: int | None = None


def cells(network: Network, dtype: np.dtype, n_bytes: int | None = None) -> int:
    """Time steps times sequences of which the states take so many bytes, by default CHUNK_BYTES."""
    return max(1, (n_bytes or CHUNK_BYTES) // (network.numbers_a_step * dtype.itemsize))


def parts_for_cores(network: Network, batch: Batch) -> list[Batch]:
    """The batch in as many parts as are worth a thread each.

    That depends on shapes alone, so that results do not depend on how many cores there are, or are free.
    """
    n_sequences = batch.X.shape[2]
    n = max(n_sequences // SEQUENCES_A_PART, min(2, 2 * n_sequences // SEQUENCES_A_PART))
    n = min(n, network.multiplications * n_sequences // MULTIPLICATIONS_A_THREAD)
    return batch.split(n) if n > 1 else [batch]


class Training:
    """A network that learns.

    Parameters
    ----------
    network : Network
    settings : Settings
    theta : ndarray
        Weights to start from; changed in place.
    rng : Generator
        Draws the mini-batches and the dropout.
    curves : mapping of str to sequence of float
        Of each epoch so far, what `Progress` records under these names.
    memory : dict, default=None
        `memory` of an earlier training with the same solver, to go on with its state.

    Attributes
    ----------
    progress : Progress
    validation : list of tuple (loss, score)
        Of each epoch that was validated; the score is None where none was asked for.
    n_before : int
        Epochs of earlier trainings, which this one goes on from.
    """

    def __init__(
        self,
        network: Network,
        settings: Settings,
        theta: np.ndarray,
        rng: np.random.Generator,
        *,
        curves: Mapping[str, Sequence[float]] | None = None,
        memory: Mapping | None = None,
    ):
        self.network, self.settings, self.rng = network, settings, rng
        self.progress = Progress()
        for name, values in (curves or {}).items():
            setattr(self.progress, name, list(values))
        self.validation: list[tuple[float, float | None]] = []
        self.n_before = self.progress.epoch
        self._theta, self._monitor = theta, Monitor(tol=settings.tol, n_iter_no_change=np.inf)
        self._resumed: dict = {}
        largest = float(np.finfo(theta.dtype).max)  # infinity times 0, for a bias, would be NaN
        self._shrink = min(settings.alpha, largest) * network.layout.is_matrix(theta.dtype)
        self._optimizer: Optimizer | None = None
        self._averaged: np.ndarray | None = None
        if settings.solver != "lbfgs":
            self._optimizer = make_optimizer(settings.solver, theta, settings.optimizer)
            if settings.averaging:
                self._averaged = theta.copy()
                if memory is not None and "last" in memory:
                    self._theta[...] = memory["last"]
            if memory is not None:
                self.progress.t, self.progress.cuts = memory["t"], memory["cuts"]
                for name, vector in memory["state"].items():
                    self._optimizer.state[name][...] = vector

    # -- results ----------------------------------------------------------------------------------------------------

    @property
    def theta(self) -> np.ndarray:
        """The weights to keep, at the end or wherever training was interrupted."""
        return self._monitor.choose(self._theta if self._averaged is None else self._averaged, self.progress)

    @property
    def memory(self) -> dict | None:
        """The solver's state, as plain values and arrays; L-BFGS has none."""
        if self._optimizer is None:
            return None
        last = {} if self._averaged is None else {"last": self._theta}
        return last | {
            "solver": self.settings.solver,
            "state": self._optimizer.state,
            "rng": self.rng,
            "t": self.progress.t,
            "cuts": self.progress.cuts,
        }

    def snapshot(self) -> tuple[dict[str, np.ndarray], dict]:
        """Between two epochs: arrays and plain values, from which `restore` goes on as if nothing had happened."""
        assert self._optimizer is not None  # L-BFGS keeps its state to itself
        progress, monitor = self.progress, self._monitor
        arrays = {f"solver_{name}": vector for name, vector in self._optimizer.state.items()}
        arrays |= {"theta": self._theta} | ({} if self._averaged is None else {"averaged": self._averaged})
        arrays |= {} if monitor.best_theta is None else {"best_theta": monitor.best_theta}
        values = {name: getattr(progress, name) for name in ("t", "cuts", "rate", "curve", "norms", "clipped")}
        values |= {name: getattr(monitor, name) for name in ("best", "without_gain")}
        values |= {"n_before": self.n_before, "validation": self.validation, "rng": self.rng.bit_generator.state}
        return arrays, values

    def restore(self, arrays: Mapping[str, np.ndarray], values: Mapping) -> None:
        """Go on from a `snapshot` of a training with the same network, settings and data."""
        assert self._optimizer is not None
        self.rng.bit_generator.state = values["rng"]
        self._theta[...] = arrays["theta"]
        if self._averaged is not None:
            self._averaged[...] = arrays["averaged"]
        for name, vector in self._optimizer.state.items():
            vector[...] = arrays[f"solver_{name}"]
        for name in ("t", "cuts", "rate", "curve", "norms", "clipped"):
            setattr(self.progress, name, values[name])
        self.n_before, self.validation = values["n_before"], [tuple(pair) for pair in values["validation"]]
        self._resumed = {"best_theta": arrays.get("best_theta")}
        self._resumed |= {name: values[name] for name in ("best", "without_gain")}

    # -- the problem ------------------------------------------------------------------------------------------------

    def _penalty(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """alpha/2 times the squared norm of the weight matrices, and its gradient."""
        pull = self._shrink * theta
        return 0.5 * float(pull @ theta), pull

    def _loss_grad(self, theta: np.ndarray, pieces: list[Batch], rng, cores: Cores) -> tuple[float, np.ndarray]:
        """Sum of weight times loss over all pieces, and its gradient, on all cores."""
        network = self.network
        parts = [parts_for_cores(network, piece) for piece in pieces]
        if len(parts) == 1 and len(parts[0]) == 1:
            return network.loss_grad(theta, pieces[0], rng, cores.arena)
        numbered = list(enumerate(part for some in parts for part in some))
        rngs = [rng] * len(numbered)
        if rng is not None and network.dropout:
            # a generator for each part: what dropout draws must not depend on which is computed first
            rngs = [np.random.default_rng(seed) for seed in rng.integers(1 << 62, size=len(rngs))]

        def compute(part, arena):
            number, batch = part
            return network.loss_grad(theta, batch, rngs[number], arena)

        results = cores.map(compute, numbered)
        for piece, some in zip(pieces, parts):
            if len(some) > 1 and some[0].state_after is not None:
                piece.state_after = [
                    tuple(np.concatenate(states, axis=-1) for states in zip(*layer))
                    for layer in zip(*(part.state_after for part in some))
                ]
        return sum(value for value, _ in results), sum(gradient for _, gradient in results)

    def objective(self, theta: np.ndarray, pieces: list[Batch], cores: Cores) -> tuple[float, np.ndarray]:
        """Mean loss over a mini-batch, with the penalty, and its gradient."""
        steps = self.settings.bptt_steps
        if steps is not None and self.network.pooling is not None:
            pieces = [self.network.fast_forward(theta, piece, steps, self.rng) for piece in pieces]
        value, g = self._loss_grad(theta, pieces, self.rng, cores)
        count = sum(piece.count for piece in pieces)
        value /= count
        g /= count
        if self.settings.alpha:
            penalty, pull = self._penalty(theta)
            value += penalty
            g += pull
        return value, g

    def full_objective(self, theta: np.ndarray, data: Data, cores: Cores) -> tuple[float, np.ndarray]:
        """Mean loss over all data, with the penalty, and its gradient."""
        value, g, count = 0.0, np.zeros_like(theta), 0
        for block in data.blocks(cells(self.network, theta.dtype)):
            block_value, block_g = self._loss_grad(theta, [block], None, cores)
            value += block_value
            g += block_g
            count += block.count
        penalty, pull = self._penalty(theta)
        return value / count + penalty, g / count + pull

    def epoch_batches(self, data: Data) -> Iterator[tuple[list[Batch], int]]:
        """The mini-batches of an epoch, in pieces; with truncation and a target at every step, their segments."""
        settings = self.settings
        at_once = most_cells = cells(self.network, self._theta.dtype, TRAINING_BYTES)
        steps = settings.bptt_steps if self.network.pooling is None else None
        if steps is not None:
            # There are never states of more than a segment, so that sequences may be far longer.
            most_cells = max(most_cells, TRAINING_BYTES // data.bytes_a_step)
        for pieces in data.batches(settings.batch_size, self.rng if settings.shuffle else None, most_cells):
            some_at_once: Iterable[list[Batch]] = [pieces]
            if steps is not None:
                parts = [(piece, -(-min(steps, len(piece.X)) * piece.X.shape[2] // at_once)) for piece in pieces]
                pieces = [part for piece, n in parts for part in (piece.split(n) if n > 1 else [piece])]
                some_at_once = side_by_side(pieces, steps)
            for some in some_at_once:
                yield some, sum(piece.count for piece in some)

    def mean_loss(self, theta: np.ndarray, data: Data, cores: Cores) -> float:
        """Mean of weight times loss, without the penalty; NaN where all weights are zero."""
        network = self.network
        most_cells = at_once = cells(network, theta.dtype)
        one_way = len(network.directions) == 1
        in_pieces = one_way and network.pooling is None
        if in_pieces:
            # It does not take all steps at once. Then many sequences can be run through side by side, which is faster.
            most_cells = max(at_once, CHUNK_BYTES // data.bytes_a_step)

        def loss_sum(part, arena):
            n_steps = max(1, at_once // part.X.shape[2])
            pieces: Iterable[Batch] = [part]
            if one_way and n_steps < len(part.X):
                pieces = part.segments(n_steps) if in_pieces else [network.fast_forward(theta, part, n_steps)]
            return sum(network.loss_sum(theta, piece, arena) for piece in pieces)

        total = weight = 0.0
        for block in data.blocks(most_cells):
            total += sum(cores.map(loss_sum, parts_for_cores(network, block)))
            weight += block.total_weight()
        return total / weight if weight else np.nan

    def unexplained(self, data: Data, Y: np.ndarray, weights: np.ndarray | None, cores: Cores) -> float:
        """Mean loss of the weights to keep, as a share of the least that outputs which do not depend on X can have.

        Both above the least loss that is possible; 0 where all targets are the same. Y (k, rows) and the weights
        (rows,) are those of the data.
        """
        total = Y.shape[1] if weights is None else weights.sum()
        if not total > 0 or (Y == Y[:, :1]).all():
            return 0.0
        weights = np.full(Y.shape[1], 1.0 / total) if weights is None else weights / total
        Y = Y.astype(np.float64) if Y.dtype.kind == "f" else Y  # classes are integers
        loss = self.network.loss
        with np.errstate(all="ignore"):
            constant = loss.constant(Y, weights)
            least = loss.least(Y) @ weights
            of_constant = loss.value_and_gradient(np.repeat(constant[:, None], Y.shape[1], axis=1), Y)[0] @ weights
            return float((self.mean_loss(self.theta, data, cores) - least) / (of_constant - least))

    # -- training ---------------------------------------------------------------------------------------------------

    def run(
        self,
        data: Data,
        cores: Cores,
        *,
        held_out: Data | None = None,
        score: Callable[[np.ndarray], float] | None = None,
        on_epoch_begin: Callable[[], None] | None = None,
        on_batch_end: Callable[[float, float], None] | None = None,
        on_epoch_end: Callable[[np.ndarray], bool] | None = None,
    ) -> str:
        """Train for up to `max_iter` epochs.

        Parameters
        ----------
        held_out : Data, default=None
            Validated on after every epoch.
        score : callable, default=None
            score(theta), larger is better: what is watched in place of the loss on `held_out`.
        on_epoch_begin, on_batch_end, on_epoch_end : callable, default=None
            See `Monitor`.

        Returns
        -------
        reason : {"stopped", "max_iter", "diverged"}
        """
        settings = self.settings

        def validate(theta):
            loss = self.mean_loss(theta, held_out, cores)
            # outputs that have overflowed are no better than nothing, and scorers refuse them
            value = None if score is None else score(theta) if np.isfinite(loss) else -np.inf
            self.validation.append((loss, value))
            return loss if value is None else -value

        self._monitor = monitor = Monitor(
            tol=settings.tol,
            n_iter_no_change=settings.n_iter_no_change,
            watch_validation=settings.watch_validation,
            validate=None if held_out is None else validate,
            on_epoch_begin=on_epoch_begin,
            on_batch_end=on_batch_end,
            on_epoch_end=on_epoch_end,
        )
        vars(monitor).update(self._resumed)
        if settings.solver == "lbfgs":
            return minimize_lbfgs(
                lambda theta: self.full_objective(theta, data, cores),
                self._theta,
                monitor,
                max_iter=settings.max_iter,
                max_fun=settings.max_fun,
                tol=settings.tol,
                progress=self.progress,
            )
        return self._descend(data, cores, monitor, settings.max_iter - (self.progress.epoch - self.n_before))

    def one_pass(self, data: Data, cores: Cores, on_batch_end: Callable[[float, float], None] | None = None) -> str:
        """One epoch, after which the last weights are kept, not the best; arguments and result as of `run`."""
        self._monitor.on_batch_end = on_batch_end
        return self._descend(data, cores, self._monitor, 1)

    def _descend(self, data: Data, cores: Cores, monitor: Monitor, n_epochs: int) -> str:
        settings = self.settings
        assert self._optimizer is not None  # only L-BFGS has none
        return minimize_stochastic(
            lambda theta, pieces: self.objective(theta, pieces, cores),
            self._theta,
            lambda: self.epoch_batches(data),
            self._optimizer,
            settings.schedule,
            monitor,
            n_epochs=n_epochs,
            progress=self.progress,
            clip_norm=settings.clip_norm,
            clip_value=settings.clip_value,
            averaged=self._averaged,
        )
