"""What is printed while training goes on, and what is recorded of it."""

import io
import multiprocessing
import re
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier, RNNTextGenerator, TimestepTransformer
from sklearn_rnn.estimators._progress import in_words

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 2))
Y = X[:, -1, 0]
NUMBER = r"-?\d[\d.e+-]*"
EPOCH = re.compile(
    rf"Epoch (?P<epoch>\d+)(/(?P<last>\d+))?, loss = (?P<loss>{NUMBER})"
    rf"(, validation loss = (?P<validation>{NUMBER}))?(, validation score = (?P<score>{NUMBER}))?"
    rf"(, rate = (?P<rate>{NUMBER}))?, gradient norm = (?P<norm>{NUMBER})"
    r"(, (at most (?P<left>\d[^ ]* (s|min|h)) left|(?P<all>\d[^ ]* (s|min|h)) in all))?"
)


def epochs_of(text):
    found = [EPOCH.fullmatch(line) for line in text.splitlines()]
    assert found and all(found), text
    return [match.groupdict() for match in found]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(text):
    """What stands on a terminal in the end: lines, each as it was last rewritten."""
    return [re.sub(r"\x1b\[K", "", line.split("\r")[-1]) for line in text.split("\n")]


@quiet
def test_a_line_an_epoch(capsys):
    model = RNNRegressor(
        4, max_iter=3, batch_size=10, learning_rate="inverse_time", learning_rate_decay=1.0, verbose=1, random_state=0
    ).fit(X, Y, X_val=X, y_val=Y)
    said = epochs_of(capsys.readouterr().out)
    assert [line["epoch"] for line in said] == ["1", "2", "3"]
    assert {line["last"] for line in said} == {"3"}
    first = float(said[0]["rate"])
    for k, line in enumerate(said):
        assert float(line["loss"]) == pytest.approx(model.loss_curve_[k], abs=1e-8)
        assert float(line["validation"]) == pytest.approx(model.validation_loss_curve_[k], abs=1e-8)
        assert float(line["norm"]) == pytest.approx(model.gradient_norm_curve_[k], rel=0.01)
        assert float(line["rate"]) == pytest.approx(first / (1 + k), rel=0.01)
        assert line["all" if k == 2 else "left"].endswith(" s")


@quiet
def test_scores_are_told_and_lbfgs_has_no_rate(capsys):
    labels = (Y > 0).astype(int)
    RNNSequenceClassifier(4, max_iter=2, early_stopping=True, scoring="accuracy", verbose=1, random_state=0).fit(
        X, labels
    )
    assert all(0 <= float(line["score"]) <= 1 for line in epochs_of(capsys.readouterr().out))
    model = RNNRegressor(4, max_iter=2, solver="lbfgs", verbose=2, random_state=0).fit(X, Y)
    said = epochs_of(capsys.readouterr().out)
    assert [line["rate"] for line in said] == [None, None]
    assert float(said[-1]["norm"]) == pytest.approx(model.gradient_norm_curve_[-1], rel=0.01)


@quiet
def test_two_tells_every_batch(capsys):
    RNNRegressor(4, max_iter=2, batch_size=10, verbose=2, random_state=0).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[1] if "batch" in line else "" for line in lines] == [
        " batch 1",
        " batch 2",
        " batch 3",
        " batch 4",
        "",
    ] * 2
    losses = [float(re.search(r"loss = ([\d.]+)", line)[1]) for line in lines]
    assert losses[4] == pytest.approx(np.mean(losses[:4]), abs=1e-7)  # batches of like size


@quiet
@pytest.mark.parametrize("verbose", [1, 2])
def test_a_terminal_is_rewritten_in_place(monkeypatch, verbose):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    RNNRegressor(4, max_iter=3, batch_size=10, verbose=verbose, random_state=0).fit(X, Y)
    lines = shown(terminal.getvalue())
    assert lines[-1] == ""  # the cursor stands on a line of its own
    assert len(lines) - 1 == (1 if verbose == 1 else 3)  # epochs stay where batches are rewritten
    assert re.fullmatch(r"Epoch 3/3 \[############\], \d s in all, loss [\d.]+, rate 0.003, gradient [\d.]+", lines[-2])
    if verbose == 1:
        assert "Epoch 1/3 [####--------], at most 0 s left, loss " in terminal.getvalue()


