"""GradientFlowDisplay: the decay that is fitted is the one that theory says, and what is drawn is what was computed."""

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from scipy.stats import ortho_group
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    GradientFlowDisplay,
    PatchSequence,
    RNNRegressor,
    RNNSequenceClassifier,
    RNNTextGenerator,
    TimestepTransformer,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
WIDTH, STEPS = 6, 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, STEPS, 3))
Y = RNG.normal(size=5)


def fitted(X=X, y=Y, hidden_layer_sizes=WIDTH, model=RNNRegressor, **options):
    """A network with readout weights that are not small; its recurrent weights are to be set."""
    options = {"cell": "rnn", "bidirectional": False, "patch_size": 1, "pooling": "last"} | options
    return model(hidden_layer_sizes, max_iter=1, random_state=0, **options).fit(X, y)


def flow(net, X=X, y=Y, **options):
    return GradientFlowDisplay.from_estimator(net, X, y, **{"ax": Figure().add_subplot(), **options})


def set_weights(net, **values):
    for name, value in values.items():
        net.weights_[name][...] = value


def in_words(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# -- the decay, against theory ----------------------------------------------


@pytest.mark.parametrize("c", [0.7, 1.0, 1.3])
def test_relu_with_all_units_active_decays_by_the_scale_of_an_orthogonal_matrix(c):
    """dh_{t-1} = c Q^T dh_t; inputs are such that the state is positive, whatever Q has made of the one before."""
    W_h = c * ortho_group.rvs(WIDTH, random_state=1)
    states = RNG.uniform(1.0, 2.0, size=(4, STEPS, WIDTH))
    inputs = states.copy()
    inputs[:, 1:] -= states[:, :-1] @ W_h.T
    net = fitted(inputs, Y[:4], activation="relu")
    set_weights(net, W_h_l0=W_h, W_x_l0=np.eye(WIDTH), b_l0=0.0)
    assert_allclose(net.hidden_states(inputs), states)
    display = flow(net, inputs, Y[:4])
    assert display.decay_rate_[0] == pytest.approx(c, rel=1e-12)
    assert_allclose(display.norms[0][1:] / display.norms[0][:-1], c)
    assert display.recurrent_norms_[0]["W_h"] == pytest.approx({"largest_singular_value": c, "spectral_radius": c})
    assert_allclose(display.bound_line_.get_ydata(), display.norms[0])  # the bound is reached


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_near_zero_decays_by_the_spectral_radius(dtype):
    """Not by the largest singular value: W_h is far from normal."""
    W_h = np.diag([0.8, 0.4, 0.3, 0.2, 0.1, 0.0]) + 0.8 * np.eye(WIDTH, k=1)
    still = np.zeros((5, 60, 3), dtype)
    net = fitted(still)
    set_weights(net, W_h_l0=W_h, b_l0=0.0)
    display = flow(net, still)
    assert display.decay_rate_[0] == pytest.approx(0.8, rel=0.03)
    assert display.recurrent_norms_[0]["W_h"]["spectral_radius"] == pytest.approx(0.8, rel=1e-6)
    assert display.recurrent_norms_[0]["W_h"]["largest_singular_value"] > 1.0


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("scale", [0.2, 0.6, 2.0])
def test_no_elman_network_decays_more_slowly_than_its_largest_singular_value(activation, scale):
    net = fitted(activation=activation)
    set_weights(net, W_h_l0=scale * np.random.default_rng(3).normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH), b_l0=0.3)
    display = flow(net)
    sigma = display.recurrent_norms_[0]["W_h"]["largest_singular_value"]
    assert sigma == pytest.approx(np.linalg.svd(net.weights_["W_h_l0"], compute_uv=False)[0])
    assert display.decay_rate_[0] <= sigma
    assert (display.norms[0] <= display.bound_line_.get_ydata() * (1 + 1e-12)).all()


