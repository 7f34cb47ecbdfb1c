"""Faults of the forecaster that users found."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from forecast_cases import monthly, panel_of_three, ridge
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNTextGenerator

rng = np.random.default_rng(0)


def test_the_first_steps_do_not_depend_on_rows_of_X_beyond_them():
    """Steps are forecast in blocks of 4; the second block of 6 or 8 steps is not complete."""
    y = monthly(72)
    X = pd.DataFrame({"x": rng.normal(size=90)}, index=pd.period_range(y.index[0], periods=90, freq="M"))
    y = y + 5 * X["x"][:72]
    model = ridge().fit(y, X)
    for horizon in (1, 3, 4, 6, 8):
        some = model.predict(horizon, X[: 72 + horizon])
        for more in (X[: 73 + horizon], X):
            pd.testing.assert_series_equal(model.predict(horizon, more), some)
    # the first block is what it would be by itself, and predict is what backtest says
    pd.testing.assert_series_equal(model.predict(8, X)[:4], model.predict(4, X))
    backtest = ridge().backtest(y, X, n_splits=1, horizon=6)
    np.testing.assert_array_equal(backtest["y_pred"], ridge().fit(y[:66], X).predict(6, X[:72]))


def test_an_id_that_was_never_fitted_is_not_left_out_without_a_word():
    y = panel_of_three()
    X = pd.DataFrame({"x": rng.normal(size=3 * 90)}, index=pd.MultiIndex.from_product(
        [list("abc"), pd.period_range("2010-01", periods=90, freq="M")], names=["shop", "month"]
    ))  # fmt: skip
    model = ridge().fit(y, X)
    more = pd.concat([X, pd.concat({"z": X.loc["a"], "w": X.loc["a"]}, names=["shop", "month"])])
    with pytest.raises(ValueError, match=r"X has rows for series 'z'.*not fitted on \(nor on 1 more\)"):
        model.predict(X=more)
    pd.testing.assert_series_equal(ridge().fit(y, more).predict(X=X), model.predict(X=X))  # at fit they do no harm


def test_iso_dates_as_text():
    days = pd.date_range("2020-01-01", periods=40)
    y = pd.DataFrame({"day": days, "load": rng.normal(size=40)})
    expected = ridge(time_col="day").fit(y).predict()
    as_text = y.assign(day=y["day"].astype(str))
    pd.testing.assert_frame_equal(ridge(time_col="day").fit(as_text).predict(), expected, check_dtype=False)
    on_index = pd.Series(y["load"].to_numpy(), index=pd.Index(as_text["day"]))
    np.testing.assert_array_equal(ridge().fit(on_index).predict(), expected["load"])
    assert isinstance(ridge().fit(on_index).predict().index, pd.DatetimeIndex)


class _Interrupting(Ridge):
    """Ctrl-C in its n-th fit."""

    left = 0

    def fit(self, X, y):
        _Interrupting.left -= 1
        if _Interrupting.left == 0:
            raise KeyboardInterrupt
        return super().fit(X, y)


@pytest.mark.filterwarnings("ignore:On the last .* worse than repeating:UserWarning")
def test_ctrl_c_ends_the_whole_call_and_loses_nothing():
    y = monthly(72)
    model = ridge(_Interrupting(), calibration_fraction=0.2).fit(y[:60])
    before = model.predict()
    for n in (1, 2):  # the fit on the part that is not held back, and that on all
        _Interrupting.left = n
        with pytest.raises(KeyboardInterrupt):
            model.fit(y)
        pd.testing.assert_series_equal(model.predict(), before)
    _Interrupting.left = 3
    with pytest.raises(KeyboardInterrupt):
        model.backtest(y, n_splits=4, refit=True)
    assert _Interrupting.left == 0  # and nothing was fitted after it
    search = GridSearchCV(ridge(_Interrupting()), {"window": [4, 6]}, cv=TimeSeriesSplit(3, test_size=4))
    _Interrupting.left = 2
    with pytest.raises(KeyboardInterrupt):
        search.fit(y)
    assert _Interrupting.left == 0


def test_what_is_forecast_is_no_metadata():
    for method in ("set_fit_request", "set_partial_fit_request", "set_predict_request", "set_score_request"):
        assert not hasattr(RNNForecaster, method)
        assert not hasattr(RNNTextGenerator, method)
    with sklearn.config_context(enable_metadata_routing=True):
        for estimator in (RNNForecaster(), RNNTextGenerator()):
            routing = estimator.get_metadata_routing()
            assert not any(getattr(routing, method).requests for method in ("fit", "predict", "score"))
        search = GridSearchCV(ridge(), {"window": [4, 6]}, cv=TimeSeriesSplit(2, test_size=4)).fit(monthly())
        assert np.isfinite(search.best_score_)
    assert "sample_weight" in RNNRegressor().get_metadata_routing().fit.requests


def test_a_backtest_forecasts_young_series_too():
    """However few values they have at a cutoff; one that has not begun at the first is known as by `update`."""
    months = pd.period_range("2000-01", periods=60, freq="M")
    values = np.random.default_rng(0).normal(size=60).cumsum()
    young = pd.Series(values[-8:], months[-8:])
    panel = pd.concat({"old": pd.Series(values, months), "young": young}, names=["id", "month"])
    forecaster = ridge(horizon=3, window=4, season_length=1)
    for refit in (False, True):
        frame = forecaster.backtest(panel, n_splits=4, horizon=3, refit=refit)
        assert frame.groupby("id")["cutoff"].nunique().to_dict() == {"old": 4, "young": 2}
    frame = forecaster.backtest(panel, n_splits=4, horizon=3)
    known = panel[panel.index.get_level_values(1) <= months[-13]]
    forecaster.fit(known)
    for cutoff in (months[-10], months[-7], months[-4]):
        new = panel[panel.index.get_level_values(1) <= cutoff]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "y_new, series 'young' has")
            forecaster.update(new[~new.index.isin(known.index)])
        known = new
        found = frame[frame["cutoff"] == cutoff].set_index("id")["y_pred"]
        expected = forecaster.predict()
        for name in found.index.unique():
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)
