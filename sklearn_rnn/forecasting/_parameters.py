"""The parameters of RNNForecaster: their types, and what values are allowed. What they mean stands in its docstring."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral, Real
from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator

from .._sklearn import HasMethods, Interval, StrOptions


class ForecasterParameters:
    """Base of RNNForecaster. Attributes that `__init__` sets, for readers and type checkers."""

    regressor: BaseEstimator | None
    window: int | Literal["auto"]
    horizon: int
    strategy: Literal["direct", "recursive"]
    normalize: Literal["auto", "smoothing", "last", "mean"] | None
    target_transform: BaseEstimator | Literal["log"] | None
    season_length: int | Literal["auto"]
    difference: int | Literal["season"] | None
    seasonal_features: int
    linear_path: bool | Literal["auto"]
    n_members: int
    past_only: Sequence[Hashable] | None
    id_col: Hashable | None
    time_col: Hashable | None
    target_col: Hashable | list | None
    window_format: Literal["auto", "3d", "2d"]
    calibration_fraction: float
    random_state: int | np.random.RandomState | None

    _parameter_constraints = {
        "regressor": [HasMethods(["fit", "predict"]), None],
        "window": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"direct", "recursive"})],
        "normalize": [StrOptions({"auto", "smoothing", "last", "mean"}), None],
        "target_transform": [HasMethods(["fit", "transform", "inverse_transform"]), StrOptions({"log"}), None],
        "season_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "difference": [Interval(Integral, 1, None, closed="left"), StrOptions({"season"}), None],
        "seasonal_features": [Interval(Integral, 0, None, closed="left")],
        "linear_path": ["boolean", StrOptions({"auto"})],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "past_only": ["array-like", None],
        "window_format": [StrOptions({"auto", "3d", "2d"})],
        "calibration_fraction": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
    }
