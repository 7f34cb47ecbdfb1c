"""sequence_importance of a forecaster: the lags and columns that it goes by."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge

from sklearn_rnn import RNNForecaster, RNNRegressor, sequence_importance


def stands_out(found, place):
    """Is the importance at a place far above all others, and these near 0?"""
    mean = found.importances_mean
    others = np.delete(mean.ravel(), np.ravel_multi_index(place, mean.shape))
    assert mean[place] > 0.7
    assert np.abs(others).max() < 0.1 * mean[place]


def daily(values, name="sales"):
    return pd.Series(values, index=pd.date_range("2024-01-01", periods=len(values), freq="D"), name=name)


def lag_7(n=260):
    noise = np.random.default_rng(1).normal(size=n)
    y = noise.copy()
    for t in range(7, n):
        y[t] += 0.95 * y[t - 7]
    return daily(y)


PLAIN = dict(normalize=None, linear_path=False, season_length=1, combine=False, calibration_fraction=0)


def test_a_forecaster_goes_by_the_lag_that_the_series_depends_on():
    y = lag_7()
    before = y.copy()
    forecaster = RNNForecaster(Ridge(), window=10, **PLAIN).fit(y[:180])
    by_lag = sequence_importance(forecaster, None, y, by="timestep", random_state=0, n_repeats=2, max_samples=40)
    stands_out_of_lags(by_lag, [-7, -7])
    by_block = sequence_importance(forecaster, None, y, by="block", block_size=2, random_state=0, n_repeats=1)
    assert by_block.features.tolist() == ["sales"]
    stands_out_of_lags(by_block, [-8, -7])
    pd.testing.assert_series_equal(y, before)


def stands_out_of_lags(found, steps):
    mean = found.importances_mean.reshape(-1)
    best = int(mean.argmax())
    assert found.steps[best].tolist() == steps
    assert np.abs(np.delete(mean, best)).max() < 0.25 * mean[best]


def test_the_default_forecaster_too():
    y = lag_7()
    forecaster = RNNForecaster(RNNRegressor(4, max_iter=3), season_length=7, random_state=0).fit(y[:200])
    found = sequence_importance(forecaster, None, y, by="timestep", random_state=0, n_repeats=1, max_samples=25)
    stands_out_of_lags(found, [-7, -7])


@pytest.mark.parametrize("layout", ["beside", "target_col"])
def test_a_forecaster_goes_by_the_column_that_drives_the_series(layout):
    noise = np.random.default_rng(2)
    X = pd.DataFrame(noise.normal(size=(200, 3)), columns=list("abc"), index=daily(np.zeros(200)).index)
    y = daily(noise.normal(size=200) / 2) + 3 * X["b"]
    y.name = "sales"
    if layout == "beside":
        forecaster = RNNForecaster(Ridge(), window=4, horizon=2, **PLAIN).fit(y[:150], X[:150])
        given = {"X": X, "y": y}
    else:
        both = y.to_frame().join(X)
        forecaster = RNNForecaster(Ridge(), window=4, horizon=2, target_col="sales", **PLAIN).fit(both[:150])
        given = {"X": None, "y": both}
    by_column = sequence_importance(forecaster, **given, random_state=0, n_repeats=2)
    assert by_column.features.tolist() == ["sales", "a", "b", "c"]
    stands_out(by_column, (2,))
    by_block = sequence_importance(forecaster, **given, by="block", n_blocks=2, random_state=0, n_repeats=1)
    assert by_block.steps.tolist() == [[-4, -3], [-2, -1], [0, 1]]
    assert np.isnan(by_block.importances_mean).sum() == 1 and np.isnan(by_block.importances_mean[0, 2])
    assert np.unravel_index(np.nanargmax(by_block.importances_mean), (4, 3)) == (2, 2)  # on the days that are forecast


def test_values_of_a_series_with_a_trend_are_moved_to_its_level():
    steps = np.random.default_rng(3).normal(size=240) + 1
    walk = daily(np.cumsum(steps))
    forecaster = RNNForecaster(Ridge(), window=6, **(PLAIN | {"normalize": "last"})).fit(walk[:180])
    stands_out_of_lags(
        sequence_importance(forecaster, None, walk, by="timestep", random_state=0, n_repeats=2, max_samples=40),
        [-1, -1],
    )


@pytest.mark.parametrize("long", [False, True])
def test_panels(long):
    y = pd.concat({k: (k + 1) * lag_7(120) for k in range(3)}, names=["shop", "day"])
    X = pd.DataFrame({"size": y.index.get_level_values("shop") * 1.0}, index=y.index)
    columns = {"id_col": "shop", "time_col": "day"} if long else {}
    if long:
        y, X = y.rename("sales").reset_index(), X.reset_index()
    forecaster = RNNForecaster(Ridge(), window=8, **PLAIN, **columns).fit(y, X)
    found = sequence_importance(forecaster, X, y, by="timestep", random_state=0, n_repeats=1, max_samples=18)
    stands_out_of_lags(found, [-7, -7])
    by_column = sequence_importance(forecaster, X, y, random_state=0, n_repeats=1, max_samples=18)
    assert by_column.features[-1] == "size" and abs(by_column.importances_mean[1]) < 0.1 < by_column.importances_mean[0]


def test_bad_arguments_of_a_forecaster():
    y = lag_7(80)
    forecaster = RNNForecaster(Ridge(), window=4, **PLAIN).fit(y)
    for options, says in (
        ({"scoring": "r2"}, "scoring does not go with a forecaster"),
        ({"align": "start"}, "counted from the end"),
        ({"n_lags": 80}, "y must be longer: 80 lags"),
        ({"max_samples": 0}, "max_samples must be"),
    ):
        with pytest.raises(ValueError, match=says):
            sequence_importance(forecaster, None, y, by="timestep", **options)
    with pytest.raises(TypeError, match="must be a pandas Series or DataFrame"):
        sequence_importance(forecaster, None, y.to_numpy(), by="timestep")
    with pytest.raises(ValueError, match="of another step than the forecaster goes by"):
        sequence_importance(forecaster, None, y[::2], by="timestep")


def test_a_forecaster_is_found_inside_a_frozen_estimator():
    y = lag_7(120)
    forecaster = RNNForecaster(Ridge(), window=8, **PLAIN).fit(y)
    options = {"by": "timestep", "n_repeats": 1, "max_samples": 20, "random_state": 0}
    frozen = sequence_importance(FrozenEstimator(forecaster), None, y, **options)
    np.testing.assert_array_equal(frozen.importances, sequence_importance(forecaster, None, y, **options).importances)


@pytest.mark.parametrize("layout", ["series", "panel", "long", "text"])
def test_times_that_are_left_out_count_as_missing(layout):
    y = pd.concat({k: scale * lag_7(120) for k, scale in zip("abc", (1, 2, 3))}, names=["shop", "day"])
    columns = {}
    if layout == "series":
        y = y["a"]
    gaps = [20, 21, 90] if layout == "series" else [20, 21, 90, 200, 201, 330]
    given, whole = y.drop(y.index[gaps]), y.copy()
    whole.iloc[gaps] = np.nan
    if layout in ("long", "text"):
        columns = {"id_col": "shop", "time_col": "day"}
        given, whole = given.rename("sales").reset_index(), whole.rename("sales").reset_index()
    if layout == "text":
        given["day"] = given["day"].dt.strftime("%Y-%m-%d")
    forecaster = RNNForecaster(Ridge(), window=8, **PLAIN, **columns).fit(given)
    options = {"by": "timestep", "random_state": 0, "n_repeats": 1, "max_samples": 18}
    found = sequence_importance(forecaster, None, given, **options)
    np.testing.assert_array_equal(
        found.importances, sequence_importance(forecaster, None, whole, **options).importances
    )
    stands_out_of_lags(found, [-7, -7])


def test_columns_of_times_that_are_left_out_stay_as_they_were():
    """A column that never changes goes on to be one, and whole numbers and text stay what they are."""
    y = pd.concat({k: lag_7(90) for k in "ab"}, names=["shop", "day"])
    frame = y.rename("sales").reset_index()
    frame["sales"] = (10 * frame["sales"]).round().astype(int)
    frame["size"] = frame["shop"].map({"a": 3, "b": 5})
    frame["holiday"] = np.where(frame["day"].dt.day_of_week == 6, "yes", "no")
    frame["one"] = 1.0
    columns = {"id_col": "shop", "time_col": "day", "target_col": "sales"}
    given = frame.drop([30, 31, 140])
    forecaster = RNNForecaster(Ridge(), window=8, **PLAIN, **columns).fit(given)
    options = {"random_state": 0, "n_repeats": 1, "max_samples": 18}
    by_feature = sequence_importance(forecaster, None, given, **options)
    assert by_feature.features.tolist() == ["sales", "size", "holiday", "one"]
    assert by_feature.importances_mean[3] == 0
    assert np.isfinite(by_feature.importances).all()
    by_block = sequence_importance(forecaster, None, given, by="block", n_blocks=2, **options)
    assert by_block.features.tolist() == ["sales", "holiday"]  # the others have no course
    with pytest.raises(ValueError, match=r"columns \['holiday'\]: .*\(\['size', 'one'\], which did not change"):
        forecaster.predict()


def test_what_is_wrong_with_times_is_said_of_the_series_and_the_layout():
    y = pd.concat({k: lag_7(60) for k in "ab"}, names=["shop", "day"]).rename("sales").reset_index()
    forecaster = RNNForecaster(Ridge(), window=4, **PLAIN, id_col="shop", time_col="day").fit(y)
    with pytest.raises(ValueError, match=r"series 'b', have 2024-01-11.* twice.*y.groupby\(\['shop', 'day'\]"):
        sequence_importance(forecaster, None, pd.concat([y, y[70:71]]))
    with pytest.raises(ValueError, match=r"y, series 'a', are of another step"):
        sequence_importance(forecaster, None, y[::2])
