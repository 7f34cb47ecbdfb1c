r"""
9. Reading the code
===================

A guided tour through the package's core, in the order in which it is best read: the cells, the network around them, the
optimizers, the loop that trains. At each stop the decisive lines are printed from the source that is installed, and
what they do is done again by hand beside it, until a whole training can be repeated in ten lines. At the end a new cell
is written, checked and registered. ::

    python examples/reading_the_code.py

======================  ===========================================================================
file in ``core/``       what it holds
======================  ===========================================================================
``_cells.py``           the cells, forward and backward loops next to each other
``_network.py``         layers, directions, a readout and a loss around a cell
``_losses.py``          value, gradient and link of each loss
``_optimizers.py``      how a vector moves, given its gradient
``_loops.py``           mini-batches, epochs, and when to stop
======================  ===========================================================================

None of them knows scikit-learn: core stands on NumPy and SciPy. Notation everywhere: X inputs, H states, A
pre-activations, T steps, N sequences, F features; a gradient is the name with a d in front.
"""

import inspect
import sys
import textwrap
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import LossCurveDisplay, RNNRegressor
from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import CELLS, Cell, ElmanCell
from sklearn_rnn.core._loops import minimize_stochastic
from sklearn_rnn.core._losses import SquaredError
from sklearn_rnn.core._memory import Arena, ParamLayout
from sklearn_rnn.core._network import Network
from sklearn_rnn.core._optimizers import SGD, Adam

picture = next((word for word in sys.argv if word.endswith(".png")), None)


def show(code, first="", last=None):
    """Print the source of a function from the line that holds `first` to the next that
    holds `last`.
    """
    lines = inspect.getsource(code).splitlines()
    start = next(k for k, line in enumerate(lines) if first in line)
    stop = (
        len(lines)
        if last is None
        else next(k for k in range(start, len(lines)) if last in lines[k]) + 1
    )
    print(textwrap.dedent("\n".join(lines[start:stop])))


# %%
# A cell, forward
# ---------------
#
# A cell is one layer in one direction. It gets its weights as a dict, and one buffer Z that holds, for every step t,
#
# .. math:: Z_t = \begin{bmatrix} h_{t-1} \\ x_t \\ 1 \end{bmatrix}
#     \quad\text{so that}\quad W_h h_{t-1} + W_x x_t + b = [\,W_h \mid W_x \mid b\,]\, Z_t ,
#
# one product a step. The new state is written to where the next step finds it. The batch is the last axis: (T+1,
# H+F+1, N). This is all of the Elman cell's forward pass:

show(ElmanCell.forward)

# %%
# Again by hand, on random numbers. ``Arena`` is where a cell gets memory from.

rng = np.random.default_rng(0)
T, F, H, N = 6, 2, 4, 3
weights = {
    "W_x": rng.normal(size=(H, F)),
    "W_h": rng.normal(size=(H, H)) / 2,
    "b": rng.normal(size=H),
}
X = rng.normal(size=(T, F, N))

Z = np.empty((T + 1, H + F + 1, N))
Z[:-1, H:-1], Z[:-1, -1] = X, 1
cell = ElmanCell("tanh")
(states,), cache = cell.forward(weights, Z, None, Arena())

h = np.zeros((H, N))
for t in range(T):
    h = np.tanh(weights["W_h"] @ h + weights["W_x"] @ X[t] + weights["b"][:, None])
    assert np.allclose(states[t + 1], h, rtol=0, atol=1e-14)
print("The same states, of shape", states.shape, "with the one before the first step.")

# %%
# A cell, backward
# ----------------
#
# It gets ``dH``, what reaches each state from above, and adds what comes through later steps. The lines that matter are
# those of the loop; what surrounds them is done for many steps at once. ``dA`` holds the slope of tanh when the loop
# begins, and the gradient of the pre-activation after it.

show(ElmanCell.backward, "for from_above", "dW +=")

# %%
# By hand, the equations of the class's docstring: :math:`dh_t = dH_t + W_h^\top da_{t+1}` and
# :math:`da_t = dh_t \odot (1 - h_t^2)`; the gradient of ``[W_h | W_x | b]`` is :math:`\sum_t da_t Z_t^\top`.

dH = rng.normal(size=(T, H, N))
grads = {name: np.empty_like(W) for name, W in weights.items()}
cell.backward(weights, Z, cache, dH, grads, Arena())

dh, dW = np.zeros((H, N)), np.zeros((H, H + F + 1))
for t in reversed(range(T)):
    dh = dh + dH[t]
    da = dh * (1 - states[t + 1] ** 2)
    dW += da @ Z[t].T
    dh = weights["W_h"].T @ da
