"""Scans in one level and in two, and the linear cells against loops over single numbers."""

from math import exp, sqrt, tanh

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier
from sklearn_rnn.core import _linear_cells
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._linear_cells import relu_scan, scan
from sklearn_rnn.core._memory import Arena

SHAPES = st.tuples(st.sampled_from([1, 2, 63, 64, 65, 100, 131]), st.integers(1, 4), st.integers(1, 3))
numbers = st.floats(-3, 3, width=32)


def started():
    arena = Arena()
    arena.start()
    return arena


@given(st.data(), SHAPES, st.booleans())
def test_scan(data, shape, in_place):
    C = data.draw(arrays(np.float64, shape, elements=st.floats(0, 1)))
    V = data.draw(arrays(np.float64, shape, elements=numbers))
    before = data.draw(arrays(np.float64, shape[1:], elements=numbers))
    expected, h = [], before
    for c, v in zip(C, V):
        h = c * h + v
        expected.append(h)
    given_C = C.copy()
    H = V if in_place else np.full((shape[0], shape[1] + 2, shape[2]), np.nan)[:, 1:-1]  # rows apart, as in Z
    scan(C, V, before, H, started())
    np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(C, given_C)  # the backward pass needs it


@given(st.data(), SHAPES)
def test_relu_scan(data, shape):
    c = data.draw(arrays(np.float64, (shape[1], 1), elements=st.floats(0, 1)))
    V = data.draw(arrays(np.float64, shape, elements=numbers))
    before = np.abs(data.draw(arrays(np.float64, shape[1:], elements=numbers)))
    expected, h = [], before
    for v in V:
        h = np.maximum(0, c * h + v)
        expected.append(h)
    H = np.full((shape[0], shape[1] + 2, shape[2]), np.nan)[:, 1:-1]
    relu_scan(c, V, before, H, started())
    np.testing.assert_allclose(H, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("cell", ["mingru", "indrnn"])
def test_two_levels_give_the_same_model(cell, monkeypatch):
    """One sequence of 150 steps: forward and backward, in two levels and step by step."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 150, 2)), rng.normal(size=6)
    options = {"hidden_layer_sizes": (5, 4), "cell": cell, "pooling": "mean", "max_iter": 5, "tol": 100.0}
    options |= {"patch_size": 1, "batch_size": 2, "n_iter_no_change": 2, "random_state": 0}
    fitted = []
    for few_units in (1024, 0):
        monkeypatch.setattr(_linear_cells, "_FEW_UNITS", few_units)
        fitted.append(RNNRegressor(**options).fit(X, y))
    for name, weights in fitted[0].weights_.items():
        np.testing.assert_allclose(weights, fitted[1].weights_[name], rtol=1e-9, atol=1e-12)


def sigmoid(a):
    return 1 / (1 + exp(-a))


def mingru_by_hand(weights, x, h):
    W, b, width = weights["W_x_l0"], weights["b_l0"], len(h)
    new = []
    for k in range(width):
        z = sigmoid(sum(W[k, j] * x[j] for j in range(len(x))) + b[k])
        n = tanh(sum(W[width + k, j] * x[j] for j in range(len(x))) + b[width + k])
        new.append(h[k] + z * (n - h[k]))
    return new


def indrnn_by_hand(weights, x, h):
    W, b, nu = weights["W_x_l0"], weights["b_l0"], weights["nu_l0"]
    new = []
    for k in range(len(h)):
        u = exp(-exp(nu[k]))
        a = sum(W[k, j] * x[j] for j in range(len(x))) + b[k]
        new.append(max(0.0, u * h[k] + sqrt(1 - u**2) * a))
    return new


@pytest.mark.parametrize("cell, by_hand", [("mingru", mingru_by_hand), ("indrnn", indrnn_by_hand)])
@pytest.mark.parametrize("n_steps", [7, 90])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_states_are_those_of_a_loop_over_single_numbers(cell, by_hand, n_steps):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(3, n_steps, 2))
    options = {"cell": cell, "patch_size": 1, "bidirectional": False}
    model = RNNRegressor(4, **options, max_iter=2, random_state=0).fit(X, rng.normal(size=3))
    for x_of_one, states in zip(X, model.hidden_states(X)):
        h = [0.0] * 4
        for x, found in zip(x_of_one, states):
            h = by_hand(model.weights_, x, h)
            np.testing.assert_allclose(found, h, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("usual_length", [1, 2, 10, 1000])
def test_memories_start_spread_over_all_lengths(usual_length):
    rng, width = np.random.default_rng(0), 4000
    for name, longest in (("mingru", usual_length), ("indrnn", 10 * usual_length)):
        cell = CELLS[name]()
        weights = {key: np.zeros(shape) for key, shape in cell.shapes(1, width).items()}
        cell.start(weights, rng, usual_length)
        if name == "mingru":
            memory = 1 + np.exp(-weights["b"][:width])  # 1/z
        else:
            memory = 1 / -np.expm1(-np.exp(weights["nu"]))
        assert np.isfinite(memory).all()
        assert 1 <= memory.min()
        assert memory.max() <= 1.2 * longest
        if longest >= 10:
            assert np.quantile(np.log(memory) / np.log(longest), [0.25, 0.5, 0.75]) == pytest.approx(
                [0.25, 0.5, 0.75], abs=0.05
            )


@pytest.mark.parametrize("cell", ["mingru", "indrnn"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_early_event_in_a_long_sequence_is_learnt(cell):
    """A label that is the level of the first 20 of 300 steps, in noise; the net ends far from there."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 600)
    X = rng.normal(size=(600, 300, 1)).astype(np.float32)
    X[:, :20] += (2.0 * labels - 1.0)[:, None, None]
    model = RNNSequenceClassifier(
        (16, 16), cell=cell, batch_size=20, max_iter=40, learning_rate_init=0.01, learning_rate="cosine", random_state=0
    )
    model.fit(X[:400], labels[:400])
    assert model.score(X[400:], labels[400:]) >= 0.97


@pytest.mark.parametrize("cell", ["mingru", "indrnn"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_thousand_large_inputs_do_not_explode(cell):
    rng = np.random.default_rng(0)
    X = 1 + rng.normal(size=(8, 3000, 3)).astype(np.float32)
    model = RNNRegressor(8, cell=cell, patch_size=1, max_iter=1, random_state=0).fit(X, rng.normal(size=8))
    assert np.abs(model.hidden_states(X)).max() < 300
