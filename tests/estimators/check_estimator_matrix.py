"""scikit-learn's checks over every cell, pooling and direction, one or two layers. Run as

    pytest tests/estimators/check_estimator_matrix.py

It is not part of the plain suite, which checks a choice of these (test_common.py) and says why a rate and a number of
epochs are stated for each: (learning_rate_init, max_iter) for the regressor and for the classifier. None where a net
of this size does not reach the R^2 of 0.5 that one check asks for under the strong penalty (alpha=0.01) which that
check sets; wider nets of the same kind do. Regressors of cells whose units do not hear of each other are tagged
poor_score, which leaves out that one check.
"""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier

MATRIX = {
    # cell, pooling, bidirectional, hidden_layer_sizes
    ("rnn", "last", False, (6, 6)): ((0.03, 60), (0.02, 15)),
    ("rnn", "last", True, (6, 6)): ((0.03, 60), (0.02, 15)),
    ("rnn", "mean", False, 8): ((0.02, 200), (0.02, 15)),
    ("rnn", "mean", True, 8): ((0.03, 100), (0.02, 15)),
    ("rnn", "max", False, (6, 6)): ((0.02, 200), (0.03, 15)),
    ("rnn", "max", True, (6, 6)): ((0.03, 60), (0.02, 15)),
    ("rnn", "attention", False, 8): (None, (0.03, 15)),
    ("rnn", "attention", True, 8): ((0.03, 100), (0.02, 15)),
    ("gru", "last", False, (6, 6)): ((0.03, 100), (0.02, 15)),
    ("gru", "last", True, (6, 6)): ((0.02, 200), (0.02, 15)),
    ("gru", "mean", False, 8): (None, (0.02, 15)),
    ("gru", "mean", True, 8): ((0.02, 300), (0.02, 15)),
    ("gru", "max", False, (6, 6)): ((0.02, 200), (0.02, 15)),
    ("gru", "max", True, (6, 6)): ((0.02, 200), (0.02, 15)),
    ("gru", "attention", False, 8): ((0.05, 200), (0.03, 15)),
    ("gru", "attention", True, 8): (None, (0.02, 15)),
    ("lstm", "last", False, (6, 6)): ((0.02, 200), (0.02, 15)),
    ("lstm", "last", True, (6, 6)): (None, (0.02, 15)),
    ("lstm", "mean", False, 8): (None, (0.02, 15)),
    ("lstm", "mean", True, 8): ((0.05, 200), (0.02, 15)),
    ("lstm", "max", False, (6, 6)): ((0.1, 100), (0.02, 30)),
    ("lstm", "max", True, (6, 6)): (None, (0.02, 15)),
    ("lstm", "attention", False, 8): (None, (0.03, 15)),
    ("lstm", "attention", True, 8): (None, (0.02, 15)),
    ("rnn", "concat", False, 8): ((0.03, 60), (0.02, 15)),
    ("rnn", "concat", True, (6, 6)): ((0.03, 60), (0.02, 15)),
    ("gru", "concat", False, 8): ((0.03, 100), (0.02, 15)),
    ("gru", "concat", True, (6, 6)): ((0.02, 200), (0.02, 15)),
    ("lstm", "concat", False, 8): ((0.03, 100), (0.02, 15)),
    ("lstm", "concat", True, (6, 6)): ((0.02, 200), (0.02, 15)),
    ("mingru", "last", False, 8): ((0.02, 30), (0.03, 15)),
    ("mingru", "last", False, (6, 6)): ((0.02, 30), (0.02, 15)),
    ("mingru", "last", True, (6, 6)): ((0.02, 30), (0.02, 15)),
    ("mingru", "mean", False, 8): ((0.02, 30), (0.02, 30)),
    ("mingru", "mean", True, 8): ((0.02, 30), (0.02, 15)),
    ("mingru", "max", False, (6, 6)): ((0.02, 30), (0.02, 15)),
    ("mingru", "max", True, (6, 6)): ((0.02, 30), (0.02, 15)),
    ("mingru", "attention", False, 8): ((0.02, 30), (0.03, 15)),
    ("mingru", "attention", True, 8): ((0.02, 30), (0.02, 15)),
    ("mingru", "concat", False, 8): ((0.02, 30), (0.02, 15)),
    ("mingru", "concat", True, (6, 6)): ((0.02, 30), (0.02, 15)),
    ("indrnn", "last", False, 8): ((0.02, 30), (0.02, 15)),
    ("indrnn", "last", False, (6, 6)): ((0.02, 30), (0.03, 15)),
    ("indrnn", "last", True, (6, 6)): ((0.02, 30), (0.02, 15)),
    ("indrnn", "mean", False, 8): ((0.02, 30), (0.05, 30)),
    ("indrnn", "mean", True, 8): ((0.02, 30), (0.03, 15)),
    ("indrnn", "max", False, (6, 6)): ((0.02, 30), (0.02, 30)),
    ("indrnn", "max", True, (6, 6)): ((0.02, 30), (0.02, 15)),
    ("indrnn", "attention", False, 8): ((0.02, 30), (0.02, 30)),
    ("indrnn", "attention", True, 8): ((0.02, 30), (0.02, 15)),
    ("indrnn", "concat", False, 8): ((0.02, 30), (0.02, 15)),
    ("indrnn", "concat", True, (6, 6)): ((0.02, 30), (0.02, 15)),
}


def _estimators():
    for (cell, pooling, bidirectional, sizes), rates in MATRIX.items():
        for Model, rate in zip((RNNRegressor, RNNSequenceClassifier), rates):
            if rate is not None:
                yield Model(
                    sizes,
                    cell=cell,
                    pooling=pooling,
                    bidirectional=bidirectional,
                    learning_rate_init=rate[0],
                    max_iter=rate[1],
                )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(list(_estimators()))
def test_sklearn_checks(estimator, check):
    check(estimator)
