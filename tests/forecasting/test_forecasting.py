"""RNNForecaster: what comes out and of what type, intervals, and that no future is used."""

import copy
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from forecast_cases import (
    Recorder,
    autoregression,
    few,
    frame_of_two,
    idle,
    monthly,
    panel_of_three,
    ridge,
    seasonal_with_trend,
    unskilled,
)
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.forecasting._intervals import Calibration, n_independent
from sklearn_rnn.forecasting._series import Series

# -- types and indexes ------------------------------------------------------------------------------------------------


def test_a_series_gives_a_series():
    y = monthly()
    forecast = ridge().fit(y).predict()
    assert isinstance(forecast, pd.Series)
    assert forecast.name == "sales"
    pd.testing.assert_index_equal(forecast.index, pd.period_range("2016-01", periods=4, freq="M", name="month"))
    assert ridge().fit(y).predict(9).shape == (9,)


def test_a_series_without_a_name_gives_one_without_a_name():
    y = monthly().rename(None).rename_axis(None)
    forecast = ridge().fit(y).predict()
    assert forecast.name is None
    assert forecast.index.name is None
    assert ridge().fit(y).update(y.iloc[-1:].set_axis(forecast.index[:1])).predict().index[0] == forecast.index[1]


def test_a_frame_gives_a_frame():
    y = frame_of_two()
    forecast = ridge().fit(y).predict()
    assert isinstance(forecast, pd.DataFrame)
    assert forecast.columns.tolist() == ["north", "south"]
    pd.testing.assert_index_equal(forecast.index, pd.period_range("2016-01", periods=4, freq="M", name="month"))
    single = ridge().fit(y[["south"]]).predict()
    assert isinstance(single, pd.DataFrame)
    assert single.columns.tolist() == ["south"]


def test_the_name_of_the_columns_is_kept():
    y = frame_of_two().rename_axis(columns="region")
    assert ridge().fit(y).predict().columns.name == "region"


@pytest.mark.parametrize("columns", [None, ["sales"], ["sales", "returns"]])
def test_a_panel_gives_a_panel(columns):
    y = panel_of_three(columns)
    forecast = ridge().fit(y).predict()
    assert type(forecast) is type(y)
    assert forecast.index.names == ["shop", "month"]
    assert forecast.index.get_level_values(0).unique().tolist() == ["c", "a", "b"]  # in the order of y
    for group in "abc":  # each goes on where it ends
        last = y.loc[group].index[-1]
        expected = pd.period_range(last + 1, periods=4, freq="M", name="month")
        pd.testing.assert_index_equal(forecast.loc[group].index, expected)
    if columns is None:
        assert forecast.name == "sales"
    else:
        assert forecast.columns.tolist() == columns


def test_ids_of_two_levels():
    y = pd.concat({("x", 1): monthly(seed=0), ("x", 2): monthly(seed=1)}, names=["region", "shop", "month"])
    forecast = ridge().fit(y).predict(2)
    assert forecast.index.names == ["region", "shop", "month"]
    assert forecast.loc[("x", 2)].index.tolist() == list(pd.period_range("2016-01", periods=2, freq="M"))


@pytest.mark.parametrize("names", [["sales"], ["sales", "returns"]])
def test_a_long_frame_gives_a_long_frame(names):
    panel = panel_of_three(names)
    long = panel.reset_index()
    # rows of the series interleaved, as an export ordered by time has them
    interleaved = long.sort_values("month", kind="stable").reset_index(drop=True)
    expected = ridge().fit(panel).predict()
    for y in (long, interleaved):
        forecast = ridge(id_col="shop", time_col="month", target_col=names).fit(y).predict()
        assert forecast.columns.tolist() == ["shop", "month", *names]
        assert isinstance(forecast.index, pd.RangeIndex)
        by_id = forecast.set_index(["shop", "month"]).reindex(expected.index)
        np.testing.assert_allclose(by_id, expected, rtol=1e-9)


def test_ids_that_are_tuples():
    y = pd.DataFrame({"id": [("x", 1)] * 40 + [("x", 2)] * 40, "t": [*range(40)] * 2, "v": np.arange(80.0) % 7})
    forecast = ridge(id_col="id", time_col="t").fit(y).predict(3)
    assert forecast["id"].tolist() == [("x", 1)] * 3 + [("x", 2)] * 3


