"""Forecast a fortnight of sales of thirty shops from one CSV file: promotions and holidays (known ahead), temperatures
(not known), kinds of shop (static text), shops that open late, rows and values that are missing; and one more shop that
was not there when the forecaster was fitted.

    python examples/forecast_shops.py [picture.png]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.datasets import make_shop_sales

DAYS, NEW = 14, "shop_30"


def draw(path, sales, forecast):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 6), sharex=True, layout="constrained")
    for shop, ax in zip(["shop_00", "shop_01", "shop_05", NEW], axes.flat):
        of_shop, ahead = sales[sales["shop"] == shop], forecast[forecast["shop"] == shop]
        recent = of_shop[of_shop["date"] > ahead["date"].min() - pd.Timedelta(days=70)]
        ax.plot(recent.set_index("date")["sales"].asfreq("D"), color="0.4", label="sales, with gaps")
        ax.plot(ahead["date"], ahead["sales"], color="C1", label="forecast")
        ax.fill_between(ahead["date"], ahead["lower"], ahead["upper"], color="C1", alpha=0.25, label="90% interval")
        ax.set(title=f"{shop} ({recent['kind'].iloc[0]}){', never fitted' * (shop == NEW)}", ylabel="sales a day")
    axes[0, 0].legend(loc="upper left")
    figure.autofmt_xdate()
    figure.savefig(path, dpi=90)


with tempfile.TemporaryDirectory() as folder:
    make_shop_sales(31, random_state=0).to_csv(Path(folder, "shops.csv"), index=False)
    sales = pd.read_csv(Path(folder, "shops.csv"), parse_dates=["date"])

is_new, is_ahead = sales["shop"] == NEW, sales["date"] > sales["date"].max() - pd.Timedelta(days=DAYS)
forecaster = RNNForecaster(  # thousands of windows bear larger batches and steps, and fewer passes, than by default
    RNNRegressor(32, cell="gru", batch_size=128, learning_rate_init=0.01, max_iter=12),
    **{"id_col": "shop", "time_col": "date", "target_col": "sales", "past_only": ["temperature"]},
    **{"horizon": DAYS, "target_transform": "log", "random_state": 0, "verbose": 1},
).fit(sales[~is_new & ~is_ahead])
print(f"{forecaster.missing_fraction_:.1%} of the sales are missing")

parts = [(sales[~is_new & is_ahead], None), (sales[is_new & is_ahead], sales[is_new & ~is_ahead])]
forecast = pd.concat(forecaster.predict(X=x, y=y).merge(forecaster.predict_interval(X=x, y=y)) for x, y in parts)
both = forecast.merge(sales, on=["shop", "date"], suffixes=("", "_true"))
before = sales.assign(date=sales["date"] + pd.Timedelta(days=DAYS))[["shop", "date", "sales"]]
both = both.merge(before, on=["shop", "date"], suffixes=("", "_before"))
for what, column in (("the forecast", "sales"), ("the sales two weeks before", "sales_before")):
    error = np.abs(both["sales_true"] / both[column] - 1).groupby(both["shop"]).mean()
    print(f"Off by {error.drop(NEW).mean():.1%} on average, {what}; of {NEW}, which is new, by {error[NEW]:.1%}")
print(f"{both['sales_true'].between(both['lower'], both['upper']).mean():.0%} within the 90% intervals")
if len(sys.argv) > 1:
    draw(sys.argv[1], sales, forecast)
