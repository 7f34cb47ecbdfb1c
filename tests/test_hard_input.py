"""Faults that test_fuzz.py found, one by one."""

import _thread
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import threadpoolctl
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import d2_pinball_score, r2_score

from sklearn_rnn import (
    LagsToSequence,
    PatchSequence,
    RNNForecaster,
    RNNRegressor,
    RNNSequenceClassifier,
    RNNTextGenerator,
    SequenceImputer,
    SlidingWindow,
    make_windows,
)
from sklearn_rnn.core import _cores
from sklearn_rnn.estimators import _rows

X = np.random.default_rng(0).normal(size=(12, 5))
y = X[:, -1]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**options):
    return RNNRegressor(**{"hidden_layer_sizes": 3, "max_iter": 1, "random_state": 0, **options})


@quiet
def test_states_do_not_depend_on_which_thread_computes_what(monkeypatch):
    """One thread that takes two blocks in a row computes the second in the memory of the first."""
    monkeypatch.setattr(_rows, "MULTIPLICATIONS_A_THREAD", 1)
    model = regressor(cell="gru", bidirectional=False).fit(X, y)
    many = np.tile(X, (60, 1))
    with threadpoolctl.threadpool_limits(1):
        expected = model.hidden_states(many)

    class NoThreads:
        @staticmethod
        def start_new_thread(*_):
            raise RuntimeError("can't start new thread")

    assert _cores._thread is _thread
    monkeypatch.setattr(_cores, "_thread", NoThreads)
    with threadpoolctl.threadpool_limits(2):
        np.testing.assert_array_equal(model.hidden_states(many), expected)


@quiet
@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1.0, 1e200, 1e307])
def test_a_score_does_not_depend_on_the_scale_of_y(scale, monkeypatch):
    model = regressor(max_iter=20, learning_rate_init=0.1).fit(X, y)
    predicted, expected = model.predict(X), model.score(X, y)
    assert expected == r2_score(y, predicted)
    weights = np.arange(12.0)
    of_weights = model.score(X, y, weights)
    assert of_weights == pytest.approx(r2_score(y, predicted, sample_weight=weights), rel=1e-12)
    monkeypatch.setattr(model, "_predict_rows", lambda X: (predicted[:, None] * scale, model._check_fitted_X(X)))
    # denormal numbers have few digits
    rel = 1e-10 if scale > 1e-300 else 1e-5
    assert model.score(X, y * scale) == pytest.approx(expected, rel=rel)
    assert model.score(X, y * scale, weights * 1e300) == pytest.approx(of_weights, rel=rel)


@quiet
def test_a_score_of_predictions_that_are_far_too_large_is_very_bad(monkeypatch):
    model = regressor().fit(X, y)
    monkeypatch.setattr(model, "_predict_rows", lambda X: (np.full((12, 1), 1e300), model._check_fitted_X(X)))
    assert -np.inf < model.score(X, y) < -1e290
    several = regressor(loss="quantile", quantile=(0.2, 0.6)).fit(X, y)
    levels = [d2_pinball_score(y, p, alpha=q) for p, q in zip(several.predict(X).T, (0.2, 0.6))]
    assert several.score(X, y) == pytest.approx(np.mean(levels), rel=1e-12)


@quiet
def test_the_largest_numbers_as_targets():
    largest = np.where(np.arange(12) % 2, 1.0, -1.0) * np.finfo(float).max
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model = regressor(batch_size=3).fit(X, largest)
        assert np.isfinite(model.predict(X)).all()
        assert np.isfinite(model.score(X, largest))


def test_weights_that_overflow_in_the_last_update_are_not_kept():
    model = RNNTextGenerator(3, embedding_size=2, max_iter=1, learning_rate_init=1e300, random_state=0)
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 1"):
        model.fit("abracadabra " * 9)
    assert np.isfinite(model._theta).all()
    assert np.isfinite(model.score("abracadabra"))
    single = X.astype(np.float32)
    warm = regressor(warm_start=True)
    with pytest.warns(ConvergenceWarning):
        warm.fit(single, y)
    before = warm._theta.copy()
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 2"):
        warm.set_params(learning_rate_init=1e300).fit(single, y)
    np.testing.assert_array_equal(warm._theta, before)


