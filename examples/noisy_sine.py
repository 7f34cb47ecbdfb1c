"""A noisy sine, learnt point by point: the settings of a lecture, the package's own, and the lecture's loops timed.

    python examples/noisy_sine.py [picture.png] [--quick]

One sequence of 200 steps: x runs from -10 to 10, and the target at every step is sin(x) plus noise of standard
deviation 0.1. A lecture on recurrent networks trains 800 tanh neurons on it. All weights and biases start from
0.1 * N(0, 1), every epoch runs through the whole sequence and makes one step of gradient descent with momentum, and
the loss is L = sum of (yhat - y)^2 / 2T. After 1,000 epochs the lecture arrives at L = 0.0400; with 500 neurons, no
momentum and 20 epochs, at 0.214.

Its backward pass has five errors: the error of the output enters at the last step only; the gradient of W_h is
transposed; the wrong transpose of W_h carries the error back; the derivative of tanh is taken at the last step for all
of them; and what the update adds to the biases is not their gradient, but themselves. What is said here of the
lecture's settings is what they give with right gradients.

L is the loss on the training data, as in the lecture. Half the variance of the noise is 0.005, and for the noise that
was drawn here it is printed. A little less is natural, as a fit follows the noise a little; a loss far below it would
not be a better model, but one that has learnt the noise.

800 neurons that start so wide are chaotic: the recurrent matrix alone stretches a vector by 0.1 * sqrt(800) = 2.8 a
step. The slope of tanh takes back most of that, but some 1.3 remain, and 1.3^200 is some 1e23: after 200 steps a change
of 1e-14 in one bias has made another output altogether. Right gradients say so: the norm of the first, added up over
the steps as in the lecture, is 1e24 to 1e25. One step along it throws the weights to 1e18 or more, and every neuron is
a switch from then on, -1 or +1, through which no gradient passes. Only the readout goes on learning, and what it
attains depends on the draw. This is the exploding gradient (Bengio, Simard & Frasconi, 1994), and the remedy is to
shorten gradients to a given norm (Pascanu, Mikolov & Bengio, 2013). The package does that unless it is told not to;
with nothing changed but that, from the same start, the same 1,000 epochs train the whole network. 100 neurons (where
the matrix stretches by 1) need no remedy.
"""

import argparse
import sys
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_rnn import RNNRegressor
from sklearn_rnn.datasets import make_noisy_sine

RATE, MOMENTUM, SCALE = 1e-5, 0.95, 0.1  # the lecture's
SPACINGS = [0.1, 0.2, 0.3]
COLORS = ["tab:blue", "tab:red", "tab:purple", "tab:orange", "tab:green"]


def lecture_settings(width, n_steps, epochs, seed, clip_norm=None):
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
        batch_size=1,  # the one sequence; and bptt_steps=None, so an epoch is one step of the whole gradient
        shuffle=False,
        # The lecture adds the gradients of (yhat - y)^2 / 2 over the steps. Ours is that of L, their mean.
        learning_rate_init=RATE * n_steps,
        learning_rate="constant",  # its optional decay lr / (1 + decay * epoch): "inverse_time", learning_rate_decay
        momentum=MOMENTUM,
        nesterovs_momentum=False,  # v = momentum * v - lr * gradient; weights += v
        clip_norm=clip_norm,  # of the gradient of L. None, the lecture's: it is not shortened
        # The lecture ends with its last weights, `fit` with those of the best epoch: here nearly always the last.
        max_iter=epochs,
        tol=0,  # `fit` must not stop before, however slowly the loss falls
        n_iter_no_change=epochs,
        random_state=seed,
    )


