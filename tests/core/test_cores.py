"""Products in blocks, and batches that are split over the cores: the same numbers, and nothing left behind."""

import _thread
import multiprocessing
import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
import threadpoolctl
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier
from sklearn_rnn.core import _blas, _cores, _training
from sklearn_rnn.core._batch import Batch
from sklearn_rnn.core._blas import outer, product, sum_outer
from sklearn_rnn.core._cells import CELLS
from sklearn_rnn.core._cores import Cores, on_one_blas_thread
from sklearn_rnn.core._losses import SquaredError
from sklearn_rnn.core._memory import Arena
from sklearn_rnn.core._network import Network
from sklearn_rnn.estimators import _rows

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def blas_threads():
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


def unknown_threads():
    """How many threads there are that Python's module `threading` does not know of."""
    return _thread._count() + 1 - threading.active_count()


OF_OTHERS = unknown_threads()  # such as those of whatever runs the tests side by side


def our_threads():
    """How many of them are of this package; those that are about to end get some time."""
    end = time.monotonic() + 10
    while (more := unknown_threads() - OF_OTHERS) > 0 and time.monotonic() < end:
        time.sleep(0.001)
    return more


@pytest.fixture
def two_cores(monkeypatch):
    """BLAS has two threads, and no part of a batch is too small for one."""
    for module in (_training, _rows):
        monkeypatch.setattr(module, "MULTIPLICATIONS_A_THREAD", 1)
    monkeypatch.setattr(_training, "SEQUENCES_A_PART", 5)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        yield
        assert blas_threads() == {2}
    assert not our_threads()


# rows, inner and batch from far below the limits of the blocks to far above them; 509 is a prime
@pytest.mark.parametrize("rows", [1, 4, 30, 64, 256, 509, 2000])
@pytest.mark.parametrize(("inner", "batch"), [(3, 1), (73, 64), (137, 128), (500, 300)])
@pytest.mark.parametrize("small_kernels", [True, False])
def test_blocks_are_the_same_product(rows, inner, batch, small_kernels, monkeypatch):
    monkeypatch.setattr(_blas, "_has_small_kernels", lambda: small_kernels)
    rng = np.random.default_rng(0)
    W, z = rng.normal(size=(rows, inner)), rng.normal(size=(inner, batch))
    states = np.full((2, rows + 1, batch), np.nan)  # outputs are a part of a larger buffer, as in a cell
    times_W, outputs = product(W, states[:, :rows])
    times_W(z, outputs[1])
    np.testing.assert_allclose(states[1, :rows], W @ z, rtol=1e-12, atol=1e-11)
    assert np.isnan(states[0]).all()
    assert np.isnan(states[1, rows]).all()

    left = rng.normal(size=(rows, batch))
    np.testing.assert_allclose(outer(left, z), left @ z.T, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("small_kernels", [True, False])
def test_blocks_are_used_where_they_are_faster(small_kernels, monkeypatch):
    monkeypatch.setattr(_blas, "_has_small_kernels", lambda: small_kernels)
    _, outputs = product(np.ones((512, 137)), np.ones((3, 512, 128)))
    assert outputs.shape == ((3, 16, 32, 128) if small_kernels else (3, 512, 128))
    assert 32 * 137 * 128 <= _blas._SMALL_PRODUCT < 64 * 137 * 128


def test_sum_outer():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(7, 5, 4)), rng.normal(size=(7, 3, 4))
    expected = np.einsum("tan,tbn->ab", left, right)
    np.testing.assert_allclose(sum_outer(left, right, Arena()), expected, rtol=1e-13)
    np.testing.assert_allclose(sum_outer(left[:1], right[:1], Arena()), np.einsum("tan,tbn->ab", left[:1], right[:1]))


def ragged(n, rng):
    return [rng.normal(size=(1 + i % 7, 2)) for i in range(n)]


