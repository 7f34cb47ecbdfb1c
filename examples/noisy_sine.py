r"""
2. A noisy sine, learnt point by point
======================================

The settings of a lecture, why they explode, the remedy, and what does better; and the lecture's loops timed. ::

    python examples/noisy_sine.py [picture.png] [--quick]

One sequence of 200 steps: x runs from -10 to 9.9, and the target at every step is sin(x) plus noise of standard
deviation 0.1. A lecture on recurrent networks trains 800 tanh neurons on it. All weights and biases start from
0.1 * N(0, 1), every epoch runs through the whole sequence and makes one step of gradient descent with momentum,

.. math::

    L = \frac{1}{2T} \sum_{t=1}^{T} (\hat y_t - y_t)^2, \qquad
    v \leftarrow \mu v - \eta \nabla L, \qquad \theta \leftarrow \theta + v .

After 1,000 epochs the lecture arrives at L = 0.0400; with 500 neurons, no momentum and 20 epochs, at 0.214.

Its backward pass has five errors: the error of the output enters at the last step only; the gradient of W_h is
transposed; the wrong transpose of W_h carries the error back; the derivative of tanh is taken at the last step for all
of them; and what the update adds to the biases is not their gradient, but themselves. What is said here of the
lecture's settings is what they give with right gradients.

``--quick``, with which this page is made for the documentation, trains 300 neurons for 250 epochs, from one start.
"""

import sys
import warnings
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_rnn import RNNRegressor, diagnose
from sklearn_rnn.datasets import make_noisy_sine

quick = "--quick" in sys.argv or "ipykernel" in sys.modules  # as in a notebook
beside = Path(__file__).with_suffix(".png") if "__file__" in globals() else None
picture = next((word for word in sys.argv if word.endswith(".png")), beside)
width, epochs, n_seeds = (300, 250, 1) if quick else (800, 1000, 3)

X, y = make_noisy_sine(random_state=0)
print(f"X {X.shape}, y {y.shape}: one sequence, a target at every step")
print(
    "Half the mean square of the noise that was drawn: "
    f"{np.mean((y - np.sin(X[:, :, 0])) ** 2) / 2:.4f}"
)

# %%
# L is the loss on the training data, as in the lecture. Half the variance of the noise is 0.005, and for the noise that
# was drawn it is printed above. A little less is natural, as a fit follows the noise a little; a loss far below it
# would not be a better model, but one that has learnt the noise.
#
# The lecture's settings
# ----------------------
#
# All of them have a parameter here. What is unusual from today's point of view: the wide start, plain gradient descent,
# and that nothing keeps the gradient within bounds.

RATE, MOMENTUM, SCALE = 1e-5, 0.95, 0.1


def lecture_settings(width, epochs, seed, clip_norm=None):
    return RNNRegressor(
        width,  # 500 to 800 neurons
        cell="rnn",
        activation="tanh",
        mapping="many-to-many",  # a target at every step
        init="normal",  # weights and biases alike
        init_scale=SCALE,  # ... are 0.1 * N(0, 1)
        loss="squared_error",  # half the squared error, averaged over the steps: L
        alpha=0,  # no penalty
        solver="sgd",
        # the one sequence; and bptt_steps=None, so an epoch is one step of the whole
        # gradient
        batch_size=1,
        shuffle=False,
        # The lecture adds the gradients of (yhat - y)^2 / 2 over the steps. Ours is that
        # of L, their mean.
        learning_rate_init=RATE * X.shape[1],
        # its optional decay lr / (1 + decay * epoch): "inverse_time", learning_rate_decay
        learning_rate="constant",
        momentum=MOMENTUM,
        nesterovs_momentum=False,  # v = momentum * v - lr * gradient; weights += v
        # of the gradient of L. None, the lecture's: it is not shortened
        clip_norm=clip_norm,
        # The lecture ends with its last weights, `fit` with those of the best epoch: here
        # nearly always the last.
        max_iter=epochs,
        tol=0,  # `fit` must not stop before, however slowly the loss falls
        n_iter_no_change=epochs,
        random_state=seed,
    )


