"""Windows, lags, patches and per-step transformers: what comes out, what is refused, and that nothing leaks."""

import re
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import (
    LagsToSequence,
    PatchSequence,
    RNNRegressor,
    SequenceImputer,
    SlidingWindow,
    TimestepTransformer,
    frame_to_sequences,
    make_windows,
)

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
no_context = pytest.mark.filterwarnings("ignore:SlidingWindow cannot know")

ROWS_ARE_TIME = "each row is transformed by the rows before it: rows are time"


def expected_failures(estimator):
    if not isinstance(estimator, SlidingWindow) or estimator.window == 1:
        return {}
    return {
        "check_methods_sample_order_invariance": ROWS_ARE_TIME,
        "check_methods_subset_invariance": ROWS_ARE_TIME,
    }


@no_context
@parametrize_with_checks(
    [
        SlidingWindow(1),
        SlidingWindow(3),
        SlidingWindow(4, dilation=2, pad="edge", context="none"),
        SlidingWindow(3, pad="zero", context="none"),
        PatchSequence(),
        PatchSequence(1),
        PatchSequence(3),
        SequenceImputer(),
        SequenceImputer("mean", add_indicator=False),
        SequenceImputer("interpolate", add_gap=True),
        SequenceImputer("zero", add_indicator=False, add_gap=True),
        TimestepTransformer(StandardScaler()),
        LagsToSequence("oldest-first"),
        LagsToSequence("newest-first"),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# -- make_windows and frame_to_sequences ------------------------------------------------------------------------------


@given(
    n=st.integers(2, 40),
    window=st.integers(1, 10),
    horizon=st.integers(1, 6),
    stride=st.integers(1, 5),
    n_features=st.integers(1, 3),
)
@settings(max_examples=200, deadline=None)
def test_make_windows(n, window, horizon, stride, n_features):
    series = np.arange(n * n_features, dtype=np.float32).reshape(n, n_features)
    if n < window + horizon:
        with pytest.raises(ValueError, match=f"takes at least {window + horizon}"):
            make_windows(series, window, horizon, stride)
        return
    X, y = make_windows(series, window, horizon, stride)
    starts = range(0, n - window - horizon + 1, stride)
    np.testing.assert_array_equal(X, [series[t : t + window] for t in starts])
    expected = np.array([series[t + window : t + window + horizon] for t in starts])
    expected = expected[:, 0] if horizon == 1 else expected
    np.testing.assert_array_equal(y, expected[..., 0] if n_features == 1 else expected)
    assert np.shares_memory(X, series)
    assert np.shares_memory(y, series)


def test_make_windows_of_a_pandas_series():
    X, y = make_windows(pd.Series([1.0, 2.0, 3.0, 4.0], index=pd.date_range("2020", periods=4)), 2)
    np.testing.assert_array_equal(X[:, :, 0], [[1, 2], [2, 3]])
    np.testing.assert_array_equal(y, [3, 4])


def test_make_windows_copies_nothing():
    series = np.zeros(1_000_000, np.float32)
    tracemalloc.start()
    X, y = make_windows(series, 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert X.shape == (999_900, 100, 1)
    assert y.shape == (999_900,)
    assert peak < 1e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(0), 2), "not empty"),
        ((np.zeros((2, 2, 2)), 2), r"got shape \(2, 2, 2\)"),
        ((np.zeros(9), 0), "window must be an integer of at least 1, got 0"),
        ((np.zeros(9), 2.5), "window must be an integer"),
        ((np.zeros(9), 2, True), "horizon must be an integer"),
        ((np.zeros(9), 2, 1, -1), "stride must be an integer"),
        ((np.array(["a", "b"]), 1), "real numbers"),
        ((np.zeros(5), 5), "takes at least 6"),
    ],
)
def test_make_windows_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_windows(*arguments)


def long_frame():
    return pd.DataFrame(
        {
            "id": ["b", "a", "b", "c", "a", "b"],
            "time": pd.to_datetime(
                ["2020-01-03", "2020-01-01", "2020-01-01", "2020-01-05", "2020-01-02", "2020-01-02"]
            ),
            "x": [3.0, 10.0, 1.0, 100.0, 20.0, 2.0],
            "z": [6, 5, 4, 3, 2, 1],
        },
        index=[7, 7, 7, 1, 2, 3],
    )


