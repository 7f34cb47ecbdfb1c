"""diagnose: every finding is provoked in a network that was really trained so, and none is made of sound fits."""

import pickle
import re
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    RNNForecaster,
    RNNRegressor,
    RNNSequenceClassifier,
    RNNTextGenerator,
    TimestepTransformer,
    diagnose,
)
from sklearn_rnn.inspection import _curve_symptoms, _data_symptoms
from sklearn_rnn.inspection._diagnosis import SYMPTOMS
from sklearn_rnn.inspection._evidence import Evidence

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 10, 2))
y = (X[:, -1, 0] + 0.7 * X[:, -2, 1] - 0.5 * X[:, -3, 0]) / 1.3  # what counts stands in the last steps
noise = rng.normal(size=90)
labels = np.array(["a", "b", "c"])[np.digitize(X[:, :, 0].mean(axis=1), [-0.12, 0.12])]
SOUND = {"batch_size": 32, "learning_rate_init": 0.02, "max_iter": 150, "tol": 1e-3, "random_state": 0}


def regressor(*sizes, **options):
    return RNNRegressor(sizes or (12,), **{**SOUND, **options})


def classifier(**options):
    return RNNSequenceClassifier(12, **{**SOUND, **options})


def names(*args, **options):
    return [finding.name for finding in diagnose(*args, **options)]


def found(name, *args, **options):
    """The finding of this name."""
    (finding,) = [finding for finding in diagnose(*args, **options) if finding.name == name]
    return finding


@cache
def sound():
    """A fit with nothing to be said of it."""
    return regressor().fit(X, y)


# -- each is found, and its numbers are right -------------------------------------------------------------------------


def test_nothing_conspicuous():
    diagnosis = diagnose(sound(), X, y)
    assert diagnosis.findings == []
    assert str(diagnosis).startswith(f"RNNRegressor (gru, many-to-one, {sound().n_iter_} epochs): Nothing conspicuous.")
    assert diagnosis.numbers["n_iter"] == sound().n_iter_
    assert diagnosis.numbers["loss_first"] == sound().loss_curve_[0]
    assert diagnosis.numbers["share_explained"] == pytest.approx(sound().score(X, y))
    assert diagnosis.numbers["weight_largest"] == max(np.abs(W).max() for W in sound().weights_.values())
    assert diagnose(sound()).findings == diagnose(sound(), X).findings == []
    assert "share_explained" not in diagnose(sound()).numbers


def test_stopped_by_max_iter():
    model = regressor(max_iter=8, learning_rate_init=0.001).fit(X, y)
    finding = found("not converged", model)
    curve = model.loss_curve_
    assert finding.severity == "problem"
    assert f"by {curve[-2] - curve[-1]:.2g} an epoch (from {curve[-2]:.4g} to {curve[-1]:.4g}" in finding.seen
    assert "after 8 epochs, which is max_iter" in finding.seen
    assert "max_iter=16" in finding.advice and "larger learning_rate_init (now 0.001)" in finding.advice
    lbfgs = regressor(solver="lbfgs", max_iter=4).fit(X, y)
    assert found("not converged", lbfgs).advice == "max_iter=8 or more (now 4)."


def test_stopped_by_tol():
    model = regressor(learning_rate_init=0.001, tol=0.02, n_iter_no_change=3).fit(X, y)
    assert model.n_iter_ < 20
    assert "tol=0.002 (now 0.02) or a larger n_iter_no_change (now 3)" in found("not converged", model).advice


def test_cut_short():
    model = regressor(learning_rate_init=0.002)
    for _ in range(12):
        model.partial_fit(X, y)
    assert "partial_fit" in found("not converged", model).advice
    assert "tol=" not in found("not converged", model).advice


def test_jumps():
    model = regressor(cell="rnn", learning_rate_init=0.3, max_iter=40, clip_norm=None, n_iter_no_change=50).fit(X, y)
    curve = np.array(model.loss_curve_)
    finding = found("unstable training", model)
    told = int(re.search(r"jumped up in (\d+) of the last 20 epochs", finding.seen)[1])
    steps = np.diff(curve)[19:]
    # a tenth of what the loss has fallen by, from the first epoch or from where the first half of them was
    assert (steps > 0.1 * (curve[0] - curve.min())).sum() <= told <= (steps > 0).sum()
    assert told == diagnose(model).numbers["epochs_with_jump"] >= 2
    assert "learning_rate_init=0.06 (now 0.3)" in finding.advice


def test_diverged():
    options = {"cell": "rnn", "solver": "sgd", "clip_norm": None, "n_iter_no_change": 50}
    model = regressor(**options, learning_rate_init=1.5, max_iter=8).fit(X, y)
    assert model.stopped_by_ == "max_iter"
    assert "rose from" in found("unstable training", model).seen
    finding = found("exploding gradients", model)
    assert f"{max(model.gradient_norm_curve_):.3g}" in finding.seen
    assert "clip_norm=1.0 (now None)" in finding.advice
    assert "under-fit" not in names(model)  # what follows from it is not told again
    model.set_params(max_iter=500, n_iter_no_change=600).fit(X, y)
    assert model.stopped_by_ == "diverged"
    (finding,) = diagnose(model)
    n = model.n_iter_
    assert finding.name == "diverged" and f"Training was stopped in epoch {n + 1}" in finding.seen
    assert f"In epoch {n} the loss was {model.loss_curve_[-1]:.3g}" in finding.seen
    calm = regressor(**options, learning_rate_init=0.03, max_iter=150).fit(X, y)
    assert names(calm) == []


