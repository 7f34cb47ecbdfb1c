"""Solvers: optimizers, learning-rate schedules, the training loop, and L-BFGS through scipy.

Nothing here knows of networks. A problem is a function

    objective(theta, batch) -> (value, gradient)

with theta one flat vector, and a way to get an epoch's batches, each with a `count` that says how much it weighs in
the epoch's mean. The file is ordered from simple to complex.
"""

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning


class Optimizer(ABC):
    """A rule that moves theta against the gradient. Its whole memory is `state`: a few arrays, saved and restored."""

    #: names of the vectors that the rule keeps, all of theta's shape, zero at the start
    slots: tuple[str, ...] = ()

    def __init__(self, theta: np.ndarray):
        self.state = {name: np.zeros_like(theta) for name in self.slots}

    @abstractmethod
    def step(self, theta: np.ndarray, g: np.ndarray, rate: float, t: int) -> None:
        """Update theta in place; t = 1, 2, ... counts the updates."""


class SGD(Optimizer):
    """Gradient descent with momentum (Polyak, 1964), optionally in Nesterov's form (Sutskever et al., 2013)."""

    slots = ("velocity",)

    def __init__(self, theta, momentum=0.9, nesterov=True):
        super().__init__(theta)
        self.momentum, self.nesterov = momentum, nesterov

    def step(self, theta, g, rate, t):
        v = self.state["velocity"]
        v *= self.momentum
        v -= rate * g
        theta += self.momentum * v - rate * g if self.nesterov else v


class AdaGrad(Optimizer):
    """Each coordinate's rate shrinks with the sum of its squared gradients (Duchi et al., 2011)."""

    slots = ("sum_of_squares",)

    def __init__(self, theta, epsilon=1e-8):
        super().__init__(theta)
        self.epsilon = epsilon

    def step(self, theta, g, rate, t):
        s = self.state["sum_of_squares"]
        s += g * g
        theta -= rate * g / (np.sqrt(s) + self.epsilon)


class RMSProp(Optimizer):
    """AdaGrad with a forgetting mean of squares, decay 0.9 (Hinton's lecture 6e, 2012)."""

    slots = ("mean_of_squares",)
    decay = 0.9

    def __init__(self, theta, epsilon=1e-8):
        super().__init__(theta)
        self.epsilon = epsilon

    def step(self, theta, g, rate, t):
        s = self.state["mean_of_squares"]
        s *= self.decay
        s += (1 - self.decay) * (g * g)
        theta -= rate * g / (np.sqrt(s) + self.epsilon)


