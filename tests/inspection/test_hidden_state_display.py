"""HiddenStateDisplay: what is drawn are the hidden states, and what is said of them in numbers is so."""

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import HiddenStateDisplay, RNNRegressor, RNNTextGenerator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 9, 2))
Y = RNG.normal(size=7)


def fitted(hidden_layer_sizes=(5, 4), X=X, y=Y, **options):
    options = {"cell": "gru", "bidirectional": False, "patch_size": 1, "pooling": "last"} | options
    return RNNRegressor(hidden_layer_sizes, max_iter=1, random_state=0, **options).fit(X, y)


def shown(net, X=X, **options):
    return HiddenStateDisplay.from_estimator(net, X, ax=Figure().add_subplot(), **options)


@pytest.fixture(scope="module")
def net():
    return fitted()


@pytest.fixture(scope="module")
def both():
    return fitted(bidirectional=True)


# -- kinds ----------------------------------------------------------------------------------------


def test_heatmap_shows_units_by_steps(net):
    display = shown(net, sample=2)
    assert_array_equal(display.heatmap_.get_array(), net.hidden_states(X)[2].T)
    assert display.heatmap_.get_clim() == (-1, 1)
    assert display.heatmap_.get_extent() == [-0.5, 8.5, 3.5, -0.5]
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == list("0123")
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("time step", "unit")
    assert display.colorbar_.ax.get_ylabel() == "hidden state $h_t$"
    assert "sequence 2 (gru, layer 1)" in display.ax_.get_title()
    assert display.lines_ is None and display.bands_ is None


def test_colors_of_the_heatmap_are_told_apart_in_greyscale(net):
    """Darker the lower, without a turn: -1 and 1 do not look alike."""
    red, green, blue, _ = shown(net).heatmap_.get_cmap()(np.linspace(0, 1, 50)).T
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue
    assert (np.diff(brightness) > 0).all()
    assert brightness[0] < 0.2 and 0.55 < brightness[25] < 0.75 and brightness[-1] > 0.9


def test_distribution_shows_quantiles_over_sequences_and_units(net):
    display = shown(net, kind="distribution", layer=0)
    states = net.hidden_states(X, layer=0)
    for q in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        assert_allclose(display.quantiles_[q], np.quantile(states, q, axis=(0, 2)))
    values, edges, _ = display.median_.get_data()
    assert_array_equal(values, display.quantiles_[0.5])
    assert_array_equal(edges, np.arange(10) - 0.5)
    for band, (low, high) in zip(display.bands_, ((0.01, 0.99), (0.1, 0.9), (0.25, 0.75))):
        values, _, baseline = band.get_data()
        assert_array_equal(values, display.quantiles_[high])
        assert_array_equal(baseline, display.quantiles_[low])
    found = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert found == ["median", "middle 50%", "middle 80%", "middle 98%"]
    assert "all 7 sequences (gru, layer 0)" in display.ax_.get_title()


def test_units_are_lines_and_those_that_move_most_are_chosen(net):
    states = net.hidden_states(X, layer=0)[3]
    display = shown(net, kind="units", sample=3, layer=0, units=[4, 1])
    for line, unit in zip(display.lines_, (4, 1)):
        assert_array_equal(line.get_xydata(), np.column_stack([np.arange(9), states[:, unit]]))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["unit 4", "unit 1"]
    assert_array_equal(
        shown(net, kind="units", layer=0, units=2).lines_[0].get_ydata(), net.hidden_states(X, 0)[0, :, 2]
    )
    wide = fitted(9)
    states = wide.hidden_states(X)[0]
    most = np.sort(np.argsort(states.std(axis=0))[-5:])
    assert_array_equal([line.get_ydata() for line in shown(wide, kind="units").lines_], states[:, most].T)
    lines = shown(wide, kind="units", units=range(9)).lines_
    assert len({(line.get_linestyle(), line.get_color(), line.get_marker()) for line in lines}) == 9


def test_one_step_shows_in_every_kind():
    short = X[:, :1]
    net = RNNRegressor(3, cell="gru", max_iter=1, random_state=0).fit(X, Y)
    for kind in ("heatmap", "distribution", "units"):
        shown(net, short, kind=kind).figure_.canvas.draw()
    assert shown(net, short, kind="units").lines_[0].get_marker() == "o"