CASES = {
    "many-to-one": {},
    "stacked, bidirectional, attention": {
        "hidden_layer_sizes": (5, 4),
        "bidirectional": True,
        "pooling": "attention",
    },
    "lbfgs": {"solver": "lbfgs"},
    "truncated": {"bptt_steps": 3},
    "truncated, mean": {"bptt_steps": 3, "pooling": "mean"},
    "per step": {"mapping": "many-to-many"},
    "per step, truncated": {"mapping": "many-to-many", "bptt_steps": 3},
    "dropout": {"dropout": 0.5, "hidden_layer_sizes": (5, 4)},
}


@quiet
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("is_ragged", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_fit_does_not_depend_on_the_number_of_cores(case, is_ragged, cell, two_cores, monkeypatch):
    options = {"hidden_layer_sizes": 6, "cell": cell, "max_iter": 3, "random_state": 0, "batch_size": 11, **CASES[case]}
    rng = np.random.default_rng(1)
    X = ragged(23, rng) if is_ragged else rng.normal(size=(23, 7, 2))
    per_step = options.get("mapping") == "many-to-many"
    y = [x[:, 0] for x in X] if per_step else np.array([x[-1, 0] for x in X])
    if per_step and not is_ragged:
        y = np.stack(y)
    weight = rng.uniform(0.5, 2, 23)

    used = []
    spread = Cores.map

    def counting(cores, compute, parts):
        used.append(len(parts))
        return spread(cores, compute, parts)

    monkeypatch.setattr(Cores, "map", counting)

    def fit():
        used.clear()
        return RNNRegressor(**options).fit(X, y, weight, X_val=X, y_val=y), max(used)

    both, n_parts = fit()
    assert n_parts >= 2
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        one, same = fit()
    assert same == n_parts
    assert both.loss_curve_ == one.loss_curve_
    assert both.validation_loss_curve_ == one.validation_loss_curve_
    for name, W in both.weights_.items():
        np.testing.assert_array_equal(W, one.weights_[name])


@quiet
def test_a_fit_on_two_cores_gives_the_same_bits_each_time(two_cores):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 9, 2)).astype(np.float32), rng.integers(3, size=50)
    first, second = (RNNSequenceClassifier(8, max_iter=5, random_state=0).fit(X, y) for _ in range(2))
    for name, W in first.weights_.items():
        np.testing.assert_array_equal(W, second.weights_[name])


@quiet
@pytest.mark.parametrize("is_ragged", [False, True])
@pytest.mark.parametrize("mapping", ["many-to-one", "many-to-many"])
def test_predict_gives_the_same_bits_on_any_number_of_cores(mapping, is_ragged, two_cores, monkeypatch):
    rng = np.random.default_rng(0)
    X = ragged(50, rng) if is_ragged else rng.normal(size=(50, 6, 2))
    y = [x[:, 0] for x in X] if mapping == "many-to-many" else np.arange(50.0)
    if mapping == "many-to-many" and not is_ragged:
        y = np.stack(y)
    model = RNNRegressor(5, mapping=mapping, max_iter=2, random_state=0).fit(X, y)
    monkeypatch.setattr(_rows, "cells", lambda network, dtype: 48)  # seven blocks, the last one small
    both = model.predict(X)
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        one = model.predict(X)
    for a, b in zip(both, one):
        np.testing.assert_array_equal(a, b)
    alone = [model.predict(X[i : i + 1])[0] for i in range(50)]
    for a, b in zip(both, alone):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def test_an_error_in_any_part_is_raised(two_cores):
    def compute(part, arena):
        if part == fails:
            raise KeyboardInterrupt(str(part))
        return part

    for fails in (0, 1, 4):
        with pytest.raises(KeyboardInterrupt, match=str(fails)):
            Cores().use(lambda cores: cores.map(compute, list(range(5))))
        assert not our_threads()

    def work(cores):
        assert cores.n == 2
        assert cores.map(compute, [0, 1, 2]) == [0, 1, 2]
        assert cores.map(compute, [0]) == [0]
        assert cores.map(compute, []) == []

    fails, cores = None, Cores()
    cores.use(work)
    assert cores.n == 1


