"""summary(): what a network is made of, in numbers; and how estimators look in a notebook."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_rnn
from sklearn_rnn import (
    PatchSequence,
    RNNForecaster,
    RNNRegressor,
    RNNSequenceClassifier,
    RNNTextGenerator,
    SlidingWindow,
    TimestepTransformer,
)
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.estimators._summary import NetworkSummary, net_within

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 6, 3))
y = X[:, -1, 0]
ONE_EPOCH = {"max_iter": 1, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# multiplications of a step in matrix products, by hand: gates * H * (F + H), and without W_h gates * H * F
BY_HAND = {
    "rnn": lambda F, H: H * (F + H),
    "gru": lambda F, H: 3 * H * (F + H),
    "lstm": lambda F, H: 4 * H * (F + H),
    "mingru": lambda F, H: 2 * H * F,
    "indrnn": lambda F, H: H * F,
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_weight_is_counted_once(cell, dtype):
    model = RNNRegressor((5, 4), cell=cell, bidirectional=True, pooling="attention", **ONE_EPOCH)
    model.fit(X.astype(dtype), y)
    summary = model.summary()
    layers = summary.layers
    names = [part.split(" ")[0] for row in layers["weights"] if row for part in row.split("), ")]
    assert names == list(model.weights_)
    assert summary.n_parameters == sum(W.size for W in model.weights_.values())
    assert summary.n_bytes == sum(W.nbytes for W in model.weights_.values())
    assert layers.index.tolist() == [
        f"{cell} 0", f"{cell} 0, reverse", f"{cell} 1", f"{cell} 1, reverse", "pooling: attention", "readout",
    ]  # fmt: skip
    assert layers["n_in"].tolist() == [3, 3, 10, 10, 8, 8]
    assert layers["n_out"].tolist() == [5, 5, 4, 4, 8, 1]
    by_hand = [BY_HAND[cell](3, 5)] * 2 + [BY_HAND[cell](10, 4)] * 2 + [8 * 8 + 8, 0]
    assert layers["multiplications_per_step"].tolist() == by_hand
    assert summary.multiplications_per_step == sum(by_hand)
    assert layers["multiplications_per_sequence"].tolist() == [0] * 5 + [8]
    assert summary.multiplications_per_sequence == 8


def test_concat_is_three_times_as_wide_and_patches_are_steps():
    labels = np.array(["a", "b", "c"])[np.arange(24) % 3]
    summary = RNNSequenceClassifier(4, cell="lstm", patch_size=2, **ONE_EPOCH).fit(X, labels).summary()
    assert summary.layers.loc["pooling: concat", ["n_in", "n_out"]].tolist() == [8, 24]
    assert summary.layers.loc["lstm 0", "n_in"] == 6
    assert summary.layers.loc["readout", "n_out"] == 3
    assert summary.title == (
        "RNNSequenceClassifier: lstm, bidirectional, many-to-one, a step reads 2 time steps, float64"
    )


@pytest.mark.parametrize("mapping", ["many-to-many", "one-to-many"])
def test_with_an_output_at_every_step_the_readout_is_computed_at_every_step(mapping):
    inputs = X if mapping == "many-to-many" else X[:, 0]
    summary = RNNRegressor(4, mapping=mapping, **ONE_EPOCH).fit(inputs, X[:, :, :2]).summary()
    assert summary.layers.index.tolist() == ["gru 0", "readout"]
    assert summary.multiplications_per_step == BY_HAND["gru"](3, 4) + 2 * 4
    assert summary.multiplications_per_sequence == 0


def test_of_a_text_generator():
    text = "the cat sat on the mat. " * 20
    model = RNNTextGenerator((8, 6), embedding_size=5, bptt_steps=8, **ONE_EPOCH).fit(text)
    n = len(model.vocabulary_)
    layers = model.summary().layers
    assert layers.index.tolist() == ["embedding", "gru 0", "gru 1", "readout"]
    assert layers["n_out"].tolist() == [5, 8, 6, n]
    # a row of the embedding is looked up, not multiplied
    gru = [BY_HAND["gru"](5, 8), BY_HAND["gru"](8, 6)]
    assert layers["multiplications_per_step"].tolist() == [0, *gru, 6 * n]
    assert model.summary().n_parameters == sum(W.size for W in model.weights_.values())
    one_hot = RNNTextGenerator(8, embedding_size=None, bptt_steps=8, **ONE_EPOCH).fit(text).summary()
    assert one_hot.layers.index.tolist() == ["gru 0", "readout"]
    assert one_hot.layers.loc["gru 0", "n_in"] == n


def test_of_a_forecaster():
    values = np.sin(np.arange(60.0)) + rng.normal(size=60)
    wrapped = make_pipeline(TimestepTransformer(StandardScaler()), RNNRegressor(5, max_iter=2))
    for regressor, n in ((RNNRegressor(5, max_iter=2), 1), (wrapped, 2)):
        forecaster = RNNForecaster(regressor, window=6, n_members=n, calibration_fraction=0, random_state=0).fit(values)
        summary = forecaster.summary()
        assert summary.n_parameters == sum(W.size for W in net_within(forecaster.regressors_[0]).weights_.values())
        which = "the first of 2 members" if n == 2 else "its network"
        assert summary.title == f"RNNForecaster, {which}: RNNRegressor: gru, many-to-one, float64"
        assert "<summary>Network</summary>" in forecaster._repr_html_()
    without = RNNForecaster(DummyRegressor(), window=6, calibration_fraction=0).fit(values)
    with pytest.raises(ValueError, match=r"holds no recurrent network, but .*Dummy.*regressor=None"):
        without.summary()
    assert "<summary>Network</summary>" not in without._repr_html_()


def test_printed_and_as_html():
    model = RNNRegressor(4, cell="rnn", **ONE_EPOCH).fit(X.astype(np.float32), y)
    summary = model.summary()
    assert str(summary) == repr(summary)
    assert str(summary).splitlines() == [
        "RNNRegressor: rnn, many-to-one, float32",
        "layer          in  out  parameters  bytes  mult. a step  mult. a sequence",
        "-" * 73,
        "rnn 0           3    4          32    128            28                 0",
        "    W_x (4, 3), W_h (4, 4), b (4,)",
        "pooling: last   4    4           0      0             0                 0",
        "readout         4    1           5     20             0                 4",
        "    W_o (1, 4), b_o (1,)",
        "-" * 73,
        "total                           37    148            28                 4",
    ]
    html = summary._repr_html_()
    assert html.count("<tr>") == 5
    for text in ("RNNRegressor: rnn, many-to-one, float32", ">148<", ">W_x (4, 3), W_h (4, 4), b (4,)<"):
        assert text in html
    assert str(pickle.loads(pickle.dumps(summary))) == str(summary)


def test_printed_no_wider_than_a_page_and_nothing_is_left_out():
    labels = np.array(["a", "b", "c"])[np.arange(24) % 3]
    wide = {"hidden_layer_sizes": (300, 256), "cell": "lstm", "bidirectional": True, "patch_size": 2}
    model = RNNSequenceClassifier(**wide, pooling="attention", **ONE_EPOCH).fit(X.astype(np.float32), labels)
    summary = model.summary()
    lines = str(summary).splitlines()
    assert max(map(len, lines)) <= 88
    assert " ".join(" ".join(lines[:2]).split()) == summary.title
    for name, weight in model.weights_.items():
        assert f"{name.split('_l')[0]} {weight.shape}" in str(summary)
    for total in (summary.n_parameters, summary.n_bytes, summary.multiplications_per_step):
        assert f"{total:,}" in lines[-1]
    # where there are many arrays, lines are broken between them
    many = summary.layers.assign(weights=", ".join(f"W_{i} (256, {i})" for i in range(20)))
    lines = str(NetworkSummary("many", many)).splitlines()
    assert max(map(len, lines)) <= 88
    assert all(line.endswith((")", "),")) for line in lines if line.startswith("    "))


@pytest.mark.parametrize("estimator", [RNNRegressor(), RNNSequenceClassifier(), RNNTextGenerator(), RNNForecaster()])
def test_not_fitted(estimator):
    with pytest.raises(NotFittedError, match=f"This {type(estimator).__name__} instance is not fitted"):
        estimator.summary()
    assert "<summary>Network</summary>" not in estimator._repr_html_()


def test_the_notebook_shows_the_network_below_the_diagram():
    model = RNNRegressor(4, **ONE_EPOCH).fit(X, y)
    html = model._repr_html_()
    assert html.count("<summary>Network</summary>") == 1
    assert model.summary()._repr_html_() in html
    assert html.index("sk-top-container") < html.index("<summary>Network</summary>")
    assert model._repr_mimebundle_()["text/html"].count("<summary>Network</summary>") == 1
    with config_context(display="text"):
        assert not hasattr(model, "_repr_html_")


@pytest.mark.parametrize("name", sklearn_rnn.__all__)
def test_the_diagram_links_to_the_documentation_of_this_package(name):
    cls = getattr(sklearn_rnn, name)
    if not (isinstance(cls, type) and hasattr(cls, "get_params")):
        return
    needs = {
        "TimestepTransformer": (StandardScaler(),),
        "SlidingWindow": (3,),
        "PatchSequence": (2,),
        "FrameToSequences": ("id",),
    }
    html = cls(*needs.get(name, ()))._repr_html_()
    assert f'href="https://sklearn-rnn.readthedocs.io/en/latest/api/generated/sklearn_rnn.{name}.html' in html


def test_what_is_not_of_this_package_does_not_link_there():
    class Mine(RNNRegressor):
        pass

    assert "readthedocs" not in Mine()._repr_html_()
    html = make_pipeline(StandardScaler(), SlidingWindow(3), PatchSequence(3), RNNRegressor())._repr_html_()
    assert html.count("scikit-learn.org") >= 2  # the pipeline and the scaler
    for name in ("SlidingWindow", "PatchSequence", "RNNRegressor"):
        assert f"generated/sklearn_rnn.{name}.html" in html
