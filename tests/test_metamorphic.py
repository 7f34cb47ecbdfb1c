"""What must not change a result: the order and the form of samples, how data come in pieces, storing, and threads."""

import io
import pickle
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
import threadpoolctl
from hypothesis import given, settings, strategies as st

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._pooling import POOLINGS
from sklearn_rnn.estimators import _rows

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = quiet

some = settings(max_examples=10, derandomize=True, database=None, deadline=None)
SMALL = {"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 12, 2))
LENGTHS = RNG.integers(1, 13, 30)
RAGGED = [x[:length] for x, length in zip(X, LENGTHS)]
y = X[:, -1, 0]
LABELS = np.array(["low", "middle", "high"])[np.digitize(y, [-0.5, 0.5])]


def regressor(**options):
    return RNNRegressor(**{**SMALL, **options}).fit(RAGGED, y)


def many_to_many(**options):
    return RNNRegressor(**{**SMALL, "mapping": "many-to-many", **options}).fit(RAGGED, [x[:, 0] for x in RAGGED])


MODELS = {
    **{f"{cell}": lambda cell=cell: regressor(cell=cell) for cell in CELLS},
    **{f"{pooling} pooling": lambda pooling=pooling: regressor(pooling=pooling, cell="gru") for pooling in POOLINGS},
    "both ways": lambda: regressor(cell="lstm", bidirectional=True, hidden_layer_sizes=(4, 3)),
    "patches": lambda: regressor(patch_size=3),
    "quantiles": lambda: regressor(loss="quantile", quantile=(0.1, 0.5, 0.9)),
    "at every step": lambda: many_to_many(cell="gru"),
    "at every step, both ways": lambda: many_to_many(bidirectional=True),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param]()


def as_list(predicted):
    """One array a sequence, whatever form predictions are in."""
    return [np.asarray(p, float) for p in predicted]


def assert_same(some, others, rtol=1e-12, atol=1e-13):
    for a, b in zip(as_list(some), as_list(others), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def test_the_order_of_samples_does_not_matter(model):
    order = np.random.default_rng(1).permutation(len(RAGGED))
    mixed = model.predict([RAGGED[i] for i in order])
    assert_same([mixed[i] for i in np.argsort(order)], model.predict(RAGGED))


def test_nor_with_which_others_a_sample_comes(model):
    expected = model.predict(RAGGED)
    one_by_one = [model.predict([x])[0] for x in RAGGED]
    assert_same(one_by_one, expected)
    in_parts = [*model.predict(RAGGED[:7]), *model.predict(RAGGED[7:8]), *model.predict(RAGGED[8:])]
    assert_same(in_parts, expected)
    twice = model.predict(RAGGED + RAGGED)
    assert_same(twice[:30], expected)
    assert_same(twice[30:], expected)


@some
@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 10**6))
def test_padding_at_either_end_is_a_shorter_sequence(model, before, after, seed):
    padded = np.full((len(X), before + 12 + after, 2), np.nan)
    shift = np.random.default_rng(seed).integers(0, before + 1, len(X))
    for row, x, start in zip(padded, RAGGED, shift):
        row[start : start + len(x)] = x
    predicted = model.predict(padded)
    if model.mapping == "many-to-many":
        absent = np.isnan(padded).all(axis=2)
        assert np.isnan(predicted[absent]).all()
        predicted = [p[~gone] for p, gone in zip(predicted, absent)]
    assert_same(predicted, model.predict(RAGGED))