def test_frame_to_sequences():
    sequences, ids = frame_to_sequences(long_frame(), "id", "time")
    assert ids.tolist() == ["b", "a", "c"]
    expected = [[[1, 4], [2, 1], [3, 6]], [[10, 5], [20, 2]], [[100, 3]]]
    for sequence, values in zip(sequences, expected):
        np.testing.assert_array_equal(sequence, values)
    sequences, _ = frame_to_sequences(long_frame(), "id", columns=["x"])
    np.testing.assert_array_equal(sequences[0][:, 0], [3, 1, 2])  # without a time the rows keep their order
    single = long_frame().astype({"x": np.float32})
    assert frame_to_sequences(single, "id", "time", ["x"])[0][0].dtype == np.float32
    sequences, days = frame_to_sequences(long_frame(), "time", "x", ["z"])  # any column may be the id or the time
    assert [str(day)[:10] for day in days] == ["2020-01-03", "2020-01-01", "2020-01-05", "2020-01-02"]
    assert [x[:, 0].tolist() for x in sequences] == [[6], [4, 5], [3], [1, 2]]
    categorical = long_frame().astype({"id": pd.CategoricalDtype(["a", "b", "c", "unused"])})
    assert frame_to_sequences(categorical, "id", "time")[1].tolist() == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda df: df, {"id_col": "who"}, "no column 'who'"),
        (lambda df: df, {"id_col": "id", "time_col": "when"}, "no column 'when'"),
        (lambda df: df, {"id_col": "id", "columns": ["x", "y"]}, "no column 'y'"),
        (lambda df: df[["id", "time"]], {"id_col": "id", "time_col": "time"}, "at least one column besides"),
        (lambda df: df[:0], {"id_col": "id"}, "must have rows"),
        (lambda df: df.assign(id=[None, *df["id"][1:]]), {"id_col": "id"}, "'id' is missing in row 0"),
        (lambda df: df.assign(time=df["time"].iloc[0]), {"id_col": "id", "time_col": "time"}, "two rows for time"),
        (lambda df: df.assign(x=list("abcdef")), {"id_col": "id", "time_col": "time"}, "'x' holds no numbers"),
        (lambda df: df, {"id_col": "id", "columns": ["time"]}, "'time' holds no numbers"),
    ],
)
def test_frame_to_sequences_refuses(change, options, message):
    with pytest.raises(ValueError, match=message):
        frame_to_sequences(change(long_frame()), **options)


def test_frame_to_sequences_wants_a_frame():
    with pytest.raises(TypeError, match=r"got builtins\.dict"):
        frame_to_sequences({}, "id")


# -- SlidingWindow ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pad", ["nan", "edge", "zero"])
@pytest.mark.parametrize(("window", "dilation"), [(1, 1), (1, 3), (4, 1), (3, 2), (30, 1)])
def test_sliding_window(window, dilation, pad):
    X = np.random.default_rng(0).normal(size=(12, 2))
    windows = SlidingWindow(window, dilation=dilation, pad=pad).fit_transform(X)
    fill = {"nan": np.full(2, np.nan), "edge": X[0], "zero": np.zeros(2)}[pad]
    expected = [
        [X[t - k * dilation] if t - k * dilation >= 0 else fill for k in reversed(range(window))] for t in range(12)
    ]
    np.testing.assert_array_equal(windows, expected)
    assert windows.shape == (12, window, 2)
    assert SlidingWindow(window).fit_transform(X.astype(np.float32)).dtype == np.float32


def test_windows_are_views():
    X = np.zeros((200_000, 1), np.float32)
    tracemalloc.start()
    windows = SlidingWindow(100, context="none").fit_transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert windows.shape == (200_000, 100, 1)
    assert peak < 5e6  # a copy of all windows would be 80 MB
    assert np.shares_memory(SlidingWindow(1).fit_transform(X), X)


INDEXES = {
    "days": pd.date_range("2020-01-01", periods=40, freq="D"),
    "business days": pd.bdate_range("2020-01-01", periods=40),
    "months, no freq": pd.DatetimeIndex(list(pd.date_range("2020-01-31", periods=40, freq="ME"))),
    # the fitted rows end in February, which has no day 30
    "months on day 30": pd.date_range("2019-02-28", periods=40, freq=pd.DateOffset(months=1, day=30))._with_freq(None),
    "half hours with a time zone": pd.date_range("2020-03-28", periods=40, freq="30min", tz="Europe/Berlin"),
    "periods": pd.period_range("2020-01", periods=40, freq="M"),
    "range": pd.RangeIndex(5, 85, 2),
    "integers": pd.Index(np.arange(100, 140)),
}


