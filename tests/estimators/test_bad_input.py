"""Wrong X, y and weights: each raises an error that names the argument, what was given and what is expected."""

import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from wrong_calls import (
    FIRST,
    INDICATOR,
    RAGGED,
    RAGGED_Y,
    TABLE,
    Y_STEPS,
    F,
    N,
    T,
    X,
    check_message,
    classifier,
    labels,
    per_step,
    put,
    regressor,
    y,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CASES = [
    # -- X: dimensions
    ("X 0-D", lambda: regressor().fit(np.array(3.0), y), ValueError, ("X", "0 dim", "n_samples, n_timesteps")),
    ("X None", lambda: regressor().fit(None, y), ValueError, ("X", "0 dim", "n_samples, n_timesteps")),
    ("X dict", lambda: regressor().fit({"a": X}, y), ValueError, ("X", "0 dim", "list of sequences")),
    ("X generator", lambda: regressor().fit((x for x in X), y), ValueError, ("X", "0 dim", "list of sequences")),
    ("X 1-D", lambda: regressor().fit(y, y), ValueError, ("X", "1 dim", r"X\[None\] is a single sequence")),
    ("X Series", lambda: regressor().fit(pd.Series(y), y), ValueError, ("X", "1 dim", "n_samples, n_timesteps")),
    ("X 4-D", lambda: regressor().fit(X[None], y), ValueError, ("X", "4 dim", "n_samples, n_timesteps, n_features")),
    ("X 4-D list", lambda: regressor().fit([[[[1.0]]]], [1]), ValueError, ("X", "4 dim", "n_timesteps, n_features")),
    ("X empty list", lambda: regressor().fit([], []), ValueError, ("X", "1 dim", "at least one")),
    ("X no samples", lambda: regressor().fit(X[:0], y[:0]), ValueError, ("X", r"\(0, 5, 3\)", "minimum of 1")),
    ("X no steps", lambda: regressor().fit(X[:, :0], y), ValueError, ("X", "0 time step.*12, 0, 3", "minimum of 1")),
    ("X no channels", lambda: regressor().fit(X[:, :, :0], y), ValueError, ("X", "0 feature", "minimum of 1")),
    (
        "X 2-D no steps",
        lambda: regressor().fit(TABLE[:, :0], y),
        ValueError,
        ("0 feature", r"\(12, 0\)", "minimum of 1"),
    ),
    # -- X: ragged
    (
        "ragged channels",
        lambda: regressor().fit([*RAGGED[1:], np.ones((4, 2))], y),
        ValueError,
        ("X", "sequence 0 has 3, sequence 11 has 2", "same number of features"),
    ),
    (
        "ragged transposed",
        lambda: regressor().fit([x.T for x in RAGGED], y),
        ValueError,
        ("X", r"shape \(3, 3\)", "time last, pass their transposes"),
    ),
    (
        "ragged 1-D among 2-D",
        lambda: regressor().fit([*RAGGED[1:], np.ones(4)], y),
        ValueError,
        ("X", "sequence 11 has 1", "same number of features"),
    ),
    (
        "ragged 3-D element",
        lambda: regressor().fit([*RAGGED[1:], np.ones((4, 3, 1))], y),
        ValueError,
        ("X", r"11 has shape \(4, 3, 1\)", r"\(n_timesteps, n_features\)"),
    ),
    (
        "ragged scalar element",
        lambda: regressor().fit([*RAGGED[1:], 2.0], y),
        ValueError,
        ("X", r"11 has shape \(\)", r"\(n_timesteps, n_features\)"),
    ),
    (
        "ragged empty sequence",
        lambda: regressor().fit([*RAGGED[1:], np.empty((0, 3))], y),
        ValueError,
        (r"X\[11\]", r"empty \(shape=\(0, 3\)\)", "at least one time step"),
    ),
    (
        "ragged inside a sequence",
        lambda: regressor().fit([np.ones((2, 2)), [[1, 2], [3]]], [1, 2]),
        ValueError,
        (r"X\[1\]", "list with rows of different", "rows of one length"),
    ),
    (
        "ragged strings",
        lambda: regressor().fit([np.array(["a", "b"])] * N, y),
        ValueError,
        (r"X\[0\]", "dtype <U1", "real numbers"),
    ),
    (
        "ragged sparse",
        lambda: regressor().fit([sp.csr_array(np.eye(3))] * N, y),
        TypeError,
        (r"X\[0\]", "Sparse", "dense data is required"),
    ),
    # -- X: content
    (
        "NaN inside 3-D",
        lambda: regressor().fit(put(X, (4, 2, 1), np.nan), y),
        ValueError,
        ("X", "NaN: sample 4, time step 2", "SequenceImputer", "entirely NaN.*absent"),
    ),
    (
        "whole NaN step inside 3-D",
        lambda: regressor().fit(put(X, (4, 2), np.nan), y),
        ValueError,
        ("X", "NaN: sample 4, time step 2", "start or at the end"),
    ),
    (
        "partly NaN edge",
        lambda: regressor().fit(put(X, (4, 0, 1), np.nan), y),
        ValueError,
        ("X", "NaN: sample 4, time step 0", "entirely NaN"),
    ),
    (
        "all-NaN sequence",
        lambda: regressor().fit(put(X, 4, np.nan), y),
        ValueError,
        ("X", "sample 4 has no time step", "Leave it out"),
    ),
    (
        "NaN in 2-D",
        lambda: regressor().fit(put(TABLE, (4, 2), np.nan), y),
        ValueError,
        ("X", "contains NaN", "not accept", "SequenceImputer"),
    ),
    (
        "NaN in ragged",
        lambda: regressor().fit([put(x, (1, 1), np.nan) for x in RAGGED], y),
        ValueError,
        ("X", "NaN: sequence 0, time step 1", "SequenceImputer", "leave the step out"),
    ),
    (
        "inf in 3-D",
        lambda: regressor().fit(put(X, (4, 2, 1), np.inf), y),
        ValueError,
        ("X", "infinity: sample 4, time step 2", "Put a number in its place, or NaN"),
    ),
    (
        "-inf at the edge",
        lambda: regressor().fit(put(X, (4, 0), -np.inf), y),
        ValueError,
        ("X", "infinity: sample 4, time step 0", "Put a number in its place, or NaN"),
    ),
    (
        "inf and -inf in one channel",
        lambda: regressor().fit(put(put(X, (4, 2, 1), np.inf), (5, 2, 1), -np.inf), y),
        ValueError,
        ("X", "infinity: sample 4", "Put a number in its place, or NaN"),
    ),
    (
        "inf in ragged",
        lambda: regressor().fit([put(x, (0, 1), np.inf) for x in RAGGED], y),
        ValueError,
        ("X", "infinity: sequence 0, time step 0", "Put a number in its place, or NaN"),
    ),
    ("X complex", lambda: regressor().fit(X * 1j, y), ValueError, ("X", "complex128", "real numbers")),
    ("X 2-D complex", lambda: regressor().fit(TABLE * 1j, y), ValueError, ("Complex data", "not supported")),
    ("X strings", lambda: regressor().fit(X.astype(str), y), ValueError, ("X", "dtype <U", "real numbers")),
    (
        "X objects",
        lambda: regressor().fit(np.full((N, T, F), "a", object), y),
        ValueError,
        ("X", "objects that are none", "must hold numbers"),
    ),
    ("X timedelta", lambda: regressor().fit(X.astype("m8[D]"), y), ValueError, ("X", "timedelta", "real numbers")),
    ("X sparse", lambda: regressor().fit(sp.csr_array(TABLE), y), TypeError, ("X", "Sparse", "dense data is required")),
    # -- y: lengths and shapes
    ("2-D X, short y", lambda: regressor().fit(TABLE, y[:-1]), ValueError, ("y", "11.*12", "as many")),
    ("3-D X, short y", lambda: classifier().fit(X, labels[:-1]), ValueError, ("y", "11.*12", "as many")),
    ("ragged X, short y", lambda: regressor().fit(RAGGED, y[:-1]), ValueError, ("y", "11.*12", "as many")),
    ("empty y", lambda: regressor().fit(X, []), ValueError, ("y", "0 samples.*12", "as many")),
    ("y None", lambda: regressor().fit(X, None), ValueError, ("y", "None", "requires y")),
    ("y None, classifier", lambda: classifier().fit(RAGGED, None), ValueError, ("y", "None", "requires y")),
    ("y 0-D", lambda: regressor().fit(X, 3.0), ValueError, ("y", r"got shape \(\)", r"\(n_samples,\)")),
    (
        "y without outputs",
        lambda: regressor().fit(X, np.ones((N, 0))),
        ValueError,
        ("0 feature", "12, 0", "minimum of 1"),
    ),
    (
        "per-step y without outputs",
        lambda: per_step().fit(X, np.ones((N, T, 0))),
        ValueError,
        ("0 feature", "60, 0", "minimum of 1"),
    ),
    (
        "per-step y too short",
        lambda: per_step().fit(X, Y_STEPS[:, :-1]),
        ValueError,
        ("y", r"got \(12, 4\)", r"expected shape \(12, 5\)"),
    ),
    (
        "per-step y of fewer samples",
        lambda: per_step().fit(X, Y_STEPS[:-1]),
        ValueError,
        ("y", r"got \(11, 5\)", r"expected shape \(12, 5\)"),
    ),
    (
        "per-step y 4-D",
        lambda: per_step().fit(X, Y_STEPS[:, :, None, None]),
        ValueError,
        ("y", r"got \(12, 5, 1, 1\)", r"expected shape \(12, 5\)"),
    ),
    (
        "ragged per-step y too short",
        lambda: per_step().fit(RAGGED, [r[:-1] for r in RAGGED_Y]),
        ValueError,
        (r"y\[0\]", r"shape \(1,\)", "2 time steps"),
    ),
    (
        "ragged y of fewer sequences",
        lambda: per_step().fit(RAGGED, RAGGED_Y[1:]),
        ValueError,
        ("y", "11.*12", "as many"),
    ),
    (
        "ragged y of mixed outputs",
        lambda: per_step().fit(RAGGED, [np.ones((len(x), 1 + (i > 5))) for i, x in enumerate(RAGGED)]),
        ValueError,
        (r"y\[6\]", r"shape \(4, 2\)", "same number of outputs"),
    ),
    ("ragged y for 3-D X", lambda: per_step().fit(X, RAGGED_Y), ValueError, (r"y\[0\]", r"\(2,\)", "5 time steps")),
    ("3-D y for ragged X", lambda: per_step().fit(RAGGED, Y_STEPS), ValueError, (r"y\[0\]", r"\(5,\)", "2 time steps")),
    (
        "many-to-one y, many-to-many",
        lambda: per_step().fit(X, y),
        ValueError,
        ("y", r"got \(12,\)", r"\(12, 5\).*mapping='many-to-one'"),
    ),
    (
        "many-to-one y, many-to-many ragged",
        lambda: per_step().fit(RAGGED, y),
        ValueError,
        ("y", r"shape \(\)", "2 time steps.*mapping='many-to-one'"),
    ),
    (
        "many-to-one labels, many-to-many",
        lambda: classifier(mapping="many-to-many").fit(X, labels),
        ValueError,
        ("y", r"got \(12,\)", "mapping='many-to-one'"),
    ),
    (
        "per-step y, many-to-one",
        lambda: regressor().fit(X, Y_STEPS[:, :, None]),
        ValueError,
        ("y", r"\(12, 5, 1\)", "mapping='many-to-many'"),
    ),
    (
        "per-step labels, many-to-one",
        lambda: classifier().fit(X, Y_STEPS[:, :, None] > 0),
        ValueError,
        ("y", r"\(12, 5, 1\)", "mapping='many-to-many'"),
    ),
    (
        "ragged y, many-to-one",
        lambda: regressor().fit(RAGGED, RAGGED_Y),
        ValueError,
        ("y", "list with rows of different", "mapping='many-to-many'"),
    ),
    (
        "ragged labels, many-to-one",
        lambda: classifier().fit(RAGGED, RAGGED_Y),
        ValueError,
        ("y", "list with rows of different", "mapping='many-to-many'"),
    ),
    (
        "channels first, many-to-many",
        lambda: per_step().fit(FIRST, Y_STEPS),
        ValueError,
        ("y", r"got \(12, 5\)", r"expected shape \(12, 3\)", r"second axis equals.*X\.transpose\(0, 2, 1\)"),
    ),
    # -- y: content
    ("y NaN", lambda: regressor().fit(X, put(y, 3, np.nan)), ValueError, ("Input y", "NaN")),
    ("y inf", lambda: regressor().fit(X, put(y, 3, np.inf)), ValueError, ("Input y", "infinity")),
    ("per-step y NaN", lambda: per_step().fit(X, put(Y_STEPS, (3, 1), np.nan)), ValueError, ("Input y", "NaN")),
    (
        "ragged y NaN",
        lambda: per_step().fit(RAGGED, [put(r, 0, np.nan) for r in RAGGED_Y]),
        ValueError,
        ("Input y", "NaN"),
    ),
    ("y strings", lambda: regressor().fit(X, np.array(list("abcdefghijkl"))), ValueError, ("y", "<U1", "real numbers")),
    ("y datetime", lambda: regressor().fit(X, y.astype("M8[D]")), ValueError, ("y", "datetime64", "real numbers")),
    ("y complex", lambda: regressor().fit(X, y * 1j), ValueError, ("y", "complex128", "real numbers")),
    ("y sparse", lambda: regressor().fit(X, sp.csr_array(INDICATOR)), TypeError, ("y", "Sparse", "dense data")),
    ("labels sparse", lambda: classifier().fit(X, sp.csr_array(INDICATOR)), TypeError, ("y", "Sparse", "dense data")),
    (
        "labels continuous",
        lambda: classifier().fit(X, y),
        ValueError,
        ("y", "continuous", "discrete labels.*RNNRegressor"),
    ),
    ("labels NaN", lambda: classifier().fit(X, put(labels, 3, np.nan)), ValueError, ("Input y", "NaN")),
    (
        "labels None",
        lambda: classifier().fit(X, np.array(["a", None] * 6, object)),
        ValueError,
        ("y", "NaN or None", "every sample must have a label"),
    ),
    (
        "labels of mixed types",
        lambda: classifier().fit(X, np.array([1, "a"] * 6, object)),
        ValueError,
        ("y", "object is unknown", "all strings or all numbers"),
    ),
    (
        "multiclass-multioutput",
        lambda: classifier().fit(X, np.c_[labels, labels]),
        ValueError,
        ("y", "multiclass-multioutput", "indicator matrix of 0 and 1"),
    ),
    (
        "indicator of 1 and 2",
        lambda: classifier().fit(X, INDICATOR + 1),
        ValueError,
        ("y", r"got \[1 2\]", "indicator matrix"),
    ),
    (
        "negative y with poisson",
        lambda: regressor(loss="poisson").fit(X, y),
        ValueError,
        ("y", re.escape(f"smallest is {y.min()}"), "poisson.*must not be negative"),
    ),
    # -- partial_fit
    (
        "partial_fit without classes",
        lambda: classifier().partial_fit(X, labels),
        ValueError,
        ("classes", "None", "must be passed on the first call"),
    ),
    (
        "partial_fit with no class",
        lambda: classifier().partial_fit(X, labels, classes=[]),
        ValueError,
        ("classes", r"\[\]", "all labels that will ever occur"),
    ),
    (
        "partial_fit, unseen class",
        lambda: classifier().partial_fit(X, labels, classes=[0, 1]),
        ValueError,
        ("y", r"\[2\] not in \[0, 1\]", "Name all classes"),
    ),
    (
        "partial_fit, other classes",
        lambda: classifier().partial_fit(X, labels, classes=[0, 1, 2]).partial_fit(X, labels, classes=[0, 1]),
        ValueError,
        ("classes", r"\[0, 1\]", r"not the same as on last call.*\[0, 1, 2\]"),
    ),
    (
        "partial_fit balanced",
        lambda: classifier(class_weight="balanced").partial_fit(X, labels, classes=[0, 1, 2]),
        ValueError,
        ("class_weight", "'balanced'", "compute_class_weight"),
    ),
    (
        "partial_fit lbfgs",
        lambda: classifier(solver="lbfgs").partial_fit(X, labels),
        AttributeError,
        ("partial_fit", "solver='lbfgs'", "stochastic solvers"),
    ),
    (
        "partial_fit early stopping",
        lambda: regressor(early_stopping=True).partial_fit(X, y),
        AttributeError,
        ("partial_fit", "early_stopping=True", "one pass"),
    ),
    ("partial_fit y None", lambda: classifier().partial_fit(X, None), ValueError, ("y", "None", "requires y")),
    ("partial_fit y empty", lambda: classifier().partial_fit(X, []), ValueError, ("y", "0 samples.*12", "as many")),
    ("partial_fit y scalar", lambda: classifier().partial_fit(X, 1), ValueError, ("y", r"\(\)", r"\(n_samples,\)")),
    (
        "partial_fit, other y shape",
        lambda: regressor().partial_fit(X, y).partial_fit(X, np.c_[y, y]),
        ValueError,
        ("y", r"\(2,\)", r"fitted on \(\)"),
    ),
    (
        "partial_fit, other number of labels",
        lambda: classifier().partial_fit(X, INDICATOR).partial_fit(X, INDICATOR[:, :2]),
        ValueError,
        ("y", r"\(2,\)", "indicator matrix of 3 labels"),
    ),
    (
        "partial_fit, other channels",
        lambda: regressor().partial_fit(X, y).partial_fit(X[:, :, :2], y),
        ValueError,
        ("X", "2 features", "expecting 3"),
    ),
    # -- weights
    ("negative weight", lambda: regressor().fit(X, y, -np.ones(N)), ValueError, ("sample_weight", "Negative values")),
    ("zero weights", lambda: regressor().fit(X, y, np.zeros(N)), ValueError, ("[Ss]ample.weight", "non-zero")),
    ("NaN weight", lambda: regressor().fit(X, y, put(np.ones(N), 0, np.nan)), ValueError, ("sample_weight", "NaN")),
    (
        "short weights",
        lambda: regressor().fit(RAGGED, y, np.ones(11)),
        ValueError,
        ("sample_weight", "11", "expected.*12"),
    ),
    (
        "2-D weights",
        lambda: regressor().fit(X, y, np.ones((N, 1))),
        ValueError,
        ("sample_weight", r"got shape \(12, 1\)", "must be 1-D"),
    ),
    (
        "weights a step",
        lambda: per_step().fit(X, Y_STEPS, np.ones((N, T))),
        ValueError,
        ("sample_weight", r"got shape \(12, 5\)", "one weight for each of the 12"),
    ),
    (
        "weights a step in score",
        lambda: per_step().fit(X, Y_STEPS).score(X, Y_STEPS, np.ones((N, T))),
        ValueError,
        ("sample_weight", r"got shape \(12, 5\)", "one weight for each of the 12"),
    ),
    (
        "short weights in score",
        lambda: classifier().fit(X, labels).score(X, labels, np.ones(3)),
        ValueError,
        ("sample_weight", r"\(3,\)", r"expected shape \(12,\)"),
    ),
    (
        "negative class weight",
        lambda: classifier(class_weight={0: -1}).fit(X, labels),
        ValueError,
        ("class_weight", "got -1 for 0", "finite numbers >= 0"),
    ),
    (
        "NaN class weight",
        lambda: classifier(class_weight={0: np.nan}).fit(X, labels),
        ValueError,
        ("class_weight", "got nan for 0", "finite numbers >= 0"),
    ),
    (
        "class weight of text",
        lambda: classifier(class_weight={0: "much"}).fit(X, labels),
        ValueError,
        ("class_weight", "'much' for 0", "finite numbers >= 0"),
    ),
    (
        "unknown class_weight",
        lambda: classifier(class_weight="even").fit(X, labels),
        ValueError,
        ("'even'", "balanced"),
    ),
]


@pytest.mark.parametrize("call, error, parts", [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_message_says_what_is_wrong(call, error, parts):
    check_message(call, error, parts)


def test_cases_differ():
    assert len({case[0] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("n_channels", [2, 40])
def test_single_step_of_many_channels_warns(n_channels):
    # (n, 1, F) is what channels-first univariate data looks like: legal, but hardly ever meant.
    with pytest.warns(UserWarning, match=rf"\({N}, 1, {n_channels}\).*single time step.*X\.transpose\(0, 2, 1\)"):
        regressor().fit(np.ones((N, 1, n_channels)), y)


def test_single_step_of_one_channel_is_silent():
    # warnings are errors here: nothing could be transposed in (n, 1, 1), so nothing is said
    regressor().fit(np.ones((N, 1, 1)), y)


def test_failed_fit_of_a_new_model_leaves_it_unfitted():
    model = regressor()
    with pytest.raises(ValueError, match="as many"):
        model.fit(X, y[:-1])
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_failed_partial_fit_leaves_the_model_as_it_was():
    model = classifier().partial_fit(X, labels, classes=[0, 1, 2])
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="not in"):
        model.partial_fit(X, labels + 1)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_partial_fit_takes_a_series_with_any_index():
    model = classifier().partial_fit(X, pd.Series(labels, index=range(5, 5 + N)), classes=[0, 1, 2])
    assert model.predict(X).shape == (N,)


def test_partial_fit_needs_no_classes_for_an_indicator_matrix():
    model = classifier().partial_fit(X, INDICATOR)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