# -- what is said in numbers ----------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
def test_share_of_saturated_states(cell):
    net = fitted(6, cell=cell)
    for name, values in net.weights_.items():
        if name.startswith(("W_x", "b_l")):
            values *= 30
    states = net.hidden_states(X)
    assert np.abs(states).max() <= 1
    display = shown(net, kind="distribution")
    assert display.saturated_share_ == (np.abs(states) > 0.99).mean() > 0
    assert f"{display.saturated_share_:.1%} saturated (beyond ±0.99)" in display.ax_.get_title()
    display.plot(Figure().add_subplot(), sample=5, units=[1, 3])
    assert display.saturated_share_ == (np.abs(states[5][:, [1, 3]]) > 0.99).mean()
    assert display.zero_share_ is None and display.dead_units_ is None


@pytest.mark.parametrize("options", [{"cell": "rnn", "activation": "relu"}, {"cell": "indrnn"}])
def test_unbounded_states_are_not_called_saturated_but_zero(options):
    net = fitted(6, **options)
    net.weights_["b_l0"][...] = [-100, 5, 0, -100, 5, 0]
    if "W_h_l0" in net.weights_:
        net.weights_["W_h_l0"][...] *= 0.1
    states = net.hidden_states(X)
    assert states.max() > 1
    display = shown(net, kind="distribution")
    assert display.saturated_share_ is None
    assert display.zero_share_ == (states == 0).mean()
    assert display.dead_units_.tolist() == [0, 3]
    assert f"{display.zero_share_:.1%} zero; zero throughout: 2 of 6 units" in display.ax_.get_title()
    assert "saturated" not in display.ax_.get_title()
    display.plot(Figure().add_subplot(), units=[3, 1])
    assert display.dead_units_.tolist() == [3]
    assert display.heatmap_.get_clim() == (0, states[0][:, [1, 3]].max())
    net.set_params(activation="tanh")  # too late to change what was fitted
    assert shown(net).zero_share_ is not None


def test_shares_are_rounded_without_a_lie():
    states = np.zeros((1, 5000, 1))
    states[0, 0] = 1.0
    display = HiddenStateDisplay(states, nonlinearity="tanh").plot(Figure().add_subplot())
    assert "<0.1% saturated" in display.ax_.get_title()
    display = HiddenStateDisplay(states).plot(Figure().add_subplot())  # a cell of which nothing is known
    assert display.saturated_share_ is None and display.ax_.get_title() == "Hidden states of sequence 0"


# -- layers, directions, sequences ----------------------------------------------------------------


def test_layers_and_directions(both):
    for layer, width in ((0, 5), (1, 4), (-2, 5)):
        states = both.hidden_states(X, layer=layer)[0].T
        assert_array_equal(shown(both, layer=layer, direction="forward").heatmap_.get_array(), states[:width])
        display = shown(both, layer=layer, direction="backward")
        assert_array_equal(display.heatmap_.get_array(), states[width:])
        assert f"layer {layer % 2}, backward" in display.ax_.get_title()
        display = shown(both, layer=layer)
        assert_array_equal(display.heatmap_.get_array(), states)
        assert_array_equal(display.ax_.lines[0].get_ydata(), width - 0.5)  # between the directions
        assert display.ax_.get_ylabel() == "unit (backward: below the line)"
    display = shown(both, kind="units", units=[0, 7])
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "unit 0 (forward)",
        "unit 7 (backward)",
    ]


def test_padding_lists_and_tables():
    sequences = [RNG.normal(size=(n, 2)) for n in (4, 9, 6)]
    before = np.full((3, 9, 2), np.nan)
    for row, sequence in zip(before, sequences):
        row[9 - len(sequence) :] = sequence
    net = fitted(3, sequences, Y[:3])
    states = net.hidden_states(sequences)
    display = shown(net, sequences, sample=-1)
    assert_array_equal(display.heatmap_.get_array(), states[2].T)
    assert "sequence 2" in display.ax_.get_title()
    display = shown(net, before, sample=2)
    assert_allclose(display.heatmap_.get_array(), states[2].T)
    assert display.heatmap_.get_extent()[:2] == [2.5, 8.5]
    display = shown(net, before, sample=2, kind="units")
    assert_array_equal(display.lines_[0].get_xdata(), np.arange(3, 9))
    display = shown(net, sequences, kind="distribution")
    assert_allclose(display.quantiles_[0.25][5], np.quantile([states[1][5], states[2][5]], 0.25))
    assert_allclose(display.quantiles_[0.25][7], np.quantile(states[1][7], 0.25))
    display = shown(net, before, kind="distribution")
    assert_allclose(display.quantiles_[0.9][4], np.quantile([states[1][4], states[2][1]], 0.9))
    table = X[:, :, 0]
    net = fitted(3, table)
    assert_array_equal(shown(net, table, sample=1).heatmap_.get_array(), net.hidden_states(table)[1].T)