class Loops:
    """The same network as a lecture writes it: one step at a time, the states in Python lists. Right gradients."""

    def __init__(self, width, seed):
        rng = np.random.default_rng(seed)
        shapes = {"W_x_l0": (width, 1), "W_h_l0": (width, width), "b_l0": (width,), "W_o": (1, width), "b_o": (1,)}
        self.weights = {name: SCALE * rng.normal(size=shape) for name, shape in shapes.items()}
        self.velocity = {name: np.zeros(shape) for name, shape in shapes.items()}

    def epoch(self, x, y):
        """One step of gradient descent; returns the loss before it."""
        W_x, W_h, b, W_o, b_o = self.weights.values()
        states, outputs = [np.zeros(len(b))], []
        for t in range(len(x)):
            a = np.dot(W_x, x[t]) + np.dot(W_h, states[-1]) + b
            states.append(np.tanh(a))
            outputs.append(np.dot(W_o, states[-1]) + b_o)

        dW_x, dW_h, db, dW_o, db_o = gradients = [np.zeros_like(W) for W in self.weights.values()]
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
        return sum(((o - target) ** 2).sum() for o, target in zip(outputs, y, strict=True)) / (2 * len(x))


def loss(model, X, y):
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


def fit_with_snapshots(model, X, y, every):
    """Train an epoch at a time, as `fit` does but for keeping the last weights; returns the fits every so often."""
    snapshots = {}
    for epoch in range(1, model.max_iter + 1):
        model.partial_fit(X, y)
        if epoch % every == 0:
            snapshots[epoch] = model.predict(X)[0]
    return snapshots


def distance_from_loops(width, X, y, epochs):
    """Train both from the same weights: how far their losses lie apart at most."""
    loops = Loops(width, seed=0)
    model = lecture_settings(width, X.shape[1], epochs, seed=0)
    model.partial_fit(X, y, sample_weight=[0.0])  # sets the network up and, as nothing weighs anything, moves nothing
    for name, W in loops.weights.items():
        model.weights_[name][...] = W
    theirs = [loops.epoch(X[0], y[0]) for _ in range(epochs)]
    for _ in range(epochs):
        model.partial_fit(X, y)
    return np.abs(np.subtract(theirs, model.loss_curve_[1:])).max()


def time_epochs(width, X, y, rounds, epochs=20):
    """Seconds an epoch of the loops, and of the package in float64 and float32; medians of rounds in turns."""
    loops = Loops(width, seed=0)
    seconds = []
    for _ in range(rounds):
        with threadpool_limits(1, "blas"):  # the package takes one thread for one sequence
            _, of_loops = timed(lambda: [loops.epoch(X[0], y[0]) for _ in range(epochs)])
            row = [of_loops]
            for dtype in (np.float64, np.float32):  # the type of X is the one that is computed in
                model = lecture_settings(width, X.shape[1], epochs, seed=0)
                row.append(timed(fit, model, X.astype(dtype), y)[1])
        seconds.append(row)
    return np.median(seconds, axis=0) / epochs


def grid(start, stop, step):
    """A new sequence of x, as the estimator wants it."""
    return make_noisy_sine(start, stop, step, noise=0)[0]


def error_on_grid(model, step):
    """Root mean squared error against the sine itself, inside the range of the training data."""
    X = grid(0, 10, step)
    return float(np.sqrt(np.mean((model.predict(X) - np.sin(X[:, :, 0])) ** 2)))


def thinned(X, y):
    """The sequence, and every second and every third point of it, as lists of sequences of different lengths."""
    parts = [slice(start, None, every) for every in (1, 2, 3) for start in range(every)]
    return [X[0, part] for part in parts], [y[0, part] for part in parts]


