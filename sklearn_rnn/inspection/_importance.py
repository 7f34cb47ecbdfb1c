"""sequence_importance: which channels and which time steps a fitted model goes by."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.random import sample_without_replacement

from .._sklearn import safe_indexing
from ..forecasting._forecaster import RNNForecaster
from ._forecast_importance import Origins
from ._models import found_or_frozen
from ._parts import check_choice, check_count, n_samples_drawn, parts_by_feature, parts_by_step
from ._permutation import exchange, parts_of, step_table, take_samples
from ._score_names import name_of_score


def sequence_importance(
    estimator: Any,
    X: ArrayLike | Sequence | pd.DataFrame | None,
    y: ArrayLike | Sequence | None,
    *,
    by: Literal["feature", "timestep", "block"] = "feature",
    align: Literal["end", "start"] = "end",
    block_size: int | None = None,
    n_blocks: int | None = None,
    n_lags: int | None = None,
    scoring: str | Callable | Sequence | dict | None = None,
    n_repeats: int = 5,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    sample_weight: ArrayLike | None = None,
    max_samples: float | None = None,
) -> Bunch | dict[str, Bunch]:
    """Permutation importance of the channels of sequences, of their time steps, or of both.

    How much worse a fitted model scores when a part of its input comes from other sequences, so that it tells nothing
    of the target any more [1]_. scikit-learn's `permutation_importance` does this for the columns of a table. With 2-D
    X and ``by="timestep"`` this function returns just what that does, for the same `random_state`.

    Parameters
    ----------
    estimator : object
        Fitted: an estimator of this package, a pipeline or a search that holds one, or anything else that takes
        sequences and can be scored. Or an `RNNForecaster`; see Notes.
    X : array-like of shape (n_samples, n_timesteps[, n_features]), list of arrays or of frames, or DataFrame
        Sequences, in any form that the estimator takes; a long frame, where a `FrameToSequences` stands in the
        pipeline. Data that were not fitted tell what generalises.
    y : array-like
        Targets, in any form that the estimator takes; None for scorers that need none.
    by : {"feature", "timestep", "block"}, default="feature"
        What is permuted between sequences at a time. "feature": the whole time course of one channel. "timestep": all
        channels of one time step. "block": one channel during a block of consecutive steps, which gives a map.
    align : {"end", "start"}, default="end"
        The side that steps are counted from in sequences of different lengths. Readouts look from the end.
    block_size : int, default=None
        Steps of a block. With ``by="timestep"`` blocks of all channels are permuted then, which is faster for long
        sequences, and finds what several neighbouring steps tell alike.
    n_blocks : int, default=None
        Blocks, in place of their size. Neither: one step a block with "timestep", at most 10 blocks with "block".
    n_lags : int, default=None
        Steps of the past to permute; of a forecaster only. None takes its `window_`.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn. None: the estimator's `score`. For targets at every step no names of scores, but callables
        that flatten them: see `flatten_steps`.
    n_repeats : int, default=5
        Permutations of each part.
    n_jobs : int, default=None
        Processes among which the parts are divided. The result is the same for any number.
    random_state : int, RandomState instance or None, default=None
        Seeds the permutations, which are the same for all parts.
    sample_weight : array-like of shape (n_samples,), default=None
        Passed to the scorer.
    max_samples : int or float, default=None
        Sequences to draw, without replacement, or their share; None takes all. The score that importances are measured
        from is that of the same sequences. Of a forecaster: times to forecast from, see Notes; None is 50.

    Returns
    -------
    Bunch, or dict of Bunch by the name of the score where `scoring` names several
        importances : ndarray of shape (n_features[, n_blocks], n_repeats) or (n_steps, n_repeats)
            The score minus that with the part permuted, by "feature", "timestep" or "block". NaN where there is nothing
            to exchange: fewer than two sequences have the step.
        importances_mean, importances_std : ndarray
            Over the repeats.
        baseline_score : float
            With nothing permuted.
        score_name : str
            Which score it is: "R²", "accuracy", "minus log loss" (of "neg_log_loss"), a callable's name; "score", where
            that is not known.
        by, align : str
            As they were given.
        features : ndarray of object, or None
            Names of the channels, or their numbers. None by "timestep".
        steps : ndarray of int of shape (n_steps, 2) or (n_blocks, 2), or None
            First and last step of each part, in order of time. The last step of a sequence is -1 with ``align="end"``;
            its first step is 0 with ``align="start"``. None by "feature".
        names : ndarray of str
            What the rows of `importances` are.
        n_permuted : ndarray
            Of each part, the sequences that have it.

    Raises
    ------
    ValueError
        If an argument is invalid, X holds no sequences, X and y differ in length, or a scorer returns no number.
    TypeError
        If the estimator cannot be scored.

    See Also
    --------
    SequenceImportanceDisplay : Draws it.
    sklearn.inspection.permutation_importance : The same for tables.

    Notes
    -----
    Sequences of different lengths: a sequence keeps its length, and takes values for the steps that it has, each from
    the same step of another, counted from the side that `align` says. One step is permuted among all sequences that
    have it. A channel's course, or a block, comes from a sequence of the same length; where fewer than 20 have one
    length, they are joined by those that are a little longer or shorter. Of a longer donor the far side is left out; a
    shorter one is mirrored there, which makes no jump. What the length itself tells of the target therefore stays, and
    does not count as importance of a channel that goes with it.

    Channels, or steps, that tell the same stand in for each other, so that none of them is important by itself: a known
    limit of the method. Neighbouring steps of slow series do; take blocks.

    A forecaster: `y` is a series (or a panel) that need not have been fitted, `X` its exogenous columns, or None. It
    is forecast, by ``predict(y=..., X=...)``, from `max_samples` times in it, and the score is minus the mean absolute
    scaled error of the `horizon` steps after each. By "feature" are permuted between these times: the course of the
    `n_lags` last values, and that of each exogenous column, with the steps that are forecast. By "timestep": the values
    of one lag (-1 is the last value known). By "block": values and columns by blocks of lags, and the steps ahead as
    the last block, 0 to horizon - 1. Values that come from another time are moved to the level of the own `n_lags`
    values, and in a panel brought to their scale: otherwise any value of a series with a trend would seem important. A
    column that never changes within a series is permuted between series; it has no course to take blocks of, so that
    "block" leaves it out. Times that y leaves out count as missing values, as in `fit`. Each part and repeat takes one
    call of `predict` for all times together; of a panel, one for each time of a series.

    References
    ----------
    .. [1] Breiman, L. (2001). Random forests. Machine Learning 45, 5-32. :doi:`10.1023/A:1010933404324`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor, sequence_importance
    >>> X = np.random.default_rng(0).normal(size=(300, 6, 3))
    >>> y = X[:, 4, 1]  # one channel at one time
    >>> model = RNNRegressor(16, learning_rate_init=0.01, early_stopping=True, random_state=0).fit(X[:200], y[:200])
    >>> by_feature = sequence_importance(model, X[200:], y[200:], random_state=0)
    >>> int(by_feature.importances_mean.argmax())
    1
    >>> by_step = sequence_importance(model, X[200:], y[200:], by="timestep", random_state=0)
    >>> by_step.steps[by_step.importances_mean.argmax()].tolist()  # the last but one
    [-2, -2]
    """
    check_choice("by", by, ("feature", "timestep", "block"))
    check_choice("align", align, ("end", "start"))
    check_count("n_repeats", n_repeats)
    for name, value in (("block_size", block_size), ("n_blocks", n_blocks), ("n_lags", n_lags)):
        if value is not None:
            check_count(name, value)
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(f"estimator must be a fitted estimator, got {estimator!r}.")
    if by == "feature" and (block_size, n_blocks) != (None, None):
        raise ValueError("by='feature' permutes whole sequences, in no blocks. For blocks: by='block' or 'timestep'.")
    if block_size is not None and n_blocks is not None:
        raise ValueError(f"Give block_size or n_blocks, not both; got {block_size} and {n_blocks}.")
    # as scikit-learn's permutation_importance draws
    random = np.random.RandomState(check_random_state(random_state).randint(np.iinfo(np.int32).max + 1))
    forecaster = found_or_frozen(estimator)
    if isinstance(forecaster, RNNForecaster):
        _refuse_for_forecaster(scoring, sample_weight, align)
        scored: Any = Origins.draw(forecaster, y, X, n_lags, max_samples, random)
    else:
        if n_lags is not None:
            raise ValueError("n_lags is for an RNNForecaster; for the steps of X there is by='timestep' or 'block'.")
        _refuse_for_steps(estimator, scoring)
        scored = _Scored.draw(estimator, X, y, sample_weight, scoring, max_samples, random)
    spans = [] if by == "feature" else _spans(scored.n_steps, by, block_size, n_blocks)
    parts, labels = scored.parts(by, spans, align)

    shuffled, permutations = np.arange(scored.n_samples), [np.arange(scored.n_samples)]
    for _ in range(n_repeats):
        random.shuffle(shuffled)
        permutations.append(permutations[-1][shuffled])  # as scikit-learn, which shuffles what is shuffled already
    baseline = scored.score()
    scores = Parallel(n_jobs=n_jobs)(delayed(scored.scores_without)(part, permutations[1:], align) for part in parts)
    n_permuted = np.array([scored.n_permuted(part) for part in parts])
    if isinstance(baseline, dict):
        return {
            name: _bunch(
                baseline[name],
                [[score[name] for score in some] for some in scores],
                n_permuted,
                labels | {"score_name": name_of_score(estimator, scoring, name)},
            )
            for name in baseline
        }
    return _bunch(baseline, scores, n_permuted, labels | {"score_name": name_of_score(estimator, scoring)})


def _refuse_for_forecaster(scoring: object, sample_weight: object, align: str) -> None:
    for name, value in (("scoring", scoring), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"{name} does not go with a forecaster, whose score is minus the MASE. Leave it out.")
    if align != "end":
        raise ValueError("The lags of a forecaster are counted from the end: align='end'.")


def _refuse_for_steps(estimator: Any, scoring: Any) -> None:
    """scikit-learn's metrics would take the steps of a sequence for several outputs, or several labels, of a sample."""
    mappings = (getattr(part, "mapping", None) for part in parts_of(estimator))
    mapping = next((found for found in mappings if found in ("many-to-many", "one-to-many")), None)
    named = scoring.values() if isinstance(scoring, dict) else scoring
    named = [named] if isinstance(named, str) or not isinstance(named, Iterable) else named
    name = next((one for one in named if isinstance(one, str)), None)
    if mapping is not None and name is not None:
        raise ValueError(
            f"scoring={name!r} does not go with mapping={mapping!r}: scikit-learn's metrics take one target a sample. "
            "Use None for the estimator's score over all steps, or a callable that flattens them: see flatten_steps."
        )


