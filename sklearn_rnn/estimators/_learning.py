"""Around a training: what the user is told, and what is kept when the user interrupts it."""

from __future__ import annotations

import contextvars
import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning

from .._warnings import warn
from ..core._cores import Cores, insist
from ..core._losses import Loss
from ..core._training import Training
from ..sequences._checks import a_or_an
from ..sequences._dataset import Dataset
from ._choices import LONG_TO_CLASSIFY, chosen

T = TypeVar("T")


def learn(estimator: Any, work: Callable[[Cores], str], keep: Callable[[], None]) -> str:
    """Do the work on all cores, and keep what it came to, also where the user interrupts it; returns why it ended.

    `stopped_by_` of the estimator tells the same.
    """
    try:
        reason = Cores().use(work)
    except KeyboardInterrupt:
        reason = "interrupted"
    try:
        insist(keep)
    except KeyboardInterrupt:
        reason = "interrupted"
    estimator.stopped_by_ = "converged" if reason == "stopped" else reason
    return reason


def refuse_if_nothing_was_learnt(estimator: BaseEstimator, reason: str, is_worse_than_before: bool) -> None:
    """An interrupt in the first epoch of a new fit must not cost what an earlier one had learnt."""
    if reason == "interrupted" and is_worse_than_before:
        raise KeyboardInterrupt(
            f"The training of this {type(estimator).__name__} was interrupted in its first epoch. The model is the one "
            "that was fitted before."
        )


def what_to_try(estimator: Any, training: Training, data: Dataset) -> str | None:
    """For a net that has learnt nothing of its own training data, what is usual for such data and is not so here.

    None where it has, by more than a hundredth of what a constant leaves unexplained, or where nobody wants to know.
    """
    if _max_iter_is_meant.get():
        return None
    some = np.sort(np.random.default_rng(0).permutation(len(data))[:500])  # drawn: order may have a pattern
    sample = data.take(some)
    Y = sample.Y[sample.rows].T
    weights = None if sample.weights is None else sample.weights[sample.rows]
    if not Cores().use(lambda cores: training.unexplained(sample, Y, weights, cores)) > 0.99:
        return None
    as_given = data.sequences.in_patches(1)
    steps = as_given.usual_length
    tries = _of_scale(estimator, as_given.steps(sample.index[:100], np.dtype(np.float64)), Y, training.network.loss)
    open_to_all = copy.copy(estimator)
    open_to_all.cell = open_to_all.pooling = open_to_all.patch_size = open_to_all.bidirectional = "auto"
    open_to_all.bptt_steps = None
    # what a regression leaves out by default, since the last steps say most, is worth trying where they did not
    usual = chosen(open_to_all, steps, one_output=is_classifier(estimator) or steps > LONG_TO_CLASSIFY)
    if estimator.bptt_steps is not None and estimator.bptt_steps * estimator.patch_size_ < steps:
        tries.append(f"bptt_steps=None (now {estimator.bptt_steps})")
    for name in ("patch_size", "cell", "pooling", "bidirectional"):
        now = getattr(estimator, name + "_")
        if usual[name] not in (now, None):
            tries.append(f"{name}={usual[name]!r} (now {now!r})")
    if estimator.n_iter_ < 50:
        tries.append(f"more epochs (n_iter_={estimator.n_iter_}; see max_iter and n_iter_no_change)")
    if estimator.solver != "lbfgs":
        tries.append(f"another learning_rate_init (now {training.settings.schedule.initial:g})")
    return (
        f"For sequences of some {steps} steps with {data.sequences.n_features} feature(s), try "
        f"{', '.join(tries) or 'another cell'}. Or X says nothing about y."
    )


def _of_scale(estimator: Any, steps: tuple[np.ndarray, np.ndarray | None], Y: np.ndarray, loss: Loss) -> list[str]:
    """What to try where X, given as what `Sequences.steps` returns, or Y (k, rows) is far from unit variance."""
    X, lengths = steps
    there = np.ones(X[:, 0].shape, bool) if lengths is None else np.arange(len(X))[:, None] < lengths
    tries, rows = [], X.transpose(0, 2, 1)[there]
    with np.errstate(all="ignore"):
        mean, spread = np.abs(rows.mean(axis=0)), rows.std(axis=0)
        mean, spread = mean[spread > 0], spread[spread > 0]
        if (spread > 10).any() or (mean > 3 * spread).any() or (spread < 0.1).all():
            tries.append("TimestepTransformer(StandardScaler()) before it: X is not of unit variance")
        if not is_classifier(estimator) and not loss.positive_only:
            mean, spread = np.abs(Y.mean(axis=1)), Y.std(axis=1)
            if (spread > 10).any() or (mean > 3 * spread).any() or (spread < 0.1).any():
                tries.append("TransformedTargetRegressor(..., transformer=StandardScaler()): y is not of unit variance")
    if estimator.alpha > 0.01:
        tries.append(f"a smaller alpha (now {estimator.alpha:g})")
    return tries


def tell(
    reason: str,
    estimator: BaseEstimator,
    n_epochs: int,
    solver: str,
    whole_epochs: bool = True,
    nothing_learnt: str | None = None,
) -> None:
    """Say how training ended, where it did not simply converge.

    After all is kept: where warnings are errors, what was trained is still there. An interrupt goes on, so that what
    called for the training, a search or a backtest, ends too. `whole_epochs` tells whether weights are kept an epoch
    at a time, or as they are when training ends.
    """
    name = type(estimator).__name__
    if nothing_learnt and reason in ("stopped", "max_iter"):
        of = "the shares of the classes" if is_classifier(estimator) else "a constant"
        warn(f"{name} has learnt no more than {of}, on its own training data. {nothing_learnt}", ConvergenceWarning)
    elif reason == "max_iter" and not _max_iter_is_meant.get():
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
            f"The training of {a_or_an(name)} was interrupted. It keeps what it has learnt, {of}, and can be used (if "
            "it is not the clone that a search or a forecaster was fitting)."
        )


_max_iter_is_meant = contextvars.ContextVar("max_iter_is_meant", default=False)


def without_word_of_max_iter(work: Callable[[], T]) -> T:
    """work(), in which `tell` says nothing of max_iter: it is meant to end training there."""

    def in_context():
        _max_iter_is_meant.set(True)
        return work()

    return contextvars.copy_context().run(in_context)
