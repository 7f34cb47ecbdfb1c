"""Exported graphs, run by ONNX Runtime, say what predict and predict_proba say."""

import getpass
import os

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklearn_rnn import (
    LagsToSequence,
    PatchSequence,
    RNNForecaster,
    RNNRegressor,
    RNNSequenceClassifier,
    TimestepTransformer,
    __version__,
    to_onnx,
)

onnx = pytest.importorskip("onnx", reason="the package onnx, of the extra sklearn-rnn[onnx], is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime, which runs the exported graphs, is not installed")

# float32 is computed in float32, and its sigmoid and tanh are approximations
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
LENGTHS = np.array([7, 3, 1, 5, 4], np.int32)


def outputs_of(proto, **inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))


def net(kind=RNNRegressor, sizes=3, **parameters):
    """Large weights, so that nothing is lost in small numbers."""
    return kind(sizes, **{"init": "normal", "init_scale": 0.5, "random_state": 0, **parameters})


def a_pass(kind, X, y, **parameters):
    return net(kind, **parameters).partial_fit(X, y)


def sequences(n=5, n_steps=7, n_features=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_steps, n_features))


def padded(X, value=np.nan):
    X = X.copy()
    for x, length in zip(X, LENGTHS):
        x[length:] = value
    return X


def assert_same(model, X, dtype="float32", ragged=False, **options):
    """The graph is valid, and its outputs are the model's."""
    proto = to_onnx(model, dtype=dtype, ragged=ragged, **options)
    onnx.checker.check_model(proto, full_check=True)
    given = {"X": X.astype(dtype), **({"lengths": LENGTHS} if ragged else {})}
    found = outputs_of(proto, **given)
    numbers = {"prediction": model.predict} if "prediction" in found else {"probabilities": model.predict_proba}
    for name, expected in numbers.items():
        expected = expected(X)
        assert found[name].dtype == dtype and found[name].shape == expected.shape
        assert_allclose(found[name], expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    if "label" in found:
        expected = model.predict(X)
        absent = {None: {"f": np.nan, "i": -1, "b": False}.get(found["label"].dtype.kind, "")}
        if expected.dtype == object:
            expected = np.array([absent.get(label, label) for label in expected.ravel()]).reshape(expected.shape)
        assert found["label"].shape == expected.shape
        assert_array_equal(found["label"], expected)
    return proto


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "gru", "lstm", "mingru", "indrnn"])
def test_cells_directions_stacks_poolings_and_lengths(cell, bidirectional):
    cell, _, activation = cell.partition("_")
    options = {"cell": cell, "activation": activation or "tanh", "bidirectional": bidirectional}
    X, y = sequences(), sequences(5, 2, 1)[:, :, 0]
    for pooling, sizes in (("last", 3), ("mean", (3, 4)), ("max", 2), ("concat", (2, 3)), ("attention", 3)):
        model = a_pass(RNNRegressor, X, y, sizes=sizes, pooling=pooling, **options)
        proto = assert_same(model, X)
        assert_same(model, padded(X), ragged=True)
        assert_same(model, padded(X), "float64", ragged=True)
    kinds = {node.op_type for node in proto.graph.node} & {"RNN", "GRU", "LSTM", "Scan"}
    assert kinds == ({cell.upper()} if cell in ("rnn", "gru", "lstm") else {"Scan"})
    for sizes in (3, (3, 2)):
        model = a_pass(RNNRegressor, X, sequences(seed=1), sizes=sizes, mapping="many-to-many", **options)
        assert_same(model, X)
        assert_same(model, padded(X), ragged=True)
        assert_same(model, padded(X), "float64", ragged=True)


def test_float64_is_equal_to_the_last_digits_and_float32_models_are_exported_as_they_are():
    X = sequences()
    model = a_pass(RNNRegressor, X, X[:, 0, 0], cell="lstm", bidirectional=True, pooling="concat")
    (found,) = outputs_of(to_onnx(model, dtype="float64"), X=X).values()
    assert_allclose(found, model.predict(X), rtol=0, atol=1e-14)

    X = X.astype(np.float32)
    model = a_pass(RNNRegressor, X, X[:, 0, 0], cell="gru")
    proto = to_onnx(model)
    stored = [onnx.numpy_helper.to_array(constant) for constant in proto.graph.initializer]
    W_x = model.weights_["W_x_l0"].reshape(3, 3, 2)[[1, 0, 2]].reshape(1, 9, 2)
    assert W_x.dtype == np.float32
    assert any(array.shape == W_x.shape and (array == W_x).all() for array in stored)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [2, 3, 9])
