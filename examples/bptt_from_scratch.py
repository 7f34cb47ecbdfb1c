"""Back-propagation through time from scratch: one sequence, one Elman network, plain loops.

This is the reading room. Everything is written in scalars, with the equation beside the line, so that forward and
backward can be compared term by term. `sklearn_rnn/_cells.py` computes the same with matrix products, for a whole
batch at once. At the end the gradients are checked against both finite differences and the package.

    python examples/bptt_from_scratch.py

The network reads x_1 ... x_T and puts out o_t at every step (many-to-many):

    a_t = W_x @ x_t + W_h @ h_{t-1} + b         the pre-activation; h_0 = 0
    h_t = tanh(a_t)                             the state
    o_t = W_o @ h_t + b_o                       the output
    L   = sum over t of (o_t - y_t)^2 / 2K      the loss: half the squared error, averaged over the K outputs

T steps, F input features, H hidden units, K outputs. A gradient is the name with a d in front: dh[t] is dL/dh_t.
"""

import sys
from math import tanh

import numpy as np

from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import ElmanCell
from sklearn_rnn.core._losses import SquaredError
from sklearn_rnn.core._network import Network

T, F, H, K = 5, 2, 3, 2


def zeros(*shape):
    """Nested lists of 0.0."""
    return [zeros(*shape[1:]) for _ in range(shape[0])] if shape else 0.0


def forward(weights, x, y):
    """Loss, and all states and outputs. Step t of the text is index t here; h[0] is the state before the first step."""
    W_x, W_h, b, W_o, b_o = (weights[name] for name in ("W_x", "W_h", "b", "W_o", "b_o"))
    h, o = zeros(T + 1, H), zeros(T + 1, K)
    L = 0.0
    for t in range(1, T + 1):
        for i in range(H):
            a = b[i]  #                                     a_t = b
            for j in range(F):
                a += W_x[i][j] * x[t][j]  #                     + W_x @ x_t
            for j in range(H):
                a += W_h[i][j] * h[t - 1][j]  #                 + W_h @ h_{t-1}
            h[t][i] = tanh(a)  #                            h_t = tanh(a_t)
        for k in range(K):
            o[t][k] = b_o[k]  #                             o_t = b_o
            for i in range(H):
                o[t][k] += W_o[k][i] * h[t][i]  #               + W_o @ h_t
            L += 0.5 * (o[t][k] - y[t][k]) ** 2 / K  #      L   = sum of (o_t - y_t)^2 / 2K
    return L, h, o


def backward(weights, x, y, h, o):
    """The gradient of the loss: the loop above run backwards, each line answered by its derivative."""
    W_h, W_o = weights["W_h"], weights["W_o"]
    dW_x, dW_h, db, dW_o, db_o = zeros(H, F), zeros(H, H), zeros(H), zeros(K, H), zeros(K)
    dh = zeros(T + 1, H)  # h_t is used twice, by o_t and by a_{t+1}: its gradient is a sum, built up in two visits
    for t in range(T, 0, -1):
        for k in range(K):
            do = (o[t][k] - y[t][k]) / K  #                 do_t = (o_t - y_t) / K
            db_o[k] += do  #                                db_o = sum over t of do_t
            for i in range(H):
                dW_o[k][i] += do * h[t][i]  #               dW_o = sum over t of do_t @ h_t^T
                dh[t][i] += W_o[k][i] * do  #               dh_t = W_o^T @ do_t       (+ what came from step t+1)
        for i in range(H):
            da = dh[t][i] * (1 - h[t][i] ** 2)  #           da_t = dh_t * (1 - h_t^2)       since tanh' = 1 - tanh^2
            db[i] += da  #                                  db   = sum over t of da_t
            for j in range(F):
                dW_x[i][j] += da * x[t][j]  #               dW_x = sum over t of da_t @ x_t^T
            for j in range(H):
                dW_h[i][j] += da * h[t - 1][j]  #           dW_h = sum over t of da_t @ h_{t-1}^T
                dh[t - 1][j] += W_h[i][j] * da  #           dh_{t-1} = W_h^T @ da_t   (the step through time)
    return {"W_x": dW_x, "W_h": dW_h, "b": db, "W_o": dW_o, "b_o": db_o}


def finite_differences(weights, x, y, step=1e-5):
    """The same gradient by definition: move one weight at a time up and down and see what the loss does."""
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


def core_gradient(weights, x, y):
    """Loss and gradient from the package, which stores all weights in one flat vector theta."""
    network = Network(F, (H,), SquaredError(K), cell=ElmanCell("tanh"), bidirectional=False, pooling=None, dropout=0.0)
    # The package numbers its layers: W_x of layer 0 is W_x_l0.
    names = {"W_x": "W_x_l0", "W_h": "W_h_l0", "b": "b_l0", "W_o": "W_o", "b_o": "b_o"}
    theta = np.zeros(network.layout.size)
    for name, W in weights.items():
        network.layout.views(theta)[names[name]][...] = W
    # The batch is the last axis: (T, F) becomes (T, F, 1). x[0] and y[0] are the unused index 0.
    batch = Batch(X=x[1:, :, None], Y=y[1:, :, None], count=T)
    value, gradient = network.loss_grad(theta, batch)
    grads = network.layout.views(gradient)
    return value, {name: grads[names[name]] for name in weights}


def main():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(T + 1, F)), rng.normal(size=(T + 1, K))  # index 0 is not used: steps count from 1
    shapes = {"W_x": (H, F), "W_h": (H, H), "b": (H,), "W_o": (K, H), "b_o": (K,)}
    weights = {name: rng.normal(scale=0.7, size=shape) for name, shape in shapes.items()}

    loss, h, o = forward(weights, x, y)
    ours = backward(weights, x, y, h, o)
    numeric = finite_differences(weights, x, y)
    core_loss, core = core_gradient(weights, x, y)

    print(f"loss: loops {loss:.15f}, package {core_loss:.15f}\n")
    print("largest difference of the gradient that the loops give")
    print(f"{'weight':>8} {'shape':>8} {'largest entry':>14} {'to differences':>15} {'to the package':>15}")
    agree = abs(loss - core_loss) < 1e-13
    for name, gradient in ours.items():
        gradient = np.array(gradient)
        to_numeric = np.abs(gradient - numeric[name]).max()
        to_core = np.abs(gradient - core[name]).max()
        agree = agree and to_numeric < 1e-8 and to_core < 1e-13
        print(f"{name:>8} {gradient.shape!s:>8} {np.abs(gradient).max():14.4f} {to_numeric:15.1e} {to_core:15.1e}")
    print("\nAll agree." if agree else "\nThey disagree: one of the three is wrong.")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
