"""Faults that test_fuzz.py found, one by one."""

import _thread
import warnings

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import d2_pinball_score, r2_score

from sklearn_rnn import (
    LagsToSequence,
    PatchSequence,
    RNNForecaster,
    RNNRegressor,
    RNNTextGenerator,
    SlidingWindow,
)
from sklearn_rnn.core import _cores
from sklearn_rnn.estimators import _rows

X = np.random.default_rng(0).normal(size=(12, 5))
y = X[:, -1]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**options):
    return RNNRegressor(**{"hidden_layer_sizes": 3, "max_iter": 1, "random_state": 0, **options})


@quiet
def test_states_do_not_depend_on_which_thread_computes_what(monkeypatch):
    """One thread that takes two blocks in a row computes the second in the memory of the first."""
    monkeypatch.setattr(_rows, "MULTIPLICATIONS_A_THREAD", 1)
    model = regressor(cell="gru", bidirectional=False).fit(X, y)
    many = np.tile(X, (60, 1))
    with threadpoolctl.threadpool_limits(1):
        expected = model.hidden_states(many)

    class NoThreads:
        @staticmethod
        def start_new_thread(*_):
            raise RuntimeError("can't start new thread")

    assert _cores._thread is _thread
    monkeypatch.setattr(_cores, "_thread", NoThreads)
    with threadpoolctl.threadpool_limits(2):
        np.testing.assert_array_equal(model.hidden_states(many), expected)


@quiet
@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1.0, 1e200, 1e307])
def test_a_score_does_not_depend_on_the_scale_of_y(scale, monkeypatch):
    model = regressor(max_iter=20, learning_rate_init=0.1).fit(X, y)
    predicted, expected = model.predict(X), model.score(X, y)
    assert expected == r2_score(y, predicted)
    weights = np.arange(12.0)
    of_weights = model.score(X, y, weights)
    assert of_weights == pytest.approx(r2_score(y, predicted, sample_weight=weights), rel=1e-12)
    monkeypatch.setattr(model, "_predict_rows", lambda X: (predicted[:, None] * scale, model._check_fitted_X(X)))
    # denormal numbers have few digits
    rel = 1e-10 if scale > 1e-300 else 1e-5
    assert model.score(X, y * scale) == pytest.approx(expected, rel=rel)
    assert model.score(X, y * scale, weights * 1e300) == pytest.approx(of_weights, rel=rel)


@quiet
def test_a_score_of_predictions_that_are_far_too_large_is_very_bad(monkeypatch):
    model = regressor().fit(X, y)
    monkeypatch.setattr(model, "_predict_rows", lambda X: (np.full((12, 1), 1e300), model._check_fitted_X(X)))
    assert -np.inf < model.score(X, y) < -1e290
    several = regressor(loss="quantile", quantile=(0.2, 0.6)).fit(X, y)
    levels = [d2_pinball_score(y, p, alpha=q) for p, q in zip(several.predict(X).T, (0.2, 0.6))]
    assert several.score(X, y) == pytest.approx(np.mean(levels), rel=1e-12)


@quiet
def test_the_largest_numbers_as_targets():
    largest = np.where(np.arange(12) % 2, 1.0, -1.0) * np.finfo(float).max
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model = regressor(batch_size=3).fit(X, largest)
        assert np.isfinite(model.predict(X)).all()
        assert np.isfinite(model.score(X, largest))


def test_weights_that_overflow_in_the_last_update_are_not_kept():
    model = RNNTextGenerator(3, embedding_size=2, max_iter=1, learning_rate_init=1e300, random_state=0)
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 1"):
        model.fit("abracadabra " * 9)
    assert np.isfinite(model._theta).all()
    assert np.isfinite(model.score("abracadabra"))
    single = X.astype(np.float32)
    warm = regressor(warm_start=True)
    with pytest.warns(ConvergenceWarning):
        warm.fit(single, y)
    before = warm._theta.copy()
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 2"):
        warm.set_params(learning_rate_init=1e300).fit(single, y)
    np.testing.assert_array_equal(warm._theta, before)


@quiet
def test_a_penalty_that_float32_cannot_hold_leaves_biases_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            model = regressor(alpha=1e300).fit(X.astype(np.float32), y)
        except ValueError as error:
            assert "not finite" in str(error)
        else:
            assert np.isfinite(model._theta).all()


@quiet
def test_a_stream_refuses_what_its_network_cannot_hold():
    stream = regressor(bidirectional=False, patch_size=1).fit(X.astype(np.float32), y).stream()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="x_t holds inf in sequence 0"):
            stream.step([1e300])
    assert stream.n_steps == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [("hidden_layer_sizes", "int in the range"), ("cell", "'gru'"), ("learning_rate_init", "float in the range")],
)
def test_auto_is_nothing_that_a_text_generator_knows(name, expected):
    with pytest.raises(ValueError, match=f"The '{name}' parameter.*{expected}.*Got 'auto'"):
        RNNTextGenerator(**{name: "auto"}).fit("abracadabra " * 9)


@pytest.mark.parametrize("transformer", [SlidingWindow(2), LagsToSequence("oldest-first")], ids=str)
@pytest.mark.parametrize("rows", [[[1.0, 2.0], [1.0]], [None, [[1.0]]], [np.ones(2), np.ones(3)]], ids=repr)
def test_rows_of_different_lengths_are_no_table(transformer, rows):
    with pytest.raises(ValueError, match="X must be an array with rows of one length; got a list"):
        transformer.fit(rows)
    assert transformer.fit([np.ones(2), np.zeros(2)]).n_features_in_ == 2


def test_a_patch_longer_than_any_memory():
    for wrong in (PatchSequence(10**30), regressor(patch_size=10**30)):
        with pytest.raises(ValueError, match=r"in the range \[1, 2147483648\)"):
            wrong.fit(X, y)


def test_one_channel_given_as_true():
    for layout in ("time-major", "channel-major"):
        assert LagsToSequence("newest-first", True, layout).fit_transform(X).shape == (12, 5, 1)


@pytest.mark.parametrize("transformer", [SlidingWindow(2), LagsToSequence("oldest-first")], ids=str)
def test_the_largest_numbers_in_a_table(transformer):
    largest = np.where(X > 0, 1.0, -1.0) * np.finfo(np.float32).max
    for table in (largest.astype(np.float32), largest / np.finfo(np.float32).max * np.finfo(float).max):
        out = transformer.fit_transform(table)
        assert np.nanmax(np.abs(out)) == table.max()


@quiet
def test_sparse_columns_in_a_list_of_frames():
    frames = [pd.DataFrame({"a": x, "b": 0.0}) for x in X]
    sparse = [frame.astype(pd.SparseDtype(float)) for frame in frames]
    of_sparse, of_frames = regressor().fit(sparse, y).predict(sparse), regressor().fit(frames, y).predict(frames)
    np.testing.assert_array_equal(of_sparse, of_frames)


@pytest.mark.parametrize("value", [1e151, -1e300, np.finfo(float).max])
def test_a_series_whose_squares_are_infinite(value):
    series = pd.Series(np.sin(np.arange(60.0)))
    series[30] = value
    with pytest.raises(ValueError, match=r"values up to .* are infinite in float64. Divide"):
        RNNForecaster(regressor(), window=4, random_state=0).fit(series)
    single = pd.Series(np.sin(np.arange(60.0)).astype(np.float32) * np.float32(1e37))
    with pytest.raises(ValueError, match="infinite in float32"):
        RNNForecaster(regressor(), window=4, random_state=0).fit(single)
