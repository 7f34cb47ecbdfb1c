"""How sure a forecast is: intervals, quantiles and possible paths."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from ._backtesting import Backtesting
from ._forecast_model import ForecastModel
from ._intervals import check_coverage
from ._reader import SeriesReader


class Uncertainty(Backtesting):
    """The part of RNNForecaster that tells how far its forecasts may be off."""

    def _forecasts(self, horizon, X, y) -> tuple[SeriesReader, ForecastModel, np.ndarray, np.ndarray, list]:
        """A reader and a model that stand on y, scaled forecasts, of which series, and their indexes."""
        raise NotImplementedError

    def predict_interval(
        self,
        horizon: int | pd.DataFrame | ArrayLike | None = None,
        X: pd.DataFrame | ArrayLike | None = None,
        y: pd.Series | pd.DataFrame | ArrayLike | None = None,
        *,
        coverage: float = 0.9,
    ) -> pd.DataFrame:
        """Intervals that hold a future value with a given probability, each time step by itself.

        Split conformal, for each series by itself: the errors of forecasts of the parts that were held back in `fit`,
        relative to what is typical of the series so many steps ahead, and of them the quantiles that leave half of the
        rest on either side. Series of which few errors are known are drawn to those of all. Beyond the largest errors
        but one, the tail is that of Student's t with half as many degrees of freedom as there are independent errors.
        What is typical grows as a power of the distance, beyond the steps that were measured too; after values that
        are missing, steps count from the last one that is known.

        `update` follows the size of errors: of each new value, the error of its forecast one step ahead moves the width
        of all intervals of the series by a tenth of the way. So after a lasting change in their size nine tenths of it
        are made up for in 22 steps.

        Parameters
        ----------
        horizon, X, y : as in `predict`
        coverage : float, default=0.9

        Returns
        -------
        DataFrame
            Columns "lower" and "upper"; for several series that share an index, a pair for each, under its name.

        Raises
        ------
        ValueError
            If no part of the data was held back.
        """
        check_coverage(coverage)
        reader, model, Z, series, indexes = self._forecasts(horizon, X, y)
        bounds = np.stack(model.bounds(Z, series, coverage), axis=-1)
        return reader.write(bounds, indexes, ("lower", "upper"))

    def predict_quantiles(
        self,
        horizon: int | pd.DataFrame | ArrayLike | None = None,
        X: pd.DataFrame | ArrayLike | None = None,
        y: pd.Series | pd.DataFrame | ArrayLike | None = None,
        *,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
    ) -> pd.DataFrame:
        """Values that the future stays below with given probabilities, each time step by itself.

        The same errors as for `predict_interval`, whose bounds are the quantiles 0.05 and 0.95 for a coverage of 0.9.
        Quantiles of one time never cross. Where errors lean to one side, the forecast of `predict` is not the quantile
        0.5, and an interval of low coverage need not hold it.

        Parameters
        ----------
        horizon, X, y : as in `predict`
        quantiles : sequence of float, default=(0.1, 0.5, 0.9)
            Between 0 and 1, in any order.

        Returns
        -------
        DataFrame
            A column for each quantile, named by it; for several series that share an index, under the name of each.

        Raises
        ------
        ValueError
            If a quantile is not between 0 and 1, or no part of the data was held back.
        """
        p = check_quantiles(quantiles)
        reader, model, Z, series, indexes = self._forecasts(horizon, X, y)
        found = model.quantiles(Z, series, np.sort(p))
        return reader.write(np.moveaxis(found[np.argsort(np.argsort(p))], 0, -1), indexes, tuple(p.tolist()))

    def sample_paths(
        self,
        horizon: int | pd.DataFrame | ArrayLike | None = None,
        X: pd.DataFrame | ArrayLike | None = None,
        y: pd.Series | pd.DataFrame | ArrayLike | None = None,
        *,
        n_paths: int = 100,
        random_state: int | np.random.RandomState | None = None,
    ) -> pd.DataFrame:
        """Possible futures, whole: what sums over the horizon, or their maximum, come to is read from them.

        To the forecast are added the errors that were made from one origin of the part held back, which is drawn, all
        together: so steps of a path depend on each other as they do in the past. Each series has errors of its own
        where enough are known; series are drawn independently of each other. Where few are known, their size and their
        sign are drawn too. With `nonnegative`, values below 0 are 0,
        so that paths of rare demand come to more than the forecast does.

        Parameters
        ----------
        horizon, X, y : as in `predict`
        n_paths : int, default=100
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        DataFrame
            A column for each path, 0, 1, ...; for several series that share an index, under the name of each. Rows as
            those of `predict`.

        Raises
        ------
        ValueError
            If n_paths is no integer of at least 1, or no part of the data was held back.

        Examples
        --------
        >>> from sklearn_rnn import RNNForecaster
        >>> from sklearn_rnn.datasets import load_airline
        >>> forecaster = RNNForecaster(horizon=12, random_state=0).fit(load_airline())
        >>> year = forecaster.sample_paths(n_paths=500, random_state=0).sum()  # passengers of the whole year
        >>> low, high = year.quantile([0.05, 0.95])
        >>> bool(5500 < low < 6000 < high < 7000)
        True
        """
        if not isinstance(n_paths, Integral) or isinstance(n_paths, bool) or n_paths < 1:
            raise ValueError(f"n_paths must be an integer of at least 1, got {n_paths!r}.")
        reader, model, Z, series, indexes = self._forecasts(horizon, X, y)
        paths = model.paths(Z, series, int(n_paths), check_random_state(random_state))
        return reader.write(paths, indexes, tuple(range(int(n_paths))))


def check_quantiles(quantiles: object) -> np.ndarray:
    """Probabilities, as an array."""
    given = [quantiles] if isinstance(quantiles, Real) else quantiles
    advice = f"quantiles must be numbers between 0 and 1, such as (0.1, 0.5, 0.9), got {quantiles!r}."
    try:
        p = np.array(given, dtype=float).ravel()
    except (TypeError, ValueError):
        raise ValueError(advice) from None
    if isinstance(quantiles, str) or len(set(p)) < len(p) or not len(p) or not ((p > 0) & (p < 1)).all():
        raise ValueError(advice)
    return p
