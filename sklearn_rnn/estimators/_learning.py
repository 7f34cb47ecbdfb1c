"""Around a training: what the user is told, and what is kept when the user interrupts it."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import TypeVar

from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from .._warnings import warn
from ..core._cores import Cores, insist
from ..core._training import Training

T = TypeVar("T")


def learn(work: Callable[[Cores], str], keep: Callable[[], None]) -> str:
    """Do the work on all cores, and keep what it came to, also where the user interrupts it; returns why it ended."""
    try:
        reason = Cores().use(work)
    except KeyboardInterrupt:
        reason = "interrupted"
    try:
        insist(keep)
    except KeyboardInterrupt:
        reason = "interrupted"
    return reason


def refuse_if_nothing_was_learnt(estimator: BaseEstimator, reason: str, is_worse_than_before: bool) -> None:
    """An interrupt in the first epoch of a new fit must not cost what an earlier one had learnt."""
    if reason == "interrupted" and is_worse_than_before:
        raise KeyboardInterrupt(
            f"The training of this {type(estimator).__name__} was interrupted in its first epoch. The model is the one "
            "that was fitted before."
        )


def tell(reason: str, estimator: BaseEstimator, n_epochs: int, solver: str, whole_epochs: bool = True) -> None:
    """Say how training ended, where it did not simply converge.

    After all is kept: where warnings are errors, what was trained is still there. An interrupt goes on, so that what
    called for the training, a search or a backtest, ends too. `whole_epochs` tells whether weights are kept an epoch
    at a time, or as they are when training ends.
    """
    name = type(estimator).__name__
    if reason == "max_iter" and not _max_iter_is_meant.get():
        limit = f"max_iter={estimator.max_iter}" + (f" or max_fun={estimator.max_fun}" if solver == "lbfgs" else "")
        warn(
            f"{name}: {limit} reached and the optimization has not converged yet. Increase max_iter, or scale the "
            "data.",
            ConvergenceWarning,
        )
    elif reason == "diverged":
        warn(
            f"The loss or its gradient was not finite in epoch {n_epochs + 1}; training stopped and the best weights "
            "before it are kept. Try a smaller learning_rate_init, clip_norm=1.0, or scaling X and y.",
            ConvergenceWarning,
        )
    elif reason == "interrupted":
        of = f"the best of {n_epochs} epoch(s)" if whole_epochs and n_epochs else "as far as it got"
        raise KeyboardInterrupt(
            f"The training of a {name} was interrupted. It keeps what it has learnt, {of}, and can be used (if it is "
            "not the clone that a search or a forecaster was fitting)."
        )


_max_iter_is_meant = contextvars.ContextVar("max_iter_is_meant", default=False)


def without_word_of_max_iter(work: Callable[[], T]) -> T:
    """work(), in which `tell` says nothing of max_iter: it is meant to end training there."""

    def in_context():
        _max_iter_is_meant.set(True)
        return work()

    return contextvars.copy_context().run(in_context)


def print_epoch(training: Training) -> None:
    """What `verbose` says."""
    line = f"Epoch {training.progress.epoch}, loss = {training.progress.curve[-1]:.8f}"
    if training.validation:
        loss, score = training.validation[-1]
        line += f", validation loss = {loss:.8f}"
        if score is not None:
            line += f", validation score = {score:.6f}"
    print(line)
