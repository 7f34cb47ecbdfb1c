"""RNNForecaster on data as they come: gaps, series that were not fitted, categories, several seasons, long frames."""

import warnings

import numpy as np
import pandas as pd
import pytest
from forecast_cases import idle, unskilled
from hypothesis import given, settings, strategies as st
from sklearn.linear_model import Ridge, RidgeCV

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.datasets import make_shop_sales
from sklearn_rnn.forecasting._window_model import MOST_WINDOWS

ALPHAS = np.logspace(-3, 3, 13)


def ridge(**settings):
    return RNNForecaster(RidgeCV(ALPHAS), **({"calibration_fraction": 0} | settings))


def net(**settings):
    small = RNNRegressor(4, cell="gru", max_iter=3, random_state=0)
    return RNNForecaster(small, **({"calibration_fraction": 0} | settings))


def daily(n=120, seed=0, start="2024-01-01"):
    rng, t = np.random.default_rng(seed), np.arange(n)
    pattern = np.array([0.0, 1, 2, 1, 0, -3, -4])
    y = 50 + 0.05 * t + 3 * pattern[t % 7] + rng.normal(size=n).cumsum() * 0.2 + 0.3 * rng.normal(size=n)
    return pd.Series(y, pd.date_range(start, periods=n), name="load")


def panel(n_series=4, n=80, **options):
    return pd.concat(
        {f"s{k}": (k + 1) * daily(n, seed=k, **options) for k in range(n_series)}, names=["id", "day"]
    ).rename("load")


# ---- gaps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ridge, net])
@pytest.mark.parametrize("normalize", ["smoothing", "last", "mean", None])
def test_a_row_that_is_not_there_is_a_value_that_is_missing(make, normalize):
    y = daily()
    gaps = np.random.default_rng(1).uniform(size=len(y)) < 0.15
    gaps[[0, -1]] = False
    forecaster = make(horizon=3, normalize=normalize)
    with_nan, left_out = (forecaster.fit(part).predict() for part in (y.where(~gaps), y[~gaps]))
    pd.testing.assert_series_equal(with_nan, left_out, check_exact=True)
    assert forecaster.missing_fraction_ == pytest.approx(gaps.mean())
    assert np.isfinite(with_nan).all()
    assert forecaster.fit(y).missing_fraction_ == 0


@pytest.mark.parametrize("options", [{}, {"difference": 7}, {"target_transform": "log"}])
def test_forecasts_of_a_series_with_gaps_are_nearly_those_of_the_whole(options):
    y = daily(300)
    truth, early = y[-28:], y[:-28]
    gaps = np.random.default_rng(2).uniform(size=len(early)) < 0.15
    gaps[-1] = False
    errors = [
        np.abs(ridge(horizon=7, **options).fit(part).predict(28) - truth).mean() for part in (early, early[~gaps])
    ]
    scale = np.abs(y.diff(7)).mean()
    assert errors[1] < errors[0] + 0.35 * scale


def test_missing_values_are_no_straight_line():
    """A pattern that repeats exactly is known in the gaps, too: forecasts are exact, over a hole of two weeks."""
    t = np.arange(140)
    y = pd.Series(20 + np.array([0.0, 1, 2, 1, 0, -3, -4])[t % 7], pd.date_range("2024", periods=140))
    broken = y.copy()
    broken.iloc[[50, 51, 52, 80, 81, 93]] = np.nan
    broken.iloc[100:114] = np.nan
    expected = pd.Series(y.to_numpy()[:7], pd.date_range(y.index[-1] + pd.Timedelta(days=1), periods=7))
    for part in (y, broken):
        found = ridge(horizon=7, season_length=7).fit(part).predict()
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_wide_frame_whose_columns_begin_and_end_at_different_times():
    frame = pd.DataFrame({"a": daily(seed=0), "b": 2 * daily(seed=1), "c": daily(seed=2)})
    frame.loc[frame.index[:40], "b"] = np.nan
    frame.loc[frame.index[60:63], "c"] = np.nan
    for forecaster in (ridge(horizon=3, calibration_fraction=0), net(horizon=3)):
        found = forecaster.fit(frame).predict()
        assert np.isfinite(found).all(axis=None)
        assert forecaster.missing_fraction_ == pytest.approx(3 / (frame.size - 40))
        last_week = frame[-7:].mean()
        assert ((found.mean() - last_week).abs() < 0.3 * last_week).all()
    with pytest.raises(ValueError, match=r"'b'.* has no value at all"):
        ridge().fit(frame.assign(b=np.nan))


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 1000), cut=st.lists(st.integers(81, 118), max_size=3), with_net=st.booleans())
def test_update_takes_gaps_in_any_split(seed, cut, with_net):
    y = daily(seed=seed)
    gaps = np.random.default_rng(seed).uniform(size=len(y)) < 0.2
    gaps[[0, 79, 119]] = False
    y = y[~gaps]
    early = y[: daily().index[79]]
    forecaster = (net if with_net else ridge)(horizon=2, calibration_fraction=0).fit(early)
    whole = forecaster.fit(early).update(y[len(early) :]).predict(5)
    stops = [daily().index[c] for c in sorted(set(cut))] + [y.index[-1]]
    forecaster.fit(early)
    at = early.index[-1]
    for stop in stops:
        part = y[(y.index > at) & (y.index <= stop)]
        if len(part):
            forecaster.update(part)
            at = part.index[-1]
    pd.testing.assert_series_equal(forecaster.predict(5), whole, check_exact=True)


