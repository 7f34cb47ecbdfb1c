"""The network against what PyTorch computed: outputs, loss and every gradient, from tests/core/golden/torch.npz.

`torch_reference.py` recorded the file and says what a configuration is; torch itself is not needed here.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import CELLS, ElmanCell
from sklearn_rnn.core._losses import LogLoss, SquaredError
from sklearn_rnn.core._network import Network

with np.load(Path(__file__).parent / "golden" / "torch.npz") as file:
    GOLDEN = dict(file)
CONFIGURATIONS = GOLDEN["configurations"].tolist()


def load_reference(configuration):
    """One configuration as `torch_reference.make_reference` returned it."""
    *net, lengths_kind, mapping = configuration.split("/")
    inputs = "tokens" if mapping == "tokens" else "numbers"
    weights = GOLDEN["/".join(("weights", *net, inputs))]
    gradient = GOLDEN[f"gradient/{configuration}"]
    return {
        "X": GOLDEN[f"X/{inputs}"],
        "lengths": GOLDEN["lengths/ragged"] if lengths_kind == "ragged" else None,
        "Y": GOLDEN[f"Y/{mapping}"],
        "outputs": GOLDEN[f"outputs/{configuration}"],
        "loss": float(GOLDEN[f"loss/{configuration}"]),
        "weights": {name: weights[name] for name in weights.dtype.names},
        "gradient": {name: gradient[name] for name in gradient.dtype.names},
    }


def make_network(configuration, n_features, width, n_outputs, pooling="last"):
    cell, n_layers, direction, _, mapping = configuration.split("/")
    cell, _, activation = cell.partition("_")
    reads_tokens = mapping == "tokens"
    return Network(
        n_features,
        (width,) * int(n_layers),
        LogLoss(n_outputs) if reads_tokens else SquaredError(n_outputs),
        cell=ElmanCell(activation) if cell == "rnn" else CELLS[cell](),
        bidirectional=direction == "bidirectional",
        pooling=pooling if mapping == "many-to-one" else None,
        dropout=0.0,
        n_tokens=n_outputs if reads_tokens else None,
    )


def check_against(reference, configuration, pooling="last", atol=1e-10):
    """Compare all that our network computes from a reference's inputs and weights with the reference."""
    X, lengths, Y, weights = (reference[key] for key in ("X", "lengths", "Y", "weights"))
    rows, n_inputs = weights["W_x_l0"].shape
    width = rows // CELLS[configuration.split("/")[0].partition("_")[0]].gates
    network = make_network(configuration, n_inputs, width, len(weights["b_o"]), pooling)
    assert {name: array.shape for name, array in weights.items()} == network.layout.shapes
    assert list(reference["gradient"]) == list(weights)
    theta = np.empty(network.layout.size)
    for name, view in network.layout.views(theta).items():
        view[...] = weights[name]
    per_step = Y.ndim == 3
    batch = Batch(X.transpose(1, 2, 0).astype(theta.dtype), lengths, Y.transpose(1, 2, 0) if per_step else Y.T)

    outputs, expected = np.moveaxis(network.outputs(theta, batch), -1, 0), reference["outputs"]
    if per_step and lengths is not None:
        outputs, expected = outputs[batch.valid.T], expected[batch.valid.T]
    assert_allclose(outputs, expected, rtol=0, atol=atol)
    loss, gradient = network.loss_grad(theta, batch)
    assert_allclose(loss, reference["loss"], rtol=0, atol=atol)
    for name, dW in network.layout.views(gradient).items():
        assert_allclose(dW, reference["gradient"][name], rtol=0, atol=atol, err_msg=name)


def test_golden_file_is_complete():
    words = (
        ("rnn_tanh", "rnn_relu", "gru", "lstm"),
        ("1", "2"),
        ("forward", "bidirectional"),
        ("equal", "ragged"),
        ("many-to-one", "many-to-many", "tokens"),
    )
    assert set(CONFIGURATIONS) == {"/".join(configuration) for configuration in product(*words)}
    lengths = GOLDEN["lengths/ragged"]
    assert 1 <= lengths.min() < lengths.max() == GOLDEN["X/numbers"].shape[1] == GOLDEN["X/tokens"].shape[1]
    assert not (np.diff(lengths) <= 0).all()


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_same_as_torch(configuration):
    check_against(load_reference(configuration), configuration)
