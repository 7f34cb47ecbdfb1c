"""Forecast two years of monthly airline passengers, with nothing but pandas, scikit-learn and RNNRegressor.

    python examples/forecast_airline.py [picture.png]

The last 24 of the 144 months are held out. Everything else happens inside the first 120 months: the scaling, early
stopping, and the choice of the settings, which is made by backtesting (stand at an earlier month, forecast the 24
months after it, compare). The held-out months are looked at once, at the end.

The forecast is direct: one network reads the last 24 months and puts out the next 24 at once, so no forecast is fed
back as if it were data. On a series this short a network must be told what is known already:

- it works on logarithms, where growth and seasonal swing are sums and not products;
- it reads a window relative to the mean of its last year, so that all decades look alike;
- it predicts by how much a month will exceed the same month of the last known year. Predicting 0 is thus the seasonal
  naive forecast, which repeats the last known year, and predicting a constant is that forecast plus average growth.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNRegressor
from sklearn_rnn.datasets import load_airline

WINDOW, HORIZON, YEAR = 24, 24, 12
CANDIDATES = [{"cell": cell, "hidden_layer_sizes": width} for cell in ("rnn", "gru", "lstm") for width in (8, 32)]
BACKTEST_MONTHS = [72, 84, 96]  # where the backtest stands: 24 months later is at most month 120
BACKTEST_SEEDS = range(3)
SEEDS = range(5)


def scaled(regressor):
    """Standardise the windows and the targets, with the means and deviations of what it is fitted on."""
    return TransformedTargetRegressor(make_pipeline(StandardScaler(), regressor), transformer=StandardScaler())


def network(seed, **settings):
    return scaled(
        RNNRegressor(
            **settings,
            learning_rate_init=0.01,
            batch_size=16,
            max_iter=500,
            # Some dozen windows are soon learnt by heart. The newest are kept aside to say when to stop.
            early_stopping=True,
            validation_method="last",
            n_iter_no_change=20,
            tol=0.0,
            random_state=seed,
        )
    )


def read(windows):
    """What a model sees of windows of logarithms."""
    return windows - windows[:, -YEAR:].mean(axis=1, keepdims=True)


def last_year(windows):
    """The last year of each window, repeated up to the horizon."""
    return np.tile(windows[:, -YEAR:], HORIZON // YEAR)


def months_ahead(history):
    return pd.period_range(history.index[-1] + 1, periods=HORIZON, freq="M", name=history.index.name)


def forecast(model, history):
    """Fit the model on all windows of history; forecast the HORIZON months after it."""
    logs = np.log(history.to_numpy(dtype=float))
    pieces = np.lib.stride_tricks.sliding_window_view(logs, WINDOW + HORIZON)
    past, future = pieces[:, :WINDOW], pieces[:, WINDOW:]
    model.fit(read(past), future - last_year(past))
    newest = logs[None, -WINDOW:]
    ahead = last_year(newest) + model.predict(read(newest))
    return pd.Series(np.exp(ahead[0]), months_ahead(history), name="forecast")


def seasonal_naive(history):
    return pd.Series(np.tile(history.iloc[-YEAR:], HORIZON // YEAR), months_ahead(history), name="seasonal naive")


def mean_forecast(settings, seeds, history):
    """The mean of several networks that differ in their random start."""
    return pd.concat([forecast(network(seed, **settings), history) for seed in seeds], axis=1).mean(axis=1)


def backtest(make_forecast, history):
    """Mean absolute error over the months where the backtest stands."""
    return np.mean(
        [
            mean_absolute_error(history.iloc[now : now + HORIZON], make_forecast(history.iloc[:now]))
            for now in BACKTEST_MONTHS
        ]
    )


def plot(history, held_out, forecasts, low, high, path):
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("The picture needs matplotlib: pip install 'sklearn-rnn[examples]'") from error

    figure, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
    shown = history.iloc[-60:]
    truth = pd.concat([shown, held_out])
    ax.plot(truth.index.to_timestamp(), truth, color="black", linewidth=1.4, label="passengers")
    ax.axvline(held_out.index[0].to_timestamp(), color="grey", linewidth=0.8, linestyle=":")
    ax.annotate(
        "held out",
        (held_out.index[0].to_timestamp(), 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(5, 0),
        textcoords="offset points",
        va="top",
        color="grey",
    )
    times = held_out.index.to_timestamp()
    for (name, (values, error)), color in zip(forecasts.items(), ("tab:orange", "tab:blue"), strict=True):
        ax.plot(times, values, color=color, linewidth=1.8, label=f"{name}, mean absolute error {error:.1f}")
    ax.fill_between(times, low, high, color="tab:blue", alpha=0.2, linewidth=0, label="range over seeds")
    ax.set(ylabel="thousands a month", title="International airline passengers: 24 months ahead from December 1958")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", nargs="?", type=Path, default=Path(__file__).with_suffix(".png"))
    path = parser.parse_args().picture

    airline = load_airline()
    history, held_out = airline.iloc[:-HORIZON], airline.iloc[-HORIZON:]

    print(f"Backtest inside the first {len(history)} months (mean absolute error, thousands of passengers):")
    table = pd.DataFrame(CANDIDATES)
    table["error"] = [backtest(lambda past, c=c: mean_forecast(c, BACKTEST_SEEDS, past), history) for c in CANDIDATES]
    table = table.sort_values("error")
    print(table.to_string(index=False, float_format="{:.1f}".format))
    print(f"Seasonal naive: {backtest(seasonal_naive, history):.1f}\n")
    chosen = CANDIDATES[table.index[0]]

    by_seed = pd.concat({seed: forecast(network(seed, **chosen), history) for seed in SEEDS}, axis=1)
    forecasts = {
        "Seasonal naive": seasonal_naive(history),
        "Ridge regression": forecast(scaled(RidgeCV(np.logspace(-1, 3, 9))), history),
        f"Mean of {len(SEEDS)} networks": by_seed.mean(axis=1),
    }
    errors = {name: mean_absolute_error(held_out, values) for name, values in forecasts.items()}
    settings = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
    print(f"Held-out months {held_out.index[0]} to {held_out.index[-1]}, networks with {settings}:")
    for seed, values in by_seed.items():
        print(f"  Network, random_state={seed}: {mean_absolute_error(held_out, values):5.1f}")
    for name, error in errors.items():
        print(f"  {name + ':':24} {error:5.1f}")

    shown = {name: (forecasts[name], errors[name]) for name in forecasts if name != "Ridge regression"}
    plot(history, held_out, shown, by_seed.min(axis=1), by_seed.max(axis=1), path)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    main()
