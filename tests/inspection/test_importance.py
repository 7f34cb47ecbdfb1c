"""sequence_importance: finds what a model goes by, in every form of X, and never changes what it must not."""

import itertools
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    FrameToSequences,
    RNNRegressor,
    RNNSequenceClassifier,
    SequenceImputer,
    SlidingWindow,
    TimestepTransformer,
    flatten_steps,
    sequence_importance,
)
from sklearn_rnn.inspection._permutation import alike, exchange, step_table

rng = np.random.default_rng(0)
X3 = rng.normal(size=(260, 6, 3))
Y3 = 2 * X3[:, 4, 1]  # one channel at one time
RAGGED = [rng.normal(size=(length, 2)) for length in rng.integers(3, 9, size=260)]
Y_RAGGED = np.array([x[-2, 1] for x in RAGGED])
NET = dict(solver="lbfgs", cell="rnn", max_iter=80, tol=1e-3, random_state=0)


class Look(RegressorMixin, BaseEstimator):
    """Predicts a function of each sequence: what a model goes by is known then."""

    def __init__(self, look=None):
        self.look = look

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.array([self.look(x) for x in X])


def last_but_one(x):
    x = np.asarray(x)
    return x[~np.isnan(x).all(axis=1)][-2, 1]


@pytest.fixture(scope="module")
def model():
    model = RNNRegressor(8, **NET)
    return fitted(model, X3[:180], Y3[:180])


