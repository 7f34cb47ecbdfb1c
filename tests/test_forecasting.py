"""RNNForecaster: what comes out and of what type, that no future is used, and how good forecasts and intervals are."""

import pickle
import re
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.datasets import load_airline

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# both are right to be said of data as short as these, and are tested by themselves
unskilled = pytest.mark.filterwarnings("ignore:On the last .* worse than repeating:UserWarning")
few = pytest.mark.filterwarnings("ignore:.*held-back errors are too few:UserWarning")


# -- data -------------------------------------------------------------------------------------------------------------


def autoregression(coefficients, n, rng):
    """n values of a linear recurrence driven by noise, long after its beginning."""
    noise, y = rng.normal(size=n + 100), np.zeros(n + 100)
    for t in range(n + 100):
        y[t] = noise[t] + sum(c * y[t - k] for k, c in enumerate(coefficients, 1) if t >= k)
    return y[100:]


def seasonal_with_trend(n, rng):
    """A season of 12, a trend, and noise that depends on its past."""
    season = np.resize(2 * rng.normal(size=12), n)
    return 0.02 * np.arange(n) + season + autoregression([0.6], n, rng)


def monthly(n=72, seed=0, start="2010-01"):
    """A monthly series, all positive."""
    y = 30 + seasonal_with_trend(n, np.random.default_rng(seed))
    return pd.Series(y, index=pd.period_range(start, periods=n, freq="M", name="month"), name="sales")


def frame_of_two(n=72, seed=0):
    return pd.DataFrame({"north": monthly(n, seed), "south": 10 * monthly(n, seed + 1)})


def panel_of_three(columns=None):
    """Series of different lengths, which begin and end at different times."""
    parts = {
        "c": monthly(72, 0)[:66],
        "a": monthly(72, 1),
        "b": monthly(72, 2)[12:70],
    }
    y = pd.concat(parts, names=["shop", "month"]).rename("sales")
    return y if columns is None else pd.DataFrame({column: (i + 1.0) * y for i, column in enumerate(columns)})


def ridge(regressor=None, **options):
    """A forecaster that is fitted in no time."""
    options = {"window": 6, "horizon": 4, "calibration_fraction": 0, **options}
    return RNNForecaster(Ridge() if regressor is None else regressor, **options)


def exact(**options):
    """A forecaster that follows a linear rule without error."""
    return RNNForecaster(
        **{"regressor": LinearRegression(), "window": 12, "horizon": 6, "calibration_fraction": 0, **options}
    )


class Recorder(RegressorMixin, BaseEstimator):
    """Repeats the mean of what it was fitted on, and keeps what it saw."""

    seen = []

    def fit(self, X, y):
        Recorder.seen.append((X.copy(), y.copy()))
        self.mean_ = y.mean(axis=0)
        return self

    def predict(self, X):
        return np.repeat(self.mean_[None], len(X), axis=0)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@pytest.fixture
def recorded():
    Recorder.seen = []
    return Recorder.seen


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
        forecast = ridge(id_col="shop", time_col="month").fit(y).predict()
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
    pd.testing.assert_index_equal(
        ridge().fit(y[:60]).update(late).predict().index.as_unit("s")[:1], y.index[-1:] + pd.offsets.MonthBegin()
    )


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
    _, interval, _ = interval_of(long, id_col="shop", time_col="month")
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
    assert (forecaster.predict_interval(50, coverage=0.97)["lower"] > 0).all()


def test_a_coverage_that_the_held_back_part_cannot_tell():
    _, _, forecaster = interval_of(monthly(400))
    with pytest.warns(UserWarning, match="too few for a coverage of 0.9999") as caught:
        widest = forecaster.predict_interval(coverage=0.9999)
    assert (widest["lower"] < forecaster.predict_interval(coverage=0.8)["lower"]).all()
    assert caught[0].filename == __file__


SIMULATED = {
    "seasonal": (lambda rng: seasonal_with_trend(212, rng), 12, pd.period_range("2000-01", periods=212, freq="M")),
    "AR(2)": (lambda rng: autoregression([0.5, 0.3], 305, rng), 5, pd.RangeIndex(305)),
    "random walk": (lambda rng: rng.normal(size=205).cumsum(), 5, pd.RangeIndex(205)),
}


