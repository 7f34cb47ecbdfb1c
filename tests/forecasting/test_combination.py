"""Forecasts that are combined: what the candidates are, what each counts for, and that each series gets its due."""

import copy

import numpy as np
import pandas as pd
import pytest
from forecast_cases import frame_of_two, idle, monthly, panel_of_three, unskilled

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.forecasting._combination import ENOUGH, POWER, WORST, weights_of_errors
from sklearn_rnn.forecasting._outliers import without_outliers
from sklearn_rnn.forecasting._own_smoothing import OwnSmoothing

SIMPLE = ["last value", "last 12", "drift", "level", "trend"]


def quick(**options):
    """All as by default, but for a network that is small and soon done."""
    net = RNNRegressor(4, max_iter=2, batch_size=64)
    return RNNForecaster(net, **{"horizon": 4, "random_state": 0, "target_transform": None, **options})


# -- weights ---------------------------------------------------------------------------------------------------------


def test_weights_by_hand():
    rng = np.random.default_rng(0)
    errors = np.abs(rng.normal(size=(3, 14, 5, 1))) * np.array([1.0, 1.3, 4.0])[:, None, None, None]
    errors[:, 3, 2:] = np.nan
    series = np.repeat([0, 1], [10, 4])
    weights, panel = weights_of_errors(errors, series, 3)
    mean = np.stack([np.nanmean(errors[:, series == i][..., 0], axis=(1, 2)) for i in (0, 1)])
    relative = np.log(mean / np.median(mean, axis=1, keepdims=True))
    of_all = (10 * relative[0] + 4 * relative[1]) / (14 + ENOUGH)
    np.testing.assert_allclose(panel, of_all, rtol=1e-12)
    for i, n in ((0, 10), (1, 4), (2, 0)):  # of the third nothing is known: it is as all are
        of_one = n * relative[i] if n else 0
        drawn = np.exp((of_one + ENOUGH * of_all) / (n + ENOUGH))
        expected = np.where(drawn <= WORST * drawn.min(), drawn**-POWER, 0)
        np.testing.assert_allclose(weights[i, :, 0], expected / expected.sum(), rtol=1e-12)
    assert (weights[0, :2, 0] > 0).all()
    assert weights[0, 2, 0] == 0


def test_a_perfect_candidate_takes_all_and_perfect_ones_share():
    errors = np.ones((3, 200, 2, 1))
    errors[0] = 0
    weights, _ = weights_of_errors(errors, np.zeros(200, int), 1)
    assert weights[0, 0, 0] == 1
    same, _ = weights_of_errors(0 * errors, np.zeros(200, int), 1)
    np.testing.assert_allclose(same[0, :, 0], 1 / 3)


@unskilled
def test_the_forecast_is_the_weighted_sum_of_the_candidates():
    y = monthly(100)
    forecaster = quick().fit(y)
    model = forecaster._model
    forecasts = model.model.forecasts(model._origins, 4, np.empty((1, 4, 0)), model._next_time)
    in_units = np.stack([model.in_units(Z, np.array([0]))[0, :, 0] for Z in forecasts])
    table = forecaster.candidates_
    assert table.index.tolist()[:3] == ["linear", "network", "short window"]
    assert table.index.tolist()[-5:] == SIMPLE
    assert table["weight"].sum() == pytest.approx(1)
    np.testing.assert_allclose(forecaster.predict(), table["weight"] @ in_units, rtol=1e-10)
    np.testing.assert_allclose(in_units[-5], y.iloc[-1])
    np.testing.assert_allclose(in_units[-4], y.iloc[-12:-8])
    slope = (y.iloc[-1] - y.iloc[0]) / 99
    np.testing.assert_allclose(in_units[-3], y.iloc[-1] + slope * np.arange(1, 5), rtol=1e-9)
    assert forecaster.network_weight_ == table.loc["network", "weight"]


@idle
@unskilled
def test_what_is_given_is_obeyed():
    y = monthly(100)
    for given in ({"window": 5}, {"normalize": "last"}, {"difference": 1}, {"linear_path": True}, {"combine": False}):
        assert quick(**given).fit(y).candidates_.index.tolist() == ["linear", "network"], given
    assert quick(linear_path=False).fit(y).candidates_.index.tolist() == ["regressor"]
    both = quick(window=5, combine=True).fit(y)
    assert both.window_ == 5
    assert len(both.candidates_) > 5
    # what they look at is as long as it must be
    assert "seasonal differences" in quick().fit(y).candidates_.index
    assert "seasonal differences" not in quick().fit(y[:50]).candidates_.index
    assert "no season" not in quick(season_length=1).fit(y).candidates_.index