def test_over_fit():
    noisy = X[:, -1, 0] + noise
    options = {"learning_rate_init": 0.01, "max_iter": 100}
    model = regressor(32, **options).fit(X[:30], noisy[:30], X_val=X[30:], y_val=noisy[30:])
    finding = found("over-fit", model)
    curve = np.array(model.validation_loss_curve_)
    assert f"lowest in epoch {curve.argmin() + 1} of {len(curve)} ({curve.min():.4g})" in finding.seen
    assert "early_stopping=True" in finding.advice
    clean = regressor(**options).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert names(clean) == []


def test_epochs_that_were_not_validated():
    """The validation curve is NaN there; only the others are compared."""
    model = regressor(max_iter=5, warm_start=True).fit(X[:30], noise[:30])
    model.set_params(max_iter=60).fit(X[:30], noise[:30], X_val=X[30:], y_val=noise[30:])
    assert "over-fit" in names(model)
    assert diagnose(model).numbers["validation_loss_lowest"] == np.nanmin(model.validation_loss_curve_)


def test_over_fit_though_stopped_early():
    options = {"learning_rate_init": 0.03, "early_stopping": True}
    model = regressor(32, **options).fit(X[:30], noise[:30], X_val=X[30:], y_val=noise[30:])
    finding = found("over-fit", model)
    assert "early_stopping" not in finding.advice
    assert "training loss" in finding.seen
    # validation turned up, but the weights are those of the best epoch
    stopped = regressor(32, **options, alpha=0.01).fit(X[:60], y[:60] + 0.5 * noise[:60], X_val=X[60:], y_val=y[60:])
    assert "over-fit" not in names(stopped)


def test_a_gap_between_training_and_validation():
    wide = np.random.default_rng(2).normal(size=(40, 12, 10))
    model = regressor(32, max_iter=60).fit(wide, noise[:40] + wide[:, -1, 0], X_val=wide[:20], y_val=-noise[20:40])
    finding = found("over-fit", model)
    assert f"{model.validation_loss_curve_[-1]:.4g}"[:3] in finding.seen


def test_under_fit():
    model = regressor(learning_rate_init=1e-6, max_iter=10).fit(X, y)
    finding = found("under-fit", model)
    curve = model.loss_curve_
    assert f"from {curve[0]:.5g} to {min(curve):.5g}, in 10 epochs" in finding.seen
    assert finding.advice.startswith("a larger learning_rate_init (now 1e-06)")
    assert names(model) == ["under-fit"]  # and not that it has not converged
    with_data = found("under-fit", model, X, y)  # more data do not make the advice worse
    assert names(model, X, y) == ["under-fit"] and with_data.advice == finding.advice
    assert "does away with 0% of the loss of the mean of y" in with_data.seen
    assert "under-fit" in names(classifier(learning_rate_init=1e-6, max_iter=10).fit(X, labels))