def test_patches_of_any_length(size, dtype):
    """Lengths that are multiples, that are not, and shorter than a patch; one graph for all of them."""
    X = sequences(n_steps=12)
    model = a_pass(RNNRegressor, X, X[:, :3, 0], patch_size=size, pooling="concat", bidirectional=True)
    proto, ragged = (to_onnx(model, dtype=dtype, ragged=ragged) for ragged in (False, True))
    for n_steps in (1, 2, 6, 7, 12, 13):
        X = sequences(4, n_steps, seed=n_steps)
        (found,) = outputs_of(proto, X=X.astype(dtype)).values()
        assert_allclose(found, model.predict(X), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        lengths = np.array([n_steps, 1, (n_steps + 1) // 2, max(1, n_steps - 1)], np.int32)
        (found,) = outputs_of(ragged, X=X.astype(dtype), lengths=lengths).values()
        expected = model.predict([x[:length] for x, length in zip(X, lengths)])
        assert_allclose(found, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_batch_and_time_are_dynamic():
    model = a_pass(RNNRegressor, sequences(), sequences(seed=1)[:, :, 0], mapping="many-to-many", cell="lstm")
    proto = to_onnx(model, dtype="float64")
    for n, n_steps in ((1, 1), (1, 30), (9, 2)):
        X = sequences(n, n_steps)
        (found,) = outputs_of(proto, X=X).values()
        assert_allclose(found, model.predict(X), rtol=0, atol=1e-12)


def test_what_stands_behind_the_end_does_not_count():
    X = sequences()
    for cell in ("gru", "mingru"):
        model = a_pass(RNNRegressor, X, X[:, 0], cell=cell, bidirectional=True, pooling="concat")
        proto = to_onnx(model, ragged=True)
        found = [
            outputs_of(proto, X=padded(X, value).astype(np.float32), lengths=LENGTHS)["prediction"]
            for value in (0.0, 1e30, np.inf, np.nan)
        ]
        for other in found[1:]:
            assert_array_equal(found[0], other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_length_beyond_the_last_step_is_an_error(dtype):
    X = sequences()
    proto = to_onnx(a_pass(RNNRegressor, X, X[:, 0], cell="gru", pooling="mean"), dtype=dtype, ragged=True)
    with pytest.raises(Exception, match="out of data bounds"):
        outputs_of(proto, X=X.astype(dtype), lengths=LENGTHS + np.int32(1))


REGRESSIONS = {
    "absolute_error": {},
    "huber": {},
    "poisson": {},
    "quantile": {"quantile": 0.3},
    "quantile of one": {"quantile": (0.3,)},
    "quantiles": {"quantile": (0.1, 0.5, 0.9)},
}


@pytest.mark.parametrize("shape", [(), (1,), (2,)])
@pytest.mark.parametrize("loss", REGRESSIONS)
def test_losses_and_shapes_of_y(loss, shape):
    X = sequences()
    options = {"loss": loss.replace("quantiles", "quantile").split()[0], **REGRESSIONS[loss]}
    Y = np.abs(np.random.default_rng(2).normal(size=(5, 7, *shape)))
    for dtype in TOLERANCE:
        model = a_pass(RNNRegressor, X, Y[:, 0], **options)
        assert_same(model, X, dtype)
        model = a_pass(RNNRegressor, X, Y, mapping="many-to-many", **options)
        assert_same(model, padded(X), dtype, ragged=True)
        model = a_pass(RNNRegressor, X[:, 0], Y, mapping="one-to-many", **options)
        assert_same(model, X[:, 0], dtype)


LABELS = {
    "two strings": np.array(["no", "yes"]),
    "three strings": np.array(["a", "bb", "ccc"], dtype=object),
    "two numbers": np.array([3, 7]),
    "numbers of one byte": np.array([3, 7, 9], np.uint8),
    "minus one": np.array([-1, 1]),
    "floats": np.array([0.0, 1.0, 2.0]),
    "truth values": np.array([False, True]),
    "two labels": None,
    "three labels": None,
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_and_probabilities(kind):
    X, rng = sequences(), np.random.default_rng(3)
    if LABELS[kind] is None:  # an indicator matrix
        Y = rng.integers(0, 2, size=(5, 7, 2 if kind == "two labels" else 3))
    else:
        Y = LABELS[kind][(np.arange(35).reshape(5, 7) + np.arange(5)[:, None]) % len(LABELS[kind])]

    def classifier(X, y, mapping):
        return net(RNNSequenceClassifier, mapping=mapping).partial_fit(X, y, classes=LABELS[kind])

    for dtype in TOLERANCE:
        proto = assert_same(classifier(X, Y[:, 0], "many-to-one"), X, dtype)
        assert [output.name for output in proto.graph.output] == ["label", "probabilities"]
        assert_same(classifier(X[:, 0], Y, "one-to-many"), X[:, 0], dtype)
        assert_same(classifier(X, Y, "many-to-many"), X, dtype)
        assert_same(classifier(X, Y, "many-to-many"), padded(X), dtype, ragged=True)


def test_table_of_univariate_sequences():
    X = sequences(n_features=1)[:, :, 0]
    model = a_pass(RNNRegressor, X, X[:, 0], patch_size=3)
    proto = assert_same(model, X)
    assert [d.dim_param or d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim] == ["N", 7]
    model = a_pass(RNNRegressor, X, X, mapping="many-to-many")
    proto = assert_same(model, X, "float64")
    assert [d.dim_param or d.dim_value for d in proto.graph.output[0].type.tensor_type.shape.dim] == ["N", 7]
    # one column, or one feature: told apart
    model = a_pass(RNNRegressor, X[:, :1], X[:, 0])
    assert len(assert_same(model, X[:, :1]).graph.input[0].type.tensor_type.shape.dim) == 2
    model = a_pass(RNNRegressor, X[:, :, None], X[:, 0])
    assert len(assert_same(model, X[:, :, None]).graph.input[0].type.tensor_type.shape.dim) == 3


class Fitted:
    """One pass in the place of fit, for pipelines."""

    def fit(self, X, y):
        return self.partial_fit(X, y)


class QuickRegressor(Fitted, RNNRegressor):
    pass


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler((-1, 2)),
        MinMaxScaler(clip=True),
        MaxAbsScaler(),
        RobustScaler(),
        RobustScaler(with_centering=False),
        make_pipeline(StandardScaler(), "passthrough", make_pipeline(MinMaxScaler())),
    ],
    ids=lambda scaler: str(scaler) if not isinstance(scaler, Pipeline) else "pipeline",
)
def test_scalers(scaler):
    X = sequences() * [3.0, 0.1] + [5.0, -1.0]
    new = 1.5 * sequences(seed=9) * [3.0, 0.1] + [5.0, -1.0]
    pipeline = make_pipeline(TimestepTransformer(scaler), net(QuickRegressor, pooling="mean")).fit(X, X[:, 0])
    assert_same(pipeline, new)
    assert_same(pipeline, new, "float64")
    assert_same(pipeline, padded(new), ragged=True)
    # each column of a table by itself: time steps, or features
    pipeline = make_pipeline(scaler, net(QuickRegressor)).fit(X[:, :, 0], X[:, 0])
    assert_same(pipeline, new[:, :, 0])
    pipeline = make_pipeline(scaler, net(QuickRegressor, mapping="one-to-many")).fit(X[:, 0], X[:, :, 0])
    assert_same(pipeline, new[:, 0])


def test_pipelines():
    X = sequences()
    steps = [TimestepTransformer(StandardScaler()), None, TimestepTransformer(MinMaxScaler()), PatchSequence(3)]
    pipeline = Pipeline([(str(k), step) for k, step in enumerate([*steps, net(QuickRegressor, patch_size=2)])])
    pipeline.fit(X, X[:, 0])
    assert_same(pipeline, X)
    assert_same(pipeline, padded(X), "float64", ragged=True)
    # univariate, as a table; scaled as one feature
    pipeline = make_pipeline(TimestepTransformer(StandardScaler()), PatchSequence(2), net(QuickRegressor))
    assert_same(pipeline.fit(X[:, :, 0], X[:, 0]), X[:, :, 0])
    pipeline = make_pipeline(PatchSequence(2), net(QuickRegressor, mapping="many-to-many"))
    proto = assert_same(pipeline.fit(X, X[:, :4]), X)
    assert proto.graph.output[0].type.tensor_type.shape.dim[1].dim_param == "n_patches"


def test_lags():
    table = sequences(5, 13, 1)[:, :, 0]
    lags = LagsToSequence("newest-first", n_channels=2, layout="channel-major", static=1)
    pipeline = make_pipeline(StandardScaler(), lags, net(QuickRegressor)).fit(table, table[:, 0])
    assert_same(pipeline, table)
    assert pipeline[:-1].transform(table).shape == (5, 6, 3)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler()])
def test_scaled_targets(scaler):
    X, Y = sequences(), 100.0 + 30.0 * sequences(seed=4)[:, 0]
    inner = make_pipeline(TimestepTransformer(StandardScaler()), net(QuickRegressor))
    for y in (Y[:, 0], Y[:, :1], Y):
        model = TransformedTargetRegressor(inner, transformer=scaler).fit(X, y)
        assert_same(model, X, "float64")
        assert_same(make_pipeline(TimestepTransformer(StandardScaler()), model).fit(X, y), X, "float64")
    model = TransformedTargetRegressor(net(QuickRegressor, mapping="one-to-many"), transformer=scaler)
    assert_same(model.fit(X[:, 0], 50.0 + X[:, :, 0]), X[:, 0], "float64")


def test_best_of_a_search():
    X = sequences(12)
    pipeline = make_pipeline(TimestepTransformer(StandardScaler()), net(QuickRegressor))
    search = GridSearchCV(pipeline, {"quickregressor__hidden_layer_sizes": [2, 3]}, cv=2).fit(X, X[:, 0, 0])
    assert_same(search, X)


def test_activation_is_that_of_the_fit():
    X = sequences()
    model = a_pass(RNNRegressor, X, X[:, 0, 0], cell="rnn", activation="relu")
    assert model.activation_ == "relu"
    model.set_params(activation="tanh")
    assert model.activation_ == "relu"
    assert_same(model, X)
    assert a_pass(RNNRegressor, X, X[:, 0, 0], cell="gru").activation_ is None


def test_dropout_is_off():
    X = sequences()
    assert_same(a_pass(RNNRegressor, X, X[:, 0, 0], sizes=(3, 3), dropout=0.5), X)


@pytest.mark.parametrize("opset", [18, onnx.defs.onnx_opset_version()])
def test_opset_and_what_the_file_says(opset):
    X = sequences(40)
    proto = to_onnx(a_pass(RNNRegressor, X, X[:, 0, 0]), opset=opset, name="mine")
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == opset and len(proto.opset_import) == 1
    assert (proto.producer_name, proto.producer_version) == ("sklearn_rnn", __version__)
    assert proto.graph.name == "mine"
    assert not proto.doc_string and not proto.metadata_props and not proto.domain
    stored = proto.SerializeToString()
    for secret in (os.getcwd(), os.path.expanduser("~"), getpass.getuser()):
        if len(secret) > 4:  # a short one may occur by chance
            assert secret.encode() not in stored
    n_numbers = sum(onnx.numpy_helper.to_array(constant).size for constant in proto.graph.initializer)
    assert n_numbers < 100  # 61 weights and biases, shapes and axes; X has 560
    if opset == 18:
        assert proto.ir_version == 8
        assert_same(a_pass(RNNRegressor, X[:5], X[:5, 0, 0]), X[:5], opset=opset)


def test_what_is_refused():
    X = sequences()
    y = X[:, 0, 0]
    model = a_pass(RNNRegressor, X, y)
    for wrong, message in (
        ({"ragged": "yes"}, "ragged must be True or False"),
        ({"dtype": "float16"}, "dtype must be 'float32' or 'float64', got 'float16'"),
        ({"opset": 17}, "opset must be a whole number from 18"),
        ({"opset": 18.0}, "opset must be a whole number from 18"),
        ({"opset": 10_000}, "the newest that onnx"),
        ({"name": ""}, "name must be a text"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            to_onnx(model, **wrong)
    with pytest.raises(NotFittedError):
        to_onnx(RNNRegressor())
    with pytest.raises(NotFittedError):
        to_onnx(make_pipeline(TimestepTransformer(StandardScaler()), RNNRegressor()))
    for wrong in (RNNForecaster(), RNNRegressor, StandardScaler(), "model", Pipeline([("nothing", None)])):
        with pytest.raises(TypeError, match=r"to_onnx exports a fitted RNNRegressor .* got an? "):
            to_onnx(wrong)
    with pytest.raises(ValueError, match=r"fitted on 2-D X. Fit it on 3-D X"):
        to_onnx(a_pass(RNNRegressor, X[:, :, 0], y), ragged=True)
    with pytest.raises(ValueError, match=r"fitted on a table, with mapping='one-to-many'"):
        to_onnx(a_pass(RNNRegressor, X[:, 0], X[:, :, 0], mapping="one-to-many"), ragged=True)
    with pytest.raises(ValueError, match="mapping is 'many-to-many' now"):
        to_onnx(a_pass(RNNRegressor, X, y).set_params(mapping="many-to-many"))


class OwnScaler(StandardScaler):
    def transform(self, X):
        return -super().transform(X)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (TimestepTransformer(FunctionTransformer()), "A TimestepTransformer of FunctionTransformer cannot be exported"),
        (TimestepTransformer(OwnScaler()), "A TimestepTransformer of OwnScaler cannot be exported"),
        (FunctionTransformer(), "FunctionTransformer cannot be exported, only StandardScaler"),
        (QuantileTransformer(n_quantiles=5), r"QuantileTransformer cannot be exported.*to_onnx\(pipeline\[1:\]\)"),
    ],
)
def test_transformers_that_are_refused(step, message):
    X = sequences()
    X = X if isinstance(step, TimestepTransformer) else X[:, :, 0]
    pipeline = make_pipeline(step, net(QuickRegressor)).fit(X, X[:, 0])
    with pytest.raises(TypeError, match=message):
        to_onnx(pipeline)
    assert_same(pipeline[1:], X)  # as the message advises


def test_targets_and_lags_that_are_refused():
    X = sequences()
    model = TransformedTargetRegressor(net(QuickRegressor), func=np.log1p, inverse_func=np.expm1)
    with pytest.raises(TypeError, match="A TransformedTargetRegressor of FunctionTransformer cannot be exported"):
        to_onnx(model.fit(X, np.abs(X[:, 0, 0])))
    model = TransformedTargetRegressor(net(QuickRegressor, mapping="many-to-many"), transformer=StandardScaler())
    with pytest.raises(ValueError, match="cannot be exported with mapping='many-to-many'"):
        to_onnx(model.fit(X, X[:, :, 0]))
    pipeline = make_pipeline(LagsToSequence("oldest-first", layout="channels-first"), net(QuickRegressor))
    with pytest.raises(ValueError, match=r"'channels-first'. cannot be exported"):
        to_onnx(pipeline.fit(X.transpose(0, 2, 1), X[:, 0]))


def test_parts_that_others_registered_are_refused(monkeypatch):
    from sklearn_rnn.core import _cells, _losses, _pooling

    X = sequences()
    monkeypatch.setitem(_cells.CELLS, "mine", _cells.GRUCell)
    with pytest.raises(ValueError, match=r"cell='mine' cannot be exported: .*, only those of rnn, gru"):
        to_onnx(a_pass(RNNRegressor, X, X[:, 0], cell="mine"))
    monkeypatch.setitem(_pooling.POOLINGS, "mine", _pooling.MeanPooling)
    with pytest.raises(ValueError, match=r"pooling='mine' cannot be exported: .*, only those of last, mean"):
        to_onnx(a_pass(RNNRegressor, X, X[:, 0], pooling="mine"))
    monkeypatch.setitem(_losses.REGRESSION_LOSSES, "mine", _losses.SquaredError)
    with pytest.raises(ValueError, match="loss='mine' cannot be exported"):
        to_onnx(a_pass(RNNRegressor, X, X[:, 0], loss="mine"))


# -- what predict refuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru", "indrnn"])
def test_nan_and_infinity_in_a_sequence_make_all_of_its_outputs_nan(cell, dtype):
    """ONNX Runtime's GRU and LSTM make ordinary numbers of NaN; those of the other sequences are untouched."""
    X, rng = sequences(), np.random.default_rng(1)
    labels = rng.choice(["a", "b", "c"], (5, 7))
    options = {"cell": cell, "bidirectional": True, "activation": "relu"}
    classes = {"classes": ["a", "b", "c"]}
    models = [
        (net(RNNRegressor, pooling="max", **options).partial_fit(X, X[:, 0]), X),
        (net(RNNRegressor, mapping="many-to-many", **options).partial_fit(X, X), X),
        (net(RNNRegressor, mapping="one-to-many", **options).partial_fit(X[:, 0], X), X[:, 0]),
        (net(RNNRegressor, patch_size=3, **options).partial_fit(X[:, :, 0], X[:, 0]), X[:, :, 0]),
        (net(RNNSequenceClassifier, **options).partial_fit(X, labels[:, 0], **classes), X),
        (net(RNNSequenceClassifier, mapping="many-to-many", **options).partial_fit(X, labels, **classes), X),
    ]
    for model, good in models:
        protos = [to_onnx(model, dtype=dtype)]
        if good.ndim == 3:
            protos.append(to_onnx(model, dtype=dtype, ragged=True))
        for proto in protos:
            given = {"lengths": np.full(5, 7, np.int32)} if len(proto.graph.input) == 2 else {}
            expected = outputs_of(proto, X=good.astype(dtype), **given)
            for value in (np.nan, np.inf, -np.inf):
                bad = good.copy()
                bad[3].flat[1] = value
                with pytest.raises(ValueError, match=r"NaN|infinity"):
                    model.predict(bad)
                found = outputs_of(proto, X=bad.astype(dtype), **given)
                for name, numbers in found.items():
                    assert_array_equal(np.delete(numbers, 3, axis=0), np.delete(expected[name], 3, axis=0))
                    if name == "label":
                        assert set(np.ravel(numbers[3])) == {""}
                    else:
                        assert np.isnan(numbers[3]).all()


@pytest.mark.parametrize("kind", LABELS)
def test_the_label_of_a_sequence_with_nan(kind):
    X = sequences()
    classes = LABELS[kind]
    y = np.arange(10).reshape(5, 2) % 2 if classes is None else classes[np.arange(5) % len(classes)]
    bad = X.astype(np.float32)
    bad[2, 4, 1] = np.nan
    found = outputs_of(to_onnx(net(RNNSequenceClassifier).partial_fit(X, y, classes=classes)), X=bad)
    expected = {"i": -1, "f": np.nan, "b": False}.get(found["label"].dtype.kind, "")
    assert_array_equal(found["label"][2:3], np.full_like(found["label"][2:3], expected))
    assert np.isnan(found["probabilities"][2]).all()
    assert np.isfinite(np.delete(found["probabilities"], 2, axis=0)).all()


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(clip=True), RobustScaler()])
def test_nan_and_infinity_before_a_scaler(scaler):
    """One that clips makes an ordinary number of infinity."""
    X = sequences()
    steps = make_pipeline(TimestepTransformer(scaler), PatchSequence(2), net(QuickRegressor)).fit(X, X[:, 0])
    table = make_pipeline(scaler, net(QuickRegressor)).fit(X[:, :, 0], X[:, 0])
    for value in (np.nan, np.inf):
        bad = X.astype(np.float32)
        bad[1, 3, 0] = value
        for model, given in ((steps, bad), (table, bad[:, :, 0])):
            (found,) = outputs_of(to_onnx(model), X=given).values()
            assert_array_equal(np.isnan(found).all(axis=1), np.arange(5) == 1)
            assert_array_equal(np.isnan(found).any(axis=1), np.arange(5) == 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", ["gru", "mingru"])
def test_lengths_below_one_make_nan(cell, dtype):
    X = sequences()
    lengths = np.array([7, 0, 3, -1, -100], np.int32)
    for pooling in ("last", "mean", "max", "attention"):
        model = a_pass(RNNRegressor, X, X[:, 0], cell=cell, pooling=pooling, bidirectional=True, patch_size=2)
        (found,) = outputs_of(to_onnx(model, dtype=dtype, ragged=True), X=X.astype(dtype), lengths=lengths).values()
        assert_allclose(found[[0, 2]], model.predict([X[0], X[2, :3]]), rtol=0, atol=TOLERANCE[dtype])
        assert np.isnan(found[[1, 3, 4]]).all()
    model = a_pass(RNNRegressor, X, X, cell=cell, mapping="many-to-many")
    (found,) = outputs_of(to_onnx(model, dtype=dtype, ragged=True), X=X.astype(dtype), lengths=lengths).values()
    assert_array_equal(np.isnan(found).all(axis=2).sum(axis=1), [0, 7, 4, 7, 7])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "indrnn"])
