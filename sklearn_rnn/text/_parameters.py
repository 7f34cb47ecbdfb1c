"""The parameters of RNNTextGenerator: types, allowed values, and how to train by them. What a text is: see there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from datetime import timedelta
from numbers import Integral, Real
from os import PathLike
from typing import Literal

import numpy as np

from .._sklearn import Interval, RegisteredNames, StrOptions
from ..core._cells import CELLS
from ..core._optimizers import OPTIMIZERS, Schedule
from ..core._training import Settings
from ..estimators._hyperparameters import Hyperparameters

# Parameters that mean what they mean in RNNSequenceClassifier.
_OF_THE_NETWORK = (
    "hidden_layer_sizes cell bptt_steps batch_size dropout init init_scale solver learning_rate learning_rate_init "
    "learning_rate_decay clip_norm clip_value alpha max_iter early_stopping n_iter_no_change tol verbose random_state "
    "checkpoint checkpoint_every"
).split()

# What is no parameter here, but of RNNSequenceClassifier.
_OPTIMIZER_DEFAULTS = {"momentum": 0.9, "nesterovs_momentum": True, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}


class TextParameters:
    """Base of RNNTextGenerator. Attributes that `__init__` sets, for readers and type checkers."""

    hidden_layer_sizes: int | Sequence[int]
    analyzer: Literal["char", "word"] | Callable[[str], list[str]]
    vocabulary: Iterable[str] | None
    handle_unknown: Literal["error", "ignore"]
    cell: str
    embedding_size: int | None
    bptt_steps: int
    batch_size: int
    dropout: float
    averaging: bool
    init: str
    init_scale: float
    solver: str
    learning_rate: str
    learning_rate_init: float
    learning_rate_decay: float
    clip_norm: float | None
    clip_value: float | None
    alpha: float
    max_iter: int
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    verbose: bool | int
    random_state: int | np.random.RandomState | None
    checkpoint: str | PathLike | None
    checkpoint_every: int | str | timedelta

    _parameter_constraints: dict = {
        **{name: Hyperparameters._parameter_constraints[name] for name in _OF_THE_NETWORK},
        # here there are no data of which a shape could say what "auto" comes to
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "cell": [RegisteredNames(CELLS)],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "solver": [RegisteredNames(OPTIMIZERS)],
        "analyzer": [StrOptions({"char", "word"}), callable],
        "vocabulary": ["array-like", Set, None],
        "handle_unknown": [StrOptions({"error", "ignore"})],
        "embedding_size": [Interval(Integral, 1, None, closed="left"), None],
        "bptt_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "averaging": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    }

    def _settings(self, n_streams: int, learning_rate: str) -> Settings:
        """The parameters that say how to train."""
        all_passes = not self.early_stopping and self.learning_rate != "adaptive"
        return Settings(
            solver=self.solver,
            schedule=Schedule(
                learning_rate, self.learning_rate_init, decay=self.learning_rate_decay, max_iter=self.max_iter
            ),
            optimizer=_OPTIMIZER_DEFAULTS,
            alpha=self.alpha,
            batch_size=n_streams,
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.max_iter + 1 if all_passes else self.n_iter_no_change,
            watch_validation=self.early_stopping,
            averaging=self.averaging,
            clip_norm=self.clip_norm,
            clip_value=self.clip_value,
            bptt_steps=self.bptt_steps,
        )


TRAINING_PARAMETERS = """\
    dropout : float in [0, 1), default=0.0
        Share of values dropped between layers and before the readout while training (inverted dropout).

    averaging : bool, default=False
        Whether what is validated and kept is not the weights themselves but their mean over the updates so far, in
        which the last tenth of them weighs most.

    init : {"orthogonal", "uniform", "normal"}, default="orthogonal"
        How weights start, as in RNNSequenceClassifier: recurrent matrices orthogonal and others Glorot uniform;
        everything within 1/sqrt(width); or everything N(0, init_scale^2).

    init_scale : float, default=0.1
        Standard deviation of init="normal".

    solver : {"adam", "sgd", "adagrad", "rmsprop"}, default="adam"
        How weights are updated, after each stretch of `bptt_steps` tokens.

    learning_rate : {"constant", "invscaling", "inverse_time", "adaptive", "cosine"}, default="cosine"
        Schedule, as in RNNSequenceClassifier; "invscaling" is learning_rate_init / sqrt(t) at update t = 1, 2, ....
        "cosine" goes down to 0 over `max_iter` passes; in `partial_fit`, which knows of no end, it is "constant".

    learning_rate_init : float, default=0.004
        Initial learning rate.

    learning_rate_decay : float, default=0.01
        Decay a pass of learning_rate="inverse_time".

    clip_norm : float or None, default=5.0
        Longest gradient allowed; a longer one is shortened. None is no limit.

    clip_value : float or None, default=None
        Largest entry of the gradient allowed; applied before `clip_norm`.

    alpha : float, default=0.0
        L2 penalty: alpha/2 times the squared norm of the weight matrices (not of biases) is added to the mean loss.

    max_iter : int, default=10
        Passes over the text of one `fit`. All are made, but with early_stopping or learning_rate="adaptive". In any
        case the weights of the best pass are kept: by the training loss, or with early_stopping by that on the held-out
        part.

    early_stopping : bool, default=False
        Watch the loss on the held-out part instead of the training loss, and stop when it gains no more.

    validation_fraction : float in [0, 1), default=0.1
        Last part of the text that is held out, to record `validation_loss_curve_` or to stop early by. Its tokens are
        in the vocabulary, too.

    n_iter_no_change : int, default=3
        Passes without gain to wait for, with early_stopping or learning_rate="adaptive".

    tol : float, default=0.0
        Least fall of the watched loss that counts as a gain, in nats a token.

    verbose : bool or int, default=False
        1 prints one line a pass: its loss, the validation loss, the learning rate, the norm of the gradient and how
        many seconds are left at most. 2 also prints every update.

    random_state : int, RandomState instance or None, default=None
        Draws the starting weights and the dropout. With an int, two fits on the same machine are identical to the last
        bit.

    checkpoint : str or path, default=None
        Folder in which `fit` leaves its state while it trains, to go on from there if it is killed; as in
        RNNSequenceClassifier.

    checkpoint_every : int, str or timedelta, default="1min"
        Passes, such as 10, or time, such as "30s", from one checkpoint to the next. It is written between two passes.
"""