def _spans(n_steps: int, by: str, block_size: int | None, n_blocks: int | None) -> list[tuple[int, int]]:
    """Steps start..stop of each block, counted from the side of `align`."""
    if n_blocks is not None and n_blocks > n_steps:
        raise ValueError(f"n_blocks={n_blocks} is more than the {n_steps} time steps that the longest sequence has.")
    if block_size is None and n_blocks is None:
        block_size, n_blocks = (1, None) if by == "timestep" else (None, min(10, n_steps))
    if block_size is not None:
        edges = [*range(0, n_steps, block_size), n_steps]
    else:
        edges = [n_steps * k // n_blocks for k in range(n_blocks + 1)]  # type: ignore[operator]
    return list(itertools.pairwise(edges))


def _bunch(baseline: float, scores: list, n_permuted: np.ndarray, labels: dict) -> Bunch:
    labels = dict(labels)
    shape = labels.pop("shape")
    importances = baseline - np.array(scores, dtype=float)
    importances[n_permuted < 2] = np.nan
    importances = importances.reshape(*shape, -1)
    return Bunch(
        importances_mean=importances.mean(axis=-1),
        importances_std=importances.std(axis=-1),
        importances=importances,
        baseline_score=baseline,
        n_permuted=n_permuted.reshape(shape),
        **labels,
    )


class _Scored:
    """An estimator and what it is scored on, as it is or with a part of it permuted.

    A part is (channels, start, stop); stop is None for whole sequences.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, scoring: Any):
        self.estimator, self.X, self.y, self.sample_weight = estimator, X, y, sample_weight
        self.scorer = check_scoring(estimator, scoring=scoring)
        self.table = step_table(X, estimator)
        self.n_samples, self.n_steps = len(self.table.lengths), int(self.table.lengths.max())

    @classmethod
    def draw(cls, estimator, X, y, sample_weight, scoring, max_samples, random) -> _Scored:
        """All sequences, or max_samples of them."""
        n = len(step_table(X, estimator).lengths)
        if n == 0:
            raise ValueError("X holds no sequences, so that there is nothing to score.")
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            if value is not None and _length(value, name) != n:
                raise ValueError(f"{name} has {len(value)} samples, X has {n} sequences: there must be as many.")
        n_drawn = n_samples_drawn(max_samples, n, n, "sequences")
        if n_drawn < n:
            index = np.sort(sample_without_replacement(n, n_drawn, random_state=random))
            X = take_samples(X, index, estimator)
            y, sample_weight = (None if given is None else safe_indexing(given, index) for given in (y, sample_weight))
        return cls(estimator, X, y, sample_weight, scoring)

    def parts(self, by: str, spans: list[tuple[int, int]], align: str) -> tuple[list[tuple], dict]:
        """The parts to permute, and what they are called."""
        table = self.table
        names = np.array(table.names, dtype=object)
        if by == "feature":
            return parts_by_feature(names, align)
        if not table.has_steps:
            raise ValueError("With mapping='one-to-many' the columns of X are features, at no time: by='feature'.")
        channels = [channel for channel in range(len(names)) if channel not in table.fixed]
        return parts_by_step(by, spans, align, channels, names[channels], table.step_names)

    def n_permuted(self, part: tuple) -> int:
        """Sequences that have it."""
        start = part[1]
        return int((self.table.lengths > start).sum())

    def score(self, X: Any = None) -> Any:
        """Of X as it is, or of what is given."""
        weights = {} if self.sample_weight is None else {"sample_weight": self.sample_weight}
        score = self.scorer(self.estimator, self.X if X is None else X, self.y, **weights)
        if isinstance(score, dict):
            return {name: _number(value, f"scoring, for {name!r},") for name, value in score.items()}
        return _number(score, "scoring")

    def scores_without(self, part: tuple, permutations: list[np.ndarray], align: str) -> list:
        """For each permutation, the score with the part permuted."""
        channels, start, stop = part
        stop = self.n_steps if stop is None else stop
        scores = []
        for permutation in permutations:
            target, source = exchange(permutation, self.table.lengths, start, stop, align)
            scores.append(self.score(self.table.exchanged(channels, target, source)))
        return scores


def _number(score: Any, what: str) -> float:
    """A score as a number, also where it is an array of one."""
    with contextlib.suppress(AttributeError, ValueError):
        score = score.item()
    if not isinstance(score, Real):
        raise ValueError(f"{what} must return a number, got {score!r} ({type(score).__name__}).")
    return float(score)


def _length(values: Any, name: str) -> int:
    if not hasattr(values, "__len__"):
        raise TypeError(f"{name} must hold a value for each sequence, got {type(values).__name__}.")
    return len(values)
