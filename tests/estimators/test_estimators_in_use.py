"""Faults that users found where the other tests had not looked: most of them were silence where something was wrong."""

import functools
import signal
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier, make_windows

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0}
rng = np.random.default_rng(0)
N, T, F = 40, 6, 2
X = rng.normal(size=(N, T, F))
Y = X[:, :, 0].sum(axis=1)
LABELS = np.where(Y > 0, "b", "a")


# ---- weights and validation -----------------------------------------------------------------------------------------


@quiet
def test_weights_are_scaled_over_what_is_trained_on():
    """Constant weights within either part change nothing, however they differ between the parts."""
    options = {**SMALL, "early_stopping": True, "validation_method": "last", "validation_fraction": 0.5, "alpha": 0.1}
    weights = np.repeat([1.0, 20.0], N // 2)
    plain, weighted = RNNRegressor(**options).fit(X, Y), RNNRegressor(**options).fit(X, Y, weights)
    np.testing.assert_allclose(weighted.loss_curve_, plain.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(weighted.validation_loss_curve_, plain.validation_loss_curve_, rtol=1e-12)


@quiet
@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
def test_a_fit_that_diverges_while_a_scorer_watches_keeps_the_best(scoring):
    """The outputs overflow before the loss of a mini-batch does: scorers refuse them, training must not."""
    model = RNNRegressor(
        **{**SMALL, "max_iter": 40},
        cell="rnn",
        activation="relu",
        solver="sgd",
        momentum=0.0,
        clip_norm=None,
        learning_rate="inverse_time",
        learning_rate_init=0.02,
        early_stopping=True,
        scoring=scoring,
        loss="absolute_error",
    )
    grown = []

    class Growing(RNNRegressor):
        def score(self, X, y, sample_weight=None):
            grown.append(1)
            return super().score(X, y, sample_weight)

    model = Growing(**model.get_params())
    single, y = X.astype(np.float32), Y
    poison = single.copy()
    poison[:, -1] = 1e38  # finite, but two of them are not
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(single, y, X_val=poison, y_val=y)
    assert len(model.validation_scores_) == len(model.loss_curve_) > 1
    assert -np.inf in model.validation_scores_
    assert np.isfinite(model.predict(single)).all()
    assert len([w for w in caught if issubclass(w.category, RuntimeWarning)]) == 0


class _Scorer:
    """A scorer as an object, and by its method; neither takes weights."""

    def __call__(self, estimator, X, y):
        return -np.abs(estimator.predict(X) - y).mean()

    def score(self, estimator, X, y):
        return self(estimator, X, y)


def _score(scale, estimator, X, y):
    return scale * _Scorer()(estimator, X, y)


def _weighted(estimator, X, y, sample_weight=None):
    return -float(sample_weight is None)


@quiet
@pytest.mark.parametrize(
    "scoring",
    [_Scorer(), _Scorer().score, functools.partial(_score, 2.0), lambda estimator, X, y: 0.0],
    ids=["object", "bound method", "partial", "function"],
)
def test_scorers_of_any_kind_that_take_no_weights(scoring):
    model = RNNRegressor(**SMALL, early_stopping=True, scoring=scoring).fit(X, Y, np.ones(N))
    assert len(model.validation_scores_) == 3


@quiet
@pytest.mark.parametrize("scoring", [_weighted, functools.partial(_weighted)], ids=["function", "partial"])
def test_scorers_that_take_weights_get_them(scoring):
    assert RNNRegressor(**SMALL, early_stopping=True, scoring=scoring).fit(X, Y, np.ones(N)).validation_scores_[0] == 0
    mae = make_scorer(mean_absolute_error, greater_is_better=False)
    model = RNNRegressor(**SMALL).fit(X, Y, X_val=X, y_val=Y)
    weight = np.r_[np.zeros(N - 1), 1.0]
    options = {**SMALL, "scoring": mae}
    watched = RNNRegressor(**options).fit(X, Y, X_val=X, y_val=Y, sample_weight_val=weight)
    np.testing.assert_allclose(watched.validation_scores_[-1], -np.abs(watched.predict(X)[-1] - Y[-1]), rtol=1e-10)
    np.testing.assert_array_equal(watched.predict(X), model.predict(X))


@quiet
def test_class_weights_of_a_class_that_a_chunk_or_the_validation_data_lack():
    weight = {"a": 1.0, "b": 3.0}
    only_a = LABELS == "a"
    model = RNNSequenceClassifier(**SMALL, class_weight=weight)
    model.partial_fit(X[only_a], LABELS[only_a], classes=["a", "b"])
    model.partial_fit(X, LABELS)
    validated = clone(model).fit(X, LABELS, X_val=X[only_a], y_val=LABELS[only_a])
    assert len(validated.validation_loss_curve_) == 3
    by_sample = RNNSequenceClassifier(**SMALL).fit(X, LABELS, [weight[label] for label in LABELS])
    np.testing.assert_array_equal(validated.predict_proba(X), by_sample.predict_proba(X))
    # validation data weigh as the training data do, not by shares of their own
    balanced = RNNSequenceClassifier(**SMALL, class_weight="balanced").fit(X, LABELS, X_val=X[:9], y_val=LABELS[:9])
    share = dict(zip(*np.unique(LABELS, return_counts=True)))
    weights = [N / (2 * share[label]) for label in LABELS]
    as_weights = RNNSequenceClassifier(**SMALL).fit(
        X, LABELS, weights, X_val=X[:9], y_val=LABELS[:9], sample_weight_val=weights[:9]
    )
    np.testing.assert_allclose(balanced.validation_loss_curve_, as_weights.validation_loss_curve_, rtol=1e-10)
    with pytest.raises(ValueError, match=r"class_weight names \['c'\].*not among the classes \['a', 'b'\]"):
        RNNSequenceClassifier(**SMALL, class_weight={"a": 1, "c": 2}).fit(X, LABELS)


# ---- interrupts -----------------------------------------------------------------------------------------------------


class _InterruptedOnce(RNNRegressor):
    """Ctrl-C in the second epoch of the second fit of all."""

    n_fits = 0

    def fit(self, X, y, **more):
        type(self).n_fits += 1
        return super().fit(X, y, **more)

    def score(self, X, y, sample_weight=None):
        if type(self).n_fits == 2 and not hasattr(self, "n_iter_"):
            signal.raise_signal(signal.SIGINT)
        return 0.0


@quiet
def test_ctrl_c_stops_the_search_around_a_fit():
    _InterruptedOnce.n_fits = 0
    model = _InterruptedOnce(**SMALL, early_stopping=True, scoring=None)
    with pytest.raises(KeyboardInterrupt, match="keeps what it has learnt"):
        GridSearchCV(model, {"alpha": [0.0, 0.1]}, cv=3).fit(X, Y)
    assert _InterruptedOnce.n_fits == 2
    _InterruptedOnce.n_fits = 0
    with pytest.raises(KeyboardInterrupt):
        cross_val_score(model, X, Y, cv=3, error_score=0.0)
    assert _InterruptedOnce.n_fits == 2


@quiet
def test_an_interrupted_partial_fit_keeps_what_it_learnt(monkeypatch):
    from sklearn_rnn.core._optimizers import Adam

    model = RNNRegressor(**SMALL, batch_size=10).partial_fit(X, Y)
    before, step, left = model.weights_["W_o"].copy(), Adam.step, iter(range(2))

    def interrupted(self, *arguments):
        if next(left, None) is None:
            signal.raise_signal(signal.SIGINT)
        step(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Adam, "step", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"as far as it got.*can be used"):
            model.partial_fit(X, Y)
    assert not np.array_equal(model.weights_["W_o"], before)
    assert model.n_iter_ == 1
    assert model.partial_fit(X, Y).n_iter_ == 2


# ---- what X and y may be --------------------------------------------------------------------------------------------


def frames(columns):
    return [pd.DataFrame(x[: 2 + i % 4], columns=columns) for i, x in enumerate(X)]


@quiet
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_in_a_list_are_read_by_name(library):
    if library == "polars":
        polars = pytest.importorskip("polars", reason="frames of polars")
    data = frames(["wind", "rain"])
    turned = [x[["rain", "wind"]] if i % 2 else x for i, x in enumerate(data)]
    if library == "polars":
        data, turned = ([polars.from_pandas(x) for x in some] for some in (data, turned))
    model = RNNRegressor(**SMALL).fit(data, Y)
    assert model.feature_names_in_.tolist() == ["wind", "rain"]
    np.testing.assert_array_equal(model.predict(turned), model.predict(data))
    np.testing.assert_array_equal(RNNRegressor(**SMALL).fit(turned, Y).predict(data), model.predict(data))
    arrays = [np.asarray(x) for x in data]
    np.testing.assert_array_equal(RNNRegressor(**SMALL).fit(arrays, Y).predict(arrays), model.predict(data))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(arrays)


@quiet
def test_frames_in_a_list_must_have_the_same_columns():
    data = frames(["wind", "rain"])
    data[3] = data[3].rename(columns={"rain": "snow"})
    with pytest.raises(
        ValueError, match=r"X\[3\] has \['wind', 'snow'\] \(missing: \['rain'\], not expected: \['snow'"
    ):
        RNNRegressor(**SMALL).fit(data, Y)
    model = RNNRegressor(**SMALL).fit(frames(["wind", "rain"]), Y)
    with pytest.raises(ValueError, match=r"missing: \['rain'\]"):
        model.predict(frames(["wind", "snow"]))


@quiet
def test_what_is_masked_is_missing():
    padded = X.copy()
    padded[::3, 4:] = np.nan
    garbage = np.where(np.isnan(padded), 1e6, padded)
    masked = np.ma.MaskedArray(garbage, np.isnan(padded))
    expected = RNNRegressor(**SMALL).fit(padded, Y)
    np.testing.assert_array_equal(RNNRegressor(**SMALL).fit(masked, Y).predict(masked), expected.predict(padded))
    with pytest.raises(ValueError, match="NaN: sample 3, time step 1"):
        RNNRegressor(**SMALL).fit(np.ma.MaskedArray(X, np.arange(N * T * F).reshape(X.shape) == 3 * T * F + 2), Y)
    with pytest.raises(ValueError, match="NaN: sample 2, time step 5"):
        RNNRegressor(**SMALL).fit(np.ma.MaskedArray(X[:, :, 0], np.arange(N * T).reshape(N, T) == 2 * T + 5), Y)
    with pytest.raises(ValueError, match="y contains NaN"):
        RNNRegressor(**SMALL).fit(X, np.ma.MaskedArray(Y, np.arange(N) == 7))
    with pytest.raises(ValueError, match="y contains NaN"):
        RNNSequenceClassifier(**SMALL).fit(X, np.ma.MaskedArray(Y > 0, np.arange(N) == 7))
    windows, _ = make_windows(np.ma.MaskedArray(np.arange(6), np.arange(6) == 2), 2)
    np.testing.assert_array_equal(windows[:, :, 0], [[0, 1], [1, np.nan], [np.nan, 3], [3, 4]])
    whole = np.ma.MaskedArray(X, False)
    np.testing.assert_array_equal(expected.predict(whole), expected.predict(X))


@quiet
@pytest.mark.parametrize("kind", ["2d", "3d", "ragged"])
def test_values_too_large_for_the_dtype_of_the_model(kind):
    single = X.astype(np.float32)
    as_kind = {"2d": lambda x: x[:, :, 0], "3d": lambda x: x, "ragged": list}[kind]
    model = RNNRegressor(**SMALL, cell="rnn", activation="relu").fit(as_kind(single), Y)
    large = X.copy()
    large[3, 2] = -1e39
    with pytest.raises(ValueError, match=r"up to 1e\+39, too large for float32.*float64"):
        model.predict(as_kind(large))
    double = RNNRegressor(**SMALL, cell="rnn", activation="relu").fit(as_kind(X), Y)
    double.weights_["W_x_l0"][...] = 1e3
    with pytest.raises(ValueError, match=r"outputs are not finite: X holds values up to 1e\+308"):
        double.predict(as_kind(np.full_like(X, 1e308)))


@quiet
def test_absent_steps_are_never_labelled_like_a_class():
    padded = X.copy()
    padded[::3, 4:] = np.nan
    absent = np.isnan(padded[:, :, 0])
    for labels, expected in (
        (np.where(X[:, :, 0] > 0, 1, -1), None),
        (np.where(X[:, :, 0] > 0, 1, 0), -1),
        (np.where(X[:, :, 0] > 0, 1, -2), -1),
        (np.where(X[:, :, 0] > 0, 1.0, -1.0), np.nan),
        (X[:, :, 0] > 0, None),
    ):
        model = RNNSequenceClassifier(**SMALL, mapping="many-to-many").fit(padded, labels)
        predicted = model.predict(padded)
        assert all(label == expected or (label != label and expected != expected) for label in predicted[absent])
        assert np.isin(predicted[~absent].astype(labels.dtype), model.classes_).all()
        assert model.score(padded, labels) == np.mean(predicted[~absent] == labels[~absent])


@quiet
def test_one_long_sequence_among_short_ones():
    """The cells that are computed are not those of a table as long as the longest: in training, validation, predict."""
    short = [rng.normal(size=(10, 1)) for _ in range(300)]
    long = [*short, rng.normal(size=(4000, 1))]
    model = RNNRegressor(**SMALL, mapping="many-to-many", batch_size=301).fit(short, short)
    data = model._prepare(long, long, None, reset=False)
    cells = [[batch.X.shape[0] * batch.X.shape[2] for batch in pieces] for pieces in data.batches(301, None, 10**6)]
    assert cells == [[3000, 4000]]
    blocks = [batch.X.shape[0] * batch.X.shape[2] for batch in data.blocks(5000)]
    assert sum(blocks) == 7000
    assert max(blocks) < 5000
    # in pieces or as one: the same value and gradient
    training = model._begin(True, data)
    from sklearn_rnn.core._cores import Cores

    ((pieces, count),) = training.epoch_batches(data)
    assert count == 7000
    value, g = training.objective(training.theta, pieces, Cores())
    whole_value, whole_g = training.objective(training.theta, [data.batch(np.arange(301))], Cores())
    assert value == pytest.approx(whole_value, rel=1e-12)
    np.testing.assert_allclose(g, whole_g, rtol=1e-9, atol=1e-12)
    predicted = model.predict(long)
    np.testing.assert_allclose(predicted[0], model.predict(short[:1])[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(predicted[-1], model.predict(long[-1:])[0], rtol=1e-9, atol=1e-12)


@quiet
@pytest.mark.parametrize("bptt_steps", [None, 7])
def test_pieces_train_as_a_padded_batch_would(bptt_steps, monkeypatch):
    """Also with truncation, where the pieces go on side by side, and the sequences that have ended are left out."""
    lengths = [3] * 30 + [40, 90]
    x = [rng.normal(size=(length, 1)) for length in lengths]
    options = {**SMALL, "mapping": "many-to-many", "bptt_steps": bptt_steps}
    in_pieces = RNNRegressor(**options).fit(x, x)
    data = in_pieces._prepare(x, x, None, reset=False)
    assert len(next(data.batches(32, None, 10**6))) > 1
    from sklearn_rnn.sequences import _sequences

    monkeypatch.setattr(_sequences, "cut_by_length", lambda index, lengths: [index])
    whole = RNNRegressor(**options).fit(x, x)
    np.testing.assert_allclose(in_pieces.loss_curve_, whole.loss_curve_, rtol=1e-9)
    for name, W in in_pieces.weights_.items():
        np.testing.assert_allclose(W, whole.weights_[name], rtol=1e-7, atol=1e-10)


@quiet
def test_a_table_of_another_length_says_what_takes_any():
    model = RNNRegressor(**SMALL).fit(X[:, :, 0], Y)
    with pytest.raises(
        ValueError, match=r"X has 4 features.*expecting 6.*Each row of 2-D X is a sequence.*X\[:, :, None\]"
    ):
        model.predict(X[:, :4, 0])
    holed = X[:, :, 0].copy()
    holed[5, 2] = np.nan
    for call in (lambda: model.predict(holed), lambda: RNNRegressor(**SMALL).fit(holed, Y)):
        with pytest.raises(ValueError, match=r"NaN: sample 5, time step 2.*3-D X with NaN there"):
            call()


@quiet
def test_parameters_that_were_spoilt_after_fit():
    model = RNNRegressor(**SMALL, loss="quantile").fit(X, Y)
    with pytest.raises(ValueError, match=r"'quantile' parameter.*Got None"):
        model.set_params(quantile=None).predict(X)
    model.set_params(quantile=0.5, hidden_layer_sizes="abc")
    assert model.predict(X).shape == (N,)  # the widths are remembered from fit
    with pytest.raises(ValueError, match=r"hidden_layer_sizes.*'abc'"):
        model.fit(X, Y)


@quiet
def test_labels_of_any_container():
    expected = RNNSequenceClassifier(**SMALL).fit(X, LABELS)
    for labels in (
        LABELS.astype(object),
        pd.Series(LABELS, dtype="string"),
        pd.Series(pd.Categorical(LABELS)),
        LABELS.astype(np.dtypes.StringDType()),
        pd.Series(LABELS, dtype="string[pyarrow]"),
    ):
        model = RNNSequenceClassifier(**SMALL).fit(X, labels)
        assert model.classes_.tolist() == ["a", "b"]
        np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    numbers = pd.Series((LABELS == "b") + 1)
    for dtype in ("Int64", "int64[pyarrow]", object):
        model = RNNSequenceClassifier(**SMALL).fit(X, numbers.astype(dtype))
        assert model.classes_.tolist() == [1, 2]
        assert model.predict(X).dtype.kind == "i"
    for mixed in (
        np.array(["a", 1] * (N // 2), dtype=object),
        np.array([1.5, "b", True, "c"] * (N // 4), dtype=object),
    ):
        with pytest.raises(ValueError, match=r"holds .*str.*y\.astype\(str\)"):
            RNNSequenceClassifier(**SMALL).fit(X, mixed)
    indicator = pd.DataFrame({"up": Y > 0, "large": np.abs(Y) > 1})
    expected = RNNSequenceClassifier(**SMALL).fit(X, indicator.to_numpy().astype(int))
    for dtype in ("boolean", "Int64", "Float64", "bool[pyarrow]"):
        model = RNNSequenceClassifier(**SMALL).fit(X, indicator.astype(dtype))
        np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    with pytest.raises(ValueError, match="NaN"):
        RNNSequenceClassifier(**SMALL).fit(X, indicator.astype("boolean").mask(np.eye(N, 2, dtype=bool)))


@quiet
def test_columns_of_lists():
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    rows = [x[: 2 + i % 4, 0].tolist() for i, x in enumerate(X)]
    expected = RNNRegressor(**SMALL).fit(rows, Y)
    for column in (
        pd.Series(rows),
        polars.Series(rows),
        arrow.array(rows),
        pd.Series(rows, dtype=pd.ArrowDtype(arrow.list_(arrow.float64()))),
    ):
        np.testing.assert_array_equal(RNNRegressor(**SMALL).fit(column, Y).predict(column), expected.predict(rows))
    per_step = RNNRegressor(**SMALL, mapping="many-to-many").fit(rows, rows)
    found = RNNRegressor(**SMALL, mapping="many-to-many").fit(polars.Series(rows), polars.Series(rows))
    assert found.loss_curve_ == per_step.loss_curve_
    for lazy in (polars.DataFrame(X[:, :, 0]).lazy(), [polars.DataFrame(x).lazy() for x in X]):
        with pytest.raises(TypeError, match=r"X(\[0\])? is a LazyFrame.*X(\[0\])?\.collect\(\)"):
            RNNRegressor(**SMALL).fit(lazy, Y)


@quiet
def test_nullable_columns():
    frame = pd.DataFrame(X[:, :, 0]).rename(columns="lag {}".format)
    expected = RNNRegressor(**SMALL).fit(frame, Y)
    for dtype in ("Float64", "double[pyarrow]"):
        model = RNNRegressor(**SMALL).fit(frame.astype(dtype), pd.Series(Y, dtype=dtype))
        np.testing.assert_array_equal(model.predict(frame), expected.predict(frame))
    in_list = [pd.DataFrame(x, columns=["a", "b"]) for x in X]
    expected = RNNRegressor(**SMALL).fit(in_list, Y)
    nullable = [x.astype({"a": "Float64", "b": "double[pyarrow]"}) for x in in_list]
    np.testing.assert_array_equal(expected.predict(nullable), expected.predict(in_list))


# ---- what is said ---------------------------------------------------------------------------------------------------


def test_max_fun_is_spoken_of_with_lbfgs_only():
    for solver, expected in (("adam", r"max_iter=3 reached"), ("lbfgs", r"max_iter=3 or max_fun=15000 reached")):
        with pytest.warns(ConvergenceWarning, match=expected):
            RNNRegressor(**SMALL, learning_rate_init=0.05, solver=solver, tol=0.0).fit(X, Y)


@pytest.mark.parametrize("action", ["default", "always"])
def test_a_search_says_once_what_all_of_its_fits_would_say(action):
    search = GridSearchCV(RNNRegressor(**SMALL, learning_rate_init=0.05), {"alpha": [0.0, 0.1]}, cv=3)
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter(action, ConvergenceWarning)
            search.fit(X, Y)  # six fits, and the one of the best on all data
        assert len(caught) == 2
        assert {warning.filename for warning in caught} == {__file__}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            RNNRegressor(**SMALL).fit(X, Y)
    assert len(caught) == 3
