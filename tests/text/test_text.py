"""RNNTextGenerator: its gradients, what it scores, what it writes, and what it refuses."""

import pickle
import re
import sys
import threading
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_rnn import RNNTextGenerator
from sklearn_rnn.core import _training
from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._losses import LogLoss
from sklearn_rnn.core._network import Network
from sklearn_rnn.text import _parameters, _reader
from sklearn_rnn.text._tokens import UNKNOWN, sample

TEXT = "the cat sat on the mat, and the rat sat on the cat. " * 40


def generator(**options):
    return RNNTextGenerator(
        **{"hidden_layer_sizes": 12, "embedding_size": 6, "bptt_steps": 16, "batch_size": 4, "max_iter": 4, **options},
        random_state=0,
    )


@pytest.fixture(scope="module")
def fitted():
    return generator(max_iter=25).fit(TEXT)


# -- the network ------------------------------------------------------------------------------------------------------


def token_network(cell="lstm", one_hot=False, bidirectional=False, n_tokens=5, size=3):
    return Network(
        n_tokens if one_hot else size,
        (4, 3),
        LogLoss(n_tokens),
        cell=CELLS[cell](),
        bidirectional=bidirectional,
        pooling=None,
        dropout=0.0,
        n_tokens=n_tokens,
        one_hot=one_hot,
    )


