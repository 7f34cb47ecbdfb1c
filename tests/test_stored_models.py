"""Models that earlier releases stored are loaded and predict what they did; what a stored model says of itself."""

import copy
import pickle
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

import sklearn_rnn
from sklearn_rnn import RNNForecaster, RNNRegressor, RNNTextGenerator, _stored

HERE = Path(__file__).parent / "stored_models"
sys.path.append(str(HERE))
import store  # noqa: E402

RELEASES = sorted(path.name for path in HERE.iterdir() if (path / "expected.npz").exists())
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def load(release, kind, name):
    """The stored model, and the warnings of this package that loading it gave."""
    with zipfile.ZipFile(HERE / release / f"{kind}.zip") as file:
        data = file.read(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if kind == "pickle":
            model = pickle.loads(data)
        else:
            io = pytest.importorskip("skops.io")
            untrusted = io.get_untrusted_types(data=data)
            assert all(kind.startswith("sklearn_rnn.") for kind in untrusted), untrusted
            model = io.loads(data, trusted=untrusted)
    # scikit-learn and its transformers have versions of their own
    return model, [str(w.message) for w in caught if "of sklearn_rnn" in str(w.message)]


@quiet
@pytest.mark.filterwarnings("ignore:.* worse than repeating:UserWarning")
@pytest.mark.filterwarnings("ignore:.* times at which errors were held back:UserWarning")
@pytest.mark.parametrize("kind", ["pickle", "skops"])
@pytest.mark.parametrize("release", RELEASES)
def test_stored_models_predict_what_they_did(release, kind):
    with np.load(HERE / release / "expected.npz") as file:
        stored = dict(file)
    data = {name.removeprefix("inputs/"): values for name, values in stored.items() if name.startswith("inputs/")}
    with zipfile.ZipFile(HERE / release / f"{kind}.zip") as file:
        names = file.namelist()
    results = {name: results for name, _, results in store.cases(data)}
    assert set(names) <= set(results)
    seen = set()
    for name in names:
        for key, result in results[name].items():
            if f"{name}/{key}" not in stored:
                continue  # asked of later releases only
            seen.add(f"{name}/{key}")
            model, said = load(release, kind, name)
            same = release == sklearn_rnn.__version__
            assert bool(said) != same, said
            assert all(release in message and sklearn_rnn.__version__ in message for message in said)
            expected, found = stored[f"{name}/{key}"], result(model)
            if expected.dtype.kind == "f":
                rtol = 2e-4 if found.dtype == np.float32 or "text" in name else 1e-6
                np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-7, err_msg=name)
            else:
                np.testing.assert_array_equal(found, expected, err_msg=name)
    assert seen == {key for key in stored if not key.startswith("inputs/")}


def test_there_are_stored_models_and_they_are_small():
    if not RELEASES:
        pytest.skip("the stored models are not in this distribution")
    for release in RELEASES:
        assert sum(path.stat().st_size for path in (HERE / release).iterdir()) < 500_000


@quiet
def test_what_a_stored_model_says_of_itself(monkeypatch):
    X = np.random.default_rng(0).normal(size=(10, 4, 1))
    model = RNNRegressor(3, max_iter=2, random_state=0).fit(X, X[:, 0, 0])
    stored = pickle.dumps(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        for again in (pickle.loads(stored), copy.deepcopy(model), copy.copy(model), clone(model)):
            assert "_stored_by" not in vars(again)
    state = model.__getstate__()
    assert state["_stored_by"] == {"format": _stored.FORMAT, "version": sklearn_rnn.__version__}
    # another version, which is told
    with monkeypatch.context() as patched:
        patched.setattr(_stored, "__version__", "9.9")
        with pytest.warns(InconsistentVersionWarning, match=rf"RNNRegressor.*{sklearn_rnn.__version__} when.*9\.9"):
            again = pickle.loads(stored)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    # none at all
    bare = {name: value for name, value in state.items() if name != "_stored_by"}
    again = RNNRegressor.__new__(RNNRegressor)
    with pytest.warns(InconsistentVersionWarning, match=r"pre-0\.1\.0 \(without a version\)"):
        again.__setstate__(bare)
    # a format that is not known
    with pytest.raises(ValueError, match=r"RNNRegressor was stored by sklearn_rnn 7\.0 in format 99; .*Install"):
        again.__setstate__({**bare, "_stored_by": {"format": 99, "version": "7.0"}})
    # a parameter that the release which stored it did not have
    old = {name: value for name, value in state.items() if name != "max_fun"}
    again.__setstate__(old)
    assert again.get_params() == model.get_params()


@quiet
def test_a_pickle_holds_no_training_state_unless_it_is_needed():
    X = np.random.default_rng(0).normal(size=(20, 4, 1))
    y = X[:, 0, 0]
    model = RNNRegressor(30, max_iter=2, random_state=0)
    once, warm = model.fit(X, y), clone(model).set_params(warm_start=True).fit(X, y)
    part = clone(model).partial_fit(X, y)
    n_bytes = once._theta.nbytes
    assert len(pickle.dumps(once)) < n_bytes + 3000
    for going_on in (warm, part):  # Adam keeps two vectors
        assert 3 * n_bytes < len(pickle.dumps(going_on)) < 3 * n_bytes + 5000
    assert len(pickle.dumps(part.fit(X, y))) < n_bytes + 3000
    text = RNNTextGenerator(30, max_iter=1, bptt_steps=8, random_state=0).fit("abcdefgh" * 40)
    assert len(pickle.dumps(text)) < text._theta.nbytes + 3000
    # nor do forecasters hold their series, or windows
    series = np.sin(np.arange(5000) / 7)
    forecaster = RNNForecaster(RNNRegressor(4, max_iter=1), calibration_fraction=0, random_state=0).fit(series)
    assert len(pickle.dumps(forecaster)) < 25_000