@few
@unskilled
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
            forecaster = RNNForecaster(regressor, horizon=horizon, random_state=0).fit(y[:-horizon])
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
    model = ridge(season_length=12, **options).fit(y, x)._model
    empty = [np.empty((90, 0))]
    for t in (40, 60, 88):
        planted, planted_x = y.copy(), x.copy()
        planted[t + 1 :] = planted_x[t + 1 :] = 1e6
        one, zero, where = np.array([0]), np.array([0]), (np.array([0]), np.array([t]))
        before = model.origins([y], [x], empty, zero, one, where)
        after = model.origins([planted], [planted_x], empty, zero, one, where)
        for name in ("D", "level", "season", "before", "exog"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


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
    origins = at_once._model.origins(values, empty, empty, np.array([0]), np.array([0]), where)
    for name in ("D", "level", "season", "before", "exog"):
        np.testing.assert_allclose(getattr(at_once._origins, name), getattr(origins, name), rtol=1e-10, atol=1e-10)


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
    np.testing.assert_allclose(np.diff(forecaster.predict_interval(), axis=1), widths)
    assert forecaster.predict_interval().index[0] == y.index[80]


# -- exactness --------------------------------------------------------------------------------------------------------

NORMALIZE = [None, "last", "mean", "smoothing", "auto"]


def line_and_season(n):
    pattern = np.array([3.0, 1, -2, 0, 5, 2, -4, 1, 0, -1, -3, -2])
    return pd.Series(
        100 + 0.7 * np.arange(n) + np.resize(pattern, n), index=pd.period_range("2000-01", periods=n, freq="M")
    )


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("normalize", NORMALIZE)
def test_a_line_and_a_season_are_forecast_exactly(normalize, strategy):
    y = line_and_season(180)
    # differences along the window: a season and one step are needed to tell a slope from a pattern
    forecaster = exact(normalize=normalize, strategy=strategy, window=24).fit(y[:150])
    np.testing.assert_allclose(forecaster.predict(30), y[150:], rtol=1e-10)  # 5 blocks of 6


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("normalize", NORMALIZE)
def test_a_linear_recurrence_is_forecast_exactly(normalize, strategy):
    t = np.arange(160)
    y = pd.Series(50 + 3 * np.sin(2 * np.pi * t / 17) + np.cos(2 * np.pi * t / 5.3))
    forecaster = exact(normalize=normalize, strategy=strategy, season_length=1).fit(y[:140])
    # a smoothed level forgets the past, but never wholly
    np.testing.assert_allclose(forecaster.predict(20), y[140:], rtol=1e-7 if normalize == "smoothing" else 1e-10)


@pytest.mark.parametrize("options", [{"difference": 1}, {"difference": "season"}, {"linear_path": True}], ids=str)
def test_other_ways_to_an_exact_forecast(options):
    y = line_and_season(180)
    forecaster = exact(window=24, **options).fit(y[:150])
    np.testing.assert_allclose(forecaster.predict(30), y[150:], rtol=1e-6)


def test_growth_by_factors_is_a_line_in_logarithms():
    y = np.exp(line_and_season(180) / 30)
    forecaster = exact(target_transform="log", window=24).fit(y[:150])
    np.testing.assert_allclose(forecaster.predict(30), y[150:], rtol=1e-6)


def test_series_that_share_an_index_explain_each_other():
    """The second is the first, two steps later: the first two steps are known for certain."""
    x = np.random.default_rng(0).normal(size=202)
    y = pd.DataFrame({"first": x[2:], "second": x[:-2]})
    forecast = exact(window=4, horizon=2, normalize="last", season_length=1).fit(y[:190]).predict()
    np.testing.assert_allclose(forecast["second"], y["second"][190:192], atol=1e-9)


def test_a_series_that_follows_a_known_column():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"promotion": rng.normal(size=120), "price": 1000 + rng.normal(size=120)})
    y = 5 + 2 * X["promotion"] - 3 * X["price"]
    for options in ({"normalize": None}, {"normalize": None, "strategy": "recursive"}, {"normalize": "last"}):
        forecaster = exact(window=2, season_length=1, **options).fit(y[:100], X[:100])
        # beyond the horizon too; rows that are not needed do no harm, nor does their order
        for future in (X[100:], X, X[::-1]):
            np.testing.assert_allclose(forecaster.predict(20, future), y[100:], rtol=1e-9)
        assert forecaster.score(y[100:], X[100:]) == pytest.approx(0, abs=1e-6)


def test_a_known_column_in_a_panel_is_found_by_id_and_time():
    rng = np.random.default_rng(0)
    y = panel_of_three()
    index = pd.MultiIndex.from_product([list("abc"), pd.period_range("2010-01", "2016-12", freq="M")])
    X = pd.DataFrame({"x": rng.normal(size=len(index))}, index=index.set_names(["shop", "month"]))
    y[:] = 3 * X["x"].reindex(y.index) + 1
    forecaster = exact(normalize=None, window=2).fit(y, X.sort_index(level="month"))
    forecast = forecaster.predict(X=X)
    # to a few per cent: series are scaled by their size, and so the factor 3 is not quite the same for all of them
    np.testing.assert_allclose(forecast, 3 * X["x"].reindex(forecast.index) + 1, rtol=0.15, atol=0.15)
    ordered = exact(normalize=None, window=2).fit(y, X.reindex(y.index)).predict(X=X.reindex(forecast.index))
    pd.testing.assert_series_equal(ordered, forecast)
    long = exact(normalize=None, window=2, id_col="shop", time_col="month").fit(y.reset_index(), X.reset_index())
    np.testing.assert_allclose(long.predict(X=X.reset_index())["sales"], forecast, rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"window_format": "3d"}], ids=str)
def test_past_only_columns_have_the_right_lag(options, recorded):
    x = np.random.default_rng(0).normal(size=201)
    y, X = pd.Series(x[:-1]), pd.DataFrame({"leads": x[1:]})  # y[t] = leads[t-1]
    forecaster = exact(window=3, horizon=2, normalize="last", season_length=1, past_only=["leads"], **options)
    if options:
        forecaster.set_params(
            regressor=make_pipeline(FunctionTransformer(lambda A: A.reshape(len(A), -1)), Ridge(1e-9))
        )
    forecaster.fit(y[:190], X[:190])
    assert forecaster.predict().iloc[0] == pytest.approx(y[190], abs=1e-6)
    forecaster.update(y[190:195], X[190:195])
    assert forecaster.predict().iloc[0] == pytest.approx(y[195], abs=1e-6)
    errors = forecaster.backtest(y, X, n_splits=20, stride=3).eval("y_true - y_pred").abs()
    assert errors[::2].max() < 1e-6  # step 1
    assert errors[1::2].mean() > 0.1  # step 2 cannot be known


def test_seasonal_features_alone_learn_a_sine():
    t = np.arange(80)
    y = pd.Series(4 + 2 * np.sin(2 * np.pi * t / 12 + 0.3), index=pd.period_range("2010-05", periods=80, freq="M"))
    noise = 1e-3 * np.random.default_rng(0).normal(size=80)  # or values of the past would say as much
    forecaster = exact(window=1, normalize=None, seasonal_features=1).fit((y + noise)[:60])
    np.testing.assert_allclose(forecaster.predict(20), y[60:], atol=3e-3)


