"""Forecast a fortnight of sales of thirty shops from one CSV file: promotions, holidays, temperatures, kinds of shop,
shops that open late, gaps; and a shop that was not there when the forecaster was fitted.

    python examples/forecast_shops.py [picture.png]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_rnn import RNNForecaster
from sklearn_rnn.datasets import make_shop_sales

DAYS, SHOWN = 14, ["shop_00", "shop_01", "shop_02", "shop_29"]


def draw(path, sales, forecast, bounds):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 6), sharex=True, layout="constrained")
    for shop, ax in zip(SHOWN, axes.flat):
        of_shop, ahead, within = (part[part["shop"] == shop] for part in (sales, forecast, bounds))
        recent = of_shop[of_shop["date"] > ahead["date"].min() - pd.Timedelta(days=70)].set_index("date")["sales"]
        ax.plot(recent.asfreq("D"), color="0.3", label="sales")
        ax.plot(ahead["date"], ahead["sales"], color="C1", label="forecast")
        ax.fill_between(within["date"], within["lower"], within["upper"], color="C1", alpha=0.25, label="90% interval")
        ax.set(title=f"{shop}, {of_shop['kind'].iloc[0]}" + ", never fitted" * (shop == SHOWN[-1]), ylabel="sales")
    axes[0, 0].legend(loc="upper left")
    figure.autofmt_xdate()
    figure.savefig(path, dpi=100)


def main(picture):
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder) / "shops.csv"
        make_shop_sales(random_state=0).to_csv(csv, index=False)
        sales = pd.read_csv(csv)  # dates are text now, as they come

    sales["date"] = pd.to_datetime(sales["date"])  # for the comparisons below; the forecaster reads text as well
    last = sales["date"].max() - pd.Timedelta(days=DAYS)
    known, ahead = sales[sales["date"] <= last], sales[sales["date"] > last]
    new = known["shop"] == SHOWN[-1]

    forecaster = RNNForecaster(
        id_col="shop", time_col="date", target_col="sales", past_only=["temperature"], target_transform="log",
        horizon=DAYS, random_state=0, verbose=1,
    ).fit(known[~new])  # fmt: skip
    calendar = known.drop_duplicates("date")[["date", "holiday"]]
    print(
        f"{len(known):,} rows, {forecaster.missing_fraction_:.1%} of the values missing, {calendar['holiday'].sum()} holidays"
    )

    fitted, unseen = ahead["shop"] != SHOWN[-1], ahead["shop"] == SHOWN[-1]
    forecast = pd.concat([forecaster.predict(X=ahead[fitted]), forecaster.predict(X=ahead[unseen], y=known[new])])
    bounds = pd.concat(
        [forecaster.predict_interval(X=ahead[fitted]), forecaster.predict_interval(X=ahead[unseen], y=known[new])]
    )

    both = ahead.merge(forecast, on=["shop", "date"], suffixes=("", "_forecast"))
    week_before = both.merge(
        known.assign(date=known["date"] + pd.Timedelta(days=DAYS)), on=["shop", "date"], suffixes=("", "_before")
    )
    for name, column in (("RNNForecaster", "sales_forecast"), ("two weeks before", "sales_before")):
        error = np.abs(np.log(week_before["sales"] / week_before[column])).mean()
        print(f"{name}: off by {error:.1%} on average")
    if picture:
        draw(picture, sales, forecast, bounds)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
