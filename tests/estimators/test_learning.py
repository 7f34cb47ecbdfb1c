"""What the networks learn, as figures. Thresholds are the project's promises, not what happened to come out."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_digits_as_sequences_of_rows():
    digits = load_digits()
    X = (digits.data / 16).reshape(-1, 8, 8).astype(np.float32)
    accuracies = []
    for seed in range(3):
        X_train, X_test, y_train, y_test = train_test_split(
            X, digits.target, test_size=0.1, stratify=digits.target, random_state=seed
        )
        model = RNNSequenceClassifier(
            bidirectional=True, pooling="mean", batch_size=64, max_iter=40, random_state=seed
        ).fit(X_train, y_train)
        accuracies.append(model.score(X_test, y_test))
    assert np.median(accuracies) >= 0.97, accuracies


def test_adding_problem():
    """Two channels, a number and a mark; the target is the sum of the two marked numbers (Hochreiter & Schmidhuber)."""

    def make(n, T, rng):
        X = np.zeros((n, T, 2), np.float32)
        X[:, :, 0] = rng.random((n, T))
        first, second = rng.integers(0, T // 2, n), rng.integers(T // 2, T, n)
        row = np.arange(n)
        X[row, first, 1] = X[row, second, 1] = 1
        return X, X[row, first, 0] + X[row, second, 0]

    rng = np.random.default_rng(0)
    X, y = make(10_000, 50, rng)
    X_test, y_test = make(2_000, 50, rng)
    assert np.mean((y_test - y.mean()) ** 2) > 0.16
    model = RNNRegressor(batch_size=50, max_iter=6, random_state=0).fit(X, y)
    assert np.mean((model.predict(X_test) - y_test) ** 2) < 0.01


@pytest.mark.skipif(not (DATA / "japanese_vowels.npz").exists(), reason="japanese_vowels.npz does not ship")
def test_japanese_vowels():
    data = np.load(DATA / "japanese_vowels.npz")
    mean, std = data["X_train"].mean(axis=0), data["X_train"].std(axis=0)

    def sequences(part):
        X = ((data[f"X_{part}"] - mean) / std).astype(np.float32)
        return np.split(X, np.cumsum(data[f"lengths_{part}"])[:-1])

    X_train, X_test = sequences("train"), sequences("test")
    accuracies = []
    for seed in range(5):
        model = RNNSequenceClassifier(
            64, bidirectional=True, pooling="max", batch_size=32, max_iter=60, random_state=seed
        ).fit(X_train, data["y_train"])
        accuracies.append(model.score(X_test, data["y_test"]))
    assert np.median(accuracies) >= 0.975, accuracies


def test_what_an_elman_net_can_do():
    """y_t = x_{t-3}: needs a memory of three steps, at every step of sequences of different lengths."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 1)) for length in rng.integers(8, 25, 300)]
    y = [np.concatenate([np.zeros(3), x[:-3, 0]]) for x in X]
    model = RNNRegressor(
        24, cell="rnn", mapping="many-to-many", batch_size=20, max_iter=60, learning_rate="cosine",
        learning_rate_init=0.01, alpha=0.0, random_state=0,
    ).fit(X[:250], y[:250])  # fmt: skip
    assert model.score(X[250:], y[250:]) > 0.98


def test_one_to_many_draws_the_curve_of_its_features():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 1.5, size=(200, 2))  # amplitude and frequency
    y = X[:, :1] * np.sin(X[:, 1:] * np.arange(12) / 2)
    model = RNNRegressor(32, mapping="one-to-many", max_iter=300, learning_rate_init=0.01, random_state=0, alpha=0.0)
    assert model.fit(X[:160], y[:160]).score(X[160:], y[160:]) > 0.95


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "poisson", "quantile"])
def test_each_loss_finds_its_statistic(loss):
    """Where X says nothing, the best constant is predicted: mean, median, 0.8 quantile of a skewed sample."""
    rng = np.random.default_rng(0)
    y = rng.exponential(size=500)
    expected = {"squared_error": y.mean(), "poisson": y.mean(), "absolute_error": np.median(y)}
    expected["quantile"] = np.quantile(y, 0.8)
    grid = np.linspace(0, 3, 3001)[:, None]
    R = np.abs(y - grid)
    expected["huber"] = grid[np.where(R <= 0.5, R * R / 2, 0.5 * (R - 0.25)).sum(axis=1).argmin(), 0]
    model = RNNRegressor(
        4, cell="rnn", loss=loss, quantile=0.8, huber_delta=0.5, batch_size=500, max_iter=400, learning_rate="cosine",
        learning_rate_init=0.05, n_iter_no_change=400, random_state=0, alpha=0.0,
    ).fit(np.zeros((500, 3)), y)  # fmt: skip
    assert model.predict(np.zeros((1, 3)))[0] == pytest.approx(expected[loss], rel=0.02)


def test_several_quantiles_do_not_cross_and_cover():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 5, 1))
    scale = np.exp(X.mean(axis=(1, 2)))
    y = X[:, -1, 0] + scale * rng.normal(size=4000)
    levels = (0.1, 0.5, 0.9)
    model = RNNRegressor(
        16, loss="quantile", quantile=levels, max_iter=30, learning_rate="cosine", learning_rate_init=0.01,
        batch_size=50, random_state=0,
    ).fit(X[:3000], y[:3000])  # fmt: skip
    predicted = model.predict(X[3000:])
    assert predicted.shape == (1000, 3)
    assert (np.diff(predicted, axis=1) > 0).all()
    np.testing.assert_allclose((y[3000:, None] <= predicted).mean(axis=0), levels, atol=0.04)
    assert model.score(X[3000:], y[3000:]) > 0.1
    both = RNNRegressor(4, loss="quantile", quantile=levels, max_iter=2).fit(X[:50], np.c_[y, -y][:50])
    assert both.predict(X[:7]).shape == (7, 2, 3)
    assert (np.diff(both.predict(X), axis=2) > 0).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_targets_that_depend_on_the_length_are_learnt():
    """Batches of like lengths, drawn to save padding, would each pull in a direction of their own."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 101, 1000)
    X = [rng.normal(size=(length, 1)).astype(np.float32) for length in lengths]
    y = (lengths - 52) / 28
    model = RNNRegressor(32, batch_size=64, max_iter=20, learning_rate_init=0.005, random_state=0).fit(X[:800], y[:800])
    assert model.score(X[800:], y[800:]) > 0.98
