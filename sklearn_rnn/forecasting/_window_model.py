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
    "smoothing"   exponential smoothing of level and seasons, K_t = 1

Smoothing (`_smoothing.py`): D[t] = Z[t] minus its seasonals, C_t the level, S_t[j] = the newest seasonals of the same
phases as t+j. Windows inside the first two seasons know a little of what follows, since the pattern to start from is
taken there; to leave them out was measured, and is worse on short series.

Z is NaN where a value is missing. A missing value is carried: by smoothing, as its own forecast; otherwise as the value
one season before, or d steps before in differences at lag d. What follows an origin and is missing teaches nothing.
The regressor is told where values of its window were carried, by a column of ones and zeros for each.

This is the hybrid of Smyl, S. (2020), A hybrid method of exponential smoothing and recurrent neural networks for time
series forecasting, International Journal of Forecasting 36, 75-85. There a and g are learnt with the network; here one
pair is chosen by the leave-one-out error of the ridge regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from .._sklearn import fit_as_part
from ..estimators._base import BaseRNN
from ..estimators._learning import without_word_of_max_iter
from ._linear_path import fit_linear_path
from ._origins import Exog, Origins, carried, mean_of_known, padded, windows
from ._outliers import without_far
from ._smoothing import Smoothed, advance, no_seasons, smooth

# What (a, g_1, g_2, ...) of smoothing are chosen from, and by how many steps and series at most.
LEVELS, SEASONALS, FURTHER_SEASONALS = (0.1, 0.2, 0.4, 0.7), (0.1, 0.3, 0.5), (0.1, 0.3)
MOST_STEPS_TO_CHOOSE_BY, MOST_SERIES_TO_CHOOSE_BY = 5000, 500
# Windows to learn from, at most; of more, as many are drawn.
MOST_WINDOWS = 20_000


def holds_recurrent_net(estimator: object) -> bool:
    """Is this one of our estimators, or a pipeline or meta-estimator around one?"""
    if isinstance(estimator, BaseRNN):
        return True
    parameters = estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ()
    return any(isinstance(value, BaseRNN) for value in parameters)


def steps_needed(window: int, season_length: int, normalize: str | None, difference: int) -> int:
    """Values of a series that a forecast takes."""
    return difference + max(window, season_length if normalize == "smoothing" else 1)


