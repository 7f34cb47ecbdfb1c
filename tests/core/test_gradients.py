"""Every gradient against central differences, over the registries: a new cell, pooling or loss is checked unasked."""

import itertools

import numpy as np
import pytest

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._cores import Cores
from sklearn_rnn.core._losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from sklearn_rnn.core._pooling import POOLINGS


def cell_options(name):
    """All options of a cell that the estimators can ask for."""
    activations = ("tanh", "relu") if "activation" in CELLS[name].options else ("tanh",)
    return [{"cell": name, "activation": activation} for activation in activations]


def rectifies(options):
    """Whether units may be dead, and then have no gradient to check."""
    return options.get("activation") == "relu" or options.get("cell") == "indrnn"


CELL_OPTIONS = [options for name in CELLS for options in cell_options(name)]
# What the estimators make of y decides on some losses; every name of the registries must occur here.
LOSS_OPTIONS = [
    *({"loss": name} for name in REGRESSION_LOSSES),
    {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)},
    {"y": "binary"},
    {"y": "multiclass"},
    {"y": "multilabel"},
]
ARCHITECTURES = [
    {"hidden_layer_sizes": 3},
    {"hidden_layer_sizes": (3, 2)},
    {"hidden_layer_sizes": 3, "bidirectional": True},
]
N, T, F = 4, 5, 2
LENGTHS = [5, 2, 4, 1]


def _problem(options, *, ragged=False, weighted=False, seed=0, **more):
    """The objective of a model with these options on random data, a random theta and one batch."""
    options = {**options, **more}
    rng = np.random.default_rng(seed)
    kind = options.pop("y", None)
    mapping = options.get("mapping", "many-to-one")
    Model = RNNRegressor if kind is None else RNNSequenceClassifier
    model = (
        Model(random_state=seed, init="uniform", huber_delta=0.3, **options)
        if kind is None
        else Model(random_state=seed, init="uniform", **options)
    )
    per_step = mapping != "many-to-one"
    X = rng.normal(size=(N, F)) if mapping == "one-to-many" else rng.normal(size=(N, T, F))
    lead = (N, T) if per_step else (N,)
    if kind is None:
        y = np.abs(rng.normal(size=(*lead, 2)))
    elif kind == "multilabel":
        y = rng.integers(0, 2, (*lead, 2))
        y.reshape(-1, 2)[0] = 1  # two columns of 0 and 1, whatever was drawn
    else:
        y = np.resize(np.arange(2 if kind == "binary" else 3), lead)
    if ragged:
        X = [x[:length] for x, length in zip(X, LENGTHS)]
        if per_step:
            y = [row[:length] for row, length in zip(y, LENGTHS)]
    weight = rng.uniform(0.5, 2.0, N) if weighted else None
    model._check_parameters()
    data = model._prepare(X, y, weight, reset=True).with_mean_weight_1()
    training = model._begin(False, data)
    ((pieces, _),) = training.epoch_batches(data)
    (batch,) = pieces
    # shifted for relu, most of whose units would be dead otherwise
    theta = rng.normal(0.15 if rectifies(options) else 0.0, 0.6, model._network().layout.size)
    return lambda theta, batch: training.objective(theta, [batch], Cores()), theta, batch, rng, model


def _relative_error(objective, theta, batch, rng, _=None, *, eps=2e-6):
    """Largest relative error of the analytic derivative along two random directions."""
    _, g = objective(theta, batch)
    assert np.isfinite(g).all()
    size = np.abs(rng.normal(size=g.shape)) + 0.1
    # Along the first, no entry's contribution is cancelled by another's; the second is any direction at all.
    aligned = size * np.where(g == 0, rng.choice([-1, 1], g.shape), np.sign(g))
    errors = []
    for d in (aligned, rng.normal(size=g.shape)):
        numeric = (objective(theta + eps * d, batch)[0] - objective(theta - eps * d, batch)[0]) / (2 * eps)
        scale = max(abs(numeric), abs(g @ d), 0.1 * np.linalg.norm(g))
        errors.append(abs(numeric - g @ d) / scale)
    return max(errors)


def _check_all(options_list):
    worst = []
    for seed, (options, architecture, ragged, weighted, alpha) in enumerate(
        itertools.product(options_list, ARCHITECTURES, (False, True), (False, True), (0.0, 0.3))
    ):
        if ragged and options.get("mapping") == "one-to-many":
            continue  # its input is a table
        case = {**options, **architecture, "alpha": alpha}
        error = _relative_error(*_problem(case, ragged=ragged, weighted=weighted, seed=seed))
        if error > 1e-6 and rectifies(case):  # a kink within eps of where we stand? Then not within a tenth of it
            error = _relative_error(*_problem(case, ragged=ragged, weighted=weighted, seed=seed), eps=2e-7)
        worst.append((error, ragged, weighted, case))
    error, *case = max(worst, key=lambda row: row[0])
    assert error <= 1e-6, (error, case)


