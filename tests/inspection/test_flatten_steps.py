"""flatten_steps: what is absent is dropped, and what is a label is not."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, make_scorer, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_rnn import RNNRegressor, RNNSequenceClassifier, flatten_steps

rng = np.random.default_rng(0)
NET = dict(mapping="many-to-many", cell="rnn", max_iter=4, solver="sgd", tol=0, random_state=0)
RAGGED = [rng.normal(size=(length, 1)) for length in rng.integers(2, 7, size=40)]
PADDED = np.stack([np.pad(x, ((0, 6 - len(x)), (0, 0)), constant_values=np.nan) for x in RAGGED])
PRESENT = ~np.isnan(PADDED[:, :, 0])


@pytest.fixture(autouse=True)
def _quiet():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these nets are not meant to converge
        yield


def padded(ragged, absent):
    """Targets of a list in the shape of PADDED."""
    first = np.asarray(ragged[0])
    out = np.full((len(ragged), 6, *first.shape[1:]), absent, dtype=object if absent is None else None)
    for i, y in enumerate(ragged):
        out[i, : len(y)] = y
    return out.astype(first.dtype) if absent == 0 else out


@pytest.mark.parametrize("labels", [(0, 1, 2), ("down", "flat", "up"), (1.0, 2.0, 4.0), (-1, 0, 1), (False, True)])
def test_labels_of_any_kind_score_as_the_classifier_does(labels):
    labels = np.array(labels)
    y = [labels[np.digitize(x[:, 0], [0.0] if len(labels) == 2 else [-0.5, 0.5])] for x in RAGGED]
    weights = rng.uniform(size=len(y))
    model = RNNSequenceClassifier(4, **NET).fit(RAGGED, y)
    of_list = flatten_steps(y, model.predict(RAGGED))
    assert np.array_equal(of_list[0], np.concatenate(y))
    assert accuracy_score(*of_list) == pytest.approx(model.score(RAGGED, y))
    true, predicted, weight = flatten_steps(y, model.predict(RAGGED), weights)
    assert accuracy_score(true, predicted, sample_weight=weight) == pytest.approx(model.score(RAGGED, y, weights))

    of_array = RNNSequenceClassifier(4, **NET).fit(PADDED, padded(y, labels[0]))
    filled = padded(y, labels[0])
    assert accuracy_score(*flatten_steps(filled, of_array.predict(PADDED))) == pytest.approx(
        of_array.score(PADDED, filled)
    )
    assert len(flatten_steps(filled, of_array.predict(PADDED))[0]) == PRESENT.sum()
    probabilities = of_array.predict_proba(PADDED)
    true, probability = flatten_steps(filled, probabilities)
    assert probability.shape == (PRESENT.sum(), len(labels))
    assert log_loss(true, probability, labels=labels) > 0
    if len(labels) == 2:
        assert 0 <= roc_auc_score(true, probability[:, 1]) <= 1
    else:
        assert 0 <= roc_auc_score(true, probability, multi_class="ovr") <= 1


def test_numbers_and_several_outputs():
    y = [np.hstack([x, 2 * x]) for x in RAGGED]
    model = RNNRegressor(4, **NET).fit(RAGGED, y)
    true, predicted = flatten_steps(y, model.predict(RAGGED))
    assert true.shape == predicted.shape == (PRESENT.sum(), 2)
    assert r2_score(true, predicted) == pytest.approx(model.score(RAGGED, y))
    array = flatten_steps(padded(y, np.nan), model.fit(PADDED, padded(y, np.nan)).predict(PADDED))
    np.testing.assert_array_equal(array[0], true)
    one = [x[:, 0] for x in RAGGED]
    single = RNNRegressor(4, **NET).fit(PADDED, padded(one, np.nan))
    # a last axis of one is none
    true, predicted = flatten_steps(padded(one, np.nan)[:, :, None], single.predict(PADDED))
    assert true.ndim == predicted.ndim == 1
    assert r2_score(true, predicted) == pytest.approx(single.score(PADDED, padded(one, np.nan)))


def test_multilabel():
    y = np.nan_to_num(np.concatenate([PADDED > 0, PADDED > 1], axis=2)).astype(int)
    model = RNNSequenceClassifier(4, **NET).fit(PADDED, y)
    true, predicted = flatten_steps(y, model.predict(PADDED))
    assert true.shape == (PRESENT.sum(), 2)
    assert accuracy_score(true, predicted) == pytest.approx(model.score(PADDED, y))


def test_in_scorers_of_searches():
    y = [(x[:, 0] > 0).astype(int) for x in RAGGED]

    def macro_f1(y_true, y_pred):
        return f1_score(*flatten_steps(y_true, y_pred), average="macro")

    for X, targets in ((RAGGED, y), (PADDED, padded(y, 0))):
        scores = cross_val_score(RNNSequenceClassifier(3, **NET), X, targets, scoring=make_scorer(macro_f1), cv=2)
        assert ((scores > 0) & (scores <= 1)).all()
    search = GridSearchCV(
        RNNSequenceClassifier(3, **NET), {"hidden_layer_sizes": [2, 3]}, scoring=make_scorer(macro_f1), cv=2
    ).fit(PADDED, padded(y, 0))
    assert search.best_score_ > 0


# -- what -1 is -------------------------------------------------------------------------------------------------------


def test_minus_one_that_is_a_label_is_kept():
    # between others; all through a sequence; where y_true has more of them
    for predicted in ([[1, -1, 1], [1, 1, 1]], [[-1, -1, -1], [1, 1, -1]], [[1, 1, -1], [1, 1, 1]]):
        true = np.array([[1, 1, -1], [-1, 1, 1]])
        kept = flatten_steps(true, np.array(predicted))
        assert kept[0].tolist() == true.ravel().tolist() and kept[1].tolist() == np.ravel(predicted).tolist()


def test_minus_one_that_stands_for_absent_steps_is_dropped():
    predicted = np.array([[-1, 0, 1], [0, 1, 1]])
    for fill in (0, -1, 7):
        true = np.array([[fill, 0, 1], [1, 1, 1]])
        assert [some.tolist() for some in flatten_steps(true, predicted)] == [[0, 1, 1, 1, 1], [0, 1, 0, 1, 1]]


def test_minus_one_that_may_be_either_is_asked_for():
    # a change that is found a step late, or padding at one step and a label at another
    true, predicted = np.array([[-1, 1, 1], [-1, 1, 1]]), np.array([[-1, -1, 1], [-1, 1, 1]])
    with pytest.raises(ValueError, match="Say which: minus_one='label' or minus_one='absent'"):
        flatten_steps(true, predicted)
    assert len(flatten_steps(true, predicted, minus_one="label")[0]) == 6
    assert len(flatten_steps(true, predicted, minus_one="absent")[0]) == 3


def test_a_classifier_that_has_minus_one_among_its_classes():
    y = np.where(np.nan_to_num(PADDED[:, :, 0]) > 0, 1, -1)
    model = RNNSequenceClassifier(3, **NET).fit(PADDED, y)
    true, predicted = flatten_steps(y, model.predict(PADDED))  # None at absent steps
    assert predicted.dtype.kind == "i" and len(true) == PRESENT.sum()
    assert accuracy_score(true, predicted) == pytest.approx(model.score(PADDED, y))


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((np.zeros((3, 4)), np.zeros((2, 4))), "y_true has 3 sequences, y_pred has 2"),
        ((np.zeros((3, 4)), np.zeros((3, 5))), "sequence 0 has 4 steps in y_true and 5 in y_pred"),
        (([np.zeros(2), np.zeros(3)], [np.zeros(2), np.zeros(2)]), "sequence 1 has 3 steps in y_true and 2"),
        ((np.zeros(3), np.zeros(3)), "With one value a sequence metrics take it as it is"),
        ((np.zeros((3, 4)), np.zeros((3, 4)), np.ones(4)), "one weight for each of the 3 sequences"),
        ((np.zeros((3, 4)), np.zeros((3, 4)), np.ones((3, 2))), "sample_weight must have one weight"),
        (([np.zeros((2, 1)), np.zeros((2, 2))], np.zeros((2, 2))), r"y_true\[1\] has shape \(2, 2\)"),
    ],
)
def test_bad_input(given, says):
    with pytest.raises(ValueError, match=says):
        flatten_steps(*given)
    with pytest.raises(ValueError, match="minus_one must be one of"):
        flatten_steps(np.zeros((3, 4)), np.zeros((3, 4)), minus_one=None)


def test_weights_of_each_step():
    true = [np.zeros(2), np.zeros(1)]
    assert flatten_steps(true, true, [np.array([1.0, 2.0]), np.array([3.0])])[2].tolist() == [1, 2, 3]
    predicted = np.array([[0.0, 1.0], [2.0, np.nan]])
    assert flatten_steps(np.zeros((2, 2)), predicted, np.array([[1.0, 2.0], [3.0, 4.0]]))[2].tolist() == [1, 2, 3]