def test_lstm_with_an_open_forget_gate_decays_by_the_gate_and_far_more_slowly_than_tanh():
    lstm, tanh = fitted(cell="lstm"), fitted()
    small = 0.003 * np.random.default_rng(4).normal(size=(4 * WIDTH, WIDTH))
    set_weights(lstm, W_h_l0=small, W_x_l0=0.3 * lstm.weights_["W_x_l0"], b_l0=np.repeat([0.0, 3.0, 0.0, 0.0], WIDTH))
    lstm.weights_["W_x_l0"][WIDTH : 2 * WIDTH] = 0.0  # the forget gate sees nothing but its bias
    set_weights(tanh, W_h_l0=small[:WIDTH], b_l0=0.0)
    display = flow(lstm)
    assert display.decay_rate_[0] == pytest.approx(1 / (1 + np.exp(-3.0)), rel=0.02)
    assert flow(tanh).decay_rate_[0] < 0.02
    assert display.bound_line_ is None  # no one matrix bounds a gated cell
    found = display.recurrent_norms_[0]
    assert list(found) == ["W_hi", "W_hf", "W_hg", "W_ho"]
    for name, W in zip(found, np.split(small, 4)):
        assert found[name]["largest_singular_value"] == pytest.approx(np.linalg.svd(W, compute_uv=False)[0])
        assert found[name]["spectral_radius"] == pytest.approx(np.abs(np.linalg.eigvals(W)).max())


def test_gru_that_keeps_its_state_decays_by_the_update_gate():
    net = fitted(cell="gru")
    set_weights(net, W_h_l0=0.0, b_l0=np.repeat([0.0, 2.0, 0.0], WIDTH), b_hn_l0=0.0)
    net.weights_["W_x_l0"][WIDTH : 2 * WIDTH] = 0.0
    display = flow(net)
    assert display.decay_rate_[0] == pytest.approx(1 / (1 + np.exp(-2.0)), rel=1e-10)
    assert list(display.recurrent_norms_[0]) == ["W_hr", "W_hz", "W_hn"]


def test_mingru_decays_by_what_its_update_gate_leaves():
    net = fitted(cell="mingru")
    set_weights(net, b_l0=np.repeat([-2.0, 0.0], WIDTH))
    net.weights_["W_x_l0"][:WIDTH] = 0.0
    display = flow(net)
    assert display.decay_rate_[0] == pytest.approx(1 - 1 / (1 + np.exp(2.0)), rel=1e-10)
    assert display.recurrent_norms_ == {0: {}}


def test_indrnn_decays_by_u_where_units_are_active():
    net = fitted(cell="indrnn")
    set_weights(net, nu_l0=np.log(-np.log(0.9)), W_x_l0=0.0, b_l0=1.0)
    display = flow(net)
    assert display.decay_rate_[0] == pytest.approx(0.9, rel=1e-12)
    assert display.recurrent_norms_[0]["u"] == pytest.approx({"largest_singular_value": 0.9, "spectral_radius": 0.9})
    assert_allclose(display.bound_line_.get_ydata(), display.norms[0])


def test_backward_direction_counts_from_the_first_step():
    """Both directions of a bidirectional network, each by its own factor, and in ragged sequences too."""
    still = [np.zeros((n, 1)) for n in (12, 20, 9)]
    net = fitted(still, Y[:3], bidirectional=True)
    set_weights(net, W_h_l0=0.6 * np.eye(WIDTH), W_h_l0_reverse=0.9 * np.eye(WIDTH), b_l0=0.0, b_l0_reverse=0.0)
    for direction, rate in (("forward", 0.6), ("backward", 0.9)):
        display = flow(net, still, Y[:3], direction=direction)
        for lengths_are_equal in (slice(9), slice(9, 12), slice(12, 20)):
            norms = display.norms[0][lengths_are_equal]
            assert_allclose(norms[1:] / norms[:-1], rate)
        assert display.n_sequences.tolist() == [3] * 9 + [2] * 3 + [1] * 8
        assert direction in display.ax_.get_title()
        assert display.recurrent_norms_[0]["W_h"]["spectral_radius"] == pytest.approx(rate)
        assert display.bound_line_ is None  # sequences leave the mean
    assert "on from the first" in display.ax_.get_xlabel()


def test_many_to_many_draws_the_loss_of_the_last_step():
    still, targets = np.zeros((4, 25, 1)), RNG.normal(size=(4, 25))
    net = fitted(still, targets, mapping="many-to-many")
    set_weights(net, W_h_l0=0.8 * np.eye(WIDTH), b_l0=0.0)
    display = flow(net, still, targets)
    assert display.decay_rate_[0] == pytest.approx(0.8, rel=1e-12)
    assert "loss of the last step" in display.ax_.get_title()


# -- the mean and what is not fitted ----------------------------------------------


