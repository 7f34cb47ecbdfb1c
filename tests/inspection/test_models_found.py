"""The recurrent network is found inside pipelines, searches, meta-estimators and forecasters."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import AdaBoostRegressor, BaggingRegressor, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator
from sklearn_rnn.inspection._models import network_and_data, recurrent_estimator

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
        network_and_data(forecaster, X)
    with pytest.raises(TypeError, match=r"got a Ridge, inside an RNNForecaster"):
        recurrent_estimator(RNNForecaster(Ridge(), window=4, calibration_fraction=0).fit(series))


def test_input_is_what_the_network_sees():
    scaled = make_pipeline(StandardScaler(), net())
    target = TransformedTargetRegressor(scaled).fit(X, y)
    found, seen, _ = network_and_data(target, X)
    np.testing.assert_array_equal(seen, StandardScaler().fit_transform(X))
    np.testing.assert_array_equal(found.predict(seen), target.predict(X))
    alone = Pipeline([("net", net())]).fit(X, y)
    assert network_and_data(alone, X)[1] is X


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
    with pytest.raises(TypeError, match=r"got an int\."):
        recurrent_estimator(1)
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


@pytest.mark.parametrize("ensemble", [BaggingRegressor, AdaBoostRegressor])
def test_the_template_of_an_ensemble_is_none_of_its_networks(ensemble):
    template = net().fit(X, 100 - y)  # fitted, but on something else
    several = ensemble(template, n_estimators=2, random_state=0)
    assert recurrent_estimator(several.fit(X, y).estimators_[0]) is several.estimators_[0]
    with pytest.raises(TypeError, match=r"is fitted, but has not kept one .* of several, pass the one"):
        recurrent_estimator(several)
    with pytest.raises(TypeError, match="has not kept one"):
        recurrent_estimator(make_pipeline(StandardScaler(), several).fit(X, y))


def test_a_frozen_estimator_is_looked_through():
    plain = net().fit(X, y)
    assert recurrent_estimator(FrozenEstimator(plain)) is plain
    pipeline = make_pipeline(StandardScaler(), net()).fit(X, y)
    found, seen, _ = network_and_data(FrozenEstimator(pipeline), X)
    assert found is pipeline[-1]
    np.testing.assert_array_equal(seen, pipeline[0].transform(X))
    target = TransformedTargetRegressor(FrozenEstimator(plain)).fit(X, y)
    assert recurrent_estimator(target) is plain
    with pytest.raises(NotFittedError):
        recurrent_estimator(FrozenEstimator(net()))
    with pytest.raises(TypeError, match="has not kept one"):
        recurrent_estimator(FrozenEstimator(BaggingRegressor(net(), n_estimators=2).fit(X, y)))


class Records(RNNRegressor):
    """Keeps the y that it was given."""

    def fit(self, X, y, sample_weight=None):
        self.given_ = np.asarray(y)
        return super().fit(X, y)


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize(
    "transformer", [StandardScaler(), FunctionTransformer(np.log1p, np.expm1, feature_names_out="one-to-one")]
)
def test_targets_are_what_the_network_was_fitted_on(transformer, column, output):
    shift = y - y.min()
    model = TransformedTargetRegressor(
        Records(2, max_iter=2), transformer=clone(transformer).set_output(transform=output), check_inverse=False
    )
    model.fit(X, shift[:, None] if column else shift)
    outer = make_pipeline(StandardScaler(with_mean=False, with_std=False), model)
    outer.steps[0][1].fit(X)
    for given in (shift, shift[:, None], pd.Series(shift), pd.DataFrame(shift), shift.tolist()):
        found, _, seen = network_and_data(outer, X, given)
        assert seen.shape == model.regressor_.given_.shape
        np.testing.assert_array_equal(seen, model.regressor_.given_)
        found.hidden_gradients(X, seen)


def test_targets_of_a_network_whose_outputs_are_not_finite():
    model = TransformedTargetRegressor(net(), transformer=StandardScaler()).fit(X, y)
    for weights in model.regressor_.weights_.values():
        weights[...] = np.inf
    with np.errstate(all="ignore"):
        with pytest.raises(ValueError, match="not finite"):
            model.predict(X)
        np.testing.assert_allclose(network_and_data(model, X, y)[2], (y - y.mean()) / y.std())


def test_targets_of_several_outputs_quantiles_and_steps():
    two = np.c_[y, 10 * y]
    model = TransformedTargetRegressor(net(), transformer=StandardScaler().set_output(transform="pandas")).fit(X, two)
    np.testing.assert_allclose(network_and_data(model, X, two)[2], StandardScaler().fit_transform(two))
    quantiles = net(loss="quantile", quantile=(0.1, 0.9))
    for target in (y, y[:, None]):
        model = TransformedTargetRegressor(quantiles, func=np.log, inverse_func=np.exp).fit(X, target)
        assert network_and_data(model, X, y)[2].shape == target.shape
    model = TransformedTargetRegressor(net(mapping="many-to-many"), transformer=StandardScaler()).fit(X, X)
    np.testing.assert_allclose(network_and_data(model, X, X)[2], StandardScaler().fit_transform(X))
    nested = TransformedTargetRegressor(
        TransformedTargetRegressor(net(), func=np.sqrt, inverse_func=np.square), func=np.exp, inverse_func=np.log
    )
    np.testing.assert_allclose(network_and_data(nested.fit(X, y), X, y)[2], np.exp(y / 2))
