"""scikit-learn's own checks, on the defaults and on small nets of every kind. No check is expected to fail.

The checks make about 100 fits a configuration, hence the small nets. One of them compares sample weights with repeated
rows to 1e-7 after a whole fit; recurrent training amplifies rounding, so every configuration states a number of epochs
and a rate at which the net has learnt what the checks ask for and has not yet amplified 1e-16 to 1e-7.
"""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier

ADAM = {"hidden_layer_sizes": 8, "max_iter": 60, "learning_rate_init": 0.03}

COMMON = [
    {"cell": "rnn"},
    {"cell": "rnn", "activation": "relu"},
    {"cell": "gru"},
    {"cell": "lstm"},
    {"cell": "gru", "solver": "sgd", "learning_rate_init": 0.1, "max_iter": 150},
    {"cell": "rnn", "solver": "adagrad", "learning_rate_init": 0.05},
    {"cell": "rnn", "solver": "rmsprop", "learning_rate_init": 0.01},
    {"cell": "rnn", "solver": "lbfgs", "max_iter": 20},
    {"cell": "rnn", "bidirectional": True},
    {"cell": "gru", "hidden_layer_sizes": (8, 6)},
    {"cell": "rnn", "pooling": "mean"},
    {"cell": "rnn", "pooling": "max"},
    {"cell": "gru", "pooling": "attention"},
    {"cell": "rnn", "bptt_steps": 4},
    {"cell": "rnn", "init": "uniform", "learning_rate": "cosine", "shuffle": False},
]
REGRESSOR = [
    {"cell": "rnn", "loss": "absolute_error"},
    {"cell": "rnn", "loss": "huber"},
    {"cell": "rnn", "loss": "poisson"},
    {"cell": "rnn", "loss": "quantile", "quantile": 0.5},
]
CLASSIFIER = [{"cell": "rnn", "class_weight": None, "pooling": "attention", "bidirectional": True}]

small_regressors = [RNNRegressor(**{**ADAM, **options}) for options in COMMON + REGRESSOR]
small_classifiers = [RNNSequenceClassifier(**{**ADAM, **options}) for options in COMMON + CLASSIFIER]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([RNNRegressor(), RNNSequenceClassifier(), *small_regressors, *small_classifiers])
def test_sklearn_checks(estimator, check):
    check(estimator)
