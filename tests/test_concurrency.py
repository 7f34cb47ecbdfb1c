"""Many threads, processes, joblib and fork: the same numbers as one after the other, and nobody waits for ever."""

import faulthandler
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_rnn import RNNForecaster, RNNRegressor, RNNSequenceClassifier, RNNTextGenerator
from sklearn_rnn.core import _training
from sklearn_rnn.estimators import _rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(60, 10, 2))
y = X[:, -1, 0]
LABELS = y > 0
PATIENCE = 60  # seconds after which whoever has not ended never will


def regressor(**options):
    return RNNRegressor(**{"hidden_layer_sizes": 5, "max_iter": 2, "random_state": 0, **options})


@pytest.fixture(autouse=True)
def nobody_waits_for_ever():
    """A deadlock ends the tests with the tracebacks of all threads; it does not hang."""
    faulthandler.dump_traceback_later(4 * PATIENCE, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def small_parts(monkeypatch):
    """No part of a batch is too small for a thread of its own."""
    for module in (_training, _rows):
        monkeypatch.setattr(module, "MULTIPLICATIONS_A_THREAD", 1)
    monkeypatch.setattr(_training, "SEQUENCES_A_PART", 5)


def in_threads(jobs):
    """The results of the jobs, each in a thread of its own, all begun at the same time."""
    results, errors = [None] * len(jobs), []
    gate = threading.Barrier(len(jobs))

    def run(k):
        try:
            gate.wait(PATIENCE)
            results[k] = jobs[k]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,), daemon=True) for k in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread never ended"
    assert not errors, errors
    return results


def test_eight_threads_predict_with_one_model(small_parts):
    model = RNNSequenceClassifier(5, max_iter=2, random_state=0, bidirectional=False, patch_size=1).fit(X, LABELS)
    many = np.tile(X, (6, 1, 1))  # two blocks
    expected = {
        "predict": model.predict(X[:3]),
        "predict_proba": model.predict_proba(many),
        "hidden_states": model.hidden_states(many),
    }

    def predict():
        wrong = 0
        for k in range(125):
            name = "predict" if k % 25 else ("predict_proba", "hidden_states")[k // 25 % 2]
            out = getattr(model, name)(X[:3] if name == "predict" else many)
            wrong += not np.array_equal(out, expected[name])
        return wrong

    assert in_threads([predict] * 8) == [0] * 8


def test_fits_in_threads_are_the_serial_ones(small_parts):
    configurations = [{"cell": "lstm"}, {"bidirectional": True}, {"solver": "lbfgs"}, {"dropout": 0.5, "cell": "gru"}]
    serial = [regressor(**options).fit(X, y) for options in configurations]
    fits = [lambda options=options: regressor(**options).fit(X, y) for options in configurations]
    for alone, beside in zip(serial, in_threads(fits)):
        np.testing.assert_array_equal(beside._theta, alone._theta)
        assert beside.loss_curve_ == alone.loss_curve_


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblib(backend):
    models = [regressor(random_state=seed) for seed in range(3)]
    serial = [cross_val_score(model, X, y, cv=2) for model in models]
    with joblib.parallel_backend(backend, n_jobs=2):
        parallel = [cross_val_score(model, X, y, cv=2) for model in models]
        search = GridSearchCV(models[0], {"random_state": [0, 1, 2]}, cv=2).fit(X, y)
    np.testing.assert_array_equal(parallel, serial)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], np.mean(serial, axis=1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_fits_and_predicts(small_parts):
    """With threads that were started and dismissed before. (While another one fits: see core/test_cores.py.)"""
    before = regressor().fit(X, y)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def child():
        answers.put((before.predict(X), regressor().fit(X, y)._theta))

    process = context.Process(target=child, daemon=True)
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        pytest.fail("a forked child never ended")
    assert process.exitcode == 0
    predicted, theta = answers.get()
    np.testing.assert_array_equal(predicted, before.predict(X))
    np.testing.assert_array_equal(theta, before._theta)
    np.testing.assert_array_equal(regressor().fit(X, y)._theta, before._theta)  # and so does the parent, afterwards


# -- the same bits, wherever it runs ----------------------------------------------------------------------------------


def fingerprints():
    """A digest of what each kind of estimator has learnt and says."""

    def digest(*arrays):
        return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:16]

    model = regressor(dropout=0.3, hidden_layer_sizes=(5, 4), early_stopping=True).fit(X, y)
    labels = np.array(["no", "yes"])[LABELS.astype(int)]
    classifier = RNNSequenceClassifier(5, max_iter=2, random_state=0, class_weight="balanced").fit(X, labels)
    forecaster = RNNForecaster(regressor(), window=8, horizon=2, random_state=0).fit(np.sin(np.arange(90.0)))
    text = RNNTextGenerator(8, max_iter=2, random_state=0, embedding_size=4, bptt_steps=8)
    text.fit("the cat sat on the mat. " * 9)
    return {
        "regressor": digest(model._theta, model.predict(X)),
        "classifier": digest(classifier._theta, classifier.predict_proba(X)),
        "forecaster": digest(forecaster.predict(5), forecaster.predict_interval(5)),
        "text": digest(text._theta) + text.generate(20, random_state=0),
    }


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_runs_and_processes_come_to_the_same_bits():
    here = fingerprints()
    assert fingerprints() == here
    code = (
        "import json, warnings; warnings.simplefilter('ignore'); import test_concurrency; "
        "print(json.dumps(test_concurrency.fingerprints()))"
    )
    paths = os.pathsep.join([os.path.dirname(__file__), *filter(None, sys.path)])
    running = []
    for seed, n_threads in (("1", "1"), ("2", "2")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": n_threads}
        running.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment))
    for process in running:
        try:
            out, _ = process.communicate(timeout=2 * PATIENCE)
        finally:
            process.kill()
        assert process.returncode == 0
        assert json.loads(out) == here