def test_clipped():
    model = regressor(clip_norm=0.01, max_iter=60).fit(X, y)
    assert min(model.clipped_curve_[model.n_iter_ // 2 :]) == 1
    finding = found("clipped gradients", model)
    assert "100% of the updates" in finding.seen and "clip_norm=0.01" in finding.seen
    assert "clip_norm=5" in finding.advice
    by_value = regressor(clip_norm=None, clip_value=1e-4, max_iter=60).fit(X, y)
    assert "clip_value=0.0001" in found("clipped gradients", by_value).seen


def test_scale_of_X():
    for factor, shift in ((100, 0), (0.01, 0), (1, 7)):
        far = factor * X + shift
        finding = found("scale of X", regressor(max_iter=2).fit(far, y), far, y)
        assert "TimestepTransformer(StandardScaler())" in finding.advice
        assert any(
            f"mean {far[..., j].mean():.3g} and standard deviation {far[..., j].std():.3g}" in finding.seen
            for j in (0, 1)
        )
    # one feature among others that is small, or all but constant
    far = X * [1, 0.01]
    assert "scale of X" not in names(regressor(max_iter=2).fit(far, y), far)
    table = 100 * X[:, 0]
    steps = np.repeat(X[:, 0, :1], 4, axis=1)
    model = regressor(mapping="one-to-many", max_iter=2).fit(table, steps)
    assert found("scale of X", model, table, steps).advice.startswith("make_pipeline(StandardScaler()")


def test_scale_of_y():
    finding = found("scale of y", regressor(max_iter=2).fit(X, 1000 * y), X, 1000 * y)
    assert f"standard deviation {1000 * y.std():.3g}" in finding.seen
    assert "TransformedTargetRegressor" in finding.advice
    two = np.c_[y, y + 50]
    assert "Output 1 of y" in found("scale of y", regressor(max_iter=2).fit(X, two), X, two).seen
    counts = np.random.default_rng(0).poisson(np.exp(4 + 0.5 * y))
    assert "scale of y" not in names(regressor(max_iter=2, loss="poisson").fit(X, counts), X, counts)


def test_thresholds_of_scale_are_those_of_the_warning_of_fit():
    for factor, shift in ((9, 0), (11, 0), (1, 2.5), (1, 3.5), (0.11, 0), (0.09, 0)):
        far, target = factor * X + shift, (factor * noise / noise.std() + shift)
        far = (far - far.mean(axis=(0, 1)) + shift) / far.std(axis=(0, 1)) * factor
        far += shift - far.mean(axis=(0, 1))
        target += shift - target.mean()
        with pytest.warns(UserWarning) as caught:
            model = RNNRegressor(2, max_iter=1, learning_rate_init=1e-9, random_state=0).fit(far, target)
        said, seen = str(caught[-1].message), names(model, far, target)
        assert ("X is not of unit variance" in said) == ("scale of X" in seen), (factor, shift, said)
        assert ("y is not of unit variance" in said) == ("scale of y" in seen), (factor, shift, said)


def test_saturated():
    model = regressor(cell="rnn", max_iter=20).fit(100 * X, y)
    share = (np.abs(model.hidden_states(100 * X)) > 0.99).mean()
    finding = found("saturated units", model, 100 * X, y)
    assert share > 0.9 and f"{share:.0%} of the states of layer 0" in finding.seen
    assert finding.advice.startswith("scale X, as above") and "init=" not in finding.advice
    relu = regressor(cell="rnn", activation="relu", max_iter=2).fit(100 * X, y)
    assert "saturated units" not in names(relu, 100 * X)  # relu has no bound


def test_dead():
    model = regressor(cell="rnn", activation="relu", learning_rate_init=0.3, max_iter=30).fit(X, y)
    n_dead = int((np.ptp(model.hidden_states(X), axis=(0, 1)) == 0).sum())
    assert n_dead >= 4
    finding = found("dead units", model, X)
    assert f"{n_dead} of 12 units of layer 0" in finding.seen and f"({n_dead} of them 0)" in finding.seen
    assert "activation='tanh'" in finding.advice and "smaller learning_rate_init (now 0.3)" in finding.advice
    alive = regressor(cell="rnn", activation="relu").fit(X, y)
    assert names(alive, X, y) == []


def test_vanishing():
    long = np.random.default_rng(2).normal(size=(100, 60, 1))
    first = long[:, :2, 0].sum(axis=1)
    model = regressor(cell="rnn", init="uniform", learning_rate_init=0.003, max_iter=10).fit(long, first)
    norms = np.linalg.norm(model.hidden_gradients(long, first), axis=2)
    finding = found("vanishing gradients", model, long, first)
    assert finding.severity == "problem"  # for nothing else is learnt
    assert f"first of 60 steps is {norms[:, 0].sum() / norms[:, -1].sum():.1e} times" in finding.seen
    assert "pooling='concat'" in finding.advice and "cell='mingru'" in finding.advice
    # what is learnt well without the first steps does not need them
    last = long[:, -1, 0]
    model = regressor(cell="rnn", init="uniform", learning_rate_init=0.02, max_iter=60).fit(long, last)
    diagnosis = diagnose(model, long, last)
    assert diagnosis.numbers["gradient_first_to_last_step"] < 1e-4 and diagnosis.findings == []
    # a readout that sees all steps hands the gradient to each
    for pooling in ("mean", "max", "concat", "attention"):
        model = regressor(cell="rnn", init="uniform", pooling=pooling, max_iter=1).fit(long, first)
        diagnosis = diagnose(model, long, first)
        assert "vanishing gradients" not in [finding.name for finding in diagnosis]
        assert "gradient_first_to_last_step" not in diagnosis.numbers


def test_vanishing_in_both_directions_and_at_every_step():
    long = np.random.default_rng(2).normal(size=(60, 60, 1))
    middle = long[:, 29:31, 0].sum(axis=1)
    options = {"cell": "rnn", "init": "uniform", "max_iter": 5, "pooling": "last", "learning_rate_init": 0.003}
    model = regressor(**options, bidirectional=True).fit(long, middle)
    assert "middle of 60 steps" in found("vanishing gradients", model, long, middle).seen
    ragged = [x[: 50 + i % 10] for i, x in enumerate(long)]
    of_first = [np.full(len(x), x[0, 0]) for x in ragged]
    model = regressor(**options, mapping="many-to-many", bidirectional=False).fit(ragged, of_first)
    finding = found("vanishing gradients", model, ragged, of_first)
    assert "pooling" not in finding.advice
    sums = [np.cumsum(x[:, 0]) / 8 for x in ragged]
    model = regressor(cell="gru", mapping="many-to-many", max_iter=30).fit(ragged, sums)
    assert "vanishing gradients" not in names(model, ragged, sums)


def test_exploding_through_time():
    options = {"cell": "rnn", "activation": "relu", "init": "normal", "init_scale": 0.7, "solver": "sgd"}
    model = regressor(**options, learning_rate_init=1e-6, max_iter=2).fit(X, y)
    assert "norm was" in found("exploding gradients", model).seen
    model.gradient_norm_curve_ = []  # without it, the curves do not show it
    norms = np.linalg.norm(model.hidden_gradients(X, y), axis=2).sum(axis=0)
    assert norms[0] > 100 * norms[-1]
    finding = found("exploding gradients", model, X, y)
    assert f"through 10 steps, the gradient is {norms[0] / norms[-1]:.3g} times" in finding.seen
    assert "cell='gru'" in finding.advice and "init='orthogonal' (now 'normal'" in finding.advice
    assert "exploding gradients" not in names(model)  # the curves do not show it


def test_no_better_than_the_mean():
    model = regressor(max_iter=10, learning_rate_init=1e-4).fit(X, noise)
    finding = found("no better than a constant", model, X, -noise)
    assert f"its loss is {1 - model.score(X, -noise):.3g} times as large" in finding.seen
    assert "the mean of y" in finding.seen
    for loss, constant in (
        ("absolute_error", "the median of y"),
        ("huber", "the median of y"),
        ("quantile", "the 0.9 q"),
    ):
        model = regressor(max_iter=40, loss=loss, quantile=0.9).fit(X, y)
        assert "no better than a constant" not in names(model, X, y)
        assert constant in found("no better than a constant", model, X, -y).seen
    model = regressor(max_iter=40, loss="quantile", quantile=(0.1, 0.9)).fit(X, y)
    assert "no better than a constant" not in names(model, X, y)
    assert "quantiles of y" in found("no better than a constant", model, X, -y).seen


def test_no_better_than_the_shares_of_the_classes():
    shuffled = np.random.default_rng(1).permutation(labels)
    model = classifier(max_iter=10, learning_rate_init=1e-4).fit(X, shuffled)
    assert "the shares of the classes" in found("no better than a constant", model, X, shuffled).seen
    model = classifier(max_iter=60).fit(X, labels)
    assert "no better than a constant" not in names(model, X, labels)
    # of new labels: as good as chance, and overconfident
    assert "of the shares of the classes" in found("over-fit", model, X, shuffled).seen
    assert "no better than a constant" not in names(model, X, shuffled)  # which follows
    # rare, and weighed up: less often right than who always says no, and sound all the same
    rare = (X[:, :, 0].mean(axis=1) + 0.2 * noise > 0.5).astype(int)
    assert 0.02 < rare.mean() < 0.2
    model = classifier(class_weight="balanced", max_iter=5).fit(X, rare)
    assert model.score(X, rare) < 1 - rare.mean()
    assert "no better than a constant" not in names(model, X, rare)
    several = np.c_[X[:, -1, 0] > 0, X[:, -1, 1] > 0.5].astype(int)
    model = classifier(max_iter=80).fit(X, several)
    assert names(model, X, several) == []
    assert "the shares of the labels" in found("over-fit", model, X, 1 - several).seen


def test_with_labels_at_every_step():
    signs = np.where(X.cumsum(axis=1)[:, :, 0] > 0, "up", "down")
    padded, ragged = X.copy(), [x[: 6 + i % 6] for i, x in enumerate(X)]
    padded[::3, -3:] = np.nan
    for inputs, targets in ((X, signs), (padded, signs), (ragged, [s[: 6 + i % 6] for i, s in enumerate(signs)])):
        model = classifier(mapping="many-to-many", max_iter=60).fit(inputs, targets)
        diagnosis = diagnose(model, inputs, targets)
        assert diagnosis.findings == [] and diagnosis.numbers["share_explained"] > 0.5
        shuffled = np.random.default_rng(1).choice(["up", "down"], signs.shape)
        wrong = [s[: len(x)] for s, x in zip(shuffled, inputs)] if isinstance(targets, list) else shuffled
        assert names(model, inputs, wrong) == ["over-fit"]


def test_weights():
    model = regressor(cell="rnn", learning_rate_init=30.0, max_iter=10).fit(X, y)
    name = max(model.weights_, key=lambda name: np.abs(model.weights_[name]).max())
    assert f"{name} holds values up to {np.abs(model.weights_[name]).max():.3g}" in found("weights", model).seen
    model = regressor(max_iter=2).fit(X, y)
    model.weights_["W_o"][0, 0] = np.nan  # as no training leaves it
    assert found("weights", model, X, y).seen == "W_o hold values that are not finite."
    overflowing = regressor(cell="rnn", activation="relu", max_iter=2).fit(X, y)
    overflowing.weights_["W_h_l0"][...] = 1e80
    assert {"weights", "no better than a constant"} <= {*names(overflowing, X, y)}


def test_stopped_in_the_first_epochs():
    """No curve, or one epoch, tells it; `stopped_by_` does."""
    options = {"cell": "rnn", "activation": "relu", "init": "normal", "init_scale": 0.6, "solver": "sgd"}
    long = np.random.default_rng(2).normal(size=(60, 40, 1))
    model = regressor(16, **options, clip_norm=None, batch_size=8, learning_rate_init=0.01).fit(long, noise[:60])
    assert model.loss_curve_ == [] and model.stopped_by_ == "diverged"
    finding = found("diverged", model)
    assert "stopped in epoch 1: the loss or its gradient was not finite" in finding.seen
    for advice in ("init='orthogonal' (now 'normal', with init_scale=0.6)", "clip_norm=1.0 (now None)", "0.01)"):
        assert advice in finding.advice
    assert "vanishing gradients" not in names(model, long, noise[:60])
    del model.stopped_by_  # as of a model that an older release stored
    assert names(model) == ["diverged"]
    model.set_params(clip_norm=1.0, max_iter=1).fit(long, noise[:60])
    assert model.n_iter_ == 1 and model.loss_curve_[0] > 1e6
    assert f"the loss was {model.loss_curve_[0]:.3g}" in found("exploding gradients", model).seen
    del model.gradient_norm_curve_
    model.loss_curve_ = [2.7e23, 0.6]
    assert "The loss was 2.7e+23 in epoch 1, 0.6 at best" in found("exploding gradients", model).seen


@pytest.mark.parametrize(("cell", "rate"), [("gru", 0.5), ("mingru", 3.0), ("lstm", 2.0)])
def test_too_large_a_rate(cell, rate):
    """Jumps are measured by what the net has gained on a constant, not by a huge first epoch."""
    model = regressor(16, cell=cell, learning_rate_init=rate, max_iter=40).fit(X, y)
    assert max(model.loss_curve_) > 2
    for data in ((), (X, y)):
        assert f"learning_rate_init={rate / 5:.2g} (now {rate:g})" in found("unstable training", model, *data).advice


def test_an_overshoot_that_is_made_good():
    model = regressor(max_iter=3).fit(X, y)
    falling = np.geomspace(0.5, 0.1, 40)
    model.loss_curve_ = [0.5, 80.0, 10.0, *falling]
    assert "rose from 0.5 in the first epoch to 80 in epoch 2 of 43" in found("unstable training", model).seen
    model.loss_curve_ = [0.5, 80.0, 10.0, *falling / 4]
    assert "unstable training" not in names(model)


def test_saturated_by_its_start():
    model = regressor(16, cell="rnn", init="normal", init_scale=3.0, max_iter=20).fit(X, y)
    finding = found("saturated units", model, X, y)
    assert finding.advice.startswith("init='orthogonal' (now 'normal', with init_scale=3)")
    assert "scale X" not in finding.advice
    assert "vanishing gradients" not in names(model, X, y)
    assert found("no better than a constant", model, X, y).advice == "what is said above."


def test_over_fit_told_by_data_held_out():
    model = regressor(32, learning_rate_init=0.01, tol=1e-4, max_iter=200).fit(X[:30], noise[:30])
    trained = min(model.loss_curve_)
    assert trained < 0.05
    diagnosis = diagnose(model, X[30:], noise[30:])
    finding = diagnosis.findings[0]
    assert finding.name == "over-fit" and "early_stopping=True" in finding.advice
    assert f"{1 - model.score(X[30:], noise[30:]):.3g} times as large as that of the mean of y" in finding.seen
    assert f"In training it fell to {trained:.3g}" in finding.seen
    assert not {"no better than a constant", "not converged"} & {found.name for found in diagnosis}
    assert "over-fit" not in names(model, X[:30], noise[:30])  # nothing is amiss there


@pytest.mark.parametrize(("seed", "rate"), [(0, 0.003), (1, 0.003), (1, 0.01), (2, 0.003)])
def test_over_fit_to_noise_with_early_stopping(seed, rate):
    nothing = np.random.default_rng(seed).normal(size=90)
    model = regressor(
        48, early_stopping=True, validation_fraction=0.3, learning_rate_init=rate, tol=1e-4, random_state=seed
    ).fit(X, nothing)
    finding = diagnose(model, X, nothing).findings[0]
    assert finding.name == "over-fit" and "early_stopping" not in finding.advice


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_probabilities_on_their_way_to_one_are_no_lack_of_training(cell):
    model = classifier(cell=cell, learning_rate_init=0.003, tol=1e-4, max_iter=36).fit(X, labels)
    curve = model.loss_curve_
    assert model.stopped_by_ == "max_iter" and model.score(X, labels) >= 0.97
    assert np.median(curve[-6:-3]) - np.median(curve[-3:]) > 0.02 * curve[0]  # it does fall
    assert names(model) == names(model, X, labels) == []
    model.set_params(max_iter=12).fit(X, labels)
    assert names(model) == ["not converged"]


def test_vanishing_comes_before_not_converged():
    long = np.random.default_rng(2).normal(size=(80, 120, 1))
    plain = {"cell": "gru", "pooling": "last", "bidirectional": False, "patch_size": 1}
    model = regressor(8, **plain, learning_rate_init=0.001, max_iter=8).fit(long, long[:, 0, 0])
    diagnosis = diagnose(model, long, long[:, 0, 0])
    severities = {finding.name: finding.severity for finding in diagnosis}
    assert severities["vanishing gradients"] == "problem"
    assert severities.get("not converged", "note") == "note"
    assert list(severities).index("vanishing gradients") <= len(severities) - 1 - ("not converged" in severities)


def test_a_small_feature():
    far = X * [0.001, 1]
    model = regressor(max_iter=60).fit(far, y)
    finding = found("scale of a feature", model, far, y)
    assert f"Feature 0 of X, as the network sees it, has standard deviation {far[..., 0].std():.3g}" in finding.seen
    assert "TimestepTransformer(StandardScaler())" in finding.advice
    flags = 3 * X
    flags[..., 0] = np.arange(900).reshape(90, 10) == 450  # rare, and yet seen
    assert flags[..., 0].std() < 0.02 * flags[..., 1].std()
    assert "scale of a feature" not in names(regressor(max_iter=2).fit(flags, y), flags, y)


def test_states_that_are_nearly_all_zero():
    """Few units are zero throughout, and yet hardly any answers."""
    model = regressor(16, cell="rnn", activation="relu", max_iter=2).fit(X, y)
    W = model.weights_
    W["b_l0"][...] = -1.5  # only the rarest inputs get through
    W["W_h_l0"][...] = 0
    W["W_x_l0"][...] *= 0.7 / np.linalg.norm(W["W_x_l0"], axis=1, keepdims=True)
    W["W_o"][...] = 0
    H = model.hidden_states(X)
    assert (H == 0).mean() > 0.9 and (np.ptp(H, axis=(0, 1)) < 1e-4).mean() < 0.5
    assert f"{(H == 0).mean():.0%} of the states of layer 0 are 0" in found("dead units", model, X, y).seen


def test_too_few_units():
    product = X[:, -1, 0] * X[:, -2, 1]
    model = regressor(1, max_iter=60).fit(X, product)
    finding = found("under-fit", model, X, product)
    assert "1 unit." in finding.seen and "more units (hidden_layer_sizes, now 1)" in finding.advice
    assert "not converged" not in names(model, X, product)


def test_a_loss_as_large_as_that_of_a_constant_is_said_so():
    model = regressor(max_iter=4, tol=0, learning_rate_init=0.01).fit(X, noise)
    for name in model.weights_:
        model.weights_[name][...] = 0  # predicts 0, which is nearly the mean
    finding = found("no better than a constant", model, X, noise - noise.mean())
    assert "its loss is as large as that." in finding.seen and "1 times" not in finding.seen


def test_scale_of_y_without_y():
    model = regressor(max_iter=40, learning_rate_init="auto").fit(X, 1e4 * y)
    (finding,) = diagnose(model)
    assert finding.name == "scale of y" and "TransformedTargetRegressor" in finding.advice
    assert f"{model.loss_curve_[0]:.3g}" in finding.seen
    assert "scale of y" not in names(sound())


def test_over_fitting_that_cannot_be_told_is_a_remark_and_no_finding():
    """Nothing but data held out tells what knows its data by heart from what is sound: both are told of alike."""
    by_heart = regressor(48, learning_rate_init=0.01, tol=1e-4, max_iter=300).fit(X, noise)
    for model in (by_heart, sound()):
        diagnosis = diagnose(model)
        assert diagnosis.findings == []
        assert diagnosis.remark.startswith("whether it is over-fit. The training loss fell to "), model
        assert f"fell to {min(model.loss_curve_):.3g}, and nothing was held out" in diagnosis.remark
        for advice in ("early_stopping=True", "X_val and y_val", "diagnose(estimator, X, y)"):
            assert advice in diagnosis.remark
        text = " ".join(str(diagnosis).split())
        assert f"Nothing conspicuous. Not known: {diagnosis.remark} Looked at:" in text
        assert max(map(len, str(diagnosis).splitlines())) <= 100
        assert "Not known: whether it is over-fit" in diagnosis._repr_html_()
        assert diagnose(model, X).remark == diagnosis.remark  # X alone does not tell either
        assert diagnosis.as_dict()["remark"] == diagnosis.remark
    new = np.random.default_rng(5).normal(size=X.shape)
    assert names(by_heart, new, -noise) == ["over-fit"]  # data that are new do
    text = "the cat sat on the mat. " * 80
    options = {"batch_size": 8, "bptt_steps": 24, "max_iter": 10, "learning_rate_init": 0.05, "random_state": 0}
    remark = diagnose(RNNTextGenerator(32, **options, validation_fraction=0).fit(text)).remark
    assert "X_val" not in remark and "validation_fraction=0.1" in remark and "diagnose(estimator, text)" in remark
    assert diagnose(RNNTextGenerator(32, **options).fit(text)).remark == ""  # a part of the text is held out


def test_no_remark_where_it_can_be_told_or_training_data_are_not_fitted_closely():
    assert diagnose(sound(), X, y).remark == "" and "Not known" not in str(diagnose(sound(), X, y))
    assert "Not known" not in diagnose(sound(), X, y)._repr_html_()
    for options in ({"early_stopping": True}, {}):
        given = {} if options else {"X_val": X[60:], "y_val": y[60:]}
        model = regressor(**options).fit(X[:60], y[:60], **given)
        assert min(model.loss_curve_) < 0.05 and diagnose(model).remark == ""
    noisy = regressor(4, max_iter=20).fit(X, noise)
    assert min(noisy.loss_curve_) > 0.25 and diagnose(noisy).remark == ""
    assert diagnose(regressor(max_iter=1).fit(X, y)).remark == ""


def test_an_outlier_in_X_is_named_and_is_no_scale():
    far = X.copy()
    far[17, 4, 1] = 2000.0
    assert far[..., 1].std() > 10
    model = regressor(max_iter=60).fit(far, y)
    diagnosis = diagnose(model, far, y)
    assert diagnosis.findings[0].name == "outlier in X"
    assert "scale of X" not in [finding.name for finding in diagnosis]
    low, high = np.quantile(far[..., 1], [0.25, 0.75])
    assert (
        f"Feature 1 of X, as the network sees it, has one value, 2e+03, far from the other 899, half of which lie "
        f"between {low:.3g} and {high:.3g}."
    ) in diagnosis.findings[0].seen
    assert "np.clip" in diagnosis.findings[0].advice and "StandardScaler" in diagnosis.findings[0].advice
    assert diagnosis.numbers["X_std_largest"] == pytest.approx(np.delete(far[..., 1], 17 * 10 + 4).std(), rel=0.1)
    far[3, 3, 1] = -900.0
    assert "2 values, up to 2e+03, far from the other 898" in found("outlier in X", model, far).seen


def test_an_outlier_hides_no_scale():
    """By its deviation, X is of the right scale there; the network sees next to nothing of the rest."""
    squeezed = 0.01 * X
    squeezed[17, 4] = 30.0
    assert 0.5 < squeezed.std() < 2
    model = regressor(max_iter=2).fit(squeezed, y)
    assert {"outlier in X", "scale of X"} <= {*names(model, squeezed)}
    finding = found("scale of X", model, squeezed)
    assert "RobustScaler()" in finding.advice and "standard deviation 0.0" in finding.seen


@pytest.mark.parametrize("factor", [100, 0.01])
def test_what_is_badly_scaled_has_no_outlier(factor):
    far = factor * X
    seen = names(regressor(max_iter=2).fit(far, y), far, y)
    assert "scale of X" in seen and "outlier in X" not in seen


def test_heavy_tails_and_flags_are_no_outliers():
    tails = np.random.default_rng(0).standard_t(3, size=X.shape)
    flags = X.copy()
    flags[..., 0] = 50.0 * (np.arange(900).reshape(90, 10) == 450)  # nearly all the same: what is rare may be meant
    skewed = np.random.default_rng(0).lognormal(size=X.shape)
    for data in (X, tails, flags, skewed, np.round(X)):
        assert "outlier in X" not in names(regressor(max_iter=2).fit(data, y), data, y)
    few = X.copy()
    few[:, 0] = 200.0  # a tenth of all: no outliers, but values of another kind
    assert "outlier in X" not in names(regressor(max_iter=2).fit(few, y), few, y)


def test_an_outlier_in_y():
    target = y.copy()
    target[7] = 500.0
    model = regressor(max_iter=2).fit(X, target)
    finding = found("outlier in y", model, X, target)
    assert finding.seen.startswith("y, as the network sees it, has one value, 500, far from the other 89,")
    assert "loss='huber' (now 'squared_error')" in finding.advice
    assert "scale of y" not in names(model, X, target)
    robust = regressor(max_iter=2, loss="huber").fit(X, target)
    assert "huber" not in found("outlier in y", robust, X, target).advice
    two = np.c_[y, target]
    assert "Output 1 of y" in found("outlier in y", regressor(max_iter=2).fit(X, two), X, two).seen
    assert "outlier in y" not in names(regressor(max_iter=2).fit(X, y), X, y)
    skewed = np.exp(y)
    assert "outlier in y" not in names(regressor(max_iter=2).fit(X, skewed), X, skewed)


def test_every_symptom_is_looked_for():
    for room in (_curve_symptoms, _data_symptoms):
        functions = [
            value
            for key, value in vars(room).items()
            if callable(value) and getattr(value, "__module__", "") == room.__name__
        ]
        public = [function for function in functions if not function.__name__.startswith("_")]
        assert public and set(public) <= set(SYMPTOMS)


# -- sound fits of all kinds have no findings -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru", "indrnn"])
def test_no_false_alarm_of_classifiers(cell, dtype):
    for pooling in ("last", "max") if dtype is np.float32 else ("mean", "concat", "attention"):
        model = classifier(cell=cell, pooling=pooling, max_iter=200).fit(X.astype(dtype), labels)
        assert model.score(X, labels) > 0.95
        assert diagnose(model, X, labels).findings == [], pooling


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "rnn"},
        {"cell": "rnn", "activation": "relu"},
        {"cell": "lstm"},
        {"cell": "mingru", "pooling": "concat", "hidden_layer_sizes": (12, 12), "learning_rate_init": 0.02},
        {"cell": "indrnn", "pooling": "concat", "hidden_layer_sizes": (12, 12), "learning_rate_init": 0.02},
        {"pooling": "attention"},
        {"bidirectional": True},
        {"solver": "rmsprop", "learning_rate_init": 0.003},
        {"solver": "lbfgs", "max_iter": 60},
        {"early_stopping": True},
        {"learning_rate": "cosine"},
        {"loss": "absolute_error"},
        {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)},
        {"dropout": 0.1},
        {"batch_size": 200, "learning_rate_init": "auto", "max_iter": 400},
    ],
    ids=str,
)
def test_no_false_alarm_of_regressors(options):
    model = RNNRegressor(**{"hidden_layer_sizes": 12, **SOUND, **options}).fit(X.astype(np.float32), y)
    assert model.score(X, y) > 0.8
    assert diagnose(model, X, y).findings == []


