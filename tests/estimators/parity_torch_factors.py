"""The factors of docs/howto/migration.md: which settings here take the steps that PyTorch (and Keras) take.

Not collected by default, since it needs PyTorch: python -m pytest tests/estimators/parity_torch_factors.py
"""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier

N, T, H, STEPS = 64, 6, 8, 5
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, 1))
y = X[:, -1, 0] + 0.5 * X[:, -2, 0]
TARGETS = {RNNRegressor: y, RNNSequenceClassifier: (y > 0).astype(int)}


def ours(estimator, solver, rate, **settings):
    """Weights before and after some steps on the whole data."""
    net = estimator(H, cell="rnn", bidirectional=False, pooling="last", patch_size=1, solver=solver, random_state=0)
    net.set_params(batch_size=N, momentum=0.0, nesterovs_momentum=False, learning_rate_init=1e-300)
    net.set_params(**{"alpha": 0.0, "clip_norm": None, **settings})
    classes = {"classes": [0, 1]} if estimator is RNNSequenceClassifier else {}
    net.partial_fit(X, TARGETS[estimator], **classes)  # the start: a step of no length
    start = {name: weight.copy() for name, weight in net.weights_.items()}
    net = clone(net).set_params(learning_rate_init=rate)  # the same seed, so the same start
    for _ in range(STEPS):
        net.partial_fit(X, TARGETS[estimator], **classes)
    return start, net.weights_


def theirs(estimator, start, solver, rate, l2=0.0, weight_decay=0.0, clip=None):
    """The same steps by PyTorch: Keras' l2 is written out, biases are left alone as they are here."""
    weights = {name: torch.tensor(weight, requires_grad=True) for name, weight in start.items()}
    matrices = [weight for weight in weights.values() if weight.ndim == 2]
    biases = [weight for weight in weights.values() if weight.ndim == 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": biases}]
    optimizer = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[solver](groups, lr=rate)
    inputs, targets = torch.tensor(X), torch.tensor(TARGETS[estimator], dtype=torch.float64)
    for _ in range(STEPS):
        h = torch.zeros(N, H, dtype=torch.float64)
        for t in range(T):
            h = torch.tanh(inputs[:, t] @ weights["W_x_l0"].T + h @ weights["W_h_l0"].T + weights["b_l0"])
        output = (h @ weights["W_o"].T + weights["b_o"])[:, 0]
        if estimator is RNNRegressor:
            loss = torch.nn.functional.mse_loss(output, targets)
        else:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(output, targets)
        optimizer.zero_grad()
        (loss + l2 * sum((matrix**2).sum() for matrix in matrices)).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([*matrices, *biases], clip)
        optimizer.step()
    return {name: weight.detach().numpy() for name, weight in weights.items()}


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(
    ("estimator", "here", "there"),
    [
        (RNNRegressor, {}, {}),
        (RNNRegressor, {"alpha": 0.3}, {"l2": 0.3}),
        (RNNRegressor, {"alpha": 0.15}, {"weight_decay": 0.3}),
        (RNNRegressor, {"clip_norm": 0.25}, {"clip": 0.5}),
        (RNNRegressor, {"alpha": 0.3, "clip_norm": 0.25}, {"l2": 0.3, "clip": 0.5}),
        (RNNSequenceClassifier, {}, {}),
        (RNNSequenceClassifier, {"alpha": 0.6}, {"l2": 0.3}),
        (RNNSequenceClassifier, {"alpha": 0.3}, {"weight_decay": 0.3}),
        (RNNSequenceClassifier, {"clip_norm": 0.05}, {"clip": 0.05}),
    ],
)
def test_the_same_steps(estimator, here, there, solver):
    rate = 0.01 if solver == "adam" else 0.1
    start, ended = ours(estimator, solver, rate, **here)
    # half the loss: plain gradient descent needs twice the rate, Adam does not
    halved = solver == "sgd" and estimator is RNNRegressor
    expected = theirs(estimator, start, solver, rate / 2 if halved else rate, **there)
    for name, weight in ended.items():
        # Adam adds its epsilon to a gradient of half the size, PyTorch adds 1e-6 to the norm before it divides by it
        np.testing.assert_allclose(weight, expected[name], rtol=0, atol=1e-6, err_msg=name)
        assert np.abs(weight - start[name]).max() > 1e-4  # not the same because nothing moved