def fitted(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # has not converged: it need not
        return model.fit(X, y)


def stands_out(found, place):
    """Is the importance at a place far above all others, and these near 0?"""
    mean = found.importances_mean
    others = np.delete(mean.ravel(), np.ravel_multi_index(place, mean.shape))
    assert mean[place] > 0.7
    assert np.abs(others).max() < 0.1 * mean[place]


# -- finds it ---------------------------------------------------------------------------------------------------------


def test_finds_the_channel_the_step_and_the_block_of_3d_X(model):
    X, y = X3[180:], Y3[180:]
    before = X.copy()
    stands_out(sequence_importance(model, X, y, random_state=0), (1,))
    by_step = sequence_importance(model, X, y, by="timestep", random_state=0)
    stands_out(by_step, (4,))
    assert by_step.steps[4].tolist() == [-2, -2] and by_step.names[4] == "-2"
    by_block = sequence_importance(model, X, y, by="block", n_blocks=3, random_state=0)
    stands_out(by_block, (1, 2))
    assert by_block.importances.shape == (3, 3, 5)
    assert by_block.steps.tolist() == [[-6, -5], [-4, -3], [-2, -1]]
    assert by_block.baseline_score == model.score(X, y)
    assert np.array_equal(X, before)


def test_finds_them_in_a_list_of_sequences_of_different_lengths():
    model = fitted(RNNRegressor(8, **NET), RAGGED[:180], Y_RAGGED[:180])
    X, y = RAGGED[180:], Y_RAGGED[180:]
    before = [x.copy() for x in X]
    stands_out(sequence_importance(model, X, y, random_state=0), (1,))
    by_step = sequence_importance(model, X, y, by="timestep", random_state=0)
    stands_out(by_step, (6,))
    assert by_step.steps[6].tolist() == [-2, -2]
    lengths = np.array([len(x) for x in X])
    assert by_step.n_permuted.tolist() == [int((lengths >= k).sum()) for k in range(8, 0, -1)]
    stands_out(sequence_importance(model, X, y, by="block", block_size=2, random_state=0), (1, 3))
    assert all(np.array_equal(x, old) for x, old in zip(X, before))


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_the_same_as_a_list(side):
    T = max(len(x) for x in RAGGED)
    pad = {"left": lambda n: (T - n, 0), "right": lambda n: (0, T - n)}[side]
    X = np.stack([np.pad(x, (pad(len(x)), (0, 0)), constant_values=np.nan) for x in RAGGED])
    look = Look(last_but_one).fit(None)
    for by, align in itertools.product(("feature", "timestep", "block"), ("end", "start")):
        of_list = sequence_importance(look, RAGGED, Y_RAGGED, by=by, align=align, random_state=3, n_repeats=2)
        padded = sequence_importance(look, X, Y_RAGGED, by=by, align=align, random_state=3, n_repeats=2)
        np.testing.assert_array_equal(of_list.importances, padded.importances)


def test_steps_counted_from_the_start():
    look = Look(lambda x: x[1, 0]).fit(None)
    y = look.predict(RAGGED)
    from_start = sequence_importance(look, RAGGED, y, by="timestep", align="start", random_state=0)
    stands_out(from_start, (1,))
    assert from_start.steps[:, 0].tolist() == list(range(8))
    from_end = sequence_importance(look, RAGGED, y, by="timestep", random_state=0)
    assert (from_end.importances_mean[1:7] > 0.01).all()  # smeared over all lengths


def test_every_target_of_a_many_to_many_model_counts():
    y = [x[:, 0] for x in RAGGED]
    model = fitted(RNNRegressor(4, mapping="many-to-many", **NET), RAGGED[:100], y[:100])
    stands_out(sequence_importance(model, RAGGED[100:], y[100:], random_state=0), (0,))
    labels = [(x[:, 0] > 0).astype(int) for x in RAGGED]
    model = fitted(RNNSequenceClassifier(4, mapping="many-to-many", **NET), RAGGED[:100], labels[:100])
    scorer = make_scorer(lambda y_true, y_pred: f1_score(*flatten_steps(y_true, y_pred), average="macro"))
    found = sequence_importance(model, RAGGED[100:], labels[100:], scoring=scorer, random_state=0)
    assert found.importances_mean[0] > 0.3 and abs(found.importances_mean[1]) < 0.05


@pytest.mark.parametrize("scoring", ["accuracy", ["neg_log_loss", "accuracy"], {"a": "accuracy"}, ("r2",), {"r2"}])
def test_names_of_scores_are_refused_for_targets_at_every_step_as_by_fit(scoring):
    labels = (X3[:, :, 0] > 0).astype(int)
    model = fitted(RNNSequenceClassifier(4, mapping="many-to-many", **NET), X3[:60], labels[:60])
    pipeline = make_pipeline(TimestepTransformer(StandardScaler()), model).fit(X3[:60], labels[:60])
    for estimator in (model, pipeline, FrozenEstimator(model), make_pipeline(FrozenEstimator(model))):
        with pytest.raises(ValueError, match=r"does not go with mapping='many-to-many'.* see flatten_steps"):
            sequence_importance(estimator, X3[60:], labels[60:], scoring=scoring)
    by_score = sequence_importance(model, X3[60:], labels[60:], random_state=0)
    assert by_score.baseline_score == model.score(X3[60:], labels[60:])


def test_names_of_scores_are_refused_for_one_to_many():
    x = rng.normal(size=(40, 3))
    model = fitted(RNNRegressor(2, mapping="one-to-many", **NET), x, x[:, :2])
    with pytest.raises(ValueError, match="scoring='r2' does not go with mapping='one-to-many'"):
        sequence_importance(model, x, x[:, :2], scoring="r2")


# -- agrees with scikit-learn -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_frame", [False, True])
def test_2d_by_timestep_is_scikit_learns(as_frame):
    X = X3[:, :, 1]
    y = 2 * X[:, 4] + X[:, 1]
    X = pd.DataFrame(X, columns=[f"m{k}" for k in range(6)]).astype({"m2": np.float32}) if as_frame else X
    model = fitted(RNNRegressor(6, **NET), X, y)
    weights = rng.uniform(size=len(y))
    for options in ({}, {"sample_weight": weights, "scoring": "neg_mean_absolute_error"}):
        ours = sequence_importance(model, X, y, by="timestep", random_state=7, n_repeats=3, **options)
        theirs = permutation_importance(model, X, y, random_state=7, n_repeats=3, **options)
        np.testing.assert_allclose(ours.importances, theirs.importances, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ours.importances_std, theirs.importances_std, rtol=1e-10, atol=1e-12)
    assert ours.names.tolist() == (list(X.columns) if as_frame else ["-6", "-5", "-4", "-3", "-2", "-1"])


def test_several_scores_as_scikit_learn():
    model = fitted(RNNSequenceClassifier(4, **NET), X3[:180], Y3[:180] > 0)
    X, y = X3[180:], Y3[180:] > 0
    found = sequence_importance(model, X, y, scoring=["accuracy", "roc_auc", "neg_log_loss"], random_state=0)
    assert sorted(found) == ["accuracy", "neg_log_loss", "roc_auc"]
    alone = sequence_importance(model, X, y, scoring="roc_auc", random_state=0)
    np.testing.assert_array_equal(found["roc_auc"].importances, alone.importances)
    assert alone.importances_mean.argmax() == 1 and alone.importances_mean[1] > 0.3


# -- through pipelines and searches -----------------------------------------------------------------------------------


def test_through_a_pipeline_and_a_search_as_by_themselves(model):
    X, y = X3[180:], Y3[180:]
    scaler = TimestepTransformer(StandardScaler()).fit(X3[:180])
    inner = fitted(RNNRegressor(4, **NET), scaler.transform(X3[:180]), Y3[:180])
    pipeline = make_pipeline(scaler, inner)
    search = GridSearchCV(Look(), {"look": [lambda x: x[4, 1]]}, cv=2).fit(X, y)
    for by in ("feature", "timestep", "block"):
        by_itself = sequence_importance(inner, scaler.transform(X), y, by=by, random_state=0, n_repeats=2)
        piped = sequence_importance(pipeline, X, y, by=by, random_state=0, n_repeats=2)
        np.testing.assert_allclose(piped.importances, by_itself.importances, atol=1e-10)
        found = sequence_importance(search, X, y, by=by, random_state=0, n_repeats=2)
        assert found.importances_mean.max() > 0.8 and (np.sort(found.importances_mean.ravel())[:-1] == 0).all()


def test_frames_keep_their_names_types_and_index():
    frames = [
        pd.DataFrame({"a": x[:, 0], "kind": np.where(x[:, 1] > 0, "up", "down")}, index=range(5, 5 + len(x)))
        for x in RAGGED
    ]
    frames[3] = frames[3][["kind", "a"]]
    lengths = [len(frame) for frame in frames]

    class Checks(Look):
        def predict(self, X):
            assert [len(x) for x in X] == lengths
            assert all(list(x.columns) == ["a", "kind"] and x.index[0] == 5 for x in X)
            assert all(x["a"].dtype == float for x in X)
            return np.array([x["kind"].iloc[-1] == "up" for x in X], dtype=float)

    y = [float(frame["kind"].iloc[-1] == "up") for frame in frames]
    # what is given itself is left as it is, also the order of columns
    found = sequence_importance(Checks().fit(None), [f[["a", "kind"]] for f in frames], y, random_state=0)
    assert found.features.tolist() == ["a", "kind"]
    assert found.importances_mean[0] == 0 and found.importances_mean[1] > 0.5
    assert list(frames[3].columns) == ["kind", "a"]


def test_long_frames_by_column():
    ids = np.repeat(np.arange(len(RAGGED)), [len(x) for x in RAGGED])
    time = np.concatenate([np.arange(len(x)) for x in RAGGED])
    rows = np.concatenate(RAGGED)
    frame = pd.DataFrame(
        {"id": ids, "t": time, "a": rows[:, 0], "b": rows[:, 1], "age": np.repeat(1.0, len(ids)) * ids}
    )
    order = rng.permutation(len(frame))
    frame = frame.iloc[order]
    before = frame.copy()
    y = Y_RAGGED[pd.unique(frame["id"])]
    pipeline = make_pipeline(FrameToSequences("id", "t", static_columns=["age"]), Look(last_but_one)).fit(frame, y)
    by_column = sequence_importance(pipeline, frame, y, random_state=0)
    assert by_column.features.tolist() == ["a", "b", "age"]
    stands_out(by_column, (1,))
    # a static column has no single steps; the others have
    by_block = sequence_importance(pipeline, frame, y, by="block", block_size=1, random_state=0)
    assert by_block.features.tolist() == ["a", "b"]
    stands_out(by_block, (1, 6))
    some = sequence_importance(pipeline, frame, y, by="timestep", random_state=0, max_samples=0.5)
    stands_out(some, (6,))
    assert some.n_permuted[-1] == 130
    pd.testing.assert_frame_equal(frame, before)


def test_one_to_many_has_features_only():
    X = rng.normal(size=(80, 3))
    y = X[:, [2]] * np.array([1.0, 2.0])
    model = fitted(RNNRegressor(6, mapping="one-to-many", **NET), X, y)
    stands_out(sequence_importance(model, X, y, random_state=0), (2,))
    with pytest.raises(ValueError, match="at no time: by='feature'"):
        sequence_importance(model, X, y, by="timestep")


def test_nan_inside_sequences_never_shortens_them():
    X = X3[:60].copy()
    X[rng.uniform(size=X.shape) < 0.4] = np.nan
    X[:, 0, 0] = X[:, -1, 0] = 1.0  # each is there from the first step to the last
    pipeline = make_pipeline(SequenceImputer(), Look(lambda x: float(len(x)))).fit(X, X[:, 0, 0])

    class Lengths(Look):
        def predict(self, X):
            there = ~np.isnan(X).all(axis=2)
            assert there[:, 0].all() and there[:, -1].all()
            return there.sum(axis=1).astype(float)

    y = np.arange(60.0)
    X[::2, -1, 0], X[::2, -1, 1:] = np.nan, 2.0
    X[1::2, -1, 1:] = np.nan
    for by in ("feature", "block"):
        sequence_importance(Lengths().fit(None), X, y, by=by, random_state=0)
    sequence_importance(pipeline, X, y, by="timestep", random_state=0, n_repeats=1)


@pytest.mark.parametrize("mapping", ["many-to-one", "one-to-many"])
def test_a_frame_of_polars_stays_one(mapping):
    polars = pytest.importorskip("polars", reason="frames of polars")
    names = [f"m{k}" for k in range(6)]
    x = pd.DataFrame(X3[:, :, 1], columns=names).astype({"m2": np.float32, "m5": int})
    frame = polars.DataFrame({name: x[name].to_numpy() for name in names})
    y = 2 * X3[:, [4], 1] * [1.0, 2.0]

    class Checks(RNNRegressor):
        def predict(self, X):
            assert isinstance(X, (pd.DataFrame, polars.DataFrame))
            if isinstance(X, polars.DataFrame):
                assert X.schema == frame.schema
            return super().predict(X)

    of = [(fitted(Checks(4, mapping=mapping, **NET), some, y), some) for some in (frame, x)]
    options = {"random_state": 0, "n_repeats": 2, "max_samples": 0.5}
    for by in ("timestep", "block", "feature") if mapping == "many-to-one" else ("feature",):
        ours, of_pandas = (sequence_importance(model, some, y, by=by, **options) for model, some in of)
        np.testing.assert_allclose(ours.importances, of_pandas.importances, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(ours.names, of_pandas.names)
    assert np.abs(ours.importances).max() > 0.5 or mapping == "many-to-one"
    long = make_pipeline(FrameToSequences("m5"), Look(last_but_one))
    with pytest.raises(TypeError, match=r"frame of polars; convert it: X\.to_pandas"):
        sequence_importance(long, frame, y)


def test_frames_of_polars_keep_what_is_missing_and_what_is_text():
    polars = pytest.importorskip("polars", reason="frames of polars")
    for frame in (
        polars.DataFrame({"a": [1, None, 3], "b": [1.0, 2.0, None]}),
        polars.DataFrame({"a": ["x", "y", None], "b": [1, None, 2]}),
    ):
        table = step_table(frame, None)
        assert table.exchanged([0], np.arange(6), np.arange(6)).equals(frame)
        turned = table.exchanged([0], np.arange(6), np.array([4, 5, 2, 3, 0, 1]))
        assert turned.schema == frame.schema and turned.rows() == frame.rows()[::-1]


def test_long_frames_are_found_inside_a_frozen_estimator():
    frame = pd.DataFrame({"id": np.repeat(np.arange(30), 4), "a": X3[:30, :4, 0].ravel(), "b": X3[:30, :4, 1].ravel()})
    pipeline = make_pipeline(FrameToSequences("id"), Look(lambda x: x[-1, 1])).fit(frame, X3[:30, 3, 1])
    found = sequence_importance(FrozenEstimator(pipeline), frame, X3[:30, 3, 1], random_state=0)
    assert found.features.tolist() == ["a", "b"]
    stands_out(found, (1,))


# -- the rules --------------------------------------------------------------------------------------------------------


def test_what_comes_from_another_sequence_comes_from_its_same_step():
    lengths = np.array([3, 5, 4, 5])
    ends = np.cumsum(lengths)
    for align in ("end", "start"):
        for k in range(5):
            target, source = exchange(np.array([1, 2, 3, 0]), lengths, k, k + 1, align)
            assert len(target) == (lengths > k).sum()
            assert sorted(target) == sorted(source)  # a permutation of those that have it
            of, to = np.searchsorted(ends, source, side="right"), np.searchsorted(ends, target, side="right")
            if align == "end":
                assert (ends[of] - 1 - source == k).all() and (ends[to] - 1 - target == k).all()
            else:
                assert (source - (ends - lengths)[of] == k).all()


@pytest.mark.parametrize(("align", "taken"), [("end", [5, 6, 1, 1, 0, 0, 1]), ("start", [2, 3, 0, 1, 1, 0, 0])])
def test_whole_courses_are_cut_or_mirrored_at_the_far_side(align, taken):
    # rows 0 and 1 are a sequence of two steps, 2 to 6 one of five
    target, source = exchange(np.array([1, 0]), np.array([2, 5]), 0, 5, align)
    assert source[np.argsort(target)].tolist() == taken


def test_whole_courses_come_from_equal_lengths_where_there_are_enough():
    lengths = np.repeat([4, 7, 8, 9, 30], [25, 3, 3, 30, 2])
    group = alike(lengths)
    assert len(np.unique(group)) == 2
    assert (group[:25] == 0).all() and (group[25:] == 1).all()
    assert alike(np.array([0, 3, 3])).tolist() == [-1, 0, 0]
    assert len(np.unique(alike(np.repeat([4, 9], 20)))) == 2
    # so what the length tells of the target is left
    X = [np.full((length, 1), float(length)) for length in np.repeat([4, 9], 40)]
    y = np.array([x[-1, 0] for x in X])
    assert sequence_importance(Look(lambda x: x[-1, 0]).fit(None), X, y, random_state=0).importances_mean[0] == 0


def test_a_step_of_one_sequence_only_cannot_be_measured():
    X = [np.arange(4.0), np.arange(3.0) + 7, np.arange(3.0) - 1]
    found = sequence_importance(Look(lambda x: x[-1]).fit(None), X, [1.0, 2.0, 3.0], by="timestep", random_state=0)
    assert np.isnan(found.importances_mean).tolist() == [True, False, False, False]
    assert found.n_permuted.tolist() == [1, 3, 3, 3]


def test_any_number_of_jobs_and_the_same_seed_give_the_same(model):
    one, two, other = (
        sequence_importance(
            model, X3[180:], Y3[180:], by="block", n_blocks=2, n_jobs=n_jobs, random_state=seed, n_repeats=2
        )
        for n_jobs, seed in ((1, 0), (2, 0), (1, np.random.RandomState(1)))
    )
    np.testing.assert_allclose(one.importances, two.importances, rtol=1e-12, atol=1e-14)
    assert not np.array_equal(one.importances, other.importances)


def test_max_samples_measures_from_the_score_of_the_same(model):
    X, y = X3[180:], Y3[180:]
    found = sequence_importance(model, X, y, max_samples=30, random_state=0)
    assert found.n_permuted.tolist() == [30, 30, 30]
    assert found.baseline_score != model.score(X, y)
    whole = sequence_importance(model, X, y, max_samples=1.0, random_state=0)
    np.testing.assert_array_equal(whole.importances, sequence_importance(model, X, y, random_state=0).importances)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"by": "channel"}, "by must be one of 'feature', 'timestep', 'block'; got 'channel'"),
        ({"align": "left"}, "align must be"),
        ({"n_repeats": 0}, "n_repeats must be an integer of at least 1, got 0"),
        ({"by": "block", "block_size": 2, "n_blocks": 2}, "block_size or n_blocks, not both"),
        ({"by": "block", "n_blocks": 9}, "n_blocks=9 is more than the 6 time steps"),
        ({"block_size": 2}, "by='feature' permutes whole sequences"),
        ({"n_lags": 2}, "n_lags is for an RNNForecaster"),
        ({"max_samples": 1.5}, "max_samples must be an integer from 1"),
        ({"max_samples": 1000}, "max_samples must be an integer from 1"),
        ({"scoring": "no such"}, "no such"),
        ({"sample_weight": np.ones(3)}, "sample_weight has 3 samples, X has 80 sequences"),
    ],
)
def test_bad_arguments(model, options, says):
    with pytest.raises(ValueError, match=says):
        sequence_importance(model, X3[180:], Y3[180:], **options)