def test_patches_are_named_on_the_axis():
    net = fitted(3, patch_size=3)
    display = shown(net)
    assert display.heatmap_.get_array().shape == (3, 3)
    assert display.ax_.get_xlabel() == "patch (of 3 time steps)"


def test_pipeline_transforms_what_the_network_sees():
    table = 3.0 + 10 * X[:, :, 0]
    pipeline = make_pipeline(StandardScaler(), RNNRegressor(3, cell="rnn", max_iter=1, random_state=0)).fit(table, Y)
    expected = pipeline[-1].hidden_states(pipeline[0].transform(table))[0].T
    assert_array_equal(shown(pipeline, table).heatmap_.get_array(), expected)


# -- axes and errors ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["heatmap", "distribution", "units"])
def test_axes_that_are_given_are_drawn_on_and_nothing_else_is_touched(net, kind):
    figure, (left, right) = plt.subplots(1, 2)
    try:
        display = HiddenStateDisplay.from_estimator(net, X, kind=kind, ax=left)
        assert plt.get_fignums() == [figure.number] and plt.gca() is right
        assert display.ax_ is left and display.figure_ is figure
        assert len(figure.axes) == 2 + (kind == "heatmap") and not right.has_data()
        assert display.plot(kind=kind) is display
        assert display.ax_ is not left and len(plt.get_fignums()) == 2
        assert display.ax_.get_xlabel() and display.ax_.get_ylabel()
    finally:
        plt.close("all")


def test_options_go_to_matplotlib(net):
    assert shown(net, vmin=-0.1, vmax=0.1, cmap="gray").heatmap_.get_clim() == (-0.1, 0.1)
    assert shown(net, norm=PowerNorm(2.0)).heatmap_.norm.gamma == 2.0
    assert shown(net, kind="distribution", linewidth=7).median_.get_linewidth() == 7
    assert {line.get_alpha() for line in shown(net, kind="units", alpha=0.4).lines_} == {0.4}


def test_errors_say_what_is_wrong(net, both, monkeypatch):
    for wrong in (
        {"layer": 2, "match": r"layer=2 does not exist: this network has 2 recurrent layers, so layer must .* -2 to 1"},
        {"direction": "backward", "match": r"reads forward only \(bidirectional=False\)"},
        {"direction": "up", "match": "'forward' or 'backward', got 'up'"},
        {"sample": 7, "match": "sample=7 does not exist: X holds 7 sequences, so sample must be from -7 to 6"},
        {"units": [0, 4], "match": r"units \[4\] do not exist: there are 4, so units must be from 0 to 3"},
        {"units": [], "match": "units is empty"},
        {"kind": "lines", "match": "kind must be one of 'heatmap', 'distribution', 'units', got 'lines'"},
        {"X": X[:, :, :1], "match": "features"},
    ):
        match = wrong.pop("match")
        with pytest.raises(ValueError, match=match):
            shown(net, **wrong)
    with pytest.raises(ValueError, match="from 0 to 3"):
        shown(both, direction="backward", units=4)
    for wrong in ({"layer": 0.5}, {"sample": "first"}, {"units": "all"}, {"units": [0.5]}, {"units": [True]}):
        with pytest.raises(TypeError, match=f"{next(iter(wrong))} must be an int"):
            shown(net, **wrong)
    with pytest.raises(NotFittedError):
        shown(RNNRegressor())
    with pytest.raises(TypeError, match="RNNTextGenerator"):
        shown(RNNTextGenerator(4, max_iter=1, random_state=0).fit("to be or not to be. " * 20))
    with pytest.raises(ValueError, match="NaN throughout"):
        HiddenStateDisplay(np.full((1, 2, 3), np.nan)).plot()
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes"):
        HiddenStateDisplay.from_estimator(net, X, ax=[1])
    assert plt.get_fignums() == []  # no figure is opened for what is wrong
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"HiddenStateDisplay.from_estimator draws with .*sklearn-rnn\[plot\]"):
        HiddenStateDisplay.from_estimator(net, X)
