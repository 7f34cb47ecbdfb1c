"""SktimeRNNForecaster by sktime's own checks, and beside RNNForecaster; collected only when named."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sktime.utils.estimator_checks import check_estimator

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.datasets import load_airline
from sklearn_rnn.interop.sktime import SktimeRNNForecaster

pytestmark = pytest.mark.filterwarnings("ignore")
AIRLINE = load_airline().astype(float)


def forecaster(**options):
    net = RNNRegressor(4, max_iter=3, random_state=0)
    return RNNForecaster(net, window=12, combine=False, calibration_fraction=0, **options)


def test_checks_of_sktime():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(SktimeRNNForecaster, raise_exceptions=False, verbose=False)
    assert len(found) > 300
    assert {name: what for name, what in found.items() if what != "PASSED"} == {}


def test_it_forecasts_what_RNNForecaster_does():
    found = SktimeRNNForecaster(forecaster()).fit(AIRLINE, fh=[2, 5]).predict()
    expected = forecaster(horizon=5).fit(AIRLINE).predict(5).iloc[[1, 4]]
    np.testing.assert_array_equal(found, expected)
    assert found.index.equals(pd.PeriodIndex(["1961-02", "1961-05"], freq="M"))


def test_exogenous():
    X = pd.DataFrame({"wave": np.sin(np.arange(150) / 5)}, index=pd.period_range("1949-01", periods=150, freq="M"))
    model = SktimeRNNForecaster(forecaster()).fit(AIRLINE, X=X[:144], fh=np.arange(1, 7))
    expected = forecaster(horizon=6).fit(AIRLINE, X[:144]).predict(6, X=X[144:])
    np.testing.assert_array_equal(model.predict(X=X[144:]), expected)
