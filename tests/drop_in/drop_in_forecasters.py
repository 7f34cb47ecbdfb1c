"""RNNRegressor in sktime, skforecast, mlforecast and Darts; collected only when named, in an environment that has them:

    python -m pytest -n 0 tests/drop_in/drop_in_forecasters.py

What the libraries forecast is what a loop over windows by hand forecasts, with a network fitted by hand.
"""

import numpy as np
import pandas as pd
import pytest
from page_blocks import run_blocks
from sklearn.pipeline import make_pipeline

from sklearn_rnn import LagsToSequence, RNNRegressor
from sklearn_rnn.datasets import load_airline

WINDOW, HORIZON = 12, 6
SERIES = np.log(load_airline())
SERIES -= SERIES.mean()
EXOG = pd.Series(np.sin(np.arange(len(SERIES) + HORIZON) / 3), name="tide")
# too few epochs to be good, which is not what is tested
SMALL = {"hidden_layer_sizes": 4, "max_iter": 4, "learning_rate_init": 0.02, "random_state": 0}
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def close(found, expected):
    np.testing.assert_allclose(np.ravel(found), expected, rtol=0, atol=1e-9)


def windows(channels, ahead=1, n_more=0):
    """(n, WINDOW, F) of channels (T, F), oldest first, and what comes `ahead` steps after each in channel 0.

    With n_more, so many windows at the beginning are left out.
    """
    n = len(channels) - WINDOW - ahead + 1
    X = np.stack([channels[i : i + WINDOW] for i in range(n)])
    return X[n_more:], channels[WINDOW + ahead - 1 :, 0][n_more:]


def recursive(model, y, steps=HORIZON, others=None):
    """Each forecast joins the window of the next; `others` (T + steps, F - 1) are known ahead."""
    y, forecasts = list(y), []
    for _ in range(steps):
        window = np.array(y[-WINDOW:])[:, None]
        if others is not None:
            window = np.concatenate([window, others[len(y) - WINDOW : len(y)]], axis=1)
        forecasts.append(float(model.predict(window[None])[0]))
        y.append(forecasts[-1])
    return np.array(forecasts)


def by_hand(net):
    """The recursive forecast of a network like this one."""
    return recursive(net.__sklearn_clone__().fit(*windows(SERIES.to_numpy()[:, None])), SERIES)


# ---- sktime ---------------------------------------------------------------------------------------------------------


def test_sktime_as_on_the_page():
    page = run_blocks("sktime")
    assert page["forecast"].index[0] == pd.Period("1961-01", "M")
    expected = by_hand(page["net"])
    close(page["forecast"], expected)
    close(page["forecast_3d"], expected)
    assert np.std(expected) > 1e-3


@quiet
@pytest.mark.parametrize("strategy", ["direct", "multioutput"])
@pytest.mark.parametrize("scitype", ["tabular-regressor", "time-series-regressor"])
def test_sktime_strategies(strategy, scitype):
    from sktime.forecasting.compose import make_reduction

    net = RNNRegressor(**SMALL)
    if scitype == "time-series-regressor":
        net = make_pipeline(LagsToSequence("oldest-first", layout="channels-first"), net)
    forecaster = make_reduction(net, strategy=strategy, window_length=WINDOW, scitype=scitype)
    found = forecaster.fit(SERIES, fh=[1, 2, 3]).predict()
    channels = SERIES.to_numpy()[:, None]
    X, last = windows(channels, ahead=3)
    Y = np.column_stack([channels[WINDOW + k : WINDOW + k + len(X), 0] for k in range(3)])
    np.testing.assert_array_equal(Y[:, 2], last)
    newest = channels[None, -WINDOW:]
    if strategy == "multioutput":
        expected = RNNRegressor(**SMALL).fit(X, Y).predict(newest)[0]
    else:
        expected = [RNNRegressor(**SMALL).fit(X, y).predict(newest)[0] for y in Y.T]
    close(found, expected)


