"""Intervals, quantiles and paths: for each series, at each step, and as times change."""

import warnings

import numpy as np
import pandas as pd
import pytest
from forecast_cases import frame_of_two, monthly, panel_of_three, ridge, small, unskilled

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.forecasting._intervals import Calibration


def calibrated(**options):
    return ridge(**{"calibration_fraction": 0.3, "season_length": 12, **options})


def width(bounds):
    return bounds["upper"] - bounds["lower"]


# -- quantiles and paths ---------------------------------------------------------------------------------------------


@unskilled
@pytest.mark.parametrize("y", [monthly(100), panel_of_three(), monthly(100).to_numpy()], ids=["one", "panel", "array"])
def test_quantiles_are_the_bounds_of_intervals(y):
    forecaster = calibrated().fit(y)
    found = forecaster.predict_quantiles(6, quantiles=(0.95, 0.05, 0.5))
    assert found.columns.tolist() == [0.95, 0.05, 0.5]
    bounds = forecaster.predict_interval(6, coverage=0.9)
    np.testing.assert_allclose(found[[0.05, 0.95]], bounds, rtol=1e-12)
    many = forecaster.predict_quantiles(6, quantiles=np.linspace(0.001, 0.999, 41))
    assert (np.diff(many, axis=1) >= 0).all()
    assert (np.diff(many.iloc[:, [0, 10, 20, 30, 40]], axis=1) > 0).all()
    assert forecaster.predict_quantiles(6, quantiles=0.3).columns.tolist() == [0.3]


@unskilled
def test_quantiles_and_paths_of_several_columns():
    forecaster = calibrated().fit(frame_of_two())
    found = forecaster.predict_quantiles(3)
    assert found.columns.tolist() == [(name, q) for name in ("north", "south") for q in (0.1, 0.5, 0.9)]
    paths = forecaster.sample_paths(3, n_paths=4, random_state=0)
    assert paths.columns.tolist() == [(name, k) for name in ("north", "south") for k in range(4)]
    assert paths.index.equals(forecaster.predict(3).index)


@pytest.mark.parametrize("bad", [1.0, 0, (0.1, 1.5), (), ["a"], "0.5", None, (0.5, np.nan), (0.5, 0.5)], ids=str)
def test_quantiles_that_are_none(bad):
    with pytest.raises(ValueError, match=r"quantiles must be numbers between 0 and 1, such as \(0.1, 0.5, 0.9\)"):
        calibrated().fit(monthly(80)).predict_quantiles(quantiles=bad)


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "many"])
def test_numbers_of_paths_that_are_none(bad):
    with pytest.raises(ValueError, match="n_paths must be an integer of at least 1"):
        calibrated().fit(monthly(80)).sample_paths(n_paths=bad)


def test_without_a_part_held_back_there_are_none():
    forecaster = ridge().fit(monthly(80))
    for ask in (forecaster.predict_interval, forecaster.predict_quantiles, forecaster.sample_paths):
        with pytest.raises(ValueError, match="has no held-back errors to make intervals of"):
            ask()


@unskilled
def test_paths_spread_as_quantiles_do_and_keep_together():
    y = pd.Series(np.random.default_rng(0).normal(size=400).cumsum())
    forecaster = calibrated(season_length=1, horizon=8, normalize="last").fit(y)
    paths = forecaster.sample_paths(n_paths=4000, random_state=0)
    np.testing.assert_array_equal(paths, forecaster.sample_paths(n_paths=4000, random_state=0))
    assert not paths.equals(forecaster.sample_paths(n_paths=4000, random_state=1))
    quantiles = forecaster.predict_quantiles(quantiles=(0.1, 0.9))
    spread = paths.quantile(0.9, axis=1) - paths.quantile(0.1, axis=1)
    np.testing.assert_allclose(spread, quantiles[0.9] - quantiles[0.1], rtol=0.3)
    # steps of a walk go together: the last two are nearly the same, and the sum is far less sure than of steps apart
    assert np.corrcoef(paths.iloc[6], paths.iloc[7])[0, 1] > 0.8
    assert paths.sum().std() > 2 * np.sqrt((paths.std(axis=1) ** 2).sum())
    longer = forecaster.sample_paths(20, n_paths=500, random_state=0)
    assert longer.iloc[19].std() > longer.iloc[7].std() > longer.iloc[0].std()


@unskilled
def test_nonnegative_forecasts_and_bounds():
    demand = pd.Series(np.random.default_rng(0).poisson(0.4, size=120).astype(float))
    free = calibrated(season_length=1).fit(demand)
    assert (free.predict_interval() < 0).any(axis=None)
    bound = calibrated(season_length=1, nonnegative=True).fit(demand)
    for found in (bound.predict(), bound.predict_interval(), bound.sample_paths(n_paths=20, random_state=0)):
        assert (np.asarray(found) >= 0).all()
    falling = calibrated(nonnegative=True).fit(10 - np.arange(80.0) / 10)
    assert (np.asarray(falling.predict(30)) >= 0).all()
    with pytest.raises(ValueError, match="nonnegative"):
        calibrated(nonnegative="yes").fit(demand)
    with pytest.raises(ValueError, match="nonnegative=True, but y has values below 0, such as -1"):
        calibrated(nonnegative=True).fit(demand - 1)


