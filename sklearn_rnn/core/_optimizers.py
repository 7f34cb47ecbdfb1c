"""Optimizers and learning-rate schedules: how the weights move, given their gradient.

Nothing here knows of networks: theta and its gradient g are one flat vector each. The optimizers are ordered from
simple to complex. A new one is one class in this file and one line in the registry at its end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

# How much late weights count in their mean: see `average_in`.
AVERAGE_POWER = 8


def norm_of(g: np.ndarray) -> float:
    """The length of a vector, also where its squares overflow; not finite where an entry is not."""
    squared = float(g @ g)
    if isfinite(squared):
        return sqrt(squared)
    largest = float(np.abs(g).max())
    if not isfinite(largest):
        return largest
    shorter = g / largest
    return largest * sqrt(float(shorter @ shorter))


def clip(g: np.ndarray, norm: float | None, value: float | None, length: float | None = None) -> bool:
    """Cut every entry to [-value, value], then shorten the whole vector to `norm`, in place.

    Returns whether anything was cut; `length` is that of g, if it is known.
    """
    length = norm_of(g) if length is None else length
    clipped = False
    if value is not None and length > value and np.abs(g).max() > value:
        np.clip(g, -value, value, out=g)
        length, clipped = norm_of(g), True
    if norm is not None and length > norm:
        if length > np.sqrt(np.finfo(g.dtype).max):  # then norm / length would be 0, or nearly
            g /= np.abs(g).max()
            length = norm_of(g)
        g *= norm / length
        clipped = True
    return clipped


def average_in(averaged: np.ndarray, theta: np.ndarray, t: int) -> None:
    """Take the weights after update t = 1, 2, ... into their mean over all updates so far, in place.

    With p = 8 they weigh as some s**p in a mean over s = 1, ..., t (polynomial decay; Shamir & Zhang, 2013), so that it
    is mostly of the last tenth of the updates, however many there are.
    """
    averaged += (theta - averaged) * ((AVERAGE_POWER + 1) / (AVERAGE_POWER + t))


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


class Optimizer(ABC):
    """A rule that moves theta against the gradient. Its whole memory is `state`: a few arrays, saved and restored."""

    #: names of the vectors that the rule keeps, all of theta's shape, zero at the start
    slots: tuple[str, ...] = ()
    #: parameters of the estimators that the rule takes, as keywords of its own
    options: tuple[str, ...] = ()

    def __init__(self, theta: np.ndarray):
        self.state = {name: np.zeros_like(theta) for name in self.slots}

    @abstractmethod
    def step(self, theta: np.ndarray, g: np.ndarray, rate: float, t: int) -> None:
        """Update theta in place; t = 1, 2, ... counts the updates."""


class SGD(Optimizer):
    """Gradient descent with momentum (Polyak, 1964), optionally in Nesterov's form (Sutskever et al., 2013)."""

    slots = ("velocity",)
    options = ("momentum", "nesterovs_momentum")

    def __init__(self, theta, momentum=0.9, nesterovs_momentum=True):
        super().__init__(theta)
        self.momentum, self.nesterov = momentum, nesterovs_momentum

    def step(self, theta, g, rate, t):
        v = self.state["velocity"]
        v *= self.momentum
        v -= rate * g
        theta += self.momentum * v - rate * g if self.nesterov else v


class AdaGrad(Optimizer):
    """Each coordinate's rate shrinks with the sum of its squared gradients (Duchi et al., 2011)."""

    slots = ("sum_of_squares",)
    options = ("epsilon",)

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
    options = ("epsilon",)
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
    options = ("beta_1", "beta_2", "epsilon")

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


def optimizer_options(name: str) -> tuple[str, ...]:
    """The parameters that an optimizer takes; none for what is no optimizer here, such as "lbfgs"."""
    return OPTIMIZERS[name].options if name in OPTIMIZERS else ()


def make_optimizer(name: str, theta: np.ndarray, parameters: Mapping[str, object]) -> Optimizer:
    """The optimizer of this name, with those of the parameters that it takes."""
    rule = OPTIMIZERS[name]
    return rule(theta, **{option: parameters[option] for option in rule.options})
