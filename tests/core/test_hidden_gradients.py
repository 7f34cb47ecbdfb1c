"""`hidden_gradients` against central differences: h_t is moved a little, and the network goes on from there."""

import warnings

import numpy as np
import pytest

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier
from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._memory import Arena

CELL_OPTIONS = [{"cell": name} for name in CELLS] + [{"cell": "rnn", "activation": "relu"}]
N, T, F, EPS = 3, 6, 2, 1e-6


def fitted(X, y, sizes=(3,), Model=RNNRegressor, **options):
    model = Model(sizes, max_iter=2, learning_rate_init=0.01, patch_size=1, random_state=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    for W in model.weights_.values():  # every unit of a relu net is alive, and no gradient is nearly 0
        W += np.random.default_rng(1).uniform(0.05, 0.3, W.shape)
    return model


def moved(network, theta, X, t, unit, eps, layer=0):
    """Raw outputs of all steps from t on, after state `unit` of a layer has been moved at step t."""
    _, _, state = network._forward_layers(network.layout.views(theta), Batch(X[: t + 1]), None, Arena())
    state[layer][0][unit] += eps
    return network._forward_layers(network.layout.views(theta), Batch(X[t + 1 :], state=state), None, Arena())[0]


@pytest.mark.parametrize("options", CELL_OPTIONS, ids=str)
def test_of_the_last_layer(options):
    """L of the last step of each sequence, h moved before it."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(N, T, F)), rng.normal(size=N)
    model = fitted(X, y, pooling="last", bidirectional=False, **options)
    D = model.hidden_gradients(X, y)
    assert D.shape == (N, T, 3)
    network, theta, named = model._network(), model._theta, model.weights_

    def losses(H):
        return 0.5 * ((named["W_o"] @ H + named["b_o"][:, None])[0] - y) ** 2

    H = model.hidden_states(X)
    np.testing.assert_allclose(
        D[:, -1], ((H[:, -1] @ named["W_o"].T + named["b_o"])[:, 0] - y)[:, None] * named["W_o"], rtol=1e-12
    )
    for t in range(T - 1):
        for unit in range(3):
            up, down = (losses(moved(network, theta, X.transpose(1, 2, 0), t, unit, eps)[-1]) for eps in (EPS, -EPS))
            np.testing.assert_allclose(D[:, t, unit], (up - down) / (2 * EPS), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_of_a_layer_below(cell):
    """A state of the first layer acts through its own next steps, and through the layer above."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(N, T, F)), rng.normal(size=N)
    model = fitted(X, y, (3, 3), pooling="last", bidirectional=False, cell=cell)
    D = model.hidden_gradients(X, y, layer=0)
    np.testing.assert_array_equal(model.hidden_gradients(X, y, layer=-2), D)
    H = model.hidden_states(X, layer=0)
    above = fitted(H, y, pooling="last", bidirectional=False, cell=cell)
    for name, W in above.weights_.items():
        W[...] = model.weights_[name.replace("_l0", "_l1")]
    np.testing.assert_allclose(above.predict(H), model.predict(X), rtol=1e-12)
    network, theta = model._network(), model._theta
    for t in range(T - 1):
        for unit in range(3):
            values = []
            for eps in (EPS, -EPS):
                changed = H.copy()
                changed[:, t, unit] += eps
                named = network.layout.views(theta)
                _, _, state = network._forward_layers(named, Batch(X.transpose(1, 2, 0)[: t + 1]), None, Arena(), 1)
                state[0][0][unit] += eps
                rest = Batch(X.transpose(1, 2, 0)[t + 1 :], state=state)
                later = network._forward_layers(named, rest, None, Arena(), 1)[0]
                changed[:, t + 1 :] = later.transpose(2, 0, 1)
                values.append(0.5 * (above.predict(changed) - y) ** 2)
            np.testing.assert_allclose(D[:, t, unit], (values[0] - values[1]) / (2 * EPS), rtol=1e-5, atol=1e-9)


def test_both_directions_are_turned_round():
    """The backward direction is the forward one of a net with the weights exchanged, fed with what is turned round."""
    rng = np.random.default_rng(0)
    X, y = [rng.normal(size=(n, F)) for n in (6, 2, 4)], rng.normal(size=N)
    model = fitted(X, y, pooling="last", bidirectional=True, cell="gru")
    D = model.hidden_gradients(X, y)
    mirrored = fitted(X, y, pooling="last", bidirectional=True, cell="gru")
    for name, W in mirrored.weights_.items():
        other = name.removesuffix("_reverse") if name.endswith("_reverse") else f"{name}_reverse"
        W[...] = model.weights_[other] if name not in ("W_o", "b_o") else model.weights_[name]
    mirrored.weights_["W_o"][...] = np.roll(model.weights_["W_o"], 3, axis=1)
    turned = mirrored.hidden_gradients([x[::-1] for x in X], y)
    for d, other in zip(D, turned):
        np.testing.assert_allclose(d, np.roll(other[::-1], 3, axis=1), rtol=1e-10)
        # the loss is of the state after the last step: of the forward direction the last, of the other the first
        assert (np.abs(d[-1, :3]) > 0).all() and (np.abs(d[0, 3:]) > 0).all()


def test_of_one_step_and_of_all():
    """With a target at every step, the gradients of all steps' losses add up to that of the sum."""
    rng = np.random.default_rng(0)
    lengths = [6, 3, 5]
    X = [rng.normal(size=(n, F)) for n in lengths]
    y = [rng.integers(0, 3, n) for n in lengths]
    y[0][:3], y[1][:], y[2][:3] = [0, 1, 2], [0, 1, 2], [2, 1, 0]
    model = fitted(X, y, Model=RNNSequenceClassifier, mapping="many-to-many", cell="lstm")
    whole = model.hidden_gradients(X, y)
    for x, labels, D in zip(X, y, whole):
        parts = np.zeros_like(D)
        for n in range(1, len(x) + 1):
            parts[:n] += model.hidden_gradients([x[:n]], [labels[:n]], steps="last")[0]
        np.testing.assert_allclose(D, parts, rtol=1e-10, atol=1e-14)


def test_layers_and_steps_that_do_not_exist():
    X, y = np.random.default_rng(0).normal(size=(5, 4)), np.arange(5.0)
    model = fitted(X, y, cell="rnn")
    for layer in (1, -2):
        with pytest.raises(ValueError, match=f"layer={layer} does not exist; this network has 1"):
            model.hidden_states(X, layer=layer)
    with pytest.raises(TypeError, match="layer must be an int, got 'last'"):
        model.hidden_gradients(X, y, layer="last")
    with pytest.raises(ValueError, match="steps must be 'all' or 'last', got 'first'"):
        model.hidden_gradients(X, y, steps="first")
    with pytest.raises(ValueError, match="samples"):
        model.hidden_gradients(X, y[:3])