@unskilled
def test_two_years_of_months_may_repeat_the_last_one():
    season = 20 * np.sin(np.arange(24) * np.pi / 6)
    y = pd.Series(
        100 + season + np.random.default_rng(0).normal(size=24), pd.period_range("2000", periods=24, freq="M")
    )
    forecaster = quick(horizon=3).fit(y)
    assert forecaster.season_length_ == 1  # the network would need three
    assert "last 12" in forecaster.candidates_.index
    assert np.abs(forecaster.predict().to_numpy() - y.iloc[:3].to_numpy()).max() < 12


def test_a_week_of_hours_may_be_repeated():
    week = np.random.default_rng(0).normal(size=168)
    hours = pd.date_range("2024-01-01", periods=168 * 4, freq="h")
    y = pd.Series(np.tile(week, 4) + 0.01 * np.random.default_rng(1).normal(size=len(hours)), hours)
    table = quick(horizon=24).fit(y)
    assert table.candidates_["weight"].idxmax() == "last 168"
    assert np.abs(table.predict().to_numpy() - week[:24]).max() < 0.3
    assert table.skill_ < 0.3  # it is measured against the week


@unskilled
def test_logarithms_where_they_prove_better():
    rng, t = np.random.default_rng(0), np.arange(120)
    index = pd.period_range("2000", periods=120, freq="M")
    season = np.sin(t * np.pi / 6)
    grows = pd.Series(np.exp(4 + 0.02 * t + 0.3 * season + 0.03 * rng.normal(size=120)), index)
    stays = pd.Series(20 + 5 * season + rng.normal(size=120), index)
    chosen = [quick(target_transform="auto").fit(y)._model.model.transformer for y in (grows, stays, stays - 20)]
    assert chosen == ["log", None, None]
    assert quick(target_transform=None).fit(grows)._model.model.transformer is None
    assert quick(target_transform="auto", combine=False).fit(grows)._model.model.transformer is None
    # a value that has no logarithm may come later: a tenth of the least stands for it
    forecaster = quick(target_transform="auto").fit(grows)
    before = forecaster.predict()
    small = grows[:60] / 1e6  # others are taken as they are
    assert (forecaster.predict(y=small) < 10 * small.iloc[-1]).all()
    with pytest.raises(ValueError, match="more than half of the values of a series are not positive"):
        forecaster.predict(y=pd.Series(np.zeros(40), index[:40]))
    forecaster.update(pd.Series([0.0], pd.period_range("2010-01", periods=1, freq="M")))
    assert (forecaster.predict() > 0.2 * before.to_numpy()).all()


# -- each series its due ---------------------------------------------------------------------------------------------


def noise_and_trends():
    rng, index = np.random.default_rng(0), pd.period_range("2000", periods=132, freq="M")
    parts = {f"noise{k}": pd.Series(100 + 10 * rng.normal(size=132), index) for k in range(6)}
    parts |= {f"trend{k}": pd.Series(k * np.arange(132) + 0.1 * rng.normal(size=132), index) for k in (1, 3)}
    return pd.concat(parts, names=["id", "month"]).rename("y")


@unskilled
def test_steep_trends_among_noise_are_forecast_as_well_as_alone():
    y = noise_and_trends()
    times = y.index.get_level_values(1)
    early, late = y[times < "2010"], y[times >= "2010"]
    forecaster = quick(horizon=12).fit(early)
    found, bounds = forecaster.predict(), forecaster.predict_interval()
    for name in ("trend1", "trend3"):
        alone = quick(horizon=12).fit(early.loc[name])
        error = np.abs(found.loc[name] - late.loc[name]).mean()
        assert error < 1.2 * np.abs(alone.predict() - late.loc[name]).mean() + 0.02
        of_alone = alone.predict_interval()
        width = (bounds["upper"] - bounds["lower"]).loc[name].mean()
        # one draw; over many the median is 1.1 (tests/benchmarks/forecast_intervals.py)
        assert width < 2 * (of_alone["upper"] - of_alone["lower"]).mean()
    table = forecaster.candidates_
    assert table.index.names == ["id", "candidate"]
    np.testing.assert_allclose(table["weight"].groupby("id").sum(), 1)
    assert forecaster.skill_by_series_.index.tolist() == sorted({f"noise{k}" for k in range(6)} | {"trend1", "trend3"})
    assert (forecaster.skill_by_series_.loc[["trend1", "trend3"]] < 0.5).all()  # the drift is as good


@unskilled
def test_tables_of_columns_and_of_arrays():
    frame = frame_of_two()
    table = quick().fit(frame).candidates_
    assert table.index.names == ["variable", "candidate"]
    np.testing.assert_allclose(table["weight"].groupby("variable").sum(), 1)
    alone = quick().fit(frame["north"].to_numpy())
    assert alone.candidates_.index.name == "candidate"
    assert alone.skill_by_series_.tolist() == [alone.skill_]
    long = panel_of_three().reset_index()
    assert quick(id_col="shop", time_col="month").fit(long).candidates_.index.names == ["shop", "candidate"]