def test_stored_and_loaded_it_predicts_the_same(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    for loaded in (pickle.loads(pickle.dumps(model)), joblib.load(file)):
        assert_same(loaded.predict(RAGGED), model.predict(RAGGED), 0, 0)


def test_threads_of_blas_do_not_matter(model, monkeypatch):
    monkeypatch.setattr(_rows, "MULTIPLICATIONS_A_THREAD", 1)  # no block is too small for a thread of its own

    def predict():
        return model.predict(RAGGED * 20), model.hidden_states(RAGGED * 20)

    with threadpoolctl.threadpool_limits(1):
        one = predict()
    with threadpoolctl.threadpool_limits(2):
        two = predict()
    for a, b in zip(one, two):
        assert_same(a, b, 0, 0)


def test_a_stream_says_what_predict_says(model):
    if model.bidirectional_ or model.patch_size_ > 1:
        with pytest.raises(ValueError, match="a stream does not know"):
            model.stream()
        return
    told = model.stream(30)
    steps = [told.step(X[:, t]) for t in range(12)]
    expected = model.predict(X)
    if model.mapping == "many-to-many":
        assert_same(np.stack(steps, axis=1), expected)
    else:
        assert_same(steps[-1], expected)
        assert_same(steps[4], model.predict(X[:, :5]))


@pytest.mark.parametrize("dtype", ["f4", "f2", ">f8", "i8", "u1", "O", "longdouble"])
@pytest.mark.parametrize("cell", ["gru", "mingru"])
def test_the_type_of_numbers_does_not_matter(dtype, cell):
    whole = np.round(3 * np.abs(X))  # numbers that all of these types hold exactly
    in_double = RNNRegressor(**SMALL, cell=cell).fit(whole, y)
    other = whole.astype(dtype)
    exact = {"rtol": 0, "atol": 0}
    assert_same(in_double.predict(other), in_double.predict(whole), **exact)
    fitted = RNNRegressor(**SMALL, cell=cell).fit(other, y)
    assert fitted.predict(whole).dtype == (np.float32 if dtype == "f4" else np.float64)
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == "f4" else exact
    assert_same(fitted.predict(other), in_double.predict(whole), **tolerance)


def test_classifier_with_samples_in_another_order_and_stored():
    model = RNNSequenceClassifier(**SMALL).fit(X, LABELS)
    order = np.random.default_rng(1).permutation(30)
    np.testing.assert_allclose(model.predict_proba(X[order]), model.predict_proba(X)[order], rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X[order]), model.predict(X)[order])
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    renamed = RNNSequenceClassifier(**SMALL).fit(X, np.unique(LABELS, return_inverse=True)[1])
    np.testing.assert_array_equal(renamed.predict_proba(X), model.predict_proba(X))


def test_a_text_in_any_number_of_prompts():
    text = "the cat sat on the mat. " * 20
    model = RNNTextGenerator(8, embedding_size=4, max_iter=2, bptt_steps=8, random_state=0).fit(text)
    prompts = [text[:k] for k in (0, 1, 5, 40)]
    together = model.predict_proba(prompts)
    np.testing.assert_allclose(together, np.vstack([model.predict_proba([p]) for p in prompts]), rtol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(prompts), together)
    # what a text is worth is what its tokens are worth one after the other
    vocabulary = model.vocabulary_
    logs = [np.log(model.predict_proba([text[:k]])[0, vocabulary[text[k]]]) for k in range(1, 30)]
    assert model.score(text[:30]) == pytest.approx(np.mean(logs), rel=1e-5)


# -- the forecaster ---------------------------------------------------------------------------------------------------

MONTHS = pd.date_range("2010-01-01", periods=84, freq="MS")
SEASONAL = pd.Series(10 + np.sin(np.arange(84) * np.pi / 6) + 0.1 * np.random.default_rng(2).normal(size=84), MONTHS)


@pytest.fixture(scope="module", params=[{}, {"normalize": "last", "strategy": "recursive"}, {"normalize": None}])
def forecaster(request):
    options = {"horizon": 3, "window": 12, "random_state": 0, **request.param}
    return RNNForecaster(RNNRegressor(**SMALL), **options).fit(SEASONAL[:60])


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(some, max_examples=4)
@given(cuts=st.lists(st.integers(1, 23), max_size=5), n_steps=st.integers(1, 7))
def test_an_update_may_come_in_any_pieces(forecaster, cuts, n_steps):
    bounds = [60, *sorted({60 + cut for cut in cuts}), 84]
    in_pieces = pickle.loads(pickle.dumps(forecaster))
    for start, stop in pairwise(bounds):
        in_pieces.update(SEASONAL[start:stop])
    at_once = pickle.loads(pickle.dumps(forecaster)).update(SEASONAL[60:])
    pd.testing.assert_series_equal(in_pieces.predict(n_steps), at_once.predict(n_steps), rtol=1e-9)
    pd.testing.assert_frame_equal(in_pieces.predict_interval(n_steps), at_once.predict_interval(n_steps), rtol=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_series_of_a_frame_are_forecast_whatever_their_order(forecaster):
    assert pickle.loads(pickle.dumps(forecaster)).predict().equals(forecaster.predict())
    three = pd.DataFrame({"a": SEASONAL, "b": 2 * SEASONAL, "c": SEASONAL[::-1].to_numpy()})
    forecasts = forecaster.predict(4, y=three)
    pd.testing.assert_frame_equal(forecaster.predict(4, y=three[["c", "a", "b"]])[["a", "b", "c"]], forecasts)
    for name in three:
        alone = forecaster.predict(4, y=three[name])
        np.testing.assert_allclose(alone, forecasts[name], rtol=1e-9)