class Adam(Optimizer):
    """Running means of the gradient and its square, both corrected for their start at zero (Kingma & Ba, 2015)."""

    slots = ("m", "v")

    def __init__(self, theta, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        super().__init__(theta)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def step(self, theta, g, rate, t):
        m, v = self.state["m"], self.state["v"]
        m += (1 - self.beta_1) * (g - m)
        v += (1 - self.beta_2) * (g * g - v)
        step = np.sqrt(v)
        step *= 1 / np.sqrt(1 - self.beta_2**t)
        step += self.epsilon
        np.divide(m, step, step)
        step *= rate / (1 - self.beta_1**t)
        theta -= step


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adagrad": AdaGrad, "rmsprop": RMSProp, "adam": Adam}


@dataclass
class Schedule:
    """The learning rate of the next update.

    ============ ==================================================================================
    constant     learning_rate_init
    invscaling   learning_rate_init / t**power_t, t = 1, 2, ... counting updates
    inverse_time learning_rate_init / (1 + learning_rate_decay * epoch), epoch = 0, 1, ...
    adaptive     learning_rate_init, divided by 5 each time training stops getting better
    cosine       half a cosine from learning_rate_init to 0 over max_iter epochs, then again
                 (Loshchilov & Hutter, 2017)
    ============ ==================================================================================
    """

    kind: str
    initial: float
    power_t: float = 0.5
    decay: float = 0.0
    max_iter: int = 200

    def rate(self, epoch: int, t: int, cuts: int) -> float:
        """Rate in this epoch (from 0) at update t (from 1) after `cuts` divisions by 5."""
        if self.kind == "invscaling":
            return self.initial / t**self.power_t
        if self.kind == "inverse_time":
            return self.initial / (1 + self.decay * epoch)
        if self.kind == "adaptive":
            return self.initial / 5.0**cuts
        if self.kind == "cosine":
            return self.initial * 0.5 * (1 + np.cos(np.pi * (epoch % self.max_iter) / self.max_iter))
        return self.initial


@dataclass
class Progress:
    """Where training stands: with theta, the optimizer's state and the random generator, all that a resumed fit needs.

    Attributes
    ----------
    epoch, t, cuts : int
        Epochs and updates done; how often an adaptive rate was divided by 5.
    curve : list of float
        Training objective of each epoch.
    """

    epoch: int = 0
    t: int = 0
    cuts: int = 0
    curve: list[float] = field(default_factory=list)


def clip(g: np.ndarray, norm: float | None, value: float | None) -> None:
    """Cut every entry to [-value, value], then shorten the whole vector to `norm`, in place."""
    if value is not None:
        np.clip(g, -value, value, out=g)
    if norm is not None:
        length = np.sqrt(g @ g)
        if not np.isfinite(length):  # the squares overflowed
            g /= np.abs(g).max()
            g *= norm / np.sqrt(g @ g)
        elif length > norm:
            g *= norm / length


class Stop(Exception):
    """Raised inside training to end it early; the message says why."""


class Monitor:
    """Watches the epochs: decides when to stop, and keeps the weights of the best one, which are those that come back.

    The last ones may be worse by far: where gradients have become small, adaptive rates are large, and a recurrent net
    now and then jumps out of its minimum and needs a few epochs to return.

    Parameters
    ----------
    tol, n_iter_no_change
        Stop when the watched value has not improved by more than tol for n_iter_no_change epochs in a row.
    watch_validation : bool
        Watch what `validate` returns instead of the training objective.
    validate : callable or None
        validate(theta) -> value to be minimised, called after every epoch.
    on_epoch : callable or None
        on_epoch(theta, progress) -> True to stop.
    """

    def __init__(self, *, tol, n_iter_no_change, watch_validation=False, validate=None, on_epoch=None):
        self.tol, self.patience = tol, n_iter_no_change
        self.watch_validation, self.validate, self.on_epoch = watch_validation, validate, on_epoch
        self.best = np.inf
        self.best_theta: np.ndarray | None = None
        self.without_gain = 0

    def epoch_ends(self, start: np.ndarray, theta: np.ndarray, progress: Progress) -> None:
        """Record the epoch that led from `start` to theta; raise Stop if it should be the last."""
        # The objective of an epoch is measured on the way from its first weights on, a validation value on its last.
        watched, measured_on = progress.curve[-1], start
        if self.validate is not None:
            value = self.validate(theta)
            if self.watch_validation:
                watched, measured_on = value, theta.copy()
        # the comparisons are False, so no gain, for a value that is not a number
        self.without_gain = 0 if watched < self.best - self.tol else self.without_gain + 1
        if watched < self.best:
            self.best, self.best_theta = watched, measured_on
        if self.on_epoch is not None and self.on_epoch(theta, progress):
            raise Stop("a callback asked for it")

    def choose(self, theta: np.ndarray, progress: Progress, diverged: bool = False) -> np.ndarray:
        """The weights to come back with, given the last ones."""
        if self.best_theta is None:
            return theta
        # Nothing was measured on the last weights yet; where the last epoch was the best they are the best guess.
        last_was_best = not self.watch_validation and progress.curve and progress.curve[-1] == self.best
        return theta if last_was_best and not diverged else self.best_theta

    @property
    def is_stuck(self) -> bool:
        return self.without_gain > self.patience


class NotFinite(ArithmeticError):
    """A loss or gradient is NaN or infinite."""


def _checked(objective, theta, batch):
    value, g = objective(theta, batch)
    # where g @ g is finite every entry is: one product instead of a mask, nearly always
    if not (np.isfinite(value) and (np.isfinite(g @ g) or np.isfinite(g).all())):
        raise NotFinite
    return value, g


def minimize_stochastic(
    objective: Callable[[np.ndarray, object], tuple[float, np.ndarray]],
    theta: np.ndarray,
    epoch_batches: Callable[[], Iterable],
    optimizer: Optimizer,
    schedule: Schedule,
    monitor: Monitor | None = None,
    *,
    n_epochs: int,
    progress: Progress,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> tuple[np.ndarray, str]:
    """Mini-batch training.

    Parameters
    ----------
    objective : callable
    theta : ndarray
        Start; changed in place.
    epoch_batches : callable
        Returns an iterable over the batches of one epoch; each has a `count`.
    progress : Progress
        Goes on from where it stands, and is updated.
    monitor : Monitor or None
        None: run `n_epochs` and come back with the last weights.

    Returns
    -------
    theta : ndarray
    reason : {"stopped", "max_iter", "interrupted", "diverged"}
    """
    reason, start = "max_iter", theta.copy()
    try:
        for _ in range(n_epochs):
            start = theta.copy()
            total, count = 0.0, 0
            for batch in epoch_batches():
                value, g = _checked(objective, theta, batch)
                clip(g, clip_norm, clip_value)
                rate = schedule.rate(progress.epoch, progress.t + 1, progress.cuts)
                progress.t += 1
                optimizer.step(theta, g, rate, progress.t)
                total += value * batch.count
                count += batch.count
            progress.epoch += 1
            progress.curve.append(total / count)
            if monitor is None:
                continue
            monitor.epoch_ends(start, theta, progress)
            if monitor.is_stuck:
                if schedule.kind != "adaptive" or schedule.rate(0, 0, progress.cuts) <= 1e-6:
                    raise Stop("no more progress")
                progress.cuts += 1
                monitor.without_gain = 0
    except Stop:
        reason = "stopped"
    except NotFinite:
        # without a whole epoch behind us; with one, the monitor chooses the first weights of the best
        reason, theta = "diverged", start
    except KeyboardInterrupt:
        reason = "interrupted"
    return (theta if monitor is None else monitor.choose(theta, progress, reason == "diverged")), reason


def minimize_lbfgs(
    objective: Callable[[np.ndarray, object], tuple[float, np.ndarray]],
    theta: np.ndarray,
    batch: object,
    monitor: Monitor,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    progress: Progress,
) -> tuple[np.ndarray, str]:
    """Full-batch L-BFGS (Liu & Nocedal, 1989) through scipy.optimize. Arguments and result as in `minimize_stochastic`.

    scipy works in float64; theta's own dtype is used for the objective.
    """
    dtype = theta.dtype
    seen = {"theta": theta.copy(), "value": np.inf}

    def fun(x):
        try:
            value, g = _checked(objective, x.astype(dtype), batch)
        except NotFinite:
            # A line search that steps too far comes back from a large value; after an infinite one scipy gives up,
            # and calls that convergence.
            known = seen["value"] if np.isfinite(seen["value"]) else 0.0
            return 1e3 * (abs(known) + 1), np.zeros_like(x)
        if value < seen["value"]:
            seen.update(theta=x.astype(dtype), value=value)
        return value, g.astype(np.float64)

    def callback(intermediate_result):
        progress.epoch += 1
        progress.t += 1
        progress.curve.append(float(intermediate_result.fun))
        try:
            x = intermediate_result.x.astype(dtype)
            monitor.epoch_ends(x, x, progress)
            # scipy has its own test for the training objective
            if monitor.watch_validation and monitor.is_stuck:
                raise Stop("no more progress")
        except Stop:
            raise StopIteration from None

    reason = "stopped"
    try:
        result = minimize(
            fun,
            theta.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=callback,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
        if np.isfinite(seen["value"]):
            theta = result.x.astype(dtype)
            # status 1: iterations or evaluations used up
            reason = "max_iter" if result.status == 1 else "stopped"
        else:
            reason = "diverged"  # nowhere finite, not even at the start
        if not progress.curve:
            # at an optimum from the start: no iteration ran, but there is a loss
            progress.epoch = 1
            progress.curve.append(seen["value"])
    except KeyboardInterrupt:
        theta, reason = seen["theta"], "interrupted"
    return monitor.choose(theta, progress), reason


def outside() -> int:
    """The `stacklevel` that makes a caller's warning point at the first line outside this package and sklearn."""
    frame, level = sys._getframe(1), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("sklearn_rnn", "sklearn"):
        frame, level = frame.f_back, level + 1
    return level


@contextmanager
def max_iter_is_no_warning():
    """Leave out what `warn_of` says of max_iter, where it was meant to end training."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*max_iter=\d+ .*reached", category=ConvergenceWarning)
        yield


def warn_of(reason: str, estimator: str, epoch: int, max_iter: int, whole_epochs: bool = True) -> None:
    """One warning that says how training ended, where it did not simply converge.

    `whole_epochs` tells whether weights are kept an epoch at a time, or as they are when training ends.
    """
    if reason == "max_iter":
        warnings.warn(
            f"{estimator}: max_iter={max_iter} (or max_fun) reached and the optimization has not converged yet. "
            "Increase max_iter, or scale the data.",
            ConvergenceWarning,
            stacklevel=outside(),
        )
    elif reason == "interrupted":
        got = "the starting weights are kept" if whole_epochs and not epoch else "the model is fitted as far as it got"
        warnings.warn(
            f"Training interrupted by the user after {epoch} epochs; {got}.", UserWarning, stacklevel=outside()
        )
    elif reason == "diverged":
        warnings.warn(
            f"The loss or its gradient was not finite in epoch {epoch + 1}; training stopped and the best weights "
            "before it are kept. Try a smaller learning_rate_init, clip_norm=1.0, or scaling X and y.",
            ConvergenceWarning,
            stacklevel=outside(),
        )
