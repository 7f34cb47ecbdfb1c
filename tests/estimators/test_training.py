"""Training as a user meets it: stopping, going on, interrupting, diverging, weights, callbacks, persistence."""

import copy
import io
import pickle
import signal
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier
from sklearn_rnn.core._optimizers import OPTIMIZERS
from sklearn_rnn.estimators._held_out import split

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"hidden_layer_sizes": 6, "learning_rate_init": 0.01, "random_state": 0}
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 7, 2))
Y = X[:, :, 0].sum(axis=1) + X[:, -1, 1]
LABELS = np.where(Y > 0.5, "high", np.where(Y < -0.5, "low", "mid"))


# ---- weights of samples and classes ---------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("mapping", ["many-to-one", "many-to-many", "one-to-many"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("ragged", [False, True])
def test_integer_weights_are_repeated_rows(mapping, solver, ragged):
    if ragged and mapping == "one-to-many":
        return  # its X is a table
    x, y = (X[:, 0], X[:, :, 0]) if mapping == "one-to-many" else (X, X[:, :, 0] if mapping != "many-to-one" else Y)
    x, y, times = x[:20], y[:20], np.resize([0, 1, 2, 3], 20)
    if ragged:
        lengths = np.resize([7, 3, 5, 1, 6], 20)
        x = [a[:length] for a, length in zip(x, lengths)]
        if mapping == "many-to-many":
            y = [a[:length] for a, length in zip(y, lengths)]
        x_repeated = [a for a, k in zip(x, times) for _ in range(k)]
        y_repeated = [a for a, k in zip(y, times) for _ in range(k)]
    else:
        x_repeated, y_repeated = np.repeat(x, times, axis=0), np.repeat(y, times, axis=0)
    model = RNNRegressor(**SMALL, mapping=mapping, solver=solver, max_iter=10, alpha=0.1)
    weighted = clone(model).fit(x, y, sample_weight=times)
    repeated = clone(model).fit(x_repeated, y_repeated)
    np.testing.assert_allclose(weighted._theta, repeated._theta, rtol=0, atol=1e-8)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


@quiet
def test_class_weight_multiplies_sample_weight():
    weight = {"low": 2.0, "mid": 0.5, "high": 1.0}
    by_class = RNNSequenceClassifier(**SMALL, max_iter=5, class_weight=weight).fit(X, LABELS)
    by_sample = RNNSequenceClassifier(**SMALL, max_iter=5).fit(X, LABELS, [weight[label] for label in LABELS])
    np.testing.assert_array_equal(by_class._theta, by_sample._theta)
    balanced = RNNSequenceClassifier(**SMALL, max_iter=5, class_weight="balanced").fit(X, LABELS)
    assert not np.array_equal(balanced._theta, by_class._theta)


@quiet
def test_class_weight_per_step():
    labels = (X[:, :, 0] > 1).astype(int)
    model = RNNSequenceClassifier(**SMALL, mapping="many-to-many", max_iter=30, class_weight="balanced")
    plain = clone(model).set_params(class_weight=None)
    assert model.fit(X, labels).predict(X).mean() > plain.fit(X, labels).predict(X).mean()


# ---- going on -------------------------------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_partial_fit_is_fit_epoch_by_epoch(solver):
    """Without shuffling, 4 passes of partial_fit are 4 epochs of fit, to the last bit: the solver's state is kept."""
    options = {**SMALL, "solver": solver, "batch_size": 16, "shuffle": False, "dropout": 0.2}
    model = RNNRegressor(**options)
    for _ in range(4):
        model.partial_fit(X, Y)
    whole = RNNRegressor(**options, max_iter=4, warm_start=True).fit(X, Y)
    np.testing.assert_array_equal(model.loss_curve_, whole.loss_curve_)
    np.testing.assert_array_equal(
        next(iter(model._training["state"].values())), next(iter(whole._training["state"].values()))
    )
    assert model.n_iter_ == whole.n_iter_ == 4


@quiet
def test_partial_fit_goes_on_after_pickling():
    options = {**SMALL, "batch_size": 16, "dropout": 0.2, "hidden_layer_sizes": (5, 4)}
    straight = RNNRegressor(**options).partial_fit(X, Y).partial_fit(X, Y)
    stored = pickle.loads(pickle.dumps(RNNRegressor(**options).partial_fit(X, Y))).partial_fit(X, Y)
    np.testing.assert_array_equal(straight._theta, stored._theta)


