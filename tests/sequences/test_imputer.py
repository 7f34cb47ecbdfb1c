"""SequenceImputer against a loop over single values, in every form of X; what is refused, and its use."""

import math
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import PatchSequence, RNNRegressor, RNNSequenceClassifier, SequenceImputer, TimestepTransformer

DATA = Path(os.environ.get("SKLEARN_RNN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
STRATEGIES = ["carry", "mean", "interpolate", "zero"]
CAUSAL = ["carry", "mean", "zero"]
nan = np.nan
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
never_observed = pytest.mark.filterwarnings("ignore:No value of:UserWarning")


# -- against a loop over single values --------------------------------------------------------------------------------


def filled(values, strategy, mean):
    """One feature of one sequence, value by value."""
    out = []
    for t, value in enumerate(values):
        before = [s for s in range(t) if not math.isnan(values[s])]
        after = [s for s in range(t + 1, len(values)) if not math.isnan(values[s])]
        if not math.isnan(value):
            out.append(value)
        elif strategy == "zero":
            out.append(0.0)
        elif strategy == "mean" or (strategy == "carry" and not before) or (not before and not after):
            out.append(mean)
        elif strategy == "carry" or not after:
            out.append(values[before[-1]])
        elif not before:
            out.append(values[after[0]])
        else:
            p, q = before[-1], after[0]
            out.append(values[p] + (values[q] - values[p]) * (t - p) / (q - p))
    return out


def gaps(values):
    """delta of GRU-D, by its own recurrence."""
    out = []
    for t in range(len(values)):
        out.append(0 if t == 0 else 1 if not math.isnan(values[t - 1]) else 1 + out[t - 1])
    return out


def expected_of(x, strategy, means, indicator, gap):
    """One sequence (T, F)."""
    columns = [filled(x[:, k].tolist(), strategy, means[k]) for k in range(x.shape[1])]
    columns += [np.isnan(x[:, k]).astype(float).tolist() for k in range(x.shape[1])] if indicator else []
    columns += [gaps(x[:, k].tolist()) for k in range(x.shape[1])] if gap else []
    return np.array(columns).T


def means_of(sequences):
    """Of each feature over what was observed; 0 where nothing was."""
    rows = np.concatenate(sequences)
    return [np.mean(kept) if len(kept := column[~np.isnan(column)]) else 0.0 for column in rows.T]


@st.composite
def lists_of_sequences(draw):
    n_features = draw(st.integers(1, 3))
    value = st.one_of(st.just(nan), st.floats(-100, 100, width=32))
    step = st.lists(value, min_size=n_features, max_size=n_features)
    return [np.array(x) for x in draw(st.lists(st.lists(step, min_size=1, max_size=9), min_size=1, max_size=5))]


@never_observed
@given(lists_of_sequences(), st.sampled_from(STRATEGIES), st.booleans(), st.booleans())
@settings(max_examples=120, deadline=None)
def test_lists_are_filled_as_value_by_value(X, strategy, indicator, gap):
    imputer = SequenceImputer(strategy, add_indicator=indicator, add_gap=gap).fit(X)
    np.testing.assert_allclose(imputer.statistics_, means_of(X), atol=1e-12)
    found = imputer.transform(X)
    assert isinstance(found, list)
    for x, out in zip(X, found, strict=True):
        np.testing.assert_allclose(out, expected_of(x, strategy, imputer.statistics_, indicator, gap), atol=1e-12)
        assert len(imputer.get_feature_names_out()) == out.shape[1]


@st.composite
def padded_arrays(draw):
    """3-D X whose absent steps are known, with NaN inside."""
    n, n_steps, n_features = draw(st.integers(1, 4)), draw(st.integers(1, 8)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=(n, n_steps, n_features))
    X[rng.random(X.shape) < draw(st.sampled_from([0.0, 0.3, 0.8]))] = nan
    spans = []
    for x in X:
        first = int(rng.integers(n_steps))
        stop = int(rng.integers(first, n_steps)) + 1
        x[:first], x[stop:] = nan, nan
        x[[first, stop - 1], 0] = 1.0  # so that the step at either end exists
        spans.append((first, stop))
    return X, spans


@never_observed
@given(padded_arrays(), st.sampled_from(STRATEGIES), st.booleans(), st.booleans())
@settings(max_examples=120, deadline=None)
def test_absent_steps_stay_absent_and_are_not_counted(given, strategy, indicator, gap):
    X, spans = given
    before = X.copy()
    imputer = SequenceImputer(strategy, add_indicator=indicator, add_gap=gap).fit(X)
    np.testing.assert_allclose(
        imputer.statistics_, means_of([x[first:stop] for x, (first, stop) in zip(X, spans)]), atol=1e-12
    )
    out = imputer.transform(X)
    for x, y, (first, stop) in zip(X, out, spans):
        assert np.isnan(y[:first]).all() and np.isnan(y[stop:]).all()
        alone = expected_of(x[first:stop], strategy, imputer.statistics_, indicator, gap)
        np.testing.assert_allclose(y[first:stop], alone, atol=1e-12)
    np.testing.assert_array_equal(X, before)
    assert not np.shares_memory(X, out)


@never_observed
@pytest.mark.parametrize("strategy", CAUSAL)
@given(lists_of_sequences(), st.integers(0, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_later_values_never_change_what_came_out_before(strategy, X, t, seed):
    imputer = SequenceImputer(strategy, add_gap=True).fit(X)
    rng = np.random.default_rng(seed)
    changed = [x.copy() for x in X]
    for x in changed:
        x[t:] = np.where(rng.random(x[t:].shape) < 0.5, nan, rng.normal(size=x[t:].shape))
    for one, other in zip(imputer.transform(X), imputer.transform(changed)):
        np.testing.assert_array_equal(one[:t], other[:t])
    # nor does anything that stands in another sequence
    for x, out in zip(X, imputer.transform(X)):
        np.testing.assert_array_equal(imputer.transform([x])[0], out)


def test_interpolation_looks_ahead_and_the_others_do_not():
    X, changed = [np.array([1.0, nan, 3.0])], [np.array([1.0, nan, 9.0])]
    for strategy in STRATEGIES:
        imputer = SequenceImputer(strategy).fit(X)
        same = imputer.transform(X)[0][1, 0] == imputer.transform(changed)[0][1, 0]
        assert same == (strategy != "interpolate")


def test_values_between_very_large_ones_do_not_overflow():
    X = [np.array([1.7e308, nan, 1.7e308]), np.array([-1.7e308, nan, 1.7e308])]
    out = SequenceImputer("interpolate", add_indicator=False).fit_transform(X)
    np.testing.assert_allclose([x[1, 0] for x in out], [1.7e308, 0])
    assert np.isfinite(SequenceImputer().fit(X).statistics_).all()


# -- forms of X -------------------------------------------------------------------------------------------------------


def test_every_nan_of_2d_x_is_a_missing_value():
    X = np.array([[nan, 1.0, nan, 3.0, nan], [nan] * 5])
    plain = SequenceImputer(add_indicator=False).fit_transform(X)
    np.testing.assert_array_equal(plain, [[2, 1, 1, 3, 3], [2] * 5])
    assert SequenceImputer(add_indicator=False).fit(X).get_feature_names_out().tolist() == [f"x{t}" for t in range(5)]
    both = SequenceImputer(add_gap=True).fit(X)
    out = both.transform(X)
    assert out.shape == (2, 5, 3)
    np.testing.assert_array_equal(out[0], [[2, 1, 0], [1, 0, 1], [1, 1, 1], [3, 0, 2], [3, 1, 1]])
    np.testing.assert_array_equal(out[1], [[2, 1, 0], [2, 1, 1], [2, 1, 2], [2, 1, 3], [2, 1, 4]])
    assert both.get_feature_names_out().tolist() == ["x0", "missingindicator_x0", "gap_x0"]
    # the same values in 3-D: what is at the ends is absent, and a sequence of nothing has no step
    np.testing.assert_array_equal(
        SequenceImputer(add_indicator=False).fit_transform(X[:1, :, None])[0, :, 0], [nan, 1, 1, 3, nan]
    )
    with pytest.raises(ValueError, match=r"sample 1 has no time step that is not NaN\. Leave it out"):
        SequenceImputer().fit(X[:, :, None])
    # fitted on 3-D, 2-D is taken too, and its NaN are missing
    fitted = SequenceImputer(add_indicator=False).fit(np.ones((2, 5, 1)))
    np.testing.assert_array_equal(fitted.transform(X), [[1, 1, 1, 3, 3], [1] * 5])


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda x: np.ma.masked_invalid(x), id="masked"),
        pytest.param(lambda x: x.astype(object), id="objects"),
        pytest.param(lambda x: np.where(np.isnan(x), None, x), id="None"),
        pytest.param(lambda x: np.where(np.isnan(x), pd.NA, x), id="NA"),
        pytest.param(lambda x: x.astype(">f8"), id="byte order"),
        pytest.param(lambda x: np.asfortranarray(x), id="Fortran order"),
        pytest.param(lambda x: x.tolist(), id="lists"),
    ],
)
def test_whatever_holds_the_numbers(form):
    X = np.array([[[1.0, nan], [nan, 2.0], [3.0, nan]], [[nan, 5.0], [nan, nan], [2.0, 1.0]]])
    expected = SequenceImputer(add_gap=True).fit_transform(X)
    np.testing.assert_array_equal(SequenceImputer(add_gap=True).fit_transform(form(X)), expected)
    if not isinstance(form(X), list):
        for found, wanted in zip(SequenceImputer(add_gap=True).fit_transform([form(x) for x in X]), expected):
            np.testing.assert_array_equal(found, wanted)
    table = X[:, :, 0]
    np.testing.assert_array_equal(SequenceImputer().fit_transform(form(table)), SequenceImputer().fit_transform(table))


def test_lists_of_frames_by_the_names_of_their_columns():
    a = pd.DataFrame({"x": [1.0, nan], "y": pd.array([None, 4], dtype="Int64")})
    b = pd.DataFrame({"y": [7.0], "x": [nan]})
    imputer = SequenceImputer(add_gap=True).fit([a, b])
    names = ["x", "y", "missingindicator_x", "missingindicator_y", "gap_x", "gap_y"]
    assert imputer.get_feature_names_out().tolist() == names
    assert imputer.feature_names_in_.tolist() == ["x", "y"]
    first, second = imputer.transform([a, b])
    np.testing.assert_array_equal(first, [[1, 5.5, 0, 1, 0, 0], [1, 4, 1, 0, 1, 1]])
    np.testing.assert_array_equal(second, [[1, 7, 1, 0, 0, 0]])
    polars = pytest.importorskip("polars")
    again = imputer.transform([polars.DataFrame({"y": [None, 4.0], "x": [1.0, None]})])
    np.testing.assert_array_equal(again[0], first)
    with pytest.raises(ValueError, match=r"missing: \['y'\], not expected: \['z'\]"):
        imputer.transform([a.rename(columns={"y": "z"})])


def test_types_and_memory():
    X = np.array([[[1.0, nan], [nan, 2.0]]], dtype=np.float32)
    X.flags.writeable = False
    for strategy in STRATEGIES:
        for form in (X, list(X), X[:, :, 0]):
            imputer = SequenceImputer(strategy, add_gap=True)
            out = imputer.fit_transform(form)
            assert {x.dtype for x in out} == {np.dtype(np.float32)}
            assert all(x.flags.writeable for x in out)
            assert imputer.statistics_.dtype == np.float64
        for whole in (np.ones((2, 3, 1), int), np.ones((2, 3, 1), bool), np.ones((2, 3, 1), np.float16)):
            assert SequenceImputer(strategy).fit_transform(whole).dtype == np.float64
            assert not np.shares_memory(SequenceImputer(strategy, add_indicator=False).fit_transform(whole), whole)
    view = np.lib.stride_tricks.sliding_window_view(np.array([1.0, nan, 3.0, 4.0]), 3)
    np.testing.assert_array_equal(
        SequenceImputer(add_indicator=False).fit(view).transform(view), [[1, 1, 3], [11 / 4, 3, 4]]
    )


def test_single_steps():
    np.testing.assert_array_equal(SequenceImputer().fit_transform([[1.0], [nan]]), [[[1, 0]], [[1, 1]]])
    out = SequenceImputer(add_gap=True).fit_transform([np.array([[nan, 2.0]]), np.array([[4.0, nan]])])
    np.testing.assert_array_equal(out, [[[4, 2, 1, 0, 0, 0]], [[4, 2, 0, 1, 0, 0]]])


# -- what it says -----------------------------------------------------------------------------------------------------


def test_a_feature_that_was_never_observed_is_zero_and_told():
    X = np.array([[[1.0, nan], [2.0, nan]]])
    with pytest.warns(UserWarning, match="No value of 'x1' was observed in the X that SequenceImputer was fitted on"):
        imputer = SequenceImputer().fit(X)
    np.testing.assert_array_equal(imputer.statistics_, [1.5, 0])
    np.testing.assert_array_equal(imputer.transform(X), [[[1, 0, 0, 1], [2, 0, 0, 1]]])
    np.testing.assert_array_equal(imputer.transform(X + np.array([0.0, nan]))[0, :, 1], 0)
    np.testing.assert_array_equal(imputer.transform(np.ones((1, 1, 2)))[0, 0], [1, 1, 0, 0])
    with pytest.warns(UserWarning, match="No value of 'b', 'c' was observed"):
        SequenceImputer().fit([pd.DataFrame({"a": [1.0], "b": [nan], "c": [nan]})])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SequenceImputer("zero").fit(X)  # it needs no mean
    with pytest.warns(UserWarning, match="No value of 'x0'"):
        np.testing.assert_array_equal(SequenceImputer(add_indicator=False).fit_transform([[nan, nan]]), [[0, 0]])


def put(A, where, value):
    A = np.array(A, float)
    A[where] = value
    return A


FITTED = SequenceImputer().fit(np.zeros((3, 4, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SequenceImputer("last").fit(np.zeros((3, 4))), "'strategy' parameter of SequenceImputer.*'last'"),
        (lambda: SequenceImputer(add_indicator="yes").fit(np.zeros((3, 4))), "'add_indicator' parameter"),
        (lambda: SequenceImputer(add_gap=2).fit(np.zeros((3, 4))), "'add_gap' parameter"),
        (lambda: clone(FITTED).set_params(add_gap=2).fit(np.zeros((3, 4))), "'add_gap' parameter"),
        (lambda: FITTED.transform(np.zeros((3, 4, 3))), "has 3 features, but SequenceImputer is expecting 2"),
        (lambda: FITTED.transform([np.zeros((3, 3))]), "has 3 features, but SequenceImputer is expecting 2"),
        (lambda: FITTED.transform(np.zeros((3, 4))), "2-D with shape .*SequenceImputer is expecting 2 features"),
        (lambda: FITTED.transform(np.zeros((3, 2, 4))), "channels first"),
        (lambda: FITTED.transform(put(np.zeros((3, 4, 2)), (1, 2, 0), np.inf)), "infinity: sample 1, time step 2. Put"),
        (lambda: FITTED.transform([put(np.zeros((4, 2)), (2, 0), -np.inf)]), "infinity: sequence 0, time step 2. Put"),
        (lambda: SequenceImputer().fit(put(np.zeros((3, 4)), (1, 2), np.inf)), "infinity: sample 1, time step 2. Put"),
        (lambda: SequenceImputer().fit([]), "dimension|must be"),
        (lambda: SequenceImputer().fit([np.zeros((0, 2)), np.zeros((1, 2))]), r"X\[0\] is empty"),
        (lambda: SequenceImputer().fit(np.zeros((2, 0, 3))), r"0 time step\(s\)"),
        (lambda: SequenceImputer().fit([np.array(["a", "b"])]), "must hold real numbers"),
        (lambda: SequenceImputer().fit(np.zeros((2, 3), "M8[D]")), "must hold real numbers, got dtype datetime64"),
        (
            lambda: SequenceImputer().fit([[1e300]]).transform(np.ones((1, 1), np.float32)),
            "1e.300, too large for .*float32",
        ),
        (lambda: SequenceImputer().fit(np.zeros((2, 3))).transform(np.zeros((2, 4))), "all have the length"),
        (lambda: FITTED.get_feature_names_out(["a"]), "input_features should have length equal to number of features"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@quiet
@pytest.mark.parametrize("form", ["2d", "3d", "list"])
def test_an_estimator_that_finds_nan_names_the_imputer(form):
    X, y = np.random.default_rng(0).normal(size=(8, 5, 2)), np.arange(8.0)
    X[3, 2, 0] = nan
    X = {"2d": X[:, :, 0], "3d": X, "list": [x[: 3 + i % 2] for i, x in enumerate(X)]}[form]
    net = RNNRegressor(2, max_iter=1, random_state=0)
    for estimator in (net, PatchSequence(2)):
        with pytest.raises(ValueError, match=r"NaN: (sample|sequence) 3, time step 2\. .*Fill it with SequenceImputer"):
            estimator.fit(X, y)
    assert np.isfinite(make_pipeline(SequenceImputer(), net).fit(X, y).predict(X)).all()


# -- in use -----------------------------------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("form", ["2d", "3d", "list"])
def test_in_a_pipeline_and_a_search(form):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(36, 6, 2)), np.resize(["a", "b", "c"], 36)
    X[rng.random(X.shape) < 0.3] = nan
    X[:, [0, -1], 0] = 1.0  # no step is absent
    X = {"2d": X[:, :, 0], "3d": X, "list": [x[i % 3 :] for i, x in enumerate(X)]}[form]
    model = make_pipeline(
        SequenceImputer(),
        TimestepTransformer(StandardScaler()),
        RNNSequenceClassifier(3, max_iter=2, random_state=0),
    )
    grid = {
        "sequenceimputer__strategy": STRATEGIES,
        "sequenceimputer__add_indicator": [False, True],
        "sequenceimputer__add_gap": [False, True],
    }
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(search.predict(X)) <= set(y)
    assert np.isfinite(cross_val_score(model, X, y, cv=2)).all()
    # scaled before, as scikit-learn's scalers pass over NaN, 0 is the mean
    scaled = make_pipeline(TimestepTransformer(StandardScaler()), SequenceImputer("zero"))
    assert all(np.isfinite(x).all() for x in scaled.fit_transform(X))


def test_output_containers_clones_and_pickles():
    X = np.array([[[1.0, nan], [nan, 2.0]]])
    imputer = SequenceImputer("interpolate", add_gap=True).fit(X)
    expected = imputer.transform(X)
    assert clone(imputer).get_params() == imputer.get_params()
    assert pickle.loads(pickle.dumps(imputer)).transform(X).tolist() == expected.tolist()
    assert isinstance(SequenceImputer().set_output(transform="pandas").fit_transform(X), np.ndarray)
    with config_context(transform_output="pandas"):
        assert isinstance(SequenceImputer().fit_transform(X), np.ndarray)
        assert isinstance(SequenceImputer(add_indicator=False).fit_transform(X[:, :, 0]), np.ndarray)
    io = pytest.importorskip("skops.io")
    stored = io.dumps(imputer)
    assert io.get_untrusted_types(data=stored) == ["sklearn_rnn.sequences._imputer.SequenceImputer"]
    again = io.loads(stored, trusted=io.get_untrusted_types(data=stored))
    np.testing.assert_array_equal(again.transform(X), expected)


@quiet
@pytest.mark.skipif(not (DATA / "japanese_vowels.npz").exists(), reason="japanese_vowels.npz does not ship")
def test_japanese_vowels_with_holes():
    """30% of all values gone, in training and in test: at most two points of accuracy with them."""
    data = np.load(DATA / "japanese_vowels.npz")

    def sequences(part):
        return np.split(data[f"X_{part}"].astype(np.float32), np.cumsum(data[f"lengths_{part}"])[:-1])

    X_train, X_test = sequences("train"), sequences("test")
    whole, holed = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        net = RNNSequenceClassifier(
            64, bidirectional=True, pooling="max", batch_size=32, max_iter=30, random_state=seed
        )
        model = make_pipeline(TimestepTransformer(StandardScaler()), net)
        whole.append(model.fit(X_train, data["y_train"]).score(X_test, data["y_test"]))
        train, test = ([np.where(rng.random(x.shape) < 0.3, np.float32(nan), x) for x in X] for X in (X_train, X_test))
        model = make_pipeline(SequenceImputer(), TimestepTransformer(StandardScaler()), clone(net))
        holed.append(model.fit(train, data["y_train"]).score(test, data["y_test"]))
    assert np.mean(holed) >= np.mean(whole) - 0.02, (whole, holed)


@pytest.mark.parametrize(
    "column",
    [
        pd.to_timedelta([1, None, 2], unit="D"),
        pd.to_datetime(["2020", None, "2021"]),
        pd.period_range("2020", periods=3, freq="D"),
        pd.array(["u", "v", "w"], dtype="string"),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_frames_of_times_or_text_are_refused_by_the_column_s_name(column, beside):
    """A frame of times alone would be read as whole numbers, its gaps as the smallest of them."""
    X = pd.DataFrame({"a": column} | ({"b": [1.0, 2.0, 3.0]} if beside else {}))
    for transformer in (SequenceImputer(), PatchSequence(2)):
        with pytest.raises(ValueError, match=r"Column 'a' of X is of type .*FrameToSequences"):
            transformer.fit(X)
