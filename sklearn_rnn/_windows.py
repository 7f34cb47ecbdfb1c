"""From tables to sequences: windows of a series or of a time-ordered table, lag columns, long data frames.

What comes out is what the estimators take: see `_sequences`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ._sequences import as_array, as_numbers
from ._solvers import outside
from ._timeindex import end_of_index, follows_on
from ._timesteps import SequenceTransformer


def _as_series(series: ArrayLike) -> np.ndarray:
    """A series as (n_timesteps, n_features)."""
    values = as_numbers(as_array(series, "series"), "series")
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(
            f"series must be (n_timesteps,) or (n_timesteps, n_features) and not empty, got shape {values.shape}."
        )
    return values[:, None] if values.ndim == 1 else values


def _check_size(value: object, name: str) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    return int(value)


def make_windows(series: ArrayLike, window: int, horizon: int = 1, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Cut a series into windows and the values that follow them, without copying.

    Parameters
    ----------
    series : array-like of shape (n_timesteps,) or (n_timesteps, n_features)
        Oldest first.
    window : int
        Time steps of each window.
    horizon : int, default=1
        Time steps after the window that are to be predicted.
    stride : int, default=1
        Time steps from the start of one window to the start of the next.

    Returns
    -------
    X : ndarray of shape (n_windows, window, n_features)
        A read-only view of `series`.
    y : ndarray of shape (n_windows,), or (n_windows, horizon) if `horizon` is above 1
        A read-only view of what follows each window. A series of several features keeps them as a last axis: choose
        what to predict, as in ``y[..., 0]``.

    Raises
    ------
    ValueError
        If the series is too short for one window and its horizon.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import make_windows
    >>> X, y = make_windows(np.arange(6), window=3)
    >>> X[:, :, 0]
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    >>> y
    array([3, 4, 5])
    """
    values = _as_series(series)
    window, horizon, stride = (
        _check_size(value, name) for value, name in ((window, "window"), (horizon, "horizon"), (stride, "stride"))
    )
    if len(values) < window + horizon:
        raise ValueError(
            f"A series of {len(values)} time steps is too short for a window of {window} and a horizon of {horizon}: "
            f"it takes at least {window + horizon}."
        )
    X = sliding_window_view(values[:-horizon], window, axis=0)[::stride].transpose(0, 2, 1)
    y = sliding_window_view(values[window:], horizon, axis=0)[::stride].transpose(0, 2, 1)
    if horizon == 1:
        y = y[:, 0]
    return X, y[..., 0] if values.shape[1] == 1 else y


