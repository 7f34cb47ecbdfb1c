"""The recurrent network is found inside pipelines, searches, meta-estimators and forecasters."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator
from sklearn_rnn.inspection._models import network_and_input, recurrent_estimator

X = np.random.default_rng(0).normal(loc=3.0, size=(24, 5))
y = X[:, -1]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def net(**settings):
    return RNNRegressor(2, **{"max_iter": 2, "random_state": 0, **settings})


def test_it_is_found_however_deep():
    plain = net().fit(X, y)
    assert recurrent_estimator(plain) is plain
    pipeline = make_pipeline(StandardScaler(), net()).fit(X, y)
    assert recurrent_estimator(pipeline) is pipeline[-1]
    target = TransformedTargetRegressor(make_pipeline(StandardScaler(), net()), transformer=StandardScaler())
    target.fit(X, y)
    assert recurrent_estimator(target) is target.regressor_[-1]
    search = GridSearchCV(target, {"regressor__rnnregressor__alpha": [0.0, 0.1]}, cv=KFold(2)).fit(X, y)
    assert recurrent_estimator(search) is search.best_estimator_.regressor_[-1]
    classes = FixedThresholdClassifier(RNNSequenceClassifier(2, max_iter=2, random_state=0)).fit(X, y > 3)
    assert recurrent_estimator(classes) is classes.estimator_
    text = RNNTextGenerator(4, bptt_steps=4, batch_size=2, max_iter=1).fit("abcd " * 20)
    assert recurrent_estimator(text) is text


def test_it_is_found_in_a_forecaster():
    series = pd.Series(np.sin(np.arange(40.0)))
    forecaster = RNNForecaster(net(), window=4, combine=False, calibration_fraction=0, n_members=2, random_state=0)
    forecaster.fit(series)
    assert recurrent_estimator(forecaster) is forecaster.regressors_[0]
    with pytest.raises(TypeError, match=r"makes its windows from series"):
        network_and_input(forecaster, X)
    with pytest.raises(TypeError, match=r"got a Ridge, inside a RNNForecaster"):
        recurrent_estimator(RNNForecaster(Ridge(), window=4, calibration_fraction=0).fit(series))


def test_input_is_what_the_network_sees():
    scaled = make_pipeline(StandardScaler(), net())
    target = TransformedTargetRegressor(scaled).fit(X, y)
    found, seen = network_and_input(target, X)
    np.testing.assert_array_equal(seen, StandardScaler().fit_transform(X))
    np.testing.assert_array_equal(found.predict(seen), target.predict(X))
    alone = Pipeline([("net", net())]).fit(X, y)
    assert network_and_input(alone, X)[1] is X


@pytest.mark.parametrize(
    "unfitted",
    [
        net(),
        RNNTextGenerator(),
        RNNForecaster(),
        make_pipeline(StandardScaler(), net()),
        TransformedTargetRegressor(net()),
        GridSearchCV(make_pipeline(StandardScaler(), net()), {}),
        GridSearchCV(RNNForecaster(), {}),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_unfitted_is_told(unfitted):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        recurrent_estimator(unfitted)


def test_where_there_is_none_what_was_given_is_told():
    with pytest.raises(TypeError, match=r"got a LinearRegression\."):
        recurrent_estimator(LinearRegression())
    with pytest.raises(TypeError, match=r"got a LinearRegression, inside a Pipeline\."):
        recurrent_estimator(make_pipeline(StandardScaler(), LinearRegression()).fit(X, y))
    with pytest.raises(TypeError, match=r"got a list\."):
        recurrent_estimator([net()])
    with pytest.raises(TypeError, match="which is a class"):
        recurrent_estimator(RNNRegressor)


def test_where_there_are_several_or_none_was_kept_it_is_told():
    voting = VotingRegressor([("a", net()), ("b", net())]).fit(X, y)
    with pytest.raises(TypeError, match=r"VotingRegressor is fitted, but has not kept one .* of several, pass the one"):
        recurrent_estimator(voting)
    with pytest.raises(TypeError, match="refit=True"):
        recurrent_estimator(GridSearchCV(net(), {"alpha": [0.0]}, cv=KFold(2), refit=False).fit(X, y))
