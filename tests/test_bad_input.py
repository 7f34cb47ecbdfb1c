"""Wrong calls: each raises an error that names the argument, what was given and what is expected."""

import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, T, F = 12, 5, 3
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, F))
TABLE = X[:, :, 0]
RAGGED = [x[: 2 + i % 4] for i, x in enumerate(X)]
y = rng.normal(size=N)
labels = np.arange(N) % 3
Y_STEPS = X[:, :, 1]
RAGGED_Y = [x[:, 0] for x in RAGGED]
INDICATOR = np.eye(3, dtype=int)[labels]
FIRST = X.transpose(0, 2, 1)  # channels first


def regressor(**options):
    return RNNRegressor(**{"hidden_layer_sizes": 4, "max_iter": 1, "random_state": 0, **options})


def classifier(**options):
    return RNNSequenceClassifier(**{"hidden_layer_sizes": 4, "max_iter": 1, "random_state": 0, **options})


def per_step(**options):
    return regressor(mapping="many-to-many", **options)


def one_to_many(**options):
    return regressor(mapping="one-to-many", **options)


def put(A, where, value):
    """A copy of A with A[where] = value."""
    A = np.array(A, float)
    A[where] = value
    return A


def warm_started(**changed):
    model = regressor(warm_start=True).fit(X, y)
    return model.set_params(**changed).fit(X, y)


def parameter_cases(*cases):
    """fit with one invalid parameter; scikit-learn's own wording names it, and says what it got."""
    for name, value, expected in cases:
        options = {name: value, **({"loss": "quantile"} if name == "quantile" else {})}
        yield (
            f"{name}={value!r}",
            lambda options=options: regressor(**options).fit(X, y),
            ValueError,
            (name, re.escape(str(value)), expected),
        )