@few
@unskilled
@pytest.mark.parametrize("normalize", NORMALIZE)
@pytest.mark.parametrize("regressor", [None, LinearRegression()], ids=["network", "linear"])
def test_a_constant_series_goes_on_as_it_is(normalize, regressor):
    y = pd.Series(7.0, index=pd.date_range("2020", periods=50, freq="D"))
    if regressor is None:
        regressor = RNNRegressor(3, max_iter=2, random_state=0)
    forecaster = RNNForecaster(regressor, horizon=5, normalize=normalize).fit(y)
    np.testing.assert_allclose(forecaster.predict(), 7.0, rtol=1e-9)
    np.testing.assert_allclose(forecaster.predict_interval(), 7.0, rtol=1e-9)
    assert forecaster.score(y[-3:].set_axis(y.index[-3:] + pd.Timedelta("3D"))) == pytest.approx(0, abs=1e-9)


@few
@unskilled
@pytest.mark.parametrize("normalize", NORMALIZE)
@pytest.mark.parametrize("regressor", [RNNRegressor(3, max_iter=1, random_state=0), Ridge()], ids=["network", "ridge"])
@pytest.mark.parametrize("difference", [None, 2])
def test_the_shortest_series_that_are_taken(normalize, regressor, difference):
    """No warning of numerics, whatever little there is to fit on; what is shorter is refused."""
    options = {"window": 4, "horizon": 2, "normalize": normalize, "season_length": 3, "difference": difference}
    forecaster = RNNForecaster(regressor, calibration_fraction=0, **options)
    n_least = (difference or 0) + 4 + 2 + 1
    for n in range(n_least, n_least + 4):
        assert np.isfinite(clone(forecaster).fit(monthly(n)).predict(5)).all()
    with pytest.raises(ValueError, match=f"at least {n_least}|takes {n_least - 3}"):
        forecaster.fit(monthly(n_least - 1))
    for n in range(n_least + 3, n_least + 7):  # as little to fit on besides a part that is held back
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The series are too short to hold back")
            fitted = RNNForecaster(regressor, calibration_fraction=0.3, **options).fit(monthly(n))
        assert np.isfinite(fitted.predict(5)).all()
        if np.isfinite(fitted.skill_):
            assert np.isfinite(fitted.predict_interval(5)).all(axis=None)


# -- conventions of scikit-learn --------------------------------------------------------------------------------------


def small(**options):
    """The forecaster as it is by default, but soon done."""
    return RNNForecaster(
        RNNRegressor(4, max_iter=2, batch_size=64), **{"horizon": 4, "random_state": 0, "window": 6, **options}
    )


def test_parameters():
    forecaster = RNNForecaster(horizon=3, normalize="last")
    assert repr(forecaster) == "RNNForecaster(horizon=3, normalize='last')"
    assert clone(forecaster).get_params() == forecaster.get_params()
    assert forecaster.get_params()["regressor"] is None
    # the default network's parameters are reached as if it had been given
    forecaster.set_params(regressor__max_iter=3, horizon=5)
    assert forecaster.get_params()["regressor__max_iter"] == 3
    assert forecaster.get_params()["regressor__batch_size"] == 32
    assert forecaster.horizon == 5
    assert clone(forecaster).get_params()["regressor__max_iter"] == 3
    forecaster.set_params(regressor=Ridge(), regressor__alpha=7.0)
    assert forecaster.regressor.alpha == 7.0
    forecaster.set_params(regressor=None, regressor__max_iter=4)  # as a grid over both does
    assert forecaster.regressor.max_iter == 4


def test_pandas_output_of_transformers_is_no_matter():
    y = monthly()
    expected = ridge(target_transform="log").fit(y).predict()
    with config_context(transform_output="pandas"):
        pd.testing.assert_series_equal(ridge(target_transform="log").fit(y).predict(), expected)
        ridge(target_transform=StandardScaler()).fit(y).predict()


def test_fit_changes_neither_parameters_nor_data():
    y = monthly()
    X = pd.DataFrame({"x": np.arange(72.0)}, index=y.index)
    forecaster = small()
    before = forecaster.get_params()
    y_before, X_before = y.copy(), X.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert forecaster.fit(y, X) is forecaster
        forecaster.predict(X=pd.DataFrame({"x": np.arange(4.0)}, index=pd.period_range("2016-01", periods=4, freq="M")))
        forecaster.backtest(y, X, n_splits=2)
    after = forecaster.get_params()
    assert {key: str(value) for key, value in after.items()} == {key: str(value) for key, value in before.items()}
    assert after["regressor"] is before["regressor"]
    assert not hasattr(after["regressor"], "n_iter_")
    pd.testing.assert_series_equal(y, y_before)
    pd.testing.assert_frame_equal(X, X_before)


@unskilled
def test_the_default_network_is_that_of_the_docstring():
    y = monthly(60)
    said = re.search(r"None is ``(RNNRegressor\(.*?\))``", RNNForecaster.__doc__)[1]
    given = eval(said, {"RNNRegressor": RNNRegressor})
    options = {"horizon": 2, "calibration_fraction": 0, "random_state": 0}
    default = RNNForecaster(**options).fit(y)
    assert default.regressor is None
    pd.testing.assert_series_equal(RNNForecaster(given, **options).fit(y).predict(), default.predict())


@few
@unskilled
def test_pickle_keeps_forecasts_bit_by_bit():
    y = panel_of_three()
    forecaster = small().fit(y)
    other = pickle.loads(pickle.dumps(forecaster))
    pd.testing.assert_series_equal(other.predict(6), forecaster.predict(6), check_exact=True)
    pd.testing.assert_frame_equal(other.predict_interval(), forecaster.predict_interval(), check_exact=True)
    new = pd.concat({"a": monthly(80, 1)[72:]}, names=["shop", "month"]).rename("sales")
    pd.testing.assert_series_equal(other.update(new).predict(), forecaster.update(new).predict(), check_exact=True)


