"""RNNTextGenerator: its gradients, what it scores, what it writes, and what it refuses."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_rnn import RNNTextGenerator
from sklearn_rnn._losses import LogLoss
from sklearn_rnn._network import CELLS, Batch, Network
from sklearn_rnn._text import UNKNOWN, _sample

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
    theta = network.start(rng, "uniform", 0.1, np.float64)
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
    theta = embedded.start(rng, "uniform", 0.1, np.float64)
    other = one_hot.start(rng, "uniform", 0.1, np.float64)
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
    outputs = fitted._net._network().outputs(fitted._net._theta, Batch(X))[:, :, 0]
    log_proba = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    expected = np.mean([row[number] for row, number in zip(log_proba, numbers[1:], strict=True)], dtype=np.float64)
    assert fitted.score(text) == pytest.approx(expected, abs=1e-6)


def test_the_chance_of_the_next_token(fitted):
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


def test_unknown_tokens():
    with pytest.raises(ValueError, match=r"2 token\(s\) that were not fitted: 'X', 'Y'.*handle_unknown='ignore'"):
        generator(max_iter=1).fit(TEXT).score("the cat Y X")
    model = generator(max_iter=1, handle_unknown="ignore").fit(TEXT)
    assert np.isfinite(model.score("the cat YX sat"))
    assert model.score("the catX") == pytest.approx(model.score("the cat"), rel=1e-6)  # it is not scored
    assert UNKNOWN not in model.generate(300, temperature=5.0, random_state=0)
    with pytest.raises(ValueError, match="nothing to score"):
        model.score("XYZ")
    assert generator(max_iter=1, vocabulary=set(TEXT) | {"X"}).fit(TEXT).score("the X") < 0


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
        return np.bincount([_sample(outputs, draw=draw, **options) for draw in draws], minlength=4) / len(draws)

    np.testing.assert_allclose(shares(), [0.5, 0.3, 0.15, 0.05], atol=2e-4)
    np.testing.assert_allclose(shares(top_k=2), [0.625, 0.375, 0, 0], atol=2e-4)
    np.testing.assert_allclose(shares(top_p=0.7), [0.625, 0.375, 0, 0], atol=2e-4)
    np.testing.assert_allclose(shares(top_p=0.4), [1, 0, 0, 0])
    np.testing.assert_allclose(shares(temperature=0), [1, 0, 0, 0])
    squares = np.array([0.5, 0.3, 0.15, 0.05]) ** 2
    np.testing.assert_allclose(shares(temperature=0.5), squares / squares.sum(), atol=2e-4)


def test_conventions(fitted):
    model = clone(generator(cell="gru"))
    assert model.get_params()["cell"] == "gru"
    again = pickle.loads(pickle.dumps(fitted))
    assert again.score(TEXT) == fitted.score(TEXT)
    assert again.generate(20, random_state=0) == fitted.generate(20, random_state=0)
    assert fitted.weights_["E"].shape == (len(fitted.vocabulary_), 6)
    texts = [TEXT] * 6
    search = GridSearchCV(generator(max_iter=1), {"hidden_layer_sizes": [4, 8]}, cv=KFold(2)).fit(texts)
    assert search.best_score_ < 0


def test_a_fit_that_fails_changes_nothing(fitted):
    model = generator(max_iter=2).fit(TEXT)
    before = model.score(TEXT)
    with pytest.raises(ValueError):
        model.fit("a")
    assert model.score(TEXT) == before
    with pytest.raises(NotFittedError):
        generator().generate(3)


WRONG = [
    (lambda m: generator().fit(5), TypeError, "str or a list of str, got int"),
    (lambda m: generator().fit(["a", 5]), TypeError, "list of str"),
    (lambda m: generator().fit("a" * 50), ValueError, "at least 2 different tokens"),
    (lambda m: generator(analyzer="bytes").fit(TEXT), ValueError, "analyzer"),
    (lambda m: generator(analyzer=len).fit(TEXT), TypeError, ""),
    (lambda m: generator(solver="lbfgs").fit(TEXT), ValueError, "solver"),
    (lambda m: generator(validation_fraction=1.0).fit(TEXT), ValueError, "validation_fraction"),
    (lambda m: generator(early_stopping=True, validation_fraction=0.0).fit(TEXT), ValueError, "early_stopping"),
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