def test_a_long_frame_with_a_column_of_times_only():
    y = monthly().reset_index()
    forecast = ridge(time_col="month").fit(y).predict()
    assert forecast.columns.tolist() == ["month", "sales"]
    assert forecast["month"].tolist() == list(pd.period_range("2016-01", periods=4, freq="M"))
    np.testing.assert_allclose(forecast["sales"], ridge().fit(monthly()).predict(), rtol=1e-12)


def test_a_long_frame_with_a_column_of_ids_only():
    panel = panel_of_three(["sales"])
    forecast = ridge(id_col="shop").fit(panel.reset_index("shop")).predict()
    assert forecast.columns.tolist() == ["shop", "sales"]
    expected = ridge().fit(panel).predict()
    pd.testing.assert_index_equal(forecast.index, expected.index.droplevel(0))
    np.testing.assert_allclose(forecast["sales"], expected["sales"], rtol=1e-12)


def test_an_array_gives_an_array():
    y = frame_of_two()
    one, several = (ridge(season_length=12).fit(part) for part in (y["north"].to_numpy(), y.to_numpy()))
    assert one.predict().shape == (4,)
    assert several.predict().shape == (4, 2)
    assert ridge().fit(y[["north"]].to_numpy()).predict().shape == (4, 1)
    assert ridge().fit(y["north"].tolist()).predict(2).shape == (2,)
    np.testing.assert_allclose(several.predict(), ridge(season_length=12).fit(y).predict(), rtol=1e-12)
    np.testing.assert_allclose(one.predict(), ridge(season_length=12).fit(y["north"]).predict(), rtol=1e-12)


def test_types_of_numbers():
    y = monthly().round()
    expected = ridge().fit(y).predict()
    for dtype in ("int64", "Int64", "Float64", object):
        pd.testing.assert_series_equal(ridge().fit(y.astype(dtype)).predict(), expected)


MIDDLES = pd.DatetimeIndex([f"{2015 + i // 12}-{1 + i % 12:02}-15" for i in range(66)])
INDEXES = {
    "days": pd.date_range("2020-02-01", periods=66, freq="D"),
    "hours": pd.date_range("2020-02-28", periods=66, freq="h"),
    "half hours": pd.date_range("2020-02-28", periods=66, freq="30min"),
    "month starts": pd.date_range("2015", periods=66, freq="MS"),
    "month ends": pd.date_range("2015", periods=66, freq="ME"),
    "quarters": pd.date_range("2000", periods=66, freq="QS"),
    "quarters from February": pd.date_range("2000-02", periods=66, freq="QS-FEB"),
    "Sundays": pd.date_range("2020", periods=66, freq="W-SUN"),
    "business days": pd.date_range("2020", periods=66, freq="B"),
    "two days": pd.date_range("2020", periods=66, freq="2D"),
    "years": pd.date_range("1950", periods=66, freq="YS"),
    # over the night in March on which clocks go forward
    "days in Berlin": pd.date_range("2020-02-15", periods=66, freq="D", tz="Europe/Berlin"),
    "hours in Berlin": pd.date_range("2020-03-26", periods=66, freq="h", tz="Europe/Berlin"),
    "half hours in UTC": pd.date_range("2020-03-26", periods=66, freq="30min", tz="UTC"),
    "trading days": pd.date_range(
        "2020", periods=66, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-20", "2020-02-17", "2020-03-25"])
    ),
    "half months": pd.date_range("2020", periods=66, freq="SMS"),
    "seconds as unit": pd.date_range("2020-02-01", periods=66, freq="D", unit="s"),
}


@pytest.mark.parametrize("with_freq", [True, False])
@pytest.mark.parametrize("name", INDEXES)
def test_dates_go_on(name, with_freq):
    whole = INDEXES[name].rename("when")
    if name in ("half months", "trading days") and not with_freq:
        pytest.skip("nothing but the freq says which labels are to come")
    known = whole[:60] if with_freq else whole[:60]._with_freq(None)
    assert (known.freq is not None) == with_freq
    y = pd.Series(np.random.default_rng(0).normal(size=60), index=known)
    forecast = ridge(horizon=3, season_length=1).fit(y).predict(6)
    pd.testing.assert_index_equal(forecast.index, whole[60:])
    if with_freq:
        assert forecast.index.freq == whole.freq


