"""State dicts that PyTorch loads, and its own, loaded here: what is computed is the same.

Not collected by default, since it needs PyTorch: python -m pytest tests/interop/parity_torch_exchange.py
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklearn_rnn import (
    PatchSequence,
    RNNRegressor,
    RNNSequenceClassifier,
    from_torch_state_dict,
    to_torch_state_dict,
)

X = np.random.default_rng(0).normal(size=(6, 5, 2))
CELLS = ("rnn_tanh", "rnn_relu", "gru", "lstm")


class Net(nn.Module):
    """The module of the documentation: recurrent, readout, and attention where it is wanted."""

    def __init__(self, model, n_features, n_outputs):
        super().__init__()
        self.pooling = model.pooling_
        self.recurrent = recurrent_of(model, n_features)
        n_states = model.hidden_layer_sizes_[0] * (1 + model.bidirectional_)
        if self.pooling == "attention":
            self.attention = nn.ModuleDict(
                {
                    "hidden": nn.Linear(n_states, n_states, bias=False, dtype=torch.float64),
                    "score": nn.Linear(n_states, 1, bias=False, dtype=torch.float64),
                }
            )
        self.readout = nn.Linear(n_states, n_outputs, dtype=torch.float64)

    def forward(self, X):
        H, last = self.recurrent(X)
        if self.pooling is None:
            return self.readout(H)
        if self.pooling == "mean":
            return self.readout(H.mean(dim=1))
        if self.pooling == "attention":
            e = self.attention["score"](torch.tanh(self.attention["hidden"](H)))
            return self.readout((torch.softmax(e, dim=1) * H).sum(dim=1))
        h_n = last[0] if isinstance(self.recurrent, nn.LSTM) else last
        n_directions = 2 if self.recurrent.bidirectional else 1
        return self.readout(torch.cat(list(h_n[-n_directions:]), dim=1))


def recurrent_of(model, n_features):
    options = {"nonlinearity": model.activation_} if model.cell_ == "rnn" else {}
    return {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[model.cell_](
        n_features * model.patch_size_,
        model.hidden_layer_sizes_[0],
        num_layers=len(model.hidden_layer_sizes_),
        bidirectional=model.bidirectional_,
        batch_first=True,
        dtype=torch.float64,
        **options,
    )


def tensors(state):
    return {name: torch.from_numpy(array) for name, array in state.items()}


def a_pass(cell, seed=0, mapping="many-to-one", **options):
    cell, _, activation = cell.partition("_")
    model = RNNRegressor(
        cell=cell,
        activation=activation or "tanh",
        init="normal",
        init_scale=0.5,
        mapping=mapping,
        random_state=seed,
        **options,
    )
    return model.partial_fit(X, X if mapping == "many-to-many" else X[:, 0])


@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_part_goes_into_torchs_module(cell, bidirectional, n_layers):
    model = a_pass(cell, hidden_layer_sizes=(3,) * n_layers, bidirectional=bidirectional)
    recurrent = recurrent_of(model, 2)
    recurrent.load_state_dict(tensors(to_torch_state_dict(model, part="recurrent")))  # strict
    with torch.no_grad():
        H = recurrent(torch.tensor(X))[0].numpy()
    assert_allclose(H, model.hidden_states(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("pooling", ["last", "mean", "attention", "every step"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_whole_nets_out_and_in(cell, bidirectional, pooling):
    options = {"hidden_layer_sizes": (3, 3), "bidirectional": bidirectional}
    if pooling == "every step":
        options["mapping"] = "many-to-many"
    else:
        options["pooling"] = pooling
    model = a_pass(cell, **options)
    net = Net(model, 2, 2)
    torchs_own = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with torch.no_grad():
        expected = net(torch.tensor(X)).numpy()
    back = from_torch_state_dict(model, torchs_own)  # both biases are something here
    assert_allclose(back.predict(X), expected, rtol=0, atol=1e-12)

    net.load_state_dict(tensors(to_torch_state_dict(model)))
    with torch.no_grad():
        assert_allclose(net(torch.tensor(X)).numpy(), model.predict(X), rtol=0, atol=1e-12)
    # parameters need their gradient; they are taken all the same
    assert_allclose(from_torch_state_dict(model, dict(net.named_parameters())).predict(X), model.predict(X), atol=1e-12)


def test_patches_and_probabilities():
    y = np.array(["a", "b", "c"] * 2)
    model = RNNSequenceClassifier(3, cell="lstm", pooling="mean", bidirectional=True, patch_size=2, random_state=0)
    model.partial_fit(X, y, classes=["a", "b", "c"])
    net = Net(model, 2, 3)
    net.load_state_dict(tensors(to_torch_state_dict(model)))
    with torch.no_grad():
        P = torch.softmax(net(torch.tensor(PatchSequence(2).fit_transform(X))), dim=1).numpy()
    assert_allclose(P, model.predict_proba(X), rtol=0, atol=1e-12)


def test_modules_under_other_names_without_biases_in_float32():
    rnn, head = nn.GRU(2, 3, batch_first=True, bias=False), nn.Linear(3, 2, bias=False)
    model = a_pass("gru", hidden_layer_sizes=3)
    model = from_torch_state_dict(model, rnn.state_dict(), part="recurrent")
    model = from_torch_state_dict(model, head.state_dict(), part="readout")
    with torch.no_grad():
        expected = head(rnn.double()(torch.tensor(X))[0][:, -1].float()).numpy()
    assert_allclose(model.predict(X), expected, rtol=0, atol=1e-6)


def test_projections_are_refused():
    rnn = nn.LSTM(2, 3, proj_size=2, batch_first=True)
    with pytest.raises(ValueError, match="weight_hr_l0"):
        from_torch_state_dict(a_pass("lstm", hidden_layer_sizes=3), rnn.state_dict(), part="recurrent")