def test_a_backtest_over_gaps_is_what_predict_said_then():
    y = daily()
    y = y.where((np.arange(120) % 11 != 5) | (np.arange(120) < 3))
    found = net(horizon=4).backtest(y, n_splits=3)
    forecaster = net(horizon=4)
    known = None
    for cutoff, part in found.groupby("cutoff"):
        forecaster = forecaster.fit(y[:cutoff]) if known is None else forecaster.update(y[known:cutoff].iloc[1:])
        known, expected = y[:cutoff].index[-1], forecaster.predict(8)
        times = [cutoff + pd.Timedelta(days=step) for step in part["step"]]
        assert y[cutoff:][1:5].notna().sum() == len(part)
        np.testing.assert_array_equal(part["y_true"], y[times])
        np.testing.assert_array_equal(part["y_pred"], expected[times])


def test_what_is_missing_does_not_count_in_a_score():
    y = daily()
    forecaster = ridge(horizon=5).fit(y[:100])
    forecast, later = forecaster.predict(8), y[100:108].copy()
    later.iloc[[2, 5]] = np.nan
    scale = np.abs(y[:100].diff(7)).mean()
    expected = -(np.abs(later - forecast)).mean() / scale
    assert forecaster.score(later) == pytest.approx(expected, rel=1e-12)
    assert forecaster.score(later.dropna()) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="no values, only missing"):
        forecaster.score(later * np.nan)


def test_gaps_that_leave_little_are_told():
    y = daily()
    with pytest.warns(UserWarning, match="more than half of its values missing"):
        ridge(horizon=2).fit(y.where(np.arange(120) % 5 < 2))
    stopped = y.copy()
    stopped[-9:] = np.nan
    with pytest.warns(UserWarning, match=r"more than a season \(7 step\(s\)\) missing at its end"):
        ridge(horizon=2).fit(stopped)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ridge(horizon=2).fit(y.where(np.arange(120) % 5 != 2))


def test_the_regressor_is_told_what_was_carried():
    """What follows on a gap of three is high; of the values alone nobody could know."""
    rng = np.random.default_rng(0)
    y, k = rng.normal(size=900), 0
    while k < 880:
        k += int(rng.integers(8, 15))
        y[k : k + 3] = np.nan
        y[k + 3] = 8
        k += 4
    y = pd.Series(y[:880])
    forest = RNNForecaster(Ridge(1e-3), season_length=1, window=6, linear_path=False, calibration_fraction=0)
    found = forest.backtest(y, n_splits=200, stride=1, horizon=1)
    high, low = (found["y_pred"][chosen].mean() for chosen in (found["y_true"] > 7, found["y_true"] < 7))
    assert high > 5
    assert abs(low) < 1


# ---- exogenous columns ----------------------------------------------------------------------------------------------


def test_past_only_columns_may_have_gaps():
    """Carried forward, before the first the mean; and a column of ones and zeros says where."""
    rng = np.random.default_rng(0)
    x = pd.Series(np.repeat(rng.normal(size=100), 3), pd.date_range("2024", periods=300))
    y = x.shift(1).fillna(0) + 0.01 * rng.normal(size=300)
    broken = x.where(np.arange(300) % 3 != 1)  # what is left out is the value before
    forecaster = ridge(season_length=1, past_only=["x"], window=3, normalize=None, calibration_fraction=0)
    for column in (x, broken):
        found = forecaster.backtest(y, column.to_frame("x"), n_splits=50, stride=1)
        assert np.abs(found["y_true"] - found["y_pred"]).mean() < 0.03