OTHER_INDEXES = {
    "the 15th of each month": MIDDLES,
    "periods of months": pd.period_range("2015-03", periods=66, freq="M"),
    "periods of quarters": pd.period_range("2015Q2", periods=66, freq="Q"),
    "periods of days": pd.period_range("2020-02-01", periods=66, freq="D"),
    "periods of two months": pd.period_range("2015-03", periods=66, freq="2M"),
    "every third period": pd.period_range("2015-03", periods=198, freq="M")[::3],
    "numbers": pd.RangeIndex(66),
    "every fifth number": pd.RangeIndex(10, 340, 5),
    "years as numbers": pd.Index(np.arange(1950, 2016)),
    "small integers": pd.Index(np.arange(66), dtype="uint8"),
}


@pytest.mark.parametrize("name", OTHER_INDEXES)
def test_other_indexes_go_on(name):
    whole = OTHER_INDEXES[name].rename("when")
    y = pd.Series(np.random.default_rng(0).normal(size=60), index=whole[:60])
    forecast = ridge(horizon=3, season_length=1).fit(y).predict(6)
    assert forecast.index.name == "when"
    assert forecast.index.tolist() == whole[60:].tolist()
    if not isinstance(whole, pd.Index) or whole.dtype.kind not in "iu":
        assert forecast.index.dtype == whole.dtype


SEASONS = {
    "month starts": 12,
    "month ends": 12,
    "quarters": 4,
    "Sundays": 52,
    "business days": 5,
    "days": 7,
    "hours": 24,
    "half hours": 48,
    "years": 1,
}


@pytest.mark.parametrize("name", SEASONS)
def test_the_usual_season_of_an_index(name):
    index = INDEXES[name]
    index = pd.date_range(index[0], periods=200, freq=index.freq)
    for known in (index, index._with_freq(None)):
        y = pd.Series(np.random.default_rng(0).normal(size=200), index=known)
        assert ridge().fit(y).season_length_ == SEASONS[name]
    y = pd.Series(np.random.default_rng(0).normal(size=200), index=index)[: 3 * SEASONS[name] - 1]
    if SEASONS[name] > 5:
        assert ridge().fit(y).season_length_ == 1  # fewer than three seasons tell nothing of one


def test_a_season_is_found_where_the_index_holds_numbers():
    rng = np.random.default_rng(0)
    t = np.arange(150)
    assert ridge().fit(np.sin(2 * np.pi * t / 10) + 0.05 * t + 0.3 * rng.normal(size=150)).season_length_ == 10
    for noise in (rng.normal(size=150), rng.normal(size=150).cumsum(), 0.3 * t + 2):
        assert ridge().fit(noise).season_length_ == 1


def test_units_of_time_do_not_matter():
    """An index read from another source may hold the same dates in other units: seconds here, nanoseconds there."""
    y = monthly().to_timestamp()
    y.index = y.index.as_unit("s")
    late = y[60:].set_axis(y.index[60:].as_unit("ns"))
    X = pd.DataFrame({"x": np.arange(72.0)}, index=y.index.as_unit("ns"))
    expected = ridge().fit(y[:60], X=X.set_axis(y.index)).score(y[60:], X.set_axis(y.index))
    assert ridge().fit(y[:60], X).score(late, X) == pytest.approx(expected, rel=1e-12)
    assert ridge().fit(y[:60]).update(late).predict().index[0] == y.index[-1] + pd.offsets.MonthBegin()


# -- intervals --------------------------------------------------------------------------------------------------------


def interval_of(y, **options):
    forecaster = ridge(calibration_fraction=0.3, **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="On the last")
        forecaster.fit(y)
    return forecaster.predict(), forecaster.predict_interval(), forecaster