def test_a_failed_fit_leaves_a_new_forecaster_unfitted():
    forecaster = ridge(window=60)
    with pytest.raises(ValueError, match="too few"):
        forecaster.fit(monthly(40))
    with pytest.raises(NotFittedError):
        forecaster.predict()


def test_a_failed_fit_leaves_a_fitted_forecaster_as_it_was():
    y = monthly()
    forecaster = ridge().fit(y)
    before = forecaster.predict()
    for bad, message in ((y[:6], "too few"), (y.where(y.index != y.index[5]), "missing"), (y[::-1], "oldest first")):
        with pytest.raises(ValueError, match=message):
            forecaster.fit(bad)
        pd.testing.assert_series_equal(forecaster.predict(), before)


def test_score_is_minus_the_mean_absolute_scaled_error():
    y = monthly(80)
    forecaster = ridge().fit(y[:70])
    scale = np.abs(y[12:70].to_numpy() - y[:58].to_numpy()).mean()
    mase = np.abs(y[70:].to_numpy() - forecaster.predict(10).to_numpy()).mean() / scale
    assert forecaster.score(y[70:]) == pytest.approx(-mase, rel=1e-12)
    assert forecaster.score(y[70:71]) == pytest.approx(-abs(y.iloc[70] - forecaster.predict().iloc[0]) / scale)
    # in the units of the series also with a transform, and the mean over all series
    frame = frame_of_two(80)
    forecaster = ridge(target_transform="log").fit(frame[:70])
    scale = np.abs(frame[12:70].to_numpy() - frame[:58].to_numpy()).mean(axis=0)
    mase = (np.abs(frame[70:] - forecaster.predict(10)).to_numpy().mean(axis=0) / scale).mean()
    assert forecaster.score(frame[70:]) == pytest.approx(-mase, rel=1e-12)


def test_score_of_a_panel_counts_its_series_alike():
    y = panel_of_three()
    parts = {group: y.loc[group] for group in "abc"}
    stop = {"a": 65, "b": 50, "c": 63}
    early = pd.concat({group: parts[group][: stop[group]] for group in "cab"}, names=["shop", "month"])
    late = pd.concat({group: parts[group][stop[group] :] for group in "abc"}, names=["shop", "month"])
    forecaster = ridge().fit(early.rename("sales"))
    forecast = forecaster.predict(10)
    errors = []
    for group, part in parts.items():
        true, known = part[stop[group] :].to_numpy(), part[: stop[group]].to_numpy()
        scale = np.abs(known[12:] - known[:-12]).mean()
        errors.append(np.abs(true - forecast.loc[group][: len(true)].to_numpy()).mean() / scale)
    assert forecaster.score(late.rename("sales")) == pytest.approx(-np.mean(errors), rel=1e-12)


