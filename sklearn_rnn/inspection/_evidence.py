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
    share : float or None
        What share of a constant's loss on these data the network does away with; None without data.
    constant : str
        That constant, in words.
    of_constant : float or None
        Its loss on these data, on the scale of `loss_curve_`; None where it is not known.
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
    share: float | None = None
    constant: str = ""
    of_constant: float | None = None
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
        return self.cell == "indrnn" or (self.cell == "rnn" and getattr(self.net, "activation_", "tanh") == "relu")

    @property
    def usual_loss(self) -> float | None:
        """What the loss of a constant is on the data, or else would be on targets of unit variance or equal shares."""
        if self.of_constant is not None:
            return self.of_constant
        if self.is_text:
            return float(np.log(len(self.net.vocabulary_)))
        if is_classifier(self.net):
            return float(np.log(max(2, len(self.net.classes_))))
        return 0.5 if self.net.loss == "squared_error" else None

    @property
    def width(self) -> int:
        """Units of the narrowest layer."""
        sizes = self.net.hidden_layer_sizes if self.is_text else self.net.hidden_layer_sizes_
        return int(np.min(sizes))

    @property
    def rate(self) -> float:
        """The learning rate, also where it was left open."""
        return choose_rate(self.net.learning_rate_init, self.cell)

    def try_rate(self, how: str) -> str:
        """Another learning rate, in words; L-BFGS, which has none, can be left for a solver that has."""
        if self.net.solver == "lbfgs":
            return "solver='adam' (now 'lbfgs')"
        return f"{how} learning_rate_init (now {self.rate:g})"

    def try_init(self) -> str:
        """Where the network starts from weights that let states and gradients grow: another start, in words."""
        net = self.net
        # the largest eigenvalue of a random matrix is about init_scale * sqrt(units) (Girko's circular law)
        if net.init != "normal" or net.init_scale * np.sqrt(self.width) <= 1:
            return ""
        return f"init='orthogonal' (now 'normal', with init_scale={net.init_scale:g}), or "

    def try_clip(self) -> str:
        """A shorter gradient, in words, where it may be long."""
        limit = self.net.clip_norm
        return "" if limit is not None and limit <= 1 else f"clip_norm=1.0 (now {limit}), or "