@pytest.mark.parametrize("mapping", ["many-to-many", "one-to-many"])
def test_no_false_alarm_with_a_target_at_every_step(mapping):
    inputs = [x[: 6 + i % 6] for i, x in enumerate(X[:80])] if mapping == "many-to-many" else X[:80, 0]
    if mapping == "many-to-many":
        targets = [0.5 * np.r_[0, x[:-1, 0]] + x[:, 1] for x in inputs]
    else:
        targets = np.cumsum(np.repeat(inputs[:, :1], 5, axis=1), axis=1) / 3
    model = regressor(mapping=mapping, max_iter=100).fit(inputs, targets)
    diagnosis = diagnose(model, inputs, targets)
    assert diagnosis.findings == [] and diagnosis.numbers["share_explained"] > 0.95


def test_no_false_alarm_where_little_can_be_learnt():
    """A third of y can be told from X, and early stopping ends where that is learnt."""
    many = np.random.default_rng(0).normal(size=(600, 5, 1))
    target = 0.7 * many[:, -1, 0] + np.random.default_rng(1).normal(size=600)
    model = regressor(4, early_stopping=True).fit(many, target)
    assert names(model, many, target) == []
    assert model.score(many, target) < 0.5


# -- what holds a network ---------------------------------------------------------------------------------------------