@pytest.mark.parametrize("name", INDEXES)
def test_context_is_used_where_the_index_follows_on(name):
    index = INDEXES[name]
    frame = pd.DataFrame({"x": np.arange(40.0)}, index=index)
    whole = SlidingWindow(5).fit_transform(frame)
    fitted = SlidingWindow(5).fit(frame[:25])
    np.testing.assert_array_equal(fitted.transform(frame[25:]), whole[25:])
    np.testing.assert_array_equal(fitted.transform(frame[:25]), whole[:25])  # the training rows do not follow on
    for start in (10, 24, 26, 30):
        late = fitted.transform(frame[start:])
        assert np.isnan(late[0, :4]).all(), start
    np.testing.assert_array_equal(SlidingWindow(5, context="none").fit(frame[:25]).transform(frame[25:])[0, :4], np.nan)


def test_context_in_arrays():
    X = np.arange(20.0)[:, None]
    whole = SlidingWindow(4).fit_transform(X)
    np.testing.assert_array_equal(SlidingWindow(4, context="fit").fit(X[:12]).transform(X[12:]), whole[12:])
    with pytest.warns(UserWarning, match="Say context='fit'"):
        alone = SlidingWindow(4).fit(X[:12]).transform(X[12:])
    assert np.isnan(alone[0, :3]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SlidingWindow(1).fit(X[:12]).transform(X[12:])
        SlidingWindow(4).fit_transform(X)
    # fewer rows than the window reaches: what there is, is used
    np.testing.assert_array_equal(SlidingWindow(4, context="fit").fit(X[:2]).transform(X[2:]), whole[2:])


def test_other_kinds_of_index_cannot_tell():
    frame = pd.DataFrame({"x": np.arange(9.0)}, index=list("abcdefghi"))
    with pytest.warns(UserWarning, match="cannot know"):
        SlidingWindow(3).fit(frame[:5]).transform(frame[5:])
    days = pd.DataFrame({"x": np.arange(9.0)}, index=pd.date_range("2020", periods=9))
    with pytest.warns(UserWarning, match="cannot know"):
        SlidingWindow(3).fit(days).transform(days.reset_index(drop=True))


@pytest.mark.parametrize(
    "index", [[0, 1, 3, 7, 9, 10], pd.DatetimeIndex([f"2020-01-{d:02}" for d in (1, 2, 5, 6, 9, 11)])]
)
def test_an_irregular_index_cannot_tell(index):
    frame = pd.DataFrame({"x": np.arange(6.0)}, index=index)
    with pytest.warns(UserWarning, match="cannot know"):
        late = SlidingWindow(3).fit(frame[:4]).transform(frame[4:])
    assert np.isnan(late[0, :2]).all()


def test_edge_and_context():
    X = np.arange(8.0)[:, None]
    windows = SlidingWindow(5, pad="edge", context="fit").fit(X[2:4]).transform(X[4:])
    np.testing.assert_array_equal(windows[0, :, 0], [2, 2, 2, 3, 4])
    # the tail is as long as the widest reach: dilation counts
    windows = SlidingWindow(3, dilation=3, context="fit").fit(X[:7]).transform(X[7:])
    np.testing.assert_array_equal(windows[0, :, 0], [1, 4, 7])


class Recorder(BaseEstimator, TransformerMixin):
    """Passes windows through and keeps what it saw."""

    seen = []

    def fit(self, X, y=None):
        Recorder.seen.append(("fit", np.array(X)))
        return self

    def transform(self, X):
        Recorder.seen.append(("transform", np.array(X)))
        return np.asarray(X)


@quiet
def test_no_test_value_reaches_a_training_window():
    """Windows of every test fold are those of the whole series, bit for bit; a planted value shows where it gets to."""
    rng = np.random.default_rng(0)
    index = pd.date_range("2020", periods=60, freq="D")
    frame = pd.DataFrame({"x": rng.normal(size=60)}, index=index)
    y = frame["x"].to_numpy()
    for train, test in TimeSeriesSplit(4, test_size=8).split(frame):
        scaler = StandardScaler().set_output(transform="pandas").fit(frame.iloc[train])
        whole = SlidingWindow(8).fit_transform(scaler.transform(frame))
        planted = frame.copy()
        planted.iloc[test, 0] = 1e6
        for data, is_planted in ((frame, False), (planted, True)):
            Recorder.seen = []
            model = make_pipeline(
                StandardScaler().set_output(transform="pandas"),
                SlidingWindow(8),
                Recorder(),
                RNNRegressor(3, max_iter=1, random_state=0),
            )
            model.fit(data.iloc[train], y[train])
            model.predict(data.iloc[test])
            (_, at_fit), (_, again), (_, at_test) = Recorder.seen
            np.testing.assert_array_equal(at_fit, whole[train])
            np.testing.assert_array_equal(again, whole[train])
            if not is_planted:
                np.testing.assert_array_equal(at_test, whole[test])
                assert not np.isnan(at_test).any()


@quiet
def test_a_target_from_five_steps_ago():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=400)}, index=pd.date_range("2020", periods=400, freq="h"))
    y = frame["x"].shift(5).fillna(0.0).to_numpy()
    model = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        SlidingWindow(8),
        RNNRegressor(24, cell="rnn", solver="lbfgs", max_iter=300, random_state=0),
    )
    scores = cross_val_score(model, frame, y, cv=TimeSeriesSplit(5, test_size=6))
    assert scores.min() >= 0.99, scores


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "'window' parameter"),
        ({"window": 2.5}, "'window' parameter"),
        ({"dilation": 0}, "'dilation' parameter"),
        ({"context": "always"}, "'context' parameter"),
        ({"pad": "mean"}, "'pad' parameter"),
    ],
)
def test_sliding_window_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        SlidingWindow(**options).fit(np.zeros((5, 1)))


