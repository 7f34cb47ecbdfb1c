"""The parameters of RNNTextGenerator: their types, and what values are allowed. Their meaning: see there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from numbers import Integral, Real
from typing import Literal

import numpy as np

from .._sklearn import Interval, RegisteredNames, StrOptions
from ..core._optimizers import OPTIMIZERS
from ..estimators._hyperparameters import Hyperparameters

# Parameters that mean what they mean in RNNSequenceClassifier.
_OF_THE_NETWORK = (
    "hidden_layer_sizes cell bptt_steps batch_size dropout init init_scale solver learning_rate learning_rate_init "
    "learning_rate_decay clip_norm clip_value alpha max_iter early_stopping n_iter_no_change tol verbose random_state"
).split()


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

    _parameter_constraints: dict = {
        **{name: Hyperparameters._parameter_constraints[name] for name in _OF_THE_NETWORK},
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
