"""The core's own promises: one flat vector with named views, memory that is used again, start values."""

import tracemalloc

import numpy as np
import pytest

from sklearn_rnn import RNNRegressor
from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._cores import Cores
from sklearn_rnn.core._losses import SquaredError
from sklearn_rnn.core._memory import Arena, ParamLayout
from sklearn_rnn.core._network import Network
from sklearn_rnn.core._pooling import POOLINGS


def make(cell, **options):
    options = {"bidirectional": False, "pooling": "last", "dropout": 0.0, "hidden_layer_sizes": (8,), **options}
    return Network(2, loss=SquaredError(1), cell=CELLS[cell](), **options)


def make_batch(n_steps, n=16, seed=0, **more):
    rng = np.random.default_rng(seed)
    return Batch(rng.normal(size=(n_steps, 2, n)), Y=rng.normal(size=(1, n)), count=n, **more)


def test_layout_is_views_of_one_vector():
    layout = ParamLayout({"W": (2, 3), "b": (2,)})
    theta = np.arange(8.0)
    views = layout.views(theta)
    np.testing.assert_array_equal(views["W"], [[0, 1, 2], [3, 4, 5]])
    views["b"][...] = -1
    np.testing.assert_array_equal(theta[6:], -1)
    np.testing.assert_array_equal(layout.is_matrix(np.float64), [1] * 6 + [0] * 2)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_an_arena_changes_no_bit(cell, pooling, bidirectional):
    """Steps of growing, shrinking and ragged shape through one arena give what fresh memory gives."""
    network = make(cell, pooling=pooling, bidirectional=bidirectional, hidden_layer_sizes=(5, 4))
    theta = np.random.default_rng(0).normal(size=network.layout.size)
    arena = Arena()
    lengths = np.arange(16) % 5 + 1
    for batch in (
        make_batch(3),
        make_batch(9, seed=1),
        make_batch(5, lengths=lengths),
        make_batch(9, n=3),
        make_batch(4),
    ):
        value, gradient = network.loss_grad(theta, batch, None, arena)
        fresh_value, fresh_gradient = network.loss_grad(theta, batch)
        assert value == fresh_value
        np.testing.assert_array_equal(gradient, fresh_gradient)
        assert network.loss_sum(theta, batch, arena) == network.loss_sum(theta, batch)


@pytest.mark.parametrize("n_steps", [1, 2, 9])
@pytest.mark.parametrize("n", [1, 16])
@pytest.mark.parametrize("cell", CELLS)
def test_what_nobody_keeps_changes_no_bit(cell, n, n_steps):
    """Outputs come without what only a gradient needs, and from the same states, as does what a cell remembers."""
    network = make(cell, hidden_layer_sizes=(5, 4))
    theta = np.random.default_rng(0).normal(size=network.layout.size)
    named = network.layout.views(theta)
    batch, first = make_batch(n_steps, n=n), make_batch(3, n=n, seed=1)
    network.outputs(theta, first)
    for state in (None, first.state_after):
        batch.state = state
        kept, _, after_kept = network._forward_layers(named, batch, None, Arena(), keep=True)
        spared, _, after_spared = network._forward_layers(named, batch, None, Arena())
        np.testing.assert_array_equal(spared, kept)
        for a, b in zip(after_spared, after_kept, strict=True):
            np.testing.assert_array_equal(a, b)


def test_arrays_of_one_step_do_not_overlap():
    arena = Arena()
    for _ in range(3):
        arena.start()
        one, two = arena.empty((3, 5), np.dtype(np.float32)), arena.empty((7,), np.dtype(float))
        one[...], two[...] = 1, 2
        assert (one == 1).all()
        assert not np.shares_memory(one, two)
    assert np.shares_memory(one, arena._block)


def test_borrowed_memory_is_handed_out_again():
    arena = Arena()
    for _ in range(2):  # the first step finds out how much it takes
        arena.start()
        kept = arena.empty((4,), np.dtype(float))
        kept[...] = 1
        borrowed = []
        for _ in range(3):
            with arena.borrowed():
                borrowed.append(arena.empty((8,), np.dtype(float)))
                borrowed[-1][...] = 2
        after = arena.empty((8,), np.dtype(float))
    assert np.shares_memory(borrowed[0], borrowed[2])
    assert np.shares_memory(borrowed[0], after)
    assert not np.shares_memory(kept, after)
    np.testing.assert_array_equal(kept, 1)
    assert len(arena._block) == 128  # bytes, in whole cache lines


