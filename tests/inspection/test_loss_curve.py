"""LossCurveDisplay draws the fitted curves, and marks the epoch of which the weights are kept."""

import copy
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    ForecastDisplay,
    GradientFlowDisplay,
    HiddenStateDisplay,
    LossCurveDisplay,
    RNNForecaster,
    RNNRegressor,
    RNNSequenceClassifier,
    RNNTextGenerator,
    SequenceImportanceDisplay,
)

plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is an extra")
rng = np.random.default_rng(0)
X, noise = rng.normal(size=(40, 5)), rng.normal(size=40)
y = X[:, -1]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def net(**settings):
    return RNNRegressor(4, **{"max_iter": 6, "random_state": 0, **settings})


def overfitting(**settings):
    """Nothing to learn, so that the best epoch is early."""
    return net(learning_rate_init=0.05, max_iter=30, early_stopping=True, n_iter_no_change=8, **settings)


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_lines_are_the_fitted_curves_and_the_star_is_the_epoch_that_is_kept():
    model = overfitting().fit(X, noise, X_val=X[::-1], y_val=noise)
    display = LossCurveDisplay.from_estimator(model)
    epochs = np.arange(1, model.n_iter_ + 1)
    (training,), (validation,), (star,) = display.training_lines_, display.validation_lines_, display.best_points_
    np.testing.assert_array_equal(training.get_xydata(), np.c_[epochs, model.loss_curve_])
    np.testing.assert_array_equal(validation.get_xydata(), np.c_[epochs, model.validation_loss_curve_])
    best = display.best_epochs[0]
    assert 1 < best < model.n_iter_
    kept = 0.5 * np.mean((model.predict(X[::-1]) - noise) ** 2)
    np.testing.assert_allclose(star.get_xydata(), [[best, kept]], rtol=1e-10)
    assert legend(display) == ["training", "validation", f"kept by fit: epoch {best}\n(least validation loss)"]
    assert display.validation_points_ == [None]  # the star stands there
    assert display.ax_.get_xlabel() == "epoch" and display.ax_.get_ylabel() == "loss (half the squared error)"
    assert display.ax_.get_yscale() == "log"
    assert display.figure_ is plt.gcf() and display.ax_ is plt.gca()


def test_without_early_stopping_the_training_loss_decides():
    model = overfitting().set_params(early_stopping=False).fit(X, y, X_val=X, y_val=noise)
    display = LossCurveDisplay.from_estimator(model, log_scale=False)
    assert np.argmin(model.loss_curve_) != np.argmin(model.validation_loss_curve_)
    assert display.best_epochs == [np.argmin(model.loss_curve_) + 1]
    np.testing.assert_array_equal(display.best_points_[0].get_ydata(), [model.best_loss_])
    least = int(np.argmin(model.validation_loss_curve_))
    (ring,) = display.validation_points_
    np.testing.assert_array_equal(ring.get_xydata(), [[least + 1, model.validation_loss_curve_[least]]])
    assert display.validation_epochs == [least + 1]
    assert legend(display)[2:] == [
        f"kept by fit: epoch {display.best_epochs[0]}\n(least training loss)",
        f"least validation loss: epoch {least + 1}",
    ]
    assert display.ax_.get_yscale() == "linear"


@pytest.mark.parametrize("curve", ["loss", "score"])
def test_with_a_scoring_the_highest_score_decides(curve):
    model = overfitting(scoring=None).fit(X, noise, X_val=X[::-1], y_val=noise)
    display = LossCurveDisplay.from_estimator(model, curve=curve)
    best = int(np.argmax(model.validation_scores_))
    drawn = model.validation_scores_ if curve == "score" else model.validation_loss_curve_
    np.testing.assert_array_equal(display.validation_lines_[0].get_ydata(), drawn)
    np.testing.assert_array_equal(display.best_points_[0].get_xydata(), [[best + 1, drawn[best]]])
    assert model.score(X[::-1], noise) == pytest.approx(model.validation_scores_[best], rel=1e-10)
    if curve == "score":
        assert display.training_lines_ == [None]
        assert display.ax_.get_ylabel() == "validation score (R²)" and display.ax_.get_yscale() == "linear"


def test_scores_that_were_only_recorded_have_no_best_epoch():
    model = net(scoring=None).fit(X, y, X_val=X, y_val=y)
    display = LossCurveDisplay.from_estimator(model, curve="score")
    assert display.best_epochs == [None] and display.best_points_ == [None]
    highest = int(np.argmax(model.validation_scores_)) + 1
    assert legend(display) == ["validation", f"highest validation score: epoch {highest}"]
    assert display.validation_points_[0].get_xdata() == [highest]