def test_partial_fit_does_not_warn_of_convergence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RNNRegressor(**SMALL, max_iter=1).partial_fit(X, Y)


@quiet
def test_partial_fit_learns_classes_it_has_not_seen_yet():
    first, second = LABELS != "mid", LABELS == "mid"
    model = RNNSequenceClassifier(**SMALL)
    model.partial_fit(X[first], LABELS[first], classes=["low", "mid", "high"])
    for _ in range(30):
        model.partial_fit(X[second], LABELS[second])
    assert list(model.classes_) == ["high", "low", "mid"]
    assert (model.predict(X[second]) == "mid").mean() > 0.9


@quiet
def test_warm_start_goes_on():
    model = RNNRegressor(**SMALL, warm_start=True, max_iter=3, tol=0.0).fit(X, Y)
    model.fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 6
    assert model.loss_curve_[3] < model.loss_curve_[2]
    cold = RNNRegressor(**SMALL, max_iter=3, tol=0.0).fit(X, Y)
    first = cold.loss_curve_
    assert cold.fit(X, Y).loss_curve_ == first


@quiet
@pytest.mark.parametrize("options", [{"solver": "adam", "batch_size": 8, "dropout": 0.3}, {"solver": "lbfgs"}])
def test_same_seed_same_bits(options):
    one, two = (RNNRegressor(**SMALL, max_iter=4, **options).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(one._theta, two._theta)
    other = RNNRegressor(**{**SMALL, "random_state": 1}, max_iter=4, **options).fit(X, Y)
    assert not np.array_equal(one._theta, other._theta)


@quiet
@pytest.mark.parametrize("mapping", ["many-to-one", "many-to-many"])
def test_bptt_steps_of_the_whole_length_changes_nothing(mapping):
    y = Y if mapping == "many-to-one" else X[:, :, 0]
    options = {**SMALL, "mapping": mapping, "max_iter": 3, "batch_size": 16}
    whole = RNNRegressor(**options).fit(X, y)
    np.testing.assert_array_equal(whole._theta, RNNRegressor(**options, bptt_steps=7).fit(X, y)._theta)
    assert not np.allclose(whole._theta, RNNRegressor(**options, bptt_steps=2).fit(X, y)._theta)


@quiet
def test_bptt_steps_updates_after_each_segment():
    model = RNNRegressor(**SMALL, mapping="many-to-many", bptt_steps=3).partial_fit(X, X[:, :, 0])
    assert model._training["t"] == 3  # 7 steps in segments of 3, 3 and 1


# ---- stopping -------------------------------------------------------------------------------------------------------


def test_max_iter_warns():
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2"):
        RNNRegressor(**SMALL, max_iter=2).fit(X, Y)


@quiet
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("scoring", ["loss", None, "neg_mean_absolute_error"])
def test_early_stopping_brings_the_best_weights_back(solver, scoring):
    noise = np.random.default_rng(1).normal(size=len(Y))  # nothing to learn: validation gets worse before long
    model = RNNRegressor(
        24, learning_rate_init=0.03, solver=solver, early_stopping=True, scoring=scoring, n_iter_no_change=5,
        max_iter=150, random_state=0, alpha=0.0,
    )  # fmt: skip
    model.fit(X, noise, X_val=X[:20] + 0.5, y_val=noise[20:40])
    assert len(model.validation_loss_curve_) == len(model.loss_curve_) == model.n_iter_ < 150
    predicted = model.predict(X[:20] + 0.5)
    if scoring == "loss":
        assert model.validation_scores_ is None
        best = min(model.validation_loss_curve_)
        assert 0.5 * np.mean((predicted - noise[20:40]) ** 2) == pytest.approx(best, rel=1e-10)
        assert model.validation_loss_curve_[-1] > best
    else:
        assert len(model.validation_scores_) == model.n_iter_
        score = model.score(X[:20] + 0.5, noise[20:40]) if scoring is None else -np.abs(predicted - noise[20:40]).mean()
        assert score == pytest.approx(max(model.validation_scores_), rel=1e-10)


@quiet
@pytest.mark.parametrize("kind", ["3d", "2d", "ragged", "frame"])
@pytest.mark.parametrize("scoring", ["loss", None])
def test_internal_split(kind, scoring):
    x = {
        "3d": X,
        "2d": X[:, :, 0],
        "ragged": [a[: 3 + i % 4] for i, a in enumerate(X)],
        "frame": pd.DataFrame(X[:, :, 0]).rename(columns="step{}".format),
    }[kind]
    options = {**SMALL, "early_stopping": True, "validation_fraction": 0.2, "scoring": scoring, "max_iter": 5}
    model = RNNSequenceClassifier(**options).fit(x, LABELS, sample_weight=np.ones(60))
    assert len(model.validation_loss_curve_) == 5
    RNNRegressor(**options).fit(x, pd.Series(Y))


@quiet
def test_validation_method_last_holds_out_the_last_samples():
    """Fitting with the last fifth held out is fitting the rest with that fifth as X_val."""
    options = {**SMALL, "early_stopping": True, "max_iter": 6, "shuffle": False}
    inside = RNNRegressor(**options, validation_method="last", validation_fraction=0.2).fit(X, Y)
    outside = RNNRegressor(**options).fit(X[:48], Y[:48], X_val=X[48:], y_val=Y[48:])
    np.testing.assert_allclose(inside.validation_loss_curve_, outside.validation_loss_curve_, rtol=1e-12)


@quiet
def test_random_split_is_stratified():
    model = RNNSequenceClassifier(**SMALL, early_stopping=True, validation_fraction=0.25)
    model._check_parameters()
    y = np.repeat([0, 1], [48, 12])
    data = model._prepare(X, y, None, reset=True)
    _, val = split(data, 0.25, "random", 0, model._stratify_by(data))
    assert len(val) == 15
    assert y[val].sum() == 3


@quiet
def test_x_val_without_early_stopping_only_records():
    recorded = RNNRegressor(**SMALL, max_iter=5).fit(X, Y, X_val=X[:10], y_val=Y[:10])
    plain = RNNRegressor(**SMALL, max_iter=5).fit(X, Y)
    np.testing.assert_array_equal(recorded._theta, plain._theta)
    assert len(recorded.validation_loss_curve_) == 5
    assert plain.validation_loss_curve_ is None


class _Interrupting:
    """A scorer that presses Ctrl-C in its third call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, estimator, X, y):
        self.calls += 1
        if self.calls == 3:
            signal.raise_signal(signal.SIGINT)
        return float(self.calls)


@quiet
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_leaves_a_usable_model(solver):
    model = RNNRegressor(**SMALL, solver=solver, early_stopping=True, scoring=_Interrupting(), max_iter=50)
    with pytest.raises(KeyboardInterrupt, match=r"keeps what it has learnt, the best of 2 epoch.*can be used"):
        model.fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
    # the third epoch was not measured yet
    assert len(model.loss_curve_) == len(model.validation_loss_curve_) == model.n_iter_ == 2
    assert model.validation_scores_ == [1.0, 2.0]


@quiet
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_stopped_by_tells_why_training_ended(solver):
    model = RNNRegressor(**SMALL, solver=solver, max_iter=2).fit(X, Y)
    assert model.stopped_by_ == "max_iter"
    model.set_params(tol=1e3, n_iter_no_change=1, max_iter=50).fit(X, Y)
    assert model.stopped_by_ == "converged"
    model.set_params(early_stopping=True, scoring=_Interrupting())
    with pytest.raises(KeyboardInterrupt):
        model.set_params(tol=1e-9, n_iter_no_change=9).fit(X, Y)
    assert model.stopped_by_ == "interrupted"
    again = pickle.loads(pickle.dumps(model))
    assert again.stopped_by_ == "interrupted"
    if solver == "adam":
        again.set_params(early_stopping=False, scoring="loss").partial_fit(X, Y)
        assert again.stopped_by_ == "max_iter"
    diverging = RNNRegressor(**SMALL, cell="rnn", activation="relu", init="normal", solver="sgd", clip_norm=None)
    diverging.set_params(init_scale=1e200).fit(X, Y)
    assert diverging.stopped_by_ == "diverged"


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_divergence_warns_once_and_keeps_finite_weights(solver):
    model = RNNRegressor(
        **{**SMALL, "learning_rate_init": 1e200 if solver == "sgd" else 1e300}, cell="rnn", activation="relu",
        solver=solver, clip_norm=None, max_iter=20,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="not finite in epoch") as record:
        model.fit(X, Y)
    assert len(record) == 1
    assert np.isfinite(model.predict(X)).all()


def test_a_fit_that_fails_loses_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = RNNRegressor(**SMALL, max_iter=3).fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="y"):
        model.fit(X[:, :, :1], np.full(60, np.nan))
    with pytest.raises(ValueError, match="max_iter"):
        model.set_params(max_iter=0).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_warning_made_an_error_loses_nothing():
    model = RNNRegressor(**SMALL, max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, Y)
    assert model.n_iter_ == 3
    assert np.isfinite(model.predict(X)).all()


@quiet
def test_verbose_prints_a_line_an_epoch(capsys):
    RNNRegressor(**SMALL, max_iter=3, verbose=True).fit(X, Y, X_val=X, y_val=Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("Epoch 2/3, loss = ")
    assert "validation loss = " in lines[1]


@quiet
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "sgd", "learning_rate_init": 0.5, "clip_norm": None},
        {"cell": "rnn", "learning_rate_init": 0.3},
    ],
)
def test_the_weights_kept_have_the_best_loss(options):
    """Full batches: best_loss_ is exactly the loss of the weights kept, unless the last epoch was the best."""
    model = RNNRegressor(**{**SMALL, **options}, alpha=0.0, max_iter=60).fit(X, Y)
    loss = 0.5 * np.mean((model.predict(X) - Y) ** 2)
    assert model.loss_curve_[-1] > model.best_loss_
    assert loss == pytest.approx(model.best_loss_, rel=1e-10)


@quiet
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_warm_start_holds_out_the_same_samples(solver):
    """Otherwise rows that were trained on would be validated on."""
    model = RNNRegressor(**SMALL, solver=solver, early_stopping=True, warm_start=True, max_iter=2)
    model.set_params(random_state=np.random.RandomState(0)).fit(X, Y)  # gives other numbers at each fit
    first = model._split_seed
    assert model.fit(X, Y)._split_seed == first


@quiet
def test_partial_fit_takes_weights_as_they_are():
    """A chunk is a part of the data: a class that fills it weighs what class_weight says; no weight is no change."""
    plain = RNNSequenceClassifier(**SMALL, solver="sgd", alpha=0.0)
    heavy = clone(plain).set_params(class_weight={"low": 1, "mid": 1, "high": 100})
    high = LABELS == "high"
    for model in (plain, heavy):
        model.partial_fit(X[high], LABELS[high], classes=["low", "mid", "high"])
    assert heavy.loss_curve_[0] == pytest.approx(100 * plain.loss_curve_[0], rel=1e-10)
    model = RNNRegressor(**SMALL, solver="sgd", alpha=0.0, momentum=0.0).partial_fit(X, Y)
    before = model._theta.copy()
    model.partial_fit(X, Y, np.zeros(60))
    np.testing.assert_array_equal(model._theta, before)


@quiet
@pytest.mark.parametrize("zero", [slice(0, 48), slice(48, 60)])
def test_split_with_all_the_weight_on_one_side(zero):
    weight = np.ones(60)
    weight[zero] = 0
    model = RNNRegressor(**SMALL, early_stopping=True, validation_method="last", validation_fraction=0.2)
    with pytest.raises(ValueError, match=r"validation_fraction=0.2 of 60.*sample_weight, times class weights, is zero"):
        model.fit(X, Y, weight)


def test_split_that_cannot_be_stratified():
    with pytest.raises(ValueError, match=r"early_stopping with validation_fraction=0.1 of 12 samples"):
        RNNSequenceClassifier(**SMALL, early_stopping=True).fit(X[:12], np.arange(12) // 2)


@quiet
def test_a_failed_warm_start_does_not_move_the_random_numbers():
    """The same fit, tried again after a failure, is what it would have been without the failure."""
    fail = [True]

    def scorer(estimator, X, y):
        return 1 / 0 if fail[0] else 0.5

    model = RNNRegressor(**SMALL, warm_start=True, dropout=0.3, max_iter=2).fit(X, Y)
    twin = copy.deepcopy(model)
    for one in (model, twin):
        one.set_params(early_stopping=True, scoring=scorer)
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y)
    fail[0] = False
    np.testing.assert_array_equal(model.fit(X, Y)._theta, twin.fit(X, Y)._theta)


@quiet
def test_a_list_stays_a_list_of_sequences():
    """Nested lists that are by chance of one length are still what the model was fitted on."""
    rows = [[0.1, 0.2], [0.3, 0.4, 0.5], [0.6]] * 4
    model = RNNRegressor(**SMALL, mapping="many-to-many", max_iter=2).fit(rows, rows)
    for some in ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0, 5.0]]):
        predicted = model.predict(some)
        assert predicted.dtype == object
        assert [len(p) for p in predicted] == [len(row) for row in some]


@quiet
def test_scorer_that_knows_no_weights():
    def scorer(estimator, X, y):
        return -np.abs(estimator.predict(X) - y).mean()

    model = RNNRegressor(**SMALL, early_stopping=True, scoring=scorer, max_iter=3).fit(X, Y, np.ones(60))
    assert len(model.validation_scores_) == 3


@pytest.mark.parametrize("n_steps", [1, 7])
def test_warnings_point_at_the_caller(n_steps):
    with pytest.warns(UserWarning) as record:
        RNNRegressor(**SMALL, max_iter=1).fit(X[:, :n_steps], Y)
    assert len(record) == (2 if n_steps == 1 else 1)
    assert {warning.filename for warning in record} == {__file__}


@quiet
@pytest.mark.parametrize("kind", ["bool", "string", "unsigned"])
def test_padded_labels_of_any_kind_are_scored(kind):
    padded = X.copy()
    padded[::3, 5:] = np.nan
    high = X[:, :, 0] > 0
    y = {"bool": high, "string": np.where(high, "a", "b"), "unsigned": high.astype("u1")}[kind]
    options = {**SMALL, "mapping": "many-to-many", "max_iter": 5, "early_stopping": True, "scoring": None}
    model = RNNSequenceClassifier(**options).fit(padded, y)
    predicted, present = model.predict(padded), ~np.isnan(padded[:, :, 0])
    assert model.score(padded, y) == np.mean(predicted[present] == y[present])
    assert predicted[0, 6] == (-1 if kind == "unsigned" else None)


@quiet
def test_log_probabilities_do_not_underflow():
    model = RNNSequenceClassifier(**SMALL, max_iter=1).fit(X, LABELS == "high")
    model.weights_["W_o"][...] *= 1e4
    assert np.isfinite(model.predict_log_proba(X)).all()
    three = RNNSequenceClassifier(**SMALL, max_iter=1).fit(X, LABELS)
    several = RNNSequenceClassifier(**SMALL, max_iter=1).fit(X, np.c_[LABELS == "high", LABELS == "low"].astype(int))
    for model in (three, several):
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-12)


# ---- scikit-learn's machinery ---------------------------------------------------------------------------------------


@quiet
def test_pickles_hold_the_vector_once_and_no_buffers():
    model = RNNRegressor(hidden_layer_sizes=40, max_iter=2, random_state=0).fit(X, Y)
    stored = pickle.dumps(model)
    assert len(stored) < model._theta.nbytes + 4000
    np.testing.assert_array_equal(pickle.loads(stored).predict(X), model.predict(X))
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    np.testing.assert_array_equal(joblib.load(file).predict(X), model.predict(X))
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X), model.predict(X))
    assert all(isinstance(v, np.ndarray) for v in pickle.loads(stored).weights_.values())


@quiet
def test_weights_are_views():
    model = RNNRegressor(hidden_layer_sizes=(5, 3), cell="lstm", bidirectional=True, max_iter=1).fit(X, Y)
    shapes = {name: view.shape for name, view in model.weights_.items()}
    assert shapes["W_x_l0"] == (20, 2)
    assert shapes["W_h_l1_reverse"] == (12, 3)
    assert shapes["W_x_l1"] == (12, 10)
    assert shapes["W_o"] == (1, 6)
    assert sum(view.size for view in model.weights_.values()) == model._theta.size
    model.weights_["W_o"][...] = 0
    model.weights_["b_o"][...] = 7
    np.testing.assert_array_equal(model.predict(X), 7)


@quiet
def test_a_fitted_model_keeps_its_net_when_parameters_change():
    model = RNNRegressor(**SMALL, max_iter=2).fit(X, Y)
    before = model.predict(X)
    np.testing.assert_array_equal(model.set_params(cell="lstm", hidden_layer_sizes=3).predict(X), before)


@quiet
@pytest.mark.parametrize("changed", [{"mapping": "many-to-many"}, {"quantile": (0.1, 0.9)}, {"loss": "poisson"}])
def test_what_decides_on_the_shape_of_predictions_must_not_change(changed):
    model = RNNRegressor(**SMALL, loss="quantile", max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match=rf"{'mapping' if 'mapping' in changed else 'loss'} is .* now.*fitted with"):
        model.set_params(**changed).predict(X)


@quiet
@pytest.mark.parametrize("ragged", [False, True])
def test_grid_search_and_cross_validation(ragged):
    x = [a[: 3 + i % 4] for i, a in enumerate(X)] if ragged else X
    search = GridSearchCV(
        RNNSequenceClassifier(**SMALL, max_iter=3), {"cell": ["rnn", "gru"], "pooling": ["last", "mean"]}, cv=3
    ).fit(x, LABELS)
    assert search.predict(x).shape == (60,)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert cross_val_predict(RNNRegressor(**SMALL, max_iter=2), x, Y, cv=3).shape == (60,)
    steps = [a[:, 0] for a in x] if ragged else x[:, :, 0]
    if ragged:
        steps = np.array([*steps, None], dtype=object)[:-1]
    predicted = cross_val_predict(RNNRegressor(**SMALL, max_iter=2, mapping="many-to-many"), x, steps, cv=3)
    assert [len(p) for p in predicted] == [len(a) for a in x]
    GridSearchCV(RNNRegressor(**SMALL, max_iter=2), {"cell": ["rnn"]}, cv=TimeSeriesSplit(3)).fit(x, Y)


@quiet
def test_pipeline_and_target_transformer():
    model = TransformedTargetRegressor(RNNRegressor(**SMALL, max_iter=3), func=np.arcsinh, inverse_func=np.sinh)
    assert model.fit(X, Y).predict(X).shape == (60,)
    pipeline = make_pipeline(FunctionTransformer(np.tanh), RNNRegressor(**SMALL, max_iter=3)).fit(X, Y)
    assert pipeline.predict(X).shape == (60,)


@quiet
def test_metadata_routing_of_weights_and_validation_data():
    with sklearn.config_context(enable_metadata_routing=True):
        model = RNNRegressor(**SMALL, max_iter=3, early_stopping=True).set_fit_request(
            sample_weight=True, X_val=True, y_val=True
        )
        pipeline = make_pipeline(FunctionTransformer(np.tanh), model, transform_input=["X_val"])
        pipeline.fit(X, Y, sample_weight=np.ones(60), X_val=X[:10], y_val=Y[:10])
        direct = clone(model).fit(np.tanh(X), Y, np.ones(60), X_val=np.tanh(X[:10]), y_val=Y[:10])
    assert pipeline[-1].validation_loss_curve_ == direct.validation_loss_curve_


def test_repr_and_tags():
    model = RNNRegressor(cell="lstm", loss="poisson")
    assert "cell='lstm'" in repr(model)
    assert "RNNRegressor" in model._repr_html_()
    tags = sklearn.utils.get_tags(model)
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.allow_nan
    assert tags.target_tags.positive_only
    assert sklearn.utils.get_tags(RNNSequenceClassifier()).classifier_tags.multi_label
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(model)


@quiet
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks(solver):
    """scikit-learn's own ScoringMonitor, and a callback that stops after three epochs."""
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

    class StopAfterThree:
        events = ()

        def setup(self, estimator, context):
            self.events = []

        def teardown(self, estimator, context):
            self.events.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            self.events.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            self.events.append(f"end {context.task_name}")
            assert np.isfinite(fitted_estimator.predict(X)).all()
            return self.events.count("end epoch") == 3

    stop, monitor = StopAfterThree(), callback.ScoringMonitor(scoring="r2")
    model = RNNRegressor(**SMALL, solver=solver, max_iter=20).set_callbacks(stop, monitor).fit(X, Y)
    assert model.n_iter_ == 3
    assert stop.events == ["begin fit", *["begin epoch", "end epoch"] * 3, "end fit", "teardown"]
    assert len(monitor.get_logs()[0].data if isinstance(monitor.get_logs(), list) else monitor.get_logs().data) >= 3


@quiet
def test_progress_bar():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    pytest.importorskip("rich", reason="the progress bar is drawn by rich")
    RNNRegressor(**SMALL, max_iter=4).set_callbacks(callback.ProgressBar()).fit(X, Y)
