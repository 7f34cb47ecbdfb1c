"""What the estimators make of X, and of what is not there: the conventions of `_sequences`, and their invariances."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.model_selection import cross_val_predict

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier
from sklearn_rnn.core import _training
from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._losses import SquaredError
from sklearn_rnn.core._network import Network
from sklearn_rnn.core._pooling import POOLINGS
from sklearn_rnn.sequences._arrays import is_ragged
from sklearn_rnn.sequences._dataset import Dataset
from sklearn_rnn.sequences._sequences import Sequences

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, T, F = 9, 6, 2
LENGTHS = np.array([6, 1, 4, 2, 6, 3, 5, 2, 4])
VOWELS = Path(__file__).resolve().parents[3] / "shared" / "data" / "japanese_vowels.npz"

rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, F))
y = rng.normal(size=N)
Y = rng.normal(size=(N, T))
RAGGED = [x[:length] for x, length in zip(X, LENGTHS)]
RAGGED_Y = [row[:length] for row, length in zip(Y, LENGTHS)]

# (cell, activation) of every cell; the keywords of an estimator.
CELL_OPTIONS = [
    {"cell": cell, "activation": activation}
    for cell in CELLS
    for activation in (("tanh", "relu") if cell == "rnn" else ("tanh",))
]


def regressor(**options):
    return RNNRegressor(**{"hidden_layer_sizes": 4, "max_iter": 2, "batch_size": 4, "random_state": 0, **options})


def classifier(**options):
    return RNNSequenceClassifier(
        **{"hidden_layer_sizes": 4, "max_iter": 2, "batch_size": 4, "random_state": 0, **options}
    )


def objects(arrays):
    """A 1-D object array of arrays."""
    out = np.empty(len(arrays), object)
    out[:] = arrays
    return out


def padded(arrays, first, fill=np.nan, n_timesteps=T):
    """Arrays of different lengths as one, array i from step first[i] on."""
    out = np.full((len(arrays), n_timesteps, *arrays[0].shape[1:]), fill, np.result_type(arrays[0], type(fill)))
    for row, array, start in zip(out, arrays, first):
        row[start : start + len(array)] = array
    return out


# Absent steps at the end, at the start, and at both ends.
FIRST_STEPS = {"trailing": 0 * LENGTHS, "leading": T - LENGTHS, "both": (T - LENGTHS) // 2}


# -- one data set, several ways to pass it ----------------------------------------------------------------------------


@pytest.mark.parametrize("mapping, target", [("many-to-one", y), ("many-to-many", Y)])
def test_2d_is_one_channel(mapping, target):
    # same seed, same sequence of random draws: the weights must agree bit for bit
    flat = regressor(mapping=mapping).fit(X[:, :, 0], target)
    deep = regressor(mapping=mapping).fit(X[:, :, :1], target)
    np.testing.assert_array_equal(flat.predict(X[:, :, 0]), deep.predict(X[:, :, :1]))
    np.testing.assert_array_equal(deep.predict(X[:, :, 0]), deep.predict(X[:, :, :1]))
    assert (flat.n_features_in_, deep.n_features_in_) == (T, 1)


@pytest.mark.parametrize("wrap", [list, tuple, objects, lambda arrays: [pd.DataFrame(x) for x in arrays]])
def test_list_of_equal_lengths_is_3d(wrap):
    as_array, as_list = regressor().fit(X, y), regressor().fit(wrap(list(X)), y)
    np.testing.assert_allclose(as_list.predict(wrap(list(X))), as_array.predict(X), rtol=1e-10)


@pytest.mark.parametrize(
    "nested",
    [
        pytest.param([[0.5, 1.0, 2.0], [1.5, 0.0, 1.0]], id="equal lengths"),
        pytest.param([[0.5, 1.0, 2.0], [1.5, 0.0]], id="different lengths"),
    ],
)
def test_list_of_lists_of_scalars_is_univariate(nested):
    model = regressor().fit(nested, [0.0, 1.0])
    again = regressor().fit([np.array(row)[:, None] for row in nested], [0.0, 1.0])
    np.testing.assert_allclose(model.predict(nested), again.predict([np.array(row) for row in nested]), rtol=1e-10)


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(tuple, id="tuple"),
        pytest.param(objects, id="object array"),
        pytest.param(lambda arrays: pd.Series(arrays, index=range(3, 3 + N)), id="Series"),
        pytest.param(lambda arrays: [a.tolist() for a in arrays], id="lists"),
    ],
)
def test_containers_of_ragged_sequences(wrap):
    expected = regressor(mapping="many-to-many").fit(RAGGED, RAGGED_Y).predict(RAGGED)
    model = regressor(mapping="many-to-many").fit(wrap(RAGGED), wrap(RAGGED_Y))
    for a, b in zip(model.predict(wrap(RAGGED)), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_is_ragged_tells_sequences_from_tables():
    assert is_ragged([np.ones(2), np.ones(2)]) and is_ragged([[1], [1, 2]]) and is_ragged(objects([[1], [1, 2]]))
    for table in (np.ones((2, 2)), [[1, 2], [3, 4]], [1, 2], [], objects([]), np.array([1, "a"], object), None):
        assert not is_ragged(table)


def test_pandas_series_y():
    named = pd.Series([f"class {i % 3}" for i in range(N)], index=range(100, 100 + N))
    np.testing.assert_array_equal(
        classifier().fit(X, named).predict_proba(X), classifier().fit(X, named.to_numpy()).predict_proba(X)
    )
    np.testing.assert_array_equal(
        regressor().fit(X, pd.Series(y, index=named.index)).predict(X), regressor().fit(X, y).predict(X)
    )


def test_data_frame_keeps_feature_names():
    frame = pd.DataFrame(X[:, :, 0], columns=[f"lag {i}" for i in range(T, 0, -1)])
    model = regressor().fit(frame, y)
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    np.testing.assert_array_equal(model.predict(frame), regressor().fit(X[:, :, 0], y).predict(X[:, :, 0]))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[frame.columns[::-1]])
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")  # 3-D X has no names: the old ones must not stay


# -- absent steps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", FIRST_STEPS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_is_ragged_many_to_one(where, bidirectional):
    options = {"bidirectional": bidirectional, "pooling": "mean"}
    P = padded(RAGGED, FIRST_STEPS[where])
    from_list, from_array = regressor(**options).fit(RAGGED, y), regressor(**options).fit(P, y)
    np.testing.assert_array_equal(from_array.predict(P), from_list.predict(RAGGED))
    np.testing.assert_array_equal(from_array.predict(RAGGED), from_list.predict(P))
    assert from_array.score(P, y) == from_list.score(RAGGED, y)


@pytest.mark.parametrize("where", FIRST_STEPS)
@pytest.mark.parametrize("fill", [np.nan, 1e30])
def test_padding_is_ragged_many_to_many(where, fill):
    # targets at absent steps are ignored, whatever they are
    P, Q = padded(RAGGED, FIRST_STEPS[where]), padded(RAGGED_Y, FIRST_STEPS[where], fill)
    from_list = regressor(mapping="many-to-many").fit(RAGGED, RAGGED_Y)
    from_array = regressor(mapping="many-to-many").fit(P, Q)
    expected = padded(list(from_list.predict(RAGGED)), FIRST_STEPS[where])
    np.testing.assert_array_equal(from_array.predict(P), expected)  # NaN at the same places
    assert from_array.score(P, Q) == from_list.score(RAGGED, RAGGED_Y)
    states = padded(list(from_list.hidden_states(RAGGED)), FIRST_STEPS[where])
    np.testing.assert_array_equal(from_array.hidden_states(P), states)


@pytest.mark.parametrize("where", FIRST_STEPS)
@pytest.mark.parametrize("names, absent", [([0, 1, 2], -1), (["a", "b", "c"], None), ([0.0, 1.0], np.nan)])
def test_padding_is_ragged_labels(where, names, absent):
    labels = [np.resize(names, length) for length in LENGTHS]
    P = padded(RAGGED, FIRST_STEPS[where])
    Q = np.full((N, T), names[0])
    Q[np.isfinite(P[:, :, 0])] = np.concatenate(labels)
    from_list = classifier(mapping="many-to-many").fit(RAGGED, labels)
    from_array = classifier(mapping="many-to-many").fit(P, Q)
    expected = np.full((N, T), absent, object)
    for row, predicted, start in zip(expected, from_list.predict(RAGGED), FIRST_STEPS[where]):
        row[start : start + len(predicted)] = predicted
    predicted = from_array.predict(P)
    np.testing.assert_array_equal(predicted, expected.astype(predicted.dtype))
    assert predicted.dtype == (object if absent is None else np.asarray(names).dtype)
    proba = padded(list(from_list.predict_proba(RAGGED)), FIRST_STEPS[where])
    np.testing.assert_array_equal(from_array.predict_proba(P), proba)
    assert from_array.score(P, Q) == from_list.score(RAGGED, labels)


def test_unsigned_labels_get_a_sign_for_absent_steps():
    P = padded(RAGGED, FIRST_STEPS["trailing"])
    predicted = classifier(mapping="many-to-many").fit(P, np.resize([0, 1], (N, T)).astype(np.uint8)).predict(P)
    assert predicted.dtype == np.int64 and predicted.min() == -1


# -- shapes of what comes out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, target, tail",
    [
        pytest.param({}, Y, (), id="one output"),
        pytest.param({}, np.dstack([Y, Y, Y]), (3,), id="three outputs"),
        pytest.param({}, Y[:, :, None], (1,), id="an axis of one output"),
        pytest.param({"loss": "quantile", "quantile": (0.2, 0.5)}, Y, (2,), id="two quantiles"),
        pytest.param({"loss": "quantile", "quantile": (0.2, 0.5)}, np.dstack([Y] * 3), (3, 2), id="outputs, quantiles"),
    ],
)
def test_shapes_per_step(options, target, tail):
    model = regressor(mapping="many-to-many", **options).fit(X, target)
    assert model.predict(X).shape == (N, T, *tail)
    ragged = model.predict(RAGGED)
    assert ragged.shape == (N,) and ragged.dtype == object
    assert [piece.shape for piece in ragged] == [(length, *tail) for length in LENGTHS]
    assert np.isnan(model.predict(padded(RAGGED, FIRST_STEPS["leading"]))).sum() == (N * T - LENGTHS.sum()) * np.prod(
        tail
    )


@pytest.mark.parametrize(
    "target, tail", [(y, ()), (y[:, None], (1,)), (np.c_[y, y], (2,))], ids=["one", "column", "two outputs"]
)
def test_shapes_many_to_one(target, tail):
    model = regressor().fit(RAGGED, target)
    assert model.predict(RAGGED).shape == (N, *tail)
    states = model.hidden_states(RAGGED)
    assert [piece.shape for piece in states] == [(length, 4) for length in LENGTHS]
    assert regressor(bidirectional=True).fit(X, target).hidden_states(X).shape == (N, T, 8)


@pytest.mark.parametrize("target, tail", [(Y, ()), (np.dstack([Y, Y]), (2,)), (list(Y), ())])
def test_shapes_one_to_many(target, tail):
    model = regressor(mapping="one-to-many").fit(X[:, 0], target)
    assert model.predict(X[:2, 0]).shape == (2, T, *tail)


def test_one_to_many_feeds_the_row_at_every_step():
    repeated = np.repeat(X[:, :1], T, axis=1)
    np.testing.assert_array_equal(
        regressor(mapping="one-to-many").fit(X[:, 0], Y).predict(X[:, 0]),
        regressor(mapping="many-to-many").fit(repeated, Y).predict(repeated),
    )


@pytest.mark.parametrize("labels, n_columns", [([0, 1], 2), ([0, 1, 2], 3)])
def test_shapes_predict_proba(labels, n_columns):
    model = classifier(mapping="many-to-many").fit(X, np.resize(labels, (N, T)))
    assert model.predict_proba(X).shape == (N, T, n_columns)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=-1), 1)
    log_proba = model.predict_log_proba(RAGGED)
    assert [piece.shape for piece in log_proba] == [(length, n_columns) for length in LENGTHS]
    np.testing.assert_allclose(np.exp(log_proba[0]), model.predict_proba(RAGGED)[0])


def test_cross_val_predict():
    model = regressor(mapping="many-to-many")
    assert cross_val_predict(model, X, Y, cv=3).shape == (N, T)
    ragged = cross_val_predict(model, RAGGED, objects(RAGGED_Y), cv=3)
    assert [piece.shape for piece in ragged] == [(length,) for length in LENGTHS]
    # the pieces are those of the fold that left them out, in order
    alone = regressor(mapping="many-to-many").fit(RAGGED[3:], RAGGED_Y[3:]).predict(RAGGED[:3])
    np.testing.assert_array_equal(ragged[0], alone[0])


# -- dtype ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype, expected",
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float16, np.float64),
        (np.int32, np.float64),
        (bool, float),
    ],
)
@pytest.mark.parametrize("ragged", [False, True])
def test_dtype(dtype, expected, ragged):
    data = (10 * X).astype(dtype)
    data = [x[:length] for x, length in zip(data, LENGTHS)] if ragged else data
    model = regressor().fit(data, y)
    assert model.predict(data).dtype == expected
    assert {W.dtype for W in model.weights_.values()} == {np.dtype(expected)}
    states = model.hidden_states(data)
    assert (states[0] if ragged else states).dtype == expected


def test_predict_works_in_the_fitted_dtype():
    single, double = X.astype(np.float32), X.astype(np.float32).astype(np.float64)
    model = regressor().fit(single, y)
    assert model.predict(double).dtype == np.float32
    np.testing.assert_array_equal(model.predict(double), model.predict(single))
    assert regressor().fit(double, y).predict(single).dtype == np.float64
    assert classifier().fit(single, y > 0).predict_proba(double).dtype == np.float32


def test_one_double_makes_a_ragged_list_double():
    assert Sequences.from_ragged([x.astype(np.float32) for x in RAGGED]).dtype == np.float32
    assert Sequences.from_ragged([RAGGED[0], *(x.astype(np.float32) for x in RAGGED[1:])]).dtype == np.float64


# -- batches ----------------------------------------------------------------------------------------------------------


def test_windows_stay_a_view():
    series = np.arange(200.0)
    windows = np.lib.stride_tricks.sliding_window_view(series, 24)
    model = regressor(max_iter=1)
    for data in (windows, windows[:, :, None]):
        assert np.shares_memory(model._check_X(data, reset=True).values, series)
    steps, lengths = Sequences.from_3d(windows[:, :, None]).steps(np.array([5, 2]), np.float64)
    assert lengths is None and not np.shares_memory(steps, series)
    np.testing.assert_array_equal(steps[:, 0], windows[[5, 2]].T)


def _dataset(lengths):
    """A Dataset of sequences whose target is their own number."""
    sequences = Sequences.from_ragged([np.full((length, 1), i) for i, length in enumerate(lengths)])
    return Dataset(sequences, np.arange(len(lengths), dtype=float)[:, None], None, False, np.dtype(float))


def _batches(data, size, generator, most_cells=10**6):
    return data.batches(size, generator, most_cells)


def test_pieces_hardly_pad_what_differs_much_in_length():
    """From 2 to 4,000 steps: most of a batch padded to its longest sequence would be padding."""
    lengths = np.exp(np.random.default_rng(0).uniform(np.log(2), np.log(4000), 256)).astype(int)
    ((*pieces,),) = _batches(_dataset(lengths), 256, np.random.default_rng(0))
    computed = sum(batch.X.shape[0] * batch.X.shape[2] for batch in pieces)
    assert lengths.sum() / (lengths.max() * 256) < 0.2
    assert lengths.sum() / computed > 0.65
    assert len(pieces) < 12


@pytest.mark.parametrize("n, size", [(270, 32), (64, 32), (33, 32), (5, 32), (3300, 32), (7, 1)])
@pytest.mark.parametrize("equal", [False, True])
def test_each_sample_once_an_epoch(n, size, equal):
    data = _dataset(np.full(n, 3) if equal else np.random.default_rng(1).integers(1, 9, n))
    generator = np.random.default_rng(0)
    epochs = [
        [np.concatenate([batch.Y[0] for batch in pieces]) for pieces in _batches(data, size, generator)]
        for _ in range(2)
    ]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch)), np.arange(n))
        assert max(map(len, epoch)) <= size and len(epoch) == -(-n // size)
    if n > size:  # another order, and other neighbours, in every epoch
        assert {frozenset(batch) for batch in epochs[0]} != {frozenset(batch) for batch in epochs[1]} or size == 1
        assert not np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[1]))


def test_batches_keep_x_y_and_weights_together():
    data = _dataset(np.random.default_rng(1).integers(1, 9, 50))
    data.weights = data.Y[:, 0].copy()
    for (batch,) in _batches(data.take(np.arange(10, 50)), 8, np.random.default_rng(0)):
        np.testing.assert_array_equal(batch.X[0, 0], batch.Y[0])  # X holds the sequence's number as well
        np.testing.assert_array_equal(batch.weights, batch.Y[0])
        assert batch.Y.min() >= 10 and batch.count == batch.Y.size


def test_batches_per_step_follow_the_valid_steps():
    sequences = Sequences.from_ragged(RAGGED)
    rows = np.concatenate(RAGGED)  # the target of a step is its input
    data = Dataset(sequences, rows, rows[:, 0], True, np.dtype(float))
    seen = 0
    for (batch,) in _batches(data, 4, np.random.default_rng(0)):
        valid = np.ones(batch.X[:, 0].shape, bool) if batch.valid is None else batch.valid
        np.testing.assert_array_equal(batch.Y.transpose(0, 2, 1)[valid], batch.X.transpose(0, 2, 1)[valid])
        np.testing.assert_array_equal(batch.weights[valid], batch.X[:, 0][valid])
        assert batch.count == valid.sum()
        seen += batch.count
    assert seen == LENGTHS.sum()


# -- properties -------------------------------------------------------------------------------------------------------

lengths_lists = st.lists(st.integers(1, 6), min_size=1, max_size=6)
property_test = settings(max_examples=60, deadline=None, derandomize=True)


def _random_ragged(lengths, n_features=F):
    draw = np.random.default_rng(len(lengths))
    return [draw.normal(size=(length, n_features)) for length in lengths]


@property_test
@given(lengths_lists, st.sampled_from([(), (1,), (3,)]))
def test_ragged_round_trip(lengths, tail):
    sequences = Sequences.from_ragged(_random_ragged(lengths))
    rows = np.random.default_rng(0).normal(size=(sum(lengths), *tail))
    arranged = sequences.arrange_steps(rows, np.nan)
    assert [piece.shape for piece in arranged] == [(length, *tail) for length in lengths]
    np.testing.assert_array_equal(sequences.flatten_steps(arranged, "y"), rows)
    np.testing.assert_array_equal(sequences.flatten_steps([piece.tolist() for piece in arranged], "y"), rows)


@property_test
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=6), st.booleans()
)
def test_padded_round_trip(runs, several):
    # runs: (valid steps, absent steps before, absent steps after); the rest of the 10 steps is absent as well
    lengths, before = [run[0] for run in runs], [run[1] for run in runs]
    n_timesteps = max(map(sum, runs))
    sequences = Sequences.from_3d(padded(_random_ragged(lengths), before, n_timesteps=n_timesteps))
    np.testing.assert_array_equal(sequences.lengths, lengths)
    np.testing.assert_array_equal(sequences.first, before)
    rows = np.random.default_rng(0).normal(size=(sum(lengths), *((3,) if several else ())))
    arranged = sequences.arrange_steps(rows, np.nan)
    pieces = np.split(rows, np.cumsum(lengths)[:-1])
    np.testing.assert_array_equal(arranged, padded(pieces, before, n_timesteps=n_timesteps))
    np.testing.assert_array_equal(sequences.flatten_steps(arranged, "y"), rows)


@property_test
@given(st.data(), lengths_lists, st.booleans())
def test_steps_are_the_values_and_zeros(data, lengths, from_list):
    arrays = _random_ragged(lengths)
    before = [data.draw(st.integers(0, 3)) for _ in lengths]
    if from_list:
        sequences = Sequences.from_ragged(arrays)
    else:
        sequences = Sequences.from_3d(padded(arrays, before, n_timesteps=9))
    index = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=5)))
    steps, n_valid = sequences.steps(index, np.float64)
    longest = max(lengths[i] for i in index)
    expected = padded([arrays[i] for i in index], 0 * index, 0.0, longest).transpose(1, 2, 0)
    np.testing.assert_array_equal(steps, expected)
    if n_valid is None:
        assert all(lengths[i] == longest for i in index)
    else:
        np.testing.assert_array_equal(n_valid, [lengths[i] for i in index])


# -- invariances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("options", CELL_OPTIONS, ids=lambda options: f"{options['cell']}-{options['activation']}")
def test_a_sequence_is_predicted_as_if_alone(options, pooling, bidirectional):
    model = regressor(hidden_layer_sizes=(5, 3), pooling=pooling, bidirectional=bidirectional, **options)
    model.fit(RAGGED, y)
    alone = np.concatenate([model.predict([x]) for x in RAGGED])
    np.testing.assert_allclose(model.predict(RAGGED), alone, rtol=0, atol=1e-12)
    assert np.ptp(alone) > 1e-6  # a constant would pass


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("options", CELL_OPTIONS, ids=lambda options: f"{options['cell']}-{options['activation']}")
def test_a_sequence_is_predicted_as_if_alone_per_step(options, bidirectional):
    model = regressor(mapping="many-to-many", hidden_layer_sizes=(5, 3), bidirectional=bidirectional, **options)
    for x, together in zip(RAGGED, model.fit(RAGGED, RAGGED_Y).predict(RAGGED)):
        np.testing.assert_allclose(together, model.predict([x])[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("fill", [1e30, -1e30])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", [*POOLINGS, None])
@pytest.mark.parametrize("options", CELL_OPTIONS, ids=lambda options: f"{options['cell']}-{options['activation']}")
def test_padded_places_reach_nothing(options, pooling, bidirectional, fill):
    # 1e30 makes one leak visible; relu has no upper bound, so its states at padded steps are as large
    cell = CELLS[options["cell"]](*([options["activation"]] if options["cell"] == "rnn" else []))
    network = Network(F, (4, 3), SquaredError(2), cell=cell, bidirectional=bidirectional, pooling=pooling, dropout=0.0)
    theta = network.start(np.random.default_rng(0), "uniform", 0.1, np.float64, 5)
    draw = np.random.default_rng(1)
    lengths = np.array([6, 1, 4, 2])
    absent = np.arange(T)[:, None] >= lengths
    inputs = draw.normal(size=(T, F, 4))
    targets = draw.normal(size=(2, 4) if pooling else (T, 2, 4))
    results = []
    for value in (0.0, fill):
        Z = np.where(absent[:, None, :], value, inputs)
        Q = targets if pooling else np.where(absent[:, None, :], 0.0, targets)
        batch = Batch(Z, lengths, Q, count=4)
        loss, gradient = network.loss_grad(theta, batch)
        predicted = network.predict(theta, batch)
        if pooling is None:
            predicted = predicted.transpose(0, 2, 1)[~absent]
        results.append((loss, network.loss_sum(theta, batch), gradient, predicted, network.hidden_states(theta, batch)))
    for clean, filled in zip(*results, strict=True):
        np.testing.assert_allclose(filled, clean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mapping, target", [("many-to-one", y), ("many-to-many", RAGGED_Y)])
def test_order_of_samples_does_not_matter(mapping, target):
    model = regressor(mapping=mapping, bidirectional=True).fit(RAGGED, target)
    order = np.random.default_rng(0).permutation(N)
    predicted, shuffled = model.predict(RAGGED), model.predict([RAGGED[i] for i in order])
    for i, row in zip(order, shuffled, strict=True):
        np.testing.assert_allclose(row, predicted[i], rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 8, 100])
def test_predictions_do_not_depend_on_the_chunk(monkeypatch, chunk):
    # rows are put back where they belong when predictions are computed in several sorted pieces
    model = regressor(mapping="many-to-many").fit(RAGGED, RAGGED_Y)
    expected = model.predict(RAGGED)
    monkeypatch.setattr("sklearn_rnn.estimators._rows.cells", lambda network, dtype: chunk)
    for a, b in itertools.zip_longest(model.predict(RAGGED), expected):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunk_bytes", [1, 700, 3000])
@pytest.mark.parametrize(
    "options",
    [{}, {"cell": "lstm", "hidden_layer_sizes": (3, 2)}, {"bidirectional": True}, {"loss": "quantile"}],
    ids=str,
)
def test_the_validation_loss_does_not_depend_on_the_chunk(monkeypatch, options, chunk_bytes):
    # sequences are cut in time, and their states carried on, where that is possible
    weights = np.linspace(0.5, 2, N)

    def curve():
        model = regressor(mapping="many-to-many", **options)
        model.fit(RAGGED, RAGGED_Y, X_val=RAGGED, y_val=RAGGED_Y, sample_weight_val=weights)
        return model.validation_loss_curve_

    expected = curve()
    monkeypatch.setattr(_training, "CHUNK_BYTES", chunk_bytes)
    np.testing.assert_allclose(curve(), expected, rtol=1e-12)


@pytest.mark.parametrize("data", [X, RAGGED, padded(RAGGED, FIRST_STEPS["leading"])], ids=["3-D", "ragged", "padded"])
@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
def test_early_stopping_scores_the_held_out_sequences(data, scoring):
    # the scorer predicts with a model in its first fit
    model = regressor(early_stopping=True, scoring=scoring, validation_method="last", validation_fraction=0.3)
    model.fit(data, y)
    assert len(model.validation_scores_) == model.n_iter_ == 2
    predicted, expected = model.predict(data[-3:]), y[-3:]
    if scoring is not None:
        assert -np.abs(predicted - expected).mean() == pytest.approx(max(model.validation_scores_))


def test_a_plain_table_takes_a_short_way_past_the_checks(monkeypatch):
    """One row at a time, scikit-learn's checks cost more than the network. What they would refuse is refused still."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 6)), rng.normal(size=30)
    model = RNNRegressor(4, max_iter=2, random_state=0).fit(X, y)
    expected = model.predict(X)
    np.testing.assert_array_equal(model.predict(pd.DataFrame(X)), expected)
    np.testing.assert_array_equal(model.predict(X.tolist()), expected)
    np.testing.assert_array_equal(model.predict(np.asfortranarray(X)), expected)
    np.testing.assert_array_equal(model.predict(X.astype(object)), expected)
    assert model.predict(X.astype(np.float32)).dtype == np.float64
    np.testing.assert_allclose(model.predict(X[:1]), expected[:1], rtol=1e-12)
    for bad, message in (
        (np.where(X > 2, np.nan, X), "contains NaN"),
        (np.where(X > 2, np.inf, X), "contains infinity"),
        (X[:, :5], "5 features, but RNNRegressor is expecting 6"),
        (X[:0], "0 sample"),
        (X[0], "1 dimension"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict(bad)
    named = RNNRegressor(4, max_iter=2, random_state=0).fit(pd.DataFrame(X, columns=list("abcdef")), y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        named.predict(X)

    def refuse(*_, **__):
        raise AssertionError("not a short way")

    monkeypatch.setattr("sklearn_rnn.sequences._checks.check_array", refuse)
    np.testing.assert_array_equal(model.predict(X), expected)
    for other in (X.astype(np.float32), pd.DataFrame(X)):
        with pytest.raises(AssertionError, match="short way"):
            model.predict(other)


def test_plain_sequences_take_a_short_way_too(monkeypatch):
    """3-D arrays, and tables where the model was fitted on (n, T, 1)."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 6, 2)), rng.normal(size=30)
    wide, narrow = regressor().fit(X, y), regressor().fit(X[..., :1], y)
    of_wide, of_narrow = wide.predict(X.tolist()), narrow.predict(X[..., :1].tolist())
    for bad, message in (
        (np.where(X > 2, np.nan, X), "contains NaN: sample"),
        (np.where(X > 2, np.inf, X), "contains infinity"),
        (X[..., :1], "1 features, but RNNRegressor is expecting 2"),
        (X.transpose(0, 2, 1), "channels first"),
        (X[..., 0], "univariate sequences of 6 time steps; RNNRegressor is expecting 2 features"),
    ):
        with pytest.raises(ValueError, match=message):
            wide.predict(bad)
    padded = X.copy()
    padded[3, 4:] = np.nan  # no small array without gaps
    np.testing.assert_allclose(wide.predict(padded)[3], wide.predict(X[3:4, :4])[0], rtol=1e-12)

    def refuse(*_, **__):
        raise AssertionError("not a short way")

    monkeypatch.setattr("sklearn_rnn.estimators._base.check_sequences", refuse)
    np.testing.assert_array_equal(wide.predict(X), of_wide)
    np.testing.assert_array_equal(narrow.predict(X[..., :1]), of_narrow)
    np.testing.assert_array_equal(narrow.predict(X[..., 0]), of_narrow)
    np.testing.assert_array_equal(narrow.predict(X[:, :3, 0]), narrow.predict(X[:, :3, :1]))  # of any length
    for other in (X.astype(np.float32), X.tolist(), list(X), padded):
        with pytest.raises(AssertionError, match="short way"):
            wide.predict(other)


def test_windows_without_gaps_cost_nothing_each():
    """What every batch asks for must not take as long as there are windows."""
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(10_000.0), 24)[:, :, None]
    sequences = Sequences.from_3d(windows)
    for of_each in (sequences.first, sequences.lengths, sequences.n_patches, sequences.in_patches(7).n_patches):
        assert of_each.shape == (9977,) and of_each.strides == (0,)
    assert sequences.in_patches(7).usual_length == 4
    with_gap = windows.copy()
    with_gap[5, :3] = np.nan
    sequences = Sequences.from_3d(with_gap)
    assert sequences.first[[4, 5]].tolist() == [0, 3] and sequences.lengths[[4, 5]].tolist() == [24, 21]
    assert sequences.in_patches(7).n_patches[[4, 5]].tolist() == [4, 3]