by_name = {"W_h": dW[:, :H], "W_x": dW[:, H:-1], "b": dW[:, -1]}
print(
    "largest difference:",
    max(np.abs(by_name[name] - grads[name]).max() for name in grads),
)
assert all(np.allclose(by_name[name], grads[name], rtol=0, atol=1e-13) for name in grads)

# %%
# The network
# -----------
#
# All weights lie in one flat vector theta, so that an optimizer, the penalty, clipping and pickling are one line each.
# ``views`` shows it by name; to write to a view is to write to theta.

show(ParamLayout.views)
network = Network(
    F, (H,), SquaredError(1), cell=cell, bidirectional=False, pooling="last", dropout=0.0
)
theta = network.start(rng, "orthogonal", 1.0, np.float64, usual_length=T)
named = network.layout.views(theta)
print({name: W.shape for name, W in named.items()})

# %%
# ``loss_grad`` is the heart: layers, pooling, readout and loss forward, and the same backwards. With one layer, the
# last state and the squared error little is left of it.

show(Network.loss_grad, "O = named", "_backward_layers")
Y = rng.normal(size=(1, N))
loss, gradient = network.loss_grad(theta, Batch(X=X, Y=Y, count=N))

of_cell = {name: named[f"{name}_l0"] for name in ("W_x", "W_h", "b")}
(states,), cache = cell.forward(of_cell, Z, None, Arena())
O = named["W_o"] @ states[-1] + named["b_o"][:, None]
dO = O - Y  # of half the squared error
dH = [None] * (T - 1) + [named["W_o"].T @ dO]  # only the last state is read
cell.backward(of_cell, Z, cache, dH, grads, Arena())
ours = {
    **{f"{name}_l0": g for name, g in grads.items()},
    "W_o": dO @ states[-1].T,
    "b_o": dO.sum(axis=1),
}
print(f"loss {loss:.6f}, by hand {np.sum((O - Y) ** 2) / 2:.6f}")
assert all(
    np.allclose(g, ours[name], rtol=0, atol=1e-13)
    for name, g in network.layout.views(gradient).items()
)

# %%
# Optimizers
# ----------
#
# They know nothing of networks: a vector, its gradient, a rate, and the number of the update. From the simplest

show(SGD.step)

# %%
# to the default. Adam divides a running mean of the gradient by the root of a running mean of its square,
#
# .. math:: \theta \leftarrow \theta - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}\,;

show(Adam.step)

# %%
# The loop
# --------
#
# For every epoch and every batch: value and gradient, clip, rate, step. ``_checked`` raises if either is not finite.

show(minimize_stochastic, "for batch, n", "optimizer.step")

# %%
# A training, repeated
# --------------------
#
# So a fit is a dozen lines. Here the estimator makes 20 epochs of one batch, and the lines make the same from the same
# start; the losses agree to the last digits. (The objective is the mean loss plus half of alpha times the squared norm
# of the matrices: ``alpha=0`` leaves the mean.)

X_train = rng.normal(size=(40, T, F))  # estimators take (samples, steps, features)
y_train = X_train[:, -1, 0] * X_train[:, -3, 1]
settings = {
    "cell": "rnn",
    "patch_size": 1,
    "pooling": "last",
    "alpha": 0,
    "clip_norm": 5.0,
    "learning_rate_init": 0.01,
}
model = RNNRegressor(8, batch_size=40, shuffle=False, random_state=0, **settings)
# Weighs nothing: only draws the weights, which do not move, as alpha is 0.
model.partial_fit(X_train, y_train, sample_weight=np.zeros(40))
network = Network(
    F,
    (8,),
    SquaredError(1),
    cell=ElmanCell("tanh"),
    bidirectional=False,
    pooling="last",
    dropout=0.0,
)
theta = np.concatenate([model.weights_[name].ravel() for name in network.layout.shapes])

for _ in range(20):
    model.partial_fit(X_train, y_train)

