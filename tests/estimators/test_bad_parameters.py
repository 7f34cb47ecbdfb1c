"""Wrong parameters, validation data, and uses of a fitted model: the same demands as in test_bad_input.py."""

import numpy as np
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
    N,
    X,
    check_message,
    classifier,
    labels,
    one_to_many,
    parameter_cases,
    per_step,
    put,
    regressor,
    warm_started,
    y,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CASES = [
    # -- parameters
    *parameter_cases(
        ("hidden_layer_sizes", 0, r"\[1, inf\)"),
        ("hidden_layer_sizes", (), "non-empty"),
        ("hidden_layer_sizes", (8, 0), "int >= 1"),
        ("hidden_layer_sizes", "8", "array-like, an int"),
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
        ("bptt_steps=2", "bidirectional network", "Use bptt_steps=None"),
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
    (
        "metric's name with a target a step",
        lambda: per_step(scoring="r2").fit(X, Y_STEPS),
        ValueError,
        ("scoring='r2'", "mapping='many-to-many'", "Use 'loss', None"),
    ),
    (
        "class_weight of labels",
        lambda: classifier(class_weight={0: 1, 1: 2}).fit(X, INDICATOR),
        ValueError,
        ("class_weight=", "indicator matrix", "use 'balanced'"),
    ),
    # -- validation data
    (
        "NaN in 2-D X_val",
        lambda: regressor().fit(TABLE, y, X_val=put(TABLE, (0, 0), np.nan), y_val=y),
        ValueError,
        ("Input X_val", "contains NaN"),
    ),
    (
        "weights of validation data too short",
        lambda: regressor().fit(X, y, X_val=X, y_val=y, sample_weight_val=[1, 2]),
        ValueError,
        ("sample_weight_val", r"got shape \(2,\)", "expected shape"),
    ),
    (
        "y too large for float32",
        lambda: regressor().fit(X.astype(np.float32), np.full(N, 1e39)),
        ValueError,
        ("y", r"1e\+39", "too large for float32"),
    ),
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
        ("X_val", "NaN: sample 1, time step 2", "SequenceImputer"),
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


@pytest.mark.parametrize("call, error, parts", [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_message_says_what_is_wrong(call, error, parts):
    check_message(call, error, parts)


def test_cases_differ():
    assert len({case[0] for case in CASES}) == len(CASES)