@pytest.mark.parametrize("score", [np.zeros(2), None, "a", [1.0], {"mine": np.zeros(2)}, 1j])
def test_scores_that_are_no_numbers(model, score):
    with pytest.raises(ValueError, match=r"scoring.* must return a number, got "):
        sequence_importance(model, X3[180:], Y3[180:], scoring=lambda *_: score)


def test_scores_that_are_arrays_of_one_number(model):
    def same(estimator, X, y):
        return estimator.score(X, y)

    as_float, *others = (
        sequence_importance(
            model, X3[180:], Y3[180:], random_state=0, scoring=lambda *given, kind=kind: kind(same(*given))
        )
        for kind in (float, np.float64, np.array, lambda x: np.array([x]))
    )
    for other in others:
        np.testing.assert_array_equal(other.importances, as_float.importances)
    several = sequence_importance(model, X3[180:], Y3[180:], random_state=0, scoring=lambda *g: {"mine": same(*g)})
    np.testing.assert_array_equal(several["mine"].importances, as_float.importances)


def error_of_mine(y, predicted):
    return np.abs(y - predicted).mean()


def best_of_all(estimator, X, y):
    return 0.5


@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        (None, "R²"),
        ("r2", "R²"),
        ("neg_mean_squared_error", "minus mean squared error"),
        ("explained_variance", "explained variance"),
        (make_scorer(error_of_mine, greater_is_better=False), "minus error of mine"),
        (make_scorer(error_of_mine), "error of mine"),
        (best_of_all, "best of all"),
        (partial(best_of_all), "best of all"),
        (lambda *_: 0.0, "score"),
    ],
)
def test_which_score_it_is(model, scoring, name):
    assert sequence_importance(model, X3[180:], Y3[180:], n_repeats=1, scoring=scoring).score_name == name