@unskilled
def test_paths_where_no_origin_is_known_at_all_steps():
    rng, days = np.random.default_rng(0), pd.date_range("2020-01-01", periods=200)
    y = pd.Series(rng.normal(size=200).cumsum() + 50, days)
    y[np.arange(200) % 7 >= 5] = np.nan
    forecaster = calibrated(season_length=1, horizon=10).fit(
        pd.concat([y, 2 * y + rng.normal(size=200)], keys=["a", "b"])
    )
    for k in range(2):
        paths, bounds = forecaster.sample_paths(n_paths=800, random_state=0), forecaster.predict_interval()
        spread = paths.quantile(0.95, axis=1) - paths.quantile(0.05, axis=1)
        assert 0.6 < (spread / width(bounds)).loc["a"].mean() < 1.4
        forecaster.update(pd.concat([pd.Series(rng.normal(size=200).cumsum() + 50, days)], keys=[f"new{k}"]))


# -- calibration -----------------------------------------------------------------------------------------------------


def of_one(errors):
    return Calibration(errors[:, None, None], np.zeros(len(errors), int), 1)


def test_tails_of_errors_that_lean_to_one_side():
    errors = np.random.default_rng(0).exponential(size=4000) - 1
    calibration = of_one(errors)
    found = calibration.quantiles([0.05, 0.95], np.array([0]))[:, 0, 0] * calibration.typical(np.array([0]), 1)[0, 0, 0]
    np.testing.assert_allclose(found, np.quantile(errors, [0.05, 0.95]), rtol=0.06)


def test_beyond_what_was_measured_the_tail_is_that_of_student():
    calibration = of_one(np.random.default_rng(0).normal(size=60))
    levels = calibration.quantiles([0.9, 0.99, 0.999, 0.99999], np.array([0]))[:, 0, 0]
    assert (np.diff(levels) > 0.2).all()
    # of errors that are mostly 0, too, it is not 0
    rare = np.where(np.arange(60) % 12 == 0, 5.0, 0.0)
    assert of_one(rare).quantiles([0.05, 0.95], np.array([0]))[1, 0, 0] > 1
    few = of_one(np.random.default_rng(0).normal(size=6)).quantiles([0.5, 0.95, 0.999], np.array([0]))[:, 0, 0]
    assert few[2] > 2.5 * few[1] > 0


@pytest.mark.parametrize("times", [1, 12])
def test_intervals_follow_the_size_of_errors(times):
    """The noise doubles: after two seasons intervals are nearly twice as wide, and hold again."""
    rng = np.random.default_rng(0)
    noise = np.concatenate([rng.normal(size=200), 2 * rng.normal(size=600)])
    y = pd.Series(50 + noise)
    forecaster = calibrated(season_length=1, horizon=times, window=2).fit(y[:200])
    forecaster.update(y[200:224])
    held = []
    for start in range(224, 800 - times, times):
        bounds = forecaster.predict_interval(times)
        held.append(y[start : start + times].between(bounds["lower"], bounds["upper"]).mean())
        forecaster.update(y[start : start + times])
    assert 0.85 < np.mean(held) < 0.95


@unskilled
def test_each_series_of_a_panel_has_intervals_of_its_own():
    rng, index = np.random.default_rng(0), pd.RangeIndex(150)
    # of one scale, as the forecaster sees them, and not of one predictability
    parts = {
        "noise": pd.Series(rng.normal(size=150), index),
        "wave": pd.Series(np.sin(np.arange(150)) + 0.01 * rng.normal(size=150), index),
    }
    forecaster = calibrated(season_length=1, horizon=3).fit(pd.concat(parts))
    found = width(forecaster.predict_interval()).groupby(level=0).mean()
    assert found["noise"] > 5 * found["wave"]
    # and so have new ones, by what was forecast of their past
    new = pd.concat({"calm": parts["wave"] * 7, "wild": parts["noise"] * 7})
    found = width(forecaster.predict_interval(y=new)).groupby(level=0).mean()
    assert found["wild"] > 5 * found["calm"]
    forecaster.update(new)
    again = width(forecaster.predict_interval()).groupby(level=0).mean()
    np.testing.assert_allclose(again[["calm", "wild"]], found, rtol=1e-9)
    # one that comes bit by bit is told by what has come
    bits = pd.concat({"bits": parts["noise"] * 7})
    forecaster.update(bits[:20])
    early = width(forecaster.predict_interval()).loc["bits"].mean()
    forecaster.update(bits[20:140])
    late = width(forecaster.predict_interval()).loc["bits"].mean()
    assert 0.5 < late / found["wild"] < 1.5
    assert early > 0
    np.testing.assert_allclose(width(forecaster.predict_interval()).loc["wild"], again["wild"], rtol=0.3)


def test_what_naive_forecasts_foretell_without_error():
    """-inf, and the warning, where one is perfect and this forecaster is not; 1 where both are."""
    y = pd.Series(np.tile([1.0, 5.0, 2.0, 8.0], 30))
    with pytest.warns(UserWarning, match=r"worse than repeating the last season \(4 steps\): skill_ = -inf"):
        forecaster = small(season_length=4, normalize="last", linear_path=False).fit(y)
    assert forecaster.skill_ == -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ridge(calibration_fraction=0.2, season_length=1).fit(np.full(60, 3.0)).skill_ == 1
    drift = pd.Series(np.arange(90.0) + 0.01 * np.random.default_rng(0).normal(size=90))
    with pytest.warns(UserWarning, match="worse than repeating the mean step so far"):
        net = RNNRegressor(3, max_iter=1)
        RNNForecaster(net, linear_path=False, normalize="mean", window=5, season_length=1, random_state=0).fit(drift)
