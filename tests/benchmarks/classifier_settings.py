"""Which settings of the two estimators learn best, on development data of many lengths and sizes.

    python tests/benchmarks/classifier_settings.py --data FOLDER
    python tests/benchmarks/classifier_settings.py --tasks osuleaf digits-pixels --setting "cell='lstm', pooling='max'"

The defaults were chosen by its table. Scores are of data held out: accuracy, or R2 of the regressions; seconds are of
one fit on one core. Inputs are standardised step by step, as the documentation advises. FOLDER may hold vowels, Italy,
OSULeaf and ACSF1 as npz files, with X_train, lengths_train, y_train and so on, sequences concatenated; without it they
are left out, and the rest is made here. What is chosen by these data looks better on them than on others: wherever the
figures are shown, that is said beside them.
"""

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier, TimestepTransformer, make_windows

FILES = {"vowels": "japanese_vowels", "italy": "italy_power_demand", "osuleaf": "osu_leaf", "acsf1": "acsf1"}
OLD = {
    "cell": "gru",
    "hidden_layer_sizes": 64,
    "bidirectional": False,
    "patch_size": 1,
    "pooling": "last",
    "batch_size": 200,
    "learning_rate_init": 0.003,
}
SETTINGS = {
    "defaults": {},
    "a GRU, its last state": OLD,
    "a GRU, concat": {**OLD, "pooling": "concat", "batch_size": "auto"},
    "a GRU, concat, both ways": {**OLD, "pooling": "concat", "batch_size": "auto", "bidirectional": True},
    "mingru, concat": {"cell": "mingru", "pooling": "concat", "patch_size": 1, "bidirectional": False},
    "mingru, concat, both ways": {"cell": "mingru", "pooling": "concat", "patch_size": 1, "bidirectional": True},
    "the same, patches of 4": {"cell": "mingru", "pooling": "concat", "patch_size": 4, "bidirectional": True},
    "the same, patches of 16": {"cell": "mingru", "pooling": "concat", "patch_size": 16, "bidirectional": True},
    "indrnn, patches of 4": {"cell": "indrnn", "pooling": "concat", "patch_size": 4, "bidirectional": True},
}


def from_file(path):
    """Sequences and labels of one data set, for training and for testing."""
    stored = np.load(path)

    def part(name):
        X, lengths = stored[f"X_{name}"], stored[f"lengths_{name}"]
        X = X.reshape(len(X), -1).astype(np.float32)
        return np.split(X, np.cumsum(lengths)[:-1]), stored[f"y_{name}"]

    return *part("train"), *part("test")


def digits(by):
    X, y = load_digits(return_X_y=True)
    X = X.reshape(len(X), *((8, 8) if by == "rows" else (64, 1))).astype(np.float32)
    X, Xt, y, yt = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    return X, y, Xt, yt


def early_level(n_steps=1000, n=500, n_test=500, seed=0):
    """The class is the level of the first twenty steps of noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n + n_test)
    X = rng.normal(size=(n + n_test, n_steps, 1)).astype(np.float32)
    X[:, :20, 0] += (2 * y - 1)[:, None]
    return X[:n], y[:n], X[n:], y[n:]


def early_shape(n_steps=1000, n=500, n_test=500, seed=1):
    """Three classes: a rise, a fall or a bump of twenty steps, somewhere within the first 200 steps of noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n + n_test)
    ramp = np.linspace(-1, 1, 20)
    shapes = 2.5 * np.stack([ramp, -ramp, 1 - 2 * np.abs(ramp)])
    X = rng.normal(size=(n + n_test, n_steps, 1)).astype(np.float32)
    for x, at, label in zip(X, rng.integers(0, 180, len(y)), y):
        x[at : at + 20, 0] += shapes[label]
    return X[:n], y[:n], X[n:], y[n:]


def adding(n_steps=200, n=2000, n_test=1000, seed=0):
    """The sum of the two numbers that are marked (Hochreiter & Schmidhuber, 1997)."""
    rng = np.random.default_rng(seed)
    total = n + n_test
    X, i = np.zeros((total, n_steps, 2), np.float32), np.arange(total)
    X[:, :, 0] = rng.uniform(0, 1, (total, n_steps))
    first, second = rng.integers(0, n_steps // 2, total), rng.integers(n_steps // 2, n_steps, total)
    X[i, first, 1] = X[i, second, 1] = 1.0
    y = X[i, first, 0] + X[i, second, 0]
    return X[:n], y[:n], X[n:], y[n:]


def noisy_windows(window=24, n=1500, n_test=1000, seed=0):
    """The next value of a series with a period of 12, a threshold and noise."""
    rng = np.random.default_rng(seed)
    series = np.zeros(n + n_test + window)
    for t in range(2, len(series)):
        pull = 0.6 if series[t - 2] > 0 else -0.3
        series[t] = pull * series[t - 1] + np.sin(2 * np.pi * t / 12) + 0.5 * rng.normal()
    X, y = make_windows(series.astype(np.float32), window)
    return X[:n], y[:n], X[n:], y[n:]


def lagged(n_steps=10, n=800, n_test=1000, seed=0):
    """A product of two of ten steps, and a third."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + n_test, n_steps, 1)).astype(np.float32)
    y = X[:, 3, 0] * X[:, 6, 0] + X[:, 8, 0]
    return X[:n], y[:n], X[n:], y[n:]


TASKS = {
    "digits-rows": lambda: digits("rows"),
    "digits-pixels": lambda: digits("pixels"),
    "early-level": early_level,
    "early-shape": early_shape,
    "adding-200": adding,
    "windows": noisy_windows,
    "windows-100": lambda: noisy_windows(window=100),
    "lagged": lagged,
}


def run(task, setting, seed):
    """Score on data held out, and seconds of the fit."""
    X, y, Xt, yt = task()
    Model = RNNRegressor if np.asarray(y).dtype.kind == "f" else RNNSequenceClassifier
    if Model is RNNRegressor:
        center, scale = y.mean(), y.std()
        y, yt = (y - center) / scale, (yt - center) / scale
    model = make_pipeline(TimestepTransformer(StandardScaler()), Model(random_state=seed, **setting))
    start = perf_counter()
    model.fit(X, y)
    seconds = perf_counter() - start
    return model.score(Xt, yt), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with the npz files")
    parser.add_argument("--tasks", nargs="+", help="default: all")
    parser.add_argument("--setting", action="append", help="parameters, in place of the settings compared here")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    tasks = dict(TASKS)
    for name, file in FILES.items():
        path = options.data / f"{file}.npz" if options.data else None
        if path is not None and path.exists():
            tasks[name] = lambda path=path: from_file(path)
    settings = SETTINGS
    if options.setting:
        settings = {text: eval(f"dict({text})") for text in options.setting}
    chosen = options.tasks or list(tasks)
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in chosen:
        for label, setting in settings.items():
            found = [run(tasks[name], setting, seed) for seed in range(options.seeds)]
            scores, seconds = zip(*found)
            each = " ".join(f"{score:.3f}" for score in scores)
            print(f"{name:14} {np.mean(scores):6.3f} ({each}) {np.mean(seconds):6.1f} s   {label}", flush=True)


if __name__ == "__main__":
    main()
