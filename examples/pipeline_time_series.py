"""Forecast tomorrow with an ordinary scikit-learn pipeline, exogenous columns included.

    python examples/pipeline_time_series.py [--quick]

The data are simulated, so that the best that can be reached is known: three years of the heating demand of a town. It
depends on the weekday and on the outside temperature, but only below 15 degrees, and with delay: walls hold warmth for
days. A linear model knows neither thresholds nor where to end its memory.

Rows are days. Each row of the table holds what is known at the end of the day, and the forecast of tomorrow's weather;
y is tomorrow's demand. SlidingWindow makes of each row the window that ends there. In cross-validation the first
windows of a test fold reach back into the training rows, as the index shows that the one follows on the other.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_rnn import RNNRegressor, SlidingWindow

TEST_DAYS = 180
NOISE = 0.3


def simulate(n_days, seed=0):
    """A table of what is known each day, tomorrow's demand, and the part of it that is not noise."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2021-01-01", periods=n_days + 1, name="day")
    weather = np.zeros(n_days + 1)
    for t in range(1, n_days + 1):
        weather[t] = 0.8 * weather[t - 1] + 2.5 * rng.normal()
    temperature = 10 - 9 * np.cos(2 * np.pi * days.day_of_year / 365.25) + weather
    cold = np.maximum(15 - temperature, 0)
    stored = np.zeros(n_days + 1)
    for t in range(1, n_days + 1):
        stored[t] = 0.7 * stored[t - 1] + 0.3 * cold[t]
    weekend = days.day_of_week >= 5
    expected = 5 + stored * np.where(weekend, 0.8, 1.0)
    demand = expected + NOISE * rng.normal(size=n_days + 1)
    table = pd.DataFrame({"demand": demand, "temperature": temperature, "weekend": weekend.astype(float)}, index=days)
    # Known ahead: shifted, so that the row of today holds tomorrow's.
    table["temperature tomorrow"] = table["temperature"].shift(-1)
    table["weekend tomorrow"] = table["weekend"].shift(-1)
    tomorrow = pd.DataFrame({"demand": demand, "expected": expected}, index=days).shift(-1)
    return table.iloc[:-1], tomorrow["demand"].iloc[:-1], tomorrow["expected"].iloc[:-1]


def windows(window, **settings):
    return make_pipeline(StandardScaler().set_output(transform="pandas"), SlidingWindow(window, **settings))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smaller grid")
    quick = parser.parse_args().quick

    X, y, expected = simulate(3 * 365)
    train, test = slice(None, -TEST_DAYS), slice(-TEST_DAYS, None)
    print(X.head(3).round(1).to_string(), "\n")

    regressor = RNNRegressor(
        learning_rate_init=0.01,
        batch_size=32,
        # The newest of the training days say when to stop.
        early_stopping=True,
        validation_method="last",
        n_iter_no_change=20,
        max_iter=200,
        random_state=0,
    )
    network = TransformedTargetRegressor(make_pipeline(windows(14), regressor), transformer=StandardScaler())
    grid = {
        "regressor__pipeline__slidingwindow__window": [7] if quick else [7, 14, 28],
        "regressor__rnnregressor__hidden_layer_sizes": [8, 16] if quick else [8, 16, 32],
    }
    search = GridSearchCV(network, grid, scoring="neg_mean_absolute_error", cv=TimeSeriesSplit(3, test_size=120))
    search.fit(X[train], y[train])
    print("Mean absolute error in cross-validation, by window and width:")
    table = pd.DataFrame(search.cv_results_).pivot_table("mean_test_score", *("param_" + name for name in grid))
    print((-table).rename_axis(index="window", columns="width").to_string(float_format="{:.3f}".format), "\n")

    best_window = search.best_params_["regressor__pipeline__slidingwindow__window"]
    flatten = FunctionTransformer(lambda windows: windows.reshape(len(windows), -1))
    ridge = make_pipeline(windows(best_window, pad="edge"), flatten, RidgeCV(np.logspace(-2, 4, 13)))
    ridge.fit(X[train], y[train])
    forecasts = {
        "As today": X["demand"][test],
        "Ridge regression on the same windows": ridge.predict(X[test]),
        "Recurrent network": search.predict(X[test]),
        "The true expectation, which no model knows": expected[test],
    }
    print(f"Mean absolute error on the {TEST_DAYS} days held out:")
    for name, forecast in forecasts.items():
        print(f"  {name + ':':44} {mean_absolute_error(y[test], forecast):.3f}")


if __name__ == "__main__":
    main()
