"""Faults of forecasts of real data that users found."""

import warnings

import numpy as np
import pandas as pd
import pytest
from forecast_cases import unskilled
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import RidgeCV

from sklearn_rnn import RNNForecaster

ALPHAS = np.logspace(-3, 3, 13)
DAYS = pd.date_range("2024-01-01", periods=120)


def ridge(**settings):
    return RNNForecaster(RidgeCV(ALPHAS), **({"calibration_fraction": 0} | settings))


def shops(n=4, n_days=120, seed=0):
    """A long frame: promotions raise sales by half, and each shop has a kind."""
    rng, parts = np.random.default_rng(seed), []
    for k in range(n):
        promo = rng.uniform(size=n_days) < 0.2
        level = 50 * (k + 1) + np.array([0.0, 5, 10, 5, 0, -10, -15])[np.arange(n_days) % 7] + rng.normal(size=n_days)
        parts.append(
            pd.DataFrame(
                {
                    "shop": f"s{k}",
                    "date": pd.date_range("2024-01-01", periods=n_days),
                    "kind": "ab"[k % 2],
                    "promo": promo,
                    "sales": level * (1 + 0.5 * promo),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def long(**settings):
    return ridge(id_col="shop", time_col="date", target_col="sales", horizon=7, **settings)


def split(frame, n=7):
    late = frame["date"] > frame["date"].max() - pd.Timedelta(days=n)
    return frame[~late], frame[late]


def error(forecast, truth):
    both = forecast.merge(truth, on=["shop", "date"], suffixes=("", "_true"))
    return np.abs(both["sales"] - both["sales_true"]).mean()


# ---- intervals ------------------------------------------------------------------------------------------------------


def walks(n=40, steps=200):
    rng = np.random.default_rng(0)
    values = 100 + rng.normal(size=(n, steps)).cumsum(axis=1)
    index = pd.MultiIndex.from_product([range(n), pd.date_range("2024", periods=steps)], names=["id", "day"])
    return pd.Series(values.ravel(), index)


@unskilled
def test_intervals_count_the_steps_since_the_last_value():
    """A value that is missing was itself forecast: what follows k missing ones is k steps further ahead."""
    y = walks()
    early = y[y.index.get_level_values(1) <= y.index.get_level_values(1)[180]]
    forecaster = ridge(horizon=5, season_length=1, calibration_fraction=0.3).fit(early)
    whole = forecaster.predict_interval(12)
    stopped = early.groupby(level=0).head(-4)
    gap = stopped.reindex(early.index)
    cut = forecaster.predict_interval(12, y=stopped)
    found = forecaster.predict_interval(8, y=gap)

    def width(bounds):
        return (bounds["upper"] - bounds["lower"]).groupby(level=1).mean()

    np.testing.assert_allclose(width(found), width(cut)[4:], rtol=1e-9)
    assert (width(found)[:4] > 1.3 * width(whole)[:4]).all()
    # the same by way of an update, and of fit; a value ends it
    updated = ridge(horizon=5, season_length=1, calibration_fraction=0.3).fit(early.groupby(level=0).head(-4))
    day = updated.predict_interval(3)
    updated.update(gap[~gap.index.isin(stopped.index)])
    assert (width(updated.predict_interval(3)) > 1.2 * width(day).to_numpy()).all()
    # and again, two days at once, of which the first is missing too
    days = y.index.get_level_values(1)
    wide = width(updated.predict_interval(3))
    updated.update(y[days == days[181]] * np.nan)
    assert (width(updated.predict_interval(3)).to_numpy() > 1.02 * wide.to_numpy()).all()
    updated.update(y[days == days[182]])
    # but for what the one new error says of their size
    np.testing.assert_allclose(width(updated.predict_interval(3)), width(day), rtol=0.15)


def test_intervals_of_short_series_are_not_those_of_one_change():
    """The scale of a series of a season and a day would rest on a single difference."""
    y = walks(60) + 10 * np.tile(np.array([0, 1, 2, 1, 0, -2, -3.0])[np.arange(200) % 7], 60)
    old, new = y[y.index.get_level_values(0) < 30], y[y.index.get_level_values(0) >= 30]
    forecaster = ridge(horizon=7, season_length=7, calibration_fraction=0.2).fit(old.groupby(level=0).head(-7))
    held = {8: [], 10: [], 60: []}
    for n, some in held.items():
        for stop in (80, 110, 140, 170, 193):
            bounds = forecaster.predict_interval(y=new.groupby(level=0).head(stop).groupby(level=0).tail(n))
            truth = new.groupby(level=0).head(stop + 7).groupby(level=0).tail(7)
            some.append(truth.between(bounds["lower"], bounds["upper"]).mean())
    assert np.mean(held[60]) > 0.8
    assert min(np.mean(held[8]), np.mean(held[10])) > 0.72


# ---- scale of short series ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*looks at:UserWarning")
@pytest.mark.parametrize("transform", [None, "log"])
@pytest.mark.parametrize("is_promo", [True, False])
def test_the_effect_of_a_promotion_on_a_shop_of_one_row(transform, is_promo):
    known, ahead = split(shops(8))
    forecaster = long(target_transform=transform).fit(known)
    history = known[(known["shop"] == "s1") & (known["promo"] == is_promo)].tail(1).assign(shop="new")
    history["date"] = known["date"].max()
    found = forecaster.predict(X=ahead[ahead["shop"] == "s1"].assign(shop="new"), y=history)["sales"]
    assert found.between(0.3 * history["sales"].iloc[0], 3 * history["sales"].iloc[0]).all()


def test_the_scale_of_a_single_short_series_is_its_own():
    y = pd.Series(np.random.default_rng(0).normal(size=30).cumsum(), DAYS[:30])
    model = ridge(horizon=1, season_length=7).fit(y)._model.model
    np.testing.assert_allclose(model.scale, [[np.abs(y.diff(7)).mean()]], rtol=1e-12)


@pytest.mark.filterwarnings("ignore:.*looks at:UserWarning")
@pytest.mark.parametrize("options", [{}, {"season_length": [7, 14]}, {"difference": 1, "normalize": "smoothing"}])
def test_a_series_of_less_than_a_season_has_the_pattern_of_the_others(options):
    """On the days of the week that they have it, whenever it begins."""
    rng, pattern = np.random.default_rng(0), np.array([0.0, 5, 10, 5, 0, -10, -10])
    t = np.arange(127)
    series = {f"s{k}": pd.Series(40 + 5 * k + pattern[t % 7] + 0.5 * rng.normal(size=127)) for k in range(6)}
    for k, part in enumerate(series.values()):
        part.index = pd.date_range("2024-01-01", periods=127)
        series[f"s{k}"] = part[k : 120 + (k == 0)]
    forecaster = ridge(horizon=7, season_length=7).set_params(**options)
    forecaster.fit(pd.concat(series, names=["id", "day"]))
    for first in (112, 114, 117):
        new = pd.Series(2 * (52 + pattern[t % 7]), pd.date_range("2024-01-01", periods=127))  # twice as large
        found = forecaster.predict(y=new[first:120])
        assert np.abs(found - new[120:]).mean() < 4  # 15 without the pattern
    if not options:  # without times nobody knows which day it is
        found = forecaster.predict(y=new.to_numpy()[117:120])
        assert np.ptp(found) < 10


# ---- what columns hold ----------------------------------------------------------------------------------------------


def test_a_flag_of_one_word_or_nothing():
    known, ahead = split(shops())
    expected = error(long().fit(known).predict(X=ahead), ahead)
    for flag in ({True: "yes", False: None}, {True: "Easter", False: np.nan}):
        as_words = [part.assign(promo=part["promo"].map(flag)) for part in (known, ahead)]
        assert error(long().fit(as_words[0]).predict(X=as_words[1]), ahead) < 1.05 * expected
    blanks = known.assign(promo=known["promo"].map({True: 1.0, False: np.nan}))
    with pytest.warns(UserWarning, match=r"'promo' of y is 1.0 or missing.*fillna\(0\)"):
        long().fit(blanks)


def test_numbers_as_text_are_doubted():
    frame = shops()
    frame["price"] = np.random.default_rng(0).integers(100, 200, len(frame)) / 100
    for text in (frame["price"].map("{:.2f}".format), frame["price"].map("{:.2f}".format).str.replace(".", ",")):
        with pytest.warns(UserWarning, match=r"'price' of y is text with .* numbers, such as '1.*pd\.to_numeric"):
            long().fit(frame.assign(price=text))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        long().fit(frame.assign(price=frame["price"].round(1).astype(str)))  # a few codes


def test_columns_that_did_not_change_and_now_do():
    known, ahead = split(shops())
    forecaster = long().fit(known.assign(new=0))
    expected = forecaster.predict(X=ahead)
    other = ahead.assign(new=1, kind=ahead["kind"].map({"a": "b", "b": "a"}))
    with pytest.warns(UserWarning) as caught:
        found = forecaster.predict(X=other)
    told = " ".join(str(warning.message) for warning in caught)
    assert "'new' of X, series 's0', is not what it was" in told
    assert "'kind' of X" in told
    pd.testing.assert_frame_equal(found, expected)


def test_ids_of_another_type_are_no_new_series():
    frame = shops().assign(shop=lambda f: f["shop"].str[1:].astype(int))
    known, ahead = split(frame)
    forecaster = long().fit(known)
    with pytest.raises(ValueError, match="series '0' of type str; the series 0 that is known is of type int"):
        forecaster.update(ahead.astype({"shop": str}))


def test_dates_as_numbers():
    frame = shops()
    with pytest.raises(ValueError, match=r"such as 20240101, and seem to be dates.*format='%Y%m%d'"):
        long().fit(frame.assign(date=frame["date"].dt.strftime("%Y%m%d").astype(int)))
    months = pd.Series(range(40), pd.period_range("2020-01", periods=40, freq="M").strftime("%Y%m").astype(int))
    with pytest.raises(ValueError, match=r"such as 202001, and seem to be dates.*format='%Y%m'"):
        ridge().fit(months)
    years = pd.Series(np.arange(60.0), range(1960, 2020))
    assert ridge(season_length=1).fit(years).predict().index.tolist() == [2020]
    counts = pd.Series(np.arange(60.0), range(202_001, 202_061))
    assert ridge(season_length=1).fit(counts).predict().index.tolist() == [202_061]


def test_a_history_of_another_step_is_told():
    day = shops()[["shop", "date", "sales"]]
    week = day.set_index("date").groupby("shop")["sales"].resample("W").sum().reset_index()
    with pytest.warns(UserWarning, match="more than half of its values missing"):
        long().fit(day).predict(y=week)


def test_a_shop_that_has_closed():
    known, ahead = split(shops())
    closed = known[(known["shop"] != "s2") | (known["date"] < "2024-04-01")]
    forecaster = long().fit(closed)
    for X in (ahead, ahead[ahead["shop"] != "s2"]):
        with pytest.raises(ValueError, match=r"'s2'.*forecast from its last row on.*predict\(X=\.\.\., y=\.\.\.\)"):
            forecaster.predict(X=X)
    opened = ahead["shop"] != "s2"
    found = forecaster.predict(X=ahead[opened], y=closed[closed["shop"] != "s2"])
    assert set(found["shop"]) == {"s0", "s1", "s3"}


def test_the_last_season_is_naive_s_where_just_one_is_known():
    y = pd.Series(np.arange(100.0) + 10 * (np.arange(100) % 7), pd.date_range("2024", periods=100))
    late = y[-14:]
    found = ridge(horizon=7).backtest(pd.concat({"a": y, "late": late}, names=["id", "day"]), n_splits=1)
    assert found[found["id"] == "late"]["y_naive"].tolist() == late[:7].tolist()


# ---- left by mutants ------------------------------------------------------------------------------------------------


class Heard(RegressorMixin, BaseEstimator):
    """Remembers what it was fitted on; predicts 0."""

    heard = None

    def fit(self, X, y, sample_weight=None):
        type(self).heard = X, y, sample_weight
        self.shape_ = np.shape(y)[1:]
        return self

    def predict(self, X):
        return np.zeros((len(X), *self.shape_))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def test_rows_weigh_by_the_share_of_targets_that_is_known():
    y = pd.Series(np.random.default_rng(0).normal(size=100), DAYS[:100])
    y.iloc[60] = np.nan
    RNNForecaster(Heard(), horizon=4, season_length=1, window=5, calibration_fraction=0).fit(y)
    X, Y, weights = Heard.heard
    assert len(X) == len(Y) == 100 - 5 - 4 + 1
    assert np.sort(weights).tolist() == [0.75] * 4 + [1.0] * (len(weights) - 4)
    assert X.shape[1] == 5 + 5  # the window, and which of its values were carried
    assert X[:, 5:].sum() == 5
    RNNForecaster(Heard(), horizon=4, season_length=1, window=5, calibration_fraction=0).fit(y[:60])
    assert Heard.heard[2] is None
    assert Heard.heard[0].shape[1] == 5


def test_harmonics_go_by_the_time_also_of_short_and_of_new_series():
    t = np.arange(160)
    y = pd.Series(10 + 3 * np.sin(2 * np.pi * t / 7.0), pd.date_range("2024", periods=160))
    forecaster = ridge(horizon=7, season_length=7, normalize="last", window=7, seasonal_features=3, linear_path=True)
    fitted = forecaster.fit(pd.concat({"a": y[:150], "b": y[:150]}, names=["id", "day"]))
    with pytest.warns(UserWarning, match="3 value"):
        short = fitted.predict(y=y[100:103])
    with pytest.warns(UserWarning, match="3 value"):
        other = fitted.predict(y=y[101:104])
    for found, first in ((short, 103), (other, 104)):
        assert np.corrcoef(found, y[first : first + 7])[0, 1] > 0.8
    np.testing.assert_allclose(fitted.predict(y=y[40:140]), y[140:147], atol=0.1)
    fitted.update(pd.concat({"new": y[40:139]}, names=["id", "day"])).update(
        pd.concat({"new": y[139:140]}, names=["id", "day"])
    )
    np.testing.assert_allclose(fitted.predict().loc["new"], y[140:147], atol=0.1)


def test_steps_of_which_nothing_is_known_count_as_the_mean():
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"x": 1000 + rng.normal(size=150)}, DAYS[:0].append(pd.date_range("2024", periods=150)))
    y = (x["x"] - 1000) + 0.1 * rng.normal(size=150)
    forecaster = ridge(horizon=10, season_length=1).fit(y[:100], x[:100])
    few = forecaster.predict(3, X=x[100:103])
    mean = x[100:110].copy()
    mean.iloc[3:] = x[:100].mean().iloc[0]
    np.testing.assert_allclose(few, forecaster.predict(10, X=mean)[:3], rtol=1e-9)


def test_two_seasons_further_ahead_than_the_first():
    t = np.arange(24 * 7 * 8)
    pattern = np.random.default_rng(0).normal(size=168)
    y = pd.Series(pattern[t % 168], pd.date_range("2024-01-01", periods=len(t), freq="h"))
    found = ridge(horizon=60, season_length=[24, 168]).fit(y).predict()
    np.testing.assert_allclose(found, pattern[np.arange(len(t), len(t) + 60) % 168], atol=1e-4)


def test_a_further_season_is_treated_as_serves_best():
    """Harmonics for a wave, smoothing for what is no sum of a few."""
    t = np.arange(24 * 7 * 5)
    rng = np.random.default_rng(0)
    day = np.array([0, 0, 0, 3, 1, 0.0]).repeat(4)[t % 24]
    jumps = rng.normal(size=168)[t % 168]
    for further, is_smoothed in ((jumps, True), (2 * np.sin(2 * np.pi * t / 168 + 1), False)):
        noise = 1.0 if not is_smoothed else 0.1
        y = pd.Series(day + further + noise * rng.normal(size=len(t)), pd.date_range("2024", periods=len(t), freq="h"))
        plan = ridge(horizon=6, season_length=[24, 168]).fit(y)._model.plan
        assert (plan.further[0][1] == 0) == is_smoothed


def test_a_season_longer_than_the_data():
    y = pd.Series(np.random.default_rng(0).normal(size=120), DAYS)
    with pytest.raises(ValueError, match=r"season of 365\.25 steps, and the longest series has 120"):
        ridge(season_length=[7, 365.25]).fit(y)


def test_skill_over_gaps_compares_with_the_season_before():
    t = np.arange(140)
    y = pd.Series(np.array([0.0, 1, 2, 3, 4, 5, 6])[t % 7] + 0.2 * np.random.default_rng(0).normal(size=140))
    y.index = pd.date_range("2024", periods=140)
    broken = y.copy()
    broken.iloc[119:126] = np.nan
    whole, gap = (ridge(horizon=7, calibration_fraction=0.1).fit(part).skill_ for part in (y, broken))
    assert np.isfinite(gap)
    assert gap == pytest.approx(whole, abs=0.25)