# -- LagsToSequence ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ["lag_1", "lag_2", "lag_10", "lag_3"],
        ["lag1", "lag2", "lag10", "lag3"],
        ["y_lag_1", "y_lag_2", "y_lag_10", "y_lag_3"],
        ["x__lag_1", "x__lag_2", "x__lag_10", "x__lag_3"],
        ["LAG_1", "LAG_2", "LAG_10", "LAG_3"],
    ],
)
def test_lags_by_name(names):
    frame = pd.DataFrame([[1.0, 2.0, 10.0, 3.0]], columns=names)
    np.testing.assert_array_equal(LagsToSequence().fit_transform(frame)[0, :, 0], [10, 3, 2, 1])


def test_channels_and_static_columns_by_name():
    frame = pd.DataFrame(
        [[5.0, 1.0, 11.0, 2.0, 12.0, 7.0]], columns=["weekday", "a_lag_1", "b_lag_1", "a_lag_2", "b_lag_2", "price"]
    )
    sequences = LagsToSequence(static=["price", "weekday"]).fit_transform(frame)
    np.testing.assert_array_equal(sequences, [[[2, 12, 7, 5], [1, 11, 7, 5]]])


def test_lags_of_arrays():
    n, n_steps, n_channels = 3, 4, 2
    X = np.random.default_rng(0).normal(size=(n, n_steps, n_channels))
    time_major, channel_major = X.reshape(n, -1), X.transpose(0, 2, 1).reshape(n, -1)
    newest_first = X[:, ::-1]
    for table, order, layout in (
        (time_major, "oldest-first", "time-major"),
        (channel_major, "oldest-first", "channel-major"),
        (newest_first.reshape(n, -1), "newest-first", "time-major"),
        (newest_first.transpose(0, 2, 1).reshape(n, -1), "newest-first", "channel-major"),
        (X.transpose(0, 2, 1), "oldest-first", "channels-first"),
        (newest_first.transpose(0, 2, 1), "newest-first", "channels-first"),
    ):
        lags = LagsToSequence(order, n_channels=n_channels, layout=layout)
        np.testing.assert_array_equal(lags.fit_transform(table), X)
    exogenous = np.arange(3.0)[:, None]
    lags = LagsToSequence("oldest-first", n_channels=2, static=1)
    sequences = lags.fit_transform(np.hstack([time_major, exogenous]))
    np.testing.assert_array_equal(sequences[:, :, :2], X)
    np.testing.assert_array_equal(sequences[:, :, 2], np.repeat(exogenous, 4, axis=1))
    assert lags.fit_transform(np.hstack([time_major, exogenous]).astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({}, np.zeros((2, 3)), "X has none. For an array say"),
        ({}, pd.DataFrame(np.zeros((2, 2)), columns=["lag_1", "price"]), "'price' is not named like a lag"),
        ({}, pd.DataFrame(np.zeros((2, 2)), columns=["lag_1", "lag1"]), "are the same lag"),
        ({}, pd.DataFrame(np.zeros((2, 3)), columns=["a_lag_1", "a_lag_2", "b_lag_1"]), "only one of them has lag 2"),
        ({"static": ["q"]}, pd.DataFrame(np.zeros((2, 1)), columns=["lag_1"]), "'q', which X does not have"),
        ({"order": "oldest-first", "static": ["q"]}, np.zeros((2, 3)), "X has no column names"),
        ({"order": "oldest-first", "static": 4}, np.zeros((2, 3)), "has only 3 column"),
        ({"order": "oldest-first", "static": 3}, np.zeros((2, 3)), "none is left to be a lag"),
        ({"order": "oldest-first", "n_channels": 2}, np.zeros((2, 3)), "n_channels=2 does not divide"),
        ({"layout": "channels-first"}, np.zeros((2, 3, 4)), "say order="),
        ({"layout": "channels-first", "order": "oldest-first", "static": 1}, np.zeros((2, 3, 4)), "takes 3-D X"),
        ({"order": "sideways"}, np.zeros((2, 3)), "'order' parameter"),
    ],
)
def test_lags_refuse(options, X, message):
    with pytest.raises(ValueError, match=message):
        LagsToSequence(**options).fit(X)