def test_in_pipelines_searches_and_with_transformed_targets():
    pipeline = make_pipeline(TimestepTransformer(StandardScaler()), regressor(max_iter=100))
    search = GridSearchCV(TransformedTargetRegressor(pipeline, transformer=StandardScaler()), {}, cv=2)
    search.fit(100 * X + 7, 1000 * y)
    diagnosis = diagnose(search, 100 * X + 7, 1000 * y)
    assert diagnosis.findings == []
    assert diagnosis.estimator.startswith("GridSearchCV around RNNRegressor (gru, many-to-one, ")
    assert diagnosis.numbers["share_explained"] == pytest.approx(search.score(100 * X + 7, 1000 * y))
    assert diagnosis.numbers["X_std_largest"] == pytest.approx(1) == diagnosis.numbers["y_std_largest"]
    frames = search.best_estimator_.set_params(transformer=StandardScaler().set_output(transform="pandas"))
    assert diagnose(frames.fit(100 * X + 7, 1000 * y), 100 * X + 7, 1000 * y).findings == []
    # two outputs, of which the scaler knows the columns
    two = np.c_[100 * y, y + 30]
    model = TransformedTargetRegressor(regressor(max_iter=60), transformer=StandardScaler()).fit(X, two)
    assert "scale of y" not in names(model, X, two)