def loss(model):
    """The lecture's L."""
    return float(np.mean((model.predict(X) - y) ** 2) / 2)


def timed(work, *arguments):
    start = perf_counter()
    result = work(*arguments)
    return result, perf_counter() - start


def fit(model, X, y):
    with warnings.catch_warnings():
        # A fit of a set number of epochs ends at max_iter, and says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


# %%
# The first network is trained an epoch at a time with ``partial_fit``, to look at its outputs on the way. The others
# are fitted as usual: the lecture's network with its gradients shortened to a norm of 5, a narrower one, the lecture's
# short training, the package's defaults, and a small net that is trained by L-BFGS.

lecture, clipped = f"lecture's settings, {width} neurons", "the same, clip_norm=5"
short, defaults = "500 neurons, no momentum, 20 epochs", "defaults (GRU, 64 units, Adam)"
kinds = {
    lecture: lambda seed: lecture_settings(width, epochs, seed),
    clipped: lambda seed: lecture_settings(width, epochs, seed, clip_norm=5.0),
    "the lecture's, 100 neurons": lambda seed: lecture_settings(100, epochs, seed),
    short: lambda seed: lecture_settings(500, 20, seed).set_params(momentum=0.0),
    defaults: lambda seed: RNNRegressor(mapping="many-to-many", random_state=seed),
    "32 tanh neurons, L-BFGS": lambda seed: RNNRegressor(
        32, cell="rnn", mapping="many-to-many", solver="lbfgs", random_state=seed
    ),
}


def fit_with_snapshots(model, X, y, every, snapshots):
    """Train an epoch at a time, as `fit` does, and keep the last weights; store outputs
    on the way.
    """
    for epoch in range(1, model.max_iter + 1):
        model.partial_fit(X, y)
        if epoch % every == 0:
            snapshots[epoch] = model.predict(X)[0]


