"""SktimeRNNForecaster by sktime's own checks, and beside RNNForecaster; collected only when named."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.split import ExpandingWindowSplitter, SlidingWindowSplitter
from sktime.utils.estimator_checks import check_estimator

from sklearn_rnn import RNNForecaster, RNNRegressor
from sklearn_rnn.datasets import load_airline
from sklearn_rnn.interop.sktime import SktimeRNNForecaster

pytestmark = pytest.mark.filterwarnings("ignore")
AIRLINE = load_airline().astype(float)
WAVES = pd.DataFrame(
    {"wave": np.sin(np.arange(150) / 5), "ebb": np.cos(np.arange(150) / 3)},
    index=pd.period_range("1949-01", periods=150, freq="M"),
)


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


def close(found, expected):
    """At the same times the same values."""
    np.testing.assert_allclose(np.ravel(found), np.ravel(expected), rtol=0, atol=1e-9)
    assert list(found.index) == list(expected.index)


def between(data, after, until):
    return data[(data.index > after) & (data.index <= until)]


@pytest.mark.parametrize("remember", [True, False])
@pytest.mark.parametrize("refit", [True, False])
def test_update(refit, remember):
    model = SktimeRNNForecaster(forecaster()).set_config(remember_data=remember).fit(AIRLINE[:120], fh=[1, 2, 3])
    same = forecaster(horizon=3).fit(AIRLINE[:120])
    close(model.predict(), same.predict())
    assert model.predict().name == AIRLINE.name
    weights = model.forecaster_.regressors_[0].weights_
    for start, end in [(120, 126), (120, 130), (130, 131)]:  # known values may be passed again
        model.update(AIRLINE[start:end].rename("of another name"), update_params=refit)
        known = AIRLINE.index[{126: 119, 130: 125, 131: 129}[end]]
        same = forecaster(horizon=3).fit(AIRLINE[:end]) if refit else same.update(between(AIRLINE[:end], known, "1970"))
        close(model.predict(), same.predict())
    kept = [np.array_equal(weights[k], w) for k, w in model.forecaster_.regressors_[0].weights_.items()]
    assert not any(kept) if refit else all(kept)


def test_update_in_another_layout():
    for y, new in [(AIRLINE, AIRLINE.to_frame("other")), (AIRLINE.to_frame(), AIRLINE)]:
        model = SktimeRNNForecaster(forecaster()).set_config(remember_data=False).fit(y[:120], fh=[1, 2])
        model.update(new[120:125], update_params=False)
        close(model.predict(), forecaster(horizon=2).fit(AIRLINE[:120]).update(AIRLINE[120:125]).predict())


def test_update_does_not_go_back():
    model = SktimeRNNForecaster(forecaster()).fit(AIRLINE[:120], fh=[1, 2])
    before = model.predict()
    with pytest.raises(ValueError, match="y ends at 1958-02, and the forecaster knows values until 1958-12"):
        model.update(AIRLINE[100:110], update_params=False)
    close(model.predict(), before)
    with pytest.warns(UserWarning, match="fitted anew to those until 1958-02"):
        model.update(AIRLINE[100:110])
    close(model.predict(), forecaster(horizon=2).fit(AIRLINE[:110]).predict())
    # arrays have no times: sktime numbers each from 0
    model = SktimeRNNForecaster(forecaster()).fit(AIRLINE[:120].to_numpy(), fh=[1, 2])
    with pytest.raises(ValueError, match="y ends at 4, and the forecaster knows values until 119"):
        model.update(AIRLINE[120:125].to_numpy(), update_params=False)


def test_update_with_values_that_were_others_before():
    model, same = SktimeRNNForecaster(forecaster()).fit(AIRLINE[:120], fh=[1, 2]), forecaster(horizon=2)
    revised = AIRLINE.copy()
    revised[:115] *= 1 + 1e-12
    model.update(revised[:121], update_params=False)  # rounding
    revised["1958-10"] += 10
    with pytest.warns(UserWarning, match="other values than were known until 1959-01"):
        model.update(revised[110:130], update_params=False)
    close(model.predict(), same.fit(AIRLINE[:120]).update(AIRLINE[120:130]).predict())
    close(model.update(AIRLINE[130:131]).predict(), same.fit(revised[:131]).predict())


@pytest.mark.parametrize("with_X", [False, True])
@pytest.mark.parametrize("strategy", ["refit", "update", "no-update_params"])
def test_evaluate(strategy, with_X):
    X = WAVES[:144] if with_X else None
    for splitter in (ExpandingWindowSplitter, SlidingWindowSplitter):
        length = {"initial_window" if splitter is ExpandingWindowSplitter else "window_length": 100}
        cv = splitter(fh=[1, 2, 3], step_length=15, **length)
        found = evaluate(
            SktimeRNNForecaster(forecaster()), cv, AIRLINE, X, strategy, return_data=True, error_score="raise"
        )
        assert len(found) == 3
        same = last = None
        for y_train, y_pred in zip(found["y_train"], found["y_pred"], strict=True):
            now = y_train.index[-1]
            if last is None or strategy != "no-update_params":
                y = AIRLINE[:now] if strategy == "update" else y_train
                same = forecaster(horizon=3).fit(y, X.loc[y.index] if with_X else None)
            else:
                same.update(between(AIRLINE, last, now), between(X, last, now) if with_X else None)
            close(y_pred, same.predict(X=WAVES[WAVES.index > now][:3] if with_X else None))
            last = now


@pytest.mark.parametrize("with_X", [False, True])
def test_update_predict(with_X):
    model = SktimeRNNForecaster(forecaster()).fit(AIRLINE[:120], X=WAVES[:120] if with_X else None, fh=[1, 2, 3])
    cv = SlidingWindowSplitter(fh=[1, 2, 3], window_length=5, step_length=3)
    found = model.update_predict(AIRLINE[120:], cv, X=WAVES if with_X else None, update_params=False)
    same, last = forecaster(horizon=3).fit(AIRLINE[:120], WAVES[:120] if with_X else None), AIRLINE.index[119]
    assert len(found.columns) == 6
    for column in found:
        now = column[0] if isinstance(column, tuple) else column
        same.update(between(AIRLINE, last, now), between(WAVES, last, now) if with_X else None)
        close(found[column].dropna(), same.predict(X=WAVES[WAVES.index > now][:3] if with_X else None))
        last = now


def test_several_columns_keep_their_order():
    y = pd.DataFrame({"b": AIRLINE, "a": AIRLINE[::-1].to_numpy()})
    model = SktimeRNNForecaster(forecaster()).fit(y[:120], fh=[1, 2]).update(y[120:130], update_params=False)
    close(model.predict(), forecaster(horizon=2).fit(y[:120]).update(y[120:130]).predict())
    close(model.update(y[130:]).predict()[["b", "a"]], forecaster(horizon=2).fit(y).predict())


@pytest.mark.parametrize("remember", [True, False])
def test_panel(remember):
    """One series at a time."""
    parts = {"a": AIRLINE, "b": 2 * AIRLINE[::-1].set_axis(AIRLINE.index)}
    y = pd.concat({name: part.to_frame("y") for name, part in parts.items()}, names=["id", "time"])
    before = y.index.get_level_values(1) <= AIRLINE.index[119]
    model = SktimeRNNForecaster(forecaster()).set_config(remember_data=remember).fit(y[before], fh=[1, 3])
    found = model.update(y[~before], update_params=False).predict()
    for name, part in parts.items():
        same = forecaster(horizon=3).fit(part[:120]).update(part[120:])
        close(found.loc[name], same.predict().iloc[[0, 2]])


def test_absolute_horizon():
    fh = ForecastingHorizon(pd.PeriodIndex(["1959-02", "1959-05"], freq="M"), is_relative=False)
    model = SktimeRNNForecaster(forecaster()).fit(AIRLINE[:120], fh=fh)
    same = forecaster(horizon=5).fit(AIRLINE[:120])
    close(model.predict(), same.predict().iloc[[1, 4]])
    model.update(AIRLINE[120:121], update_params=False)
    close(model.predict(), same.update(AIRLINE[120:121]).predict(4).iloc[[0, 3]])
    model.update(AIRLINE[121:122], update_params=False)
    with pytest.raises(NotImplementedError, match="in-sample"):
        model.predict()


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2000-01-03", periods=144, freq="B"),
        pd.date_range("2000-03-24", periods=144, freq="h", tz="Europe/Berlin"),
        pd.date_range("2000-01-01", periods=144, freq="2W"),
        pd.DatetimeIndex(pd.date_range("2000-01-01", periods=144).to_numpy()),
        pd.Index(np.arange(5, 149)),
    ],
)
def test_times(index):
    y = AIRLINE.set_axis(index)
    model, same = SktimeRNNForecaster(forecaster()).fit(y[:120], fh=[2, 5]), forecaster(horizon=5).fit(y[:120])
    close(model.predict(), same.predict().iloc[[1, 4]])
    close(model.update(y[118:126], update_params=False).predict(), same.update(y[120:126]).predict().iloc[[1, 4]])


def test_steps_that_sktime_counts_otherwise():
    y = AIRLINE.set_axis(pd.RangeIndex(0, 288, 2))
    model = SktimeRNNForecaster(forecaster()).fit(y, fh=[2, 4])
    close(model.predict(), forecaster(horizon=4).fit(y).predict(2))
    with pytest.raises(ValueError, match="a step at 287, where y has no values"):
        SktimeRNNForecaster(forecaster()).fit(y, fh=[1, 2]).predict()


def test_search_clone_and_pickle():
    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=90, step_length=12)
    grid = {"forecaster__window": [6, 12]}
    model = SktimeRNNForecaster(forecaster(), random_state=3)
    search = ForecastingGridSearchCV(model, cv, grid, error_score="raise", backend="None").fit(AIRLINE[:120], fh=[1, 2])
    same = forecaster(horizon=2, random_state=3).set_params(window=search.best_params_["forecaster__window"])
    close(search.predict(), same.fit(AIRLINE[:120]).predict())
    fitted = search.best_forecaster_
    stored = pickle.loads(pickle.dumps(fitted)).update(AIRLINE[120:125], update_params=False)
    close(fitted.predict(), same.predict())
    close(stored.predict(), same.update(AIRLINE[120:125]).predict())
    close(stored.clone().fit(AIRLINE[:120], fh=[1, 2]).predict(), fitted.predict())


def test_exogenous():
    """X may reach beyond y, and must hold the steps that are asked for; those between take the row before them."""
    model = SktimeRNNForecaster(forecaster()).fit(AIRLINE[:120], X=WAVES, fh=[1, 3])
    same = forecaster(horizon=3).fit(AIRLINE[:120], WAVES[:120])
    given = WAVES.iloc[[120, 122]]
    taken = WAVES[120:123].copy()
    taken.iloc[1] = taken.iloc[0]
    close(model.predict(X=given), same.predict(X=taken).iloc[[0, 2]])
    with pytest.raises(ValueError, match="X has no row for 1959-03"):
        model.predict(X=WAVES[120:122])
    with pytest.raises(ValueError, match="pass X with a row"):
        model.predict()


def test_columns_that_are_known_of_the_past_only():
    model = SktimeRNNForecaster(forecaster(past_only=list(WAVES))).fit(AIRLINE[:120], X=WAVES[:120], fh=[1, 2])
    found = model.update_predict_single(AIRLINE[120:126], X=WAVES[120:126], update_params=False)
    same = forecaster(horizon=2, past_only=list(WAVES)).fit(AIRLINE[:120], WAVES[:120])
    close(found, same.update(AIRLINE[120:126], WAVES[120:126]).predict())


def test_what_it_cannot():
    model = SktimeRNNForecaster(forecaster()).fit(AIRLINE, fh=[1])
    for method in (model.predict_interval, model.predict_quantiles):
        with pytest.raises(NotImplementedError, match="does not have the capability"):
            method()
    with pytest.raises(NotImplementedError, match="in-sample"):
        SktimeRNNForecaster(forecaster()).fit(AIRLINE, fh=[-1, 1]).predict()
