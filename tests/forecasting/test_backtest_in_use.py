"""backtest: the seasonal naive forecast beside it, how often it fits, and fits side by side."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from forecast_cases import few, frame_of_two, idle, monthly, panel_of_three, ridge, small, unskilled
from joblib import parallel_config
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklearn_rnn.forecasting._backtesting import seasonal_naive

# -- the seasonal naive forecast --------------------------------------------------------------------------------------


def naive_by_hand(known, season, n_steps):
    """Step by step, each looked up in the seasons before it."""
    lag = season if len(known) >= season else 1
    forecast = []
    for step in range(n_steps):
        t = len(known) - lag + step % lag
        while t >= 0 and np.isnan(known[t]):
            t -= lag
        given = known[~np.isnan(known)]
        forecast.append(known[t] if t >= 0 else given[-1] if len(given) else np.nan)
    return forecast


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("season", [1, 2, 5, 12])
def test_seasonal_naive(season, missing):
    rng = np.random.default_rng(0)
    for n in (1, 2, 4, 5, 6, 11, 12, 13, 30):
        values = rng.normal(size=(n, 2))
        values[rng.random(values.shape) < missing] = np.nan
        found = seasonal_naive(values, season, 15)
        assert found.shape == (15, 2)
        for column in range(2):
            np.testing.assert_array_equal(found[:, column], naive_by_hand(values[:, column], season, 15))


@pytest.mark.parametrize("refit", [True, False])
def test_y_naive_is_what_was_known_last(refit):
    y = panel_of_three()
    table = ridge(window=3).backtest(y, n_splits=3, horizon=14, stride=3, refit=refit)
    assert table.columns.tolist()[-4:] == ["y_pred", "y_naive", "lower", "upper"]
    for (shop, cutoff), part in table.groupby(["shop", "cutoff"]):
        known = y[shop][:cutoff].to_numpy()
        np.testing.assert_array_equal(part["y_naive"], naive_by_hand(known, 12, 14)[: len(part)])
    two = frame_of_two(90)
    table = ridge().backtest(two, n_splits=2)
    for (name, cutoff), part in table.groupby(["variable", "cutoff"]):
        np.testing.assert_array_equal(part["y_naive"], two[name][cutoff - 11 : cutoff - 8])


def test_skill_compares_with_y_naive():
    """The forecasts of the part held back, made by hand: skill_ is their error relative to y_naive's."""
    y = monthly(100)
    forecaster = ridge(horizon=1, calibration_fraction=0.2)
    skill = forecaster.fit(y).skill_
    table = ridge(horizon=1).backtest(y, n_splits=20, horizon=1)
    errors = table[["y_pred", "y_naive"]].sub(table["y_true"], axis=0).abs().sum()
    np.testing.assert_allclose(1 - errors["y_pred"] / errors["y_naive"], skill, rtol=1e-10)


# -- how often it fits ------------------------------------------------------------------------------------------------


def by_hand(forecaster, y, cutoffs, horizon, every, X=None):
    """Forecasts from each cutoff, (cutoffs, horizon), by fit, update and predict."""
    found = []
    for k, cutoff in enumerate(cutoffs):
        if k % every == 0:
            model = clone(forecaster).fit(y[:cutoff], None if X is None else X[:cutoff])
        else:
            model.update(y[cutoffs[k - 1] : cutoff], None if X is None else X[cutoffs[k - 1] : cutoff])
        found.append(model.predict(horizon, None if X is None else X[: cutoff + horizon]))
    return np.array(found)


@pytest.mark.parametrize("every", [1, 2, 3, 5, 9])
def test_refit_every(every):
    y = monthly(90)
    table = ridge().backtest(y, n_splits=7, horizon=4, stride=3, refit_every=every)
    cutoffs = [90 - 4 - 3 * k for k in range(7)][::-1]
    np.testing.assert_array_equal(
        table["y_pred"].to_numpy().reshape(7, 4), by_hand(ridge(), y, cutoffs, 4, every)
    )  # fmt: skip
    same = {1: {"refit": True}, 9: {"refit": False}}.get(every)
    if same:
        pd.testing.assert_frame_equal(ridge().backtest(y, n_splits=7, horizon=4, stride=3, **same), table)
        pd.testing.assert_frame_equal(ridge().backtest(y, n_splits=7, stride=3, refit_every=every, **same), table)


class Counting(Ridge):
    """Counts its fits."""

    fits = 0

    def fit(self, X, y):
        Counting.fits += 1
        return super().fit(X, y)