def test_no_sequences_or_no_steps_are_an_error(cell, dtype):
    """As in predict; ONNX Runtime by itself aborts the process."""
    X = sequences()
    model = a_pass(RNNRegressor, X, X[:, 0], cell=cell)
    for shape in ((0, 7, 2), (5, 0, 2)):
        with pytest.raises(ValueError):
            model.predict(np.empty(shape))
        with pytest.raises(Exception, match="X_is_not_empty"):
            outputs_of(to_onnx(model, dtype=dtype), X=np.empty(shape, dtype))
    proto = to_onnx(model, dtype=dtype, ragged=True)
    with pytest.raises(Exception, match="X_is_not_empty"):
        outputs_of(proto, X=np.empty((0, 7, 2), dtype), lengths=np.empty(0, np.int32))
    proto = to_onnx(a_pass(RNNRegressor, X[:, :, 0], X[:, 0], cell=cell), dtype=dtype)
    with pytest.raises(Exception, match="X_is_not_empty"):
        outputs_of(proto, X=np.empty((0, 7), dtype))


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru", "indrnn"])
def test_the_largest_numbers_of_float32_are_nan(cell):
    """They often stand for "no data". Times weights they are infinite, of which ordinary numbers would be made."""
    X = sequences()
    model = net(init_scale=3.0, cell=cell, activation="relu").partial_fit(X, X[:, 0])
    X = X.astype(np.float32)
    X[1, 2], X[2, 2] = np.finfo(np.float32).max, 1e20
    (found,) = outputs_of(to_onnx(model), X=X).values()
    assert np.isnan(found[1]).all()
    good = [0, 2, 3, 4]
    assert_allclose(found[good], model.predict(X[good].astype(np.float64)), rtol=1e-4)