# (id, call, error, (regex for what was wrong, for what was given, for what is expected, ...))
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
        ("X", "NaN: sample 4, time step 2", "entirely NaN.*impute the others"),
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
        ("X", "contains NaN", "not accept"),
    ),
    (
        "NaN in ragged",
        lambda: regressor().fit([put(x, (1, 1), np.nan) for x in RAGGED], y),
        ValueError,
        ("X", "NaN or infinity: sequence 0, time step 1", "Impute it, or leave the step out"),
    ),
    (
        "inf in 3-D",
        lambda: regressor().fit(put(X, (4, 2, 1), np.inf), y),
        ValueError,
        ("X", "infinity: sample 4, time step 2", "impute"),
    ),
    (
        "-inf at the edge",
        lambda: regressor().fit(put(X, (4, 0), -np.inf), y),
        ValueError,
        ("X", "infinity: sample 4, time step 0", "impute"),
    ),
    (
        "inf and -inf in one channel",
        lambda: regressor().fit(put(put(X, (4, 2, 1), np.inf), (5, 2, 1), -np.inf), y),
        ValueError,
        ("X", "infinity: sample 4", "impute"),
    ),
    (
        "inf in ragged",
        lambda: regressor().fit([put(x, (0, 1), np.inf) for x in RAGGED], y),
        ValueError,
        ("X", "infinity: sequence 0, time step 0", "Impute"),
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
    ("zero y with poisson", lambda: regressor(loss="poisson").fit(X, 0 * y), ValueError, ("y", "0.0", "not all zero")),
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
        ("Sample weights", "got 2D", "must be 1D"),
    ),
    (
        "weights a step",
        lambda: per_step().fit(X, Y_STEPS, np.ones((N, T))),
        ValueError,
        ("Sample weights", "got 2D", "1D array of length 12"),
    ),
    (
        "weights a step in score",
        lambda: per_step().fit(X, Y_STEPS).score(X, Y_STEPS, np.ones((N, T))),
        ValueError,
        ("Sample weights", "got 2D", "1D array of length 12"),
    ),
    (
        "short weights in score",
        lambda: classifier().fit(X, labels).score(X, labels, np.ones(3)),
        ValueError,
        ("sample_weight", r"\(3,\)", r"expected \(12,\)"),
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
    # -- parameters
    *parameter_cases(
        ("hidden_layer_sizes", 0, r"\[1, inf\)"),
        ("hidden_layer_sizes", (), "non-empty"),
        ("hidden_layer_sizes", (8, 0), "int >= 1"),
        ("hidden_layer_sizes", "8", "array-like or an int"),
        ("hidden_layer_sizes", (8, 2.5), "int >= 1"),
        ("hidden_layer_sizes", ((8,),), "int >= 1"),
        ("hidden_layer_sizes", {8}, "int >= 1"),
        ("cell", "tcn", "'gru'"),
        ("activation", "gelu", "'tanh'"),
        ("solver", "lion", "'adam'"),
        ("loss", "mse", "'squared_error'"),
        ("pooling", "sum", "'attention'"),
        ("pooling", None, "'attention'"),
        ("mapping", "m2m", "'many-to-many'"),
        ("init", "he", "'orthogonal'"),
        ("init_scale", 0, r"\(0.0, inf\)"),
        ("learning_rate", "step", "'cosine'"),
        ("validation_method", "first", "'last'"),
        ("bptt_steps", 0, r"\[1, inf\)"),
        ("quantile", 0, r"\(0.0, 1.0\)"),
        ("quantile", 1, r"\(0.0, 1.0\)"),
        ("quantile", (0.1, 1.2), r"\(0, 1\)"),
        ("quantile", (), r"\(0, 1\)"),
        ("quantile", ("a",), r"\(0, 1\)"),
        ("quantile", ((0.1, 0.2), (0.3,)), r"\(0, 1\)"),
        ("quantile", (0.9, 0.1), "increasing.*sort them"),
        ("huber_delta", 0, r"\(0.0, inf\)"),
        ("alpha", -1, r"\[0.0, inf\)"),
        ("alpha", np.nan, r"\[0.0, inf\)"),
        ("dropout", 1, r"\[0.0, 1.0\)"),
        ("batch_size", 0, r"\[1, inf\)"),
        ("max_iter", 0, r"\[1, inf\)"),
        ("learning_rate_init", 0, r"\(0.0, inf\)"),
        ("clip_norm", 0, r"\(0.0, inf\)"),
        ("clip_value", -1, r"\(0.0, inf\)"),
        ("validation_fraction", 1, r"\(0.0, 1.0\)"),
        ("tol", -1, r"\[0.0, inf\)"),
        ("n_iter_no_change", 0, r"\[1, inf\)"),
        ("momentum", 2, r"\[0.0, 1.0\]"),
        ("beta_1", 1, r"\[0.0, 1.0\)"),
        ("warm_start", "yes", "bool"),
        ("scoring", 3, "callable"),
        ("scoring", "unknown", "'r2'"),  # an invalid value is no better where nothing is scored
    ),
    (
        "bptt_steps, bidirectional",
        lambda: regressor(bptt_steps=2, bidirectional=True).fit(X, y),
        ValueError,
        ("bptt_steps=2", "bidirectional=True", "Use bptt_steps=None"),
    ),
    (
        "bptt_steps, lbfgs",
        lambda: regressor(bptt_steps=2, solver="lbfgs").fit(X, y),
        ValueError,
        ("bptt_steps=2", "solver='lbfgs'", "Use bptt_steps=None"),
    ),
    (
        "unknown scoring, early stopping",
        lambda: regressor(scoring="unknown", early_stopping=True).fit(X, y),
        ValueError,
        ("scoring", "'unknown'", "'r2'"),
    ),
    (
        "early stopping on one sample",
        lambda: regressor(early_stopping=True, validation_method="last").fit(X[:1], y[:1]),
        ValueError,
        ("validation_fraction=0.1", "1 samples", "none to train on"),
    ),
    *(
        (
            f"warm start, {name} changed",
            lambda name=name, value=value: warm_started(**{name: value}),
            ValueError,
            ("warm_start", f"changed: {name}", "same architecture.*clone"),
        )
        for name, value in {
            "hidden_layer_sizes": 5,
            "cell": "lstm",
            "bidirectional": True,
            "pooling": "attention",
            "loss": "huber",
        }.items()
    ),
    (
        "warm start, new class",
        lambda: classifier(warm_start=True).fit(X, labels).fit(X, labels + 1),
        ValueError,
        ("y", r"\[3\] not in \[0, 1, 2\]", "Name all classes"),
    ),
    # -- validation data
    ("X_val alone", lambda: regressor().fit(X, y, X_val=X), ValueError, ("y_val", "only X_val", "together")),
    ("y_val alone", lambda: regressor().fit(X, y, y_val=y), ValueError, ("X_val", "only y_val", "together")),
    (
        "sample_weight_val alone",
        lambda: regressor().fit(X, y, sample_weight_val=np.ones(N)),
        ValueError,
        ("sample_weight_val", "was given", "without X_val and y_val"),
    ),
    (
        "X_val of other channels",
        lambda: regressor().fit(X, y, X_val=X[:, :, :2], y_val=y),
        ValueError,
        ("X_val", "2 features", "expecting 3"),
    ),
    (
        "X_val channels first",
        lambda: regressor().fit(X, y, X_val=FIRST, y_val=y),
        ValueError,
        ("X_val", "5 features", "expecting 3", "channels first.*transpose"),
    ),
    (
        "X_val 2-D",
        lambda: regressor().fit(X, y, X_val=TABLE, y_val=y),
        ValueError,
        ("X_val", r"2-D with shape \(12, 5\)", "expecting 3 features"),
    ),
    (
        "X_val NaN",
        lambda: regressor().fit(X, y, X_val=put(X, (1, 2, 1), np.nan), y_val=y),
        ValueError,
        ("X_val", "NaN: sample 1, time step 2", "impute"),
    ),
    ("y_val short", lambda: regressor().fit(X, y, X_val=X, y_val=y[:-1]), ValueError, ("y_val", "11.*12", "as many")),
    ("y_val NaN", lambda: regressor().fit(X, y, X_val=X, y_val=y * np.nan), ValueError, ("Input y_val", "NaN")),
    (
        "y_val of other shape",
        lambda: regressor().fit(X, y, X_val=X, y_val=np.c_[y, y]),
        ValueError,
        ("y_val", r"\(2,\)", r"fitted on \(\)"),
    ),
    (
        "y_val, unseen class",
        lambda: classifier().fit(X, labels, X_val=X, y_val=labels + 1),
        ValueError,
        ("y_val", r"\[3\] not in", r"\[0, 1, 2\]"),
    ),
    (
        "y_val of strings",
        lambda: classifier().fit(X, labels, X_val=X, y_val=labels.astype(str)),
        ValueError,
        ("y_val", r"\['0', '1', '2'\] not in", r"\[0, 1, 2\]"),
    ),
    # -- using a fitted model
    (
        "predict, other channels",
        lambda: regressor().fit(X, y).predict(X[:, :, :2]),
        ValueError,
        ("X", "2 features", "expecting 3"),
    ),
    (
        "predict, channels first",
        lambda: regressor().fit(X, y).predict(FIRST),
        ValueError,
        ("X", "5 features", "expecting 3", r"channels first.*X\.transpose\(0, 2, 1\)"),
    ),
    (
        "predict, ragged of other channels",
        lambda: regressor().fit(RAGGED, y).predict([x[:, :2] for x in RAGGED]),
        ValueError,
        ("X", "2 features", "expecting 3"),
    ),
    (
        "predict, other columns",
        lambda: regressor().fit(TABLE, y).predict(TABLE[:, :-1]),
        ValueError,
        ("X", "4 features", "expecting 5"),
    ),
    (
        "predict, other steps on a 2-D model",
        lambda: regressor().fit(TABLE, y).predict(X[:, :-1, :1]),
        ValueError,
        ("X", "4 to 4 steps", "5 time steps.*fit on 3-D"),
    ),
    (
        "predict, ragged on a 2-D model",
        lambda: regressor().fit(TABLE, y).predict(RAGGED_Y),
        ValueError,
        ("X", "2 to 5 steps", "5 time steps.*fit on 3-D"),
    ),
    (
        "predict, 2-D on 3 channels",
        lambda: regressor().fit(X, y).predict(TABLE),
        ValueError,
        ("X", r"2-D with shape \(12, 5\)", "expecting 3 features"),
    ),
    (
        "predict, one sequence",
        lambda: regressor().fit(X, y).predict(X[0]),
        ValueError,
        ("X", r"2-D with shape \(5, 3\)", "expecting 3 features"),
    ),
    (
        "predict, sparse",
        lambda: regressor().fit(X, y).predict(sp.csr_array(TABLE)),
        TypeError,
        ("X", "Sparse", "dense"),
    ),
    (
        "predict before fit",
        lambda: regressor().predict(X),
        NotFittedError,
        ("RNNRegressor", "not fitted", "Call 'fit'"),
    ),
    ("states before fit", lambda: classifier().hidden_states(X), NotFittedError, ("not fitted", "Call 'fit'")),
    ("weights before fit", lambda: regressor().weights_, NotFittedError, ("not fitted", "Call 'fit'")),
    (
        "score, y None",
        lambda: regressor().fit(X, y).score(X, None),
        ValueError,
        ("y", r"got shape \(\)", r"\(n_samples,\)"),
    ),
    (
        "score, other outputs",
        lambda: regressor().fit(X, y).score(X, np.c_[y, y]),
        ValueError,
        ("y", r"\(2,\)", r"fitted on \(\)"),
    ),
    (
        "score, indicator for labels",
        lambda: classifier().fit(X, labels).score(X, INDICATOR),
        ValueError,
        ("y", r"\(3,\)", "fitted on: class labels"),
    ),
    (
        "score, labels for indicator",
        lambda: classifier().fit(X, INDICATOR).score(X, labels),
        ValueError,
        ("y", r"\(\)", "indicator matrix of 3 labels"),
    ),
    (
        "score, per-step y too short",
        lambda: per_step().fit(X, Y_STEPS).score(X, Y_STEPS[:, :-1]),
        ValueError,
        ("y", r"got \(12, 4\)", r"expected shape \(12, 5\)"),
    ),
    # -- one-to-many
    (
        "one-to-many 3-D X",
        lambda: one_to_many().fit(X, Y_STEPS),
        ValueError,
        ("X", "3 dim", r"table \(n_samples, n_feat"),
    ),
    (
        "one-to-many ragged X",
        lambda: one_to_many().fit(RAGGED, Y_STEPS),
        ValueError,
        ("X", "list of 12 sequences", r"table \(n_samples, n_features\)"),
    ),
    (
        "one-to-many 1-D y",
        lambda: one_to_many().fit(TABLE, y),
        ValueError,
        ("y", r"got shape \(12,\)", r"\(n_samples, n_timesteps\)"),
    ),
    (
        "one-to-many ragged y",
        lambda: one_to_many().fit(TABLE, RAGGED_Y),
        ValueError,
        ("y", "list with rows of different", "rows of one length"),
    ),
    (
        "one-to-many short y",
        lambda: one_to_many().fit(TABLE, Y_STEPS[:-1]),
        ValueError,
        ("y", r"got \(11, 5\)", r"expected shape \(12, 5\)"),
    ),
    (
        "one-to-many y_val of other length",
        lambda: one_to_many().fit(TABLE, Y_STEPS, X_val=TABLE, y_val=Y_STEPS[:, :-1]),
        ValueError,
        ("y_val", "4 time steps", "fitted on 5"),
    ),
    (
        "one-to-many predict 3-D",
        lambda: one_to_many().fit(TABLE, Y_STEPS).predict(X),
        ValueError,
        ("X", "3 dim", r"table \(n_samples, n_features\)"),
    ),
]

# What NumPy and Python say when nothing was checked.
RAW = "broadcast|out of (bounds|range)|inhomogeneous|array element|subscriptable|iterable|cannot reshape|same shape"


@pytest.mark.parametrize("call, error, parts", [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_message_says_what_is_wrong(call, error, parts):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert not re.search(RAW, message)
    if caught.type is AttributeError:  # available_if chains its reason
        message += str(caught.value.__cause__)
    for part in parts:
        part = rf"\b{part}\b" if part in ("X", "y") else part
        assert re.search(part, message, re.DOTALL), f"{part!r} not in: {message}"


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