@pytest.mark.parametrize("make", [ridge, small])
def test_grid_search_over_a_series(make):
    y = monthly(90)
    grid = {"normalize": ["last", "smoothing"], "regressor__alpha": [0.01, 1.0]}
    # nothing is held back: with so few epochs, and a part of the data, skill would be worth a warning
    search = GridSearchCV(make(calibration_fraction=0), grid, cv=TimeSeriesSplit(n_splits=3, test_size=12))
    search.fit(y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.predict().index[0] == y.index[-1] + 1
    # by hand
    best = clone(make(calibration_fraction=0)).set_params(**search.best_params_)
    scores = []
    for n in (54, 66, 78):
        scores.append(clone(best).fit(y[:n]).score(y[n : n + 12]))
    assert search.best_score_ == pytest.approx(np.mean(scores), rel=1e-9)


def test_grid_search_with_exogenous_columns():
    rng = np.random.default_rng(0)
    y = monthly(90)
    X = pd.DataFrame({"x": rng.normal(size=90), "z": rng.normal(size=90)}, index=y.index)
    y = y + 20 * X["x"]
    cv = TimeSeriesSplit(n_splits=3, test_size=12)
    search = GridSearchCV(ridge(), {"window": [3, 6], "past_only": [None]}, cv=cv).fit(y, X)
    future = pd.DataFrame({"x": [0.0] * 4, "z": 0.0}, index=pd.period_range(y.index[-1] + 1, periods=4, freq="M"))
    assert search.best_estimator_.predict(X=future).shape == (4,)
    assert search.best_score_ > cross_val_score(ridge(), y, cv=cv).mean()
    scores = cross_val_score(ridge(horizon=12, past_only=["x", "z"]), y, X, cv=cv)
    assert np.isfinite(scores).all()
    assert np.isfinite(cross_val_score(ridge(), y.to_numpy(), X.to_numpy(), cv=cv)).all()
    assert np.isfinite(cross_val_score(ridge(), frame_of_two(90), cv=cv)).all()


def test_grid_search_over_the_default_network():
    search = GridSearchCV(
        RNNForecaster(horizon=4, calibration_fraction=0, random_state=0),
        {"regressor__max_iter": [1, 2], "regressor__hidden_layer_sizes": [2]},
        cv=TimeSeriesSplit(n_splits=2, test_size=4),
    ).fit(monthly())
    assert search.best_estimator_.regressor.max_iter in (1, 2)
    assert search.estimator.regressor is None


def test_grid_search_over_a_panel():
    rows_differ = panel_of_three()
    long = rows_differ.sort_index(level="month").reset_index()
    X = pd.DataFrame({"x": np.arange(len(rows_differ)) % 5.0}, index=rows_differ.index)
    for y, exog, options in (
        (rows_differ, None, {}),
        (rows_differ, X, {}),
        (long, None, {"id_col": "shop", "time_col": "month"}),
    ):
        forecaster = ridge(**options)
        cv = forecaster.time_splits(y, n_splits=3, horizon=4)
        search = GridSearchCV(forecaster, {"window": [3, 6]}, cv=cv).fit(y, exog)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        if exog is None:
            assert search.best_estimator_.predict().shape[0] == 12
        train, test = cv[0]
        fitted = clone(forecaster).set_params(window=3).fit(y.iloc[train], None if exog is None else exog.iloc[train])
        score = fitted.score(y.iloc[test], None if exog is None else exog.iloc[test])
        assert search.cv_results_["split0_test_score"][0] == pytest.approx(score)


def test_time_splits():
    y = panel_of_three()
    splits = ridge().time_splits(y, n_splits=3, horizon=4, stride=2)
    times = y.index.get_level_values("month")
    shops = y.index.get_level_values("shop")
    last = pd.Period("2015-12", "M")
    assert len(splits) == 3
    for back, (train, test) in zip((8, 6, 4), splits):
        cutoff = last - back
        np.testing.assert_array_equal(train, np.flatnonzero(times <= cutoff))
        going = [group for group in "abc" if y.loc[group].index[-1] > cutoff]
        expected = (times > cutoff) & (times <= cutoff + 4) & shops.isin(going)
        np.testing.assert_array_equal(test, np.flatnonzero(expected))
    assert shops[splits[-1][1]].unique().tolist() == ["a", "b"]  # c has ended by then
    series = monthly(50)
    for (train, test), (train_rows, test_rows) in zip(
        ridge().time_splits(series, n_splits=4, horizon=5), TimeSeriesSplit(4, test_size=5).split(series)
    ):
        np.testing.assert_array_equal(train, train_rows)
        np.testing.assert_array_equal(test, test_rows)


# -- backtest ---------------------------------------------------------------------------------------------------------


@few
@unskilled
@pytest.mark.parametrize("refit", [True, False])
def test_backtest(refit):
    y = monthly(90)
    forecaster = ridge(calibration_fraction=0.3)
    table = forecaster.backtest(y, n_splits=3, horizon=4, stride=5, refit=refit)
    assert table.columns.tolist() == ["cutoff", "step", "y_true", "y_pred", "lower", "upper"]
    assert isinstance(table.index, pd.RangeIndex)
    assert table["step"].tolist() == [1, 2, 3, 4] * 3
    # the last is `horizon` steps before the end, the others each 5 before the next
    last = y.index[-1] - 4
    assert table["cutoff"].unique().tolist() == [last - 10, last - 5, last]
    times = [cutoff + step for cutoff, step in zip(table["cutoff"], table["step"])]
    np.testing.assert_array_equal(table["y_true"], y[times])
    with pytest.raises(NotFittedError):
        forecaster.predict()
    # by hand
    for cutoff, part in table.groupby("cutoff"):
        if refit:
            other = clone(forecaster).fit(y[y.index <= cutoff])
        else:
            other = clone(forecaster).fit(y[y.index <= last - 10])
            if cutoff > last - 10:
                other.update(y[(y.index > last - 10) & (y.index <= cutoff)])
        np.testing.assert_allclose(part["y_pred"], other.predict(), rtol=1e-10)
        np.testing.assert_allclose(part[["lower", "upper"]], other.predict_interval(), rtol=1e-10)


def test_backtest_takes_the_horizon_of_the_forecaster():
    table = ridge().backtest(monthly(90))
    assert len(table) == 5 * 4
    assert table["cutoff"].unique().tolist() == list(pd.period_range("2015-10", "2017-02", freq="M")[::4])
    assert table[["lower", "upper"]].isna().all(axis=None)
    longer = ridge().backtest(monthly(90), horizon=10, n_splits=2)
    assert longer["step"].tolist() == [*range(1, 11)] * 2


def test_backtest_leaves_a_fitted_forecaster_as_it_was():
    y = monthly(90)
    forecaster = ridge().fit(y[:50])
    before = forecaster.predict()
    forecaster.backtest(y, n_splits=2)
    pd.testing.assert_series_equal(forecaster.predict(), before)


@pytest.mark.parametrize("refit", [True, False])
def test_backtest_of_several_series(refit):
    y = frame_of_two(90)
    table = ridge().backtest(y, n_splits=2, horizon=3, refit=refit)
    assert table.columns.tolist() == ["variable", "cutoff", "step", "y_true", "y_pred", "lower", "upper"]
    assert len(table) == 2 * 3 * 2
    for row in table.itertuples():
        assert row.y_true == y.loc[row.cutoff + row.step, row.variable]
    first = table[table["cutoff"] == table["cutoff"].iloc[0]].pivot(index="step", columns="variable", values="y_pred")
    np.testing.assert_allclose(first, ridge().fit(y[:84]).predict(3), rtol=1e-10)


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("columns", [None, ["sales", "returns"]])
def test_backtest_of_a_panel(columns, refit):
    y = panel_of_three(columns)
    table = ridge().backtest(y, n_splits=3, horizon=4, stride=3, refit=refit)
    variable = [] if columns is None else ["variable"]
    assert table.columns.tolist() == ["shop", *variable, "cutoff", "step", "y_true", "y_pred", "lower", "upper"]
    values = pd.DataFrame({"sales": y}) if columns is None else y
    for row in table.itertuples():
        assert row.y_true == values.loc[(row.shop, row.cutoff + row.step), getattr(row, "variable", "sales")]
    assert np.isfinite(table["y_pred"]).all()
    # as many rows as there are true values: c ends 6 steps before the others' last, b ends 2 before
    n_rows = {"a": (4, 4, 4), "b": (4, 4, 2), "c": (4, 1, 0)}
    found = table.groupby(["shop", "cutoff"]).size().div(len(columns or [1]))
    for group, counts in n_rows.items():
        assert found[group].tolist() == [count for count in counts if count]
    long = y.reset_index()
    same = ridge(id_col="shop", time_col="month").backtest(long, n_splits=3, horizon=4, stride=3, refit=refit)
    pd.testing.assert_frame_equal(same, table)


@pytest.mark.parametrize("refit", [True, False])
def test_backtest_of_a_panel_with_a_series_that_begins_later(refit):
    """A shop that opened after the first cutoff: forecast once it is known, and no error before."""
    parts = {"old": monthly(90, 0), "new": monthly(90, 1)[-26:]}
    y = pd.concat(parts, names=["shop", "month"])
    table = ridge(horizon=4, season_length=1, window=3).backtest(y, n_splits=3, horizon=4, stride=12, refit=refit)
    found = table.groupby("shop").size()
    assert found["old"] == 12
    assert np.isfinite(table["y_pred"]).all()
    # 28, 16 and 4 steps before the end: at the first the new one has no rows, later it has 10 and 22
    if refit:
        assert found["new"] == 8


def test_backtest_of_an_array():
    y = monthly(90).to_numpy()
    table = ridge().backtest(y, n_splits=2)
    assert table["cutoff"].unique().tolist() == [81, 85]
    np.testing.assert_array_equal(table["y_true"], y[82:])


def test_backtest_with_exogenous_columns():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=90)})
    y = 2 * X["x"] + 7
    for refit in (True, False):
        table = exact(window=2, normalize=None, season_length=1).backtest(y, X, n_splits=3, horizon=8, refit=refit)
        np.testing.assert_allclose(table["y_pred"], table["y_true"], atol=1e-8)