models, snapshots, first_row = {}, {}, None
print(
    f"Medians of {n_seeds} seed(s); seconds, and as a share of those of the first row; "
    "the largest weight at the end"
)
print(
    f"{'':36} {'L':>7} {'epochs':>7} {'seconds':>8} {'share':>6} {'weight':>8}   L of "
    "each seed"
)
for name, make in kinds.items():
    results = []
    for seed in range(n_seeds):
        model = make(seed)
        if name == lecture and seed == 0:
            _, seconds = timed(fit_with_snapshots, model, X, y, epochs // 10, snapshots)
        else:
            _, seconds = timed(fit, model, X, y)
        models.setdefault(name, model)  # the first of each kind is shown below
        largest = max(np.abs(W).max() for W in model.weights_.values())
        results.append((loss(model), model.n_iter_, seconds, largest))
    L, n_epochs, seconds, largest = np.median(results, axis=0)
    first_row = first_row or seconds
    each = " ".join(f"{L:.4f}" for L, *_ in results)
    print(
        f"{name:36} {L:7.4f} {n_epochs:7.0f} {seconds:8.2f} {seconds / first_row:6.3f} "
        f"{largest:8.2g}   {each}"
    )
# L = 0.214 in the lecture, which right gradients do not reach: they explode there, too.
del models[short]

# %%
# Why it explodes
# ---------------
#
# 800 neurons that start so wide are chaotic. The gradient goes back through time by
#
# .. math:: dh_{t-1} = W_o^\top do_{t-1} + W_h^\top \operatorname{diag}(1 - h_t^2)\, dh_t
#
# (lesson 1). In the second term the recurrent matrix alone stretches a vector by :math:`0.1 \sqrt{800} = 2.8` a step.
# The slope of tanh takes back most of that, but some 1.3 remain, and :math:`1.3^{200}` is some :math:`10^{23}`: after
# 200 steps a change of :math:`10^{-14}` in one bias has made another output altogether. Right gradients say so: the
# norm of the first, added up over the steps as in the lecture, is :math:`10^{24}` to :math:`10^{25}`. One step along it
# throws the weights to :math:`10^{18}` or more, and every neuron is a switch from then on, -1 or +1, through which no
# gradient passes. Only the readout goes on learning, and what it attains depends on the draw. (300 neurons, of
# ``--quick``, explode less far, with the same outcome: see the column "weight" above.)
#
# This is the exploding gradient (Bengio, Simard & Frasconi, 1994), and the remedy is to shorten gradients to a given
# norm (Pascanu, Mikolov & Bengio, 2013):
#
# .. math:: g \leftarrow g \cdot \min(1,\; c / \| g \|)
#
# The package does that unless it is told not to (``clip_norm``). With nothing changed but that, from the same start,
# the same number of epochs trains the whole network. 100 neurons, where the matrix stretches by 1, need no remedy.

figure, (of_fit, of_loss) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
x = X[0, :, 0]
of_fit.plot(x, y[0], "o", color="tab:red", markersize=2.5, label="data")
shades = plt.colormaps["Greys"](np.linspace(0.25, 1, len(snapshots)))
for (epoch, outputs), shade in zip(snapshots.items(), shades, strict=True):
    ends = epoch in (min(snapshots), max(snapshots))
    of_fit.plot(
        x,
        outputs,
        color=shade,
        linewidth=1.1,
        label=f"after {epoch:,} epochs" if ends else None,
    )
of_fit.set(
    title=f"The fit every {min(snapshots)} epochs, lecture's settings",
    xlabel="x",
    ylabel="y",
    ylim=(-1.7, 2.3),
)
of_fit.set_xticks([-10, -5, 0, 5, 10])
of_fit.legend(loc="upper center", ncols=3, frameon=False, fontsize=9)

STYLES = [
    ("black", "-"),
    ("tab:red", "--"),
    ("tab:purple", "-."),
    ("tab:orange", "-"),
    ("tab:green", ":"),
]
for (name, model), (color, style) in zip(models.items(), STYLES, strict=True):
    losses = model.loss_curve_
    of_loss.loglog(
        np.arange(1, len(losses) + 1),
        losses,
        color=color,
        linestyle=style,
        linewidth=1.6,
        label=name,
        zorder=2,
    )
    of_loss.plot(len(losses), loss(model), "o", color=color, markersize=6)
of_loss.axhline(0.005, color="grey", linewidth=0.8)
of_loss.annotate(
    "half the variance of the noise",
    (1, 0.005),
    (2, -11),
    color="0.35",
    textcoords="offset points",
)
of_loss.set(
    title="Loss, of the last two with their L2 penalty; dots: L",
    xlabel="epoch",
    ylabel="loss L (y squared)",
)
of_loss.set(ylim=(0.0015, 300))
of_loss.legend(loc="upper right", ncols=2, frameon=False, fontsize=8)
for ax in (of_fit, of_loss):
    ax.spines[["top", "right"]].set_visible(False)
if picture:
    figure.savefig(picture, dpi=110)
    print(f"Picture: {picture}")

# %%
# The hidden states tell it at a glance: ``hidden_states(X)`` is of shape (sequences, steps, units). At the lecture's
# settings nearly every unit sits at -1 or +1, between which it jumps, many of them at every other step. With the
# gradient shortened they move slowly: most stay near -1 or +1 for a long way and change sides once. With 300 neurons,
# as on this page, nearly all change together, near x = 2.7, and those in the slanting bands a little before or after;
# with 800 the work is shared otherwise. Similar units stand side by side here: the two strongest common movements give
# each unit an angle, by which the units are sorted.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
for ax, (title, name) in zip(
    axes,
    {"lecture's settings": lecture, "with clip_norm=5": clipped}.items(),
    strict=True,
):
    states = models[name].hidden_states(X)[0]
    movements = np.linalg.svd(states - states.mean(axis=0), full_matrices=False)[2]
    order = np.argsort(np.arctan2(movements[1], movements[0]))
    extent = (-10, 10, len(order), 0)
    image = ax.imshow(
        states[:, order].T, aspect="auto", cmap="gray", vmin=-1, vmax=1, extent=extent
    )
    ax.set(title=f"Hidden states, {title}", xlabel="x (one column a step)")
axes[0].set_ylabel("neuron, similar ones together")
bar = figure.colorbar(image, ax=axes, pad=0.02, label="state $h_t$")

# %%
# ``diagnose`` says what is conspicuous in a training, in words: here all that this page is about.

print(diagnose(models[lecture], X, y))

# %%
# Has it learnt a sine?
# ---------------------
#
# The network sees x and its own past. A sine can be drawn from either: as a function of x, or as an oscillation that
# goes on by itself. To tell them apart, apply the fitted networks to new sequences: from 0 to 10 in wider steps, and
# beyond the training data. Zero throughout would be an error of 0.7.


def grid(start, stop, step):
    """A new sequence of x, as the estimator wants it."""
    return make_noisy_sine(start, stop, step, noise=0)[0]


def error_on_grid(model, step):
    """Root mean squared error against the sine itself, inside the range of the training
    data.
    """
    X_new = grid(0, 10, step)
    return float(np.sqrt(np.mean((model.predict(X_new) - np.sin(X_new[:, :, 0])) ** 2)))


# One more network is fitted to the sequence and to every second and every third point of
# it: a list of sequences of different lengths.
several = "defaults, several spacings"
parts = [slice(start, None, every) for every in (1, 2, 3) for start in range(every)]
models[several] = RNNRegressor(mapping="many-to-many", random_state=0)
fit(models[several], [X[0, part] for part in parts], [y[0, part] for part in parts])

spacings = [0.1, 0.2, 0.3]
print("Root mean squared error against sin(x) on new grids from 0 to 10, by spacing")
print(f"{'':36} " + " ".join(f"{step:6.1f}" for step in spacings))
for name, model in models.items():
    print(
        f"{name:36} "
        + " ".join(f"{error_on_grid(model, step):6.2f}" for step in spacings)
    )

# %%
# The new sequences begin at 0, with an empty memory; the data began at -10, and the lecture's networks are far off
# already at the spacing that they know. The others are good there and get worse with wider steps: they have learnt how
# far to move in a step of 0.1. The last row also saw every second and every third point of the data, and is at home in
# all three. None goes on beyond x = 10: nothing in the data says that a sine does.

figure, ax = plt.subplots(figsize=(9, 3.8), layout="constrained")
X_new, dense = grid(0, 20, 0.3), np.linspace(0, 20, 400)
ax.axvspan(10, 20, color="0.93", zorder=0)
ax.plot(dense, np.sin(dense), color="0.6", linewidth=3, label="sin(x)")
for name, color, style in (
    (lecture, "black", "x:"),
    (defaults, "tab:orange", "s--"),
    (several, "tab:blue", "o-"),
):
    ax.plot(
        X_new[0, :, 0],
        models[name].predict(X_new)[0],
        style,
        color=color,
        linewidth=1.2,
        markersize=4,
        label=name,
    )
ax.annotate("beyond the training data", (10.2, -1.9), color="0.35")
ax.set(
    title="Applied to a new grid: 0 to 20 in steps of 0.3",
    xlabel="x",
    ylabel="output",
    ylim=(-2.1, 2.7),
)
ax.set_xlim(0, 20)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="upper center", ncols=2, frameon=False, fontsize=9)

