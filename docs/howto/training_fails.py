"""The picture of the page "When training fails": four failures, as the displays show them.

python docs/howto/training_fails.py
"""

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import (
    GradientFlowDisplay,
    HiddenStateDisplay,
    LossCurveDisplay,
    RNNRegressor,
    RNNSequenceClassifier,
)


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)  # that some do not converge is what is shown
    rng = np.random.default_rng(0)
    S = rng.normal(size=(300, 20, 1))
    t = S[:, -1, 0] * S[:, -2, 0] + S[:, -3, 0]
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")

    nets = {}
    for rate in (0.0003, 0.01, 1.0):
        nets[f"rate {rate:g}"] = RNNRegressor(16, learning_rate_init=rate, max_iter=40, random_state=0).fit(S, t)
    LossCurveDisplay.from_estimator(nets, ax=axes[0, 0])

    A, B = rng.normal(size=(60, 20, 1)), rng.normal(size=(500, 20, 1))
    a, b = A[:, -1, 0] + rng.normal(size=60), B[:, -1, 0] + rng.normal(size=500)
    net = RNNRegressor(64, learning_rate_init=0.01, tol=1e-3, random_state=0).fit(A, a, X_val=B, y_val=b)
    LossCurveDisplay.from_estimator(net, ax=axes[0, 1])

    labels = rng.integers(0, 2, 400)
    W = rng.normal(size=(400, 80, 1))
    W[:, :10, 0] += np.where(labels, 0.8, -0.8)[:, None]
    net = RNNSequenceClassifier(32, cell="gru", bidirectional=False, pooling="last", patch_size=1, random_state=0)
    for _ in range(3):
        net.partial_fit(W, labels, classes=[0, 1])
    GradientFlowDisplay.from_estimator(net, W, labels, ax=axes[1, 0])

    net = RNNRegressor(16, cell="rnn", max_iter=20, random_state=0).fit(40 + 15 * S, t)
    HiddenStateDisplay.from_estimator(net, 40 + 15 * S, kind="heatmap", ax=axes[1, 1])

    titles = "Rates: too small, right, too large", "Over-fit", "Gradients that vanish", "Saturated units: X not scaled"
    for ax, title in zip(axes.flat, titles):
        ax.set_title(f"{title}\n{ax.get_title()}".strip(), fontsize=10)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