batch, losses = Batch(X=X_train.transpose(1, 2, 0), Y=y_train[None], count=40), []
m, v = np.zeros_like(theta), np.zeros_like(theta)
for t in range(1, 21):
    loss, g = network.loss_grad(theta, batch)
    losses.append(loss / 40)
    g /= 40
    g *= min(1, 5.0 / np.linalg.norm(g))
    # Adam, t counting the update that weighed nothing too
    m += 0.1 * (g - m)
    v += 0.001 * (g * g - v)
    theta -= (
        0.01 * (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
    )
apart = np.abs(np.subtract(losses, model.loss_curve_[1:])).max()
print(
    f"loss from {losses[0]:.6f} to {losses[-1]:.6f}; the estimator's differ by "
    f"{apart:.0e} at most"
)
assert apart < 1e-12

# %%
# A cell of your own
# ------------------
#
# A class with ``forward`` and ``backward``, and a line in the registry. This one is a step of Euler's method through a
# differential equation, :math:`\dot h = \tanh(W_h h + W_x x + b)` with step 1/20. The state is not replaced but moved,
# so a gradient goes back with a factor near 1: what residual connections are to depth this is to time.
#
# .. math::
#
#     s_t &= \tanh(W_h h_{t-1} + W_x x_t + b)  & da_t &= \tfrac{1}{20}\, dh_t \odot (1 - s_t^2) \\
#     h_t &= h_{t-1} + \tfrac{1}{20} s_t       & dh_{t-1} &= dH_{t-1} + dh_t + W_h^\top da_t


class EulerCell(Cell):
    gates = 1  # W_x, W_h and b have one block of H rows

    def forward(self, weights, Z, state, arena, keep=True):
        width = len(weights["W_h"])
        W = np.hstack([weights["W_h"], weights["W_x"], weights["b"][:, None]])
        H, S = Z[:, :width], np.empty((len(Z) - 1, width, Z.shape[2]), Z.dtype)
        H[0] = 0.0 if state is None else state[0]
        for t in range(len(S)):
            S[t] = np.tanh(W @ Z[t])
            H[t + 1] = H[t] + S[t] / 20
        return (H,), S

    def backward(self, weights, Z, S, dH, grads, arena, dX=None, whole=None):
        width, dA, dh = len(weights["W_h"]), np.empty_like(S), np.zeros_like(S[0])
        for t in reversed(range(len(S))):
            if dH[t] is not None:
                dh = dh + dH[t]
            if whole is not None:  # somebody asks for hidden_gradients
                whole[t] = dh
            dA[t] = dh / 20 * (1 - S[t] ** 2)
            dh = dh + weights["W_h"].T @ dA[t]
        dW = np.einsum("tin,tjn->ij", dA, Z[:-1])
        grads["W_h"][...], grads["W_x"][...], grads["b"][...] = (
            dW[:, :width],
            dW[:, width:-1],
            dW[:, -1],
        )
        if dX is not None:
            dX[...] = weights["W_x"].T @ dA


CELLS["euler"] = EulerCell

# %%
# Is the gradient right? In a random direction d, the slope of the loss is :math:`g^\top d`: one number for all weights
# at once, which is how the package's own tests check every cell, loss and pooling in the registries.

network = Network(
    F,
    (H, H),
    SquaredError(1),
    cell=EulerCell(),
    bidirectional=True,
    pooling="mean",
    dropout=0.0,
)
theta = network.start(rng, "orthogonal", 1.0, np.float64, usual_length=T)
batch, direction = Batch(X=X, Y=Y, count=N), rng.normal(size=len(theta))
slope = network.loss_grad(theta, batch)[1] @ direction
above, below = (
    network.loss_sum(theta + step * direction, batch) for step in (1e-6, -1e-6)
)
print(f"slope {slope:.8f}, by differences {(above - below) / 2e-6:.8f}")
assert abs(slope - (above - below) / 2e-6) < 1e-6 * abs(slope)

# %%
# From now on the estimators take its name, in this process. The task: the sum of 100 numbers, divided by
# 10 so that its variance is 1. An Elman cell must turn its state into an integrator; a GRU has to learn a z near 1,
# which keeps its state; here the state is an integrator to begin with.

X_far = rng.normal(size=(300, 100, 1))
y_far = X_far[:, :, 0].sum(axis=1) / 10
models = {}
for name in ("rnn", "gru", "euler"):
    model = RNNRegressor(
        16,
        cell=name,
        patch_size=1,
        pooling="last",
        learning_rate_init=0.01,
        batch_size=50,
        max_iter=60,
        n_iter_no_change=60,
        random_state=0,
    )
    with warnings.catch_warnings():
        # A fit of a set number of epochs says that it ends there.
        warnings.simplefilter("ignore", ConvergenceWarning)
        models[f'cell="{name}"'] = model.fit(X_far, y_far)
display = LossCurveDisplay.from_estimator(models)
display.ax_.set(title="The sum of 100 numbers", ylabel="loss (half the squared error)")
if picture:
    display.figure_.savefig(picture, dpi=110)
del CELLS["euler"]

# %%
# What to try
# -----------
#
# Let the step of 1/20 be 1, and 1/1000. Which of them makes the loss jump, and which hardly learns? Then learn it: a
# weight ``"step"`` of shape (H,) in ``shapes``, and its gradient in ``backward``; the check above tells you when it is
# right.
