"""The loops that minimise: mini-batches with any optimizer, and L-BFGS through scipy.

Nothing here knows of networks. A problem is a function

    objective(theta, batch) -> (value, gradient)

with theta one flat vector, and a way to get the batches of an epoch. Both loops change theta in place, so that an
exception, a KeyboardInterrupt first of all, leaves it where they got; `Monitor.choose` then says which weights to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize

from ._optimizers import Optimizer, Schedule, average_in, clip, norm_of

Objective = Callable[[np.ndarray, Any], tuple[float, np.ndarray]]


@dataclass
class Progress:
    """Where training stands: with theta, the optimizer's state and the random generator, all that a resumed fit needs.

    Attributes
    ----------
    t, cuts : int
        Updates done; how often an adaptive rate was divided by 5.
    curve : list of float
        Training objective of each epoch.
    norms, clipped : list of float
        Of each epoch, the mean norm that the gradient had before it was clipped, and the share of the updates in which
        it was.
    rate : float or None
        Learning rate of the last update; L-BFGS has none.
    """

    t: int = 0
    cuts: int = 0
    curve: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    clipped: list[float] = field(default_factory=list)
    rate: float | None = None

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.curve)


class Stop(Exception):
    """Raised inside training to end it early."""


class NotFinite(ArithmeticError):
    """A loss or gradient is NaN or infinite."""


class Monitor:
    """Watches the epochs: decides when to stop, and keeps the weights of the best one, which are to be kept.

    The last ones may be worse by far: where gradients have become small, adaptive rates are large, and a recurrent net
    now and then jumps out of its minimum and needs a few epochs to return.

    Parameters
    ----------
    tol, n_iter_no_change
        Stop when the watched value has not improved by more than tol for more than n_iter_no_change epochs in a row.
    watch_validation : bool
        Watch what `validate` returns instead of the training objective.
    validate : callable or None
        validate(theta) -> value to be minimised, called after every epoch. An epoch counts once it has returned.
    on_epoch_begin : callable or None
        on_epoch_begin(), before the first batch is cut.
    on_batch_end : callable or None
        on_batch_end(value, norm), with the objective of a mini-batch and the norm of its gradient.
    on_epoch_end : callable or None
        on_epoch_end(theta) -> True to stop.
    """

    def __init__(
        self,
        *,
        tol: float,
        n_iter_no_change: float,
        watch_validation: bool = False,
        validate: Callable[[np.ndarray], float] | None = None,
        on_epoch_begin: Callable[[], None] | None = None,
        on_batch_end: Callable[[float, float], None] | None = None,
        on_epoch_end: Callable[[np.ndarray], bool] | None = None,
    ):
        self.tol, self.patience = tol, n_iter_no_change
        self.watch_validation, self.validate = watch_validation, validate
        self.on_epoch_begin, self.on_batch_end, self.on_epoch_end = on_epoch_begin, on_batch_end, on_epoch_end
        self.best = np.inf
        self.best_theta: np.ndarray | None = None
        self.without_gain = 0
        self.start: np.ndarray | None = None
        self.diverged = False

    def epoch_begins(self, theta: np.ndarray) -> None:
        """Remember where the epoch starts from."""
        if self.on_epoch_begin is not None:
            self.on_epoch_begin()
        self.start = theta.copy()

    def epoch_ends(
        self, theta: np.ndarray, loss: float, progress: Progress, norm: float = np.nan, clipped: float = 0.0
    ) -> None:
        """Record the epoch that led from its start to theta; raise Stop if it should be the last."""
        # The objective of an epoch is measured on the way from its first weights on, a validation value on its last.
        watched, measured_on = loss, self.start
        if self.validate is not None:
            value = self.validate(theta)
            if self.watch_validation:
                watched, measured_on = value, theta.copy()
        progress.norms.append(norm)
        progress.clipped.append(clipped)
        progress.curve.append(loss)
        # the comparisons are False, so no gain, for a value that is not a number
        self.without_gain = 0 if watched < self.best - self.tol else self.without_gain + 1
        if watched < self.best:
            self.best, self.best_theta = watched, measured_on
        if self.on_epoch_end is not None and self.on_epoch_end(theta):
            raise Stop

    def diverges(self, theta: np.ndarray) -> None:
        """Go back to where the epoch that came to no finite value started."""
        self.diverged = True
        theta[...] = self.start

    def choose(self, theta: np.ndarray, progress: Progress) -> np.ndarray:
        """The weights to come back with, given the last ones."""
        if self.best_theta is None:
            return theta
        # Nothing was measured on the last weights yet; where the last epoch was the best they are the best guess.
        last_was_best = not self.watch_validation and bool(progress.curve) and progress.curve[-1] == self.best
        return theta if last_was_best and not self.diverged else self.best_theta

    @property
    def is_stuck(self) -> bool:
        """Has there been no gain for too long?"""
        return self.without_gain > self.patience


def _checked(value: float, g: np.ndarray) -> tuple[float, np.ndarray, float]:
    """A value and its gradient, and the gradient's norm; NotFinite where one of them holds what is not finite."""
    norm = norm_of(g)
    # where the norm is finite every entry is: one product instead of a mask, nearly always
    if not (np.isfinite(value) and (np.isfinite(norm) or np.isfinite(g).all())):
        raise NotFinite
    return value, g, norm