def test_outputs_that_overflow_are_nan():
    """A network that grows without bound, whose probabilities are not those of an ordinary class."""
    X = 1.0 + np.abs(sequences(n_steps=40))
    options = {"cell": "rnn", "activation": "relu", "init": "normal", "init_scale": 9.0, "random_state": 3}
    model = RNNSequenceClassifier(8, **options).partial_fit(X[:, :2], [0, 1, 2, 0, 1], classes=[0, 1, 2])
    X = X.astype(np.float32)
    X[1:] = 1e-30
    found = outputs_of(to_onnx(model), X=X)
    assert found["label"][0] == -1 and np.isnan(found["probabilities"][0]).all()


# -- what float32 cannot hold ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler((-3, 3)),
        RobustScaler(),
    ],
    ids=str,
)
def test_a_feature_that_float32_is_too_coarse_for(scaler):
    def deviation(offset, dtype):
        X = sequences(50) + np.array([0.0, offset])
        pipeline = make_pipeline(TimestepTransformer(scaler), net(QuickRegressor)).fit(X, X[:, 0, 0])
        (found,) = outputs_of(to_onnx(pipeline, dtype=dtype), X=X.astype(dtype)).values()
        return np.abs(found - pipeline.predict(X)).max()

    assert deviation(1e3, "float32") < 1e-3
    with pytest.warns(
        UserWarning, match=r"Feature 1 of X varies .* error of up to 0\.\d+\. Export with dtype='float64'"
    ):
        deviation(1e5, "float32")
    # not said where there is nothing to it
    assert deviation(1e5, "float64") < 1e-8
    X = sequences(50)
    X[:, :, 1] = 1e7  # constant
    to_onnx(make_pipeline(TimestepTransformer(StandardScaler()), net(QuickRegressor)).fit(X, X[:, 0, 0]))
    X = (sequences(50) + np.array([0.0, 1e5])).astype(np.float32)
    pipeline = make_pipeline(TimestepTransformer(scaler), net(QuickRegressor)).fit(X, X[:, 0, 0])
    (found,) = outputs_of(to_onnx(pipeline), X=X).values()  # which has lost nothing that predict has
    assert found.dtype == np.float32
    X = sequences(50) * [1.0, 1e6] + [0.0, 1e6]
    two = make_pipeline(StandardScaler(with_std=False), StandardScaler())  # the second brings the scale
    pipeline = make_pipeline(TimestepTransformer(two), net(QuickRegressor)).fit(X, X[:, 0, 0])
    assert_same(pipeline, X)