@pytest.mark.parametrize(("options", "fits"), [({}, 1), ({"refit_every": 3}, 3), ({"refit": True}, 7)])
def test_how_often_it_fits(options, fits):
    Counting.fits = 0
    ridge(Counting()).backtest(monthly(90), n_splits=7, **options)
    assert Counting.fits == fits


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"refit": True, "refit_every": 3},
            "refit=True fits at each cutoff, but refit_every=3 at one of 3 .* there are 5. Leave",
        ),
        ({"refit": False, "refit_every": 3}, "refit=False fits at the first cutoff only, but refit_every=3"),
        ({"refit": False, "refit_every": 1}, "refit=False .*, but refit_every=1 at one of 1"),
        ({"refit_every": 0}, "refit_every must be an integer of at least 1, or None, got 0"),
        ({"refit_every": True}, "refit_every must be .* got True"),
        ({"refit_every": 2.0}, "refit_every must be .* got 2.0"),
        ({"refit": 3}, "refit must be True, False or None, got 3.*refit_every"),
        ({"refit": "yes"}, "refit must be .* got 'yes'"),
        ({"n_jobs": 0}, "n_jobs must be an integer but 0 .*, or None, got 0"),
        ({"n_jobs": True}, "n_jobs must be .* got True"),
        ({"n_jobs": 1.5}, "n_jobs must be .* got 1.5"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(ValueError, match=message):
        ridge().backtest(monthly(90), **options)


def test_a_series_that_begins_between_two_fits():
    y = pd.concat({"old": monthly(90, 0), "new": monthly(90, 1)[-26:]}, names=["shop", "month"])
    forecaster = ridge(horizon=4, season_length=1, window=3)
    table = forecaster.backtest(y, n_splits=6, stride=6, refit_every=3)
    new = table[table["shop"] == "new"]
    # 34, 28, 22; 16, 10 and 4 steps before the end: the first model comes to know it at its last cutoff
    assert new["cutoff"].unique().tolist() == [monthly(90).index[-1] - k for k in (22, 16, 10, 4)]


# -- side by side -----------------------------------------------------------------------------------------------------


@few
@unskilled
@idle
@pytest.mark.parametrize(
    ("forecaster", "y"),
    [
        (small(calibration_fraction=0.3, n_members=2), monthly(90)),
        (small(window=12, horizon=3, random_state=np.random.RandomState(3)), panel_of_three()),
        # ridge regressions so large that BLAS would divide them among its threads
        (ridge(window=60, horizon=30, calibration_fraction=0.2), pd.Series(np.random.default_rng(0).normal(size=900))),
    ],
    ids=["network", "panel", "large"],
)
def test_fits_side_by_side_are_the_same(forecaster, y):
    options = {"n_splits": 4, "stride": 2, "refit_every": 2}
    found = [clone(forecaster).backtest(y, **options, n_jobs=n_jobs) for n_jobs in (None, 1, 2)]
    with parallel_config(n_jobs=2, backend="threading"):
        found.append(clone(forecaster).backtest(y, **options))
    for table in found[1:]:
        pd.testing.assert_frame_equal(table, found[0], check_exact=True)


class Outspoken(Ridge):
    """Warns of a rule, and of how much it was given."""

    def fit(self, X, y):
        warnings.warn("it is a rule", RuntimeWarning, stacklevel=1)
        warnings.warn(f"{len(X)} windows", UserWarning, stacklevel=1)
        return super().fit(X, y)


class OfItsProcess(Ridge):
    """Warns of the process that fits it."""

    def fit(self, X, y):
        warnings.warn(f"process {os.getpid()}", UserWarning, stacklevel=1)
        return super().fit(X, y)


def test_where_it_is_fitted():
    for n_jobs in (1, 2):
        with pytest.warns(UserWarning, match="process") as record:
            ridge(OfItsProcess()).backtest(monthly(90), n_splits=4, refit=True, n_jobs=n_jobs)
        here = [str(warning.message) == f"process {os.getpid()}" for warning in record]
        assert all(here) if n_jobs == 1 else not any(here)


def test_what_workers_warn_of_is_heard_once():
    forecaster = ridge(Outspoken(), normalize=None)
    y = monthly(90)
    heard = {}
    for n_jobs in (1, 2):
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("default")
            forecaster.backtest(y, n_splits=3, refit=True, n_jobs=n_jobs)
        heard[n_jobs] = {(str(warning.message), warning.category) for warning in record}
    assert heard[1] == heard[2]
    assert len(record) == len(heard[2]) == 4  # the rule, and three numbers of windows
    assert all(warning.filename == __file__ for warning in record)  # the user's own line
    # filters hold in the workers too
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", message=".*windows")
        forecaster.backtest(y, n_splits=3, refit=True, n_jobs=2)
    assert len(record) == 3
    with warnings.catch_warnings(), pytest.raises(RuntimeWarning, match="it is a rule"):
        warnings.simplefilter("error")
        forecaster.backtest(y, n_splits=3, refit=True, n_jobs=2)


def test_workers_print_nothing(capfd):
    forecaster = ridge(Outspoken(), calibration_fraction=0.2, verbose=2)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with warnings.catch_warnings(record=True):
            forecaster.backtest(monthly(90), n_splits=2, refit=True, n_jobs=2)
    assert capfd.readouterr() == ("", "")


def test_an_error_in_a_worker_comes_out_as_it_is():
    class Failing(Ridge):
        def predict(self, X):
            raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        ridge(Failing()).backtest(monthly(90), n_splits=3, refit=True, n_jobs=2)


# -- beside predict ---------------------------------------------------------------------------------------------------


@idle
@unskilled
@pytest.mark.parametrize("regressor", ["ridge", "network"])
@pytest.mark.parametrize("horizon", [1, 7, 28, 35, 60])
def test_a_backtest_is_what_predict_said_then(horizon, regressor):
    """With the rows of X that are asked for, and with all: those beyond are nobody's business."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=400)
    X = pd.DataFrame({"price": rng.normal(size=400), "promotion": rng.random(400) < 0.2}, index=days).astype(float)
    y = 50 + 3 * X["price"] + 10 * X["promotion"] + pd.Series(rng.normal(size=400), index=days)
    options = {"horizon": 28, "window": 14, "calibration_fraction": 0.2}
    forecaster = ridge(**options) if regressor == "ridge" else small(**options)
    table = forecaster.backtest(y, X, n_splits=1, horizon=horizon)
    early = 400 - horizon
    fitted = clone(forecaster).fit(y[:early], X[:early])
    np.testing.assert_array_equal(fitted.predict(horizon, X[early:]), table["y_pred"])
    np.testing.assert_array_equal(fitted.predict(horizon, X=X[early : early + horizon]), table["y_pred"])
    interval = fitted.predict_interval(horizon, X[early:])
    np.testing.assert_array_equal(interval[["lower", "upper"]], table[["lower", "upper"]])