def test_what_is_not_above_zero_stands_on_a_linear_scale():
    model = net(loss="poisson", max_iter=30, learning_rate_init=0.05).fit(X, np.full(40, 9.0))
    assert min(model.loss_curve_) < 0
    assert LossCurveDisplay.from_estimator(model).ax_.get_yscale() == "linear"


def test_losses_that_are_not_finite_leave_a_gap():
    display = LossCurveDisplay(
        [[3.0, np.nan, 1.0]], validation_curves=[[np.inf, 2.0, 4.0]], best_epochs=[2], names=["m"]
    ).plot()
    assert display.ax_.get_yscale() == "log"
    np.testing.assert_array_equal(display.training_lines_[0].get_ydata(), [3.0, np.nan, 1.0])
    np.testing.assert_array_equal(display.best_points_[0].get_xydata(), [[2, 2.0]])
    display.figure_.canvas.draw()


def test_several_estimators_on_one_axis():
    models = {"small": net().fit(X, y), "scaled": make_pipeline(StandardScaler(), net(early_stopping=True)).fit(X, y)}
    display = LossCurveDisplay.from_estimator(models, line_kw={"linewidth": 3})
    np.testing.assert_array_equal(display.training_lines_[0].get_ydata(), models["small"].loss_curve_)
    np.testing.assert_array_equal(display.validation_lines_[1].get_ydata(), models["scaled"][-1].validation_loss_curve_)
    assert display.validation_lines_[0] is None
    assert legend(display) == [
        "small: training",
        "scaled: training",
        "scaled: validation",
        "kept by fit",
    ]
    assert len(display.best_points_) == 2 and {line.get_linewidth() for line in display.training_lines_} == {3}
    styles = [(line.get_color(), line.get_marker()) for line in display.training_lines_]
    assert len(set(styles)) == 2 and styles[0][1] != styles[1][1]
    listed = LossCurveDisplay.from_estimator(list(models.values()))
    assert listed.names == ["RNNRegressor 1", "RNNRegressor 2"]
    assert LossCurveDisplay.from_estimator(models["small"], names="mine").names == ["mine"]


def test_twelve_models_are_told_apart_without_color_and_more_are_refused():
    curves = [np.linspace(1.0, 0.5 + 0.1 * i, 20) for i in range(13)]
    display = LossCurveDisplay(curves[:12], validation_curves=[*curves[:11], None]).plot()
    lines = display.training_lines_
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 12
    for training, validation in zip(lines[:11], display.validation_lines_):
        assert training.get_marker() == validation.get_marker()
        assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    names = [f"model {i + 1}" for i in range(12)]
    assert legend(display) == [*names, "training", "validation", "least validation loss"]  # each named once
    with pytest.raises(ValueError, match="13 models cannot be told apart on one pair of axes, 12 at most"):
        LossCurveDisplay(curves).plot()


def starred(model, **options):
    """Where the star stands on the training curve, from 1 on; None where there is none."""
    display = LossCurveDisplay.from_estimator(model, **options)
    (star,), (epoch,) = display.best_points_, display.best_epochs
    assert (star is None) == (epoch is None) == (not any("kept by fit" in text for text in legend(display)))
    return epoch


def jumping(**settings):
    """Of which the best epoch is not the last."""
    model = net(**{"learning_rate_init": 1.0, "max_iter": 12, "n_iter_no_change": 99, **settings}).fit(X, noise)
    assert np.argmin(model.loss_curve_) + 1 < model.n_iter_
    return model


def test_after_partial_fit_there_is_no_star_but_where_the_last_epoch_is_the_best():
    model = jumping()
    best = int(np.argmin(model.loss_curve_)) + 1
    assert starred(model) == best
    model.set_params(learning_rate_init=1e-9).partial_fit(X, noise)
    assert np.argmin(model.loss_curve_) + 1 == best < model.n_iter_  # and yet the weights are the newest
    assert starred(model) is None
    assert starred(model.set_params(max_iter=200)) is None  # changed since
    going_down = net(learning_rate_init=0.01)
    for _ in range(4):
        going_down.partial_fit(X, y)
    assert np.argmin(going_down.loss_curve_) == 3 and starred(going_down) == 4
    # of which all that is known of the first epochs is that they were validated
    watched = net(learning_rate_init=1.0, max_iter=12, n_iter_no_change=99).fit(X, noise, X_val=X, y_val=noise)
    assert starred(watched) == np.argmin(watched.loss_curve_) + 1 < 12
    watched.set_params(learning_rate_init=1e-9, max_iter=13).partial_fit(X, noise)
    assert starred(watched) is None
    text = RNNTextGenerator(4, bptt_steps=4, batch_size=2, max_iter=6, early_stopping=True, random_state=0)
    text.fit("abcd " * 20).partial_fit("dcba " * 20)
    assert starred(text) is None


