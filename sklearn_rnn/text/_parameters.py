"""The parameters of RNNTextGenerator: types, allowed values, and how to train by them. Their meaning: see there."""

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
