"""Combination: several ways to forecast the same series, and how much each of them counts.

Notation: K candidates, N series, m values at each step. Candidate k forecasts Z^_k, and the forecast is

    Z^  = sum_k w_k Z^_k          w_k = r_k^-p / sum_l r_l^-p, but 0 where r_k > WORST min_l r_l

for each series and column by itself, where r_k is the mean absolute (with `nonnegative`, squared) error of candidate k
on origins that were held back, relative to the median of all candidates there. Errors of few origins say little: with n
origins of a series, N_n of all together, and n_0 = ENOUGH,

    log r_k <- (n log r_k + n_0 log R_k) / (n + n_0)               towards those of the panel,
    log R_k  = sum over all origins of log r_k / (N_n + n_0)       and these towards equal weights.

To combine forecasts is better than to choose among them, and equal weights are hard to beat where little is known of
their errors (Bates and Granger, 1969; Timmermann, 2006; the M4 competition, Makridakis et al., 2020). p and WORST
were measured.

The candidates: those of `_own_smoothing.py`, which know one series alone; and window models (`_window_model.py`), which
know all. These are "linear", the linear path of the preparation that the parameters of the forecaster come to;
"network", the same with the network's correction; and linear paths of other preparations: "short window" of four steps;
"no season", relative to the last value; "differences", of which the next is forecast from the last, and so on in turn
(an autoregression), with a short window too where there is no season; and "seasonal differences" likewise.

References: Bates, J. M. and Granger, C. W. J. (1969), The combination of forecasts, Operational Research Quarterly 20,
451-468. Timmermann, A. (2006), Forecast combinations, Handbook of Economic Forecasting 1, 135-196. Makridakis, S.,
Spiliotis, E. and Assimakopoulos, V. (2020), The M4 competition, International Journal of Forecasting 36, 54-74.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ._origins import Exog
from ._own_smoothing import OwnSmoothing
from ._window_model import WindowModel

# p and n_0, of tests/benchmarks/forecast_candidates.py; and the least that a relative error counts for.
POWER, ENOUGH, WORST, LEAST = 3.0, 10.0, 1.6, 1e-6
# What stands for a forecast that overflows: it counts for nothing.
HUGE = 1e100


@dataclass
class State:
    """All that the ways need to know at n origins: of each its own (`Origins`, or `OwnState`)."""

    parts: list[Any]

    def take(self, index) -> State:
        """Some of the origins."""
        return State([part.take(index) for part in self.parts])

    def with_put(self, index, other: State) -> State:
        """Copies, in which others stand at some places."""
        return State([part.with_put(index, of_other) for part, of_other in zip(self.parts, other.parts)])

    def joined(self, other: State) -> State:
        """These, and others after them."""
        return State([part.joined(of_other) for part, of_other in zip(self.parts, other.parts)])


class Combination:
    """Several ways to forecast the same series.

    Parameters
    ----------
    main : WindowModel
        The preparation with the regressor.
    others : dict of str to WindowModel
        Preparations of which the linear path is used alone.
    own : OwnSmoothing or None
    """

    def __init__(
        self, main: WindowModel, others: dict[str, WindowModel] | None = None, own: OwnSmoothing | None = None
    ):
        self.main = main
        self.others = others or {}
        self.own = own

    @property
    def names(self) -> list[str]:
        """Of the candidates, in the order of `forecasts`."""
        of_main = ["linear", "network"] if self.main.linear_path else ["regressor"]
        return [*of_main, *self.others, *(self.own.names if self.own else [])]

    @property
    def _windowed(self) -> list[WindowModel]:
        return [self.main, *self.others.values()]

    def fit(
        self, Z: np.ndarray, n: np.ndarray, E: Exog, times: np.ndarray, dtype, *, without_regressor: bool = False
    ) -> Self:
        """Fit each of them; parameters as of WindowModel.fit."""
        self.main.fit(Z, n, E, times, dtype, without_regressor=without_regressor)
        for other in self.others.values():
            other.fit(Z, n, E, times, dtype, without_regressor=True)
        if self.own:
            self.own.fit(Z, n)
        return self

    def of(self, Z: np.ndarray, n: np.ndarray) -> Self:
        """For other series."""
        other = copy.copy(self)
        other.own = self.own and self.own.of(Z, n)
        return other

    def origins(self, Z, n_start, E, where, times=None) -> State:
        """What forecasts need that start after step t of series i, for all (i, t) = where."""
        parts: list[Any] = [model.origins(Z, n_start, E, where, times) for model in self._windowed]
        return State([*parts, *([self.own.origins(Z, n_start, where)] if self.own else [])])

    def advance(self, state: State, Z_new: np.ndarray, E_new: Exog) -> State:
        """The state after more steps are known: Z_new (n, steps, m), NaN where a value is missing."""
        parts = [model.advance(part, Z_new, E_new) for model, part in zip(self._windowed, state.parts)]
        return State([*parts, *([self.own.advance(state.parts[-1], Z_new)] if self.own else [])])

    def forecasts(self, state: State, n_steps: int, future: np.ndarray) -> np.ndarray:
        """Those of the candidates, (K, n, n_steps, m); future as in WindowModel.forecast.

        Of a main model without its regressor, "network" is the same as "linear".
        """
        of_main = [0.0, 1.0] if self.main.linear_path else [1.0]
        found = [self.main.forecast(state.parts[0], n_steps, future, weight) for weight in of_main]
        for other, part in zip(self.others.values(), state.parts[1:]):
            found.append(other.forecast(part, n_steps, future, 0.0))
        if self.own:
            found.extend(self.own.forecasts(state.parts[-1], n_steps))
        return np.nan_to_num(np.stack(found), nan=HUGE, posinf=HUGE, neginf=-HUGE)


def combined(weights: np.ndarray, forecasts: np.ndarray) -> np.ndarray:
    """Sum over the candidates of weights (n, K, m) times forecasts (K, n, steps, m)."""
    return np.einsum("nkm,knsm->nsm", weights, forecasts)


def weights_of_errors(
    errors: np.ndarray, series: np.ndarray, n_series: int, panel: np.ndarray | None = None, *, squared: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """How much each candidate counts, w (N, K, m), and log R (K,).

    Parameters
    ----------
    errors : ndarray of shape (K, n, ahead, m)
        Absolute errors at n origins; NaN where a value is missing.
    series : ndarray of shape (n,)
        Of which series each origin is.
    panel : ndarray of shape (K,), default=None
        log R, if it is known; None: that of these series.
    squared : bool
        Go by the mean squared error, which the mean of what comes makes least, in place of the mean absolute error,
        which its median does: 0, of demand that is mostly 0.
    """
    mean, counts = mean_errors(errors**2 if squared else errors, series, n_series)
    usual = np.median(mean, axis=1, keepdims=True)
    usual = np.where(usual > 0, usual, mean.max(axis=1, keepdims=True))  # most are perfect
    relative = np.log(np.where(usual > 0, np.maximum(mean / np.where(usual > 0, usual, 1.0), LEAST), 1.0))
    if panel is None:
        panel = (relative * counts[:, None]).sum(axis=(0, 2)) / (counts.sum() + ENOUGH)
    drawn = (counts[:, None] * relative + ENOUGH * panel[:, None]) / (counts[:, None] + ENOUGH)
    behind = drawn - drawn.min(axis=1, keepdims=True)
    weights = np.where(behind <= np.log(WORST), np.exp(-POWER * behind), 0.0)
    return weights / weights.sum(axis=1, keepdims=True), panel


def mean_errors(errors: np.ndarray, series: np.ndarray, n_series: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute error of each candidate (N, K, m), and at how many origins it was known (N, m)."""
    known = ~np.isnan(errors[0])  # the same for all
    total = np.zeros((n_series, len(errors), errors.shape[3]))
    np.add.at(total, series, np.nansum(errors, axis=2).swapaxes(0, 1))
    n_values, n_origins = np.zeros((2, n_series, errors.shape[3]))
    np.add.at(n_values, series, known.sum(axis=1))
    np.add.at(n_origins, series, known.any(axis=1))
    return total / np.maximum(n_values, 1)[:, None], n_origins


def network_share(linear: np.ndarray, network: np.ndarray, true: np.ndarray) -> float:
    """How much of a network's correction served best, between 0 and 1: a regression through the origin, as forecasts
    within the first block are linear in it."""
    correction = network - linear
    gain = np.nansum((true - linear) * correction)
    known = np.where(np.isnan(true), np.nan, correction)
    return float(np.clip(gain / max(np.nansum(known**2), 1e-300), 0, 1))


def weights_of_share(share: float, n_series: int, m: int, n_candidates: int) -> np.ndarray:
    """The weights (N, K, m) of a linear path and a network beside it, or of a regressor alone."""
    of_each = [1 - share, share] if n_candidates == 2 else [1.0]
    return np.tile(np.array(of_each)[:, None], (n_series, 1, m))