def test_after_a_warm_start_there_is_no_star_but_where_the_last_epoch_is_the_best():
    """What is kept is the best of the newest call, and where that began is not known."""
    model = jumping(warm_start=True).set_params(learning_rate_init=5.0, max_iter=5).fit(X, noise)
    best = int(np.argmin(model.loss_curve_))
    assert best < 12 and starred(model) is None
    assert starred(model.set_params(warm_start=False)) is None  # more epochs than max_iter
    going_down = net(learning_rate_init=0.01, warm_start=True).fit(X, y).fit(X, y)
    assert starred(going_down) == going_down.n_iter_ == 12


def test_of_one_fit_the_star_stands_however_it_ended():
    stopped = net(learning_rate_init=0.5, max_iter=200, n_iter_no_change=5).fit(X, noise)
    assert stopped.stopped_by_ == "converged" and starred(stopped) == np.argmin(stopped.loss_curve_) + 1
    lbfgs = net(solver="lbfgs", max_fun=5, max_iter=100).fit(X, noise)
    assert lbfgs.n_iter_ < 100 and starred(lbfgs) == np.argmin(lbfgs.loss_curve_) + 1
    models = {"known": stopped, "gone on with": jumping().set_params(learning_rate_init=1e-9).partial_fit(X, noise)}
    display = LossCurveDisplay.from_estimator(models)
    assert [point is None for point in display.best_points_] == [False, True]
    assert legend(display)[-1] == "kept by fit (least training loss)"


def test_axes_in_use_keep_their_scale_unless_another_is_asked_for():
    model = net().fit(X, y)
    ax = plt.figure().subplots()
    ax.plot([1, 6], [-1.0, 1.0])
    before = ax.yaxis.get_major_formatter()
    LossCurveDisplay.from_estimator(model, ax=ax)
    assert ax.get_yscale() == "linear" and ax.yaxis.get_major_formatter() is before
    LossCurveDisplay.from_estimator(model, ax=ax, log_scale=True)
    assert ax.get_yscale() == "log"
    first = LossCurveDisplay.from_estimator(model, ax=plt.figure().subplots())  # of axes that hold nothing
    assert first.ax_.get_yscale() == "log"
    assert LossCurveDisplay.from_estimator(model, ax=first.ax_).ax_.get_yscale() == "log"  # as it was
    assert LossCurveDisplay.from_estimator(model, ax=first.ax_, log_scale=False).ax_.get_yscale() == "log"
    assert LossCurveDisplay.from_estimator(model, log_scale=False).ax_.get_yscale() == "linear"


@pytest.mark.parametrize("projection", ["polar", "3d", "mollweide"])
def test_axes_that_are_no_plain_ones_are_refused(projection):
    ax = plt.figure().add_subplot(projection=projection)
    model = net().fit(X, y)
    forecaster = RNNForecaster(net(), window=4, combine=False, calibration_fraction=0).fit(np.sin(np.arange(40.0)))
    for draw in (
        lambda: LossCurveDisplay.from_estimator(model, ax=ax),
        lambda: GradientFlowDisplay.from_estimator(model, X, y, ax=ax),
        lambda: HiddenStateDisplay.from_estimator(model, X, ax=ax),
        lambda: ForecastDisplay.from_estimator(forecaster, ax=ax),
        lambda: SequenceImportanceDisplay.from_estimator(model, X, y, ax=ax),
    ):
        with pytest.raises(ValueError, match=rf"draws on plain axes, .* ax is of projection '{projection}'"):
            draw()
    assert not ax.lines


