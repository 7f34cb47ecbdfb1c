"""Forecast a year of monthly airline passengers: fit, backtest, intervals, a grid search and a picture.

    python examples/forecast_airline.py [picture.png]

The series grows, its seasonal swing grows with it, and there are only 144 months of it: hard for a network, which knows
neither growth nor seasons beforehand. RNNForecaster reads windows of logarithms relative to a level and a seasonal
pattern, fits a ridge regression to them first, lets the network learn what that leaves, and combines the outcome with
simpler forecasts, each weighed by its errors on months that are first held back.

That logarithms are right shows in the first years; all else are defaults of RNNForecaster. They are compared with other
settings by tests/benchmarks/forecast_settings.py, on the first 102 months of this series and on simulated ones, and the
combination by forecast_candidates.py, on other series. The errors on the later months were seen, too, while
RNNForecaster was designed, so they are not an untouched test. A search over `window` is one over the network alone:
what is given is obeyed, and nothing is combined with it.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from sklearn_rnn import RNNForecaster
from sklearn_rnn.datasets import load_airline

YEAR = 12
ORIGINS = [102, 108, 114, 120, 126, 132]  # months after which the backtest stands, to forecast the next 12
SEEDS = range(3)


def forecaster(seed=0, **settings):
    return RNNForecaster(horizon=YEAR, target_transform="log", random_state=seed, **settings)


def ridge_on_lags():
    """The same windows of the last 24 logarithms, relative to the newest one, and no network."""
    return RNNForecaster(
        RidgeCV(np.logspace(-3, 3, 13)), horizon=YEAR, target_transform="log", window=24, normalize="last"
    )


def holt_winters(past):
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of statsmodels' optimizer, now and then
        model = ExponentialSmoothing(past, trend="add", damped_trend=True, seasonal="mul", seasonal_periods=YEAR)
        return model.fit().forecast(YEAR).to_numpy()


def seasonal_naive(past):
    return past.to_numpy()[-YEAR:]


def scaled_errors(airline, backtest):
    """MASE for each cutoff: mean absolute error, by that of repeating the last year on all months until then."""
    errors = (backtest["y_true"] - backtest["y_pred"]).abs().groupby(backtest["cutoff"]).mean()
    return np.array([error / airline[:cutoff].diff(YEAR).abs().mean() for cutoff, error in errors.items()])


def scaled_errors_of(make_forecast, airline):
    return np.array(
        [
            np.abs(airline.to_numpy()[now : now + YEAR] - make_forecast(airline[:now])).mean()
            / airline[:now].diff(YEAR).abs().mean()
            for now in ORIGINS
        ]
    )


def compare(airline):
    """One row for each forecaster: its scaled error from each origin, fitted anew on what was known then."""
    settings = {"n_splits": len(ORIGINS), "stride": ORIGINS[1] - ORIGINS[0], "refit": True}
    rows = {}
    with warnings.catch_warnings():
        # After the first years, with only 20 months held back, a forecaster may find itself worse than the naive one.
        warnings.filterwarnings("ignore", message="On the last")
        backtests = [forecaster(seed).backtest(airline, **settings) for seed in SEEDS]
        for seed, backtest in zip(SEEDS, backtests, strict=True):
            rows[f"RNNForecaster, random_state={seed}"] = scaled_errors(airline, backtest)
        rows["Ridge regression on 24 lags"] = scaled_errors(airline, ridge_on_lags().backtest(airline, **settings))
    try:
        rows["Holt-Winters, damped (statsmodels)"] = scaled_errors_of(holt_winters, airline)
    except ImportError:
        print("For Holt-Winters beside it: pip install 'sklearn-rnn[examples]'\n")
    rows["Seasonal naive"] = scaled_errors_of(seasonal_naive, airline)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[airline.index[now - 1] for now in ORIGINS])
    table["mean"] = table.mean(axis=1)
    return table, backtests[0]


def plot(airline, forecast, interval, naive, path):
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("The picture needs matplotlib: pip install 'sklearn-rnn[examples]'") from error

    figure, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
    shown = airline.iloc[-6 * YEAR :]
    times = forecast.index.to_timestamp()
    ax.plot(shown.index.to_timestamp(), shown, color="black", linewidth=1.4, label="passengers")
    ax.plot(times, naive, color="tab:orange", linewidth=1.2, linestyle="--", label="seasonal naive forecast")
    ax.plot(times, forecast, color="tab:blue", linewidth=1.8, label="RNNForecaster")
    ax.fill_between(
        times, interval["lower"], interval["upper"], color="tab:blue", alpha=0.2, linewidth=0, label="90% interval"
    )
    ax.axvline(times[0], color="grey", linewidth=0.8, linestyle=":")
    ax.annotate(
        "held out",
        (times[0], 0.04),
        xycoords=("data", "axes fraction"),
        xytext=(5, 0),
        textcoords="offset points",
        color="grey",
    )
    ax.set(ylabel="thousands a month", title="International airline passengers: 1960, forecast at the end of 1959")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", nargs="?", type=Path, default=Path(__file__).with_suffix(".png"))
    path = parser.parse_args().picture

    airline = load_airline()
    history, held_out = airline.iloc[:-YEAR], airline.iloc[-YEAR:]

    print(f"Fit on {history.index[0]} to {history.index[-1]}, forecast the next {YEAR} months:")
    model = forecaster().fit(history)
    forecast, interval = model.predict(), model.predict_interval(coverage=0.9)
    print(pd.concat([held_out, forecast.rename("forecast"), interval], axis=1).round(0).astype(int).to_string())
    print(f"Mean absolute scaled error: {-model.score(held_out):.2f}.", end=" ")
    print(f"Skill on the months held back in fit: {model.skill_:.2f} (0: as good as the best naive forecast).")
    low, high = model.sample_paths(n_paths=1000, random_state=0).sum().quantile([0.05, 0.95])
    print(
        f"The year as a whole: {forecast.sum():.0f}, with a probability of 90% from {low:.0f} to {high:.0f}; ", end=""
    )
    print(f"it came to {held_out.sum()}.\nWhat is combined:")
    print(
        model.candidates_.sort_values("weight", ascending=False).head(5).to_string(float_format="{:.2f}".format), "\n"
    )

    print("Backtest: scaled error of forecasting 12 months, by the last month known:")
    table, backtest = compare(airline)
    print(table.to_string(float_format="{:.2f}".format))
    inside = backtest["y_true"].between(backtest["lower"], backtest["upper"])
    print(f"Of the 90% intervals, {inside.mean():.0%} held the true value.\n")

    print("Grid search over window and width, each scored on the last 4 years before the held-out one:")
    grid = {"window": [12, 18, 24], "regressor__hidden_layer_sizes": [8, 16, 32]}
    search = GridSearchCV(
        forecaster(calibration_fraction=0), grid, cv=TimeSeriesSplit(n_splits=4, test_size=YEAR), error_score="raise"
    )
    search.fit(history)
    results = pd.DataFrame(search.cv_results_)
    errors = -results.pivot_table("mean_test_score", *("param_" + name for name in grid))
    print(errors.rename_axis(index="window", columns="width").to_string(float_format="{:.2f}".format))
    print(f"Best: {search.best_params_}; on the held-out year {-search.score(held_out):.2f}.")

    plot(airline, forecast, interval, seasonal_naive(history), path)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    main()