def test_axes_in_use_keep_their_scale_unless_another_is_asked_for():
    net, ax = fitted(), Figure().subplots()
    ax.plot([0, 5], [-1.0, 1.0])
    display = flow(net, ax=ax)
    assert ax.get_yscale() == "linear"
    assert_allclose(display.lines_[0].get_ydata(), display.norms[0])
    positive = Figure().subplots()
    positive.plot([0, 5], [0.1, 1.0])
    assert flow(net, ax=positive, log_scale=True).ax_.get_yscale() == "log"
    empty = flow(net, ax=Figure().subplots()).ax_
    assert empty.get_yscale() == "log" == flow(net, ax=empty).ax_.get_yscale()
    assert flow(net, ax=Figure().subplots(), log_scale=False).ax_.get_yscale() == "linear"


def test_norm_is_the_root_mean_square_of_sequences():
    net = fitted(hidden_layer_sizes=(4, 3))
    display = flow(net)
    for layer, width in enumerate((4, 3)):
        gradients = net.hidden_gradients(X, Y, layer=layer)
        assert gradients.shape == (5, STEPS, width)
        expected = np.sqrt((gradients**2).sum(axis=2).mean(axis=0))[::-1]
        assert_allclose(display.norms[layer], expected)
        assert_allclose(display.lines_[layer].get_ydata(), expected)
    # half the squared error: its gradient at the last state is the error times the readout's weights
    residuals = net.predict(X) - Y
    assert_allclose(display.norms[1][0], np.sqrt((residuals**2).mean()) * np.linalg.norm(net.weights_["W_o"]))
    assert list(flow(net, layer=-1).norms) == [1]


def test_gradient_of_a_classifier_is_that_of_its_log_loss():
    labels = np.array(["no", "yes", "no", "no", "yes"])
    net = fitted(y=labels, model=RNNSequenceClassifier)
    wrong = net.predict_proba(X)[:, 1] - (labels == "yes")
    expected = np.sqrt((wrong**2).mean()) * np.linalg.norm(net.weights_["W_o"])
    assert_allclose(flow(net, X, labels).norms[0][0], expected)


@pytest.mark.parametrize("patch_size", [1, 2])
def test_padding_and_lists_are_the_same_sequences(patch_size):
    sequences = [RNG.normal(size=(n, 2)) for n in (7, 12, 4)]
    before, after = np.full((2, 3, 12, 2), np.nan)
    for k, sequence in enumerate(sequences):
        before[k, 12 - len(sequence) :], after[k, : len(sequence)] = sequence, sequence
    net = fitted(sequences, Y[:3], cell="gru", patch_size=patch_size)
    displays = [flow(net, X, Y[:3]) for X in (sequences, before, after)]
    for display in displays:
        assert_allclose(display.norms[0], displays[0].norms[0])
        assert display.n_sequences.tolist() == displays[0].n_sequences.tolist()
        assert ("patches (of 2 time steps)" in display.ax_.get_xlabel()) == (patch_size == 2)
    assert len(displays[0].n_sequences) == 12 // patch_size
    if patch_size == 2:
        plain = fitted(PatchSequence(2).fit_transform(sequences), Y[:3], cell="gru")
        set_weights(plain, **net.weights_)
        assert_allclose(
            flow(make_pipeline(PatchSequence(2).fit(sequences), plain), sequences, Y[:3]).norms[0], displays[0].norms[0]
        )


@pytest.mark.parametrize(("dtype", "lag"), [(np.float32, 13), (np.float64, 103)])
def test_what_vanishes_below_the_smallest_normal_number_is_told_and_not_fitted(dtype, lag):
    """Squares of such norms would vanish at half the lag."""
    still = np.zeros((3, 150, 1), dtype)
    net = fitted(still, Y[:3])
    set_weights(net, W_h_l0=1e-3 * np.eye(WIDTH), b_l0=0.0)
    display = flow(net, still, Y[:3])
    assert display.decay_rate_[0] == pytest.approx(1e-3, rel=1e-5)
    assert abs(display.vanished_lag_[0] - lag) <= 1
    assert f"from lag {display.vanished_lag_[0]} on" in in_words(display)[0]
    assert np.isnan(display.lines_[0].get_ydata()[-1])


def test_dead_relu_units_let_nothing_pass():
    net = fitted(activation="relu")
    set_weights(net, W_x_l0=0.0, b_l0=-1.0)
    display = flow(net)
    assert display.vanished_lag_ == {0: 1}
    assert np.isnan(display.decay_rate_[0])
    assert "too few lags to fit a decay, zero from lag 1 on" in in_words(display)[0]
    assert display.fit_lines_ == {}


