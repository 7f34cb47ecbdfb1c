"""A stream gives at every step what `predict` gives for the sequence so far."""

import copy
import pickle
import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier, TimestepTransformer
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._pooling import POOLINGS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 7, 2))
Y = X[:, -1, 0]
PER_STEP = X.cumsum(axis=1)[..., 0]


def fitted(Model, X, y, **options):
    given = {"hidden_layer_sizes": 5, "max_iter": 3, "bidirectional": False, "patch_size": 1, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Model(**(given | options)).fit(X, y)


@pytest.mark.parametrize("sizes", [(5,), (4, 3)], ids=str)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_many_to_one(cell, pooling, sizes):
    model = fitted(RNNRegressor, X, Y, cell=cell, pooling=pooling, hidden_layer_sizes=sizes)
    stream = model.stream(n=3)
    for t in range(7):
        np.testing.assert_allclose(stream.step(X[:3, t]), model.predict(X[:3, : t + 1]), rtol=1e-12, atol=1e-14)
    assert (stream.n, stream.n_steps) == (3, 7)


@pytest.mark.parametrize("cell", CELLS)
def test_many_to_many(cell):
    model = fitted(RNNRegressor, X, np.stack([PER_STEP, -PER_STEP], axis=2), cell=cell, mapping="many-to-many")
    stream, whole = model.stream(n=2), model.predict(X[:2])
    for t in range(7):
        np.testing.assert_allclose(stream.step(X[:2, t]), whole[:, t], rtol=1e-12, atol=1e-14)


def test_one_to_many():
    """The input is told anew at every step, as the network is fed with it."""
    model = fitted(RNNRegressor, X[:, 0], PER_STEP, mapping="one-to-many")
    stream, whole = model.stream(), model.predict(X[:1, 0])
    for t in range(7):
        np.testing.assert_allclose(stream.step(X[0, 0]), whole[:, t], rtol=1e-12)


@pytest.mark.parametrize("kind", ["binary", "three", "text", "multilabel"])
@pytest.mark.parametrize("mapping", ["many-to-one", "many-to-many"])
def test_classes(kind, mapping):
    numbers = np.argsort(np.argsort(PER_STEP.ravel())).reshape(PER_STEP.shape) % 3
    y = {
        "binary": numbers % 2,
        "three": numbers,
        "text": np.array(["a", "b", "c"])[numbers],
        "multilabel": np.stack([numbers > 0, numbers > 1], axis=-1).astype(int),
    }[kind]
    model = fitted(RNNSequenceClassifier, X, y if mapping == "many-to-many" else y[:, -1], mapping=mapping)
    labels, proba = model.stream(4), model.stream(4)
    for t in range(7):
        some = X[:4, : t + 1]
        expected, expected_proba = model.predict(some), model.predict_proba(some)
        if mapping == "many-to-many":
            expected, expected_proba = expected[:, -1], expected_proba[:, -1]
        np.testing.assert_array_equal(labels.step(X[:4, t]), expected)
        np.testing.assert_allclose(proba.step_proba(X[:4, t]), expected_proba, rtol=1e-10)


def test_quantiles_and_links():
    model = fitted(RNNRegressor, X, Y, loss="quantile", quantile=(0.1, 0.9))
    assert model.stream(2).step(X[:2, 0]).shape == (2, 2)
    np.testing.assert_allclose(model.stream().step(X[0, 0]), model.predict(X[:1, :1]), rtol=1e-12)
    model = fitted(RNNRegressor, X, np.abs(Y), loss="poisson")
    np.testing.assert_allclose(model.stream().step(X[0, 0]), model.predict(X[:1, :1]), rtol=1e-12)


def test_shapes_of_a_step():
    narrow = fitted(RNNRegressor, X[..., 0], Y)  # fitted on a table
    for x in (0.3, np.float32(0.3), [0.3], [[0.3]]):
        np.testing.assert_allclose(narrow.stream().step(x), narrow.stream().step([[0.3]]), rtol=1e-6)
    np.testing.assert_array_equal(narrow.stream(2).step([0.1, 0.2]), narrow.stream(2).step([[0.1], [0.2]]))
    wide = fitted(RNNRegressor, X, Y)
    np.testing.assert_array_equal(wide.stream().step(X[0, 0]), wide.stream().step(X[:1, 0]))
    for stream, x in (
        (narrow.stream(), [0.1, 0.2]),
        (narrow.stream(2), 0.1),
        (narrow.stream(2), [[0.1, 0.2]]),
        (wide.stream(), 0.1),
        (wide.stream(2), [0.1, 0.2]),
        (wide.stream(), X[0]),
    ):
        with pytest.raises(ValueError, match=r"x_t of shape .*: this stream takes one time step of \d sequence"):
            stream.step(x)
        assert stream.n_steps == 0
    for nonsense in ("a", ["1", "2"], np.array([1 + 2j, 0]), np.array(["2020"], "M8[D]")):
        with pytest.raises(ValueError, match="x_t must hold"):
            wide.stream().step(nonsense)
    np.testing.assert_array_equal(wide.stream().step([1, 2]), wide.stream().step(np.array([1.0, 2.0])))
    np.testing.assert_array_equal(wide.stream().step(np.array([1, 2], object)), wide.stream().step([1.0, 2.0]))


def test_features_with_names():
    frames = [pd.DataFrame(x, columns=["a", "b"]) for x in X]
    model = fitted(RNNRegressor, frames, Y)
    straight, turned, rows = model.stream(), model.stream(), model.stream()
    for t in range(7):
        step = frames[0].iloc[[t]]
        expected = model.predict([frames[0].iloc[: t + 1]])
        np.testing.assert_allclose(straight.step(step), expected, rtol=1e-12)
        np.testing.assert_allclose(turned.step(step[["b", "a"]]), expected, rtol=1e-12)
        np.testing.assert_allclose(rows.step(frames[0][["b", "a"]].iloc[t]), expected, rtol=1e-12)
    for columns in (["x", "y"], ["a", "x"]):
        with pytest.raises(ValueError, match=r"x_t names the features .* fitted on \['a', 'b'\]"):
            model.stream().step(pd.DataFrame([[1.0, 2.0]], columns=columns))


def test_steps_that_name_their_features():
    """By key or by field, in any order; anything that names others is refused."""
    names = ["a", "b", "c"]
    Z = np.random.default_rng(1).normal(size=(20, 6, 3))
    model = fitted(RNNRegressor, [pd.DataFrame(z, columns=names) for z in Z], Z[:, -1, 0])
    expected = model.stream().step(pd.Series(Z[0, 0], names))
    a, b, c = Z[0, 0]
    Row = namedtuple("Row", "c a b")
    for x_t in ({"c": c, "a": a, "b": b}, Row(c, a, b), OrderedDict(b=b, a=a, c=c), {"a": [a], "b": [b], "c": [c]}):
        np.testing.assert_array_equal(model.stream().step(x_t), expected)
    table = pd.DataFrame(Z[:4, 0], columns=names)
    np.testing.assert_array_equal(
        model.stream(4).step({name: table[name] for name in "bca"}), model.stream(4).step(table)
    )
    for x_t, words in (
        ({"a": a, "b": b}, "names the features"),
        (Row._make("xyz")._replace(a=None), "must hold numbers"),
        ({"a": a, "b": b, "d": c}, "names the features"),
        (namedtuple("Row", "Index a b c")(0, a, b, c), "names the features"),
        ({"a": [a], "b": [b, b], "c": [c]}, "rows of one length"),
        ({"a": 10**400, "b": b, "c": c}, "must hold numbers"),
    ):
        with pytest.raises(ValueError, match=words):
            model.stream().step(x_t)
    rows = [Row(*row) for row in Z[:4, 0][:, [2, 0, 1]]]
    for several in (rows, [pd.Series(z, names)[["c", "a", "b"]] for z in Z[:4, 0]], [row._asdict() for row in rows]):
        np.testing.assert_array_equal(model.stream(4).step(several), model.stream(4).step(table))
    for kind in (pa.Table, pa.RecordBatch):
        other_order = kind.from_pydict({name: table[name].to_numpy() for name in "bca"})
        np.testing.assert_array_equal(model.stream(4).step(other_order), model.stream(4).step(table))
    for of_times in (
        pl.DataFrame({"a": ["1"], "b": [b], "c": [c]}),
        pd.DataFrame({"a": ["1"], "b": [b], "c": [c]}).astype({"a": "string"}),
    ):
        with pytest.raises(ValueError, match="Column 'a' of x_t is of type"):
            model.stream().step(of_times)
    nameless = fitted(RNNRegressor, Z, Z[:, -1, 0])
    with pytest.raises(TypeError, match="without feature names"):
        nameless.stream().step({"a": a, "b": b, "c": c})
    np.testing.assert_array_equal(nameless.stream().step(Row(a, b, c)), nameless.stream().step(Z[:1, 0]))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_some_sequences_begin_anew_beside_the_others(cell, pooling):
    model = fitted(RNNRegressor, X, Y, cell=cell, pooling=pooling, hidden_layer_sizes=(4, 3))
    for which, fresh in ((1, [1]), ([0, 2], [0, 2]), (np.array([False, True, True]), [1, 2]), (slice(1), [0])):
        stream = model.stream(n=3).reset(which)  # nothing to forget yet
        for t in range(4):
            stream.step(X[:3, t])
        before = stream.copy()
        stream.reset(which)
        for t in range(4, 7):
            out, kept = stream.step(X[:3, t]), before.step(X[:3, t])
            for i in range(3):
                expected = model.predict(X[i : i + 1, (4 if i in fresh else 0) : t + 1])
                np.testing.assert_allclose(out[i], expected[0], rtol=1e-10, atol=1e-14)
            np.testing.assert_allclose(kept, model.predict(X[:3, : t + 1]), rtol=1e-10, atol=1e-14)
    expected = stream.copy().step(X[:3, 0])
    for nothing in ([], (), set(), np.array([]), range(0), np.zeros(3, bool)):
        np.testing.assert_array_equal(stream.copy().reset(nothing).step(X[:3, 0]), expected)
    np.testing.assert_array_equal(
        stream.copy().reset({0, 2}).step(X[:3, 0]), stream.copy().reset([0, 2]).step(X[:3, 0])
    )
    for wrong in (3, [0, 3], -4):
        with pytest.raises(IndexError, match=r"has 3 sequence\(s\), numbered from 0"):
            stream.reset(wrong)


def test_copies_share_the_weights():
    model = fitted(RNNRegressor, X, Y, hidden_layer_sizes=200)
    streams = [model.stream()]
    streams += [streams[0].copy() for _ in range(50)]
    assert len(pickle.dumps(streams)) < 1.2 * len(pickle.dumps(streams[:1]))
    streams[1].step(X[0, 0])
    np.testing.assert_array_equal(streams[0].step(X[0, 1]), model.stream().step(X[0, 1]))


def test_behind_the_scalers_of_a_pipeline():
    """As the docstring of `stream` says."""
    pipe = make_pipeline(
        TimestepTransformer(StandardScaler()), RNNRegressor(4, max_iter=3, patch_size=1, random_state=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe.fit(100 * X + 500, Y)
    stream = pipe[-1].stream()
    for t in range(7):
        x_t = 100 * X[0, t] + 500
        prediction = stream.step(pipe[:-1].transform([x_t[None]])[0])
        np.testing.assert_allclose(prediction, pipe.predict(100 * X[:1, : t + 1] + 500), rtol=1e-9)


def test_what_is_not_finite_changes_nothing():
    model = fitted(RNNRegressor, X, Y)
    stream = model.stream(2)
    stream.step(X[:2, 0])
    bad = X[:2, 1].copy()
    bad[1, 0] = np.nan
    with pytest.raises(ValueError, match="nan in sequence 1, feature 0, at step 1"):
        stream.step(bad)
    np.testing.assert_allclose(stream.step(X[:2, 1]), model.predict(X[:2, :2]), rtol=1e-12)


@pytest.mark.parametrize("again", [lambda s: s.copy(), copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies_go_on_by_themselves(again):
    model = fitted(RNNRegressor, X, Y, cell="lstm", pooling="concat")
    stream = model.stream()
    for t in range(3):
        stream.step(X[0, t])
    second = again(stream)
    for t in range(3, 7):
        np.testing.assert_array_equal(stream.step(X[0, t]), second.step(X[0, t]))
    assert second.step(X[1, 0]) != pytest.approx(stream.step(X[2, 0]))
    np.testing.assert_allclose(stream.reset().step(X[0, 0]), model.predict(X[:1, :1]), rtol=1e-12)


def test_a_stream_keeps_its_weights():
    model = fitted(RNNRegressor, X, Y)
    stream, before = model.stream(), model.predict(X[:1, :1])
    for W in model.weights_.values():
        W += 1.0
    np.testing.assert_allclose(stream.step(X[0, 0]), before, rtol=1e-12)


def test_float32_over_many_steps():
    model = fitted(RNNRegressor, X.astype(np.float32), Y.astype(np.float32), pooling="mean", cell="gru")
    long = RNG.normal(size=(1, 3000, 2)).astype(np.float32)
    stream = model.stream()
    for x in long[0]:
        last = stream.step(x)
    assert last.dtype == np.float32
    np.testing.assert_allclose(last, model.predict(long), rtol=1e-4, atol=1e-5)


def test_what_has_no_stream():
    with pytest.raises(ValueError, match=r"bidirectional=True, and the backward direction.*bidirectional=False"):
        fitted(RNNRegressor, X, Y, bidirectional=True).stream()
    with pytest.raises(ValueError, match=r"patch_size=2, and patches are counted from the end.*patch_size=1"):
        fitted(RNNRegressor, X, Y, patch_size=2).stream()
    model = fitted(RNNRegressor, X, Y)
    for n in (0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match="n must be an int of at least 1"):
            model.stream(n)
    with pytest.raises(AttributeError, match="no step_proba"):
        model.stream().step_proba(X[0, 0])
    with pytest.raises(ValueError, match="not fitted"):
        RNNRegressor().stream()


def test_a_class_with_a_predict_of_its_own_has_no_stream():
    class InLogarithms(RNNRegressor):
        def predict(self, X):
            return np.exp(super().predict(X))

    class Named(RNNRegressor):
        pass

    with pytest.raises(TypeError, match="InLogarithms has a predict of its own"):
        fitted(InLogarithms, X, Y).stream()
    assert fitted(Named, X, Y).stream().step(X[0, 0]).shape == (1,)
