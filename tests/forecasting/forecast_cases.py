"""Series and forecasters that the tests of RNNForecaster share."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, Ridge

from sklearn_rnn import RNNForecaster, RNNRegressor

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

# both are right to be said of data as short as these, and are tested by themselves
unskilled = pytest.mark.filterwarnings("ignore:On the last .* worse than repeating:UserWarning")
idle = pytest.mark.filterwarnings("ignore:.*the network only made forecasts worse:UserWarning")
few = pytest.mark.filterwarnings("ignore:.* times at which errors were held back:UserWarning")


def autoregression(coefficients, n, rng):
    """n values of a linear recurrence driven by noise, long after its beginning."""
    noise, y = rng.normal(size=n + 100), np.zeros(n + 100)
    for t in range(n + 100):
        y[t] = noise[t] + sum(c * y[t - k] for k, c in enumerate(coefficients, 1) if t >= k)
    return y[100:]


def seasonal_with_trend(n, rng):
    """A season of 12, a trend, and noise that depends on its past."""
    season = np.resize(2 * rng.normal(size=12), n)
    return 0.02 * np.arange(n) + season + autoregression([0.6], n, rng)


def monthly(n=72, seed=0, start="2010-01"):
    """A monthly series, all positive."""
    y = 30 + seasonal_with_trend(n, np.random.default_rng(seed))
    return pd.Series(y, index=pd.period_range(start, periods=n, freq="M", name="month"), name="sales")


def frame_of_two(n=72, seed=0):
    return pd.DataFrame({"north": monthly(n, seed), "south": 10 * monthly(n, seed + 1)})


def panel_of_three(columns=None):
    """Series of different lengths, which begin and end at different times."""
    parts = {
        "c": monthly(72, 0)[:66],
        "a": monthly(72, 1),
        "b": monthly(72, 2)[12:70],
    }
    y = pd.concat(parts, names=["shop", "month"]).rename("sales")
    return y if columns is None else pd.DataFrame({column: (i + 1.0) * y for i, column in enumerate(columns)})


def ridge(regressor=None, **options):
    """A forecaster that is fitted in no time."""
    options = {"window": 6, "horizon": 4, "calibration_fraction": 0, **options}
    return RNNForecaster(Ridge() if regressor is None else regressor, **options)


def exact(**options):
    """A forecaster that follows a linear rule without error."""
    return RNNForecaster(
        **{"regressor": LinearRegression(), "window": 12, "horizon": 6, "calibration_fraction": 0, **options}
    )


class Recorder(RegressorMixin, BaseEstimator):
    """Repeats the mean of what it was fitted on, and keeps what it saw."""

    seen = []

    def fit(self, X, y):
        Recorder.seen.append((X.copy(), y.copy()))
        self.mean_ = y.mean(axis=0)
        return self

    def predict(self, X):
        return np.repeat(self.mean_[None], len(X), axis=0)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def small(**options):
    """The forecaster as it is by default, but soon done."""
    return RNNForecaster(
        RNNRegressor(4, max_iter=2, batch_size=64), **{"horizon": 4, "random_state": 0, "window": 6, **options}
    )