def test_other_features_and_targets_that_float32_is_too_coarse_for():
    X = sequences(50) + 1e5
    pipeline = make_pipeline(TimestepTransformer(StandardScaler()), PatchSequence(3), net(QuickRegressor))
    with pytest.warns(UserWarning, match=r"A feature of X varies too little"):
        to_onnx(pipeline.fit(X, X[:, 0, 0]))
    model = TransformedTargetRegressor(net(QuickRegressor), transformer=StandardScaler())
    with pytest.warns(UserWarning, match=r"The target varies too little .* dtype='float64'; or export the regressor_"):
        to_onnx(model.fit(X - 1e5, X[:, 0, 0]))
    with pytest.warns(UserWarning, match=r"Target 1 varies too little"):
        to_onnx(model.fit(X - 1e5, X[:, 0] - [1e5, 0.0]))
    assert_same(model, X - 1e5, "float64")


# -- what is looked through --------------------------------------------------------------------------------------------


def test_frozen_models_and_steps_that_pass_through():
    X = sequences()
    model = a_pass(RNNRegressor, X, X[:, 0])
    assert_same(FrozenEstimator(model), X)
    scaler = TimestepTransformer(StandardScaler()).fit(X)
    pipeline = make_pipeline("passthrough", FrozenEstimator(scaler), make_pipeline("passthrough", PatchSequence(2)))
    pipeline = Pipeline([*pipeline.steps, ("none", None), ("net", net(QuickRegressor))]).fit(X, X[:, 0])
    assert_same(pipeline, X)
    assert_same(FrozenEstimator(pipeline), padded(X), ragged=True)
    scaler = TimestepTransformer(FrozenEstimator(StandardScaler().fit(X[0]))).fit(X, X[:, 0, 0])
    assert_same(make_pipeline(scaler, model), X)
    assert_same(make_pipeline("passthrough", FrozenEstimator(model)), X)
    with pytest.raises(NotFittedError):
        to_onnx(FrozenEstimator(RNNRegressor()))


