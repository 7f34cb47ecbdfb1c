"""How the defaults of RNNForecaster were chosen: settings compared by backtests on series that no claim is made about.

    python tests/benchmarks/forecast_settings.py [--quick]

The series: the first 102 months of the airline passengers (the README's figures are about the months after them);
series simulated from the model that Box and Jenkins fitted to it, with the parameters that its first 102 months give;
structural series, with a trend and a seasonal pattern that drift; autoregressive ones; random walks; and two chaotic
ones, of Henon and of Mackey and Glass, where a linear model must fail. For each the mean absolute scaled error of
forecasts, fitted on the first part and updated on the way; the table's last column is the geometric mean.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from sklearn.dummy import DummyRegressor

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.datasets import load_airline

AIRLINE = load_airline().to_numpy(dtype=float)[:102]


def first_months(rng):
    return AIRLINE


def airline_model(rng, n=144, theta=0.393, seasonal_theta=0.591, sigma=0.038):
    """(1 - B)(1 - B^12) log y = (1 - theta B)(1 - seasonal_theta B^12) e, the parameters estimated on AIRLINE."""
    z, e = list(np.log(AIRLINE[:13])), sigma * rng.normal(size=n)
    e[:13] = 0
    for t in range(13, n):
        noise = e[t] - theta * e[t - 1] - seasonal_theta * e[t - 12] + theta * seasonal_theta * e[t - 13]
        z.append(z[t - 1] + z[t - 12] - z[t - 13] + noise)
    return np.exp(z)


def structural(rng, n=120, s=12):
    """Logarithms with a local trend, a seasonal pattern that drifts, and autocorrelated noise."""
    pattern = rng.normal(size=s)
    pattern = (pattern - pattern.mean()) / pattern.std() * rng.uniform(0.05, 0.3)
    growth, level, persistence, sigma = rng.uniform(-0.003, 0.012), 5.0, rng.uniform(0, 0.8), rng.uniform(0.01, 0.06)
    growth_drift, pattern_drift = rng.uniform(0, 0.0015), rng.uniform(0, 0.01)
    usual, noise, out = growth, 0.0, []
    for t in range(n):
        growth = usual + 0.95 * (growth - usual) + growth_drift * rng.normal()
        level += growth + 0.25 * sigma * rng.normal()
        pattern[t % s] += pattern_drift * rng.normal()
        noise = persistence * noise + sigma * rng.normal()
        out.append(level + pattern[t % s] + noise)
    return np.exp(out)


def autoregressive(rng, n=300):
    x = np.zeros(n + 50)
    for t in range(2, n + 50):
        x[t] = 1.2 * x[t - 1] - 0.5 * x[t - 2] + rng.normal()
    return x[50:]


def random_walk(rng, n=200):
    return 100 + np.cumsum(rng.normal(size=n))


def henon(rng, n=400):
    x = np.zeros(n + 50)
    x[:2] = 0.1 * rng.normal(size=2)
    for t in range(2, n + 50):
        x[t] = 1 - 1.4 * x[t - 1] ** 2 + 0.3 * x[t - 2]
    return x[50:] + 0.02 * rng.normal(size=n)


def mackey_glass(rng, n=500):
    x = np.full(6 * n + 200, 1.2)
    x[:20] += 0.1 * rng.normal(size=20)
    for t in range(20, len(x) - 1):
        x[t + 1] = x[t] + 0.2 * x[t - 17] / (1 + x[t - 17] ** 10) - 0.1 * x[t]
    return x[200::6][:n] + 0.02 * rng.normal(size=n)


# name: generator, horizon, and what a user would know of the series
MONTHLY = {"season_length": 12, "target_transform": "log"}
SERIES = {
    "airline[:102]": (first_months, 12, MONTHLY),
    "airline model": (airline_model, 12, MONTHLY),
    "structural": (structural, 12, MONTHLY),
    "AR(2)": (autoregressive, 5, {"season_length": 1}),
    "random walk": (random_walk, 5, {"season_length": 1}),
    "Henon": (henon, 1, {"season_length": 1}),
    "Mackey-Glass": (mackey_glass, 6, {"season_length": 1}),
}


def net(width=32, max_iter=50, **settings):
    return RNNRegressor(width, alpha=0.003, batch_size=32, max_iter=max_iter, **settings)


STOPPED = {"early_stopping": True, "validation_method": "last", "validation_fraction": 0.15, "n_iter_no_change": 15}
CANDIDATES = {
    "defaults": {},
    "linear path alone": {"regressor": DummyRegressor(), "linear_path": True},
    "no linear path": {"linear_path": False},
    "Elman": {"regressor": net(cell="rnn")},
    "LSTM": {"regressor": net(cell="lstm")},
    "width 16": {"regressor": net(16)},
    "width 64": {"regressor": net(64)},
    "25 epochs": {"regressor": net(max_iter=25)},
    "100 epochs": {"regressor": net(max_iter=100)},
    "early stopping": {"regressor": net(max_iter=300, **STOPPED)},
    "3 members": {"n_members": 3},
    "no network weight": {"calibration_fraction": 0},
    "recursive": {"strategy": "recursive"},
    "normalize='last'": {"normalize": "last"},
    "normalize='mean'": {"normalize": "mean"},
    "normalize='smoothing'": {"normalize": "smoothing"},
    "normalize=None": {"normalize": None},
    "normalize='last', 6 harmonics": {"normalize": "last", "seasonal_features": 6},
    "difference='season'": {"difference": "season"},
    "window 6": {"window": 6},
    "window 13": {"window": 13},
    "window 24": {"window": 24},
}


def scaled_error(name, settings, n_series):
    generate, horizon, known = SERIES[name]
    refit = name == "airline[:102]"
    errors = []
    for seed in range(1 if refit else n_series):
        y = generate(np.random.default_rng(seed))
        forecaster = RNNForecaster(**{"horizon": horizon, "random_state": seed, **known, **settings})
        table = forecaster.backtest(y, n_splits=6 if refit else 4, stride=6 if refit else horizon, refit=refit)
        s = known["season_length"]
        errors.append((table["y_true"] - table["y_pred"]).abs().mean() / np.abs(y[s:] - y[:-s]).mean())
    return np.mean(errors)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two series of each kind, three candidates")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")  # of settings that do worse than the seasonal naive forecast
    rows = {}
    for label, settings in list(CANDIDATES.items())[: 3 if quick else None]:
        rows[label] = {name: scaled_error(name, settings, 2 if quick else 10) for name in SERIES}
        table = pd.DataFrame.from_dict(rows, orient="index")
        table["mean"] = np.exp(np.log(table).mean(axis=1))
        print(
            table.iloc[[-1]].to_string(header=len(rows) == 1, float_format="{:13.3f}".format, index_names=False),
            flush=True,
        )


if __name__ == "__main__":
    main()