def test_a_loss_of_zero_has_no_gradient_at_all():
    net = fitted()
    display = flow(net, X, net.predict(X))
    assert display.vanished_lag_ == {0: 0}
    assert not display.norms[0].any()
    assert display.bound_line_ is None
    display.figure_.canvas.draw()


def test_fit_is_weighted_by_sequences_and_leaves_out_lag_0_and_what_overflows():
    lags = np.arange(8)
    norm = np.exp(1.0 + 2.0 * lags)
    norm[0], norm[6:] = 100.0, [np.inf, np.nan]
    norm[5] *= 3.0
    n_sequences = np.array([9, 8, 7, 6, 5, 2, 1, 1])
    display = GradientFlowDisplay({0: norm}, n_sequences).plot(Figure().add_subplot())
    slope, at_zero = np.polyfit(lags[1:6], np.log(norm[1:6]), 1, w=np.sqrt(n_sequences[1:6]))
    assert display.decay_rate_[0] == pytest.approx(np.exp(slope), rel=1e-12)
    assert_allclose(display.fit_lines_[0].get_xdata(), [1, 5])
    assert_allclose(display.fit_lines_[0].get_ydata(), np.exp(at_zero + slope * np.array([1, 5])))
    assert display.overflow_lag_ == {0: 6}
    assert "overflows at lag 6" in in_words(display)[0]


def test_a_curve_that_no_factor_describes_says_how_far_off_the_fit_is():
    lags = np.arange(30)
    straight = 2.0 * 0.8**lags
    bent = np.where(lags < 15, 1.0, 0.5 ** (lags - 14.0))
    display = GradientFlowDisplay({0: straight, 1: bent}, np.full(30, 4)).plot(Figure().add_subplot())
    slope, at_zero = np.polyfit(lags[1:], np.log(bent[1:]), 1)
    off = np.exp(np.abs(np.log(bent[1:]) - at_zero - slope * lags[1:]).max())
    assert display.decay_misfit_ == pytest.approx({0: 1.0, 1: off})
    assert in_words(display)[:2] == [
        "layer 0: factor 0.8 per step",
        f"layer 1: factor {np.exp(slope):.3g} per step (fit is off by up to {off:.2g} times)",
    ]
    assert off > 2.0


def test_fits_lie_behind_their_curves_in_the_color_of_the_layer():
    display = flow(fitted(hidden_layer_sizes=(4, 3)))
    for layer, line in display.lines_.items():
        fit = display.fit_lines_[layer]
        assert fit.get_color() == line.get_color() and fit.get_zorder() < line.get_zorder()
        assert fit.get_alpha() < 0.5 and fit.get_linewidth() > 2 * line.get_linewidth()
    assert [text for text in in_words(display) if "fitted" in text] == ["fitted decay, each in the color of its layer"]


@pytest.mark.parametrize("pooling", ["mean", "max", "concat", "attention"])
def test_pooling_sends_gradient_to_every_step_and_the_figure_says_so(pooling):
    net = fitted(cell="mingru", pooling=pooling)
    set_weights(net, b_l0=np.repeat([4.0, 0.0], WIDTH))  # nearly nothing is kept: last pooling would vanish
    net.weights_["W_x_l0"][:WIDTH] = 0.0
    display = flow(net)
    assert display.norms[0][1:].max() > 1e-3 * display.norms[0][0]
    assert f'pooling="{pooling}": gradient also enters at every step directly' in display.ax_.get_title()
    assert display.bound_line_ is None


# -- what is drawn, and on what ----------------------------------------------


def test_figure_with_and_without_axes():
    net = fitted(hidden_layer_sizes=(4, 3))
    figures = plt.get_fignums()
    _, (left, right) = plt.subplots(1, 2)
    try:
        display = GradientFlowDisplay.from_estimator(net, X, Y, ax=left, linewidth=5)
        assert plt.gca() is right and len(plt.get_fignums()) == len(figures) + 1
        assert display.ax_ is left and display.figure_ is left.figure
        assert display.lines_[1].get_linewidth() == 5
        assert left.get_yscale() == "log"
        assert left.get_xlabel() == "lag: time steps back from the last"
        assert "partial" in left.get_ylabel()
        assert len({line.get_linestyle() for line in display.lines_.values()}) == 2
        assert [text.split(":")[0] for text in in_words(display)[:2]] == ["layer 0", "layer 1"]
        assert f"factor {display.decay_rate_[0]:.3g} per step" in in_words(display)[0]
        assert not right.lines and display.plot() is display and display.ax_ is plt.gca() is not right
    finally:
        plt.close("all")


