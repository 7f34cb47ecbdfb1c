r"""
8a. A character network, number by number
=========================================

One step of learning taken apart, and then a line of text learnt by heart. The network, which many lectures use, reads a
line one character at a time and says at each which comes next. Here every quantity of its first update is computed by
the package's core and, beside it, by scalar loops with the equation next to the line; an assertion compares the two. At
the end the public estimator does the same a thousand times. ::

    python examples/char_rnn_by_hand.py [--quick] [--seed SEED]

The line has V = 20 distinct characters, the state has H = 4 numbers, and T = 5 characters make one update:

.. math::

    x_t &= \text{one-hot of the character}        & &V \text{ numbers, one of them 1} \\
    a_t &= W_x x_t + W_h h_{t-1} + b               & &\text{the pre-activation; } h_0 = 0 \\
    h_t &= \tanh(a_t)                              & &\text{the state} \\
    q_t &= W_o h_t + b_o                           & &\text{the logits, one a character} \\
    \hat y_t &= \exp(q_t) \,/\, \textstyle\sum \exp(q_t)
                                                   & &\text{softmax: the chance of each character to come next} \\
    L   &= -\sum_t \log \hat y_t[y_t]             & &\text{cross-entropy; } y_t
                                                       \text{ is the number of the character that does come}

A gradient is the name with a d in front: ``dq_t`` is :math:`\partial L / \partial q_t`. Each weight matrix starts as
:math:`N(0, s^2)` with :math:`s = 1 / \sqrt{\text{rows} \cdot \text{columns}}`, the biases as zero.
"""

import sys
from math import exp, log, sqrt, tanh

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import LossCurveDisplay, RNNSequenceClassifier
from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import ElmanCell
from sklearn_rnn.core._losses import LogLoss
from sklearn_rnn.core._network import Network
from sklearn_rnn.core._optimizers import AdaGrad, clip

quick = "--quick" in sys.argv or "ipykernel" in sys.modules  # as in a notebook
seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 0

LINE = "the quick brown fox jumps"
VOCABULARY = sorted(set(LINE))
V, H, T = len(VOCABULARY), 4, 5
RATE, EPSILON, LIMIT = 0.1, 1e-8, 5.0
# The package numbers its layers: W_x of layer 0 is W_x_l0.
NAMES = {"W_x": "W_x_l0", "W_h": "W_h_l0", "b": "b_l0", "W_o": "W_o", "b_o": "b_o"}
SHAPES = {"W_x": (H, V), "W_h": (H, H), "b": (H,), "W_o": (V, H), "b_o": (V,)}
assert (V, len(LINE)) == (20, 25)

# %%
# By hand
# -------
#
# All that the forward pass computes, in scalars. ``x``, ``y``, ``q``, ``yhat`` (and ``dq``) begin with step 1, so that
# ``q[t]`` is :math:`q_{t+1}`; ``h`` begins with :math:`h_0`, so that ``h[t]`` is the state that this step starts from,
# and ``h[t + 1]`` the one that it arrives at.


def forward(weights, x, y):
    """States, logits, probabilities and losses; x and y are numbers of characters."""
    W_x, W_h, b, W_o, b_o = (weights[name] for name in SHAPES)
    h = [[0.0] * H]  # h[t] is h_t: the list starts with h_0
    q, yhat, losses = [], [], []
    for t in range(len(x)):
        # x_t is one-hot: W_x @ x_t is the column of W_x that belongs to the character
        a = [
            W_x[i, x[t]] + sum(W_h[i, j] * h[t][j] for j in range(H)) + b[i]
            for i in range(H)
        ]
        h.append([tanh(a_i) for a_i in a])
        q.append(
            [sum(W_o[k, i] * h[t + 1][i] for i in range(H)) + b_o[k] for k in range(V)]
        )
        total = sum(exp(q_k) for q_k in q[t])
        yhat.append([exp(q_k) / total for q_k in q[t]])
        losses.append(-log(yhat[t][y[t]]))
    return h, q, yhat, losses


