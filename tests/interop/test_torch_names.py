"""Weights under PyTorch's names, and back. (Against PyTorch itself: parity_torch_exchange.py.)"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, from_torch_state_dict, to_torch_state_dict

X = np.random.default_rng(0).normal(size=(6, 5, 2))
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def a_pass(sizes=3, *, seed=0, X=X, **parameters):
    model = RNNRegressor(sizes, init="normal", init_scale=0.5, random_state=seed, **parameters)
    return model.partial_fit(X, X[:, 0])


class Tensor:
    """As much of a tensor that needs its gradient, on another device, as is needed here."""

    def __init__(self, array, on_cpu=False, detached=False):
        self.array, self.on_cpu, self.detached = array, on_cpu, detached

    def detach(self):
        return Tensor(self.array, self.on_cpu, True)

    def cpu(self):
        return Tensor(self.array, True, self.detached)

    def numpy(self):
        assert self.on_cpu and self.detached
        return self.array


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", GATES)
def test_names_and_shapes_are_those_of_pytorch(cell, bidirectional):
    model = a_pass((3, 3), cell=cell, bidirectional=bidirectional)
    directions = ("", "_reverse")[: 1 + bidirectional]
    rows = 3 * GATES[cell]
    expected = {}
    for layer, n_inputs in ((0, 2), (1, 3 * len(directions))):
        for direction in directions:
            suffix = f"_l{layer}{direction}"
            expected["weight_ih" + suffix], expected["weight_hh" + suffix] = (rows, n_inputs), (rows, 3)
            expected["bias_ih" + suffix] = expected["bias_hh" + suffix] = (rows,)
    state = to_torch_state_dict(model, part="recurrent")
    assert {name: array.shape for name, array in state.items()} == expected
    readout = to_torch_state_dict(model, part="readout")
    assert {name: array.shape for name, array in readout.items()} == {"weight": (2, 3 * len(directions)), "bias": (2,)}
    both = {f"recurrent.{name}": array for name, array in state.items()}
    both |= {f"readout.{name}": array for name, array in readout.items()}
    whole = to_torch_state_dict(model)
    assert whole.keys() == both.keys()
    for name, array in whole.items():
        assert_array_equal(array, both[name])
        assert array.flags.c_contiguous and array.flags.writeable  # torch.from_numpy wants both


def test_values_and_the_two_biases():
    model = a_pass(cell="gru")
    state, weights = to_torch_state_dict(model, part="recurrent"), model.weights_
    assert_array_equal(state["weight_ih_l0"], weights["W_x_l0"])
    assert_array_equal(state["weight_hh_l0"], weights["W_h_l0"])
    assert_array_equal(state["bias_ih_l0"], weights["b_l0"])
    assert_array_equal(state["bias_hh_l0"], np.concatenate([np.zeros(6), weights["b_hn_l0"]]))
    state["weight_ih_l0"][...] = 0.0  # a copy
    assert weights["W_x_l0"].all()
    assert not to_torch_state_dict(a_pass(cell="lstm"), part="recurrent")["bias_hh_l0"].any()
    as_float32 = to_torch_state_dict(a_pass(X=X.astype(np.float32)))
    assert {array.dtype.name for array in as_float32.values()} == {"float32"}


@pytest.mark.parametrize("pooling", ["last", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", GATES)
def test_there_and_back(cell, bidirectional, pooling):
    options = {"cell": cell, "bidirectional": bidirectional, "pooling": pooling, "sizes": (3, 3)}
    one, other = a_pass(**options), a_pass(seed=1, **options)
    before = {name: W.copy() for name, W in other.weights_.items()}
    state = {name: Tensor(array) for name, array in to_torch_state_dict(one).items()}
    result = from_torch_state_dict(other, state)
    assert_array_equal(result.predict(X), one.predict(X))
    assert not np.allclose(other.predict(X), one.predict(X))
    for name, W in other.weights_.items():  # the estimator given stays as it is
        assert_array_equal(W, before[name])
        assert_array_equal(result.weights_[name], one.weights_[name])


def test_two_biases_that_are_both_something_are_added_up():
    rng = np.random.default_rng(1)
    b_ih, b_hh = rng.normal(size=(2, 9))
    model = a_pass(cell="gru")
    state = {**to_torch_state_dict(model, part="recurrent"), "bias_ih_l0": b_ih, "bias_hh_l0": b_hh}
    weights = from_torch_state_dict(model, state, part="recurrent").weights_
    assert_allclose(weights["b_l0"], np.concatenate([b_ih[:6] + b_hh[:6], b_ih[6:]]), rtol=0, atol=1e-15)
    assert_array_equal(weights["b_hn_l0"], b_hh[6:])
    model = a_pass(cell="lstm")
    b_ih, b_hh = rng.normal(size=(2, 12))
    state = {**to_torch_state_dict(model, part="recurrent"), "bias_ih_l0": b_ih, "bias_hh_l0": b_hh}
    assert_allclose(from_torch_state_dict(model, state, part="recurrent").weights_["b_l0"], b_ih + b_hh, atol=1e-15)


@pytest.mark.parametrize("part", ["recurrent", "readout"])
def test_one_part_leaves_the_other(part):
    one, other = a_pass(cell="gru"), a_pass(cell="gru", seed=1)
    result = from_torch_state_dict(other, to_torch_state_dict(one, part=part), part=part)
    for name, W in result.weights_.items():
        source = one if name.endswith("_o") == (part == "readout") else other
        assert_array_equal(W, source.weights_[name])


def test_modules_without_biases():
    model = a_pass(cell="gru")
    state = {name: array for name, array in to_torch_state_dict(model).items() if "bias" not in name}
    result = from_torch_state_dict(model, state)
    for name, W in result.weights_.items():
        if name.startswith("b"):
            assert not W.any()
        else:
            assert_array_equal(W, model.weights_[name])
    state["recurrent.bias_ih_l0"] = np.zeros(9)
    with pytest.raises(ValueError, match=r"missing \['recurrent.bias_hh_l0'\]"):
        from_torch_state_dict(model, state)


def test_values_are_converted_to_the_dtype_of_the_network():
    model = a_pass(X=X.astype(np.float32))
    state = {name: array.astype(np.float64) for name, array in to_torch_state_dict(a_pass(seed=1)).items()}
    result = from_torch_state_dict(model, state)
    assert result.weights_["W_o"].dtype == np.float32
    assert_array_equal(result.weights_["W_o"], state["readout.weight"].astype(np.float32))


def test_classifier_goes_on_learning_from_the_weights_it_was_given():
    y = np.array(["a", "b"] * 3)
    classes = np.unique(y)
    one, other = (RNNSequenceClassifier(3, random_state=seed).partial_fit(X, y, classes=classes) for seed in (0, 1))
    result = from_torch_state_dict(other, to_torch_state_dict(one))
    assert_array_equal(result.predict_proba(X), one.predict_proba(X))
    before = result.weights_["W_o"].copy()
    result.partial_fit(X, y)
    assert 0 < np.abs(result.weights_["W_o"] - before).max() < 0.1


def test_what_is_refused():
    model = a_pass(cell="gru")
    state = to_torch_state_dict(model)
    for function in (to_torch_state_dict, lambda estimator: from_torch_state_dict(estimator, state)):
        with pytest.raises(NotFittedError):
            function(RNNRegressor())
        with pytest.raises(TypeError, match=r"takes an RNNRegressor or RNNSequenceClassifier, got a Pipeline.*\[-1\]"):
            function(make_pipeline(model))
        with pytest.raises(TypeError, match="got an RNNForecaster"):
            function(RNNForecaster())
        with pytest.raises(ValueError, match=r"PyTorch has no module for cell='mingru', only for rnn, gru, lstm"):
            function(a_pass(cell="mingru"))
        with pytest.raises(ValueError, match=r"are \(3, 4\) units wide; torch.nn.GRU has one width"):
            function(a_pass((3, 4), cell="gru"))
    with pytest.raises(ValueError, match=r"part must be one of .* got 'rnn'"):
        to_torch_state_dict(model, part="rnn")
    assert to_torch_state_dict(a_pass(cell="mingru"), part="readout").keys() == {"weight", "bias"}  # which is a Linear

    with pytest.raises(TypeError, match="state_dict must be a mapping of names to arrays, got list"):
        from_torch_state_dict(model, list(state))
    with pytest.raises(ValueError, match=r"missing \['recurrent.weight_ih_l0', .*not expected \['weight_ih_l0'"):
        from_torch_state_dict(model, to_torch_state_dict(model, part="recurrent"))
    with pytest.raises(ValueError, match=r"two directions: missing \['recurrent.weight_ih_l0_reverse'"):
        from_torch_state_dict(a_pass(cell="gru", bidirectional=True), state)
    with pytest.raises(ValueError, match=r"not expected \['recurrent.weight_ih_l1'"):
        from_torch_state_dict(model, to_torch_state_dict(a_pass((3, 3), cell="gru")))
    with pytest.raises(ValueError, match=r"recurrent.weight_ih_l0'. has shape \(12, 2\), this network's is \(9, 2\)"):
        from_torch_state_dict(model, to_torch_state_dict(a_pass(cell="lstm")))
    with pytest.raises(ValueError, match=r"has shape \(12, 2\), this network's is \(9, 2\): number of features, width"):
        from_torch_state_dict(model, to_torch_state_dict(a_pass(4, cell="gru")))
    for bad, message in (
        (np.array([np.nan, 1.0]), "holds values that are not finite"),
        (np.array(["a", "b"]), "must hold real numbers, got dtype <U1"),
    ):
        with pytest.raises(ValueError, match=rf"state_dict\['readout.bias'\] {message}"):
            from_torch_state_dict(model, {**state, "readout.bias": bad})
