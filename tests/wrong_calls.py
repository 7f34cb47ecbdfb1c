"""What the tests of wrong calls share: data, small models, and the check of a message."""

import re

import numpy as np
import pytest

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier

N, T, F = 12, 5, 3
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, F))
TABLE = X[:, :, 0]
RAGGED = [x[: 2 + i % 4] for i, x in enumerate(X)]
y = rng.normal(size=N)
labels = np.arange(N) % 3
Y_STEPS = X[:, :, 1]
RAGGED_Y = [x[:, 0] for x in RAGGED]
INDICATOR = np.eye(3, dtype=int)[labels]
FIRST = X.transpose(0, 2, 1)  # channels first


def regressor(**options):
    return RNNRegressor(**{"hidden_layer_sizes": 4, "max_iter": 1, "random_state": 0, **options})


def classifier(**options):
    return RNNSequenceClassifier(**{"hidden_layer_sizes": 4, "max_iter": 1, "random_state": 0, **options})


def per_step(**options):
    return regressor(mapping="many-to-many", **options)


def one_to_many(**options):
    return regressor(mapping="one-to-many", **options)


def put(A, where, value):
    """A copy of A with A[where] = value."""
    A = np.array(A, float)
    A[where] = value
    return A


def warm_started(**changed):
    model = regressor(warm_start=True).fit(X, y)
    return model.set_params(**changed).fit(X, y)


def parameter_cases(*cases):
    """fit with one invalid parameter; scikit-learn's own wording names it, and says what it got."""
    for name, value, expected in cases:
        options = {name: value, **({"loss": "quantile"} if name == "quantile" else {})}
        yield (
            f"{name}={value!r}",
            lambda options=options: regressor(**options).fit(X, y),
            ValueError,
            (name, re.escape(str(value)), expected),
        )


# (id, call, error, (regex for what was wrong, for what was given, for what is expected, ...))


RAW = "broadcast|out of (bounds|range)|inhomogeneous|array element|subscriptable|iterable|cannot reshape|same shape"


def check_message(call, error, parts):
    """call() raises error, with a message in which each of the regular expressions `parts` is found."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert not re.search(RAW, message)
    if caught.type is AttributeError:  # available_if chains its reason
        message += str(caught.value.__cause__)
    for part in parts:
        part = rf"\b{part}\b" if part in ("X", "y") else part
        assert re.search(part, message, re.DOTALL), f"{part!r} not in: {message}"
