r"""
4. Classifying sequences
========================

From sequences of different lengths to labels: cells and poolings compared, what is confused with what, and which part
of a sequence the network goes by. ::

    python examples/classify_sequences.py [picture.png] [--quick]

The data are generated, so that the answer to the last question is known: movements, as a sensor on a wrist might record
them, of two channels and 40 to 80 steps. Somewhere in each, for 16 steps, one of four gestures is made; the rest is
drift and noise. What tells the gestures apart is in which order the two channels move, which is to say time:

============  ==========================================================
gesture       what channels 0 and 1 do
============  ==========================================================
circle        channel 1 follows channel 0, a quarter of a period behind
circle back   channel 0 follows channel 1
line          both move together
shake         both move together, twice as fast
============  ==========================================================

A third channel says nothing at all.
"""

import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    RNNSequenceClassifier,
    SequenceImportanceDisplay,
    TimestepTransformer,
    sequence_importance,
)

quick = "--quick" in sys.argv or "ipykernel" in sys.modules  # as in a notebook
picture = next((word for word in sys.argv if word.endswith(".png")), None)

# %%
# The data
# --------
#
# Sequences of different lengths are a list of arrays, (T_i, 3) each. scikit-learn's splitters pass lists through.

GESTURES = ["circle", "circle back", "line", "shake"]
LENGTH = 16  # steps that a gesture takes


def make_gestures(n, seed=0):
    """A list of n arrays (T_i, 3), their labels, and the step at which each gesture
    begins.
    """
    rng = np.random.default_rng(seed)
    X, begins = [], []
    y = rng.choice(GESTURES, n)
    for label in y:
        n_steps = rng.integers(40, 81)
        sequence = np.cumsum(
            0.12 * rng.normal(size=(n_steps, 3)), axis=0
        ) + 0.3 * rng.normal(size=(n_steps, 3))
        begin = rng.integers(n_steps // 2, n_steps - LENGTH)  # in the second half
        phase = 2 * np.pi * np.arange(LENGTH) / LENGTH + rng.uniform(0, 2 * np.pi)
        lag = {"circle": -np.pi / 2, "circle back": np.pi / 2, "line": 0, "shake": 0}[
            label
        ]
        speed = 2 if label == "shake" else 1
        sequence[begin : begin + LENGTH, 0] += np.sin(speed * phase)
        sequence[begin : begin + LENGTH, 1] += np.sin(speed * phase + lag)
        X.append(sequence)
        begins.append(begin)
    return X, y, np.array(begins)


X, y, begins = make_gestures(800 if quick else 1600)
X_train, X_test, y_train, y_test, _, begins_test = train_test_split(
    X, y, begins, test_size=0.25, random_state=0
)
print(
    f"{len(X_train)} sequences to learn from, {len(X_test)} to test; the first are of "
    "shape",
    *[x.shape for x in X[:4]],
)

figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), sharey=True, layout="constrained")
for ax, gesture in zip(axes, GESTURES, strict=True):
    k = int(np.flatnonzero(y == gesture)[0])
    ax.axvspan(begins[k], begins[k] + LENGTH, color="0.9", zorder=0, label="gesture")
    for channel, (color, style) in enumerate(
        (("black", "-"), ("tab:orange", "--"), ("0.6", ":"))
    ):
        ax.plot(
            X[k][:, channel],
            style,
            color=color,
            linewidth=1.3,
            label=f"channel {channel}",
        )
    ax.set(title=gesture, xlabel="time step")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("position (arbitrary units)")
figure.legend(
    *axes[0].get_legend_handles_labels(),
    loc="outside upper center",
    ncols=4,
    frameon=False,
)

# %%
# Cells and poolings
# ------------------
#
# The network has a state at every step, and the label needs one vector. ``pooling`` says what the readout sees:
#
# .. math::
#
#     \text{last: } h_T, \qquad \text{mean: } \tfrac{1}{T} \sum_t h_t, \qquad \text{max: } \max_t h_t
#     \text{ (each unit by itself)}, \qquad \text{attention: } \sum_t \alpha_t h_t,\;
#     \alpha = \operatorname{softmax}\left(v^\top \tanh(W_a h_t)\right)
#
# A unit that has learnt to fire when it sees a circle is found by max wherever the circle was, whereas for last the
# state has to carry it to the end. Which is best depends on the task. So it is something to try: here each combination
# is fitted once and scored on the test part. (To choose one, score in cross-validation and keep the test part for the
# end: lesson 5.) The scaler comes first, step by step, as scikit-learn's own wants a table.


def classifier(cell, pooling):
    net = RNNSequenceClassifier(
        24,
        cell=cell,
        pooling=pooling,
        # each step by itself, in one direction: the cells are compared here, without
        # other help
        patch_size=1,
        bidirectional=False,
        learning_rate_init=0.01,
        batch_size=50,
        max_iter=20 if quick else 60,
        random_state=0,
    )
    return make_pipeline(TimestepTransformer(StandardScaler()), net)