@unskilled
def test_an_update_is_what_a_fit_to_more_would_stand_on():
    y = monthly(100)
    fitted = quick().fit(y[:80])
    step_by_step = quick().fit(y[:80])
    for t in range(80, 92):
        step_by_step.update(y[t : t + 1])
    np.testing.assert_allclose(fitted.update(y[80:92]).predict(), step_by_step.predict(), rtol=1e-9)
    np.testing.assert_allclose(fitted.predict_interval(), step_by_step.predict_interval(), rtol=1e-9)
    own = fitted._model.model.model.own
    Z = fitted._model.model.scaled(y[:92].to_numpy()[None, :, None], np.array([0]))
    whole = own.origins(Z, np.array([80]), (np.array([0]), np.array([91])))
    for found, expected in zip(fitted._model._origins.parts[-1]._parts(), whole._parts(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


# -- exponential smoothing with parameters of each series' own -------------------------------------------------------


def holt_by_hand(z, a, b, phi, level, growth, steps):
    for value in z:
        expected = level + phi * growth
        growth = phi * growth + a * b * (value - expected)
        level = a * value + (1 - a) * expected
    return [level + growth * sum(phi**i for i in range(1, j + 1)) for j in range(1, steps + 1)]


@pytest.mark.parametrize("n_series", [1, 9])  # Python's numbers, and arrays
def test_a_damped_trend_by_hand(n_series):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(n_series, 40, 1)).cumsum(axis=1) + np.arange(40)[:, None]
    n = np.full(n_series, 40)
    model = OwnSmoothing(5, (1,), (1,)).fit(Z, n)
    model.parameters[:, 2, 1] = 0.9  # damped, whatever was chosen
    state = model.origins(Z, n, (np.arange(n_series), n - 1))
    found = model.forecasts(state, 5)[-1][:, :, 0]
    for i in range(n_series):
        a, b, phi, _ = model.parameters[i, :, 1]
        slope, start = np.polyfit(np.arange(10), Z[i, :10, 0], 1)
        np.testing.assert_allclose(found[i], holt_by_hand(Z[i, :, 0], a, b, phi, start - slope, slope, 5), rtol=1e-9)


def test_parameters_are_of_each_series_own():
    rng = np.random.default_rng(0)
    noise, walk = rng.normal(size=(4, 200, 1)), rng.normal(size=(4, 200, 1)).cumsum(axis=1)
    n = np.full(8, 200)
    model = OwnSmoothing(4, (1,), (1,)).fit(np.concatenate([noise, walk]), n)
    a = model.parameters[:, 0, 0]
    assert a[:4].max() <= 0.2
    assert a[4:].min() >= 0.8
    # of one of which little is known they are near to what is usual, of the others' own
    few = model.of(walk[:1, :6], np.array([6])).parameters[0, 0, 0]
    assert few in model._grid[:, 0]
    same = model.of(walk, np.full(4, 200))
    np.testing.assert_array_equal(same.parameters, model.parameters[4:])


def test_a_season_is_there_only_if_it_helps():
    rng, t = np.random.default_rng(0), np.arange(120)
    Z = rng.normal(size=(20, 120, 1))
    for values, has_season in ((Z, False), (Z + 5 * np.sin(t * np.pi / 6)[:, None], True)):
        model = OwnSmoothing(6, (12,), (1, 12)).fit(values, np.full(20, 120))
        assert ((model.parameters[:, 3] > 0) == has_season).all()


# -- outliers --------------------------------------------------------------------------------------------------------


@unskilled
@pytest.mark.parametrize("at", [20, 100, 119])
def test_an_outlier_of_a_hundred_deviations_moves_a_forecast_by_less_than_one(at):
    y = pd.Series(np.random.default_rng(0).normal(size=120) + 50, pd.period_range("2000", periods=120, freq="M"))
    expected = quick().fit(y)
    struck = y.copy()
    struck.iloc[at] += 100
    found = quick().fit(struck)
    assert np.abs(found.predict() - expected.predict()).max() < 1
    width = [(part["upper"] - part["lower"]).mean() for part in (f.predict_interval() for f in (found, expected))]
    assert 0.8 < width[0] / width[1] < 1.25


@unskilled
def test_an_outlier_that_comes_later_and_a_level_that_stays():
    y = pd.Series(np.random.default_rng(0).normal(size=130) + 50, pd.period_range("2000", periods=130, freq="M"))
    expected = quick().fit(y[:120]).update(y[120:])
    struck, shifted = y.copy(), y.copy()
    struck.iloc[123] += 100
    shifted.iloc[121:] += 60
    found = quick().fit(y[:120]).update(struck[120:])
    assert np.abs(found.predict() - expected.predict()).max() < 1
    risen = quick().fit(y[:120]).update(shifted[120:])
    assert (risen.predict() - expected.predict()).mean() > 20  # what has shifted is believed
    assert (quick().fit(shifted).predict() - expected.predict()).mean() > 45


def test_which_values_are_outliers():
    def outliers(values, s=1):
        clean, usual = without_outliers(values, s)
        assert (usual.limit > 0).all()
        return [np.flatnonzero(np.isnan(column)).tolist() for column in clean.T]

    rng = np.random.default_rng(0)
    y = rng.normal(size=(80, 2))
    assert outliers(y) == [[], []]
    y[[30, 60], 0] += [80, -200]
    y[40:, 1] += 70  # a level that shifts is none
    assert outliers(y) == [[30, 60], []]
    assert outliers(y[:41]) == [[30], [40]]  # until it is known what follows
    seasonal = np.tile([0.0, 0, 0, 90], 20)[:, None] + rng.normal(size=(80, 1))
    assert outliers(seasonal, 4) == [[]]
    struck = seasonal.copy()
    struck[[37, 42]] += 500
    assert outliers(struck, 4) == [[37, 42]]
    # what recurs is none, nor is demand that is mostly 0
    recurs = rng.normal(size=(200, 1))
    recurs[::20] += 100
    assert outliers(recurs) == [[]]
    assert without_outliers(recurs, 1)[1].limit == np.inf  # nor is the next
    for share in (0.02, 0.04, 0.06, 0.25):
        demand = rng.lognormal(3, 0.5, size=(1500, 1)) * (rng.uniform(size=(1500, 1)) < share)
        assert outliers(demand) == [[]]
    steep = 1e5 * np.arange(100.0)[:, None] + 1e3 * rng.normal(size=(100, 1))
    steep[70] = 4.0
    assert outliers(steep, 12) == [[70]]


@unskilled
def test_outliers_in_an_update_of_any_size():
    rng = np.random.default_rng(0)
    y = pd.Series(rng.normal(size=900) + 100, pd.date_range("2020-01-01", periods=900))
    y.iloc[[205, 430, 899]] = 5000.0
    forecasters = [quick(season_length=1, calibration_fraction=c).fit(y[:200]) for c in (0.2, 0.0)]
    for forecaster in forecasters:
        at_once = copy.deepcopy(forecaster).update(y[200:])
        in_two = copy.deepcopy(forecaster).update(y[200:500]).update(y[500:])
        np.testing.assert_allclose(at_once.predict(), in_two.predict(), rtol=1e-9)
        assert np.abs(at_once.predict() - 100).max() < 3
        assert at_once._model._stale.tolist() == [[1]]
    # float32 stays what it is
    frame = y.astype(np.float32)
    assert quick(season_length=1).fit(frame)._model._dtype == "float32"


@unskilled
def test_what_a_column_explains_is_no_outlier():
    rng, days = np.random.default_rng(0), pd.date_range("2023-01-01", periods=214)
    X = pd.DataFrame({"promotion": 0.0}, days)
    X.iloc[[40, 90, 120, 160, 205]] = 1.0
    y = 100 + pd.Series(rng.normal(size=214), days) + 200 * X["promotion"]
    found = quick(horizon=14).fit(y[:200], X[:200]).predict(X=X[200:])
    assert found.iloc[5] > 200


@unskilled
def test_two_last_values_that_are_far_off_do_not_explode():
    y = pd.Series(100 + np.random.default_rng(0).normal(size=96), pd.period_range("2010-01", periods=96, freq="M"))
    y.iloc[-2:] = 1e4
    assert (quick(horizon=6).fit(y).predict().between(0, 1.2e4)).all()


@unskilled
def test_a_series_that_never_moved_goes_on_so():
    rng, index = np.random.default_rng(0), pd.period_range("2010-01", periods=96, freq="M")
    parts = {f"s{k}": pd.Series(20 + rng.normal(size=96), index) for k in range(3)}
    forecaster = quick().fit(pd.concat(parts | {"still": pd.Series(20.0, index)}))
    np.testing.assert_allclose(forecaster.predict_interval().loc["still"], 20, rtol=1e-6)
    later = pd.period_range("2018-01", periods=12, freq="M")
    forecaster.update(pd.concat({"still": pd.Series(20 + 5 * rng.normal(size=12), later)}))
    bounds = forecaster.predict_interval().loc["still"]
    assert (bounds["upper"] - bounds["lower"]).mean() > 5