@few
def test_types_of_intervals():
    point, interval, _ = interval_of(monthly())
    assert interval.columns.tolist() == ["lower", "upper"]
    pd.testing.assert_index_equal(interval.index, point.index)

    point, interval, _ = interval_of(frame_of_two())
    assert interval.columns.tolist() == [(name, bound) for name in ("north", "south") for bound in ("lower", "upper")]
    pd.testing.assert_index_equal(interval.index, point.index)
    assert (interval["south"]["lower"] < point["south"]).all()
    assert (interval["south"]["upper"] > point["south"]).all()
    assert interval["north"].to_numpy().max() < interval["south"].to_numpy().min()  # no mix-up: south is 10 times it

    point, interval, _ = interval_of(panel_of_three())
    assert interval.columns.tolist() == ["lower", "upper"]
    pd.testing.assert_index_equal(interval.index, point.index)
    _, interval, _ = interval_of(panel_of_three(["sales", "returns"]))
    assert interval.columns.tolist() == [(name, b) for name in ("sales", "returns") for b in ("lower", "upper")]

    long = panel_of_three(["sales"]).reset_index()
    point, interval, _ = interval_of(long, id_col="shop", time_col="month")
    assert interval.columns.tolist() == ["shop", "month", "lower", "upper"]
    pd.testing.assert_frame_equal(interval[["shop", "month"]], point[["shop", "month"]])
    long["returns"] = 2 * long["sales"]
    _, interval, _ = interval_of(long, id_col="shop", time_col="month", target_col=["sales", "returns"])
    bounds = ["sales_lower", "sales_upper", "returns_lower", "returns_upper"]
    assert interval.columns.tolist() == ["shop", "month", *bounds]

    _, interval, _ = interval_of(monthly().to_numpy())
    assert interval.columns.tolist() == ["lower", "upper"]
    assert len(interval) == 4


@few
@pytest.mark.parametrize("options", [{}, {"target_transform": "log"}, {"difference": "season"}, {"normalize": "mean"}])
def test_intervals_hold_the_forecast_and_are_nested(options):
    point, _, forecaster = interval_of(monthly(400), **options)
    bounds = [forecaster.predict_interval(coverage=coverage) for coverage in (0.3, 0.5, 0.8, 0.9)]
    for interval in bounds:
        assert (interval["lower"] <= point + 1e-9).all()
        assert (point <= interval["upper"] + 1e-9).all()
    for inner, outer in pairwise(bounds):
        assert (outer["lower"] < inner["lower"]).all()
        assert (outer["upper"] > inner["upper"]).all()
    width = np.diff(forecaster.predict_interval(40), axis=1)[:, 0]
    if not options:  # further ahead it is never narrower
        assert (np.diff(width) >= -1e-9).all()


@few
def test_intervals_of_logarithms_are_positive():
    rng = np.random.default_rng(0)
    y = pd.Series(np.exp(2 * rng.normal(size=80)), index=pd.date_range("2020", periods=80, freq="D"))
    _, interval, forecaster = interval_of(y, target_transform="log")
    assert (interval["lower"] > 0).all()
    assert (forecaster.predict_interval(50, coverage=0.9)["lower"] > 0).all()


def test_intervals_grow_with_the_coverage_beyond_the_largest_error():
    _, _, forecaster = interval_of(monthly(100))
    levels = (0.5, 0.8, 0.9, 0.95, 0.97, 0.99, 0.9999)
    bounds = [forecaster.predict_interval(coverage=level) for level in levels]
    for inner, outer in pairwise(bounds):
        assert (outer["lower"] < inner["lower"]).all()
        assert (outer["upper"] > inner["upper"]).all()


SIMULATED = {
    "seasonal": (lambda rng: seasonal_with_trend(212, rng), 12, pd.period_range("2000-01", periods=212, freq="M")),
    "AR(2)": (lambda rng: autoregression([0.5, 0.3], 305, rng), 5, pd.RangeIndex(305)),
    "random walk": (lambda rng: rng.normal(size=205).cumsum(), 5, pd.RangeIndex(205)),
}


@few
@unskilled
@idle
@pytest.mark.parametrize(
    ("regressor", "n_series", "slack"),
    # the average over a few series, where each takes a network, is less certain
    [(Ridge(), 40, 0.0), (RNNRegressor(8, alpha=0.003, batch_size=32, max_iter=5), 8, 0.03)],
    ids=["ridge", "network"],
)
def test_intervals_cover_what_they_promise(regressor, n_series, slack):
    covered = {}
    for kind, (simulate, horizon, index) in SIMULATED.items():
        hits = []
        for seed in range(n_series):
            y = pd.Series(simulate(np.random.default_rng(seed)), index=index)
            forecaster = RNNForecaster(regressor, horizon=horizon, combine=False, random_state=0).fit(y[:-horizon])
            interval = forecaster.predict_interval(coverage=0.9)
            hits.append(y[-horizon:].between(interval["lower"], interval["upper"]).mean())
        covered[kind] = np.mean(hits)
    print({kind: round(float(share), 3) for kind, share in covered.items()})
    assert 0.86 - slack <= np.mean(list(covered.values())) <= 0.94 + slack, covered