@pytest.mark.parametrize(
    ("cell", "width", "n_sequences", "n_parts"),
    [("rnn", 128, 128, 2), ("rnn", 128, 64, 1), ("lstm", 64, 64, 1), ("lstm", 64, 200, 3), ("gru", 32, 200, 1)]
    + [("lstm", 128, n, n_parts) for n, n_parts in ((63, 1), (64, 2), (127, 2), (192, 3))],
)
def test_how_many_parts_a_batch_is_worth(cell, width, n_sequences, n_parts):
    network = Network(
        1, (4, width), SquaredError(1), cell=CELLS[cell](), bidirectional=False, pooling="last", dropout=0.0
    )
    batch = Batch(np.zeros((5, 1, n_sequences)), Y=np.zeros((1, n_sequences)), count=n_sequences)
    parts = _training.parts_for_cores(network, batch)
    assert len(parts) == n_parts
    assert sum(part.X.shape[2] for part in parts) == n_sequences


def test_a_small_batch_stays_on_one_core():
    X, y = np.zeros((40, 5, 1)), np.arange(40.0)
    with threadpoolctl.threadpool_limits(2, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        seen = []

        class Watching(RNNRegressor):
            def score(self, X, y, sample_weight=None):
                seen.append((unknown_threads() - OF_OTHERS, blas_threads()))
                return 0.0

        Watching(8, max_iter=2, early_stopping=True, scoring=None).fit(X, y)
    assert seen == [(0, {1})] * 2  # during training, no thread is started and BLAS is held to one


def test_fits_that_overlap_restore_the_blas_threads():
    """The fit that began last ends last, in a thread that did not set the limit; it is lifted by the last to leave."""
    steps = [threading.Event() for _ in range(4)]
    seen = []

    def first(cores):
        seen.append(cores.n)
        steps[0].set()
        steps[1].wait(60)

    def in_thread():
        Cores().use(first)
        steps[2].set()
        steps[3].wait(60)

    def second(cores):
        seen.extend([cores.n, blas_threads()])
        steps[1].set()
        steps[2].wait(60)
        seen.append(blas_threads())

    before = blas_threads()
    if before == {1}:
        pytest.skip("BLAS has one thread here: there is no limit to see")
    thread = threading.Thread(target=in_thread)
    thread.start()
    steps[0].wait(60)
    Cores().use(second)
    seen.append(blas_threads())
    Cores().use(lambda cores: seen.extend([cores.n, blas_threads()]))  # and a limit can be set anew
    seen.append(blas_threads())
    steps[3].set()
    thread.join()
    n = max(before)
    assert seen == [n, 1, {1}, {1}, before, n, {1}, before]


def test_a_limit_that_another_thread_holds():
    """Where it cannot be lowered from here, the batch is not split as well."""
    seen = []

    def other():
        Cores().use(lambda cores: seen.append(cores.n * max(blas_threads())))

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [2]


def test_on_one_blas_thread_networks_have_all_cores_all_the_same():
    """In it, and in one inside of it; not in another thread; and all is as before where it fails."""
    before, seen = blas_threads(), []

    def note():
        Cores().use(lambda cores: seen.append((cores.n, blas_threads())))

    def work():
        note()
        on_one_blas_thread(note)
        thread = threading.Thread(target=note)
        thread.start()
        thread.join()
        seen.append((0, blas_threads()))
        return "done"

    assert on_one_blas_thread(work) == "done"
    n = max(before)
    assert seen == [(n, {1}), (n, {1}), (1, {1}), (0, {1})]
    assert blas_threads() == before
    with pytest.raises(ZeroDivisionError):
        on_one_blas_thread(lambda: 1 / 0)
    assert blas_threads() == before
    seen.clear()
    note()
    assert seen == [(n, {1})]
    errors = np.geterr()
    assert on_one_blas_thread(np.geterr) == errors  # it is not what networks compute under


@quiet
def test_buffer_size_and_error_state_are_set_back():
    before = np.getbufsize(), np.geterr()
    sizes = []

    class Watching(RNNRegressor):
        def score(self, X, y, sample_weight=None):
            sizes.append(np.getbufsize())
            return 0.0

    Watching(3, max_iter=2, early_stopping=True, scoring=None).fit(np.zeros((20, 4, 1)), np.arange(20.0))
    assert sizes == [_cores._BUFFER_SIZE] * 2
    assert (np.getbufsize(), np.geterr()) == before


# -- interrupts and forks ---------------------------------------------------------------------------------------------


@quiet
def test_interrupts_at_any_moment_leave_nothing_behind():
    """Very short fits, one after the other, interrupted 200 times: BLAS has its threads back, and a fit all cores."""
    before = blas_threads()
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 4, 1)), rng.normal(size=6)
    model = RNNRegressor(2, max_iter=2, random_state=0).fit(X, y)
    for seconds in rng.uniform(0.001, 0.01, 200):
        timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            while True:
                model.fit(X, y)
        timer.join()
    assert blas_threads() == before
    assert not our_threads()
    seen = []
    Cores().use(lambda cores: seen.append(cores.n))
    assert seen == [max(before)]
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("work", [
    lambda: Cores().use(lambda cores: None),
    lambda: on_one_blas_thread(lambda: Cores().use(lambda cores: None)),
], ids=["network", "network in other work"])  # fmt: skip
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("owner, name", [
    (_cores._BlasLimit, "hold"),
    (_cores._BlasLimit, "let_go"),
    (_cores._BlasLimit, "_set"),
    (_cores._BlasLimit, "_give_up_control"),
    (_cores.Cores, "_leave"),
    (_cores.Cores, "alone"),
    (_cores.Cores, "_dismiss"),
    (_cores, "with_numerics"),
])  # fmt: skip
def test_an_interrupt_around_any_step_leaves_nothing_behind(owner, name, when, work, monkeypatch):
    """In whichever call of whatever takes and leaves the cores it comes."""
    before, errors = blas_threads(), np.geterr()
    step, left = getattr(owner, name), [0]

    def interrupted(*arguments):
        left[0] -= 1
        now = left[0] == 0
        if now and when == "before":
            raise KeyboardInterrupt
        result = step(*arguments)
        if now and when == "after":
            raise KeyboardInterrupt
        return result

    is_static = isinstance(vars(owner)[name], staticmethod)
    for call in range(1, 11):
        left[0] = call
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, staticmethod(interrupted) if is_static else interrupted)
            try:
                work()
            except KeyboardInterrupt:
                pass
        assert blas_threads() == before
        assert np.geterr() == errors
        assert not _cores._limit._holders
        assert _cores._limit._before is None


