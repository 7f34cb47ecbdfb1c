"""What a fit says of itself, and a search around a forecaster."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from forecast_cases import few, frame_of_two, idle, monthly, panel_of_three, ridge, small, unskilled
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNForecaster, RNNRegressor

# -- verbose ----------------------------------------------------------------------------------------------------------

SUMMARY = re.compile(
    r"RNNForecaster: (?P<series>\d+) series(?: of (?P<columns>\d+) columns)?, (?P<steps>\d+) steps, (?P<windows>\d+) "
    r"windows; season_length (?P<season>\d+), window (?P<window>\d+), normalize (?P<normalize>\S+), "
    r"target_transform (?P<transform>\S+); (?P<outcome>.*); "
    r"(?P<seconds>[\d.]+) s\n"
)


def summary_of(capsys):
    *epochs, last = capsys.readouterr().out.splitlines(keepends=True)
    assert all(re.match(r"RNNForecaster \((part held back|all data)\): Epoch ", line) for line in epochs)
    found = SUMMARY.fullmatch(last)
    assert found
    return found.groupdict()


@idle
@unskilled
def test_one_line_says_what_came_out(capsys):
    y = monthly(90)
    model = small(window="auto", verbose=1).fit(y)
    said = summary_of(capsys)
    assert (said["series"], said["columns"], said["steps"]) == ("1", None, "90")
    assert (int(said["season"]), int(said["window"])) == (model.season_length_, model.window_) == (12, 12)
    assert said["normalize"] == "'smoothing'"
    assert int(said["windows"]) == 90 - 12 - 4 + 1
    outcome = f"skill_ {model.skill_:.2f}, network_weight_ {model.network_weight_:.2f}"
    assert said["outcome"].startswith(outcome)
    assert ("counts for nothing" in said["outcome"]) == (model.network_weight_ == 0)
    assert 0 <= float(said["seconds"]) < 600


@pytest.mark.parametrize("verbose", [True, 1])
def test_the_line_for_other_forecasters(capsys, verbose):
    seen = []

    class Counting(Ridge):
        def fit(self, X, y):
            seen.append(len(X))
            return super().fit(X, y)

    ridge(Counting(), verbose=verbose).fit(panel_of_three())
    said = summary_of(capsys)
    assert (said["series"], said["steps"], said["windows"]) == ("3", str(66 + 72 + 58), str(seen[-1]))
    assert said["outcome"] == "no part held back"
    ridge(verbose=verbose, normalize=None, season_length=1).fit(frame_of_two())
    said = summary_of(capsys)
    assert (said["columns"], said["season"], said["normalize"]) == ("2", "1", "None")
    ridge(verbose=verbose, calibration_fraction=0.2).fit(monthly(90))
    assert re.fullmatch(r"skill_ -?\d\.\d\d", summary_of(capsys)["outcome"])  # no linear path, no weight


@unskilled
def test_two_tells_the_stages_too(capsys):
    ridge(verbose=2, calibration_fraction=0.2).fit(monthly(90))
    lines = capsys.readouterr().out.splitlines(keepends=True)
    assert SUMMARY.fullmatch(lines[-1])
    stages = [re.sub(r", [\d.]+ s\n$", "", line) for line in lines[:-1]]
    assert stages == [
        "RNNForecaster: fitted to all but the part held back",
        "RNNForecaster: that part forecast from 18 origins",
        "RNNForecaster: fitted to all",
    ]
    ridge(verbose=2).fit(monthly(90))
    assert len(capsys.readouterr().out.splitlines()) == 2


@few
@unskilled
def test_nothing_else_is_printed(capsys):
    y = monthly(90)
    model = ridge(calibration_fraction=0.2).fit(y[:80])
    model.predict()
    loud = ridge(calibration_fraction=0.2, verbose=2)
    loud.backtest(y, n_splits=2, refit=True)
    loud.time_splits(y, n_splits=2)
    assert capsys.readouterr().out == ""
    loud.fit(y[:80])
    capsys.readouterr()
    loud.predict()
    loud.predict_interval(coverage=0.5)
    loud.update(y[80:82]).score(y[82:])
    assert capsys.readouterr().out == ""


def test_verbose_is_a_parameter_like_others():
    assert list(RNNForecaster().get_params(deep=False))[-1] == "window_format"  # sorted by name
    assert RNNForecaster().verbose == 0
    assert clone(RNNForecaster(verbose=2)).verbose == 2
    for wrong in ("loud", -1, 0.5, None):
        with pytest.raises(ValueError, match="'verbose' parameter"):
            ridge(verbose=wrong).fit(monthly())


def test_callbacks_of_the_regressor_see_its_epochs():
    """In both of its fits, and so a ProgressBar on it shows how far each is."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    seen = []

    class Epochs:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, **given):
            seen.append(context.task_name)

    net = RNNRegressor(4, max_iter=3, random_state=0).set_callbacks(Epochs())
    RNNForecaster(net, window=6, linear_path=False, season_length=1).fit(np.sin(np.arange(80.0)))
    assert seen.count("epoch") == 2 * 3


