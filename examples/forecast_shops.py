"""
7. Forecasting a panel: a fortnight of sales of thirty shops
============================================================

One model for all series of a table, from one CSV file: promotions and holidays (known ahead), temperatures (not known),
kinds of shop (static text), shops that open late, rows and values that are missing; and one more shop that was not
there when the forecaster was fitted. ::

    python examples/forecast_shops.py [picture.png] [--quick]

A network for each shop would see a year or two of days. One network for all sees every shop's, and what it learns of
weekdays and promotions in one serves the others. ``--quick``, with which this page is made for the documentation, has a
third of the shops and fewer passes.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_rnn import ForecastDisplay, RNNForecaster, RNNRegressor
from sklearn_rnn.datasets import make_shop_sales

quick = "--quick" in sys.argv or "ipykernel" in sys.modules  # as in a notebook
picture = next((word for word in sys.argv if word.endswith(".png")), None)
n_shops, n_passes = (10, 6) if quick else (30, 12)
DAYS, NEW = 14, f"shop_{n_shops:02}"

# %%
# The file
# --------
#
# A long frame, as it comes: one row a shop and day. Days on which nothing was recorded are not there, and some that are
# there lack their sales.

with tempfile.TemporaryDirectory() as folder:
    make_shop_sales(n_shops + 1, random_state=0).to_csv(
        Path(folder, "shops.csv"), index=False
    )
    sales = pd.read_csv(Path(folder, "shops.csv"), parse_dates=["date"])
print(sales.groupby("shop").head(1).head(6).to_string(index=False))

# %%
# The last fortnight is held out, and one shop altogether.

is_new, is_ahead = (
    sales["shop"] == NEW,
    sales["date"] > sales["date"].max() - pd.Timedelta(days=DAYS),
)

# %%
# Fit
# ---
#
# The forecaster is told which columns are ids, times and the target. All others are exogenous: known ahead unless they
# are named in ``past_only``; text and truth values are encoded; what does not change within a shop is static. Gaps
# count for nothing in training. Thousands of windows bear larger batches and steps, and fewer passes, than by default.
#
# The epochs are reported twice, as there are two fits: the first without the last part of each series, on which all
# candidates are then measured; the second with everything.

forecaster = RNNForecaster(
    RNNRegressor(
        32, cell="gru", batch_size=128, learning_rate_init=0.01, max_iter=n_passes
    ),
    id_col="shop",
    time_col="date",
    target_col="sales",
    past_only=["temperature"],
    horizon=DAYS,
    target_transform="log",
    random_state=0,
    verbose=1,
).fit(sales[~is_new & ~is_ahead])
print(f"{forecaster.missing_fraction_:.1%} of the sales are missing")

# %%
# What is combined, and what it was worth on the parts held back, is found for each series by itself. Mean weights and
# errors over the shops, and the skill (0: as good as the best naive forecast):

candidates = (
    forecaster.candidates_.groupby("candidate")
    .mean()
    .sort_values("weight", ascending=False)
)
print(candidates.head(5).to_string(float_format="{:.2f}".format))
skill = forecaster.skill_by_series_
print(
    f"Skill from {skill.min():.2f} ({skill.idxmin()}) to {skill.max():.2f} "
    f"({skill.idxmax()})"
)

# %%
# Forecast
# --------
#
# ``predict`` wants the exogenous columns of the days ahead, and returns a long frame. The shop that is new is forecast
# from its own past, given as ``y``: nothing is fitted again.

old, new = sales[~is_new & is_ahead], sales[is_new & is_ahead]
past_of_new = sales[is_new & ~is_ahead]
parts = [(old, None), (new, past_of_new)]
forecast = pd.concat(
    forecaster.predict(X=x, y=y).merge(forecaster.predict_interval(X=x, y=y))
    for x, y in parts
)

both = forecast.merge(sales, on=["shop", "date"], suffixes=("", "_true"))
before = sales.assign(date=sales["date"] + pd.Timedelta(days=DAYS))[
    ["shop", "date", "sales"]
]
both = both.merge(before, on=["shop", "date"], suffixes=("", "_before"))
for what, column in (
    ("the forecast", "sales"),
    ("the sales two weeks before", "sales_before"),
):
    error = np.abs(both[column] / both["sales_true"] - 1).groupby(both["shop"]).mean()
    print(
        f"Off by {error.drop(NEW).mean():.1%} on average, {what}; of {NEW}, which is "
        f"new, by {error[NEW]:.1%}"
    )
print(
    f"{both['sales_true'].between(both['lower'], both['upper']).mean():.0%} within the "
    "90% intervals"
)

# %%
# Three shops that were fitted, and the new one. Most peaks are promotions. They are known ahead, so the forecast rises
# where they are; how far is another matter: shop_01 sold 275 on its best day, where some 170 were forecast (on this
# page, with ten shops).

SHOWN = ["shop_00", "shop_01", "shop_05"]
figure, axes = plt.subplots(2, 2, figsize=(11, 6.4), sharex=True, layout="constrained")
options = {"n_history": 56, "coverage": 0.9, "legend": False}  # one legend for all, above
ForecastDisplay.from_estimator(
    forecaster,
    X=old,
    history=sales[~is_new & ~is_ahead],
    y_true=old,
    ids=SHOWN,
    ax=axes.flat[:3],
    **options,
)
ForecastDisplay.from_estimator(
    forecaster, X=new, y=past_of_new, y_true=new, ax=axes.flat[3], **options
)
kinds = sales.groupby("shop")["kind"].first()
for shop, ax in zip([*SHOWN, NEW], axes.flat, strict=True):
    ax.set(
        title=f"{shop} ({kinds[shop]}){', never fitted' * (shop == NEW)}",
        xlabel="",
        ylabel="sales (a day)",
    )
handles, labels = axes[0, 0].get_legend_handles_labels()
figure.legend(
    handles, labels, loc="outside upper center", ncols=len(labels), frameon=False
)
figure.supxlabel("day")
if picture:
    figure.savefig(picture, dpi=90)

# %%
# What to try
# -----------
#
# Leave the column ``promotion`` out of the frame: what becomes of the peaks, and of the intervals? Then let
# ``RidgeCV(np.logspace(-3, 3, 13))`` be the regressor. On panels with simple effects it comes to nearly the same in a
# tenth of the time; ``network_weight_`` tells beforehand.