# %%
# The backward pass is the forward loop run backwards, each line answered by its derivative. Of softmax and
# cross-entropy together hardly anything is left: :math:`dq_t = \hat y_t - y_t`, with :math:`y_t` as one-hot.


def backward(weights, x, y, h, yhat):
    """The five gradients, and dq."""
    W_h, W_o = weights["W_h"], weights["W_o"]
    grads = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    dq = np.zeros((len(x), V))
    from_later = [0.0] * H  # what reaches h_t through a_{t+1}
    for t in reversed(range(len(x))):
        dh = list(from_later)
        for k in range(V):
            dq[t, k] = yhat[t][k] - (k == y[t])  #                dq_t  = yhat_t - y_t
            grads["b_o"][k] += dq[t, k]  #                        db_o  = sum dq_t
            for i in range(H):
                grads["W_o"][k, i] += dq[t, k] * h[t + 1][i]  #   dW_o  = sum dq_t @ h_t^T
                dh[i] += W_o[k, i] * dq[t, k]  # dh_t  = W_o^T @ dq_t + W_h^T @ da_{t+1}
        # da_t  = dh_t * (1 - h_t^2), as tanh' = 1 - tanh^2
        da = [dh[i] * (1 - h[t + 1][i] ** 2) for i in range(H)]
        for i in range(H):
            grads["b"][i] += da[i]  #                             db    = sum da_t
            grads["W_x"][i, x[t]] += da[i]  #                     dW_x  = sum da_t @ x_t^T
            for j in range(H):
                grads["W_h"][i, j] += da[i] * h[t][j]  # dW_h  = sum da_t @ h_{t-1}^T
        from_later = [sum(W_h[i, j] * da[i] for i in range(H)) for j in range(H)]
    return grads, dq


# %%
# And the definition of a gradient, as in lesson 1: move one weight at a time up and down and see what the loss does.


def finite_differences(weights, x, y, step=1e-5):
    """The gradient by definition: move one weight at a time up and down and see what the
    loss does.
    """
    grads = {}
    for name, W in weights.items():
        grads[name] = np.empty_like(W)
        for where in np.ndindex(W.shape):
            kept = W[where]
            W[where] = kept + step
            above = sum(forward(weights, x, y)[3])
            W[where] = kept - step
            below = sum(forward(weights, x, y)[3])
            W[where] = kept
            grads[name][where] = (above - below) / (2 * step)
    return grads


# %%
# By the package
# --------------
#
# The core has all weights in one flat vector ``theta`` and the batch as the last axis.


def one_hot(numbers):
    return np.eye(V)[numbers]


def as_batch(x, y):
    """One sequence as the core wants it, with the batch as the last axis: (T, V, 1), and
    class numbers (T, 1, 1).
    """
    return Batch(X=one_hot(x)[:, :, None], Y=np.array(y)[:, None, None], count=len(x))


def draw(rng, shrink=1.0):
    """Starting weights: N(0, 1 / (rows * columns)), and biases of zero."""
    return {
        name: shrink * rng.normal(0.0, 1 / sqrt(np.prod(shape)), shape)
        if len(shape) == 2
        else np.zeros(shape)
        for name, shape in SHAPES.items()
    }


def pack(network, weights):
    """The package stores all weights in one flat vector theta."""
    theta = np.zeros(network.layout.size)
    views = network.layout.views(theta)
    for name, W in weights.items():
        views[NAMES[name]][...] = W
    return theta


def unpack(network, vector):
    views = network.layout.views(vector)
    return {name: views[NAMES[name]] for name in SHAPES}


def check(what, package, by_hand, tolerance=1e-13):
    """Assert that the package and the loops agree, and say how closely."""
    difference = np.abs(np.asarray(package) - np.asarray(by_hand)).max()
    assert difference <= tolerance, (
        f"{what}: the package and the loops differ by {difference:.1e}"
    )
    print(f"   {what + ': package and loops differ by':52} {difference:.1e}")