@quiet
@pytest.mark.parametrize("scitype", ["tabular-regressor", "time-series-regressor"])
def test_sktime_exogenous(scitype):
    """Its windows hold X as y, up to the step before the one that is forecast."""
    from sktime.forecasting.compose import make_reduction

    order = LagsToSequence("oldest-first", layout="channels-first")
    if scitype == "tabular-regressor":
        order = LagsToSequence("oldest-first", n_channels=2, layout="channel-major")
    forecaster = make_reduction(
        make_pipeline(order, RNNRegressor(**SMALL)), strategy="recursive", window_length=WINDOW, scitype=scitype
    )
    ahead = pd.period_range(SERIES.index[0], periods=len(EXOG), freq="M")
    exog = pd.DataFrame({"tide": EXOG.to_numpy()}, index=ahead)
    forecaster.fit(SERIES, X=exog[: len(SERIES)], fh=np.arange(1, HORIZON + 1))
    found = forecaster.predict(X=exog[len(SERIES) :])
    both = np.column_stack([SERIES, EXOG[: len(SERIES)]])
    net = RNNRegressor(**SMALL).fit(*windows(both))
    close(found, recursive(net, SERIES, others=EXOG.to_numpy()[:, None]))


# ---- skforecast -----------------------------------------------------------------------------------------------------


def test_skforecast_as_on_the_page():
    page = run_blocks("skforecast")
    close(page["forecast"], by_hand(page["net"]))
    channels = SERIES.to_numpy()[:, None]
    for step, found in enumerate(page["forecast_direct"], start=1):
        # all steps are fitted on the windows of which the last step is known
        X, y = windows(channels, ahead=2)
        if step == 1:
            y = channels[WINDOW : WINDOW + len(X), 0]
        net = page["net"].__sklearn_clone__().fit(X, y)
        close(found, net.predict(channels[None, -WINDOW:]))


@quiet
def test_skforecast_exogenous():
    """exog of the step that is forecast, the same at every step of the window."""
    from skforecast.recursive import ForecasterRecursive

    y = SERIES.to_timestamp().asfreq("MS")
    times = pd.date_range(y.index[0], periods=len(EXOG), freq="MS")
    exog = pd.Series(EXOG.to_numpy(), index=times, name="tide")
    model = make_pipeline(LagsToSequence("newest-first", static=1), RNNRegressor(**SMALL))
    forecaster = ForecasterRecursive(estimator=model, lags=WINDOW)
    forecaster.fit(y=y, exog=exog[: len(y)])
    found = forecaster.predict(steps=HORIZON, exog=exog[len(y) :])

    X, target = windows(SERIES.to_numpy()[:, None])
    beside = np.repeat(EXOG.to_numpy()[WINDOW : len(y), None, None], WINDOW, axis=1)
    net = RNNRegressor(**SMALL).fit(np.concatenate([X, beside], axis=2), target)
    values = list(SERIES)
    for step in range(HORIZON):
        window = np.column_stack([values[-WINDOW:], np.full(WINDOW, EXOG[len(y) + step])])
        values.append(net.predict(window[None])[0])
    close(found, values[-HORIZON:])


