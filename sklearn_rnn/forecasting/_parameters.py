"""The parameters of RNNForecaster and of its methods: their types, and what values are allowed.

What they mean stands in its docstring.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator

from .._sklearn import HasMethods, Interval, StrOptions, validate_parameters
from ._plan import Plan, default_regressor, make_plan
from ._reader import SeriesReader
from ._series import Series
from ._tables import LARGEST, Table
from ._timegrid import TimeGrid

# In float32 there are only sums.
_LARGEST_SINGLE = 1e32


class ForecasterParameters:
    """Base of RNNForecaster. Attributes that `__init__` sets, for readers and type checkers."""

    regressor: BaseEstimator | None
    window: int | Literal["auto"]
    horizon: int
    strategy: Literal["direct", "recursive"]
    normalize: Literal["auto", "smoothing", "last", "mean"] | None
    target_transform: BaseEstimator | Literal["auto", "log"] | None
    season_length: int | Sequence[float] | Literal["auto"]
    difference: int | Literal["season"] | None
    seasonal_features: int
    linear_path: bool | Literal["auto"]
    combine: bool | Literal["auto"]
    nonnegative: bool
    n_members: int
    past_only: Sequence[Hashable] | None
    id_col: Hashable | None
    time_col: Hashable | None
    target_col: Hashable | list | None
    window_format: Literal["auto", "3d", "2d"]
    calibration_fraction: float
    random_state: int | np.random.RandomState | None
    verbose: bool | int

    _parameter_constraints = {
        "regressor": [HasMethods(["fit", "predict"]), None],
        "window": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"direct", "recursive"})],
        "normalize": [StrOptions({"auto", "smoothing", "last", "mean"}), None],
        "target_transform": [HasMethods(["fit", "transform", "inverse_transform"]), StrOptions({"auto", "log"}), None],
        "season_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), "array-like"],
        "difference": [Interval(Integral, 1, None, closed="left"), StrOptions({"season"}), None],
        "seasonal_features": [Interval(Integral, 0, None, closed="left")],
        "linear_path": ["boolean", StrOptions({"auto"})],
        "combine": ["boolean", StrOptions({"auto"})],
        "nonnegative": ["boolean"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "past_only": ["array-like", None],
        "window_format": [StrOptions({"auto", "3d", "2d"})],
        "calibration_fraction": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def set_params(self, **params) -> Self:
        """Set parameters; those of a nested `regressor__` reach the default regressor too.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no parameter of such a name.
        """
        if params.get("regressor", self.regressor) is None and any(key.startswith("regressor__") for key in params):
            params["regressor"] = default_regressor()
        return super().set_params(**params)  # type: ignore[misc]

    def _check_parameters(self) -> None:
        for name in ("window", "horizon", "season_length", "difference", "seasonal_features", "n_members"):
            if isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be a number of steps or of members, got {getattr(self, name)}.")
        validate_parameters(self)
        regressor = default_regressor() if self.regressor is None else self.regressor
        if isinstance(regressor, type):
            raise TypeError(f"regressor must be a regressor, not a class: {regressor.__name__}().")
        names = regressor.get_params(deep=True) if hasattr(regressor, "get_params") else ()
        if self.n_members > 1 and not any(name.split("__")[-1] == "random_state" for name in names):
            raise ValueError(
                f"n_members={self.n_members}, but {regressor} has no random_state: all members would be the same. Use "
                "n_members=1."
            )

    def _check_values(self, table: Table, name: str) -> None:
        """Squares must not overflow, a logarithm takes positive values only, and what is never negative has none below
        0."""
        for i, values in enumerate(table.values):
            largest = LARGEST if values.dtype != np.float32 else _LARGEST_SINGLE
            if (np.abs(values) > largest).any():
                raise ValueError(
                    f"{table.label(i, name)} has values up to {np.nanmax(np.abs(values)):.3g}; sums and squares of "
                    f"more than {largest:g} are infinite in {values.dtype}. Divide all values by a power of ten."
                )
        for i, values in enumerate(table.values if self.nonnegative else ()):
            if (values < 0).any():
                raise ValueError(
                    f"nonnegative=True, but {table.label(i, name)} has values below 0, such as {np.nanmin(values):g}. "
                    "Leave it out, or correct them."
                )
        if not isinstance(self.target_transform, str) or self.target_transform == "auto":
            return
        for i, values in enumerate(table.values):
            wrong = np.argwhere(values <= 0)
            if len(wrong):
                t, column = wrong[0]
                raise ValueError(
                    f"target_transform='log' takes positive values, but {table.label(i, name)} is "
                    f"{values[t, column]:g} at {table.indexes[i][t]}. Use None, or FunctionTransformer(np.log1p, "
                    "np.expm1) for values from 0 on."
                )

    def _read(self, y, X) -> tuple[SeriesReader, Table, Series]:
        return SeriesReader.read(y, X, self.id_col, self.time_col, self.past_only, self.target_col)

    def _plan(self, data: Series, grid: TimeGrid) -> Plan:
        """What the parameters come to, for these series."""
        return make_plan({name: getattr(self, name) for name in ForecasterParameters.__annotations__}, data, grid)


def check_horizon(horizon: object, default: int) -> int:
    """A number of steps to forecast; None is the default."""
    n_steps = default if horizon is None else horizon
    if is_table(n_steps):
        raise TypeError(f"horizon must be an integer, a number of steps, got a {type(n_steps).__name__}.")
    if not isinstance(n_steps, Integral) or isinstance(n_steps, bool) or n_steps < 1:
        raise ValueError(f"horizon must be an integer of at least 1, got {n_steps!r}.")
    return int(n_steps)


def what_is_asked(horizon: object, X: object, default: int, with_exog: bool) -> tuple[int, Any]:
    """The steps to forecast and X, where the first argument may be X: scikit-learn's searches pass only one on."""
    if not is_table(horizon):
        return check_horizon(horizon, default), X
    kind = type(horizon).__name__
    if X is not None:
        raise TypeError(
            f"horizon must be an integer, a number of steps, got a {kind}, and X too. Exogenous columns go in one of "
            "them: predict(horizon, X=X), or predict(X) for as many steps as the parameter horizon says."
        )
    if not with_exog:
        raise TypeError(
            f"The first argument must be an integer, a number of steps, or X, got a {kind}; and this forecaster was "
            "fitted without X. Pass the number of steps, or None for as many as the parameter horizon says."
        )
    return check_horizon(None, default), horizon


def is_table(value: object) -> bool:
    """Is this rows of something, and no number (or a word)?"""
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))
