r"""
1. A cell, and back-propagation through time by hand
====================================================

One sequence, one Elman network, plain loops. Everything on this page is written in scalars, with the equation beside
the line, so that forward and backward can be compared term by term. ``sklearn_rnn/core/_cells.py`` computes the same
with matrix products, for a whole batch at once; at the end the gradients are checked against both finite differences
and the package. ::

    python examples/bptt_from_scratch.py

The network reads :math:`x_1, \dots, x_T` and puts out :math:`o_t` at every step (many-to-many):

.. math::

    a_t &= W_x x_t + W_h h_{t-1} + b & &\text{the pre-activation; } h_0 = 0 \\
    h_t &= \tanh(a_t)                & &\text{the state} \\
    o_t &= W_o h_t + b_o             & &\text{the output} \\
    L   &= \sum_t \frac{1}{2K} \| o_t - y_t \|^2
                                     & &\text{half the squared error, averaged over the } K \text{ outputs}

T steps, F input features, H hidden units, K outputs. A gradient is the name with a d in front: ``dh[t]`` is
:math:`\partial L / \partial h_t`.
"""

import sys
from math import tanh

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import ElmanCell
from sklearn_rnn.core._losses import SquaredError
from sklearn_rnn.core._network import Network

picture = next((word for word in sys.argv if word.endswith(".png")), None)

T, F, H, K = 5, 2, 3, 2

# %%
# Forward
# -------
#
# The inner loops run over single numbers. Step t of the text is index t here, so index 0 of ``x`` and ``y`` is not
# used, and ``h[0]`` is the state before the first step.


def zeros(*shape):
    """Nested lists of 0.0."""
    return [zeros(*shape[1:]) for _ in range(shape[0])] if shape else 0.0


def forward(weights, x, y):
    """Loss, and all states and outputs."""
    W_x, W_h, b, W_o, b_o = (weights[name] for name in ("W_x", "W_h", "b", "W_o", "b_o"))
    n_steps = len(x) - 1
    h, o = zeros(n_steps + 1, H), zeros(n_steps + 1, K)
    L = 0.0
    for t in range(1, n_steps + 1):
        for i in range(H):
            a = b[i]  #                             a_t = b
            for j in range(F):
                a += W_x[i][j] * x[t][j]  #             + W_x @ x_t
            for j in range(H):
                a += W_h[i][j] * h[t - 1][j]  #         + W_h @ h_{t-1}
            h[t][i] = tanh(a)  #                    h_t = tanh(a_t)
        for k in range(K):
            o[t][k] = b_o[k]  #                     o_t = b_o
            for i in range(H):
                o[t][k] += W_o[k][i] * h[t][i]  #       + W_o @ h_t
            L += 0.5 * (o[t][k] - y[t][k]) ** 2 / K  # L   = sum of (o_t - y_t)^2 / 2K
    return L, h, o


# %%
# Backward
# --------
#
# The same loop run backwards, each line answered by its derivative. The state :math:`h_t` is used twice, by
# :math:`o_t` and by :math:`a_{t+1}`. So its gradient is a sum of two terms, and that is all there is to
# back-propagation "through time":
#
# .. math::
#
#     dh_t = \underbrace{W_o^\top\, do_t}_{\text{from this step's output}}
#          + \underbrace{W_h^\top\, da_{t+1}}_{\text{from the step after}},
#     \qquad da_t = dh_t \odot (1 - h_t^2)
#
# In the code ``dh[t]`` is built up in two visits: the second term is added while the loop is still at step t + 1, in
# the last line. A weight is used at every step, so its gradient is a sum over the steps.


def backward(weights, x, y, h, o):
    """The gradient of the loss with respect to the weights, and to every state."""
    W_h, W_o = weights["W_h"], weights["W_o"]
    dW_x, dW_h, db, dW_o, db_o = zeros(H, F), zeros(H, H), zeros(H), zeros(K, H), zeros(K)
    n_steps = len(x) - 1
    dh = zeros(n_steps + 1, H)
    for t in range(n_steps, 0, -1):
        for k in range(K):
            do = (o[t][k] - y[t][k]) / K  #         do_t = (o_t - y_t) / K
            db_o[k] += do  #                        db_o = sum over t of do_t
            for i in range(H):
                dW_o[k][i] += do * h[t][i]  #       dW_o = sum over t of do_t @ h_t^T
                dh[t][i] += W_o[k][i] * do  # dh_t = W_o^T @ do_t   (+ from step t+1)
        for i in range(H):
            da = dh[t][i] * (1 - h[t][i] ** 2)  #   da_t = dh_t * (1 - h_t^2)  (tanh')
            db[i] += da  #                          db   = sum over t of da_t
            for j in range(F):
                dW_x[i][j] += da * x[t][j]  #       dW_x = sum over t of da_t @ x_t^T
            for j in range(H):
                dW_h[i][j] += da * h[t - 1][j]  #   dW_h = sum over t of da_t @ h_{t-1}^T
                dh[t - 1][j] += W_h[i][j] * da  #   dh_{t-1} = W_h^T @ da_t
    return {"W_x": dW_x, "W_h": dW_h, "b": db, "W_o": dW_o, "b_o": db_o}, dh


# %%
# Numbers to run it on: all drawn at random, as a gradient has to be right everywhere.