@pytest.mark.parametrize("cell", CELLS)
def test_the_time_loop_allocates_nothing(cell):
    """Memory taken by a step, beyond the arena, does not grow with the number of time steps."""

    def peak(n_steps):
        network, batch, arena = make(cell), make_batch(n_steps), Arena()
        theta = np.random.default_rng(0).normal(size=network.layout.size)
        for _ in range(2):
            network.loss_grad(theta, batch, None, arena)
        tracemalloc.start()
        network.loss_grad(theta, batch, None, arena)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    one_step_of_states = 8 * 16 * 8  # bytes
    assert peak(400) - peak(100) < 300 * one_step_of_states / 20


@pytest.mark.parametrize("cell", CELLS)
def test_orthogonal_start(cell):
    network = make(cell, hidden_layer_sizes=(6, 4), bidirectional=True)
    named = network.layout.views(network.start(np.random.default_rng(0), "orthogonal", 0.1, np.float64, 5))
    for name, W in named.items():
        if name.startswith("W_h"):
            for gate in W.reshape(-1, W.shape[1], W.shape[1]):
                np.testing.assert_allclose(gate @ gate.T, np.eye(len(gate)), atol=1e-12)
        elif name.startswith("b") and cell in ("rnn", "gru", "indrnn"):
            np.testing.assert_array_equal(W, 0)
    if cell == "lstm":
        np.testing.assert_array_equal(named["b_l0"], np.repeat([0, 1, 0, 0], 6))  # forget gates open


def test_other_starts():
    network = make("gru", hidden_layer_sizes=(50,))
    uniform = network.start(np.random.default_rng(0), "uniform", 0.1, np.float64, 5)
    assert 0.99 / np.sqrt(50) < np.abs(uniform).max() <= 1 / np.sqrt(50)
    normal = network.start(np.random.default_rng(0), "normal", 0.3, np.float32, 5)
    assert normal.dtype == np.float32
    assert normal.std() == pytest.approx(0.3, rel=0.05)
    biases = normal[network.layout.is_matrix(np.float32) == 0]
    assert biases.std() == pytest.approx(0.3, rel=0.15)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_penalty_shrinks_matrices_and_not_biases():
    """alpha/2 times the squared norm of the matrices, whatever the batch size."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    for batch_size in (30, 7):
        model = RNNRegressor(5, alpha=0.3, batch_size=batch_size, max_iter=1, random_state=0)
        model._check_parameters()
        data = model._prepare(X, y, None, reset=True)
        training = model._begin(False, data)
        theta = training.theta
        (batch,), _ = next(training.epoch_batches(data))
        matrices = sum(np.sum(W**2) for W in model._network().layout.views(theta).values() if W.ndim == 2)
        bare = model._network().loss_sum(theta, batch) / batch.count
        assert training.objective(theta, [batch], Cores())[0] == pytest.approx(bare + 0.15 * matrices, rel=1e-12)
        whole, g = training.full_objective(theta, data, Cores())
        everything = data.batch(np.arange(30))
        bare, bare_g = model._network().loss_grad(theta, everything)
        assert whole == pytest.approx(bare / 30 + 0.15 * matrices, rel=1e-12)
        is_matrix = model._network().layout.is_matrix(np.float64)
        np.testing.assert_allclose(g, bare_g / 30 + 0.3 * is_matrix * theta, rtol=1e-10, atol=1e-14)


def test_dropout_is_inverted():
    """What is kept grows by 1/keep, so that the mean stays and nothing changes at predict."""
    network = make("rnn", dropout=0.25)
    thinned, mask = network._drop(np.ones((50, 8, 100)), np.random.default_rng(0))
    np.testing.assert_array_equal(np.unique(mask), [0, 1 / 0.75])
    assert thinned.mean() == pytest.approx(1, abs=0.02)
    assert network._drop(thinned, None)[0] is thinned