def token_batch(rng, n_tokens=5, lengths=None):
    X = rng.integers(n_tokens, size=(6, 1, 4)).astype(float)
    Y = rng.integers(n_tokens, size=(6, 1, 4))
    return Batch(X, lengths, Y, count=24)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, np.array([6, 2, 5, 1])], ids=["full", "ragged"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradient_of_an_embedding(cell, lengths, bidirectional):
    rng = np.random.default_rng(0)
    network = token_network(cell, bidirectional=bidirectional)
    theta = network.start(rng, "uniform", 0.1, np.float64, 5)
    batch = token_batch(rng, lengths=lengths)
    _, gradient = network.loss_grad(theta, batch)
    for _ in range(5):
        direction = rng.normal(size=theta.size)
        direction /= np.linalg.norm(direction)
        step = 1e-5 * direction
        numeric = (network.loss_sum(theta + step, batch) - network.loss_sum(theta - step, batch)) / 2e-5
        assert gradient @ direction == pytest.approx(numeric, rel=1e-6, abs=1e-8)
    dE = network.layout.views(gradient)["E"]
    if lengths is None:
        absent = np.setdiff1d(np.arange(5), batch.X)
        assert not dE[absent].any()


def test_an_embedding_is_a_product_with_one_hot_input():
    """E followed by W_x is W_x @ E^T applied to a 1 among zeros."""
    rng = np.random.default_rng(0)
    embedded, one_hot = token_network(), token_network(one_hot=True)
    theta = embedded.start(rng, "uniform", 0.1, np.float64, 5)
    other = one_hot.start(rng, "uniform", 0.1, np.float64, 5)
    named, mine = embedded.layout.views(theta), one_hot.layout.views(other)
    assert "E" not in mine
    for name in mine:
        mine[name][...] = named[name] @ named["E"].T if name == "W_x_l0" else named[name]
    batch = token_batch(rng)
    np.testing.assert_allclose(one_hot.outputs(other, batch), embedded.outputs(theta, batch), rtol=1e-12)
    assert one_hot.loss_grad(other, batch)[0] == pytest.approx(embedded.loss_grad(theta, batch)[0], rel=1e-12)


# -- learning and scoring ---------------------------------------------------------------------------------------------


def test_it_learns_a_text_by_heart(fitted):
    assert fitted.loss_curve_[0] > 1.5
    assert fitted.score(TEXT) > -0.35
    assert fitted.perplexity(TEXT) == pytest.approx(np.exp(-fitted.score(TEXT)))
    assert fitted.n_iter_ == len(fitted.loss_curve_) == len(fitted.validation_loss_curve_) == 25
    written = fitted.generate(200, "the cat sat", temperature=0)
    assert written.startswith(" on the ")
    assert set(re.findall(r"\w+", written)[:-1]) <= set(re.findall(r"\w+", TEXT))  # the last may be cut off


@pytest.mark.parametrize("length", [2, 50, 1500, 2100])
def test_a_score_is_the_mean_over_one_run_through_the_text(fitted, length):
    text = TEXT[:length]
    numbers = [fitted.vocabulary_[token] for token in text]
    X = np.array(numbers[:-1], dtype=np.float32)[:, None, None]
    outputs = fitted._network().outputs(fitted._theta, Batch(X))[:, :, 0]
    log_proba = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    expected = np.mean([row[number] for row, number in zip(log_proba, numbers[1:], strict=True)], dtype=np.float64)
    assert fitted.score(text) == pytest.approx(expected, abs=1e-6)


def test_the_chance_of_the_next_token(fitted):
    assert fitted.predict_proba([]).shape == (0, len(fitted.vocabulary_))
    P = fitted.predict_proba(["the ca", "the ra", ""])
    assert P.shape == (3, len(fitted.vocabulary_))
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    assert list(fitted.vocabulary_)[P[0].argmax()] == "t"
    # without a prompt: as often as tokens occur in the part that was learnt
    learnt = TEXT[: len(TEXT) - int(0.1 * len(TEXT))]
    assert P[2][fitted.vocabulary_["a"]] == pytest.approx(learnt.count("a") / len(learnt), rel=1e-6)


def test_partial_fit_goes_on(fitted):
    model = generator(validation_fraction=0.0, learning_rate="constant")
    losses = [-model.partial_fit(TEXT).score(TEXT) for _ in range(4)]
    assert losses[-1] < losses[0] - 0.3
    assert model.n_iter_ == 4
    np.testing.assert_allclose(model.loss_curve_, clone(model).fit(TEXT).loss_curve_, rtol=1e-6)


def test_words_and_analyzers_of_ones_own():
    model = generator(analyzer="word", max_iter=20).fit(TEXT)
    assert set(model.vocabulary_) == {"the", "cat", "sat", "on", "mat", ",", "and", "rat", "."}
    assert model.separator == " "
    assert model.generate(4, "the cat sat", temperature=0).split()[:2] == ["on", "the"]
    lines = RNNTextGenerator(
        4, analyzer=lambda text: text.split("\n"), bptt_steps=4, batch_size=2, max_iter=1, random_state=0
    )
    assert lines.fit(["a", "b", "c"] * 30).vocabulary_ == {"a": 0, "b": 1, "c": 2}
    array = generator(max_iter=1, analyzer=lambda text: np.array(list(text))).fit(TEXT)
    assert {type(token) for token in array.vocabulary_} == {str}


def test_unknown_tokens():
    with pytest.raises(ValueError, match=r"2 token\(s\) .* not in the vocabulary: 'X', 'Y'.*handle_unknown='ignore'"):
        generator(max_iter=1).fit(TEXT).score("the cat Y X")
    model = generator(max_iter=1, handle_unknown="ignore").fit(TEXT)
    assert np.isfinite(model.score("the cat YX sat"))
    assert model.score("the catX") == pytest.approx(model.score("the cat"), rel=1e-6)  # it is not scored
    assert UNKNOWN not in model.generate(300, temperature=5.0, random_state=0)
    with pytest.raises(ValueError, match="nothing to score"):
        model.score("XYZ")
    model = generator(max_iter=1, vocabulary=set(TEXT) | {"X"}).fit(TEXT)
    assert model.score("the X") < 0
    assert list(model.vocabulary_) == sorted(set(TEXT) | {"X"})


# -- writing ----------------------------------------------------------------------------------------------------------


def test_writing_is_reproducible_and_goes_on_from_the_prompt(fitted):
    written = fitted.generate(50, "the", random_state=3)
    assert len(written) == 50
    assert written == fitted.generate(50, "the", random_state=3) != fitted.generate(50, "the", random_state=4)
    assert fitted.generate(30, "the cat", 0) == fitted.generate(10, "the cat", 0) + fitted.generate(
        20, "the cat" + fitted.generate(10, "the cat", 0), 0
    )


def test_sampling():
    outputs = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    draws = (np.arange(10_000) + 0.5) / 10_000

    def shares(**options):
        options = {"temperature": 1.0, "top_k": None, "top_p": None, **options}
        return np.bincount([sample(outputs, draw=draw, **options) for draw in draws], minlength=4) / len(draws)

    np.testing.assert_allclose(shares(), [0.5, 0.3, 0.15, 0.05], atol=2e-4)
    np.testing.assert_allclose(shares(top_k=2), [0.625, 0.375, 0, 0], atol=2e-4)
    np.testing.assert_allclose(shares(top_p=0.7), [0.625, 0.375, 0, 0], atol=2e-4)
    np.testing.assert_allclose(shares(top_p=0.4), [1, 0, 0, 0])
    np.testing.assert_allclose(shares(temperature=0), [1, 0, 0, 0])
    squares = np.array([0.5, 0.3, 0.15, 0.05]) ** 2
    np.testing.assert_allclose(shares(temperature=0.5), squares / squares.sum(), atol=2e-4)


# -- what reaches the network -----------------------------------------------------------------------------------------


def test_parameters_reach_the_network(tmp_path):
    options = {
        "hidden_layer_sizes": (3, 2),
        "cell": "lstm",
        "bptt_steps": 5,
        "batch_size": 3,
        "dropout": 0.1,
        "init": "normal",
        "init_scale": 0.2,
        "solver": "rmsprop",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.01,
        "learning_rate_decay": 0.5,
        "clip_norm": 2.0,
        "clip_value": 1.0,
        "alpha": 0.01,
        "max_iter": 2,
        "early_stopping": True,
        "n_iter_no_change": 7,
        "tol": 0.1,
        "verbose": 0,
        "random_state": 3,
        "checkpoint": str(tmp_path),
        "checkpoint_every": 100,
    }
    assert set(options) == set(_parameters._OF_THE_NETWORK)
    defaults = RNNTextGenerator().get_params()
    assert all(value != defaults[name] or name == "verbose" for name, value in options.items())
    model = RNNTextGenerator(embedding_size=4, **options).fit(TEXT)
    settings = model._settings(3, model.learning_rate)
    schedule = settings.schedule
    assert (schedule.kind, schedule.initial, schedule.decay, schedule.max_iter) == ("adaptive", 0.01, 0.5, 2)
    assert (settings.batch_size, settings.watch_validation) == (3, True)
    for name in "bptt_steps solver clip_norm clip_value alpha max_iter n_iter_no_change tol".split():
        assert getattr(settings, name) == options[name], name
    network = model._network()
    assert (network.hidden_layer_sizes, type(network.cell).__name__, network.dropout) == ((3, 2), "LSTMCell", 0.1)
    assert network.layout.shapes["E"] == (len(set(TEXT)), 4)
    other = RNNTextGenerator(embedding_size=4, **{**options, "random_state": 4}).fit(TEXT)
    assert not np.array_equal(other.weights_["W_o"], model.weights_["W_o"])


def test_streams(fitted):
    numbers = np.arange(1000)
    streams = generator(batch_size=4, bptt_steps=16)._streams(numbers)
    X = streams.sequences.values
    assert X.shape == (4, 249, 1)
    np.testing.assert_array_equal(streams.Y[:, 0], X.ravel() + 1)
    np.testing.assert_array_equal(X[:, 0, 0], [0, 249, 498, 747])

    def shape(**options):
        return generator(batch_size=64, **options)._streams(numbers).sequences.values.shape

    assert shape(bptt_steps=100) == (4, 249, 1)  # two stretches at least
    assert shape(bptt_steps=600) == (1, 999, 1)


def test_the_last_part_is_held_out():
    other = "dog dog dog dog dog dog. "
    text = TEXT + other * 8
    model = generator(batch_size=1, max_iter=1, validation_fraction=len(other) * 8 / len(text)).fit(text)
    assert model.validation_loss_curve_[-1] == pytest.approx(-model.score(other * 8), abs=1e-6)
    assert model.validation_loss_curve_[-1] > model.loss_curve_[-1] + 0.5
    assert model.predict_proba([""])[0, model.vocabulary_["g"]] < 1e-9  # it does not occur in the part that was learnt


def test_averaged_weights():
    """They are what is kept and validated; partial_fit goes on from the last ones, and not from their mean."""
    plain, averaged = (generator(learning_rate="constant", averaging=a, batch_size=1).fit(TEXT) for a in (False, True))
    assert plain.loss_curve_ == averaged.loss_curve_  # measured on the way, on the weights themselves
    assert not np.allclose(plain.weights_["W_o"], averaged.weights_["W_o"])
    held_out = TEXT[len(TEXT) - int(0.1 * len(TEXT)) :]
    assert averaged.validation_loss_curve_[-1] == pytest.approx(-averaged.score(held_out), abs=1e-6)
    learnt = TEXT[: -len(held_out)]
    vocabulary = sorted(set(TEXT))
    in_parts = generator(averaging=True, batch_size=1, vocabulary=vocabulary)
    for _ in range(4):
        in_parts = pickle.loads(pickle.dumps(in_parts.partial_fit(learnt)))
    np.testing.assert_allclose(in_parts.weights_["W_o"], averaged.weights_["W_o"], rtol=1e-4, atol=1e-5)
    best = generator(averaging=True, batch_size=1, learning_rate_init=0.3, early_stopping=True, max_iter=9).fit(TEXT)
    assert min(best.validation_loss_curve_) == pytest.approx(-best.score(held_out), abs=1e-6)


def test_a_text_too_short_to_hold_out_a_part():
    with pytest.warns(UserWarning, match="15 tokens, fewer than 2 [*] bptt_steps = 32.*'abcabc.* name of a file"):
        assert generator().fit("abc" * 5).validation_loss_curve_ is None
    with pytest.warns(UserWarning, match="21 tokens"):
        assert len(generator().fit("abc" * 7).validation_loss_curve_) == 4


def test_how_many_passes_are_made():
    wide = {"tol": 10.0, "n_iter_no_change": 2, "max_iter": 12}  # nothing counts as a gain
    assert generator(**wide).fit(TEXT).n_iter_ == 12
    assert generator(**wide, early_stopping=True).fit(TEXT).n_iter_ == 4
    rates = generator(**wide, learning_rate="adaptive").fit(TEXT).loss_curve_
    assert rates != generator(**wide, learning_rate="constant").fit(TEXT).loss_curve_


def test_without_an_embedding():
    model = generator(embedding_size=None, max_iter=20).fit(TEXT)
    assert "E" not in model.weights_
    assert model.weights_["W_x_l0"].shape == (3 * 12, len(model.vocabulary_))
    assert model.score(TEXT) > -0.8
    assert model.generate(7, "the cat sat", 0) == " on the"


def test_two_tokens_are_enough():
    model = generator(max_iter=15).fit("011" * 300)
    assert model.predict_proba(["0110"]).shape == (1, 2)
    assert model.generate(6, "011", temperature=0) == "011011"


def test_a_score_in_pieces_is_the_same(monkeypatch):
    model = generator(max_iter=2, handle_unknown="ignore").fit(TEXT)
    text = TEXT[:300].replace("cat", "XYZ")
    whole = model.score(text), model.predict_proba([text])
    monkeypatch.setattr(_reader, "_PIECE", 7)
    np.testing.assert_allclose(model.score(text), whole[0], rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba([text]), whole[1], rtol=1e-5)


def test_validation_in_pieces_is_the_same(monkeypatch):
    whole = generator().fit(TEXT).validation_loss_curve_
    monkeypatch.setattr(_training, "CHUNK_BYTES", 4000)
    np.testing.assert_allclose(generator().fit(TEXT).validation_loss_curve_, whole, rtol=1e-6)


def test_long_streams_are_trained_side_by_side(monkeypatch):
    """How long a stream is does not matter: there are never states of more than a stretch of it."""
    curve = generator().fit(TEXT).loss_curve_
    shapes = set()
    loss_grad = Network.loss_grad

    def noting(self, theta, batch, *others):
        shapes.add(batch.X.shape)
        return loss_grad(self, theta, batch, *others)

    monkeypatch.setattr(Network, "loss_grad", noting)
    n_steps = (len(TEXT) - len(TEXT) // 10 - 1) // 4
    numbers_a_step = generator().fit(TEXT)._network().numbers_a_step
    for n_cells, n_parts in ((16 * 4, 1), (16 * 4 - 1, 2)):  # the states of four streams, and not quite
        shapes.clear()
        monkeypatch.setattr(_training, "TRAINING_BYTES", 4 * numbers_a_step * n_cells)
        np.testing.assert_allclose(generator().fit(TEXT).loss_curve_, curve, rtol=1e-5)
        assert shapes == {(16, 1, 4 // n_parts), (n_steps % 16, 1, 4 // n_parts)}


# -- going on ---------------------------------------------------------------------------------------------------------


def test_partial_fit_heeds_parameters(fitted):
    model = generator(early_stopping=True).partial_fit(TEXT)  # which only fit can heed
    before = model.weights_["W_o"].copy()
    model.set_params(learning_rate_init=1e-12).partial_fit(TEXT)
    np.testing.assert_allclose(model.weights_["W_o"], before, atol=1e-7)
    with pytest.raises(ValueError, match="changed: hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=5, dropout=0.5).partial_fit(TEXT)
    model.set_params(dropout=0.0)
    with pytest.raises(ValueError, match="changed: embedding_size"):
        model.set_params(hidden_layer_sizes=12, embedding_size=3).partial_fit(TEXT)
    assert model.set_params(embedding_size=6).partial_fit(TEXT).n_iter_ == 3
    # cosine would be at its end in every max_iter-th call
    steady, cosine = (generator(learning_rate=kind, max_iter=2) for kind in ("constant", "cosine"))
    for _ in range(3):
        assert steady.partial_fit(TEXT).loss_curve_ == cosine.partial_fit(TEXT).loss_curve_


@pytest.mark.filterwarnings("ignore:The text has 4 tokens")
def test_tokens_are_counted_over_all_calls():
    model = generator(max_iter=1, validation_fraction=0.0).fit(TEXT).partial_fit("tttt")
    expected = (TEXT.count("t") + 4) / (len(TEXT) + 4)
    assert model.predict_proba([""])[0, model.vocabulary_["t"]] == pytest.approx(expected, rel=1e-6)
    assert model.fit(TEXT).predict_proba([""])[0, model.vocabulary_["t"]] == pytest.approx(TEXT.count("t") / len(TEXT))


def test_a_partial_fit_that_fails_changes_nothing():
    model = generator()
    with pytest.raises(ValueError, match="at least 2 different"):
        model.partial_fit("aaa")
    assert vars(model) == vars(generator())
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="hidden_layer_sizes"):
            fit.__self__.set_params(hidden_layer_sizes=()) and fit(TEXT)
        assert vars(model.set_params(hidden_layer_sizes=12)) == vars(generator())
    model.partial_fit(TEXT)
    before = model.score(TEXT), model.vocabulary_
    with pytest.raises(ValueError, match=r"holds 1 token.* 'X'"):
        model.partial_fit(TEXT + "X")
    assert (model.score(TEXT), model.vocabulary_) == before


def stop_after(n_calls, monkeypatch, error=KeyboardInterrupt):
    left = iter(range(n_calls))
    compute = Network.loss_grad

    def loss_grad(self, theta, batch, rng=None, arena=None):
        value, gradient = compute(self, theta, batch, rng, arena)
        if next(left, None) is None:
            if error is not None:
                raise error
            value = np.nan
        return value, gradient

    monkeypatch.setattr(Network, "loss_grad", loss_grad)


@pytest.mark.parametrize("are_errors", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, None], ids=["interrupted", "diverged"])
def test_a_fit_that_ends_early_keeps_what_was_learnt(error, are_errors, monkeypatch):
    expected, before = (generator(max_iter=n, learning_rate="constant").fit(TEXT) for n in (3, 2))
    model = generator(max_iter=50, learning_rate="constant")
    n_updates = -(-model._streams(np.zeros(len(TEXT) - 208, int)).sequences.n_timesteps // 16)
    stop_after(3 * n_updates + 1, monkeypatch, error)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if are_errors else "always")
        if error is not None:
            with pytest.raises(KeyboardInterrupt, match="keeps what it has learnt, the best of 3 epoch"):
                model.fit(TEXT)
        elif are_errors:
            with pytest.raises(UserWarning, match="not finite"):
                model.fit(TEXT)
        else:
            with pytest.warns(UserWarning, match="not finite"):
                model.fit(TEXT)
    assert model.n_iter_ == 3
    assert model.stopped_by_ == ("interrupted" if error else "diverged") and before.stopped_by_ == "max_iter"
    assert model.loss_curve_ == expected.loss_curve_
    # the third epoch's loss is the best, and where the next diverges the weights are those that it began with
    least = expected.score(TEXT) if error else before.score(TEXT) - 1e-6
    assert model.score(TEXT) >= least


def test_fits_in_threads_leave_warnings_as_they_are():
    """Filters and hooks of warnings belong to the process; max_iter must end a fit quietly without touching them."""
    before = warnings.showwarning, warnings._showwarnmsg_impl, list(warnings.filters)
    threads = [threading.Thread(target=generator(max_iter=n).fit, args=(TEXT,)) for n in (2, 9, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (warnings.showwarning, warnings._showwarnmsg_impl, list(warnings.filters)) == before


def test_an_interrupted_first_pass_is_kept(monkeypatch):
    stop_after(5, monkeypatch)
    model = generator()
    with pytest.raises(KeyboardInterrupt, match="keeps what it has learnt, as far as it got"):
        model.partial_fit(TEXT)
    assert -2.7 < model.score(TEXT) < 0
    assert model.n_iter_ == 0


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_words():
    tokens = generator(analyzer="word")._tokens("Well... it's 1_000 (so)!\n\tYes")
    assert tokens == ["Well", "...", "it", "'", "s", "1_000", "(", "so", ")!", "Yes"]


@pytest.mark.parametrize(
    "vocabulary",
    [list("cab"), ("c", "a", "b"), np.array(list("cab")), pd.Series(list("cab")), {"a": 1, "c": 0, "b": 2}],
    ids=["list", "tuple", "array", "series", "dict"],
)
def test_a_vocabulary_keeps_its_order(vocabulary):
    model = generator(max_iter=10, vocabulary=vocabulary).fit("ab" * 200)
    assert model.vocabulary_ == {"c": 0, "a": 1, "b": 2}
    assert {type(token) for token in model.vocabulary_} == {str}
    assert model.predict_proba(["ab"]).argmax() == 1


def test_the_replacement_character():
    model = generator(max_iter=1).fit(TEXT + UNKNOWN)  # a character like any other
    assert model.score("the" + UNKNOWN) < 0
    model = generator(max_iter=1, handle_unknown="ignore").fit(TEXT + UNKNOWN * 20)
    assert model.vocabulary_[UNKNOWN] == len(model.vocabulary_) - 1
    assert model.score("the cat" + UNKNOWN) == pytest.approx(model.score("the catX"))
    assert UNKNOWN not in model.generate(200, temperature=5.0, random_state=0)
    model = generator(max_iter=1, handle_unknown="ignore", vocabulary=[UNKNOWN, "t", "h"]).fit(TEXT)
    assert model.vocabulary_ == {UNKNOWN: 0, "t": 1, "h": 2}
    assert set(model.generate(50, "the", random_state=0)) <= {"t", "h"}


@pytest.mark.parametrize("of", [tuple, np.array, pd.Series, iter], ids=["tuple", "array", "series", "iterator"])
def test_ordered_collections_of_texts(of, fitted):
    lines = ["the cat sat", "on the mat"]
    model = generator(max_iter=1, vocabulary=set(TEXT) | {"\n"}).fit(TEXT)
    assert model.score(of(lines)) == model.score("the cat sat\non the mat")
    np.testing.assert_allclose(fitted.predict_proba(of(lines)), fitted.predict_proba(lines))


def test_lines_as_tokens():
    model = generator(analyzer=lambda text: text.split("\n"), bptt_steps=4, max_iter=2).fit(["a b", "c d", "e f"] * 30)
    assert model.separator == " "
    assert len(re.findall("a b|c d|e f", model.generate(5, random_state=0))) == 5
    assert model.predict_proba([""]).shape == (1, 3)


# -- sampling ---------------------------------------------------------------------------------------------------------


def test_sampling_at_its_limits():
    outputs = np.array([0.0, 2.0, 1.0, 2.0, -np.inf])
    draws = np.linspace(0, 1, 101)[:-1]

    def drawn(**options):
        options = {"temperature": 1.0, "top_k": None, "top_p": None, **options}
        return {sample(outputs, draw=draw, **options) for draw in (*draws, np.nextafter(1, 0))}

    assert drawn() == {0, 1, 2, 3}
    assert {sample(np.zeros(500), 1.0, 3, None, draw) for draw in draws} == {0, 1, 2}
    assert sample(np.zeros(2), 1.0, None, None, 0.5) == 1
    assert drawn(top_k=1) == drawn(top_k=1, temperature=1e17) == drawn(temperature=0) == drawn(top_p=1e-12) == {1}
    assert drawn(temperature=5e-324) == drawn(temperature=1e-300) == drawn(top_k=2) == {1, 3}  # a tie
    assert drawn(top_k=100) == drawn(top_p=1.0) == drawn(temperature=sys.float_info.max) == {0, 1, 2, 3}
    p = np.exp([2.0, 2.0, 1.0]) / np.exp([2.0, 2.0, 1.0]).sum()
    assert drawn(top_k=3, top_p=p[:2].sum() - 1e-9) == {1, 3}  # of the three, not of all
    assert drawn(top_k=3, top_p=p[:2].sum() + 1e-9) == {1, 2, 3}


@pytest.mark.parametrize("number", [np.float32, np.float16, Fraction])
def test_a_temperature_may_be_any_real_number(number, fitted):
    assert fitted.generate(9, "the", number(0.5), random_state=0) == fitted.generate(9, "the", 0.5, random_state=0)
    assert fitted.generate(9, "the", top_p=number(0.5), random_state=0) == fitted.generate(
        9, "the", top_p=0.5, random_state=0
    )


def test_tokens_come_as_often_as_they_should(fitted):
    """One token after a prompt, drawn many times."""
    expected = fitted.predict_proba(["the "])[0]
    rng = np.random.RandomState(0)
    written = [fitted.generate(1, "the ", random_state=rng) for _ in range(2000)]
    counts = np.array([written.count(token) for token in fitted.vocabulary_])
    assert counts.sum() == 2000
    np.testing.assert_allclose(counts / 2000, expected, atol=4 * np.sqrt(0.25 / 2000))


def test_weights_that_are_not_finite_are_an_error():
    model = generator(max_iter=1).fit(TEXT)
    model.weights_["W_o"][:] = np.nan
    for call in (lambda: model.score(TEXT), lambda: model.predict_proba(["a"]), lambda: model.generate(3)):
        with pytest.raises(ValueError, match=r"not finite.*learning_rate_init"):
            call()


# -- conventions and refusals -----------------------------------------------------------------------------------------


def test_conventions(fitted):
    model = clone(generator(cell="gru"))
    assert model.get_params()["cell"] == "gru"
    again = pickle.loads(pickle.dumps(fitted))
    assert again.score(TEXT) == fitted.score(TEXT)
    assert again.generate(20, random_state=0) == fitted.generate(20, random_state=0)
    assert not [name for name in vars(fitted) if "callback" in name]
    assert fitted.weights_["E"].shape == (len(fitted.vocabulary_), 6)
    texts = [TEXT] * 6
    search = GridSearchCV(generator(max_iter=1), {"hidden_layer_sizes": [4, 8]}, cv=KFold(2)).fit(texts)
    assert search.best_score_ < 0
    assert fitted.__sklearn_tags__().input_tags.string
    assert not fitted.__sklearn_tags__().input_tags.two_d_array
    # so that exp is infinite
    surprised = generator(max_iter=1).fit(TEXT)
    surprised.weights_["b_o"][surprised.vocabulary_["t"]] = -1e6
    assert surprised.perplexity("at") == np.inf


def test_a_fit_that_fails_changes_nothing(fitted):
    model = generator(max_iter=2).fit(TEXT)
    before = model.score(TEXT)
    with pytest.raises(ValueError):
        model.fit("a")
    assert model.score(TEXT) == before
    new = generator()
    for call in (
        lambda: new.generate(3),
        lambda: new.score(TEXT),
        lambda: new.perplexity(TEXT),
        lambda: new.predict_proba([""]),
        lambda: new.weights_,
    ):
        with pytest.raises(NotFittedError):
            call()
    assert not any(hasattr(new, name) for name in ("loss_curve_", "validation_loss_curve_", "n_iter_"))


WRONG = [
    (lambda m: generator().fit(5), TypeError, "str or a list of str, got int"),
    (lambda m: generator().fit(["a", 5]), TypeError, "list of str; element 1 of it is 5"),
    (lambda m: generator().fit(pd.DataFrame({"a": [TEXT]})), TypeError, "list of str, got DataFrame"),
    (lambda m: generator().fit({TEXT}), TypeError, "list of str, got set"),
    (lambda m: generator().fit({TEXT: 1}), TypeError, "list of str, got dict"),
    (lambda m: generator().fit(np.array(TEXT)), TypeError, "list of str, got ndarray"),
    (lambda m: generator().fit(TEXT.encode()), TypeError, "list of str, got bytes"),
    (lambda m: generator().fit([[TEXT]]), TypeError, "element 0 of it is"),
    (lambda m: generator(vocabulary=["a", None]).fit(TEXT), TypeError, "vocabulary must be made of str, got None"),
    (lambda m: generator(vocabulary=np.array([["a", "b"]])).fit(TEXT), TypeError, "must be a list.*got ndarray"),
    (lambda m: generator(vocabulary=pd.DataFrame({"a": [1], "b": [2]})).fit("ab"), TypeError, "got DataFrame"),
    (lambda m: generator(vocabulary={"a": "0", "b": 1}).fit(TEXT), ValueError, "its 2 tokens the numbers from 0"),
    (lambda m: generator(vocabulary={"a": False, "b": True}).fit(TEXT), ValueError, "its 2 tokens the numbers from 0"),
    (
        lambda m: generator(max_iter=1).fit("ab" * 50).set_params(vocabulary=["a", "b", "c"]).partial_fit("abc" * 50),
        ValueError,
        "vocabulary= holds other tokens",
    ),
    (lambda m: generator(vocabulary=list("abcab")).fit(TEXT), ValueError, "more than once: 'a', 'b'"),
    (lambda m: generator(vocabulary={"a": 0, "b": 2}).fit(TEXT), ValueError, "its 2 tokens the numbers from 0"),
    (lambda m: generator(vocabulary=list("abc")).fit("abcd" * 30), ValueError, "1 token.* not in the vocabulary: 'd'"),
    (
        lambda m: generator(vocabulary=["the", "cat"], handle_unknown="ignore").fit(TEXT),
        ValueError,
        "None of the 2080 token.*analyzer='char'",
    ),
    (
        lambda m: generator(vocabulary=["t", "h"], handle_unknown="ignore").fit(UNKNOWN * 50),
        ValueError,
        "None of the 50 token",
    ),
    (
        lambda m: generator(learning_rate_init=-1.0).fit(TEXT),
        ValueError,
        "'learning_rate_init' parameter of RNNTextGenerator",
    ),
    (lambda m: generator(analyzer=str.lower).fit(TEXT), TypeError, "analyzer must return a list of str, got str"),
    (lambda m: generator(analyzer=lambda text: None).fit(TEXT), TypeError, "list of str, got NoneType"),
    (lambda m: generator(analyzer=lambda text: [1]).fit(TEXT), TypeError, "list of str, got 1 in it"),
    (lambda m: m.predict_proba(None), TypeError, "list of str, got NoneType"),
    (lambda m: m.generate(True), ValueError, "n_tokens"),
    (lambda m: m.generate(5, top_k=2.0), ValueError, "top_k"),
    (lambda m: m.generate(5, temperature=np.inf), ValueError, "temperature"),
    (lambda m: m.generate(5, temperature=10**400), ValueError, "temperature"),
    (lambda m: m.generate(5, temperature=np.nan), ValueError, "temperature"),
    (lambda m: m.generate(5, temperature=True), ValueError, "temperature"),
    (lambda m: m.generate(5, temperature="1"), ValueError, "temperature"),
    (lambda m: m.generate(5, temperature=np.float32("inf")), ValueError, "temperature"),
    (lambda m: m.generate(5, top_p=0), ValueError, "top_p"),
    (lambda m: m.generate(5, top_p=True), ValueError, "top_p"),
    (
        lambda m: generator(max_iter=1).fit(TEXT).set_params(analyzer="word").generate(1),
        ValueError,
        "analyzer is 'word' now, but this model was fitted with 'char'",
    ),
    (lambda m: generator(max_iter=1).fit(TEXT).set_params(analyzer="word").partial_fit(TEXT), ValueError, "now, but"),
    (
        lambda m: generator(max_iter=1).fit(TEXT).set_params(handle_unknown="ignore").score(TEXT),
        ValueError,
        "handle_unknown is 'ignore' now",
    ),
    (lambda m: generator().fit("a" * 50), ValueError, "at least 2 different tokens"),
    (lambda m: generator(analyzer="bytes").fit(TEXT), ValueError, "analyzer"),
    (lambda m: generator(analyzer=len).fit(TEXT), TypeError, ""),
    (lambda m: generator(solver="lbfgs").fit(TEXT), ValueError, "solver"),
    (lambda m: generator(validation_fraction=1.0).fit(TEXT), ValueError, "validation_fraction"),
    (
        lambda m: generator(early_stopping=True, validation_fraction=0.0).fit(TEXT),
        ValueError,
        "holds out 0 of 2080 tokens",
    ),
    (lambda m: m.score("a"), ValueError, "none that follows"),
    (lambda m: m.predict_proba("the"), TypeError, "list of str"),
    (lambda m: m.generate(0), ValueError, "n_tokens"),
    (lambda m: m.generate(2.5), ValueError, "n_tokens"),
    (lambda m: m.generate(5, "QQ"), ValueError, "prompt holds 1 token"),
    (lambda m: m.generate(5, temperature=-1), ValueError, "temperature"),
    (lambda m: m.generate(5, top_k=0), ValueError, "top_k"),
    (lambda m: m.generate(5, top_p=1.5), ValueError, "top_p"),
]


@pytest.mark.parametrize("call, error, message", WRONG, ids=range(len(WRONG)))
def test_wrong_calls(fitted, call, error, message):
    with pytest.raises(error) as caught:
        call(fitted)
    assert re.search(message, str(caught.value))


# -- found by use -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The text has 10 tokens")
def test_the_name_of_a_file_is_not_taken_for_a_text_without_a_word():
    with pytest.warns(UserWarning, match=r"10 tokens, fewer than 2 \* bptt_steps = 64.*'corpus.txt' is the name"):
        RNNTextGenerator(4, max_iter=1).fit("corpus.txt")
    with pytest.warns(UserWarning, match="hardly enough to learn from"):
        RNNTextGenerator(4, max_iter=1).partial_fit("corpus.txt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RNNTextGenerator(4, max_iter=1).fit("corpus.txt " * 12)


def test_a_list_of_prompts_is_several_prompts(fitted):
    prompts = ["the cat sat", "the rat", ""]
    written = fitted.generate(12, prompts, temperature=0)
    assert written == [fitted.generate(12, prompt, temperature=0) for prompt in prompts[:2]] + written[2:]
    assert fitted.generate(12, ["the cat sat"], temperature=0) == written[:1]
    assert fitted.generate(12, [], random_state=0) == []
    assert [len(text) for text in fitted.generate(7, prompts, random_state=0)] == [7, 7, 7]


def test_a_killed_fit_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    text = "the cat sat on the mat. " * 80
    options = {"max_iter": 5, "bptt_steps": 16, "batch_size": 8, "averaging": True, "dropout": 0.1, "random_state": 0}
    expected = RNNTextGenerator(8, **options).fit(text)

    class Killed(BaseException):
        pass

    def end(self):
        if self.training.progress.epoch == 3:
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr("sklearn_rnn.text._generator.Announcer.epoch", end)
        RNNTextGenerator(8, **options, checkpoint=tmp_path, checkpoint_every=1).fit(part for part in [text])
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]
    other = text[::-1]
    anew = RNNTextGenerator(8, **options, checkpoint=tmp_path, checkpoint_every=1).fit(part for part in [other])
    assert anew.loss_curve_ == RNNTextGenerator(8, **options).fit(other).loss_curve_
    resumed = RNNTextGenerator(8, **options, checkpoint=tmp_path, checkpoint_every=1).fit(text)
    for name, W in expected.weights_.items():
        np.testing.assert_array_equal(resumed.weights_[name], W)
    assert resumed.loss_curve_ == expected.loss_curve_
    assert resumed.validation_loss_curve_ == expected.validation_loss_curve_
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="checkpoint_every must be a number of epochs"):
        RNNTextGenerator(8, checkpoint_every="soon").fit(text)