def test_every_loss_is_checked():
    made = set()
    for options in LOSS_OPTIONS:
        Model = RNNRegressor if "loss" in options else RNNSequenceClassifier
        model = Model(**{k: v for k, v in options.items() if k != "y"})
        if "y" in options:
            y = {"binary": [0, 1], "multiclass": [0, 1, 2], "multilabel": [[0, 1], [1, 1]]}[options["y"]]
            model._prepare(np.zeros((len(y), 2, 1)), np.array(y), None, reset=True)
        else:
            model._prepare(np.zeros((2, 2, 1)), np.ones(2), None, reset=True)
        made.add(model._net["loss"][0])
    assert made == {*REGRESSION_LOSSES, *CLASSIFICATION_LOSSES}


@pytest.mark.parametrize("loss", LOSS_OPTIONS, ids=str)
@pytest.mark.parametrize("cell", CELL_OPTIONS, ids=lambda cell: f"{cell['cell']}-{cell['activation']}")
def test_many_to_one(cell, loss):
    _check_all([{**cell, **loss, "pooling": pooling} for pooling in POOLINGS])


@pytest.mark.parametrize("loss", LOSS_OPTIONS, ids=str)
@pytest.mark.parametrize("cell", CELL_OPTIONS, ids=lambda cell: f"{cell['cell']}-{cell['activation']}")
def test_one_target_a_step(cell, loss):
    _check_all([{**cell, **loss, "mapping": mapping} for mapping in ("many-to-many", "one-to-many")])


@pytest.mark.parametrize("cell", CELL_OPTIONS, ids=lambda cell: f"{cell['cell']}-{cell['activation']}")
def test_dropout(cell):
    """With the masks held fixed, the gradient is that of the thinned network."""
    for seed, (mapping, ragged) in enumerate(itertools.product(("many-to-one", "many-to-many"), (False, True))):
        model_options = {**cell, "mapping": mapping, "hidden_layer_sizes": (4, 4), "dropout": 0.4}
        _, theta, batch, rng, model = _problem(model_options, ragged=ragged, seed=seed)
        network = model._network()

        def fixed_masks(theta, batch, network=network):
            return network.loss_grad(theta, batch, np.random.default_rng(7))

        assert fixed_masks(theta, batch)[0] != network.loss_grad(theta, batch)[0]
        assert _relative_error(fixed_masks, theta, batch, rng) <= 1e-6


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELL_OPTIONS, ids=lambda cell: f"{cell['cell']}-{cell['activation']}")
def test_truncated_many_to_one(cell, pooling):
    """The value is that of the whole sequence; the gradient that of the last steps, the earlier ones held constant."""
    for seed, (ragged, n_last) in enumerate(itertools.product((False, True), (1, 2, 9))):
        options = {**cell, "pooling": pooling, "hidden_layer_sizes": (3, 2)}
        _, theta, batch, rng, model = _problem(options, ragged=ragged, seed=seed)
        network = model._network()
        late = network.fast_forward(theta, batch, n_last)
        whole, g = network.loss_grad(theta, batch)
        value, late_g = network.loss_grad(theta, late)
        assert value == pytest.approx(whole, rel=1e-12)
        assert _relative_error(network.loss_grad, theta, late, rng) <= 1e-6
        if n_last >= T:
            np.testing.assert_array_equal(g, late_g)
        else:
            # units that are dead in the early steps leave nothing to truncate
            assert not np.allclose(g, late_g) or rectifies(cell)


@pytest.mark.parametrize("cell", CELLS)
def test_truncated_many_to_many(cell):
    """Segments add up to the whole loss; each segment's gradient holds the carried state constant."""
    options = {"cell": cell, "mapping": "many-to-many", "hidden_layer_sizes": (3, 2)}
    for seed, (ragged, weighted) in enumerate(itertools.product((False, True), (False, True))):
        _, theta, batch, rng, model = _problem(options, ragged=ragged, weighted=weighted, seed=seed, alpha=0.0)
        network = model._network()
        total, count, pieces = 0.0, 0, []
        for piece in batch.segments(2):
            value, _ = network.loss_grad(theta, piece)
            total += value
            count += piece.count
            pieces.append(piece)
        assert total == pytest.approx(network.loss_grad(theta, batch)[0], rel=1e-12)
        assert count == batch.count
        assert [len(piece.X) for piece in pieces] == [2, 2, 1]
        for piece in pieces:
            assert _relative_error(network.loss_grad, theta, piece, rng) <= 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_of_outputs_far_from_zero(dtype):
    """exp of any of them by itself would be 0 or infinite."""
    loss = CLASSIFICATION_LOSSES["log_loss"](3)
    O = np.array([[1000.0, -2000.0], [999.0, -2000.0], [-1000.0, -5000.0]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, dO = loss.value_and_gradient(O, np.array([[1, 2]]))
        P = loss.link(O)
    e = np.exp(-1)
    np.testing.assert_allclose(P, [[1 / (1 + e), 0.5], [e / (1 + e), 0.5], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(value, [1 + np.log1p(e), 3000 + np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(dO, P - np.array([[0, 0], [1, 0], [0, 1]]), atol=1e-6)
