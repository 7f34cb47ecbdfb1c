"""
5b. Searching over parameters, as with any scikit-learn estimator
=================================================================

Each image of scikit-learn's digits is read from top to bottom: a sequence of 8 rows (time steps) of 8 pixels
(features). A ``Pipeline`` turns the flat table into such sequences; ``GridSearchCV`` looks for the cell, the width and
the learning rate by cross-validation in the training part, and the test part is used once, at the end. ::

    python examples/digits_grid_search.py [--quick]

``--quick``, with which this page is made for the documentation, tries a third of the grid.
"""

import sys
from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNSequenceClassifier

quick = "--quick" in sys.argv or "ipykernel" in sys.modules  # as in a notebook
picture = next((word for word in sys.argv if word.endswith(".png")), None)

# %%
# An image as a sequence
# ----------------------
#
# The table has one row an image, (n, 64). To the network a sample is a sequence: (n, 8 rows, 8 pixels), time second,
# features last. The first axis stays the sample, so every splitter of scikit-learn does the right thing.


# A function of a module, not a lambda: worker processes and pickles must be able to find it.
def rows_of_pixels(X):
    """(n, 64) numbers from 0 to 16 -> (n, 8 rows, 8 pixels) from 0 to 1."""
    return X.reshape(len(X), 8, 8) / 16


X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
image = rows_of_pixels(X_train[:1])[0]
axes[0].imshow(image, cmap="Greys")
axes[0].set(
    title=f"An image of a {y_train[0]}",
    xlabel="pixel (feature)",
    ylabel="row (time step)",
)
for pixel, (color, style) in {
    2: ("black", "-"),
    3: ("tab:orange", "--"),
    6: ("tab:blue", ":"),
}.items():
    axes[1].plot(image[:, pixel], style, color=color, marker=".", label=f"pixel {pixel}")
axes[1].set(
    title="... and three of its eight features",
    xlabel="row (time step)",
    ylabel="darkness (0 to 1)",
)
axes[1].spines[["top", "right"]].set_visible(False)
axes[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))

# %%
# The pipeline and the grid
# -------------------------
#
# Names of parameters are those of the pipeline: the step, two underscores, the parameter. Early stopping ends each fit
# on its own held-out tenth of the training folds, so that fast and slow learners get a fair hearing.

model = Pipeline(
    [
        ("rows", FunctionTransformer(rows_of_pixels)),
        (
            "net",
            RNNSequenceClassifier(
                batch_size=64,
                max_iter=200,
                early_stopping=True,
                n_iter_no_change=5,
                random_state=0,
            ),
        ),
    ]
)
grid = {
    "net__cell": ["rnn", "gru", "lstm"],
    "net__hidden_layer_sizes": [16, 32] if quick else [16, 64],
    "net__learning_rate_init": [0.01] if quick else [0.003, 0.01],
}
if quick:
    grid["net__cell"] = ["rnn", "gru"]
search = GridSearchCV(model, grid, cv=3, n_jobs=2)

start = perf_counter()
search.fit(X_train, y_train)
seconds = perf_counter() - start

# %%
# What came out
# -------------
#
# ``cv_results_`` has a row for each combination. "std" is over the three folds: differences that are smaller are noise.

table = pd.DataFrame(search.cv_results_).sort_values("rank_test_score")
table = table[
    [f"param_{name}" for name in grid]
    + ["mean_test_score", "std_test_score", "mean_fit_time"]
]
table.columns = ["cell", "width", "learning rate", "accuracy", "std", "seconds a fit"]
print(table.to_string(index=False, float_format="{:.3f}".format))
n_fits = len(table) * search.n_splits_ + 1
print(f"\n{n_fits} fits in {seconds:.0f} s")
print(
    "best:",
    {name.removeprefix("net__"): value for name, value in search.best_params_.items()},
)
print(f"accuracy on {len(y_test)} held-out images: {search.score(X_test, y_test):.3f}")

# %%
# Accuracy against the time that it takes: often the second best is much cheaper.

MARKERS = {"rnn": ("s", "0.6"), "gru": ("o", "black"), "lstm": ("^", "tab:orange")}
figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for cell, rows in table.groupby("cell", sort=False):
    marker, color = MARKERS[cell]
    ax.errorbar(
        rows["seconds a fit"],
        rows["accuracy"],
        rows["std"],
        fmt=marker,
        color=color,
        markersize=7,
        capsize=3,
        linewidth=1,
        label=cell,
    )
for _, row in table.iterrows():
    ax.annotate(
        f"{row['width']}, {row['learning rate']:g}",
        (row["seconds a fit"], row["accuracy"]),
        (8, -3),
        textcoords="offset points",
        fontsize=8,
    )
ax.set(
    title="Beside each point: width, learning rate; bars: std over folds",
    xlabel="time of a fit (seconds)",
    ylabel="accuracy in cross-validation (share)",
)
ax.margins(x=0.15)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(title="cell", frameon=False, loc="lower right")
if picture:
    figure.savefig(picture, dpi=110)

# %%
# What to try
# -----------
#
# Read the image by columns, or pixel by pixel (64 steps of one feature), by another function in the pipeline, and put
# ``"net__pooling": ["last", "mean", "concat"]`` into the grid. Which of these needs a long memory, and which of the
# poolings takes the need away?