# -- no future is used ------------------------------------------------------------------------------------------------


@few
@unskilled
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("options", [{}, {"target_transform": "log"}, {"normalize": "mean", "seasonal_features": 2}])
def test_values_after_a_cutoff_change_nothing_before_it(refit, options):
    y = monthly(90)
    X = pd.DataFrame({"x": np.random.default_rng(1).normal(size=90)}, index=y.index)
    forecaster = ridge(calibration_fraction=0.3, past_only=["x"], **options)
    before = forecaster.backtest(y, X, n_splits=3, horizon=4, stride=6, refit=refit)
    cutoff = before["cutoff"].unique()[1]
    planted, planted_X = y.copy(), X.copy()
    planted[y.index > cutoff] *= 3
    planted_X[y.index > cutoff] = 5.0
    after = forecaster.backtest(planted, planted_X, n_splits=3, horizon=4, stride=6, refit=refit)
    early = (before["cutoff"] <= cutoff).to_numpy()
    columns = ["step", "y_pred", "lower", "upper"]
    pd.testing.assert_frame_equal(before.loc[early, columns], after.loc[early, columns], check_exact=True)
    assert (before.loc[~early, "y_pred"] != after.loc[~early, "y_pred"]).all()


def test_a_column_that_is_known_ahead_is_not_read_beyond_the_horizon():
    y = monthly(90)
    X = pd.DataFrame({"x": np.random.default_rng(1).normal(size=90)}, index=y.index)
    forecaster = ridge(calibration_fraction=0.3)
    before = forecaster.backtest(y, X, n_splits=2, horizon=4, stride=12)
    first = before["cutoff"].iloc[0]
    planted = X.copy()
    planted[X.index > first + 4] = 1e3
    after = forecaster.backtest(y, planted, n_splits=2, horizon=4, stride=12)
    pd.testing.assert_frame_equal(before[:4], after[:4], check_exact=True)
    planted[X.index > first + 3] = 1e3  # but within it, it is
    after = forecaster.backtest(y, planted, n_splits=2, horizon=4, stride=12)
    assert (before[:4]["y_pred"] != after[:4]["y_pred"]).any()


