r"""
3a. Gradients that vanish
=========================

Why some networks cannot learn what happened 60 steps ago, seen before any training; which start and which cells help;
and what they have made of it afterwards. ::

    python examples/vanishing_gradients.py [picture.png] [--quick]

The gradient of a loss goes back through time by the chain rule. In an Elman network a state influences the next one
through :math:`h_t = f(a_t)`, :math:`a_t = W_h h_{t-1} + W_x x_t + b`. So, for the loss :math:`L_t` of the output at
step t,

.. math::

    \frac{\partial L_t}{\partial h_{t-k}}
      &= \left( \prod_{j=t-k+1}^{t} W_h^\top \operatorname{diag}(f'(a_j)) \right) \frac{\partial L_t}{\partial h_t} \\
    \left\| \frac{\partial L_t}{\partial h_{t-k}} \right\|
      &\le \left( \sigma_{\max}(W_h) \cdot \max f' \right)^k \left\| \frac{\partial L_t}{\partial h_t} \right\|

(Where other steps have outputs, too, the whole gradient, :math:`dh_t` of lesson 1, is the sum of what comes from each
of these losses. On this page only the last step has one.)

A product of k factors shrinks or grows like a power of k. With tanh and relu :math:`f' \le 1`; so where the largest
singular value :math:`\sigma_{\max}` of the recurrent matrix is below 1 the gradient must vanish, and where it is above
1 it may explode (Hochreiter, 1991; Bengio, Simard & Frasconi, 1994; Pascanu, Mikolov & Bengio, 2013). The exploding
kind is in lesson 2. This page is about the other. ``--quick``, with which it is made for the documentation, trains for
40 epochs and not 100.
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


X, y = draw(2000, seed=0)
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
        learning_rate="cosine",  # down to 0 at the last epoch: the losses settle
        batch_size=50,
        max_iter=epochs,
        # no early end: the loss stands still for some epochs before it falls
        n_iter_no_change=epochs,
        random_state=0,
        **settings,
    )


def untrained(model):
    """A fit in which nothing weighs anything draws the weights, and does not move them.

    (Not with a penalty: that has a gradient, too. Hence alpha=0 above.)
    """
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
# - In a GRU and in an LSTM a state reaches the next one by two ways: straight, times a gate, and through the recurrent
#   matrix. At the start biases are 0 and the states near 0, so that gates are 1/2, except for the LSTM's forget gate:
#   its bias is 1, which makes it :math:`f = 1 / (1 + e^{-1}) = 0.73`. A step back then is roughly a product with
#
#   .. math:: \text{GRU: } \tfrac12 I + \tfrac14 U^\top \qquad \text{LSTM: } 0.73\, I + \tfrac14 W^\top ,
#
#   with the orthogonal blocks U and W of the candidates: factors of at most 0.75 and 0.98.
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
# Is it the LSTM's forget gate that carries the gradient? Not alone: :math:`0.73^{59}` is :math:`10^{-8}`, no better
# than the GRU. Make the recurrent matrix smaller, and the forget gates are what is left. At the start it is the matrix
# that makes the difference; training may open the gates. (PyTorch starts with smaller matrices, and with f = 1/2.)

factors = {}
for factor in (1, 0.5, 0.1):
    model = untrained(network("lstm"))
    model.weights_["W_h_l0"][...] *= factor
    factors[f"W_h times {factor}"] = model
factors["all uniform, as in PyTorch"] = untrained(network("lstm", init="uniform"))
print("What an untrained LSTM's gradient is multiplied by with each step back")
for name, model in factors.items():
    flow = GradientFlowDisplay.from_estimator(model, X[:200], y[:200])
    plt.close(flow.figure_)
    factors[name] = flow.decay_rate_[0]
    print(f"  {name:27} {factors[name]:.3f}")
assert factors["W_h times 1"] > 0.94 and factors["W_h times 0.1"] < 0.76

# %%
# What that means for learning
# ----------------------------
#
# The same seven networks, trained alike. "Factor" is what the norm is multiplied by with each step back: the slope of a
# straight line through the curve above. :math:`0.6^{59}` is :math:`10^{-13}`, :math:`0.93^{59}` is 0.01. Both errors
# are shares of that of always saying 0: one on the sequences that were learnt from, one on new ones.

errors = {}
print(f"{'':16} {'factor before':>14} {'and after':>10} {'error: learnt':>14} {'new':>7}")
for name, model in models.items():
    before = flows[name].decay_rate_[0]
    with warnings.catch_warnings():
        # The set number of epochs is up, or nothing was learnt.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    flows[name] = GradientFlowDisplay.from_estimator(model, X_new[:200], y_new[:200])
    plt.close(flows[name].figure_)
    learnt, new = (
        np.mean((model.predict(A) - b) ** 2) / np.mean(b**2)
        for A, b in ((X, y), (X_new, y_new))
    )
    errors[name] = new
    print(
        f"{name:16} {before:14.3f} {flows[name].decay_rate_[0]:10.3f} {learnt:14.3f} "
        f"{new:7.3f}"
    )
# What holds on any machine; see below.
for name in ("LSTM", "minGRU"):
    assert errors[name] < 0.1 and flows[name].decay_rate_[0] > 0.98
assert errors["rnn, relu"] > 0.8

# %%
# The networks whose factor was above 0.9 have found the first number: the orthogonal Elman network, the LSTM and
# minGRU. IndRNN is on its way: it starts with all numbers in its memory, and with one layer it is slow to keep out
# those that do not matter. The others have next to nothing to follow. What relu and the GRU learn instead is single
# training sequences by heart: their error falls on those, and on new ones it is larger, with relu larger than that
# of always saying 0.
#
# The factor is no law of what can be learnt, only of how much there is to follow at the start. Training raises it once
# there is something to follow, and the moment when that happens hangs by a hair. Processors differ in the order in
# which they add the products of a matrix, hence in the last digit of a sum, and for a net on the edge that is enough:
# of three kinds of processor that were tried, the GRU gets there within the 100 epochs of the full run on two, the
# orthogonal Elman network on two, and the uniform one gets half of the way on one. The LSTM and minGRU get there on all
# three, in 40 epochs as in 100; relu on none. Where a single run decides between two networks, try more than one
# ``random_state``.
#
# On the right, the gradients after training. The curves of those that have learnt it are no straight lines. First they
# fall, by that part of the state that is about the last few numbers; then they are level, the part that is kept; and in
# the Elman network and in the LSTM they rise at the first steps: a change there, where the number comes in, moves the
# output more than a later one. Hence factors of a little above 1.

figure, (of_loss, of_gradient) = plt.subplots(
    1, 2, figsize=(12, 4.2), layout="constrained"
)
for name, model in models.items():
    color, style, marker = STYLES[name]
    look = {
        "color": color,
        "linestyle": style,
        "marker": marker,
        "markersize": 5,
        "label": name,
    }
    losses = np.multiply(2, model.loss_curve_)  # the loss is half the squared error
    of_loss.semilogy(np.arange(1, len(losses) + 1), losses, markevery=5, **look)
    norms = flows[name].norms[0] / flows[name].norms[0][0]
    of_gradient.semilogy(norms, markevery=6, **look)
of_loss.axhline(
    1 / 3, color="0.3", linewidth=0.8, linestyle=(0, (1, 3)), label="always 0", zorder=0
)
of_loss.set(
    title="Learning to recall the first of 60 numbers",
    xlabel="epoch",
    ylabel="mean squared error",
)
of_gradient.set(
    title="After training: what is left of the gradient",
    xlabel="lag k (steps back from the last)",
    ylabel=r"$\|\partial L / \partial h_{T-k}\|$, share of lag 0",
    ylim=(1e-7, 30),
)
for ax in (of_loss, of_gradient):
    ax.spines[["top", "right"]].set_visible(False)
figure.legend(
    *of_loss.get_legend_handles_labels(),
    loc="outside lower center",
    ncols=8,
    frameon=False,
)

# %%
# What memory looks like
# ----------------------
#
# ``HiddenStateDisplay`` shows the units of a network over time. Two sequences, the one with the least and the one with
# the largest first number, in a network that learnt nothing and in one that did. A unit that remembers is a stripe
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