def test_of_a_text_generator():
    text = "the cat sat on the mat. the dog lay on the log. " * 60
    model = RNNTextGenerator(32, batch_size=8, max_iter=10, random_state=0).fit(text)
    diagnosis = diagnose(model, text)
    assert diagnosis.findings == [] and diagnosis.estimator == "RNNTextGenerator (gru, 10 epochs)"
    tokens = pd.Series(list(text[1:]))
    of_frequency = -np.log(tokens.map(tokens.value_counts(normalize=True))).mean()
    assert diagnosis.numbers["share_explained"] == pytest.approx(1 + model.score(text) / of_frequency, abs=2e-3)
    other = "".join(sorted(set(text) - {"t"})) * 10
    assert "how often each token occurs" in found("over-fit", model, other).seen
    one = RNNTextGenerator(16, batch_size=8, max_iter=2, learning_rate_init=1e-3, random_state=0).fit(text)
    assert "not converged" in names(one)
    with pytest.raises(ValueError, match="no y: pass a text as X alone"):
        diagnose(model, text, y)


def test_of_a_forecaster():
    t = np.arange(90.0)
    monthly = pd.Series(np.sin(t / 12 * 2 * np.pi) + 0.05 * t, pd.period_range("2000-01", periods=90, freq="M"))
    monthly += 0.2 * noise[:90]
    network = RNNRegressor(4, max_iter=5, random_state=0)
    forecaster = RNNForecaster(network, horizon=6, random_state=0).fit(monthly)
    diagnosis = diagnose(forecaster)
    assert diagnosis.estimator == "RNNForecaster around RNNRegressor (gru, many-to-one, 5 epochs)"
    assert diagnosis.numbers["skill"] == forecaster.skill_
    assert "not converged" not in names(forecaster)  # it is meant to end there
    with pytest.raises(TypeError, match=r"regressors_"):
        diagnose(forecaster, monthly)


