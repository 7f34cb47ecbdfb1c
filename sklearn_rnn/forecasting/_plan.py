"""Plan: what the parameters of a forecaster come to on given series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .._warnings import warn
from ..estimators._regressor import RNNRegressor
from ._combination import Combination
from ._origins import carried
from ._outliers import FAR
from ._own_smoothing import OwnSmoothing
from ._series import Series
from ._series_model import SeriesModel
from ._timegrid import TimeGrid, dominant_period
from ._window_model import WindowModel, holds_recurrent_net, steps_needed

# Further seasons: how many harmonics to choose from, and the longest that smoothing may follow.
HARMONICS = (3, 10)
LONGEST_SMOOTHED = 1000
# Steps of the short window among the candidates.
SHORT_WINDOW = 4
# A week of seasons of a day, a year of seasons of a week: to repeat what was then is a forecast too.
LONGER = {24: 168, 48: 336, 96: 672, 7: 364}


def default_regressor() -> RNNRegressor:
    """The network that a forecaster has where none is given: small and soon stopped, since most series are short."""
    return RNNRegressor(
        32,
        cell="gru",
        bidirectional=False,
        patch_size=1,
        pooling="last",
        alpha=0.003,
        batch_size=32,
        learning_rate_init=0.003,
        max_iter=50,
    )


@dataclass(frozen=True)
class Preparation:
    """How windows are made: parameters of a WindowModel."""

    window: int
    n_steps: int
    normalize: str | None
    difference: int
    has_season: bool = True


@dataclass(frozen=True)
class Plan:
    """How to forecast given series: the parameters of a forecaster, with what "auto" came to.

    Attributes
    ----------
    block : int
        Steps that are forecast at once.
    difference : int
        Lag of the differences; 0 for none.
    seed : int or None
        What the regressors' random_state are drawn from.
    n_harmonics : int
        Of the season, as exogenous columns.
    further : tuple of (length, harmonics)
        Seasons besides `season_length`, and how many harmonics of each are exogenous columns; 0 for smoothing, -1 for
        neither, None if that is still open.
    past_only : tuple of labels
        Names of the exogenous columns whose future is not known.
    combine : bool
        Are other preparations, and simple forecasts, combined with this one?
    usual_length : int
        Values of the series to which the median value belongs.
    calendar_season : int
        What is usual for the step of the index, where there are two of it, though maybe not three: a season that
        forecasts of each series from itself alone may have.
    may_log : bool
        Is it still open whether logarithms are forecast?
    """

    regressor: Any
    transformer: Any
    window: int
    season_length: int
    horizon: int
    block: int
    normalize: str | None
    difference: int
    linear_path: bool
    as_3d: bool
    n_members: int
    seed: int | None
    n_harmonics: int
    calibration_fraction: float
    past_only: tuple
    further: tuple = ()
    combine: bool = False
    usual_length: int = 0
    calendar_season: int = 1
    may_log: bool = False
    nonnegative: bool = False

    @property
    def n_needed(self) -> int:
        """Values of a series that a forecast takes."""
        return steps_needed(self.window, self.season_length, self.normalize, self.difference)

    @property
    def n_looked_at(self) -> int:
        """Values of a series that the candidates look at, of which the first may be missing."""
        s = self.season_length
        of_others = [steps_needed(p.window, s, p.normalize, p.difference) for p in self._others.values()]
        return max([self.n_needed, *of_others])

    @property
    def n_least(self) -> int:
        """Values that a fit takes: those, and one window with what follows it besides."""
        return self.n_needed + self.block + 1

    def choices(self, k: int, data: Series) -> list[Plan]:
        """Ways to treat the k-th further season of series: smoothing, where it is short, or harmonics."""
        length, harmonics = self.further[k]
        if harmonics is not None:
            return [self]
        ways = [number for number in HARMONICS if 2 * number <= length]
        is_short = length == int(length) and length <= LONGEST_SMOOTHED and data.lengths.max() >= 3 * length
        if is_short and self.normalize == "smoothing":
            ways = [0, *ways[-1:]]
        elif data.lengths.max() < 3 * length:
            ways.append(-1)  # there is too little of it to be sure of any
        ways = ways or [-1]
        return [replace(self, further=(*self.further[:k], (length, way), *self.further[k + 1 :])) for way in ways]

    def check_lengths(self, data: Series) -> None:
        """An error if all series are too short to fit on."""
        lengths = data.lengths
        n_known = max(int(np.isfinite(values).sum(axis=0).max()) for values in data.values)
        if n_known < 3:
            raise ValueError(
                f"y has at most {n_known} value(s) in a series that are not missing, too few to fit on; the least is 3."
            )
        of_what = f"window={self.window}, season_length={self.season_length}, difference={self.difference}"
        if lengths.max() < self.n_least:
            raise ValueError(
                f"y has at most {lengths.max()} values in a series, too few to fit on: with {of_what} and "
                f"{self.block} step(s) forecast at once it takes at least {self.n_least}. Choose a smaller window, "
                "season_length or horizon, or strategy='recursive'."
            )

    def warn_of_short(self, data: Series, label: Callable[[int], str]) -> None:
        """Series that are shorter than what a forecast looks at are told; `label` names one."""
        short = np.flatnonzero(data.lengths < self.n_needed)
        if len(short):
            which = f"{label(int(short[0])).rstrip(',')} has {data.lengths[short[0]]} value(s)"
            more = f", and {len(short) - 1} more are as short" if len(short) > 1 else ""
            warn(
                f"{which}{more}: fewer than the {self.n_needed} that a forecast looks at. What is missing in front is "
                "taken to be at the level of the first value, and intervals are those of longer series: too narrow."
            )

    @property
    def _others(self) -> dict[str, Preparation]:
        """Preparations beside the main one."""
        if not self.combine:
            return {}
        s, short = self.season_length, self.window > SHORT_WINDOW
        main = Preparation(self.window, self.block, self.normalize, self.difference)
        others = {}
        if short:
            others["short window"] = replace(main, window=SHORT_WINDOW)
        if s > 1:
            others["no season"] = replace(main, normalize="last", has_season=False)
        if not self.past_only:  # these forecast in turn, and take all columns of the steps before
            if self.usual_length >= 3 * (self.window + 1):
                others["differences"] = Preparation(self.window, 1, "smoothing", 1)
            if s == 1 and short:
                others["short differences"] = Preparation(SHORT_WINDOW, 1, "smoothing", 1)
            if s > 1 and self.usual_length >= 5 * s:
                others["seasonal differences"] = Preparation(s + 1, 1, None, s)
        return others

    def new_model(self, data: Series) -> SeriesModel:
        """A model that is not fitted, for such series."""
        harmonics = [(self.season_length, self.n_harmonics), *((s, k) for s, k in self.further if k and k > 0)]
        seasons = [self.season_length, *(int(s) for s, k in self.further if k == 0)]

        def window_model(preparation: Preparation, linear_path: bool = True) -> WindowModel:
            return WindowModel(
                regressor=self.regressor,
                window=preparation.window,
                n_steps=preparation.n_steps,
                normalize=preparation.normalize,
                seasons=seasons if preparation.has_season else [1],
                difference=preparation.difference,
                linear_path=linear_path,
                as_3d=self.as_3d,
                n_members=self.n_members,
                seed=self.seed,
                n_known=data.n_known + 2 * sum(number for _, number in harmonics),
                static=np.flatnonzero(data.is_static),
                # as outliers are, where exogenous columns may not tell of them
                most=FAR if self.combine and not data.n_known and not data.n_past_only else np.inf,
            )

        of_main = Preparation(self.window, self.block, self.normalize, self.difference)
        main = window_model(of_main, self.linear_path)
        others = {name: window_model(preparation) for name, preparation in self._others.items()}
        of_own = seasons if self.season_length > 1 else [self.calendar_season, *seasons[1:]]
        own = OwnSmoothing(self.horizon, of_own, self.lags, self.nonnegative) if self.combine else None
        combination = Combination(main, others, own)
        of_auto = self.may_log and self.transformer is not None
        return SeriesModel(combination, self.transformer, self.season_length, harmonics, self.nonnegative, of_auto)

    @property
    def lags(self) -> list[int]:
        """Of forecasts that repeat the last values."""
        further = [round(s) for s, _ in self.further if self.usual_length >= 2 * s]
        longer = LONGER.get(self.season_length, 0)
        if longer and not further and self.usual_length >= 3 * longer:
            further = [longer]
        return sorted({1, self.season_length, self.calendar_season, *further})


def _usual_period(data: Series) -> int | None:
    """The most frequent dominant period of the longest series, the least of several; they may come in any order."""
    longest = np.flatnonzero(data.lengths == data.lengths.max())
    series = carried(np.stack([data.values[i][:, :1] for i in longest[:50]]).astype(np.float64))
    periods = [period for one in series[..., 0] if (period := dominant_period(one)) is not None]
    if 2 * len(periods) < len(series):
        return None
    found, counts = np.unique(periods, return_counts=True)
    return int(found[np.argmax(counts)])


def _seasons(given: Any) -> tuple[Any, list[float]]:
    """The first season, and further ones, each longer than the one before."""
    if isinstance(given, str) or not isinstance(given, (Sequence, np.ndarray)):
        return given, []
    seasons = list(given)
    is_number = [isinstance(s, Real) and not isinstance(s, bool) and 1 <= float(s) < np.inf for s in seasons]
    if not seasons or not all(is_number) or sorted(set(seasons)) != seasons:
        raise ValueError(
            "season_length must be a number of steps, or several such as [24, 168] or [7, 365.25], each longer than "
            f"the one before; got {given!r}."
        )
    if seasons[0] != int(seasons[0]):  # smoothing needs whole steps
        seasons = [1, *seasons]
    return int(seasons[0]), [float(s) for s in seasons[1:]]


def usual_window(season: int, length: int, block: int) -> int:
    """A season, and at least twice as many windows of a series of such a length as steps in a window."""
    window = season * -(-7 // season) if season > 1 else 24
    return max(1, min(window, (length - block) // 3))


def make_plan(parameters: Mapping[str, Any], data: Series, grid: TimeGrid) -> Plan:
    """The plan for series on a grid, from the parameters of RNNForecaster."""
    p = parameters
    regressor = default_regressor() if p["regressor"] is None else p["regressor"]
    recurrent = holds_recurrent_net(regressor)
    horizon, lengths = int(p["horizon"]), data.lengths
    block = horizon if p["strategy"] == "direct" else 1
    season, further = _seasons(p["season_length"])
    calendar = grid.season_length if season == "auto" and grid.kind != "integer" else 1
    if calendar is None or lengths.max() < 2 * calendar:
        calendar = 1
    if season == "auto":
        season = grid.season_length
        if grid.kind == "integer":
            season = _usual_period(data)
        if season is None or lengths.max() < 3 * season:
            season = 1
    window = p["window"]
    # of a series to which the median value belongs
    usual = np.repeat(np.sort(lengths), np.sort(lengths))[lengths.sum() // 2]
    if window == "auto":
        window = usual_window(season, int(usual), block)
    difference = {None: 0, "season": season}.get(p["difference"], p["difference"])
    normalize = p["normalize"]
    if normalize == "auto":
        normalize = None if difference else "smoothing" if season > 1 else "last"
    if data.n_past_only and horizon > block:
        raise ValueError(
            f"With past_only columns, {list(p['past_only'])}, all {horizon} steps must be forecast at once: use "
            "strategy='direct'."
        )
    if p["seasonal_features"] and season < 2:
        raise ValueError(
            f"seasonal_features={p['seasonal_features']}, but no season was found: give the season_length."
        )
    if further and further[-1] > lengths.max():
        raise ValueError(
            f"season_length={p['season_length']!r} holds a season of {further[-1]:g} steps, and the longest series has "
            f"{lengths.max()}: nothing can be learnt of it. Leave it out."
        )
    seed = None
    if p["random_state"] is not None or p["n_members"] > 1:
        seed = check_random_state(p["random_state"]).randint(np.iinfo(np.int32).max)
    combine = p["combine"]
    if combine == "auto":
        is_default = p["window"] == "auto" and p["normalize"] == "auto" and p["linear_path"] == "auto"
        combine = recurrent and is_default and p["difference"] is None
    automatic = isinstance(p["target_transform"], str) and p["target_transform"] == "auto"
    return Plan(
        regressor=regressor,
        transformer=None if automatic else p["target_transform"],
        combine=bool(combine),
        usual_length=int(usual),
        calendar_season=int(calendar),
        may_log=automatic and bool(combine) and not any((part <= 0).any() for part in data.values),
        nonnegative=bool(p["nonnegative"]),
        window=int(window),
        season_length=int(season),
        horizon=horizon,
        block=block,
        normalize=normalize,
        difference=int(difference),
        linear_path=recurrent if p["linear_path"] == "auto" else p["linear_path"],
        as_3d=recurrent if p["window_format"] == "auto" else p["window_format"] == "3d",
        n_members=p["n_members"],
        seed=seed,
        n_harmonics=min(p["seasonal_features"], int(season) // 2),
        calibration_fraction=p["calibration_fraction"],
        past_only=() if p["past_only"] is None else tuple(p["past_only"]),
        further=tuple((length, None) for length in further),
    )
