"""WindowModel: forecasts from normalised windows, numbers in and numbers out. What RNNForecaster stands on.

Notation: N series, T time steps, m values at each (a multivariate series has several), W steps of a window, s steps of
a season, h steps that are forecast at once, k exogenous columns. Series of different lengths stand in one array
Z (N, T, m), NaN after their end. t is the origin of a forecast: the last step that is known.

Whatever the normalisation, a window is read, and what follows it is predicted, as

    F_t[i]  = (D[t-W+i] - C_t) / K_t            i = 1 ... W
    Z[t+j]  = C_t + S_t[j] + K_t * P_t[j]       j = 1 ... h

where C_t is a level, K_t a scale, S_t a seasonal pattern and D the series without it, all of them from the series up to
t. P is what the model learns, standardised: a ridge regression on F and the exogenous columns (the linear path), plus a
network on what that leaves, times a weight.

    normalize     C_t                 K_t              S_t
    None          0                   1                0
    "last"        Z[t]                1                0
    "mean"        mean of the window  its deviation    0
    "smoothing"   exponential smoothing of level and season, K_t = 1

Smoothing: with the seasonal U[t] of step t (of additive Holt-Winters, without its trend, which the model learns),

    C_t  = a (Z[t] - U[t-s]) + (1 - a) C_{t-1}
    U[t] = g (Z[t] - C_t) + (1 - g) U[t-s]
    D[t] = Z[t] - U[t],   S_t[j] = the newest U of the same phase as t+j

It starts, as usual, from the mean pattern of the first two seasons around a line, along which the level is moved while
they last. So windows inside the first two seasons know a little of what follows; to leave them out was measured, and is
worse on short series.

This is the hybrid of Smyl, S. (2020), A hybrid method of exponential smoothing and recurrent neural networks for time
series forecasting, International Journal of Forecasting 36, 75-85. There a and g are learnt with the network; here one
pair is chosen by the leave-one-out error of the ridge regression.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from itertools import product
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import RidgeCV
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.utils import get_tags

from ..estimators._base import BaseRNN
from ..estimators._learning import without_word_of_max_iter

ALPHAS = np.logspace(-3, 3, 13)
SMOOTHING = tuple(product((0.1, 0.2, 0.4, 0.7), (0.1, 0.3, 0.5)))  # pairs (a, g) to choose from
MOST_STEPS_TO_CHOOSE_BY = 5000


def holds_recurrent_net(estimator: object) -> bool:
    """Is this one of our estimators, or a pipeline or meta-estimator around one?"""
    if isinstance(estimator, BaseRNN):
        return True
    parameters = estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ()
    return any(isinstance(value, BaseRNN) for value in parameters)


def steps_needed(window: int, season_length: int, normalize: str | None, difference: int) -> int:
    """Values of a series that a forecast takes."""
    return difference + max(window, season_length if normalize == "smoothing" else 1)


@dataclass
class Origins:
    """All that a forecast needs to know, at n origins."""

    D: np.ndarray  # (n, W, m) the window, without season
    level: np.ndarray  # (n, m)    C_t
    season: np.ndarray  # (n, s, m) the pattern, from step t+1 on
    before: np.ndarray  # (n, d, m) the last values before differencing
    exog: np.ndarray  # (n, W, k) exogenous columns in the window, known ones first

    def take(self, index) -> Origins:
        return Origins(*(getattr(self, field.name)[index] for field in fields(self)))

    def put(self, index, other: Origins) -> None:
        for field in fields(self):
            getattr(self, field.name)[index] = getattr(other, field.name)


class WindowModel:
    """A regressor over normalised windows, with a linear path beside it.

    Parameters
    ----------
    regressor : scikit-learn regressor
    window, n_steps : int
        W and h.
    normalize : {"last", "mean", "smoothing"} or None
    season_length : int
    difference : int
        Lag of the differences that are taken first; 0 for none.
    linear_path, as_3d : bool
    n_members : int
        Regressors that differ in their random_state; their mean is the forecast.
    seed : int or None
        What their random_state is drawn from; None leaves it as it is.
    n_known : int
        Exogenous columns whose future is known; they stand first.
    """

    def __init__(
        self,
        regressor,
        window,
        n_steps,
        normalize,
        season_length,
        difference,
        linear_path,
        as_3d,
        n_members,
        seed,
        n_known,
    ):
        self.regressor = regressor
        self.window = window
        self.n_steps = n_steps
        self.normalize = normalize
        self.n_phases = season_length if normalize == "smoothing" else 1  # of the seasonal pattern
        self.difference = difference
        self.linear_path = linear_path
        self.as_3d = as_3d
        self.n_members = n_members
        self.seed = seed
        self.n_known = n_known
        self.n_needed = steps_needed(window, season_length, normalize, difference)
        self.smoothing = None  # (a, g), once chosen

    # -- normalisation ----------------------------------------------------------------------------------------------

    def _starting_pattern(self, Z: np.ndarray, n_start: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Level (N, m), slope a step (N, m) and seasonal (N, s, m), from the first two seasons, or the first."""
        s = self.n_phases
        pattern, slope = Z[:, :s].copy(), np.zeros((len(Z), Z.shape[2]))
        two = n_start >= 3 * s
        if s > 1 and two.any():
            first, second = Z[two, :s], Z[two, s : 2 * s]
            slope[two] = (second.mean(axis=1) - first.mean(axis=1)) / s
            line = slope[two][:, None] * np.arange(2 * s)[:, None]
            pattern[two] = (first - line[:, :s] + second - line[:, s:]) / 2
        level = pattern.mean(axis=1)
        return level, slope, pattern - level[:, None]

    def _smooth(self, Z: np.ndarray, n_start: np.ndarray, a, g) -> tuple[np.ndarray, np.ndarray]:
        """C (N, T, m) and U (N, s + T, m), the first s of U being the starting pattern; a and g broadcast to (N, m)."""
        s, (N, T, m) = self.n_phases, Z.shape
        level, slope, pattern = self._starting_pattern(Z, n_start)
        level = level - slope  # of the step before the first
        C, U = np.empty((N, T, m)), np.zeros((N, s + T, m))
        if s > 1:
            U[:, :s] = pattern
        for t in range(T):
            drift = slope if t < 2 * s else 0.0
            level = a * (Z[:, t] - U[:, t]) + (1 - a) * (level + drift)
            C[:, t] = level
            if s > 1:
                U[:, s + t] = g * (Z[:, t] - level) + (1 - g) * U[:, t]
        return C, U

    def _level_and_season(self, Z, n_start) -> tuple[np.ndarray, np.ndarray]:
        if self.normalize == "smoothing":
            return self._smooth(Z, n_start, *self.smoothing)
        return Z, np.zeros((len(Z), 1 + Z.shape[1], Z.shape[2]))

    def _centre_and_scale(self, origins: Origins) -> tuple[np.ndarray, np.ndarray]:
        """C_t and K_t, (n, 1, m)."""
        if self.normalize == "mean":
            # not below a tenth of the usual one: what follows on a flat window is not flat
            scale = np.maximum(origins.D.std(axis=1, keepdims=True), self._least_scale)
            return origins.D.mean(axis=1, keepdims=True), scale
        level = origins.level[:, None]
        return (np.zeros_like(level) if self.normalize is None else level), np.ones_like(level)

    def _difference(self, Z: np.ndarray) -> np.ndarray:
        d = self.difference
        return Z[:, d:] - Z[:, :-d] if d else Z

    def origins(self, Z, n_start, E, where, level_and_season=None) -> Origins:
        """What forecasts need that start after step t of series i, for all (i, t) = where.

        Parameters
        ----------
        Z : ndarray of shape (N, T, m)
        n_start : ndarray of shape (N,)
            Steps of each series that the starting pattern may be taken from.
        E : ndarray of shape (N, at least T, k)
        where : tuple of two ndarrays of shape (n_origins,)
        """
        i, t = where
        s, d, W = self.n_phases, self.difference, self.window
        differenced = self._difference(Z)
        C, U = level_and_season or self._level_and_season(differenced, n_start - d)
        D = differenced - U[:, s:]
        last = t - d
        return Origins(
            D=sliding_window_view(D, W, axis=1)[i, last - W + 1].swapaxes(1, 2),
            level=C[i, last],
            season=sliding_window_view(U, s, axis=1)[i, last + 1].swapaxes(1, 2),
            before=sliding_window_view(Z, d, axis=1)[i, t - d + 1].swapaxes(1, 2)
            if d
            else np.empty((len(i), 0, Z.shape[2])),
            exog=sliding_window_view(E, W, axis=1)[i, t - W + 1].swapaxes(1, 2),
        )

    def _path(self, origins: Origins) -> np.ndarray:
        """C_t + S_t[j], (n, h, m)."""
        centre, _ = self._centre_and_scale(origins)
        return centre + origins.season[:, np.arange(self.n_steps) % self.n_phases]

    def advance(self, origins: Origins, Z_new: np.ndarray, E_new: np.ndarray) -> Origins:
        """The origins after more steps are known: Z_new (n, steps, m), E_new (n, steps, k)."""
        before = np.concatenate([origins.before, Z_new], axis=1)
        d, steps = self.difference, Z_new.shape[1]
        differenced = self._difference(before) if d else Z_new
        level, season, D = origins.level, origins.season, [origins.D]
        for j in range(steps):
            z = differenced[:, j]
            if self.normalize == "smoothing":
                a, g = self.smoothing
                level = a * (z - season[:, 0]) + (1 - a) * level
                newest = g * (z - level) + (1 - g) * season[:, 0] if self.n_phases > 1 else np.zeros_like(z)
                season = np.concatenate([season[:, 1:], newest[:, None]], axis=1)
            else:
                level, newest = z, 0.0
            D.append((z - newest)[:, None])
        return Origins(
            D=np.concatenate(D, axis=1)[:, -self.window :],
            level=level,
            season=season,
            before=before[:, before.shape[1] - d :],
            exog=np.concatenate([origins.exog, E_new], axis=1)[:, -self.window :],
        )

    # -- fitting ----------------------------------------------------------------------------------------------------

    def all_origins(self, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All (i, t) with enough steps before them and h steps after them, oldest first."""
        first = self.n_needed - 1
        counts = np.maximum(n - self.n_steps - first, 0)
        i = np.repeat(np.arange(len(n)), counts)
        t = first + np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts)
        order = np.argsort(t, kind="stable")
        return i[order], t[order]

    def _targets(self, Z, where, origins: Origins) -> np.ndarray:
        """P (n, h, m): what follows each origin, normalised."""
        i, t = where
        following = sliding_window_view(self._difference(Z), self.n_steps, axis=1)[i, t - self.difference + 1].swapaxes(
            1, 2
        )
        _, scale = self._centre_and_scale(origins)
        return (following - self._path(origins)) / scale

    def _features(self, origins: Origins, future: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the linear path sees, (n, columns), and what the regressor sees.

        future : ndarray of shape (n, h, n_known)
            Exogenous columns that are known of the steps to be forecast.
        """
        centre, scale = self._centre_and_scale(origins)
        F = (origins.D - centre) / scale / self._F_scale
        n = len(F)
        flat = np.concatenate([part.reshape(n, -1) for part in (F, origins.exog, future)], axis=1)
        if not self.as_3d:
            return flat, flat
        past = np.concatenate([F, origins.exog], axis=2)
        if not self.n_known:
            return flat, past
        # The steps to come follow on the window: no value is known of them, and a last column says so.
        n_past_only = origins.exog.shape[2] - self.n_known
        h, m = self.n_steps, F.shape[2]
        ahead = np.concatenate([np.zeros((n, h, m)), future, np.zeros((n, h, n_past_only)), np.ones((n, h, 1))], axis=2)
        return flat, np.concatenate([np.concatenate([past, np.zeros((n, self.window, 1))], axis=2), ahead], axis=1)

    def _future(self, E: np.ndarray, where) -> np.ndarray:
        i, t = where
        return sliding_window_view(E[..., : self.n_known], self.n_steps, axis=1)[i, t + 1].swapaxes(1, 2)

    def _scale(self, Z, where, origins: Origins) -> np.ndarray:
        """Find the scales of F and P, and return P with them, (n, h * m)."""
        deviation = origins.D.std(axis=1).mean(axis=0)
        self._least_scale = np.where(deviation > 0, 0.1 * deviation, 1.0)
        centre, scale = self._centre_and_scale(origins)
        self._F_scale = _positive(((origins.D - centre) / scale).std(axis=(0, 1)))
        P = self._targets(Z, where, origins)
        self._P_mean = P.mean(axis=0)
        self._P_scale = _positive((P - self._P_mean).std(axis=(0, 1)))
        return ((P - self._P_mean) / self._P_scale).reshape(len(P), -1)

    def _choose_smoothing(self, Z: np.ndarray, n: np.ndarray) -> tuple[float, float]:
        """The pair with the least leave-one-out error of a ridge regression on F, over the newest steps."""
        n_kept = max(MOST_STEPS_TO_CHOOSE_BY // len(Z), self.n_needed + 2 * self.n_steps + 2 * self.n_phases)
        Z = padded([series[max(0, end - n_kept) : end] for series, end in zip(Z, n)])
        n = np.minimum(n, n_kept)
        differenced = self._difference(Z)
        copies = np.tile(differenced, (len(SMOOTHING), 1, 1))  # all pairs in one pass over time
        a, g = np.repeat(np.array(SMOOTHING), len(Z), axis=0).T[:, :, None]
        C, U = self._smooth(copies, np.tile(n - self.difference, len(SMOOTHING)), a, g)
        where = self.all_origins(n)
        nothing = np.empty((*Z.shape[:2], 0))
        errors = {}
        for k, pair in enumerate(SMOOTHING):
            part = slice(k * len(Z), (k + 1) * len(Z))
            origins = self.origins(Z, n, nothing, where, (C[part], U[part]))
            Y = self._scale(Z, where, origins)
            centre, _ = self._centre_and_scale(origins)
            F = ((origins.D - centre) / self._F_scale).reshape(len(Y), -1)
            errors[pair] = -RidgeCV(ALPHAS).fit(F, Y).best_score_ * np.mean(self._P_scale**2)
        return min(errors, key=lambda pair: errors[pair])

    def fit(self, Z: np.ndarray, n: np.ndarray, E: np.ndarray, dtype) -> Self:
        """Fit to all windows of the series that have n_steps after them.

        Parameters
        ----------
        Z, E : as in `origins`
        n : ndarray of shape (N,)
            Steps of each series.
        dtype : of what the regressor is given
        """
        if self.normalize == "smoothing":
            self.smoothing = self._choose_smoothing(Z, n)
        where = self.all_origins(n)
        origins = self.origins(Z, n, E, where)
        self.n_windows = len(where[0])
        Y = self._scale(Z, where, origins)
        flat, X = self._features(origins, self._future(E, where))
        self.linear = None
        if self.linear_path:
            self.linear = RidgeCV(ALPHAS).fit(flat, Y)
            Y = Y - self.linear.predict(flat).reshape(Y.shape)
        # What is left may be small, and regressors expect targets of about unit variance.
        self._rest_scale = _positive(Y.std())
        Y = Y / self._rest_scale
        X, Y = X.astype(dtype), Y.astype(dtype)
        if Y.shape[1] == 1 and not isinstance(self.regressor, (MultiOutputRegressor, RegressorChain)):
            Y = Y[:, 0]
        elif not holds_recurrent_net(self.regressor) and not get_tags(self.regressor).target_tags.multi_output:
            self.regressor = MultiOutputRegressor(self.regressor)
        self.members = [clone(self.regressor) for _ in range(self.n_members)]
        if self.seed is not None:
            rng = np.random.RandomState(self.seed)
            for member in self.members:
                _set_random_state(member, rng)
        self._dtype = X.dtype.name
        # To stop after max_iter epochs, long before convergence, keeps a net on few windows from overfitting.
        for member in self.members:
            try:
                without_word_of_max_iter(partial(member.fit, X, Y))
            except ValueError as error:
                if self.as_3d and "dim 3" in str(error):
                    raise ValueError(
                        f"The regressor, or a part of it, refuses 3-D windows of shape {X.shape}: {error} Set "
                        "window_format='2d', or wrap scalers in a TimestepTransformer."
                    ) from error
                raise
        return self

    # -- using ------------------------------------------------------------------------------------------------------

    def _next_steps(self, origins: Origins, future: np.ndarray, network_weight: float) -> np.ndarray:
        """Z of the next h steps, (n, h, m)."""
        n, _, m = origins.D.shape
        flat, X = self._features(origins, future)
        X = X.astype(self._dtype)
        P = np.zeros((n, self.n_steps, m))
        for member in self.members if network_weight else ():
            predicted = np.asarray(member.predict(X))
            if predicted.size != P.size:
                raise ValueError(
                    f"The regressor predicted an array of shape {predicted.shape} for {n} windows, expected "
                    f"({n}, {self.n_steps * m}): a value for each of {self.n_steps} step(s) and {m} series. Use one "
                    "that predicts as many values as it is fitted on (no tuple of quantiles, no other mapping)."
                )
            P += predicted.reshape(P.shape)
        P /= len(self.members)
        P *= self._rest_scale
        if self.linear is not None:
            P = network_weight * P + self.linear.predict(flat).reshape(P.shape)
        _, scale = self._centre_and_scale(origins)
        Z = self._path(origins) + scale * (P * self._P_scale + self._P_mean)
        if self.difference:
            known = np.concatenate([origins.before, Z], axis=1)
            for j in range(self.n_steps):
                known[:, self.difference + j] += known[:, j]
            Z = known[:, self.difference :]
        return Z

    def forecast(self, origins: Origins, n_steps: int, future: np.ndarray, network_weight: float = 1.0) -> np.ndarray:
        """Forecast block by block; from the second on, forecasts stand for values.

        Parameters
        ----------
        origins : Origins
        n_steps : int
        future : ndarray of shape (n, n_steps rounded up to whole blocks, n_known)
        network_weight : float
            How much of the regressor's forecast is added to the linear path.

        Returns
        -------
        ndarray of shape (n, n_steps, m)
        """
        blocks = []
        h = self.n_steps
        for start in range(0, n_steps, h):
            ahead = future[:, start : start + h]
            blocks.append(self._next_steps(origins, ahead, network_weight))
            if start + h < n_steps:
                origins = self.advance(origins, blocks[-1], ahead)
        return np.concatenate(blocks, axis=1)[:, :n_steps]


def padded(parts: list) -> np.ndarray:
    """Arrays (T_i, k) as one (N, T, k), NaN after their end."""
    out = np.full((len(parts), max(len(part) for part in parts), parts[0].shape[1]), np.nan)
    for row, part in zip(out, parts):
        row[: len(part)] = part
    return out


def _positive(scale: np.ndarray) -> np.ndarray:
    """A scale to divide by: 1 where all values are equal."""
    return np.where(scale > 1e-12, scale, 1.0)


def _set_random_state(estimator: BaseEstimator, rng: np.random.RandomState) -> None:
    """Draw every random_state of an estimator anew, as scikit-learn's ensembles do."""
    names = [name for name in sorted(estimator.get_params(deep=True)) if name.split("__")[-1] == "random_state"]
    estimator.set_params(**{name: rng.randint(np.iinfo(np.int32).max) for name in names})