def frame_to_sequences(
    df: pd.DataFrame,
    id_col: Hashable,
    time_col: Hashable | None = None,
    columns: Sequence[Hashable] | None = None,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Split a long data frame, one row for each sequence and time step, into sequences.

    Parameters
    ----------
    df : DataFrame
    id_col : label
        Column that says to which sequence a row belongs.
    time_col : label, default=None
        Column to sort the rows of each sequence by; None keeps their order.
    columns : list of labels, default=None
        Features; None takes all other columns.

    Returns
    -------
    sequences : list of ndarray of shape (n_timesteps_i, n_features)
    ids : ndarray of shape (n_sequences,)
        In the order in which they first appear.

    Raises
    ------
    ValueError
        If a column is missing or holds no numbers, an id or a time is missing, or a time occurs twice in a sequence.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn import frame_to_sequences
    >>> df = pd.DataFrame({"who": ["b", "a", "b"], "t": [2, 1, 1], "x": [3.0, 5.0, 4.0]})
    >>> sequences, ids = frame_to_sequences(df, "who", "t")
    >>> ids.tolist(), [x.ravel().tolist() for x in sequences]
    (['b', 'a'], [[4.0, 3.0], [5.0]])
    """
    if not isinstance(df, pd.DataFrame):
        raise TypeError(f"df must be a pandas DataFrame, got {type(df).__name__}.")
    keys = [id_col] if time_col is None else [id_col, time_col]
    for key in keys:
        if isinstance(key, list):
            raise TypeError(f"id_col and time_col each name one column, got {key!r}.")
    if id_col == time_col:
        raise ValueError(f"id_col and time_col must be two columns, both are {id_col!r}.")
    if not df.columns.is_unique:
        raise ValueError(f"df has two columns of the name {df.columns[df.columns.duplicated()][0]!r}; rename one.")
    if isinstance(columns, str):
        columns = [columns]
    columns = [column for column in df.columns if column not in keys] if columns is None else list(columns)
    missing = [column for column in (*keys, *columns) if column not in df.columns]
    if missing:
        hint = " Take it out of the index with df.reset_index()." if missing[0] in df.index.names else ""
        raise ValueError(f"df has no column {missing[0]!r}; its columns are {list(df.columns)}.{hint}")
    if len(set(columns)) < len(columns):
        raise ValueError(f"columns names a column twice: {columns}.")
    if not columns or len(df) == 0:
        raise ValueError(f"df must have rows and at least one column besides {keys}; its shape is {df.shape}.")
    for key in keys:
        if df[key].isna().any():
            raise ValueError(f"Column {key!r} is missing in row {int(np.flatnonzero(df[key].isna())[0])}.")
    if time_col is not None:
        twice = df.duplicated(keys)
        if twice.any():
            row = df.loc[twice, keys].iloc[0]
            raise ValueError(
                f"Sequence {row.iloc[0]} has two rows for {time_col}={row.iloc[1]}. Aggregate them, or drop one."
            )
    values = {}
    for column in columns:
        dtype = df[column].dtype
        try:
            if not pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_object_dtype(dtype):
                raise TypeError(f"it is of type {dtype}.")
            if pd.api.types.is_complex_dtype(dtype):
                raise TypeError("complex numbers are not supported.")
            values[column] = df[column].to_numpy(dtype=np.float32 if dtype == np.float32 else np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Column {column!r} holds no numbers: {error} Name the features in columns=.") from error
    stacked = np.column_stack(list(values.values()))
    codes, ids = pd.factorize(df[id_col])
    order = np.arange(len(df))
    if time_col is not None:
        try:
            order = df[time_col].reset_index(drop=True).sort_values(kind="stable").index.to_numpy()
        except TypeError as error:
            raise ValueError(f"Column {time_col!r} cannot be ordered in time: {error}. Convert it first.") from error
    order = order[np.argsort(codes[order], kind="stable")]
    ends = np.cumsum(np.bincount(codes))
    return np.split(stacked[order], ends[:-1]), np.asarray(ids)


class SlidingWindow(SequenceTransformer):
    """Cut a table whose rows are ordered in time into windows, one that ends at each row.

    Row t of what comes out holds rows t - window + 1 ... t of what goes in, so that y stays aligned and no row is lost.
    Steps from before the series begins are NaN, which the estimators of this package take as absent.

    Parameters
    ----------
    window : int, default=24
        Time steps of each window.

    dilation : int, default=1
        Rows between the steps of a window: every dilation-th row back.

    context : {"auto", "fit", "none"}, default="auto"
        Whether the first windows of new rows reach back into the rows that the transformer was fitted on. "auto": where
        a pandas index shows that the new rows follow on directly. "fit": always; for arrays that are known to follow
        on. "none": never.

    pad : {"nan", "edge", "zero"}, default="nan"
        What stands for steps before the series begins: NaN, the first row again, or zero.

    Attributes
    ----------
    n_features_in_ : int
        Columns of the table.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X had names that are strings.

    Notes
    -----
    What comes out is a read-only view of the table, padded in front: no window is copied. The rows of the table are
    time, so a row is transformed by what stands before it; shuffled rows, or some of them, give other windows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import SlidingWindow
    >>> SlidingWindow(3).fit_transform(np.arange(4.0)[:, None])[:, :, 0]
    array([[nan, nan,  0.],
           [nan,  0.,  1.],
           [ 0.,  1.,  2.],
           [ 1.,  2.,  3.]])
    """

    _parameter_constraints = {
        "window": [Interval(Integral, 1, None, closed="left")],
        "dilation": [Interval(Integral, 1, None, closed="left")],
        "context": [StrOptions({"auto", "fit", "none"})],
        "pad": [StrOptions({"nan", "edge", "zero"})],
    }

    def __init__(
        self,
        window: int = 24,
        *,
        dilation: int = 1,
        context: Literal["auto", "fit", "none"] = "auto",
        pad: Literal["nan", "edge", "zero"] = "nan",
    ):
        self.window = window
        self.dilation = dilation
        self.context = context
        self.pad = pad

    @property
    def _n_before(self) -> int:
        """Rows before a row that its window reaches."""
        return (int(self.window) - 1) * int(self.dilation)

    def _check(self, X, reset: bool) -> np.ndarray:
        return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Remember the last rows of X, and their index.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Oldest first.
        y : ignored

        Returns
        -------
        self : object
        """
        self._remember(X)
        return self

    def _remember(self, X) -> np.ndarray:
        """The rows of X as an array, of which the last are kept."""
        self._validate_params()
        table = self._check(X, reset=True)
        index = getattr(X, "index", None)
        if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)) and not index.is_monotonic_increasing:
            late = int(np.flatnonzero(index[1:] < index[:-1])[0]) + 1
            raise ValueError(
                f"The rows of X must be ordered in time, oldest first: row {late} is of {index[late]}, the row before "
                f"it of {index[late - 1]}. Sort them, as with X.sort_index(), and y alike."
            )
        self._n_before_at_fit = self._n_before
        self._tail = table[len(table) - min(self._n_before, len(table)) :].copy()
        self._index = end_of_index(X)
        return table

    def transform(self, X: ArrayLike) -> np.ndarray:
        """The windows that end at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)

        Returns
        -------
        ndarray of shape (n_timesteps, window, n_features)
            A read-only view.
        """
        check_is_fitted(self)
        self._validate_params()
        if self._n_before != self._n_before_at_fit:
            raise ValueError(
                f"window and dilation reach {self._n_before} rows back now, but {self._n_before_at_fit} when this "
                "transformer was fitted. Set them back, or fit again."
            )
        table = self._check(X, reset=False)
        follows = {"fit": True, "none": False, "auto": None}[self.context]
        if follows is None and self._n_before:
            follows = follows_on(self._index, X)
            if follows is None:
                warnings.warn(
                    "SlidingWindow cannot know whether these rows follow on those it was fitted on, because they have "
                    "no pandas index that tells; their first windows are padded. Say context='fit' if they do follow "
                    "on, context='none' if they do not, or pass data frames (a scaler in front keeps the index with "
                    "set_output(transform='pandas')).",
                    UserWarning,
                    stacklevel=outside(),
                )
        return self._windows(table, self._tail if follows else table[:0])

    def fit_transform(self, X: ArrayLike, y: object = None) -> np.ndarray:
        """Fit to X, and return its windows. The first ones are padded: nothing comes before them.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
        y : ignored

        Returns
        -------
        ndarray of shape (n_timesteps, window, n_features)
        """
        table = self._remember(X)
        return self._windows(table, table[:0])

    def _windows(self, table: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Windows ending at each row of the table, with the rows `before` in front of it."""
        n_absent = self._n_before - len(before)
        if self.pad == "edge":
            first = before[:1] if len(before) else table[:1]
        else:
            first = np.full((1, table.shape[1]), np.nan if self.pad == "nan" else 0.0, table.dtype)
        if self._n_before:
            table = np.concatenate([np.broadcast_to(first, (n_absent, table.shape[1])), before, table])
        return sliding_window_view(table, self._n_before + 1, axis=0)[:, :, :: self.dilation].transpose(0, 2, 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class LagsToSequence(SequenceTransformer):
    """Turn a table of lag columns, as other libraries build them, into sequences with the oldest step first.

    Parameters
    ----------
    order : {"auto", "oldest-first", "newest-first"}, default="auto"
        How the lags stand in X. "auto" reads and sorts the column names of a data frame: lag_1, lag1, y_lag_1, x__lag_3
        and the like, where what stands before "lag" names the channel. Arrays have no names: say which it is.

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
    feature_names_in_ : ndarray of shape (n_features_in_,)
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
        """
        self._validate_params()
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
                columns = np.reshape(lags, (-1, self.n_channels))
            else:
                columns = np.reshape(lags, (self.n_channels, -1)).T
            columns = columns[::-1] if self.order == "newest-first" else columns
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
        """
        check_is_fitted(self, "_columns")
        table = self._check(X, reset=False)
        return (table.transpose(0, 2, 1) if self._layout == "channels-first" else table)[:, self._columns]

    def _check(self, X, reset: bool) -> np.ndarray:
        if self._layout != "channels-first":
            return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
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

    def _static_columns(self, names: np.ndarray | None, n_columns: int) -> list[int]:
        if self.static is None:
            return []
        if isinstance(self.static, bool):
            raise ValueError(f"static must be a number of columns or a list of their names, got {self.static}.")
        if isinstance(self.static, Integral):
            if self.static > n_columns:
                raise ValueError(f"static={self.static}, but X has only {n_columns} column(s).")
            return list(range(n_columns - self.static, n_columns))
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


def _columns_by_name(names: np.ndarray | None, lags: list[int]) -> np.ndarray:
    """Columns (n_timesteps, n_channels), oldest first, from names that end in "lag" and a number."""
    if names is None:
        raise ValueError(
            "order='auto' reads column names such as lag_1, and X has none. For an array say order='oldest-first' or "
            "'newest-first'."
        )
    found: dict[str, dict[int, int]] = {}
    for column in lags:
        match = re.fullmatch(r"(?:(.*?)_+)?lag_*(\d+)", names[column], flags=re.IGNORECASE)
        if match is None:
            raise ValueError(
                f"Column {names[column]!r} is not named like a lag (lag_1, y_lag_1, lag1). If it is the same at every "
                "step, name it in `static`."
            )
        channel, lag = match[1] or "", int(match[2])
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