# -- regressors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "regressor",
    [
        KNeighborsRegressor(3),
        GradientBoostingRegressor(n_estimators=3),
        SVR(),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(), SVR()),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        RNNRegressor(3, max_iter=1),
        make_pipeline(FunctionTransformer(), RNNRegressor(3, max_iter=1)),
        TransformedTargetRegressor(RNNRegressor(3, max_iter=1), transformer=StandardScaler()),
        GridSearchCV(RNNRegressor(3, max_iter=1), {"alpha": [0.1]}, cv=2),
        RNNRegressor(3, max_iter=1, loss="quantile"),
    ],
    ids=lambda regressor: type(regressor).__name__,
)
@pytest.mark.parametrize("horizon", [1, 3])
def test_any_regressor(regressor, horizon):
    y = monthly(60)
    X = pd.DataFrame({"x": np.arange(64) % 3.0}, index=pd.period_range("2010-01", periods=64, freq="M"))
    forecaster = ridge(regressor=regressor, horizon=horizon, random_state=0)
    # an inner search stops its networks early too, and says so
    with warnings.catch_warnings():
        if isinstance(regressor, GridSearchCV):
            warnings.filterwarnings("ignore", message=".*max_iter")
        forecast = forecaster.fit(y, X).predict(4, X)
        assert np.isfinite(forecast).all()
        assert abs(forecast.mean() - y.mean()) < 10
        pd.testing.assert_series_equal(clone(forecaster).fit(y, X).predict(4, X), forecast, check_exact=True)
        assert np.isfinite(clone(forecaster).fit(frame_of_two(60)).predict()).all(axis=None)


def test_a_recurrent_network_is_given_steps(recorded):
    y = frame_of_two(60)
    X = pd.DataFrame({"k": np.arange(60.0), "p": np.arange(60.0) ** 2}, index=y.index)
    options = {"regressor": Recorder(), "window": 6, "horizon": 4, "linear_path": False}
    ridge(**options).fit(y)  # 6 steps of 2 values
    ridge(**options, window_format="3d").fit(y)
    ridge(**options).fit(y, X)  # and of 2 columns, and 4 more steps of them
    ridge(**options, window_format="3d").fit(y, X)
    ridge(**options, past_only=["p"]).fit(y, X)
    ridge(**options, window_format="3d", past_only=["p"]).fit(y, X)
    ridge(**options, window_format="3d", past_only=["k", "p"]).fit(y, X)
    shapes = [inputs.shape[1:] for inputs, _ in recorded]
    # as 3-D the steps to come follow on the window, and a last column says which they are
    assert shapes == [(12,), (6, 2), (6 * 4 + 4 * 2,), (10, 5), (6 * 4 + 4,), (10, 5), (6, 4)]
    assert all(outputs.shape[1:] == (8,) for _, outputs in recorded)
    ahead = recorded[5][0]
    np.testing.assert_array_equal(ahead[:, :6, -1], 0)
    np.testing.assert_array_equal(ahead[:, 6:, -1], 1)
    np.testing.assert_array_equal(ahead[:, 6:, [0, 1, 3]], 0)  # no values of y, none of a column of the past
    steps = np.diff(ahead[:, :, 2], axis=1)  # the known one runs through from the window to what follows
    np.testing.assert_allclose(steps, steps[0, 0])


@pytest.mark.parametrize("window_format", ["2d", "3d"])
def test_either_form_of_windows_for_a_network(window_format):
    y = monthly(60)
    X = pd.DataFrame({"x": np.arange(64) % 3.0}, index=pd.period_range("2010-01", periods=64, freq="M"))
    forecaster = ridge(regressor=RNNRegressor(3, max_iter=1), window_format=window_format, random_state=0).fit(y, X)
    assert np.isfinite(forecaster.predict(X=X)).all()


class Wrapper(RegressorMixin, BaseEstimator):
    """A meta-estimator that is none of scikit-learn's."""

    def __init__(self, inner):
        self.inner = inner

    def fit(self, X, y):
        assert X.ndim == 3
        self.inner_ = clone(self.inner).fit(X, y)
        return self

    def predict(self, X):
        return self.inner_.predict(X)


def test_a_network_within_another_estimator_is_found():
    fitted = ridge(regressor=Wrapper(RNNRegressor(3, max_iter=1)), random_state=0).fit(monthly(60))
    assert fitted.regressors_[0].inner_.n_features_in_ == 1


def test_single_precision_stays(recorded):
    y = monthly(60)
    for window_format in ("2d", "3d"):
        ridge(regressor=Recorder(), window_format=window_format).fit(y.astype(np.float32))
    ridge(regressor=Recorder()).fit(y)
    ridge(regressor=Recorder()).fit(y.to_numpy().astype(np.float32))
    assert [(X.dtype, Y.dtype) for X, Y in recorded] == [
        (np.float32, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float32, np.float32),
    ]
    np.testing.assert_allclose(ridge().fit(y.astype(np.float32)).predict(), ridge().fit(y).predict(), rtol=1e-4)


