"""Live comparison with an installed PyTorch; collected only when named: pytest tests/core/parity_torch.py

`test_golden.py` holds the recorded part of it, which needs no torch.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from test_golden import check_against
from torch.nn import functional
from torch_reference import (
    CONFIGURATIONS,
    ELEMENTWISE_CONFIGURATIONS,
    make_recurrent,
    make_reference,
    run_recurrent,
    set_recurrent_weights,
)

from sklearn_rnn import RNNRegressor
from sklearn_rnn.core._losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from sklearn_rnn.core._optimizers import SGD, AdaGrad, Adam, RMSProp, clip

# On nets as small as these a second thread only waits, and where the cores are busy it waits long.
torch.set_num_threads(1)

ALL_CONFIGURATIONS = CONFIGURATIONS + ELEMENTWISE_CONFIGURATIONS
SIZES = {
    "wide": {"n_features": 3, "width": 7, "n_steps": 9, "n_sequences": 6},
    "univariate": {"n_features": 1, "width": 7, "n_steps": 9, "n_sequences": 4},
    "one-sequence": {"n_features": 2, "width": 7, "n_steps": 9, "n_sequences": 1},
    "one-of-each": {"n_features": 1, "width": 1, "n_steps": 2, "n_sequences": 1},
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("configuration", ALL_CONFIGURATIONS)
def test_network(configuration, sizes, seed):
    check_against(make_reference(configuration, seed=seed, **sizes), configuration)


@pytest.mark.parametrize("configuration", ELEMENTWISE_CONFIGURATIONS)
def test_scans_in_two_levels(configuration):
    """So many steps of so few units are computed in blocks that run side by side."""
    sizes = {"n_features": 2, "width": 5, "n_steps": 150, "n_sequences": 3}
    check_against(make_reference(configuration, seed=9, **sizes), configuration, atol=1e-8)  # gradients reach 1e5


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
@pytest.mark.parametrize("configuration", [c for c in ALL_CONFIGURATIONS if c.endswith("/many-to-one")])
def test_pooling(configuration, pooling, sizes):
    check_against(make_reference(configuration, seed=3, pooling=pooling, **sizes), configuration, pooling)


# torch's loss of O (N, K) and Y (N, k), one value a row, written as its own functions have it where there is one.


def _mean_over_outputs(function, **options):
    return lambda O, Y: function(O, Y, reduction="none", **options).mean(dim=1)


def _pinball(levels):
    def loss(O, Y):
        first, *increments = O.reshape(len(O), -1, len(levels)).unbind(dim=2)
        quantiles = [first]
        for increment in increments:
            quantiles.append(quantiles[-1] + functional.softplus(increment))
        R = Y[:, :, None] - torch.stack(quantiles, dim=2)
        p = torch.tensor(levels, dtype=R.dtype)
        return torch.maximum(p * R, (p - 1) * R).mean(dim=(1, 2))

    return loss


TORCH_LOSSES = {
    "squared_error": ({}, lambda O, Y: _mean_over_outputs(functional.mse_loss)(O, Y) / 2),
    "absolute_error": ({}, _mean_over_outputs(functional.l1_loss)),
    "huber": ({"huber_delta": 0.7}, _mean_over_outputs(functional.huber_loss, delta=0.7)),
    "poisson": ({}, _mean_over_outputs(functional.poisson_nll_loss, log_input=True, full=False)),
    "quantile": ({"quantile": (0.1, 0.5, 0.8)}, _pinball((0.1, 0.5, 0.8))),
    "log_loss": ({}, lambda O, Y: functional.cross_entropy(O, Y[:, 0], reduction="none")),
    "binary_log_loss": (
        {},
        lambda O, Y: functional.binary_cross_entropy_with_logits(O, Y, reduction="none").sum(dim=1),
    ),
}


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("name", {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES})
def test_loss(name, per_step):
    options, torch_loss = TORCH_LOSSES[name]
    n_targets, n_steps, n = 3, 4 if per_step else 1, 25
    loss = {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES}[name](n_targets, **options)
    rng = np.random.default_rng(4)
    O = 3 * rng.normal(size=(n_steps, loss.n_raw, n))
    if name == "log_loss":
        Y = rng.integers(0, n_targets, (n_steps, 1, n))
    elif name == "binary_log_loss":
        Y = rng.integers(0, 2, (n_steps, n_targets, n)).astype(float)
    elif name == "poisson":
        Y = rng.poisson(2.0, (n_steps, n_targets, n)).astype(float)
    else:
        Y = rng.normal(size=(n_steps, n_targets, n))
    O_torch = torch.tensor(O.transpose(0, 2, 1).reshape(-1, loss.n_raw), requires_grad=True)
    expected = torch_loss(O_torch, torch.tensor(Y.transpose(0, 2, 1).reshape(n_steps * n, -1)))
    expected.sum().backward()

    value, dO = loss.value_and_gradient(O, Y) if per_step else loss.value_and_gradient(O[0], Y[0])
    assert_allclose(value.ravel(), expected.detach().numpy(), rtol=0, atol=1e-10)
    assert_allclose(dO.swapaxes(-1, -2).reshape(-1, loss.n_raw), O_torch.grad.numpy(), rtol=0, atol=1e-10)


# Both sides put eps outside the square root; torch's defaults of eps and of RMSprop's alpha differ from ours.
TORCH_OPTIMIZERS = {
    "descent": (SGD, {"momentum": 0.0, "nesterovs_momentum": False}, torch.optim.SGD, {}),
    "momentum": (SGD, {"momentum": 0.9, "nesterovs_momentum": False}, torch.optim.SGD, {"momentum": 0.9}),
    "nesterovs_momentum": (
        SGD,
        {"momentum": 0.8, "nesterovs_momentum": True},
        torch.optim.SGD,
        {"momentum": 0.8, "nesterov": True},
    ),
    "adagrad": (AdaGrad, {"epsilon": 1e-8}, torch.optim.Adagrad, {"eps": 1e-8}),
    "rmsprop": (RMSProp, {"epsilon": 1e-8}, torch.optim.RMSprop, {"alpha": 0.9, "eps": 1e-8}),
    "adam": (
        Adam,
        {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6},
        torch.optim.Adam,
        {"betas": (0.8, 0.99), "eps": 1e-6},
    ),
}


@pytest.mark.parametrize("name", TORCH_OPTIMIZERS)
def test_optimizer(name):
    ours, our_options, torchs, torch_options = TORCH_OPTIMIZERS[name]
    rng = np.random.default_rng(5)
    theta = rng.normal(size=50)
    p = torch.nn.Parameter(torch.tensor(theta))
    optimizer, torch_optimizer = ours(theta, **our_options), torchs([p], lr=0.01, **torch_options)
    # gradients from large to so small that eps counts
    scale = 10.0 ** rng.uniform(-8, 1, theta.shape)
    for t in range(1, 21):
        g = scale * rng.normal(size=theta.shape)
        p.grad = torch.tensor(g)
        torch_optimizer.step()
        optimizer.step(theta, g, 0.01, t)
        assert_allclose(theta, p.detach().numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("norm", [0.5, 1e3])
def test_clip_norm(norm):
    g = np.random.default_rng(6).normal(size=40)
    p = torch.nn.Parameter(torch.zeros(40, dtype=torch.float64))
    p.grad = torch.tensor(g)
    torch.nn.utils.clip_grad_norm_([p], norm)
    clip(g, norm, None)
    # torch divides by the norm plus 1e-6
    assert_allclose(g, p.grad.numpy(), rtol=1e-6)


def test_clip_value():
    g = np.random.default_rng(7).normal(size=40)
    p = torch.nn.Parameter(torch.zeros(40, dtype=torch.float64))
    p.grad = torch.tensor(g)
    torch.nn.utils.clip_grad_value_([p], 0.3)
    clip(g, None, 0.3)
    assert_allclose(g, p.grad.numpy(), rtol=0, atol=0)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "gru", "lstm", "mingru", "indrnn"])
def test_learning_curve(cell, ragged):
    """The estimator and a loop written in torch, full batch, from the same weights."""
    n_epochs, rate, alpha, width = 15, 0.02, 0.01, 8
    rng = np.random.default_rng(8)
    X = rng.normal(size=(30, 10, 2))
    lengths = rng.integers(3, 11, 30)
    lengths[3] = 10
    y = np.stack([X[:, 0, 0] * X[:, 1, 1], X[:, 2].sum(axis=1)], axis=1)

    kind, _, activation = cell.partition("_")
    model = RNNRegressor(
        (width, width),
        cell=kind,
        activation=activation or "tanh",
        bidirectional=True,
        alpha=alpha,
        batch_size=len(X),
        shuffle=False,
        solver="adam",
        learning_rate_init=rate,
        clip_norm=None,
        n_iter_no_change=n_epochs,
        random_state=0,
    )
    X_fit = [x[:length] for x, length in zip(X, lengths)] if ragged else X
    # A fit of one epoch makes the weights; without warm_start it leaves no optimizer state to the fit that counts.
    with pytest.warns(UserWarning, match="max_iter"):
        model.set_params(max_iter=1).fit(X_fit, y)
    weights = {name: W.copy() for name, W in model.weights_.items()}
    with pytest.warns(UserWarning, match="max_iter"):
        model.set_params(warm_start=True, max_iter=n_epochs).fit(X_fit, y)
    curve = model.loss_curve_[1:]

    recurrent = make_recurrent(cell, 2, width, 2, bidirectional=True)
    set_recurrent_weights(recurrent, weights)
    readout = torch.nn.Linear(2 * width, 2, dtype=torch.float64)
    with torch.no_grad():
        readout.weight.copy_(torch.tensor(weights["W_o"]))
        readout.bias.copy_(torch.tensor(weights["b_o"]))
    # torch has two biases where we have their sum: the second stands still, but for a GRU's b_hn.
    trained = [p for name, p in recurrent.named_parameters() if not name.startswith("bias_hh")]
    for name, p in recurrent.named_parameters():
        if name.startswith("bias_hh") and cell == "gru":
            keep_candidate = torch.zeros_like(p)
            keep_candidate[2 * width :] = 1
            p.register_hook(lambda g, keep=keep_candidate: g * keep)
            trained.append(p)
    trained += list(readout.parameters())
    optimizer = torch.optim.Adam(trained, lr=rate)
    expected = []
    for _ in range(n_epochs):
        optimizer.zero_grad()
        _, h_n = run_recurrent(recurrent, torch.tensor(X), lengths if ragged else None)
        loss = functional.mse_loss(readout(h_n), torch.tensor(y)) / 2
        loss = loss + alpha / 2 * sum((p * p).sum() for p in trained if p.ndim == 2)
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert expected[-1] < 0.8 * expected[0]
    assert_allclose(curve, expected, rtol=0, atol=1e-8)