def plot(X, y, snapshots, curves, states, on_new_grid, path):
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("The picture needs matplotlib: pip install 'sklearn-rnn[examples]'") from error

    x = X[0, :, 0]
    figure, axes = plt.subplot_mosaic(
        [["fit", "fit", "loss", "loss"], [*states, "grid", "grid"]], figsize=(11, 7), layout="constrained"
    )
    fit, curve, new_grid = axes["fit"], axes["loss"], axes["grid"]

    fit.plot(x, y[0], ".", color="0.55", markersize=4, label="data")
    shades = plt.colormaps["Blues"](np.linspace(0.2, 1, len(snapshots)))
    for (epoch, fitted), shade in zip(snapshots.items(), shades, strict=True):
        ends = epoch in (min(snapshots), max(snapshots))
        fit.plot(x, fitted, color=shade, linewidth=1.2, label=f"after {epoch:,} epochs" if ends else None)
    fit.set(
        title=f"The fit every {min(snapshots)} epochs, lecture's settings", xlabel="x", ylabel="y", ylim=(-1.5, 1.8)
    )
    fit.legend(loc="upper center", ncols=3, frameon=False, fontsize=9)

    for (name, (losses, L)), color in zip(curves.items(), COLORS, strict=True):
        curve.plot(np.arange(1, len(losses) + 1), losses, color=color, linewidth=1.4, label=name)
        curve.plot(len(losses), L, "o", color=color, markersize=5)
    curve.axhline(0.005, color="grey", linewidth=0.8, linestyle=":")
    curve.annotate(
        "half the variance of the noise",
        (0, 0.005),
        xycoords=("axes fraction", "data"),
        xytext=(4, -11),
        textcoords="offset points",
        color="grey",
        fontsize=9,
    )
    curve.set(title="Loss, of the last two with their L2 penalty; dots: L", xlabel="epoch", ylim=(0.0015, 300))
    curve.set(xscale="log", yscale="log")
    curve.legend(loc="upper right", ncols=2, frameon=False, fontsize=8)

    for name, H in states.items():
        # The two strongest common movements of the units give each an angle; sorted by it, neighbours move alike.
        units = np.linalg.svd(H - H.mean(axis=0), full_matrices=False)[2]
        order = np.argsort(np.arctan2(units[1], units[0]))
        image = axes[name].imshow(
            H[:, order].T, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, extent=(-10, 10, len(order), 0)
        )
        axes[name].set(title=f"Hidden states,\n{name}", xlabel="x")
    axes[next(iter(states))].set_ylabel("neuron, similar ones together")
    figure.colorbar(image, ax=[axes[name] for name in states], pad=0.02, label="state")

    new = np.linspace(0, 20, 400)
    new_grid.axvspan(10, 20, color="0.94", zorder=0)
    new_grid.plot(new, np.sin(new), color="0.55", linewidth=1, label="sin(x)")
    for (name, (x_new, predicted)), color in zip(on_new_grid.items(), (COLORS[0], COLORS[3], "tab:brown"), strict=True):
        new_grid.plot(x_new, predicted, ".-", color=color, linewidth=1, markersize=4, label=name)
    new_grid.annotate("beyond the training data", (10.2, -1.9), color="grey", fontsize=9)
    new_grid.set(title="Applied to a new grid: 0 to 20 in steps of 0.3", xlabel="x", xlim=(0, 20), ylim=(-2.1, 2.7))
    new_grid.set_xticks([0, 5, 10, 15, 20])
    new_grid.legend(loc="upper center", ncols=2, frameon=False, fontsize=9)

    for ax in (fit, *(axes[name] for name in states)):
        ax.set_xticks([-10, -5, 0, 5, 10])
    for ax in (fit, curve, new_grid):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", nargs="?", type=Path, default=Path(__file__).with_suffix(".png"))
    parser.add_argument(
        "--quick", action="store_true", help="500 neurons instead of 800, 200 epochs instead of 1,000, 2 seeds"
    )
    arguments = parser.parse_args()
    width, epochs, n_seeds = (500, 200, 2) if arguments.quick else (800, 1000, 3)

    X, y = make_noisy_sine(random_state=0)
    n_steps = X.shape[1]
    print(f"Half the mean square of the noise that was drawn: {np.mean((y - np.sin(X[:, :, 0])) ** 2) / 2:.4f}\n")

    lecture, clipped = f"lecture's settings, {width} neurons", "the same, clip_norm=5"
    short, defaults = "500 neurons, no momentum, 20 epochs", "defaults (GRU, 64 units, Adam)"
    kinds = {
        lecture: lambda seed: lecture_settings(width, n_steps, epochs, seed),
        clipped: lambda seed: lecture_settings(width, n_steps, epochs, seed, clip_norm=5.0),
        "the lecture's, 100 neurons": lambda seed: lecture_settings(100, n_steps, epochs, seed),
        short: lambda seed: lecture_settings(500, n_steps, 20, seed).set_params(momentum=0.0),
        defaults: lambda seed: RNNRegressor(mapping="many-to-many", random_state=seed),
        "32 tanh neurons, L-BFGS": lambda seed: RNNRegressor(
            32, cell="rnn", mapping="many-to-many", solver="lbfgs", random_state=seed
        ),
    }
    rows = {name: [make(seed) for seed in range(n_seeds)] for name, make in kinds.items()}
    snapshots, medians = {}, {}
    print(
        f"Medians of {n_seeds} seeds; seconds, and as a share of those of the first row; the largest weight at the end"
    )
    print(f"{'':36} {'L':>7} {'epochs':>7} {'seconds':>8} {'share':>6} {'weight':>8}   L of each seed")
    for name, models in rows.items():
        results = []
        for model in models:
            if name == lecture and not snapshots:  # the first: watched on its way, which takes time
                snapshots, seconds = fit_with_snapshots(model, X, y, epochs // 10), np.nan
            else:
                _, seconds = timed(fit, model, X, y)
            largest = max(np.abs(W).max() for W in model.weights_.values())
            results.append((loss(model, X, y), model.n_iter_, seconds, largest))
        medians[name] = L, n_epochs, seconds, largest = np.nanmedian(results, axis=0)
        share, each = seconds / medians[lecture][2], " ".join(f"{L:.4f}" for L, *_ in results)
        print(f"{name:36} {L:7.4f} {n_epochs:7.0f} {seconds:8.2f} {share:6.3f} {largest:8.2g}   {each}", flush=True)
    print(
        "The lecture reports L = 0.0400 after 1,000 epochs with 800 neurons, and 0.214 for the fourth row, which\n"
        "right gradients do not reach: they explode there, too."
    )
    del rows[short]

    several = "defaults, several spacings"
    both = RNNRegressor(mapping="many-to-many", random_state=0)
    fit(both, *thinned(X, y))
    models = {name: models[0] for name, models in rows.items()} | {several: both}
    print("\nApplied to new grids from 0 to 10: root mean squared error against sin(x), by spacing")
    print(f"{'':36} " + " ".join(f"{step:6.1f}" for step in SPACINGS))
    for name, model in models.items():
        print(f"{name:36} " + " ".join(f"{error_on_grid(model, step):6.2f}" for step in SPACINGS))
    print(
        "Zero throughout would be an error of 0.7. The new sequences begin at 0, with an empty memory; the data began\n"
        "at -10, and the lecture's networks are far off already at the spacing that they know. The others are good\n"
        "there and get worse with wider steps: they have learnt how far to move in a step of 0.1. The last row also\n"
        "saw every second and every third point of the data, and is at home in all three."
    )

    print("\nMilliseconds an epoch, in turns, one thread: the lecture's loops (with right gradients) and the package")
    print(f"{'':36} {'loops':>8} {'package':>8} {'faster':>7} {'in float32':>11} {'faster':>7}")
    for n in sorted({50, 100, width}):
        loops, double, single = 1e3 * time_epochs(n, X, y, rounds=3 if arguments.quick else 5)
        print(f"{n:3} neurons {'':24} {loops:8.1f} {double:8.1f} {loops / double:6.1f}x", end=" ")
        print(f"{single:11.1f} {loops / single:6.1f}x")
    print(
        "Both multiply the recurrent matrix by a vector twice a step; where it is large that is most of what the\n"
        "package does. The loops also add up an outer product of its size at every step, where the package makes one\n"
        "product of all steps."
    )
    apart = distance_from_loops(100, X, y, epochs=20)
    print(f"Losses of 20 epochs from the same weights, 100 neurons, differ by {apart:.0e} at most.")

    curves = {name: (fitted[0].loss_curve_, loss(fitted[0], X, y)) for name, fitted in rows.items()}
    X_new = grid(0, 20, 0.3)
    shown = {"lecture's settings": models[lecture], "defaults": models[defaults], several: both}
    states = {"lecture's settings": models[lecture], "with clip_norm=5": models[clipped]}
    states = {name: model.hidden_states(X)[0] for name, model in states.items()}
    on_new_grid = {name: (X_new[0, :, 0], model.predict(X_new)[0]) for name, model in shown.items()}
    plot(X, y, snapshots, curves, states, on_new_grid, arguments.picture)
    print(f"\nPicture: {arguments.picture}")
    return 0 if apart < 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main())