def test_rows_of_the_future_that_nobody_asked_for_are_not_used():
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"x": rng.normal(size=150)}, pd.date_range("2024", periods=150))
    y = x["x"] + 0.1 * rng.normal(size=150)
    for forecaster in (ridge(horizon=28, season_length=1), net(horizon=28, season_length=1)):
        forecaster.fit(y[:100], x)
        few = forecaster.predict(7, X=x[100:107])
        other = x.copy()
        other[107:] = 1e6
        pd.testing.assert_series_equal(forecaster.predict(7, X=other), few, check_exact=True)
        found = forecaster.backtest(y[:107], x, n_splits=1, horizon=7)
        np.testing.assert_array_equal(found["y_pred"], few)


def test_categories_are_columns_of_zeros_and_ones():
    rng = np.random.default_rng(0)
    n, kinds = 200, np.array(["dry", "snow", "wet"])
    kind, index = kinds[rng.integers(0, 3, n)], pd.date_range("2024", periods=n)
    y = pd.Series(np.where(kind == "wet", 5.0, np.where(kind == "dry", 1.0, -2.0)) + 0.1 * rng.normal(size=n), index)
    columns = pd.DataFrame({name: (kind == name).astype(float) for name in kinds}, index)
    by_hand = ridge(season_length=1, horizon=3).fit(y[:190], columns).predict(X=columns[190:193])
    for values in (kind, pd.Categorical(kind), pd.array(kind, dtype="string")):
        X = pd.DataFrame({"kind": values}, index)
        found = ridge(season_length=1, horizon=3).fit(y[:190], X).predict(X=X[190:193])
        np.testing.assert_allclose(found, by_hand, rtol=1e-6)
    assert np.abs(by_hand - y[190:193]).max() < 0.6
    unknown = X[190:193].assign(kind="hail")
    forecaster = ridge(season_length=1, horizon=3).fit(y[:190], X)
    with pytest.warns(UserWarning, match=r"'kind'.*'hail'"):
        first = forecaster.predict(X=unknown)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pd.testing.assert_series_equal(forecaster.predict(X=unknown), first)  # told once


def test_a_column_that_does_not_change_need_not_be_given_again():
    y = panel(6)
    X = y.index.to_frame()[["id"]].rename(columns={"id": "kind"})
    X["kind"] = X["kind"].map({f"s{k}": "north" if k % 2 else "south" for k in range(6)})
    forecaster = ridge(horizon=3).fit(y, X)
    ahead = pd.concat([X.groupby(level=0).tail(1)] * 3)
    times = pd.date_range("2024-03-21", periods=3)
    ahead.index = pd.MultiIndex.from_product([times, [f"s{k}" for k in range(6)]], names=["day", "id"]).swaplevel()
    pd.testing.assert_series_equal(forecaster.predict(), forecaster.predict(X=ahead.sort_index()), check_exact=True)
    assert len(forecaster.regressors_[0].coef_[0]) == 7 + 2  # the window, and each kind once


# ---- series that were not fitted ------------------------------------------------------------------------------------


@unskilled
@idle
@pytest.mark.parametrize("make", [ridge, net])
@pytest.mark.parametrize("normalize", ["smoothing", "last", "mean", None])
def test_the_past_of_a_series_that_was_fitted_gives_its_own_forecast(make, normalize):
    y = panel()
    forecaster = make(horizon=3, normalize=normalize, calibration_fraction=0.2).fit(y)
    expected = forecaster.predict(5)
    one = forecaster.predict(5, y=y.loc["s2"])
    # one window or four: other products, that is, in the last bits
    pd.testing.assert_series_equal(one, expected.loc["s2"], rtol=1e-9, check_freq=False)
    renamed = y.rename(index={f"s{k}": f"new{k}" for k in range(4)}, level=0)
    found = forecaster.predict(5, y=renamed)
    np.testing.assert_array_equal(found.to_numpy(), expected.to_numpy())
    assert found.index.get_level_values(0).unique().tolist() == [f"new{k}" for k in range(4)]
    wide = y.unstack(level=0)
    np.testing.assert_array_equal(forecaster.predict(5, y=wide), expected.unstack(level=0))
    np.testing.assert_allclose(forecaster.predict(5, y=wide["s1"].to_numpy()), expected.loc["s1"], rtol=1e-9)
    bounds = forecaster.predict_interval(5, coverage=0.8)
    same = forecaster.predict_interval(5, y=y, coverage=0.8)
    np.testing.assert_array_equal(same.to_numpy(), bounds.to_numpy())
    # of other names, their errors are those of the models that were fitted, on what is given of them
    other = forecaster.predict_interval(5, y=renamed, coverage=0.8)
    ratio = (other["upper"] - other["lower"]).to_numpy() / (bounds["upper"] - bounds["lower"]).to_numpy()
    assert (0.3 < ratio).all()
    assert (ratio < 2.2).all()
    pd.testing.assert_series_equal(forecaster.predict(5), expected, check_exact=True)  # it stands where it stood


