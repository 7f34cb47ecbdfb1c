"""The sequences of which the truth is known: are they what their docstrings say?"""

import numpy as np
import pytest

from sklearn_rnn.datasets import make_lagged_bits, make_noisy_sine


@pytest.mark.parametrize(
    ("grid", "n", "last"),
    [
        ((-10, 10, 0.1), 200, 9.9),
        ((0, 10, 0.3), 34, 9.9),
        ((0, 20, 0.3), 67, 19.8),
        ((0, 2.1, 0.3), 7, 1.8),  # 2.1 / 0.3 is a little more than 7
        ((0, 1, 3), 1, 0),
    ],
)
def test_the_grid_goes_up_to_and_without_the_stop(grid, n, last):
    X, y = make_noisy_sine(*grid, noise=0)
    assert X.shape == (1, n, 1)
    assert X[0, 0, 0] == grid[0]
    assert X[0, -1, 0] == pytest.approx(last)
    np.testing.assert_allclose(np.diff(X[0, :, 0]), grid[2], rtol=1e-9)
    np.testing.assert_array_equal(y, np.sin(X[:, :, 0]))


def test_the_noise_of_the_sine():
    X, y = make_noisy_sine(0, 1000, noise=0.3, random_state=0)
    noise = y - np.sin(X[:, :, 0])
    assert noise.mean() == pytest.approx(0, abs=4 * 0.3 / 100)
    assert noise.std() == pytest.approx(0.3, rel=0.03)
    np.testing.assert_array_equal(y, make_noisy_sine(0, 1000, noise=0.3, random_state=0)[1])
    assert (y != make_noisy_sine(0, 1000, noise=0.3, random_state=1)[1]).all()


@pytest.mark.parametrize("grid", [(0, 0), (1, 0), (0, 1, 0), (0, 1, -1), (0, np.inf), (0, 1, np.nan)])
def test_a_grid_that_does_not_go_up(grid):
    with pytest.raises(ValueError, match="grid must go up"):
        make_noisy_sine(*grid)


def test_the_chances_of_lagged_bits():
    X, y, probability = make_lagged_bits(30, 5, random_state=0)
    assert X.shape == (5, 30, 1)
    assert y.shape == probability.shape == (5, 30)
    for i in range(5):
        for t in range(30):
            chance = 0.5
            if t >= 3 and X[i, t - 3, 0] == 1:
                chance += 0.5
            if t >= 8 and X[i, t - 8, 0] == 1:
                chance -= 0.25
            assert probability[i, t] == chance
    np.testing.assert_array_equal(y, make_lagged_bits(30, 5, random_state=0)[1])


def test_what_lagged_bits_cost_to_know():
    """The three cross-entropies of the theory, each from the shares of ones where so much is known."""
    X, y, probability = make_lagged_bits(1000, 400, random_state=0)
    assert X.mean() == pytest.approx(0.5, abs=0.004)
    y, three, eight = y[:, 8:], X[:, 5:-3, 0], X[:, :-8, 0]

    def cost(*known):
        p = np.empty(y.shape)
        for bits in np.unique(np.stack([k.ravel() for k in known], axis=1), axis=0) if known else [()]:
            there = np.logical_and.reduce([np.ones(y.shape, bool), *(k == bit for k, bit in zip(known, bits))])
            p[there] = y[there].mean()
        p = np.where(y == 1, p, 1 - p)
        return -np.log(p).mean()

    assert cost() == pytest.approx(0.6616, abs=0.002)
    assert cost(three) == pytest.approx(0.5192, abs=0.002)
    assert cost(three, eight) == pytest.approx(0.4545, abs=0.002)
    true = probability[:, 8:]
    assert -np.log(np.where(y == 1, true, 1 - true)).mean() == pytest.approx(0.4545, abs=0.002)


@pytest.mark.parametrize("sizes", [(0,), (2.5,), (10, 0), ("10",)])
def test_sizes_that_are_no_sizes(sizes):
    with pytest.raises(ValueError, match="must be an integer of at least 1, got"):
        make_lagged_bits(*sizes)