# %%
# The lecture's loops
# -------------------
#
# The same network as a lecture writes it: one step at a time, the states in Python lists, each weight's gradient added
# up step by step. With right gradients it is lesson 1 in matrix form.


class Loops:
    def __init__(self, width, seed):
        rng = np.random.default_rng(seed)
        shapes = {
            "W_x_l0": (width, 1),
            "W_h_l0": (width, width),
            "b_l0": (width,),
            "W_o": (1, width),
            "b_o": (1,),
        }
        self.weights = {
            name: SCALE * rng.normal(size=shape) for name, shape in shapes.items()
        }
        self.velocity = {name: np.zeros(shape) for name, shape in shapes.items()}

    def epoch(self, x, y):
        """One step of gradient descent; returns the loss before it."""
        W_x, W_h, b, W_o, b_o = self.weights.values()
        states, outputs = [np.zeros(len(b))], []
        for t in range(len(x)):
            a = np.dot(W_x, x[t]) + np.dot(W_h, states[-1]) + b
            states.append(np.tanh(a))
            outputs.append(np.dot(W_o, states[-1]) + b_o)

        dW_x, dW_h, db, dW_o, db_o = gradients = [
            np.zeros_like(W) for W in self.weights.values()
        ]
        carried = np.zeros(len(b))  # the gradient that comes back from the step after
        for t in reversed(range(len(x))):
            do = outputs[t] - y[t]  # of the summed error: no division by T
            dW_o += np.outer(do, states[t + 1])
            db_o += do
            dh = np.dot(W_o.T, do) + carried
            da = dh * (1 - states[t + 1] ** 2)
            dW_x += np.outer(da, x[t])
            dW_h += np.outer(da, states[t])
            db += da
            carried = np.dot(W_h.T, da)

        for name, gradient in zip(self.weights, gradients, strict=True):
            self.velocity[name] = MOMENTUM * self.velocity[name] - RATE * gradient
            self.weights[name] += self.velocity[name]
        return sum(
            ((o - target) ** 2).sum() for o, target in zip(outputs, y, strict=True)
        ) / (2 * len(x))