cells = ["rnn", "gru"] if quick else ["rnn", "gru", "lstm", "mingru"]
poolings = ["last", "mean", "max", "attention"]
models, accuracy = {}, pd.DataFrame(index=cells, columns=poolings, dtype=float)
for cell in cells:
    for pooling in poolings:
        with warnings.catch_warnings():
            # A set number of epochs ends there, and says so.
            warnings.simplefilter("ignore", ConvergenceWarning)
            models[cell, pooling] = classifier(cell, pooling).fit(X_train, y_train)
        accuracy.loc[cell, pooling] = models[cell, pooling].score(X_test, y_test)
print("Accuracy on the test part, by cell and pooling; guessing has 0.25")
print(accuracy.to_string(float_format="{:.3f}".format))

# %%
# What is confused with what
# --------------------------
#
# scikit-learn's displays take a recurrent classifier as any other, with the list as X.

weak, strong = accuracy.stack().idxmin(), accuracy.stack().idxmax()
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for ax, which in zip(axes, (weak, strong), strict=True):
    ConfusionMatrixDisplay.from_estimator(
        models[which],
        X_test,
        y_test,
        labels=GESTURES,
        ax=ax,
        cmap="Greys",
        colorbar=False,
        xticks_rotation=20,
    )
    ax.set_title('cell="{}", pooling="{}"'.format(*which))
if picture:
    figure.savefig(picture, dpi=110)

model = models[strong]
print(classification_report(y_test, model.predict(X_test)))

# %%
# What it goes by
# ---------------
#
# ``sequence_importance`` permutes a part of X between sequences: a channel, a block of time steps, or both, and
# measures what that costs. A part that tells nothing costs nothing. First the channels: the third is noise, and the
# network has found that out.

by_channel = sequence_importance(
    model, X_test, y_test, by="feature", n_repeats=5, random_state=0
)
for name, mean, std in zip(
    by_channel.names, by_channel.importances_mean, by_channel.importances_std, strict=True
):
    print(f"channel {name}: accuracy falls by {mean:.3f} +- {std:.3f}")

# %%
# Then the time, in blocks of 5 steps counted from the end, all channels at once. The gestures are in the second half:
# steps -40 to -1. Neighbouring blocks stand in for each other, as a gesture is longer than a block, so that each of
# them costs less than the whole is worth.

by_time = sequence_importance(
    model, X_test, y_test, by="timestep", block_size=5, n_repeats=3, random_state=0
)
figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
display = SequenceImportanceDisplay.from_importances(by_time, ax=ax)
ax.set_title("Accuracy lost if five steps come from other sequences")

# %%
# Of a single sequence the probabilities tell when the network has made up its mind: it is given the first t steps, for
# each t.

k = int(np.flatnonzero((y_test == "circle back") & (model.predict(X_test) == y_test))[0])
prefixes = [X_test[k][:t] for t in range(2, len(X_test[k]) + 1)]
figure, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
ax.axvspan(
    begins_test[k], begins_test[k] + LENGTH, color="0.9", zorder=0, label="the gesture"
)
styles = [("0.6", "-"), ("black", "-"), ("tab:orange", "--"), ("tab:blue", ":")]
for label, chances, (color, style) in zip(
    model.classes_, model.predict_proba(prefixes).T, styles, strict=True
):
    ax.plot(range(2, len(X_test[k]) + 1), chances, style, color=color, label=label)
ax.set(
    title="A circle back, read step by step",
    xlabel="steps read",
    ylabel="probability",
    ylim=(0, 1.05),
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))

nothing = dict(zip(GESTURES, model.predict_proba([np.zeros((30, 3))])[0], strict=True))
print(
    "Of 30 steps of nothing:", ", ".join(f"{name} {p:.2f}" for name, p in nothing.items())
)

# %%
# Before the gesture the network cannot know, and yet it does not say a quarter each. What it says there, it says of
# nothing at all, too. It was trained on whole sequences, each with a gesture in it, so that no example tells it what to
# say of none; and it has learnt to know a line and a shake by what both channels do together, and takes the lack of
# that for a circle, one way or the other. Probabilities are to be trusted for what is like the training data, and a
# sequence that is not over is not. (To have it answer at every step, train it so: ``mapping="many-to-many"``.)
#
# What to try
# -----------
#
# Let the gestures come in the first half (``begin`` from 0). Which poolings suffer, and which cells with
# ``pooling="last"`` do not? Then leave ``cell``, ``patch_size``, ``pooling`` and ``bidirectional`` at their default,
# "auto", and see what it comes to: ``model[-1].pooling_`` and so on.
