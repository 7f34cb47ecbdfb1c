"""Faults found by someone who set out to break the estimators."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from threadpoolctl import threadpool_limits

from sklearn_rnn import PatchSequence, RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator

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


# ---- nets that learn nothing ----------------------------------------------------------------------------------------


def words_of(model, X, y):
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    return str(caught[0].message)


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_who_learns_nothing_is_told_what_to_try():
    long = rng.normal(size=(30, 300, 1))
    coin = rng.integers(0, 2, 30)
    model = RNNSequenceClassifier(4, cell="gru", patch_size=1, pooling="last", max_iter=2, random_state=0)
    text = words_of(model, long, coin)
    for part in ("no more than the shares of the classes", "300 steps", "patch_size=4 (now 1)", "cell='mingru'"):
        assert part in text
    assert "StandardScaler" not in text
    text = words_of(RNNRegressor(4, max_iter=2, random_state=0), 1000 + X, 500 * Y)
    for part in ("no more than a constant", "TimestepTransformer(StandardScaler())", "TransformedTargetRegressor"):
        assert part in text
    text = words_of(RNNRegressor(4, mapping="many-to-many", bptt_steps=3, max_iter=1, random_state=0), X, 100 * X)
    assert "bptt_steps=None (now 3)" in text
    assert "patch_size" not in text
    # one that learns is told of its epochs only
    assert "max_iter=40" in words_of(RNNRegressor(8, max_iter=40, learning_rate_init=0.02, random_state=0), X, Y)


@pytest.mark.filterwarnings("error")
def test_a_constant_target_is_no_failure():
    RNNRegressor(4, max_iter=300, learning_rate_init=0.05, tol=0.01, random_state=0).fit(X, np.zeros(N))


# ---- what "auto" comes to -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "Model, n_steps, more, expected",
    [
        (RNNRegressor, 128, {}, ((64,), "gru", False, 1, "last")),
        (RNNSequenceClassifier, 32, {}, ((64,), "gru", True, 1, "concat")),
        (RNNRegressor, 129, {}, ((64, 64), "mingru", True, 4, "concat")),
        (RNNSequenceClassifier, 33, {}, ((64, 64), "mingru", True, 4, "concat")),
        (RNNSequenceClassifier, 600, {}, ((64, 64), "mingru", True, 4, "concat")),
        (RNNSequenceClassifier, 1500, {}, ((64, 64), "mingru", True, 8, "concat")),
        (RNNSequenceClassifier, 600, {"bptt_steps": 50}, ((64,), "gru", False, 1, "last")),
        (RNNSequenceClassifier, 600, {"mapping": "many-to-many"}, ((64,), "gru", False, 1, None)),
        (RNNSequenceClassifier, 600, {"cell": "lstm", "patch_size": 1}, ((64,), "lstm", True, 1, "concat")),
        (RNNRegressor, 10, {"cell": "indrnn", "bidirectional": True}, ((64, 64), "indrnn", True, 1, "last")),
    ],
)
def test_auto_follows_from_the_shape_of_the_data(Model, n_steps, more, expected):
    long = rng.normal(size=(8, n_steps, 1))
    y = long[:, 0, 0] > 0 if Model is RNNSequenceClassifier else long[:, 0, 0]
    if "mapping" in more:
        y = (long[:, :, 0] > 0).astype(int)
    model = Model(max_iter=1, random_state=0, **more).fit(long, y)
    found = (model.hidden_layer_sizes_, model.cell_, model.bidirectional_, model.patch_size_, model.pooling_)
    assert found == expected
    # parameters stay as they were given, and a model goes on as it began
    assert all(model.get_params()[name] == value for name, value in more.items())
    if "bptt_steps" not in more and "mapping" not in more:
        model.partial_fit(long[:, :5], y)
        assert model.cell_ == expected[1]


@pytest.mark.parametrize("ragged", [False, True])
def test_patches_inside_are_those_of_PatchSequence(ragged):
    long = [rng.normal(size=(length, 2)) for length in rng.integers(1, 20, 12)]
    if not ragged:
        long = rng.normal(size=(12, 11, 2))
    y = np.array([x[0, 0] for x in long])
    options = {**SMALL, "cell": "gru", "pooling": "last"}
    inside = RNNRegressor(**options, patch_size=3).fit(long, y)
    before = PatchSequence(3).fit(long)
    outside = RNNRegressor(**options, patch_size=1).fit(before.transform(long), y)
    np.testing.assert_array_equal(inside.predict(long), outside.predict(before.transform(long)))
    for mine, other in zip(inside.hidden_states(long), outside.hidden_states(before.transform(long))):
        np.testing.assert_array_equal(mine, other)


def test_patches_of_padded_sequences():
    """Absent steps count for nothing, at either end."""
    short = [rng.normal(size=(length, 2)) for length in (5, 9, 2, 7)]
    padded = np.full((4, 12, 2), np.nan)
    for i, x in enumerate(short):
        start = 1 if i % 2 else 0
        padded[i, start : start + len(x)] = x
    y = np.arange(4.0)
    options = {**SMALL, "patch_size": 4}
    of_list, of_array = RNNRegressor(**options).fit(short, y), RNNRegressor(**options).fit(padded, y)
    np.testing.assert_allclose(of_array.predict(padded), of_list.predict(short), rtol=1e-12)
    states = of_array.hidden_states(padded)
    assert states.shape == (4, 3, 5)
    assert np.isfinite(states).any(axis=2).sum(axis=1).tolist() == [2, 3, 1, 2]