@quiet
def test_a_penalty_that_float32_cannot_hold_leaves_biases_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            model = regressor(alpha=1e300).fit(X.astype(np.float32), y)
        except ValueError as error:
            assert "not finite" in str(error)
        else:
            assert np.isfinite(model._theta).all()


@quiet
def test_a_stream_refuses_what_its_network_cannot_hold():
    stream = regressor(bidirectional=False, patch_size=1).fit(X.astype(np.float32), y).stream()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="x_t holds inf in sequence 0"):
            stream.step([1e300])
    assert stream.n_steps == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [("hidden_layer_sizes", "int in the range"), ("cell", "'gru'"), ("learning_rate_init", "float in the range")],
)
def test_auto_is_nothing_that_a_text_generator_knows(name, expected):
    with pytest.raises(ValueError, match=f"The '{name}' parameter.*{expected}.*Got 'auto'"):
        RNNTextGenerator(**{name: "auto"}).fit("abracadabra " * 9)


@pytest.mark.parametrize("transformer", [SlidingWindow(2), LagsToSequence("oldest-first")], ids=str)
@pytest.mark.parametrize("rows", [[[1.0, 2.0], [1.0]], [None, [[1.0]]], [np.ones(2), np.ones(3)]], ids=repr)
def test_rows_of_different_lengths_are_no_table(transformer, rows):
    with pytest.raises(ValueError, match="X must be an array with rows of one length; got a list"):
        transformer.fit(rows)
    assert transformer.fit([np.ones(2), np.zeros(2)]).n_features_in_ == 2


def test_a_patch_longer_than_any_memory():
    for wrong in (PatchSequence(10**30), regressor(patch_size=10**30)):
        with pytest.raises(ValueError, match=r"in the range \[1, 1048576\]"):
            wrong.fit(X, y)


def test_one_channel_given_as_true():
    for layout in ("time-major", "channel-major"):
        assert LagsToSequence("newest-first", True, layout).fit_transform(X).shape == (12, 5, 1)


@pytest.mark.parametrize("transformer", [SlidingWindow(2), LagsToSequence("oldest-first")], ids=str)
def test_the_largest_numbers_in_a_table(transformer):
    largest = np.where(X > 0, 1.0, -1.0) * np.finfo(np.float32).max
    for table in (largest.astype(np.float32), largest / np.finfo(np.float32).max * np.finfo(float).max):
        out = transformer.fit_transform(table)
        assert np.nanmax(np.abs(out)) == table.max()


@quiet
def test_sparse_columns_in_a_list_of_frames():
    frames = [pd.DataFrame({"a": x, "b": 0.0}) for x in X]
    sparse = [frame.astype(pd.SparseDtype(float)) for frame in frames]
    of_sparse, of_frames = regressor().fit(sparse, y).predict(sparse), regressor().fit(frames, y).predict(frames)
    np.testing.assert_array_equal(of_sparse, of_frames)


@pytest.mark.parametrize("value", [1e151, -1e300, np.finfo(float).max])
def test_a_series_whose_squares_are_infinite(value):
    series = pd.Series(np.sin(np.arange(60.0)))
    series[30] = value
    with pytest.raises(ValueError, match=r"values up to .* are infinite in float64. Divide"):
        RNNForecaster(regressor(), window=4, random_state=0).fit(series)
    single = pd.Series(np.sin(np.arange(60.0)).astype(np.float32) * np.float32(1e37))
    with pytest.raises(ValueError, match="infinite in float32"):
        RNNForecaster(regressor(), window=4, random_state=0).fit(single)


def frames_of_others():
    times = pd.date_range("2020", periods=12).to_pydatetime().tolist()
    columns = {
        "datetime": times,
        "missing": [times[0], *[None] * 11],
        "date": [time.date() for time in times],
        "duration": [time - times[0] for time in times],
        "time": [time.time() for time in times],
        "text": list("123456789abc"),
    }
    for kind, values in columns.items():
        yield pytest.param(pl.DataFrame({"a": y, "b": values}), id=f"polars {kind}")
        yield pytest.param(pa.table({"a": y, "b": values}), id=f"Arrow {kind}")
    yield pytest.param(
        pl.DataFrame({"a": y, "b": pl.Series(list("123456789abc"), dtype=pl.Categorical)}), id="category"
    )