@pytest.mark.filterwarnings("ignore:On the last")
def test_of_a_forecaster_that_is_of_no_use():
    walk = pd.Series(np.random.default_rng(3).normal(size=80).cumsum())
    forecaster = RNNForecaster(
        RNNRegressor(4, max_iter=3, random_state=0), window=8, normalize=None, linear_path=False, random_state=0
    ).fit(walk)
    assert forecaster.skill_ < 0
    finding = found("no better than a naive forecast", forecaster)
    assert f"skill_ is {forecaster.skill_:.2f}" in finding.seen
    values = np.sin(np.arange(40.0)) + np.random.default_rng(0).normal(size=40)
    beside = RNNForecaster(RNNRegressor(5, max_iter=2), window=6, random_state=0).fit(values)
    assert beside.network_weight_ == 0
    assert "RidgeCV" in found("the network counts for nothing", beside).advice


# -- as an object -----------------------------------------------------------------------------------------------------


def test_printed_as_html_and_as_plain_values():
    diagnosis = diagnose(regressor(clip_norm=0.01, max_iter=60).fit(X, y))
    (finding,) = diagnosis
    assert len(diagnosis) == 1 and bool(diagnosis)
    text = " ".join(str(diagnosis).split())
    assert repr(diagnosis) == str(diagnosis)
    assert "epochs): 1 finding 1. clipped gradients (note)" in text
    assert f"Try: {finding.advice}" in text and finding.seen in text
    assert "Looked at: weight_largest" in text
    assert max(map(len, str(diagnosis).splitlines())) <= 100
    html = diagnosis._repr_html_()
    assert html.count("<tr>") == 2 and "clipped gradients" in html
    assert diagnosis.as_dict() == {
        "estimator": diagnosis.estimator,
        "findings": [{"name": "clipped gradients", "severity": "note", "seen": finding.seen, "advice": finding.advice}],
        "numbers": diagnosis.numbers,
        "remark": diagnosis.remark,
    }
    assert all(type(value) in (int, float) for value in diagnosis.numbers.values())
    assert str(pickle.loads(pickle.dumps(diagnosis))) == str(diagnosis)
    assert "<table>" not in diagnose(sound())._repr_html_()