# %%
# First, that both do the same: from the same weights, the losses of 20 epochs. A ``partial_fit`` in which nothing
# weighs anything draws the package's weights and, as alpha is 0, does not move them (a penalty would); then
# ``weights_``, which are views, are written to.

loops = Loops(100, seed=0)
model = lecture_settings(100, 20, seed=0)
model.partial_fit(X, y, sample_weight=[0.0])
for name, W in loops.weights.items():
    model.weights_[name][...] = W
theirs = [loops.epoch(X[0], y[0]) for _ in range(20)]
for _ in range(20):
    model.partial_fit(X, y)
apart = np.abs(np.subtract(theirs, model.loss_curve_[1:])).max()
print(
    f"Losses of 20 epochs from the same weights, 100 neurons, differ by {apart:.0e} at "
    "most."
)
assert apart < 1e-6

# %%
# Then the time. Both multiply the recurrent matrix by a vector twice a step; where it is large that is most of what the
# package does. The loops also add up an outer product of its size at every step, where the package makes one product of
# all steps.


def time_epochs(width, rounds, epochs):
    """Seconds an epoch of the loops, and of the package in float64 and float32; medians
    of rounds in turns.
    """
    loops = Loops(width, seed=0)
    seconds = []
    for _ in range(rounds):
        with threadpool_limits(
            1, "blas"
        ):  # the package takes one thread for one sequence
            _, of_loops = timed(lambda: [loops.epoch(X[0], y[0]) for _ in range(epochs)])
            row = [of_loops]
            for dtype in (
                np.float64,
                np.float32,
            ):  # the type of X is the one that is computed in
                model = lecture_settings(width, epochs, seed=0)
                row.append(timed(fit, model, X.astype(dtype), y)[1])
        seconds.append(row)
    return np.median(seconds, axis=0) / epochs


print(
    "Milliseconds an epoch, in turns, one thread: the lecture's loops (with right "
    "gradients) and the package"
)
print(
    f"{'':15} {'loops':>8} {'package':>8} {'faster':>7} {'in float32':>11} {'faster':>7}"
)
for n in sorted({50, 100, width}):
    of_loops, double, single = 1e3 * time_epochs(n, *((1, 5) if quick else (5, 20)))
    print(
        f"{n:3} neurons     {of_loops:8.1f} {double:8.1f} {of_loops / double:6.1f}x",
        end=" ",
    )
    print(f"{single:11.1f} {of_loops / single:6.1f}x")

# %%
# What to try
# -----------
#
# Start narrower: ``init_scale`` of 0.03 in ``lecture_settings``, where 800 neurons stretch by 0.85 a step. Does the
# lecture's network need clipping then? And what does the package's own start (``init="orthogonal"``), which neither
# stretches nor shrinks, make of it?
