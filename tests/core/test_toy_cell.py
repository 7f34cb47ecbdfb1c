"""The cell that CONTRIBUTING.md shows: one class and one line of the registry are all that it takes."""

import re
from pathlib import Path

import numpy as np
import pytest
import test_gradients

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator
from sklearn_rnn.core._cells import CELLS

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def leaky():
    """The name of the toy cell, while it is registered."""
    if not GUIDE.exists():
        pytest.skip("CONTRIBUTING.md is not in this distribution")
    before = dict(CELLS)
    (code,) = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    exec(compile(code, str(GUIDE), "exec"), {"__name__": "toy_cell"})
    (name,) = CELLS.keys() - before.keys()
    yield name
    del CELLS[name]


def test_its_gradients(leaky):
    (options,) = test_gradients.cell_options(leaky)
    for loss in test_gradients.LOSS_OPTIONS:
        test_gradients.test_many_to_one(options, loss)
        test_gradients.test_one_target_a_step(options, loss)
    test_gradients.test_dropout(options)
    for pooling in test_gradients.POOLINGS:
        test_gradients.test_truncated_many_to_one(options, pooling)
    test_gradients.test_truncated_many_to_many(leaky)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.* worse than repeating:UserWarning")
def test_it_learns_in_every_estimator(leaky):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6, 1))
    y = X[:, -1, 0] - X[:, -2, 0]
    options = {"cell": leaky, "learning_rate_init": 0.02, "random_state": 0}
    assert RNNRegressor(12, max_iter=60, **options).fit(X, y).score(X, y) > 0.95
    assert RNNSequenceClassifier(12, max_iter=60, **options).fit(X, y > 0).score(X, y > 0) > 0.95
    assert RNNTextGenerator(16, cell=leaky, max_iter=15, bptt_steps=8, random_state=0).fit("abc" * 300).generate(
        3, "ab", temperature=0
    ) == ("cab")
    series = np.sin(np.arange(120) / 3)
    forecast = RNNForecaster(RNNRegressor(8, cell=leaky, max_iter=5), horizon=3, random_state=0).fit(series).predict()
    assert np.isfinite(forecast).all()


def test_it_is_gone_again():
    assert "leaky" not in CELLS
    with pytest.raises(ValueError, match="'cell' parameter"):
        RNNRegressor(cell="leaky").fit(np.zeros((4, 3)), np.arange(4.0))