def test_callbacks_of_the_forecaster_see_into_its_network():
    """Those that scikit-learn propagates from a meta-estimator: each fit of the network is a task, with its epochs."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    seen = []

    class Tasks:
        max_propagation_depth = None

        def setup(self, estimator, context):
            seen.append("setup")

        def teardown(self, estimator, context):
            seen.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            seen.append((type(estimator).__name__, context.task_name))

    net = RNNRegressor(4, max_iter=3, random_state=0)
    y = np.sin(np.arange(80.0))
    model = RNNForecaster(net, window=6, linear_path=False, season_length=1).set_callbacks(Tasks()).fit(y)
    assert (seen[0], seen[-1]) == ("setup", "teardown")
    assert seen.count(("RNNRegressor", "epoch")) == 2 * 3
    assert seen.count(("RNNRegressor", "fit")) == 2  # each is the task that the forecaster opened for it
    assert seen[-2] == ("RNNForecaster", "fit")
    silent = RNNForecaster(net, window=6, linear_path=False, season_length=1).fit(y)
    np.testing.assert_array_equal(model.predict(), silent.predict())
    assert not [name for part in (model, *model.regressors_) for name in vars(part) if name.startswith("_callback")]
    with pytest.warns(UserWarning, match="does not support callbacks"):
        ridge().set_callbacks(Tasks()).fit(monthly(90))


@unskilled
def test_epochs_of_the_network_are_told(capsys):
    net = RNNRegressor(4, max_iter=3, random_state=0)
    model = RNNForecaster(net, window=6, linear_path=False, season_length=1, verbose=1).fit(np.sin(np.arange(80.0)))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines[:-1]] == [
        f"RNNForecaster ({which}): Epoch {k}/3" for which in ("part held back", "all data") for k in (1, 2, 3)
    ]
    clone(model).set_params(calibration_fraction=0).fit(np.sin(np.arange(80.0)))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["RNNForecaster (all data)"] * 3 + ["RNNForecaster"]
    model.set_params(regressor__verbose=1, verbose=0).fit(np.sin(np.arange(80.0)))
    assert [line[:9] for line in capsys.readouterr().out.splitlines()] == [f"Epoch {k}/3" for k in (1, 2, 3)] * 2


# -- a network that counts for nothing --------------------------------------------------------------------------------


def noise(n=150):
    return pd.Series(np.random.default_rng(0).normal(size=n))


def by_heart(**options):
    """A network that learns its windows by heart, noise and all."""
    return RNNForecaster(
        RNNRegressor(16, max_iter=150, learning_rate_init=0.02, batch_size=16),
        **{"window": 8, "season_length": 1, "random_state": 0, **options},
    )


@unskilled
def test_a_network_that_counts_for_nothing_is_said_to(capsys):
    with pytest.warns(UserWarning, match="the network only made forecasts worse") as record:
        model = by_heart(verbose=1).fit(noise())
    assert model.network_weight_ == 0
    said = [str(warning.message) for warning in record if "the network" in str(warning.message)]
    assert len(said) == 1
    assert said[0].startswith(
        "On the last 20% of the data, which were held back, the network only made forecasts worse"
    )
    assert "linear path alone" in said[0]
    assert record[0].filename == __file__
    assert "the network counts for nothing" in capsys.readouterr().out
    # what it says to do instead
    regressor = eval(re.search(r"regressor=(RidgeCV\(.*?\)\))", said[0])[1], {"RidgeCV": RidgeCV, "np": np})
    other = by_heart().set_params(regressor=regressor).fit(noise())
    np.testing.assert_allclose(other.predict(5), model.predict(5), rtol=1e-6)
    with pytest.warns(UserWarning, match="linear path and the smoothing alone"):
        small(window=12).fit(monthly())


@few
@unskilled
def test_nothing_is_said_of_a_network_where_there_is_none_or_it_is_of_use():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*the network")
        by_heart(calibration_fraction=0).set_params(regressor__max_iter=2).fit(noise())
        by_heart(linear_path=False).set_params(regressor__max_iter=2).fit(noise())
        ridge(linear_path=True, calibration_fraction=0.2, season_length=1).fit(noise())  # no network
        # the linear path makes no errors: there is nothing to make worse
        assert small(season_length=1).fit(pd.Series(np.arange(60.0))).network_weight_ >= 0
        # a square is no linear matter
        rng = np.random.default_rng(0)
        x = rng.uniform(-1, 1, size=300)
        X = pd.DataFrame({"x": x})
        model = RNNForecaster(RNNRegressor(16, max_iter=60, learning_rate_init=0.01), window=2, season_length=1)
        assert model.set_params(random_state=0).fit(pd.Series(x**2), X).network_weight_ > 0.5


@unskilled
def test_a_search_says_it_once():
    search = GridSearchCV(by_heart(), {"window": [7, 8]}, cv=TimeSeriesSplit(2, test_size=4))
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        search.fit(noise())
    said = [str(warning.message) for warning in record if "the network" in str(warning.message)]
    assert 1 <= len(said) <= 2  # in the search, and of the one fit after it


# -- searches, whose predict passes one argument on -------------------------------------------------------------------


def with_prices(n=100):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"price": rng.normal(size=n)}, index=pd.period_range("2010-01", periods=n, freq="M"))
    return 30 + 5 * X["price"] + monthly(n, start="2010-01").to_numpy(), X


@unskilled
def test_a_search_forecasts_with_the_columns_that_are_known_ahead():
    y, X = with_prices()
    search = GridSearchCV(ridge(), {"window": [4, 6]}, cv=TimeSeriesSplit(3, test_size=4)).fit(y[:90], X[:90])
    expected = search.best_estimator_.predict(4, X=X)
    assert expected.index.tolist() == y.index[90:94].tolist()
    for ahead in (X[90:94], X[90:], X, X["price"][90:].to_frame()):
        pd.testing.assert_series_equal(search.predict(ahead), expected)
    model = search.best_estimator_
    measured = clone(model).set_params(calibration_fraction=0.3).fit(y[:90], X[:90])
    pd.testing.assert_frame_equal(
        measured.predict_interval(X[90:], coverage=0.5), measured.predict_interval(X=X[90:], coverage=0.5)
    )
    with pytest.raises(ValueError, match="X has no row for 2017-09"):
        search.predict(X[90:92])
    with pytest.raises(TypeError, match=r"got a DataFrame, and X too.*predict\(horizon, X=X\)"):
        model.predict(X[90:], X[90:])
    with pytest.raises(ValueError, match="horizon must be an integer of at least 1, got '4'"):
        model.predict("4")
    with pytest.raises(ValueError, match="pass X with a row for each time"):
        search.predict(None)


def test_a_search_without_exogenous_columns_forecasts_with_none():
    y = monthly(90)
    search = GridSearchCV(ridge(), {"window": [4, 6]}, cv=TimeSeriesSplit(3, test_size=4)).fit(y)
    pd.testing.assert_series_equal(search.predict(None), search.best_estimator_.predict())
    assert len(search.predict(7)) == 7
    for wrong in (y, y.to_frame(), y.to_numpy(), [1, 2, 3]):
        with pytest.raises(TypeError, match=r"fitted without X\. Pass the number of steps, or None"):
            search.predict(wrong)


def test_arrays_and_a_single_column_take_the_place_of_the_horizon_too():
    y, X = with_prices()
    values, columns = y.to_numpy(), X.to_numpy()
    model = ridge().fit(values[:90], columns[:90])
    expected = model.predict(X=columns[90:94])
    for ahead in (columns[90:94], columns[90:94].tolist(), columns[90:94, 0]):
        np.testing.assert_array_equal(model.predict(ahead), expected)
    np.testing.assert_array_equal(model.predict(np.int64(2), columns[90:92]), model.predict(2, columns[90:92]))
    as_series = ridge().fit(y[:90], X["price"][:90])
    pd.testing.assert_series_equal(as_series.predict(X["price"]), as_series.predict(X=X["price"]))


def test_a_pipeline_passes_it_on_too():
    y, X = with_prices()
    pipeline = make_pipeline(ridge()).fit(y[:90], X[:90])
    pd.testing.assert_series_equal(pipeline.predict(X), ridge().fit(y[:90], X[:90]).predict(X=X))