rng = np.random.default_rng(0)
x, y = rng.normal(size=(T + 1, F)), rng.normal(size=(T + 1, K))
shapes = {"W_x": (H, F), "W_h": (H, H), "b": (H,), "W_o": (K, H), "b_o": (K,)}
weights = {name: rng.normal(scale=0.7, size=shape) for name, shape in shapes.items()}

loss, h, o = forward(weights, x, y)
ours, _ = backward(weights, x, y, h, o)
print(f"loss: {loss:.6f}")
print("dW_h:", np.round(ours["W_h"], 4), sep="\n")

# %%
# First check: the definition of a gradient
# -----------------------------------------
#
# Move one weight at a time up and down by a small step :math:`\varepsilon` and see what the loss does:
#
# .. math:: \frac{\partial L}{\partial w} \approx \frac{L(w + \varepsilon) - L(w - \varepsilon)}{2 \varepsilon}
#
# It needs no calculus, so it cannot repeat an error of ours; but it costs two forward passes for each weight, where
# the backward pass costs about two for all of them.


def finite_differences(weights, x, y, step=1e-5):
    """The same gradient by definition."""
    grads = {}
    for name, W in weights.items():
        grads[name] = np.empty_like(W)
        for where in np.ndindex(W.shape):
            kept = W[where]
            W[where] = kept + step
            above = forward(weights, x, y)[0]
            W[where] = kept - step
            below = forward(weights, x, y)[0]
            W[where] = kept
            grads[name][where] = (above - below) / (2 * step)
    return grads


numeric = finite_differences(weights, x, y)

# %%
# Which step? The error of the central difference falls with :math:`\varepsilon^2`, and what rounding adds grows with
# :math:`1 / \varepsilon`: in float64 they meet near :math:`10^{-5}`. The picture also shows what makes a good test: a
# wrong gradient does not fall with the step. The dashed line is of a backward pass that lacks the second visit, the
# last line of ``backward``.


def without_time(weights, x, y, h, o):
    """A backward pass that forgets what comes from the step after: dh_t = W_o^T @ do_t
    alone.
    """
    dA = ((np.array(o) - y)[1:] / K @ weights["W_o"]) * (1 - np.array(h)[1:] ** 2)
    return dA.T @ np.array(h)[:-1]


steps = 10.0 ** np.arange(-10, 0.5, 0.5)
wrong = without_time(weights, x, y, h, o)
by_step = [finite_differences(weights, x, y, step)["W_h"] for step in steps]
figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
ax.loglog(
    steps,
    [np.abs(ours["W_h"] - g).max() for g in by_step],
    "o-",
    color="black",
    label="backward, as above",
)
ax.loglog(
    steps,
    [np.abs(wrong - g).max() for g in by_step],
    "s--",
    color="tab:orange",
    markersize=4,
    label="backward without the step through time",
)
ax.set(
    title="Largest difference between $dW_h$ and finite differences",
    xlabel=r"step of the finite differences $\varepsilon$ (units of the weights)",
    ylabel="difference (units of $dW_h$)",
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(0.02, 0.72))
if picture:
    figure.savefig(picture, dpi=110)

# %%
# Second check: the package
# -------------------------
#
# The package stores all weights in one flat vector ``theta``, numbers its layers (``W_x`` of layer 0 is ``W_x_l0``),
# and has the batch as its last axis: x of shape (T, F) becomes (T, F, 1).


def core_gradient(weights, x, y):
    """Loss and gradient from the package."""
    network = Network(
        F,
        (H,),
        SquaredError(K),
        cell=ElmanCell("tanh"),
        bidirectional=False,
        pooling=None,
        dropout=0.0,
    )
    names = {"W_x": "W_x_l0", "W_h": "W_h_l0", "b": "b_l0", "W_o": "W_o", "b_o": "b_o"}
    theta = np.zeros(network.layout.size)
    for name, W in weights.items():
        network.layout.views(theta)[names[name]][...] = W
    batch = Batch(X=x[1:, :, None], Y=y[1:, :, None], count=T)
    value, gradient = network.loss_grad(theta, batch)
    grads = network.layout.views(gradient)
    return value, {name: grads[names[name]] for name in weights}


core_loss, core = core_gradient(weights, x, y)
print(f"loss: loops {loss:.15f}, package {core_loss:.15f}\n")
print("largest difference of the gradient that the loops give")
print(
    f"{'weight':>8} {'shape':>8} {'largest entry':>14} {'to differences':>15} "
    f"{'to the package':>15}"
)
agree = abs(loss - core_loss) < 1e-13
for name, gradient in ours.items():
    gradient = np.array(gradient)
    to_numeric = np.abs(gradient - numeric[name]).max()
    to_core = np.abs(gradient - core[name]).max()
    agree = agree and to_numeric < 1e-8 and to_core < 1e-13
    print(
        f"{name:>8} {gradient.shape!s:>8} {np.abs(gradient).max():14.4f} "
        f"{to_numeric:15.1e} {to_core:15.1e}"
    )
assert agree, "They disagree: one of the three is wrong."
print("\nAll agree.")

# %%
# What to try
# -----------
#
# Let the loss count at the last step only (``if t == n_steps`` in both functions; many-to-one), make ``T`` 40, and
# print the length of ``dh[t]``, which ``backward`` returns too, for every t. Then halve ``W_h``, and double it. What
# you see is the subject of lesson 3.