@pytest.mark.parametrize("normalize", ["last", "mean", None])
def test_windows_and_what_follows_them(normalize, recorded):
    """Every window that is fitted on, row by row: the values before its target, relative to what normalize says."""
    y = np.random.default_rng(0).normal(size=60)
    ridge(Recorder(), window=5, horizon=3, normalize=normalize, season_length=1).fit(y)
    ((X, Y),) = recorded
    windows = np.array([y[t - 5 : t] for t in range(5, 58)])
    following = np.array([y[t : t + 3] for t in range(5, 58)])
    centre = {"last": windows[:, -1:], "mean": windows.mean(axis=1, keepdims=True)}.get(normalize, 0.0)
    scale = windows.std(axis=1, keepdims=True) if normalize == "mean" else 1.0
    F, P = (windows - centre) / scale, (following - centre) / scale
    np.testing.assert_allclose(X, F / F.std(), rtol=1e-10, atol=1e-12)
    P = P - P.mean(axis=0)
    np.testing.assert_allclose(Y, P / P.std(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "options", [{"normalize": "smoothing"}, {"normalize": "mean"}, {"difference": "season"}], ids=str
)
def test_an_origin_knows_nothing_of_what_is_planted_after_it(options):
    y = monthly(90).to_numpy()[:, None]
    x = np.random.default_rng(0).normal(size=(90, 1))
    model = ridge(season_length=12, **options).fit(y, x)._model.model
    empty = [np.empty((90, 0))]
    for t in (40, 60, 88):
        planted, planted_x = y.copy(), x.copy()
        planted[t + 1 :] = planted_x[t + 1 :] = 1e6
        one, zero, where = np.array([0]), np.array([0]), (np.array([0]), np.array([t]))
        before = model.origins(Series([y], [x], empty, zero), one, where)
        after = model.origins(Series([planted], [planted_x], empty, zero), one, where)
        for name in ("D", "level", "season", "before", "exog"):
            np.testing.assert_array_equal(getattr(after.parts[0], name), getattr(before.parts[0], name))


def test_the_held_back_part_is_not_fitted_on(recorded):
    y = pd.Series(np.arange(100.0) ** 1.5)
    planted = y.copy()
    planted[80:] = -1e6
    options = {"regressor": Recorder(), "normalize": "last", "season_length": 1, "calibration_fraction": 0.2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        first = ridge(**options).fit(y)
        second = ridge(**options).fit(planted)
    (early_X, early_Y), (X, _), (planted_early_X, planted_early_Y), _ = recorded
    assert len(early_X) == 80 - 6 - 4 + 1
    assert len(X) == 100 - 6 - 4 + 1
    # bit for bit: not even a scale or a mean is of the held-back part
    np.testing.assert_array_equal(early_X, planted_early_X)
    np.testing.assert_array_equal(early_Y, planted_early_Y)
    assert first.skill_ != second.skill_


def test_nothing_is_held_back_without_calibration(recorded):
    ridge(regressor=Recorder()).fit(monthly())
    assert len(recorded) == 1


@pytest.mark.parametrize("method", ["backtest", "time_splits"])
def test_a_cutoff_after_which_no_series_goes_on(method):
    y = pd.concat({"a": monthly(120)[:60], "b": monthly(120, 1)[60:]}, names=["shop", "month"])
    with pytest.raises(ValueError, match="No series of y has values up to 2014-12 and goes on after it"):
        getattr(ridge(), method)(y, n_splits=2, stride=56)


# -- update -----------------------------------------------------------------------------------------------------------

STATES = [{"normalize": normalize} for normalize in (None, "last", "mean", "smoothing")] + [
    {"difference": "season"},
    {"difference": 3, "normalize": "mean"},
    {"difference": "season", "normalize": "smoothing"},
    {"target_transform": "log"},
    {"seasonal_features": 2},
    {"strategy": "recursive"},
]


@pytest.mark.parametrize("options", STATES, ids=str)
def test_update_is_what_backtest_goes_on_with(options):
    """At once, row by row, and by backtest without refit: the same forecasts."""
    y = monthly(90)
    fitted = ridge(**options).fit(y[:70])
    backtest = ridge(**options).backtest(y, n_splits=2, horizon=4, stride=16)
    np.testing.assert_allclose(backtest["y_pred"][:4], fitted.predict(), rtol=1e-12)
    at_once = clone(fitted).fit(y[:70]).update(y[70:86])
    row_by_row = clone(fitted).fit(y[:70])
    for t in range(70, 86):
        assert row_by_row.update(y[t : t + 1]) is row_by_row
    np.testing.assert_allclose(at_once.predict(), row_by_row.predict(), rtol=1e-10)
    np.testing.assert_allclose(at_once.predict(), backtest["y_pred"][4:], rtol=1e-10)
    assert at_once.predict().index[0] == y.index[86]
    # and the same as what these weights make of the whole series from its beginning
    values, empty = [y[:86].to_numpy()[:, None]], [np.empty((86, 0))]
    where = (np.array([0]), np.array([85]))
    origins = at_once._model.model.origins(Series(values, empty, empty, np.array([0])), np.array([70]), where)
    for name in ("D", "level", "season", "before", "exog"):
        np.testing.assert_allclose(
            getattr(at_once._model._origins.parts[0], name), getattr(origins.parts[0], name), rtol=1e-10, atol=1e-10
        )


def test_update_with_exogenous_columns():
    y = monthly(90)
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"known": rng.normal(size=90), "past": rng.normal(size=90)}, index=y.index)
    options = {"past_only": ["past"], "seasonal_features": 1}
    backtest = ridge(**options).backtest(y, X, n_splits=2, horizon=4, stride=16)
    late = ridge(**options).fit(y[:70], X)
    np.testing.assert_allclose(late.predict(X=X), backtest["y_pred"][:4], rtol=1e-10)
    for t in range(70, 86):
        late.update(y[t : t + 1], X)
    np.testing.assert_allclose(late.predict(X=X[["known"]]), backtest["y_pred"][4:], rtol=1e-10)


def test_update_of_some_series_of_a_panel():
    y = panel_of_three()
    longer = pd.concat({"a": monthly(84, 1)[72:80]}, names=["shop", "month"]).rename("sales")
    fitted = ridge().fit(y)
    before = fitted.predict()
    after = fitted.update(longer).predict()
    for group in "bc":
        pd.testing.assert_series_equal(after.loc[group], before.loc[group])
    assert after.loc["a"].index[0] == pd.Period("2016-09", "M")


