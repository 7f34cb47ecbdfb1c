"""scikit-learn's meta-estimators around ours: what each comes to is what the same steps by hand come to."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import (
    HalvingGridSearchCV,
    KFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier, TimestepTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.default_rng(0)
N, T = 60, 5
X = rng.normal(size=(N, T, 2))
Y = X[:, -1, 0] + 0.3 * X[:, -2, 1]
LABELS = np.where(Y > 0.3, "up", "down")
PLAIN = X[:, :, 0]  # a table of univariate sequences
FOLDS = KFold(3)
SMALL = {"hidden_layer_sizes": 4, "max_iter": 5, "learning_rate_init": 0.03, "random_state": 0}
RAGGED = [x[: T - i % 3] for i, x in enumerate(X)]


def net(**options):
    return RNNRegressor(**SMALL | options)


def classifier(**options):
    return RNNSequenceClassifier(**SMALL | options)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("data", [PLAIN, X, RAGGED], ids=["2-D", "3-D", "list"])
def test_stacking_regressor(data):
    parts = [("gru", net(cell="gru")), ("mean", DummyRegressor())]
    stack = StackingRegressor(parts, LinearRegression(), cv=FOLDS).fit(data, Y)
    held_out = np.column_stack([cross_val_predict(part, data, Y, cv=FOLDS) for _, part in parts])
    final = LinearRegression().fit(held_out, Y)
    of_all = np.column_stack([clone(part).fit(data, Y).predict(data) for _, part in parts])
    close(stack.predict(data), final.predict(of_all))


@pytest.mark.parametrize("data", [X, RAGGED], ids=["3-D", "list"])
def test_stacking_classifier(data):
    folds = StratifiedKFold(3)
    stack = StackingClassifier([("rnn", classifier())], LogisticRegression(), cv=folds).fit(data, LABELS)
    held_out = cross_val_predict(classifier(), data, LABELS, cv=folds, method="predict_proba")[:, 1:]
    final = LogisticRegression().fit(held_out, LABELS)
    of_all = classifier().fit(data, LABELS).predict_proba(data)[:, 1:]
    close(stack.predict_proba(data), final.predict_proba(of_all))


@pytest.mark.parametrize("data", [X, RAGGED], ids=["3-D", "list"])
def test_voting(data):
    cells = ["rnn", "gru"]
    voting = VotingRegressor([(cell, net(cell=cell)) for cell in cells], weights=[1, 3]).fit(data, Y)
    votes = [net(cell=cell).fit(data, Y).predict(data) for cell in cells]
    close(voting.predict(data), (votes[0] + 3 * votes[1]) / 4)

    parts = [(cell, classifier(cell=cell)) for cell in cells]
    soft = VotingClassifier(parts, voting="soft").fit(data, LABELS)
    close(
        soft.predict_proba(data),
        np.mean([classifier(cell=cell).fit(data, LABELS).predict_proba(data) for cell in cells], axis=0),
    )


@pytest.mark.parametrize("data", [X, RAGGED], ids=["3-D", "list"])
def test_calibration(data):
    """Isotonic regression by hand on the probabilities of a net that stays as it is."""
    fitted = classifier().fit(data, LABELS)
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted), method="isotonic").fit(data, LABELS)
    p = fitted.predict_proba(data)[:, 1]
    by_hand = IsotonicRegression(out_of_bounds="clip").fit(p, LABELS == "up")
    close(calibrated.predict_proba(data)[:, 1], by_hand.predict(p))


def test_calibration_by_folds():
    folds = StratifiedKFold(3)
    calibrated = CalibratedClassifierCV(classifier(), cv=folds).fit(X, LABELS)
    nets = [one.estimator for one in calibrated.calibrated_classifiers_]
    for found, (train, _) in zip(nets, folds.split(X, LABELS), strict=True):
        close(found.predict_proba(X), classifier().fit(X[train], LABELS[train]).predict_proba(X))


@pytest.mark.parametrize("data", [X, RAGGED], ids=["3-D", "list"])
def test_multi_output(data):
    both = np.column_stack([Y, -(Y**2)])
    model = MultiOutputRegressor(net()).fit(data, both)
    close(model.predict(data), np.column_stack([net().fit(data, y).predict(data) for y in both.T]))

    labels = np.column_stack([LABELS, np.where(X[:, 0, 0] > 0, "a", "b")])
    classes = MultiOutputClassifier(classifier()).fit(data, labels)
    for found, y in zip(classes.predict_proba(data), labels.T, strict=True):
        close(found, classifier().fit(data, y).predict_proba(data))


def test_chains():
    """A chain appends a column: of univariate sequences that is the next time step, of a horizon what it should be."""
    table, horizon = PLAIN[:, :3], PLAIN[:, 3:]
    chain = RegressorChain(net()).fit(table, horizon)
    first = net().fit(table, horizon[:, 0])
    second = net().fit(np.column_stack([table, horizon[:, 0]]), horizon[:, 1])
    step_1 = first.predict(table)
    close(chain.predict(table), np.column_stack([step_1, second.predict(np.column_stack([table, step_1]))]))

    ups = (horizon > 0).astype(int)
    chain = ClassifierChain(classifier(), chain_method="predict_proba").fit(table, ups)
    first, second = (
        classifier().fit(table, ups[:, 0]),
        classifier().fit(np.column_stack([table, ups[:, 0]]), ups[:, 1]),
    )
    step_1 = first.predict_proba(table)[:, 1]
    close(chain.predict_proba(table)[:, 1], second.predict_proba(np.column_stack([table, step_1]))[:, 1])


@pytest.mark.parametrize("data", [X, RAGGED], ids=["3-D", "list"])
def test_halving_search(data):
    search = HalvingGridSearchCV(
        net(),
        {"learning_rate_init": [1e-5, 0.03]},
        resource="max_iter",
        min_resources=4,
        max_resources=8,
        factor=2,
        cv=FOLDS,
    )
    search.fit(data, Y)
    assert search.best_params_ == {"learning_rate_init": 0.03, "max_iter": 8}
    close(search.predict(data), net(max_iter=8).fit(data, Y).predict(data))


@pytest.mark.parametrize("data", [X, RAGGED], ids=["3-D", "list"])
def test_tuned_threshold(data):
    fitted = classifier(max_iter=20).fit(data, LABELS)
    tuned = TunedThresholdClassifierCV(fitted, cv="prefit", refit=False, thresholds=25).fit(data, LABELS)
    p = fitted.predict_proba(data)[:, 1]
    scores = [
        balanced_accuracy_score(LABELS, np.where(p >= t, "up", "down")) for t in np.linspace(p.min(), p.max(), 25)
    ]
    close(tuned.best_score_, max(scores))
    np.testing.assert_array_equal(tuned.predict(data), np.where(p >= tuned.best_threshold_, "up", "down"))


def test_bagging():
    """It takes tables only."""
    bag = BaggingRegressor(net(), n_estimators=2, random_state=0).fit(PLAIN, Y)
    votes = []
    for one, drawn in zip(bag.estimators_, bag.estimators_samples_, strict=True):
        counts = np.bincount(drawn, minlength=N)
        alone = net(random_state=one.random_state).fit(PLAIN, Y, counts)
        votes.append(alone.predict(PLAIN))
        close(one.predict(PLAIN), votes[-1])
    close(bag.predict(PLAIN), np.mean(votes, axis=0))


@pytest.mark.parametrize("around", ["pipeline", "voting"])
def test_validation_data_go_through_what_is_around(around):
    """X_val is scaled by the pipeline's own scaler, whatever is around the pipeline."""
    train, held_out = slice(0, 40), slice(40, N)
    with sklearn.config_context(enable_metadata_routing=True):
        model = net(early_stopping=True).set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(TimestepTransformer(StandardScaler()), model, transform_input=["X_val"])
        whole = pipeline if around == "pipeline" else VotingRegressor([("rnn", pipeline)])
        whole.fit(X[train], Y[train], X_val=X[held_out], y_val=Y[held_out])
    scaler = TimestepTransformer(StandardScaler()).fit(X[train])
    by_hand = net(early_stopping=True).fit(
        scaler.transform(X[train]), Y[train], X_val=scaler.transform(X[held_out]), y_val=Y[held_out]
    )
    close(whole.predict(X), by_hand.predict(scaler.transform(X)))
    fitted = (whole if around == "pipeline" else whole.estimators_[0])[-1]
    close(fitted.validation_loss_curve_, by_hand.validation_loss_curve_)