def test_a_series_fitted_alone_forecasts_another():
    forecaster = ridge(horizon=3).fit(daily(seed=0))
    other = 100 * daily(seed=5)
    found = forecaster.predict(y=other)
    refit = ridge(horizon=3).fit(other).predict()
    assert (np.abs(found / refit - 1) < 0.05).all()
    assert found.index.equals(refit.index)


@pytest.mark.parametrize("make", [ridge, net])
def test_a_new_id_in_an_update_is_known_from_then_on(make):
    y = panel()
    forecaster = make(horizon=2).fit(y.drop("s3"))
    expected, of_new = forecaster.predict(4), forecaster.predict(4, y=y[["s3"]])
    forecaster.update(y[["s3"]][:60])
    forecaster.update(y[["s3"]][60:])
    found = forecaster.predict(4)
    pd.testing.assert_series_equal(found.drop("s3"), expected, check_exact=True)
    assert found.index.get_level_values(0).unique().tolist() == ["s0", "s1", "s2", "s3"]
    # its scale is that of the values that it came with
    np.testing.assert_allclose(found.loc["s3"], of_new.loc["s3"], rtol=0.05)
    at_once = make(horizon=2).fit(y.drop("s3")).update(y[["s3"]]).predict(4)
    np.testing.assert_array_equal(at_once.loc["s3"], of_new.loc["s3"])


@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("make", [ridge, net])
@pytest.mark.parametrize("options", [{}, {"normalize": "last"}, {"difference": 1}, {"normalize": "mean"}])
def test_a_few_values_are_enough_of_a_series_that_was_not_fitted(make, n, options):
    y = panel(6)
    forecaster = make(horizon=3, **options).fit(y)
    short = 10 * daily(n, seed=9, start="2024-06-01")
    with pytest.warns(UserWarning, match=f"{n} value") as caught:
        found = forecaster.predict(5, y=short)
    assert len([w for w in caught if "looks at" in str(w.message)]) == 1
    assert found.index[0] == short.index[-1] + pd.Timedelta(days=1)
    assert (np.abs(found - short.mean()) < 0.6 * short.mean()).all()


def test_short_series_do_not_shrink_the_window_of_a_panel():
    long = panel(3, n=200)
    short = pd.concat({f"new{k}": daily(k % 4 + 1, seed=k) for k in range(20)}, names=["id", "day"])
    with pytest.warns(UserWarning, match="'new0' has 1 value.*19 more are as short"):
        both = ridge(horizon=2).fit(pd.concat([long, short]))
    alone = ridge(horizon=2).fit(long)
    assert both.window_ == alone.window_ == 7
    found = both.predict()
    pd.testing.assert_series_equal(found[["s0", "s1", "s2"]], alone.predict(), check_exact=True)
    assert np.isfinite(found).all()


def test_columns_that_were_fitted_together_are_read_together():
    frame = panel(3).unstack(level=0)
    forecaster = ridge(horizon=2).fit(frame)
    expected = forecaster.predict()
    pd.testing.assert_frame_equal(forecaster.predict(y=frame[["s2", "s0", "s1"]])[["s0", "s1", "s2"]], expected)
    with pytest.raises(ValueError, match=r"together.*long frame|long frame.*together"):
        forecaster.predict(y=frame.rename(columns={"s0": "new"}))


# ---- several seasons ------------------------------------------------------------------------------------------------


def hours(weeks=8, seed=0):
    rng, t = np.random.default_rng(seed), np.arange(168 * weeks)
    day, week = rng.normal(size=24).cumsum(), np.repeat([0, 0, 0, 0, 0.5, -2, -3.0], 24)
    y = (
        30
        + (day - day.mean())[t % 24] * np.where(t % 168 >= 120, 0.4, 1)
        + week[t % 168]
        + 0.3 * rng.normal(size=len(t))
    )
    return pd.Series(y, pd.date_range("2024-01-01", periods=len(t), freq="h"))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_week_beside_a_day(seed):
    y = hours(seed=seed)
    errors = []
    for season_length in (24, [24, 168]):
        found = ridge(horizon=24, season_length=season_length).backtest(y, n_splits=3)
        errors.append(np.abs(found["y_true"] - found["y_pred"]).mean())
    assert errors[1] < 0.5 * errors[0]