def test_many_samples_are_drawn_and_always_the_same():
    first, second = (diagnose(sound(), X, y, max_samples=40) for _ in range(2))
    assert first == second
    assert first.numbers["share_explained"] != diagnose(sound(), X, y).numbers["share_explained"]
    frame = diagnose(sound(), list(X), pd.Series(y, index=range(500, 590)), max_samples=40)
    assert frame.numbers["share_explained"] == pytest.approx(first.numbers["share_explained"])


def test_a_diagnosis_changes_nothing():
    model = regressor(max_iter=3).fit(X, y)
    before = pickle.dumps(model)
    diagnose(model, X, y)
    assert pickle.dumps(model) == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_curves_that_an_older_release_did_not_record():
    path = Path(__file__).parent.parent / "stored_models" / "0.1.0a4" / "pickle.zip"
    with zipfile.ZipFile(path) as stored:
        models = [pickle.loads(stored.read(name)) for name in stored.namelist()]
    looked_at = 0
    for model in models:
        if isinstance(model, (RNNRegressor, RNNSequenceClassifier, RNNTextGenerator)):
            diagnosis = diagnose(model)
            assert "gradient_norm_usual" not in diagnosis.numbers and "n_iter" in diagnosis.numbers
            looked_at += 1
    assert looked_at >= 3
    # gone on with, what is not known is NaN
    model = next(model for model in models if isinstance(model, RNNRegressor) and model.solver == "adam")
    n = len(model.loss_curve_)
    model.gradient_norm_curve_ = [np.nan] * (n - 1) + [0.5]
    model.clipped_curve_ = [np.nan] * (n - 1) + [0.0]
    assert diagnose(model).numbers["gradient_norm_usual"] == 0.5


def test_bad_input():
    with pytest.raises(NotFittedError):
        diagnose(RNNRegressor())
    with pytest.raises(TypeError, match=r"Expected a fitted RNNRegressor.* got a LinearRegression"):
        diagnose(LinearRegression().fit(X[:, 0], y))
    with pytest.raises(ValueError, match="y was given without X"):
        diagnose(sound(), y=y)
    with pytest.raises(ValueError, match=r"X holds 90 samples .* and y 89"):
        diagnose(sound(), X, y[1:])
    with pytest.raises(ValueError, match="features"):
        diagnose(sound(), X[:, :, :1], y)
    for wrong in (0, 2.5, True):
        with pytest.raises(ValueError, match="max_samples must be an int of at least 1"):
            diagnose(sound(), X, y, max_samples=wrong)


def test_numbers_are_noted_where_nothing_can_be_judged():
    """A single epoch has no curve to speak of."""
    model = regressor(max_iter=1).fit(X, y)
    diagnosis = diagnose(model)
    assert diagnosis.findings == [] and diagnosis.numbers["n_iter"] == 1
    assert Evidence(model).curve("validation_loss_curve_").size == 0
