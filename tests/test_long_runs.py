"""Many calls and long sequences: memory stays where it is.

Small versions run with all tests; SKLEARN_RNN_LONG=1 in the environment runs the full ones, a few minutes.
"""

import gc
import os
import tracemalloc

import numpy as np
import pytest

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator
from sklearn_rnn.core import _training
from sklearn_rnn.core._pooling import POOLINGS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FULL = bool(int(os.environ.get("SKLEARN_RNN_LONG", "0")))
MB = 1 << 20


def peak_of(call):
    """What call() returns, and the most memory that it took meanwhile, in MB."""
    gc.collect()
    tracemalloc.start()
    try:
        result = call()
        return result, tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


def growth_of(step, n):
    """Memory, in MB, that n more calls hold on to after a few."""
    for _ in range(20):
        step()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(n):
            step()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / MB
    finally:
        tracemalloc.stop()


RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6, 1))
SMALL = {"hidden_layer_sizes": 4, "random_state": 0}


def test_partial_fit_for_ever():
    model = RNNRegressor(**SMALL, cell="gru")
    n = 2000 if FULL else 60
    growth = growth_of(lambda: model.partial_fit(X, X[:, -1, 0]), n)
    assert model.n_iter_ == n + 20
    assert growth < 5 * n / 2000 + 0.1
    text = RNNTextGenerator(4, embedding_size=2, bptt_steps=4, batch_size=2, random_state=0)
    assert growth_of(lambda: text.partial_fit("abracadabra " * 3), n // 2) < 5 * n / 2000 + 0.1


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_predictions_and_updates_for_ever():
    n = 2000 if FULL else 60
    model = RNNSequenceClassifier(**SMALL, max_iter=1, bidirectional=False, patch_size=1).fit(X, X[:, 0, 0] > 0)
    assert growth_of(lambda: model.predict(X), n) < 0.1
    stream = model.stream(8)
    assert growth_of(lambda: stream.step(X[:, 0]), n) < 0.1
    forecaster = RNNForecaster(RNNRegressor(**SMALL, max_iter=1), window=4, random_state=0).fit(np.sin(np.arange(60.0)))
    assert growth_of(lambda: forecaster.update(np.sin(np.arange(3.0))).predict(), n // 4) < 5 * n / 2000 + 0.2


# What is computed at once is then 100 steps of one sequence in a net of 4 units, so that 2,000 are long.
SMALL_CHUNK = 100 * 8 * (8 * 4 + 2)


CASES = [
    *[{"cell": cell, "pooling": "last"} for cell in ("rnn", "lstm", "mingru", "indrnn")],
    *[{"cell": "gru", "pooling": pooling} for pooling in POOLINGS],
    {"cell": "gru", "patch_size": 3, "pooling": "mean"},
    {"cell": "lstm", "hidden_layer_sizes": (4, 3), "pooling": "concat"},
    {"cell": "gru", "mapping": "many-to-many"},
    {"cell": "mingru", "mapping": "many-to-many", "hidden_layer_sizes": (4, 3)},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_a_walk_through_a_long_sequence_predicts_the_same(options, monkeypatch):
    options = {**SMALL, "max_iter": 2, "bidirectional": False, "patch_size": 1, **options}
    y = X[:, :, 0] if "mapping" in options else X[:, -1, 0]
    model = RNNRegressor(**options).fit(X, y)
    long = [RNG.normal(size=(n, 1)) for n in (1999, 3, 700, 100, 1)]
    expected, states = model.predict(long), model.hidden_states(long)
    alone = model.predict(long[:1])
    layers = [model.hidden_states(long, layer=k) for k in range(len(model.hidden_layer_sizes_))]
    monkeypatch.setattr(_training, "CHUNK_BYTES", SMALL_CHUNK)
    for walked, at_once in (
        (model.predict(long), expected),
        (model.predict(long[:1]), alone),
        (model.hidden_states(long), states),
        *[(model.hidden_states(long, layer=k), of_layer) for k, of_layer in enumerate(layers)],
    ):
        for a, b in zip(walked, at_once, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_the_loss_of_long_validation_sequences_is_the_same(monkeypatch):
    long = [RNG.normal(size=(n, 1)) for n in (1999, 700, 5, 5)]
    targets = np.array([x[-1, 0] for x in long])

    def curve(**options):
        model = RNNRegressor(**{**SMALL, "max_iter": 2, "bidirectional": False, "patch_size": 1, **options})
        per_step = "mapping" in options
        y, y_val = (X[:, :, 0], [x[:, 0] for x in long]) if per_step else (X[:, -1, 0], targets)
        return model.fit(X, y, X_val=long, y_val=y_val).validation_loss_curve_

    cases = [
        {"cell": "gru", "pooling": "concat"},
        {"cell": "lstm", "pooling": "attention"},
        {"mapping": "many-to-many"},
    ]
    at_once = [curve(**options) for options in cases]
    monkeypatch.setattr(_training, "CHUNK_BYTES", SMALL_CHUNK)
    np.testing.assert_allclose([curve(**options) for options in cases], at_once, rtol=1e-9)


@pytest.mark.parametrize("pooling", ["last", "concat", None])
def test_a_prediction_of_a_very_long_sequence_takes_no_memory_for_its_states(pooling):
    n_steps = 1_000_000 if FULL else 100_000
    options = {"mapping": "many-to-many"} if pooling is None else {"pooling": pooling}
    options |= {"cell": "mingru", "bidirectional": False, "patch_size": 1, "max_iter": 1}
    model = RNNRegressor(32, random_state=0, **options)
    model.fit(X, X[:, :, 0] if pooling is None else X[:, 0, 0])
    long = RNG.normal(size=(1, n_steps, 1))
    predicted, peak = peak_of(lambda: model.predict(long))
    assert predicted.shape == ((1, n_steps) if pooling is None else (1,))
    # once the inputs, and at every step outputs, their places and copies; all states would take 8 * 32 numbers a step
    numbers_a_step = 8 if pooling is None else 3
    assert peak < 30 + numbers_a_step * n_steps * 8 / MB < 8 * 32 * n_steps * 8 / MB / 2


def test_a_bidirectional_network_needs_the_states_of_all_steps():
    n_steps = 20_000
    model = RNNRegressor(8, cell="mingru", bidirectional=True, patch_size=1, max_iter=1, random_state=0)
    model.fit(X, X[:, 0, 0])
    _, peak = peak_of(lambda: model.predict(RNG.normal(size=(1, n_steps, 1))))
    assert peak > 2 * 8 * n_steps * 8 / MB


@pytest.mark.parametrize("per_step", [False, True])
def test_training_on_very_long_sequences_takes_memory_for_a_segment(per_step):
    n_steps = 100_000 if FULL else 20_000
    long = RNG.normal(size=(2, n_steps, 1))
    options = {"mapping": "many-to-many"} if per_step else {}
    bptt_steps = n_steps // 4 if not FULL and per_step else 1000  # an update takes its time, too
    model = RNNRegressor(16, cell="mingru", bptt_steps=bptt_steps, max_iter=1, random_state=0, **options)
    _, peak = peak_of(lambda: model.fit(long, long[:, :, 0] if per_step else long[:, 0, 0]))
    segment = 2 * bptt_steps * 16 * 8 * 8 / MB
    data = 2 * n_steps * 8 / MB
    assert peak < 60 + 12 * data + 3 * segment
    assert np.isfinite(model.predict(long[:, :100])).all()
