"""Around a training: what the user is told, and what is kept when the user interrupts it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from .._warnings import warn
from ..core._cores import Cores
from ..core._training import Training


def learn(work: Callable[[Cores], str], keep: Callable[[], None]) -> str:
    """Do the work on all cores, and keep what it came to, also where the user interrupts it; returns why it ended."""
    try:
        reason = Cores().use(work)
        keep()
    except KeyboardInterrupt:
        reason = "interrupted"
        keep()
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
    if reason == "max_iter":
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
            f"The training of this {name} was interrupted. It keeps what it has learnt, {of}, and can be used."
        )


@contextmanager
def max_iter_is_no_warning() -> Iterator[None]:
    """Leave out what `tell` says of max_iter, where it was meant to end training."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*max_iter=\d+ .*reached", category=ConvergenceWarning)
        yield


def print_epoch(training: Training) -> None:
    """What `verbose` says."""
    line = f"Epoch {training.progress.epoch}, loss = {training.progress.curve[-1]:.8f}"
    if training.validation:
        loss, score = training.validation[-1]
        line += f", validation loss = {loss:.8f}"
        if score is not None:
            line += f", validation score = {score:.6f}"
    print(line)