@quiet
def test_in_a_narrow_terminal_the_bar_goes_first_and_the_time_last(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    for columns in ("60", "40"):
        monkeypatch.setenv("COLUMNS", columns)
        RNNRegressor(4, max_iter=2, verbose=1, random_state=0).fit(X, Y, X_val=X, y_val=Y)
    wide, narrow, _ = shown(terminal.getvalue())
    assert wide.startswith("Epoch 2/2, 0 s in all, loss ") and "validation" in wide and len(wide) < 60
    assert narrow.startswith("Epoch 2/2, 0 s in all, loss ") and len(narrow) < 40


@quiet
@pytest.mark.parametrize("stdout", ["nothing", "without isatty"])
def test_where_there_is_nowhere_to_print_to_it_trains(monkeypatch, stdout):
    written = []

    class Plain:
        def write(self, text):
            written.append(text)

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stdout", None if stdout == "nothing" else Plain())
    model = RNNRegressor(4, max_iter=2, verbose=2, random_state=0).fit(X, Y)
    assert model.n_iter_ == 2
    assert "".join(written).count("Epoch 2/2, loss = ") == (0 if stdout == "nothing" else 1)


@quiet
def test_workers_say_who_they_are(monkeypatch):
    """Several print to one terminal, so that none may rewrite its line."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(multiprocessing, "current_process", lambda: SimpleNamespace(name="LokyProcess-3"))
    RNNRegressor(4, max_iter=2, verbose=1, random_state=0).fit(X, Y)
    lines = terminal.getvalue().splitlines()
    assert [line[:25] for line in lines] == ["LokyProcess-3: Epoch 1/2,", "LokyProcess-3: Epoch 2/2,"]
    assert "\r" not in terminal.getvalue()


@quiet
def test_an_interrupt_leaves_the_terminal_on_a_new_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    pytest.importorskip(
        "sklearn.callback", reason="the interrupt comes from a callback; scikit-learn has them from 1.9 on"
    )

    class Interrupt:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RNNRegressor(4, max_iter=3, verbose=1, random_state=0).set_callbacks(Interrupt()).fit(X, Y)
    assert terminal.getvalue().endswith("\n")


@quiet
def test_one_pass_is_told_without_an_end(capsys):
    model = RNNRegressor(4, batch_size=20, verbose=1, random_state=0)
    model.partial_fit(X, Y).partial_fit(X, Y)
    said = epochs_of(capsys.readouterr().out)
    assert [(line["epoch"], line["last"], line["left"]) for line in said] == [("1", None, None), ("2", None, None)]
    model.set_params(verbose=2).partial_fit(X, Y)
    assert [line[:16] for line in capsys.readouterr().out.splitlines()] == [
        "Epoch 3, batch 1",
        "Epoch 3, batch 2",
        "Epoch 3, loss = ",
    ]


@quiet
def test_nothing_is_printed_unasked(capfd):
    net = RNNRegressor(4, max_iter=2, random_state=0)
    net.fit(X, Y)
    search = GridSearchCV(
        make_pipeline(TimestepTransformer(StandardScaler()), net), {"rnnregressor__alpha": [0, 1]}, cv=2
    )
    search.fit(X, Y)
    GridSearchCV(net, {"alpha": [0, 1]}, cv=2, n_jobs=2).fit(X, Y)
    RNNTextGenerator(4, max_iter=1, bptt_steps=8, random_state=0).fit("a cat sat on a mat. " * 20)
    assert capfd.readouterr() == ("", "")


@quiet
def test_a_warm_start_counts_on(capsys):
    model = RNNRegressor(4, max_iter=2, warm_start=True, verbose=1, random_state=0).fit(X, Y)
    capsys.readouterr()
    model.fit(X, Y)
    assert [(line["epoch"], line["last"]) for line in epochs_of(capsys.readouterr().out)] == [("3", "4"), ("4", "4")]
    assert len(model.gradient_norm_curve_) == len(model.clipped_curve_) == len(model.loss_curve_) == 4


@quiet
def test_norms_are_those_before_clipping():
    """Full batch, so the first update's norm is that of the gradient at the start, whatever it is clipped to."""
    options = {"batch_size": 40, "max_iter": 1, "random_state": 0, "solver": "sgd", "learning_rate_init": 1e-3}
    free = RNNRegressor(4, clip_norm=None, **options).fit(X, Y)
    norm = free.gradient_norm_curve_[0]
    assert free.clipped_curve_ == [0.0]
    for clip, share in ((0.5 * norm, 1.0), (2 * norm, 0.0)):
        model = RNNRegressor(4, clip_norm=clip, **options).fit(X, Y)
        assert model.gradient_norm_curve_ == [pytest.approx(norm, rel=1e-12)]
        assert model.clipped_curve_ == [share]
    assert RNNRegressor(4, clip_norm=None, clip_value=1e-9, **options).fit(X, Y).clipped_curve_ == [1.0]
    assert RNNRegressor(4, clip_norm=None, clip_value=norm, **options).fit(X, Y).clipped_curve_ == [0.0]


@quiet
def test_share_of_clipped_updates():
    norms = []
    model = RNNRegressor(
        4, batch_size=1, max_iter=1, clip_norm=None, solver="sgd", learning_rate_init=1e-12, random_state=0
    )
    for x, y in zip(X, Y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            norms.append(model.fit(x[None], [y]).gradient_norm_curve_[0])
    limit = float(np.median(norms))
    model.set_params(clip_norm=limit).fit(X, Y)
    assert model.clipped_curve_[0] == pytest.approx(np.mean(np.array(norms) > limit), abs=0.026)
    assert model.gradient_norm_curve_[0] == pytest.approx(np.mean(norms), rel=1e-6)


@quiet
def test_a_text_generator_tells_the_same(capsys):
    text = "the cat sat on the mat. " * 60
    model = RNNTextGenerator(8, max_iter=2, bptt_steps=16, batch_size=8, verbose=1, random_state=0).fit(text)
    said = epochs_of(capsys.readouterr().out)
    assert [line["epoch"] for line in said] == ["1", "2"]
    assert float(said[1]["norm"]) == pytest.approx(model.gradient_norm_curve_[1], rel=0.01)
    assert float(said[1]["validation"]) == pytest.approx(model.validation_loss_curve_[1], abs=1e-8)
    model.partial_fit(text)
    assert [line["epoch"] for line in epochs_of(capsys.readouterr().out)] == ["3"]
    assert len(model.gradient_norm_curve_) == len(model.clipped_curve_) == 3


def test_callbacks_of_a_text_generator():
    """scikit-learn's ScoringMonitor sees the likelihood rise; a callback can stop the training."""
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

    class StopAfterTwo:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            self.score = fitted_estimator.score("the cat sat on the mat. ")
            return context.task_name == "epoch" and context.task_id == 1

    text, stop = "the cat sat on the mat. " * 60, StopAfterTwo()
    model = RNNTextGenerator(8, max_iter=5, bptt_steps=16, batch_size=8, random_state=0).set_callbacks(stop).fit(text)
    assert model.n_iter_ == 2
    assert stop.score == pytest.approx(model.score("the cat sat on the mat. "), abs=1e-6)
    assert not [name for name in vars(model) if name.startswith("_callback")]
    pytest.importorskip("rich")
    model.set_callbacks(callback.ProgressBar()).fit(text)
    assert model.n_iter_ == 5


def test_durations_in_words():
    assert [in_words(seconds) for seconds in (0, 99.4, 120, 5999, 7200)] == ["0 s", "99 s", "2 min", "100 min", "2.0 h"]


@quiet
def test_curves_go_together_whatever_was_validated():
    """Epochs that were not validated stand in the validation curves as NaN."""
    model = RNNRegressor(4, max_iter=2, warm_start=True, random_state=0).fit(X, Y)
    assert model.validation_loss_curve_ is None
    model.fit(X, Y, X_val=X, y_val=Y)
    model.partial_fit(X, Y).fit(X, Y, X_val=X, y_val=Y)
    curve = np.array(model.validation_loss_curve_)
    assert len(curve) == len(model.loss_curve_) == model.n_iter_ == 7
    np.testing.assert_array_equal(np.isnan(curve), [True, True, False, False, True, False, False])
    assert model.validation_scores_ is None