@quiet
def test_skforecast_many_series():
    from skforecast.recursive import ForecasterRecursiveMultiSeries

    y = SERIES.to_timestamp().asfreq("MS")
    data = {"a": y, "b": pd.Series(y[::-1].to_numpy(), index=y.index)}
    model = make_pipeline(LagsToSequence("newest-first"), RNNRegressor(**SMALL))
    forecaster = ForecasterRecursiveMultiSeries(estimator=model, lags=WINDOW, encoding=None, transformer_series=None)
    forecaster.fit(series=data)
    found = forecaster.predict(steps=HORIZON)
    parts = [windows(data[name].to_numpy()[:, None]) for name in data]
    net = RNNRegressor(**SMALL).fit(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    for name in data:
        close(found.loc[found["level"] == name, "pred"], recursive(net, data[name]))


def static_beside(X, columns):
    """Windows with columns that are the same at every step."""
    return np.concatenate([X, np.repeat(np.asarray(columns)[:, None], X.shape[1], axis=1)], axis=2)


@quiet
def test_skforecast_window_features_then_exog():
    from skforecast.preprocessing import RollingFeatures
    from skforecast.recursive import ForecasterRecursive

    y = SERIES.to_timestamp().asfreq("MS")
    times = pd.date_range(y.index[0], periods=len(EXOG), freq="MS")
    exog = pd.Series(EXOG.to_numpy(), index=times, name="tide")
    rolling = RollingFeatures(stats=["mean", "max"], window_sizes=6)
    model = make_pipeline(LagsToSequence("newest-first", static=3), RNNRegressor(**SMALL))
    forecaster = ForecasterRecursive(estimator=model, lags=WINDOW, window_features=rolling)
    forecaster.fit(y=y, exog=exog[: len(y)])
    found = forecaster.predict(steps=HORIZON, exog=exog[len(y) :])

    def with_columns(X, tides):
        newest = X[:, -6:, 0]
        return static_beside(X, np.column_stack([newest.mean(axis=1), newest.max(axis=1), tides]))

    X, target = windows(SERIES.to_numpy()[:, None])
    net = RNNRegressor(**SMALL).fit(with_columns(X, EXOG[WINDOW : len(y)]), target)
    values = list(SERIES)
    for step in range(HORIZON):
        window = np.array(values[-WINDOW:])[None, :, None]
        values.append(net.predict(with_columns(window, [EXOG[len(y) + step]]))[0])
    close(found, values[-HORIZON:])


@quiet
def test_skforecast_many_series_with_their_ids():
    """The number of the series, 0 and 1, stands after the lags."""
    from skforecast.recursive import ForecasterRecursiveMultiSeries

    y = SERIES.to_timestamp().asfreq("MS")
    data = {"a": y, "b": pd.Series(y[::-1].to_numpy(), index=y.index)}
    model = make_pipeline(LagsToSequence("newest-first", static=1), RNNRegressor(**SMALL))
    forecaster = ForecasterRecursiveMultiSeries(estimator=model, lags=WINDOW, transformer_series=None)
    forecaster.fit(series=data)
    found = forecaster.predict(steps=HORIZON)
    parts = [windows(values.to_numpy()[:, None]) for values in data.values()]
    X = [static_beside(part, np.full((len(part), 1), i)) for i, (part, _) in enumerate(parts)]
    net = RNNRegressor(**SMALL).fit(np.concatenate(X), np.concatenate([target for _, target in parts]))
    for i, name in enumerate(data):
        ids = np.full((len(y) + HORIZON, 1), i)
        close(found.loc[found["level"] == name, "pred"], recursive(net, data[name], others=ids))


@quiet
@pytest.mark.parametrize("beside", ["nothing", "exog", "window_features", "series"])
def test_skforecast_without_LagsToSequence_is_warned_of(beside):
    from skforecast.preprocessing import RollingFeatures
    from skforecast.recursive import ForecasterRecursive, ForecasterRecursiveMultiSeries

    y = SERIES.to_timestamp().asfreq("MS")
    exog = pd.DataFrame({"tide": EXOG[: len(y)].to_numpy(), "month": y.index.month}, index=y.index)
    rolling = RollingFeatures(stats=["mean"], window_sizes=6) if beside == "window_features" else None
    net = RNNRegressor(**SMALL)
    # the forecaster of several series hands over names, the other does not
    with pytest.warns(UserWarning, match="'_level_skforecast' is none" if beside == "series" else "newest value first"):
        if beside == "series":
            ForecasterRecursiveMultiSeries(estimator=net, lags=WINDOW).fit(series={"a": y, "b": 2 * y}, exog=exog)
        else:
            forecaster = ForecasterRecursive(estimator=net, lags=WINDOW, window_features=rolling)
            forecaster.fit(y=y, exog=exog if beside == "exog" else None)


# ---- mlforecast -----------------------------------------------------------------------------------------------------


def test_mlforecast_as_on_the_page():
    page = run_blocks("mlforecast")
    close(page["forecast"], by_hand(page["net"]))


@quiet
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_mlforecast_many_series(library):
    """Of several series, with the month as another column, from frames of either library."""
    from mlforecast import MLForecast

    y = SERIES.to_timestamp()
    parts = {"a": y.to_numpy(), "b": y.to_numpy()[::-1]}
    frame = pd.concat(pd.DataFrame({"unique_id": name, "ds": y.index, "y": v}) for name, v in parts.items())
    freq = "MS"
    if library == "polars":
        import polars

        frame, freq = polars.from_pandas(frame), "1mo"
    model = make_pipeline(LagsToSequence(static=["month"]), RNNRegressor(**SMALL))
    lags = list(range(1, WINDOW + 1))
    many = MLForecast({"rnn": model}, freq=freq, lags=lags, date_features=["month"]).fit(frame)
    found = many.predict(HORIZON)

    def with_month(window, month):
        return np.column_stack([window, np.full(WINDOW, month)])

    months = np.asarray(y.index.month)
    X = [with_month(v[i : i + WINDOW], months[i + WINDOW]) for v in parts.values() for i in range(len(y) - WINDOW)]
    net = RNNRegressor(**SMALL).fit(np.stack(X), np.concatenate([v[WINDOW:] for v in parts.values()]))
    expected = []
    for v in parts.values():
        values = list(v)
        for step in range(HORIZON):
            values.append(net.predict(with_month(values[-WINDOW:], step + 1)[None])[0])
        expected += values[-HORIZON:]
    close(found["rnn"].to_numpy(), expected)


@quiet
def test_mlforecast_without_LagsToSequence_is_warned_of():
    from mlforecast import MLForecast

    y = SERIES.to_timestamp()
    frame = pd.DataFrame({"unique_id": "a", "ds": y.index, "y": y.to_numpy()})
    with pytest.warns(UserWarning, match="'lag1', 'lag2', 'lag3', ... are lags"):
        MLForecast({"rnn": RNNRegressor(**SMALL)}, freq="MS", lags=list(range(1, 13))).fit(frame)


@quiet
def test_mlforecast_two_series_as_an_array_are_warned_of():
    """One below the other, without names."""
    from mlforecast import MLForecast

    y = SERIES.to_timestamp()
    parts = {"a": y.to_numpy(), "b": y.to_numpy()[::-1]}
    frame = pd.concat(pd.DataFrame({"unique_id": name, "ds": y.index, "y": v}) for name, v in parts.items())
    many = MLForecast({"rnn": RNNRegressor(**SMALL)}, freq="MS", lags=list(range(1, 13)), date_features=["month"])
    with pytest.warns(UserWarning, match="newest value first"):
        many.fit(frame, as_numpy=True)


# ---- Darts ----------------------------------------------------------------------------------------------------------


def test_darts_as_on_the_page():
    page = run_blocks("Darts")
    close(page["forecast"], by_hand(page["net"]))


@quiet
def test_darts_several_components():
    """All components of one time side by side; a network forecasts both."""
    from darts import TimeSeries
    from darts.models import SKLearnModel

    both = pd.DataFrame({"a": SERIES, "b": EXOG[: len(SERIES)].to_numpy()}).to_timestamp()
    pipeline = make_pipeline(LagsToSequence("oldest-first", n_channels=2), RNNRegressor(**SMALL))
    model = SKLearnModel(lags=WINDOW, model=pipeline)
    model.fit(TimeSeries.from_dataframe(both))
    found = model.predict(HORIZON).values()
    values = both.to_numpy()
    X, _ = windows(values)
    net = RNNRegressor(**SMALL).fit(X, values[WINDOW:])
    for _ in range(HORIZON):
        values = np.concatenate([values, net.predict(values[None, -WINDOW:])])
    close(found, values[-HORIZON:].ravel())


@quiet
def test_darts_past_covariates():
    from darts import TimeSeries
    from darts.models import SKLearnModel

    times = pd.date_range("1949-01", periods=len(EXOG), freq="MS")
    pipeline = make_pipeline(
        LagsToSequence("oldest-first", n_channels=2, layout="channel-major"), RNNRegressor(**SMALL)
    )
    model = SKLearnModel(lags=WINDOW, lags_past_covariates=WINDOW, model=pipeline)
    y = TimeSeries.from_series(SERIES.to_timestamp())
    exog = TimeSeries.from_series(pd.Series(EXOG.to_numpy(), index=times))
    model.fit(y, past_covariates=exog)
    found = model.predict(HORIZON, past_covariates=exog).values()
    net = RNNRegressor(**SMALL).fit(*windows(np.column_stack([SERIES, EXOG[: len(SERIES)]])))
    close(found, recursive(net, SERIES, others=EXOG.to_numpy()[:, None]))
