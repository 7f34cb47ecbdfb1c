"""LagsToSequence: tables of lag columns, as other libraries build them, as sequences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Integral
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._sklearn import Interval, StrOptions, validate_parameters
from .._warnings import warn
from ._arrays import as_array, as_numbers
from ._checks import check_rows
from ._transformer import SequenceTransformer


class LagsToSequence(SequenceTransformer):
    """Turn a table of lag columns, as other libraries build them, into sequences with the oldest step first.

    Parameters
    ----------
    order : {"auto", "oldest-first", "newest-first"}, default="auto"
        How the lags stand in X. "auto" reads and sorts the column names of a data frame: lag_1, lag1, y_lag_1, x__lag_3
        and the like, where what stands before "lag" names the channel. Arrays have no names: say which it is. Where it
        is said of columns that are named as lags, their names must agree.

    n_channels : int, default=1
        Series that the lags are of, where they are not read from names.

    layout : {"time-major", "channel-major", "channels-first"}, default="time-major"
        How the columns of an array stand: all channels of one step side by side, or all steps of one channel; or
        "channels-first" for 3-D X of shape (n_samples, n_channels, n_timesteps).

    static : int or list of str, default=None
        Columns that are no lags, and become channels that are the same at every step: the names of some, or the number
        of them that stand last.

    Attributes
    ----------
    n_features_in_ : int
        Columns of X, or its channels where it is 3-D.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X had names that are strings.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn import LagsToSequence
    >>> lags = pd.DataFrame({"lag_1": [3.0], "lag_2": [2.0], "lag_3": [1.0], "holiday": [0.0]})
    >>> LagsToSequence(static=["holiday"]).fit_transform(lags)
    array([[[1., 0.],
            [2., 0.],
            [3., 0.]]])
    """

    _parameter_constraints = {
        "order": [StrOptions({"auto", "oldest-first", "newest-first"})],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "layout": [StrOptions({"time-major", "channel-major", "channels-first"})],
        "static": [Interval(Integral, 0, None, closed="left"), "array-like", None],
    }

    def __init__(
        self,
        order: Literal["auto", "oldest-first", "newest-first"] = "auto",
        n_channels: int = 1,
        layout: Literal["time-major", "channel-major", "channels-first"] = "time-major",
        static: int | Sequence[str] | None = None,
    ):
        self.order = order
        self.n_channels = n_channels
        self.layout = layout
        self.static = static

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Find out where each lag stands.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns), or (n_samples, n_channels, n_timesteps)
        y : ignored

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            If a parameter is invalid, X is empty or holds something else than finite numbers, names of columns do
            not tell the lags (order="auto"), or tell of another order or other channels than are given, channels have
            different lags, `n_channels` does not divide the lags, or `static` names a column that X does not have or
            leaves no lag.

        Warns
        -----
        UserWarning
            If `order` is given, and a column without a lag in its name stands among those with one.
        """
        validate_parameters(self)
        self.__dict__.pop("_columns", None)  # a fit that fails leaves an unfitted transformer
        self._layout = self.layout
        table = self._check(X, reset=True)
        if self.layout == "channels-first":
            if self.static is not None:
                raise ValueError("static names columns of a table; layout='channels-first' takes 3-D X, without them.")
            if self.order == "auto":
                raise ValueError("3-D X has no column names to read: say order='oldest-first' or 'newest-first'.")
            steps = np.arange(self._n_timesteps)
            self._columns = steps[::-1] if self.order == "newest-first" else steps
            return self
        names = getattr(self, "feature_names_in_", None)
        static = self._static_columns(names, table.shape[1])
        lags = [column for column in range(table.shape[1]) if column not in set(static)]
        if not lags:
            raise ValueError(f"X has {table.shape[1]} column(s), all of them static: none is left to be a lag.")
        if self.order == "auto":
            columns = _columns_by_name(names, lags)
        else:
            if len(lags) % self.n_channels:
                raise ValueError(
                    f"X has {len(lags)} lag columns, which n_channels={self.n_channels} does not divide. Name the "
                    "columns that are no lags in `static`."
                )
            if self.layout == "time-major":
                columns = np.reshape(lags, (-1, int(self.n_channels)))
            else:
                columns = np.reshape(lags, (int(self.n_channels), -1)).T
            columns = columns[::-1] if self.order == "newest-first" else columns
            if names is not None:
                self._compare_with_names(names, columns)
        # _columns[t, k] is the column that holds channel k at time step t
        repeated = np.broadcast_to(np.asarray(static, dtype=np.intp), (len(columns), len(static)))
        self._columns = np.concatenate([columns, repeated], axis=1)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """The sequences.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels + n_static)

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        TypeError
            If X is sparse, or a query without data (a LazyFrame).
        ValueError
            If X has another shape or other columns than in `fit`, or holds something else than finite numbers.
        """
        check_is_fitted(self, "_columns")
        table = self._check(X, reset=False)
        return (table.transpose(0, 2, 1) if self._layout == "channels-first" else table)[:, self._columns]

    def _check(self, X, reset: bool) -> np.ndarray:
        if self._layout != "channels-first":
            return check_rows(self, X, reset=reset)
        X = as_numbers(as_array(X, "X"), "X")
        if X.ndim != 3 or X.size == 0:
            raise ValueError(
                "With layout='channels-first' X is (n_samples, n_channels, n_timesteps) and not empty, got shape "
                f"{X.shape}."
            )
        wrong = np.flatnonzero(~np.isfinite(X).all(axis=(1, 2)))
        if len(wrong):
            raise ValueError(
                f"Input X contains NaN or infinity: sample {wrong[0]}. Leave out the rows whose lags are not all known."
            )
        if reset:
            self.n_features_in_, self._n_timesteps = X.shape[1:]
        elif X.shape[1:] != (self.n_features_in_, self._n_timesteps):
            raise ValueError(
                f"X has shape {X.shape}; this transformer was fitted on (n_samples, {self.n_features_in_}, "
                f"{self._n_timesteps}): (n_samples, n_channels, n_timesteps)."
            )
        return X.astype(np.float32 if X.dtype == np.float32 else np.float64, copy=False)

    def _compare_with_names(self, names: np.ndarray, columns: np.ndarray) -> None:
        """Refuse an order that contradicts names of lags; columns (n_timesteps, n_channels) are oldest first by it.

        Other names tell nothing, and lags need not be the same in all channels.
        """
        given = f"order={self.order!r}, n_channels={self.n_channels} and layout={self.layout!r}"
        seen: set[str] = set()
        for channel in columns.T:
            found = [lag_of(names[column]) for column in channel]
            known = [named for named in found if named is not None]
            if len(known) < 2:
                continue
            series, lags = {name for name, _ in known}, [lag for _, lag in known]
            if len(series) > 1 or series & seen or lags != sorted(set(lags), reverse=True):
                read = ", ".join(repr(str(names[column])) for column in channel[:4])
                raise ValueError(
                    f"By {given}, a channel is {read}{', ...' if len(channel) > 4 else ''}, oldest first: the names of "
                    "the columns say otherwise. LagsToSequence() sorts lags by their names; if these names mean "
                    "something else, pass X.to_numpy()."
                )
            seen |= series
            if len(known) < len(found):
                other = str(names[channel[found.index(None)]])
                warn(
                    f"The column {other!r} stands among columns that are named as lags, and by {given} is read as a "
                    f"time step like them. If it is none, name it in static: LagsToSequence({self.order!r}, "
                    f"static=[{other!r}])."
                )

    def _static_columns(self, names: np.ndarray | None, n_columns: int) -> list[int]:
        if self.static is None:
            return []
        if isinstance(self.static, bool):
            raise ValueError(f"static must be a number of columns or a list of their names, got {self.static}.")
        if isinstance(self.static, (int, np.integer)):
            if self.static > n_columns:
                raise ValueError(f"static={self.static}, but X has only {n_columns} column(s).")
            return list(range(n_columns - int(self.static), n_columns))
        if names is None:
            raise ValueError("static names columns, but X has no column names: give the number that stand last.")
        unknown = [name for name in self.static if name not in names]
        if unknown:
            raise ValueError(f"static names {unknown[0]!r}, which X does not have; its columns are {list(names)}.")
        return [int(np.flatnonzero(names == name)[0]) for name in self.static]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.layout == "channels-first"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def lag_of(name: str) -> tuple[str, int] | None:
    """The channel and the lag that a column is named by: ("y", 2) of y_lag_2, ("", 1) of lag1. None if by none."""
    match = re.fullmatch(r"(?:(.*?)_+)?lag_*(\d+)", name, flags=re.IGNORECASE)
    return None if match is None else (match[1] or "", int(match[2]))


def _columns_by_name(names: np.ndarray | None, lags: list[int]) -> np.ndarray:
    """Columns (n_timesteps, n_channels), oldest first, from names that end in "lag" and a number."""
    if names is None:
        raise ValueError(
            "order='auto' reads column names such as lag_1, and X has none. For an array say order='oldest-first' or "
            "'newest-first'."
        )
    found: dict[str, dict[int, int]] = {}
    for column in lags:
        named = lag_of(names[column])
        if named is None:
            raise ValueError(
                f"Column {names[column]!r} is not named like a lag (lag_1, y_lag_1, lag1). If it is the same at every "
                "step, name it in `static`."
            )
        channel, lag = named
        if lag in found.setdefault(channel, {}):
            raise ValueError(f"Columns {names[found[channel][lag]]!r} and {names[column]!r} are the same lag.")
        found[channel][lag] = column
    first, *others = found
    for other in others:
        differing = found[first].keys() ^ found[other].keys()
        if differing:
            raise ValueError(
                f"The channels {first!r} and {other!r} must have the same lags; only one of them has lag "
                f"{min(differing)}."
            )
    return np.array([[found[channel][lag] for channel in found] for lag in sorted(found[first], reverse=True)])
