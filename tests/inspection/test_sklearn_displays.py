"""scikit-learn's own displays with these estimators, on 3-D, 2-D and ragged X."""

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
    confusion_matrix,
    roc_auc_score,
)
from sklearn.model_selection import LearningCurveDisplay, ValidationCurveDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier, TimestepTransformer, flatten_steps

plt = pytest.importorskip("matplotlib.pyplot", reason="draws with matplotlib")

rng = np.random.default_rng(0)
NET = dict(cell="rnn", max_iter=4, solver="sgd", tol=0, random_state=0)
X3 = rng.normal(size=(40, 5, 2))
FORMS = {"3d": X3, "2d": X3[:, :, 0].copy(), "list": [x[: 3 + i % 3] for i, x in enumerate(X3)]}
NUMBERS = X3[:, -1, 0] + X3[:, 0, 0]
LABELS = np.where(NUMBERS > 0, "up", "down")


@pytest.fixture(autouse=True)
def _closed():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, message=".*(converged|max_iter).*")
        yield
    plt.close("all")


@pytest.fixture(params=FORMS)
def X(request):
    return FORMS[request.param]


def test_confusion_matrix(X):
    model = RNNSequenceClassifier(3, **NET).fit(X, LABELS)
    display = ConfusionMatrixDisplay.from_estimator(model, X, LABELS)
    np.testing.assert_array_equal(display.confusion_matrix, confusion_matrix(LABELS, model.predict(X)))
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["down", "up"]


def test_curves_of_two_classes(X):
    model = make_pipeline(TimestepTransformer(StandardScaler()), RNNSequenceClassifier(3, **NET)).fit(X, LABELS)
    roc = RocCurveDisplay.from_estimator(model, X, LABELS, pos_label="up")
    assert roc.roc_auc == pytest.approx(roc_auc_score(LABELS, model.predict_proba(X)[:, 1]))
    for display in (PrecisionRecallDisplay, DetCurveDisplay, CalibrationDisplay):
        display.from_estimator(model, X, LABELS, pos_label="up")


def test_prediction_error(X):
    model = RNNRegressor(3, **NET).fit(X, NUMBERS)
    display = PredictionErrorDisplay.from_estimator(model, X, NUMBERS, subsample=None)
    np.testing.assert_allclose(display.y_pred, model.predict(X))


def test_learning_and_validation_curves(X):
    model = RNNRegressor(3, **NET)
    learning = LearningCurveDisplay.from_estimator(model, X, NUMBERS, cv=2, train_sizes=[0.5, 1.0])
    assert np.isfinite(learning.test_scores).all() and learning.test_scores.shape == (2, 2)
    validation = ValidationCurveDisplay.from_estimator(
        RNNSequenceClassifier(3, **NET), X, LABELS, param_name="alpha", param_range=[0.0, 0.1], cv=2
    )
    assert ((validation.test_scores >= 0) & (validation.test_scores <= 1)).all()


def test_learning_curve_of_targets_at_every_step():
    model = RNNRegressor(3, mapping="many-to-many", **NET)
    display = LearningCurveDisplay.from_estimator(model, X3, X3[:, :, 0], cv=2, train_sizes=[0.5, 1.0])
    assert np.isfinite(display.test_scores).all()


@pytest.mark.parametrize("form", ["list", "padded"])
def test_targets_at_every_step_through_flat_ones(form):
    X, lengths = FORMS["list"], np.array([len(x) for x in FORMS["list"]])
    y = [np.where(x[:, 0] > 0, "up", "down") for x in X]
    if form == "padded":
        X = np.stack([np.pad(x, ((5 - len(x), 0), (0, 0)), constant_values=np.nan) for x in X])
        y = np.stack([np.pad(some.astype(object), (5 - len(some), 0), constant_values="down") for some in y])
    model = RNNSequenceClassifier(3, mapping="many-to-many", **NET).fit(X, y)
    display = ConfusionMatrixDisplay.from_predictions(*flatten_steps(y, model.predict(X)))
    assert display.confusion_matrix.sum() == lengths.sum()
    assert np.trace(display.confusion_matrix) == pytest.approx(model.score(X, y) * lengths.sum())
    true, probability = flatten_steps(y, model.predict_proba(X))
    roc = RocCurveDisplay.from_predictions(true, probability[:, 1], pos_label="up")
    assert roc.roc_auc == pytest.approx(roc_auc_score(true, probability[:, 1]))
    values = [x[:, 0] for x in X] if form == "list" else X[:, :, 0]
    regressor = RNNRegressor(3, mapping="many-to-many", **NET).fit(X, values)
    error = PredictionErrorDisplay.from_predictions(*flatten_steps(values, regressor.predict(X)), subsample=None)
    assert len(error.y_true) == lengths.sum()
