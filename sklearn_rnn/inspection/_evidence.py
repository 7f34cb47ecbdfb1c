"""What a diagnosis goes by, Evidence, and what it comes to, Findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_regressor

from ..estimators._choices import choose_rate


class Finding(NamedTuple):
    """Something conspicuous.

    Attributes
    ----------
    name : str
        What it is called.
    severity : {"problem", "note"}
        Whether something is wrong, or worth knowing.
    seen : str
        What was seen, in numbers.
    advice : str
        What to try first.
    """

    name: str
    severity: str
    seen: str
    advice: str


@dataclass
class Evidence:
    """What is known of a trained network.

    Attributes
    ----------
    net : RNNRegressor, RNNSequenceClassifier or RNNTextGenerator
    X, y : some samples as the network takes them, or None
    states : list of ndarray
        States of each layer, (steps, units), all valid steps of all samples; empty without X.
    gradients : list of ndarray
        For each sample the norms of dL/dh_t at its valid steps, of the lowest layer, L the loss of its target, or of
        the last one where there is one at every step; empty without X and y.
    in_forecaster : bool
        Whether it is the network of an RNNForecaster, which is meant to end at max_iter.
    numbers : dict
        What was looked at.
    found : set of str
        Names of the findings so far: what follows from them need not be told again.
    """

    net: Any
    X: Any = None
    y: Any = None
    states: list[np.ndarray] = field(default_factory=list)
    gradients: list[np.ndarray] = field(default_factory=list)
    in_forecaster: bool = False
    numbers: dict[str, float] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)

    def curve(self, name: str) -> np.ndarray:
        """A fitted curve; empty where there is none."""
        values = getattr(self.net, name, None)
        return np.asarray([] if values is None else values, float)

    @property
    def is_text(self) -> bool:
        """Whether it is a language model."""
        return not is_classifier(self.net) and not is_regressor(self.net)

    @property
    def cell(self) -> str:
        """The cell, also where it was left open."""
        return self.net.cell if self.is_text else self.net.cell_

    @property
    def is_relu(self) -> bool:
        """Whether states are what relu lets through."""
        return self.cell == "indrnn" or (self.cell == "rnn" and getattr(self.net, "activation", "tanh") == "relu")

    @property
    def rate(self) -> float:
        """The learning rate, also where it was left open."""
        return choose_rate(self.net.learning_rate_init, self.cell)

    def try_rate(self, how: str) -> str:
        """Another learning rate, in words; L-BFGS, which has none, can be left for a solver that has."""
        if self.net.solver == "lbfgs":
            return "solver='adam' (now 'lbfgs')"
        return f"{how} learning_rate_init (now {self.rate:g})"
