r"""
5a. A pipeline over time: forecast tomorrow, with exogenous columns
===================================================================

Forecast tomorrow with an ordinary scikit-learn pipeline. ::

    python examples/pipeline_time_series.py [--quick]

The data are simulated, so that the best that can be reached is known: three years of the heating demand of a town. It
depends on the weekday and on the outside temperature :math:`\tau_t`, but only below 15 degrees, and with delay:
walls hold warmth for days.

.. math::

    s_t = 0.7\, s_{t-1} + 0.3 \max(15 - \tau_t, 0), \qquad
    \text{demand}_t = 5 + s_t \cdot (0.8 \text{ on weekends}) + \text{noise}

A linear model knows neither thresholds nor where to end its memory.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_rnn import RNNRegressor, SlidingWindow

quick = "--quick" in sys.argv or "ipykernel" in sys.modules  # as in a notebook
picture = next((word for word in sys.argv if word.endswith(".png")), None)

TEST_DAYS = 180
NOISE = 0.3

# %%
# The table
# ---------
#
# Rows are days. Each row holds what is known at the end of the day, and the forecast of tomorrow's weather; y is
# tomorrow's demand. That is the whole trick of exogenous columns: what is known ahead is shifted, so that it stands in
# the row of the day on which it is known.


def simulate(n_days, seed=0):
    """A table of what is known each day, tomorrow's demand, and the part of it that is
    not noise.
    """
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
    table = pd.DataFrame(
        {"demand": demand, "temperature": temperature, "weekend": weekend.astype(float)},
        index=days,
    )
    # Known ahead: shifted, so that the row of today holds tomorrow's.
    table["temperature tomorrow"] = table["temperature"].shift(-1)
    table["weekend tomorrow"] = table["weekend"].shift(-1)
    tomorrow = pd.DataFrame({"demand": demand, "expected": expected}, index=days).shift(
        -1
    )
    return table.iloc[:-1], tomorrow["demand"].iloc[:-1], tomorrow["expected"].iloc[:-1]


X, y, expected = simulate(3 * 365)
train, test = slice(None, -TEST_DAYS), slice(-TEST_DAYS, None)
print(X.head(3).round(1).to_string())

# %%
# The demand follows the temperature from below, with delay, and does not follow it in summer.

figure, (of_demand, of_temperature) = plt.subplots(
    2, 1, figsize=(9, 4.4), sharex=True, layout="constrained"
)
of_demand.plot(X["demand"], color="black", linewidth=0.9)
of_demand.axvspan(X.index[-TEST_DAYS], X.index[-1], color="0.9", zorder=0)
of_demand.annotate(
    "held out", (X.index[-TEST_DAYS], 26), (4, 0), textcoords="offset points"
)
of_demand.set(title="Three years of heating demand", ylabel="demand (MWh a day)")
of_temperature.plot(X["temperature"], color="0.45", linewidth=0.9)
of_temperature.axhline(
    15, color="black", linestyle="--", linewidth=0.9, label="no heating above"
)
of_temperature.set(xlabel="day", ylabel="temperature (°C)")
of_temperature.legend(frameon=False, loc="upper right")
for ax in (of_demand, of_temperature):
    ax.spines[["top", "right"]].set_visible(False)

# %%
# Windows inside the pipeline
# ---------------------------
#
# ``SlidingWindow(14)`` makes of each row the window of 14 rows that ends there, so that y stays aligned: a table goes
# in, sequences of shape (n, 14, 5) come out. It is a step of the pipeline, so its length can be searched over. In
# cross-validation the first windows of a test fold reach back into the training rows, as the index shows that the one
# follows on the other; the scaler in front keeps the index (``set_output``).


def windows(window, **settings):
    return make_pipeline(
        StandardScaler().set_output(transform="pandas"), SlidingWindow(window, **settings)
    )


print("A table of", X.shape, "becomes sequences of", windows(14).fit_transform(X).shape)

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
network = TransformedTargetRegressor(
    make_pipeline(windows(14), regressor), transformer=StandardScaler()
)

# %%
# The search
# ----------
#
# ``TimeSeriesSplit`` always tests on days after those that were fitted. A test fold never teaches its own past.

grid = {
    "regressor__pipeline__slidingwindow__window": [7] if quick else [7, 14, 28],
    "regressor__rnnregressor__hidden_layer_sizes": [8, 16] if quick else [8, 16, 32],
}
search = GridSearchCV(
    network, grid, scoring="neg_mean_absolute_error", cv=TimeSeriesSplit(3, test_size=120)
)
search.fit(X[train], y[train])
print("Mean absolute error in cross-validation, by window and width:")
table = pd.DataFrame(search.cv_results_).pivot_table(
    "mean_test_score", *("param_" + name for name in grid)
)
print(
    (-table)
    .rename_axis(index="window", columns="width")
    .to_string(float_format="{:.3f}".format)
)

# %%
# Beside it, ridge regression on the same windows, laid flat; to repeat today; and what no model can beat, unless by
# luck.

best_window = search.best_params_["regressor__pipeline__slidingwindow__window"]
flatten = FunctionTransformer(lambda windows: windows.reshape(len(windows), -1))
ridge = make_pipeline(
    windows(best_window, pad="edge"), flatten, RidgeCV(np.logspace(-2, 4, 13))
)
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

# %%
# Where the difference comes from: the error of each day against what is expected of it. On the left no heating is
# needed and the demand is the base load of 5, whatever the weather. The linear model does not know that there is one:
# on the mildest days it forecasts less than 3. On the right it is cold, and what a weekend saves is a share of the
# heating, which a sum of columns cannot say.
#
# The network's errors are smaller, but not centred: most points lie above 0, and the more so the colder it is. Such a
# bias can be seen in the past, too, on days held back, and be taken off.

far = np.asarray(expected[test]) > 16
print("Mean of forecast minus expectation, on days of up to 16 MWh and of more:")
for name in list(forecasts)[1:3]:
    apart = np.asarray(forecasts[name] - expected[test])
    print(f"  {name + ':':44} {apart[~far].mean():5.2f} {apart[far].mean():5.2f}")

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, name in zip(
    axes, ("Ridge regression on the same windows", "Recurrent network"), strict=True
):
    ax.plot(
        expected[test],
        forecasts[name] - expected[test],
        "o",
        color="black",
        markersize=3,
        alpha=0.6,
    )
    ax.axhline(0, color="0.5", linewidth=0.8)
    ax.set(title=name, xlabel="true expectation (MWh a day)")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("forecast minus expectation (MWh)")
if picture:
    figure.savefig(picture, dpi=110)

# %%
# What to try
# -----------
#
# Take "temperature tomorrow" out of the table: how much of the error is the weather that nobody knows? Then give ridge
# regression the column ``max(15 - temperature, 0)``. What is left of the network's lead, and which of the two ways
# would you rather explain?
