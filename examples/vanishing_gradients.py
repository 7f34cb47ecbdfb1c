r"""
3a. Gradients that vanish
=========================

Why some networks cannot learn what happened 60 steps ago, seen before any training; which start and which cells help;
and what they have made of it afterwards. ::

    python examples/vanishing_gradients.py [picture.png] [--quick]

The gradient of the loss goes back through time by the chain rule. In an Elman network a state influences the next one
through :math:`h_t = f(W_h h_{t-1} + W_x x_t + b)`, so

.. math::

    \frac{\partial L}{\partial h_{t-k}}
      = \Bigl( \prod_{j=t-k+1}^{t} W_h^\top \operatorname{diag}\bigl(f'(a_j)\bigr) \Bigr)
        \frac{\partial L}{\partial h_t},
    \qquad
    \Bigl\lVert \frac{\partial L}{\partial h_{t-k}} \Bigr\rVert
      \le \bigl( \sigma_{\max}(W_h) \cdot \max f' \bigr)^k \Bigl\lVert \frac{\partial L}{\partial h_t} \Bigr\rVert .

A product of k factors shrinks or grows like a power of k. With tanh and relu :math:`f' \le 1`; so where the largest
singular value :math:`\sigma_{\max}` of the recurrent matrix is below 1 the gradient must vanish, and where it is above
1 it may explode (Hochreiter, 1991; Bengio, Simard & Frasconi, 1994; Pascanu, Mikolov & Bengio, 2013). The exploding
kind is in lesson 2. This page is about the other.
"""

import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import GradientFlowDisplay, HiddenStateDisplay, RNNRegressor

quick = "--quick" in sys.argv or "ipykernel" in sys.modules  # as in a notebook
picture = next((word for word in sys.argv if word.endswith(".png")), None)
epochs = 40 if quick else 100

# %%
# A task that needs a gradient from far away
# ------------------------------------------
#
# 60 steps; each holds a random number between -1 and 1, and a mark that is 1 at the first step and 0 at all others.
# Wanted at the end: the number that was marked. To say 0 always costs a mean squared error of 1/3.

N_STEPS = 60


def draw(n_sequences, seed):
    rng = np.random.default_rng(seed)
    X = np.zeros((n_sequences, N_STEPS, 2), np.float32)
    X[..., 0] = rng.uniform(-1, 1, X.shape[:2])
    X[:, 0, 1] = 1
    return X, X[:, 0, 0].copy()


X, y = draw(1000, seed=0)
X_new, y_new = draw(500, seed=1)


def network(cell, **settings):
    return RNNRegressor(
        32,
        cell=cell,
        # One layer that reads each step by itself; nothing but the last state is handed on.
        patch_size=1,
        pooling="last",
        bidirectional=False,
        alpha=0,
        learning_rate_init=0.01,
        batch_size=50,
        max_iter=epochs,
        n_iter_no_change=epochs,  # no early end: the loss stands still for some epochs before it falls
        random_state=0,
        **settings,
    )


def untrained(model):
    """A fit in which nothing weighs anything sets the network up, and moves nothing."""
    return model.partial_fit(X[:50], y[:50], sample_weight=np.zeros(50))


# %%
# The bound, seen
# ---------------
#
# ``hidden_gradients`` gives :math:`\partial L / \partial h_t` at every step, and ``GradientFlowDisplay`` draws its norm
# against the lag k. Here the same untrained Elman network with its recurrent matrix, which is orthogonal, times 0.6, 1
# and 1.4. All singular values are then just that, so that the dotted bound is a straight line with that slope. What
# lies between the line and its bound is the work of tanh: :math:`f' < 1` wherever a state is not near 0. And with 1.4
# the bound says little: large weights drive the states to where tanh is flat.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), sharey=True, layout="constrained")
for ax, factor in zip(axes, (0.6, 1.0, 1.4), strict=True):
    model = untrained(network("rnn"))
    model.weights_["W_h_l0"][...] *= factor
    GradientFlowDisplay.from_estimator(model, X[:100], y[:100], ax=ax)
    ax.set_title(f"$W_h$ orthogonal, times {factor:g}")
    ax.set_ylim(1e-15, 1e11)
    ax.legend(loc="lower left" if factor > 1 else "upper left", fontsize="small")
for ax in axes[1:]:
    ax.set_ylabel("")

# %%
# All cells, before training
# --------------------------
#
# - "rnn, uniform" starts as PyTorch does, with all weights uniform within :math:`1 / \sqrt{H}`; "rnn, orthogonal" as
#   this package does; "rnn, relu" has relu for tanh: half of its slopes are 0.
# - The LSTM passes the gradient on through its cell, :math:`c_t = f_t \odot c_{t-1} + \dots`, with forget gates that
#   start open: a factor of :math:`f_t`, with no matrix.
# - minGRU and IndRNN have no matrix between one state and the next at all: :math:`h_t = c_t \odot h_{t-1} + \dots`, and
#   the factors start spread, so that some units remember as long as the sequences are.