def minimize_stochastic(
    objective: Objective,
    theta: np.ndarray,
    epoch_batches: Callable[[], Iterable[tuple[object, int]]],
    optimizer: Optimizer,
    schedule: Schedule,
    monitor: Monitor,
    *,
    n_epochs: int,
    progress: Progress,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    averaged: np.ndarray | None = None,
) -> str:
    """Mini-batch training.

    Parameters
    ----------
    objective : callable
    theta : ndarray
        Start; changed in place.
    epoch_batches : callable
        Returns an iterable over the batches of one epoch, each with the number of samples in it, which says how much
        it weighs in the epoch's mean.
    progress : Progress
        Goes on from where it stands, and is updated.
    averaged : ndarray, default=None
        Mean of theta over the updates (see `average_in`); changed in place. If given, it is what is validated and kept.

    Returns
    -------
    reason : {"stopped", "max_iter", "diverged"}
    """
    kept = theta if averaged is None else averaged
    try:
        for _ in range(n_epochs):
            monitor.epoch_begins(kept)
            total, count, first = 0.0, 0, progress.t
            norms, n_clipped = 0.0, 0
            for batch, n in epoch_batches():
                value, g, norm = _checked(*objective(theta, batch))
                clipped = clip(g, clip_norm, clip_value, norm)
                progress.rate = schedule.rate(progress.epoch, progress.t + 1, progress.cuts)
                progress.t += 1
                optimizer.step(theta, g, progress.rate, progress.t)
                if averaged is not None:
                    average_in(averaged, theta, progress.t)
                total += value * n
                count += n
                norms += norm
                n_clipped += clipped
                if monitor.on_batch_end is not None:
                    monitor.on_batch_end(value, norm)
            if not np.isfinite(kept).all():  # the last update overflowed, and no batch came after it to notice
                raise NotFinite
            updates = progress.t - first
            monitor.epoch_ends(kept, total / count, progress, norms / updates, n_clipped / updates)
            if monitor.is_stuck:
                if schedule.kind != "adaptive" or schedule.rate(0, 0, progress.cuts) <= 1e-6:
                    raise Stop
                progress.cuts += 1
                monitor.without_gain = 0
    except Stop:
        return "stopped"
    except NotFinite:
        monitor.diverges(kept)
        theta[...] = kept
        return "diverged"
    return "max_iter"


def minimize_lbfgs(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
    theta: np.ndarray,
    monitor: Monitor,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    progress: Progress,
) -> str:
    """L-BFGS (Liu & Nocedal, 1989) through scipy.optimize, for an objective over all data at once.

    Otherwise arguments and result are those of `minimize_stochastic`. scipy works in float64; theta's own dtype is used
    for the objective.
    """
    dtype = theta.dtype
    best = np.inf  # the least value that any evaluation came to
    norm = np.nan  # of the gradient at the last evaluation, which is where an iteration ends

    def fun(x):
        nonlocal best, norm
        try:
            value, g, of_g = _checked(*objective(x.astype(dtype)))
        except NotFinite:
            # A line search that steps too far comes back from a large value; after an infinite one scipy gives up,
            # and calls that convergence.
            return 1e3 * (abs(best if np.isfinite(best) else 0.0) + 1), np.zeros_like(x)
        best, norm = min(best, value), of_g
        return value, g.astype(np.float64)

    def callback(intermediate_result):
        theta[...] = intermediate_result.x
        progress.t += 1
        monitor.epoch_begins(theta)  # an iteration is measured where it ends
        try:
            monitor.epoch_ends(theta, float(intermediate_result.fun), progress, norm)
            # scipy has its own test for the training objective
            if monitor.watch_validation and monitor.is_stuck:
                raise Stop
        except Stop:
            raise StopIteration from None

    result = minimize(
        fun,
        theta.astype(np.float64),
        method="L-BFGS-B",
        jac=True,
        callback=callback,
        options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
    )
    if not progress.curve:
        # at an optimum from the start: no iteration ran, but there is a loss
        progress.norms.append(norm)
        progress.clipped.append(0.0)
        progress.curve.append(best)
    if not np.isfinite(best):
        return "diverged"  # nowhere finite, not even at the start
    theta[...] = result.x
    # status 1: iterations or evaluations used up
    return "max_iter" if result.status == 1 else "stopped"