def test_bound_does_not_change_the_limits():
    net = fitted()
    set_weights(net, W_h_l0=3.0 * np.eye(WIDTH))
    display = flow(net)
    low, high = display.ax_.get_ylim()
    assert low <= display.norms[0].min() and high < display.bound_line_.get_ydata()[-1]
    (bound,) = (text for text in in_words(display) if text.startswith("bound: "))
    assert "3 (spectral radius 3)" in bound
    lag = np.flatnonzero(display.bound_line_.get_ydata() > high)[0]
    assert 1 <= lag < STEPS and bound.endswith(f"above the figure from lag {lag} on")
    display.ax_.set_ylim(top=2 * display.bound_line_.get_ydata()[-1])  # the legend keeps up
    assert not any("above the figure" in text for text in in_words(display))
    set_weights(net, W_h_l0=1e-3 * np.eye(WIDTH))
    assert not any("above the figure" in text for text in in_words(flow(net)))
    assert any(text.startswith("bound of layer 1: ") for text in in_words(flow(fitted(hidden_layer_sizes=(4, 3)))))


def test_pipelines_and_searches_are_looked_through():
    pipeline = make_pipeline(TimestepTransformer(StandardScaler()), RNNRegressor(3, cell="rnn", max_iter=1))
    scaled = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    search = GridSearchCV(scaled, {"regressor__rnnregressor__random_state": [0]}, cv=2).fit(X, Y)
    inside = search.best_estimator_.regressor_
    expected = flow(inside[-1], inside[:-1].transform(X), (Y - Y.mean()) / Y.std()).norms[0]
    assert_allclose(flow(search).norms[0], expected)
    assert_allclose(flow(search.best_estimator_, X, Y).norms[0], expected)


@pytest.mark.parametrize("y", [Y, Y[:, None]], ids=["1-D", "column"])
def test_targets_are_transformed_to_whatever_container(y):
    def display(scaler):
        net = RNNRegressor(WIDTH, cell="rnn", max_iter=1, random_state=0)
        model = TransformedTargetRegressor(net, transformer=scaler).fit(X, y)
        for given in (Y, Y[:, None]):  # its score takes either
            yield flow(model, y=given)

    plain, *others = [*display(StandardScaler()), *display(StandardScaler().set_output(transform="pandas"))]
    with config_context(transform_output="pandas"):
        others += display(StandardScaler())
    for other in others:
        assert_allclose(other.norms[0], plain.norms[0], rtol=1e-12)


def test_errors_say_what_is_wrong(monkeypatch):
    net = fitted()
    with pytest.raises(ValueError, match=r"layer=1 does not exist: this network has 1 recurrent layer, .* -1 to 0"):
        flow(net, layer=1)
    with pytest.raises(TypeError, match="layer must be an int, got 'last'"):
        flow(net, layer="last")
    with pytest.raises(ValueError, match="reads forward only"):
        flow(net, direction="backward")
    with pytest.raises(ValueError, match="'forward' or 'backward', got 'both'"):
        flow(net, direction="both")
    with pytest.raises(NotFittedError):
        flow(RNNRegressor())
    with pytest.raises(ValueError, match=r"[Ss]amples|[Ss]equences|lengths"):
        flow(net, X, Y[:-1])
    targets = RNG.normal(size=(5, STEPS))
    with pytest.raises(ValueError, match="goes back no further"):
        flow(fitted(y=targets, mapping="many-to-many", bidirectional=True), X, targets, direction="backward")
    with pytest.raises(TypeError, match="RNNTextGenerator"):
        flow(RNNTextGenerator(4, max_iter=1, random_state=0).fit("to be or not to be. " * 20))
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes"):
        GradientFlowDisplay.from_estimator(net, X, Y, ax=[1])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ImportError, match=r"GradientFlowDisplay.from_estimator draws with matplotlib.*sklearn-rnn\[plot\]"
    ):
        GradientFlowDisplay.from_estimator(net, X, Y)
