"""PatchSequence and TimestepTransformer: patches, steps that are absent, and what is refused."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler

from sklearn_rnn import PatchSequence, RNNRegressor, TimestepTransformer

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -- PatchSequence ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 10])
def test_patches(size):
    X = np.random.default_rng(0).normal(size=(4, 7, 2))
    n_patches = -(-7 // size)
    filled = np.concatenate([np.repeat(X[:, :1], n_patches * size - 7, axis=1), X], axis=1)
    patches = PatchSequence(size).fit_transform(X)
    np.testing.assert_array_equal(patches, filled.reshape(4, n_patches, size * 2))
    np.testing.assert_array_equal(
        PatchSequence(size).fit_transform(X[:, :, 0]), filled[:, :, 0].reshape(4, n_patches, size)
    )
    lengths = [7, 1, 4, 6]
    ragged = PatchSequence(size).fit_transform([x[:length] for x, length in zip(X, lengths)])
    padded = X.copy()
    padded[1, 1:], padded[2, :3], padded[3, 6:] = np.nan, np.nan, np.nan
    moved = PatchSequence(size).fit_transform(padded)
    assert moved.shape == (4, n_patches, size * 2)
    for i, length in enumerate(lengths):
        alone = PatchSequence(size).fit_transform(X[i : i + 1, :length])[0]
        np.testing.assert_array_equal(ragged[i], alone)
        if i != 2:
            np.testing.assert_array_equal(moved[i, : len(alone)], alone)
            assert np.isnan(moved[i, len(alone) :]).all()
    np.testing.assert_array_equal(moved[2, : -(-4 // size)], PatchSequence(size).fit_transform(X[2:3, 3:])[0])
    assert PatchSequence(size).fit_transform(X.astype(np.float32)).dtype == np.float32
    for whole_numbers in (np.ones((2, 7, 1), int), [np.ones((3, 1), int), np.ones((5, 1), int)]):
        assert PatchSequence(size).fit_transform(whole_numbers)[0].dtype == np.float64


@quiet
def test_patches_in_a_grid_search():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 12))
    y = X[:, -1]
    model = make_pipeline(PatchSequence(), RNNRegressor(3, max_iter=2, random_state=0))
    search = GridSearchCV(model, {"patchsequence__size": [1, 3, 5]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_patches_refuse():
    fitted = PatchSequence(2).fit(np.zeros((3, 6, 2)))
    with pytest.raises(ValueError, match="expecting 2 features"):
        fitted.transform(np.zeros((3, 6, 1)))
    with pytest.raises(ValueError, match="univariate sequences of 6 time steps; PatchSequence is expecting 2 features"):
        fitted.transform(np.zeros((3, 6)))
    with pytest.raises(ValueError, match="'size' parameter"):
        PatchSequence(0).fit(np.zeros((3, 6)))
    with pytest.raises(ValueError, match="sample 1, time step 2"):
        X = np.zeros((3, 6, 2))
        X[1, 2, 0] = np.nan
        PatchSequence(2).fit(X)


# -- TimestepTransformer ----------------------------------------------------------------------------------------------


def test_scaler_of_time_steps():
    rng = np.random.default_rng(0)
    X = rng.normal(3, 2, size=(6, 5, 2))
    scaler = TimestepTransformer(StandardScaler())
    scaled = scaler.fit_transform(X)
    np.testing.assert_allclose(scaled.reshape(-1, 2).mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.reshape(-1, 2).std(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(scaler.inverse_transform(scaled), X, rtol=1e-12)

    padded = X.copy()
    padded[0, 3:], padded[1, :2] = np.nan, np.nan
    steps = padded[~np.isnan(padded).any(axis=2)]
    scaled = scaler.fit_transform(padded)
    np.testing.assert_allclose(scaler.transformer_.mean_, steps.mean(axis=0))
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(padded))
    np.testing.assert_allclose(scaler.inverse_transform(scaled), padded, rtol=1e-12)

    ragged = [x[: 1 + i % 4] for i, x in enumerate(X)]
    scaled = scaler.fit_transform(ragged)
    np.testing.assert_allclose(scaler.transformer_.mean_, np.concatenate(ragged).mean(axis=0))
    for x, back in zip(ragged, scaler.inverse_transform(scaled)):
        np.testing.assert_allclose(back, x, rtol=1e-12)

    assert scaler.fit_transform(X[:, :, :1]).shape == (6, 5, 1)
    flat = X[:, :, 0]
    scaled = scaler.fit_transform(flat)
    np.testing.assert_allclose(scaled, (flat - flat.mean()) / flat.std())
    np.testing.assert_allclose(scaler.inverse_transform(scaled), flat)


def test_number_of_features_may_change():
    X = np.random.default_rng(0).normal(size=(6, 5, 3))
    pca = TimestepTransformer(PCA(2)).fit(X)
    assert pca.transform(X).shape == (6, 5, 2)
    np.testing.assert_allclose(
        pca.inverse_transform(pca.transform(X)).reshape(-1, 3), pca.transformer_.inverse_transform(
            pca.transformer_.transform(X.reshape(-1, 3))
        )
    )  # fmt: skip
    widened = TimestepTransformer(FunctionTransformer(lambda x: np.hstack([x, x**2])))
    assert widened.fit_transform(X[:, :, 0]).shape == (6, 5, 2)


def test_targets_and_weights_are_repeated():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 4, 3)), rng.normal(size=8)
    X[0, 2:] = np.nan
    weight = rng.uniform(1, 2, 8)
    rows = np.repeat(np.arange(8), [2] + [4] * 7)
    steps = X[~np.isnan(X).any(axis=2)]
    chosen = TimestepTransformer(SelectKBest(f_regression, k=1)).fit(X, y)
    np.testing.assert_allclose(chosen.transformer_.scores_, f_regression(steps, y[rows])[0])
    scaler = TimestepTransformer(StandardScaler()).fit(X, sample_weight=weight)
    np.testing.assert_allclose(scaler.transformer_.mean_, np.average(steps, axis=0, weights=weight[rows]))


@quiet
def test_nested_parameters_and_output_containers():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 6, 2)), rng.normal(size=30)
    model = make_pipeline(TimestepTransformer(StandardScaler()), RNNRegressor(3, max_iter=2, random_state=0))
    name = "timesteptransformer__transformer__with_mean"
    search = GridSearchCV(model, {name: [True, False]}, cv=2).fit(X, y)
    assert search.best_params_[name] in (True, False)
    model.set_output(transform="pandas").fit(X, y).predict(X)
    with config_context(transform_output="pandas"):
        clone(model).fit(X, y).predict(X)
        assert isinstance(TimestepTransformer(StandardScaler()).fit_transform(X), np.ndarray)


def test_timestep_transformer_refuses():
    X = np.zeros((3, 4, 2))
    with pytest.raises(TypeError, match="must be a scikit-learn transformer"):
        TimestepTransformer(LinearRegression()).fit(X)
    fitted = TimestepTransformer(StandardScaler()).fit(X)
    with pytest.raises(ValueError, match="expecting 2 features"):
        fitted.transform(np.zeros((3, 4, 3)))
    with pytest.raises(ValueError, match="there must be as many"):
        TimestepTransformer(StandardScaler()).fit(X, np.zeros(4))
    with pytest.raises(ValueError, match="keep the number of rows"):
        TimestepTransformer(FunctionTransformer(lambda x: x[:1])).fit_transform(X)


def test_absent_steps_stay_absent_whatever_the_transformer_returns():
    X = np.array([[[1.0], [2.0], [np.nan]], [[1.0], [1.0], [2.0]]])
    for transformer in (OrdinalEncoder(dtype=int), FunctionTransformer(lambda x: x > 1)):
        out = TimestepTransformer(transformer).fit_transform(X)
        np.testing.assert_array_equal(np.isnan(out), np.isnan(X))
    assert TimestepTransformer(FunctionTransformer(lambda x: x[:, 0])).fit_transform(X).shape == (2, 3, 1)


@quiet
def test_targets_at_every_step():
    ragged = [np.ones((3, 2)), np.zeros((1, 2))]
    y = [np.ones(3), np.zeros(1)]
    network = RNNRegressor(2, mapping="many-to-many", max_iter=1, random_state=0)
    make_pipeline(TimestepTransformer(StandardScaler()), network).fit(ragged, y)
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(5, 6, 3)), rng.normal(size=(5, 6))
    chosen = TimestepTransformer(SelectKBest(f_regression, k=1)).fit(X, Y)
    np.testing.assert_allclose(chosen.transformer_.scores_, f_regression(X.reshape(-1, 3), Y.ravel())[0])


@pytest.mark.parametrize("bad", [[1.0, 2.0], np.ones((1, 2, 3, 4)), np.ones((2, 6)), np.ones((2, 6, 3))])
def test_inverse_transform_refuses(bad):
    fitted = TimestepTransformer(StandardScaler()).fit(np.random.default_rng(0).normal(size=(4, 6, 2)))
    with pytest.raises(ValueError, match=r"must have 2 or 3 axes|what transform put out has 2"):
        fitted.inverse_transform(bad)