def test_targets_that_are_not_scaled():
    X = sequences()
    for y in (X[:, 0, 0], X[:, 0]):
        assert_same(TransformedTargetRegressor(net(QuickRegressor)).fit(X, y), X)
    many = TransformedTargetRegressor(net(QuickRegressor, mapping="many-to-many")).fit(X, X[:, :, 0])
    assert_same(many, X)
    both = make_pipeline(StandardScaler(), "passthrough", FrozenEstimator(MaxAbsScaler().fit(X[:, 0])))
    assert_same(TransformedTargetRegressor(net(QuickRegressor), transformer=both).fit(X, X[:, 0]), X)


def test_a_search_without_a_best_estimator():
    X = sequences(12)
    search = GridSearchCV(net(QuickRegressor), {"hidden_layer_sizes": [2, 3]}, cv=2, refit=False)
    with pytest.raises(NotFittedError, match="GridSearchCV"):
        to_onnx(search)
    with pytest.raises(
        ValueError, match=r"This GridSearchCV has no best estimator .* refit=False. Fit it with refit=True"
    ):
        to_onnx(search.fit(X, X[:, 0, 0]))
    with pytest.raises(ValueError, match="has no best estimator"):
        to_onnx(FrozenEstimator(search))


def test_quantiles_far_apart_in_every_opset():
    """exp of what lies between them would be infinite."""
    X = sequences()
    model = a_pass(RNNRegressor, X, X[:, 0, 0], loss="quantile", quantile=(0.1, 0.5, 0.9))
    model.weights_["b_o"][...] = [3000.0, 4000.0, 1500.0]
    newest = onnx.defs.onnx_opset_version()
    for dtype in TOLERANCE:
        for opset in (18, 20, min(newest, 23)):
            proto = to_onnx(model, dtype=dtype, opset=opset)
            found = outputs_of(proto, X=X.astype(dtype))["prediction"]
            assert_allclose(found, model.predict(X), rtol=TOLERANCE[dtype])