def lag_frame(*names):
    return pd.DataFrame(np.arange(2.0 * len(names)).reshape(2, -1), columns=names)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"order": "oldest-first"}, ["lag_1", "lag_2", "lag_3"]),
        ({"order": "newest-first"}, ["lag_3", "lag_2", "lag_1"]),
        ({"order": "newest-first"}, ["lag_1", "lag_12", "lag_2"]),
        ({"order": "newest-first", "static": 1}, ["y_lag2", "y_lag1", "month"]),
        ({"order": "newest-first", "n_channels": 2}, ["lag_1", "lag_2", "lag_3", "lag_4"]),
        ({"order": "newest-first"}, ["a_lag_1", "a_lag_2", "b_lag_3", "b_lag_4"]),
        ({"order": "newest-first", "n_channels": 2}, ["a_lag_1", "a_lag_2", "b_lag_1", "b_lag_2"]),
        (
            {"order": "newest-first", "n_channels": 2, "layout": "channel-major"},
            ["a_lag_1", "b_lag_1", "a_lag_2", "b_lag_2"],
        ),
    ],
)
def test_an_order_that_names_contradict(options, names):
    X = lag_frame(*names)
    with pytest.raises(ValueError, match=r"the names of the columns say otherwise.*LagsToSequence\(\) sorts lags"):
        LagsToSequence(**options).fit(X)
    LagsToSequence(**options).fit(X.to_numpy())  # as the message says


@pytest.mark.parametrize(
    ("options", "names", "first"),
    [
        ({"order": "oldest-first"}, ["lag_12", "lag_2", "lag_1"], [0, 1, 2]),
        ({"order": "newest-first", "static": 1}, ["lag1", "lag2", "lag_7"], [1, 2, 0, 2]),
        ({"order": "newest-first", "n_channels": 2}, ["a_lag_1", "b_lag_1", "a_lag_2", "b_lag_2"], [2, 3, 0, 1]),
        (  # a covariate that is known a step later
            {"order": "oldest-first", "n_channels": 2, "layout": "channel-major"},
            ["a_lag_2", "a_lag_1", "b_lag_3", "b_lag_2"],
            [0, 2, 1, 3],
        ),
        (  # names of one channel tell nothing
            {"order": "newest-first", "n_channels": 2, "layout": "channel-major"},
            ["lag_1", "lag_2", "mean_1", "mean_2"],
            [1, 3, 0, 2],
        ),
        ({"order": "oldest-first"}, ["flag_1", "flag_2", "flag_3"], [0, 1, 2]),
        ({"order": "oldest-first"}, ["jan", "feb", "lag_1"], [0, 1, 2]),
    ],
)
def test_an_order_that_names_do_not_contradict(options, names, first):
    np.testing.assert_array_equal(LagsToSequence(**options).fit_transform(lag_frame(*names))[0].ravel(), first)