@pytest.mark.parametrize("frame", frames_of_others())
def test_times_and_text_are_no_numbers_in_frames_of_others(frame):
    """As numbers they would be nanoseconds since 1970, and a missing one the smallest of all."""
    words = "Column 'b' of X.* is of type .*, and holds no numbers"
    for estimator in (regressor(), SequenceImputer(), LagsToSequence("oldest-first"), SlidingWindow(2)):
        with pytest.raises(ValueError, match=words):
            estimator.fit(frame, y)
    if isinstance(frame, pl.DataFrame):
        with pytest.raises(ValueError, match=words):
            regressor().fit([frame] * 12, y)


@quiet
def test_numbers_in_frames_of_others():
    table = {f"c{k}": X[:, k] for k in range(5)}
    expected = regressor().fit(pd.DataFrame(table), y).predict(pd.DataFrame(table))
    for frame in (pl.DataFrame(table), pa.table(table)):
        np.testing.assert_array_equal(regressor().fit(frame, y).predict(frame), expected)


@pytest.mark.parametrize(
    "table",
    [
        [[np.datetime64("2020-01-01")] * 5] * 12,
        np.full((12, 5), np.timedelta64(1, "D")).astype("m8[D]"),
        np.array([[np.datetime64("2020-01-01", "ns")] * 5] * 12, object),
        np.array([[[np.timedelta64(1, "D")]] * 5] * 12, object),
        [["2020-01-01"] * 5] * 12,
        X.astype("U9"),
        X.astype("U9")[:, :, None],
        np.zeros((12, 5), [("a", float)]),
    ],
)
def test_times_and_text_are_no_numbers(table):
    with pytest.raises(ValueError, match=r"must hold real numbers|could not convert string to float"):
        regressor().fit(table, y)


def test_columns_that_are_no_numbers_are_named():
    frame = pd.DataFrame(X, columns=list("abcde"))
    with pytest.raises(ValueError, match="Column 'b' of X is of type category"):
        regressor().fit(frame.assign(b=pd.Categorical(["x", "y"] * 6)), y)
    with pytest.raises(ValueError, match="two columns of one name, 'a'"):
        regressor().fit(frame.set_axis(list("aabcd"), axis=1), y)
    with pytest.raises(ValueError, match=r"Column 'b' of X\[0\] is of type str"):
        regressor().fit([frame.assign(b=list("123456789abc")).astype({"b": "string"})] * 12, y)


HUGE = 10**400


def test_whole_numbers_too_large_for_a_float():
    for call in (
        lambda: regressor().fit([[HUGE] * 5] * 12, y),
        lambda: regressor().fit(X, [HUGE] * 12),
        lambda: regressor().fit(X, y, [HUGE] * 12),
        lambda: RNNSequenceClassifier(3, class_weight={0: HUGE, 1: 1}).fit(X, (y > 0).astype(int)),
        lambda: RNNForecaster(regressor()).fit([HUGE] * 40),
        lambda: RNNForecaster(regressor()).fit(np.arange(40.0), [[HUGE]] * 40),
    ):
        with pytest.raises((ValueError, TypeError), match=r"too large|finite numbers >= 0"):
            call()


@quiet
def test_any_number_of_steps_to_go_back():
    expected = regressor(bptt_steps=5).fit(X, y)
    np.testing.assert_array_equal(regressor(bptt_steps=10**30).fit(X, y)._theta, expected._theta)


def test_weights_of_validation_data_that_are_all_zero():
    for weights in (np.zeros(12), 0.0):
        with pytest.raises(ValueError, match="sample_weight_val"):
            regressor(early_stopping=True).fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)