def test_which_scores_they_are(model):
    scorings = (
        {"mae": "neg_mean_absolute_error", "mine": best_of_all, "no name": lambda *_: 0.0},
        ["r2", "explained_variance"],
        lambda *_: {"neg_loss": 0.0, "r2": 1.0},
    )
    expected = (
        {"mae": "minus mean absolute error", "mine": "best of all", "no name": "no name"},
        {"r2": "R²", "explained_variance": "explained variance"},
        {"neg_loss": "minus loss", "r2": "R²"},
    )
    for scoring, names in zip(scorings, expected, strict=True):
        found = sequence_importance(model, X3[180:], Y3[180:], n_repeats=1, scoring=scoring)
        assert {key: one.score_name for key, one in found.items()} == names


def test_which_score_the_estimator_has_of_its_own(model):
    def name(estimator, y=Y3):
        return sequence_importance(estimator, X3[180:], y[180:], n_repeats=1).score_name

    classifier = fitted(RNNSequenceClassifier(2, **NET), X3[:50], Y3[:50] > 0)
    pipeline = fitted(make_pipeline(TimestepTransformer(StandardScaler()), RNNRegressor(2, **NET)), X3[:50], Y3[:50])
    assert name(classifier, Y3 > 0) == "accuracy" and name(pipeline) == "R²" and name(FrozenEstimator(model)) == "R²"
    levels = fitted(RNNRegressor(2, loss="quantile", quantile=(0.1, 0.9), **NET), X3[:50], Y3[:50])
    assert name(levels) == "D² pinball score"
    for options, says in (
        ({}, "R²"),
        ({"scoring": "neg_mean_squared_error"}, "minus mean squared error"),
        (
            {"scoring": ["r2", "neg_mean_absolute_error"], "refit": "neg_mean_absolute_error"},
            "minus mean absolute error",
        ),
        ({"scoring": {"mae": "neg_mean_absolute_error"}, "refit": "mae"}, "minus mean absolute error"),
    ):
        assert name(fitted(GridSearchCV(RNNRegressor(2, **NET), {}, cv=2, **options), X3[:50], Y3[:50])) == says

    class Other(RNNRegressor):
        def score(self, X, y, sample_weight=None):
            return 0.0

    assert name(fitted(Other(2, **NET), X3[:50], Y3[:50])) == "score"


def test_bad_data(model):
    with pytest.raises(ValueError, match="y has 10 samples, X has 80 sequences"):
        sequence_importance(model, X3[180:], Y3[:10])
    with pytest.raises(ValueError, match="X must hold sequences"):
        sequence_importance(model, X3[0, 0], Y3[:3])
    with pytest.raises(TypeError, match="must be a fitted estimator"):
        sequence_importance(RNNRegressor, X3, Y3)
    for nothing in (X3[:0], X3[:0, :, 0], pd.DataFrame(X3[:0, :, 0])):
        with pytest.raises(ValueError, match=r"X has 0 sample|X holds no sequences"):
            sequence_importance(model, nothing, Y3[:0])
    table = pd.DataFrame(X3[:50, 0])
    pipeline = fitted(make_pipeline(SlidingWindow(4), RNNRegressor(2, **NET)), table, Y3[:50])
    with pytest.raises(ValueError, match="SlidingWindow makes sequences inside it"):
        sequence_importance(pipeline, table, Y3[:50], by="timestep")
    windows = pipeline[:1].transform(table)
    assert sequence_importance(pipeline[1:], windows, Y3[:50], by="timestep").importances.shape == (4, 5)