class WindowModel:
    """A regressor over normalised windows, with a linear path beside it.

    Parameters
    ----------
    regressor : scikit-learn regressor
    window, n_steps : int
        W and h.
    normalize : {"last", "mean", "smoothing"} or None
    seasons : sequence of int
        Steps of each season that smoothing follows; 1 for none.
    difference : int
        Lag of the differences that are taken first; 0 for none.
    linear_path, as_3d : bool
    n_members : int
        Regressors that differ in their random_state; their mean is the forecast.
    seed : int or None
        What their random_state is drawn from; None leaves it as it is.
    n_known : int
        Exogenous columns whose future is known; they stand first.
    static : ndarray of int
        Which of these do not change within a series: the linear path takes them once.
    most : float
        Values to learn that are farther off than so many times what is usual teach nothing.
    """

    # of models that were stored before values could be missing
    masked, usual, most = False, None, np.inf
    static = np.empty(0, int)

    def __init__(
        self,
        regressor,
        window,
        n_steps,
        normalize,
        seasons,
        difference,
        linear_path,
        as_3d,
        n_members,
        seed,
        n_known,
        static,
        most=np.inf,
    ):
        self.regressor = regressor
        self.window = window
        self.n_steps = n_steps
        self.normalize = normalize
        self.seasons: Sequence[int] = tuple(seasons) if normalize == "smoothing" else (1,)
        self.difference = difference
        # how far back the value lies that is carried to where one is missing
        self.lag = difference or (seasons[0] if seasons[0] <= window else 1)
        self.linear_path = linear_path
        self.as_3d = as_3d
        self.n_members = n_members
        self.seed = seed
        self.n_known = n_known
        self.static = static
        self.most = most
        self.n_needed = steps_needed(window, seasons[0], normalize, difference)
        self.smoothing = None  # (a, g_1, ...), once chosen

    def __setstate__(self, state: dict) -> None:
        if "n_phases" in state:  # stored before there could be more than one season
            state = state | {"seasons": (state["n_phases"],), "lag": state["difference"] or 1}
        vars(self).update(state)

    # -- normalisation ----------------------------------------------------------------------------------------------

    def _smoothed(self, Z: np.ndarray, n_start: np.ndarray, times: np.ndarray | None) -> Smoothed:
        """Level, seasonals and D of (differenced) values, the first of which are of `times` (N,), if known."""
        if self.normalize == "smoothing":
            a, *g = self.smoothing
            usual = None
            if self.usual is not None and times is not None:
                phases = [(times[:, None] + np.arange(s)) % s for s in self.seasons]
                usual = [pattern[phase] for pattern, phase in zip(self.usual, phases)]
            return smooth(Z, n_start, self.seasons, a, g, usual)
        return no_seasons(Z)

    def _usual_patterns(self, smoothed: Smoothed, n: np.ndarray, times: np.ndarray) -> list[np.ndarray] | None:
        """The median over series of the newest pattern of each season (s, m), from time 0 on; None for a single series,
        which need not be like others."""
        some = np.flatnonzero(n >= 3 * max(self.seasons))
        if len(some) < 2 or self.normalize != "smoothing":
            return None
        patterns = []
        for U, s in zip(smoothed.U, self.seasons):
            newest = windows(U, s, some, n[some])
            phase = (np.arange(s) - (times + n)[some, None]) % s  # where in it times 0, 1, ... stand
            patterns.append(np.median(np.take_along_axis(newest, phase[..., None], axis=1), axis=0))
        return patterns

    def _of_path(self) -> np.ndarray:
        """P = 0, which is C_t + S_t, in the units of the regressor (h * m,)."""
        return (-self._P_mean / self._P_scale).ravel()

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

    def _to_smooth(self, whole: np.ndarray, Z: np.ndarray) -> np.ndarray:
        """Differences of the complete values, missing still before a series begins."""
        D = self._difference(whole)
        if self.normalize != "smoothing" or not self.difference or whole is Z:
            return D
        begin = np.argmax(~np.isnan(Z), axis=1)[:, None]
        return np.where(np.arange(D.shape[1])[:, None] < begin, np.nan, D)

    def _carried(self, Z: np.ndarray) -> np.ndarray:
        """Z without gaps, unless smoothing is to carry them."""
        if (self.normalize == "smoothing" and not self.difference) or not np.isnan(Z).any():
            return Z
        return np.nan_to_num(carried(Z, self.lag))  # 0 for a series without a value

    def origins(self, Z, n_start, E, where, times=None, smoothed: Smoothed | None = None) -> Origins:
        """What forecasts need that start after step t of series i, for all (i, t) = where.

        Parameters
        ----------
        Z : ndarray of shape (N, T, m)
        n_start : ndarray of shape (N,)
            Steps of each series that the starting pattern may be taken from.
        E : Exog, of at least T steps
        where : tuple of two ndarrays of shape (n_origins,)
        times : ndarray of shape (N,)
            When each series begins; None if that is not known.
        smoothed : of the differenced values, if it is known already
        """
        i, t = where
        d, W = self.difference, self.window
        whole = self._carried(Z)
        if smoothed is None:
            smoothed = self._smoothed(self._to_smooth(whole, Z), n_start - d, None if times is None else times + d)
        last = t - d
        season = [windows(U, s, i, last + 1) for U, s in zip(smoothed.U, self.seasons)]
        missing = np.empty((len(i), W, 0))
        if self.masked:
            gaps = np.concatenate([np.isnan(Z), E.missing], axis=2).astype(np.float64)
            missing = windows(gaps, W, i, t - W + 1)
        return Origins(
            D=windows(smoothed.D, W, i, last - W + 1),
            level=smoothed.C[i, last],
            season=np.concatenate(season, axis=1),
            before=windows(whole, d, i, t - d + 1) if d else np.empty((len(i), 0, Z.shape[2])),
            exog=windows(E.values, W, i, t - W + 1),
            missing=missing,
        )

    def _patterns(self, origins: Origins) -> list[np.ndarray]:
        """The pattern of each season, (n, s, m), from the step after the origin on."""
        return np.split(origins.season, np.cumsum(self.seasons)[:-1], axis=1)

    def _path(self, origins: Origins) -> np.ndarray:
        """C_t + S_t[j], (n, h, m)."""
        path, _ = self._centre_and_scale(origins)
        for pattern in self._patterns(origins):
            path = path + pattern[:, np.arange(self.n_steps) % pattern.shape[1]]
        return path

    def advance(self, origins: Origins, Z_new: np.ndarray, E_new: Exog) -> Origins:
        """The origins after more steps are known: Z_new (n, steps, m), NaN where a value is missing."""
        d, W = self.difference, self.window
        before = np.concatenate([origins.before, Z_new], axis=1)
        level, patterns = origins.level, self._patterns(origins)
        if d:
            before = carried(before, self.lag)  # complete, since the values before are
        differenced = self._difference(before)
        if self.normalize == "smoothing":
            a, *g = self.smoothing
            level, patterns, D, _ = advance(level, patterns, differenced, a, g)
        else:
            D = carried(np.concatenate([origins.D, differenced], axis=1), self.lag)[:, W:]
            level = D[:, -1]
        missing = origins.missing
        if self.masked:
            gaps = np.concatenate([np.isnan(Z_new), E_new.missing], axis=2)
            missing = np.concatenate([origins.missing, gaps], axis=1)[:, -W:]
        return Origins(
            D=np.concatenate([origins.D, D], axis=1)[:, -W:],
            level=level,
            season=np.concatenate(patterns, axis=1),
            before=before[:, before.shape[1] - d :],
            exog=np.concatenate([origins.exog, E_new.values], axis=1)[:, -W:],
            missing=missing,
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
        """P (n, h, m): what follows each origin, normalised; NaN where it is missing."""
        i, t = where
        following = windows(self._difference(Z), self.n_steps, i, t - self.difference + 1)
        if self.masked:  # a column that has not begun yet has no window to learn from
            begun = t[:, None] >= np.argmax(~np.isnan(Z), axis=1)[i]
            following = np.where(begun[:, None], following, np.nan)
        _, scale = self._centre_and_scale(origins)
        return (following - self._path(origins)) / scale

    def _features(self, origins: Origins, future: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the linear path sees, (n, columns), and what the regressor sees.

        future : ndarray of shape (n, h, n_known)
            Exogenous columns that are known of the steps to be forecast.
        """
        centre, scale = self._centre_and_scale(origins)
        F = (origins.D - centre) / scale / self._F_scale
        n, k = len(F), origins.exog.shape[2]
        changing = np.setdiff1d(np.arange(k), self.static)
        parts = [F, origins.exog[..., changing], future[..., changing[changing < self.n_known]]]
        flat = np.concatenate([part.reshape(n, -1) for part in (*parts, origins.exog[:, -1:, self.static])], axis=1)
        if not self.as_3d:
            return flat, np.concatenate([flat, origins.missing.reshape(n, -1)], axis=1)
        past = np.concatenate([F, origins.exog, origins.missing], axis=2)
        if not self.n_known:
            return flat, past
        # The steps to come follow on the window: no value is known of them, and a last column says so.
        h, m = self.n_steps, F.shape[2]
        rest = np.zeros((n, h, past.shape[2] - m - self.n_known))
        ahead = np.concatenate([np.zeros((n, h, m)), future, rest, np.ones((n, h, 1))], axis=2)
        return flat, np.concatenate([np.concatenate([past, np.zeros((n, self.window, 1))], axis=2), ahead], axis=1)

    def _future(self, E: Exog, where) -> np.ndarray:
        i, t = where
        return windows(E.values[..., : self.n_known], self.n_steps, i, t + 1)

    def _scale(self, Z, where, origins: Origins) -> np.ndarray:
        """Find the scales of F and P, and return P with them, (n, h * m); NaN where it is missing."""
        deviation = origins.D.std(axis=1)
        usual = deviation.sum(axis=0) / np.maximum((deviation > 0).sum(axis=0), 1)  # of windows that move
        self._least_scale = np.where(usual > 0, 0.1 * usual, 1.0)
        centre, scale = self._centre_and_scale(origins)
        self._F_scale = _positive(((origins.D - centre) / scale).std(axis=(0, 1)))
        P = self._targets(Z, where, origins)
        if np.isfinite(self.most):
            P = without_far(P, self.most)
        self._P_mean = mean_of_known(P)
        self._P_scale = _positive(np.sqrt(mean_of_known(((P - self._P_mean) ** 2).reshape(-1, P.shape[2]))))
        return ((P - self._P_mean) / self._P_scale).reshape(len(P), -1)

    def _choose_smoothing(self, Z: np.ndarray, n: np.ndarray) -> tuple[float, ...]:
        """Those with the least leave-one-out error of a ridge regression on F, over the newest steps."""
        if len(Z) > MOST_SERIES_TO_CHOOSE_BY:
            long_enough = np.flatnonzero(n > self.n_needed + self.n_steps)
            some = np.random.RandomState(0).permutation(long_enough)[:MOST_SERIES_TO_CHOOSE_BY]
            Z, n = Z[some], n[some]
        n_kept = max(MOST_STEPS_TO_CHOOSE_BY // len(Z), self.n_needed + 2 * self.n_steps + 2 * self.seasons[0])
        n_kept = max(n_kept, 4 * max(self.seasons[1:], default=0))  # its pattern takes three cycles
        Z = padded([series[max(0, end - n_kept) : end] for series, end in zip(Z, n)])
        n = np.minimum(n, n_kept)
        # to choose from; all of them in one pass over time
        choices = list(product(LEVELS, SEASONALS, *[FURTHER_SEASONALS] * (len(self.seasons) - 1)))
        a, *g = np.repeat(np.array(choices), len(Z), axis=0).T[:, :, None]
        copies = np.tile(self._to_smooth(self._carried(Z), Z), (len(choices), 1, 1))
        smoothed = smooth(copies, np.tile(n - self.difference, len(choices)), self.seasons, a, g)
        where = _some(self.all_origins(n), MOST_STEPS_TO_CHOOSE_BY)
        nothing = Exog(np.empty((*Z.shape[:2], 0)), np.empty((*Z.shape[:2], 0), dtype=bool))
        errors = []
        for k in range(len(choices)):
            part = slice(k * len(Z), (k + 1) * len(Z))
            of_choice = Smoothed(smoothed.C[part], smoothed.D[part], [U[part] for U in smoothed.U])
            origins = self.origins(Z, n, nothing, where, smoothed=of_choice)
            Y = self._scale(Z, where, origins)
            centre, _ = self._centre_and_scale(origins)
            F = ((origins.D - centre) / self._F_scale).reshape(len(Y), -1)
            if np.isnan(Y).any():  # each output has rows of its own: a few tell as much as all
                Y = Y[:, np.unique(np.linspace(0, Y.shape[1] - 1, 3).astype(int))]
            errors.append(fit_linear_path(F, Y)[1] * np.mean(self._P_scale**2))
        return choices[int(np.argmin(errors))]

    def fit(
        self, Z: np.ndarray, n: np.ndarray, E: Exog, times: np.ndarray, dtype, *, without_regressor: bool = False
    ) -> Self:
        """Fit to windows of the series that have n_steps after them: all of them, or MOST_WINDOWS that are drawn.

        Parameters
        ----------
        Z, E, times : as in `origins`
        n : ndarray of shape (N,)
            Steps of each series.
        dtype : of what the regressor is given
        without_regressor : bool
            Stop after the linear path.
        """
        inside = np.arange(Z.shape[1])[:, None] < np.asarray(n)[:, None, None]
        self.masked = bool((np.isnan(Z) & inside).any() or (E.missing & inside).any())
        if self.normalize == "smoothing":
            self.smoothing = self._choose_smoothing(Z, n)
        d = self.difference
        smoothed = self._smoothed(self._to_smooth(self._carried(Z), Z), n - d, None)
        self.usual = self._usual_patterns(smoothed, n - d, times + d)
        where = _some(self.all_origins(n), MOST_WINDOWS)
        origins = self.origins(Z, n, E, where, smoothed=smoothed)
        Y = self._scale(Z, where, origins)
        flat, X = self._features(origins, self._future(E, where))
        known = np.isfinite(Y)
        some = known.any(axis=1)
        if not some.any():
            raise ValueError(
                f"There is nothing to learn from: no window of {self.window} steps is followed by a value"
                + (f" and by one {self.difference} steps before it" if self.difference else "")
                + ", so many are missing. Give more data, or choose a smaller window or horizon"
                + (" or no difference." if self.difference else ".")
            )
        if not some.all():  # nothing to learn from
            flat, X, Y, known, origins = flat[some], X[some], Y[some], known[some], origins.take(some)
        self.n_windows = len(Y)
        self.linear = None
        if self.linear_path or without_regressor:
            self.linear, _ = fit_linear_path(flat, Y)
            Y = Y - self.linear.predict(flat)
        if without_regressor:
            self._rest_scale, self.members = np.ones(()), []
            return self
        weights = {}
        if not known.all():
            # A regressor takes whole rows: they weigh by the share that is known, and what is not stands where it is
            # forecast without the regressor, by the linear path or by C_t + S_t.
            Y = np.where(known, Y, np.zeros(Y.shape[1]) if self.linear is not None else self._of_path())
            inner = self.regressor.estimator if isinstance(self.regressor, MultiOutputRegressor) else self.regressor
            if has_fit_parameter(inner, "sample_weight"):
                weights = {"sample_weight": known.mean(axis=1)}
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
                with fit_as_part(member):
                    without_word_of_max_iter(partial(member.fit, X, Y, **weights))
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
        P = np.zeros((n, self.n_steps, m))
        members = self.members if network_weight else []
        for member in members:
            predicted = np.asarray(member.predict(X.astype(self._dtype)))
            if predicted.size != P.size:
                raise ValueError(
                    f"The regressor predicted an array of shape {predicted.shape} for {n} windows, expected "
                    f"({n}, {self.n_steps * m}): a value for each of {self.n_steps} step(s) and {m} series. Use one "
                    "that predicts as many values as it is fitted on (no tuple of quantiles, no other mapping)."
                )
            P += predicted.reshape(P.shape)
        P *= self._rest_scale / max(len(members), 1)
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
                origins = self.advance(origins, blocks[-1], Exog(ahead, np.zeros((*ahead.shape[:2], 0), bool)))
        return np.concatenate(blocks, axis=1)[:, :n_steps]


def _some(where: tuple[np.ndarray, np.ndarray], most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most so many of the origins, drawn."""
    i, t = where
    if len(i) <= most:
        return where
    some = np.sort(np.random.RandomState(0).choice(len(i), most, replace=False))
    return i[some], t[some]


def _positive(scale: np.ndarray) -> np.ndarray:
    """A scale to divide by: 1 where all values are equal."""
    return np.where(scale > 1e-12, scale, 1.0)


def _set_random_state(estimator: BaseEstimator, rng: np.random.RandomState) -> None:
    """Draw every random_state of an estimator anew, as scikit-learn's ensembles do."""
    names = [name for name in sorted(estimator.get_params(deep=True)) if name.split("__")[-1] == "random_state"]
    estimator.set_params(**{name: rng.randint(np.iinfo(np.int32).max) for name in names})