network = Network(
    V,
    (H,),
    LogLoss(V),
    cell=ElmanCell("tanh"),
    bidirectional=False,
    pooling=None,
    dropout=0.0,
)
numbers = [VOCABULARY.index(character) for character in LINE]
following = numbers[1:] + numbers[:1]
weights = draw(np.random.default_rng(seed))
print(f"Line: {LINE!r}, {V} distinct characters: {''.join(VOCABULARY)!r}")


# %%
# One update, in eight steps
# --------------------------
#
# Steps 1 to 5, forward: characters, states, logits, softmax, cross-entropy.

x, y = numbers[:T], following[:T]
core, theta, batch = LogLoss(V), pack(network, weights), as_batch(x, y)
h, q, yhat, losses = forward(weights, x, y)

print(
    f"1. One-hot. {''.join(VOCABULARY[c] for c in x)!r} are the characters {x}; each is "
    f"a column of {V}."
)
print(f"   Targets: {''.join(VOCABULARY[c] for c in y)!r}, the characters {y}.")
assert (batch.X.sum(axis=1) == 1).all() and (batch.X.argmax(axis=1)[:, 0] == x).all()

print("\n2. States h_t, one row a step:")
states = network.hidden_states(theta, batch)[:, :, 0]
print("   " + np.array2string(states, precision=4, suppress_small=True, prefix="   "))
check("h", states, h[1:])

logits = network.outputs(theta, batch)
print(
    f"\n3. Logits q_t, {V} a step; those of the first step lie in "
    f"[{logits[0].min():.4f}, {logits[0].max():.4f}]."
)
check("q", logits[:, :, 0], q)

chances = network.predict(theta, batch)
low, high = chances[0].min(), chances[0].max()
print(
    f"\n4. Softmax. All near 1/{V} = {1 / V:.4f}: the first step's lie in [{low:.4f}, "
    f"{high:.4f}]."
)
check("yhat", chances[:, :, 0], yhat)

values, dO = core.value_and_gradient(logits, batch.Y)
print(
    f"\n5. Cross-entropy of each step: {np.round(values[:, 0], 4)}, in sum "
    f"{values.sum():.4f}."
)
check("L", values[:, 0], losses)

# %%
# Steps 6 and 7, backward: the gradient of the logits, and from there those of the five weights.

grads, dq = backward(weights, x, y, h, yhat)
print(
    f"6. dL/dq = yhat - y: of the first step {dO[0, y[0], 0]:.4f} at the target, "
    f"{VOCABULARY[y[0]]!r}, and"
)
print(f"   {np.delete(dO[0, :, 0], y[0]).mean():.4f} on average elsewhere.")
check("dq", dO[:, :, 0], dq)

loss, gradient = network.loss_grad(theta, batch)
print("\n7. The five gradients, through time:")
numeric = finite_differences(weights, x, y)
print(
    f"   {'weight':>6} {'shape':>8} {'largest entry':>14} {'to the loops':>13} "
    f"{'to differences':>15}"
)
for name, W in unpack(network, gradient).items():
    to_loops, to_numeric = (np.abs(W - other[name]).max() for other in (grads, numeric))
    assert to_loops < 1e-13 and to_numeric < 1e-8, (
        f"d{name}: {to_loops:.1e}, {to_numeric:.1e}"
    )
    print(
        f"   {'d' + name:>6} {W.shape!s:>8} {np.abs(W).max():14.4f} {to_loops:13.1e} "
        f"{to_numeric:15.1e}"
    )
assert abs(loss - sum(losses)) < 1e-13

# %%
# Step 8, the update: clip every entry to [-5, 5], then Adagrad,
#
# .. math:: s \leftarrow s + g^2, \qquad \theta \leftarrow \theta - \eta\, g \,/\, (\sqrt{s} + \epsilon) .
#
# In the first update :math:`s = g^2`, so that each weight that has a gradient moves by the whole rate, however small
# the gradient is. The columns of W_x of characters that did not occur rest; W_o and b_o move for all, as the softmax
# pushes down what did not come.