models = {
    "rnn, uniform": network("rnn", init="uniform"),
    "rnn, relu": network("rnn", activation="relu"),
    "GRU": network("gru"),
    "rnn, orthogonal": network("rnn"),
    "LSTM": network("lstm"),
    "minGRU": network("mingru"),
    "IndRNN": network("indrnn"),
}
STYLES = {
    "rnn, uniform": ("0.55", "-", "s"),
    "rnn, relu": ("0.55", "--", "v"),
    "GRU": ("tab:green", "-.", "^"),
    "rnn, orthogonal": ("black", "-", "o"),
    "LSTM": ("tab:blue", "--", "D"),
    "minGRU": ("tab:red", "-", "x"),
    "IndRNN": ("tab:orange", ":", "P"),
}

flows = {}
for name, model in models.items():
    flows[name] = GradientFlowDisplay.from_estimator(untrained(model), X[:200], y[:200])
    plt.close(flows[name].figure_)  # seven in one figure instead
figure, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
for name, flow in flows.items():
    color, style, marker = STYLES[name]
    norms = flow.norms[0] / flow.norms[0][0]
    ax.semilogy(
        norms,
        color=color,
        linestyle=style,
        marker=marker,
        markevery=6,
        markersize=5,
        label=name,
    )
ax.set(
    title="Before training: what is left of the gradient",
    xlabel="lag k (steps back from the last)",
    ylabel=r"$\|\partial L / \partial h_{T-k}\|$, share of lag 0",
    ylim=(1e-16, 10),
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, ncols=2, loc="lower left")
if picture:
    figure.savefig(picture, dpi=110)

# %%
# What that means for learning
# ----------------------------
#
# The same seven networks, trained alike. "Factor" is what the norm is multiplied by with each step back, the slope of
# the curves above: :math:`0.6^{59}` is :math:`10^{-13}`, :math:`0.93^{59}` is 0.01. The factor is no law of what can be
# learnt, only of how much there is to follow at the start: training may raise it, once there is anything to follow. An
# error above 1 is of a network that has learnt its training sequences by heart, for want of anything better.

errors = {}
print("Mean squared error on new sequences, as a share of that of always saying 0")
print(f"{'':16} {'factor before':>14} {'and after':>10} {'error':>7}")
for name, model in models.items():
    before = flows[name].decay_rate_[0]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # the set number of epochs is up, or nothing was learnt
        model.fit(X, y)
    flows[name] = GradientFlowDisplay.from_estimator(model, X_new[:200], y_new[:200])
    plt.close(flows[name].figure_)
    errors[name] = np.mean((model.predict(X_new) - y_new) ** 2) / np.mean(y_new**2)
    print(
        f"{name:16} {before:14.3f} {flows[name].decay_rate_[0]:10.3f} {errors[name]:7.3f}"
    )
assert errors["rnn, uniform"] > 0.5 > 0.1 > errors["minGRU"]

# %%
# The loss of each epoch, in log scale: first it stands still, then the network has found the first step. IndRNN has a
# long memory too, but it starts with all numbers in it, and with one layer it is slow to keep out those that do not
# matter.

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for name, model in models.items():
    color, style, marker = STYLES[name]
    losses = np.multiply(2, model.loss_curve_)  # the loss is half the squared error
    ax.semilogy(
        np.arange(1, len(losses) + 1),
        losses,
        color=color,
        linestyle=style,
        marker=marker,
        markevery=5,
        label=name,
    )
ax.axhline(1 / 3, color="0.4", linewidth=0.8)
ax.annotate(
    "always 0",
    (epochs, 1 / 3),
    (0, 4),
    textcoords="offset points",
    ha="right",
    color="0.35",
)
ax.set(
    title="Learning to recall the first of 60 numbers",
    xlabel="epoch",
    ylabel="mean squared error",
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))

# %%
# What memory looks like
# ----------------------
#
# ``HiddenStateDisplay`` shows the units of a network over time. Two sequences, the one with the least and the one with
# the largest first number, in the network that learnt nothing and in one that did. A unit that remembers is a stripe
# from the first step to the last; which units are striped, and in which color, tells the number. In the Elman network
# with the uniform start all is an echo of the last few numbers.

pair = [int(y_new.argmin()), int(y_new.argmax())]
figure, axes = plt.subplots(2, 2, figsize=(11, 6.4), layout="constrained")
for column, name in zip(axes.T, ("rnn, uniform", "minGRU"), strict=True):
    display = HiddenStateDisplay.from_estimator(
        models[name], X_new, sample=pair[0], ax=column[0], vmin=-0.6, vmax=0.6
    )
    display.plot(ax=column[1], sample=pair[1], vmin=-0.6, vmax=0.6)
    for ax, sample in zip(column, pair, strict=True):
        ax.set_title(f"{name}; the first number is {y_new[sample]:.2f}")

# %%
# Single units tell it in numbers: the four of minGRU whose last state varies most with the first number.

last_states = models["minGRU"].hidden_states(X_new)[:, -1]
covariances = (
    (last_states - last_states.mean(axis=0)).T @ (y_new - y_new.mean()) / len(y_new)
)
units = np.sort(np.argsort(-np.abs(covariances))[:4])
figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True, layout="constrained")
for ax, sample in zip(axes, pair, strict=True):
    display.plot(ax=ax, kind="units", sample=sample, units=units)
    ax.set_title(f"minGRU; the first number is {y_new[sample]:.2f}")

# %%
# What to try
# -----------
#
# Make the sequences 200 steps long. By the factors of the first table, which networks should still find the first step?
# Then start an LSTM with its forget gates shut: after ``untrained(model)`` set ``weights_["b_l0"][32:64]``, the biases
# of the forget gates, to -1, and look at the gradient flow.
