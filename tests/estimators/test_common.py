"""scikit-learn's own checks, on the defaults and on small nets of every cell, solver and loss. No check is expected to
fail. All poolings, directions and numbers of layers are in check_estimator_matrix.py, which is no part of this suite.

The checks make about 100 fits a configuration, hence the small nets. One of them compares sample weights with repeated
rows to 1e-7 after a whole fit; recurrent training amplifies rounding, so every configuration states a number of epochs
and a rate at which the net has learnt what the checks ask for and has not yet amplified 1e-16 to 1e-7.
"""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier


def options(regressor=(0.03, 100), classifier=(0.02, 15), **more):
    """Options of a small net, with (learning_rate_init, max_iter) for either estimator."""
    return {"hidden_layer_sizes": 8, "max_iter": 100, **more}, regressor, classifier


COMMON = [
    options(cell="rnn", regressor=(0.03, 60)),
    options(cell="rnn", activation="relu", hidden_layer_sizes=12, regressor=(0.02, 300), classifier=(0.03, 30)),
    options(cell="gru"),
    options(cell="lstm"),
    options(cell="gru", solver="sgd", regressor=(0.1, 200), classifier=(0.1, 30)),
    options(cell="rnn", solver="adagrad", regressor=(0.01, 100), classifier=(0.05, 15)),
    options(cell="rnn", solver="rmsprop", regressor=(0.02, 30), classifier=(0.03, 15)),
    options(cell="rnn", solver="lbfgs", regressor=(0.1, 20), classifier=(0.1, 20)),
    options(cell="mingru", pooling="concat", regressor=(0.02, 30)),
    options(cell="indrnn", bidirectional=True, hidden_layer_sizes=(6, 6), regressor=(0.02, 30)),
    options(cell="rnn", bptt_steps=8, regressor=(0.03, 60)),
    options(
        cell="rnn", init="uniform", learning_rate="cosine", shuffle=False, regressor=(0.1, 200), classifier=(0.02, 30)
    ),
]
# Not loss="poisson": check_regressor_multioutput feeds negative targets to every regressor whose tags allow several
# outputs, even where the tag positive_only says that it cannot take them.
REGRESSOR = [
    options(cell="rnn", loss="absolute_error", regressor=(0.01, 60)),
    options(cell="rnn", loss="huber", regressor=(0.02, 30)),
    options(cell="rnn", loss="quantile", quantile=0.5, regressor=(0.01, 60)),
]

small_regressors = [
    RNNRegressor(**{**more, "learning_rate_init": rate, "max_iter": n_epochs})
    for more, (rate, n_epochs), _ in COMMON + REGRESSOR
]
small_classifiers = [
    RNNSequenceClassifier(**{**more, "learning_rate_init": rate, "max_iter": n_epochs})
    for more, _, (rate, n_epochs) in COMMON
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([RNNRegressor(), RNNSequenceClassifier(), *small_regressors, *small_classifiers])
def test_sklearn_checks(estimator, check):
    check(estimator)