def test_members_differ_and_their_mean_is_the_forecast():
    y = monthly()
    options = {"regressor": RNNRegressor(3, max_iter=2), "linear_path": False, "random_state": 0}
    both = ridge(n_members=2, **options).fit(y)
    assert len(both.regressors_) == 2
    seeds = [member.random_state for member in both.regressors_]
    assert seeds[0] != seeds[1]
    alone = [
        ridge(**(options | {"regressor": RNNRegressor(3, max_iter=2, random_state=seed), "random_state": None})).fit(y)
        for seed in seeds
    ]
    forecasts = [forecaster.predict() for forecaster in alone]
    assert not np.allclose(*forecasts)
    np.testing.assert_allclose(both.predict(), np.mean(forecasts, axis=0), rtol=1e-6)


@unskilled
def test_random_states():
    y = monthly()
    forecasts = [small(random_state=seed).fit(y).predict() for seed in (0, 0, 1)]
    pd.testing.assert_series_equal(forecasts[0], forecasts[1], check_exact=True)
    assert (forecasts[0] != forecasts[2]).any()
    again = small(random_state=np.random.RandomState(0)).fit(y).predict()
    pd.testing.assert_series_equal(again, forecasts[0], check_exact=True)
    # None leaves the regressor's own as it is
    own = small(random_state=None).set_params(regressor__random_state=5)
    pd.testing.assert_series_equal(own.fit(y).predict(), clone(own).fit(y).predict(), check_exact=True)
    assert own.regressors_[0].random_state == 5


# -- honesty ----------------------------------------------------------------------------------------------------------


@unskilled
@pytest.mark.parametrize("horizon", [1, 3])
def test_skill_by_hand(horizon):
    y = 5 + autoregression([0.8], 50, np.random.default_rng(0))
    options = {"season_length": 1, "normalize": "last", "horizon": horizon}
    fitted = ridge(calibration_fraction=0.2, **options).fit(y)
    errors, naive = [], []
    other = ridge(**options).fit(y[:40])
    for origin in range(40, 50):  # each step of the last 10, from every origin before it
        true = y[origin : origin + horizon]
        errors.extend(np.abs(other.predict()[: len(true)] - true))
        naive.extend(np.abs(y[origin - 1] - true))
        other.update(y[origin : origin + 1])
    assert fitted.skill_ == pytest.approx(1 - np.sum(errors) / np.sum(naive), rel=1e-9)


def test_skill_of_a_seasonal_series_by_hand():
    y = monthly(80).to_numpy()
    fitted = ridge(calibration_fraction=0.2, season_length=12, horizon=2).fit(y)
    errors, naive = [], []
    other = ridge(season_length=12, horizon=2).fit(y[:64])
    for origin in range(64, 80):
        true = y[origin : origin + 2]
        errors.extend(np.abs(other.predict()[: len(true)] - true))
        naive.extend(np.abs(y[origin - 12 : origin - 12 + len(true)] - true))
        other.update(y[origin : origin + 1])
    assert fitted.skill_ == pytest.approx(1 - np.sum(errors) / np.sum(naive), rel=1e-9)


def test_skill_is_high_where_there_is_a_rule_and_nan_without_calibration():
    y = line_and_season(150)
    assert exact(window=24, calibration_fraction=0.2).fit(y).skill_ > 0.999
    assert exact(window=24).fit(y).network_weight_ == 1.0
    assert np.isnan(exact(window=24).fit(y).skill_)


