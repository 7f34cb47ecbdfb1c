"""SequenceImputer: values for what is missing inside sequences, and what is known about its being missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._sklearn import StrOptions, feature_names_in, validate_parameters
from .._warnings import warn
from ._checks import check_sequences
from ._transformer import SequenceTransformer


class SequenceImputer(SequenceTransformer):
    """Fill NaN inside sequences, and tell which values were missing.

    Parameters
    ----------
    strategy : {"carry", "mean", "interpolate", "zero"}, default="carry"
        What stands for a missing value of a feature.

        - "carry": the last value observed before it in the same sequence; the feature's mean where there is none.
        - "mean": the feature's mean over the steps that were fitted.
        - "interpolate": on the straight line between the values observed before and after it in the same sequence;
          after the last of them that one, before the first of them that one, the mean where there is none. This looks
          ahead: what is filled in at a step depends on later ones. Use it where the whole sequence is known when it is
          used, not to forecast.
        - "zero": 0, which is the mean of scaled data.

        All but "interpolate" are causal: what comes out at a step depends on this step and earlier ones alone.

    add_indicator : bool, default=True
        Append one feature for each feature of X: 1 where its value was missing, 0 where it was observed. There is one
        for every feature, also for those of which nothing was missing, so that the width never depends on the data.
        Whether a value is missing often says something in itself, as of a test that nobody ordered; where values are
        lost by pure chance it does not, and False is better.

    add_gap : bool, default=False
        Append one feature for each feature of X: the number of steps since its last observed value, as it is known
        before the step itself is seen. That is delta of Che et al. [1]_ for evenly spaced steps::

            delta_1 = 0,    delta_t = 1                  if the feature was observed at step t - 1,
                            delta_t = 1 + delta_{t-1}    if it was not.

        So it is 0 at the first step, 1 after a step that was observed, and where nothing was observed yet it counts the
        steps since the start. It may become large: scale it.

    Attributes
    ----------
    statistics_ : ndarray of float64 of shape (n_features,)
        Mean of each feature over its observed values; 0 where none was observed. 2-D X has one feature.
    n_features_in_ : int
        Columns of 2-D X, features of 3-D X or of a list.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X was a data frame, or a list of data frames, with names that are strings.

    Warns
    -----
    UserWarning
        If a feature was never observed when it was fitted: 0 then stands for its mean. It is not dropped.

    See Also
    --------
    TimestepTransformer : Applies scikit-learn's own imputers, which see one step at a time.

    Notes
    -----
    Which NaN are missing values, and which are steps that are absent, is the convention of the whole package:

    - In 3-D X a step of which all features are NaN, at the start or at the end of a sequence, is absent. It stays NaN
      in all features of what comes out, the appended ones included. Where X has one feature (n_samples, n_timesteps,
      1), this is true of every NaN at either end.
    - In 2-D X and in a list of sequences every step exists, so every NaN is a missing value. Pass one of these where
      values at the ends are missing and not absent. A sequence without any observed value is filled with the means;
      in 3-D X it has no step at all, which is an error.

    References
    ----------
    .. [1] Z. Che, S. Purushotham, K. Cho, D. Sontag and Y. Liu, "Recurrent Neural Networks for Multivariate Time Series
       with Missing Values", Scientific Reports 8, 6085 (2018), equation 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import SequenceImputer
    >>> nan = np.nan
    >>> X = [np.array([[nan, 5.0], [2.0, nan], [nan, nan], [4.0, 8.0]])]
    >>> SequenceImputer().fit_transform(X)
    [array([[3., 5., 1., 0.],
           [2., 5., 0., 1.],
           [2., 5., 1., 1.],
           [4., 8., 0., 0.]])]
    >>> imputer = SequenceImputer("interpolate", add_indicator=False, add_gap=True).fit(X)
    >>> imputer.transform(X)
    [array([[2., 5., 0., 0.],
           [2., 6., 1., 1.],
           [3., 7., 1., 2.],
           [4., 8., 2., 3.]])]
    >>> imputer.get_feature_names_out()
    array(['x0', 'x1', 'gap_x0', 'gap_x1'], dtype=object)
    """

    _parameter_constraints = {
        "strategy": [StrOptions({"carry", "mean", "interpolate", "zero"})],
        "add_indicator": ["boolean"],
        "add_gap": ["boolean"],
    }

    def __init__(
        self,
        strategy: Literal["carry", "mean", "interpolate", "zero"] = "carry",
        *,
        add_indicator: bool = True,
        add_gap: bool = False,
    ):
        self.strategy = strategy
        self.add_indicator = add_indicator
        self.add_gap = add_gap

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Take the mean of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps[, n_features]), or list of arrays
            Sequences, as the estimators take them, with NaN where values are missing. 2-D X holds one univariate
            sequence a row.
        y : ignored

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X holds an infinity, or a 3-D sequence of nothing but NaN.
        """
        validate_parameters(self)
        sequences = check_sequences(self, X, reset=True, allow_nan=True)
        rows = sequences.rows
        observed = ~np.isnan(rows)
        counts = observed.sum(axis=0)
        # divided first: a sum of large values may overflow where their mean does not
        shares = np.divide(rows, np.maximum(counts, 1), out=np.zeros(rows.shape), where=observed, dtype=np.float64)
        self.statistics_ = shares.sum(axis=0)
        if self.strategy != "zero" and not counts.all():
            names = self._names(None)
            never = ", ".join(repr(names[k]) for k in np.flatnonzero(counts == 0))
            warn(
                f"No value of {never} was observed in the X that SequenceImputer was fitted on; 0 stands for the mean. "
                "Leave the feature out, or fit on data that has it."
            )
        return self

    def transform(self, X: ArrayLike) -> np.ndarray | list[np.ndarray]:
        """Sequences without missing values.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray or list of arrays
            Shaped like X, but for the number of features: the filled ones, then the indicators, then the gaps. 2-D X
            becomes 3-D, (n_samples, n_timesteps, 2 or 3), and stays 2-D where nothing is appended. float32 stays
            float32, everything else becomes float64.

        Raises
        ------
        ValueError
            If X holds an infinity, has another number of features than was fitted, or a 3-D sequence of nothing but
            NaN.
        """
        check_is_fitted(self)
        validate_parameters(self)
        sequences = check_sequences(self, X, reset=False, allow_nan=True)
        rows = sequences.rows.astype(sequences.dtype, copy=False)
        with np.errstate(over="ignore"):
            means = self.statistics_.astype(rows.dtype)
        if not np.isfinite(means).all():
            raise ValueError(
                f"SequenceImputer was fitted on values whose mean is up to {np.abs(self.statistics_).max():.3g}, too "
                f"large for the type of X, {rows.dtype}. Scale them, or pass X in float64."
            )
        missing = np.isnan(rows)
        parts = [_fill(rows, missing, sequences.lengths, self.strategy, means)]
        if self.add_indicator:
            parts.append(missing)
        if self.add_gap:
            parts.append(_gaps(missing, sequences.lengths))
        joined = np.concatenate(parts, axis=1, dtype=rows.dtype, casting="unsafe") if len(parts) > 1 else parts[0]
        arranged = sequences.arrange_steps(joined, np.nan)
        if sequences.kind == "ragged":
            return list(arranged)
        return arranged[:, :, 0] if sequences.kind == "2d" and len(parts) == 1 else arranged

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Names of the features that come out.

        Parameters
        ----------
        input_features : list of str, default=None
            Names of the features of X; None takes `feature_names_in_`, or x0, x1, ...

        Returns
        -------
        ndarray of str of shape (n_features_out,)
            Those of the last axis: the names of X, then `"missingindicator_"` and each name, as scikit-learn's imputers
            have it, then `"gap_"` and each name. The feature of 2-D X is x0, for its columns are time steps; where
            nothing is appended, they are what comes out, and their names.
        """
        check_is_fitted(self)
        names = self._names(input_features)
        if self._fitted_on == "2d" and not (self.add_indicator or self.add_gap):
            return feature_names_in(self, input_features)
        prefixes = ["", *["missingindicator_"] * self.add_indicator, *["gap_"] * self.add_gap]
        return np.array([prefix + name for prefix in prefixes for name in names], dtype=object)

    def _names(self, input_features: Sequence[str] | None) -> np.ndarray:
        """Of the features that are filled."""
        names = feature_names_in(self, input_features)
        return np.array(["x0"], dtype=object) if self._fitted_on == "2d" else names

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _first_rows(lengths: np.ndarray) -> np.ndarray:
    """(rows, 1) For each row, the row at which its sequence begins."""
    return np.repeat(np.cumsum(lengths) - lengths, lengths)[:, None]


def _last_observed(missing: np.ndarray) -> np.ndarray:
    """(rows, n_features) The last row at or before each where the feature was observed, in whatever sequence; or -1."""
    at = np.where(missing, -1, np.arange(len(missing))[:, None])
    return np.maximum.accumulate(at, axis=0, out=at)


def _fill(rows: np.ndarray, missing: np.ndarray, lengths: np.ndarray, strategy: str, means: np.ndarray) -> np.ndarray:
    """The rows of all sequences, (rows, n_features), one after another, with values where they are missing."""
    if strategy == "zero":
        return np.where(missing, rows.dtype.type(0), rows)
    if strategy == "mean":
        return np.where(missing, means, rows)
    before, first = _last_observed(missing), _first_rows(lengths)
    known = before >= first
    values = np.take_along_axis(rows, np.maximum(before, 0), axis=0)
    if strategy == "carry":
        return np.where(known, values, means)
    n_rows = len(rows)
    after = n_rows - 1 - _last_observed(missing[::-1])[::-1]
    known_after = after < first + np.repeat(lengths, lengths)[:, None]
    later = np.take_along_axis(rows, np.minimum(after, n_rows - 1), axis=0)
    share = (np.arange(n_rows)[:, None] - before) / np.maximum(after - before, 1)  # 0 at what is observed
    with np.errstate(over="ignore", invalid="ignore"):  # of sequences beside this one
        between = values * (1 - share) + later * share
    filled = np.where(known, np.where(known_after, between, values), np.where(known_after, later, means))
    return filled.astype(rows.dtype, copy=False)


def _gaps(missing: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(rows, n_features) Steps since the last one before it that was observed, or since the first."""
    first = _first_rows(lengths)
    before = np.empty(missing.shape, np.intp)
    before[:1], before[1:] = -1, _last_observed(missing[:-1])
    return np.arange(len(missing))[:, None] - np.maximum(before, first)
