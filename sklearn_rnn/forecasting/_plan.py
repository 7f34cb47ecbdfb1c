"""Plan: what the parameters of a forecaster come to on given series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..estimators._regressor import RNNRegressor
from ._series import Series
from ._series_model import SeriesModel
from ._timegrid import TimeGrid, dominant_period
from ._window_model import WindowModel, holds_recurrent_net, steps_needed


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
    past_only : tuple of labels
        Names of the exogenous columns whose future is not known.
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

    @property
    def n_needed(self) -> int:
        """Values of a series that a forecast takes."""
        return steps_needed(self.window, self.season_length, self.normalize, self.difference)

    @property
    def n_least(self) -> int:
        """Values that a fit takes: those, and one window with what follows it besides."""
        return self.n_needed + self.block + 1

    def check_lengths(self, data: Series, label: Callable[[int], str]) -> None:
        """An error if a series is too short to be forecast, or all are too short to fit on; `label` names a series."""
        lengths = data.lengths
        of_what = f"window={self.window}, season_length={self.season_length}, difference={self.difference}"
        short = np.flatnonzero(lengths < self.n_needed)
        if len(short):
            raise ValueError(
                f"{label(int(short[0]))} has {lengths[short[0]]} values, too few for a forecast, which takes "
                f"{self.n_needed} ({of_what}). Choose smaller ones, such as a smaller window, or leave the series out."
            )
        if lengths.max() < self.n_least:
            raise ValueError(
                f"y has at most {lengths.max()} values in a series, too few to fit on: with {of_what} and "
                f"{self.block} step(s) forecast at once it takes at least {self.n_least}. Choose a smaller window or "
                "horizon, or strategy='recursive'."
            )

    def new_model(self, n_known: int) -> SeriesModel:
        """A model that is not fitted, for so many exogenous columns that are known ahead."""
        model = WindowModel(
            regressor=self.regressor,
            window=self.window,
            n_steps=self.block,
            normalize=self.normalize,
            season_length=self.season_length,
            difference=self.difference,
            linear_path=self.linear_path,
            as_3d=self.as_3d,
            n_members=self.n_members,
            seed=self.seed,
            n_known=n_known + 2 * self.n_harmonics,
        )
        return SeriesModel(model, self.transformer, self.season_length, self.n_harmonics)


def make_plan(parameters: Mapping[str, Any], data: Series, grid: TimeGrid) -> Plan:
    """The plan for series on a grid, from the parameters of RNNForecaster."""
    p = parameters
    regressor = default_regressor() if p["regressor"] is None else p["regressor"]
    recurrent = holds_recurrent_net(regressor)
    horizon, lengths = int(p["horizon"]), data.lengths
    block = horizon if p["strategy"] == "direct" else 1
    season = p["season_length"]
    if season == "auto":
        season = grid.season_length
        if grid.kind == "integer":
            season = dominant_period(data.values[int(np.argmax(lengths))][:, 0])
        if season is None or lengths.max() < 3 * season:
            season = 1
    window = p["window"]
    if window == "auto":
        window = season * -(-7 // season) if season > 1 else 24
        # at least twice as many windows as steps in a window
        window = max(1, min(window, (int(np.median(lengths)) - block) // 3))
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
    seed = None
    if p["random_state"] is not None or p["n_members"] > 1:
        seed = check_random_state(p["random_state"]).randint(np.iinfo(np.int32).max)
    return Plan(
        regressor=regressor,
        transformer=p["target_transform"],
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
    )