@few
@pytest.mark.parametrize("options", [{}, {"past_only": ["x"]}], ids=str)
def test_units_of_a_column_do_not_matter(options):
    """Kelvin or Celsius: forecasts, skill and intervals are the same, also at origins near the end of the data."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=104)
    y = pd.Series(2 * x + autoregression([0.5], 104, rng))
    fitted = []
    for offset in (0.0, 1000.0):
        X = pd.DataFrame({"x": x + offset})
        forecaster = ridge(calibration_fraction=0.2, season_length=1, **options)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="On the last")
            fitted.append((forecaster.fit(y[:100], X), X))
    (first, X), (second, shifted) = fitted
    np.testing.assert_allclose(first.predict(X=X), second.predict(X=shifted), rtol=1e-8)
    assert first.skill_ == pytest.approx(second.skill_, rel=1e-8)
    np.testing.assert_allclose(first.predict_interval(X=X), second.predict_interval(X=shifted), rtol=1e-8)


def test_it_is_said_when_repeating_the_season_is_better():
    """A strong season with little noise: two neighbours among few windows do worse than a year ago."""
    rng = np.random.default_rng(0)
    y = pd.Series(np.resize(rng.normal(size=24), 240) + 1e-3 * rng.normal(size=240))
    hopeless = ridge(KNeighborsRegressor(60), normalize=None, season_length=24, window=2, calibration_fraction=0.2)
    with pytest.warns(UserWarning, match=r"worse than repeating the last season \(24 steps\): skill_ = -") as caught:
        hopeless.fit(y)
    assert hopeless.skill_ < -1
    assert caught[0].filename == __file__  # the warning points at the call of fit


def test_it_is_said_when_nothing_can_be_held_back():
    with pytest.warns(UserWarning, match="too short to hold back 3 steps") as caught:
        fitted = ridge(calibration_fraction=0.2, window=8, season_length=1).fit(monthly(14))
    assert np.isnan(fitted.skill_)
    assert fitted.predict().shape == (4,)
    assert caught[0].filename == __file__


@pytest.mark.skipif(not (DATA / "solar.csv").exists(), reason="takes the solar data")
def test_solar_power_is_forecast_better_than_by_yesterday():
    frame = pd.read_csv(DATA / "solar.csv", parse_dates=["datetime_gmt"], index_col="datetime_gmt")
    y = frame["solar_gen"][: 48 * 60]
    fitted = ridge(window=48, horizon=8, calibration_fraction=0.2).fit(y)
    assert fitted.season_length_ == 48
    assert fitted.skill_ > 0
    assert fitted.predict().index[0] == y.index[-1] + pd.Timedelta("30min")


@unskilled
def test_the_network_counts_for_what_it_is_worth():
    y = monthly(90)
    assert 0 <= small().fit(y).network_weight_ <= 1
    noise = ridge(regressor=GradientBoostingRegressor(n_estimators=100, max_depth=6, learning_rate=0.5), horizon=1)
    noise.set_params(linear_path=True, calibration_fraction=0.3, random_state=0)
    weight = noise.fit(np.random.default_rng(0).normal(size=120)).network_weight_
    assert weight < 0.3  # trees this deep have learnt the noise by heart


# -- how good it is ---------------------------------------------------------------------------------------------------


@few
@unskilled
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_airline(seed):
    y = load_airline()
    forecaster = RNNForecaster(horizon=12, target_transform="log", random_state=seed)
    table = forecaster.backtest(y, n_splits=6, stride=6, refit=True)
    values, errors = y.to_numpy(float), []
    for n, (_, part) in zip(range(102, 133, 6), table.groupby("cutoff"), strict=True):
        scale = np.abs(values[12:n] - values[: n - 12]).mean()
        np.testing.assert_array_equal(part["y_true"], values[n : n + 12])
        errors.append(np.abs(part["y_true"] - part["y_pred"]).mean() / scale)
    print(f"MASE {np.mean(errors):.4f}")
    assert np.mean(errors) <= 0.60  # attained: 0.58


def test_one_network_for_many_series():
    rng = np.random.default_rng(0)
    early, late, naive = {}, {}, {}
    for i in range(200):
        n = int(rng.integers(60, 121)) + 12
        t = np.arange(n)
        season = sum(rng.normal() * np.sin(2 * np.pi * k * t / 12 + rng.uniform(0, 2 * np.pi)) for k in (1, 2, 3))
        level = 10 ** rng.uniform(0, 4)
        y = pd.Series(level * (3 + season + 0.5 * autoregression([0.6], n, rng)))
        y.index = pd.period_range("2010-01", periods=n, freq="M")
        early[f"series {i}"], late[f"series {i}"], naive[f"series {i}"] = y[:-12], y[-12:], y[-24:-12]
    forecaster = RNNForecaster(horizon=12, random_state=0).fit(pd.concat(early, names=["id", "month"]))
    forecast = forecaster.predict()
    better = [
        np.abs(late[i].to_numpy() - forecast[i].to_numpy()).mean()
        < np.abs(late[i].to_numpy() - naive[i].to_numpy()).mean()
        for i in late
    ]
    print(f"better than the seasonal naive forecast: {np.mean(better):.0%}, skill_ {forecaster.skill_:.2f}")
    assert np.mean(better) >= 0.8  # attained: 0.86
    assert forecaster.skill_ > 0.1


# -- properties -------------------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 1000),
    factor=st.floats(1e-3, 1e3),
    shift=st.floats(-1e3, 1e3),
    normalize=st.sampled_from(["last", "smoothing"]),
    strategy=st.sampled_from(["direct", "recursive"]),
    season_length=st.sampled_from([1, 4]),
    negative=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_forecasts_follow_scale_and_shift(seed, factor, shift, normalize, strategy, season_length, negative):
    factor = -factor if negative else factor
    y = autoregression([0.7], 50, np.random.default_rng(seed))
    options = {"normalize": normalize, "strategy": strategy, "season_length": season_length, "window": 4}
    forecast = ridge(**options).fit(y).predict(7)
    other = ridge(**options).fit(factor * y + shift).predict(7)
    expected = factor * forecast + shift
    np.testing.assert_allclose(other, expected, rtol=1e-6, atol=1e-6 * (abs(factor) + abs(shift)))


@given(
    n=st.integers(20, 45),
    steps=st.integers(-500, 500),
    index=st.sampled_from(
        [
            pd.period_range("2000-01", periods=45, freq="M"),
            pd.date_range("2000-01-01", periods=45, freq="D"),
            pd.RangeIndex(0, 135, 3),
        ]
    ),
    seasonal_features=st.integers(0, 2),
)
@settings(max_examples=15, deadline=None)
def test_a_shifted_index_shifts_the_index_of_the_forecast_only(n, steps, index, seasonal_features):
    values = np.random.default_rng(n).normal(size=n)
    options = {"season_length": 3, "window": 3, "seasonal_features": seasonal_features}
    first = pd.Series(values, index=index[:n])
    moved = first.set_axis(index[:n] + 3 * steps if isinstance(index, pd.RangeIndex) else index[:n].shift(steps))
    forecast, other = (ridge(**options).fit(y).predict() for y in (first, moved))
    np.testing.assert_array_equal(forecast.to_numpy(), other.to_numpy())
    shifted = forecast.index + 3 * steps if isinstance(index, pd.RangeIndex) else forecast.index.shift(steps)
    pd.testing.assert_index_equal(other.index, shifted)


@given(seed=st.integers(0, 1000), order=st.permutations(["a", "b", "c"]))
@settings(max_examples=6, deadline=None)
def test_the_order_of_a_panels_series_does_not_matter(seed, order):
    parts = {group: monthly(40 + i, seed + i) for i, group in enumerate("abc")}
    whole = pd.concat(parts, names=["shop", "month"])
    other = pd.concat({group: parts[group] for group in order}, names=["shop", "month"])
    forecast = ridge().fit(whole).predict()
    np.testing.assert_allclose(ridge().fit(other).predict().reindex(forecast.index), forecast, rtol=1e-8)
