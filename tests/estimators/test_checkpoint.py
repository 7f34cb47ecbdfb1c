"""A fit that is killed goes on from its checkpoint, and comes to the same weights, to the last bit."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import VotingRegressor
from sklearn.metrics import make_scorer, max_error, r2_score
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 2))
Y = X[:, -1, 0] + 0.1 * RNG.normal(size=40)
EPOCHS = 12
CONFIGURATIONS = [
    {"solver": "adam"},
    {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.05},
    {"solver": "adagrad", "early_stopping": True, "scoring": None, "random_state": None},
    {"solver": "rmsprop", "learning_rate": "cosine", "dropout": 0.2},
    {"cell": "lstm", "mapping": "many-to-many", "bptt_steps": 3, "random_state": np.random.RandomState(3)},
]


def model(folder=None, **options):
    given = {"hidden_layer_sizes": 4, "max_iter": EPOCHS, "batch_size": 10, "random_state": 0, "checkpoint_every": 1}
    return RNNRegressor(**(given | options), checkpoint=folder)


class Killed(BaseException):
    pass


def killed_at(epoch, model, X, y, **more):
    """Fit, and fall before the epoch is over; what is left is the file."""
    from sklearn_rnn.core import _loops

    seen = []
    epoch_ends = _loops.Monitor.epoch_ends

    def ends(self, *given, **named):
        seen.append(1)
        if len(seen) == epoch:
            raise Killed
        return epoch_ends(self, *given, **named)

    _loops.Monitor.epoch_ends = ends
    try:
        model.fit(X, y, **more)
    except Killed:
        return
    finally:
        _loops.Monitor.epoch_ends = epoch_ends


def same(one, other):
    np.testing.assert_array_equal(one._theta, other._theta)
    for name in (
        "loss_curve_",
        "validation_loss_curve_",
        "validation_scores_",
        "gradient_norm_curve_",
        "clipped_curve_",
    ):
        assert getattr(one, name) == getattr(other, name), name
    assert one.stopped_by_ == other.stopped_by_
    assert one.n_iter_ == other.n_iter_ and one.best_loss_ == other.best_loss_


def like(options):
    """The options with a random state of their own, where that is drawn from."""
    state = options.get("random_state")
    return (
        {**options, "random_state": np.random.RandomState(3)} if isinstance(state, np.random.RandomState) else options
    )


@pytest.mark.parametrize("options", CONFIGURATIONS, ids=lambda options: options.get("solver", "segments"))
@pytest.mark.parametrize("epoch", [1, 2, 7])
def test_a_fit_goes_on_as_if_nothing_had_happened(tmp_path, options, epoch):
    y = np.cumsum(X[..., 0], axis=1) if options.get("mapping") == "many-to-many" else Y
    np.random.seed(5)  # noqa: NPY002
    first = model(tmp_path, **like(options))
    killed_at(epoch, first, X, y)
    assert len(list(tmp_path.iterdir())) == (1 if epoch > 1 else 0)
    resumed = model(tmp_path, **like(options))
    np.random.seed(99)  # noqa: NPY002 - what a random_state of None is drawn from; all that matters of it is in the file
    if epoch > 1:
        resumed.fit(X, y)
        np.random.seed(5)  # noqa: NPY002
        same(resumed, model(**like(options)).fit(X, y))
    assert not list(tmp_path.iterdir())  # nothing is left behind


def test_a_child_that_is_really_killed(tmp_path):
    """By SIGKILL, at random moments, until one comes through."""
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("there is no SIGKILL on this system")
    script = tmp_path / "fit.py"
    script.write_text(
        "import sys, pickle, warnings; import numpy as np; warnings.simplefilter('ignore')\n"
        "from sklearn_rnn import RNNRegressor\n"
        "rng = np.random.default_rng(0); X = rng.normal(size=(200, 20, 2)); y = X[:, -1, 0]\n"
        "net = RNNRegressor(16, max_iter=40, tol=0, batch_size=20, dropout=0.1, early_stopping=True,\n"
        "                   n_iter_no_change=99, random_state=0, checkpoint=sys.argv[1] or None, checkpoint_every=1)\n"
        "print('begin', flush=True); net.fit(X, y); pickle.dump(net, open(sys.argv[2], 'wb'))\n"
    )

    def child(folder, to):
        process = subprocess.Popen([sys.executable, str(script), folder, to], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "begin\n"
        return process

    through = child("", str(tmp_path / "through.pkl"))
    start = time.monotonic()
    assert through.wait() == 0
    seconds = time.monotonic() - start
    folder, moments, kills = tmp_path / "checkpoints", np.random.default_rng(1), 0
    while kills < int(os.environ.get("SKLEARN_RNN_KILLS", "3")):
        process = child(str(folder), str(tmp_path / "resumed.pkl"))
        time.sleep(moments.uniform(0, 0.5 * seconds))
        process.kill()
        process.stdout.close()
        if process.wait() == 0:  # it was faster
            break
        kills += 1
    assert kills
    process = child(str(folder), str(tmp_path / "resumed.pkl"))
    assert process.wait() == 0
    process.stdout.close()
    through.stdout.close()
    one, other = (pickle.loads((tmp_path / name).read_bytes()) for name in ("through.pkl", "resumed.pkl"))
    same(one, other)
    assert not list(folder.glob("*.npz"))


def test_other_fits_are_not_taken_for_it(tmp_path):
    """Other data, other parameters and other weights to begin with have files of their own."""
    for options, X_, y in (({}, X, Y), ({"alpha": 0.1}, X, Y), ({}, X + 1, Y), ({}, X, Y + 1)):
        killed_at(3, model(tmp_path, **options), X_, y)
    assert len(list(tmp_path.iterdir())) == 4
    killed_at(3, model(tmp_path, verbose=1), X, Y)
    assert len(list(tmp_path.iterdir())) == 4  # what is printed changes nothing
    resumed = model(tmp_path, alpha=0.1).fit(X, Y)
    same(resumed, model(alpha=0.1).fit(X, Y))
    assert len(list(tmp_path.iterdir())) == 3
    net = RNNSequenceClassifier(4, max_iter=3, random_state=0, checkpoint=tmp_path, checkpoint_every=1)
    killed_at(2, net, X, Y > 0)
    assert any(path.name.startswith("RNNSequenceClassifier-") for path in tmp_path.iterdir())


def test_lists_frames_weights_and_validation_data(tmp_path):
    frames = [pd.DataFrame(x, columns=["a", "b"]) for x in X]
    given = {"sample_weight": np.linspace(1, 2, 40), "X_val": frames[:5], "y_val": Y[:5]}
    killed_at(4, model(tmp_path), frames, Y, **given)
    assert len(list(tmp_path.iterdir())) == 1
    same(model(tmp_path).fit(frames, Y, **given), model().fit(frames, Y, **given))


def test_a_warm_start_is_resumed(tmp_path):
    def warm(folder):
        return model(folder, warm_start=True, max_iter=4).fit(X, Y)

    expected = warm(None).fit(X, Y)
    first = warm(tmp_path)
    stored = pickle.dumps(first)
    killed_at(3, first, X, Y)
    assert first.n_iter_ == 4 and len(list(tmp_path.iterdir())) == 1
    resumed = pickle.loads(stored).fit(X, Y)
    assert resumed.n_iter_ == 8
    same(resumed, expected)


@pytest.mark.parametrize("every", ["1h", timedelta(hours=1), np.timedelta64(1, "h"), 100])
def test_short_fits_leave_no_trace(tmp_path, every):
    folder = tmp_path / "none"
    model(folder, checkpoint_every=every).fit(X, Y)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("every", [0, -1, True, 1.5, "soon", "-5s", None, "3"])
def test_what_is_no_interval(every):
    with pytest.raises(ValueError, match="checkpoint_every must be a number of epochs"):
        model(checkpoint_every=every).fit(X, Y)


def test_lbfgs_has_none(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint=.* does not go with solver='lbfgs'"):
        model(tmp_path, solver="lbfgs").fit(X, Y)
    model(solver="lbfgs").fit(X, Y)


def test_what_cannot_be_written_is_told_and_training_goes_on(tmp_path, monkeypatch):
    expected = model().fit(X, Y)
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="cannot be written .*training goes on") as record:
        same(model(tmp_path / "file" / "below").fit(X, Y), expected)
    assert len([w for w in record if "cannot be written" in str(w.message)]) == 1

    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        same(model(tmp_path).fit(X, Y), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]  # and no half of one


def test_a_broken_file_is_told_and_training_starts_anew(tmp_path):
    killed_at(3, model(tmp_path), X, Y)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="cannot be read .*training starts anew"):
        same(model(tmp_path).fit(X, Y), model().fit(X, Y))


def test_an_interrupt_keeps_the_file(tmp_path, monkeypatch):
    net = model(tmp_path)

    def end(*given):
        if len(net_epochs) == 5:
            raise KeyboardInterrupt
        net_epochs.append(1)

    net_epochs = []
    from sklearn_rnn.estimators import _progress

    monkeypatch.setattr(_progress.Announcer, "epoch", end)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y)
    monkeypatch.undo()
    same(net.fit(X, Y), model().fit(X, Y))


def test_fits_of_a_search_share_a_folder(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(model(tmp_path), {"alpha": [0.0, 0.1]}, cv=2, n_jobs=2).fit(X, Y)
        expected = GridSearchCV(model(), {"alpha": [0.0, 0.1]}, cv=2).fit(X, Y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])
    assert not list(tmp_path.iterdir())
    assert clone(search.best_estimator_).checkpoint == tmp_path


def test_members_of_an_ensemble_that_draw_anew_do_not_become_alike(tmp_path):
    """With random_state=None nothing tells them apart, so each holds its file for itself."""
    net = model(tmp_path, random_state=None, max_iter=30, tol=0, n_iter_no_change=99)
    one, other = VotingRegressor([("a", net), ("b", net)], n_jobs=2).fit(X[..., 0], Y).estimators_
    assert np.abs(one.predict(X[..., 0]) - other.predict(X[..., 0])).max() > 1e-3
    assert one.loss_curve_[0] != other.loss_curve_[0]
    assert not list(tmp_path.iterdir())


def test_fits_that_draw_from_one_generator_find_their_own_files(tmp_path):
    def ensemble(folder, killed=None):
        state, nets = np.random.RandomState(0), []
        for k in range(3):
            net = model(folder, random_state=state)
            if k == killed:
                killed_at(5, net, X, Y)
                return nets
            nets.append(net.fit(X, Y))
        return nets

    expected = ensemble(None)
    ensemble(tmp_path, killed=1)
    assert len(list(tmp_path.glob("*.npz"))) == 1
    for net, of_straight in zip(ensemble(tmp_path), expected):
        same(net, of_straight)
    killed_at(5, model(tmp_path, random_state=np.random.RandomState(0)), X, Y)
    anew = model(tmp_path, random_state=np.random.RandomState(1)).fit(X, Y)
    same(anew, model(random_state=np.random.RandomState(1)).fit(X, Y))


def test_scorers_are_told_apart(tmp_path):
    options = {"early_stopping": True, "n_iter_no_change": 99}
    largest = make_scorer(max_error, greater_is_better=False)
    for scoring in (make_scorer(r2_score), largest, lambda est, X, y: 1.0, lambda est, X, y: 2.0, "r2"):
        killed_at(4, model(tmp_path, **options, scoring=scoring), X, Y)
    assert len(list(tmp_path.glob("*.npz"))) == 5
    same(
        model(tmp_path, **options, scoring=largest).fit(X, Y),
        model(**options, scoring=largest).fit(X, Y),
    )


def metric(k):
    return lambda est, X, y: -k * np.abs(est.predict(X) - y).mean()


def metric_of(source):
    named = {}
    exec(f"def score(est, X, y): return {source}", named)
    return named["score"]


def test_a_score_that_was_edited_is_another(tmp_path):
    """By its code, or by what it encloses; the same one goes on."""
    options = {"early_stopping": True, "n_iter_no_change": 99}
    edited = metric_of("est.score(X, y)"), metric_of("-est.score(X, y)")
    for before, after in ((metric(1), metric(-1)), edited, tuple(map(make_scorer, (r2_score, max_error)))):
        killed_at(4, model(tmp_path, **options, scoring=before), X, Y)
        same(model(tmp_path, **options, scoring=after).fit(X, Y), model(**options, scoring=after).fit(X, Y))
        assert len(list(tmp_path.glob("*.npz"))) == 1
        again = metric(1) if getattr(before, "__name__", "") == "<lambda>" else before
        same(model(tmp_path, **options, scoring=again).fit(X, Y), model(**options, scoring=again).fit(X, Y))
        assert not list(tmp_path.glob("*.npz"))


def scorer_of(source):
    """Instances of classes of one name, as a script has before and after it was edited."""
    named = {}
    exec(f"class Scorer:\n    def __call__(self, est, X, y): return {source}\n    of = __call__", named)
    return named["Scorer"]()


def test_a_score_that_is_an_object_is_known_by_its_class(tmp_path):
    options = {"early_stopping": True, "n_iter_no_change": 99}
    one, other = scorer_of("est.score(X, y)"), scorer_of("100 - est.score(X, y)")
    for before, after in ((one, other), (one.of, other.of)):
        killed_at(4, model(tmp_path, **options, scoring=before), X, Y)
        same(model(tmp_path, **options, scoring=after).fit(X, Y), model(**options, scoring=after).fit(X, Y))
        assert len(list(tmp_path.glob("*.npz"))) == 1
        same(model(tmp_path, **options, scoring=before).fit(X, Y), model(**options, scoring=before).fit(X, Y))
        assert not list(tmp_path.glob("*.npz"))


def test_a_fit_is_known_in_every_process():
    """Whatever the order of its sets."""
    code = """if 1:
        from sklearn_rnn.estimators._checkpoint import _digest
        named = {}
        exec("def score(est, X, y, kind=('a',)): return kind in {'mae', 'mse', 'r2', ('max', 'min')}", named)
        print(_digest(named["score"]), _digest({"c", "b", "a"}))
        """
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(3)
    }
    assert len(seen) == 1


def test_masked_data_are_told_apart(tmp_path):
    table = X[..., 0]
    masks = np.zeros((2, *table.shape), bool)
    some, others = np.ma.masked_array(table, masks[0]), np.ma.masked_array(3 * table, masks[1])
    killed_at(4, model(tmp_path), some, Y)
    same(model(tmp_path).fit(others, Y), model().fit(others, Y))
    assert len(list(tmp_path.glob("*.npz"))) == 1
    same(model(tmp_path).fit(np.ma.masked_array(table.copy(), masks[1]), Y), model().fit(some, Y))
    assert not list(tmp_path.glob("*.npz"))


def test_what_cannot_be_told_from_others_has_no_checkpoint(tmp_path):
    lock = threading.Lock()

    def score(est, X, y):
        with lock:
            return est.score(X, y)

    with pytest.warns(UserWarning, match="Nothing tells this fit from others"):
        net = model(tmp_path, early_stopping=True, scoring=score).fit(X, Y)
    assert net.n_iter_ == EPOCHS and not list(tmp_path.iterdir())


def test_a_fit_beside_the_file_of_another_is_told(tmp_path, capsys):
    killed_at(4, model(tmp_path), X, Y)
    model(tmp_path).fit(2 * X, Y)
    assert "Starts anew" not in capsys.readouterr().out
    model(tmp_path, verbose=1).fit(2 * X, Y)
    assert "Starts anew: of 1 checkpoint(s)" in capsys.readouterr().out
    model(tmp_path, verbose=1).fit(X, Y)
    assert "Goes on after epoch 3" in capsys.readouterr().out


def test_the_layout_in_memory_is_no_matter(tmp_path):
    wide = np.zeros((40, 6, 4))
    wide[..., ::2] = X
    killed_at(4, model(tmp_path), wide[..., ::2], np.stack([Y, Y], axis=1)[:, 0])
    same(model(tmp_path).fit(np.asfortranarray(X), Y), model().fit(X, Y))
    assert not list(tmp_path.iterdir())


def test_where_it_is_does_not_change_with_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net, end = model("here", early_stopping=True, n_iter_no_change=99), []

    def scoring(est, X, y):
        os.chdir("/")
        end.append([path.name for path in (tmp_path / "here").glob("*.npz")])
        return 1.0

    net.set_params(scoring=scoring).fit(X, Y)
    assert [len(names) for names in end] == [0] + [1] * (EPOCHS - 1)
    assert not list((tmp_path / "here").iterdir())
    for wrong in ("", "a\0b"):
        with pytest.raises(ValueError, match=r"checkpoint='.*' is no folder"):
            model(wrong).fit(X, Y)


def test_leftovers_of_a_killed_write_are_swept(tmp_path):
    killed_at(4, model(tmp_path), X, Y)
    (path,) = tmp_path.glob("*.npz")
    half, foreign = tmp_path / f".{path.stem}.abc.tmp", tmp_path / ".other.tmp"
    half.write_bytes(b"half")
    foreign.write_bytes(b"not ours")
    model(tmp_path).fit(X, Y)
    assert list(tmp_path.iterdir()) == [foreign]


def test_going_on_is_told(tmp_path, capsys):
    killed_at(4, model(tmp_path), X, Y)
    model(tmp_path, verbose=1).fit(X, Y)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Goes on after epoch 3, from {tmp_path}")
    assert second.startswith(f"Epoch 4/{EPOCHS}, loss = ")