def test_a_refused_update_leaves_the_forecaster_as_it_was():
    y = panel_of_three()
    fitted = ridge(target_transform="log").fit(y)
    before = fitted.predict()
    first = before[before.index.get_level_values("month") < "2016-01"]
    assert {"b", "c"} == set(first.index.get_level_values(0))
    bad = first.copy()
    bad.iloc[-1] = -1.0
    with pytest.raises(ValueError, match="positive"):
        fitted.update(bad)
    with pytest.raises(ValueError, match="follow on"):
        fitted.update(pd.concat([first.loc[["c"]], y.loc[["a"]]]))
    pd.testing.assert_series_equal(fitted.predict(), before)


def test_intervals_move_with_the_forecast_after_an_update():
    y = monthly(90)
    _, interval, forecaster = interval_of(y[:70])
    widths = np.diff(interval, axis=1)
    forecaster.update(y[70:80])
    later = np.diff(forecaster.predict_interval(), axis=1)
    np.testing.assert_allclose(
        later / widths, np.tile(later[0] / widths[0], (4, 1))
    )  # their size follows the newest errors
    assert 0.5 < later[0] / widths[0] < 1.5
    assert forecaster.predict_interval().index[0] == y.index[80]


def test_errors_that_repeat_each_other_count_less():
    """Five equal errors in a row tell what one tells, so the interval must lie further out."""
    rng = np.random.default_rng(0)

    def width(errors):
        calibration = Calibration(errors[:, None, None], np.zeros(len(errors), int), 1)
        (lower,), (upper,) = calibration.quantiles([0.05, 0.95], [0]) * calibration.typical(np.array([0]), 1)
        return n_independent(errors[:, None]), float((upper - lower)[0])

    errors = rng.normal(size=40)
    n_alone, alone = width(errors)
    n_repeated, repeated = width(np.repeat(errors, 5))
    assert 15 < n_alone <= 40
    assert 10 < n_repeated < 50  # of 200
    assert repeated == pytest.approx(alone, rel=0.2)
    n_few, few = width(np.repeat(errors[:8], 5))
    assert n_few < 12
    assert few / np.abs(errors[:8]).mean() > 1.1 * alone / np.abs(errors).mean()


@pytest.mark.parametrize("growth", [0.0, 0.5, 1.0])
def test_intervals_beyond_what_was_measured_widen_as_they_did_before(growth):
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(4000, 4, 1)) * (np.arange(1, 5) ** growth)[:, None]
    calibration = Calibration(errors, np.zeros(4000, int), 1)
    typical = calibration.typical(np.array([0]), 16)[0, :, 0]
    expected = np.sqrt(2 / np.pi) * np.arange(1, 17) ** growth
    np.testing.assert_allclose(typical, expected, rtol=0.08)


def test_with_exogenous_columns_at_least_a_horizon_is_held_back():
    y = monthly(80)
    X = pd.DataFrame({"x": np.random.default_rng(0).normal(size=80)}, index=y.index)
    assert np.isfinite(ridge(horizon=12, calibration_fraction=0.1).fit(y + 5 * X["x"], X).skill_)


@unskilled
def test_held_back_values_have_no_part_in_the_pattern_that_smoothing_starts_from():
    """Of a series that begins late, the first two seasons may reach into the held-back part."""

    def scores(rise):
        late = monthly(60, 1, start="2011-09")
        late.iloc[20:24] += rise
        y = pd.concat({"long": monthly(80), "late": late})
        forecaster = ridge(season_length=12, horizon=6, calibration_fraction=0.5).fit(y)
        calibration = forecaster._model.calibration
        typical = calibration.typical(np.arange(2), 12) / calibration.pace[:, None]
        errors = calibration.relative * typical[calibration._series]
        return np.abs(errors[calibration._series == 1][0, :, 0])

    np.testing.assert_allclose(scores(0)[4:], scores(30)[4:], rtol=1e-6)  # kept in single precision
    assert (scores(0)[:4] < scores(30)[:4]).all()


def test_an_update_of_a_copy_leaves_the_original_as_it_was():
    y = monthly()
    fitted = ridge().fit(y[:60])
    before = fitted.predict()
    copy.copy(fitted).update(y[60:])
    pd.testing.assert_series_equal(fitted.predict(), before)