def test_a_year_of_days_is_followed_by_harmonics():
    rng, t = np.random.default_rng(0), np.arange(1000)
    y = 20 + 8 * np.sin(2 * np.pi * t / 365.25) + np.array([0, 0, 0, 0, 1, 2, 2.0])[t % 7] + 0.5 * rng.normal(size=1000)
    y = pd.Series(y, pd.date_range("2020-01-01", periods=1000))
    errors, forecaster = [], ridge(horizon=20, season_length=[7, 365.25], normalize="smoothing")
    for season_length in (7, [7, 365.25]):
        found = forecaster.set_params(season_length=season_length).backtest(y, n_splits=3, horizon=60)
        errors.append(np.abs(found["y_true"] - found["y_pred"]).mean())
    assert errors[1] < 0.8 * errors[0]
    forecaster.fit(y)
    assert forecaster.season_length_ == 7
    # harmonics go by the time: they go on over an update, and for a series that begins elsewhere
    later = ridge(horizon=20, season_length=[7, 365.25]).fit(y[:900]).update(y[900:])
    np.testing.assert_allclose(later.predict(60), 20 + 8 * np.sin(2 * np.pi * np.arange(1000, 1060) / 365.25), atol=5)
    np.testing.assert_allclose(forecaster.predict(60, y=y[300:]), forecaster.predict(60), atol=1.0)


def test_a_year_of_days_and_no_week():
    t = np.arange(1200)
    y = 20 + 8 * np.sin(2 * np.pi * t / 365.25) + np.random.default_rng(0).normal(size=1200)
    y = pd.Series(y, pd.date_range("2020-01-01", periods=1200))
    truth = 20 + 8 * np.sin(2 * np.pi * np.arange(1200, 1260) / 365.25)
    forecasts = [ridge(horizon=20, season_length=s).fit(y).predict(60) for s in ([365.25], [1, 365.25])]
    pd.testing.assert_series_equal(*forecasts)
    assert np.abs(forecasts[0] - truth).mean() < 1.5


@pytest.mark.parametrize("bad", [[], [0.5, 168], [168, 24], [24, 24], ["auto", 7], [7, np.inf], [True, 7]])
def test_seasons_that_are_none(bad):
    with pytest.raises(ValueError, match="season_length must be a number of steps, or several such as"):
        ridge(season_length=bad).fit(daily())


# ---- long frames, large ones ----------------------------------------------------------------------------------------


def test_a_long_frame_with_everything():
    sales = make_shop_sales(9, 200, random_state=0)
    ahead = sales["date"] > sales["date"].max() - pd.Timedelta(days=7)
    new = sales["shop"] == "shop_8"
    forecaster = ridge(
        id_col="shop", time_col="date", target_col="sales", past_only=["temperature"], horizon=7, target_transform="log"
    ).fit(sales[~ahead & ~new])
    expected = sales[~ahead & ~new]
    n_steps = expected.groupby("shop")["date"].agg(lambda days: (days.max() - days.min()).days + 1).sum()
    assert forecaster.missing_fraction_ == pytest.approx(1 - expected["sales"].notna().sum() / n_steps, abs=0.002)
    found = [
        forecaster.predict(X=sales[ahead & ~new]),
        forecaster.predict(X=sales[ahead & new], y=sales[~ahead & new]),
    ]
    for part in found:
        assert part.columns.tolist() == ["shop", "date", "sales"]
    both = pd.concat(found).merge(sales, on=["shop", "date"], suffixes=("", "_true"))
    assert len(both) == 9 * 7
    assert np.abs(np.log(both["sales"] / both["sales_true"])).mean() < 0.16
    assert forecaster.score(sales[ahead & ~new]) > -0.8
    forecaster.update(sales[ahead & ~new]).update(sales[new])
    with pytest.raises(ValueError, match="target_col"):
        RNNForecaster(id_col="shop", time_col="date").fit(sales)


def test_of_many_windows_some_are_drawn():
    y = daily(MOST_WINDOWS + 500)
    forecaster = ridge(horizon=2, calibration_fraction=0).fit(y)
    assert forecaster._model.model.model.main.n_windows == MOST_WINDOWS
    again = ridge(horizon=2, calibration_fraction=0).fit(y)
    pd.testing.assert_series_equal(again.predict(), forecaster.predict(), check_exact=True)
    of_the_newest = ridge(horizon=2, calibration_fraction=0).fit(y[-5000:])
    np.testing.assert_allclose(forecaster.predict(), of_the_newest.predict(), rtol=0.01)
