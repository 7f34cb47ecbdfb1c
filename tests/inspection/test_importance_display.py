"""SequenceImportanceDisplay: what is drawn is what was measured, and nothing else is touched."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.utils import Bunch

from sklearn_rnn import SequenceImportanceDisplay, sequence_importance

plt = pytest.importorskip("matplotlib.pyplot", reason="draws with matplotlib")

X = np.random.default_rng(0).normal(size=(60, 6, 4))
Y = X[:, 4, 1] + 0.5 * X[:, 1, 3]


class Look(RegressorMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return X[:, 4, 1] + 0.5 * X[:, 1, 3]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def measured(by, **options):
    return sequence_importance(Look(), X, Y, by=by, random_state=0, **options)


def test_bars_are_sorted_with_each_permutation_beside():
    found = measured("feature")
    display = SequenceImportanceDisplay.from_estimator(Look(), X, Y, random_state=0)
    order = np.argsort(-found.importances_mean, kind="stable")
    assert order[:2].tolist() == [1, 3]
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], found.importances_mean[order])
    np.testing.assert_allclose(display.points_.get_xdata(), found.importances[order].ravel())
    assert [label.get_text() for label in display.ax_.get_yticklabels()][:2] == ["channel 1", "channel 3"]
    assert display.ax_.yaxis_inverted()
    assert display.ax_.get_xlabel() and display.ax_.get_legend() is not None
    few = SequenceImportanceDisplay.from_importances(found, max_features=2)
    assert len(few.bars_) == 2


def test_line_over_time_with_the_range():
    found = measured("timestep")
    display = SequenceImportanceDisplay.from_importances(found)
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(-6, 0))
    np.testing.assert_allclose(display.line_.get_ydata(), found.importances_mean)
    vertices = display.band_.get_paths()[0].vertices
    assert vertices[:, 1].max() == pytest.approx(found.importances.max())
    assert "from the end" in display.ax_.get_xlabel() and display.ax_.get_ylabel()
    from_start = SequenceImportanceDisplay.from_importances(measured("timestep", align="start", block_size=2))
    np.testing.assert_array_equal(from_start.line_.get_xdata(), [0.5, 2.5, 4.5])
    assert "from the start" in from_start.ax_.get_xlabel()


def test_map_of_channels_by_time():
    found = measured("block", n_blocks=3)
    display = SequenceImportanceDisplay.from_importances(found)
    np.testing.assert_allclose(display.image_.get_array(), found.importances_mean)
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["−6\n…−5", "−4\n…−3", "−2\n…−1"]  # noqa: RUF001
    assert display.ax_.get_yticklabels()[0].get_text() == "channel 0"
    assert display.colorbar_.ax.get_ylabel() == "R² lost when permuted"
    few = SequenceImportanceDisplay.from_importances(found, max_features=2)
    assert [label.get_text() for label in few.ax_.get_yticklabels()] == ["channel 1", "channel 3"]


@pytest.mark.parametrize(
    ("scoring", "says"),
    [
        (None, "R² lost"),
        ("neg_mean_absolute_error", "mean absolute error gained"),
        (make_scorer(mean_squared_error, greater_is_better=False), "mean squared error gained"),
        (lambda estimator, X, y: 0.0, "score lost"),
    ],
)
def test_labels_name_the_score(scoring, says):
    def label(text):
        return " ".join(text.split())

    bars = SequenceImportanceDisplay.from_importances(measured("feature", scoring=scoring))
    line = SequenceImportanceDisplay.from_importances(measured("timestep", scoring=scoring))
    image = SequenceImportanceDisplay.from_importances(measured("block", scoring=scoring))
    for text in (bars.ax_.get_xlabel(), line.ax_.get_ylabel()):
        assert label(text) == f"Importance ({says} when permuted)"
        assert max(map(len, text.splitlines())) <= 40  # beside small axes too
    assert label(image.colorbar_.ax.get_ylabel()) == f"{says[0].upper()}{says[1:]} when permuted"
    old = measured("feature")
    del old["score_name"]  # as an older release stored it
    assert SequenceImportanceDisplay.from_importances(old).ax_.get_xlabel() == "Importance (score lost when permuted)"


@pytest.mark.parametrize("by", ["block", "feature"])
def test_of_many_channels_and_blocks_those_are_named_that_there_is_room_for(by):
    def overlapping(axis):
        boxes = [text.get_window_extent() for text in axis.get_ticklabels()]
        return any(first.overlaps(second) for first, second in pairwise(boxes))

    many = np.random.default_rng(0).normal(size=(20, 120, 70))
    options = {"n_blocks": 60} if by == "block" else {}
    found = sequence_importance(
        Look(), many, many[:, 4, 1], by=by, n_repeats=1, random_state=0, scoring=lambda *_: 0.0, **options
    )
    _, ax = plt.subplots(figsize=(3.5, 2.5), layout="constrained")
    for display in (
        SequenceImportanceDisplay.from_importances(found),
        SequenceImportanceDisplay.from_importances(found, ax=ax),
    ):
        display.figure_.canvas.draw()
        assert not overlapping(display.ax_.yaxis)
        assert len(display.ax_.get_yticks()) >= 5
        named = display.ax_.get_yticklabels()
        step = round(float(np.diff(display.ax_.get_yticks())[0]))
        assert [text.get_text() for text in named] == [f"channel {i}" for i in range(0, 70, step)]  # at their rows
        if by == "block":
            assert not overlapping(display.ax_.xaxis)
            assert len(display.ax_.get_xticks()) >= 2
    if by == "block":  # white edges would leave nothing of cells that small
        assert len(display.image_.get_edgecolor()) == 0
        assert len(SequenceImportanceDisplay.from_importances(measured("block")).image_.get_edgecolor()) > 0


def test_a_map_with_nothing_to_exchange_somewhere():
    found = measured("block", n_blocks=3)
    found.importances_mean[0, 2] = np.nan
    display = SequenceImportanceDisplay.from_importances(found)
    assert np.ma.getmaskarray(display.image_.get_array())[0, 2]
    assert display.ax_.patch.get_hatch()


@pytest.mark.parametrize("by", ["feature", "timestep", "block"])
def test_axes_that_are_given_are_all_that_is_touched(by):
    figure, (left, right) = plt.subplots(1, 2)
    other = plt.figure()
    display = SequenceImportanceDisplay.from_importances(measured(by), ax=left)
    assert display.ax_ is left and display.figure_ is figure
    assert plt.gcf() is other and len(plt.get_fignums()) == 2
    assert not right.has_data() and left.has_data()
    assert display.plot(ax=right) is display and display.ax_ is right


def test_options_reach_matplotlib():
    display = SequenceImportanceDisplay.from_estimator(
        Look(), X, Y, by="timestep", n_repeats=2, random_state=0, plot_options={"color": "red", "label": "net"}
    )
    assert display.line_.get_color() == "red" and display.line_.get_label() == "net"
    assert display.importances.importances.shape == (6, 2)


def test_what_cannot_be_drawn():
    several = sequence_importance(Look(), X, Y, scoring=["r2", "neg_mean_absolute_error"], random_state=0)
    with pytest.raises(ValueError, match=r"draw one of them, as with importances\['r2'\]"):
        SequenceImportanceDisplay.from_importances(several)
    with pytest.raises(ValueError, match="must be what sequence_importance returned"):
        SequenceImportanceDisplay.from_importances(Bunch(importances_mean=np.zeros(3)))
    for nothing in ({}, None, Bunch()):
        with pytest.raises(ValueError, match="must be what sequence_importance returned"):
            SequenceImportanceDisplay(nothing).plot()
    with pytest.raises(ValueError, match="draw one of them"):
        SequenceImportanceDisplay(several).plot()
    for number in (-1, 0, 1.5, True):
        with pytest.raises(ValueError, match=f"max_features must be an integer of at least 1, got {number}"):
            SequenceImportanceDisplay.from_importances(measured("feature"), max_features=number)
    with pytest.raises(ValueError, match="max_features must be"):  # before anything is measured
        SequenceImportanceDisplay.from_estimator(None, X, Y, max_features=0)
    with pytest.raises(TypeError, match="one matplotlib Axes"):
        SequenceImportanceDisplay.from_importances(measured("feature"), ax=plt.subplots(1, 2)[1])


def test_the_numbers_need_no_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from sklearn_rnn import sequence_importance, SequenceImportanceDisplay\n"
        "found = type('Found', (), {'importances_mean': 0, 'by': 'timestep'})()\n"
        "try: SequenceImportanceDisplay.from_importances(found)\n"
        "except ImportError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "SequenceImportanceDisplay draws with matplotlib, which is not installed" in out.stdout
