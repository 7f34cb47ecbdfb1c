"""Tables in which time would be read backwards, or scrambled, are warned of; those that are in order are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from sklearn_rnn import LagsToSequence, RNNRegressor, RNNSequenceClassifier, make_windows
from sklearn_rnn.estimators._time_order import warn_of_wrong_order
from sklearn_rnn.sequences._sequences import Sequences

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


def test_other_columns_after_the_lags():
    """As exog and window_features of skforecast are; and lags that leave steps out."""
    month = np.arange(len(Y)) % 12
    mean = NEWEST_FIRST[:, :3].mean(axis=1)
    for others in (month[:, None], np.column_stack([mean, month, np.ones(len(Y))])):
        assert "newest value first" in said(np.hstack([NEWEST_FIRST, others]), Y)[0]
        assert said(np.hstack([OLDEST_FIRST, others]), Y) == []
    assert "newest value first" in said(NEWEST_FIRST[:, [0, 1, 3]], Y)[0]


def test_sequences_that_LagsToSequence_was_told_the_wrong_order_of():
    table = np.column_stack([NEWEST_FIRST, np.arange(len(Y)) % 12])
    right, wrong = (
        make_pipeline(LagsToSequence(order, static=1), RNNRegressor(**SMALL))
        for order in ("newest-first", "oldest-first")
    )
    assert said(table, Y, right) == []
    (found,) = said(table, Y, wrong)
    assert "In channel 0 of X, sequences begin with their newest value" in found
    assert "Where LagsToSequence made the sequences, give it the other order" in found


def test_a_part_of_many_rows():
    """A series that begins with a constant, and short ones below one another, with their number at the end."""
    series = np.concatenate([np.zeros(300), rng.normal(size=700)])
    windows, y = make_windows(series, 4)
    assert "newest value first" in said(windows[:, ::-1, 0], y)[0]
    assert said(windows[:, :, 0], y) == []
    parts = [make_windows(rng.normal(size=12), 4) for _ in range(100)]
    tables = [np.column_stack([part[0][:, ::-1, 0], np.full(8, i)]) for i, part in enumerate(parts)]
    y = np.concatenate([part[1] for part in parts])
    assert "newest value first" in said(np.concatenate(tables), y)[0]
    assert said(np.concatenate([table[:, [3, 2, 1, 0, 4]] for table in tables]), y) == []


def seasonal_series():
    t = np.arange(300)
    yield np.sin(t * 2 * np.pi / 12)
    for period in (2, 3, 4, 7, 12):
        yield (t % period == 0) * 1.0
        yield rng.normal(size=period)[t % period]
    yield (rng.random(300) < 0.05) * 1.0
    yield rng.integers(0, 2, 300) * 1.0
    yield np.cumsum(rng.random(300) < 0.05) % 2.0
    yield np.minimum(t, 50.0)


def test_seasons_zeros_and_steps_in_order():
    """`warn_of_wrong_order` itself, which is all of a fit that may speak here."""
    for series in seasonal_series():
        for window in (2, 3, 4, 5, 12, 13):
            windows, y = make_windows(series, window)
            with_month = np.concatenate([windows[:, :, 0], np.eye(12)[np.arange(len(y)) % 12]], axis=1)
            for table in (windows[:, :, 0], with_month):
                warn_of_wrong_order(Sequences.from_2d(table), None, y[:, None], "X")


def test_tables_of_other_things():
    n = 300
    month, rare = np.eye(12)[np.arange(n) % 12], (rng.random((n, 4)) < 0.05) * 1.0
    tables = [month, rare, np.ones((n, 3)), rng.normal(size=(n, 3)), rng.integers(0, 2, (n, 3)) * 1.0]
    tables += [np.hstack([month, rare]), np.hstack([rare, month]), np.sort(rng.normal(size=(n, 3)), axis=0)]
    targets = [rng.normal(size=n), rare[:, 0], np.zeros(n), np.arange(n) % 12, month[:, 0], np.arange(n) // 30]
    for table in tables:
        for y in targets:
            warn_of_wrong_order(Sequences.from_2d(table), None, np.asarray(y, float)[:, None], "X")


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