def test_text_classes_searches_and_forecasters():
    text = RNNTextGenerator(4, bptt_steps=4, batch_size=2, max_iter=3, early_stopping=True).fit("abcd " * 20)
    classes = RNNSequenceClassifier(3, max_iter=3, random_state=0).fit(X, y > 0)
    target = TransformedTargetRegressor(net(solver="lbfgs"))
    search = GridSearchCV(target, {"regressor__alpha": [0.1]}, cv=KFold(2)).fit(X, y)
    series = pd.Series(np.sin(np.arange(40.0)))
    forecaster = RNNForecaster(net(), window=4, combine=False, calibration_fraction=0).fit(series)
    nets = [text, classes, search.best_estimator_.regressor_, forecaster.regressors_[0]]
    labels = ["loss (nats per token)", "loss (log loss)", *["loss (half the squared error)"] * 2]
    for given, inner, label in zip([text, classes, search, forecaster], nets, labels, strict=True):
        display = LossCurveDisplay.from_estimator(given)
        np.testing.assert_array_equal(display.training_lines_[0].get_ydata(), inner.loss_curve_)
        assert display.ax_.get_ylabel() == label
        assert display.ax_.get_xlabel() == ("iteration" if given is search else "epoch")
    assert LossCurveDisplay.from_estimator([text, classes]).ax_.get_ylabel() == "loss"
    assert LossCurveDisplay.from_estimator(text).best_epochs == [np.argmin(text.validation_loss_curve_) + 1]


def test_epochs_that_were_not_validated_are_gaps():
    model = net(max_iter=4).fit(X, y, X_val=X, y_val=y).partial_fit(X, y)
    display = LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.training_lines_[0].get_xdata(), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(np.isnan(display.validation_lines_[0].get_ydata()), [False] * 4 + [True])
    model = net(max_iter=2, warm_start=True).fit(X, y).fit(X, y, X_val=X, y_val=y)
    drawn = LossCurveDisplay.from_estimator(model).validation_lines_[0]
    np.testing.assert_array_equal(drawn.get_ydata(), [np.nan, np.nan, *model.validation_loss_curve_[2:]])


def test_validation_shorter_than_training_is_drawn_from_the_first_epoch_on():
    """As models of older releases have it."""
    display = LossCurveDisplay([[3.0, 2.0, 1.0]], validation_curves=[[3.0, 2.5]], best_epochs=[2])
    assert display.plot().training_lines_[0].get_xdata()[-1] == 3
    assert display.validation_lines_[0].get_xdata()[-1] == 2


def test_on_given_axes_pyplot_is_left_alone(monkeypatch):
    ax = plt.Figure().subplots()
    model = net().fit(X, y)
    plt.figure()
    before, current = plt.get_fignums(), plt.gcf()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now is an error
    display = LossCurveDisplay.from_estimator(model, ax=ax)
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert plt.get_fignums() == before and plt.gcf() is current and not current.axes
    assert display.plot(ax=ax) is display


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    model = net().fit(X, y)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ImportError,
        match=r"LossCurveDisplay.from_estimator draws .* pip install matplotlib \(or .*sklearn-rnn\[plot\]",
    ):
        LossCurveDisplay.from_estimator(model)
    with pytest.raises(ImportError, match=r"LossCurveDisplay.plot draws"):
        LossCurveDisplay([[1.0]]).plot()


def test_errors_say_what_to_do():
    model = net().fit(X, y)
    show = LossCurveDisplay.from_estimator
    with pytest.raises(NotFittedError, match="not fitted yet"):
        show(net())
    with pytest.raises(TypeError, match="got a LinearRegression"):
        show({"a": model, "b": LinearRegression()})
    with pytest.raises(ValueError, match=r"curve must be 'loss' or 'score', got 'accuracy'"):
        show(model, curve="accuracy")
    with pytest.raises(ValueError, match="RNNRegressor has no validation scores"):
        show(model, curve="score")
    with pytest.raises(ValueError, match="names must have an entry for each of 1 models, got 2"):
        show(model, names=["a", "b"])
    with pytest.raises(ValueError, match="names are the keys"):
        show({"a": model}, names=["a"])
    with pytest.raises(ValueError, match="no estimator to draw"):
        show([])
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes, got list"):
        show(model, ax=[1])
    with pytest.raises(ValueError, match=r"one value for each epoch, got an array of shape \(1, 1\)"):
        LossCurveDisplay([[[1.0]]])
    model.loss_curve_ = []
    with pytest.raises(ValueError, match="RNNRegressor has no epoch to draw"):
        show(model)
    assert not plt.get_fignums()


def test_a_drawn_display_can_be_stored_and_copied():
    display = LossCurveDisplay.from_estimator(net().fit(X, y))
    again = pickle.loads(pickle.dumps(display))
    np.testing.assert_array_equal(again.training_lines_[0].get_ydata(), display.training_lines_[0].get_ydata())
    copy.deepcopy(display.figure_)


def test_short_names_of_options_replace_the_usual():
    line = LossCurveDisplay.from_estimator(net().fit(X, y), line_kw={"lw": 7, "c": "red", "ls": ":"}).training_lines_[0]
    assert (line.get_linewidth(), line.get_color(), line.get_linestyle()) == (7, "red", ":")
