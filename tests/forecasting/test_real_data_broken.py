"""Faults of forecasts of real data that somebody found who was out to break them."""

import copy
import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.forecasting import _forecast_model, _linear_path
from sklearn_rnn.forecasting._linear_path import fit_linear_path


def daily(n=200, seed=0, start="2021-01-01", freq="D", s=7):
    rng, t = np.random.RandomState(seed), np.arange(n)
    y = 20 + 0.02 * t + 5 * np.sin(2 * np.pi * t / s) + rng.randn(n)
    return pd.Series(y, index=pd.date_range(start, periods=n, freq=freq), name="y")


def ridge(**settings):
    return RNNForecaster(Ridge(), **settings)


quiet = pytest.mark.filterwarnings("ignore:.*missing at its end:UserWarning")
sparse = pytest.mark.filterwarnings("ignore:.*more than half of its values:UserWarning")
short = pytest.mark.filterwarnings("ignore:.*looks at:UserWarning")


# ---- the part held back ---------------------------------------------------------------------------------------------


@quiet
def test_a_column_that_ended_leaves_the_others_as_they_are():
    frame = pd.DataFrame({c: daily(200, k) for k, c in enumerate("abc")})
    ended = frame.copy()
    ended.iloc[-45:, 1] = np.nan
    alone = ridge(horizon=7).fit(frame[["a", "c"]]).predict_interval(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        forecaster = ridge(horizon=7).fit(ended)
        found = forecaster.predict_interval(1)
    assert np.isfinite(forecaster.skill_)
    assert np.isfinite(found).all(axis=None)
    for column in "ac":
        width = found[column]["upper"] - found[column]["lower"]
        assert width.iloc[0] == pytest.approx((alone[column]["upper"] - alone[column]["lower"]).iloc[0], rel=0.3)
    # values known on alternate days only: no row is complete
    apart = frame.where(np.arange(200)[:, None] % 3 != np.arange(3))
    assert np.isfinite(ridge(horizon=7).fit(apart).predict_interval(1)).all(axis=None)


@sparse
@pytest.mark.parametrize("early", ["one value", "zeros"])
def test_a_series_that_has_hardly_begun_does_not_spoil_the_intervals_of_others(early):
    series = {f"s{i}": daily(200, i) for i in range(8)}
    late = daily(200, 9) * 1000
    late.iloc[:165] = 0
    if early == "one value":
        late.iloc[1:165], late.iloc[0] = np.nan, 1.0
    widths = []
    for parts in (series, series | {"late": late}):
        forecaster = ridge(horizon=7).fit(pd.concat(parts, names=["id", "day"]))
        bounds = forecaster.predict_interval(1).loc["s0"]
        widths.append((bounds["upper"] - bounds["lower"]).iloc[0])
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert forecaster.skill_ > 0


@quiet
def test_nothing_to_compare_with_in_the_part_held_back():
    y = daily()
    y.iloc[-45:] = np.nan
    with pytest.warns(UserWarning, match="have no values to compare forecasts with"):
        forecaster = RNNForecaster(horizon=7, random_state=0).fit(y)
    assert forecaster.network_weight_ == 1 / len(forecaster.candidates_)  # all count alike
    assert np.isnan(forecaster.skill_)
    with pytest.raises(ValueError, match="no held-back errors"):
        forecaster.predict_interval(1)


@sparse
def test_a_first_value_long_before_the_others():
    y = daily()
    y = y.where((np.arange(200) == 0) | (np.arange(200) >= 170))
    with pytest.warns(UserWarning, match="too short to hold back"):
        forecaster = RNNForecaster(horizon=7, random_state=0).fit(y)
    assert forecaster.predict(1).iloc[0] == pytest.approx(y[-7:].mean(), abs=8)


@pytest.mark.parametrize(
    "options", [{"normalize": "last"}, {"normalize": "mean"}, {"normalize": None}, {"difference": 7}]
)
def test_a_column_that_begins_inside_the_part_held_back(options):
    frame = pd.DataFrame({"a": daily(200, 1), "b": daily(200, 2)})
    frame.iloc[:165, 1] = np.nan
    found = ridge(horizon=7, **options).fit(frame).predict()
    assert ((found - frame[-7:].to_numpy()).abs() < 12).all(axis=None)


def test_windows_before_a_column_begins_teach_nothing():
    frame = pd.DataFrame({c: daily(120, k) for k, c in enumerate("abc", 1)})
    frame.iloc[:100, 1] = np.nan
    for regressor in (None, Ridge()):
        forecaster = RNNForecaster(regressor, horizon=3, normalize="mean", calibration_fraction=0, random_state=0)
        assert forecaster.fit(frame).predict()["b"].between(0, 45).all()


# ---- nothing to learn from ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("regressor", [None, Ridge()])
@pytest.mark.parametrize("difference", [1, "season"])
def test_every_second_day_and_differences(regressor, difference):
    y = daily().where(np.arange(200) % 2 == 0)
    with pytest.raises(ValueError, match=r"no window of 7 steps is followed by a value and by one . steps before it"):
        RNNForecaster(regressor, horizon=7, difference=difference).fit(y)


@pytest.mark.parametrize(("seasons", "normalize"), [([2, 5], "last"), ([4, 5], "last"), ([3, 5.5], "auto")])
def test_further_seasons_too_short_for_harmonics(seasons, normalize):
    assert np.isfinite(ridge(season_length=seasons, normalize=normalize).fit(daily()).predict()).all()


def test_regressors_that_take_no_weights():
    y = daily(100)
    y.iloc[50] = np.nan
    for regressor in (KNeighborsRegressor(), MultiOutputRegressor(KNeighborsRegressor())):
        assert np.isfinite(RNNForecaster(regressor, horizon=3, calibration_fraction=0).fit(y).predict()).all()


# ---- seasons --------------------------------------------------------------------------------------------------------


def test_the_season_of_numbered_series_survives_a_gap_and_any_order():
    rng = np.random.RandomState(0)
    y = 10 * np.sin(2 * np.pi * np.arange(300) / 30) ** 5 + rng.randn(300)
    broken = y.copy()
    broken[50] = np.nan
    assert ridge(horizon=30).fit(y).season_length_ == ridge(horizon=30).fit(broken).season_length_ == 30
    a, b = (pd.Series(np.sin(np.arange(100) * 2 * np.pi / s)) for s in (7, 5))
    found = {ridge().fit(pd.concat(parts)).season_length_ for parts in ({"a": a, "b": b}, {"b": b, "a": a})}
    assert len(found) == 1


# ---- standing at earlier times --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["numbers", "text"])
@pytest.mark.filterwarnings("ignore:.*is not what it was of that series:UserWarning")
@pytest.mark.filterwarnings("ignore:.*has a category that this forecaster was not fitted on:UserWarning")
def test_a_backtest_knows_nothing_of_later_columns(kind):
    index = pd.MultiIndex.from_product([list("abc"), pd.date_range("2021", periods=150)], names=["id", "day"])
    rng, times = np.random.RandomState(0), index.get_level_values(1)
    y = pd.Series(10 + rng.randn(450).cumsum() * 0.2, index)
    X = pd.DataFrame({"size": np.repeat([1.0, 2.0, 3.0], 150)}, index)
    X.loc[times >= "2021-05-20", "size"] += 1
    if kind == "text":
        X = pd.DataFrame({"k": np.where(rng.uniform(size=450) < 0.5, "u", "v")}, index)
        X.loc[times >= "2021-05-20", "k"] = "new"
    net = RNNRegressor(4, cell="gru", max_iter=2, random_state=0)
    for regressor in [Ridge()] + [net] * (kind == "numbers"):  # of other columns the net would draw other weights
        forecaster = RNNForecaster(regressor, horizon=7, calibration_fraction=0, random_state=0)
        found = forecaster.backtest(y, X, n_splits=2)
        cutoff = found["cutoff"].iloc[0]
        assert cutoff < pd.Timestamp("2021-05-20")
        early = times <= cutoff
        by_hand = forecaster.fit(y[early], X[early]).predict(X=X[~early])
        np.testing.assert_allclose(found[found["cutoff"] == cutoff]["y_pred"], by_hand, rtol=1e-9)


# ---- new series -----------------------------------------------------------------------------------------------------


@short
@pytest.mark.parametrize("parts", [60, 12, 3])
def test_a_new_series_that_comes_bit_by_bit(parts):
    """As long as little is known of it, its scale and its pattern are found anew."""
    fitted = ridge(horizon=7).fit(pd.concat({f"s{i}": daily(200, i) for i in range(8)}, names=["id", "day"]))
    new = pd.concat({"n": daily(60, start="2021-05-21")}, names=["id", "day"])
    at_once = copy.deepcopy(fitted).update(new)
    for part in np.array_split(np.arange(60), parts):
        fitted = pickle.loads(pickle.dumps(fitted)).update(new.iloc[part])
    for found, expected in (
        (fitted.predict(9), at_once.predict(9)),
        (fitted.predict_interval(9), at_once.predict_interval(9)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert fitted.score(pd.concat({"n": daily(67, start="2021-05-21")[60:]}, names=["id", "day"])) == pytest.approx(
        at_once.score(pd.concat({"n": daily(67, start="2021-05-21")[60:]}, names=["id", "day"])), rel=1e-9
    )


def test_an_array_does_not_say_when_it_was():
    y = daily(210)
    forecaster = ridge(horizon=7, normalize="last", seasonal_features=3, window=3).fit(y)
    with pytest.raises(ValueError, match="An array does not say when its values were"):
        forecaster.predict(y=y.to_numpy()[3:-3])
    assert np.isfinite(ridge(horizon=7).fit(y).predict(y=y.to_numpy())).all()


def test_ids_of_several_types_are_stored_as_they_are():
    for other in (5, "x"):
        parts = {pd.Timestamp("2000-01-01"): daily(60), other: daily(60, 1)}
        y = pd.concat([part.rename("v").to_frame().assign(id=k) for k, part in parts.items()])
        y = y.set_index(y["id"].astype(object), append=True).swaplevel()["v"]
        forecaster = ridge(horizon=2, calibration_fraction=0).fit(y)
        again = pickle.loads(pickle.dumps(forecaster))
        assert again._reader.ids == forecaster._reader.ids == list(parts)
        np.testing.assert_array_equal(again.predict(), forecaster.predict())


# ---- nothing is lost ------------------------------------------------------------------------------------------------


def test_a_warning_that_was_an_error_is_said_again():
    y = daily(100)
    X = pd.DataFrame({"kind": np.resize(["u", "v"], 107)}, index=daily(107).index)
    forecaster = ridge(horizon=7, calibration_fraction=0).fit(y, X[:100])
    before = pickle.dumps(forecaster)
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match="was not fitted on, 'w'"):
                forecaster.update(daily(107)[100:], X[100:].assign(kind="w"))
        assert pickle.dumps(forecaster) == before


# ---- many gaps, many outputs ----------------------------------------------------------------------------------------


def test_outputs_that_are_missing_here_and_there_are_fitted_to_the_rest(monkeypatch):
    """All together, by filling in: nearly what each by itself comes to."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    Y = X @ rng.normal(size=(5, 12)) + 0.3 * rng.normal(size=(300, 12))
    broken = np.where(rng.uniform(size=Y.shape) < 0.2, np.nan, Y)
    together, _ = fit_linear_path(X, broken)
    monkeypatch.setattr(_linear_path, "MOST_PATTERNS", 100)
    by_itself, _ = fit_linear_path(X, broken)
    np.testing.assert_allclose(together.coef, by_itself.coef, atol=0.01)
    whole, _ = fit_linear_path(X, Y)
    assert np.abs(together.coef - whole.coef).mean() < 0.02


def test_one_long_series_beside_short_ones_takes_its_newest_steps(monkeypatch):
    """Series stand side by side in arrays as long as the longest."""
    parts = {f"s{i}": daily(60, i, freq="h", s=24) for i in range(20)} | {"long": daily(3000, 20, freq="h", s=24)}
    y = pd.concat(parts, names=["id", "hour"])
    options = {"horizon": 3, "season_length": 24, "window": 24, "calibration_fraction": 0}
    whole = ridge(**options).fit(y)
    monkeypatch.setattr(_forecast_model, "MOST_STEPS", 21 * 400)
    tracemalloc.start()
    some = ridge(**options).fit(y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 21 * 3000 * 8 * 10
    np.testing.assert_allclose(some.predict(), whole.predict(), atol=1.0)
    newest = pd.concat(parts | {"long": parts["long"][-400:]}, names=["id", "hour"])
    np.testing.assert_allclose(some.predict(), ridge(**options).fit(newest).predict(), rtol=1e-9)