def test_a_column_among_lags():
    X = lag_frame("lag_1", "lag_2", "month")
    with pytest.warns(
        UserWarning, match=r"'month' stands among .*LagsToSequence\('newest-first', static=\['month'\]\)"
    ):
        LagsToSequence("newest-first").fit(X)
    LagsToSequence("newest-first", static=["month"]).fit(X)


# -- found by trying to break them ------------------------------------------------------------------------------------


def test_changed_parameters_after_fit():
    X = np.arange(20.0)[:, None]
    for before, after in (
        ({"window": 5}, {"window": 3}),
        ({"window": 3}, {"window": 5}),
        ({"window": 3}, {"dilation": 2}),
    ):
        fitted = SlidingWindow(**before, context="fit").fit(X).set_params(**after)
        with pytest.raises(ValueError, match="fit again"):
            fitted.transform(X)
    with pytest.raises(ValueError, match="'pad' parameter"):
        SlidingWindow(3, context="fit").fit(X).set_params(pad="q").transform(X)
    with pytest.raises(ValueError, match="'size' parameter"):
        PatchSequence(2).fit(X.T).set_params(size=2.5).transform(X.T)
    assert SlidingWindow(np.int8(100), dilation=np.int8(2)).fit_transform(np.zeros((3, 1))).shape == (3, 100, 1)


def test_an_index_that_runs_backwards_or_stands_still():
    frame = pd.DataFrame({"x": np.arange(8.0)}, index=pd.date_range("2020", periods=8))
    with pytest.raises(ValueError, match=r"row 1 is of 2020-01-07.*the row before it of 2020-01-08"):
        SlidingWindow(3).fit(frame[::-1])
    with pytest.raises(ValueError, match=r"row 1 is of 4, the row before it of 5"):
        SlidingWindow(3).fit(frame.set_axis([5, 4, 3, 2, 1, 0, -1, -2]))
    with pytest.raises(ValueError, match=r"has 2020-01-01.* twice.*several series"):
        SlidingWindow(3).fit(frame.set_axis(frame.index[[0, 0, 1, 1, 2, 2, 3, 3]]))
    other = frame.set_axis([0] * 8)
    with pytest.warns(UserWarning, match="cannot know"):
        windows = SlidingWindow(3).fit(other[:5]).transform(other[5:])
    assert np.isnan(windows[0, :2]).all()
    with pytest.warns(UserWarning, match="cannot know"):
        SlidingWindow(3).fit(frame[:5]).transform(frame[5:].tz_localize("UTC"))


def test_kinds_of_integer_index_do_not_matter():
    frame = pd.DataFrame({"x": np.arange(20.0)})
    late = frame.iloc[np.array([10, 11, 13])]  # no longer a RangeIndex
    np.testing.assert_array_equal(SlidingWindow(3).fit(frame[:10]).transform(late)[0, :, 0], [8, 9, 10])
    small = pd.DataFrame({"x": np.arange(4.0)}, index=pd.Index([253, 254, 255, 0], dtype="uint8"))
    assert np.isnan(SlidingWindow(3).fit(small[:3]).transform(small[3:])[0, :2]).all()  # 255 + 1 is not 0


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda df: df, {"columns": ["x", "x"]}, ValueError, "names a column twice"),
        (lambda df: df.assign(x=1j), {}, ValueError, "complex"),
        (lambda df: pd.concat([df, df[["x"]]], axis=1), {}, ValueError, "two columns of the name 'x'"),
        (lambda df: df, {"id_col": ["id"]}, TypeError, "each name one column"),
        (lambda df: df, {"time_col": "id"}, ValueError, "must be two columns"),
        (lambda df: df.assign(time=[1, "a", 2, 3, 4, 5]), {}, ValueError, "cannot be ordered in time"),
        (lambda df: df.set_index(["id", "time"]), {}, ValueError, "reset_index"),
    ],
)
def test_frames_that_are_no_long_frames(change, options, error, message):
    with pytest.raises(error, match=message):
        frame_to_sequences(change(long_frame()), **{"id_col": "id", "time_col": "time", **options})
    assert frame_to_sequences(long_frame(), "id", "time", "x")[0][0].shape == (3, 1)  # one column by its name