class InLogarithms(RNNRegressor):
    def predict(self, X):
        return np.exp(super().predict(X))


class Sure(RNNSequenceClassifier):
    def predict_proba(self, X):
        return np.round(super().predict_proba(X))


class Doubled(Pipeline):
    def predict(self, X):
        return 2 * super().predict(X)


class NonNegative(TransformedTargetRegressor):
    def predict(self, X):
        return np.maximum(super().predict(X), 0)


class Shifted(GridSearchCV):
    def predict(self, X):
        return super().predict(X) + 100


class Frozen(FrozenEstimator):
    def predict(self, X):
        return self.estimator.predict(X) + 100


class Named(RNNRegressor):
    """Has nothing of its own."""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_subclasses_that_predict_otherwise_are_refused():
    X = sequences()
    y = X[:, 0, 0]
    for model, word in (
        (a_pass(InLogarithms, X, y), "predict"),
        (net(Sure).partial_fit(X, y > 0, classes=[False, True]), "predict_proba"),
        (Doubled([("net", net(max_iter=1))]).fit(X, y), "predict"),
        (NonNegative(net(max_iter=1), transformer=StandardScaler()).fit(X, y), "predict"),
        (Shifted(net(max_iter=1), {"alpha": [0.1]}, cv=2).fit(X, y), "predict"),
        (Frozen(a_pass(RNNRegressor, X, y)), "predict"),
    ):
        with pytest.raises(TypeError, match=f"{type(model).__name__} has a {word} of its own"):
            to_onnx(model)
    assert_same(a_pass(Named, X, y), X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers_that_float32_cannot_hold():
    X = sequences()
    of_target = TransformedTargetRegressor(net(max_iter=1), transformer=StandardScaler()).fit(X, X[:, 0, 0] * 1e40)
    of_weights = a_pass(RNNRegressor, X, X[:, 0, 0])
    of_weights.weights_["W_o"][...] *= 1e39
    for model in (of_target, of_weights):
        with pytest.raises(ValueError, match=r"infinite in float32. Export with dtype='float64'"):
            to_onnx(model)
        assert_same(model, X, "float64")