def _fit_in_child(connection):
    seen = []
    Cores().use(lambda cores: seen.extend([cores.n, blas_threads()]))
    connection.send((*seen, blas_threads()))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_another_thread_fits():
    """No thread of that fit lives on in the child, so none of its limits may."""
    before = blas_threads()
    inside, done = threading.Event(), threading.Event()

    def hold(cores):
        inside.set()
        done.wait(60)

    thread = threading.Thread(target=Cores().use, args=(hold,))
    thread.start()
    inside.wait(60)
    here, there = multiprocessing.get_context("fork").Pipe()
    child = multiprocessing.get_context("fork").Process(target=_fit_in_child, args=(there,))
    child.start()
    assert here.poll(60)
    n, during, after = here.recv()
    child.join(60)
    done.set()
    thread.join()
    assert (n, during, after) == (max(before), {1}, before)
    assert blas_threads() == before


@quiet
def test_fits_that_overlap_come_to_the_same_bits():
    """Whoever holds the cores: how a batch is cut depends on shapes alone."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(256, 12, 3)).astype(np.float32), rng.normal(size=256)
    models = [RNNRegressor(96, batch_size=256, max_iter=4, dropout=0.1, random_state=0) for _ in range(4)]
    alone = models[0].fit(X, y)
    threads = [threading.Thread(target=model.fit, args=(X, y)) for model in models[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in models[1:]:
        assert model.loss_curve_ == alone.loss_curve_
        np.testing.assert_array_equal(model.predict(X), alone.predict(X))