print(f"8. Clip to [-{LIMIT:g}, {LIMIT:g}], then two updates of Adagrad.")
clipped = gradient.copy()
clip(clipped, norm=None, value=LIMIT)
print(
    f"   Of the {len(clipped)} entries {np.sum(clipped != gradient)} are clipped. Ten "
    "times the gradient:"
)
tenfold = 10 * gradient
clip(tenfold, norm=None, value=LIMIT)
assert (tenfold == [min(max(10 * g, -LIMIT), LIMIT) for g in gradient]).all()
print(f"   {np.sum(tenfold != 10 * gradient)} entries would be.")
optimizer, after = AdaGrad(theta, epsilon=EPSILON), theta.copy()
by_hand, squares = list(theta), [0.0] * len(theta)
for update in (1, 2):
    loss, gradient = network.loss_grad(after, batch)
    clip(gradient, norm=None, value=LIMIT)
    optimizer.step(after, gradient, RATE, update)
    for i, g in enumerate(gradient):
        squares[i] += g**2  #                                           s     = s + g^2
        # theta = theta - rate * g / (sqrt(s) + eps).
        by_hand[i] -= RATE * g / (sqrt(squares[i]) + EPSILON)
    check(f"theta after update {update}", after, by_hand, 1e-15)
    if update == 1:
        moved = np.abs(after - theta)[gradient != 0]
        print(
            "   The first update moves each weight that has a gradient by "
            f"{moved.min():.6f} to {moved.max():.6f}."
        )
print(
    f"   Loss of the five characters, before and after two updates: {sum(losses):.4f}, ",
    end="",
)
print(f"{network.loss_grad(after, batch)[0]:.4f}.")

# %%
# What an untrained network knows
# -------------------------------
#
# Nothing, and to know nothing costs :math:`\ln 20 = 2.9957` a character. Does the loss of an untrained net show that?
# Over a thousand draws of the starting weights, at the lecture's scale and smaller:

whole_line = as_batch(numbers, following)
print(
    f"The net above: {network.loss_sum(theta, whole_line) / len(LINE) - log(V):+.4f} "
    f"from ln {V} = {log(V):.4f}."
)
print(
    f"{'weights times':>13} {'mean':>8} {'std':>8} {'least':>8} {'most':>8}  share that "
    f"reads {log(V):.4f}"
)
for shrink in (1.0, 0.3, 0.1, 0.03, 0.01):
    rng = np.random.default_rng(0)
    thetas = [pack(network, draw(rng, shrink)) for _ in range(1000)]
    means = np.array(
        [network.loss_sum(theta, whole_line) / len(LINE) for theta in thetas]
    )
    share = np.mean(np.round(means, 4) == round(log(V), 4))
    print(
        f"{shrink:13g} {means.mean():8.4f} {means.std():8.4f} {means.min():8.4f} "
        f"{means.max():8.4f}  {share:.1%}"
    )
    if shrink == 1.0:
        excess, error = means.mean() - log(V), means.std() / sqrt(len(means))
        half_variance = np.mean(
            [
                network.outputs(theta, whole_line).var(axis=1).mean() / 2
                for theta in thetas
            ]
        )
        assert abs(excess - half_variance) < 4 * error and means.std() < 2e-2
assert share == 1.0
print(
    f"\nFirst row: {excess:+.5f} from ln {V}, standard error {error:.5f}; half the "
    "variance of the logits is",
    end=" ",
)
print(f"{half_variance:.5f}.")

