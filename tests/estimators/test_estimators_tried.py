"""Faults found by someone who set out to break the estimators."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from threadpoolctl import threadpool_limits

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0}
rng = np.random.default_rng(0)
N, T, F = 40, 6, 2
X = rng.normal(size=(N, T, F))
Y = X[:, :, 0].sum(axis=1)
LABELS = np.where(Y > 0.7, "b", "a")


def test_the_first_weights_do_not_depend_on_the_threads_of_BLAS():
    """The orthogonal start is a decomposition of LAPACK, whose last bits depend on how many threads it has."""
    fitted = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            fitted.append(RNNRegressor(300, max_iter=1, random_state=0).fit(X[:4], Y[:4]))
    for name, weights in fitted[0].weights_.items():
        np.testing.assert_array_equal(weights, fitted[1].weights_[name])


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e40, 1e300])
def test_only_the_proportions_of_weights_count(scale):
    """In float32 too, where such weights are zero or infinite by themselves."""
    weights = rng.uniform(1, 2, N)
    X32, Y32 = X.astype(np.float32), Y.astype(np.float32)
    options = {**SMALL, "early_stopping": True, "validation_method": "last"}
    plain = RNNRegressor(**options).fit(X32, Y32, weights)
    scaled = RNNRegressor(**options).fit(X32, Y32, weights * scale)
    np.testing.assert_allclose(scaled.loss_curve_, plain.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(scaled.validation_loss_curve_, plain.validation_loss_curve_, rtol=1e-6)


def test_a_scalar_weight_with_a_scorer():
    options = {**SMALL, "early_stopping": True, "scoring": "neg_mean_absolute_error"}
    plain, weighted = RNNRegressor(**options).fit(X, Y), RNNRegressor(**options).fit(X, Y, 3.0)
    np.testing.assert_allclose(weighted.validation_scores_, plain.validation_scores_, rtol=1e-12)


def test_balanced_classes_count_weights_as_repeated_rows():
    times = rng.integers(1, 4, N)
    options = {**SMALL, "class_weight": "balanced", "solver": "lbfgs", "max_iter": 20}
    weighted = RNNSequenceClassifier(**options).fit(X, LABELS, times)
    repeated = RNNSequenceClassifier(**options).fit(np.repeat(X, times, axis=0), np.repeat(LABELS, times))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-5)
    # and without weights they are scikit-learn's
    shares = compute_class_weight("balanced", classes=np.array(["a", "b"]), y=LABELS)
    by_hand = dict(zip("ab", shares, strict=True))
    plain = RNNSequenceClassifier(**options).fit(X, LABELS)
    same = RNNSequenceClassifier(**{**options, "class_weight": by_hand}).fit(X, LABELS)
    np.testing.assert_allclose(plain.predict_proba(X), same.predict_proba(X), rtol=1e-6)


class FewerParameters(RNNRegressor):
    """A subclass that fixes all parameters but one, as scikit-learn allows."""

    def __init__(self, width=5):
        super().__init__(width, max_iter=3, random_state=0)
        self.width = width


class ShortForecaster(RNNForecaster):
    def __init__(self, horizon=2):
        super().__init__(horizon=horizon, window=4, season_length=1, n_members=1, random_state=0)


def test_subclasses_may_have_fewer_parameters():
    model = clone(FewerParameters()).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), RNNRegressor(**SMALL).fit(X, Y).predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert clone(ShortForecaster(3)).fit(np.arange(60.0) % 7).predict().shape == (3,)


@pytest.mark.parametrize("stamp", [None, "0.1", {}, {"format": "1", "version": "1"}, {"format": -1, "version": "1"}])
def test_a_stamp_that_makes_no_sense_is_an_error_that_says_so(stamp):
    model = RNNRegressor(**SMALL).fit(X, Y)
    with pytest.raises(ValueError, match="carries no format that sklearn_rnn knows"):
        RNNRegressor().__setstate__({**model.__getstate__(), "_stored_by": stamp})


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_the_order_of_bytes_does_not_matter(dtype):
    native = np.dtype(dtype).newbyteorder("=")
    model = RNNRegressor(**SMALL).fit(X.astype(dtype), Y.astype(dtype))
    same = RNNRegressor(**SMALL).fit(X.astype(native), Y.astype(native))
    np.testing.assert_array_equal(model.predict(X.astype(dtype)), same.predict(X.astype(native)))
    assert model.predict(X.astype(dtype)).dtype == native


def test_callbacks_see_the_model_as_it_is_trained():
    """The scorer of the last epoch saw the same weights as the loss that was recorded for it."""
    seen = []

    class Watching(RNNSequenceClassifier):
        def score(self, X, y, sample_weight=None):
            seen.append(log_loss(y, self.predict_proba(X), labels=self.classes_))
            return -seen[-1]

    model = Watching(**SMALL, early_stopping=True, scoring=None, validation_method="last").fit(X, LABELS)
    np.testing.assert_allclose(seen, model.validation_loss_curve_, rtol=1e-10)


def test_a_fit_in_a_thread_outlives_the_main_thread():
    """At shutdown Python starts no more threads: the fit then goes on with those that it has."""
    code = (
        "import threading, time, numpy as np\n"
        "from sklearn_rnn import RNNRegressor\n"
        "X = np.random.default_rng(0).normal(size=(256, 30, 4)).astype('float32')\n"
        "def work():\n"
        "    time.sleep(0.3)\n"
        "    m = RNNRegressor(128, max_iter=3, batch_size=256, tol=10.0, random_state=0).fit(X, X[:, 0, 0])\n"
        "    print('fitted', m.n_iter_ > 0)\n"
        "threading.Thread(target=work).start()\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert "fitted True" in done.stdout, done.stderr


def test_a_text_model_with_fewer_parameters():
    class Small(RNNTextGenerator):
        def __init__(self, hidden_layer_sizes=8):
            super().__init__(hidden_layer_sizes, max_iter=1, bptt_steps=10, random_state=0)

    model = clone(Small()).fit("the cat sat on the mat and the dog sat on the log. " * 20)
    assert len(model.generate(5)) == 5