def test_lags_that_are_none_and_fits_that_fail():
    lags = pd.DataFrame({"lag_1": [3.0], "lag_2": [2.0]})
    with pytest.raises(ValueError, match="'flag_1' is not named like a lag"):
        LagsToSequence().fit(lags.assign(flag_1=9.0))
    with pytest.raises(ValueError, match="static must be"):
        LagsToSequence("oldest-first", static=True).fit(np.ones((2, 3)))
    fitted = LagsToSequence("oldest-first").fit(np.ones((2, 3)))
    with pytest.raises(ValueError, match="say order"):
        fitted.set_params(order="auto").fit(np.ones((2, 5)))
    with pytest.raises(NotFittedError):
        fitted.transform(np.ones((2, 5)))
    first = LagsToSequence("oldest-first", layout="channels-first")
    for bad in (np.ones((3, 4)), np.ones((2, 3, 0))):
        with pytest.raises(ValueError, match=r"\(n_samples, n_channels, n_timesteps\)"):
            first.fit(bad)
    with pytest.raises(ValueError, match="sample 1"):
        first.fit(np.array([[[1.0, 2.0]], [[np.nan, 2.0]]]))


HOURS = pd.date_range("2020-01-06", periods=24 * 60, freq="h")
QUARTERS = pd.date_range("2020-01-06", periods=96 * 30, freq="15min")
WHOLE = {
    "days": pd.date_range("2020-01-01", periods=90),
    "days of a zone": pd.date_range("2020-01-01", periods=200, tz="Europe/Berlin"),
    "days of the week": pd.date_range("2020-01-01", periods=90, freq="B"),
    "without Sundays": pd.date_range("2020-01-01", periods=90)[pd.date_range("2020-01-01", periods=90).day_of_week < 6],
    "months": pd.date_range("2010-01-01", periods=90, freq="MS"),
    "ends of months": pd.date_range("2010-01-31", periods=90, freq="ME"),
    "quarters": pd.date_range("2010-01-01", periods=40, freq="QS"),
    "years": pd.date_range("1950-01-01", periods=60, freq="YS"),
    "weeks": pd.date_range("2010-01-01", periods=60, freq="W"),
    "hours": HOURS,
    "hours of a zone": pd.date_range("2020-03-20", periods=400, freq="h", tz="Europe/Berlin"),
    "hours of the day": HOURS[(HOURS.hour >= 8) & (HOURS.hour < 20)],
    "hours of working days": HOURS[(HOURS.hour >= 8) & (HOURS.hour < 18) & (HOURS.day_of_week < 5)],
    "hours but of weekends": HOURS[HOURS.day_of_week < 5],
    "quarters of hours of the day": QUARTERS[(QUARTERS.hour >= 9) & (QUARTERS.hour < 17)],
    "periods": pd.period_range("2010-01", periods=90, freq="M"),
}


@pytest.mark.parametrize("index", WHOLE.values(), ids=list(WHOLE))
def test_times_that_are_left_out_are_told(index):
    series = pd.Series(np.arange(float(len(index))), index)
    make_windows(series, 3)  # nights and weekends are no gaps
    SlidingWindow(3).fit_transform(series.to_frame())
    with_gap = series.drop(index[21:33])
    with pytest.warns(UserWarning, match=re.escape(f"time(s), the first after {index[20]}")):
        make_windows(with_gap, 3)
    with pytest.warns(UserWarning, match=r"leaves out \d+ time"):
        SlidingWindow(3).fit(with_gap.to_frame())


def test_holidays_are_no_gaps():
    index = WHOLE["days of the week"]
    make_windows(pd.Series(1.0, index.drop(index[[10, 30, 31, 60]])), 3)


def test_hours_that_pandas_takes_for_those_of_business():
    """Its business hours are 9 to 17, whatever the index holds."""
    for first in (7, 8, 9):
        index = HOURS[(HOURS.hour >= first) & (HOURS.hour < first + 8) & (HOURS.day_of_week < 5)]
        frame = pd.DataFrame({"x": np.arange(float(len(index)))}, index)
        window = SlidingWindow(3).fit(frame[:80])
        if first == 9:
            assert window.transform(frame[80:])[0, :, 0].tolist() == [78, 79, 80]
        else:
            with pytest.warns(UserWarning, match="cannot know whether these rows follow"):
                window.transform(frame[80:])