# %%
# At the lecture's scale, the first row, the logits are small but not zero: a single net deviates from ln 20 in the
# third decimal, to either side, and hardly one shows 2.9957. On average the loss is above ln 20 by half the variance of
# the logits (expand :math:`\log \sum \exp q` to second order). Logits are :math:`W_o h`, and both factors shrink with
# the scale: the deviation goes with its square, and with weights a thirtieth as large every net reads 2.9957.
#
# Learning the line by heart
# --------------------------
#
# The same net through the public estimator. One pass over the line is five updates of five characters: ``bptt_steps=5``
# cuts the gradient there, while the state is carried on. Afterwards the net is given the first character, and from then
# on reads what it has said itself.


def recite(model):
    said = LINE[0]
    while len(said) < len(LINE):
        X = one_hot([VOCABULARY.index(character) for character in said])[None]
        said += model.predict(X)[0, -1]
    return said


def learn(width, passes):
    model = RNNSequenceClassifier(
        width,
        cell="rnn",
        mapping="many-to-many",
        # one scale for all, biases too: that of W_x and W_o
        init="normal",
        init_scale=1 / sqrt(width * V),
        solver="adagrad",
        learning_rate_init=RATE,
        epsilon=EPSILON,
        bptt_steps=T,
        clip_value=LIMIT,
        clip_norm=None,
        alpha=0.0,
        random_state=seed,
    )
    updates = -(-len(LINE) // T)
    print(f"A state of {width}: {passes} passes over the line, {updates} updates each.")
    for done in range(1, passes + 1):
        model.partial_fit(X, y, classes=VOCABULARY)
        if done in (1, 5, 10, 20, 50, passes):
            print(
                f"   {done * updates:6} updates: loss a character "
                f"{model.loss_curve_[-1]:.4f}   {recite(model)!r}"
            )
    return model


X = one_hot(numbers)[None]  # one sequence: (1, 25, 20)
# The labels are the characters themselves; after the last comes the first.
y = np.array([[*LINE[1:], LINE[0]]])
passes = 30 if quick else 200
few, more = learn(H, passes), learn(16, passes)

said, final = recite(more), more.loss_curve_[-1]
assert few.loss_curve_[-1] < 0.6 * log(V)
assert said == LINE and final < (0.3 if quick else 0.05), (
    f"not learnt: loss {final:.4f}, {said!r}"
)

# %%
# A state of 4 numbers learns slowly to tell 20 characters apart: it takes some for others, and goes in circles. One of
# 16 recites the line, and its loss goes towards 0.

display = LossCurveDisplay.from_estimator(
    {"a state of 4": few, "a state of 16": more}, log_scale=False
)
display.ax_.axhline(log(V), color="0.5", linewidth=1, linestyle=":")
display.ax_.annotate(
    "to know nothing: ln 20",
    (passes, log(V)),
    (0, 4),
    textcoords="offset points",
    ha="right",
)
display.ax_.set(
    title="Learning a line by heart",
    xlabel="pass over the line",
    ylabel="loss (nats a character)",
)

# %%
# What each of them says comes next, at every character of the line, when it reads the line itself. The circles mark
# what does come.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained", sharey=True)
for ax, model in zip(axes, (few, more), strict=True):
    image = ax.imshow(
        model.predict_proba(X)[0].T, cmap="Greys", vmin=0, vmax=1, aspect="auto"
    )
    ax.plot(
        range(len(LINE)),
        following,
        "o",
        color="tab:red",
        markersize=9,
        markerfacecolor="none",
        label="next",
    )
    ax.set(title=f"A state of {model.hidden_layer_sizes}", xlabel="character read")
    ax.set_xticks(
        range(len(LINE)), [character.replace(" ", "␣") for character in LINE], fontsize=9
    )
    ax.set_yticks(
        range(V), [character.replace(" ", "␣") for character in VOCABULARY], fontsize=9
    )
axes[0].set_ylabel("character said to come next")
bar = figure.colorbar(image, ax=axes, label="probability", pad=0.02)

# %%
# What to try
# -----------
#
# Let the state be 8. Then give the net a line in which a character is followed by different ones ("abcabd"): where must
# it look further back than one step, and how many passes does that cost?
