"""SeriesModel: a WindowModel of series in their own units, with their exogenous columns."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import clone

from ._series import Series
from ._window_model import Origins, WindowModel, padded


class SeriesModel:
    """A WindowModel of series in their own units, which it transforms and scales.

    Parameters
    ----------
    model : WindowModel
    transformer : scikit-learn transformer, "log", or None
        Applied to the values first, and undone last.
    season_length : int
        A series is divided by its mean absolute change from one season to the next, after the transformer.
    n_harmonics : int
        Sines and cosines of the season, as exogenous columns that are known.
    """

    def __init__(self, model: WindowModel, transformer, season_length: int, n_harmonics: int):
        self.model = model
        self.transformer = transformer
        self.season_length = season_length
        self.n_harmonics = n_harmonics

    def fit(self, data: Series, dtype: str) -> Self:
        """Fit to series; the regressor is given windows of this dtype."""
        if self.transformer is not None and not isinstance(self.transformer, str):
            rows = np.concatenate(data.values)
            self.transformer = clone(self.transformer).fit(rows)
            back = self._undo(self._transform([rows])[0])
            if not np.allclose(back, rows, rtol=1e-4, atol=1e-6 * np.abs(rows).max()):
                raise ValueError(
                    "target_transform cannot be undone: its inverse_transform does not give back the values of y. A "
                    "FunctionTransformer needs an inverse_func; others may not be one to one on this range."
                )
        transformed = self._transform(data.values)
        self.scale = np.stack([seasonal_change(part, self.season_length) for part in transformed])
        self._known_scaling, self._past_scaling = _mean_and_scale(data.known), _mean_and_scale(data.past_only)
        Z, E = self._arrays(data)
        self.model.fit(Z, data.lengths, E, dtype)
        return self

    def origins(self, data: Series, n_start: np.ndarray, where: tuple[np.ndarray, np.ndarray]) -> Origins:
        """As WindowModel.origins, of the series that were fitted, which may be longer now."""
        Z, E = self._arrays(data)
        return self.model.origins(Z, n_start, E, where)

    def advance(self, origins: Origins, new: Series, series: np.ndarray) -> Origins:
        """The origins of some series after more steps of them, equally many, are known too."""
        Z = np.stack(self._transform(new.values)) / self.scale[series][:, None]
        return self.model.advance(origins, Z, self._exog(np.stack(new.known), np.stack(new.past_only), new.starts))

    def forecast(
        self, origins: Origins, n_steps: int, known: np.ndarray, times: np.ndarray, network_weight: float = 1.0
    ):
        """Scaled forecasts (n, n_steps, m); known (n, whole blocks of steps, k) are columns from `times` (n,) on."""
        future = self._exog(known, np.empty((*known.shape[:2], 0)), times)
        return self.model.forecast(origins, n_steps, future, network_weight)

    def scaled(self, values: np.ndarray, series: np.ndarray) -> np.ndarray:
        """(n, steps, m) in the units of the model; NaN stays."""
        rows = values.reshape(-1, values.shape[-1])
        out = np.full(rows.shape, np.nan)
        known = np.isfinite(rows).all(axis=1)
        if known.any():
            out[known] = self._transform([rows[known]])[0]
        return out.reshape(values.shape) / self.scale[series][:, None]

    def in_units(self, Z: np.ndarray, series: np.ndarray) -> np.ndarray:
        """(n, steps, m) back in the units of the series."""
        values = Z * self.scale[series][:, None]
        if self.transformer is None:
            return values
        rows = values.reshape(-1, values.shape[-1])
        with np.errstate(over="ignore", invalid="ignore"):
            values = self._undo(rows).reshape(values.shape)
        if not np.isfinite(values).all():
            raise ValueError(
                f"The forecasts, after target_transform, are up to {np.abs(Z).max():.3g} times the usual change of a "
                "season, and cannot be transformed back: the result is not finite. Forecast fewer steps, or use "
                "another target_transform."
            )
        return values

    def _transform(self, values: list) -> list:
        if self.transformer is None:
            return values
        if isinstance(self.transformer, str):
            with np.errstate(divide="ignore", invalid="ignore"):
                transformed = [np.log(part, dtype=np.float64) for part in values]
        else:
            transformed = [np.asarray(self.transformer.transform(part), dtype=np.float64) for part in values]
        for part, before in zip(transformed, values):
            if not np.isfinite(part).all():
                t, column = np.argwhere(~np.isfinite(part))[0]
                raise ValueError(
                    f"target_transform made {part[t, column]} of the value {before[t, column]:g}. Use one that fits "
                    "the range of y, or None."
                )
        return transformed

    def _undo(self, rows: np.ndarray) -> np.ndarray:
        return (
            np.exp(rows) if isinstance(self.transformer, str) else np.asarray(self.transformer.inverse_transform(rows))
        )

    def _exog(self, known: np.ndarray, past_only: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Exogenous columns (n, steps, k) as the model takes them: scaled, known ones and the season's first."""
        steps = known.shape[1]
        parts = [_rescale(known, self._known_scaling)]
        if self.n_harmonics:
            angle = 2 * np.pi / self.season_length * (np.asarray(times)[:, None] + np.arange(steps))
            angle = angle[..., None] * np.arange(1, self.n_harmonics + 1)
            parts += [np.cos(angle), np.sin(angle)]
        if past_only.shape[2]:
            parts.append(_rescale(past_only, self._past_scaling))
        return np.concatenate(parts, axis=2)

    def _arrays(self, data: Series) -> tuple[np.ndarray, np.ndarray]:
        """Values and exogenous columns in the units of the model, (N, T, m) and (N, T, k), NaN after the end."""
        transformed = [part / scale for part, scale in zip(self._transform(data.values), self.scale)]
        return padded(transformed), self._exog(padded(data.known), padded(data.past_only), data.starts)


def seasonal_change(values: np.ndarray, season_length: int) -> np.ndarray:
    """Mean absolute error (m,) of the forecast that repeats the last season, over the series (T, m) itself.

    Never 0: for a constant series it is its size, or 1.
    """
    s = season_length if len(values) > season_length else 1
    change = np.abs(values[s:] - values[:-s]).mean(axis=0)
    tiny = 1e-12 * np.abs(values).max(axis=0)
    for other in (np.abs(np.diff(values, axis=0)).mean(axis=0), np.abs(values).mean(axis=0), np.ones(values.shape[1])):
        change = np.where(change > tiny, change, other)
    return change


def _mean_and_scale(columns: list) -> tuple[np.ndarray, np.ndarray]:
    rows = np.concatenate(columns)
    scale = rows.std(axis=0)
    return rows.mean(axis=0), np.where(scale > 1e-12 * np.abs(rows).max(axis=0), scale, 1.0)


def _rescale(columns: np.ndarray, scaling) -> np.ndarray:
    mean, scale = scaling
    return (columns - mean) / scale
