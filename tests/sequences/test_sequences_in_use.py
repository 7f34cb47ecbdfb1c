"""Faults of the transformers that users found."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.utils.fixes import parse_version

from sklearn_rnn import (
    LagsToSequence,
    PatchSequence,
    RNNRegressor,
    SequenceImputer,
    SlidingWindow,
    TimestepTransformer,
    frame_to_sequences,
)
from sklearn_rnn.sequences._sequences import Sequences

rng = np.random.default_rng(0)


# ---- TimestepTransformer --------------------------------------------------------------------------------------------


def _correlation(encoded, y, n_steps):
    return abs(np.corrcoef(encoded.ravel(), np.repeat(y, n_steps))[0, 1])


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(
    "encoder",
    [
        TargetEncoder(target_type="continuous"),
        make_pipeline(TargetEncoder(target_type="continuous"), StandardScaler()),
        ColumnTransformer([("code", TargetEncoder(target_type="continuous"), [0])]),
    ],
    ids=["alone", "in a pipeline", "of a column"],
)
def test_targets_do_not_leak_into_their_own_encoding(encoder, ragged):
    """Every sequence has a category of its own: its encoding must know nothing of its target."""
    n, n_steps = 200, 6
    X, y = np.repeat(np.arange(n), n_steps).reshape(n, n_steps, 1), rng.normal(size=n)
    given = list(X) if ragged else X
    transformer = TimestepTransformer(encoder)
    encoded = np.array(transformer.fit_transform(given, y))
    assert _correlation(encoded, y, n_steps) < 0.2
    assert _correlation(np.array(transformer.fit(given, y).transform(given)), y, n_steps) > 0.99
    if isinstance(encoder, TargetEncoder):  # others draw folds of their own in `fit`
        np.testing.assert_array_equal(encoded, np.array(transformer.fit_transform(given, y)))


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="its TargetEncoder takes no splitter, only a number",
)
def test_targets_are_encoded_by_the_sequences_of_the_other_folds():
    n, n_steps = 30, 4
    X, y = rng.integers(0, 3, (n, n_steps, 1)), rng.normal(size=n)
    folds = GroupKFold(3)

    class Grouped(GroupKFold):
        def split(self, X, y=None, groups=None):
            return super().split(X, y, np.arange(len(X)) % 3)

    encoder = TargetEncoder(target_type="continuous", smooth=1.0)
    encoder.cv = Grouped(3)
    encoded = TimestepTransformer(encoder).fit_transform(X, y)
    for train, test in folds.split(X, y, np.arange(n) % 3):
        alone = TargetEncoder(target_type="continuous", smooth=1.0)
        alone.fit(X[train].reshape(-1, 1), np.repeat(y[train], n_steps))
        np.testing.assert_allclose(encoded[test].reshape(-1, 1), alone.transform(X[test].reshape(-1, 1)))


def test_classes_and_targets_at_every_step_are_encoded():
    X = rng.integers(0, 3, (60, 5, 1))
    labels = np.resize(["a", "b", "c"], 60)
    assert TimestepTransformer(TargetEncoder()).fit_transform(X, labels).shape == (60, 5, 3)
    assert TimestepTransformer(TargetEncoder()).fit_transform(X, rng.normal(size=(60, 5))).shape == (60, 5, 1)


def test_nan_inside_sequences_passes_to_transformers_that_take_it():
    X = rng.normal(size=(4, 6, 2))
    holed = X.copy()
    holed[1, 2, 0], holed[2, 3] = np.nan, np.nan
    holed[3, 4:] = np.nan  # absent, not missing
    mean = np.nanmean(holed.reshape(-1, 2), axis=0)
    filled = TimestepTransformer(SimpleImputer()).fit_transform(holed)
    np.testing.assert_allclose(filled[1, 2, 0], mean[0])
    np.testing.assert_allclose(filled[2, 3], mean)
    assert np.isnan(filled[3, 4:]).all()
    assert np.isfinite(filled[:3]).all()
    ragged = [x[: 6 - i] for i, x in enumerate(holed[:3])]
    np.testing.assert_allclose(TimestepTransformer(SimpleImputer()).fit(holed).transform(ragged)[1][2, 0], mean[0])
    table = X[:, :, 0].copy()
    table[1, 2] = np.nan
    assert np.isfinite(TimestepTransformer(SimpleImputer()).fit_transform(table)).all()
    with pytest.raises(ValueError, match="NaN: sample 1, time step 2"):
        TimestepTransformer(_Strict()).fit_transform(holed)
    infinite = X.copy()
    infinite[1, 2, 0] = np.inf
    with pytest.raises(ValueError, match="infinity: sample 1, time step 2"):
        TimestepTransformer(SimpleImputer()).fit_transform(infinite)


class _Strict(StandardScaler):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_transformers_whose_output_is_a_frame(output):
    pytest.importorskip(output)
    X = rng.normal(size=(4, 6, 2))
    expected = TimestepTransformer(StandardScaler()).fit_transform(X)
    scaler = TimestepTransformer(StandardScaler().set_output(transform=output))
    np.testing.assert_array_equal(scaler.fit_transform(X), expected)
    np.testing.assert_array_equal(scaler.fit(X).transform(X), expected)
    np.testing.assert_array_equal(scaler.transform(list(X))[1], expected[1])


# ---- memory and speed -----------------------------------------------------------------------------------------------


def peak_megabytes(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("padded", [False, True])
def test_patches_of_one_long_sequence_among_short_ones(padded):
    lengths = [10] * 500 + [20_000]
    X = [rng.normal(size=(length, 1)) for length in lengths]
    if padded:
        dense = np.full((20, 20_000, 1), np.nan)
        for row, x in zip(dense, X[-20:]):
            row[: len(x)] = x
        patches = PatchSequence(5).fit_transform(dense)
        assert np.isfinite(patches).sum() == 19 * 10 + 20_000
        return
    assert peak_megabytes(lambda: PatchSequence(5).fit_transform(X)) < 3  # the values are 0.2 MB
    patches = PatchSequence(5).fit_transform(X)
    np.testing.assert_array_equal(patches[-1], X[-1].reshape(-1, 5))
    np.testing.assert_array_equal(patches[3], X[3].reshape(-1, 5))


@pytest.mark.parametrize("allow_nan", [False, True])
def test_absent_steps_are_found_as_one_by_one(allow_nan):
    """All samples at once, against a loop over samples."""
    X = rng.normal(size=(300, 7, 2))
    for i in range(300):
        before, after = rng.integers(0, 4, 2)
        X[i, :before], X[i, 7 - after :] = np.nan, np.nan
        if allow_nan and i % 3 == 0:
            X[i, 3, 0] = np.nan
    X[np.isnan(X).all(axis=(1, 2)), 3] = 1.0
    sequences = Sequences.from_3d(X, allow_nan=allow_nan)
    for x, first, length in zip(X, sequences.first, sequences.lengths):
        there = np.flatnonzero(~np.isnan(x).all(axis=1))
        assert (first, length) == (there[0], there[-1] + 1 - there[0])


# ---- indexes and times ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2020-01-01", periods=30, freq="D"),
        pd.date_range("2020-01-01", periods=30, freq="MS"),
        pd.date_range("2020-01-01", periods=30, freq="h", tz="Europe/Berlin"),
        pd.date_range("2020-01-01", periods=30, freq="D", unit="s"),
        pd.date_range("2020-01-31", periods=30, freq="BME"),
        pd.period_range("2020-01", periods=30, freq="M"),
        pd.RangeIndex(30),
        pd.Index(np.arange(0, 60, 2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["pickle", "skops"])
def test_windows_stored_with_any_index_of_time(index, how):
    frame = pd.DataFrame({"x": np.arange(30.0)}, index=index)
    window = SlidingWindow(4).fit(frame[:20])
    if how == "pickle":
        again = pickle.loads(pickle.dumps(window))
    else:
        io = pytest.importorskip("skops.io")
        stored = io.dumps(window)
        untrusted = io.get_untrusted_types(data=stored)
        assert all(name.startswith("sklearn_rnn.") for name in untrusted)
        again = io.loads(stored, trusted=untrusted)
    np.testing.assert_array_equal(again.transform(frame[20:]), window.transform(frame[20:]))
    assert not np.isnan(again.transform(frame[20:])).any()  # it knows that these rows follow on
    assert np.isnan(again.transform(frame[21:])).any()


def test_times_as_text():
    frame = pd.DataFrame({"id": ["a"] * 3, "x": [1.0, 2.0, 3.0]})
    for times in (["2020-01-10", "2020-01-09", "2020-01-11"], ["2020-10", "2020-09", "2020-11"]):
        (found,), _ = frame_to_sequences(frame.assign(t=times), "id", "t", ["x"])
        np.testing.assert_array_equal(found[:, 0], [2, 1, 3])
    for times in (["10", "9", "11"], ["Jan", "Feb", "Mar"], ["10.1.2020", "9.1.2020", "11.1.2020"]):
        with pytest.raises(ValueError, match=r"df\['t'\] are text, such as .*pd\.to_datetime\(df\['t'\]"):
            frame_to_sequences(frame.assign(t=times), "id", "t", ["x"])
    with pytest.raises(ValueError, match="two rows for t=2020-01-09"):
        frame_to_sequences(frame.assign(t=["2020-01-09", "2020-01-09 00:00", "2020-01-10"])[::-1], "id", "t", ["x"])
    with pytest.raises(ValueError, match="cannot be read as dates"):
        frame_to_sequences(frame.assign(t=["2020-01-09", "2020-13-09", "2020-01-10"]), "id", "t", ["x"])


# ---- SlidingWindow, LagsToSequence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("transformer", [SlidingWindow(window=2), LagsToSequence(order="oldest-first")])
def test_times_are_not_read_as_whole_numbers(transformer):
    times = pd.to_datetime(["2020-01-01", None, "2020-01-03", "2020-01-04"])
    for frame in (pd.DataFrame({"x": np.arange(4.0), "when": times}), pd.DataFrame({"a": times, "when": times})):
        with pytest.raises(ValueError, match=r"Column '(a|when)' of X is of type datetime64.*leave it out"):
            transformer.fit(frame)
    with pytest.raises(ValueError, match="must hold real numbers, got dtype datetime64"):
        transformer.fit(frame.to_numpy())
    fitted = transformer.fit(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="datetime64"):
        fitted.transform(frame)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_frames_whose_dates_run_backwards():
    days = pd.date_range("2020-01-01", periods=6)
    frames = [pd.DataFrame({"a": x}, index=days) for x in np.random.default_rng(0).normal(size=(8, 6))]
    y = np.arange(8.0)
    model = RNNRegressor(3, max_iter=1, random_state=0).fit(frames, y)
    backwards = [*frames[:3], frames[3][::-1]]
    for call in (
        lambda: model.predict(backwards),
        lambda: RNNRegressor(3, max_iter=1).fit(backwards, y[:4]),
        lambda: SequenceImputer().fit_transform(backwards),
    ):
        with pytest.raises(ValueError, match=r"rows of X\[3\] must be ordered in time, oldest first"):
            call()
    numbered = [frame.reset_index(drop=True)[::-1] for frame in frames]  # numbers may be those of anything
    turned = [pd.DataFrame({"a": frame["a"].to_numpy()[::-1]}) for frame in frames]
    np.testing.assert_array_equal(model.predict(numbered), model.predict(turned))
