"""Tables in which time would be read backwards, or scrambled, are warned of; those that are in order are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from sklearn_rnn import LagsToSequence, RNNRegressor, RNNSequenceClassifier, make_windows

SMALL = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0}
rng = np.random.default_rng(0)
SERIES = rng.normal(size=60).cumsum()
X, Y = make_windows(SERIES, 4)
OLDEST_FIRST = X[:, :, 0].copy()
NEWEST_FIRST = OLDEST_FIRST[:, ::-1]
SHUFFLED = rng.permutation(len(Y))


def said(X, y, model=None):
    """What a fit warns of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        (RNNRegressor(**SMALL) if model is None else model).fit(X, y)
    assert all(w.filename == __file__ for w in found if w.category is UserWarning)
    return [str(w.message) for w in found if not issubclass(w.category, ConvergenceWarning)]


def frame(table, *columns):
    return pd.DataFrame(table[SHUFFLED], columns=columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["lag_1", "lag_2", "lag_3", "lag_4"], "do not stand with the oldest first"),
        (["lag1", "lag2", "lag3", "lag4"], "'lag1', 'lag2', 'lag3', ... are lags, and do not stand"),
        (["y_lag_4", "y_lag_2", "y_lag_3", "y_lag_1"], "do not stand with the oldest first"),
        (["lag_10", "lag_9", "lag_2", "lag_3"], "do not stand with the oldest first"),
        (["a_lag_2", "a_lag_1", "b_lag_2", "b_lag_1"], "are lags, of several series"),
        (["lag_3", "lag_2", "lag_1", "month"], r"but 'month' is none.*LagsToSequence\(static=\['month'\]\)"),
    ],
)
def test_names_that_say_so(columns, message):
    (found,) = said(frame(OLDEST_FIRST, *columns), Y[SHUFFLED])
    assert pd.Series([found]).str.contains(message).all()
    assert "Put LagsToSequence(" in found


@pytest.mark.parametrize(
    "columns",
    [
        ["lag_4", "lag_3", "lag_2", "lag_1"],
        ["y_lag_12", "y_lag_10", "y_lag_2", "y_lag_1"],
        ["jan", "feb", "mar", "apr"],
        ["lag_1", "a", "b", "c"],
        ["flag_1", "flag_2", "flag_3", "flag_4"],
    ],
)
def test_names_that_do_not(columns):
    assert said(frame(OLDEST_FIRST, *columns), Y[SHUFFLED]) == []


def test_names_of_polars_are_read():
    polars = pytest.importorskip("polars", reason="frames of polars")
    lags = polars.DataFrame({f"lag_{k + 1}": NEWEST_FIRST[SHUFFLED, k] for k in range(4)})
    assert "do not stand" in said(lags, Y[SHUFFLED])[0]
    model = make_pipeline(LagsToSequence(), RNNRegressor(**SMALL))
    assert said(lags, Y[SHUFFLED], model) == []
    turned = lags.select(lags.columns[::-1])
    fitted = RNNRegressor(**SMALL).fit
    with pytest.warns(ConvergenceWarning):
        as_it_should_be = fitted(turned, Y[SHUFFLED])
    assert as_it_should_be.feature_names_in_.tolist() == ["lag_4", "lag_3", "lag_2", "lag_1"]
    with pytest.raises(ValueError, match="same order"):
        as_it_should_be.predict(lags)


@pytest.mark.parametrize("as_3d", [False, True])
def test_windows_without_names(as_3d):
    """As they come from skforecast."""
    newest, oldest = (table[:, :, None] if as_3d else table for table in (NEWEST_FIRST, OLDEST_FIRST))
    (found,) = said(newest, Y)
    assert "newest value first" in found and "LagsToSequence('newest-first')" in found
    assert said(oldest, Y) == []
    assert said(newest.astype(np.float32), Y.astype(np.float32))
    assert said(newest, np.column_stack([Y, -Y]))  # the first of several steps
    model = make_pipeline(LagsToSequence("newest-first"), RNNRegressor(**SMALL))
    assert said(NEWEST_FIRST, Y, model) == []


def test_windows_of_several_series():
    parts = [make_windows(rng.normal(size=30), 4) for _ in range(3)]
    newest = np.concatenate([part[0][:, ::-1, 0] for part in parts])
    assert "newest value first" in said(newest, np.concatenate([part[1] for part in parts]))[0]


def test_windows_that_only_look_so():
    assert said(OLDEST_FIRST[::-1], Y[::-1]) == []  # rows from the newest to the oldest
    assert said(NEWEST_FIRST[:4], Y[:4]) == []  # too few to tell
    constant, alternating = np.ones(40), np.tile([0.0, 1.0], 20)
    for series in (constant, alternating):
        windows, y = make_windows(series, 4)
        assert said(windows[:, ::-1, 0], y) == []  # the same in either order, or nearly
    assert said(rng.normal(size=(50, 4)), rng.normal(size=50)) == []


def test_classes_and_targets_at_every_step():
    labels = np.where(Y > 0, "up", "down")
    assert said(NEWEST_FIRST, labels, RNNSequenceClassifier(**SMALL)) == []  # no values to tell by
    lags = frame(NEWEST_FIRST, "lag_1", "lag_2", "lag_3", "lag_4")
    assert "do not stand" in said(lags, labels[SHUFFLED], RNNSequenceClassifier(**SMALL))[0]
    per_step = RNNRegressor(**SMALL, mapping="many-to-many")
    assert said(OLDEST_FIRST, OLDEST_FIRST, per_step) == []
    features = RNNRegressor(**SMALL, mapping="one-to-many")  # a table of features, whatever their names
    assert said(lags, OLDEST_FIRST, features) == []


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_said_once_in_validation_and_not_again_by_predict():
    with pytest.warns(UserWarning, match="newest value first"):
        model = RNNRegressor(**SMALL, tol=1e9, n_iter_no_change=1).fit(NEWEST_FIRST, Y, X_val=NEWEST_FIRST, y_val=Y)
    assert len(model.predict(NEWEST_FIRST)) == len(Y)