@quiet
def test_only_ratios_of_weights_matter_to_a_classifier():
    labels = (y > 0).astype(int)
    weights = np.arange(1.0, 13)
    plain = RNNSequenceClassifier(3, max_iter=2, random_state=0).fit(X, labels, weights)
    balanced = RNNSequenceClassifier(3, max_iter=2, random_state=0, class_weight="balanced").fit(X, labels, weights)
    for factor in (2.0**1000, 2.0**-1000):
        assert plain.score(X, labels, factor * weights) == plain.score(X, labels, weights)
        again = RNNSequenceClassifier(**balanced.get_params()).fit(X, labels, factor * weights)
        np.testing.assert_allclose(again._theta, balanced._theta, rtol=1e-10)
    huge, ones = np.full(12, 1e308), np.ones(12)  # whose sum is infinite
    assert plain.score(X, labels, huge) == plain.score(X, labels)
    of_huge, of_ones = (RNNSequenceClassifier(**balanced.get_params()).fit(X, labels, w) for w in (huge, ones))
    np.testing.assert_allclose(of_huge._theta, of_ones._theta, rtol=1e-10)
    numbers = regressor(max_iter=2).fit(X, y)
    assert abs(numbers.score(X, y, huge) - numbers.score(X, y)) < 1e-12
    extreme = RNNSequenceClassifier(**balanced.get_params()).fit(X, labels, np.r_[1.0, np.full(11, 5e-324)])
    assert len(extreme.loss_curve_) == 2 and np.isfinite(extreme._theta).all()


@quiet
def test_labels_that_are_dates():
    dates = np.where(y > 0, np.datetime64("2020-01-01"), np.datetime64("2021-01-01"))
    model = RNNSequenceClassifier(3, max_iter=1, random_state=0).fit(X, dates)
    assert 0 <= model.score(X, dates) <= 1
    for wrong in (y > 0, (y > 0).astype(str)):
        with pytest.raises(ValueError, match="this model was fitted on labels of"):
            model.score(X, wrong)
    with pytest.raises(ValueError, match="contains NaT"):
        model.fit(X, np.where(y > 0, dates, np.datetime64("NaT")))
    with pytest.raises(ValueError, match="holds records"):
        model.fit(X, np.zeros(12, [("a", int)]))


@pytest.mark.parametrize("factor", [1e160, 1e300, 1e-160, 1e-300])
def test_a_column_whose_squares_are_no_numbers(factor):
    """It would be left out without a word."""
    rng = np.random.default_rng(0)
    column = pd.DataFrame({"a": rng.normal(size=63)})
    series = pd.Series(5 * column["a"][:60] + rng.normal(size=60) / 9)
    forecaster = RNNForecaster(regressor(), window=4, horizon=3, random_state=0)
    with pytest.raises(ValueError, match="Column 'a' of X has values up to"):
        forecaster.fit(series, factor * column[:60])
    forecaster.fit(series, column[:60])
    with pytest.raises(ValueError, match="Column 'a' of X has values up to"):
        forecaster.predict(3, factor * column[60:])


def test_a_series_that_is_missing_but_for_one_value():
    for n in (24, 36, 60):
        series = pd.Series(np.nan, index=pd.date_range("2020-01", periods=n, freq="MS"))
        series.iloc[0] = 1.0
        with pytest.raises(ValueError, match="too few to fit on"):
            RNNForecaster(regressor()).fit(series)


def test_times_and_text_of_others_are_no_numbers_elsewhere():
    for frame in frames_of_others():
        frame = frame.values[0]
        with pytest.raises(ValueError, match="Column 'b' of series is of type"):
            make_windows(frame, 2)
        if isinstance(frame, pl.DataFrame):
            with pytest.raises(ValueError, match="Column 'b' of y is of type"):
                regressor().fit(X, frame)


@quiet
def test_tables_of_Arrow_in_a_list():
    tables = [pa.table({"b": x, "a": x + 1}) for x in X]
    frames = [pd.DataFrame({"b": x, "a": x + 1}) for x in X]
    model = regressor().fit(frames, y)
    np.testing.assert_array_equal(model.predict(tables), model.predict(frames))
    np.testing.assert_array_equal(model.predict([t.select(["a", "b"]) for t in tables]), model.predict(frames))


def test_weights_whose_products_are_no_numbers():
    labels = (y > 0).astype(int)
    for large in (1e200, 1e-200):
        model = RNNSequenceClassifier(3, max_iter=1, class_weight={0: large, 1: large})
        with pytest.raises(ValueError, match="sample_weight times class_weight is infinite, or 0 for all"):
            model.fit(X, labels, np.full(12, large))
